"""Keeps for a while what takes long to get: `cache.read(f"stock/{sku}", lambda: look_up(sku))`.

handler ──read──▶ cache ──has it──▶ handler
                    └──has it not──▶ one of all who ask: fill ──▶ kept for some seconds
handler ──writes──▶ table, and then ──forget──▶ cache

The cache saves work, and decides nothing. When it is down, slow, full or talks nonsense, `fill` answers in its place,
and for some seconds it is not asked again.

A key of the cache holds a value, or a lease: who holds it fills, and keeps what that gave only while the lease is still
there. To forget a key takes its lease as well, so what was read before a write is not kept after it.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.session import get_session

from . import context

# Seconds that it takes at most to be connected and signed in, of which a small function that has just started needs the
# most; and to be answered. A request that has no time left for both does not ask.
CONNECT, READ = 1.0, 0.2
# Seconds in which a cache that failed is not asked.
REST = 5.0
# Seconds after which a connection is made anew: AWS ends one after twelve hours, and what is in between may forget one
# that is not used. And how long what it is signed in with is good for.
AGE, IDLE, TOKEN = 11 * 3600.0, 60.0, 900
# Seconds for which one may fill, the others wait, and that there is nothing is kept.
LEASE, NOTHING = 3.0, 5.0
PAUSES = (0.01, 0.02, 0.04, 0.08, *30 * (0.1,))
# Bytes of a value that is kept: what DynamoDB has in an item.
LARGEST = 400 * 1024
# Of a line of an answer.
LINE = 1024
# What a key holds begins with: a value, a lease, and that the value is too large.
VALUE, LEASED, APART = b"V", b"L", b"A"
# Who still has the lease may put something in its place, or remove it.
SETTLE = b"""if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) else redis.call('DEL', KEYS[1]) end
return 1"""
# Errors that are about the command, where the cache is well.
OF_COMMAND = (b"OOM", b"WRONGTYPE")


class Unusable(Exception):
    """The cache is not asked, or does not answer as one does."""


class Refused(Exception):
    """The cache does not do what it was asked to, but works."""


@dataclass
class Connection:
    """One to the cache: asks one thing at a time. https://valkey.io/topics/protocol/"""

    socket: socket.socket
    clock: Callable[[], float]
    made: float
    used: float
    data: bytes = b""

    def ask(self, seconds: float, *words: bytes) -> bytes | None:
        """The answer, a text, or None for nothing. After any error but `Refused` this is of no use any more."""
        end = self.clock() + seconds
        command = memoryview(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(one), one) for one in words))
        while command:
            self._until(end)
            command = command[self.socket.send(command) :]
        line = self._line(end)
        kind, text = line[:1], line[1:]
        if kind == b"$" and text != b"-1":
            if not re.fullmatch(rb"[0-9]{1,7}", text) or (size := int(text)) > LARGEST + len(VALUE):
                raise ValueError("no size of an answer")
            while len(self.data) < size + 2:
                self._more(end)
            text, rest, self.data = self.data[:size], self.data[size : size + 2], self.data[size + 2 :]
            if rest != b"\r\n":
                raise ValueError("no end of an answer")
        if self.data or kind not in (b"+", b":", b"$", b"-"):
            raise ValueError("no answer")
        self.used = self.clock()
        if kind == b"-":
            raise Refused(text[:80].decode(errors="replace"))
        return None if line == b"$-1" else text

    def _line(self, end: float) -> bytes:
        while b"\r\n" not in self.data[: LINE + 2]:
            if len(self.data) > LINE:
                raise ValueError("no line of an answer")
            self._more(end)
        line, _, self.data = self.data.partition(b"\r\n")
        return line

    def _more(self, end: float) -> None:
        self._until(end)
        if not (more := self.socket.recv(2**16)):
            raise ConnectionError("closed")
        self.data += more

    def _until(self, end: float) -> None:
        if (left := end - self.clock()) <= 0:
            raise TimeoutError
        self.socket.settimeout(left)


