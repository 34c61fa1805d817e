"""The database of a service on servers: a real PostgreSQL with TLS, which is away, slow, changed, and asked at once."""

from __future__ import annotations

import json
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.evidence import shows
from tests.service_kit.conftest import Context
from tests.system import needs
from troposphere_arch import local
from troposphere_arch.local import databases
from troposphere_arch.service_kit import context, database, http

pytestmark = needs("postgres")

SCHEMA = """
CREATE TABLE IF NOT EXISTS goods (sku text PRIMARY KEY, units integer NOT NULL CONSTRAINT enough CHECK (units >= 0));
CREATE TABLE IF NOT EXISTS taken (id text PRIMARY KEY, sku text NOT NULL REFERENCES goods, units integer NOT NULL);
"""
INJECTIONS = [
    "'; DROP TABLE goods; --",
    "\\'; DROP TABLE goods; --",
    "$1",
    ":sku",
    '"',
    "$$",
    "%s",
    "é\u2028\U0001f375",
    "",
    "a" * 100_000,
]


class Place:
    """A service's variables, its database, and its secret on the emulator."""

    def __init__(self, postgres: databases.Postgres, emulator: local.Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.postgres, self.monkeypatch = postgres, monkeypatch
        self.secrets = emulator.client("secretsmanager")
        made = self.secrets.create_secret(Name=f"database-{uuid.uuid4().hex[:8]}", SecretString=postgres.secret())
        self.arn = made["ARN"]
        variables = emulator.environment() | postgres.variables(self.arn) | {"SERVICE": "stock"}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        context.aws.cache_clear()

    def put(self, text: str | None = None) -> None:
        """The secret, as the database has it unless a text is given."""
        self.secrets.put_secret_value(SecretId=self.arn, SecretString=text or self.postgres.secret())

    def use(self, **variables: str) -> None:
        """Other variables: for the kit another database, of which it knows nothing yet."""
        for name, value in variables.items():
            self.monkeypatch.setenv(f"DATABASE_{name.upper()}", value)

    def connections(self) -> int:
        """How many the service has."""
        sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'stock' AND datname = :name"
        return int(self.postgres.run(sql, name=self.postgres.name)[0]["n"])

    def end_connections(self) -> None:
        """As if the database had been started anew."""
        self.postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stock'")
        while self.connections():
            time.sleep(0.005)


@pytest.fixture(scope="module")
def made(postgres: databases.Postgres) -> databases.Postgres:
    postgres.fresh()
    postgres.run(SCHEMA)
    return postgres


@pytest.fixture
def place(made: databases.Postgres, patched: local.Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """With empty tables, and no connection yet."""
    place, name = Place(made, patched, monkeypatch), made.name
    place.end_connections()
    made.run("DELETE FROM taken; DELETE FROM goods")
    yield place
    made.name = name
    context.aws.cache_clear()


def put(sku: str, units: int) -> None:
    with database.transaction() as run:
        run("INSERT INTO goods VALUES (:sku, :units)", sku=sku, units=units)


def units(sku: str) -> Any:
    with database.transaction() as run:
        rows = run("SELECT units FROM goods WHERE sku = :sku", sku=sku)
    return rows[0]["units"] if rows else None


def answer(work: Callable[[], Any], seconds: float = 15.0) -> tuple[int, Any]:
    """What a route that does this answers, with so much time."""
    event = {"httpMethod": "GET", "resource": "/", "headers": {}}
    said = http.handler({"GET /": lambda _: work()})(event, Context([int(seconds * 1000)]))
    return said["statusCode"], json.loads(said["body"]) if said["body"] else None


@shows("REQ-M3", how="real")
def test_what_was_written_is_read_and_what_failed_was_not(place: Place) -> None:
    put("tea", 5)
    assert units("tea") == 5
    with pytest.raises(KeyError), database.transaction() as run:
        run("UPDATE goods SET units = 1 WHERE sku = :sku", sku="tea")
        assert run("SELECT * FROM goods") == [{"sku": "tea", "units": 1}]
        raise KeyError
    assert units("tea") == 5
    assert units("coffee") is None
    assert place.connections() == 1


@shows("REQ-M3", how="real")
def test_no_value_is_ever_sql(place: Place) -> None:
    for number, text in enumerate(INJECTIONS):
        put(text, number)
    for number, text in enumerate(INJECTIONS):
        assert units(text) == number
    with database.transaction() as run:
        assert run("SELECT :a AS a, :b::text AS b, :a AS again", a="x'", b=None) == [
            {"a": "x'", "b": None, "again": "x'"}
        ]


@shows("REQ-M3", how="real")
@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT :sku", {"skus": "tea"}),
        ("SELECT :sku", {"sku": "\ud800"}),
        ("SELECT :stream", {"stream": "a"}),
    ],
    ids=["name", "half-character", "reserved"],
)
def test_a_wrong_use_is_told_and_breaks_nothing(place: Place, sql: str, values: dict[str, Any]) -> None:
    with database.transaction() as run:
        with pytest.raises(ValueError):
            run(sql, **values)
        run("INSERT INTO goods VALUES ('tea', 1)")
        assert run("SELECT :a AS a", a="b") == [{"a": "b"}]
    assert units("tea") == 1
    assert place.connections() == 1


