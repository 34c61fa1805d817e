"""The platform of a system: what each role may do, who tells whom, who reaches what over which network, what is told.

It is made from the platform's own declaration alone, here of a system called shop, and read as the bytes that users
deploy. What no emulator enforces (networks, policies of endpoints, trust) is proved here.
"""

from __future__ import annotations

import ipaddress
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.microservices.systems import service, shop
from tests.rights import (
    HERE,
    Right,
    allow,
    held,
    is_trusted_to,
    logs_and_traces,
    of,
    rights,
    text,
    unnoticed,
    use_key,
)
from troposphere_arch import discovery, evaluate, lint
from troposphere_arch.microservices import platform, templates
from troposphere_arch.microservices.declaration import NETWORKS, Platform, System
from troposphere_arch.render import render

Template = dict[str, Any]
SHOP = Platform("shop", "shop@example.com")
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
PUBLIC_NAME = {"DomainName": "shop.example.com", "DomainCertificateArn": CERTIFICATE, "HostedZoneId": "Z0123"}
PRIVATE_NAME = {"PrivateDomainName": "inside.example.com", "PrivateCertificateArn": CERTIFICATE}
EVERYTHING = {
    "AccessLogs": "on",
    "AlarmEmail": "owner@example.com",
    "DeletionProtection": "on",
    "KmsKeyArn": KEY,
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "ReservedConcurrency": "5",
    "Zones": "us-east-1b,us-east-1c",
    **PUBLIC_NAME,
    **PRIVATE_NAME,
}


@lru_cache
def body(network: str = "none", name: str = "shop") -> bytes:
    return render(platform.build(Platform(name, "shop@example.com", network=network)))


def original() -> Template:
    template: Template = json.loads(body())
    return template


def deployed(region: str = "us-east-1", **chosen: str) -> Template:
    """The resources as they are for these parameters."""
    template = original()
    values = evaluate.parameters_of(template, chosen, region=region)
    resources: Template = evaluate.resolved(template, values)["Resources"]
    return resources


def of_type(resources: Template, kind: str) -> Template:
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == kind}


# --- rights


