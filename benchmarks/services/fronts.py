"""What each shape that answers costs, and how long a request takes through the emulator's front of it.

    GET /stock/{sku}, signed ──▶ API Gateway of the emulator ──▶ function or process ──▶ table, cache, database

The same is asked of each shape in turn, one request after the other, once all is warm. `handler` is its code alone, in
a process of its own, called without any HTTP: what is above it, the front adds. Prices are AWS's, by
`microservices.costs`; milliseconds are of the emulator and of this machine, and say nothing of AWS: which of two is
quicker here may be the slower one there.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.measure import NotMeasured
from benchmarks.ours import ROOT
from troposphere_arch import deploy, local
from troposphere_arch.local import backends, databases, running, tasks
from troposphere_arch.local.addresses import LOOPBACK, plain_address
from troposphere_arch.local.emulator import ROOT_KEY
from troposphere_arch.microservices import bundle, costs, deploying, factory, image, reading, testing
from troposphere_arch.microservices.declaration import CACHED, CONTAINER, FRONT, HTTP, INSTANCES, PLATFORM, SERVERS
from troposphere_arch.microservices.templates import draft

REQUESTS, WARM = 300, 20
# The emulator throttles, too.
UNBOUNDED = {"ThrottleRate": "10000", "ThrottleBurst": "5000"}
SECONDS = 60.0
SHOP, STOCK_AS = ROOT / "examples/shop", ROOT / "examples/stock-as"
ANY, VERSION, BEHIND = "any", "version", f"{HTTP} behind a {FRONT}"
SKU, GOODS = "pen", {"units": 5, "cents": 120}
# The code of a service, called as often, by what it is told; how long each call took, in milliseconds.
_ALONE = """
import json, runpy, sys, time

class Context:
    aws_request_id = "11111111-2222-3333-4444-555555555555"

    def get_remaining_time_in_millis(self):
        return 14_000

index, event, warm, calls, into = sys.argv[1:]
handler, event, taken = runpy.run_path(index)["handler"], json.loads(event), []
for _ in range(int(warm) + int(calls)):
    start = time.perf_counter()
    answer = handler(event, Context())
    taken.append((time.perf_counter() - start) * 1000)
    assert answer["statusCode"] == 200, answer
with open(into, "w") as file:
    json.dump(taken[int(warm):], file)
"""


@dataclass(frozen=True)
class Measure:
    """One shape: USD, seconds from `up` to the first answer, and milliseconds; or why it was not measured."""

    name: str
    month: float
    million: float
    not_measured: str = ""
    start: float = 0.0
    whole: tuple[float, ...] = ()
    handler: tuple[float, ...] = ()

    def plain(self) -> dict[str, Any]:
        told = asdict(self) | {"not_measured": self.not_measured or None}
        if not self.not_measured:
            told["front"] = statistics.median(self.whole) - statistics.median(self.handler)
        return told


@dataclass(frozen=True)
class Measured:
    """All shapes that answer."""

    requests: int
    measures: tuple[Measure, ...]

    @classmethod
    def of(cls, requests: int) -> Measured:
        with tempfile.TemporaryDirectory(prefix="fronts-", ignore_cleanup_errors=True) as name:
            folder, home = Path(name, "services"), Path(name, "emulator")
            write(folder)
            emulator = local.start(port=0, home=home)
            try:
                bench = _Bench(emulator, folder, Path(name), requests)
                bench.up(PLATFORM)
                return cls(requests, tuple(bench.measures()))
            finally:
                emulator.stop()

    def plain(self) -> dict[str, Any]:
        return {"requests": self.requests, "measures": [one.plain() for one in self.measures]}

    def lines(self) -> Iterator[str]:
        yield f"fronts: GET /stock/{{sku}} of the shop as each shape, signed, warm; {self.requests} requests, in turn"
        yield "  USD: of AWS, us-east-1, without the network; ms, s: of the emulator on this machine, and not of AWS"
        heads = ("USD a month", "a million", "median", "p95", "handler", "p95", "front adds", "up, first answer")
        yield f"  {'':22}" + "".join(f"{head:>17}" if head == heads[-1] else f"{head:>12}" for head in heads)
        for one in self.measures:
            costs_ = f"{one.month:12.2f}{one.million:12.2f}"
            if one.not_measured:
                yield f"  {one.name:22}{costs_}   not measured: {one.not_measured}"
                continue
            median, alone = statistics.median(one.whole), statistics.median(one.handler)
            taken = (median, _p95(one.whole), alone, _p95(one.handler), median - alone)
            yield f"  {one.name:22}{costs_}" + "".join(f"{ms:9.1f} ms" for ms in taken) + f"{one.start:15.1f} s"


def _p95(taken: Sequence[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]


def write(folder: Path) -> None:
    """The shop's `stock` as each shape, as `examples/stock-as` says, and once more behind a front."""
    folder.mkdir()
    (folder / "platform.yaml").write_text("name: fronts\nowner: fronts@example.com\nnetwork: nat\n")
    unseen = shutil.ignore_patterns("test_*", "__pycache__")
    for name in (HTTP, CACHED, CONTAINER, INSTANCES, VERSION):
        shutil.copytree(SHOP / "stock", folder / name, ignore=unseen)
        if name == CACHED:
            (folder / name / "store.py").rename(folder / name / "items.py")
        if name not in (HTTP, VERSION):
            shutil.copytree(STOCK_AS / name, folder / name, dirs_exist_ok=True, ignore=unseen)
    declared = (folder / VERSION / "service.yaml").read_text()
    (folder / VERSION / "service.yaml").write_text(f"{declared}behind: {ANY}\n")
    (folder / ANY).mkdir()
    front = declared.replace(f"shape: {HTTP}", f"shape: {FRONT}").replace("table: true\n", "")
    (folder / ANY / "service.yaml").write_text(front)