@shows("REQ-M3", how="real")
def test_a_connection_in_which_anything_went_wrong_is_not_used_again(place: Place) -> None:
    put("tea", 5)
    with pytest.raises(ValueError), database.transaction() as run:
        run("SELECT :a", a=["\ud800"])
    for _ in range(2):
        assert units("tea") == 5
    assert place.connections() == 1


@shows("REQ-M3", how="real")
@pytest.mark.parametrize(
    ("sql", "code", "constraint"),
    [
        ("INSERT INTO goods VALUES ('tea', abs(:units::int))", "23505", "goods_pkey"),
        ("UPDATE goods SET units = :units", "23514", "enough"),
        ("SELECT * FROM nothing WHERE units = :units", "42P01", ""),
    ],
    ids=["there", "check", "no-table"],
)
def test_what_the_database_refuses_ends_the_transaction(
    place: Place, capsys: pytest.CaptureFixture[str], sql: str, code: str, constraint: str
) -> None:
    put("tea", 5)

    def swallow() -> None:
        with database.transaction() as run:
            run("INSERT INTO goods VALUES ('secret-anna', 1)")
            for _ in range(2):
                with pytest.raises(database.Refused) as refused:
                    run(sql, units=-1)
                assert (refused.value.code, refused.value.constraint) == (code, constraint)
                assert "tea" not in "".join(traceback.format_exception_only(refused.value))
                assert refused.value.__cause__ is None and refused.value.__suppress_context__, "its words have values"

    with pytest.raises(database.Refused):
        swallow()
    assert units("secret-anna") is None, "nothing of it may be kept, and who swallows it must not think so"
    assert answer(swallow)[0] == 500
    told = capsys.readouterr()
    assert json.loads(told.out.splitlines()[-1])["code"] == code
    assert "anna" not in told.out + told.err


@shows("REQ-M3", how="real")
def test_of_those_who_want_the_last_one_gets_it(place: Place) -> None:
    put("tea", 5)

    def take(number: int) -> bool:
        with database.transaction() as run:
            left = run("UPDATE goods SET units = units - 1 WHERE sku = 'tea' AND units >= 1 RETURNING units")
            if left:
                run("INSERT INTO taken VALUES (:id, 'tea', 1)", id=str(number))
            return bool(left)

    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(take, range(40))) == 5
    assert units("tea") == 0
    assert place.connections() <= database.CONNECTIONS
    with database.transaction() as run:
        assert run("SELECT count(*)::int AS n FROM taken") == [{"n": 5}]


