"""Each parameter of software updates, changed on a running stack and back: it is seen, and what is of value stays.

Meanwhile a device polls, and afterwards it gets the release of before, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.evidence import shows
from tests.journeys import updates
from tests.journeys.stack import Stack, every, template_bytes, template_url
from tests.journeys.test_updates_edge import changes
from tests.journeys.updates import HOST, ORIGIN, ask, polling, publish, servers
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.local import Emulator, fleet

pytestmark = [pytest.mark.xdist_group("updates-parameters"), needs("nginx"), sampled(3)]
ACCOUNT = "000000000000"
PRECIOUS = ("Balancer", "BalancerTargets", "Files", "FilesReader", "FilesWriter", "Fleet", "Network", "Releases")
DATA = bytes(range(256)) * 100
ACL = f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/updates/00000000-0000-0000-0000-000000000000"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary-of-updates"
NEWEST = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"


@pytest.fixture(scope="module")
def stack(patched: Emulator) -> Iterator[Stack]:
    """With names and an edge, a server and a release."""
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    patched.client("iam").create_policy(PolicyName="boundary-of-updates", PolicyDocument=json.dumps(everything))
    made = updates.make(patched, "changed-updates", EdgeCache="on", **updates.names(patched, "changed"))
    with servers(made):
        assert publish(made, "1.4.0", app_bin=DATA)["state"] == "published"
        yield made
    made.delete()


HOST, ORIGIN = (name.replace("updates", "updates-changed") for name in (HOST, ORIGIN))


@pytest.fixture
def as_before(stack: Stack) -> Iterator[None]:
    """What is of value is what it was, and how many servers there are is not said by an update."""
    ids = {name: stack.physical(name) for name in PRECIOUS}
    group = stack.emulator.client("autoscaling")
    group.set_desired_capacity(AutoScalingGroupName=ids["Fleet"], DesiredCapacity=4)
    yield
    assert {name: stack.physical(name) for name in PRECIOUS} == ids
    assert fleet_size(stack)["DesiredCapacity"] == 4
    read_back(stack, HOST, ORIGIN)


def read_back(stack: Stack, *hosts: str) -> None:
    """The manifest and the file that it names are there, from each of these names."""
    for host in hosts:
        answer = ask(stack, "/latest.json", host)
        assert (answer.status, answer.json()["version"]) == (200, "1.4.0"), host
        [file] = answer.json()["files"]
        got = ask(stack, file["url"], host)
        assert (got.status, got.body) == (200, DATA), host


Look = Callable[[Stack], Any]


def there(*logical: str) -> Look:
    return lambda stack: set(logical) <= {r["LogicalResourceId"] for r in stack.resources()}


def fleet_size(stack: Stack) -> dict[str, Any]:
    client = stack.emulator.client("autoscaling")
    [found] = client.describe_auto_scaling_groups(AutoScalingGroupNames=[stack.physical("Fleet")])["AutoScalingGroups"]
    return dict(found)


def made_from(name: str) -> Look:
    """What servers are made from."""

    def look(stack: Stack) -> Any:
        [found] = stack.emulator.client("ec2").describe_launch_template_versions(
            LaunchTemplateId=stack.physical("FleetTemplate"), Versions=["$Latest"]
        )["LaunchTemplateVersions"]
        return found["LaunchTemplateData"][name]

    return look


def generation(stack: Stack) -> list[str]:
    text = fleet.user_data(stack.emulator.client("ec2"), stack.physical("FleetTemplate"))
    return [line for line in text.splitlines() if line.startswith("export GENERATION=")]


def requests_per_target(stack: Stack) -> float:
    client = stack.emulator.client("autoscaling")
    [found] = client.describe_policies(AutoScalingGroupName=stack.physical("Fleet"))["ScalingPolicies"]
    return float(found["TargetTrackingConfiguration"]["TargetValue"])


def throughput(stack: Stack) -> tuple[str, bool]:
    """How the file system is billed, and whether there is an alarm on its credits."""
    client = stack.emulator.client("efs")
    [found] = client.describe_file_systems(FileSystemId=stack.physical("Files"))["FileSystems"]
    return found["ThroughputMode"], there("FilesBurstAlarm")(stack)


def function(logical: str, name: str) -> Look:
    def look(stack: Stack) -> Any:
        client = stack.emulator.client("lambda")
        return client.get_function_configuration(FunctionName=stack.physical(logical))[name]

    return look


def reserved(stack: Stack) -> set[Any]:
    client = stack.emulator.client("lambda")
    return {
        client.get_function_concurrency(FunctionName=stack.physical(one)).get("ReservedConcurrentExecutions")
        for one in ("PublishRelease", "WatchEdge")
    }


def distribution(stack: Stack) -> dict[str, Any]:
    client = stack.emulator.client("cloudfront")
    found: dict[str, Any] = client.get_distribution_config(Id=stack.outputs["EdgeId"])["DistributionConfig"]
    return found


def edge_logs(stack: Stack) -> bool:
    return bool(distribution(stack).get("Logging", {}).get("Enabled"))


def shield(stack: Stack) -> str:
    [origin] = distribution(stack)["Origins"]["Items"]
    found = origin.get("OriginShield", {})
    return str(found.get("OriginShieldRegion", "")) if found.get("Enabled") else ""


def manifest_seconds(stack: Stack) -> int:
    client = stack.emulator.client("cloudfront")
    policy = client.get_cache_policy(Id=stack.physical("EdgeManifestCache"))["CachePolicy"]["CachePolicyConfig"]
    return int(policy["MinTTL"])


def aliases(stack: Stack, zone: str) -> dict[str, str]:
    """The name of each record of type A -> where it points."""
    client = stack.emulator.client("route53")
    records = every(client, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone)
    alias = {r["Name"].rstrip("."): r["AliasTarget"]["DNSName"].rstrip(".") for r in records if r["Type"] == "A"}
    return {name: alias[name].removeprefix("dualstack.") for name in (HOST, ORIGIN) if name in alias}


def parameter(stack: Stack, name: str) -> str:
    return {p["ParameterKey"]: str(p["ParameterValue"]) for p in stack.describe()["Parameters"]}[name]


def domain_target(stack: Stack) -> str:
    """What the name that devices ask means."""
    means = {stack.outputs["BalancerName"]: "balancer", stack.outputs["EdgeDomain"]: "edge"}
    return means[aliases(stack, parameter(stack, "HostedZoneId"))[HOST]]


def keys(stack: Stack) -> set[str]:
    return {r["LogicalResourceId"] for r in stack.resources() if r["LogicalResourceId"].startswith("OriginKey")}


def roles(stack: Stack) -> list[dict[str, Any]]:
    iam = stack.emulator.client("iam")
    ours = [r for r in stack.resources() if r["ResourceType"] == "AWS::IAM::Role"]
    assert len(ours) == 3
    return [iam.get_role(RoleName=r["PhysicalResourceId"])["Role"] for r in ours]


def boundaries(stack: Stack) -> set[str | None]:
    return {one.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") for one in roles(stack)}


def paths(stack: Stack) -> set[str]:
    return {one["Path"] for one in roles(stack)}


def retention(stack: Stack) -> set[int]:
    groups = {r["PhysicalResourceId"] for r in stack.resources() if r["ResourceType"] == "AWS::Logs::LogGroup"}
    found = every(stack.emulator.client("logs"), "describe_log_groups", "logGroups")
    return {one["retentionInDays"] for one in found if one["logGroupName"] in groups}


def alarm_actions(stack: Stack) -> set[tuple[str, ...]]:
    ours = {r["PhysicalResourceId"] for r in stack.resources() if r["ResourceType"] == "AWS::CloudWatch::Alarm"}
    alarms = every(stack.emulator.client("cloudwatch"), "describe_alarms", "MetricAlarms")
    assert len(ours) > 10
    return {tuple(one["AlarmActions"]) for one in alarms if one["AlarmName"] in ours}


def old_versions(stack: Stack) -> set[int]:
    client = stack.emulator.client("s3")
    rules = client.get_bucket_lifecycle_configuration(Bucket=stack.outputs["ReleasesBucket"])["Rules"]
    return {r["NoncurrentVersionExpiration"]["NoncurrentDays"] for r in rules if "NoncurrentVersionExpiration" in r}


def protected(stack: Stack) -> str:
    client = stack.emulator.client("elbv2")
    found = client.describe_load_balancer_attributes(LoadBalancerArn=stack.physical("Balancer"))["Attributes"]
    return str({one["Key"]: one["Value"] for one in found}["deletion_protection.enabled"])


def budgets(stack: Stack) -> list[tuple[str, list[str]]]:
    client = stack.emulator.client("budgets")
    found = client.describe_budgets(AccountId=ACCOUNT).get("Budgets", [])
    return [b["BudgetLimit"]["Amount"] for b in found if b["BudgetName"].startswith(stack.name)]


# What is set -> what then is looked at, before, after.
CHANGES: dict[str, tuple[dict[str, str], Look, Any, Any]] = {
    "alarms": ({"AlarmTopicArn": TOPIC}, alarm_actions, {()}, {(TOPIC,)}),
    "boundary": ({"PermissionsBoundaryArn": BOUNDARY}, boundaries, {None}, {BOUNDARY}),
    "budget": ({"MonthlyBudget": "50", "BudgetEmail": "owner@example.com"}, budgets, [], ["50"]),
    "concurrency": ({"ReservedConcurrency": "7"}, reserved, {None}, {7}),
    "edge logs": ({"EdgeLogs": "on"}, edge_logs, False, True),
    "edge metrics": ({"EdgeMetrics": "on"}, there("EdgeMonitoring", "EdgeHitRateAlarm"), False, True),
    "fewest": ({"FleetMinSize": "3"}, lambda s: fleet_size(s)["MinSize"], 2, 3),
    "generation": (
        {"FleetGeneration": "2"},
        generation,
        ["export GENERATION='1'"],
        ["export GENERATION='2'"],
    ),
    "image": (
        {"ImageId": "ami-0123456789abcdef0"},
        made_from("ImageId"),
        f"resolve:ssm:{NEWEST}",
        "ami-0123456789abcdef0",
    ),
    "instance type": ({"InstanceType": "m7g.medium"}, made_from("InstanceType"), "t4g.small", "m7g.medium"),
    "keys": ({"OriginKeyRotation": "2"}, keys, {"OriginKey1", "OriginKey4"}, {"OriginKey1", "OriginKey2"}),
    "manifest": ({"ManifestSeconds": "60"}, manifest_seconds, 5, 60),
    "memory": ({"FunctionMemory": "512"}, function("WatchEdge", "MemorySize"), 256, 512),
    "memory for publishing": ({"PublishMemory": "3008"}, function("PublishRelease", "MemorySize"), 1769, 3008),
    "most": ({"FleetMaxSize": "9"}, lambda s: fleet_size(s)["MaxSize"], 4, 9),
    "old versions": ({"OldFileVersionDays": "5"}, old_versions, {30}, {5}),
    "price class": (
        {"PriceClass": "PriceClass_100"},
        lambda s: distribution(s)["PriceClass"],
        "PriceClass_All",
        "PriceClass_100",
    ),
    "protection": ({"DeletionProtection": "on"}, protected, "false", "true"),
    "requests": ({"RequestsPerTarget": "500"}, requests_per_target, 3000, 500),
    "retention": ({"LogRetentionDays": "7"}, retention, {30}, {7}),
    "role path": ({"RolePath": "/updates/"}, paths, {"/"}, {"/updates/"}),
    "session manager": ({"SessionManager": "on"}, there("NetworkToSsm", "NetworkToSsmMessages"), False, True),
    "shield": ({"OriginShield": "eu-west-1"}, shield, "", "eu-west-1"),
    "target": ({"DomainTarget": "edge"}, domain_target, "balancer", "edge"),
    "throughput": ({"FileThroughput": "bursting"}, throughput, ("elastic", False), ("bursting", True)),
    "web acl": ({"WebAclArn": ACL}, lambda s: distribution(s).get("WebACLId") or "", "", ACL),
}


@shows("REQ-U5", "REQ-U6", "REQ-D5", how="patched")
@pytest.mark.usefixtures("as_before")
def test_each_change_is_seen_and_so_is_its_way_back(stack: Stack) -> None:
    """All at once, by the real AWS CLI; each is looked at by itself."""
    values = {name: value for changed, *_ in CHANGES.values() for name, value in changed.items()}
    as_it_was = {name: parameter(stack, name) for name in values}
    before, after = ({what: change[at] for what, change in CHANGES.items()} for at in (2, 3))

    def seen() -> dict[str, Any]:
        return {what: look(stack) for what, (_, look, _, _) in CHANGES.items()}

    assert seen() == before
    with polling(stack, HOST, ORIGIN) as polls:
        stack.update_by_aws_cli(**values)
        assert seen() == after
        read_back(stack, HOST, ORIGIN)
        assert publish(stack, "1.4.0", app_bin=DATA)["state"] == "published"
        stack.update_by_aws_cli(**as_it_was)
        assert seen() == before
    assert polls.all_good(HOST), polls.answers
    assert polls.all_good(ORIGIN), polls.answers


@shows("REQ-U4", "REQ-U5", "REQ-U6", how="patched")
@pytest.mark.usefixtures("as_before")
def test_the_edge_and_the_names_go_and_come_back(stack: Stack) -> None:
    """Without names there is the load balancer's own, over HTTP only, and nothing is left in the zone."""
    names = ("DomainCertificateArn", "DomainName", "HostedZoneId", "OriginCertificateArn", "OriginDomainName")
    was = {name: parameter(stack, name) for name in names}
    zone, balancer = was["HostedZoneId"], stack.outputs["BalancerName"]
    assert aliases(stack, zone) == dict.fromkeys((HOST, ORIGIN), balancer)
    stack.update(EdgeCache="off")
    read_back(stack, HOST, ORIGIN)
    stack.update(**dict.fromkeys(names, "none"))
    assert aliases(stack, zone) == {}
    assert stack.outputs["UpdatesUrl"] == stack.outputs["BalancerUrl"] == f"http://{balancer}"
    assert not there("BalancerHttps")(stack)
    answer = ask(stack, "/latest.json", balancer, https=False)
    assert (answer.status, answer.json()["version"]) == (200, "1.4.0")
    stack.update(**was)
    assert (stack.outputs["UpdatesUrl"], stack.outputs["BalancerUrl"]) == (f"https://{HOST}", f"https://{ORIGIN}")
    assert ask(stack, "/latest.json", HOST, https=False).status == 301
    stack.update(EdgeCache="on")
    assert stack.outputs["UpdatesUrl"] == f"https://{HOST}"