@dataclass
class Cache:
    """The cache of one process, which has one connection to it; time and pauses can be given."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    connect: float = CONNECT
    answer: float = READ
    connection: Connection | None = None
    until: float = 0.0
    trust: Any = None
    session: Any = None
    lock: Any = field(default_factory=threading.Lock)

    def read(self, key: str, fill: Callable[[], Any], seconds: float = 60) -> Any:
        """What `fill` gave within these seconds, to whoever asked, as JSON makes it; None is kept for 5 at most.

        Of all who ask for the same at once, one fills, for 3 seconds; the others wait for that long. What takes longer
        is not kept, nor what has more than 400 KiB. What `fill` raises is raised, and not kept; so are `TypeError` and
        `ValueError` for what JSON cannot say. `fill` has to read with `ConsistentRead`, or it may give what was there
        before a write. A key stands for one kind of value: change it when what it holds means something else.
        """
        name, lease = _name(key), LEASED + uuid.uuid4().hex.encode()
        held = self._held(name, lease)
        if held != lease:
            if held not in (None, APART):
                with suppress(ValueError):
                    return _value(held)
                self._remove(name)
            return context.from_json(context.whole_json(fill()).encode())
        try:
            text = context.whole_json(fill()).encode()
        except BaseException:
            self._settle(name, lease)
            raise
        value = context.from_json(text)
        kept = seconds if value is not None else min(seconds, NOTHING)
        self._settle(name, lease, VALUE + text if len(text) <= LARGEST else APART, b"%d" % max(1, int(kept * 1000)))
        return value

    def forget(self, *keys: str) -> None:
        """Keep these no more: call it after each write. A cache that cannot be asked has them for as long as they had.

        That long others may read what was there before: choose `seconds` of `read` by that.
        """
        with suppress(Refused, Unusable):
            for key in keys:
                # One by one: in a cluster a command is about one part of it.
                self._ask(b"DEL", _name(key), rest=False)

    def _held(self, name: bytes, lease: bytes) -> bytes | None:
        """What the key holds once nobody else fills it, `lease` if it is up to us; None when time is up."""
        # Half of it is for who fills in the end; and what the cache takes to answer counts as well.
        end = self.clock() + min(sum(PAUSES), (context.remaining() - context.ANSWER) / 2)
        with suppress(Unusable):
            for pause in PAUSES:
                try:
                    held = self._ask(b"GET", name)
                    if held is None:
                        milliseconds = b"%d" % int(LEASE * 1000)
                        held = self._ask(b"SET", name, lease, b"NX", b"GET", b"PX", milliseconds) or lease
                except Refused as error:
                    if not str(error).startswith("OOM"):
                        self._remove(name)
                    break
                if held == lease or not held.startswith(LEASED):
                    return held
                if self.clock() + pause > end:
                    break
                self.sleep(pause)
        return None

    def _remove(self, name: bytes) -> None:
        """What is none of ours."""
        with suppress(Refused, Unusable):
            self._ask(b"DEL", name)

    def _settle(self, name: bytes, *words: bytes) -> None:
        with suppress(Refused, Unusable):
            self._ask(b"EVAL", SETTLE, b"1", name, *words)

    def _ask(self, *words: bytes, rest: bool = True) -> bytes | None:
        """What the cache answers. Raises `Refused`, or `Unusable`; for a while only who does not `rest` asks again."""
        left = context.remaining() - context.ANSWER - self.connect - self.answer
        if "CACHE_HOST" not in os.environ or left < 0 or not self.lock.acquire(timeout=min(LEASE, left)):
            raise Unusable
        try:
            if rest and self.clock() < self.until:
                raise Unusable
            try:
                answer = self._answer(words)
            except Refused as error:
                if not str(error).encode().startswith(OF_COMMAND):
                    raise Unusable from self._broken(error)
                raise
            except Exception as error:
                raise Unusable from self._broken(error)
            self.until = 0.0
            return answer
        finally:
            self.lock.release()

    def _answer(self, words: tuple[bytes, ...]) -> bytes | None:
        old, now = self.connection, self.clock()
        if old and now - old.made < AGE and now - old.used < IDLE:
            try:
                return old.ask(self.answer, *words)
            except TimeoutError:
                raise
            except OSError:
                # It was closed meanwhile. To ask twice does no harm.
                pass
        self._close()
        self.connection = self._connected()
        return self.connection.ask(self.answer, *words)

    def _broken(self, error: Exception) -> Exception:
        self._close()
        self.until = self.clock() + REST
        context.log("WARNING", "cache not used", error)
        return error

    def _close(self) -> None:
        if self.connection:
            self.connection.socket.close()
        self.connection = None

    def _connected(self) -> Connection:
        """Over TLS, to the host of that name and no other, as the function's role.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
        """
        host, user = os.environ["CACHE_HOST"], os.environ["CACHE_USER"]
        self.trust = self.trust or ssl.create_default_context(cafile=os.environ.get("CACHE_CA"))
        made, token = self.clock(), self._token(user).encode()
        plain = socket.create_connection((host, int(os.environ["CACHE_PORT"])), self.answer)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(max(0.0, made + self.connect - self.clock()))
            over_tls = self.trust.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        connection = Connection(over_tls, self.clock, made, made)
        try:
            connection.ask(made + self.connect - self.clock(), b"AUTH", user.encode(), token)
        except BaseException:
            over_tls.close()
            raise
        return connection

    def _token(self, user: str) -> str:
        """A signed request that is sent to nobody but the cache, which asks IAM whether it is right."""
        self.session = self.session or get_session()
        credentials = self.session.get_credentials().get_frozen_credentials()
        region = os.environ.get("AWS_REGION") or os.environ["AWS_DEFAULT_REGION"]
        asked = {"Action": "connect", "User": user, "ResourceType": "ServerlessCache"}
        request = AWSRequest("GET", f"http://{os.environ['CACHE_NAME'].lower()}/", params=asked)
        SigV4QueryAuth(credentials, "elasticache", region, TOKEN).add_auth(request)
        return str(request.url).removeprefix("http://")


def _name(key: str) -> bytes:
    """The key as the cache has it; by its hash where it is long, or has other signs than most."""
    if re.fullmatch(r"[A-Za-z0-9._:/#@=-]{1,200}", key):
        return b"items:" + key.encode()
    return b"items:~" + hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest().encode()


def _value(held: bytes) -> Any:
    """Raises `ValueError` for what is none."""
    if not held.startswith(VALUE):
        raise ValueError("no value")
    return context.from_json(held[len(VALUE) :])


_cache = Cache()
read, forget = _cache.read, _cache.forget
