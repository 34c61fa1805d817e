"""What an update does to resources: by themselves, under conditions, and downstream of what is replaced."""

from __future__ import annotations

from typing import Any

import pytest

from tests.diff.templates import RETAINED, change_of, function, names, queue, resource, table, template
from tests.evidence import shows
from troposphere_arch.diff import Bump, Diff, Effect, Section, diff


def of_one(old: dict[str, Any], new: dict[str, Any]) -> Diff:
    return diff(template({"It": old}), template({"It": new}))


@pytest.mark.parametrize(
    ("old", "new", "effect", "bump", "certain"),
    [
        (queue(VisibilityTimeout=30), queue(VisibilityTimeout=60), Effect.IN_PLACE, Bump.PATCH, True),
        (queue(QueueName="a"), queue(QueueName="b"), Effect.REPLACEMENT, Bump.MAJOR, True),
        (queue(FifoQueue=True), queue(), Effect.REPLACEMENT, Bump.MINOR, True),
        (
            resource("AWS::EC2::Instance", ImageId="ami-1", InstanceType="t3.micro"),
            resource("AWS::EC2::Instance", ImageId="ami-1", InstanceType="t3.small"),
            Effect.REPLACEMENT,
            Bump.MINOR,
            False,
        ),
        (
            resource("AWS::EC2::Instance", ImageId="ami-1"),
            resource("AWS::EC2::Instance", ImageId="ami-2"),
            Effect.REPLACEMENT,
            Bump.MINOR,
            True,
        ),
        (table(), table("other"), Effect.DATA_LOSS, Bump.MAJOR, True),
        (table(attributes=RETAINED), table("other", attributes=RETAINED), Effect.REPLACEMENT, Bump.MAJOR, True),
        (
            resource("AWS::Cognito::UserPool", UsernameAttributes=["email"]),
            resource("AWS::Cognito::UserPool", UsernameAttributes=["phone_number"]),
            Effect.FAILURE,
            Bump.MAJOR,
            True,
        ),
        (
            resource("Custom::Thing", ServiceToken="a", X=1),
            resource("Custom::Thing", ServiceToken="a", X=2),
            Effect.UNKNOWN,
            Bump.MINOR,
            True,
        ),
        (queue(), function(), Effect.FAILURE, Bump.MAJOR, True),
    ],
    ids=[
        "a property that can change",
        "a name",
        "a create-only property",
        "one that may replace",
        "an image",
        "a key of a table: data lost",
        "a key of a table that is retained",
        "what Cognito never changes",
        "a custom resource",
        "another type",
    ],
)
def test_one_change(old: dict[str, Any], new: dict[str, Any], effect: Effect, bump: Bump, certain: bool) -> None:
    change = change_of(of_one(old, new), "It")
    assert (change.effect, change.bump, change.certain) == (effect, bump, certain), change


@shows("REQ-D4", how="static")
def test_a_replacement_names_the_property_and_where_that_is_said() -> None:
    change = change_of(of_one(queue(FifoQueue=True), queue()), "It")
    assert change.reasons[0].path == ("FifoQueue",)
    assert "AWS::SQS::Queue" in change.reasons[0].source


def test_true_and_the_text_true_are_the_same() -> None:
    assert of_one(queue(FifoQueue="true", DelaySeconds="5"), queue(FifoQueue=True, DelaySeconds=5)) == Diff()
    assert of_one(queue(FifoQueue="True"), queue(FifoQueue=True)) == Diff()
    files = (resource("AWS::EFS::FileSystem", Encrypted=value) for value in ("True", True))
    assert of_one(*files) == Diff()
    assert names(of_one(queue(KmsMasterKeyId="True"), queue(KmsMasterKeyId="true"))) == {"It"}, "two texts"


def index(name: str, key: str = "id") -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }


