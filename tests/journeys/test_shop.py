"""The shop, deployed: each service a stack by itself, used through its outputs and AWS's public APIs alone.

What the tests change they put back: all share one shop.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.journeys.shop import FOLDER, Customer, Shop, Warehouse, customer, states, warehouse
from troposphere_arch.journeys.blog import until
from troposphere_arch.local import Emulator

pytestmark = pytest.mark.xdist_group("shop")

ASYNCHRONOUS = ("fulfilment", "payments", "statistics", "invoices")


@pytest.fixture(scope="module")
def shop(patched: Emulator) -> Iterator[Shop]:
    made = Shop(patched, "shop")
    assert set(made.up().values()) == {"created"}
    yield made
    made.down()


@pytest.fixture(scope="module")
def mina(shop: Shop) -> Customer:
    return customer(shop)


@pytest.fixture(scope="module")
def house(shop: Shop) -> Warehouse:
    return warehouse(shop)


@shows("REQ-M2", "REQ-M3", "REQ-M6", "REQ-M7", "REQ-M8", how="patched")
def test_two_orders_followed_to_their_ends(shop: Shop, mina: Customer, house: Warehouse) -> None:
    sku = house.fill(10, 1999)
    paid, declined = mina.placed(sku, 3), mina.placed(sku, 4, card="declined-1")
    told, other = mina.followed(paid), mina.followed(declined)
    assert house.left(sku) == 7
    order = paid["order"]
    assert told["result"] == {"order": order["id"], "state": "paid", "total": "59.97"}
    assert shop.item("payments", f"order#{order['id']}", "payment")["state"] == "paid"
    assert f"3 × {sku}: 59.97" in shop.item("invoices", f"order#{order['id']}", "invoice")["page"]
    day = until("both orders counted", lambda: counted(shop, order) if counted(shop, order) == ("2", "7") else None)
    assert day == ("2", "7")
    # Nothing of the other's in either.
    assert other["result"] == {"order": declined["order"]["id"], "state": "declined"}
    assert (told["request"], other["request"]) == (paid["request"], declined["request"])
    assert set(states(told)) >= {"orders", "fulfilment", "payments", "invoices"}
    assert "invoices" not in states(other)
    assert shop.item("invoices", f"order#{declined['order']['id']}", "invoice") == {}


def counted(shop: Shop, order: dict[str, Any]) -> tuple[str, str]:
    day = shop.item("statistics", f"sku#{order['sku']}", f"day#{order['at'][:10]}")
    return day.get("orders", "0"), day.get("units", "0")


@shows("REQ-M6", "REQ-M8", how="patched")
def test_a_request_is_known_by_its_id_everywhere(shop: Shop, mina: Customer, house: Warehouse) -> None:
    request, trace = f"mina-{uuid.uuid4()}", f"Root=1-5759e988-{uuid.uuid4().hex[:24]}"
    sku = house.fill()
    with subscriber(shop) as heard:
        placed = mina.placed(sku, **{"X-Request-Id": request, "X-Amzn-Trace-Id": trace})
        [told] = until("the event", heard)
    assert placed["request"] == told["request"] == request
    assert trace.partition(";")[0] in told["trace"]
    assert mina.followed(placed)["request"] == request
    assert [line["route"] for line in shop.lines("stock", request)] == ["POST /stock/{sku}/reservations"]
    for service in ASYNCHRONOUS:
        until(f"a line of {service}", lambda service=service: shop.lines(service, request))
    assert {line["route"] for line in shop.lines("orders", request)} == {"POST /orders"}


@contextlib.contextmanager
def subscriber(shop: Shop) -> Iterator[Any]:
    """Somebody else who is told of orders; gives what they have heard so far."""
    sqs, sns = shop.emulator.client("sqs"), shop.emulator.client("sns")
    url = sqs.create_queue(QueueName=f"subscriber-{uuid.uuid4()}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    topic = shop.stack("orders").outputs["EventsTopicArn"]
    raw = {"RawMessageDelivery": "true"}
    one = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw, ReturnSubscriptionArn=True)
    found: dict[str, dict[str, Any]] = {}

    def heard() -> list[dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            told = json.loads(message["Body"])
            found[told["id"]] = told
        return list(found.values())

    try:
        yield heard
    finally:
        sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
        sqs.delete_queue(QueueUrl=url)


# --- twice


@shows("REQ-M6", "REQ-M7", how="patched")
def test_what_comes_twice_changes_nothing(shop: Shop, mina: Customer, house: Warehouse) -> None:
    sku, key = house.fill(10, 100), str(uuid.uuid4())
    with subscriber(shop) as heard:
        placed = mina.order(sku, 2, key=key).json()
        first = mina.followed(placed)
        order = placed["order"]
        # The same request, the same event; the same record, the same object.
        again = mina.order(sku, 2, key=key)
        assert (again.status, again.json()) == (202, placed)
        [told] = until("the event", heard)
    assert told["body"]["id"] == order["id"]
    announce(shop, told)
    [record] = until("the record", lambda: of_stream(shop, order["id"]))
    shop.emulator.client("kinesis").put_record(
        StreamName=shop.stack("statistics").outputs["StreamName"], PartitionKey=sku, Data=json.dumps(record).encode()
    )
    s3, bucket = shop.emulator.client("s3"), shop.stack("invoices").outputs["BucketName"]
    place = {"Bucket": bucket, "Key": f"paid/{order['id']}.json"}
    stored = s3.get_object(**place)
    s3.put_object(**place, Body=stored["Body"].read(), Metadata=stored["Metadata"])
    # Once by the customer and once by us, besides the first time.
    for service, id, times in (
        ("fulfilment", told["id"], 3),
        ("statistics", record["id"], 2),
        ("invoices", stored["Metadata"]["id"], 2),
    ):
        until(f"{service} to see it again", lambda s=service, i=id, n=times: len(shop.lines(s, i)) >= n)
        assert shop.item(service, f"kit#message#{id}", "mark")["attempts"] == "1"
    assert house.left(sku) == 8
    assert counted(shop, order) == ("1", "2")
    assert len(of_stream(shop, order["id"])) == 2  # ours is the second
    assert len(s3.list_object_versions(Bucket=bucket, Prefix=place["Key"])["Versions"]) == 2
    last = mina.status(order["id"])
    assert (last["result"], states(last)) == (first["result"], states(mina.followed(placed)))


def announce(shop: Shop, told: Any, event: str = "order-placed") -> None:
    shop.emulator.client("sns").publish(
        TopicArn=shop.stack("orders").outputs["EventsTopicArn"],
        Message=told if isinstance(told, str) else json.dumps(told),
        MessageAttributes={"event": {"DataType": "String", "StringValue": event}},
    )


def of_stream(shop: Shop, order: str) -> list[dict[str, Any]]:
    """What the stream holds of an order."""
    kinesis, name = shop.emulator.client("kinesis"), shop.stack("statistics").outputs["StreamName"]
    found = []
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        at = {"StreamName": name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        page = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**at)["ShardIterator"], Limit=1000)
        found += [json.loads(one["Data"]) for one in page["Records"] if order.encode() in one["Data"]]
    return found


# --- what can't be worked on


@contextlib.contextmanager
def impatient(shop: Shop) -> Iterator[None]:
    """What failed comes again after a second. An operator would wait for six minutes."""
    sqs = shop.emulator.client("sqs")
    queues = [shop.stack(service).physical("Queue") for service in ("fulfilment", "payments")]
    before = [sqs.get_queue_attributes(QueueUrl=one, AttributeNames=["VisibilityTimeout"]) for one in queues]
    for queue in queues:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    yield
    for queue, was in zip(queues, before, strict=True):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=was["Attributes"])


@shows("REQ-M7", "REQ-M8", how="patched")
def test_poison_ends_in_the_dead_letters_and_the_others_pass(shop: Shop, mina: Customer, house: Warehouse) -> None:
    sku = house.fill(10)
    poison = {service: {"id": str(uuid.uuid4()), "request": str(uuid.uuid4()), "body": {}} for service in ASYNCHRONOUS}
    with impatient(shop):
        announce(shop, poison["fulfilment"])
        queue = shop.stack("payments").outputs["QueueUrl"]
        shop.emulator.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(poison["payments"]))
        stream = shop.stack("statistics").outputs["StreamName"]
        record = json.dumps(poison["statistics"]).encode()
        shop.emulator.client("kinesis").put_record(StreamName=stream, PartitionKey=sku, Data=record)
        bucket = shop.stack("invoices").outputs["BucketName"]
        about = {name: poison["invoices"][name] for name in ("id", "request")}
        shop.emulator.client("s3").put_object(Bucket=bucket, Key="paid/poison", Body=b"no order", Metadata=about)
        good = [mina.placed(sku) for _ in range(3)]
        for placed in good:
            assert mina.followed(placed)["result"]["state"] == "paid"
        for service in ASYNCHRONOUS:
            [dead] = until(f"a dead letter of {service}", lambda service=service: shop.failures(service), seconds=20)
            # Of an object Lambda tells the event, which has its key; of all others it is the message itself.
            assert ("paid/poison" if service == "invoices" else poison[service]["id"]) in dead
    until("all orders counted", lambda: counted(shop, good[0]["order"]) == ("3", "6"))
    operator = shop.person("status GET /requests/{id}")
    for service in ASYNCHRONOUS:
        request = poison[service]["request"]
        told = until("the end", lambda request=request: failed(operator, request))
        assert states(told)[service] == {"working", "failed"}
        shop.emulator.client("sqs").purge_queue(QueueUrl=shop.stack(service).outputs["FailuresQueue"])


def failed(person: Any, request: str) -> dict[str, Any] | None:
    answer = person.ask("status", "GET /requests/{id}", id=request)
    told: dict[str, Any] = answer.json()
    return told if answer.status == 200 and told["state"] == "failed" else None


# --- who is down, and who may not


@shows("REQ-M6", how="patched")
def test_a_callee_that_is_down(shop: Shop, mina: Customer, house: Warehouse) -> None:
    sku, key = house.fill(), str(uuid.uuid4())
    functions, name = shop.emulator.client("lambda"), shop.stack("stock").physical("Function")
    with subscriber(shop) as heard:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        began = time.monotonic()
        try:
            down = mina.order(sku, key=key)
        finally:
            functions.delete_function_concurrency(FunctionName=name)
        assert time.monotonic() - began < 29  # what API Gateway waits for
        assert (down.status, down.json()["error"]) == (503, "Unavailable")
        assert int(down.headers["Retry-After"]) >= 1
        assert house.left(sku) == 10
        up = mina.order(sku, key=key)
        assert up.status == 202
        [told] = until("the event", heard)
    assert told["request"] == up.json()["request"] != down.json()["request"]
    assert mina.followed(up.json())["result"]["state"] == "paid"


@shows("REQ-M2", how="patched")
def test_who_has_no_right_is_refused(shop: Shop, mina: Customer, house: Warehouse) -> None:
    sku = house.fill()
    stranger, reader = shop.person(), customer(shop)
    assert stranger.ask("orders", "GET /orders/{id}", id="x").status == 403
    assert reader.ask("stock", "GET /stock/{sku}", sku=sku).status == 403
    assert house.ask("stock", "POST /stock/{sku}/reservations", {"units": 1}, sku=sku).status == 403
    assert shop.emulator.request("GET", f"{shop.told('stock', 'address')}/stock/{sku}").status == 403
    assert house.left(sku) == 10


PROBE = """
import os, urllib3, botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
def handler(event, context):
    found = []
    for verb, path in event:
        request = AWSRequest(verb, os.environ["AT"] + path)
        credentials = botocore.session.get_session().get_credentials()
        SigV4Auth(credentials, "execute-api", os.environ["AWS_REGION"]).add_auth(request)
        asked = urllib3.PoolManager().request(verb, os.environ["AT"] + path, headers=dict(request.headers.items()))
        found.append(asked.status)
    return found
