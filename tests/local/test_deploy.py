"""Deployment by change set, on the stock emulator."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from troposphere_arch.deploy import (
    Event,
    Plan,
    Resource,
    Target,
    aws_errors,
    connect,
    delete,
    discard,
    ensure_bucket,
    execute,
    plan,
    purge,
    retained,
    stacks,
    target_of,
)
from troposphere_arch.deploy.parameters import check_parameters
from troposphere_arch.errors import Stopped, UserError
from troposphere_arch.local import Emulator


@pytest.fixture(scope="module")
def target(stock: Emulator) -> Target:
    return target_of(stock.client)


def reaching(client: Any) -> Target:
    """A target whose every service is this one client."""
    return Target(lambda service: client, "000000000000", "aws", "us-east-1", "bucket")


@pytest.fixture
def name(target: Target) -> Iterator[str]:
    """The name of a stack that is gone after the test."""
    name = f"d-{uuid.uuid4().hex[:12]}"
    yield name
    target.client("cloudformation").delete_stack(StackName=name)


def queue(**parameter: Any) -> bytes:
    """A template with one queue, whose name is a parameter, and one topic."""
    template = {
        "Parameters": {
            "Label": {"Type": "String", "Default": "a", **parameter},
            "Seconds": {"Type": "Number", "Default": 30, "MinValue": 0, "MaxValue": 43200},
        },
        "Resources": {
            "Queue": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "QueueName": {"Fn::Sub": "${AWS::StackName}-${Label}"},
                    "VisibilityTimeout": {"Ref": "Seconds"},
                },
            },
            "Topic": {"Type": "AWS::SNS::Topic"},
        },
        "Outputs": {
            "TemplateId": {"Value": "queue"},
            "TemplateVersion": {"Value": "1.2.3"},
            "QueueName": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}},
        },
    }
    return json.dumps(template).encode()


def failing(**resources: Any) -> bytes:
    """A template whose second resource can't be created."""
    stream = {"Type": "AWS::Logs::LogStream", "DependsOn": "Topic", "Properties": {"LogGroupName": "no-such-group"}}
    return json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}, "Stream": stream, **resources}}).encode()


def status(target: Target, name: str) -> str | None:
    try:
        found = target.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError:
        return None
    return str(found[0]["StackStatus"])


def summary(planned: Plan) -> list[tuple[str, str, str, str]]:
    return sorted((c.action, c.logical_id, c.type, c.replacement) for c in planned.changes)


# --- plan and execute


def test_create_update_and_nothing_to_do(target: Target, name: str) -> None:
    planned = plan(target, name, queue(), {"Label": "x"}, {"team": "red"})
    assert planned.creates
    assert summary(planned) == [("Add", "Queue", "AWS::SQS::Queue", ""), ("Add", "Topic", "AWS::SNS::Topic", "")]
    assert status(target, name) == "REVIEW_IN_PROGRESS"
    events: list[Event] = []
    assert execute(planned, events.append)["QueueName"] == f"{name}-x"
    assert [event.status for event in events if event.logical_id == name] == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    assert not any(event.failed for event in events)

    # What is not given again keeps its value: the label stays, the seconds change.
    planned = plan(target, name, queue(), {"Seconds": "60"})
    assert not planned.creates
    assert summary(planned) == [("Modify", "Queue", "AWS::SQS::Queue", "False")]
    assert execute(planned)["QueueName"] == f"{name}-x"
    stack = target.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    assert {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]} == {"Label": "x", "Seconds": "60"}
    assert stack["Tags"] == [{"Key": "team", "Value": "red"}]

    planned = plan(target, name, queue(), {"Label": "y"})
    assert summary(planned) == [("Modify", "Queue", "AWS::SQS::Queue", "True")]
    assert planned.changes[0].physical_id
    discard(planned)

    planned = plan(target, name, queue(), {})
    assert (planned.change_set, planned.changes) == (None, ())
    assert execute(planned)["QueueName"] == f"{name}-x"
    waiting = target.client("cloudformation").list_change_sets(StackName=name)["Summaries"]
    assert [change_set for change_set in waiting if change_set["ExecutionStatus"] == "AVAILABLE"] == []


def test_discarding_a_creation_leaves_nothing(target: Target, name: str) -> None:
    planned = plan(target, name, queue(), {})
    discard(planned)
    assert status(target, name) is None
    discard(planned)
    assert name not in str(target.client("sqs").list_queues())


