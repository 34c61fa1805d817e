"""Software updates without the edge: what a server is, who reaches whom, what each role may do, and what stays.

The emulator runs no servers and enforces no network: that is proved here, on the bytes that users deploy.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.rights import (
    HERE,
    IN_THE_NETWORK,
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
from troposphere_arch import evaluate, scenarios

ROOT = Path(__file__).parents[2]
VERSION = scenarios.page("software-updates").VERSION
BODY = (ROOT / f"templates/software-updates/{VERSION}/software-updates.template.json").read_bytes()
HANDLERS = ROOT / "troposphere_arch/handlers/software_updates"
CERTIFICATE = {
    "OriginCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/origin",
    "OriginDomainName": "origin.example.com",
}
THREE = {"ZoneCount": "3"}
SHELLS = {"SessionManager": "on"}
Template = dict[str, Any]


def original() -> Template:
    value: Template = json.loads(BODY)
    return value


def deployed(template: Template | None = None, **chosen: str) -> dict[str, Any]:
    """The resources as they are for these parameters."""
    template = template or original()
    resources: dict[str, Any] = evaluate.resolved(template, evaluate.parameters_of(template, chosen))["Resources"]
    return resources


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == kind}


# --- a server


@shows("REQ-U1", "REQ-U4", how="static")
def test_a_server_is_private_encrypted_and_has_no_way_in() -> None:
    template = original()
    [made] = of_type(template["Resources"], "AWS::EC2::LaunchTemplate").values()
    data = made["LaunchTemplateData"]
    assert data["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpPutResponseHopLimit": 1,
        "HttpTokens": "required",
        "InstanceMetadataTags": "disabled",
    }
    [disk] = data["BlockDeviceMappings"]
    assert (disk["Ebs"]["Encrypted"], disk["Ebs"]["VolumeType"]) == (True, "gp3")
    [interface] = data["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is False
    assert data.keys().isdisjoint({"KeyName", "SecurityGroups", "SecurityGroupIds"})
    kinds = {r["Type"] for r in template["Resources"].values()}
    assert kinds.isdisjoint({"AWS::EC2::Instance", "AWS::EC2::EIP", "AWS::EC2::KeyPair", "AWS::EC2::NatGateway"})


@shows("REQ-U6", how="static")
def test_only_ec2_looks_up_the_newest_image() -> None:
    """A parameter, or a reference, that CloudFormation looks up is another value one day, and then the fleet rolls."""
    assert b"{{resolve:ssm" not in BODY
    template = original()
    assert not [n for n, p in template["Parameters"].items() if p["Type"].startswith("AWS::SSM")]

    def image(**chosen: str) -> str:
        found: str = deployed(**chosen)["FleetTemplate"]["Properties"]["LaunchTemplateData"]["ImageId"]
        return found

    assert image() == "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
    assert image(ImageId="ami-0123456789abcdef0") == "ami-0123456789abcdef0"


@shows("REQ-U1", how="static")
def test_a_server_gets_the_script_and_the_configuration_as_they_are() -> None:
    data = deployed(FleetGeneration="7")["FleetTemplate"]["Properties"]["LaunchTemplateData"]
    first, exports, rest = data["UserData"]["Fn::Base64"]["Fn::Join"][1]
    script = (HANDLERS / "boot.sh").read_text(encoding="utf-8")
    conf = (HANDLERS / "nginx.conf").read_text(encoding="utf-8")
    assert first == script.partition("\n")[0] == "#!/bin/bash"
    assert rest == f"cat > /root/nginx.conf <<'NGINX_CONF'\n{conf}NGINX_CONF\n" + script.partition("\n")[2]
    assert "NGINX_CONF" not in conf
    told = dict(line.removeprefix("export ").split("=", 1) for line in exports["Fn::Sub"].splitlines())
    assert told == {
        "ACCESS_POINT_ID": "'${FilesReader}'",
        "FILE_SYSTEM_ID": "'${Files}'",
        "GENERATION": "'7'",
        "REGION": "'us-east-1'",
        "RESOURCE": "'Fleet'",
        "STACK": "'${AWS::StackName}'",
    }
    # EC2 takes 16 KB: with the longest name of a stack, and of a region.
    longest = exports["Fn::Sub"].replace("${AWS::StackName}", "s" * 128) + "r" * 20 + "f" * 40
    assert len("\n".join((first, longest, rest)).encode()) < 16_384


# --- the fleet


@shows("REQ-U1", "REQ-U4", "REQ-U6", how="static")
def test_an_update_replaces_one_server_after_the_other_and_resets_no_number() -> None:
    template = original()
    fleet = template["Resources"]["Fleet"]
    properties = fleet["Properties"]
    assert "DesiredCapacity" not in properties
    assert (properties["MinSize"], properties["MaxSize"]) == ({"Ref": "FleetMinSize"}, {"Ref": "FleetMaxSize"})
    assert properties["HealthCheckType"] == "ELB"
    assert properties["LaunchTemplate"] == {
        "LaunchTemplateId": {"Ref": "FleetTemplate"},
        "Version": {"Fn::GetAtt": ["FleetTemplate", "LatestVersionNumber"]},
    }
    assert fleet["CreationPolicy"] == {"ResourceSignal": {"Count": {"Ref": "FleetMinSize"}, "Timeout": "PT15M"}}
    rolling = fleet["UpdatePolicy"]["AutoScalingRollingUpdate"]
    suspended = set(rolling.pop("SuspendProcesses"))
    assert rolling == {
        "MaxBatchSize": 1,
        "MinInstancesInService": {"Ref": "FleetMinSize"},
        "PauseTime": "PT15M",
        "WaitOnResourceSignals": True,
    }
    assert {"AlarmNotification", "AZRebalance", "HealthCheck", "ReplaceUnhealthy", "ScheduledActions"} <= suspended
    # Without these CloudFormation could replace nothing.
    assert suspended.isdisjoint({"AddToLoadBalancer", "Launch", "Terminate"})
    assert fleet["UpdatePolicy"]["AutoScalingScheduledAction"] == {"IgnoreUnmodifiedGroupSizeProperties": True}


@shows("REQ-U1", how="static")
def test_the_fleet_grows_with_requests() -> None:
    [policy] = of_type(original()["Resources"], "AWS::AutoScaling::ScalingPolicy").values()
    assert policy["AutoScalingGroupName"] == {"Ref": "Fleet"}
    tracking = policy["TargetTrackingConfiguration"]
    assert tracking["TargetValue"] == {"Ref": "RequestsPerTarget"}
    label = {"Fn::Sub": "${Balancer.LoadBalancerFullName}/${BalancerTargets.TargetGroupFullName}"}
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "ALBRequestCountPerTarget",
        "ResourceLabel": label,
    }


@shows("REQ-U1", how="static")
@pytest.mark.parametrize(("least", "most", "refused"), [("2", "2", True), ("2", "3", False), ("1", "4", False)])
def test_a_fleet_that_could_not_be_updated_is_refused(least: str, most: str, refused: bool) -> None:
    template = original()
    values = evaluate.parameters_of(template, {"FleetMinSize": least, "FleetMaxSize": most})
    told = evaluate.refusals(template, values)
    assert [line for line in told if "room" in line] == told
    assert bool(told) is refused


def waits(resources: dict[str, Any], name: str) -> set[str]:
    """What the resource comes after, by what it refers to, in its metadata as well, and by DependsOn."""
    found: set[str] = set()
    todo = [name]
    while todo:
        one = resources[todo.pop()]
        before = one.get("DependsOn", [])
        before = [before] if isinstance(before, str) else before
        named = {*before, *_named([one.get("Properties"), one.get("Metadata")])} & resources.keys()
        todo += named - found
        found |= named
    return found


def _named(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": name} | {"Fn::GetAtt": [name, *_]}:
            yield name
        case {"Fn::Sub": str(pattern)}:
            yield from (part.partition("}")[0].partition(".")[0] for part in pattern.split("${")[1:])
        case dict():
            for one in value.values():
                yield from _named(one)
        case list():
            for one in value:
                yield from _named(one)


@shows("REQ-U1", "REQ-U4", how="static")
@pytest.mark.parametrize("chosen", [{}, THREE | SHELLS | CERTIFICATE])
def test_servers_start_when_all_that_they_need_is_there(chosen: dict[str, str]) -> None:
    """Else the first would have no packages, no files, nobody to tell, or no listener that asks for their health."""
    resources = deployed(**chosen)
    zones = "ABC" if "ZoneCount" in chosen else "AB"
    needed = {"BalancerHttp", "BalancerGroupToFleetGroup", "FleetGroupToFilesGroup", "NetworkToCloudFormation"}
    needed |= {"NetworkToS3", *(f"FilesMount{z}" for z in zones), *(f"NetworkPrivate{z}Routes" for z in zones)}
    needed |= {"BalancerHttps"} if "OriginCertificateArn" in chosen else set()
    assert needed <= waits(resources, "Fleet")
    mounts = {"PublishReleaseGroupToFilesGroup", *(f"FilesMount{z}" for z in zones)}
    assert mounts <= waits(resources, "PublishRelease")
    # AWS refuses a load balancer with a public address before there is a way to the internet.
    assert {"NetworkGatewayAttachment", "NetworkInternet"} <= waits(resources, "Balancer")


# --- the network


@shows("REQ-U1", "REQ-U4", how="static")
@pytest.mark.parametrize("chosen", [{}, THREE, SHELLS, THREE | SHELLS])
def test_nothing_but_the_load_balancer_has_a_way_to_the_internet(chosen: dict[str, str]) -> None:
    resources = deployed(**chosen)
    zones = "ABC" if "ZoneCount" in chosen else "AB"
    public, private = ({f"Network{kind}{zone}" for zone in zones} for kind in ("Public", "Private"))
    assert of_type(resources, "AWS::EC2::Subnet").keys() == public | private
    assert not any(s["MapPublicIpOnLaunch"] for s in of_type(resources, "AWS::EC2::Subnet").values())
    [route] = of_type(resources, "AWS::EC2::Route").values()
    assert route["RouteTableId"] == {"Ref": "NetworkPublicRoutes"}
    routed = {
        text(one["SubnetId"]): text(one["RouteTableId"])
        for one in of_type(resources, "AWS::EC2::SubnetRouteTableAssociation").values()
    }
    wanted = dict.fromkeys(public, "NetworkPublicRoutes") | dict.fromkeys(private, "NetworkPrivateRoutes")
    assert routed == wanted

    def within(value: list[Any]) -> set[str]:
        return {text(one) for one in value}

    assert within(resources["Balancer"]["Properties"]["Subnets"]) == public
    assert within(resources["Fleet"]["Properties"]["VPCZoneIdentifier"]) == private
    assert within(resources["PublishRelease"]["Properties"]["VpcConfig"]["SubnetIds"]) == private
    mounts = of_type(resources, "AWS::EFS::MountTarget")
    assert sorted(text(one["SubnetId"]) for one in mounts.values()) == sorted(private)
    endpoints = of_type(resources, "AWS::EC2::VPCEndpoint")
    shells = {"NetworkToSsm", "NetworkToSsmMessages"} if "SessionManager" in chosen else set()
    assert endpoints.keys() == {"NetworkToCloudFormation", "NetworkToS3"} | shells
    gateway = endpoints.pop("NetworkToS3")
    assert (gateway["VpcEndpointType"], gateway["RouteTableIds"]) == ("Gateway", [{"Ref": "NetworkPrivateRoutes"}])
    for endpoint in endpoints.values():
        assert (endpoint["VpcEndpointType"], endpoint["PrivateDnsEnabled"]) == ("Interface", True)
        assert within(endpoint["SubnetIds"]) == private


@shows("REQ-U1", how="static")
def test_an_internal_load_balancer_is_in_private_subnets() -> None:
    [balancer] = of_type(deployed(BalancerScheme="internal"), "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    assert balancer["Scheme"] == "internal"
    assert balancer["Subnets"] == [{"Ref": "NetworkPrivateA"}, {"Ref": "NetworkPrivateB"}]


THEIRS = {
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": "subnet-0000000a,subnet-0000000b,subnet-0000000c",
    "PublicSubnetIds": "subnet-0000001a,subnet-0000001b,subnet-0000001c",
}


@shows("REQ-U4", how="static")
@pytest.mark.parametrize(("zones", "used"), [("2", "ab"), ("3", "abc")])
def test_a_vpc_of_the_users_gets_nothing_but_groups(zones: str, used: str) -> None:
    resources = deployed(**THEIRS, **SHELLS, ZoneCount=zones)
    kinds = {r["Type"] for r in resources.values() if r["Type"].startswith("AWS::EC2::")}
    assert kinds == {"AWS::EC2::LaunchTemplate", "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress"}
    assert {g["VpcId"] for g in of_type(resources, "AWS::EC2::SecurityGroup").values()} == {THEIRS["VpcId"]}
    assert resources["BalancerTargets"]["Properties"]["VpcId"] == THEIRS["VpcId"]
    private, public = ([f"subnet-0000000{z}" for z in used], [f"subnet-0000001{z}" for z in used])
    assert resources["Fleet"]["Properties"]["VPCZoneIdentifier"] == private
    assert [m["SubnetId"] for m in of_type(resources, "AWS::EFS::MountTarget").values()] == private
    assert resources["PublishRelease"]["Properties"]["VpcConfig"]["SubnetIds"] == private
    for scheme in ("internet-facing", "internal"):
        there = deployed(**THEIRS, ZoneCount=zones, BalancerScheme=scheme)
        assert there["Balancer"]["Properties"]["Subnets"] == public


# --- who reaches whom: from, to, port

ANYWHERE = "0.0.0.0/0"
WAYS_IN = {
    (ANYWHERE, "BalancerGroup", 80),
    (ANYWHERE, "BalancerGroup", 443),
    ("BalancerGroup", "FleetGroup", 80),
    ("FleetGroup", "FilesGroup", 2049),
    ("FleetGroup", "NetworkEndpoints", 443),
    ("PublishReleaseGroup", "FilesGroup", 2049),
}
WAYS_OUT = {
    ("BalancerGroup", "FleetGroup", 80),
    ("FleetGroup", ANYWHERE, 443),
    ("FleetGroup", "FilesGroup", 2049),
    ("PublishReleaseGroup", ANYWHERE, 443),
    ("PublishReleaseGroup", "FilesGroup", 2049),
    # So much as nothing: without any rule a group would let everything out.
    ("FilesGroup", "127.0.0.1/32", None),
    ("NetworkEndpoints", "127.0.0.1/32", None),
}
GROUPS = {
    "Balancer": ["BalancerGroup"],
    "FilesMountA": ["FilesGroup"],
    "FilesMountB": ["FilesGroup"],
    "FleetTemplate": ["FleetGroup"],
    "NetworkToCloudFormation": ["NetworkEndpoints"],
    "NetworkToSsm": ["NetworkEndpoints"],
    "NetworkToSsmMessages": ["NetworkEndpoints"],
    "PublishRelease": ["PublishReleaseGroup"],
}


def chain(resources: dict[str, Any]) -> None:
    """Fails unless who reaches whom is as it is written above, and everything has the group that is its own."""
    groups = of_type(resources, "AWS::EC2::SecurityGroup")
    ins = {
        (_end(rule, "SourceSecurityGroupId"), name, _port(rule))
        for name, group in groups.items()
        for rule in group.get("SecurityGroupIngress", [])
    }
    apart = of_type(resources, "AWS::EC2::SecurityGroupIngress").values()
    ins |= {(_end(rule, "SourceSecurityGroupId"), text(rule["GroupId"]).split(".")[0], _port(rule)) for rule in apart}
    outs = {
        (name, _end(rule, "DestinationSecurityGroupId"), _port(rule))
        for name, group in groups.items()
        for rule in group["SecurityGroupEgress"]
    }
    assert ins == WAYS_IN
    assert outs == WAYS_OUT
    assert not of_type(resources, "AWS::EC2::SecurityGroupEgress")
    has = {name: sorted(set(_groups(r.get("Properties")))) for name, r in resources.items() if "Group" not in r["Type"]}
    assert {name: found for name, found in has.items() if found} == GROUPS


def _end(rule: dict[str, Any], key: str) -> str:
    """The other end of a rule: a group's name, or addresses."""
    assert len(rule.keys() & {"CidrIp", "CidrIpv6", key}) == 1
    return text(rule[key]).split(".")[0] if key in rule else str(rule["CidrIp"])