RIGHTS: dict[str, set[Right]] = {
    "RecordProgress": {
        allow(of("sqs", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage"), "Progress.Arn"),
        allow(of("dynamodb", "UpdateItem"), "Requests.Arn"),
        allow(
            of("kms", "Decrypt"),
            "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*",
            "StringEquals kms:ViaService sqs.${AWS::Region}.${AWS::URLSuffix}",
        ),
        use_key("dynamodb"),
    },
    "ReadStatus": {allow(of("dynamodb", "Query"), "Requests.Arn"), use_key("dynamodb")},
}
ROLES = {f"{name}Role": logs_and_traces(name) | own for name, own in RIGHTS.items()}
OF_THE_RULE = "ArnEquals aws:SourceArn ProgressRule.Arn"
OF_THE_ACCOUNT = "StringEquals aws:SourceAccount AWS::AccountId"


def tls_only(action: str, resource: str) -> tuple[Any, Right]:
    return "*", ("Deny", (action,), resource, "Bool aws:SecureTransport false", "")


# Who may send to the queues and to the topic besides the roles of this account that have the right.
LETS_IN: dict[str, list[tuple[Any, Right]]] = {
    "ProgressPolicy": [
        tls_only("sqs:*", "Progress.Arn"),
        ({"Service": "events.amazonaws.com"}, allow(of("sqs", "SendMessage"), "Progress.Arn", OF_THE_RULE)),
    ],
    "ProgressFailuresPolicy": [
        tls_only("sqs:*", "ProgressFailures.Arn"),
        ({"Service": "events.amazonaws.com"}, allow(of("sqs", "SendMessage"), "ProgressFailures.Arn", OF_THE_RULE)),
    ],
    "AlarmTopicPolicy": [
        tls_only("sns:Publish", "AlarmTopic"),
        ({"Service": "cloudwatch.amazonaws.com"}, allow(of("sns", "Publish"), "AlarmTopic", OF_THE_ACCOUNT)),
    ],
}
# What passes each endpoint: what services do, with what is this account's.
PASSES: dict[str, Right] = {
    "VpcToS3": allow(
        of("s3", "DeleteObject", "GetObject", "GetObjectVersion", "PutObject"),
        "arn:${AWS::Partition}:s3:::*/*",
        "StringEquals aws:ResourceAccount AWS::AccountId",
    ),
    "VpcToDynamoDB": allow(
        of(
            "dynamodb",
            *("BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem"),
            *("GetItem", "PutItem", "Query", "UpdateItem"),
        ),
        HERE % ("dynamodb", "table/*"),
    ),
    "VpcToPrivateApis": allow(of("execute-api", "Invoke"), HERE % ("execute-api", "*/*")),
    "VpcToQueues": allow(of("sqs", "SendMessage"), HERE % ("sqs", "*-*")),
    "VpcToTopics": allow(of("sns", "Publish"), HERE % ("sns", "*-*")),
    "VpcToStreams": allow(of("kinesis", "PutRecord", "PutRecords"), HERE % ("kinesis", "stream/*")),
    "VpcToEvents": allow(of("events", "PutEvents"), HERE % ("events", "event-bus/*")),
}
# And what servers and containers are made from, which is AWS's.
MADE_FROM = [
    allow(of("s3", "GetObject"), "arn:${AWS::Partition}:s3:::al2023-repos-${AWS::Region}-de612dc2/*"),
    allow(of("s3", "GetObject"), "arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*"),
    allow(of("s3", "GetObject"), "arn:${AWS::Partition}:s3:::rds-truststore/*"),
]


def proof(template: Template) -> None:
    """Fails unless each role holds its rights only, and each policy of something else says just what is listed."""
    resources = template["Resources"]
    assert {name for name, r in resources.items() if r["Type"].startswith("AWS::IAM::")} == ROLES.keys()
    for role, wanted in ROLES.items():
        assert held(template, role) == wanted, role
        assert is_trusted_to(template, role, "lambda.amazonaws.com"), role
        assert "ManagedPolicyArns" not in resources[role]["Properties"]
    policies = {**of_type(resources, "AWS::SQS::QueuePolicy"), **of_type(resources, "AWS::SNS::TopicPolicy")}
    assert policies.keys() == LETS_IN.keys()
    for name, properties in policies.items():
        assert [*properties.get("Queues", []), *properties.get("Topics", [])] == [{"Ref": name.removesuffix("Policy")}]
        said = properties["PolicyDocument"]["Statement"]
        assert [(s["Principal"], *rights([s])) for s in said] == LETS_IN[name], name
    endpoints = of_type(resources, "AWS::EC2::VPCEndpoint")
    assert endpoints.keys() == PASSES.keys()
    for name, properties in endpoints.items():
        said = properties["PolicyDocument"]["Statement"]
        assert [(s["Principal"], *rights([s])) for s in said] == [
            ("*", right) for right in [PASSES[name], *(MADE_FROM if name == "VpcToS3" else [])]
        ], name


@shows("REQ-M2", "REQ-M8", how="static")
def test_each_role_holds_its_rights_and_no_other() -> None:
    proof(original())


def test_every_change_of_a_right_is_noticed() -> None:
    passed, tried = unnoticed(body(), list(ROLES), proof)
    assert passed == []
    assert tried > 70


# What Lambda does for a function, which no network of the function's has a part in.
BY_LAMBDA = {
    *of("ec2", "CreateNetworkInterface", "DeleteNetworkInterface"),
    *of("ec2", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"),
    *of("ec2", "DescribeNetworkInterfaces", "DescribeSubnets"),
    *of("kinesis", "DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"),
    *of("logs", "CreateLogStream", "PutLogEvents"),
    *of("sqs", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage"),
    *of("xray", "PutTelemetryRecords", "PutTraceSegments"),
}


@shows("REQ-M5", how="static")
def test_endpoints_let_through_all_that_a_service_may_do_of_its_own_account(tmp_path: Path) -> None:
    """Of every shape; keys are used by the services of AWS that keep something under them."""
    system = shop(tmp_path)
    wanted: set[str] = set()
    for name in system.services:
        [made] = (json.loads(data) for path, data in templates.draft(system, name).files.items() if "template" in path)
        wanted |= {action for right in held(made, "FunctionRole") for action in right[1]}
    wanted -= {*BY_LAMBDA, *of("kms", "Decrypt", "GenerateDataKey")}
    passing = {action for right in PASSES.values() for action in right[1]}
    assert wanted <= passing
    assert {action.partition(":")[0] for action in wanted} == {action.partition(":")[0] for action in passing}


# --- how a request goes on


@shows("REQ-M8", how="static")
def test_what_services_tell_is_written_down_and_what_fails_is_kept() -> None:
    resources = deployed()
    rule = resources["ProgressRule"]["Properties"]
    assert (rule["EventBusName"], rule["EventPattern"]) == ({"Ref": "Bus"}, {"detail-type": ["Request progress"]})
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["Progress", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["ProgressFailures", "Arn"]}}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10}
    queue, failures = resources["Progress"]["Properties"], resources["ProgressFailures"]["Properties"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["ProgressFailures", "Arn"]},
        "maxReceiveCount": 5,
    }
    assert queue["VisibilityTimeout"] >= 6 * resources["RecordProgress"]["Properties"]["Timeout"]
    assert failures["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
    [mapping] = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["Progress", "Arn"]}
    assert mapping["FunctionName"] == {"Ref": "RecordProgress"}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": "10"}


@shows("REQ-M8", how="static")
def test_requests_are_kept_by_request_and_step_and_forgotten() -> None:
    table = deployed()["Requests"]
    keys = [(key["AttributeName"], key["KeyType"]) for key in table["Properties"]["KeySchema"]]
    assert keys == [("request", "HASH"), ("step", "RANGE")]
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


@shows("REQ-M2", "REQ-M8", how="static")
def test_only_who_signs_asks_where_a_request_is() -> None:
    resources = deployed()
    [method] = of_type(resources, "AWS::ApiGateway::Method").values()
    assert (method["HttpMethod"], method["AuthorizationType"]) == ("GET", "AWS_IAM")
    assert "ReadStatus" in json.dumps(method["Integration"])
    paths = [one["PathPart"] for one in of_type(resources, "AWS::ApiGateway::Resource").values()]
    assert sorted(paths) == ["requests", "{id}"]
    [permission] = of_type(resources, "AWS::Lambda::Permission").values()
    assert permission["FunctionName"] == {"Ref": "ReadStatus"}
    assert text(permission["SourceArn"]).endswith(":${Status}/${StatusStage}/*/*")
    assert set(of_type(resources, "AWS::Lambda::Function")) == {"ReadStatus", "RecordProgress"}


@shows("REQ-M5", how="static")
def test_the_service_of_requests_has_a_name_of_its_own() -> None:
    named = deployed(**PUBLIC_NAME)
    assert named["StatusDomain"]["Properties"]["DomainName"] == "status.shop.example.com"
    record = named["StatusDomainRecord"]["Properties"]
    assert (record["Name"], record["HostedZoneId"]) == ("status.shop.example.com", "Z0123")
    assert named["StatusAddress"]["Properties"]["Value"] == "https://status.shop.example.com"
    unnamed = deployed()
    assert not {"StatusDomain", "StatusDomainPath", "StatusDomainRecord"} & unnamed.keys()
    address = text(unnamed["StatusAddress"]["Properties"]["Value"])
    assert address == "https://${Status}.execute-api.us-east-1.${AWS::URLSuffix}/${StatusStage}"


# --- alarms


@shows("REQ-M9", how="static")
def test_every_alarm_goes_to_the_platform_s_topic() -> None:
    resources = deployed()
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    topic = [{"Ref": "AlarmTopic"}]
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == topic for alarm in alarms.values())
    assert {(alarm["Namespace"].partition("/")[2], alarm["MetricName"]) for alarm in alarms.values()} == {
        ("ApiGateway", "5XXError"),
        ("ApiGateway", "Latency"),
        ("DynamoDB", "ReadThrottleEvents"),
        ("DynamoDB", "WriteThrottleEvents"),
        ("Lambda", "Errors"),
        ("Lambda", "Throttles"),
        ("SQS", "ApproximateAgeOfOldestMessage"),
        ("SQS", "ApproximateNumberOfMessagesVisible"),
    }
    given_up = alarms["ProgressFailuresWaitingAlarm"]
    assert given_up["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["ProgressFailures", "QueueName"]}}]
    assert "AlarmTopicArn" not in original()["Parameters"]


@shows("REQ-M9", how="static")
def test_the_topic_is_under_a_key_that_alarms_can_use() -> None:
    """Under AWS's own key for topics, which no template can open to alarms, none would ever arrive."""
    assert "KmsMasterKeyId" not in deployed()["AlarmTopic"].get("Properties", {})
    assert deployed(KmsKeyArn=KEY)["AlarmTopic"]["Properties"]["KmsMasterKeyId"] == KEY
    assert "cloudwatch.amazonaws.com" in original()["Parameters"]["KmsKeyArn"]["Description"]


@shows("REQ-M9", how="static")
def test_somebody_is_told_by_mail_who_wants_to_be() -> None:
    assert of_type(deployed(), "AWS::SNS::Subscription") == {}
    [told] = of_type(deployed(AlarmEmail="owner@example.com"), "AWS::SNS::Subscription").values()
    assert told == {"Endpoint": "owner@example.com", "Protocol": "email", "TopicArn": {"Ref": "AlarmTopic"}}


def test_with_a_key_of_the_user_s_all_that_is_kept_is_under_it() -> None:
    resources = deployed(KmsKeyArn=KEY)
    kept = {name for name, r in resources.items() if KEY in json.dumps(r) and r["Type"] != "AWS::IAM::Role"}
    assert kept == {"AlarmTopic", "Progress", "ProgressFailures", "Requests", "TellsKey"}
    for queue in of_type(deployed(), "AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True


# --- one dashboard for all


def expressions(system: str) -> list[str]:
    resources = deployed(SystemName=system)
    [board] = of_type(resources, "AWS::CloudWatch::Dashboard").values()
    graphs = json.loads(board["DashboardBody"])["widgets"]
    return [metric["expression"] for graph in graphs for [metric] in graph["properties"]["metrics"]]


@shows("REQ-M9", how="static")
def test_one_dashboard_shows_services_that_it_does_not_name() -> None:
    """By the words of the system's name, each of which it asks for."""
    assert expressions("shop") == [
        "SEARCH('{AWS/Lambda,FunctionName} MetricName=\"Errors\" FunctionName=shop', 'Sum', 300)",
        "SEARCH('{AWS/Lambda,FunctionName} MetricName=\"Throttles\" FunctionName=shop', 'Sum', 300)",
        "SEARCH('{AWS/Lambda,FunctionName} MetricName=\"Duration\" FunctionName=shop', 'p95', 300)",
        "SEARCH('{AWS/Lambda,FunctionName} MetricName=\"IteratorAge\" FunctionName=shop', 'Maximum', 300)",
        "SEARCH('{AWS/ApiGateway,ApiName,Stage} MetricName=\"5XXError\" ApiName=shop', 'Sum', 300)",
        "SEARCH('{AWS/ApiGateway,ApiName,Stage} MetricName=\"Latency\" ApiName=shop', 'p95', 300)",
        "SEARCH('{AWS/SQS,QueueName} MetricName=\"ApproximateAgeOfOldestMessage\" QueueName=shop', 'Maximum', 300)",
        'SEARCH(\'{AWS/SQS,QueueName} MetricName="ApproximateNumberOfMessagesVisible" QueueName=Failures '
        "QueueName=shop', 'Maximum', 300)",
    ]
    assert all(" FunctionName=my FunctionName=shop'" in one for one in expressions("my-shop")[:4])


# --- the network


def ways(resources: Template, letter: str) -> set[str]:
    """Where a function in the private subnet of this zone gets to, over HTTPS."""
    found: set[str] = set()
    subnet, group = {"Ref": f"VpcPrivate{letter}"}, {"Fn::GetAtt": ["VpcFunctions", "GroupId"]}
    out = resources["VpcFunctions"]["Properties"]["SecurityGroupEgress"]
    assert [(rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in out] == [("0.0.0.0/0", 443, 443)]
    tables = [
        one["RouteTableId"]
        for one in of_type(resources, "AWS::EC2::SubnetRouteTableAssociation").values()
        if one["SubnetId"] == subnet
    ]
    [table] = tables
    for endpoint in of_type(resources, "AWS::EC2::VPCEndpoint").values():
        service = endpoint["ServiceName"].rpartition(".")[2]
        if endpoint["VpcEndpointType"] == "Gateway" and table in endpoint["RouteTableIds"]:
            found.add(service)
        elif endpoint["VpcEndpointType"] == "Interface" and subnet in endpoint["SubnetIds"]:
            [theirs] = (
                resources[one["Fn::GetAtt"][0]]["Properties"]["SecurityGroupIngress"]
                for one in endpoint["SecurityGroupIds"]
            )
            if any(rule["SourceSecurityGroupId"] == group and rule["FromPort"] == 443 for rule in theirs):
                found.add(service if endpoint["PrivateDnsEnabled"] else f"{service} by the endpoint's name")
    for route in of_type(resources, "AWS::EC2::Route").values():
        if route["RouteTableId"] != table:
            continue
        gateway = resources[route["NatGatewayId"]["Ref"]]
        assert route["DestinationCidrBlock"] == "0.0.0.0/0"
        found |= {f"everything by {letter}"} if public(resources, gateway) == f"VpcPublic{letter}" else {"nowhere"}
    return found


def public(resources: Template, gateway: Template) -> str:
    """The subnet of a NAT gateway, which has an address of its own and a way to the internet."""
    subnet: str = gateway["Properties"]["SubnetId"]["Ref"]
    address = resources[gateway["Properties"]["AllocationId"]["Fn::GetAtt"][0]]
    assert (address["Type"], address["Properties"]["Domain"]) == ("AWS::EC2::EIP", "vpc")
    [table] = [
        one["RouteTableId"]
        for one in of_type(resources, "AWS::EC2::SubnetRouteTableAssociation").values()
        if one["SubnetId"] == {"Ref": subnet}
    ]
    [route] = [one for one in of_type(resources, "AWS::EC2::Route").values() if one["RouteTableId"] == table]
    assert resources[route["GatewayId"]["Ref"]]["Type"] == "AWS::EC2::InternetGateway"
    [attached] = of_type(resources, "AWS::EC2::VPCGatewayAttachment").values()
    assert attached == {"InternetGatewayId": route["GatewayId"], "VpcId": {"Ref": "Vpc"}}
    assert {"VpcInternet", f"{subnet}Routes"} <= set(gateway["DependsOn"])
    return subnet


FREE = {"s3", "dynamodb"}
PRIVATE_APIS = "execute-api by the endpoint's name"


@shows("REQ-M5", how="static")
def test_who_is_inside_reaches_what_the_network_says() -> None:
    """Private APIs by the endpoint's name only, so that the names of regional ones stay what they are."""
    endpoints, nat = deployed(Network="endpoints"), deployed(Network="nat")
    for letter in ("A", "B"):
        assert ways(endpoints, letter) == {*FREE, PRIVATE_APIS, "sqs", "sns", "kinesis-streams", "events"}
        assert ways(nat, letter) == {*FREE, PRIVATE_APIS, f"everything by {letter}"}


@shows("REQ-M5", "REQ-M10", how="static")
def test_without_a_network_nothing_of_one_is_there() -> None:
    assert not {name for name, r in deployed().items() if r["Type"].startswith(("AWS::EC2::", "AWS::Route53::"))}
    internet = {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::Route"}
    assert not internet & {r["Type"] for r in deployed(Network="endpoints").values()}


@shows("REQ-M5", how="static")
@pytest.mark.parametrize("network", ["endpoints", "nat"])
def test_nothing_gets_in(network: str) -> None:
    resources = deployed(Network=network)
    groups = of_type(resources, "AWS::EC2::SecurityGroup")
    assert groups.keys() == {"VpcFunctions", "VpcEndpoints"}
    assert "SecurityGroupIngress" not in groups["VpcFunctions"]
    [rule] = groups["VpcEndpoints"]["SecurityGroupIngress"]
    rule.pop("Description")
    assert rule == {
        "FromPort": 443,
        "IpProtocol": "tcp",
        "SourceSecurityGroupId": {"Fn::GetAtt": ["VpcFunctions", "GroupId"]},
        "ToPort": 443,
    }
    [out] = groups["VpcEndpoints"]["SecurityGroupEgress"]
    assert (out["CidrIp"], out["IpProtocol"]) == ("127.0.0.1/32", "-1")
    subnets = of_type(resources, "AWS::EC2::Subnet")
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets.values())
    lasting = [name for name in subnets if name.startswith("VpcPublic")]
    assert lasting == (["VpcPublicA", "VpcPublicB"] if network == "nat" else [])


@shows("REQ-M5", how="static")
def test_zones_differ_and_addresses_do_not_overlap() -> None:
    for chosen in ({}, {"Zones": "us-east-1b,us-east-1c"}):
        subnets = of_type(deployed(Network="nat", **chosen), "AWS::EC2::Subnet")
        zones = {name[-1]: json.dumps(one["AvailabilityZone"]) for name, one in subnets.items()}
        assert len(set(zones.values())) == 2
        assert all(json.dumps(one["AvailabilityZone"]) == zones[name[-1]] for name, one in subnets.items())
    nets = [ipaddress.ip_network(one["CidrBlock"]) for one in subnets.values()]
    assert not [1 for one in nets for other in nets if one is not other and one.overlaps(other)]
    assert all(one.subnet_of(ipaddress.ip_network("10.0.0.0/20")) for one in nets)


@shows("REQ-M5", how="static")
def test_from_one_network_to_another_nothing_that_stays_changes() -> None:
    """None of it is replaced, or made anew with addresses that are taken: resources come, go, or are as they were."""
    variants = {network: deployed(Network=network) for network in NETWORKS}
    for before in NETWORKS:
        for after in NETWORKS:
            both = variants[before].keys() & variants[after].keys()
            changed = {name for name in both if variants[before][name] != variants[after][name]}
            assert changed <= {"TellsApiEndpoint", "TellsNat", "TellsSecurityGroup", "TellsSubnets", "TellsVpc"}
    only = {network: variants[network].keys() - variants["none"].keys() for network in NETWORKS}
    assert only["endpoints"] - only["nat"] == {"VpcToEvents", "VpcToQueues", "VpcToStreams", "VpcToTopics"}
    assert {name.removesuffix("A") for name in only["nat"] - only["endpoints"] if not name.endswith("B")} == {
        *("VpcAddress", "VpcGateway", "VpcGatewayAttachment", "VpcInternet", "VpcNat", "VpcOut"),
        *("VpcPublic", "VpcPublicARoutes", "VpcPublicBRoutes", "VpcPublicRoutes"),
    }


@shows("REQ-M10", how="static")
def test_what_a_network_costs_is_told_where_it_is_chosen() -> None:
    """By the hours of its endpoints in each zone, and of its NAT gateways and their addresses."""
    told = original()["Parameters"]["Network"]["Description"]
    for network, words in (("endpoints", "about 73 USD"), ("nat", "about 88 USD")):
        resources = deployed(Network=network)
        endpoints = of_type(resources, "AWS::EC2::VPCEndpoint").values()
        hours = sum(0.01 * len(one["SubnetIds"]) for one in endpoints if one["VpcEndpointType"] == "Interface")
        hours += 0.045 * len(of_type(resources, "AWS::EC2::NatGateway")) + 0.005 * len(
            of_type(resources, "AWS::EC2::EIP")
        )
        assert f"about {round(730 * hours)} USD" == words
        assert words in told


@shows("REQ-M5", how="static")
def test_a_private_domain_leads_to_the_endpoint_for_private_apis() -> None:
    assert not of_type(deployed(Network="endpoints"), "AWS::Route53::HostedZone")
    for network in ("endpoints", "nat"):
        resources = deployed(Network=network, **PRIVATE_NAME)
        [zone] = of_type(resources, "AWS::Route53::HostedZone").values()
        assert zone == {"Name": "inside.example.com", "VPCs": [{"VPCId": {"Ref": "Vpc"}, "VPCRegion": "us-east-1"}]}
        [record] = of_type(resources, "AWS::Route53::RecordSet").values()
        assert (record["Name"], record["Type"]) == ("*.inside.example.com", "A")
        assert record["HostedZoneId"] == {"Ref": "VpcZone"}
        target = json.dumps(record["AliasTarget"])
        assert target.count('{"Fn::GetAtt": ["VpcToPrivateApis", "DnsEntries"]}') == 2


@pytest.mark.parametrize(
    ("region", "prefixed"), [("eu-west-1", set()), ("cn-north-1", {"execute-api", "sqs", "kinesis-streams"})]
)
def test_endpoints_have_the_names_of_their_region(region: str, prefixed: set[str]) -> None:
    names = {
        one["ServiceName"] for one in of_type(deployed(region, Network="endpoints"), "AWS::EC2::VPCEndpoint").values()
    }
    services = {"dynamodb", "events", "execute-api", "kinesis-streams", "s3", "sns", "sqs"}
    assert names == {f"{'cn.' if service in prefixed else ''}com.amazonaws.{region}.{service}" for service in services}


@shows("REQ-M5", how="static")
@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"DomainName": "shop.example.com"}, "DomainName needs DomainCertificateArn"),
        ({"DomainCertificateArn": CERTIFICATE}, "DomainCertificateArn needs DomainName"),
        ({"HostedZoneId": "Z0123"}, "HostedZoneId needs DomainName"),
        ({"PrivateDomainName": "a.example.com", "Network": "nat"}, "PrivateDomainName needs PrivateCertificateArn"),
        ({"PrivateCertificateArn": CERTIFICATE, "Network": "nat"}, "PrivateCertificateArn needs PrivateDomainName"),
        (PRIVATE_NAME, "PrivateDomainName needs a Network"),
        ({}, ""),
        ({**PUBLIC_NAME, **PRIVATE_NAME, "Network": "endpoints"}, ""),
    ],
    ids=[
        *("no-certificate", "no-domain", "zone-alone", "no-private-certificate", "no-private-domain", "no-network"),
        *("defaults", "all"),
    ],
)
def test_what_does_not_go_together_is_refused(chosen: dict[str, str], told: str) -> None:
    template = original()
    refused = evaluate.refusals(template, evaluate.parameters_of(template, chosen))
    assert len(refused) == bool(told)
    assert all(line.startswith(told) for line in refused)