@shows("REQ-U13", how="patched")
@pytest.mark.usefixtures("as_before")
def test_while_enforced_the_port_is_open_to_cloudfront_only(stack: Stack) -> None:
    group = stack.physical("BalancerGroup")

    def let_in() -> set[tuple[int, str]]:
        """Ports and who reaches them."""
        [found] = stack.emulator.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
        return {
            (rule["FromPort"], who.get("CidrIp") or who["PrefixListId"])
            for rule in found["IpPermissions"]
            for who in (*rule.get("IpRanges", []), *rule.get("PrefixListIds", []))
        }

    anybody = {(80, "0.0.0.0/0"), (443, "0.0.0.0/0")}
    assert let_in() == anybody
    stack.update(CloudFrontPrefixListId="pl-0123456789abcdef0", DomainTarget="edge")
    assert let_in() == anybody
    stack.update(EdgeCache="enforced")
    assert let_in() == {(443, "pl-0123456789abcdef0")}
    read_back(stack, HOST)
    stack.update(EdgeCache="on")
    assert let_in() == anybody
    stack.update(CloudFrontPrefixListId="none", DomainTarget="balancer")


@shows("REQ-U1", "REQ-U11", how="patched")
@pytest.mark.usefixtures("as_before")
def test_a_third_zone_comes_and_goes(stack: Stack) -> None:
    emulator = stack.emulator

    def zones() -> dict[str, int]:
        """In how many zones each part is."""
        [balancer] = emulator.client("elbv2").describe_load_balancers(LoadBalancerArns=[stack.physical("Balancer")])[
            "LoadBalancers"
        ]
        subnets = fleet_size(stack)["VPCZoneIdentifier"].split(",")
        return {
            "balancer": len(balancer["AvailabilityZones"]),
            "files": len({one["SubnetId"] for one in mounts(stack)}),
            "fleet": len({s["AvailabilityZone"] for s in subnets_of(emulator, subnets)}),
            "publishing": len(function("PublishRelease", "VpcConfig")(stack)["SubnetIds"]),
        }

    parts = ("balancer", "files", "fleet", "publishing")
    assert zones() == dict.fromkeys(parts, 2)
    with polling(stack, HOST, ORIGIN) as polls:
        stack.update(ZoneCount="3")
        assert zones() == dict.fromkeys(parts, 3)
        read_back(stack, HOST, ORIGIN)
        stack.update(ZoneCount="2")
        assert zones() == dict.fromkeys(parts, 2)
    assert polls.all_good(HOST), polls.answers
    assert polls.all_good(ORIGIN), polls.answers