@shows("REQ-D4", how="static")
def test_what_can_not_be_done_in_place_hides_no_replacement() -> None:
    two = [index("a"), index("b")]
    assert change_of(of_one(table(), table(GlobalSecondaryIndexes=two)), "It").effect == Effect.FAILURE
    for old, new in (
        (table(), table("other", GlobalSecondaryIndexes=[index("a", "other"), index("b", "other")])),
        (table(TableName="a"), table(TableName="b", GlobalSecondaryIndexes=two)),
    ):
        change = change_of(of_one(old, new), "It")
        assert (change.effect, change.certain, change.data) == (Effect.DATA_LOSS, True, "lost")
        assert not any("only 1 may come" in reason.says for reason in change.reasons), "it is made with both"
    kept = change_of(of_one(table(attributes=RETAINED), table("x", RETAINED, GlobalSecondaryIndexes=two)), "It")
    assert (kept.effect, kept.data) == (Effect.REPLACEMENT, "retained")


def test_what_may_be_replaced_and_else_fails_is_the_worse_of_both() -> None:
    old, new = (
        with_mode(
            {
                "It": table(
                    TableName={"Fn::If": ["On", name, {"Ref": "AWS::NoValue"}]},
                    GlobalSecondaryIndexes=indexes,
                )
            }
        )
        for name, indexes in (("a", []), ("b", [index("a"), index("b")]))
    )
    change = change_of(diff(old, new), "It")
    assert (change.effect, change.certain) == (Effect.DATA_LOSS, False)


def test_a_snapshot_is_taken_only_of_what_there_are_snapshots_of() -> None:
    snapshot = {"DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot"}
    gone = diff(template({"It": table(attributes=snapshot), "Q": queue()}), template({"Q": queue()}))
    assert (change_of(gone, "It").data, change_of(gone, "It").effect) == ("lost", Effect.DATA_LOSS)
    assert change_of(of_one(table(attributes=snapshot), table("x", snapshot)), "It").data == "lost"
    change = change_of(of_one(table(attributes=RETAINED), table(attributes=snapshot)), "It")
    assert (change.effect, change.bump) == (Effect.FAILURE, Bump.MAJOR)
    volume = resource("AWS::EC2::Volume", snapshot, Size=1, AvailabilityZone="a")
    gone = diff(template({"It": volume, "Q": queue()}), template({"Q": queue()}))
    assert change_of(gone, "It").data == "snapshot"


def test_a_frozen_copy_without_a_next_one_is_told_to_have_none() -> None:
    layer = resource("AWS::Lambda::LayerVersion", Content={"S3Bucket": "b", "S3Key": "k"})
    alone = change_of(diff(template({"A": layer, "Q": queue()}), template({"Q": queue()})), "A")
    assert "none of its type comes" in alone.reasons[0].says
    renewed = change_of(diff(template({"A": layer}), template({"B": layer})), "A")
    assert "takes the place" in renewed.reasons[0].says
    assert alone.effect == renewed.effect, "what comes as well makes nothing less grave"


def test_a_row_of_a_mapping_that_is_not_there_any_more() -> None:
    def stack(*sizes: str, default: bool = False) -> dict[str, Any]:
        found = ["Sizes", {"Ref": "Size"}, "Memory", *([{"DefaultValue": 128}] if default else [])]
        return template(
            {"It": function(MemorySize={"Fn::FindInMap": found})},
            Parameters={"Size": {"Type": "String", "Default": "large"}},
            Mappings={"Sizes": {size: {"Memory": 512} for size in sizes}},
        )

    old, new = stack("small", "large"), stack("small")
    change = change_of(diff(old, new, old_parameters={}), "It")
    assert (change.effect, change.certain, change.bump) == (Effect.FAILURE, True, Bump.MAJOR)
    assert "Sizes has nothing at large.Memory" in change.reasons[0].says
    assert not names(diff(old, new, old_parameters={"Size": "small"}))
    assert change_of(diff(old, new), "It").effect == Effect.IN_PLACE
    old, new = stack("small", "large", default=True), stack("small", default=True)
    assert change_of(diff(old, new, old_parameters={}), "It").effect == Effect.IN_PLACE


def test_tags_have_no_order() -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert not of_one(queue(Tags=tags), queue(Tags=tags[::-1])).changes


def test_a_fixed_name_stands_in_the_way_of_a_replacement() -> None:
    change = change_of(of_one(queue(QueueName="q.fifo", FifoQueue=True), queue(QueueName="q.fifo")), "It")
    assert change.effect == Effect.FAILURE
    assert "QueueName" in change.advice


