"""What the patches do for services that call and tell one another: names, signatures, queues, streams, networks."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.local.stacks import TRUST_LAMBDA, Resources, Stack, resource, stack
from troposphere_arch import local
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator, Response
from troposphere_arch.local.addresses import LocalAddress, local_address

NAME, DOMAIN = "stock.services.example", "services.example"
INNER = "inner.services.example"


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def attribute(name: str, of: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, of]}


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


def without(resources: Resources, *names: str) -> Resources:
    return {name: one for name, one in resources.items() if name not in names}


def role(*statements: dict[str, Any]) -> dict[str, Any]:
    logs = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [logs, *statements]}
    return resource(
        "IAM::Role",
        AssumeRolePolicyDocument=TRUST_LAMBDA,
        Policies=[{"PolicyName": "does", "PolicyDocument": document}],
    )


def may(action: str, on: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": on, **more}


def function(code: str, *, by: str = "Role", **variables: Any) -> dict[str, Any]:
    return resource(
        "Lambda::Function",
        Role=attribute(by, "Arn"),
        Runtime="python3.13",
        Handler="index.handler",
        Timeout=20,
        Code={"ZipFile": code},
        Environment={"Variables": variables},
    )


def run(made: Stack, name: str, **event: Any) -> Any:
    answer = made.emulator.client("lambda").invoke(FunctionName=made.ids[name], Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


def until(ask: Callable[[], Any], enough: Callable[[Any], bool] = bool) -> Any:
    """What `ask` says as soon as it is enough, or what it says in the end."""
    deadline = time.monotonic() + 20
    while not enough(found := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def bodies(made: Stack, queue: str) -> list[Any]:
    """What is in the queue, which keeps it."""
    found = made.emulator.client("sqs").receive_message(
        QueueUrl=made.ids[queue], MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=0
    )
    return [message["Body"] for message in found.get("Messages", [])]


# --- APIs, their names, and who calls them

ANSWERS = """
import json
def handler(event, context):
    seen = {
        "by": event["requestContext"]["identity"].get("userArn"),
        "host": event["headers"].get("host"),
        "sku": (event["pathParameters"] or {}).get("sku"),
    }
    return {"statusCode": 503 if seen["sku"] == "down" else 200, "body": json.dumps(seen)}
"""

ASKS = """
import http.client, os, urllib.request
import botocore.session, urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

def handler(event, context):
    url, method = event["url"], event.get("method", "GET")
    host, _, path = url.partition("//")[2].partition("/")
    headers = {"Host": host}
    if event.get("signed", True):
        request = AWSRequest(method=method, url=url)
        credentials = botocore.session.Session().get_credentials()
        SigV4Auth(credentials, "execute-api", os.environ["AWS_REGION"]).add_auth(request)
        headers |= dict(request.headers)
    if event.get("changed"):
        headers["X-Amz-Date"] = headers["X-Amz-Date"][:-2] + "0Z"
        headers["Authorization"] = headers["Authorization"][:-1] + "~"
    try:
        if event.get("by") == "http.client":
            connection = http.client.HTTPSConnection(host, timeout=10)
            connection.request(method, "/" + path, headers=headers)
            answer = connection.getresponse()
            return [answer.status, answer.read().decode()]
        if event.get("by") == "urllib":
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
                return [answer.status, answer.read().decode()]
        answer = urllib3.PoolManager(retries=False).request(method, url, headers=headers, timeout=10)
        return [answer.status, answer.data.decode()]
    except Exception as error:
        return [0, type(error).__name__ + " " + str(error)]
"""

RESOLVER = """
import socket
def handler(event, context):
    return [socket.getaddrinfo.__module__, type(socket.socket.connect).__name__]
