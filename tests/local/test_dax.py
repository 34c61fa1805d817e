"""The stand-in for a DAX cluster, and what AWS's own client does with it: what it sends, reads, retries and gives up.

The client is the real one, the cluster a model. Behind the model is the unmodified emulator's DynamoDB.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from amazondax import AmazonDaxClient
from amazondax.DaxError import DaxClientError, DaxServiceError, DaxValidationError
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from troposphere_arch.local import Emulator
from troposphere_arch.local.dax import Authority, Cluster, cbor
from troposphere_arch.local.dax.signature import flaw

ACCESS_KEY, SECRET_KEY = "AKIAEXAMPLE000000000", "a secret"
QUERY: dict[str, Any] = {
    "KeyConditionExpression": "#owner = :owner AND #id BETWEEN :first AND :last",
    "ProjectionExpression": "#id, #title, #done, #version",
    "ExpressionAttributeNames": {f"#{n}": n for n in ("owner", "id", "title", "done", "version")},
    "ExpressionAttributeValues": {":owner": {"S": "ann"}, ":first": {"S": "0"}, ":last": {"S": "~"}},
    "ScanIndexForward": False,
}
CONDITION_FAILED = "ConditionalCheckFailedException"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Table:
    """A table, a cluster in front of it, and clients of both."""

    def __init__(self, emulator: Emulator, ssl_cert_file: Callable[[Path], None], stack: contextlib.ExitStack) -> None:
        self.name = f"todos-{uuid.uuid4().hex[:8]}"
        self.dynamodb: Any = emulator.client("dynamodb")
        self.dynamodb.create_table(
            TableName=self.name,
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("owner", "id")],
            KeySchema=[
                {"AttributeName": "owner", "KeyType": "HASH"},
                {"AttributeName": "id", "KeyType": "RANGE"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        self.clock = Clock()
        self.denied: set[str] = set()
        self.behind = self.dynamodb
        """What the cluster takes for DynamoDB."""
        self.cluster = Cluster(
            lambda: self.behind,
            secret=lambda access_key_id, token: {ACCESS_KEY: SECRET_KEY}.get(access_key_id),
            allowed=lambda access_key_id, action: action not in self.denied,
            item_ttl_ms=60_000,
            query_ttl_ms=5_000,
            clock=self.clock,
        )
        stack.callback(self.cluster.close)
        ssl_cert_file(self.cluster.certificate)
        self._stack = stack

    def client(self, url: str = "", secret_key: str = SECRET_KEY, **config: Any) -> Any:
        client = AmazonDaxClient(
            endpoint_url=url or self.cluster.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=secret_key,
            config=Config(**{"connect_timeout": 3, "read_timeout": 3, **config}),
        )
        self._stack.callback(client.close)
        return client

    def put(self, name: str, **attributes: Any) -> dict[str, Any]:
        """Put an item into the table itself, which the cluster does not hear of."""
        item = {**key(name), "title": {"S": "milk"}, "done": {"BOOL": False}, "version": {"N": "1"}, **attributes}
        self.dynamodb.put_item(TableName=self.name, Item=item)
        return item

    def get(self, client: Any, name: str, **options: Any) -> Any:
        return client.get_item(TableName=self.name, Key=key(name), **options).get("Item")

    def query(self, client: Any, **options: Any) -> Any:
        return client.query(TableName=self.name, **{**QUERY, **options})

    def rename(self, client: Any, name: str, title: str, version: int) -> Any:
        return client.update_item(
            TableName=self.name,
            Key=key(name),
            UpdateExpression="SET #title = :title, #version = :version",
            ConditionExpression="#version = :seen",
            ExpressionAttributeNames={"#title": "title", "#version": "version"},
            ExpressionAttributeValues={
                ":title": {"S": title},
                ":version": {"N": str(version + 1)},
                ":seen": {"N": str(version)},
            },
            ReturnValues="ALL_NEW",
        )["Attributes"]

    def delete(self, client: Any, name: str) -> Any:
        return client.delete_item(
            TableName=self.name,
            Key=key(name),
            ConditionExpression="attribute_exists(#id)",
            ExpressionAttributeNames={"#id": "id"},
        )

    @property
    def hits(self) -> list[bool]:
        return [call.hit for call in self.cluster.calls]


def key(name: str) -> dict[str, Any]:
    return {"owner": {"S": "ann"}, "id": {"S": name}}


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


class Failing:
    """A DynamoDB that answers everything but DescribeTable with an error."""

    def __init__(self, dynamodb: Any, code: str) -> None:
        self.describe_table = dynamodb.describe_table
        self.code = code

    def get_item(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": self.code, "Message": "because"}}, "GetItem")


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes TLS clients of this process trust the authority in a file, and no other."""
    return lambda file: monkeypatch.setenv("SSL_CERT_FILE", str(file))