def mounts(stack: Stack) -> list[dict[str, Any]]:
    client = stack.emulator.client("efs")
    return list(client.describe_mount_targets(FileSystemId=stack.physical("Files"))["MountTargets"])


def subnets_of(emulator: Emulator, ids: list[str]) -> list[dict[str, Any]]:
    return list(emulator.client("ec2").describe_subnets(SubnetIds=ids)["Subnets"])


def network_of_theirs(emulator: Emulator) -> dict[str, str]:
    """A VPC that somebody has, with three public and three private subnets. Gives the parameters that name them."""
    ec2 = emulator.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.6.0.0/16")["Vpc"]["VpcId"]
    ids = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.6.{at}.0/24", AvailabilityZone=f"us-east-1{'abc'[at % 3]}")
        for at in range(6)
    ]
    public, private = (",".join(one["Subnet"]["SubnetId"] for one in half) for half in (ids[:3], ids[3:]))
    return {"PublicSubnetIds": public, "SubnetIds": private, "VpcId": vpc, "ZoneCount": "3"}


# --- what is to be chosen when the stack is created


@shows("REQ-U6", how="patched")
@pytest.mark.usefixtures("as_before")
def test_what_is_to_be_chosen_at_the_beginning_says_what_it_replaces(stack: Stack) -> None:
    """By change sets, which nobody executes: what the parameters' own descriptions say."""
    key = stack.emulator.client("kms").create_key()["KeyMetadata"]["Arn"]

    def replaced(**parameters: str) -> set[str]:
        found = changes(stack, **parameters)
        assert found
        return {one["LogicalResourceId"] for one in found if one.get("Replacement") == "True"}

    both = {"Balancer", "BalancerHttps", "BalancerTargets", "Files", "FilesMountA", "Fleet", "Network", "Releases"}
    subnets = {"NetworkPrivateA", "NetworkPrivateB", "NetworkPublicA", "NetworkPublicB"}
    # Another, empty file system.
    assert replaced(KmsKeyArn=key) & both == {"Files", "FilesMountA"}
    # A target group would have two load balancers for a while, and a file system mount targets in two VPCs.
    assert replaced(BalancerScheme="internal", DomainTarget="edge") & both == {"Balancer", "BalancerHttps"}
    # Other subnets of the same addresses. (Of these the emulator says Conditional, whatever changes.)
    moved = {
        c["LogicalResourceId"] for c in changes(stack, Zones="us-east-1b,us-east-1c") if c["Replacement"] != "False"
    }
    assert subnets < moved
    theirs = replaced(**network_of_theirs(stack.emulator))
    assert theirs & both == {"BalancerTargets", "FilesMountA"}