"""


@shows("REQ-M2", how="patched")
def test_a_service_may_call_what_it_declares_and_nothing_else(shop: Shop, house: Warehouse) -> None:
    """Other code with the role of `payments`, which declares one route of `stock`."""
    import io
    import zipfile

    sku, zipped = house.fill(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("index.py", PROBE)
    functions = shop.emulator.client("lambda")
    role = shop.emulator.client("iam").get_role(RoleName=shop.stack("payments").physical("FunctionRole"))["Role"]["Arn"]
    made = functions.create_function(
        FunctionName=f"probe-{uuid.uuid4()}",
        Runtime="python3.13",
        Handler="index.handler",
        Role=role,
        Timeout=20,
        Code={"ZipFile": zipped.getvalue()},
        Environment={"Variables": {"AT": shop.told("stock", "address")}},
    )
    asked = [
        ("DELETE", f"/stock/{sku}/reservations/order-1234"),
        ("GET", f"/stock/{sku}"),
        ("PUT", f"/stock/{sku}"),
        ("POST", f"/stock/{sku}/reservations"),
        ("DELETE", f"/stock/{sku}"),
    ]
    try:
        answer = functions.invoke(FunctionName=made["FunctionName"], Payload=json.dumps(asked))
        assert json.loads(answer["Payload"].read()) == [204, 403, 403, 403, 403]
    finally:
        functions.delete_function(FunctionName=made["FunctionName"])


# --- surges


@shows("REQ-M12", how="patched")
def test_more_than_an_api_takes_is_refused_and_the_rest_is_served(shop: Shop, house: Warehouse) -> None:
    sku, stack = house.fill(), shop.stack("stock")

    def asked() -> list[int]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda _: house.ask("stock", "GET /stock/{sku}", sku=sku).status, range(12)))

    stack.update(ThrottleRate="1", ThrottleBurst="2")
    answers = asked()
    assert set(answers) == {200, 429}
    stack.update(ThrottleRate="50", ThrottleBurst="100")
    assert asked() == [200] * 12


@shows("REQ-M12", how="patched")
def test_a_burst_waits_in_the_queue(shop: Shop, house: Warehouse) -> None:
    """Forty cards to be charged at once, of which two batches are worked on at a time; none is forgotten."""
    sku, stack = house.fill(), shop.stack("payments")
    stack.update(MaximumConcurrency="2")
    sqs, queue, began = shop.emulator.client("sqs"), stack.outputs["QueueUrl"], time.time()
    orders = [{"id": str(uuid.uuid4()), "sku": sku, "units": 1, "cents": 1, "card": "declined-1"} for _ in range(40)]
    for at in range(0, len(orders), 10):
        bodies = [json.dumps(order) for order in orders[at : at + 10]]
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    for order in orders:
        until("a payment", lambda order=order: shop.item("payments", f"order#{order['id']}", "payment"))
    assert 1 <= at_once(shop, "payments", began) <= 2
    stack.update(MaximumConcurrency="10")


def at_once(shop: Shop, service: str, since: float) -> int:
    """How many invocations of its function there were at the same time, by its log."""
    group = shop.stack(service).physical("FunctionLogs")
    arguments = {"logGroupName": group, "startTime": int(since * 1000)}
    pages = shop.emulator.client("logs").get_paginator("filter_log_events").paginate(**arguments)
    said = [(one["timestamp"], one["message"]) for page in pages for one in page["events"]]
    steps = []
    for at, spent in ((at, re.search(r"^REPORT .*\tDuration: ([0-9.]+) ms", line)) for at, line in said):
        if spent:
            steps += [(at - float(spent[1]), 1), (at, -1)]
    return max(accumulate(step for _, step in sorted(steps)))


@shows("REQ-M6", "REQ-M12", how="patched")
def test_a_surge_of_orders_on_a_stock_that_takes_one_at_a_time(shop: Shop, mina: Customer, house: Warehouse) -> None:
    """Whoever is told 503 sends the same again: in the end the goods are sold, each once."""
    sku, stack = house.fill(2), shop.stack("stock")
    stack.update(ReservedConcurrency="1")

    def persistent(key: str) -> int:
        return until("an answer", lambda: (one := mina.order(sku, 1, key=key).status) != 503 and one)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(persistent, [str(uuid.uuid4()) for _ in range(4)]))
    stack.update(ReservedConcurrency="0")
    assert sorted(answers) == [202] * 2 + [409] * 2
    assert house.left(sku) == 0


# --- stacks that change, and those that don't


def changes(shop: Shop, service: str) -> list[str]:
    """What an update of a stack would change, by CloudFormation's own change set: its template, its parameters."""
    cloudformation, stack = shop.emulator.client("cloudformation"), shop.stack(service)
    names = [one["ParameterKey"] for one in stack.describe()["Parameters"]]
    cloudformation.create_change_set(
        StackName=stack.name,
        ChangeSetName="look",
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": name, "UsePreviousValue": True} for name in names],
    )
    looked = {"StackName": stack.name, "ChangeSetName": "look"}
    found = until("the change set", lambda: ended(cloudformation.describe_change_set(**looked)))
    with contextlib.suppress(ClientError):
        cloudformation.delete_change_set(**looked)
    return [change["ResourceChange"]["LogicalResourceId"] for change in found["Changes"]]


