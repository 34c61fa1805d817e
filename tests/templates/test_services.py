"""The templates of services: each right of each role, every asynchronous edge, names, and what a hundred share."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.microservices.systems import own_folder, service, shop
from tests.rights import (
    IN_THE_NETWORK,
    Right,
    allow,
    held,
    is_trusted_to,
    logs_and_traces,
    of,
    rights,
    unnoticed,
    use_key,
)
from troposphere_arch.microservices import templates
from troposphere_arch.microservices.declaration import System

LONGEST_BODY = 51_200
# What calls others brings the client along, and is created from its address, or by way of a bucket.
LONGER = {"orders": 75_000}
OWN = of(
    "dynamodb",
    *("BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem"),
    *("GetItem", "PutItem", "Query", "UpdateItem"),
)
ITEMS = {allow(OWN, "Items.Arn"), use_key("dynamodb")}


def tells(name: str) -> Right:
    return allow(of("events", "PutEvents"), "PlatformBusArn", f"StringEquals events:source {name}")


def decrypt(service: str) -> Right:
    via = f"StringEquals kms:ViaService {service}.${{AWS::Region}}.${{AWS::URLSuffix}}"
    return allow(of("kms", "Decrypt"), "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*", via)


SEND = ("Decrypt", "GenerateDataKey")
DECRYPT_OBJECTS = allow(
    of("kms", "Decrypt"),
    "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*",
    "StringEquals kms:ViaService s3.${AWS::Region}.${AWS::URLSuffix} and "
    "StringLike kms:EncryptionContext:aws:s3:arn Bucket.Arn,${Bucket.Arn}/*",
)
RIGHTS: dict[str, set[Right]] = {
    "stock": ITEMS,
    "orders": {
        *ITEMS,
        allow(("execute-api:Invoke",), "${StockArn}/GET/stock/*"),
        allow(("execute-api:Invoke",), "${StatusArn}/GET/requests/*"),
        allow(of("sns", "Publish"), "Events"),
        use_key("sns", *SEND),
        tells("orders"),
    },
    "fulfilment": {
        *ITEMS,
        allow(of("sqs", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage"), "Queue.Arn"),
        decrypt("sqs"),
        allow(of("sqs", "SendMessage"), "PaymentsArn"),
        use_key("sqs", *SEND),
        allow(of("kinesis", "PutRecord"), "StatisticsArn"),
        use_key("kinesis", *SEND),
        tells("fulfilment"),
    },
    "payments": {
        *ITEMS,
        allow(of("sqs", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage"), "Queue.Arn"),
        decrypt("sqs"),
        allow(of("s3", "PutObject"), "${InvoicesArn}/paid/*"),
        use_key("s3", *SEND),
        tells("payments"),
    },
    "statistics": {
        *ITEMS,
        allow(
            of("kinesis", "DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"),
            "Stream.Arn",
        ),
        decrypt("kinesis"),
        allow(of("sqs", "SendMessage"), "Failures.Arn"),
        use_key("sqs", *SEND),
        tells("statistics"),
    },
    "invoices": {
        *ITEMS,
        allow(of("s3", "GetObjectVersion"), "${Bucket.Arn}/paid/*"),
        use_key("s3"),
        DECRYPT_OBJECTS,
        allow(of("sqs", "SendMessage"), "Failures.Arn"),
        use_key("sqs", *SEND),
        tells("invoices"),
    },
    "ledger": ITEMS | IN_THE_NETWORK,
}
# What queues let in besides their own account's roles: for which resource.
LETS_IN = {
    "fulfilment": {
        "QueuePolicy": {("sns.amazonaws.com", "Queue.Arn", "ArnEquals aws:SourceArn OrdersEvents")},
        "FailuresPolicy": {("sns.amazonaws.com", "Failures.Arn", "ArnEquals aws:SourceArn OrdersEvents")},
    },
    "payments": {"QueuePolicy": set(), "FailuresPolicy": set()},
    "statistics": {"FailuresPolicy": set()},
    "invoices": {
        "FailuresPolicy": {("events.amazonaws.com", "Failures.Arn", "ArnEquals aws:SourceArn FunctionRule.Arn")}
    },
}


@lru_cache
def system() -> System:
    return shop(own_folder())


@lru_cache
def body(name: str) -> bytes:
    draft = templates.draft(system(), name)
    return draft.files[draft.template]


def template(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body(name))
    return found


def of_type(name: str, kind: str) -> dict[str, dict[str, Any]]:
    return {n: r["Properties"] for n, r in template(name)["Resources"].items() if r["Type"] == kind}


def proof(name: str, found: dict[str, Any]) -> None:
    """Fails unless the function's role holds just its rights, and the queues let in whom they should."""
    roles = [n for n, r in found["Resources"].items() if r["Type"] == "AWS::IAM::Role"]
    assert roles == ["FunctionRole"]
    assert is_trusted_to(found, "FunctionRole", "lambda.amazonaws.com")
    assert held(found, "FunctionRole") == RIGHTS[name] | logs_and_traces("Function")
    assert not [r for r in found["Resources"].values() if r["Type"] == "AWS::IAM::Policy"]
    lets_in: dict[str, set[tuple[str, str, str]]] = {}
    for title, resource in found["Resources"].items():
        if resource["Type"] != "AWS::SQS::QueuePolicy":
            continue
        allowed, over_tls = set(), 0
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            effect, actions, about, condition, _ = next(rights([statement]))
            if effect == "Deny":
                assert (actions, condition) == (("sqs:*",), "Bool aws:SecureTransport false")
                over_tls += 1
                assert statement["Principal"] == "*" and about.removesuffix(".Arn") == title.removesuffix("Policy")
            else:
                assert actions == ("sqs:SendMessage",)
                allowed.add((statement["Principal"].get("Service", "somebody"), about, condition))
        assert over_tls == 1
        lets_in[title] = allowed
    assert lets_in == LETS_IN.get(name, {})


