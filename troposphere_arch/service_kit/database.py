"""The PostgreSQL database of the service: `with database.transaction() as run: run("SELECT ...", sku=sku)`.

handler ──transaction──▶ a connection of few ──TLS──▶ database
                         Secrets Manager ──name and password, again when they are refused──▶ connections
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

from . import context, errors
from .errors import Unavailable as Unavailable

# Fewer than a process has threads: who finds none free waits, no longer than a request may take.
CONNECTIONS = 8
# Seconds that nobody waits longer than: for one of the connections, to be connected, and for a statement; how much
# later than the database we give up a statement; and the least that one is begun with.
WAIT, CONNECT, STATEMENT, LATE, SHORTEST = 2.0, 3.0, 5.0, 0.4, 0.05
# In one transaction no statement for so many seconds: somebody else waits for what it has locked.
IDLE = 30
# Whoever makes the tables has this lock meanwhile.
MAKING = 5_741_203
# What begins TLS. https://www.postgresql.org/docs/current/protocol-message-formats.html
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
# SQLSTATE. https://www.postgresql.org/docs/current/errcodes-appendix.html
_PASSWORD = ("28P01", "28000")
_REPEAT = ("40001", "40P01")
_UNAVAILABLE = ("08", "53", "57", "58", "55P03")

Run = Callable[..., list[dict[str, Any]]]


class Repeat(Unavailable):
    """Two transactions were in each other's way, and nothing of this one was done: the whole of it may be run again."""


class Refused(Exception):
    """The database says no; the transaction is over. `code` is the SQLSTATE, such as "23505" for what is there already.

    `constraint` is the name of the one that is not kept, "" for none. The text never has values.
    """

    def __init__(self, code: str, constraint: str = "") -> None:
        super().__init__(f"the database refuses it: {code} {constraint}".rstrip())
        self.code, self.constraint = code, constraint
        # Where the log looks for a code.
        self.response = {"Error": {"Code": code}}


def transaction(*, serializable: bool = False) -> AbstractContextManager[Run]:
    """A transaction: `run(sql, **values)` gives the rows as dicts, and has `:sku` in its SQL for the value `sku`.

    It is committed at the end, and rolled back when anything is raised. It is READ COMMITTED: each statement sees what
    was committed before it began; `serializable`: as if nobody else were there, else `Repeat` is raised. Nothing is
    done a second time here. Raises `Unavailable` when the database is away, too slow, or has no connection left: if the
    transaction was to be committed then, it may have been. `Refused` for what the database refuses, also at the end,
    when somebody caught it before; `ValueError` for a wrong use.
    https://www.postgresql.org/docs/current/transaction-iso.html
    """
    return _database().transaction(serializable)


def ready(schema: str) -> None:
    """Run these statements, such as `CREATE TABLE IF NOT EXISTS ...`, once in this process, and one process at a time.

    They have as long as any other statement. Raises as `transaction` does, and then they are run the next time.
    """
    _database().ready(schema)


