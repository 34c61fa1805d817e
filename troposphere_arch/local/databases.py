"""Real servers of databases on loopback: PostgreSQL and Redis, with TLS, ended with whoever started them.

    programs of this machine ──initdb, certificate──▶ PostgreSQL on 127.x.y.z ◀──TLS── what runs of a service

Both take TLS only, with a certificate of an authority of their own for the host by which they are known: whoever asks
for them by another one gets a certificate that does not fit. They have what AWS's have as far as a client sees: of RDS
a database that refuses connections without TLS (rds.force_ssl) and an owner with a password (SCRAM); of ElastiCache a
user with an access string. A token of IAM is a password that nobody here could check: so that user needs none.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import json
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pg8000.exceptions
import pg8000.native
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from troposphere_arch.errors import UserError

ADDRESS, HOST = "127.0.0.1", "localhost"
SECONDS = 30.0
"""A start takes a part of a second; a loaded machine may take far longer."""
POSTGRES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")
"""Where Debian has the programs of PostgreSQL, one directory for each version, and where others have them."""
ACCESS = "on nopass ~items:* -@all +get +set +del +pttl +eval +ping +auth"


@dataclass
class Server:
    """A process that listens at `port`; started again, it keeps port and files."""

    home: Path
    arguments: list[str]
    port: int
    answers: Callable[[], bool]
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None
    again: float = SECONDS
    """So long it is started again when it ends at once: what was killed may hold the port or the files for a moment."""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        begin = time.monotonic()
        end = begin + SECONDS
        while True:
            with (self.home / "log").open("ab") as log:
                # In a session of its own, which does not get the Ctrl-C of whoever started it.
                self.process = subprocess.Popen(  # noqa: S603 - a program of this machine, which is what this is for
                    self.arguments,
                    cwd=self.home,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    user=self.user,
                    start_new_session=True,
                    preexec_fn=_end_with_parent,
                )
            while self.process.poll() is None:
                if self.answers():
                    return
                if time.monotonic() > end:
                    self.kill()
                    raise TimeoutError((self.home / "log").read_text(errors="replace"))
                time.sleep(0.01)
            if time.monotonic() > begin + self.again:
                raise RuntimeError((self.home / "log").read_text(errors="replace"))
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in order, connections and all."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it with -9: nothing of it gets to say anything."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """It takes connections still, since the kernel does that, and answers nothing."""
        for pid in self._all():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._all():
            os.kill(pid, signal.SIGCONT)

    def _all(self) -> list[int]:
        """The process and its children: a server of PostgreSQL has one for each connection."""
        if self.process is None:
            return []
        asked = ["/bin/ps", "-A", "-o", "pid=,ppid="]
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout  # noqa: S603
        pairs = [tuple(map(int, line.split())) for line in told.splitlines()]
        return [self.process.pid, *(pid for pid, parent in pairs if parent == self.process.pid)]

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.resume()
        self.process.send_signal(how)
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


@dataclass
class Postgres:
    """A server of PostgreSQL, and the database of it that is in use; its owner is `user`."""

    server: Server
    ca: Path
    user: str = "owner"
    password: str = "begins-here"  # noqa: S105 - of a database that holds nothing yet
    name: str = "service"
    host: str = HOST

    @property
    def port(self) -> int:
        return self.server.port

    def secret(self) -> str:
        """What RDS keeps in Secrets Manager of the owner."""
        return json.dumps({"username": self.user, "password": self.password})

    def variables(self, secret: str) -> dict[str, str]:
        """What a service is told of the database; `secret` is the ARN of what holds `secret()`."""
        return {
            "DATABASE_HOST": self.host,
            "DATABASE_PORT": str(self.port),
            "DATABASE_NAME": self.name,
            "DATABASE_SECRET": secret,
            "DATABASE_CA": str(self.ca),
        }

    def run(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """As the owner, each in a transaction of its own."""
        context = ssl.create_default_context(cafile=str(self.ca))
        told = {"host": self.host, "port": self.port, "database": self.name, "timeout": SECONDS}
        with pg8000.native.Connection(self.user, password=self.password, ssl_context=context, **told) as connection:
            rows = connection.run(sql, **values) or []
            return [dict(zip((c["name"] for c in connection.columns or ()), row, strict=True)) for row in rows]

    def fresh(self) -> str:
        """Use a new, empty database from now on; gives its name."""
        name = f"test_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name}")
        self.name = name
        return name

    def change_password(self, new: str) -> None:
        """As RDS does when it rotates the secret: connections that are there stay."""
        self.run(f"ALTER USER {self.user} PASSWORD {pg8000.native.literal(new)}")
        self.password = new

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def kill(self) -> None:
        self.server.kill()

    def pause(self) -> None:
        self.server.pause()

    def resume(self) -> None:
        self.server.resume()


@dataclass
class Redis:
    """A server of Redis, which has a user as ElastiCache makes one of an access string."""

    server: Server
    ca: Path
    user: str
    password: str | None
    administrator: str = field(repr=False)
    host: str = HOST

    @property
    def port(self) -> int:
        return self.server.port

    def ask(self, *words: str | bytes | int) -> Any:
        """As an administrator: one command, and what it answers. Raises `RuntimeError` for an error."""
        with _said_to_redis(self.port, self.ca, ["AUTH", "default", self.administrator], list(words)) as (_, answer):
            return answer

    def flush(self) -> None:
        """Forget all keys."""
        self.ask("FLUSHALL")

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def kill(self) -> None:
        self.server.kill()

    def pause(self) -> None:
        self.server.pause()

    def resume(self) -> None:
        self.server.resume()


def programs() -> Path | None:
    """The directory of PostgreSQL's programs, of its newest version; None where there are none."""
    found = [path for pattern in POSTGRES for path in Path("/").glob(pattern) if (path / "initdb").exists()]
    path = shutil.which("postgres")
    return max(found, key=_number) if found else Path(path).resolve().parent if path else None