def test_discarding_an_update_leaves_the_stack(target: Target, name: str) -> None:
    execute(plan(target, name, queue(), {}))
    discard(plan(target, name, queue(), {"Label": "b"}))
    assert status(target, name) == "CREATE_COMPLETE"
    assert plan(target, name, queue(), {}).changes == ()


def test_an_earlier_plan_of_a_creation_is_no_obstacle(target: Target, name: str) -> None:
    plan(target, name, queue(), {"Label": "a"})
    assert execute(plan(target, name, queue(), {"Label": "b"}))["QueueName"] == f"{name}-b"


def test_failed_creation(target: Target, name: str) -> None:
    with pytest.raises(UserError) as failed:
        execute(plan(target, name, failing(), {}))
    assert str(failed.value).startswith(f"Stream (AWS::Logs::LogStream) of stack {name} failed: AWS::Logs::LogStream: ")
    assert "left in ROLLBACK_COMPLETE: its creation failed: delete it" in str(failed.value)
    with pytest.raises(UserError, match=f"stack {name} is in ROLLBACK_COMPLETE: .* delete it"):
        plan(target, name, queue(), {})
    delete(target, name)
    assert status(target, name) is None


def test_failed_update_goes_back(target: Target, name: str) -> None:
    execute(plan(target, name, queue(), {}))
    more = json.loads(queue())
    more["Resources"]["Stream"] = json.loads(failing())["Resources"]["Stream"]
    with pytest.raises(UserError, match="left in UPDATE_ROLLBACK_COMPLETE: it is as it was before"):
        execute(plan(target, name, json.dumps(more).encode(), {}))
    assert plan(target, name, queue(), {}).changes == ()


def test_refused_template_leaves_nothing(target: Target, name: str) -> None:
    unknown = json.dumps({"Resources": {"Cluster": {"Type": "AWS::DAX::Cluster"}}}).encode()
    with pytest.raises(UserError, match=r"AWS refused CreateChangeSet .*AWS::DAX::Cluster"):
        plan(target, name, unknown, {})
    with pytest.raises(UserError, match="the template is not JSON"):
        plan(target, name, b"Resources: {}", {})
    with pytest.raises(UserError, match="has no Resources"):
        plan(target, name, b"{}", {})
    assert status(target, name) is None