@shows("REQ-M3", how="real")
def test_two_that_cannot_both_be_are_told_to_repeat(place: Place) -> None:
    put("tea", 5)
    put("coffee", 5)
    meet = threading.Barrier(2)

    def move(skus: tuple[str, str]) -> str:
        try:
            with database.transaction(serializable=True) as run:
                seen = run("SELECT units FROM goods WHERE sku = :sku", sku=skus[0])
                meet.wait()
                run("UPDATE goods SET units = :units WHERE sku = :sku", units=seen[0]["units"] - 1, sku=skus[1])
            return "done"
        except database.Repeat:
            return "repeat"

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(move, [("tea", "coffee"), ("coffee", "tea")])) == ["done", "repeat"]
    assert sorted([units("tea"), units("coffee")]) == [4, 5]

    def repeat() -> None:
        raise database.Repeat("database", "transaction", None)

    assert answer(repeat)[0] == 503


@shows("REQ-M3", how="real")
def test_tables_are_made_once_whoever_begins(place: Place) -> None:
    place.postgres.fresh()
    place.use(name=place.postgres.name)
    schema = "CREATE TABLE made (n serial); INSERT INTO made DEFAULT VALUES;"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: database.ready(schema), range(8)))
    with database.transaction() as run:
        assert run("SELECT n FROM made") == [{"n": 1}]
    with pytest.raises(database.Refused):
        database.ready("CREATE TABLE made (n serial);")
    with pytest.raises(database.Refused):
        database.ready("CREATE TABLE made (n serial);")


@shows("REQ-M3", how="real")
def test_another_process_waits_until_the_tables_are_made(place: Place) -> None:
    """To the kit a host by another name is another database, as it is to another process."""
    schema = "CREATE TABLE IF NOT EXISTS slowly (n serial); SELECT pg_sleep(0.3)"
    place.postgres.run("DROP TABLE IF EXISTS slowly")
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(database.ready, schema)
        at_work = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%slowly%' AND wait_event = 'PgSleep'"
        while not place.postgres.run(at_work):
            assert not first.done() or first.result()
        place.use(host="LOCALHOST")
        database.ready(schema)
        first.result()


# --- who it speaks to


@shows("REQ-M3", how="real")
@pytest.mark.parametrize("odd", ["authority", "host", "no-file", "no-tls"])
def test_it_tells_its_password_to_its_own_database_only(
    place: Place, capsys: pytest.CaptureFixture[str], tmp_path: Any, odd: str
) -> None:
    if odd == "authority":
        databases.certify(tmp_path)
        place.use(ca=str(tmp_path / "ca.pem"))
    elif odd == "host":
        place.use(host=databases.ADDRESS)
    elif odd == "no-file":
        place.use(ca=str(tmp_path / "none.pem"))
    else:
        place.use(port=str(_plain()))
    status, body = answer(lambda: units("tea"))
    assert (status, body["error"]) == (503, "Unavailable")
    told = capsys.readouterr()
    expected = {"no-file": "FileNotFoundError", "no-tls": "ConnectionError"}.get(odd, "SSLCertVerificationError")
    assert json.loads(told.out.splitlines()[0])["error"] == expected
    assert place.postgres.password not in told.out + told.err


def _plain() -> int:
    """A server that has no TLS; gives its port."""
    import socket

    server = socket.create_server((databases.ADDRESS, 0))

    def serve() -> None:
        with server, server.accept()[0] as one:
            one.recv(8)
            one.sendall(b"N")
            assert one.recv(100) == b"", "nothing may be said without TLS"

    threading.Thread(target=serve, daemon=True).start()
    port: int = server.getsockname()[1]
    return port