def _number(directory: Path) -> int:
    return int((re.findall(r"\d+", str(directory)) or ["0"])[-1])


@contextlib.contextmanager
def postgres(
    *,
    address: str = ADDRESS,
    host: str = HOST,
    port: int | None = None,
    user: str = Postgres.user,
    password: str = Postgres.password,
    name: str = Postgres.name,
    data: Path | None = None,
    again: float = SECONDS,
) -> Iterator[Postgres]:
    """A server of PostgreSQL of one's own, with a database that `user` owns.

    What is in it goes with it; with `data` it stays there, in a directory that is made, and is there for the next one,
    whatever its password was. Without, what is committed outlives the server, but not the machine, which makes it fast.
    Raises `LookupError` when this machine has no PostgreSQL, and `UserError` for a directory that is not its own.
    """
    binaries = programs()
    if binaries is None:
        raise LookupError("this machine has no PostgreSQL")
    # It refuses to run as root.
    other = "nobody" if os.geteuid() == 0 else None
    with _home(other, host) as home:
        own = home / "data" if data is None else data.absolute()
        made = Postgres(
            Server(home, [], port or free_port(address), lambda: False, other, again=again),
            home / "ca.pem",
            user,
            password,
            name,
            host,
        )
        known = data is not None and _is_known(own, binaries)
        if not known:
            _initialize(binaries, own, made, home)
        settings = {
            "listen_addresses": address,
            "port": made.port,
            "unix_socket_directories": "",
            "fsync": "off" if data is None else "on",
            "full_page_writes": "off" if data is None else "on",
            "max_connections": 50,
            "ssl": "on",
            "ssl_cert_file": home / "cert.pem",
            "ssl_key_file": home / "key.pem",
            "log_statement": "none",
        }
        (own / "postgresql.auto.conf").write_text("".join(f"{key} = '{value}'\n" for key, value in settings.items()))
        (own / "pg_hba.conf").write_text("hostssl all all 127.0.0.0/8 scram-sha-256\n")
        if known:
            _alone(binaries, own, made, f"ALTER USER {user} PASSWORD {pg8000.native.literal(password)}")
        made.server.arguments = [str(binaries / "postgres"), "-D", str(own)]

        def answers() -> bool:
            try:
                return bool(made.run("SELECT 1"))
            except (pg8000.exceptions.Error, OSError):
                return False

        made.server.answers = answers
        made.name = "postgres"
        made.server.start()
        try:
            if not made.run("SELECT 1 FROM pg_database WHERE datname = :name", name=name):
                made.run(f"CREATE DATABASE {name}")
            made.name = name
            yield made
        finally:
            made.server._end(signal.SIGQUIT if data is None else signal.SIGINT)


def _is_known(data: Path, binaries: Path) -> bool:
    """Whether a database is there, which these programs can read."""
    version, there = data / "PG_VERSION", data.exists()
    if there and not data.is_dir():
        raise UserError(f"{data} is no directory")
    if not version.exists():
        if there and any(data.iterdir()):
            raise UserError(f"{data} has something else in it than a database: name an empty directory, or a new one")
        return False
    made = version.read_text().strip()
    asked = [str(binaries / "postgres"), "--version"]
    ours = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    if re.search(rf"\b{re.escape(made)}\.", ours) is None:
        raise UserError(f"{data} is of PostgreSQL {made}, and this machine has {ours}: name another directory")
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, 0)
        raise UserError(f"{data} is in use by the process {pid}: end that, or name another directory")
    return True


def _initialize(binaries: Path, data: Path, made: Postgres, home: Path) -> None:
    """Make the files of a database, which nobody has spoken to yet."""
    user = made.server.user
    (home / "password").write_text(made.password)
    make = [f"--{name}" for name in ("no-sync", "no-locale", "encoding=UTF8", "auth=scram-sha-256")]
    make += [f"--pgdata={data}", f"--username={made.user}", f"--pwfile={home / 'password'}"]
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {data}: {error.strerror}") from None
    _owned(home, user)
    _owned(data, user)
    done = subprocess.run([binaries / "initdb", *make], capture_output=True, text=True, cwd=home, user=user)  # noqa: S603
    if done.returncode:
        raise UserError(f"PostgreSQL cannot use {data}: {_last_line(done.stderr)}")