def test_stack_that_is_busy_and_watching_it_until_ctrl_c(target: Target, name: str) -> None:
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    waits = {"Type": "AWS::CloudFormation::WaitCondition", "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "2"}}
    body = json.dumps({"Resources": {"Handle": handle, "Wait": waits}}).encode()

    def ctrl_c(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Stopped, match=f"stopped watching: the creation of stack {name} goes on without us"):
        execute(plan(target, name, body, {}), ctrl_c)
    with pytest.raises(UserError, match=f"stack {name} is in CREATE_IN_PROGRESS: wait"):
        plan(target, name, queue(), {})


class Interrupted:
    """A CloudFormation client whose user types Ctrl-C while it waits for the change set."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def describe_change_set(self, **_: Any) -> Any:
        raise KeyboardInterrupt


def test_ctrl_c_while_planning_leaves_nothing(target: Target, name: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        plan(reaching(Interrupted(target.client("cloudformation"))), name, queue(), {})
    assert status(target, name) is None


def test_template_over_the_limit_goes_through_a_bucket(stock: Emulator, name: str) -> None:
    target = target_of(stock.client, bucket=f"templates-{uuid.uuid4().hex}")
    body = json.dumps({**json.loads(queue()), "Metadata": {"Filler": "x" * 60_000}}).encode()
    with pytest.raises(UserError, match=rf"{len(body):,} bytes.*only 51,200.*{target.bucket} does not exist"):
        plan(target, name, body, {})
    assert status(target, name) is None

    assert ensure_bucket(target) == target.bucket
    assert execute(plan(target, name, body, {}))["TemplateVersion"] == "1.2.3"
    s3 = target.client("s3")
    assert all(s3.get_public_access_block(Bucket=target.bucket)["PublicAccessBlockConfiguration"].values())
    policy = json.loads(s3.get_bucket_policy(Bucket=target.bucket)["Policy"])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert [item["Size"] for item in s3.list_objects_v2(Bucket=target.bucket)["Contents"]] == [len(body)]
    ensure_bucket(target)
    purge(target, [Resource("Templates", "AWS::S3::Bucket", target.bucket)])


def test_bucket_elsewhere_than_in_us_east_1(stock: Emulator) -> None:
    target = target_of(lambda service: stock.client(service, region="eu-central-1"))
    assert target.region == "eu-central-1"
    assert ensure_bucket(target) == f"troposphere-arch-{target.account}-eu-central-1"
    place = target.client("s3").get_bucket_location(Bucket=target.bucket)["LocationConstraint"]
    assert place == "eu-central-1"
    purge(target, [Resource("Templates", "AWS::S3::Bucket", target.bucket)])


# --- parameters

REFUSED = [
    ({"Lable": "a"}, {}, r"no parameter Lable: did you mean Label\? it has Label, Seconds"),
    ({"Label": "c"}, {"AllowedValues": ["a", "b"]}, "Label can't be 'c': it is one of a, b"),
    ({"Label": "true1"}, {"AllowedValues": [True, False]}, "it is one of true, false"),
    ({"Label": "ab"}, {"AllowedPattern": "[a-z]"}, r"Label can't be 'ab': it matches \[a-z\]"),
    ({"Label": "B"}, {"AllowedPattern": "[a-z]", "ConstraintDescription": "Small letters."}, "'B': Small letters."),
    ({"Label": "a"}, {"MinLength": 2}, "at least 2 characters"),
    ({"Label": "abc"}, {"MaxLength": "2"}, "at most 2 characters"),
    ({"Seconds": "-1"}, {}, "Seconds can't be '-1': it is at least 0"),
    ({"Seconds": "43201"}, {}, "it is at most 43200"),
    ({"Seconds": "ten"}, {}, "Seconds can't be 'ten': it is a number"),
    ({"Label": "a, B"}, {"Type": "CommaDelimitedList", "AllowedPattern": "[a-z]"}, "can't be 'B': it matches"),
    ({"Label": "hush"}, {"NoEcho": True, "MaxLength": 2}, "Label can't be this value: it has at most 2"),
]


@pytest.mark.parametrize(("given", "label", "said"), REFUSED)
def test_parameter_refused(target: Target, name: str, given: dict[str, str], label: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        plan(target, name, queue(**label), given)
    assert status(target, name) is None


def test_parameter_without_a_value(target: Target, name: str) -> None:
    template = json.loads(queue())
    template["Parameters"]["Owner"] = {"Type": "String", "Description": "Who is called at night."}
    body = json.dumps(template).encode()
    with pytest.raises(UserError, match=r"parameter Owner needs a value: Who is called at night\."):
        plan(target, name, body, {})
    execute(plan(target, name, body, {"Owner": "ann"}))
    assert plan(target, name, body, {}).changes == (), "the running stack has a value for it"


def test_parameter_that_only_aws_can_judge_is_let_through() -> None:
    image = {"Type": "AWS::EC2::Image::Id", "AllowedPattern": "never", "MaxLength": 1}
    stored = {"Type": "AWS::SSM::Parameter::Value<String>", "AllowedPattern": "never"}
    java = {"Type": "String", "AllowedPattern": "(?<name>a)"}
    template = {"Parameters": {"Image": image, "Stored": stored, "Java": java}}
    check_parameters(template, {"Image": "ami-1", "Stored": "/path", "Java": "b"})


# --- stacks, deletion, what is retained


def test_stacks_that_carry_our_outputs(target: Target, name: str) -> None:
    execute(plan(target, name, queue(), {}))
    other = f"{name}-other"
    execute(plan(target, other, json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}).encode(), {}))
    found = {info.name: info for info in stacks(target)}
    assert other not in found
    ours = found[name]
    assert (ours.status, ours.template, ours.version) == ("CREATE_COMPLETE", "queue", "1.2.3")
    assert ours.outputs["QueueName"] == f"{name}-a"
    assert ours.created is not None
    delete(target, other)
    events: list[Event] = []
    delete(target, name, events.append)
    assert events[-1].status == "DELETE_COMPLETE"
    assert name not in {info.name for info in stacks(target)}
    with pytest.raises(UserError, match=f"there is no stack {name} in us-east-1"):
        delete(target, name)


def test_stacks_on_further_pages_are_listed(stock: Emulator) -> None:
    def page(name: str) -> dict[str, Any]:
        outputs = [{"OutputKey": key, "OutputValue": key} for key in ("TemplateId", "TemplateVersion")]
        created = datetime(2026, 1, 1, tzinfo=UTC)
        stack = {"StackName": name, "StackStatus": "CREATE_COMPLETE", "CreationTime": created, "Outputs": outputs}
        return {"Stacks": [stack]}

    cloudformation = stock.client("cloudformation")
    with Stubber(cloudformation) as answers:
        answers.add_response("describe_stacks", {**page("b"), "NextToken": "more"}, {})
        answers.add_response("describe_stacks", page("a"), {"NextToken": "more"})
        found = stacks(reaching(cloudformation))
    assert [(info.name, info.template, info.updated) for info in found] == [
        ("a", "TemplateId", None),
        ("b", "TemplateId", None),
    ]


def keeping() -> dict[str, Any]:
    """A template that retains one resource of each type which `purge` knows."""
    key = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"}
    key["KeySchema"] = [{"AttributeName": "id", "KeyType": "HASH"}]
    bucket = {"VersioningConfiguration": {"Status": "Enabled"}}
    resources: dict[str, Any] = {
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {**key, "DeletionProtectionEnabled": True}},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": bucket},
        "Users": {"Type": "AWS::Cognito::UserPool", "Properties": {"DeletionProtection": "ACTIVE"}},
        "App": {"Type": "AWS::Cognito::UserPoolClient", "Properties": {"UserPoolId": {"Ref": "Users"}}},
        "Identities": {
            "Type": "AWS::Cognito::IdentityPool",
            "Properties": {"AllowUnauthenticatedIdentities": False},
        },
    }
    for resource in resources.values():
        resource["DeletionPolicy"] = "Retain"
    never = {"Type": "AWS::SNS::Topic", "Condition": "Never", "DeletionPolicy": "Retain"}
    return {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {**resources, "Topic": {"Type": "AWS::SNS::Topic"}, "Absent": never},
    }


def fill(target: Target, bucket: str) -> None:
    """Objects in two versions, a delete marker, and an upload that nobody completed."""
    s3 = target.client("s3")
    for text in ("1", "2"):
        s3.put_object(Bucket=bucket, Key="a", Body=text)
    s3.put_object(Bucket=bucket, Key="b", Body="1")
    s3.delete_object(Bucket=bucket, Key="b")
    s3.create_multipart_upload(Bucket=bucket, Key="c")


def left(target: Target, kept: dict[str, str]) -> set[str]:
    """The logical ids of those that still exist."""
    look: dict[str, Callable[[str], Any]] = {
        "Table": lambda i: target.client("dynamodb").describe_table(TableName=i),
        "Bucket": lambda i: target.client("s3").head_bucket(Bucket=i),
        "Users": lambda i: target.client("cognito-idp").describe_user_pool(UserPoolId=i),
        "App": lambda i: target.client("cognito-idp").describe_user_pool_client(UserPoolId=kept["Users"], ClientId=i),
        "Identities": lambda i: target.client("cognito-identity").describe_identity_pool(IdentityPoolId=i),
    }
    found = set()
    for logical_id, physical_id in kept.items():
        try:
            look[logical_id](physical_id)
        except ClientError:
            continue
        found.add(logical_id)
    return found


@pytest.mark.parametrize("kind", ["stock", "patched"])
def test_what_a_deletion_retains_and_its_removal(kind: str, name: str, request: pytest.FixtureRequest) -> None:
    # Both: stock deletes a user pool that is protected, as AWS does not.
    target = target_of(request.getfixturevalue(kind).client)
    template = keeping()
    execute(plan(target, name, json.dumps(template).encode(), {}))
    resources = retained(target, name, template)
    kept = {resource.logical_id: resource.physical_id for resource in resources}
    assert kept.keys() == {"Table", "Bucket", "Users", "App", "Identities"}
    users = target.client("cognito-idp")
    users.create_user_pool_domain(Domain=f"pool-{uuid.uuid4().hex[:8]}", UserPoolId=kept["Users"])
    fill(target, kept["Bucket"])
    delete(target, name)
    assert left(target, kept) == kept.keys()

    unknown = Resource("Disk", "AWS::EC2::Volume", "vol-1")
    with pytest.raises(UserError, match=r"nothing was removed.*Disk \(AWS::EC2::Volume vol-1\)"):
        purge(target, [*resources, unknown])
    with pytest.raises(UserError, match=r"nothing was removed.*App \(AWS::Cognito::UserPoolClient"):
        purge(target, [resource for resource in resources if resource.logical_id == "App"])
    assert left(target, kept) == kept.keys()

    purge(target, resources)
    assert left(target, kept) == set()
    purge(target, resources)


def test_a_user_pools_domain_goes_before_the_pool(stock: Emulator) -> None:
    users = stock.client("cognito-idp")
    with Stubber(users) as answers:
        pool = {"Domain": "a", "CustomDomain": "login.example.com", "DeletionProtection": "ACTIVE"}
        answers.add_response("describe_user_pool", {"UserPool": pool}, {"UserPoolId": "u_1"})
        answers.add_response("delete_user_pool_domain", {}, {"UserPoolId": "u_1", "Domain": "a"})
        answers.add_response("delete_user_pool_domain", {}, {"UserPoolId": "u_1", "Domain": "login.example.com"})
        answers.add_response("update_user_pool", {}, {"UserPoolId": "u_1", "DeletionProtection": "INACTIVE"})
        answers.add_response("delete_user_pool", {}, {"UserPoolId": "u_1"})
        purge(reaching(users), [Resource("Users", "AWS::Cognito::UserPool", "u_1")])
        answers.assert_no_pending_responses()


def test_retained_of_a_stack_that_is_not_there(target: Target) -> None:
    with pytest.raises(UserError, match="there is no stack no-such-stack"):
        retained(target, "no-such-stack", keeping())


# --- AWS failures


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any AWS configuration."""
    for variable in [v for v in os.environ if v.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("nobody")
def test_missing_configuration() -> None:
    with pytest.raises(UserError, match="no AWS credentials"):
        connect(region="eu-west-1")
    with pytest.raises(UserError, match="no AWS region: set AWS_REGION"):
        connect()
    with pytest.raises(UserError, match=r"profile \(nope\) could not be found"):
        connect(profile="nope", region="eu-west-1")


@pytest.mark.usefixtures("nobody")
def test_connect_with_the_users_configuration(stock: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in stock.environment().items():
        monkeypatch.setenv(variable, value)
    assert connect(region="ap-south-2", bucket="mine").bucket == "mine"
    target = connect(region="ap-south-2")
    assert (target.account, target.partition, target.region) == ("000000000000", "aws", "ap-south-2")
    assert stacks(target) == []


def test_credentials_that_aws_does_not_accept(stock: Emulator) -> None:
    with pytest.raises(UserError, match=r"AWS does not accept these credentials \(InvalidClientTokenId\)"):
        target_of(lambda service: stock.client(service, credentials=("AKIAAAAAAAAAAAAAAAAA", "x", None)))


def test_denied_action_is_named(stock: Emulator, name: str) -> None:
    iam = stock.client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    target = target_of(lambda service: stock.client(service, credentials=key))
    with pytest.raises(UserError, match=r"not allowed to do cloudformation:DescribeStacks: User: arn:aws:iam"):
        plan(target, name, queue(), {})


def test_bucket_of_somebody_else_is_not_used(stock: Emulator, name: str) -> None:
    iam = stock.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name,
        PolicyName="p",
        PolicyDocument=json.dumps({"Statement": [{"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"}]}),
    )
    stock.client("s3").create_bucket(Bucket=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    target = target_of(lambda service: stock.client(service, credentials=key), bucket=name)
    with pytest.raises(UserError, match=f"bucket {name} is not open to you, or is another account's"):
        ensure_bucket(target)


def test_endpoint_that_does_not_answer() -> None:
    unreachable = boto3.client(
        "cloudformation",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(UserError, match=r"AWS cannot be reached: .*http://127\.0\.0\.1:1"):
        stacks(reaching(unreachable))


ANSWERS = [
    ("ExpiredToken", "The token is old", "credentials have expired: sign in again"),
    ("AccessDenied", "Access Denied", "not allowed to do s3:PutObject: Access Denied"),
    ("ValidationError", "Stack with id abc does not exist", "^there is no stack abc, or no longer"),
    ("Throttling", "Rate\nexceeded", r"^AWS refused PutObject \(Throttling\): Rate exceeded$"),
    ("ValidationError", "x" * 100_000, r"^.{1,700}$"),
]


@pytest.mark.parametrize(("code", "message", "said"), ANSWERS)
def test_answers_in_one_line(code: str, message: str, said: str) -> None:
    with pytest.raises(UserError, match=said), aws_errors():
        raise ClientError({"Error": {"Code": code, "Message": message}}, "PutObject")


def test_errors_that_are_not_awss_pass_through() -> None:
    with pytest.raises(ZeroDivisionError), aws_errors():
        _ = 1 / 0
    with pytest.raises(UserError, match=r"^mine$"), aws_errors():
        raise UserError("mine")
    with pytest.raises(UserError, match="cannot be reached"), aws_errors():
        raise EndpointConnectionError(endpoint_url="https://x")