@pytest.fixture
def todos(stock: Emulator, trust: Callable[[Path], None]) -> Iterator[Table]:
    with contextlib.ExitStack() as stack:
        yield Table(stock, trust, stack)


# --- what the client sends, and how


@shows("REQ-T10", how="simulated")
def test_each_call_arrives_as_it_was_made(todos: Table) -> None:
    todos.put("1")
    client = todos.client()
    start, done = key("2"), {":done": {"BOOL": False}}
    todos.get(client, "1", ConsistentRead=False)
    todos.query(
        client,
        FilterExpression="#done = :done",
        ExpressionAttributeValues=QUERY["ExpressionAttributeValues"] | done,
        ExclusiveStartKey=start,
        Limit=7,
    )
    todos.rename(client, "1", "oat milk", 1)
    todos.delete(client, "1")
    read, query, update, delete = todos.cluster.calls
    assert [call.operation for call in todos.cluster.calls] == ["GetItem", "Query", "UpdateItem", "DeleteItem"]
    assert {call.table for call in todos.cluster.calls} == {todos.name}
    assert read.parameters == {"TableName": todos.name, "Key": key("1"), "ConsistentRead": False}
    assert query.parameters == QUERY | {
        "TableName": todos.name,
        "FilterExpression": "#done = :done",
        "ExpressionAttributeValues": QUERY["ExpressionAttributeValues"] | done,
        "ExclusiveStartKey": start,
        "Limit": 7,
    }
    assert update.parameters["UpdateExpression"] == "SET #title = :title, #version = :version"
    assert update.parameters["ConditionExpression"] == "#version = :seen"
    assert update.parameters["ReturnValues"] == "ALL_NEW"
    assert delete.parameters["ConditionExpression"] == "attribute_exists(#id)"
    assert delete.parameters["Key"] == key("1")


@shows("REQ-T10", how="simulated")
def test_it_goes_over_tls_and_is_signed_for_dax(todos: Table) -> None:
    todos.get(todos.client(), "1")
    (call,) = todos.cluster.calls
    assert todos.cluster.url == f"daxs://localhost:{todos.cluster.port}"
    assert call.tls in ("TLSv1.2", "TLSv1.3")
    assert call.access_key_id == ACCESS_KEY
    algorithm, moment, scope, _ = call.string_to_sign.split("\n")
    assert (algorithm, scope) == ("AWS4-HMAC-SHA256", f"{moment[:8]}/us-east-1/dax/aws4_request")