def _port(rule: dict[str, Any]) -> int | None:
    if rule["IpProtocol"] == "-1":
        return None
    assert rule["IpProtocol"] == "tcp"
    assert rule["FromPort"] == rule["ToPort"]
    return int(rule["FromPort"])


def _groups(value: Any) -> Iterator[str]:
    match value:
        case {"Fn::GetAtt": [str(name), "GroupId"]}:
            yield name
        case dict():
            for one in value.values():
                yield from _groups(one)
        case list():
            for one in value:
                yield from _groups(one)


def rules(resources: dict[str, Any]) -> list[tuple[list[Any], int]]:
    """Each rule of each security group, as a list and a place in it."""
    groups = of_type(resources, "AWS::EC2::SecurityGroup").values()
    lists = [group.get(key, []) for group in groups for key in ("SecurityGroupIngress", "SecurityGroupEgress")]
    return [(listed, place) for listed in lists for place in range(len(listed))]


@shows("REQ-U1", "REQ-U4", how="static")
def test_only_the_load_balancer_reaches_servers_and_only_they_reach_the_rest() -> None:
    chain(deployed(**CERTIFICATE, **SHELLS))


@shows("REQ-U4", how="static")
def test_every_change_of_who_reaches_whom_is_noticed() -> None:
    there = deployed(**CERTIFICATE, **SHELLS)
    changes: list[dict[str, Any]] = [
        {"CidrIp": ANYWHERE, "SourceSecurityGroupId": None, "DestinationSecurityGroupId": None, "FromPort": 22},
        {"CidrIpv6": "::/0"},
        {"IpProtocol": "udp"},
    ]
    tried = 0
    for number, change in itertools.product(range(len(rules(there))), [*changes, None]):
        resources = copy.deepcopy(there)
        listed, place = rules(resources)[number]
        changed = {**listed[place], **(change or {})}
        listed[place : place + 1] = [{k: v for k, v in changed.items() if v is not None}] if change else []
        tried += 1
        with pytest.raises(AssertionError):
            chain(resources)
    for name in of_type(there, "AWS::EC2::SecurityGroupIngress"):
        for change in (*changes, {"FromPort": 0, "ToPort": 65535}):
            resources = copy.deepcopy(there)
            changed = {**resources[name]["Properties"], **change}
            resources[name]["Properties"] = {k: v for k, v in changed.items() if v is not None}
            tried += 1
            with pytest.raises(AssertionError):
                chain(resources)
    for name, [group] in GROUPS.items():
        resources = copy.deepcopy(there)
        other = "FleetGroup" if group != "FleetGroup" else "FilesGroup"
        changed = json.dumps(resources[name]).replace(f'"{group}"', f'"{other}"')
        resources[name] = json.loads(changed)
        tried += 1
        with pytest.raises(AssertionError):
            chain(resources)
    assert tried > 50