# --- what others find


TOLD = {
    "/shop/platform/alarm-topic",
    "/shop/platform/api-endpoint",
    "/shop/platform/bus",
    "/shop/platform/bus-arn",
    "/shop/platform/certificate",
    "/shop/platform/domain",
    "/shop/platform/key",
    "/shop/platform/nat",
    "/shop/platform/none",
    "/shop/platform/private-certificate",
    "/shop/platform/private-domain",
    "/shop/platform/security-group",
    "/shop/platform/subnets",
    "/shop/platform/vpc",
    "/shop/platform/zone",
    "/shop/status/address",
    "/shop/status/arn",
}


def told(**chosen: str) -> dict[str, str]:
    found = of_type(deployed(**chosen), "AWS::SSM::Parameter").values()
    assert all(one["Type"] == "String" for one in found)
    return {one["Name"]: text(one["Value"]) for one in found}


@shows("REQ-M5", "REQ-M1", how="static")
def test_what_is_told_is_the_whole_list_and_never_empty() -> None:
    for chosen in ({}, {"Network": "endpoints"}, {"Network": "nat"}, {"Network": "nat", **EVERYTHING}):
        assert told(**chosen).keys() == TOLD
        assert all(told(**chosen).values())
    nothing = {name.rpartition("/")[2] for name, value in told().items() if value == "none"}
    of_network = {discovery.API_ENDPOINT, discovery.GROUP, discovery.NAT, discovery.SUBNETS, discovery.VPC}
    of_names = {"certificate", "domain", "key", "private-certificate", "private-domain", "zone"}
    always = {discovery.NOTHING}
    assert nothing == of_network | of_names | always
    for network, missing in (("endpoints", {discovery.NAT}), ("nat", set())):
        left = {name.rpartition("/")[2] for name, value in told(Network=network).items() if value == "none"}
        assert left == of_names | missing | always
    everything = told(Network="nat", **EVERYTHING)
    assert [name for name, value in everything.items() if value == "none"] == ["/shop/platform/none"]
    assert {name.replace("/shop/", "/other/") for name in TOLD} == told(SystemName="other").keys()