"""


def method(verb: str, on: str, authorization: str) -> dict[str, Any]:
    to = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Answers.Arn}/invocations"
    return resource(
        "ApiGateway::Method",
        RestApiId=ref("Api"),
        ResourceId=ref(on),
        HttpMethod=verb,
        AuthorizationType=authorization,
        Integration={"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": sub(to)},
    )


def api(**properties: Any) -> Resources:
    root = attribute("Api", "RootResourceId")
    return {
        "AnswersRole": role(),
        "Answers": function(ANSWERS, by="AnswersRole"),
        "Api": resource("ApiGateway::RestApi", Name="stock", **properties),
        "Stock": resource("ApiGateway::Resource", RestApiId=ref("Api"), ParentId=root, PathPart="stock"),
        "Sku": resource("ApiGateway::Resource", RestApiId=ref("Api"), ParentId=ref("Stock"), PathPart="{sku}"),
        "Open": method("GET", "Stock", "NONE"),
        "Read": method("GET", "Sku", "AWS_IAM"),
        "Write": method("PUT", "Sku", "AWS_IAM"),
        "Deployment": resource("ApiGateway::Deployment", depends=["Open", "Read", "Write"], RestApiId=ref("Api")),
        "Stage": resource("ApiGateway::Stage", RestApiId=ref("Api"), DeploymentId=ref("Deployment"), StageName="v1"),
    }


def own_name(name: str = NAME) -> Resources:
    alias = {
        "DNSName": attribute("Name", "RegionalDomainName"),
        "HostedZoneId": attribute("Name", "RegionalHostedZoneId"),
    }
    return {
        "Zone": resource("Route53::HostedZone", Name=DOMAIN),
        "Certificate": resource("CertificateManager::Certificate", DomainName=name, ValidationMethod="DNS"),
        "Name": resource(
            "ApiGateway::DomainName",
            DomainName=name,
            EndpointConfiguration={"Types": ["REGIONAL"]},
            RegionalCertificateArn=ref("Certificate"),
        ),
        "Path": resource(
            "ApiGateway::BasePathMapping", DomainName=ref("Name"), RestApiId=ref("Api"), Stage=ref("Stage")
        ),
        "Record": resource("Route53::RecordSet", HostedZoneId=ref("Zone"), Name=name, Type="A", AliasTarget=alias),
    }


def callers() -> Resources:
    read = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/${Stage}/GET/stock/*"
    return {
        "Role": role(may("execute-api:Invoke", sub(read))),
        "Asks": function(ASKS),
        "StrangerRole": role(),
        "Stranger": function(ASKS, by="StrangerRole"),
    }


def at(emulator: Emulator, host: str, path: str = "/stock") -> Response:
    """An unsigned request from outside, as if the host's name led here."""
    return emulator.request("GET", f"https://{host}{path}", names=(host,))


def address(made: Stack, path: str) -> str:
    return f"https://{made.ids['Api']}.execute-api.us-east-1.amazonaws.com/v1{path}"


@pytest.fixture(scope="module")
def shop(patched: Emulator) -> Iterator[Stack]:
    with stack(patched, api() | own_name() | callers()) as made:
        yield made


def test_stock_knows_apis_otherwise(stock: Emulator) -> None:
    """By no address that can be signed; by a custom domain name without a record, and S3 answers without a path."""
    resources = api() | without(own_name(), "Record")
    with stack(stock, resources) as made:
        host = address(made, "").split("/")[2]
        assert at(stock, host, "/v1/stock").json()["__type"] == "MissingAuthenticationTokenException"
        assert at(stock, NAME).status == 200
        assert at(stock, NAME, "/stock/a%2Fb").headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
        made.update(without(resources, "Path"))
        assert (at(stock, NAME).status, "NoSuchBucket" in at(stock, NAME).text()) == (404, True)


def test_stock_lets_functions_ask_anybody(stock: Emulator, patched: Emulator) -> None:
    """Nothing is asked here: the resolver of the machine could."""
    for emulator, whose in ((stock, ["socket", "method_descriptor"]), (patched, ["__main__", "function"])):
        with stack(emulator, {"Role": role(), "Resolver": function(RESOLVER)}) as made:
            assert run(made, "Resolver") == whose


@shows("REQ-M2", "REQ-M5", how="patched")
@pytest.mark.parametrize("by", ["urllib3", "http.client", "urllib"])
def test_a_function_asks_an_api_by_its_own_name(shop: Stack, by: str) -> None:
    status, body = run(shop, "Asks", url=f"https://{NAME}/stock/a", by=by)
    assert status == 200, body
    seen = json.loads(body)
    assert (seen["host"], seen["sku"]) == (NAME, "a")
    assert seen["by"].endswith(f":assumed-role/{shop.ids['Role']}/{shop.ids['Asks']}")


@shows("REQ-M2", how="patched")
def test_a_function_asks_an_api_by_its_address(shop: Stack) -> None:
    status, body = run(shop, "Asks", url=address(shop, "/stock/a%2Fb%20c"))
    assert (status, json.loads(body)["sku"]) == (200, "a%2Fb%20c")
    assert run(shop, "Asks", url=address(shop, "/stock/down"))[0] == 503


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "unsigned": ("Asks", {"signed": False}),
    "not-granted": ("Stranger", {}),
    "another-route": ("Asks", {"method": "PUT"}),
    "another-signature": ("Asks", {"changed": True}),
}


@shows("REQ-M2", how="patched")
@pytest.mark.parametrize("case", REFUSED)
def test_who_may_not_is_refused(shop: Stack, case: str) -> None:
    who, how = REFUSED[case]
    for url in (f"https://{NAME}/stock/a", address(shop, "/stock/a")):
        assert run(shop, who, url=url, **how)[0] == 403
    assert run(shop, who, url=f"https://{NAME}/stock", signed=False)[0] == 200  # that route is open


@pytest.mark.parametrize(
    "url",
    [
        "https://www.example.com/",
        f"https://{DOMAIN}/",
        f"http://{NAME}/stock/a",
        f"https://{NAME}:8443/stock/a",
        "https://0123abcd.execute-api.us-east-1.amazonaws.com/v1/stock/a",
        "https://sqs.us-east-1.amazonaws.com/",
        "https://192.0.2.1/",
        "http://169.254.169.254/latest",
        "https://[2001:db8::1]/",
    ],
)
def test_nothing_leaves_the_machine(shop: Stack, url: str) -> None:
    status, said = run(shop, "Asks", url=url)
    assert status == 0
    assert "the emulator knows no such name" in said or "nothing leaves this machine" in said