class _Bench:
    """Deploys each, and asks it."""

    def __init__(self, emulator: local.Emulator, folder: Path, home: Path, requests: int) -> None:
        self.emulator, self.home, self.requests = emulator, home, requests
        self.target = deploy.target_of(emulator.client)
        self.system = reading.read(folder)
        drafts = {one: draft(self.system, one) for one in deploying.needed(self.system)}
        self.templates = {one: made.files[made.template] for one, made in drafts.items()}
        self.versions = {one: made.version for one, made in drafts.items()}

    def measures(self) -> Iterator[Measure]:
        shapes: Mapping[str, Callable[[], contextlib.AbstractContextManager[Mapping[str, str]]]] = {
            HTTP: lambda: self.function(HTTP),
            CACHED: self.cached,
            CONTAINER: self.container,
            INSTANCES: self.instances,
        }
        for shape, made in shapes.items():
            yield self.measure(shape, shape, shape, made)
        yield self.measure(BEHIND, VERSION, ANY, self.behind)

    def measure(
        self,
        name: str,
        service: str,
        answers: str,
        made: Callable[[], contextlib.AbstractContextManager[Mapping[str, str]]],
    ) -> Measure:
        """`service` is whose code it is, `answers` who is asked; `made` is there with what the code is told."""
        print(f"fronts: {name}", file=sys.stderr, flush=True)
        both = [self.system.services[one] for one in dict.fromkeys((service, answers))]
        month, each = sum(map(costs.fixed, both)), sum(map(costs.million, both))
        begin = time.perf_counter()
        try:
            with made() as told:
                client = _Client(self.emulator, self.outputs(answers)["ApiUrl"])
                client.ask("PUT", GOODS)
                client.ask("GET")
                start = time.perf_counter() - begin
                return Measure(name, month, each, "", start, self.whole(client), self.alone(service, told))
        except NotMeasured as error:
            return Measure(name, month, each, str(error))

    def whole(self, client: _Client) -> tuple[float, ...]:
        """Milliseconds of each request, end to end."""
        for _ in range(WARM):
            client.ask("GET")
        return tuple(client.ask("GET") for _ in range(self.requests))

    def alone(self, service: str, told: Mapping[str, str]) -> tuple[float, ...]:
        """Milliseconds of each call of the handler."""
        declared = self.system.services[service]
        index, into = self.home / f"{service}-index.py", self.home / f"{service}-taken.json"
        index.write_text(bundle.bundle(declared.folder, server=declared.shape in SERVERS))
        event = json.dumps(testing.request("GET /stock/{sku}", sku=SKU))
        subprocess.run(
            [sys.executable, "-P", "-c", _ALONE, index, event, str(WARM), str(self.requests), into],
            env={**told, **self.emulator.environment()},
            cwd=self.home,
            check=True,
            stdout=subprocess.DEVNULL,  # where its log lines go
        )
        return tuple(json.loads(into.read_text()))

    # --- what is deployed

    def up(self, only: str, **given: str) -> None:
        asked = given | (UNBOUNDED if "ApiUrl" in json.loads(self.templates[only])["Outputs"] else {})
        named = {f"{only}.{name}": value for name, value in asked.items()}
        wanted = deploying.units(self.system, self.templates, self.versions, named, only=only)
        for one in deploying.up(self.target, wanted):
            if one.is_bad:
                raise RuntimeError(f"{one.stack} {one.what}: {one.why}")

    def outputs(self, service: str) -> dict[str, str]:
        [found] = self.emulator.client("cloudformation").describe_stacks(StackName=self.system.stack(service))["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}

    def physical(self, service: str, title: str) -> str:
        asked = self.emulator.client("cloudformation").describe_stack_resource(
            StackName=self.system.stack(service), LogicalResourceId=title
        )
        return str(asked["StackResourceDetail"]["PhysicalResourceId"])

    def of_function(self, service: str) -> dict[str, str]:
        name = self.physical(service, "Function")
        known = self.emulator.client("lambda").get_function_configuration(FunctionName=name)
        return dict(known["Environment"]["Variables"])

    @contextlib.contextmanager
    def function(self, service: str) -> Iterator[Mapping[str, str]]:
        self.up(service)
        yield self.of_function(service)

    @contextlib.contextmanager
    def behind(self) -> Iterator[Mapping[str, str]]:
        """The front, then the version behind it, which then gets all."""
        self.up(VERSION)
        self.up(ANY, VersionA=f"/{self.system.platform.name}/{VERSION}/targets")
        yield self.of_function(VERSION)

    @contextlib.contextmanager
    def cached(self) -> Iterator[Mapping[str, str]]:
        """With a Redis that the stack's user gets into, with the rights that the stack gives it."""
        if shutil.which("redis-server") is None:
            raise NotMeasured("no redis-server here")
        with databases.redis() as redis:
            backends.serve(self.emulator, "cache", redis.host, redis.port, ca=redis.ca)
            self.up(CACHED)
            identifier = self.physical(CACHED, "CacheUser")
            [user] = self.emulator.client("elasticache").describe_users(UserId=identifier)["Users"]
            redis.ask("ACL", "SETUSER", user["UserName"], "reset", "nopass", *user["AccessString"].split())
            yield self.of_function(CACHED) | {"CACHE_CA": str(redis.ca)}
            # Without an answer of the cache it would be the table that is measured.
            hits = dict(line.split(":") for line in redis.ask("INFO", "stats").splitlines() if ":" in line)
            if int(hits["keyspace_hits"]) < 2 * self.requests:
                raise RuntimeError(f"of {2 * self.requests} requests the cache answered {hits['keyspace_hits']}")

    @contextlib.contextmanager
    def container(self) -> Iterator[Mapping[str, str]]:
        service = self.system.services[CONTAINER]
        context = image.context(factory.place(service.folder))
        self.up(CONTAINER, ImageTag=context.tag)
        with running.container(self.emulator, self.system.stack(CONTAINER), context):
            outputs = self.outputs(CONTAINER)
            yield tasks.read(self.emulator, outputs["ClusterName"], outputs["ServiceName"]).environment

    @contextlib.contextmanager
    def instances(self) -> Iterator[Mapping[str, str]]:
        if databases.programs() is None:
            raise NotMeasured("no PostgreSQL here")
        self.up(INSTANCES)
        with running.instances(self.emulator, self.system.stack(INSTANCES)) as made:
            identifier = self.physical(INSTANCES, "Database")
            [known] = self.emulator.client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
            assert made.database is not None  # noqa: S101
            yield {"HEALTH": "/health", **made.database.variables(known["MasterUserSecret"]["SecretArn"])}


class _Client:
    """Asks over one connection, as whoever calls often does; signed before the clock starts."""

    def __init__(self, emulator: local.Emulator, url: str) -> None:
        self.url = f"{plain_address(url, emulator.port).rstrip('/')}/stock/{SKU}"
        self.connection = http.client.HTTPConnection(LOOPBACK, emulator.port, timeout=SECONDS)

    def ask(self, method: str, body: Any = None) -> float:
        """Milliseconds until all of the answer was there, which has to be 200."""
        data = b"" if body is None else json.dumps(body).encode()
        signed = AWSRequest(method, self.url, data=data)
        SigV4Auth(Credentials(ROOT_KEY, ROOT_KEY), "execute-api", local.DEFAULT_REGION).add_auth(signed)
        headers = dict(signed.headers.items())
        start = time.perf_counter()
        self.connection.request(method, urlsplit(self.url).path, data, headers)
        answer = self.connection.getresponse()
        said = answer.read()
        taken = (time.perf_counter() - start) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{method} {self.url}: {answer.status} {said!r}")
        return taken