@shows("REQ-T10", how="simulated")
def test_a_client_refuses_a_certificate_it_does_not_trust(
    todos: Table, trust: Callable[[Path], None], tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(Authority().pem)
    trust(other)
    with pytest.raises(DaxValidationError, match="Certificate verification failed"):
        todos.client()
    trust(todos.cluster.certificate)
    todos.client()


@shows("REQ-T10", how="simulated")
def test_a_client_refuses_a_certificate_for_another_host(trust: Callable[[Path], None]) -> None:
    with Cluster(lambda: None, secret=lambda *_: SECRET_KEY, host="example.com") as cluster:
        trust(cluster.certificate)
        options: dict[str, Any] = {
            "endpoint_url": cluster.url,
            "region_name": "us-east-1",
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
            "config": Config(connect_timeout=3),
        }
        with pytest.raises(DaxValidationError, match="Certificate verification failed"):
            AmazonDaxClient(**options)
        AmazonDaxClient(**options, skip_hostname_verification=True).close()


def test_a_connection_without_tls_is_closed(todos: Table) -> None:
    with socket.create_connection(("127.0.0.1", todos.cluster.port), timeout=3) as connection:
        connection.sendall(b"gJ7yne5G\x00\xf6\xa0\x00")
        answer = connection.recv(100)
        assert answer == b"" or answer[0] == 21, "nothing but an alert of TLS"
    with pytest.raises(DaxClientError, match="Failed to configure"):
        todos.client(todos.cluster.url.replace("daxs:", "dax:"))


def test_wrong_signatures_are_refused(todos: Table) -> None:
    with pytest.raises(DaxServiceError, match="does not match") as error:
        todos.client(secret_key="another secret")
    assert code(error) == "UnrecognizedClientException"

    todos.get(todos.client(), "1")
    text = todos.cluster.calls[0].string_to_sign
    algorithm, moment, scope, digest = text.split("\n")
    for changed, told in (
        ("", "malformed"),
        (text.replace("AWS4", "AWS5"), "malformed"),
        (text.replace("us-east-1", "eu-west-1"), "scoped"),
        (text.replace("/dax/", "/dynamodb/"), "scoped"),
        (text.replace(moment, "20200101T000000Z"), "scoped"),
        (text.replace(moment[:8], "20200101"), "too far from now"),
        ("\n".join((algorithm, moment, scope, digest[::-1])), "Something else"),
        (text, "does not match"),
    ):
        assert told in flaw(changed, "00", region="us-east-1", secret=SECRET_KEY)
    assert "token" in flaw(text, "00", region="us-east-1", secret=None)


# --- values


@shows("REQ-T10", how="simulated")
def test_values_come_back_as_they_are(todos: Table) -> None:
    client = todos.client()
    item = {
        **key("\u2603 Zoë"),
        "title": {"S": "Grüße, \U0001f95b\n\t"},
        "notes": {"S": ""},
        "done": {"BOOL": True},
        "open": {"BOOL": False},
        "version": {"N": "1000000000"},
        "price": {"N": "-12.345"},
        "long": {"N": "12345678901234567890123456789012345678"},
        "nothing": {"NULL": True},
        "bytes": {"B": b"\x00\xff"},
        "list": {"L": [{"S": "a"}, {"N": "-1"}, {"L": []}]},
        "map": {"M": {"key": {"S": "x" * 70_000}}},
        "texts": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2.5"]},
    }
    client.put_item(TableName=todos.name, Item=item)
    assert todos.hits == [False]
    assert todos.get(client, "\u2603 Zoë") == item
    assert todos.hits[-1], "from the cache"
    assert todos.get(client, "\u2603 Zoë", ConsistentRead=True) == item
    (queried,) = client.query(
        TableName=todos.name,
        KeyConditionExpression="#owner = :owner",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":owner": {"S": "ann"}},
    )["Items"]
    assert queried == item


@settings(deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.binary()
        | st.decimals(allow_nan=False, allow_infinity=False),
        lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    )
)
def test_cbor_round_trip(value: Any) -> None:
    assert cbor.decode(cbor.encode(value)) == value


def test_cbor_is_that_of_the_standard() -> None:
    for number, encoded in ((0, "00"), (23, "17"), (24, "1818"), (500, "1901f4"), (-1, "20"), (-500, "3901f3")):
        assert cbor.encode(number).hex() == encoded
    assert cbor.encode(2**64).hex() == "c249010000000000000000"
    assert cbor.encode(Decimal("273.15")).hex() == "c48221196ab3"
    assert cbor.encode({"a": [True, None]}).hex() == "a1616182f5f6"
    assert cbor.decode(bytes.fromhex("bf61610161629f0203ffff")) == {"a": 1, "b": [2, 3]}
    for malformed in ("ff", "f7", "1c", "5f"):
        with pytest.raises(ValueError, match="CBOR"):
            cbor.decode(bytes.fromhex(malformed))
    with pytest.raises(EOFError):
        cbor.decode(b"\x62a")
    with pytest.raises(TypeError, match="object has no form"):
        cbor.encode(object())
    with pytest.raises(ValueError, match="float is no attribute value"):
        cbor.attribute_value(1.5)