# --- the image of that day

EDGE_ON = {"EdgeCache": "on"}
UNRELATED = {"LogRetentionDays": "7", "PublishMemory": "3008", "AlarmTopicArn": TOPIC, "OldFileVersionDays": "5"}


@shows("REQ-U6", how="patched")
def test_a_new_image_rolls_the_fleet_only_when_it_is_asked_for(patched: Emulator) -> None:
    """The image behind the name is another one before each update.

    Parameters below /aws are AWS's alone, here too: so the template is deployed with a name that can be set. To see
    that a new image would be seen, it is deployed once more with one that CloudFormation looks up.
    """
    ssm, own = patched.client("ssm"), "/images-of-the-tests/al2023"
    template = json.loads(template_bytes("software-updates"))
    image = template["Resources"]["FleetTemplate"]["Properties"]["LaunchTemplateData"]["ImageId"]
    assert image["Fn::If"][1] == f"resolve:ssm:{NEWEST}"
    assert not [p for p in template["Parameters"].values() if p["Type"].startswith("AWS::SSM")]

    def rolled(name: str, *updates: dict[str, str]) -> list[bool]:
        """Whether servers are made from something else after each of these updates, the image being another one."""
        ssm.put_parameter(Name=own, Value="ami-00000001", Type="String", Overwrite=True)
        made = Stack(patched, name).create(template_url(patched, name, json.dumps(template).encode()))
        rolled: list[bool] = []
        for values in updates:
            ssm.put_parameter(Name=own, Value=f"ami-0000001{len(rolled)}", Type="String", Overwrite=True)
            before, touched = newest(made), {c["LogicalResourceId"] for c in changes(made, **values)}
            made.update(**values)
            rolled.append(newest(made) != before)
            assert touched
            assert touched & {"Fleet", "FleetTemplate"} == ({"Fleet", "FleetTemplate"} if rolled[-1] else set())
        made.delete()
        return rolled

    image["Fn::If"][1] = f"resolve:ssm:{own}"
    edge_off, new_generation = {"EdgeCache": "off"}, {"FleetGeneration": "2"}
    assert rolled("updates-image", EDGE_ON, UNRELATED, edge_off, new_generation) == [False, False, False, True]
    kind = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    template["Parameters"]["ImageOfTheDay"] = {"Type": kind, "Default": own}
    image["Fn::If"][1] = {"Ref": "ImageOfTheDay"}
    assert rolled("updates-image-looked-up", EDGE_ON) == [True]


