"""Servers of this machine that stand for managed ones: the PostgreSQL of RDS, the Valkey of ElastiCache.

    serve(emulator, "database", host, port) ──▶ <home of the emulator>/tmp/backends ──▶ Endpoint.Address of a new stack
    place(identifier of a database) ──▶ 127.24.x.y, of its own ◀── a PostgreSQL that comes later

What is made after `serve` has their address. Without it a database has a loopback address of its own, where nobody
listens until somebody starts a PostgreSQL there (`databases.postgres`), and a cache one where nobody ever does.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from troposphere_arch.local.emulator import Emulator
from troposphere_arch.local.files import TMP

KINDS = ("cache", "database")
AUTHORITIES = "authorities.pem"
_BACKENDS = "backends"


@dataclass(frozen=True)
class Backend:
    """Where it listens. With a user and a password, these are what a secret of RDS holds."""

    host: str
    port: int
    user: str = ""
    password: str = ""


def serve(
    emulator: Emulator, kind: str, host: str, port: int, *, user: str = "", password: str = "", ca: Path | None = None
) -> None:
    """From now on what is made of `kind` ("cache" or "database") is at that address.

    `ca` is a file of certificates that functions started from now on trust, and no others, when they speak TLS.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind}: one of {KINDS}")
    home = emulator.home / TMP / _BACKENDS
    home.mkdir(exist_ok=True)
    (home / f"{kind}.json").write_text(json.dumps(asdict(Backend(host, port, user, password))))
    if ca:
        known = home / AUTHORITIES
        before = known.read_text() if known.exists() else ""
        text = ca.read_text()
        known.write_text(before if text in before else before + text)


def forget(emulator: Emulator, kind: str) -> None:
    """From now on what is made of `kind` is where it is when nothing was told."""
    (emulator.home / TMP / _BACKENDS / f"{kind}.json").unlink(missing_ok=True)


def place(identifier: str) -> str:
    """The address of a database of RDS, by its identifier: always the same, and one of this machine."""
    third, fourth = hashlib.sha256(identifier.encode()).digest()[:2]
    return f"127.24.{third}.{1 + fourth % 254}"


def backend(tmp: Path, kind: str) -> Backend | None:
    """What `serve` was told last, below the emulator's TMPDIR."""
    told = tmp / _BACKENDS / f"{kind}.json"
    return Backend(**json.loads(told.read_text())) if told.exists() else None


def authorities(tmp: Path) -> Path:
    """The file of certificates that functions trust; it is there once `serve` was told of one."""
    return tmp / _BACKENDS / AUTHORITIES
