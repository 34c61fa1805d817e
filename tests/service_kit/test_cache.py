"""The cache of the kit: against a real Redis, over TLS, and against servers that are slow, cut, and lie."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest

from tests.evidence import shows
from tests.service_kit.callee import SECRET
from tests.service_kit.conftest import Clock
from tests.system import needs
from troposphere_arch.blocks.elasticache import ACCESS
from troposphere_arch.local import databases
from troposphere_arch.service_kit import cache, context

USER, NAME = "cache-1-2-user", "Cache-1-2-AWS"
# Of a test that is not about time: nobody waits for so long.
PATIENT = 30.0
FILLED = {"units": 3}


class Fill:
    """What is slow to get: it counts, and gives or raises one thing after the other, the last one for good."""

    def __init__(self, *given: Any, during: Callable[[], Any] = lambda: None) -> None:
        self.given, self.during, self.asked = [*(given or (FILLED,))], during, 0

    def __call__(self) -> Any:
        self.asked += 1
        value = self.given.pop(0) if len(self.given) > 1 else self.given[0]
        self.during()
        if isinstance(value, BaseException):
            raise value
        return value


def made(**more: Any) -> cache.Cache:
    """The cache of a process of its own."""
    return cache.Cache(**{"connect": PATIENT, "answer": PATIENT, "sleep": lambda _: None} | more)


@pytest.fixture(scope="module")
def server() -> Iterator[databases.Redis]:
    """One whose user may do what the template's may, and no more."""
    with databases.redis(access=ACCESS.replace("on ", "on nopass ", 1), user=USER) as started:
        yield started


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Path], None]:
    """Tells the function where its cache is."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "SSL_CERT_FILE", "CACHE_CA"):
        monkeypatch.delenv(name, raising=False)
    variables = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}
    variables |= {"CACHE_HOST": databases.HOST, "CACHE_USER": USER, "CACHE_NAME": NAME}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def tell(port: int, ca: Path) -> None:
        monkeypatch.setenv("CACHE_PORT", str(port))
        monkeypatch.setenv("CACHE_CA", str(ca))

    return tell


@pytest.fixture
def redis(server: databases.Redis, told: Callable[[int, Path], None]) -> databases.Redis:
    server.flush()
    told(server.port, server.ca)
    return server


@dataclass
class Liar:
    """Speaks TLS as the cache does, and answers each command with the next of `answers`, the last one for good.

    An answer is what is sent as it is, None for nothing at all, and "cut" for the end of the connection. Who signs in
    is always let in.
    """

    port: int = 0
    ca: Path = Path()
    answers: list[bytes | str | None] = field(default_factory=lambda: [None])
    commands: list[list[bytes]] = field(default_factory=list)
    connections: int = 0
    between: Callable[[], None] = lambda: None

    @property
    def asked(self) -> list[str]:
        return [command[0].decode() for command in self.commands]

    def talk(self, plain: socket.socket, trust: ssl.SSLContext) -> None:
        self.connections += 1
        with contextlib.suppress(OSError), plain, trust.wrap_socket(plain, server_side=True) as over_tls:
            received = over_tls.makefile("rb")
            while line := received.readline():
                words = []
                for _ in range(int(line[1:])):
                    words.append(received.read(int(received.readline()[1:]) + 2)[:-2])
                self.commands.append(words)
                if words[0] == b"AUTH":
                    over_tls.sendall(b"+OK\r\n")
                    continue
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer == "cut":
                    return
                if isinstance(answer, bytes):
                    self.send(over_tls, answer)

    def send(self, to: socket.socket, answer: bytes) -> None:
        to.sendall(answer)


@dataclass
class Drip(Liar):
    """Sends byte after byte, and `between` is called before each."""

    sent: int = 0

    def send(self, to: socket.socket, answer: bytes) -> None:
        for byte in answer:
            self.between()
            to.sendall(bytes([byte]))
            self.sent += 1


@contextlib.contextmanager
def lying(liar: Liar, home: Path) -> Iterator[Liar]:
    databases.certify(home)
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(home / "cert.pem", home / "key.pem")
    with socket.create_server((databases.ADDRESS, 0)) as listening:
        liar.port, liar.ca = listening.getsockname()[1], home / "ca.pem"

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=liar.talk, args=(connection, trust), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield liar
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def liar(tmp_path: Path, told: Callable[[int, Path], None]) -> Iterator[Liar]:
    with lying(Liar(), tmp_path) as one:
        told(one.port, one.ca)
        yield one


# What it keeps, and for how long


@needs("redis-server")
@shows("REQ-M3", how="real")
def test_what_is_kept_is_not_asked_for_again(redis: databases.Redis) -> None:
    fill = Fill({"sku": "pen", "Größe": [1, 2.5, None, "a\r\n$5\r\n'"]})
    one, other = made(), made()
    assert one.read("stock/pen", fill, 60) == one.read("stock/pen", fill, 60) == other.read("stock/pen", fill)
    assert fill.asked == 1
    assert redis.ask("KEYS", "*") == ["items:stock/pen"]
    assert 0 < redis.ask("PTTL", "items:stock/pen") <= 60_000


@needs("redis-server")
def test_that_there_is_nothing_is_kept_for_a_short_time(redis: databases.Redis) -> None:
    nothing, false = Fill(None), Fill(False)
    assert made().read("a", nothing) is made().read("a", nothing) is None
    assert made().read("b", false) is made().read("b", false) is False
    assert (nothing.asked, false.asked) == (1, 1)
    assert redis.ask("PTTL", "items:a") <= 5_000 < redis.ask("PTTL", "items:b")
    assert made().read("c", nothing, 0.5) is None
    assert 0 < redis.ask("PTTL", "items:c") <= 500


@needs("redis-server")
def test_a_hit_and_a_miss_are_of_the_same_kind(redis: databases.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill() -> Any:
        return {"n": Decimal(3), "f": Decimal("1.5"), "s": {"b", "a"}, "t": (1,), 1: "key"}

    as_json = {"n": 3, "f": 1.5, "s": ["a", "b"], "t": [1], "1": "key"}
    one = made()
    found = [one.read("a", fill), one.read("a", fill)]
    monkeypatch.delenv("CACHE_HOST")
    found.append(one.read("a", fill))
    assert [json.dumps(value) for value in found] == [json.dumps(as_json)] * 3


@needs("redis-server")
@pytest.mark.parametrize("value", [object(), float("nan"), "\ud800"], ids=["object", "nan", "half"])
def test_what_json_cannot_say_is_an_error_wherever_it_comes_from(
    redis: databases.Redis, monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    one = made()
    for _ in range(2):
        with pytest.raises((TypeError, ValueError)):
            one.read("a", lambda: value)
        assert redis.ask("KEYS", "*") == []
    monkeypatch.delenv("CACHE_HOST")
    with pytest.raises((TypeError, ValueError)):
        one.read("a", lambda: value)


@needs("redis-server")
def test_keys_of_all_kinds_are_below_one_prefix(redis: databases.Redis) -> None:
    keys = [
        "",
        "a",
        "a b",
        "a\r\nb",
        "{a}",
        "ä",
        "\ud800",
        "x" * 200,
        "x" * 201,
        "x" * 100_000,
        "stock/pen:1",
        "~",
        "*",
    ]
    one = made()
    assert [one.read(key, lambda key=key: len(key)) for key in keys] == [len(key) for key in keys]  # type: ignore[misc]
    assert [one.read(key, Fill(-1)) for key in keys] == [len(key) for key in keys]
    found = redis.ask("KEYS", "*")
    assert len(found) == len(keys)
    assert all(name.startswith("items:") and len(name) < 210 and name.isprintable() for name in found)
    one.forget(*keys)
    assert redis.ask("KEYS", "*") == []


@needs("redis-server")
def test_a_value_that_is_too_large_is_not_kept_and_nobody_waits_for_it(redis: databases.Redis) -> None:
    largest, larger = "x" * (400 * 1024 - 2), "x" * (400 * 1024 - 1)
    waits: list[float] = []
    fits, fits_not = Fill(largest), Fill(larger)
    for _ in range(3):
        assert made(sleep=waits.append).read("a", fits) == largest
        assert made(sleep=waits.append).read("b", fits_not) == larger
    assert (fits.asked, fits_not.asked, waits) == (1, 3, [])
    assert redis.ask("GET", "items:b") == "A"


# One fills


@needs("redis-server")
@shows("REQ-M3", "REQ-M12", how="real")
def test_of_a_hundred_threads_one_fills(redis: databases.Redis) -> None:
    fill, one, start = Fill(during=lambda: time.sleep(0.1)), made(sleep=time.sleep), threading.Barrier(100)

    def ask() -> Any:
        start.wait()
        return one.read("stock/pen", fill)

    with ThreadPoolExecutor(100) as pool:
        answers = [future.result() for future in [pool.submit(ask) for _ in range(100)]]
    assert answers == [FILLED] * 100
    assert fill.asked == 1


PROCESS = """
    import sys, threading, time
    from concurrent.futures import ThreadPoolExecutor
    from troposphere_arch.service_kit import cache

    def fill():
        with open(sys.argv[1], "a") as log:
            log.write("filled\\n")
        time.sleep(0.1)
        return {"units": 3}

    one = cache.Cache(connect=30, answer=30)
    one.read("other", lambda: 1)
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(34) as pool:
        answers = [f.result() for f in [pool.submit(one.read, "stock/pen", fill) for _ in range(34)]]
    assert answers == [{"units": 3}] * 34, answers