@pytest.mark.parametrize(
    ("policy", "data", "effect"),
    [
        ({}, "lost", Effect.DATA_LOSS),
        ({"DeletionPolicy": "Retain"}, "retained", Effect.REMOVAL),
        ({"DeletionPolicy": "RetainExceptOnCreate"}, "retained", Effect.REMOVAL),
    ],
)
def test_a_table_that_goes(policy: dict[str, str], data: str, effect: Effect) -> None:
    found = diff(template({"It": table(attributes=policy), "Other": queue()}), template({"Other": queue()}))
    change = change_of(found, "It")
    assert (change.action, change.data, change.effect, change.bump) == ("remove", data, effect, Bump.MAJOR)


def test_a_database_that_goes_leaves_a_snapshot() -> None:
    database = resource("AWS::RDS::DBInstance", DBInstanceClass="db.t4g.micro", Engine="postgres")
    change = change_of(diff(template({"It": database, "Q": queue()}), template({"Q": queue()})), "It")
    assert change.data == "snapshot"


def test_the_data_of_an_instance_in_a_cluster_is_the_clusters() -> None:
    def instance(name: str, cluster: Any) -> dict[str, Any]:
        return resource(
            "AWS::RDS::DBInstance",
            Engine="aurora-mysql",
            DBInstanceClass="db.t3.small",
            DBClusterIdentifier=cluster,
            DBInstanceIdentifier=name,
        )

    change = change_of(of_one(instance("a", "cluster"), instance("b", "cluster")), "It")
    assert (change.effect, change.data) == (Effect.REPLACEMENT, "")
    perhaps = {"Fn::If": ["Clustered", "cluster", {"Ref": "AWS::NoValue"}]}
    sides = (
        template(
            {"It": instance(name, perhaps)},
            Parameters={"Clustered": {"Type": "String"}},
            Conditions={"Clustered": {"Fn::Equals": [{"Ref": "Clustered"}, "true"]}},
        )
        for name in ("a", "b")
    )
    assert change_of(diff(*sides), "It").data == "lost", "where there may be no cluster, the data is the instance's"


def test_a_search_domain_is_encrypted_in_place_if_it_was_not() -> None:
    def domain(**properties: Any) -> dict[str, Any]:
        return resource("AWS::OpenSearchService::Domain", EngineVersion="OpenSearch_2.19", **properties)

    plain, encrypted = domain(), domain(EncryptionAtRestOptions={"Enabled": True})
    assert change_of(of_one(plain, encrypted), "It").effect == Effect.IN_PLACE
    other = domain(EncryptionAtRestOptions={"Enabled": True, "KmsKeyId": "key"})
    for before, after in ((encrypted, plain), (encrypted, other)):
        change = change_of(of_one(before, after), "It")
        assert (change.effect, change.certain) == (Effect.DATA_LOSS, False)


def test_a_search_domain_that_may_have_been_encrypted_is_the_worse_of_both() -> None:
    def stack(key: str) -> dict[str, Any]:
        options = {"Fn::If": ["On", {"Enabled": True, "KmsKeyId": key}, {"Ref": "AWS::NoValue"}]}
        return template(
            {"It": resource("AWS::OpenSearchService::Domain", EncryptionAtRestOptions=options)},
            Parameters={"On": {"Type": "String"}},
            Conditions={"On": {"Fn::Equals": [{"Ref": "On"}, "true"]}},
        )

    assert change_of(diff(stack("one"), stack("other")), "It").effect == Effect.DATA_LOSS
    turned_on = diff(stack("one"), stack("one"), old_parameters={"On": "false"}, new_parameters={"On": "true"})
    assert change_of(turned_on, "It").effect == Effect.IN_PLACE


def test_retention_that_is_lost_is_major_though_nothing_that_runs_feels_it() -> None:
    change = change_of(of_one(table(attributes=RETAINED), table()), "It")
    assert (change.effect, change.bump) == (Effect.NONE, Bump.MAJOR)
    gained = change_of(of_one(table(), table(attributes=RETAINED)), "It")
    assert (gained.effect, gained.bump) == (Effect.NONE, Bump.PATCH)


def test_a_resource_that_comes_and_one_that_goes() -> None:
    found = diff(template({"A": queue(DelaySeconds=1)}), template({"B": function()}))
    assert (change_of(found, "A").action, change_of(found, "A").effect) == ("remove", Effect.REMOVAL)
    assert (change_of(found, "B").action, change_of(found, "B").bump) == ("add", Bump.MINOR)