@shows("REQ-M3", how="real")
def test_a_password_that_was_changed_is_asked_for_again(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    put("tea", 5)
    place.postgres.change_password(f"changed-{uuid.uuid4()}'")
    assert units("tea") == 5, "a connection that is there stays"
    place.end_connections()
    assert answer(lambda: {"units": units("tea")})[0] == 503, "the secret is not there yet"
    place.put()
    assert units("tea") == 5
    place.end_connections()
    place.put('{"username": "owner"}')
    assert units("tea") == 5, "it is asked for only when it was refused"
    place.postgres.change_password(f"changed-{uuid.uuid4()}")
    place.end_connections()
    for odd in ('{"username": "owner"}', "nonsense", "[]"):
        place.put(odd)
        assert answer(lambda: {"units": units("tea")})[0] == 503
    place.put()
    assert units("tea") == 5
    told = capsys.readouterr()
    assert "changed-" not in told.out + told.err
    assert "28P01" in told.out


@shows("REQ-M3", how="real")
def test_without_the_secret_it_is_unavailable(place: Place) -> None:
    place.use(secret=f"{place.arn}-none")
    assert answer(lambda: {"units": units("tea")})[0] == 503


# --- when it is away


@shows("REQ-M6", how="real")
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_database_that_was_away_is_found_again(place: Place, how: str) -> None:
    put("tea", 5)
    getattr(place.postgres, how)()
    try:
        status, body = answer(lambda: {"units": units("tea")})
        assert (status, body["message"]) == (503, "database, which this needs, is not available; try again.")
    finally:
        place.postgres.start()
    assert answer(lambda: {"units": units("tea")}) == (200, {"units": 5})


@shows("REQ-M6", how="real")
def test_connections_that_ended_meanwhile_are_nobodys_trouble(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    put("tea", 5)
    with ThreadPoolExecutor(4) as threads:
        meet = threading.Barrier(4)

        def hold(_: int) -> None:
            with database.transaction() as run:
                run("SELECT 1 AS one")
                meet.wait()

        list(threads.map(hold, range(4)))
    assert place.connections() == 4
    place.end_connections()
    assert units("tea") == 5
    assert place.connections() == 1
    told = capsys.readouterr().out
    assert told.count("database lost") == 1, "those that were lost with it are not tried one by one"


@shows("REQ-M6", how="real")
def test_what_was_under_way_when_it_broke_is_not_done_again(place: Place) -> None:
    put("tea", 5)

    def take() -> None:
        with database.transaction() as run:
            run("UPDATE goods SET units = units - 1 WHERE sku = 'tea'")
            place.end_connections()
            run("UPDATE goods SET units = units - 1 WHERE sku = 'tea'")

    assert answer(take)[0] == 503
    assert units("tea") == 5


@shows("REQ-M6", how="real")
def test_a_database_that_says_nothing_is_not_waited_for(place: Place) -> None:
    put("tea", 5)
    place.postgres.pause()
    started = time.monotonic()
    try:
        assert answer(lambda: {"units": units("tea")}, seconds=0.8)[0] == 503
        assert answer(lambda: {"units": units("tea")}, seconds=0.8)[0] == 503, "nor by a new connection"
        spent = time.monotonic() - started
    finally:
        place.postgres.resume()
    assert spent < database.CONNECT, "what is left of the request counts"
    assert answer(lambda: {"units": units("tea")}) == (200, {"units": 5})


@shows("REQ-M6", how="real")
def test_a_statement_that_takes_too_long_is_stopped(place: Place) -> None:
    def sleep() -> None:
        with database.transaction() as run:
            run("SELECT pg_sleep(60)")

    assert answer(sleep, seconds=0.9)[0] == 503
    sql = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active'"
    mine = [{"n": 1}]
    assert place.postgres.run(sql) == mine, "the database works on it no longer"
    assert place.connections() == 1, "and the connection is as good as before"


@shows("REQ-M6", how="real")
def test_who_finds_no_connection_free_is_told_so(place: Place) -> None:
    place.use(connections="2", host="LOCALHOST")
    inside, leave = threading.Barrier(3), threading.Event()

    def hold(_: int) -> None:
        with database.transaction() as run:
            run("SELECT 1 AS one")
            inside.wait()
            leave.wait()

    with ThreadPoolExecutor(2) as threads:
        held = [threads.submit(hold, number) for number in range(2)]
        inside.wait()
        left = []

        def ask() -> Any:
            try:
                return {"units": units("tea")}
            finally:
                left.append(context.remaining())

        try:
            assert answer(ask, seconds=0.7)[0] == 503
            assert left[0] > 0, "while there is time to say so"
        finally:
            leave.set()
        for one in held:
            one.result()
    assert answer(lambda: {"units": units("tea")}) == (200, {"units": None})
    assert place.connections() <= 3