@shows("REQ-M2", "REQ-M7", "REQ-M9", how="static")
@pytest.mark.parametrize("name", sorted(RIGHTS))
def test_each_function_holds_its_rights_and_no_other(name: str) -> None:
    proof(name, template(name))


@pytest.mark.parametrize("name", ["fulfilment", "invoices", "orders"])
def test_every_change_of_a_right_is_noticed(name: str) -> None:
    passed, tried = unnoticed(body(name), ["FunctionRole"], lambda found: proof(name, found))
    assert passed == []
    assert tried > 30


@shows("REQ-M2", how="static")
def test_every_method_asks_for_a_signature() -> None:
    for name in ("stock", "orders", "ledger"):
        methods = of_type(name, "AWS::ApiGateway::Method")
        assert methods and {m["AuthorizationType"] for m in methods.values()} == {"AWS_IAM"}
        assert {m["HttpMethod"] for m in methods.values()} <= {"GET", "POST"}  # no preflights: no page calls it


@shows("REQ-M2", how="static")
def test_routes_that_only_a_star_would_stand_for_are_denied(tmp_path: Path) -> None:
    served = ("GET /a/{id}", "GET /a/{id}/log", "GET /a/{id}/{part}", "GET /a/last", "PUT /a/{id}")
    a = service(tmp_path, "a", "http", routes=served, table=True)
    b = service(tmp_path, "b", "http", routes=("GET /b",), table=True, calls={"a": ("GET /a/{id}", "GET /a/{id}/log")})
    draft = templates.draft(shop(tmp_path / "shop", a, b), "b")
    rights_of_b = held(json.loads(draft.files[draft.template]), "FunctionRole")
    # `GET /a/{id}/{part}` would be denied by a pattern that is also that of a route which is called.
    assert {(r[0], r[2]) for r in rights_of_b if r[1] == ("execute-api:Invoke",)} == {
        ("Allow", "${AArn}/GET/a/*"),
        ("Allow", "${AArn}/GET/a/*/log"),
        ("Deny", "${AArn}/GET/a/last"),
    }


def test_api_gateway_may_invoke_the_function_for_this_stage_only() -> None:
    (permission,) = of_type("orders", "AWS::Lambda::Permission").values()
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["SourceArn"]["Fn::Sub"].endswith(":${AWS::AccountId}:${Api}/${ApiStage}/*/*")


