"""What follows from a change: values, names and exports that move, with what is replaced or changed in place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.diff.templates import change_of, function, names, queue, resource, table, template
from tests.evidence import shows
from troposphere_arch.diff import Bump, Diff, Effect, Section, diff

LOOKED_UP = {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": "/al2"}
EXPORTED = {"Export": {"Name": "it"}}


def put_out(it: dict[str, Any], value: Any, **more: Any) -> dict[str, Any]:
    return template({"It": it}, Outputs={"Out": {"Value": value, **more}})


def layer(key: str) -> dict[str, Any]:
    return resource("AWS::Lambda::LayerVersion", Content={"S3Bucket": "b", "S3Key": key})


def launch(image: str) -> dict[str, Any]:
    return resource("AWS::EC2::LaunchTemplate", LaunchTemplateData={"ImageId": image})


def stream(view: str) -> dict[str, Any]:
    return table(StreamSpecification={"StreamViewType": view})


def parameter(value: str) -> dict[str, Any]:
    return resource("AWS::SSM::Parameter", Type="String", Value=value)


def custom(x: int) -> dict[str, Any]:
    return resource("Custom::Thing", ServiceToken="arn", X=x)


REF = {"Ref": "It"}
MOVING: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    "a layer's next version": (layer("1"), layer("2"), REF),
    "a version of a launch template": (launch("a"), launch("b"), {"Fn::GetAtt": ["It", "LatestVersionNumber"]}),
    "a stream": (stream("KEYS_ONLY"), stream("NEW_IMAGE"), {"Fn::GetAtt": ["It", "StreamArn"]}),
    "a value": (parameter("a"), parameter("b"), {"Fn::GetAtt": ["It", "Value"]}),
    "an attribute of a custom resource": (custom(1), custom(2), {"Fn::Sub": "x-${It.Value}"}),
    "what a custom resource calls itself": (custom(1), custom(2), REF),
    "what is replaced": (queue(), queue(FifoQueue=True), {"Fn::GetAtt": ["It", "Arn"]}),
}


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("case", MOVING)
def test_an_export_that_moves_is_refused_while_it_is_imported(case: str) -> None:
    before, after, value = MOVING[case]
    change = change_of(
        diff(put_out(before, value, **EXPORTED), put_out(after, value, **EXPORTED)), "Out", Section.OUTPUTS
    )
    assert (change.effect, change.certain, change.bump) == (Effect.FAILURE, False, Bump.MAJOR)


@pytest.mark.parametrize("case", MOVING)
def test_an_output_that_moves_is_told(case: str) -> None:
    before, after, value = MOVING[case]
    change = change_of(diff(put_out(before, value), put_out(after, value)), "Out", Section.OUTPUTS)
    assert (change.effect, change.bump) == (Effect.IN_PLACE, Bump.MAJOR if "replaced" in case else Bump.PATCH)


def test_an_export_that_stays_is_not_told() -> None:
    for value in (REF, {"Fn::GetAtt": ["It", "Arn"]}):
        found = diff(put_out(queue(), value, **EXPORTED), put_out(queue(DelaySeconds=1), value, **EXPORTED))
        assert not names(found, Section.OUTPUTS)


def exported_as(name: Any) -> dict[str, Any]:
    text = {"Env": {"Type": "String", "Default": "a"}}
    return template({"It": queue()}, Parameters=text, Outputs={"Out": {"Value": REF, "Export": {"Name": name}}})


def test_an_export_whose_name_is_another_for_this_stack() -> None:
    it = exported_as({"Fn::Sub": "${Env}-q"})
    found = diff(it, it, old_parameters={"Env": "a"}, new_parameters={"Env": "b"})
    change = change_of(found, "Out", Section.OUTPUTS)
    assert (change.effect, change.certain) == (Effect.FAILURE, False)
    assert "b-q instead of a-q" in change.reasons[0].says
    assert not diff(it, it, old_parameters={"Env": "b"}, new_parameters={}).changes
    joined = exported_as({"Fn::Join": ["-", [{"Ref": "Env"}, "q"]]})
    assert diff(it, joined).effect < Effect.FAILURE


def test_an_export_named_after_what_is_replaced() -> None:
    old, new = (
        template({"It": q}, Outputs={"Out": {"Value": "x", "Export": {"Name": {"Fn::GetAtt": ["It", "QueueName"]}}}})
        for q in (queue(), queue(FifoQueue=True))
    )
    assert change_of(diff(old, new), "Out", Section.OUTPUTS).effect == Effect.FAILURE


@pytest.mark.parametrize(
    ("zones", "effects"),
    [
        pytest.param(None, [Effect.REPLACEMENT], id="perhaps there"),
        pytest.param(("3", "3"), [Effect.REPLACEMENT], id="there"),
        pytest.param(("2", "2"), [], id="not there"),
        pytest.param(("2", "3"), [Effect.IN_PLACE], id="new"),
        pytest.param(("3", "2"), [Effect.REMOVAL], id="gone"),
    ],
)
def test_only_what_is_there_is_replaced_with_what_it_names(
    zones: tuple[str, str] | None, effects: list[Effect]
) -> None:
    """The mount target of a third zone, when its file system is replaced."""

    def files(mode: str) -> dict[str, Any]:
        mount = resource("AWS::EFS::MountTarget", FileSystemId={"Ref": "Files"}, SecurityGroups=[], SubnetId="s")
        return template(
            {
                "Files": resource("AWS::EFS::FileSystem", PerformanceMode=mode),
                "Mount": {**mount, "Condition": "Three"},
            },
            Parameters={"Zones": {"Type": "String"}},
            Conditions={"Three": {"Fn::Equals": [{"Ref": "Zones"}, "3"]}},
        )

    before, after = ({"Zones": value} for value in zones) if zones else (None, None)
    found = diff(files("generalPurpose"), files("maxIO"), old_parameters=before, new_parameters=after)
    assert [change.effect for change in found.changes if change.name == "Mount"] == effects


def test_an_origin_in_a_network_stays_what_it_is_while_it_is_used() -> None:
    """Neither its tags nor the load balancer that it leads to can change; another origin can take its place."""

    def edge(scheme: str, **more: Any) -> dict[str, Any]:
        balancer = resource("AWS::ElasticLoadBalancingV2::LoadBalancer", Scheme=scheme)
        config = {"Arn": {"Ref": "Balancer"}, "Name": "x", "OriginProtocolPolicy": "http-only"}
        origin = resource("AWS::CloudFront::VpcOrigin", VpcOriginEndpointConfig=config, **more)
        return template({"Balancer": balancer, "Origin": origin})

    tagged = edge("internal", Tags=[{"Key": "a", "Value": "b"}])
    for after in (tagged, edge("internet-facing")):
        assert change_of(diff(edge("internal"), after), "Origin").effect == Effect.FAILURE


# Parameters that AWS looks up.


def server(**more: Any) -> dict[str, Any]:
    return template(
        {"It": resource("AWS::EC2::Instance", ImageId={"Ref": "Ami"})}, Parameters={"Ami": LOOKED_UP}, **more
    )


@shows("REQ-D4", how="static")
def test_another_name_of_a_looked_up_value_may_bring_another_value() -> None:
    def given(old: dict[str, str] | None, new: dict[str, str]) -> Diff:
        return diff(server(), server(), old_parameters=old, new_parameters=new)

    for found in (
        given({"Ami": "/al2"}, {"Ami": "/al2023"}),
        given({}, {"Ami": "/al2023"}),
        given(None, {"Ami": "/b"}),
    ):
        change = change_of(found, "It")
        assert (change.effect, change.certain) == (Effect.REPLACEMENT, False)
    for same in (given({"Ami": "/al2"}, {}), given({}, {"Ami": "/al2"}), given({"Ami": "/x"}, {"Ami": "/x"})):
        assert not same.changes
        assert same.standing


def test_a_condition_of_a_looked_up_value_may_hold_no_more() -> None:
    it = template(
        {"It": {**table(), "Condition": "Old"}, "Q": queue()},
        Parameters={"Ami": LOOKED_UP},
        Conditions={"Old": {"Fn::Equals": [{"Ref": "Ami"}, "ami-1"]}},
    )
    found = diff(it, it, old_parameters={}, new_parameters={"Ami": "/al2023"})
    assert Effect.DATA_LOSS in {change.effect for change in found.changes if change.name == "It"}
    assert not diff(it, it, old_parameters={}).changes


# In place.


def cluster(**snapshot: Any) -> dict[str, Any]:
    return resource("AWS::RDS::DBCluster", Engine="aurora-mysql", **snapshot)


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("named", [{"Ref": "C"}, {"Fn::GetAtt": ["C", "Id"]}, {"Fn::Sub": "${C}"}])
def test_a_custom_resource_that_changes_may_call_itself_otherwise(named: Any) -> None:
    old, new = (template({"C": custom(x), "D": cluster(SnapshotIdentifier=named)}) for x in (1, 2))
    change = change_of(diff(old, new), "D")
    assert (change.effect, change.certain, change.bump) == (Effect.DATA_LOSS, False, Bump.MAJOR)


def test_the_ref_of_what_changes_in_place_stays() -> None:
    old, new = (
        template({"C": queue(DelaySeconds=x), "D": function(Environment={"Variables": {"Q": {"Ref": "C"}}})})
        for x in (1, 2)
    )
    assert names(diff(old, new)) == {"C"}


def test_resources_that_name_each_other_do_not_hang() -> None:
    old, new = (
        template(
            {
                "A": queue(FifoQueue=fifo, KmsMasterKeyId={"Ref": "B"}),
                "B": queue(KmsMasterKeyId={"Ref": "A"}),
            }
        )
        for fifo in (True, False)
    )
    assert names(diff(old, new)) >= {"A", "B"}