# --- the load balancer


@shows("REQ-U4", how="static")
def test_http_is_answered_or_redirected() -> None:
    plain, secure = deployed(), deployed(**CERTIFICATE)
    forward = [{"TargetGroupArn": {"Ref": "BalancerTargets"}, "Type": "forward"}]
    assert "BalancerHttps" not in plain
    assert plain["BalancerHttp"]["Properties"]["DefaultActions"] == forward
    [redirect] = secure["BalancerHttp"]["Properties"]["DefaultActions"]
    assert redirect == {
        "RedirectConfig": {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"},
        "Type": "redirect",
    }
    https = secure["BalancerHttps"]["Properties"]
    assert https["DefaultActions"] == forward
    assert https["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    assert https["Certificates"] == [{"CertificateArn": CERTIFICATE["OriginCertificateArn"]}]


@shows("REQ-U1", "REQ-U11", how="static")
@pytest.mark.parametrize(("protection", "value"), [("off", "false"), ("on", "true")])
def test_the_load_balancer_asks_for_health_and_drops_bad_headers(protection: str, value: str) -> None:
    resources = deployed(DeletionProtection=protection)
    attributes = {a["Key"]: a["Value"] for a in resources["Balancer"]["Properties"]["LoadBalancerAttributes"]}
    assert attributes == {
        "deletion_protection.enabled": value,
        "idle_timeout.timeout_seconds": "60",
        "routing.http.drop_invalid_header_fields.enabled": "true",
    }
    targets = resources["BalancerTargets"]["Properties"]
    assert (targets["HealthCheckPath"], targets["HealthCheckIntervalSeconds"]) == ("/health", 10)
    assert (targets["TargetType"], targets["Port"], targets["Matcher"]) == ("instance", 80, {"HttpCode": "200"})


# --- the files


@shows("REQ-U1", "REQ-U4", how="static")
def test_the_files_are_encrypted_backed_up_and_stay() -> None:
    template = original()
    for name in ("Files", "Releases"):
        one = template["Resources"][name]
        assert (one["DeletionPolicy"], one["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    files = deployed()["Files"]["Properties"]
    assert (files["Encrypted"], files["BackupPolicy"]) == (True, {"Status": "ENABLED"})
    assert "KmsKeyId" not in files
    assert deployed(KmsKeyArn="arn:aws:kms:us-east-1:123456789012:key/1")["Files"]["Properties"]["KmsKeyId"]
    assert files["LifecyclePolicies"] == [
        {"TransitionToIA": "AFTER_30_DAYS"},
        {"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"},
    ]
    assert files["ThroughputMode"] == "elastic"
    assert deployed(FileThroughput="bursting")["Files"]["Properties"]["ThroughputMode"] == "bursting"


@shows("REQ-U1", "REQ-U8", how="static")
def test_readers_and_the_writer_see_one_directory_that_only_the_writer_owns() -> None:
    points = of_type(original()["Resources"], "AWS::EFS::AccessPoint")
    users = {name: (one["PosixUser"]["Uid"], one["PosixUser"]["Gid"]) for name, one in points.items()}
    assert users == {"FilesReader": ("1001", "1001"), "FilesWriter": ("1000", "1000")}
    for one in points.values():
        assert one["RootDirectory"] == {
            "CreationInfo": {"OwnerGid": "1000", "OwnerUid": "1000", "Permissions": "0755"},
            "Path": "/updates",
        }
    function = original()["Resources"]["PublishRelease"]["Properties"]
    writer = {"Arn": {"Fn::GetAtt": ["FilesWriter", "Arn"]}, "LocalMountPath": "/mnt/updates"}
    assert function["FileSystemConfigs"] == [writer]
    assert function["Environment"]["Variables"]["FILES"] == writer["LocalMountPath"]


@shows("REQ-U4", how="static")
def test_nobody_mounts_without_tls_or_but_through_an_access_point() -> None:
    policy = original()["Resources"]["Files"]["Properties"]["FileSystemPolicy"]
    clients = [f"elasticfilesystem:Client{what}" for what in ("Mount", "RootAccess", "Write")]
    assert [(s["Effect"], s["Principal"], sorted(s["Action"]), s.get("Condition")) for s in policy["Statement"]] == [
        ("Deny", {"AWS": "*"}, clients, {"Bool": {"aws:SecureTransport": "false"}}),
        ("Deny", {"AWS": "*"}, clients, {"Null": {"elasticfilesystem:AccessPointArn": "true"}}),
        ("Deny", {"AWS": "*"}, [clients[1]], None),
    ]


# --- what each role may do

MOUNTS = "Bool aws:SecureTransport true and StringEquals elasticfilesystem:AccessPointArn {}.Arn"
CONTEXT = "StringLike kms:EncryptionContext:aws:s3:arn Releases.Arn,${Releases.Arn}/*"
THROUGH_S3 = "StringEquals kms:ViaService s3.${AWS::Region}.${AWS::URLSuffix}"
CHANNELS = tuple(f"{verb}{what}Channel" for verb in ("Create", "Open") for what in ("Control", "Data"))
METRICS = "StringEquals cloudwatch:namespace troposphere-arch/software-updates"
RIGHTS: dict[str, tuple[str, set[Right]]] = {
    "FleetRole": (
        "ec2.amazonaws.com",
        {
            allow(of("elasticfilesystem", "ClientMount"), "Files.Arn", MOUNTS.format("FilesReader")),
            allow(of("ssmmessages", *CHANNELS), "*", "", "SessionManagerOn"),
            allow(of("ssm", "UpdateInstanceInformation"), HERE % ("ec2", "instance/*"), "", "SessionManagerOn"),
        },
    ),
    "PublishReleaseRole": (
        "lambda.amazonaws.com",
        logs_and_traces("PublishRelease")
        | IN_THE_NETWORK
        | {
            allow(of("elasticfilesystem", "ClientMount", "ClientWrite"), "Files.Arn", MOUNTS.format("FilesWriter")),
            allow(of("s3", "GetObject", "GetObjectVersion"), "${Releases.Arn}/files/*"),
            allow(of("s3", "GetObject", "GetObjectVersion"), "${Releases.Arn}/releases/*"),
            allow(of("s3", "PutObject"), "${Releases.Arn}/status/*"),
            allow(of("sqs", "SendMessage"), "ReleaseFailures.Arn"),
            allow(of("kms", "Decrypt"), HERE % ("kms", "key/*"), f"{THROUGH_S3} and {CONTEXT}"),
            use_key("s3", "Decrypt", "GenerateDataKey"),
            use_key("sqs", "Decrypt", "GenerateDataKey"),
        },
    ),
    "WatchEdgeRole": (
        "lambda.amazonaws.com",
        logs_and_traces("WatchEdge")
        | {
            allow(of("cloudwatch", "GetMetricData"), "*"),
            allow(of("cloudwatch", "PutMetricData"), "*", METRICS),
        },
    ),
}
OF_THE_RULE = "ArnEquals aws:SourceArn PublishReleaseRule.Arn"
TLS_ONLY: Right = ("Deny", ("sqs:*",), "ReleaseFailures.Arn", "Bool aws:SecureTransport false", "")
QUEUE: list[tuple[Any, Right]] = [
    ("*", TLS_ONLY),
    ({"Service": "events.amazonaws.com"}, allow(of("sqs", "SendMessage"), "ReleaseFailures.Arn", OF_THE_RULE)),
]


def proof(template: Template) -> None:
    """Fails unless each role holds its rights and trusts its service only, and the queue takes from nobody else."""
    resources = template["Resources"]
    assert {name for name, r in resources.items() if r["Type"] == "AWS::IAM::Role"} == RIGHTS.keys()
    for role, (service, wanted) in RIGHTS.items():
        assert held(template, role) == wanted, role
        assert is_trusted_to(template, role, service), role
        assert "ManagedPolicyArns" not in resources[role]["Properties"]
    [policy] = of_type(resources, "AWS::SQS::QueuePolicy").values()
    assert [(s["Principal"], *rights([s])) for s in policy["PolicyDocument"]["Statement"]] == QUEUE
    [profile] = of_type(resources, "AWS::IAM::InstanceProfile").values()
    assert profile["Roles"] == [{"Ref": "FleetRole"}]


@shows("REQ-U1", "REQ-U4", how="static")
def test_each_role_holds_its_rights_and_no_other() -> None:
    proof(original())


@shows("REQ-U4", how="static")
def test_every_change_of_a_right_is_noticed() -> None:
    passed, tried = unnoticed(BODY, list(RIGHTS), proof)
    assert passed == []
    assert tried > 100


@shows("REQ-U4", how="static")
def test_s3_is_reached_for_packages_and_for_the_releases_alone() -> None:
    endpoint = original()["Resources"]["NetworkToS3"]["Properties"]
    said = endpoint["PolicyDocument"]["Statement"]
    assert {(s["Effect"], json.dumps(s["Principal"]), "Condition" in s) for s in said} == {("Allow", '"*"', False)}
    packages = "arn:${AWS::Partition}:s3:::al2023-repos-${AWS::Region}-de612dc2/*"
    assert {(tuple(sorted(s["Action"])), text(s["Resource"])) for s in said} == {
        (("s3:GetObject",), packages),
        (("s3:GetObject", "s3:GetObjectVersion"), "${Releases.Arn}/files/*"),
        (("s3:GetObject", "s3:GetObjectVersion"), "${Releases.Arn}/releases/*"),
        (("s3:PutObject",), "${Releases.Arn}/status/*"),
    }


# --- a release that fails


@shows("REQ-U8", how="static")
def test_a_release_that_fails_is_tried_again_and_then_kept() -> None:
    resources = original()["Resources"]
    function = resources["PublishRelease"]["Properties"]
    assert (function["Timeout"], function["MemorySize"]) == (900, {"Ref": "PublishMemory"})
    [target] = resources["PublishReleaseRule"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["ReleaseFailures", "Arn"]}}
    detail = resources["PublishReleaseRule"]["Properties"]["EventPattern"]["detail"]
    assert detail == {"bucket": {"name": [{"Ref": "Releases"}]}, "object": {"key": [{"prefix": "releases/"}]}}
    bounds = resources["PublishReleaseRetries"]["Properties"]
    # Three tries of a quarter of an hour, a minute and two minutes apart, are over before the event is too old.
    assert bounds["MaximumRetryAttempts"] == 2
    assert 3 * function["Timeout"] + 60 + 120 < bounds["MaximumEventAgeInSeconds"]
    assert bounds["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["ReleaseFailures", "Arn"]}


@shows("REQ-U8", how="static")
def test_a_release_that_is_refused_raises_an_alarm() -> None:
    resources = original()["Resources"]
    counted = resources["PublishReleaseRefused"]["Properties"]
    assert counted["FilterPattern"] == '{ $.outcome = "refused" }'
    assert counted["LogGroupName"] == {"Ref": "PublishReleaseLogs"}
    [metric] = counted["MetricTransformations"]
    alarm = resources["PublishReleaseRefusedAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (metric["MetricNamespace"], metric["MetricName"])
    # Two stacks of an account count apart.
    assert "${AWS::StackName}" in text(alarm["Namespace"])
    assert (alarm["Statistic"], alarm["Threshold"], alarm["ComparisonOperator"]) == ("Sum", 0, "GreaterThanThreshold")


BALANCER = {"LoadBalancer": "Balancer.LoadBalancerFullName"}
TARGETS = BALANCER | {"TargetGroup": "BalancerTargets.TargetGroupFullName"}
FILES = {"FileSystemId": "Files"}
STACK = {"Stack": "AWS::StackName"}
ELB, EFS, OWN = "AWS/ApplicationELB", "AWS/EFS", "troposphere-arch/software-updates"
# Metric, of what, statistic, comparison and threshold.
ALARMS: dict[str, tuple[str, str, dict[str, str], str, str, Any]] = {
    "BalancerErrors": (ELB, "HTTPCode_ELB_5XX_Count", BALANCER, "Sum", ">", 10),
    "BalancerTargetErrors": (ELB, "HTTPCode_Target_5XX_Count", BALANCER, "Sum", ">", 10),
    "BalancerEmpty": (ELB, "HealthyHostCount", TARGETS, "Maximum", "<", 1),
    "BalancerUnhealthy": (ELB, "UnHealthyHostCount", TARGETS, "Maximum", ">", 0),
    "BalancerLatency": (ELB, "TargetResponseTime", BALANCER, "p95", ">", 1),
    "EdgeErrors": (OWN, "5xxErrorRate", STACK, "Average", ">", 1),
    "EdgeHitRate": (OWN, "CacheHitRate", STACK, "Average", "<", 50),
    # An hour of what is read at full speed, 100 MB a second.
    "FilesBurst": (EFS, "BurstCreditBalance", FILES, "Minimum", "<", 3600 * 100 * 10**6),
    "FilesBusy": (EFS, "PercentIOLimit", FILES, "Average", ">", 90),
    "FleetFull": (
        "AWS/AutoScaling",
        "GroupInServiceInstances",
        {"AutoScalingGroupName": "Fleet"},
        "Maximum",
        ">=",
        "9",
    ),
    "PublishReleaseErrors": ("AWS/Lambda", "Errors", {"FunctionName": "PublishRelease"}, "Sum", ">", 0),
    "PublishReleaseRefused": (f"{OWN}/${{AWS::StackName}}", "PublishReleaseRefused", {}, "Sum", ">", 0),
    "PublishReleaseThrottles": ("AWS/Lambda", "Throttles", {"FunctionName": "PublishRelease"}, "Sum", ">", 0),
    "ReleaseFailuresWaiting": (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        {"QueueName": "ReleaseFailures.QueueName"},
        "Maximum",
        ">",
        0,
    ),
    "WatchEdgeErrors": ("AWS/Lambda", "Errors", {"FunctionName": "WatchEdge"}, "Sum", ">", 0),
    "WatchEdgeThrottles": ("AWS/Lambda", "Throttles", {"FunctionName": "WatchEdge"}, "Sum", ">", 0),
}
COMPARISONS = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
}


@pytest.fixture(scope="module")
def alarms() -> dict[str, Any]:
    resources = deployed(FleetMaxSize="9", FileThroughput="bursting", EdgeCache="on", EdgeMetrics="on")
    return of_type(resources, "AWS::CloudWatch::Alarm")


@shows("REQ-U1", "REQ-U8", how="static")
@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_looks_at_what_it_is_for(alarms: dict[str, Any], name: str) -> None:
    """One of a dimension that is not, or the wrong way round, never raises anything, and nobody notices."""

    def named(value: Any) -> str:
        match value:
            case {"Fn::GetAtt": [resource, attribute]}:
                return f"{resource}.{attribute}"
            case {"Ref": resource}:
                return str(resource)
            case {"Fn::Sub": pattern}:
                return str(pattern)
        return str(value)

    alarm = alarms[f"{name}Alarm"]
    found = (
        named(alarm["Namespace"]),
        alarm["MetricName"],
        {one["Name"]: named(one["Value"]) for one in alarm.get("Dimensions", [])},
        alarm.get("Statistic") or alarm["ExtendedStatistic"],
    )
    *metric, comparison, threshold = ALARMS[name]
    assert found == tuple(metric)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (COMPARISONS[comparison], threshold)


@shows("REQ-U1", how="static")
def test_what_a_device_would_feel_raises_an_alarm(alarms: dict[str, Any]) -> None:
    assert alarms.keys() == {f"{name}Alarm" for name in ALARMS}
    found = of_type(deployed(), "AWS::CloudWatch::Alarm")
    # No server that is registered: no number at all, which is the worst.
    assert found["BalancerEmptyAlarm"]["TreatMissingData"] == "breaching"
    assert "FilesBurstAlarm" not in found


@shows("REQ-U1", how="static")
def test_the_dashboard_shows_the_load_balancer_of_this_stack() -> None:
    body, _ = original()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    told = json.loads(re.sub(r"\$\{Graph\d+\}", "", body))["widgets"]
    metrics = [metric for one in told for metric in one["properties"].get("metrics", []) if metric[0] == ELB]
    assert metrics
    for _, name, *dimensions, _stat in metrics:
        of = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
        assert of == {key: f"${{{value}}}" for key, value in (TARGETS if "TargetGroup" in of else BALANCER).items()}, (
            name
        )


@shows("REQ-U1", "REQ-U4", how="static")
def test_a_server_comes_and_goes_without_a_request_lost() -> None:
    resources = deployed()
    targets = resources["BalancerTargets"]["Properties"]
    assert attributes(targets["TargetGroupAttributes"]) == {
        # Who fetches a large file goes on for as long.
        "deregistration_delay.timeout_seconds": "300",
        "load_balancing.algorithm.type": "least_outstanding_requests",
    }
    assert (targets["HealthyThresholdCount"], targets["UnhealthyThresholdCount"]) == (2, 3)
    # It installs its packages first: else it would be replaced while it does, for ever.
    assert resources["Fleet"]["Properties"]["HealthCheckGracePeriod"] == 600
    [disk] = resources["FleetTemplate"]["Properties"]["LaunchTemplateData"]["BlockDeviceMappings"]
    assert disk["Ebs"]["DeleteOnTermination"] is True


@shows("REQ-U1", how="static")
def test_the_load_balancer_closes_a_connection_before_the_server_does() -> None:
    """Else it sends a request into one that is closing, and the device gets a 502."""
    balancer = deployed()["Balancer"]["Properties"]
    idle = int(attributes(balancer["LoadBalancerAttributes"])["idle_timeout.timeout_seconds"])
    conf = (HANDLERS / "nginx.conf").read_text(encoding="utf-8")
    [kept] = re.findall(r"^ *keepalive_timeout (\d+)s;", conf, re.MULTILINE)
    assert int(kept) > idle


def attributes(of: list[dict[str, str]]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in of}