def test_expressions_of_every_kind(todos: Table) -> None:
    client = todos.client()
    todos.put("1", tags={"L": [{"S": "a"}, {"S": "b"}]}, seen={"NS": ["1"]}, deep={"M": {"x": {"N": "1"}}})
    client.update_item(
        TableName=todos.name,
        Key=key("1"),
        UpdateExpression=(
            "SET deep.#x = deep.#x + :one, tags[0] = :text, fresh = if_not_exists(fresh, :one), "
            "tail = list_append(tags, :list) REMOVE notes ADD seen :more DELETE seen :none"
        ),
        ConditionExpression=(
            "NOT (title IN (:text, :other) OR done = :yes) AND (size(title) > :one OR attribute_not_exists(gone)) "
            "AND begins_with(title, :m) AND contains(tags, :b) AND attribute_type(title, :kind) AND version <> :zero"
        ),
        ExpressionAttributeNames={"#x": "x"},
        ExpressionAttributeValues={
            ":one": {"N": "1"},
            ":zero": {"N": "0"},
            ":text": {"S": "z"},
            ":other": {"S": "y"},
            ":m": {"S": "mi"},
            ":b": {"S": "b"},
            ":kind": {"S": "S"},
            ":yes": {"BOOL": True},
            ":list": {"L": [{"S": "c"}]},
            ":more": {"NS": ["2"]},
            ":none": {"NS": ["1"]},
        },
    )
    (call,) = todos.cluster.calls
    assert call.parameters["ConditionExpression"] == (
        "NOT (title IN (:text, :other) OR done = :yes) AND (size(title) > :one OR attribute_not_exists(gone)) "
        "AND begins_with(title, :m) AND contains(tags, :b) AND attribute_type(title, :kind) AND version <> :zero"
    )
    item = todos.get(client, "1")
    assert item["deep"] == {"M": {"x": {"N": "2"}}}
    assert item["tags"] == {"L": [{"S": "z"}, {"S": "b"}]}
    assert item["fresh"] == {"N": "1"}
    assert item["tail"] == {"L": [{"S": "a"}, {"S": "b"}, {"S": "c"}]}
    assert item["seen"] == {"NS": ["2"]}


# --- the caches


@shows("REQ-T10", how="simulated")
def test_an_item_is_answered_from_the_cache_until_its_time_is_over(todos: Table) -> None:
    client = todos.client()
    first = todos.put("1")
    assert todos.get(client, "1") == first
    second = todos.put("1", title={"S": "tea"})
    todos.clock.now = 60
    assert todos.get(client, "1") == first, "the table was changed without the cluster"
    todos.clock.now = 60.001
    assert todos.get(client, "1") == second
    assert todos.hits == [False, True, False]


@shows("REQ-T10", how="simulated")
def test_that_there_is_no_item_is_remembered_too(todos: Table) -> None:
    client = todos.client()
    assert todos.get(client, "1") is None
    todos.put("1")
    assert todos.get(client, "1") is None
    todos.rename(client, "1", "tea", 1)
    assert todos.get(client, "1")["title"] == {"S": "tea"}, "a write through the cluster ends that"
    assert todos.hits == [False, True, False, True]


def test_a_time_to_live_of_zero_is_for_ever_and_can_be_changed(todos: Table) -> None:
    client = todos.client()
    todos.cluster.items.ttl_ms = 0
    todos.put("1")
    todos.get(client, "1")
    todos.clock.now = 10_000_000
    todos.get(client, "1")
    todos.cluster.items.ttl_ms = 60_000
    todos.get(client, "1")
    assert todos.hits == [False, True, False]


@shows("REQ-T10", how="simulated")
def test_a_write_through_the_cluster_is_read_at_once(todos: Table) -> None:
    client = todos.client()
    todos.put("1")
    todos.get(client, "1")
    renamed = todos.rename(client, "1", "tea", 1)
    assert renamed == {**key("1"), "title": {"S": "tea"}, "done": {"BOOL": False}, "version": {"N": "2"}}
    assert todos.get(client, "1") == renamed
    assert todos.hits[-1], "the write put it there"
    todos.delete(client, "1")
    assert todos.get(client, "1") is None
    client.put_item(TableName=todos.name, Item=renamed)
    assert todos.get(client, "1") == renamed
    client.update_item(
        TableName=todos.name,
        Key=key("1"),
        UpdateExpression="SET title = :title",
        ExpressionAttributeValues={":title": {"S": "coffee"}},
    )
    assert todos.get(client, "1")["title"] == {"S": "coffee"}
    assert not todos.hits[-1], "what a write does not give back is read anew"


