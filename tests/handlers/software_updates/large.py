"""The long proof of PublishRelease: `python -m tests.handlers.software_updates.large`, a part of `make proof`.

A release with one file of 5 GB through the real handler, in a process of its own, from a stand-in for S3 on this
machine, which makes the bytes as they are asked for, and breaks off once in the middle. It prints seconds and the peak
of memory, looks at what was published, and removes it: 5 GB of disk are needed for a minute. What it does not show is
how fast S3 and EFS are. Then the handler is killed with -9 at each step of publishing and of withdrawing a small
release, and each step fails with each of five errors. Exits 1 on a failure.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.handlers.software_updates import steps
from tests.handlers.software_updates.conftest import HANDLER, ROOT, World, event_of, worlds
from troposphere_arch import local

BLOCK = 1024**2
NOISE = random.Random(5).randbytes(BLOCK - 8)  # noqa: S311 - the same at each run
ERRORS = ("EDQUOT", "EIO", "ENOSPC", "EROFS", "ESTALE")
MOST_MEMORY = 160  # MB; far less than the file has, whatever Python's libraries need

# Runs the handler, and tells what its process needed at most.
SCRIPT = """
import importlib.util, json, re, sys, time, types
spec = importlib.util.spec_from_file_location("index", sys.argv[1])
index = importlib.util.module_from_spec(spec)
spec.loader.exec_module(index)
began = time.monotonic()
left = lambda: int(900_000 - 1000 * (time.monotonic() - began))
context = types.SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=left)
answer = index.handler(json.load(sys.stdin), context)
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps({"answer": answer, "seconds": time.monotonic() - began, "peak": peak / 1024}))
"""


def blocks(size: int, start: int = 0) -> Iterator[bytes]:
    """The file's bytes from `start`; no two blocks are the same."""
    for number in range(start // BLOCK, -(-size // BLOCK)):
        block = (number.to_bytes(8, "big") + NOISE)[: size - number * BLOCK]
        yield block[max(0, start - number * BLOCK) :]


@dataclass
class Store:
    """S3, as far as the handler asks it."""

    size: int
    descriptor: bytes
    cut_at: int
    ranges: list[int] = field(default_factory=list)
    status: bytes = b""


def serve(store: Store) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if "/releases/" in self.path:
                self.head(200, len(store.descriptor))
                self.wfile.write(store.descriptor)
                return
            start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            store.ranges.append(start)
            self.head(206 if start else 200, store.size - start)
            sent = start
            for block in blocks(store.size, start):
                if start < store.cut_at <= sent:
                    self.close_connection = True
                    return
                self.wfile.write(block)
                sent += len(block)

        def do_PUT(self) -> None:
            store.status = self.rfile.read(int(self.headers["Content-Length"]))
            self.head(200, 0)

        def head(self, status: int, length: int) -> None:
            self.send_response(status)
            for name, value in {"ETag": '"etag"', "x-amz-version-id": "v1", "Content-Length": str(length)}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def large(folder: Path, size: int) -> list[str]:
    """Publish one file of this size; gives what is wrong."""
    digest = hashlib.sha256()
    for block in blocks(size):
        digest.update(block)
    told = {"version": "1.4.0", "files": [{"name": "large.bin", "sha256": digest.hexdigest(), "size": size}]}
    store = Store(size, json.dumps(told).encode(), cut_at=size * 2 // 5)
    server = serve(store)
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_address[1]}",
        "RELEASES_BUCKET": "releases-of-the-proof",
        "FILES": str(folder),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(HANDLER)],
            input=json.dumps(event_of("releases-of-the-proof", "releases/1.4.0.json", "v1")),
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    finally:
        server.shutdown()
        server.server_close()
    run = json.loads(done.stdout.splitlines()[-1])
    seconds, peak = run["seconds"], run["peak"]
    print(f"one file of {size} bytes: {seconds:.1f} s, {size / seconds / 1e6:.0f} MB/s, peak of memory {peak:.0f} MB")
    print(f"  S3 broke off once; asked for from byte {', '.join(map(str, store.ranges))}")
    wrong = []
    if run["answer"] != {"outcome": "published", "version": "1.4.0", "latest": "1.4.0", "reason": ""}:
        wrong.append(f"it was {run['answer']}")
    if json.loads(store.status)["state"] != "published":
        wrong.append("the status says something else")
    if len(store.ranges) != 2:
        wrong.append("it did not go on where S3 broke off")
    with (folder / "releases/1.4.0/large.bin").open("rb") as file:
        if hashlib.file_digest(file, "sha256").digest() != digest.digest():
            wrong.append("the file is another one")
    if peak > MOST_MEMORY:
        wrong.append(f"it needed more than {MOST_MEMORY} MB of memory")
    return wrong


def every_step(world: World) -> list[str]:
    """Kill and fail at each step; gives what is wrong."""
    trial = steps.prepare(world)
    wrong: list[str] = []
    counts: Counter[str] = Counter()

    def attempt(what: str, one: Callable[[], Any]) -> None:
        try:
            counts[f"{what}: {one() or 'mended'}"] += 1
        except Exception as error:
            wrong.append(f"{what}: {error!r}")

    for at in range(1, len(trial.operations) + 1):
        attempt("killed while it published", lambda at=at: trial.killed(at))
        for code in ERRORS:
            attempt(f"{code} while it published", lambda at=at, code=code: trial.failing(at, code))
    for at in range(1, len(trial.operations_withdrawing) + 1):
        attempt("killed while it withdrew", lambda at=at: trial.killed_withdrawing(at))
    for what, count in sorted(counts.items()):
        print(f"  {what}: {count}")
    return wrong


def small() -> list[str]:
    """Every step, on an emulator of its own; gives what is wrong."""
    with tempfile.TemporaryDirectory() as name:
        home, files = Path(name) / "emulator", Path(name) / "files"
        files.mkdir()
        emulator = local.start(port=0, patched=False, home=home)
        began = time.monotonic()
        try:
            with worlds(emulator, files) as world:
                wrong = every_step(world)
        finally:
            emulator.stop()
        print(f"every step: {time.monotonic() - began:.0f} s")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=5 * 1024**3, help="of the large file, in bytes")
    parser.add_argument("--folder", type=Path, help="on the disk to be used; where temporary files are, if not given")
    parser.add_argument("--only-large", action="store_true", help="without the kills and errors at every step")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        wrong = large(Path(name), args.size)
    if not args.only_large:
        wrong += small()
    for one in wrong:
        print(f"  FAILED {one}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