@shows("REQ-M5", how="patched")
def test_a_name_is_there_with_its_record_and_its_path(patched: Emulator) -> None:
    name = f"orders.{DOMAIN}"
    resources = api() | own_name(name) | callers()
    with stack(patched, resources) as made:
        assert made.emulator.client("apigateway").get_domain_name(domainName=name)["regionalDomainName"]
        url = f"https://{name}/stock/a"
        assert at(patched, name).status == run(made, "Asks", url=url)[0] == 200
        assert at(patched, name, "/health").json() == {"message": "Missing Authentication Token"}
        regional = made.emulator.client("apigateway").get_domain_name(domainName=name)["regionalDomainName"]
        assert at(patched, regional).status == 403
        made.update(without(resources, "Record"))
        assert (at(patched, name).status, run(made, "Asks", url=url)[0]) == (403, 0)
        made.update(without(resources, "Path"))
        assert (at(patched, name).status, run(made, "Asks", url=url)[0]) == (403, 403)
        made.update(resources)
        assert at(patched, name).status == run(made, "Asks", url=url)[0] == 200
        gone = without(resources, *own_name(name))
        made.update(gone)
        assert run(made, "Asks", url=url)[0] == 0
        assert run(made, "Asks", url=address(made, "/stock/a"))[0] == 200
        left = patched.client("apigateway").get_domain_names()["items"]
        assert [one["domainName"] for one in left if one["domainName"] == name] == []


def test_an_api_that_is_gone(patched: Emulator) -> None:
    with stack(patched, api()) as made:
        host = address(made, "").split("/")[2]
        assert at(patched, host, "/v1/stock").status == 200
    assert at(patched, host, "/v1/stock").json() == {"message": "Forbidden"}


def test_names_that_are_known() -> None:
    secure = {"X-Forwarded-Proto": "https"}
    found = local_address(f"https://{NAME}/stock/a?b=c", 4580, {NAME})
    assert found == LocalAddress("/stock/a?b=c", {"Host": NAME, **secure})
    for url in (f"https://{NAME}:443/", f"https://other.{DOMAIN}/"):
        with pytest.raises(UserError):
            local_address(url, 4580, {NAME})
    with pytest.raises(UserError):
        local_address(f"https://{NAME}/", 4580)


def test_wildcards(patched: Emulator) -> None:
    """`*` is every name below, as far as there is none."""
    name, elsewhere = f"any.wild.{DOMAIN}", f"taken.wild.{DOMAIN}"
    resources = api() | own_name(name)
    resources["Record"]["Properties"]["Name"] = f"*.wild.{DOMAIN}"
    resources["Taken"] = resource(
        "Route53::RecordSet", HostedZoneId=ref("Zone"), Name=elsewhere, Type="TXT", TTL="60", ResourceRecords=['"x"']
    )
    with stack(patched, resources | callers()) as made:
        assert at(patched, name).status == 200
        assert run(made, "Asks", url=f"https://{name}/stock/a")[0] == 200
        assert run(made, "Asks", url=f"https://other.wild.{DOMAIN}/stock/a")[0] == 403  # no custom domain name
        assert run(made, "Asks", url=f"https://{elsewhere}/stock/a")[0] == 0


# --- networks