@shows("REQ-M5", how="static")
def test_what_is_told_is_what_it_is_called() -> None:
    of_deployed = of_type(deployed(Network="nat", **EVERYTHING), "AWS::SSM::Parameter").values()
    values = {one["Name"].removeprefix("/shop/"): one["Value"] for one in of_deployed}
    subnets = {"Fn::Join": [",", [{"Ref": "VpcPrivateA"}, {"Ref": "VpcPrivateB"}]]}
    gateways = {"Fn::Join": [",", [{"Ref": "VpcNatA"}, {"Ref": "VpcNatB"}]]}
    stage = "arn:${AWS::Partition}:execute-api:us-east-1:${AWS::AccountId}:${Status}/${StatusStage}"
    assert values == {
        "platform/alarm-topic": {"Ref": "AlarmTopic"},
        "platform/api-endpoint": {"Ref": "VpcToPrivateApis"},
        "platform/bus": {"Ref": "Bus"},
        "platform/bus-arn": {"Fn::GetAtt": ["Bus", "Arn"]},
        "platform/certificate": CERTIFICATE,
        "platform/domain": "shop.example.com",
        "platform/key": KEY,
        "platform/nat": gateways,
        "platform/none": "none",
        "platform/private-certificate": CERTIFICATE,
        "platform/private-domain": "inside.example.com",
        "platform/security-group": {"Fn::GetAtt": ["VpcFunctions", "GroupId"]},
        "platform/subnets": subnets,
        "platform/vpc": {"Ref": "Vpc"},
        "platform/zone": "Z0123",
        "status/address": "https://status.shop.example.com",
        "status/arn": {"Fn::Sub": stage},
    }