@shows("REQ-T10", how="simulated")
def test_a_list_is_as_old_as_its_time_to_live_whatever_is_written(todos: Table) -> None:
    client = todos.client()
    for n in "12345":
        todos.put(n)
    page = todos.query(client, Limit=2)
    assert [item["id"]["S"] for item in page["Items"]] == ["5", "4"]
    assert page["LastEvaluatedKey"] == key("4")
    todos.rename(client, "5", "tea", 1)
    todos.delete(client, "4")
    todos.clock.now = 5
    assert todos.query(client, Limit=2) == page
    assert todos.get(client, "5")["title"] == {"S": "tea"}, "an item is fresh where a list is not"
    assert [item["id"]["S"] for item in todos.query(client)["Items"]] == list("5321"), "another question, another entry"
    todos.clock.now = 5.001
    fresh = todos.query(client, Limit=2)["Items"]
    assert [(item["id"]["S"], item["title"]["S"]) for item in fresh] == [("5", "tea"), ("3", "milk")]


def test_an_empty_list_is_remembered_too(todos: Table) -> None:
    client = todos.client()
    assert todos.query(client)["Items"] == []
    todos.put("1")
    assert todos.query(client)["Items"] == []


@shows("REQ-T10", how="simulated")
def test_consistent_reads_pass_by_the_caches(todos: Table) -> None:
    client = todos.client()
    assert (todos.get(client, "1"), todos.query(client)["Items"]) == (None, [])
    item = todos.put("1")
    assert todos.get(client, "1", ConsistentRead=True) == item
    assert len(todos.query(client, ConsistentRead=True)["Items"]) == 1
    assert (todos.get(client, "1"), todos.query(client)["Items"]) == (None, []), "and leave nothing in them"


def test_one_item_in_part(todos: Table) -> None:
    client = todos.client()
    todos.put("1")
    names = {"ProjectionExpression": "#title, gone", "ExpressionAttributeNames": {"#title": "title"}}
    assert todos.get(client, "1", **names) == {"title": {"S": "milk"}}
    assert todos.get(client, "1")["version"] == {"N": "1"}, "the cache has it whole"
    assert todos.hits == [False, True]


def test_a_read_that_a_write_overtook_is_not_kept(todos: Table) -> None:
    reader, writer = todos.client(), todos.client()
    old = todos.put("1")
    read, go = threading.Event(), threading.Event()

    class Slow:
        describe_table, update_item = todos.dynamodb.describe_table, todos.dynamodb.update_item

        def get_item(self, **parameters: Any) -> Any:
            result = todos.dynamodb.get_item(**parameters)
            read.set()
            go.wait()
            return result

    todos.behind = Slow()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(todos.get, reader, "1")
        read.wait()
        todos.rename(writer, "1", "tea", 1)
        go.set()
        assert slow.result() == old
    assert todos.get(reader, "1")["title"] == {"S": "tea"}


# --- errors


@shows("REQ-T10", how="simulated")
def test_a_failed_condition_is_dynamodbs_error_and_changes_nothing(todos: Table) -> None:
    client = todos.client()
    todos.put("1")
    todos.get(client, "1")
    with pytest.raises(ClientError) as error:
        todos.rename(client, "1", "tea", 7)
    assert code(error) == CONDITION_FAILED
    with pytest.raises(ClientError) as error:
        todos.delete(client, "2")
    assert code(error) == CONDITION_FAILED
    assert todos.get(client, "1")["title"] == {"S": "milk"}
    assert todos.get(client, "1", ConsistentRead=True)["title"] == {"S": "milk"}


def test_the_client_tries_a_failed_condition_three_times(todos: Table) -> None:
    """It takes each error that is the client's fault for one that passes, unless it is told not to try again."""
    todos.put("1")
    for retries, tried in ((None, 3), ({"max_attempts": 0}, 1), ({"total_max_attempts": 1}, 3)):
        todos.cluster.calls.clear()
        with pytest.raises(ClientError):
            todos.rename(todos.client(retries=retries), "1", "tea", 7)
        assert [call.error for call in todos.cluster.calls] == [CONDITION_FAILED] * tried