def test_another_logical_id_is_probably_a_rename() -> None:
    found = diff(template({"Old": table(attributes=RETAINED)}), template({"New": table(attributes=RETAINED)}))
    assert "New" in change_of(found, "Old").advice
    assert "keep the id" in change_of(found, "Old").advice
    unlike = diff(template({"Old": table()}), template({"New": table("other", BillingMode="PROVISIONED")}))
    assert "logical id" not in change_of(unlike, "Old").advice


def test_a_replacement_upstream_is_felt_downstream_and_further_down() -> None:
    def stack(cidr: str) -> dict[str, Any]:
        return template(
            {
                "Vpc": resource("AWS::EC2::VPC", CidrBlock=cidr),
                "Subnet": resource("AWS::EC2::Subnet", VpcId={"Ref": "Vpc"}, CidrBlock="10.0.0.0/24"),
                "Server": resource("AWS::EC2::Instance", ImageId="ami-1", SubnetId={"Fn::Sub": "${Subnet}"}),
                "Function": function(Environment={"Variables": {"VPC": {"Ref": "Vpc"}}}),
                "Apart": queue(),
            },
            Outputs={"Id": {"Value": {"Ref": "Server"}}, "Other": {"Value": {"Ref": "Apart"}}},
        )

    found = diff(stack("10.0.0.0/16"), stack("10.1.0.0/16"))
    assert {n: change_of(found, n).effect for n in names(found)} == {
        "Vpc": Effect.REPLACEMENT,
        "Subnet": Effect.REPLACEMENT,
        "Server": Effect.REPLACEMENT,
        "Function": Effect.IN_PLACE,
    }
    assert all(change.certain for change in found.changes)
    assert change_of(found, "Server").reasons[0].through == "Subnet"
    assert change_of(found, "Id", Section.OUTPUTS).bump == Bump.MAJOR
    assert names(found, Section.OUTPUTS) == {"Id"}


def test_what_is_new_by_design_is_a_patch() -> None:
    def api(digits: str, code: str) -> dict[str, Any]:
        return template(
            {
                "Api": resource("AWS::ApiGateway::RestApi", Name="api"),
                f"Deployment{digits}": resource("AWS::ApiGateway::Deployment", RestApiId={"Ref": "Api"}),
                "Stage": resource(
                    "AWS::ApiGateway::Stage",
                    RestApiId={"Ref": "Api"},
                    StageName="v1",
                    DeploymentId={"Ref": f"Deployment{digits}"},
                ),
                "Function": function(Code={"ZipFile": code}),
                f"Version{digits}": resource("AWS::Lambda::Version", FunctionName={"Ref": "Function"}),
            }
        )

    found = diff(api("0a1b", "1"), api("2c3d", "2"))
    assert (found.bump, found.effect) == (Bump.PATCH, Effect.IN_PLACE)


MODE = {"Mode": {"Type": "String", "AllowedValues": ["off", "small", "large"], "Default": "off"}}
MODES = {
    "On": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Mode"}, "off"]}]},
    "Large": {"Fn::Equals": [{"Ref": "Mode"}, "large"]},
}


def with_mode(resources: dict[str, Any]) -> dict[str, Any]:
    return template(resources, Parameters=MODE, Conditions=MODES)


def test_both_sides_of_a_condition_are_considered_unless_the_parameter_is_known() -> None:
    old = with_mode({"It": queue(FifoQueue={"Fn::If": ["On", True, {"Ref": "AWS::NoValue"}]})})
    new = with_mode({"It": queue(FifoQueue={"Fn::If": ["Large", True, {"Ref": "AWS::NoValue"}]})})
    change = change_of(diff(old, new), "It")
    assert (change.effect, change.certain) == (Effect.REPLACEMENT, False)
    assert change.when  # only for `small`
    assert not diff(old, new, old_parameters={"Mode": "large"}).changes
    assert not diff(old, new, old_parameters={}).changes  # the default
    small = change_of(diff(old, new, old_parameters={"Mode": "small"}), "It")
    assert (small.effect, small.certain, small.when) == (Effect.REPLACEMENT, True, "")


