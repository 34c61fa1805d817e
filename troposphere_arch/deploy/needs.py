"""What a stack needs from outside before it can be made: layers in a bucket, subnets of the user's own.

    needs ──▶ artifacts ──missing──▶ those that the bucket lacks, built ──put──▶ where the stack looks for them

`needs` and `missing` only look, so that what is wrong is said before anything is made.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import evaluate, layers
from ..errors import UserError
from ..layers import Pinned
from .failures import aws_errors, error_code
from .objects import put_new
from .parameters import check_parameters
from .stacks import describe
from .target import Target

# As in `parameters`, which would bring troposphere along: what stands for none, and what names a user's own network.
NONE = "none"
VPC, SUBNETS, PUBLIC_SUBNETS, ZONES = "VpcId", "SubnetIds", "PublicSubnetIds", "Zones"
ZONE_COUNT = "ZoneCount"
ROTATION, TURNS = "OriginKeyRotation", 4
# Numbers of which the second must be more than the first, and why. A template's Rules compare equality only.
RISING = (
    ("DatabaseStorage", "DatabaseMaxStorage", "the storage of the database could not grow"),
    ("FleetMinSize", "FleetMaxSize", "an update of the servers needs room for one more"),
    ("KeyRulePriority", "RefusalRulePriority", "the rule that refuses would come before the one that lets the key in"),
)


@dataclass(frozen=True)
class Artifact:
    """A layer by its name here, and where a stack looks for it. `pinned` is there when a release froze it."""

    layer: str
    bucket: str
    key: str
    pinned: Pinned | None = None


@dataclass(frozen=True)
class Needs:
    """What a stack needs; `parameters` are those given and the bucket, `values` are all that it will have.

    `notes` say what could not be checked, or is to be looked at.
    """

    parameters: dict[str, str]
    values: dict[str, str]
    artifacts: tuple[Artifact, ...]
    notes: tuple[str, ...]


@aws_errors()
def needs(
    target: Target, stack_name: str, body: bytes, given: Mapping[str, str], frozen: Iterable[Pinned] = ()
) -> Needs:
    """What a stack of this template (JSON) needs when its parameters are those given, else as it runs, else default.

    `frozen` are the layers that the template's release froze; what is not among them must be one of today's.

    A layer whose bucket is nobody's choice comes from the target's own. Raises UserError when the template or its Rules
    refuse the parameters, or keys would go round by more than a step; when a bucket does not exist (the target's own
    may be made yet), is another account's or in another region; and when the subnets are not of the VPC, in two zones
    at least.
    """
    template = json.loads(body)
    stack = describe(target, stack_name)
    running = stack.get("Parameters", []) if stack and stack["StackStatus"] != "REVIEW_IN_PROGRESS" else []
    known = template.get("Parameters", {})
    kept = {p["ParameterKey"]: p["ParameterValue"] for p in running if p["ParameterKey"] in known}
    check_parameters(template, given, kept)
    _check_rotation(kept.get(ROTATION), given.get(ROTATION))
    values = evaluate.parameters_of(template, {**kept, **given}, region=target.region)
    values |= {"AWS::AccountId": target.account, "AWS::Partition": target.partition, "AWS::StackName": stack_name}
    # What the Rules say of a bucket that nobody named is not for this user, whether the layer can be there or not.
    named = {parameter: target.bucket for _, parameter, _ in _layers(template) if values[parameter] == NONE}
    if refusals := evaluate.refusals(template, {**values, **named}):
        raise UserError(" ".join(refusals))
    _check_rising(values)
    content = _content(template, values)
    ours = {parameter: bucket for parameter, bucket in named.items() if parameter in dict(content)}
    values |= ours
    # Once there is a bucket, layers that only wait for one are wanted too.
    content = _content(template, values)
    for parameter in sorted(dict(content)):
        _check_bucket(target, parameter, values[parameter])
    notes = _check_subnets(target, values) if values.get(VPC, NONE) != NONE else _check_zones(target, values)
    released = {pinned.key: pinned for pinned in frozen}
    artifacts = tuple(_artifact(key, values[parameter], released) for parameter, key in content)
    return Needs({**given, **ours}, {name: values[name] for name in known}, artifacts, notes)


@aws_errors()
def missing(target: Target, artifacts: Iterable[Artifact], platform: str) -> list[tuple[Artifact, bytes]]:
    """Those that are not in their buckets as they must be, with their bytes, built for `lambda` or for this `host`.

    Raises UserError when one cannot be built.
    """
    from ..layers import builder

    found = []
    for artifact in artifacts:
        there = _hash_there(target, artifact)
        # What a layer for Lambda must be is recorded: one that is there need not be built.
        pinned = artifact.pinned or layers.today(artifact.layer)
        if platform == "lambda" and there == pinned.sha256:
            continue
        layer = (
            builder.build_pinned(pinned, platform)
            if artifact.pinned
            else builder.build(artifact.layer, builder.platform(platform))
        )
        if there != layer.sha256:
            found.append((artifact, layer.data))
    return found


@aws_errors()
def put(target: Target, artifact: Artifact, data: bytes) -> None:
    """Put the bytes where the stack looks for them. Raises UserError when others are there."""
    s3 = target.client("s3")
    put_new(s3, artifact.bucket, artifact.key, data, content_type="application/zip", owner=target.account)


def _content(template: Mapping[str, Any], values: Mapping[str, str]) -> list[tuple[str, str]]:
    """The layers of a stack with these parameters: what names the bucket of each, and its key."""
    there = evaluate.conditions(template, values)
    return [(parameter, key) for when, parameter, key in _layers(template) if there.get(when, True)]


def _layers(template: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Of each layer of the template: its condition, the parameter that names its bucket, and its key."""
    return [
        (r.get("Condition", ""), r["Properties"]["Content"]["S3Bucket"]["Ref"], r["Properties"]["Content"]["S3Key"])
        for r in template["Resources"].values()
        if r["Type"] == "AWS::Lambda::LayerVersion"
    ]


