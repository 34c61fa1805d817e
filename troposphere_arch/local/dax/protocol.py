"""DAX's requests and answers, from and to the shapes of DynamoDB's API.

A request is the number 1, the number of a method, and that method's arguments. An answer is an empty list and the
result, or a list of numbers for the kind of error, its message, and its code once more in words. Items travel without
the names of their attributes: either side asks the other once what a list of names is called.
"""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from troposphere_arch.local.dax import cbor
from troposphere_arch.local.dax.expressions import Expressions

GREETING = ("J7yne5G", 0)
Schema = Mapping[str, str]
"""The names and types of a table's key, the partition key first."""


class Method(NamedTuple):
    """A method and how many arguments it has."""

    name: str
    arguments: int


METHODS = {
    1489122155: Method("AuthorizeConnection", 5),
    455855874: Method("Endpoints", 0),
    -742646399: Method("DefineKeySchema", 1),
    670678385: Method("DefineAttributeList", 1),
    -1230579644: Method("DefineAttributeListId", 1),
    263244906: Method("GetItem", 3),
    -931250863: Method("Query", 3),
    -2106490455: Method("PutItem", 4),
    1425579023: Method("UpdateItem", 3),
    1013539361: Method("DeleteItem", 3),
    # Known, so that the connection can go on after they are refused.
    -1875390620: Method("Scan", 2),
    -697851100: Method("BatchGetItem", 2),
    116217951: Method("BatchWriteItem", 2),
    1866287579: Method("TransactGetItems", 4),
    -1160037738: Method("TransactWriteItems", 9),
}
INTERNAL = ("Endpoints", "DefineKeySchema", "DefineAttributeList", "DefineAttributeListId")
SERVED = ("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")

_NAMES, _VALUES = 1, 5
_OPTIONS = {
    0: "ProjectionExpression",
    2: "ConsistentRead",
    3: "ReturnConsumedCapacity",
    4: "ConditionExpression",
    7: "ReturnValues",
    8: "UpdateExpression",
    9: "ExclusiveStartKey",
    10: "FilterExpression",
    13: "Limit",
    14: "ScanIndexForward",
}
_RETURN_VALUES = {1: "NONE", 2: "ALL_OLD", 4: "ALL_NEW"}
_ERRORS = {
    "ProvisionedThroughputExceededException": [4, 37, 38, 39, 40],
    "ResourceNotFoundException": [4, 37, 38, 39, 41],
    "AccessDeniedException": [4, 37, 38, 42],
    "ConditionalCheckFailedException": [4, 37, 38, 39, 43],
    "ValidationException": [4, 37, 38, 39, 46],
    "ItemCollectionSizeLimitExceededException": [4, 37, 38, 39, 48],
    "ThrottlingException": [4, 37, 38, 39, 50],
    "RequestLimitExceeded": [4, 37, 38, 39, 61],
    "MissingAuthenticationTokenException": [4, 23, 31, 33],
    "UnrecognizedClientException": [4, 23, 31, 34],
}
_INTERNAL_ERROR = [3, 37, 54]


class Refused(Exception):
    """An error that a client is told: `code` is DynamoDB's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AttributeLists:
    """Lists of attribute names, and the numbers that they have. 1 is the empty one."""

    def __init__(self) -> None:
        self._lists: list[tuple[str, ...]] = [()]
        self._lock = threading.Lock()

    def number(self, names: tuple[str, ...]) -> int:
        """The number of a list, a new one if need be."""
        with self._lock:
            if names not in self._lists:
                self._lists.append(names)
            return self._lists.index(names) + 1

    def names(self, number: int) -> tuple[str, ...]:
        """The list of that number."""
        return self._lists[number - 1]


@dataclass(frozen=True)
class Request:
    """One call: `parameters` are those of DynamoDB's API."""

    operation: str
    parameters: dict[str, Any]
    schema: Schema
    projected: list[str] | None = None

    @property
    def key(self) -> dict[str, Any]:
        """The key of the item that it is about."""
        whole: dict[str, Any] = self.parameters.get("Key") or self.parameters["Item"]
        return {name: whole[name] for name in self.schema}