def test_conditions_that_cannot_hold_together_bring_nothing_about() -> None:
    both = {"Fn::If": ["On", {"Fn::If": ["Large", 1, 2]}, 3]}
    old = with_mode({"It": queue(DelaySeconds=both)})
    never = {"Fn::If": ["Large", {"Fn::If": ["On", 1, 99]}, {"Fn::If": ["On", 2, 3]}]}
    assert not diff(old, with_mode({"It": queue(DelaySeconds=never)})).changes


def test_a_resource_that_a_parameter_switches_off() -> None:
    old = with_mode({"It": table(), "Q": queue()})
    new = with_mode({"It": table(attributes={"Condition": "On"}), "Q": queue()})
    change = change_of(diff(old, new), "It")
    assert (change.action, change.certain, change.effect, change.when) == (
        "remove",
        False,
        Effect.DATA_LOSS,
        "unless On",
    )
    assert change_of(diff(old, new, old_parameters={"Mode": "off"}), "It").certain
    assert not diff(old, new, old_parameters={"Mode": "small"}).changes


def test_a_new_parameter_is_at_its_default_for_a_stack_that_runs() -> None:
    off = {"Extra": {"Type": "String", "Default": "off"}}
    conditions = {"HasExtra": {"Fn::Equals": [{"Ref": "Extra"}, "on"]}}
    old = template({"It": queue(DelaySeconds=0)})
    new = template(
        {"It": queue(DelaySeconds={"Fn::If": ["HasExtra", 5, 0]}), "More": queue({"Condition": "HasExtra"})},
        Parameters=off,
        Conditions=conditions,
    )
    found = diff(old, new)
    assert names(found) == set()
    assert names(found, Section.PARAMETERS) == {"Extra"}
    assert names(diff(old, new, new_parameters={"Extra": "on"})) == {"It", "More"}


def test_regions_are_told_apart_by_what_conditions_ask() -> None:
    regions = [f"xx-test-{i}" for i in range(30)]
    test = {"Fn::Or": [{"Fn::Equals": [{"Ref": "AWS::Region"}, region]} for region in regions[:10]]}
    old = template({"It": queue()}, Conditions={"There": test})
    new = template({"It": queue({"Condition": "There"})}, Conditions={"There": test})
    assert change_of(diff(old, new), "It").when == "unless There"
    assert not diff(old, new, region="xx-test-3").changes
    assert change_of(diff(old, new, region="xx-test-20"), "It").certain


def test_a_value_from_a_mapping() -> None:
    body = {"It": queue(DelaySeconds={"Fn::FindInMap": ["M", "a", "b"]}), "Same": queue()}
    old, new = (template(body, Mappings={"M": {"a": {"b": n}}}) for n in (1, 2))
    assert names(diff(old, new)) == {"It"}


def test_a_reference_that_may_be_the_same_is_not_certain() -> None:
    parameters = {name: {"Type": "String"} for name in ("A", "B")}
    old, new = (template({"It": queue(QueueName={"Ref": name})}, Parameters=parameters) for name in ("A", "B"))
    assert not change_of(diff(old, new), "It").certain
    assert change_of(diff(old, new, old_parameters={"A": "one", "B": "other"}), "It").certain
    assert not names(diff(old, new, old_parameters={"A": "one", "B": "one"}))


def test_a_group_whose_policy_replaces_its_instances() -> None:
    def stack(image: str) -> dict[str, Any]:
        group = resource(
            "AWS::AutoScaling::AutoScalingGroup",
            {"UpdatePolicy": {"AutoScalingRollingUpdate": {"MinInstancesInService": 1}}},
            LaunchTemplate={
                "LaunchTemplateId": {"Ref": "Template"},
                "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]},
            },
            MinSize="1",
            MaxSize="2",
        )
        launch = resource("AWS::EC2::LaunchTemplate", LaunchTemplateData={"ImageId": image})
        return template({"Template": launch, "Group": group})

    change = change_of(diff(stack("ami-1"), stack("ami-2")), "Group")
    assert (change.effect, change.certain) == (Effect.INTERRUPTION, True)