def _artifact(key: str, bucket: str, frozen: Mapping[str, Pinned]) -> Artifact:
    """The layer of this key: one of today's, which the sources make, or one that a release froze."""
    name = layers.name_of(key)
    if name is not None:
        return Artifact(name, bucket, key)
    if key in frozen:
        return Artifact(frozen[key].name, bucket, key, frozen[key])
    ours = ", ".join(map(layers.key, layers.NAMES))
    raise UserError(f"the template needs the layer {key}, which is none of this version's ({ours}): build it anew")


def _hash_there(target: Target, artifact: Artifact) -> str | None:
    """The SHA-256 of what is there, in hexadecimal digits; None when there is nothing, or it has no such checksum."""
    from botocore.exceptions import ClientError

    try:
        found = target.client("s3").head_object(
            Bucket=artifact.bucket, Key=artifact.key, ChecksumMode="ENABLED", ExpectedBucketOwner=target.account
        )
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchKey", "NoSuchBucket"):
            return None
        raise
    return base64.b64decode(found.get("ChecksumSHA256", "")).hex() or None


def _check_bucket(target: Target, parameter: str, bucket: str) -> None:
    """Lambda takes a layer from a bucket of the function's own region only.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-layerversion-content.html
    """
    from botocore.exceptions import ClientError

    otherwise = f"choose another, or {NONE} for the bucket that templates go through"
    try:
        answer = target.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=target.account)
    except ClientError as error:
        code = error_code(error)
        if code in ("404", "NoSuchBucket"):
            if bucket == target.bucket:
                return
            raise UserError(
                f"{parameter} {bucket} does not exist: make it in {target.region}, or {otherwise}"
            ) from None
        if code == "403":
            raise UserError(f"{parameter} {bucket} is not open to you, or is another account's: {otherwise}") from None
        raise
    region = answer.get("BucketRegion", target.region)
    if region != target.region:
        raise UserError(f"{parameter} {bucket} is in {region}, and the stack in {target.region}: {otherwise}")


def _check_subnets(target: Target, values: Mapping[str, str]) -> tuple[str, ...]:
    """Whether the subnets are there, of the VPC, and in two zones. What could not be checked comes back as a note.

    Those of servers, which have a load balancer in other subnets, must each be in a zone of its own, and both in the
    same zones: a file system has one mount target in a zone, and a load balancer asks servers in its own zones only.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html
    """
    unasked = "was not checked: these credentials are not allowed to do ec2:DescribeSubnets"
    zones = _zones_of(target, values, SUBNETS, "private")
    if zones is None:
        return (f"{SUBNETS} {unasked}",)
    if PUBLIC_SUBNETS not in values:
        return _look_for_endpoint(target, values[VPC], "dynamodb", *_NO_TABLE)
    public, count = _zones_of(target, values, PUBLIC_SUBNETS, "public"), int(values[ZONE_COUNT])
    if public is None:
        return (f"{PUBLIC_SUBNETS} {unasked}",)
    for name, found in ((SUBNETS, zones), (PUBLIC_SUBNETS, public)):
        if len(found) < count:
            raise UserError(f"{name}: {values[name]} are {len(found)}, and {ZONE_COUNT} is {count}; name as many")
        if len(set(found[:count])) < count:
            raise UserError(f"{name}: two of {values[name]} are in the same zone; name subnets of different zones")
    zones, public = zones[:count], public[:count]  # those that the template takes
    if set(zones) != set(public):
        private, ours = ", ".join(sorted(zones)), ", ".join(sorted(public))
        raise UserError(
            f"{PUBLIC_SUBNETS} are in {ours}, and {SUBNETS} in {private}: the load balancer reaches servers in its own "
            "zones only; name subnets of the same zones"
        )
    return (
        *_look_for_endpoint(target, values[VPC], "s3", *_NO_PACKAGES),
        *_look_for_endpoint(target, values[VPC], "cloudformation", *_NO_SIGNAL),
    )