def newest(stack: Stack) -> int:
    """The version of what servers are made from."""
    template = {"LaunchTemplateIds": [stack.physical("FleetTemplate")]}
    return int(
        stack.emulator.client("ec2").describe_launch_templates(**template)["LaunchTemplates"][0]["LatestVersionNumber"]
    )


@shows("REQ-U1", "REQ-U4", "REQ-U13", "REQ-D5", how="patched")
def test_all_options_together_in_a_network_of_somebody_s(patched: Emulator) -> None:
    key = patched.client("kms").create_key()["KeyMetadata"]["Arn"]
    values = {
        **{name: value for changed, *_ in CHANGES.values() for name, value in changed.items()},
        **updates.names(patched, "all"),
        **network_of_theirs(patched),
        "CloudFrontPrefixListId": "pl-0123456789abcdef0",
        "DeletionProtection": "off",  # it is to go afterwards
        "EdgeCache": "enforced",
        "KmsKeyArn": key,
    }
    left = {"BalancerScheme", "DeletionProtection", "Zones"}
    known = json.loads(template_bytes("software-updates"))["Parameters"]
    assert {name for name, one in known.items() if str(one["Default"]) == values.get(name, str(one["Default"]))} == left
    made = updates.make(patched, "updates-all", **values)
    assert not there("Network")(made)
    assert {one["SubnetId"] for one in mounts(made)} == set(values["SubnetIds"].split(","))
    with servers(made):
        assert publish(made, "1.4.0", app_bin=DATA)["state"] == "published"
        read_back(made, "updates-all.example.com")
        assert ask(made, "/latest.json", "origin.updates-all.example.com").status == 403
    made.delete()
