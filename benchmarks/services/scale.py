"""Building and deploying many services: what a team waits for, counted once for each size.

`generated` is the time of making templates alone, in a process of its own; `built` is the whole command from nothing:
read, generate, lint, write. `changed` is the command after one handler was edited, with what it wrote; `again` the
command when nothing has changed. Peak memory is that of the largest process.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import run
from benchmarks.ours import BUILD, ROOT, environment

SIZES = (10, 50, 200, 1_000)
STACKS = 30
# Of what the services do, in turn: an address of its own, work from a queue, a stream, a bucket, and events of others.
SHAPES = ("http", "queue", "http", "stream", "http", "bucket", "topic")
_GENERATE = """
import json, resource, sys, time
from pathlib import Path
from troposphere_arch.microservices import reading, templates

start = time.perf_counter()
system = reading.read(Path(sys.argv[1]))
read = time.perf_counter() - start
templates.draft(system, "platform")
start = time.perf_counter()
resources = sum(templates.draft(system, name).resources for name in system.services)
print(json.dumps({"read": read, "generated": time.perf_counter() - start, "resources": resources}))
"""


@dataclass(frozen=True)
class Grown:
    """One size: seconds, and bytes of the largest process."""

    services: int
    resources: int
    read: float
    generated: float
    built: float
    peak_bytes: int
    changed: float
    written: int
    again: float


@dataclass(frozen=True)
class Measured:
    """All sizes, and the seconds that `up` of so many services takes on this machine, the build before it not."""

    grown: tuple[Grown, ...]
    stacks: int
    up: float

    @classmethod
    def of(cls, sizes: Sequence[int], stacks: int) -> Measured:
        return cls(tuple(_grow(size) for size in sizes), stacks, _up(stacks))

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> Iterator[str]:
        yield "services: one template for each, of shapes in turn; seconds"
        heads = ("services", "resources", "read", "generate", "each", "build", "each", "one changed", "nothing", "peak")
        yield "  " + "".join(f"{head:>13}" for head in heads)
        for g in self.grown:
            cells = (
                f"{g.services:,}",
                f"{g.resources:,}",
                f"{g.read:.2f}",
                f"{g.generated:.2f}",
                f"{g.generated / g.services * 1000:.1f} ms",
                f"{g.built:.1f}",
                f"{g.built / g.services * 1000:.0f} ms",
                f"{g.changed:.2f} ({g.written})",
                f"{g.again:.2f}",
                f"{g.peak_bytes / 1e6:.0f} MB",
            )
            yield "  " + "".join(f"{cell:>13}" for cell in cells)
        yield "  in brackets: templates written after one handler was edited"
        yield f"  up of {self.stacks} services and their platform, built before: {self.up:.1f} s"


def write(folder: Path, services: int) -> None:
    """A folder of so many services, in groups of one of each of `SHAPES`.

    In a group each `http` one calls the one before it, and the `topic` is told by the last of them.
    """
    (folder / "platform.yaml").write_text("name: many\nowner: many@example.com\n")
    before = ""
    for number in range(services):
        shape, name = SHAPES[number % len(SHAPES)], f"service-{number}"
        before = before if number % len(SHAPES) else ""
        lines = [f"shape: {shape}", "owner: many@example.com", f"description: Does what number {number} does."]
        calls = before if shape == "http" else ""
        if shape == "http":
            lines += ['routes: ["GET /items/{id}", POST /items]', "table: true", "publishes: [item-made]"]
            lines += [f'calls: {{{before}: ["GET /items/{{id}}"]}}'] if before else []
            before = name
        elif shape == "topic":
            lines.append(f"subscribes: {{{before}: [item-made]}}")
        place = folder / name
        place.mkdir()
        (place / "service.yaml").write_text("\n".join(lines) + "\n")
        (place / "handler.py").write_text(_code(shape, number, calls))


def _code(shape: str, number: int, calls: str) -> str:
    if shape == "http":
        other = f'client.call("{calls}", "GET /items/{{id}}", id=request.path["id"]).body' if calls else "None"
        imported = "client, http, publishing, table" if calls else "http, publishing, table"
        return (
            f'"""Items of number {number}."""\n'
            f"from troposphere_arch.service_kit import {imported}\n\n\n"
            "def make(request):\n"
            '    table.items().put_item(Item={"pk": request.id, "sk": "item"})\n'
            '    return http.Reply(202, {"request": publishing.publish("item-made", {"id": request.id})})\n\n\n'
            "def get(request):\n"
            '    found = table.items().get_item(Key={"pk": request.path["id"], "sk": "item"}).get("Item")\n'
            f"    return found or {other}\n\n\n"
            'handler = http.handler({"POST /items": make, "GET /items/{id}": get})\n'
        )
    return (
        f'"""Work of number {number}."""\n'
        "from troposphere_arch.service_kit import messages\n\n\n"
        "def work(message):\n"
        '    return messages.Finished({"done": message.id})\n\n\n'
        "handler = messages.handler(work)\n"
    )


def _grow(services: int) -> Grown:
    print(f"services: {services}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name, "services"), Path(name, "home")
        folder.mkdir()
        write(folder, services)
        env = {**environment(home), "PYTHONPATH": str(ROOT)}
        generated = json.loads(run([sys.executable, "-c", _GENERATE, folder], env, ROOT).out)
        built = run([*BUILD, "build", folder], env, ROOT)
        again = run([*BUILD, "build", folder], env, ROOT)
        edited = folder / f"service-{services // 2}" / "handler.py"
        edited.write_text(edited.read_text() + "\n# Edited.\n")
        changed = run([*BUILD, "build", folder], env, ROOT)
        written = len(re.findall(r"^wrote .*\.template\.json$", changed.out, re.MULTILINE))
        return Grown(
            services,
            generated["resources"],
            generated["read"],
            generated["generated"],
            built.seconds,
            built.peak_bytes,
            changed.seconds,
            written,
            again.seconds,
        )


def _up(services: int) -> float:
    print(f"services: up of {services}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, socket.socket() as free:
        folder, home = Path(name, "services"), Path(name, "home")
        folder.mkdir()
        write(folder, services)
        env = environment(home)
        run([*BUILD, "build", folder], env, ROOT)
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        free.close()
        try:
            return run([*BUILD, "up", folder, "--port", port], env, ROOT).seconds
        finally:
            run([*BUILD, "down"], env, ROOT)