# Without an endpoint: who is without what, and what to make.
_NO_TABLE = ("functions in it reach no table", "a gateway endpoint, which costs nothing")
_NO_PACKAGES = ("servers in it get no packages, and publishing no releases", "a gateway endpoint, which costs nothing")
_NO_SIGNAL = ("servers in it cannot say that they serve, and the stack is rolled back", "an interface endpoint")


def _zones_of(target: Target, values: Mapping[str, str], name: str, kind: str) -> list[str] | None:
    """The zone of each of these subnets; None when these credentials are not allowed to ask."""
    vpc, ids = values[VPC], values[name].split(",")
    # Asked by filter, because by id one that does not exist would be an error, and of only one of them.
    filters = [{"Name": "subnet-id", "Values": ids}]
    answer = _unless_denied(lambda: target.client("ec2").describe_subnets(Filters=filters)["Subnets"])
    if answer is None:
        return None
    found = {subnet["SubnetId"]: subnet for subnet in answer}
    for subnet in ids:
        if subnet not in found:
            raise UserError(f"{name}: {subnet} does not exist in {target.region}; name {kind} subnets of {vpc}")
        if found[subnet]["VpcId"] != vpc:
            other = found[subnet]["VpcId"]
            raise UserError(f"{name}: {subnet} is in {other}, not in {VPC} {vpc}; name {kind} subnets of that")
    zones = [str(found[subnet]["AvailabilityZone"]) for subnet in ids]
    if len(set(zones)) < 2:
        raise UserError(f"{name}: {', '.join(ids)} are all in {zones[0]}; name subnets of two zones at least")
    return zones


def _look_for_endpoint(target: Target, vpc: str, of: str, without: str, make: str) -> tuple[str, ...]:
    """A note when the VPC has no endpoint of a service: there may be a NAT gateway instead, so it is no error."""
    service = f"com.amazonaws.{target.region}.{of}"
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "service-name", "Values": [service]}]
    found = _unless_denied(lambda: target.client("ec2").describe_vpc_endpoints(Filters=filters)["VpcEndpoints"])
    if found is None:
        return (f"{VPC} was not checked: these credentials are not allowed to do ec2:DescribeVpcEndpoints",)
    # Looked at again, because the emulator does not know these filters.
    if any((one["VpcId"], one["ServiceName"]) == (vpc, service) for one in found):
        return ()
    return (f"{VPC}: {vpc} has no endpoint for {service}; unless it has a NAT gateway, {without}: make {make}",)


def _check_rotation(running: str | None, wanted: str | None) -> None:
    """Whether keys go round by single steps: else the key that is in use goes before the new one is everywhere."""
    if running is None or wanted in (None, running):
        return
    following = str(int(running) % TURNS + 1)
    if wanted != following:
        raise UserError(
            f"{ROTATION}: {wanted} does not follow {running}, which the stack has; give {running} or {following}, so "
            "that the key in use stays valid"
        )


def _check_rising(values: Mapping[str, str]) -> None:
    for least, most, why in RISING:
        if least in values and most in values and int(values[most]) <= int(values[least]):
            raise UserError(f"{most}: {values[most]} is not more than {least}, which is {values[least]}: {why}")


def _check_zones(target: Target, values: Mapping[str, str]) -> tuple[str, ...]:
    """Whether the zones, if any are named, are two that the region has."""
    if values.get(ZONES, NONE) == NONE:
        return ()
    zones = values[ZONES].split(",")
    if len(set(zones)) < 2:
        raise UserError(f"{ZONES}: {values[ZONES]} is one zone; name two")
    if len(set(zones)) < int(values.get(ZONE_COUNT, "2")) or len(set(zones)) < len(zones):
        raise UserError(f"{ZONES}: {values[ZONES]} are fewer zones than {ZONE_COUNT}, or one is there twice")
    found = _unless_denied(lambda: target.client("ec2").describe_availability_zones()["AvailabilityZones"])
    if found is None:
        return (f"{ZONES} was not checked: these credentials are not allowed to do ec2:DescribeAvailabilityZones",)
    there = sorted(zone["ZoneName"] for zone in found)
    for zone in zones:
        if zone not in there:
            raise UserError(f"{ZONES}: {zone} is no zone of {target.region}; there is {', '.join(there)}")
    return ()


def _unless_denied(ask: Callable[[], Any]) -> Any:
    """What is asked for; None when these credentials are not allowed to ask."""
    from botocore.exceptions import ClientError

    try:
        return ask()
    except ClientError as error:
        if error_code(error) not in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"):
            raise
        return None