def test_images_that_any_update_may_bring_are_named_though_nothing_changes() -> None:
    kind = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    it = template(
        {"It": resource("AWS::EC2::Instance", ImageId={"Ref": "Ami"})},
        Parameters={"Ami": {"Type": kind, "Default": "/aws/service/ami"}},
    )
    found = diff(it, it)
    assert not found.changes
    (told,) = found.standing
    assert "It.ImageId" in told
    assert "replaced" in told


def test_nested_stacks_are_told_apart_from_those_that_were_not_looked_at() -> None:
    from troposphere_arch.diff import Nested

    parent = template({"Child": resource("AWS::CloudFormation::Stack", TemplateURL="child.json")})
    assert diff(parent, parent).notes
    old, new = template({"It": queue(FifoQueue=True)}), template({"It": queue()})
    found = diff(parent, parent, nested={"Child": Nested(old, new)})
    assert (names(found), found.notes) == ({"Child/It"}, ())


@pytest.mark.parametrize(
    "other",
    [
        {"Fn::Join": ["", ["a-", {"Ref": "Q"}, "-", {"Fn::GetAtt": ["Q", "Arn"]}]]},
        {"Fn::Join": ["-", ["a", {"Ref": "Q"}, {"Fn::Sub": "${Q.Arn}"}]]},
        {"Fn::Sub": ["${A}-${Q}-${B}", {"A": "a", "B": {"Fn::GetAtt": ["Q", "Arn"]}}]},
    ],
)
def test_a_text_put_together_in_another_way_is_the_same(other: dict[str, Any]) -> None:
    sub = {"Fn::Sub": "a-${Q}-${Q.Arn}"}
    old, new = (template({"It": queue(QueueName=value), "Q": queue()}) for value in (sub, other))
    assert not diff(old, new).changes
    changed = template({"It": queue(QueueName={"Fn::Sub": "b-${Q}-${Q.Arn}"}), "Q": queue()})
    assert change_of(diff(changed, new), "It").certain


def test_two_attributes_of_one_resource_may_be_the_same() -> None:
    old, new = (
        template({"It": queue(QueueName=value), "Q": queue()})
        for value in ({"Ref": "Q"}, {"Fn::GetAtt": ["Q", "QueueUrl"]})
    )
    assert not change_of(diff(old, new), "It").certain


def test_a_mapping_whose_key_is_not_known() -> None:
    def stack(images: dict[str, str]) -> dict[str, Any]:
        image = {"Fn::FindInMap": ["Images", {"Ref": "AWS::Region"}, "Ami"]}
        mapping = {region: {"Ami": ami} for region, ami in images.items()}
        return template({"It": resource("AWS::EC2::Instance", ImageId=image)}, Mappings={"Images": mapping})

    old = stack({"xx-a-1": "ami-1", "xx-b-1": "ami-2"})
    every, one = stack({"xx-a-1": "ami-3", "xx-b-1": "ami-4"}), stack({"xx-a-1": "ami-3", "xx-b-1": "ami-2"})
    assert [(c.effect, c.certain) for c in (change_of(diff(old, new), "It") for new in (every, one))] == [
        (Effect.REPLACEMENT, True),
        (Effect.REPLACEMENT, False),
    ]
    assert change_of(diff(old, one, region="xx-a-1"), "It").certain
    assert not names(diff(old, one, region="xx-b-1"))


@pytest.mark.parametrize(
    ("reader", "effect"),
    [
        ("AWS::ApiGateway::ApiKey", Effect.REMOVAL),
        ("AWS::CloudFront::Distribution", Effect.REMOVAL),
        ("AWS::RDS::DBCluster", Effect.DATA_LOSS),
    ],
)
def test_a_key_that_is_made_anew_with_who_reads_it_is_no_data(reader: str, effect: Effect) -> None:
    """But the password of a database, which knows no other, is."""
    secret = resource("AWS::SecretsManager::Secret", GenerateSecretString={"PasswordLength": 64})
    named = {"Fn::Sub": "{{resolve:secretsmanager:${Secret}}}"}
    old = template({"Secret": secret, "Reader": resource(reader, Value=named)})
    assert change_of(diff(old, template({})), "Secret").effect == effect
    handed_out = {**old, "Outputs": {"Told": {"Value": {"Ref": "Secret"}}}}
    assert change_of(diff(handed_out, template({})), "Secret").effect == Effect.DATA_LOSS
