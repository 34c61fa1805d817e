"""Nested stacks: what their parent passes on, what it takes from them, what goes and comes with them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.diff.templates import RETAINED, change_of, names, queue, resource, table, template
from tests.evidence import shows
from troposphere_arch.diff import Bump, Diff, Effect, Nested, Section, diff

TEXT = {"Type": "String"}
IMAGE = {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"}
ENV = {"Env": {**TEXT, "Default": "dev"}}
PROD = {"Prod": {"Fn::Equals": [{"Ref": "Env"}, "prod"]}}


def stack(attributes: dict[str, Any] | None = None, url: str = "child.yaml", **parameters: Any) -> dict[str, Any]:
    return resource("AWS::CloudFormation::Stack", attributes, TemplateURL=url, Parameters=parameters)


def parent(body: dict[str, Any], resources: dict[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
    return template({"N": body, **(resources or {})}, **sections)


def network(cidr: str = "10.0.0.0/16", *, dns: bool = True) -> dict[str, Any]:
    return resource("AWS::EC2::VPC", CidrBlock=cidr, EnableDnsSupport=dns)


GROUP = template(
    {"Sg": resource("AWS::EC2::SecurityGroup", GroupDescription="d", VpcId={"Ref": "Vpc"})}, Parameters={"Vpc": TEXT}
)
CLUSTER = template(
    {"C": resource("AWS::RDS::DBCluster", Engine="aurora-mysql", DatabaseName={"Ref": "Db"})},
    Parameters={"Db": {**TEXT, "Default": "a"}},
)


def felt(found: Diff, name: str) -> tuple[Effect, bool]:
    change = change_of(found, name)
    return change.effect, change.certain


# What is passed on.


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    "passed",
    [{"Ref": "Env"}, {"Fn::If": ["Prod", "prod", "dev"]}, {"Fn::Sub": "${Env}"}, {"Fn::Join": ["", ["pr", "od"]]}],
)
def test_a_parameter_of_the_parent_decides_conditions_below(passed: Any) -> None:
    sections: dict[str, Any] = {"Parameters": ENV, "Conditions": PROD}
    old, new = (template({"T": {**table(key), "Condition": "Prod"}, "Q": queue()}, **sections) for key in ("a", "b"))
    whole = parent(stack(Env=passed), **sections)
    nested = {"N": Nested(old, new)}
    assert felt(diff(whole, whole, nested=nested), "N/T") == (Effect.DATA_LOSS, True)
    assert felt(diff(whole, whole, nested=nested, old_parameters={"Env": "prod"}), "N/T")[0] == Effect.DATA_LOSS
    if passed != {"Fn::Join": ["", ["pr", "od"]]}:
        assert not diff(whole, whole, nested=nested, old_parameters={"Env": "dev"}).changes


def test_what_is_not_passed_is_at_the_default_and_what_is_not_known_is_not() -> None:
    nested = {
        "N": Nested(
            *(
                template({"T": {**table(key), "Condition": "Prod"}, "Q": queue()}, Parameters=ENV, Conditions=PROD)
                for key in ("a", "b")
            )
        )
    }
    assert not diff(parent(stack()), parent(stack()), nested=nested).changes
    unknown = parent(stack(Env={"Fn::GetAtt": ["Own", "Env"]}), {"Own": resource("Custom::Env", ServiceToken="arn")})
    for given in (None, {}):
        assert felt(diff(unknown, unknown, nested=nested, old_parameters=given), "N/T")[0] == Effect.DATA_LOSS


@pytest.mark.parametrize("given", [None, {}])
def test_another_plain_value(given: dict[str, str] | None) -> None:
    nested = {"N": Nested(CLUSTER, CLUSTER)}
    found = diff(parent(stack(Db="x")), parent(stack(Db="y")), nested=nested, old_parameters=given)
    assert change_of(found, "N/C").data == "lost"
    assert felt(diff(parent(stack(Db="x")), parent(stack()), nested=nested), "N/C") == (Effect.DATA_LOSS, True)
    assert names(diff(parent(stack(Db="a")), parent(stack()), nested=nested)) == {"N"}


def test_another_default_of_what_is_not_passed() -> None:
    other = {**CLUSTER, "Parameters": {"Db": {**TEXT, "Default": "b"}}}
    found = diff(parent(stack()), parent(stack()), nested={"N": Nested(CLUSTER, other)})
    assert felt(found, "N/C") == (Effect.DATA_LOSS, True)
    found = diff(parent(stack(Db="x")), parent(stack(Db="x")), nested={"N": Nested(CLUSTER, other)})
    assert names(found) == set()
    assert found.bump == Bump.PATCH


@shows("REQ-D4", how="static")
def test_what_is_replaced_above_is_followed_below() -> None:
    old, new = (parent(stack(Vpc={"Ref": "Vpc"}), {"Vpc": network(cidr)}) for cidr in ("10.0.0.0/16", "10.1.0.0/16"))
    found = diff(old, new, nested={"N": Nested(GROUP, GROUP)})
    assert felt(found, "N/Sg") == (Effect.REPLACEMENT, True)
    in_place = parent(stack(Vpc={"Ref": "Vpc"}), {"Vpc": network(dns=False)})
    assert names(diff(old, in_place, nested={"N": Nested(GROUP, GROUP)})) == {"Vpc"}


def test_two_deep_and_back_again() -> None:
    middle = template(
        {"M": stack(Vpc={"Ref": "Net"})},
        Parameters={"Net": TEXT},
        Outputs={"Group": {"Value": {"Fn::GetAtt": ["M", "Outputs.Id"]}}},
    )
    deepest = {**GROUP, "Outputs": {"Id": {"Value": {"Fn::GetAtt": ["Sg", "GroupId"]}}}}
    server = resource("AWS::EC2::NetworkInterface", SubnetId="s", GroupSet=[{"Fn::GetAtt": ["N", "Outputs.Group"]}])
    old, new = (
        parent(stack(Net={"Ref": "Vpc"}), {"Vpc": network(cidr), "It": server}, Outputs={"G": {"Value": {"Ref": "It"}}})
        for cidr in ("10.0.0.0/16", "10.1.0.0/16")
    )
    nested = {"N": Nested(middle, middle, {"M": Nested(deepest, deepest)})}
    found = diff(old, new, nested=nested)
    assert felt(found, "N/M/Sg") == (Effect.REPLACEMENT, True)
    assert {"N", "N/M", "N/M/Sg", "It", "Vpc"} == names(found)
    assert {"N/Group", "N/M/Id"} == names(found, Section.OUTPUTS)
    assert diff(old, old, nested=nested) == Diff()


def test_what_decides_a_condition_below_may_move() -> None:
    old, new = (
        parent(stack(Env={"Fn::GetAtt": ["Own", "Env"]}), {"Own": resource("Custom::Env", ServiceToken="a", X=x)})
        for x in (1, 2)
    )
    child = template({"T": {**table(), "Condition": "Prod"}, "Q": queue()}, Parameters={"Env": TEXT}, Conditions=PROD)
    found = diff(old, new, nested={"N": Nested(child, child)})
    gone = [c for c in found.changes if (c.name, c.action) == ("N/T", "remove")]
    assert [(c.effect, c.certain) for c in gone] == [(Effect.DATA_LOSS, False)]
    assert diff(old, old, nested={"N": Nested(child, child)}) == Diff()


def test_parameters_that_do_not_fit_the_template() -> None:
    needs = template({"Q": queue(QueueName={"Ref": "A"})}, Parameters={"A": TEXT})
    fits, other = parent(stack(A="x")), parent(stack(B="x"))
    nested = {"N": Nested(needs, needs)}
    change = change_of(diff(fits, other, nested=nested), "N")
    assert (change.effect, change.certain, change.bump) == (Effect.FAILURE, True, Bump.MAJOR)
    said = " ".join(reason.says for reason in change.reasons)
    assert "A is not passed" in said
    assert "B is passed" in said
    without = template({"Q": queue(QueueName="x")})
    assert felt(diff(fits, fits, nested={"N": Nested(needs, without)}), "N") == (Effect.FAILURE, True)
    # What comes with the parent's own update is between the two.
    found = diff(parent(stack()), fits, nested={"N": Nested(without, needs)})
    assert found.effect < Effect.FAILURE
    assert not names(found, Section.PARAMETERS)


def test_parameters_under_conditions_of_the_parent() -> None:
    choice = {"Parameters": ENV, "Conditions": PROD}
    nothing = {"Ref": "AWS::NoValue"}
    for value in ({"Fn::If": ["Prod", {"Db": "x"}, {}]}, {"Db": {"Fn::If": ["Prod", "x", nothing]}}):
        old, new = parent(stack(), **choice), parent(stack(), **choice)
        new["Resources"]["N"]["Properties"]["Parameters"] = value
        nested = {"N": Nested(CLUSTER, CLUSTER)}
        assert felt(diff(old, new, nested=nested), "N/C")[0] == Effect.DATA_LOSS
        assert names(diff(old, new, nested=nested, old_parameters={"Env": "dev"})) <= {"N"}
        assert felt(diff(old, new, nested=nested, old_parameters={"Env": "prod"}), "N/C") == (Effect.DATA_LOSS, True)
        assert diff(new, new, nested=nested) == Diff()


# What a parent takes from a nested stack.


def taking(url: str = "child.yaml") -> dict[str, Any]:
    database = resource(
        "AWS::RDS::DBInstance",
        DBInstanceClass="db.t4g.micro",
        Engine="mysql",
        DBSubnetGroupName={"Fn::GetAtt": ["N", "Outputs.Group"]},
    )
    return parent(stack(url=url), {"Db": database})


def giving(group: dict[str, Any], *, dns: bool = True, value: Any = None) -> dict[str, Any]:
    group = resource("AWS::RDS::DBSubnetGroup", DBSubnetGroupDescription="d", **group)
    return template({"V": network(dns=dns), "G": group}, Outputs={"Group": {"Value": value or {"Ref": "G"}}})


@shows("REQ-D4", how="static")
def test_outputs_that_stay_and_outputs_that_move() -> None:
    plain = giving({"SubnetIds": ["a"]})
    nested = {"N": Nested(plain, giving({"SubnetIds": ["a", "b"]}, dns=False))}
    assert names(diff(taking(), taking("other.yaml"), nested=nested)) == {"N", "N/V", "N/G"}
    tagged = taking()
    tagged["Resources"]["N"]["Properties"]["Tags"] = [{"Key": "a", "Value": "b"}]
    assert names(diff(taking(), tagged, nested={"N": Nested(plain, plain)})) == {"N"}
    replaced = giving({"SubnetIds": ["a"], "DBSubnetGroupName": "x"})
    found = diff(taking(), taking(), nested={"N": Nested(plain, replaced)})
    assert felt(found, "Db") == (Effect.DATA_LOSS, True)
    assert "G is replaced" in change_of(found, "Db").reasons[0].says
    elsewhere = giving({"SubnetIds": ["a"]}, value="another")
    assert felt(diff(taking(), taking(), nested={"N": Nested(plain, elsewhere)}), "Db")[0] == Effect.DATA_LOSS


def test_an_exported_output_of_a_nested_stack_that_moves() -> None:
    old, new = (template({"Q": q}, Outputs={"Q": {"Value": {"Ref": "Q"}}}) for q in (queue(), queue(FifoQueue=True)))
    whole = parent(stack(), Outputs={"It": {"Value": {"Fn::GetAtt": ["N", "Outputs.Q"]}, "Export": {"Name": "it"}}})
    found = diff(whole, whole, nested={"N": Nested(old, new)})
    change = change_of(found, "It", Section.OUTPUTS)
    assert (change.effect, change.certain, change.bump) == (Effect.FAILURE, False, Bump.MAJOR)


# What is not read.


@shows("REQ-D4", how="static")
def test_a_template_that_was_not_looked_at_is_unknown_when_it_may_have_changed() -> None:
    old = parent(stack(url="https://b/1.yaml", A="x"))
    assert diff(old, old).notes == ("nested stack N: its templates were not given",)
    assert not diff(old, old).changes
    template_, value = (stack(url="https://b/2.yaml", A="x"), stack(url="https://b/1.yaml", A="y"))
    for body, bump in ((template_, Bump.MAJOR), (value, Bump.MINOR)):
        found = diff(old, parent(body))
        assert (change_of(found, "N").effect, found.bump) == (Effect.UNKNOWN, bump)
        assert found.notes
    tagged = parent(stack(url="https://b/1.yaml", A="x"))
    tagged["Resources"]["N"]["Properties"]["Tags"] = [{"Key": "a", "Value": "b"}]
    assert felt(diff(old, tagged), "N") == (Effect.IN_PLACE, True)
    elsewhere = {"N": Nested(note="it cannot be read", alike=False)}
    assert felt(diff(old, old, nested=elsewhere), "N") == (Effect.UNKNOWN, False)
    assert diff(old, old, nested=elsewhere).notes == ("nested stack N: it cannot be read",)


def test_what_is_passed_to_a_template_that_was_not_looked_at() -> None:
    old, new = (parent(stack(Vpc={"Ref": "Vpc"}), {"Vpc": network(cidr)}) for cidr in ("10.0.0.0/16", "10.1.0.0/16"))
    assert felt(diff(old, new), "N") == (Effect.UNKNOWN, True)


@pytest.mark.parametrize("key", ["TemplateURL", "TemplateBody"])
def test_the_template_of_a_stack_set(key: str) -> None:
    old, new = (
        template(
            {
                "S": resource(
                    "AWS::CloudFormation::StackSet", StackSetName="s", PermissionModel="SELF_MANAGED", **{key: v}
                )
            }
        )
        for v in ("a", "b")
    )
    assert felt(diff(old, new), "S")[0] == Effect.UNKNOWN


# What goes, and what comes.

DATA = template({"T": table(), "Q": queue()}, Outputs={"Q": {"Value": {"Ref": "Q"}, "Export": {"Name": "q"}}})
OTHER = template({"Other": queue()})


def told(found: Diff, name: str) -> list[tuple[str, Effect, bool]]:
    return [(c.action, c.effect, c.certain) for c in found.changes if c.name == name]


@shows("REQ-D4", how="static")
def test_a_nested_stack_that_goes_takes_along_what_is_in_it() -> None:
    old = parent(stack(), {"Other": queue()})
    found = diff(old, OTHER, nested={"N": Nested(DATA)})
    assert told(found, "N/T") == [("remove", Effect.DATA_LOSS, True)]
    assert told(found, "N/Q") == [("remove", Effect.FAILURE, False), ("remove", Effect.REMOVAL, True)]
    kept = template({"T": table(attributes=dict(RETAINED))})
    assert told(diff(old, OTHER, nested={"N": Nested(kept)}), "N/T") == [("remove", Effect.REMOVAL, True)]
    all_kept = parent(stack({"DeletionPolicy": "Retain"}), {"Other": queue()})
    assert names(diff(all_kept, OTHER, nested={"N": Nested(DATA)})) == {"N"}
    assert diff(all_kept, OTHER).effect == Effect.REMOVAL
    not_read = diff(old, OTHER)
    assert told(not_read, "N") == [("remove", Effect.DATA_LOSS, False)]
    assert not_read.notes


def test_a_nested_stack_that_is_switched_off() -> None:
    whole = parent(stack({"Condition": "Prod"}), {"Other": queue()}, Parameters=ENV, Conditions=PROD)
    nested = {"N": Nested(DATA, DATA)}
    known: dict[str, Any] = {"old_parameters": {"Env": "prod"}, "nested": nested}
    off = diff(whole, whole, new_parameters={"Env": "dev"}, **known)
    assert told(off, "N/T") == [("remove", Effect.DATA_LOSS, True)]
    assert diff(whole, whole, **known) == Diff()
    never = {**whole, "Conditions": {"Prod": {"Fn::Equals": ["a", "b"]}}}
    perhaps = diff(whole, never, nested=nested)
    assert change_of(perhaps, "N/T").data == "lost"


def test_a_nested_stack_that_comes_brings_permissions() -> None:
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    role = resource("AWS::IAM::Role", AssumeRolePolicyDocument=trust)
    admin = resource(
        "AWS::IAM::Role",
        AssumeRolePolicyDocument=trust,
        ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"],
    )
    old, new = template({"R": role, "Q": queue()}), parent(stack(), {"Q": queue()})
    found = diff(old, new, nested={"N": Nested(None, template({"R": admin}))})
    said = [reason.says for c in found.changes if c.name == "N/R" for reason in c.reasons]
    assert any("AdministratorAccess" in one for one in said)
    assert told(found, "N/R")[0][0] == "add"
    not_read = diff(old, new)
    change = change_of(not_read, "N")
    assert (change.action, change.effect) == ("add", Effect.UNKNOWN)
    assert not_read.notes


def test_dangers_below_are_told() -> None:
    child = template({"It": resource("AWS::EC2::Instance", ImageId={"Ref": "Ami"})}, Parameters={"Ami": IMAGE})
    whole = parent(stack(Ami="/a"))
    (danger,) = diff(whole, whole, nested={"N": Nested(child, child)}).standing
    assert danger.startswith("N/It.ImageId")
    other = diff(whole, parent(stack(Ami="/b")), nested={"N": Nested(child, child)})
    assert felt(other, "N/It") == (Effect.REPLACEMENT, False)


def test_permissions_that_come_with_a_new_parameter_are_told_below_as_well() -> None:
    policy = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    grants = resource("AWS::IAM::ManagedPolicy", PolicyDocument=policy, Roles=["r"])
    old = template({"Q": queue()})
    new = template({"Q": queue(), "P": {**grants, "Condition": "Prod"}}, Parameters={"Env": TEXT}, Conditions=PROD)
    found = diff(parent(stack()), parent(stack(Env={"Ref": "Env"}), Parameters=ENV), nested={"N": Nested(old, new)})
    assert any(c.section == Section.PERMISSIONS and c.name == "N/role r" for c in found.changes), found