@dataclass(eq=False)
class _Connection:
    socket: ssl.SSLSocket
    raw: Any
    broken: bool = False

    def run(self, seconds: float, sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Whatever is raised other than `Refused` or `Unavailable` by the database's word leaves it broken."""
        self.socket.settimeout(seconds)
        try:
            rows = self.raw.run(sql, **values) or ()
            names = [column["name"] for column in self.raw.columns or ()]
            return [dict(zip(names, row, strict=True)) for row in rows]
        except DatabaseError as error:
            raise _meant(error) from None
        except BaseException:
            self.broken = True
            raise

    def close(self) -> None:
        with suppress(InterfaceError, OSError):
            self.socket.settimeout(LATE)
            self.raw.close()


@dataclass(eq=False)
class _Database:
    """What a process knows of its database. Those in `idle` are in nobody's hands; who has one has one of `free`."""

    host: str
    port: int
    name: str
    secret: str
    ca: str
    size: int
    idle: list[_Connection] = field(default_factory=list)
    user: tuple[str, str] | None = None
    made: set[str] = field(default_factory=set)
    lock: Any = field(default_factory=threading.Lock)
    making: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.free = threading.BoundedSemaphore(self.size)

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Its own authority only, and its own name: what sslmode=verify-full means."""
        return ssl.create_default_context(cafile=self.ca)

    @contextmanager
    def transaction(self, serializable: bool) -> Iterator[Run]:
        if not self.free.acquire(timeout=max(0.0, _seconds(WAIT))):
            raise _unavailable()
        try:
            connection = self._begun(serializable)
            try:
                yield from self._within(connection)
            except BaseException:
                self._roll_back(connection)
                raise
            finally:
                self._give_back(connection)
        finally:
            self.free.release()

    def _within(self, connection: _Connection) -> Iterator[Run]:
        over: Exception | None = None

        def run(sql: str, /, **values: Any) -> list[dict[str, Any]]:
            nonlocal over
            if over:
                raise over
            if values:
                _check(sql, values)
            try:
                return self._run(connection, sql, values)
            except (Refused, Unavailable) as error:
                over = error
                raise

        try:
            yield run
            if over:
                raise over
            self._run(connection, "COMMIT", {})
        finally:
            # The connection is somebody else's from now on.
            over = over or ValueError("the transaction is over: run its statements within it")

    def _begun(self, serializable: bool) -> _Connection:
        """A connection in which a transaction has begun. One that was closed meanwhile is noticed here, by all."""
        level = "SERIALIZABLE" if serializable else "READ COMMITTED"
        while True:
            with self.lock:
                known = self.idle.pop() if self.idle else None
            connection = known or self._connect()
            within = int(_seconds(STATEMENT) * 1000)
            begin = f"BEGIN ISOLATION LEVEL {level}; SET LOCAL statement_timeout = {max(1, within)}"
            try:
                connection.run(max(SHORTEST, _seconds(CONNECT)), begin, {})
                return connection
            except TimeoutError as error:
                raise self._lost(connection, error) from None
            except (InterfaceError, OSError) as error:
                # Nothing was done in it yet.
                lost = self._lost(connection, error)
                if not known:
                    raise lost from None
            except BaseException:
                connection.close()
                raise

    def _run(self, connection: _Connection, sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        seconds = _seconds(STATEMENT)
        if seconds < SHORTEST:
            raise _unavailable()
        try:
            return connection.run(seconds + LATE, sql, values)
        except (InterfaceError, OSError) as error:
            raise self._lost(connection, error) from None

    def _roll_back(self, connection: _Connection) -> None:
        if not connection.broken:
            with suppress(Exception):
                connection.run(LATE, "ROLLBACK", {})

    def _give_back(self, connection: _Connection) -> None:
        if connection.broken:
            connection.close()
        else:
            with self.lock:
                self.idle.append(connection)

    def _lost(self, connection: _Connection, error: Exception) -> Unavailable:
        """Whatever broke the connection will have broken those that nobody uses as well."""
        context.log("WARNING", "database lost", error)
        connection.broken = True
        with self.lock:
            others, self.idle = self.idle, []
        for other in (connection, *others):
            other.close()
        return _unavailable()

    def _connect(self) -> _Connection:
        user = self._user(None)
        try:
            try:
                return self._open(*user)
            except DatabaseError as error:
                # It is changed from time to time.
                if _code(error) not in _PASSWORD or (changed := self._user(user)) == user:
                    raise
                return self._open(*changed)
        except (DatabaseError, InterfaceError, OSError) as error:
            code = {"code": _code(error)} if isinstance(error, DatabaseError) else {}
            context.log("WARNING", "database not reached", error, **code)
            raise _unavailable() from None

    def _open(self, user: str, password: str) -> _Connection:
        seconds = max(SHORTEST, _seconds(CONNECT))
        plain = socket.create_connection((self.host, self.port), seconds)
        try:
            plain.sendall(_SSL_REQUEST)
            if plain.recv(1) != b"S":
                raise ConnectionError("it has no TLS")
            secure = self.tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
        try:
            raw = pg8000.native.Connection(
                user,
                password=password,
                database=self.name,
                sock=secure,
                ssl_context=False,
                application_name=os.environ.get("SERVICE"),
                startup_params={"idle_in_transaction_session_timeout": f"{IDLE}s"},
            )
        except BaseException:
            secure.close()
            raise
        return _Connection(secure, raw)

    def _user(self, refused: tuple[str, str] | None) -> tuple[str, str]:
        """Name and password, asked for anew when those that are known were refused.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
        """
        with self.lock:
            known = self.user
        if known and known != refused:
            return known
        try:
            said = json.loads(context.aws("secretsmanager").get_secret_value(SecretId=self.secret)["SecretString"])
            user = str(said["username"]), str(said["password"])
        except Exception as error:
            context.log("WARNING", "secret of the database not read", error)
            raise _unavailable() from None
        with self.lock:
            self.user = user
        return user

    def ready(self, schema: str) -> None:
        if schema in self.made:
            return
        if not self.making.acquire(timeout=max(0.0, _seconds(STATEMENT))):
            raise _unavailable()
        try:
            if schema not in self.made:
                with self.transaction(False) as run:
                    run("SELECT pg_advisory_xact_lock(:key)", key=MAKING)
                    run(schema)
                self.made.add(schema)
        finally:
            self.making.release()


_LOCK = threading.Lock()
_databases: dict[tuple[str, ...], _Database] = {}


def _database() -> _Database:
    host, port, name = os.environ["DATABASE_HOST"], os.environ["DATABASE_PORT"], os.environ["DATABASE_NAME"]
    secret, ca = os.environ["DATABASE_SECRET"], os.environ["DATABASE_CA"]
    told = host, port, name, secret, ca
    with _LOCK:
        if told not in _databases:
            size = int(os.environ.get("DATABASE_CONNECTIONS", CONNECTIONS))
            _databases[told] = _Database(host, int(port), name, secret, ca, size)
        return _databases[told]


def _seconds(most: float) -> float:
    """So many, or what is left for the request."""
    return min(most, context.remaining() - context.ANSWER)


def _check(sql: str, values: Mapping[str, Any]) -> None:
    """Raises `ValueError` for what cannot be sent, before anything is."""
    try:
        pg8000.native.to_statement(sql)[1](values)
    except InterfaceError as error:
        raise ValueError(str(error)) from None
    for value in values.values():
        if isinstance(value, str):
            value.encode()


def _code(error: DatabaseError) -> str:
    said = error.args[0] if error.args else None
    return str(said.get("C", "")) if isinstance(said, dict) else ""


def _meant(error: DatabaseError) -> Refused | Unavailable:
    code = _code(error)
    if code in _REPEAT:
        return Repeat("database", "transaction", None, retry_after=1)
    if code.startswith(_UNAVAILABLE):
        context.log("WARNING", "database not available", code=code)
        return _unavailable()
    return Refused(code, str(error.args[0].get("n", "")) if code else "")


def _unavailable() -> Unavailable:
    return errors.Unavailable("database", "transaction", None, retry_after=1)
