"""For the tests of services: the code as it is deployed, by itself; and the stack, in an emulator of the tests' own.

    load(folder) ──▶ handler(request("GET /items/{id}", id="a"), Context()) ──answer──▶ Answer
    with deployed(folder) as service: service.call("GET /items/{id}", id="a"), service.send({...}), service.item(...)

What of AWS is not there when the code is by itself, a table or a database, is replaced by a module of the test's own:
`load(folder, modules={"store": Store()})`; so is a service that it calls by a handler: `neighbours={"stock": handler}`,
which may be that of another `load`. A cache is not there and need not be: the code does without, as it has to.
Of a service on servers, one process runs beside its stack: a task as its Dockerfile says, or a server with its
PostgreSQL, whose programs have to be on this machine.

The emulator needs the extra `local`: `pip install troposphere-arch[local]`.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ..errors import UserError
from ..parameters.containers import IMAGE_TAG
from . import bundle, factory, parsing
from .declaration import CONTAINER, INSTANCES, PLATFORM, SERVERS, STATUS_ROUTES, System
from .files import DOCKERFILE, SERVICE_FILE

if TYPE_CHECKING:
    from ..deploy import Target
    from ..local import Emulator
    from .image import Context as Image

Handler = Callable[[Any, Any], Any]

REGION = "us-east-1"
SECONDS = 30.0
"""How long `until` waits: a first message may come after several cold starts."""
_ALONE = threading.RLock()  # the environment and the modules are the process's
_CALLER = "arn:aws:sts::000000000000:assumed-role/caller/test"
_CLIENT = f"{bundle.KIT}.client"
_PART = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")


# --- the code by itself


@dataclass
class Context:
    """What Lambda tells a handler of its invocation; it has so many milliseconds left."""

    remaining: int = 14_000
    aws_request_id: str = "11111111-2222-3333-4444-555555555555"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. `body` is what its JSON says, its text when it is none, None when it is empty."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def load(
    folder: str | Path,
    environment: Mapping[str, str] | None = None,
    *,
    modules: Mapping[str, Any] | None = None,
    neighbours: Mapping[str, Handler] | None = None,
) -> Handler:
    """The handler of the service in `folder`: the very file that is deployed, alone with its own modules.

    While it runs, the environment has these variables, and nothing of the user's AWS configuration; so of all threads
    that call a handler one waits for the other. `modules` are imported in place of the service's own of these names:
    anything that has what the others use of them. `neighbours` answer what it calls of the services of these names.
    Raises `UserError` as `bundle.bundle` does; and the handler does when it calls one that nothing stands in for.
    """
    folder = Path(folder).resolve()
    server = _is_server(folder)
    names = list(bundle.modules(folder, server=server))
    if unknown := sorted((modules or {}).keys() - set(names)):
        raise UserError(f"{folder.name} imports no module {unknown[0]}, which another is to stand in for")
    own: dict[str, ModuleType | Any] = dict(modules or {})
    finders: list[Any] = []
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    told = {"SERVICE": folder.name, "SYSTEM": "test", **({"HEALTH": "/health"} if server else {})}
    variables = {**kept, **_NOBODY, **told, **(environment or {})}

    @contextlib.contextmanager
    def alone() -> Iterator[None]:
        """Its modules and variables in place of those that are there, and these again afterwards."""
        boto3 = sys.modules.get("boto3")
        session = getattr(boto3, "DEFAULT_SESSION", None)  # it keeps credentials
        before = dict(os.environ), list(sys.meta_path), {name: sys.modules.pop(name, None) for name in names}
        sys.modules.update(own)
        sys.meta_path[:0] = finders
        _set_environment(variables)
        if boto3 is not None:
            boto3.DEFAULT_SESSION = None  # type: ignore[attr-defined]  # it is a module
        try:
            yield
        finally:
            environ, meta_path, modules = before
            finders[:] = [finder for finder in sys.meta_path if finder not in meta_path]
            sys.meta_path[:] = meta_path
            own.update({name: sys.modules.pop(name) for name in names if name in sys.modules})
            sys.modules.update({name: module for name, module in modules.items() if module is not None})
            _set_environment(environ)
            if boto3 is not None:
                boto3.DEFAULT_SESSION = session  # type: ignore[attr-defined]  # it is a module

    index: dict[str, Any] = {"__name__": "index", "__file__": "index.py"}
    with _ALONE, alone():
        exec(compile(bundle.bundle(folder, server=server), "index.py", "exec"), index)  # noqa: S102  # the user's own code
    asked = _stand_in(own.get(_CLIENT), neighbours or {})

    def handler(event: Any, context: Any) -> Any:
        with _ALONE, alone():
            asked.clear()
            answered, nobody = index["handler"](event, context), [*asked]
        if nobody:  # its own code would answer 500 to that, and say why in its log
            raise UserError(
                f"{folder.name} calls {nobody[0]}, which is not there when its code is by itself: let a handler stand "
                f'in for it, load(folder, neighbours={{"{nobody[0]}": handler}}), or use deployed(folder)'
            )
        return answered

    return handler


def _stand_in(client: Any, neighbours: Mapping[str, Handler]) -> list[str]:
    """Let the kit's client, if there is one, ask these handlers; gives a list for the names of others that it asks."""
    nobody: list[str] = []
    if client is None:
        return nobody
    url_of, really, asked = client._url, client.Client._try, dict[str, tuple[Any, ...]]()

    def url(service: str, route: str, values: Mapping[str, str], query: Mapping[str, Any]) -> str:
        if service in neighbours:
            os.environ[f"{service.replace('-', '_').upper()}_URL"] = f"test://{service}"
        try:
            found = str(url_of(service, route, values, query))
        except LookupError:
            nobody.append(service)
            raise
        asked[found] = service, route, values, query
        return found

    def ask(self: Any, verb: str, url: str, data: bytes | None, key: str | None, seconds: float) -> Any:
        service, route, values, query = asked[url]
        if service not in neighbours:
            return really(self, verb, url, data, key, seconds)
        headers = {"X-Request-Id": client.context.current().request, **({"Idempotency-Key": key} if key else {})}
        told = {name: str(value) for name, value in query.items() if value is not None}
        event = _event(route, values, data and data.decode(), told, headers)
        given = neighbours[service](event, Context())
        said = {name.lower(): value for name, value in (given.get("headers") or {}).items()}
        return given["statusCode"], said, (given.get("body") or "").encode()

    client._url, client.Client._try = url, ask
    return nobody