def network(*, nat: bool) -> Resources:
    vpc, https = ref("Vpc"), {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    first = {"Fn::Split": [":", {"Fn::Select": [0, attribute("Apis", "DnsEntries")]}]}
    made = {
        "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
        "Subnet": resource("EC2::Subnet", VpcId=vpc, CidrBlock="10.0.1.0/24"),
        "Routes": resource("EC2::RouteTable", VpcId=vpc),
        "SubnetRoutes": resource(
            "EC2::SubnetRouteTableAssociation", RouteTableId=ref("Routes"), SubnetId=ref("Subnet")
        ),
        "Functions": resource("EC2::SecurityGroup", GroupDescription="functions", VpcId=vpc),
        "Endpoints": resource("EC2::SecurityGroup", GroupDescription="endpoints", VpcId=vpc),
        "In": resource(
            "EC2::SecurityGroupIngress",
            GroupId=attribute("Endpoints", "GroupId"),
            SourceSecurityGroupId=attribute("Functions", "GroupId"),
            **https,
        ),
        "ToS3": resource(
            "EC2::VPCEndpoint",
            VpcId=vpc,
            ServiceName=sub("com.amazonaws.${AWS::Region}.s3"),
            VpcEndpointType="Gateway",
            RouteTableIds=[ref("Routes")],
        ),
        "Apis": resource(
            "EC2::VPCEndpoint",
            VpcId=vpc,
            ServiceName=sub("com.amazonaws.${AWS::Region}.execute-api"),
            VpcEndpointType="Interface",
            SubnetIds=[ref("Subnet")],
            SecurityGroupIds=[attribute("Endpoints", "GroupId")],
        ),
        "InnerZone": resource(
            "Route53::HostedZone", Name=INNER, VPCs=[{"VPCId": vpc, "VPCRegion": ref("AWS::Region")}]
        ),
        "InnerNames": resource(
            "Route53::RecordSet",
            HostedZoneId=ref("InnerZone"),
            Name=f"*.{INNER}",
            Type="A",
            AliasTarget={"DNSName": {"Fn::Select": [1, first]}, "HostedZoneId": {"Fn::Select": [0, first]}},
        ),
        "InnerAlias": resource(
            "Route53::RecordSet",
            HostedZoneId=ref("InnerZone"),
            Name=f"alias.{INNER}",
            Type="CNAME",
            TTL="60",
            ResourceRecords=[NAME],
        ),
    }
    if nat:
        made |= {
            "Address": resource("EC2::EIP", Domain="vpc"),
            "Nat": resource(
                "EC2::NatGateway", AllocationId=attribute("Address", "AllocationId"), SubnetId=ref("Subnet")
            ),
            "Out": resource(
                "EC2::Route", RouteTableId=ref("Routes"), DestinationCidrBlock="0.0.0.0/0", NatGatewayId=ref("Nat")
            ),
        }
    return made


def private_api() -> Resources:
    here = {"Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    elsewhere = {"StringNotEquals": {"aws:SourceVpce": ref("Apis")}}
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": sub("arn:aws:iam::${AWS::AccountId}:root")}, **here},
            {"Effect": "Deny", "Principal": "*", "Condition": elsewhere, **here},
        ],
    }
    endpoint = {"Types": ["PRIVATE"], "VpcEndpointIds": [ref("Apis")]}
    name = attribute("Name", "DomainNameArn")
    return api(EndpointConfiguration=endpoint, Policy=policy) | {
        "Name": resource(
            "ApiGateway::DomainNameV2",
            DomainName=f"stock.{INNER}",
            CertificateArn=sub("arn:aws:acm:${AWS::Region}:${AWS::AccountId}:certificate/x"),
            EndpointConfiguration={"Types": ["PRIVATE"]},
        ),
        "Path": resource("ApiGateway::BasePathMappingV2", DomainNameArn=name, RestApiId=ref("Api"), Stage=ref("Stage")),
        "Access": resource(
            "ApiGateway::DomainNameAccessAssociation",
            AccessAssociationSource=ref("Apis"),
            AccessAssociationSourceType="VPCE",
            DomainNameArn=name,
        ),
    }


def inside(asks: dict[str, Any]) -> dict[str, Any]:
    where = {"SubnetIds": [ref("Subnet")], "SecurityGroupIds": [attribute("Functions", "GroupId")]}
    return {**asks, "Properties": {**asks["Properties"], "VpcConfig": where}}


def test_stock_has_no_such_network(stock: Emulator) -> None:
    template = json.dumps({"Resources": network(nat=True) | private_api()})
    with pytest.raises(ClientError, match="Unrecognized resource types") as error:
        stock.client("cloudformation").validate_template(TemplateBody=template)
    for kind in ("EC2::EIP", "EC2::NatGateway", "BasePathMappingV2", "DomainNameV2", "DomainNameAccessAssociation"):
        assert kind in str(error.value)
    zone = {"Zone": network(nat=False)["InnerZone"], "Vpc": network(nat=False)["Vpc"]}
    endpoint = resource(
        "EC2::VPCEndpoint",
        VpcId=ref("Vpc"),
        ServiceName="com.amazonaws.us-east-1.execute-api",
        VpcEndpointType="Interface",
    )
    with stack(
        stock, {**zone, "Endpoint": endpoint, "Api": private_api()["Api"] | {"Properties": {"Name": "x"}}}
    ) as made:
        assert not stock.client("route53").get_hosted_zone(Id=made.ids["Zone"])["HostedZone"]["Config"]["PrivateZone"]
        (found,) = stock.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[made.ids["Endpoint"]])["VpcEndpoints"]
        assert not found.get("DnsEntries")