def ended(found: dict[str, Any]) -> dict[str, Any] | None:
    return found if found["Status"] in ("CREATE_COMPLETE", "FAILED") else None


def touched(shop: Shop) -> dict[str, tuple[str, datetime | None, int]]:
    """Of each stack its id, when it was updated, and how many events it has."""
    found = {}
    for service in ("platform", *shop.system().services):
        stack = shop.stack(service)
        told = stack.describe()
        found[service] = (told["StackId"], told.get("LastUpdatedTime"), len(stack.events()))
    return found


@shows("REQ-M1", "REQ-M4", how="patched")
def test_the_platform_is_updated_under_running_services(shop: Shop, mina: Customer, house: Warehouse) -> None:
    sku, before = house.fill(1000), touched(shop)
    stop, answers = threading.Event(), list[int]()

    def keep_ordering() -> None:
        while not stop.is_set():
            answers.append(mina.order(sku, 1).status)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(keep_ordering)
        shop.stack("platform").update(LogRetentionDays="14", ThrottleRate="60")
        assert [changes(shop, service) for service in shop.system().services] == [[]] * 6
        shop.stack("platform").update(LogRetentionDays="30", ThrottleRate="50")
        until("an order afterwards", lambda: len(answers) > 1)
        stop.set()
        running.result()
    assert set(answers) == {202}
    after = touched(shop)
    assert {name for name in after if after[name] != before[name]} == {"platform"}