@pytest.mark.parametrize(
    ("code_of_dynamodb", "expected"),
    [
        (name, name)
        for name in (
            CONDITION_FAILED,
            "ValidationException",
            "AccessDeniedException",
            "ProvisionedThroughputExceededException",
            "ResourceNotFoundException",
            "ThrottlingException",
        )
    ]
    + [("RequestLimitExceeded", "RequestLimitExceededException"), ("Unheard", "InternalServerErrorException")],
)
def test_errors_keep_their_codes(todos: Table, code_of_dynamodb: str, expected: str) -> None:
    client = todos.client(retries={"max_attempts": 0})
    todos.behind = Failing(todos.dynamodb, code_of_dynamodb)
    with pytest.raises(ClientError, match="because") as error:
        todos.get(client, "1")
    assert code(error) == expected
    assert error.value.operation_name == "GetItem"
    todos.behind = todos.dynamodb
    assert todos.get(client, "1") is None, "and nothing was cached"


@shows("REQ-T10", how="simulated")
def test_who_may_not_is_told_so(todos: Table) -> None:
    client = todos.client()
    todos.denied = {"dax:GetItem"}
    with pytest.raises(ClientError, match="not authorized to perform: dax:GetItem") as error:
        todos.get(client, "1")
    assert code(error) == "AccessDeniedException"
    assert todos.query(client)["Items"] == []
    todos.denied = {"dax:Query"}
    todos.get(client, "1")
    with pytest.raises(ClientError, match="dax:Query"):
        todos.query(client)


def test_a_table_that_does_not_exist(todos: Table) -> None:
    with pytest.raises(ClientError) as error:
        todos.client().get_item(TableName="nowhere", Key=key("1"))
    assert code(error) == "ResourceNotFoundException"


def test_what_the_stand_in_does_not_serve_is_refused_and_the_connection_goes_on(todos: Table) -> None:
    client = todos.client(retries={"max_attempts": 0})
    name, item = todos.name, todos.put("1")
    put = {"Put": {"TableName": name, "Item": item}}
    for operation, call in {
        "Scan": lambda: client.scan(TableName=name),
        "BatchGetItem": lambda: client.batch_get_item(RequestItems={name: {"Keys": [key("1")]}}),
        "BatchWriteItem": lambda: client.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item}}]}),
        "TransactGetItems": lambda: client.transact_get_items(
            TransactItems=[{"Get": {"TableName": name, "Key": key("1")}}]
        ),
        "TransactWriteItems": lambda: client.transact_write_items(TransactItems=[put]),
    }.items():
        with pytest.raises(ClientError, match=f"does not serve {operation}") as error:
            call()
        assert code(error) == "ValidationException"
        assert todos.cluster.calls[-1].operation == operation
    for refused in (
        {"ProjectionExpression": "deep.x"},
        {"ReturnConsumedCapacity": "TOTAL"},
    ):
        with pytest.raises(ClientError, match="this stand-in") as error:
            todos.get(client, "1", **refused)
    assert todos.get(client, "1") == item


# --- connections


@shows("REQ-T10", how="simulated")
def test_a_call_over_a_connection_that_was_closed_is_tried_again(todos: Table) -> None:
    client = todos.client()
    todos.put("1")
    todos.get(client, "1")
    todos.cluster.disconnect()
    assert todos.get(client, "1")["title"] == {"S": "milk"}
    todos.cluster.disconnect()
    assert todos.rename(client, "1", "tea", 1)["version"] == {"N": "2"}


@shows("REQ-T10", how="simulated")
def test_a_call_over_a_connection_that_was_reset_fails_once(todos: Table) -> None:
    """As when a network forgets a connection while a function sleeps. It is no error of DAX, so there is no retry."""
    client = todos.client()
    todos.get(client, "1")
    todos.cluster.disconnect(reset=True)
    with pytest.raises(OSError) as error:  # which one depends on the version of OpenSSL
        todos.get(client, "1")
    assert not isinstance(error.value, ClientError)
    assert todos.get(client, "1") is None


