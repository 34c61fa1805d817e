"""What the tests of the shop share: its handlers, what they write to on the unmodified emulator, and their neighbours.

    customer ──▶ orders ──HTTP──▶ Neighbours ──▶ stock
                   └── and all others ──▶ Gate ──▶ emulator

Nothing is deployed: a test calls a handler with the event that API Gateway or Lambda would give it, as often as it
likes. Between the handlers and AWS is a gate, at which a test lets requests fail; between the services is a server
that may be down.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import sys
import threading
import uuid
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from tests.handlers.blog_async.gate import Gate, gate
from troposphere_arch import local
from troposphere_arch.service_kit import context as kit
from troposphere_arch.service_kit import table as kit_table

SHOP = Path(__file__).parents[3] / "examples" / "shop"
SERVICES = ("stock", "orders", "fulfilment", "payments", "statistics", "invoices")
CUSTOMER = "arn:aws:iam::000000000000:user/customer"
ROUTES = (
    "GET /stock/{sku}",
    "PUT /stock/{sku}",
    "POST /stock/{sku}/reservations",
    "DELETE /stock/{sku}/reservations/{id}",
)


@dataclass
class Context:
    """The context of one invocation. A message that is not finished comes again after `remaining` milliseconds."""

    remaining: int = 20_000
    aws_request_id: str = "11111111-2222-3333-4444-555555555555"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def error(self) -> tuple[int, str]:
        assert set(self.body) == {"error", "message", "request"}
        assert self.body["message"].endswith(".")
        return self.status, self.body["error"]


def load(service: str) -> ModuleType:
    """The handler of a service as a module of its own, as Lambda loads it, with the modules beside it."""
    sys.path.insert(0, str(SHOP / service))
    try:
        spec = importlib.util.spec_from_file_location(f"shop_{service}", SHOP / service / "handler.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def http_event(route: str, body: Any, headers: dict[str, str], **path: str) -> dict[str, Any]:
    """What API Gateway gives a function; a body that is no string is sent as JSON."""
    verb, _, resource = route.partition(" ")
    return {
        "resource": resource,
        "path": re.sub(r"\{(\w+)\}", lambda found: path[found[1]], resource),
        "httpMethod": verb,
        "headers": headers,
        "queryStringParameters": None,
        "pathParameters": path or None,
        "requestContext": {"requestId": str(uuid.uuid4()), "identity": {"userArn": CUSTOMER}},
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


@dataclass
class Neighbours:
    """`stock` and `status` at one address. `down`: nobody is there; `seen`: the headers of all requests."""

    world: World
    down: bool = False
    refuses: int = 0  # the status of all answers, if it is one
    known: dict[str, Any] = field(default_factory=dict)  # by the platform's status service
    seen: list[dict[str, str]] = field(default_factory=list)

    def answer(self, verb: str, path: str, headers: dict[str, str], body: str | None) -> tuple[int, str]:
        if self.down:
            return 503, ""
        if self.refuses:
            return self.refuses, '{"message": "Forbidden"}'
        if found := re.fullmatch(r"/requests/([^/]+)", path):
            said = self.known.get(found[1])
            return (200, json.dumps(said)) if said else (404, '{"error": "NotFound", "message": "No.", "request": "x"}')
        for route in ROUTES:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route)
            if match := re.fullmatch(pattern, f"{verb} {path}"):
                answer = self.world.handlers["stock"].handler(
                    http_event(route, body, headers, **match.groupdict()), Context()
                )
                return answer["statusCode"], answer["body"]
        return 403, '{"message": "Missing Authentication Token"}'


@contextlib.contextmanager
def serving(neighbours: Neighbours) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            headers = dict(self.headers.items())
            neighbours.seen.append(headers)
            status, text = neighbours.answer(self.command, self.path, headers, body or None)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PUT = do_POST = do_DELETE = serve

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class World:
    """The shop, with all that it writes to."""

    emulator: local.Emulator
    gate: Gate
    environment: pytest.MonkeyPatch
    places: dict[str, str]
    handlers: dict[str, ModuleType] = field(default_factory=dict)
    neighbours: Neighbours = field(init=False)

    def __post_init__(self) -> None:
        self.neighbours = Neighbours(self)

    # --- what customers and other services ask

    def ask(self, service: str, route: str, body: Any = None, key: str = "", **path: str) -> Reply:
        headers = {"Idempotency-Key": key} if key else {}
        return self.send(service, http_event(route, body, headers, **path))

    def send(self, service: str, event: dict[str, Any]) -> Reply:
        self.environment.setenv("SERVICE", service)
        answer = self.handlers[service].handler(event, Context())
        return Reply(answer["statusCode"], answer["headers"], json.loads(answer["body"]) if answer["body"] else None)

    def fill(self, units: int = 10, cents: int = 1250) -> str:
        """New goods; gives their name."""
        sku = f"tea-{uuid.uuid4()}"
        assert self.ask("stock", "PUT /stock/{sku}", {"units": units, "cents": cents}, sku=sku).status == 200
        return sku

    def left(self, sku: str) -> int:
        return int(self.ask("stock", "GET /stock/{sku}", sku=sku).body["units"])

    def reserve(self, sku: str, units: Any, key: str = "") -> Reply:
        return self.ask("stock", "POST /stock/{sku}/reservations", {"units": units}, key or new_key(), sku=sku)

    def order(self, key: str = "", **said: Any) -> Reply:
        return self.ask("orders", "POST /orders", {"units": 2, "card": "visa-4242", **said}, key or new_key())

    # --- what was sent to whom, as Lambda gives it to a function

    def queued(self, queue: str) -> list[dict[str, Any]]:
        """The records that are in a queue by now; they are taken out."""
        sqs, found = self.emulator.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.places[queue], MaxNumberOfMessages=10).get("Messages"):
            for one in messages:
                sqs.delete_message(QueueUrl=self.places[queue], ReceiptHandle=one["ReceiptHandle"])
                found.append(queue_record(one["Body"], one["MessageId"]))
        return found

    def streamed(self) -> list[dict[str, Any]]:
        """The records that came since the last time."""
        kinesis = self.emulator.client("kinesis")
        page = kinesis.get_records(ShardIterator=self.places["iterator"])
        self.places["iterator"] = page["NextShardIterator"]
        return [stream_record(one["Data"], one["SequenceNumber"], one["PartitionKey"]) for one in page["Records"]]

    def stored(self, order: str) -> dict[str, Any]:
        """The event of the object that was put for an order."""
        key = f"paid/{order}.json"
        self.emulator.client("s3").head_object(Bucket=self.places["INVOICES_BUCKET"], Key=key)
        return object_event(self.places["INVOICES_BUCKET"], key)

    def work(self, service: str, *records: dict[str, Any], context: Context | None = None) -> Any:
        """What the function answers to a batch of records, or to the event of an object."""
        self.environment.setenv("SERVICE", service)
        event = records[0] if service == "invoices" else {"Records": list(records)}
        return self.handlers[service].handler(event, context or Context())

    # --- what there is afterwards

    def item(self, pk: str, sk: str) -> dict[str, Any] | None:
        table = kit.aws("dynamodb", "resource").Table(self.places["ITEMS_TABLE"])
        item: dict[str, Any] | None = table.get_item(Key={"pk": pk, "sk": sk}, ConsistentRead=True).get("Item")
        return item

    def let_time_pass(self) -> None:
        """Until nobody can be at work on any message any more."""
        table = kit.aws("dynamodb", "resource").Table(self.places["ITEMS_TABLE"])
        marks = table.scan(
            FilterExpression="begins_with(pk, :marks) AND #state = :working",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":marks": "kit#message#", ":working": "working"},
            ConsistentRead=True,
        )
        for mark in marks["Items"]:
            key = {"pk": mark["pk"], "sk": mark["sk"]}
            table.update_item(Key=key, UpdateExpression="SET lease = :past", ExpressionAttributeValues={":past": 0})

    def told(self, request: str) -> list[dict[str, Any]]:
        """How a request went on, as it was told to the bus; each time is told once."""
        for record in self.queued("progress"):
            told = json.loads(record["body"])["detail"]
            self.places[f"told {told['request']}"] = (
                self.places.get(f"told {told['request']}", "") + json.dumps(told) + "\n"
            )
        return [json.loads(line) for line in self.places.get(f"told {request}", "").splitlines()]


def new_key() -> str:
    return str(uuid.uuid4())


def queue_record(body: str, message: str = "") -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "0"}
    return {
        "messageId": message or str(uuid.uuid4()),
        "receiptHandle": "handle",
        "body": body,
        "attributes": attributes,
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue",
    }


def stream_record(data: bytes, number: str, key: str = "p") -> dict[str, Any]:
    kinesis = {"data": b64encode(data).decode(), "sequenceNumber": number, "partitionKey": key}
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/statistics"
    return {"eventSource": "aws:kinesis", "eventID": f"shard:{number}", "kinesis": kinesis, "eventSourceARN": arn}


def object_event(bucket: str, key: str, sequencer: str = "0055AED6DCD90281E5") -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": sequencer}},
    }


@pytest.fixture(scope="session")
def made(stock: local.Emulator) -> Iterator[World]:
    """The shop on the emulator."""
    name = "shop-of-the-handler-tests"
    sqs, sns, events = (stock.client(service) for service in ("sqs", "sns", "events"))

    def queue(what: str) -> tuple[str, str]:
        url = sqs.create_queue(QueueName=f"{name}-{what}")["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def allow(url: str, arn: str, service: str) -> None:
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    stock.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    payments, _ = queue("payments")
    fulfilment, fulfilment_arn = queue("fulfilment")
    allow(fulfilment, fulfilment_arn, "sns.amazonaws.com")
    topic = sns.create_topic(Name=name)["TopicArn"]
    wanted = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"event": ["order-placed"]})}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=fulfilment_arn, Attributes=wanted)
    progress, progress_arn = queue("progress")
    allow(progress, progress_arn, "events.amazonaws.com")
    events.create_event_bus(Name=name)
    pattern = json.dumps({"detail-type": ["Request progress"]})
    events.put_rule(Name=name, EventBusName=name, EventPattern=pattern)
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "queue", "Arn": progress_arn}])
    stock.client("s3").create_bucket(Bucket=name)
    kinesis = stock.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    shard = kinesis.describe_stream(StreamName=name)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")

    variables = {
        "ATTEMPTS": "5",
        "BUS": name,
        "EVENTS_TOPIC": topic,
        "INVOICES_BUCKET": name,
        "INVOICES_PREFIX": "paid/",
        "ITEMS_TABLE": name,
        "PAYMENTS_QUEUE": payments,
        "STATISTICS_STREAM": name,
        "SYSTEM": "shop",
    }
    places = {**variables, "fulfilment": fulfilment, "payments": payments, "progress": progress}
    places["iterator"] = iterator["ShardIterator"]
    with pytest.MonkeyPatch.context() as environment, gate(stock.port) as way:
        world = World(stock, way, environment, places)
        with serving(world.neighbours) as address:
            variables |= {"STOCK_URL": address, "STATUS_URL": address}
            for key, value in {**stock.environment(), **variables, "AWS_ENDPOINT_URL": way.url}.items():
                environment.setenv(key, value)
            forget_clients()
            for service in SERVICES:
                world.handlers[service] = load(service)
            yield world
    forget_clients()


def forget_clients() -> None:
    """Clients that were made for another place."""
    kit.aws.cache_clear()
    kit_table._table.cache_clear()


@pytest.fixture
def shop(made: World) -> Iterator[World]:
    """The shop, all of it up."""
    yield made
    made.gate.reset()
    made.neighbours.down = False
    made.neighbours.refuses = 0
    made.neighbours.seen.clear()