@shows("REQ-M2", "REQ-M5", how="patched")
def test_who_reaches_what(patched: Emulator, shop: Stack) -> None:
    """A function in the network, and one that is in none: private APIs, and public ones."""
    resources = network(nat=False) | private_api() | callers()
    resources["Role"] = role(may("execute-api:Invoke", "*"))
    resources["Inside"] = inside(resources["Asks"])
    with stack(patched, resources) as made:
        ids = made.ids
        asked = {
            "name": f"https://stock.{INNER}/stock/a",
            "endpoint": f"https://{ids['Api']}-{ids['Apis']}.execute-api.us-east-1.amazonaws.com/v1/stock/a",
            "address": address(made, "/stock/a"),
            "unknown": f"https://nobody.{INNER}/stock/a",
            "alias": f"https://alias.{INNER}/stock/a",
            "public": f"https://{NAME}/stock/a",
            "public address": address(shop, "/stock/a"),
        }
        from_inside = dict.fromkeys(asked, 0) | {"name": 200, "endpoint": 200, "unknown": 403}
        assert {how: run(made, "Inside", url=url)[0] for how, url in asked.items()} == from_inside
        from_outside = dict.fromkeys(asked, 0) | {"public": 200, "public address": 200}
        assert {how: run(made, "Asks", url=url)[0] for how, url in asked.items()} == from_outside
        assert patched.client("apigateway").get_rest_api(restApiId=ids["Api"])["endpointConfiguration"] == {
            "types": ["PRIVATE"],
            "vpcEndpointIds": [ids["Apis"]],
        }
        zone = patched.client("route53").get_hosted_zone(Id=ids["InnerZone"])
        assert zone["VPCs"] == [{"VPCRegion": "us-east-1", "VPCId": ids["Vpc"]}]
        made.update(without(resources, "Access") | network(nat=True))
        out = from_inside | {"name": 403, "alias": 403, "public": 200, "public address": 200}
        assert {how: run(made, "Inside", url=url)[0] for how, url in asked.items()} == out
    ec2 = patched.client("ec2")
    assert ec2.describe_addresses()["Addresses"] == []
    assert [one["State"] for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] != "deleted"] == []


# --- queues, topics, buses: what is kept, and who may

TELLS = """
import os, boto3

def handler(event, context):
    there, client, found = os.environ, boto3.client, {}
    calls = {
        "publish": lambda: client("sns").publish(TopicArn=there["TOPIC"], Message="m"),
        "own": lambda: put("orders"),
        "other": lambda: put("payments"),
        "both": lambda: put("orders", "payments"),
        "record": lambda: client("kinesis").put_record(StreamName=there["STREAM"], Data=b"x", PartitionKey="p"),
        "send": lambda: client("sqs").send_message(QueueUrl=there["QUEUE"], MessageBody="m"),
        "object": lambda: client("s3").put_object(Bucket=there["BUCKET"], Key="paid/x", Body=b"x"),
        "elsewhere": lambda: client("s3").put_object(Bucket=there["BUCKET"], Key="x", Body=b"x"),
    }
    for name, call in calls.items():
        try:
            call()
            found[name] = True
        except Exception as error:
            found[name] = False if "not authorized" in str(error) or "AccessDenied" in str(error) else str(error)
    return found

def put(*sources):
    bus = os.environ["BUS"]
    entries = [{"EventBusName": bus, "Source": s, "DetailType": "Request progress", "Detail": "{}"} for s in sources]
    return boto3.client("events").put_events(Entries=entries)
"""


def told() -> Resources:
    return {
        "Topic": resource("SNS::Topic"),
        "Bus": resource("Events::EventBus", Name=f"bus-{uuid.uuid4().hex[:8]}"),
        "Stream": resource("Kinesis::Stream", ShardCount=1),
        "Queue": resource("SQS::Queue"),
        "Bucket": resource("S3::Bucket"),
    }


def telling(*statements: dict[str, Any]) -> Resources:
    variables = {kind.upper(): ref(kind) for kind in told()}
    return told() | {"Role": role(*statements), "Tells": function(TELLS, **variables)}


GRANTED = (
    may("sns:Publish", ref("Topic")),
    may("events:PutEvents", attribute("Bus", "Arn"), Condition={"StringEquals": {"events:source": "orders"}}),
    may("kinesis:PutRecord", attribute("Stream", "Arn")),
    may("sqs:SendMessage", attribute("Queue", "Arn")),
    may("s3:PutObject", sub("${Bucket.Arn}/paid/*")),
)
EVERYTHING = {
    **dict.fromkeys(("publish", "own", "record", "send", "object"), True),
    **dict.fromkeys(("other", "both", "elsewhere"), False),
}


def test_stock_lets_everybody_publish_and_nobody_put_events(stock: Emulator) -> None:
    with stack(stock, telling(*GRANTED)) as made:
        assert run(made, "Tells") == EVERYTHING | {"own": False}
    with stack(stock, telling()) as made:
        assert run(made, "Tells") == dict.fromkeys(EVERYTHING, False) | {"publish": True}


@shows("REQ-M7", how="patched")
def test_a_function_tells_whom_it_may(patched: Emulator) -> None:
    with stack(patched, telling(*GRANTED)) as made:
        assert run(made, "Tells") == EVERYTHING
    with stack(patched, telling()) as made:
        assert run(made, "Tells") == dict.fromkeys(EVERYTHING, False)