def request(operation: str, arguments: list[Any], schema: Schema, lists: AttributeLists) -> Request:
    """The request that came with these arguments.

    Raises Refused when it asks for something that is not known here.
    """
    table, subject, *item, options = arguments
    parameters: dict[str, Any] = {"TableName": table.decode()}
    options = dict(options or {})
    expressions = Expressions(
        options.pop(_NAMES, {}),
        {name: cbor.attribute_value(value) for name, value in options.pop(_VALUES, {}).items()},
    )
    try:
        if operation == "Query":
            parameters["KeyConditionExpression"] = expressions.condition(subject)
        elif operation == "PutItem":
            parameters["Item"] = _key(subject, schema) | _attributes(item[0], lists)
        else:
            parameters["Key"] = _key(subject, schema)
        projected = None
        for number, value in options.items():
            option = _OPTIONS.get(number, f"option {number}")
            match option:
                case "ProjectionExpression":
                    parameters[option], projected = expressions.projection(value)
                case "ConditionExpression" | "FilterExpression":
                    parameters[option] = expressions.condition(value)
                case "UpdateExpression":
                    parameters[option] = expressions.update(value)
                case "ExclusiveStartKey":
                    parameters[option] = _key(value, schema)
                case "ReturnValues" if value in _RETURN_VALUES:
                    parameters[option] = _RETURN_VALUES[value]
                case "ConsistentRead" | "ScanIndexForward":
                    parameters[option] = bool(value)
                case "Limit":
                    parameters[option] = value
                case "ReturnConsumedCapacity" if value == 0:
                    pass  # each request says that it wants none
                case _:
                    raise ValueError(f"this stand-in does not know {option} with the value {value!r}")
    except ValueError as error:
        raise Refused("ValidationException", f"{operation}: {error}") from None
    if expressions.names:
        parameters["ExpressionAttributeNames"] = expressions.names
    if expressions.values:
        parameters["ExpressionAttributeValues"] = expressions.values
    return Request(operation, parameters, schema, projected)


def answer(asked: Request, result: Mapping[str, Any], lists: AttributeLists) -> bytes:
    """DynamoDB's result, as the client of `asked` reads it."""
    schema = asked.schema

    def item(values: Mapping[str, Any]) -> Any:
        if asked.projected is not None:
            return {n: cbor.plain(values[name]) for n, name in enumerate(asked.projected) if name in values}
        names = tuple(sorted(values.keys() - schema.keys()))
        return cbor.encode(lists.number(names)) + b"".join(cbor.encode(cbor.plain(values[name])) for name in names)

    fields: dict[int, Any] = {}
    if "Item" in result:
        fields[0] = item(result["Item"])
    if "Attributes" in result:
        fields[2] = item(result["Attributes"])
    if "Items" in result:
        # Whoever gets one item knows its key, whoever gets many does not.
        fields[7] = [
            item(one) if asked.projected is not None else [_key_bytes(one, schema), item(one)]
            for one in result["Items"]
        ]
        fields[8], fields[10] = result["Count"], result["ScannedCount"]
    if "LastEvaluatedKey" in result:
        fields[9] = _key_bytes(result["LastEvaluatedKey"], schema)
    return success(fields)


def endpoints(host: str, address: str, ports: list[int], zone: str) -> bytes:
    """The answer that names the nodes: the first is the leader, which takes writes; the others take reads only."""
    leader, replica = 1, 2
    return success(
        [
            {0: n, 1: host, 2: socket.inet_aton(address), 3: port, 4: leader if n == 1 else replica, 5: zone}
            for n, port in enumerate(ports, 1)
        ]
    )


def success(result: Any) -> bytes:
    """The answer to a request that succeeded."""
    return cbor.encode([]) + cbor.encode(result)


def failure(code: str, message: str) -> bytes:
    """The answer to a request that failed."""
    numbers = _ERRORS.get(code, _INTERNAL_ERROR)
    status = 400 if numbers[0] == 4 else 500
    return cbor.encode(numbers) + cbor.encode(message) + cbor.encode([None, code, status])


def _key(data: bytes, schema: Schema) -> dict[str, Any]:
    """A key from its bytes: a text key alone is the text; before a second part, the first one is CBOR."""
    (first, kind), *rest = schema.items()
    if not rest:
        return {first: _bare(data, kind)}
    head = cbor.decode(data)
    second, second_kind = rest[0]
    return {
        first: cbor.attribute_value(head),
        second: _bare(data[len(cbor.encode(head)) :], second_kind),
    }


def _key_bytes(item: Mapping[str, Any], schema: Schema) -> bytes:
    *firsts, last = schema
    return b"".join(cbor.encode(cbor.plain(item[first])) for first in firsts) + _bare_bytes(item[last])


def _bare(data: bytes, kind: str) -> dict[str, Any]:
    if kind == "N":
        raise ValueError("this stand-in does not know a number as the last part of a key")
    return {kind: data.decode() if kind == "S" else data}


def _bare_bytes(value: Mapping[str, Any]) -> bytes:
    ((_, content),) = value.items()
    return content.encode() if isinstance(content, str) else bytes(content)


def _attributes(data: bytes, lists: AttributeLists) -> dict[str, Any]:
    stream = io.BytesIO(data)
    names = lists.names(cbor.read(stream))
    return {name: cbor.attribute_value(cbor.read(stream)) for name in names}