def _is_server(folder: Path) -> bool:
    """Whether the service is declared to run on servers."""
    try:
        declared = parsing.service((folder / SERVICE_FILE).read_bytes(), folder / SERVICE_FILE, parsing.Problems())
    except OSError:
        return False
    return declared.values.get("shape") in SERVERS


# What a function has without an account: a place, and keys that open nothing.
_NOBODY = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REGION": REGION,
    "AWS_SECRET_ACCESS_KEY": "test",  # "nothing"
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def _set_environment(variables: Mapping[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    for name, value in variables.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def request(
    route: str,
    *,
    body: Any = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    caller: str = _CALLER,
    **values: str,
) -> dict[str, Any]:
    """The event of a request as API Gateway sends it: `request("GET /items/{id}", id="a")`.

    `body` is sent as JSON, one that is text as it is.
    https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html
    """
    return _event(route, values, body, query, headers, caller)


def _event(
    route: str,
    values: Mapping[str, str],
    body: Any,
    query: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
    caller: str = _CALLER,
) -> dict[str, Any]:
    method, _, resource = route.partition(" ")
    quoted = {name: quote(value, safe="") for name, value in values.items()}
    sent = {"Content-Type": "application/json", **(headers or {})}
    return {
        "httpMethod": method,
        "resource": resource,
        "path": _path(resource, values),
        "pathParameters": quoted or None,
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {"requestId": str(uuid.uuid4()), "identity": {"userArn": caller}},
    }


def answer(given: Mapping[str, Any]) -> Answer:
    """What a handler of `http` answers, to be looked at."""
    return Answer(given["statusCode"], _read(given.get("body") or ""), dict(given.get("headers") or {}))


def _path(resource: str, values: Mapping[str, str]) -> str:
    def part(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ValueError(f"{resource}: say what {match[1]} is")
        return quote(values[match[1]], safe="")

    return _PART.sub(part, resource)


def _read(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


# --- the stack


@dataclass(frozen=True)
class Deployed:
    """The stack of a service that is up, and how a test uses it. What is sent by a test is sent by root.

    `outputs` are those of its stack, `emulator` makes clients of all services of AWS.
    """

    name: str
    outputs: Mapping[str, str]
    emulator: Emulator
    _stack: str = field(repr=False)
    _system: System = field(repr=False)
    _target: Target = field(repr=False)

    def service(self, name: str) -> Deployed:
        """Another service that is up, because this one uses it; or the `platform`."""
        from .. import deploy

        stack = self._system.stack(name)
        found = deploy.describe(self._target, stack)
        if found is None:
            raise UserError(f"{stack} is not up: {self.name} does not use {name}")
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
        return Deployed(name, outputs, self.emulator, stack, self._system, self._target)

    def call(
        self,
        route: str,
        /,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **values: str,
    ) -> Answer:
        """Call a route of the service by a signed request: `call("GET /items/{id}", id="a")`."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        from ..local.emulator import ROOT_KEY

        method, _, resource = route.partition(" ")
        url = self._output("ApiUrl").rstrip("/") + _path(resource, values) + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        sent = {"Content-Type": "application/json", **(headers or {})} if data is not None else dict(headers or {})
        signed = AWSRequest(method, url, data=data, headers=sent)
        SigV4Auth(Credentials(ROOT_KEY, ROOT_KEY), "execute-api", self.outputs.get("Region", REGION)).add_auth(signed)
        told = self.emulator.request(method, url, headers=dict(signed.headers.items()), body=data)
        return Answer(told.status, _read(told.text()), _headers(told.headers))

    def send(self, body: Any, group: str | None = None) -> str:
        """Send to its queue, or into its stream, as another service does; gives the id of the request."""
        about = _about("")
        text = json.dumps({**about, "body": body})
        group = group or about["request"]
        if stream := self.outputs.get("StreamName"):
            self.client("kinesis").put_record(StreamName=stream, PartitionKey=group, Data=text.encode())
            return about["request"]
        url = self._output("QueueUrl")
        order = {"MessageGroupId": group, "MessageDeduplicationId": about["id"]} if url.endswith(".fifo") else {}
        self.client("sqs").send_message(QueueUrl=url, MessageBody=text, **order)
        return about["request"]

    def put(self, name: str, body: bytes | str | dict[str, Any]) -> str:
        """Put a file into its bucket, `name` below its prefix, as another service does; gives the id of the request."""
        about = _about("")
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        key = self._system.services[self.name].prefix + name
        metadata = {one: about[one] for one in ("id", "request", "trace", "service")}
        self.client("s3").put_object(Bucket=self._output("BucketName"), Key=key, Body=data, Metadata=metadata)
        return about["request"]

    def publish(self, event: str, body: Any) -> str:
        """Tell an event that it subscribes to, as its publisher does; gives the id of the request."""
        told = [name for name, events in self._system.services[self.name].subscribes.items() if event in events]
        if not told:
            raise ValueError(f"{self.name} does not subscribe to {event}")
        about = _about(event, told[0])
        self.client("sns").publish(
            TopicArn=self.service(told[0])._output("EventsTopicArn"),
            Message=json.dumps({**about, "body": body}),
            MessageAttributes={"event": {"DataType": "String", "StringValue": event}},
        )
        return about["request"]

    def state(self, request: str) -> str:
        """Where a request is, by the platform: accepted, working, done or failed; empty when it does not know it."""
        told = self.service(PLATFORM).call(STATUS_ROUTES[0], id=request)
        return str(told.body["state"]) if told.status == 200 else ""

    def item(self, partition: str, sort: str) -> dict[str, Any]:
        """An item of its table; empty when there is none."""
        key = {"pk": {"S": partition}, "sk": {"S": sort}}
        found = self.client("dynamodb").get_item(TableName=self.resource("Items"), Key=key, ConsistentRead=True)
        return _plain(found.get("Item", {}))

    def items(self, partition: str) -> list[dict[str, Any]]:
        """The items of its table with this partition key."""
        found = self.client("dynamodb").query(
            TableName=self.resource("Items"),
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
        )
        return [_plain(item) for item in found["Items"]]

    def failures(self) -> list[Any]:
        """What lies in its queue of failures by now: the bodies of at most ten messages, which stay there."""
        arguments = {"QueueUrl": self._output("FailuresQueue"), "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
        return [_read(one["Body"]) for one in self.client("sqs").receive_message(**arguments).get("Messages", [])]

    def until(self, look: Callable[[], Any], seconds: float = SECONDS) -> bool:
        """Look again and again until it is so; False when it never was. What is not there yet (KeyError) is not so."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(LookupError):
                if look():
                    return True
            if time.monotonic() > end:
                return False
            time.sleep(0.05)

    def client(self, service: str) -> Any:
        """A client of a service of AWS, as root."""
        return self._target.client(service)

    def resource(self, logical_id: str) -> str:
        """The physical id of a resource of its stack."""
        found = self.client("cloudformation").describe_stack_resource(
            StackName=self._stack, LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def _output(self, name: str) -> str:
        if name not in self.outputs:
            raise ValueError(f"{self._stack} has no {name}: it has {', '.join(sorted(self.outputs))}")
        return self.outputs[name]


@contextlib.contextmanager
def deployed(folder: str | Path, parameters: Mapping[str, str] | None = None) -> Iterator[Deployed]:
    """The service in `folder`, up in an emulator of this process with the platform and the services that it uses.

    All are as their sources make them now, whatever is below `templates`. `parameters` are as `up` takes them. Of those
    on servers one process each runs, unless its image comes from elsewhere. What was brought up goes at the end; the
    emulator stays for the next test, until this process ends. Raises `UserError` when anything cannot be made, or does
    not come up, and without PostgreSQL when one of them needs that.
    """
    from .. import deploy
    from . import deploying
    from .reading import read
    from .templates import draft

    place = factory.place(Path(folder))
    system = read(place.folder)
    name = place.service or PLATFORM
    images = _images(system, deploying.needed(system, place.service))
    drafts = {one: draft(system, one) for one in deploying.needed(system, place.service)}
    wanted = deploying.units(
        system,
        {one: made.files[made.template] for one, made in drafts.items()},
        {one: made.version for one, made in drafts.items()},
        {**{f"{one}.{IMAGE_TAG.name}": made.tag for one, made in images.items()}, **(parameters or {})},
        only=place.service,
    )
    emulator = _emulator()
    target = deploy.target_of(emulator.client)

    def standing() -> dict[str, deploying.Standing]:
        return {one.stack: one for one in deploying.standing(target, system.platform.name)}

    before = standing()
    try:
        done = deploying.up(target, wanted)
        if bad := [one for one in done if one.is_bad]:
            raise UserError(f"{bad[0].stack} is not up: {bad[0].why}")
        outputs = next(one.outputs for one in done if one.service == name)
        with _processes(emulator, system, [unit.service for unit in wanted], images):
            yield Deployed(name, outputs, emulator, system.stack(name), system, target)
    finally:
        going = [one for stack, one in standing().items() if stack not in before]
        deploying.down(target, going, purge=True)


def _images(system: System, names: Iterable[str]) -> dict[str, Image]:
    """What the images of these services are built from, as far as it is here; nothing is up without PostgreSQL."""
    from . import image

    made: dict[str, Image] = {}
    for service in (system.services[name] for name in names if name != PLATFORM):
        if service.shape == INSTANCES:
            from ..local.running import refuse_without_postgres

            refuse_without_postgres(service.name)
        elif service.shape == CONTAINER and (service.folder / DOCKERFILE).is_file():
            made[service.name] = image.context(factory.Place(system.folder, service.name))
    return made


@contextlib.contextmanager
def _processes(emulator: Emulator, system: System, names: Iterable[str], images: Mapping[str, Image]) -> Iterator[None]:
    """What runs of the services on servers meanwhile, but of those of which a process runs already."""
    with contextlib.ExitStack() as ends:
        for name in names:
            shape = system.services[name].shape if name != PLATFORM else ""
            if shape != INSTANCES and name not in images:
                continue
            from ..local import running

            stack = system.stack(name)
            if not running.is_served(emulator, stack):
                begun = running.instances(emulator, stack) if shape == INSTANCES else None
                ends.enter_context(begun or running.container(emulator, stack, images[name], 1))
        yield


@functools.cache
def _emulator() -> Emulator:
    """The emulator of this process; nobody's `up` knows it."""
    from .. import local

    home = Path(tempfile.mkdtemp(prefix="troposphere-arch-"))
    try:
        started = local.start(port=0, home=home)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise

    def end() -> None:
        started.stop()
        shutil.rmtree(home, ignore_errors=True)

    atexit.register(end)
    return started


def _about(event: str, service: str = "test") -> dict[str, str]:
    """The envelope of what a test sends, as that of `service_kit.publishing`."""
    return {
        "id": str(uuid.uuid4()),
        "request": str(uuid.uuid4()),
        "trace": "",
        "service": service,
        "event": event,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _headers(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeDeserializer

    read = TypeDeserializer().deserialize
    return {name: read(value) for name, value in item.items()}