"""


@needs("redis-server")
@shows("REQ-M3", "REQ-M12", how="real")
def test_of_three_processes_with_a_hundred_threads_one_fills(redis: databases.Redis, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", textwrap.dedent(PROCESS), str(log)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3  # type: ignore[union-attr]
        for process in processes:
            process.stdin.write("go\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        assert [process.wait(60) for process in processes] == [0] * 3
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert log.read_text() == "filled\n"


@needs("redis-server")
@pytest.mark.parametrize("error", [RuntimeError("of the table"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_what_fill_raises_is_raised_and_the_next_one_fills_at_once(
    redis: databases.Redis, error: BaseException
) -> None:
    waits: list[float] = []
    one, fill = made(sleep=waits.append), Fill(error, error, FILLED)
    for _ in range(2):
        with pytest.raises(type(error)):
            one.read("a", fill)
    assert one.read("a", fill) == one.read("a", fill) == FILLED
    assert (fill.asked, waits) == (3, [])


@needs("redis-server")
def test_who_waits_is_given_what_the_other_filled(redis: databases.Redis) -> None:
    waits: list[float] = []

    def other_is_done(pause: float) -> None:
        waits.append(pause)
        if len(waits) == 3:
            redis.ask("SET", "items:a", 'V{"units":3}')

    redis.ask("SET", "items:a", "Lother", "PX", 3000)
    fill = Fill(-1)
    assert made(sleep=other_is_done).read("a", fill) == FILLED
    assert (fill.asked, len(waits)) == (0, 3)


@needs("redis-server")
@shows("REQ-M3", how="real")
def test_the_lease_of_one_that_died_runs_out_and_another_fills(redis: databases.Redis) -> None:
    leases: list[int] = []
    made().read("a", Fill(during=lambda: leases.append(redis.ask("PTTL", "items:a"))))
    assert 0 < leases[0] <= 3000  # whoever dies holding it
    waits: list[float] = []

    def run_out(pause: float) -> None:
        waits.append(pause)
        if len(waits) == 5:
            redis.ask("DEL", "items:b")

    redis.ask("SET", "items:b", "Ldead", "PX", 3000)
    fill = Fill()
    assert made(sleep=run_out).read("b", fill) == made().read("b", fill) == FILLED
    assert (fill.asked, len(waits)) == (1, 5)


@needs("redis-server")
def test_nobody_waits_longer_than_a_lease_lasts(redis: databases.Redis) -> None:
    redis.ask("SET", "items:a", "Lother")
    waits: list[float] = []
    assert waiting(waits).read("a", Fill()) == FILLED
    assert 3.0 < sum(waits) < 3.5
    # It is the other's to keep.
    assert redis.ask("GET", "items:a") == "Lother"


@needs("redis-server")
@shows("REQ-M6", how="real")
def test_half_of_the_time_is_left_for_who_fills(redis: databases.Redis) -> None:
    redis.ask("SET", "items:a", "Lother")
    waits: list[float] = []
    work = context.Work("request", "origin", deadline=time.monotonic() + 100)
    with context.begin(work):
        assert waiting(waits, pause=9.0).read("a", Fill()) == FILLED
    assert 0 < sum(waits) <= 48


@needs("redis-server")
@shows("REQ-M6", how="real")
def test_what_a_slow_cache_takes_counts_as_waiting(redis: databases.Redis) -> None:
    redis.ask("SET", "items:a", "Lother")
    waits: list[float] = []
    assert waiting(waits, pause=0.18).read("a", Fill()) == FILLED
    assert sum(waits) < 3.5 and len(waits) < 20


def waiting(waits: list[float], *, pause: float = 0.0) -> cache.Cache:
    """Of a process for which time passes only while it waits, and so much longer each time."""
    return made(sleep=lambda seconds: waits.append(seconds + pause), clock=lambda: sum(waits))


# Writers


@needs("redis-server")
@shows("REQ-M3", how="real")
def test_what_was_read_before_a_write_is_not_kept_after_it(redis: databases.Redis) -> None:
    reader, writer = made(), made()
    # The reader has the old value in hand when the writer writes and forgets.
    late = Fill("old", during=lambda: writer.forget("a", "b"))
    assert reader.read("a", late) == "old"
    assert redis.ask("EXISTS", "items:a") == 0
    assert reader.read("a", Fill("new")) == writer.read("a", Fill("newer")) == "new"


@needs("redis-server")
@shows("REQ-M3", how="real")
def test_a_late_reader_does_not_replace_what_was_read_after_the_write(redis: databases.Redis) -> None:
    reader, writer, third = made(), made(), made()
    seen: list[Any] = []

    def meanwhile() -> None:
        writer.forget("a")
        seen.append(third.read("a", Fill("new")))

    assert reader.read("a", Fill("old", during=meanwhile)) == "old"
    assert seen == ["new"]
    assert reader.read("a", Fill("newer")) == "new"


@needs("redis-server")
@pytest.mark.parametrize("fails", [False, True], ids=["gives", "raises"])
def test_who_was_too_slow_leaves_the_lease_of_the_next_alone(redis: databases.Redis, fails: bool) -> None:
    slow, other = made(), made()
    inner = Fill("new")

    def next_one() -> None:
        # The lease of the slow one ran out, the other has its own when the slow one ends.
        redis.ask("DEL", "items:a")
        redis.ask("SET", "items:a", "Lnext", "PX", 3000)

    fill = Fill(RuntimeError() if fails else "old", during=next_one)
    with pytest.raises(RuntimeError) if fails else contextlib.nullcontext():
        slow.read("a", fill)
    assert redis.ask("GET", "items:a") == "Lnext"
    redis.ask("DEL", "items:a")
    assert other.read("a", inner) == "new"


@needs("redis-server")
def test_forgetting_is_about_these_keys_only(redis: databases.Redis) -> None:
    one, fill = made(), Fill(1, 2, 3, 4)
    for key in ("a", "b", "c"):
        one.read(key, fill)
    one.forget("a", "b", "never")
    assert one.read("c", fill) == 3
    assert redis.ask("KEYS", "*") == ["items:c"]


# A cache that fails


@needs("redis-server")
@shows("REQ-M3", "REQ-M6", how="real")
def test_a_cache_that_is_down_is_left_alone_for_a_while(
    redis: databases.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, fill = Clock(1000.0), Fill(1, 2, 3, 4, 5, 6)
    one = made(clock=clock)
    assert one.read("a", fill) == one.read("a", fill) == 1
    redis.kill()
    capsys.readouterr()
    assert [one.read("a", fill), one.read("a", fill)] == [2, 3]
    # Of all that failed, one line tells, without anybody's data.
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["level"], line["message"]) == ("WARNING", "cache not used")
    redis.start()
    clock.now += 4.9
    assert one.read("a", fill) == 4
    assert redis.ask("KEYS", "*") == []
    clock.now += 0.2
    assert one.read("a", fill) == one.read("a", fill) == 5


@needs("redis-server")
@shows("REQ-M3", how="real")
def test_a_write_is_told_to_a_cache_that_is_left_alone(redis: databases.Redis) -> None:
    clock = Clock(1000.0)
    reader, writer = made(), made(clock=clock)
    reader.read("a", Fill("old"))
    redis.kill()
    assert writer.read("a", Fill("table")) == "table"
    redis.start()
    redis.ask("SET", "items:a", 'V"old"')
    writer.forget("a")
    assert redis.ask("EXISTS", "items:a") == 0


def test_to_forget_where_nobody_listens_is_no_error(told: Callable[[int, Path], None], tmp_path: Path) -> None:
    databases.certify(tmp_path)
    told(databases.free_port(), tmp_path / "ca.pem")
    one = made()
    one.forget("a", "b")
    assert one.read("a", Fill()) == FILLED


@needs("redis-server")
@shows("REQ-M3", how="real")
def test_a_full_cache_gives_what_it_has_and_is_asked_again(redis: databases.Redis) -> None:
    one, fill = made(), Fill(1, 2, 3, 4, 5)
    assert one.read("a", fill) == 1
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        assert [one.read("a", fill), one.read("b", fill), one.read("b", fill)] == [1, 2, 3]
        made().forget("a")
    finally:
        redis.ask("CONFIG", "SET", "maxmemory", "0")
    assert redis.ask("KEYS", "*") == []
    assert one.read("b", fill) == one.read("b", fill) == 4


@needs("redis-server")
def test_a_cache_that_fills_up_meanwhile_keeps_nothing(redis: databases.Redis) -> None:
    one, fill = made(), Fill(1, 2, during=lambda: redis.ask("CONFIG", "SET", "maxmemory", "1"))
    try:
        assert one.read("a", fill) == 1
    finally:
        redis.ask("CONFIG", "SET", "maxmemory", "0")
    assert redis.ask("GET", "items:a")[0] == "L"  # until it runs out


@needs("redis-server")
@pytest.mark.parametrize("junk", ["list", "V{", "V", "", "Xnull", 'V"\\ud800"'], ids=repr)
def test_what_is_none_of_ours_is_removed(redis: databases.Redis, junk: str) -> None:
    redis.ask("RPUSH", "items:a", "x") if junk == "list" else redis.ask("SET", "items:a", junk)
    one, fill = made(), Fill(1, 2, 3)
    assert [one.read("a", fill), one.read("a", fill), one.read("a", fill)] == [1, 2, 2]


@shows("REQ-M3", "REQ-M6", how="real")
def test_a_cache_that_says_nothing_is_not_waited_for(liar: Liar) -> None:
    fill = Fill()
    one = made(answer=0.05)
    assert [one.read("a", fill) for _ in range(3)] == [FILLED] * 3
    assert (fill.asked, liar.asked) == (3, ["AUTH", "GET"])


def test_a_cache_that_falls_silent_is_not_asked_twice(liar: Liar) -> None:
    liar.answers = [b"$2\r\nV1\r\n", None]
    one = made(answer=0.05)
    assert [one.read("a", Fill()), one.read("a", Fill()), one.read("a", Fill())] == [1, FILLED, FILLED]
    assert liar.asked == ["AUTH", "GET", "GET"]


def test_a_cache_that_takes_connections_and_says_nothing(told: Callable[[int, Path], None], tmp_path: Path) -> None:
    databases.certify(tmp_path)
    with socket.create_server((databases.ADDRESS, 0)) as listening:
        told(listening.getsockname()[1], tmp_path / "ca.pem")
        fill = Fill()
        one = made(connect=0.05)
        assert [one.read("a", fill) for _ in range(3)] == [FILLED] * 3
        listening.settimeout(PATIENT)
        listening.accept()[0].close()
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):  # there was one connection
            listening.accept()


def test_a_cache_that_drips_has_as_long_as_one_that_is_silent(
    told: Callable[[int, Path], None], tmp_path: Path
) -> None:
    clock = Clock(1000.0)
    value = b"$400\r\nV" + b'"' + b"x" * 397 + b'"' + b"\r\n"

    def later() -> None:
        clock.now += 0.05

    with lying(Drip(answers=[value], between=later), tmp_path) as drip:
        told(drip.port, drip.ca)
        fill = Fill()
        one = made(clock=clock, answer=0.2)
        assert [one.read("a", fill), one.read("a", fill)] == [FILLED] * 2
        assert fill.asked == 2
        assert drip.asked == ["AUTH", "GET"]


GARBAGE: dict[str, bytes | str] = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "huge": b"$999999999999\r\n",
    "larger": b"$9999999\r\n",
    "negative": b"$-2\r\n",
    "hexadecimal": b"$0x10\r\n",
    "signed": b"$+1\r\nV\r\n",
    "no size": b"$\r\n",
    "no end": b"$2\r\nV1xx",
    "late end": b"$3\r\nV123456789\r\n",
    "array": b"*1\r\n$4\r\nV123\r\n",
    "empty line": b"\r\n",
    "no line": b"+" + b"x" * 100_000,
    "zeros": b"\0" * 5000,
    "two answers": b"$-1\r\n$-1\r\n",
    "another error": b"-NOAUTH Authentication required.\r\n",
    "moved": b"-MOVED 3999 127.0.0.1:6381\r\n",
    "no permission": b"-NOPERM no permission\r\n",
    "error in bytes": b"-\xff\xfe" + b"x" * 500 + b"\r\n",
    "cut": "cut",
}


@shows("REQ-M3", how="real")
@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_a_cache_that_talks_nonsense_is_left_alone(
    liar: Liar, garbage: bytes | str, capsys: pytest.CaptureFixture[str]
) -> None:
    liar.answers = [garbage]
    clock, fill = Clock(1000.0), Fill()
    one = made(clock=clock)
    assert [one.read("a", fill), one.read("a", fill)] == [FILLED] * 2
    assert (fill.asked, liar.asked, liar.connections) == (2, ["AUTH", "GET"], 1)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    # Known for what it is at once, not by waiting for more.
    assert (line["message"], line["error"] in ("ConnectionError", "Refused", "ValueError")) == ("cache not used", True)
    # Whatever it may still send on that connection, nobody hears.
    clock.now += 5
    liar.answers = [b"$2\r\nV1\r\n"]
    assert (one.read("a", fill), liar.connections) == (1, 2)


@pytest.mark.parametrize("half", [b"$400\r\nV", b"$4", b"-OO", b"$4\r\nV12\r"], ids=repr)
def test_half_an_answer_is_none(liar: Liar, half: bytes) -> None:
    liar.answers = [half]
    fill = Fill()
    one = made(answer=0.05)
    assert [one.read("a", fill), one.read("a", fill)] == [FILLED] * 2
    assert (fill.asked, liar.asked) == (2, ["AUTH", "GET"])


@pytest.mark.parametrize("nonsense", [b"$1\r\nX\r\n", b":5\r\n", b"$0\r\n\r\n", b"$2\r\nV[\r\n", b"+OK\r\n"], ids=repr)
def test_an_answer_that_means_nothing_ends_in_a_fill(liar: Liar, nonsense: bytes) -> None:
    liar.answers = [nonsense]
    fill = Fill()
    assert made().read("a", fill) == FILLED
    assert (fill.asked, liar.asked) == (1, ["AUTH", "GET", "DEL"])


def test_a_lease_that_never_ends_costs_so_many_questions_and_no_more(liar: Liar) -> None:
    liar.answers = [b"$6\r\nLother\r\n"]
    fill = Fill()
    assert made().read("a", fill) == FILLED
    assert fill.asked == 1
    assert 20 < len(liar.commands) < 40


def test_what_cannot_be_kept_is_given(liar: Liar) -> None:
    liar.answers = [b"$-1\r\n", b"$-1\r\n", "cut"]
    fill = Fill()
    assert made(answer=0.05).read("a", fill) == FILLED
    # Its connection was closed: it asks once more, by another.
    assert (fill.asked, liar.asked) == (1, ["AUTH", "GET", "SET", "EVAL", "AUTH", "EVAL"])


# Connections


def test_a_connection_that_was_closed_is_made_again_once(liar: Liar) -> None:
    liar.answers = [b"$2\r\nV1\r\n", "cut", b"$2\r\nV2\r\n"]
    one, fill = made(), Fill(-1)
    assert [one.read("a", fill), one.read("a", fill), one.read("a", fill)] == [1, 2, 2]
    assert (liar.connections, fill.asked) == (2, 0)


def test_to_ask_for_a_lease_twice_is_to_have_it(liar: Liar) -> None:
    """The answer was lost with the connection; the lease is there, and ours."""

    def lost(to: socket.socket, answer: bytes) -> None:
        if answer == b"lease":
            lease = liar.commands[-1][2]
            answer = b"$%d\r\n%b\r\n" % (len(lease), lease)
        to.sendall(answer)

    liar.send = lost  # type: ignore[method-assign]
    liar.answers = [b"$-1\r\n", "cut", b"lease", b":1\r\n"]
    waits: list[float] = []
    fill = Fill()
    assert made(sleep=waits.append).read("a", fill) == FILLED
    assert liar.asked == ["AUTH", "GET", "SET", "AUTH", "SET", "EVAL"]
    assert (fill.asked, waits) == (1, [])


@pytest.mark.parametrize(
    ("passed", "connections"),
    [([1, 1, 59], 1), ([61], 2), ([50] * 791, 1), ([50] * 793, 2)],
    ids=["used", "idle", "eleven hours", "older"],
)
def test_a_connection_is_made_anew_before_it_is_taken_away(liar: Liar, passed: list[int], connections: int) -> None:
    clock = Clock(1000.0)
    one = made(clock=clock)
    liar.answers = [b"$2\r\nV1\r\n"]
    assert one.read("a", Fill(-1)) == 1
    for seconds in passed:
        clock.now += seconds
        assert one.read("a", Fill(-1)) == 1
    assert liar.connections == liar.asked.count("AUTH") == connections


@shows("REQ-M2", how="real")
@pytest.mark.parametrize("wrong", ["host", "authority"])
def test_a_server_that_is_not_the_cache_is_told_nothing(
    liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    if wrong == "host":
        monkeypatch.setenv("CACHE_HOST", databases.ADDRESS)
    else:
        monkeypatch.delenv("CACHE_CA")
    liar.answers = [b"$2\r\nV1\r\n"]
    assert made().read("a", Fill()) == FILLED
    assert liar.commands == []


def test_a_host_that_has_no_name_is_down(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_HOST", "no-such-cache.invalid")
    assert made().read("a", Fill()) == FILLED


@pytest.mark.parametrize("missing", ["CACHE_PORT", "CACHE_USER", "AWS_REGION"])
def test_a_cache_of_which_too_little_is_told_is_not_used(
    liar: Liar, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert made().read("a", Fill()) == FILLED


@shows("REQ-M2", how="real")
def test_it_signs_in_by_a_request_that_its_role_signed(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session+/=")
    liar.answers = [b"$2\r\nV1\r\n"]
    made().read("a", Fill())
    _, user, token = liar.commands[0]
    assert user.decode() == USER
    host, _, query = token.decode().partition("/?")
    # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
    said = dict(parse_qsl(query, strict_parsing=True))
    signature, day = said.pop("X-Amz-Signature"), said["X-Amz-Date"][:8]
    scope = f"{day}/eu-west-1/elasticache/aws4_request"
    assert host == NAME.lower()
    assert {name: said[name] for name in said if name != "X-Amz-Date"} == {
        "Action": "connect",
        "ResourceType": "ServerlessCache",
        "User": USER,
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"AKIDEXAMPLE/{scope}",
        "X-Amz-Expires": "900",
        "X-Amz-Security-Token": "session+/=",
        "X-Amz-SignedHeaders": "host",
    }
    # As IAM works it out. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    asked = "&".join(f"{quote(k, '')}={quote(v, '')}" for k, v in sorted(said.items()))
    request = f"GET\n/\n{asked}\nhost:{host}\n\nhost\n{hashlib.sha256().hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{said['X-Amz-Date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    assert hmac.digest(key, text.encode(), "sha256").hex() == signature


# Without time, without a cache


def test_a_cache_is_not_asked_when_time_runs_out(liar: Liar) -> None:
    one = made(connect=0.5, answer=0.2)
    with context.begin(context.Work("request", "origin", deadline=time.monotonic() + 1.1)):
        assert one.read("a", Fill()) == FILLED
        one.forget("a")
    assert liar.connections == 0
    with context.begin(context.Work("request", "origin", deadline=time.monotonic() + cache.CONNECT + cache.READ + 0.2)):
        assert cache.Cache().read("a", Fill()) == FILLED
    assert liar.connections == 0, "there has to be time for all that it may take, and for the answer after it"
    # That is no fault of the cache's.
    liar.answers = [b"$2\r\nV1\r\n"]
    assert made().read("a", Fill()) == 1


def test_without_a_cache_each_one_fills(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("CACHE_HOST", raising=False)
    fill = Fill()
    assert [cache.read("a", fill), cache.read("a", fill)] == [FILLED] * 2
    cache.forget("a")
    assert fill.asked == 2
    assert capsys.readouterr().out == ""