def kept() -> Resources:
    return {
        "Topic": resource("SNS::Topic", KmsMasterKeyId="alias/aws/sns"),
        "Stream": resource(
            "Kinesis::Stream", ShardCount=1, StreamEncryption={"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
        ),
    }


def keys(made: Stack) -> tuple[str | None, str]:
    topic = made.emulator.client("sns").get_topic_attributes(TopicArn=made.ids["Topic"])["Attributes"]
    stream = made.emulator.client("kinesis").describe_stream(StreamName=made.ids["Stream"])["StreamDescription"]
    return topic.get("KmsMasterKeyId"), stream["EncryptionType"]


def test_encryption(stock: Emulator, patched: Emulator) -> None:
    with stack(stock, kept()) as made:
        assert keys(made) == (None, "NONE")
    with stack(patched, kept()) as made:
        assert keys(made) == ("alias/aws/sns", "KMS")
        made.update({"Topic": resource("SNS::Topic"), "Stream": resource("Kinesis::Stream", ShardCount=1)})
        assert keys(made) == (None, "NONE")
        made.update(kept())
        assert keys(made) == ("alias/aws/sns", "KMS")


def lets_in(queue: str, topic: Any) -> dict[str, Any]:
    statement = {
        **may("sqs:SendMessage", attribute(queue, "Arn")),
        "Principal": {"Service": "sns.amazonaws.com"},
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return resource("SQS::QueuePolicy", Queues=[ref(queue)], PolicyDocument=document)


def subscribed() -> Resources:
    def subscription(queue: str) -> dict[str, Any]:
        return resource(
            "SNS::Subscription",
            TopicArn=ref("Topic"),
            Protocol="sqs",
            Endpoint=attribute(queue, "Arn"),
            FilterPolicy={"event": ["order-placed"]},
            RawMessageDelivery=True,
            RedrivePolicy={"deadLetterTargetArn": attribute("Failures", "Arn")},
        )

    return {
        "Topic": resource("SNS::Topic"),
        "Failures": resource("SQS::Queue"),
        "FailuresPolicy": lets_in("Failures", ref("Topic")),
        "Queue": resource("SQS::Queue"),
        "QueuePolicy": lets_in("Queue", ref("Topic")),
        "Subscription": subscription("Queue"),
        "Closed": resource("SQS::Queue"),
        "ClosedPolicy": lets_in("Closed", sub("arn:aws:sns:${AWS::Region}:${AWS::AccountId}:another")),
        "ClosedSubscription": subscription("Closed"),
    }


def publish(made: Stack, event: str, message: str) -> None:
    what = {"event": {"DataType": "String", "StringValue": event}}
    made.emulator.client("sns").publish(TopicArn=made.ids["Topic"], Message=message, MessageAttributes=what)


@pytest.mark.parametrize("kind", ["stock", "patched"])
def test_what_a_topic_cannot_deliver(stock: Emulator, patched: Emulator, kind: str) -> None:
    with stack(stock if kind == "stock" else patched, subscribed()) as made:
        publish(made, "order-placed", "one")
        publish(made, "order-paid", "two")
        lost = ["one"] if kind == "patched" else []
        assert (bodies(made, "Queue"), bodies(made, "Closed"), bodies(made, "Failures")) == (["one"], [], lost)
        made.emulator.client("sqs").delete_queue(QueueUrl=made.ids["Queue"])
        publish(made, "order-placed", "three")
        assert bodies(made, "Failures") == (["one", "three", "three"] if kind == "patched" else [])


# --- consumers

TAKES = """
import base64, json, os

def handler(event, context):
    taken = {}
    for record in event["Records"]:
        if "kinesis" in record:
            taken[record["kinesis"]["sequenceNumber"]] = base64.b64decode(record["kinesis"]["data"]).decode()
        else:
            taken[record["messageId"]] = record["body"]
    print("TOOK " + json.dumps(list(taken.values())))
    failing = [one for one, body in taken.items() if "bad" in body]
    if failing and os.environ["HOW"] == "raise":
        raise ValueError(failing)
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failing]}
"""


def took(made: Stack) -> list[Any]:
    """What the function was given, in order."""
    logs = made.emulator.client("logs")
    group = f"/aws/lambda/{made.ids['Takes']}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    lines = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    return [json.loads(line.removeprefix("TOOK ")) for line in lines if line.startswith("TOOK ")]


def queue_worker(most: str) -> dict[str, Any]:
    redrive = {"deadLetterTargetArn": attribute("Failures", "Arn"), "maxReceiveCount": ref("Attempts")}
    return {
        "Parameters": {
            "Most": {"Type": "Number", "Default": most},
            "Attempts": {"Type": "Number", "Default": "2"},
        },
        "Resources": {
            "Role": role(),
            "Takes": function(TAKES, HOW="report"),
            "Failures": resource("SQS::Queue"),
            "Queue": resource("SQS::Queue", VisibilityTimeout=1, RedrivePolicy=redrive),
            "Mapping": resource(
                "Lambda::EventSourceMapping",
                FunctionName=ref("Takes"),
                EventSourceArn=attribute("Queue", "Arn"),
                FunctionResponseTypes=["ReportBatchItemFailures"],
                ScalingConfig={"MaximumConcurrency": ref("Most")},
            ),
        },
    }


@contextlib.contextmanager
def made_of(emulator: Emulator, template: dict[str, Any]) -> Iterator[Stack]:
    """A stack by a change set, as tools make one."""
    client = emulator.client("cloudformation")
    name = f"t-{uuid.uuid4().hex[:12]}"
    made = change(emulator, name, template, "CREATE")
    try:
        assert made.ended() == "CREATE_COMPLETE"
        yield made
    finally:
        client.delete_stack(StackName=made.name)
        assert made.ended() == "DELETE_COMPLETE"


def change(emulator: Emulator, name: str, template: dict[str, Any], kind: str = "UPDATE") -> Stack:
    client = emulator.client("cloudformation")
    given = client.create_change_set(
        StackName=name,
        ChangeSetName=f"c-{uuid.uuid4().hex[:8]}",
        ChangeSetType=kind,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": key, "UsePreviousValue": True}
            for key in template.get("Parameters", {})
            if kind == "UPDATE"
        ],
    )
    client.execute_change_set(ChangeSetName=given["Id"])
    return Stack(emulator, given["StackId"])


def test_stock_reads_no_queue_after_such_a_mapping(tmp_path: Path) -> None:
    """On an emulator of its own, which reads no queue at all from then on."""
    emulator = local.start(port=0, patched=False, home=tmp_path)
    try:
        with made_of(emulator, queue_worker("3")) as made:
            emulator.client("sqs").send_message(QueueUrl=made.ids["Queue"], MessageBody="good")
            log = tmp_path / "emulator.log"
            assert until(lambda: "ESM SQS poller error" in log.read_text())
            assert (took(made), bodies(made, "Queue")) == ([], ["good"])
    finally:
        emulator.stop()


@shows("REQ-M7", "REQ-M12", how="patched")
def test_a_queue_with_numbers_from_parameters(patched: Emulator) -> None:
    mapping = patched.client("lambda")
    with made_of(patched, queue_worker("3")) as made:
        run(made, "Takes", Records=[])  # it has started then, and is done before a message comes again
        for body in ("one", "bad", "two"):
            patched.client("sqs").send_message(QueueUrl=made.ids["Queue"], MessageBody=body)
        assert until(lambda: bodies(made, "Failures")) == ["bad"]
        assert {body for batch in took(made) for body in batch} == {"bad", "one", "two"}
        assert until(lambda: bodies(made, "Queue") == [])
        template = queue_worker("3")
        template["Resources"]["Mapping"]["Properties"] |= {"BatchSize": ref("Most")}
        change(patched, made.name, template)
        assert made.ended() == "UPDATE_COMPLETE"
        found = mapping.get_event_source_mapping(UUID=made.ids["Mapping"])
        assert (found["ScalingConfig"], found["BatchSize"]) == ({"MaximumConcurrency": 3}, 3)
        patched.client("sqs").send_message(QueueUrl=made.ids["Queue"], MessageBody="three")
        assert until(lambda: took(made)[-1], lambda last: last == ["three"]) == ["three"]


def stream_reader(how: str, **settings: Any) -> Resources:
    return {
        "Role": role(),
        "Takes": function(TAKES, HOW=how),
        "Failures": resource("SQS::Queue"),
        "Stream": resource("Kinesis::Stream", ShardCount=1),
        "Mapping": resource(
            "Lambda::EventSourceMapping",
            Enabled=False,  # until all is there
            FunctionName=ref("Takes"),
            EventSourceArn=attribute("Stream", "Arn"),
            StartingPosition="TRIM_HORIZON",
            FunctionResponseTypes=["ReportBatchItemFailures"],
            DestinationConfig={"OnFailure": {"Destination": attribute("Failures", "Arn")}},
            **settings,
        ),
    }


def stream(made: Stack, *records: str) -> list[str]:
    """Write them, and let the function read. Their sequence numbers."""
    kinesis = made.emulator.client("kinesis")
    numbers = [
        kinesis.put_record(StreamName=made.ids["Stream"], Data=record.encode(), PartitionKey="p")["SequenceNumber"]
        for record in records
    ]
    made.emulator.client("lambda").update_event_source_mapping(UUID=made.ids["Mapping"], Enabled=True)
    return numbers


STREAMS: dict[str, tuple[str, dict[str, Any], list[str], list[list[str]], list[str]]] = {
    # how it fails, settings, records, what the function is given, what is given up (from, to)
    "report": (
        "report",
        {"MaximumRetryAttempts": 1},
        ["a", "bad", "c"],
        [["a", "bad", "c"], ["bad", "c"], ["after"]],
        ["bad", "c"],
    ),
    "bisect": (
        "raise",
        {"MaximumRetryAttempts": 0, "BisectBatchOnFunctionError": True},
        ["bad", "c"],
        [["bad", "c"], ["bad"], ["c"], ["after"]],
        ["bad", "bad"],
    ),
    "whole": ("raise", {"MaximumRetryAttempts": 0}, ["a", "bad"], [["a", "bad"], ["after"]], ["a", "bad"]),
}


def test_stock_tries_a_kinesis_stream_for_ever(stock: Emulator) -> None:
    with stack(stock, stream_reader("raise", MaximumRetryAttempts=0)) as made:
        stream(made, "a", "bad")
        assert until(lambda: took(made), lambda calls: len(calls) > 1)[:2] == [["a", "bad"]] * 2
        assert bodies(made, "Failures") == []
    with stack(stock, stream_reader("report", MaximumRetryAttempts=0)) as made:
        stream(made, "a", "bad")
        until(lambda: took(made))
        stream(made, "b")
        assert until(lambda: took(made), lambda calls: len(calls) > 1) == [["a", "bad"], ["b"]]


@shows("REQ-M7", how="patched")
@pytest.mark.parametrize("case", STREAMS)
def test_failures_of_a_kinesis_stream(patched: Emulator, case: str) -> None:
    how, settings, records, given, lost = STREAMS[case]
    with stack(patched, stream_reader(how, **settings)) as made:
        numbers = dict(zip(records, stream(made, *records), strict=True))
        (body,) = until(lambda: bodies(made, "Failures"))
        stream(made, "after")
        assert until(lambda: took(made), lambda calls: calls[-1:] == [["after"]]) == given
        said = json.loads(body)
        batch = said["KinesisBatchInfo"]
        assert (batch["startSequenceNumber"], batch["endSequenceNumber"]) == tuple(numbers[one] for one in lost)
        assert batch["batchSize"] == len(dict.fromkeys(lost))
        assert batch["streamArn"].endswith(f":stream/{made.ids['Stream']}")
        assert batch["shardId"] == "shardId-000000000000"
        assert said["requestContext"]["condition"] == "RetryAttemptsExhausted"
        assert said["requestContext"]["approximateInvokeCount"] == settings["MaximumRetryAttempts"] + 1
        assert said["requestContext"]["functionArn"].endswith(f":function:{made.ids['Takes']}")
        assert len(bodies(made, "Failures")) == 1


def test_shards_fail_by_themselves(patched: Emulator) -> None:
    resources = stream_reader("raise", MaximumRetryAttempts=1)
    resources["Stream"] = resource("Kinesis::Stream", ShardCount=2)
    with stack(patched, resources) as made:
        kinesis = patched.client("kinesis")
        for place, body in (("0", "bad"), (str(2**128 - 1), "good")):
            where = {"PartitionKey": "p", "ExplicitHashKey": place}
            kinesis.put_record(StreamName=made.ids["Stream"], Data=body.encode(), **where)
        patched.client("lambda").update_event_source_mapping(UUID=made.ids["Mapping"], Enabled=True)
        assert len(until(lambda: bodies(made, "Failures"))) == 1
        assert until(lambda: took(made), lambda calls: len(calls) > 2) == [["bad"], ["good"], ["bad"]]


# --- what stacks tell each other


def teller(name: str, value: str) -> Resources:
    return {"Told": resource("SSM::Parameter", Name=name, Type="String", Value=value)}


def listener(name: str) -> dict[str, Any]:
    return {
        "Parameters": {"Address": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": name}},
        "Conditions": {"Known": {"Fn::Not": [{"Fn::Equals": [ref("Address"), "none"]}]}},
        "Resources": {
            "Always": resource("SNS::Topic", DisplayName=ref("Address")),
            "Only": {**resource("SQS::Queue"), "Condition": "Known"},
        },
        "Outputs": {"Address": {"Value": ref("Address")}},
    }


@shows("REQ-M4", how="stock")
@pytest.mark.parametrize("kind", ["stock", "patched"])
def test_a_stack_hears_what_another_says(stock: Emulator, patched: Emulator, kind: str) -> None:
    """The value of a parameter alone is a change, in a condition too. One that is gone is said at once."""
    emulator = stock if kind == "stock" else patched
    name = f"/t{uuid.uuid4().hex[:8]}/stock/address"
    client = emulator.client("cloudformation")

    def heard(made: Stack) -> tuple[str, list[str]]:
        (output,) = client.describe_stacks(StackName=made.name)["Stacks"][0]["Outputs"]
        return output["OutputValue"], sorted(made.ids)

    with stack(emulator, teller(name, "none")) as told, made_of(emulator, listener(name)) as made:
        assert heard(made) == ("none", ["Always"])
        told.update(teller(name, "https://stock"))
        assert heard(made) == ("none", ["Always"])
        change(emulator, made.name, listener(name))
        assert made.ended() == "UPDATE_COMPLETE"
        assert heard(made) == ("https://stock", ["Always", "Only"])
        told.update({"Another": resource("SSM::Parameter", Name=f"{name}/another", Type="String", Value="x")})
        with pytest.raises(ClientError, match=f"SSM parameter '{name}' does not exist"):
            change(emulator, made.name, listener(name))


@shows("REQ-M1", how="patched")
def test_many_stacks_at_once(patched: Emulator) -> None:
    def up(number: int) -> str:
        resources = without(api(), "Answers", "AnswersRole", "Open", "Read", "Write", "Deployment", "Stage")
        name = f"/t{uuid.uuid4().hex[:12]}/{number}/address"
        with made_of(patched, {"Resources": resources | told() | teller(name, "x")}) as made:
            return made.ids["Told"]

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(up, range(30)))) == 30