@shows("REQ-M1", "REQ-M4", "REQ-M9", how="patched")
def test_a_service_comes_and_goes_and_touches_no_other(
    shop: Shop, mina: Customer, house: Warehouse, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("templates", "__pycache__"))
    shutil.copytree(FOLDER / "stock", folder / "spares", ignore=shutil.ignore_patterns("test_*", "__pycache__"))
    before = touched(shop)
    grown = Shop(shop.emulator, shop.name, folder)
    done = grown.up()
    assert done.pop("spares") == "created"
    assert set(done.values()) == {"unchanged"}
    other = grown.person("spares GET /stock/{sku}", "spares PUT /stock/{sku}")
    assert other.ask("spares", "PUT /stock/{sku}", {"units": 1, "cents": 1}, sku="tea").status == 200
    assert [changes(shop, service) for service in before] == [[]] * 7
    grown.stack("spares").delete()
    assert touched(shop) == before
    assert set(shop.up().values()) == {"unchanged"}
    assert mina.order(house.fill()).status == 202


@shows("REQ-M4", "REQ-M13", how="patched")
def test_a_service_is_updated_there_and_back(shop: Shop, mina: Customer, house: Warehouse) -> None:
    placed = mina.placed(house.fill())
    before = touched(shop)
    shop.stack("orders").update(FunctionMemory="512")
    assert mina.ask("orders", "GET /orders/{id}", id=placed["order"]["id"]).json() == placed["order"]
    shop.stack("orders").update(FunctionMemory="256")
    assert mina.ask("orders", "GET /orders/{id}", id=placed["order"]["id"]).json() == placed["order"]
    assert mina.order(placed["order"]["sku"]).status == 202
    after = touched(shop)
    assert {name for name in after if after[name] != before[name]} == {"orders"}