def _alone(binaries: Path, data: Path, made: Postgres, sql: str) -> None:
    """Tell it something before it listens, which needs no password.

    https://www.postgresql.org/docs/current/app-postgres.html#APP-POSTGRES-SINGLE-USER
    """
    asked = [str(binaries / "postgres"), "--single", "-D", str(data), "postgres"]
    done = subprocess.run(  # noqa: S603
        asked, input=f"{sql}\n", capture_output=True, text=True, cwd=made.server.home, user=made.server.user
    )
    if done.returncode or "ERROR:" in done.stderr:
        raise UserError(f"PostgreSQL cannot use {data}: {_last_line(done.stderr)}")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


@contextlib.contextmanager
def redis(
    *, access: str = ACCESS, user: str = "stock", password: str | None = None, maxmemory: str = ""
) -> Iterator[Redis]:
    """A server of Redis of one's own, with a user of that access string; with a password, if one is given.

    `maxmemory`, such as "2mb", is what it holds; then it refuses what is written, as noeviction says.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise LookupError("this machine has no Redis")
    with _home(None, HOST) as home:
        administrator, port = secrets.token_hex(16), free_port()
        said = access.replace("nopass", f">{password}") if password else access
        (home / "users.acl").write_text(f"user default on >{administrator} ~* &* +@all\nuser {user} {said}\n")
        settings = {
            "bind": ADDRESS,
            "port": "0",
            "tls-port": str(port),
            "tls-cert-file": "cert.pem",
            "tls-key-file": "key.pem",
            "tls-ca-cert-file": "ca.pem",
            "tls-auth-clients": "no",
            "aclfile": "users.acl",
            "save": '""',
            "appendonly": "no",
            **({"maxmemory": maxmemory, "maxmemory-policy": "noeviction"} if maxmemory else {}),
        }
        (home / "redis.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        made = Redis(
            Server(home, [program, "redis.conf"], port, lambda: False), home / "ca.pem", user, password, administrator
        )

        def answers() -> bool:
            try:
                return bool(made.ask("PING") == "PONG")
            except (RuntimeError, OSError):
                return False

        made.server.answers = answers
        made.server.start()
        try:
            yield made
        finally:
            made.server._end(signal.SIGKILL)


def answers(address: str, port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) == 0


def free_port(address: str = ADDRESS) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _said_to_redis(port: int, ca: Path, *commands: list[str | bytes | int]) -> Iterator[list[Any]]:
    """What each command is answered, over a connection of its own.

    https://redis.io/docs/latest/develop/reference/protocol-spec/
    """
    context = ssl.create_default_context(cafile=str(ca))
    with (
        socket.create_connection((ADDRESS, port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
        connection.makefile("rb") as answers,
    ):

        def answer() -> Any:
            line = answers.readline()
            kind, told = line[:1], line[1:-2].decode()
            if kind == b"-":
                raise RuntimeError(told)
            if kind == b":":
                return int(told)
            if kind == b"$":
                data = answers.read(int(told) + 2)[:-2] if told != "-1" else None
                return data if data is None else data.decode(errors="surrogateescape")
            if kind == b"*":
                return [answer() for _ in range(int(told))] if told != "-1" else None
            if kind != b"+":
                raise ConnectionError("no answer")
            return told

        said = []
        for words in commands:
            coded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            lines = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in coded)
            connection.sendall(b"*%d\r\n%s" % (len(coded), lines))
            said.append(answer())
        yield said


@contextlib.contextmanager
def _home(user: str | None, host: str) -> Iterator[Path]:
    """A directory with an authority, a certificate of it for the host, and its key."""
    home = Path(tempfile.mkdtemp(prefix="database-"))
    try:
        certify(home, host)
        _owned(home, user)
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _owned(home: Path, user: str | None) -> None:
    if user:
        for path in (home, *home.iterdir()):
            shutil.chown(path, user)


def certify(home: Path, host: str = HOST) -> None:
    """Write `ca.pem`, `cert.pem` and `key.pem`, good for a week."""
    now = datetime.now(UTC)

    def made(name: str, key: Any, issuer: x509.Name | None, by: Any, authority: bool) -> x509.Certificate:
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = dict.fromkeys(("content_commitment", "data_encipherment", "encipher_only", "decipher_only"), False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(own)
            .issuer_name(issuer or own)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=7))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not authority,
                    key_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=authority,
                    crl_sign=authority,
                    **usage,
                ),
                critical=True,
            )
        )
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([_as_name(name)]), critical=False)
        return builder.sign(by, hashes.SHA256())

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = made(f"authority {secrets.token_hex(4)}", root, None, root, True)
    certificate = made(host, leaf, authority.subject, root, False)
    (home / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (home / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key = home / "key.pem"
    key.touch(0o600)
    key.write_bytes(
        leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _as_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _end_with_parent() -> None:
    """Linux ends the server with us also when we are killed.

    https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