@shows("REQ-M2", how="static")
def test_a_private_api_is_for_roles_of_the_account_that_come_by_the_endpoint() -> None:
    api = of_type("ledger", "AWS::ApiGateway::RestApi")["PrivateApi"]
    endpoint = {"Ref": "PlatformApiEndpoint"}
    assert api["EndpointConfiguration"] == {"Types": ["PRIVATE"], "VpcEndpointIds": [endpoint]}
    # Anybody, here, would be whoever is behind the endpoint, whatever its role says; and a deployment freezes it.
    (allowed,) = api["Policy"]["Statement"]
    assert allowed["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    assert "Platform" not in json.dumps(api["Policy"])
    named = of_type("ledger", "AWS::ApiGateway::DomainNameV2")["PrivateApiDomain"]["Policy"]["Statement"]
    assert [(s["Effect"], s.get("Condition")) for s in named] == [
        ("Allow", None),
        ("Deny", {"StringNotEquals": {"aws:SourceVpce": endpoint}}),
    ]


def test_a_service_that_becomes_private_is_another_api() -> None:
    private = set(template("ledger")["Resources"])
    regional = set(template("stock")["Resources"])
    of_both = {name for name in private & regional if "Api" in name or "Domain" in name}
    assert of_both == set()  # one logical id cannot change its type, nor an API what it is


@shows("REQ-M5", how="static")
def test_names() -> None:
    domain = of_type("orders", "AWS::ApiGateway::DomainName")["ApiDomain"]
    record = of_type("orders", "AWS::Route53::RecordSet")["ApiDomainRecord"]
    assert domain["DomainName"] == record["Name"] == {"Fn::Sub": "orders.${PlatformDomain}"}
    assert (domain["SecurityPolicy"], record["Type"]) == ("TLS_1_2", "A")
    # The platform's private zone has a record for all names.
    assert of_type("ledger", "AWS::Route53::RecordSet") == {}
    named = of_type("ledger", "AWS::ApiGateway::DomainNameV2")["PrivateApiDomain"]
    assert named["DomainName"] == {"Fn::Sub": "ledger.${PlatformPrivateDomain}"}
    access = of_type("ledger", "AWS::ApiGateway::DomainNameAccessAssociation")["PrivateApiDomainAccess"]
    assert access["AccessAssociationSource"] == {"Ref": "PlatformApiEndpoint"}


@shows("REQ-M7", "REQ-M12", how="static")
def test_edges_that_nobody_waits_for() -> None:
    for name in ("fulfilment", "payments"):
        queue = of_type(name, "AWS::SQS::Queue")["Queue"]
        assert queue["RedrivePolicy"] == {
            "deadLetterTargetArn": {"Fn::GetAtt": ["Failures", "Arn"]},
            "maxReceiveCount": 5,
        }
        timeout = of_type(name, "AWS::Lambda::Function")["Function"]["Timeout"]
        assert queue["VisibilityTimeout"] == 6 * timeout
        mapping = of_type(name, "AWS::Lambda::EventSourceMapping")["QueueToFunction"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "MaximumConcurrency"}}
    assert {q["FifoQueue"] for q in of_type("payments", "AWS::SQS::Queue").values()} == {True}
    mapping = of_type("statistics", "AWS::Lambda::EventSourceMapping")["StreamToFunction"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"]) == (30, 21600)
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["Failures", "Arn"]}
    subscription = of_type("fulfilment", "AWS::SNS::Subscription")["QueueFromOrders"]
    assert subscription["FilterPolicy"] == {"event": ["order-placed"]}
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": {"Fn::GetAtt": ["Failures", "Arn"]}}
    invokes = of_type("invoices", "AWS::Lambda::EventInvokeConfig")["FunctionRetries"]
    assert invokes["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["Failures", "Arn"]}


@shows("REQ-M12", how="static")
def test_what_is_declared_of_concurrency_is_the_default(tmp_path: Path) -> None:
    q = service(tmp_path, "q", "queue", concurrency=7)
    h = service(tmp_path, "h", "http", routes=("GET /h",), table=True, concurrency=5)
    made = shop(tmp_path / "shop", q, h)
    for name, parameter, value in (("q", "MaximumConcurrency", "7"), ("h", "ReservedConcurrency", "5")):
        draft = templates.draft(made, name)
        found = json.loads(draft.files[draft.template])["Parameters"]
        assert found[parameter]["Default"] == value
        # One limit for one thing: less reserved than is taken at once would throttle, and use up receipts.
        assert len({"MaximumConcurrency", "ReservedConcurrency"} & found.keys()) == 1


@pytest.mark.parametrize(("timeout", "batch"), [(None, 10), (15, 2), (5, 1), (900, 10)])
def test_each_message_of_a_batch_has_some_seconds(tmp_path: Path, timeout: int | None, batch: int) -> None:
    q = service(tmp_path, "q", "queue", timeout=timeout)
    draft = templates.draft(shop(tmp_path / "shop", q), "q")
    resources = json.loads(draft.files[draft.template])["Resources"]
    assert resources["QueueToFunction"]["Properties"]["BatchSize"] == batch


@pytest.mark.parametrize(
    ("name", "attempts"), [("fulfilment", "5"), ("payments", "5"), ("statistics", "3"), ("invoices", "3")]
)
def test_a_consumer_knows_how_often_a_message_is_tried(name: str, attempts: str) -> None:
    assert of_type(name, "AWS::Lambda::Function")["Function"]["Environment"]["Variables"]["ATTEMPTS"] == attempts


@shows("REQ-M9", how="static")
@pytest.mark.parametrize("name", sorted(RIGHTS))
def test_what_comes_with_a_service(name: str) -> None:
    found = template(name)
    assert found["Metadata"]["Service"]["Owner"] == "shop@example.com"
    function = of_type(name, "AWS::Lambda::Function")["Function"]
    assert {"Key": "owner", "Value": "shop@example.com"} in function["Tags"]
    assert not [o for o in found["Outputs"].values() if "Export" in o]
    told = {p["Name"]["Fn::Sub"] for p in of_type(name, "AWS::SSM::Parameter").values()}
    wanted = {f"/${{SystemName}}/{name}/{what}" for what in ("address", "arn")} if name != "fulfilment" else set()
    assert told == wanted | ({"/${SystemName}/orders/events"} if name == "orders" else set())
    assert not told or found["Parameters"]["SystemName"]["Default"] == "shop"
    assert found["Parameters"]["AlarmTopicArn"]["Default"] == "/shop/platform/alarm-topic"
    for title, parameter in found["Parameters"].items():
        if title.startswith("Platform"):
            assert parameter["Type"] == "AWS::SSM::Parameter::Value<String>"
            assert parameter["Default"].startswith("/shop/platform/")
    alarms = of_type(name, "AWS::CloudWatch::Alarm")
    topic = {"Fn::If": ["HasAlarmTopicArn", {"Ref": "AlarmTopicArn"}, {"Ref": "AWS::NoValue"}]}
    assert alarms and all(a["AlarmActions"] == [topic] for a in alarms.values())


@shows("REQ-M4", "REQ-M9", how="static")
@pytest.mark.parametrize("name", sorted(RIGHTS))
def test_a_template_fits_into_a_request_where_it_calls_nobody(name: str) -> None:
    assert len(body(name)) < LONGER.get(name, LONGEST_BODY)


def scarce(found: dict[str, Any]) -> set[str]:
    """What a template takes that another could want too: names in Parameter Store, host names."""
    taken = set()
    for resource in found["Resources"].values():
        for key in ("Name", "DomainName"):
            value = resource["Properties"].get(key)
            if isinstance(value, dict) and resource["Type"] != "AWS::ApiGateway::RestApi" and "Fn::Sub" in value:
                taken.add(f"{resource['Type']} {value['Fn::Sub']}")
    return taken


@shows("REQ-M1", "REQ-M9", how="static")
def test_a_hundred_services_share_nothing_and_touch_nobody(tmp_path: Path) -> None:
    one = shop(tmp_path / "one")
    more = [
        service(tmp_path / "more", f"service-{n}", "http", routes=("GET /items/{id}", "POST /items"), table=True)
        for n in range(100)
    ]
    many = shop(tmp_path / "many", *more)
    taken: list[str] = []
    for each in more:
        draft = templates.draft(many, each.name)
        found = scarce(json.loads(draft.files[draft.template]))
        assert len(found) == 4  # address and ARN, and the domain name with its record
        taken += found
    assert len(taken) == len(set(taken)) == 400
    for name in ("platform", *one.services):
        assert templates.draft(one, name).files == templates.draft(many, name).files, name