@shows("REQ-M13", how="patched")
def test_nothing_of_it_is_a_server(shop: Shop) -> None:
    """All of it is paid for as it is used, but for the shard of the stream."""
    kinds = {
        resource["ResourceType"].split("::")[1] + "::" + resource["ResourceType"].split("::")[2]
        for service in ("platform", *shop.system().services)
        for resource in shop.stack(service).resources()
    }
    assert {kind.partition("::")[0] for kind in kinds} == {
        *(
            "ApiGateway",
            "CloudWatch",
            "DynamoDB",
            "Events",
            "IAM",
            "Kinesis",
            "Lambda",
            "Logs",
            "S3",
            "SNS",
            "SQS",
            "SSM",
        )
    }


# --- with names


@shows("REQ-M5", how="patched")
def test_services_have_names_and_call_each_other_by_them(patched: Emulator) -> None:
    """Two services and the platform once more, as another environment, with a domain."""
    domain = "shop.example.com"
    zone = patched.client("route53").create_hosted_zone(Name=domain, CallerReference=str(uuid.uuid4()))["HostedZone"]
    certificate = patched.client("acm").request_certificate(DomainName=f"*.{domain}", ValidationMethod="DNS")
    given = {
        "platform.DomainName": domain,
        "platform.DomainCertificateArn": certificate["CertificateArn"],
        "platform.HostedZoneId": zone["Id"].rpartition("/")[2],
    }
    shop = Shop(patched, "named", only="orders", given=given)
    try:
        assert set(shop.up().values()) == {"created"}
        records = patched.client("route53").list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        names = {record["Name"].rstrip("."): record for record in records if record["Type"] == "A"}
        assert set(names) == {f"{name}.{domain}" for name in ("orders", "status", "stock")}
        for name in ("orders", "stock"):
            outputs = shop.stack(name).outputs
            assert outputs["ApiUrl"] == shop.told(name, "address") == f"https://{name}.{domain}"
            assert names[f"{name}.{domain}"]["AliasTarget"]["DNSName"].rstrip(".") == outputs["DomainTarget"]
        house, mina = warehouse(shop), customer(shop)
        placed = mina.placed(house.fill())
        found = patched.client("lambda").get_function_configuration(
            FunctionName=shop.stack("orders").physical("Function")
        )
        assert found["Environment"]["Variables"]["STOCK_URL"] == f"https://stock.{domain}"
        assert house.left(placed["order"]["sku"]) == 8
        assert mina.status(placed["order"]["id"])["state"] == "accepted"
    finally:
        shop.down()
