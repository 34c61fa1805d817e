"""Layers and networks that a stack needs: found out before anything is made, then put where the stack looks."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import socket
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from tests.cli.commands import Done, Shell, refused, share_marks
from tests.evidence import shows
from tests.sampling import sampled
from troposphere_arch import layers
from troposphere_arch.deploy import (
    Artifact,
    Resource,
    Target,
    delete,
    ensure_bucket,
    execute,
    missing,
    needs,
    plan,
    purge,
    put,
    target_of,
)
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator

pytestmark = sampled(2, each=True)

KEY = layers.key("dax")
NETWORK = "VpcId", "SubnetIds"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, lint_marks: Path) -> Path:
    home = tmp_path_factory.mktemp("home")
    share_marks(home, lint_marks)
    return home / "cache"


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers are built into a cache of these tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@pytest.fixture
def target(stock: Emulator) -> Target:
    """The unmodified emulator, with a bucket for templates that nobody has made yet."""
    return target_of(stock.client, bucket=f"b-{uuid.uuid4().hex}")


@pytest.fixture
def name(target: Target) -> Iterator[str]:
    """The name of a stack that is gone after the test."""
    name = f"a-{uuid.uuid4().hex[:12]}"
    yield name
    target.client("cloudformation").delete_stack(StackName=name)


def body(key: str = KEY) -> bytes:
    """A template with a layer for those who want it, and a topic for all."""

    def text(*allowed: str) -> dict[str, Any]:
        return {"Type": "String", "Default": "none", **({"AllowedValues": list(allowed)} if allowed else {})}

    def needs(parameter: str, other: str) -> dict[str, Any]:
        given = [{"Fn::Not": [{"Fn::Equals": [{"Ref": name}, "none"]}]} for name in (parameter, other)]
        return {
            "RuleCondition": given[0],
            "Assertions": [{"Assert": given[1], "AssertDescription": f"{parameter} needs {other}: give both."}],
        }

    content = {"S3Bucket": {"Ref": "ArtifactBucket"}, "S3Key": key}
    template = {
        "Parameters": {"ReadCache": text("none", "dax"), **{p: text() for p in ("ArtifactBucket", "Zones", *NETWORK)}},
        "Rules": {"Bucket": needs("ReadCache", "ArtifactBucket"), "Network": needs(*NETWORK)},
        "Conditions": {
            "On": {"Fn::Equals": [{"Ref": "ReadCache"}, "dax"]},
            "NotThere": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-north-1"]},
            "OnAndThere": {"Fn::And": [{"Condition": "On"}, {"Fn::Not": [{"Condition": "NotThere"}]}]},
        },
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Client": {
                "Type": "AWS::Lambda::LayerVersion",
                "Condition": "OnAndThere",
                "Properties": {"Content": content, "LayerName": {"Ref": "AWS::StackName"}},
            },
        },
        "Outputs": {"Client": {"Condition": "OnAndThere", "Value": {"Ref": "Client"}}},
    }
    return json.dumps(template).encode()


def buckets(target: Target) -> list[str]:
    return [bucket["Name"] for bucket in target.client("s3").list_buckets()["Buckets"]]


# --- layers


@shows("REQ-T10", how="stock")
def test_the_host_layer_is_put_once_where_the_stack_finds_it(target: Target, name: str) -> None:
    needed = needs(target, name, body(), {"ReadCache": "dax"})
    artifact = Artifact("dax", target.bucket, KEY)
    assert needed.parameters == {"ReadCache": "dax", "ArtifactBucket": target.bucket}
    assert (needed.artifacts, needed.notes) == ((artifact,), ())
    assert target.bucket not in buckets(target), "nothing is made so far"

    [(found, data)] = missing(target, needed.artifacts, "host")
    assert found == artifact
    ensure_bucket(target)
    put(target, artifact, data)
    assert missing(target, needed.artifacts, "host") == []

    outputs = execute(plan(target, name, body(), needed.parameters))
    functions = target.client("lambda")
    layer = functions.get_layer_version_by_arn(Arn=outputs["Client"])
    assert base64.b64decode(layer["Content"]["CodeSha256"]) == hashlib.sha256(data).digest()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert "python/amazondax/__init__.py" in archive.namelist()

    # What the stack has, it keeps; and what somebody put there in its place is replaced.
    assert needs(target, name, body(), {}).artifacts == (artifact,)
    assert needs(target, name, body(), {"ReadCache": "none"}).artifacts == ()
    target.client("s3").put_object(Bucket=target.bucket, Key=KEY, Body=b"another's")
    assert missing(target, needed.artifacts, "host") == [(artifact, data)]
    delete(target, name)
    purge(target, [Resource("Artifacts", "AWS::S3::Bucket", target.bucket)])


@pytest.mark.parametrize(("given", "region"), [({}, "us-east-1"), ({"ReadCache": "dax"}, "eu-north-1")])
def test_a_stack_without_a_layer_needs_no_bucket(stock: Emulator, given: dict[str, str], region: str) -> None:
    def client(service: str) -> Any:
        assert service in ("sts", "cloudformation"), service
        return stock.client(service, region=region)

    given = {**given, "ArtifactBucket": "mine"}
    needed = needs(target_of(client), "nobody", body(), given)
    assert (needed.parameters, needed.artifacts, needed.notes) == (given, (), ())
    assert missing(target_of(client), needed.artifacts, "host") == []


@shows("REQ-T10", how="simulated")
def test_a_lambda_layer_that_is_there_is_not_even_built(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The one test here for Lambda's platform; the other layers are for this machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    s3 = target.client("s3")
    asked = {"Bucket": "x", "Key": KEY, "ChecksumMode": "ENABLED", "ExpectedBucketOwner": target.account}
    checksum = base64.b64encode(bytes.fromhex(layers.expected("dax"))).decode()
    with Stubber(s3) as answers:
        answers.add_response("head_object", {"ChecksumSHA256": checksum}, asked)
        assert missing(target, [Artifact("dax", "x", KEY)], "lambda") == []
        answers.add_response("head_object", {}, asked)  # a copy without a checksum proves nothing
        with pytest.raises(UserError, match="layer dax can't be built"):
            missing(target, [Artifact("dax", "x", KEY)], "lambda")


@shows("REQ-T10", how="stock")
def test_bucket_that_cannot_be_the_artifact_bucket(target: Target, stock: Emulator, name: str) -> None:
    far = f"far-{uuid.uuid4().hex}"
    place: Any = {"LocationConstraint": "eu-central-1"}
    stock.client("s3", region="eu-central-1").create_bucket(Bucket=far, CreateBucketConfiguration=place)

    def said(bucket: str) -> dict[str, str]:
        return {"ReadCache": "dax", "ArtifactBucket": bucket}

    with pytest.raises(UserError, match=rf"^ArtifactBucket {far} is in eu-central-1, and the stack in us-east-1: "):
        needs(target, name, body(), said(far))
    with pytest.raises(UserError, match=r"^ArtifactBucket no-such-one does not exist: make it in us-east-1, or choose"):
        needs(target, name, body(), said("no-such-one"))
    s3 = target.client("s3")
    with Stubber(s3) as answers:
        asked = {"Bucket": "anothers", "ExpectedBucketOwner": target.account}
        answers.add_client_error("head_bucket", "403", http_status_code=403, expected_params=asked)
        with pytest.raises(UserError, match=r"^ArtifactBucket anothers is not open to you, or is another account's: "):
            needs(target, name, body(), said("anothers"))
    stock.client("s3").create_bucket(Bucket="near-enough")
    assert needs(target, name, body(), said("near-enough")).artifacts == (Artifact("dax", "near-enough", KEY),)


@shows("REQ-B6", how="stock")
def test_of_two_layers_those_that_the_parameters_need(target: Target, name: str) -> None:
    """The thumbnails' layer wants no more than a bucket; the read cache's wants to be asked for, and needs a bucket."""
    pillow = layers.key("pillow")
    template = json.loads(body())
    given = {"Fn::Not": [{"Fn::Equals": [{"Ref": "ArtifactBucket"}, "none"]}]}
    template["Conditions"]["Thumbnails"] = given
    content = {"S3Bucket": {"Ref": "ArtifactBucket"}, "S3Key": pillow}
    layer = {"Type": "AWS::Lambda::LayerVersion", "Condition": "Thumbnails", "Properties": {"Content": content}}
    template["Resources"]["Pillow"] = layer

    def keys(bucket: str, **parameters: str) -> set[str]:
        needed = needs(target, name, json.dumps(template).encode(), parameters)
        assert {artifact.bucket for artifact in needed.artifacts} <= {bucket}
        assert {needed.parameters.get("ArtifactBucket", "")} <= {bucket}
        return {artifact.key for artifact in needed.artifacts}

    assert keys("") == set()
    target.client("s3").create_bucket(Bucket="of-the-layers")
    assert keys("of-the-layers", ArtifactBucket="of-the-layers") == {pillow}
    assert keys("of-the-layers", ArtifactBucket="of-the-layers", ReadCache="dax") == {pillow, KEY}
    # The bucket that comes with the read cache brings the thumbnails along: the stack would look for their layer too.
    assert keys(target.bucket, ReadCache="dax") == {pillow, KEY}


def test_parameters_and_rules_refuse_before_anything_else(target: Target, name: str) -> None:
    with pytest.raises(UserError, match=r"^parameter ReadCache can't be 'redis': it is one of none, dax$"):
        needs(target, name, body(), {"ReadCache": "redis"})
    with pytest.raises(UserError, match=r"^VpcId needs SubnetIds: give both\.$"):
        needs(target, name, body(), {"VpcId": "vpc-1"})
    with pytest.raises(UserError, match=rf"needs the layer layers/dax-0.zip, which is none of .*\({KEY}, "):
        needs(target, name, body("layers/dax-0.zip"), {"ReadCache": "dax"})


# --- subnets


@shows("REQ-B9", how="stock")
def test_keys_go_round_by_single_steps(target: Target, name: str) -> None:
    topic = {"Type": "AWS::SNS::Topic"}
    template = {"Parameters": {"OriginKeyRotation": {"Type": "String"}}, "Resources": {"Topic": topic}}
    text = json.dumps(template)
    chosen = [{"ParameterKey": "OriginKeyRotation", "ParameterValue": "4"}]
    target.client("cloudformation").create_stack(StackName=name, TemplateBody=text, Parameters=chosen)
    for wanted in ("4", "1"):
        assert needs(target, name, text.encode(), {"OriginKeyRotation": wanted}).parameters
    for wanted in ("2", "3"):
        said = f"^OriginKeyRotation: {wanted} does not follow 4, which the stack has; give 4 or 1, "
        with pytest.raises(UserError, match=said):
            needs(target, name, text.encode(), {"OriginKeyRotation": wanted})


@pytest.mark.parametrize(
    ("least", "most"), [("FleetMinSize", "FleetMaxSize"), ("KeyRulePriority", "RefusalRulePriority")]
)
def test_numbers_that_must_rise(target: Target, least: str, most: str) -> None:
    """As numbers: as texts, 10 would come before 9."""
    number = {"Type": "Number", "Default": "9"}
    template = {
        "Parameters": {least: number, most: {**number, "Default": "10"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
    text = json.dumps(template).encode()
    assert needs(target, "nobody", text, {}).notes == ()
    for given in ("10", "11"):
        with pytest.raises(UserError, match=f"^{most}: 10 is not more than {least}, which is {given}: "):
            needs(target, "nobody", text, {least: given})


@pytest.fixture(scope="module")
def network(stock: Emulator) -> dict[str, str]:
    """A VPC and its subnets: two in zone a, one each in zones b and c; and one of another VPC."""
    ec2 = stock.client("ec2")
    made = {name: ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"] for name in ("vpc", "other")}
    for i, (name, vpc, zone) in enumerate(
        [("a", "vpc", "a"), ("aa", "vpc", "a"), ("b", "vpc", "b"), ("c", "vpc", "c"), ("o", "other", "b")]
    ):
        zone, block = f"us-east-1{zone}", f"10.9.{i}.0/24"
        subnet = ec2.create_subnet(VpcId=made[vpc], CidrBlock=block, AvailabilityZone=zone)["Subnet"]
        made[name] = subnet["SubnetId"]
    return made


REFUSED = [
    ("a,aa", r"^SubnetIds: {a}, {aa} are all in us-east-1a; name subnets of two zones at least$"),
    ("a,a", r"^SubnetIds: {a}, {a} are all in us-east-1a"),
    ("a,o", r"^SubnetIds: {o} is in {other}, not in VpcId {vpc}; "),
    ("a,b,subnet-0123456789abcdef0", r"^SubnetIds: subnet-0123456789abcdef0 does not exist in us-east-1; .* of {vpc}$"),
]


@shows("REQ-T10", how="stock")
@pytest.mark.parametrize(("subnets", "said"), REFUSED)
def test_subnets_that_cannot_be(target: Target, network: dict[str, str], subnets: str, said: str) -> None:
    ids = ",".join(network.get(subnet, subnet) for subnet in subnets.split(","))
    with pytest.raises(UserError, match=said.format(**network)):
        needs(target, "nobody", body(), {"VpcId": network["vpc"], "SubnetIds": ids})


def test_two_subnets_in_two_zones(target: Target, network: dict[str, str]) -> None:
    given = {"VpcId": network["vpc"], "SubnetIds": f"{network['a']},{network['b']}"}
    [note] = needs(target, "nobody", body(), given).notes
    assert note.startswith(f"VpcId: {network['vpc']} has no endpoint for com.amazonaws.us-east-1.dynamodb; ")
    service = "com.amazonaws.us-east-1.dynamodb"
    target.client("ec2").create_vpc_endpoint(VpcId=network["vpc"], ServiceName=service)
    assert needs(target, "nobody", body(), given).notes == ()


def of_servers() -> bytes:
    """The same with subnets of a load balancer."""
    template = json.loads(body())
    template["Parameters"]["PublicSubnetIds"] = {"Type": "String", "Default": "none"}
    template["Parameters"]["ZoneCount"] = {"Type": "String", "Default": "2"}
    return json.dumps(template).encode()


SERVERS_REFUSED = [
    ("a,b", "a,o", r"^PublicSubnetIds: {o} is in {other}, not in VpcId {vpc}; name public subnets of that$"),
    ("a,b", "a,aa", r"^PublicSubnetIds: {a}, {aa} are all in us-east-1a; "),
    ("a,aa,b", "a,b", r"^SubnetIds: two of {a},{aa},{b} are in the same zone; name subnets of different zones$"),
    (
        "a,b",
        "b,c",
        r"^PublicSubnetIds are in us-east-1b, us-east-1c, and SubnetIds in us-east-1a, us-east-1b: the load ",
    ),
]


@shows("REQ-U4", how="stock")
@pytest.mark.parametrize(("private", "public", "said"), SERVERS_REFUSED)
def test_subnets_that_cannot_be_those_of_servers_and_their_load_balancer(
    target: Target, network: dict[str, str], private: str, public: str, said: str
) -> None:
    ids = [",".join(network[one] for one in names.split(",")) for names in (private, public)]
    given = {"VpcId": network["vpc"], "SubnetIds": ids[0], "PublicSubnetIds": ids[1]}
    with pytest.raises(UserError, match=said.format(**network)):
        needs(target, "nobody", of_servers(), given)


@pytest.mark.parametrize("zones", ["us-east-1a,us-east-1b", "us-east-1a,us-east-1b,us-east-1a"])
def test_as_many_zones_as_are_asked_for(target: Target, zones: str) -> None:
    with pytest.raises(UserError, match=f"^Zones: {zones} are fewer zones than ZoneCount, or one is there twice$"):
        needs(target, "nobody", of_servers(), {"Zones": zones, "ZoneCount": "3"})
    assert needs(target, "nobody", of_servers(), {"Zones": "us-east-1a,us-east-1b"}).notes == ()


def test_what_servers_need_to_reach(target: Target, network: dict[str, str]) -> None:
    subnets = f"{network['a']},{network['b']}"
    given = {"VpcId": network["vpc"], "SubnetIds": subnets, "PublicSubnetIds": subnets}
    with pytest.raises(UserError, match=f"^SubnetIds: {subnets} are 2, and ZoneCount is 3; name as many$"):
        needs(target, "nobody", of_servers(), {**given, "ZoneCount": "3"})
    packages, signals = needs(target, "nobody", of_servers(), given).notes
    assert "no endpoint for com.amazonaws.us-east-1.s3; unless it has a NAT gateway, servers in it get no " in packages
    assert "no endpoint for com.amazonaws.us-east-1.cloudformation; unless it has a NAT gateway, servers" in signals
    for service in ("s3", "cloudformation"):
        name = f"com.amazonaws.us-east-1.{service}"
        target.client("ec2").create_vpc_endpoint(VpcId=network["vpc"], ServiceName=name)
    assert needs(target, "nobody", of_servers(), given).notes == ()


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        ("us-east-1a,us-east-1a", "^Zones: us-east-1a,us-east-1a is one zone; name two$"),
        ("us-east-1a,eu-west-1b", "^Zones: eu-west-1b is no zone of us-east-1; there is us-east-1a, "),
    ],
)
def test_zones_that_cannot_be(target: Target, zones: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        needs(target, "nobody", body(), {"Zones": zones})
    assert needs(target, "nobody", body(), {"Zones": "us-east-1b,us-east-1c"}).notes == ()


def test_who_may_not_look_at_subnets_is_told_so_and_goes_on(stock: Emulator, network: dict[str, str]) -> None:
    user, iam = f"u-{uuid.uuid4().hex[:12]}", stock.client("iam")
    iam.create_user(UserName=user)
    allow = {"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"}
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps({"Statement": [allow]}))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    target = target_of(lambda service: stock.client(service, credentials=key))
    given = {"VpcId": network["vpc"], "SubnetIds": f"{network['a']},{network['aa']}"}
    [note] = needs(target, "nobody", body(), given).notes
    assert note == "SubnetIds was not checked: these credentials are not allowed to do ec2:DescribeSubnets"


# --- `up`


@pytest.fixture
def shell(tmp_path: Path, cache: Path) -> Iterator[Shell]:
    """A shell with the cache of these tests, whose emulator is ended after the test."""
    (tmp_path / "cache").symlink_to(cache)
    yield (shell := Shell(tmp_path))
    shell("down")


def contents(emulator: Emulator, bucket: str) -> dict[str, str]:
    """Key -> the time when it was put there, of the layers in a bucket."""
    found = emulator.client("s3").list_objects_v2(Bucket=bucket, Prefix="layers/").get("Contents", [])
    return {item["Key"]: str(item["LastModified"]) for item in found}


@shows("REQ-T10", how="patched")
def test_up_puts_the_host_layer_into_the_emulator_and_not_again(shell: Shell) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    up = shell("up", "todo", "--port", port, "--parameter", "ReadCache=dax")
    assert up.code == 0, up.err
    assert "layers: dax, for this machine" in up.err
    assert f"bytes to s3://troposphere-arch-000000000000-us-east-1/{KEY}" in up.err
    again = shell("up", "todo")
    assert (again.code, "layers: dax" in again.err, "bytes to s3" in again.err) == (0, True, False), again.err
    off = shell("up", "todo", "--parameter", "ReadCache=none")
    assert (off.code, "layers:" in off.err) == (0, False), off.err


@shows("REQ-T10", how="patched")
def test_up_puts_the_lambda_layer_into_an_accounts_bucket(shell: Shell, patched: Emulator) -> None:
    stack, mine = f"l-{uuid.uuid4().hex[:12]}", f"mine-{uuid.uuid4().hex}"

    def up(*arguments: str, yes: bool = True) -> Done:
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        where = ("--region", "us-east-1", "--endpoint-url", patched.url, "--stack-name", stack)
        return shell(
            "up", "todo", *where, *(["--yes"] if yes else []), "--parameter", "ReadCache=dax", *arguments, **keys
        )

    bucket = ("--parameter", f"ArtifactBucket={mine}")
    before = buckets(target_of(patched.client))
    refused(up(*bucket), f"ArtifactBucket {mine} does not exist")
    place: Any = {"LocationConstraint": "eu-central-1"}
    patched.client("s3", region="eu-central-1").create_bucket(Bucket=f"{mine}-far", CreateBucketConfiguration=place)
    refused(up("--parameter", f"ArtifactBucket={mine}-far"), "is in eu-central-1, and the stack in us-east-1")
    assert {*buckets(target_of(patched.client))} == {*before, f"{mine}-far"}, "not even the bucket for templates"

    patched.client("s3").create_bucket(Bucket=mine)
    refused(up(*bucket, yes=False), "--yes")
    assert contents(patched, mine) == {}, "nobody has agreed to anything"
    done = up(*bucket)
    assert (done.code, "layers: dax, for Lambda" in done.err) == (0, True), done.err
    there = contents(patched, mine)
    assert there.keys() == {KEY}
    data = patched.client("s3").get_object(Bucket=mine, Key=KEY)["Body"].read()
    assert hashlib.sha256(data).hexdigest() == layers.expected("dax")
    again = up()
    assert (again.code, "nothing changed" in again.out) == (0, True), again.err
    assert contents(patched, mine) == there

    account = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    where = ("--region", "us-east-1", "--endpoint-url", patched.url)
    down = shell("down", stack, *where, **account)
    assert (down.code, "ReadCache is on: Lambda keeps network interfaces" in down.err) == (2, True), down.err
    delete(target_of(patched.client), stack)
