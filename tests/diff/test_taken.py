"""Names, addresses and ports that only one resource can have, while another one still has them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.diff.templates import RETAINED, change_of, queue, resource, table, template
from tests.evidence import shows
from troposphere_arch.diff import Change, Effect, diff, facts, supplement

Resources = dict[str, Any]

VPC = "AWS::EC2::VPC"
TRUST = {"Version": "2012-10-17", "Statement": []}


def changed(old: Resources, new: Resources, name: str = "It") -> Change:
    return change_of(diff(template(old), template(new)), name)


def listener(port: int, balancer: Any = "arn:lb") -> Resources:
    return resource(
        "AWS::ElasticLoadBalancingV2::Listener", LoadBalancerArn=balancer, Port=port, Protocol="HTTP", DefaultActions=[]
    )


def rule(priority: int) -> Resources:
    return resource(
        "AWS::ElasticLoadBalancingV2::ListenerRule", ListenerArn="arn:l", Priority=priority, Actions=[], Conditions=[]
    )


def distribution(*aliases: str) -> Resources:
    return resource("AWS::CloudFront::Distribution", DistributionConfig={"Enabled": True, "Aliases": list(aliases)})


def service(strategy: str, **properties: Any) -> Resources:
    return resource("AWS::ECS::Service", TaskDefinition="t", SchedulingStrategy=strategy, **properties)


def instance(image: str, **properties: Any) -> Resources:
    return resource("AWS::EC2::Instance", ImageId=image, **properties)


def mapping(start: str) -> Resources:
    return resource("AWS::Lambda::EventSourceMapping", FunctionName="f", EventSourceArn="arn:k", StartingPosition=start)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (
            resource("AWS::EC2::NatGateway", SubnetId="a", AllocationId="e"),
            resource("AWS::EC2::NatGateway", SubnetId="b", AllocationId="e"),
            "AllocationId",
        ),
        (
            resource("AWS::EC2::Subnet", VpcId="v", CidrBlock="10.0.0.0/24", AvailabilityZone="a"),
            resource("AWS::EC2::Subnet", VpcId="v", CidrBlock="10.0.0.0/24", AvailabilityZone="b"),
            "CidrBlock",
        ),
        (
            instance("a", SubnetId="s", PrivateIpAddress="10.0.0.5"),
            instance("b", SubnetId="s", PrivateIpAddress="10.0.0.5"),
            "PrivateIpAddress",
        ),
        (mapping("LATEST"), mapping("TRIM_HORIZON"), "FunctionName"),
        (
            service("REPLICA", ServiceConnectConfiguration={"Enabled": True, "Services": [{"PortName": "a"}]}),
            service("DAEMON", ServiceConnectConfiguration={"Enabled": True, "Services": [{"PortName": "a"}]}),
            "ServiceConnectConfiguration.Services",
        ),
        (queue(QueueName="q.fifo", FifoQueue=True), queue(QueueName="q.fifo"), "QueueName"),
    ],
    ids=["an address of a gateway", "a range", "an address", "a source of events", "a name in a mesh", "a name"],
)
@shows("REQ-D4", how="static")
def test_what_is_replaced_cannot_keep_what_only_one_can_have(old: Resources, new: Resources, what: str) -> None:
    change = changed({"It": old}, {"It": new})
    assert (change.effect, change.certain) == (Effect.FAILURE, True), change
    assert what in change.advice


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            resource("AWS::EC2::NatGateway", SubnetId="a", AllocationId="e"),
            resource("AWS::EC2::NatGateway", SubnetId="b", AllocationId="f"),
        ),
        (
            resource("AWS::EC2::SecurityGroup", GroupName="g", GroupDescription="d", VpcId="v"),
            resource("AWS::EC2::SecurityGroup", GroupName="g", GroupDescription="d", VpcId="w"),
        ),
        (
            resource("AWS::Events::Rule", Name="r", EventBusName="a", State="ENABLED"),
            resource("AWS::Events::Rule", Name="r", EventBusName="b", State="ENABLED"),
        ),
        (service("REPLICA", ServiceName="s", Cluster="c"), service("REPLICA", ServiceName="s", Cluster="d")),
        (
            instance("a", SubnetId="s", PrivateIpAddress="10.0.0.5"),
            instance("b", SubnetId="t", PrivateIpAddress="10.0.0.5"),
        ),
    ],
    ids=["another address", "a name in another network", "on another bus", "in another cluster", "in another subnet"],
)
def test_elsewhere_another_one_may_have_the_same(old: Resources, new: Resources) -> None:
    assert changed({"It": old}, {"It": new}).effect == Effect.REPLACEMENT


def test_a_group_of_the_same_name_in_the_same_network_is_refused() -> None:
    one, other = (
        resource("AWS::EC2::SecurityGroup", GroupName="g", GroupDescription=says, VpcId="v") for says in ("a", "b")
    )
    assert changed({"It": one}, {"It": other}).effect == Effect.FAILURE


@pytest.mark.parametrize(
    "body",
    [
        resource("AWS::IAM::Role", RoleName="r", AssumeRolePolicyDocument=TRUST),
        resource("AWS::S3::Bucket", dict(RETAINED), BucketName="b"),
        listener(80),
        distribution("a.example", "b.example"),
        resource("AWS::Route53::RecordSet", HostedZoneId="z", Name="a.example.", Type="A", ResourceRecords=["1.1.1.1"]),
        resource("AWS::ApiGateway::Resource", RestApiId="a", ParentId="p", PathPart="x"),
        resource("AWS::EC2::Subnet", VpcId="v", CidrBlock="10.0.0.0/24"),
    ],
    ids=lambda body: body["Type"],
)
@shows("REQ-D4", how="static")
def test_another_logical_id_cannot_take_over_what_the_old_one_still_has(body: Resources) -> None:
    change = changed({"Old": body, "Q": queue()}, {"New": body, "Q": queue()}, "New")
    assert (change.action, change.effect, change.certain) == ("add", Effect.FAILURE, True), change
    assert change.bump.name == "MAJOR"
    assert "Old" in change.reasons[0].says


def test_what_has_another_value_comes_beside_the_old_one() -> None:
    found = diff(
        template({"Old": listener(80), "D": distribution("a.example"), "N": queue()}),
        template({"New": listener(81), "E": distribution("b.example"), "M": queue()}),
    )
    assert {change_of(found, name).effect for name in ("New", "E", "M")} == {Effect.IN_PLACE}


def test_two_that_swap_their_names_or_their_places() -> None:
    a, b = queue(QueueName="a"), queue(QueueName="b")
    found = diff(template({"A": a, "B": b}), template({"A": b, "B": a}))
    assert [(c.effect, c.certain) for c in found.changes] == [(Effect.FAILURE, True)] * 2
    # In place, it depends on which of them is first.
    found = diff(template({"A": rule(1), "B": rule(2)}), template({"A": rule(2), "B": rule(3)}))
    assert (change_of(found, "A").effect, change_of(found, "A").certain) == (Effect.FAILURE, False)
    assert change_of(found, "B").effect == Effect.IN_PLACE


def test_one_that_is_switched_on_when_another_one_of_the_same_name_is_switched_off() -> None:
    both = template(
        {"A": queue({"Condition": "On"}, QueueName="q"), "B": queue({"Condition": "Off"}, QueueName="q")},
        Parameters={"On": {"Type": "String", "Default": "y"}},
        Conditions={"On": {"Fn::Equals": [{"Ref": "On"}, "y"]}, "Off": {"Fn::Not": [{"Condition": "On"}]}},
    )
    found = diff(both, both, old_parameters={"On": "y"}, new_parameters={"On": "n"})
    assert (change_of(found, "B").effect, change_of(found, "B").certain) == (Effect.FAILURE, True)
    assert not diff(both, both).changes


def test_what_moves_with_what_it_names_is_another() -> None:
    def stack(cidr: str, subnet: str) -> Resources:
        one = resource("AWS::EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.0.0/24")
        return {"Vpc": resource(VPC, CidrBlock=cidr), subnet: one}

    found = diff(template(stack("10.0.0.0/16", "A")), template(stack("10.0.0.0/8", "B")))
    assert change_of(found, "B").effect == Effect.IN_PLACE
    found = diff(template(stack("10.0.0.0/16", "A")), template(stack("10.0.0.0/16", "B")))
    assert change_of(found, "B").effect == Effect.FAILURE


def test_a_volume_is_attached_to_the_old_instance_still() -> None:
    def stack(image: str) -> Resources:
        attached = {"InstanceId": {"Ref": "Server"}, "VolumeId": "vol-1", "Device": "/dev/sdf"}
        return {"Server": instance(image), "It": resource("AWS::EC2::VolumeAttachment", **attached)}

    assert changed(stack("a"), stack("b")).effect == Effect.FAILURE


def test_a_group_of_subnets_stays_in_its_network() -> None:
    def stack(cidr: str, zone: str) -> Resources:
        subnet = resource("AWS::EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock=cidr, AvailabilityZone=zone)
        group = resource("AWS::RDS::DBSubnetGroup", DBSubnetGroupDescription="d", SubnetIds=[{"Ref": "Subnet"}])
        return {"Vpc": resource(VPC, CidrBlock=cidr), "Subnet": subnet, "It": group}

    assert changed(stack("10.0.0.0/16", "a"), stack("10.1.0.0/16", "a")).effect == Effect.FAILURE
    same = {"Vpc": resource(VPC, CidrBlock="10.0.0.0/16")}
    old, new = stack("10.0.0.0/16", "a") | same, stack("10.0.1.0/24", "a") | same
    assert changed(old, new).effect == Effect.IN_PLACE


NAMED = {
    "Parameters": {"Name": {"Type": "String", "Default": ""}},
    "Conditions": {"Named": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Name"}, ""]}]}},
}
NO_VALUE = {"Ref": "AWS::NoValue"}


@shows("REQ-D4", how="static")
def test_a_name_that_is_there_only_sometimes_hides_no_loss() -> None:
    def stack(key: str) -> dict[str, Any]:
        return template({"It": table(key, TableName={"Fn::If": ["Named", {"Ref": "Name"}, NO_VALUE]})}, **NAMED)

    change = change_of(diff(stack("a"), stack("b")), "It")
    assert (change.effect, change.certain, change.when) == (Effect.DATA_LOSS, False, "unless Named")
    change = change_of(diff(stack("a"), stack("b"), old_parameters={}), "It")
    assert (change.effect, change.certain) == (Effect.DATA_LOSS, True)
    change = change_of(diff(stack("a"), stack("b"), old_parameters={"Name": "n"}), "It")
    assert (change.effect, change.certain) == (Effect.FAILURE, True)
    assert "another TableName with the same update" not in change.advice, "which would lose the data"


def test_no_value_is_no_name() -> None:
    change = changed({"It": table("a", TableName=NO_VALUE)}, {"It": table("b", TableName=NO_VALUE)})
    assert (change.effect, change.certain) == (Effect.DATA_LOSS, True)


def test_a_name_under_a_condition_of_its_own_is_in_the_way_only_where_both_are() -> None:
    old, new = (
        template(
            {
                "It": queue(
                    QueueName={"Fn::If": ["Named", {"Ref": "Name"}, NO_VALUE]},
                    FifoQueue={"Fn::If": ["Named", NO_VALUE, fifo]},
                )
            },
            **NAMED,
        )
        for fifo in (True, NO_VALUE)
    )
    change = change_of(diff(old, new), "It")
    assert (change.effect, change.when) == (Effect.REPLACEMENT, "unless Named")


def test_five_hundred_that_may_have_one_name() -> None:
    def stack(value: str) -> dict[str, Any]:
        name = {"Fn::FindInMap": ["Names", {"Ref": "Name"}, "a"]}
        return template(
            {f"Queue{i}": queue(QueueName=name) for i in range(500)},
            Mappings={"Names": {f"k{i}": {"a": f"v{i}"} for i in range(200)} | {"k0": {"a": value}}},
            Parameters={"Name": {"Type": "String"}},
        )

    assert {c.effect for c in diff(stack("a"), stack("b")).changes if c.kind} == {Effect.REPLACEMENT}


@pytest.mark.parametrize("kind", sorted({*supplement.UNIQUE, *supplement.NAMED_WITHIN, *supplement.IN_ONE_NETWORK}))
def test_what_is_told_to_be_unique_is_in_the_schema(kind: str) -> None:
    for unique in facts.uniques(kind):
        for pointer in (*unique.properties, *unique.within):
            fact = facts.fact(kind, tuple(pointer.split("/")))
            assert "not in the schema" not in fact.says, pointer
        assert unique.page.startswith("https://docs.aws.amazon.com/")