@shows("REQ-T10", how="simulated")
def test_a_call_that_gets_no_answer_ends_after_the_read_timeout_and_is_not_tried_again(todos: Table) -> None:
    client = todos.client(read_timeout=0.2)
    go, asked = threading.Event(), []

    class Silent:
        describe_table = todos.dynamodb.describe_table

        def get_item(self, **parameters: Any) -> Any:
            asked.append(parameters)
            go.wait()
            return {}

    todos.get(client, "1")
    todos.behind = Silent()
    try:
        with pytest.raises(TimeoutError):
            todos.get(client, "2")
    finally:
        go.set()
    todos.behind = todos.dynamodb
    assert len(asked) == 1
    assert todos.get(client, "1") is None


@shows("REQ-T10", how="simulated")
def test_a_write_whose_answer_is_lost_is_sent_again(todos: Table) -> None:
    """So a write can succeed, and its caller hear that its condition failed."""
    client = todos.client()
    todos.put("1")

    class Losing:
        describe_table = todos.dynamodb.describe_table

        def update_item(self, **parameters: Any) -> Any:
            todos.behind = todos.dynamodb
            result = todos.dynamodb.update_item(**parameters)
            todos.cluster.disconnect()
            return result

    todos.behind = Losing()
    with pytest.raises(ClientError) as error:
        todos.rename(client, "1", "tea", 1)
    assert code(error) == CONDITION_FAILED
    assert todos.get(client, "1", ConsistentRead=True)["title"] == {"S": "tea"}


def test_a_client_that_gives_up_raises_an_error_without_a_code(todos: Table) -> None:
    client, attempts = todos.client(), []

    class Broken:
        describe_table = todos.dynamodb.describe_table

        def get_item(self, **parameters: Any) -> Any:
            attempts.append(parameters)  # before the client can notice; the cluster's own record comes after
            todos.cluster.disconnect()
            raise ConnectionError  # which is not cached

    todos.behind = Broken()
    with pytest.raises(ClientError, match="remote socket is closed") as error:
        todos.get(client, "1")
    assert error.value.response["Error"] == {"Message": "remote socket is closed"}
    assert len(attempts) == 3

    todos.cluster.close()
    with pytest.raises(ConnectionRefusedError):
        todos.get(client, "1")


def test_a_client_without_a_cluster_says_so(todos: Table) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"daxs://localhost:{nobody.getsockname()[1]}"
    with pytest.raises(DaxClientError) as error:
        todos.client(url)
    assert code(error) == "NoRouteException"


@shows("REQ-T10", how="simulated")
def test_many_calls_at_once(todos: Table) -> None:
    client = todos.client()
    for n in range(20):
        todos.put(f"{n:02}")
    with ThreadPoolExecutor(8) as pool:
        renamed = list(pool.map(lambda n: todos.rename(client, f"{n:02}", f"title {n}", 1), range(20)))
        read = list(pool.map(lambda n: todos.get(client, f"{n % 20:02}"), range(100)))
    assert read == [renamed[n % 20] for n in range(100)]
    assert len(todos.cluster.calls) == 120


def test_close_leaves_no_thread_no_file_and_no_port(trust: Callable[[Path], None]) -> None:
    before = set(threading.enumerate())
    cluster = Cluster(lambda: None, secret=lambda *_: SECRET_KEY)
    trust(cluster.certificate)
    options: dict[str, Any] = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    with AmazonDaxClient(endpoint_url=cluster.url, region_name="us-east-1", **options):
        own = {thread for thread in threading.enumerate() if thread.name.startswith("dax")} - before
        assert own
        cluster.close()
    assert not any(thread.is_alive() for thread in own)
    assert not cluster.certificate.parent.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", cluster.port))


def test_noise_on_the_port_disturbs_nobody(todos: Table) -> None:
    client = todos.client()
    context = ssl.create_default_context(cafile=todos.cluster.certificate)
    for noise in (b"GET / HTTP/1.0\r\n\r\n", b"gJ7yne5G\x00\xf6\xa0\x00\x01\x18\x2a", os.urandom(100)):
        with (
            socket.create_connection(("127.0.0.1", todos.cluster.port), timeout=3) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
            contextlib.suppress(OSError),
        ):
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1000)
    assert todos.get(client, "1") is None
