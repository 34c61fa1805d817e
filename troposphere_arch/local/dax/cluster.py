"""The cluster: a TLS server on loopback that answers DAX's clients from its caches and from DynamoDB."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
import struct
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from troposphere_arch.local.addresses import LOOPBACK
from troposphere_arch.local.dax import cbor, protocol
from troposphere_arch.local.dax.caches import Cache
from troposphere_arch.local.dax.certificates import Authority
from troposphere_arch.local.dax.protocol import Refused, Request, Schema
from troposphere_arch.local.dax.signature import flaw

HOST = "localhost"
FIVE_MINUTES_MS = 300_000
KEPT_CALLS = 1000
HANDSHAKE_SECONDS = 5
JOIN_SECONDS = 2


@dataclass(frozen=True)
class Call:
    """What was seen of one call of the data plane, whatever became of it."""

    operation: str
    access_key_id: str = ""
    string_to_sign: str = ""
    tls: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    hit: bool = False
    error: str = ""

    @property
    def table(self) -> str:
        """The table's name."""
        return str(self.parameters.get("TableName", ""))


class Cluster:
    """A cluster of so many `nodes`, from when it is made until `close`; they share their caches.

    `dynamodb` gives a client to read and write with, and is asked for each call. `secret` gives the secret key that
    belongs to an access key and a session token, or None; `allowed` says whether the holder of an access key may do an
    action such as `dax:GetItem`.

    As on AWS, an item is answered from the item cache and a query from the query cache until `item_ttl_ms` and
    `query_ttl_ms` have passed (0: for ever), and so is that there is nothing. A write goes to DynamoDB first, then to
    the item cache, and never to the query cache. A consistent read passes by both. Unlike there, no cache gets full.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DAX.consistency.html
    """

    def __init__(
        self,
        dynamodb: Callable[[], Any],
        *,
        secret: Callable[[str, str | None], str | None],
        allowed: Callable[[str, str], bool] = lambda access_key_id, action: True,
        region: str = "us-east-1",
        item_ttl_ms: int = FIVE_MINUTES_MS,
        query_ttl_ms: int = FIVE_MINUTES_MS,
        clock: Callable[[], float] = time.monotonic,
        authority: Authority | None = None,
        host: str = HOST,
        nodes: int = 1,
    ) -> None:
        self.calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self.items, self.queries = Cache(item_ttl_ms, clock), Cache(query_ttl_ms, clock)
        self.dynamodb, self.secret, self.allowed, self.region = dynamodb, secret, allowed, region
        self.lists = protocol.AttributeLists()
        self._schemas: dict[str, Schema] = {}
        authority = authority or Authority()
        self._directory = tempfile.TemporaryDirectory(prefix="dax-")
        self.certificate = Path(self._directory.name, "authority.pem")
        self.certificate.write_bytes(authority.pem)
        self._servers = [_Server(self, authority.context(host)) for _ in range(nodes)]
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.05,), name="dax", daemon=True)
            for server in self._servers
        ]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        """What a template's `ClusterDiscoveryEndpointURL` is."""
        return f"daxs://{HOST}:{self.port}"

    @property
    def port(self) -> int:
        """The port of its address, which is its first node's."""
        return self.ports[0]

    @property
    def ports(self) -> list[int]:
        """The ports of its nodes."""
        return [int(server.server_address[1]) for server in self._servers]

    def disconnect(self, *, reset: bool = False) -> None:
        """Close all connections, with `reset` by a TCP reset: what a client finds that slept for long."""
        for server in self._servers:
            server.disconnect(reset)

    def close(self) -> None:
        """End it: no thread, connection or file is left."""
        for server in self._servers:
            server.end()
        for thread in self._threads:
            thread.join()
        self._directory.cleanup()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def schema(self, table: str, *, anew: bool = False) -> Schema:
        """The key of a table, as DynamoDB describes it; clients ask for it `anew` from time to time."""
        if anew or table not in self._schemas:
            description = self.dynamodb().describe_table(TableName=table)["Table"]
            types = {one["AttributeName"]: one["AttributeType"] for one in description["AttributeDefinitions"]}
            keys = sorted(description["KeySchema"], key=lambda key: key["KeyType"] != "HASH")
            self._schemas[table] = {key["AttributeName"]: types[key["AttributeName"]] for key in keys}
        return self._schemas[table]

    def serve(self, request: Request) -> tuple[dict[str, Any], bool]:
        """DynamoDB's result of a request, and whether it came out of a cache."""
        parameters = request.parameters
        if request.operation == "Query":
            if parameters.get("ConsistentRead"):
                return self._ask("query", parameters), False
            return self.queries.read(_text(parameters), lambda: self._ask("query", parameters))
        entry = (parameters["TableName"], _text(request.key))
        if request.operation == "GetItem":
            # The whole item, of which the answer has what was asked for.
            whole = {name: parameters[name] for name in ("TableName", "Key")}
            if parameters.get("ConsistentRead"):
                return self._ask("get_item", whole | {"ConsistentRead": True}), False
            return self.items.read(entry, lambda: self._ask("get_item", whole))
        operation = {"PutItem": "put_item", "UpdateItem": "update_item", "DeleteItem": "delete_item"}
        result = self._ask(operation[request.operation], parameters)
        if request.operation == "PutItem":
            self.items.put(entry, {"Item": parameters["Item"]})
        elif parameters.get("ReturnValues") == "ALL_NEW":
            self.items.put(entry, {"Item": result["Attributes"]})
        else:
            self.items.forget(entry)
        return result, False

    def _ask(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return cast(dict[str, Any], getattr(self.dynamodb(), operation)(**parameters))


class _Server(socketserver.ThreadingTCPServer):
    request_queue_size = 64

    def __init__(self, cluster: Cluster, context: ssl.SSLContext) -> None:
        super().__init__((LOOPBACK, 0), _Connection)
        self.cluster = cluster
        self._context = context
        self._open: dict[threading.Thread, socket.socket] = {}

    def get_request(self) -> tuple[Any, Any]:
        plain, address = super().get_request()
        plain.settimeout(HANDSHAKE_SECONDS)
        # The handshake is the connection's own thread's: the others must not wait for it.
        return self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def process_request(self, request: Any, client_address: Any) -> None:
        # A daemon: should the process end without `close`, it must not wait for connections.
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), name="dax-connection", daemon=True
        )
        self._open = {**{t: c for t, c in self._open.items() if t.is_alive()}, thread: request}
        thread.start()

    def disconnect(self, reset: bool) -> None:
        for thread, connection in self._open.items():
            with contextlib.suppress(OSError):  # closed already
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # without a word of TLS
            if thread is not threading.current_thread():
                thread.join(JOIN_SECONDS)

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        self.disconnect(reset=False)


