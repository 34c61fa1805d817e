"""The origin: a real nginx with our own configuration of the instances, over a directory in place of the file system.

handlers/software_updates/nginx.conf ──own ports and places──▶ nginx ──reads──▶ Files
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from random import Random

from benchmarks.edge.nginx import LOOPBACK, START_SECONDS, NoCache, free_ports, program

HOST = "updates.test"
NAME = "app.tar.gz"
CONFIGURATION = files("troposphere_arch") / "handlers" / "software_updates" / "nginx.conf"


def version_name(number: int) -> str:
    """The version of this number, from 0 on."""
    return f"1.{number}.0"


def address(number: int) -> str:
    """Where the file of this version is."""
    return f"/releases/{version_name(number)}/{NAME}"


@dataclass(frozen=True)
class Files:
    """What is published, as PublishRelease leaves it: the release first, and then the manifest, at once."""

    folder: Path
    size: int

    def publish(self, number: int, at: float) -> bytes:
        """Publish a version of random bytes, and let the manifest name it as of `at` seconds since 1970."""
        data = Random(number).randbytes(self.size)  # noqa: S311  # bytes to carry, not secrets
        release = self.folder / "releases" / version_name(number)
        release.mkdir(parents=True)
        (release / NAME).write_bytes(data)
        about = {"name": NAME, "url": address(number), "sha256": hashlib.sha256(data).hexdigest(), "size": self.size}
        told = self.folder / ".latest.json.new"
        told.write_text(json.dumps({"version": version_name(number), "published": f"{at:.0f}", "files": [about]}))
        # Nginx's ETag is made of time and size.
        os.utime(told, (at, at))
        told.replace(self.folder / "latest.json")
        return data


@dataclass
class Origin:
    """The server. It can be killed, and comes back at the same port."""

    port: int
    folder: Path
    files: Files
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, and wait until it answers. Raises NoCache when it does not."""
        command = [program(), "-p", str(self.folder), "-c", "nginx.conf", "-g", "daemon off;"]
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [*command, "-e", str(self.folder / "error.log")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A group of its own, so that no worker outlives it.
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection((LOOPBACK, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise NoCache(f"nginx did not start: {(self.folder / 'output').read_text().strip().splitlines()[-1:]}")

    def kill(self) -> None:
        """As when the power goes."""
        if process := self._process:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._process = None

    def stop(self) -> float:
        """End it in order. Gives the seconds of CPU that it took, workers and all, from start to end."""
        if not (process := self._process):
            return 0.0
        process.send_signal(signal.SIGQUIT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self._process = None
        return used.ru_utime + used.ru_stime

    def log(self) -> list[dict[str, str | int]]:
        """Its own access log; complete once it has been stopped."""
        return [json.loads(line) for line in (self.folder / "access.log").read_text().splitlines()]


@contextmanager
def running(folder: Path, size: int) -> Iterator[Origin]:
    """An origin with nothing published yet."""
    served = folder / "files"
    served.mkdir(parents=True)
    [port] = free_ports(1)
    (folder / "temporary").mkdir()
    (folder / "nginx.conf").write_text(configuration(CONFIGURATION.read_text(), folder, served, port))
    origin = Origin(port, folder, Files(served, size))
    try:
        origin.start()
        yield origin
    finally:
        origin.kill()


def configuration(text: str, folder: Path, served: Path, port: int) -> str:
    """Our configuration with other places, port and user, nothing else. Raises ValueError when it has not these."""
    temporary = " ".join(
        f"{name}_temp_path {folder}/temporary/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    changes = {
        "user nginx;": f"user {getpass.getuser()};" if os.geteuid() == 0 else "",
        "/var/log/nginx/": f"{folder}/",
        "/run/nginx.pid": f"{folder}/pid",
        "listen 80 ": f"listen {LOOPBACK}:{port} ",
        "/srv/updates": str(served),
        "http {\n": f"http {{\n    {temporary}\n",
    }
    for old, new in changes.items():
        if old not in text:
            raise ValueError(f"the configuration has no {old!r}")
        text = text.replace(old, new)
    return text