@shows("REQ-M1", "REQ-M4", how="static")
def test_nothing_is_exported_and_nothing_has_a_fixed_name() -> None:
    template = original()
    assert not [name for name, output in template["Outputs"].items() if "Export" in output]
    assert "Fn::ImportValue" not in body().decode()
    assert template["Resources"]["Bus"]["Properties"]["Name"] == {"Ref": "AWS::StackName"}


@shows("REQ-M1", "REQ-M9", how="static")
def test_a_system_of_a_hundred_services_has_the_same_platform(tmp_path: Path) -> None:
    one, hundred = (
        System(SHOP, {each.name: each for each in made}, tmp_path)
        for made in (
            [service(tmp_path / "one", "orders", "http", routes=("GET /items/{id}",))],
            [service(tmp_path / "hundred", f"service-{number}", "queue") for number in range(100)],
        )
    )
    assert templates.draft(one, "platform").files == templates.draft(hundred, "platform").files
    assert templates.inputs(one, "platform") == templates.inputs(hundred, "platform")
    assert templates.draft(one, "platform").files["shop-platform/1.0.0/shop-platform.template.json"] == body()


def test_the_declaration_gives_the_defaults_and_nothing_else() -> None:
    for network in NETWORKS:
        assert body(network) == body().replace(b'"Default": "none",\n   "Description": "none: no VPC', (
            f'"Default": "{network}",\n   "Description": "none: no VPC'.encode()
        ))  # fmt: skip
    mine = json.loads(body(name="my-shop"))
    assert mine["Parameters"]["SystemName"]["Default"] == "my-shop"
    assert mine["Outputs"]["TemplateId"]["Value"] == "my-shop-platform"
    assert mine["Resources"] == original()["Resources"]


# --- lint


@shows("REQ-D3", "REQ-M9", how="static")
def test_the_template_is_clean() -> None:
    """With the house rules, in regions of every kind; and as it is deployed: nothing hides behind a condition."""
    assert lint.lint({"shop-platform": body()}) == []
    template, variants = original(), {}
    for network in ("endpoints", "nat"):
        values = evaluate.parameters_of(template, {**EVERYTHING, "Network": network, "Zones": "none"})
        resolved = evaluate.resolved(template, values)
        variants[network] = json.dumps(
            {"AWSTemplateFormatVersion": "2010-09-09", "Description": template["Description"], **resolved}
        ).encode()
    assert lint.lint(variants, regions=("us-east-1",), house=False) == []