class _Connection(socketserver.BaseRequestHandler):
    """One connection, in a thread of its own."""

    server: _Server

    def handle(self) -> None:
        self._caller = Call("")
        # Whoever does not trust the certificate, or goes away, is no error of ours.
        with contextlib.suppress(EOFError, OSError):
            self.request.do_handshake()
            self.request.settimeout(None)
            with self.request.makefile("rb") as stream:
                magic, layers, _session, _agent, _types = (cbor.read(stream) for _ in range(5))
                while (magic, layers) == protocol.GREETING:
                    self._serve(stream)

    def _serve(self, stream: BinaryIO) -> None:
        _service, number = cbor.read(stream), cbor.read(stream)
        method = protocol.METHODS.get(number)
        if method is None:
            self.request.sendall(protocol.failure("ValidationException", f"there is no method {number}"))
            raise EOFError  # nobody knows where the next request begins
        arguments = [cbor.read(stream) for _ in range(method.arguments)]
        if method.name == "AuthorizeConnection":
            self._authorize(*arguments)  # which has no answer
            return
        try:
            self._check_caller()
            if method.name in protocol.INTERNAL:
                sent = self._tell(method.name, arguments)
            else:
                sent = self._perform(method.name, arguments)
        except Exception as error:
            sent = protocol.failure(*_told(error))
        self.request.sendall(sent)

    def _authorize(
        self, access_key_id: str, signature: str, to_sign: bytes, token: str | None, _agent: str | None
    ) -> None:
        cluster, text = self.server.cluster, to_sign.decode()
        error = flaw(text, signature, region=cluster.region, secret=cluster.secret(access_key_id, token))
        self._caller = Call("", access_key_id, text, self.request.version(), error=error)

    def _check_caller(self) -> None:
        if not self._caller.access_key_id:
            raise Refused("MissingAuthenticationTokenException", "The connection is not authorized.")
        if self._caller.error:
            raise Refused("UnrecognizedClientException", self._caller.error)

    def _tell(self, operation: str, arguments: list[Any]) -> bytes:
        """What clients ask for on their own. AWS documents no action for that, so each who signed may."""
        cluster = self.server.cluster
        match operation:
            case "DefineKeySchema":
                return protocol.success(cluster.schema(arguments[0].decode(), anew=True))
            case "DefineAttributeList":
                return protocol.success(cluster.lists.names(arguments[0]))
            case "DefineAttributeListId":
                return protocol.success(cluster.lists.number(tuple(arguments[0])))
        return protocol.endpoints(HOST, LOOPBACK, cluster.ports, f"{cluster.region}a")

    def _perform(self, operation: str, arguments: list[Any]) -> bytes:
        cluster, seen = self.server.cluster, replace(self._caller, operation=operation)
        try:
            if operation not in protocol.SERVED:
                raise Refused("ValidationException", f"this stand-in does not serve {operation}")
            seen = replace(seen, parameters={"TableName": arguments[0].decode()})
            if not cluster.allowed(seen.access_key_id, f"dax:{operation}"):
                message = f"{seen.access_key_id} is not authorized to perform: dax:{operation} on this cluster"
                raise Refused("AccessDeniedException", message)
            request = protocol.request(operation, arguments, cluster.schema(seen.table), cluster.lists)
            seen = replace(seen, parameters=request.parameters)
            result, hit = cluster.serve(request)
            seen = replace(seen, hit=hit)
            return protocol.answer(request, result, cluster.lists)
        except Exception as error:
            seen = replace(seen, error=_told(error)[0])
            raise
        finally:
            cluster.calls.append(seen)


def _told(error: Exception) -> tuple[str, str]:
    """The code and the message with which a client hears of an error."""
    if isinstance(error, Refused):
        return error.code, str(error)
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "InternalServerError", f"{type(error).__name__}: {error}"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=bytes.hex)
