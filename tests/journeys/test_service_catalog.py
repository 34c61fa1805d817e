"""A launch as Service Catalog does it, as far as the emulator goes: it has no Service Catalog.

Shown are the parts: the portfolio's stack can be made (its Service Catalog resources are only recorded), a product runs
under its boundary, and the launch role's policies are put to the emulator's IAM.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.journeys.stack import Stack, template_url
from troposphere_arch.journeys import play
from troposphere_arch.local import Emulator
from troposphere_arch.render import render
from troposphere_arch.scenarios.service_catalog import Release, build

TEMPLATE = Path(__file__).parents[2] / "templates/todo/1.0.0/todo.template.json"
LAUNCHED = "SC-000000000000-pp-abcdefghijklm"  # how Service Catalog names the stack of a product
NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}


@pytest.fixture(scope="module")
def catalogue(patched: Emulator) -> Iterator[Stack]:
    """The stack of the portfolio of one release of the to-do list."""
    todo = Release("todo", "1.0.0", "todo/1.0.0/todo.template.json", "To-do list.", json.loads(TEMPLATE.read_text()))
    stack = Stack(patched, "architectures")
    url = template_url(patched, "service-catalog", render(build([todo])))
    stack.create(url, CatalogueUrl="https://artifacts.s3.us-east-1.amazonaws.com/a", ArtifactBucket="artifacts")
    yield stack
    stack.delete()


@shows("REQ-D4", how="patched")
def test_a_product_runs_within_its_boundary(catalogue: Stack) -> None:
    rules = {
        "PermissionsBoundaryArn": catalogue.outputs["TodoBoundaryArn"],
        "RolePath": catalogue.outputs["TodoRolePath"],
    }
    url = template_url(catalogue.emulator, "todo", TEMPLATE.read_bytes())
    launched = Stack(catalogue.emulator, LAUNCHED).create(url, **rules, FileStorage="on")
    iam = catalogue.emulator.client("iam")
    roles = [r for r in iam.list_roles(PathPrefix=rules["RolePath"])["Roles"] if r["RoleName"].startswith("SC-")]
    assert len(roles) == 4
    for role in roles:
        found = iam.get_role(RoleName=role["RoleName"])["Role"]["PermissionsBoundary"]
        assert found["PermissionsBoundaryArn"] == rules["PermissionsBoundaryArn"]
    steps = list(play("todo", catalogue.emulator, launched.outputs))
    assert len(steps) > 5

    # The boundary is at work: with one that allows nothing, the same stack does nothing.
    none = iam.create_policy(PolicyName="nothing", PolicyDocument=json.dumps(NOTHING))["Policy"]["Arn"]
    for role in roles:
        iam.put_role_permissions_boundary(RoleName=role["RoleName"], PermissionsBoundary=none)
    with pytest.raises(Exception, match="the journey stopped"):
        list(play("todo", catalogue.emulator, launched.outputs))
    launched.delete()


@pytest.fixture(scope="module")
def launcher(catalogue: Stack) -> Any:
    """Makes clients of somebody who holds the policies of the launch role, and nothing else."""
    iam = catalogue.emulator.client("iam")
    name = f"launcher-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    policies = [r for r in catalogue.resources() if r["LogicalResourceId"].startswith("TodoLaunchRights")]
    assert len(policies) > 1
    for policy in policies:
        iam.attach_user_policy(UserName=name, PolicyArn=policy["PhysicalResourceId"])
    key = iam.create_access_key(UserName=name)["AccessKey"]
    credentials = key["AccessKeyId"], key["SecretAccessKey"]
    return lambda service: catalogue.emulator.client(service, credentials=credentials)


def refused(call: Any, **arguments: Any) -> bool:
    """Whether IAM refuses the call."""
    try:
        call(**arguments)
    except ClientError as error:
        return "AccessDenied" in error.response["Error"]["Code"]
    return False


@shows("REQ-D4", how="patched")
def test_the_launch_role_touches_what_a_launch_makes(launcher: Any) -> None:
    dynamodb, logs, buckets = launcher("dynamodb"), launcher("logs"), launcher("s3")
    table = {
        "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    assert not refused(dynamodb.create_table, TableName=f"{LAUNCHED}-T", **table)
    assert refused(dynamodb.create_table, TableName="payroll", **table)
    assert refused(dynamodb.put_item, TableName=f"{LAUNCHED}-T", Item={"a": {"S": "b"}})
    assert refused(dynamodb.scan, TableName=f"{LAUNCHED}-T")
    assert not refused(dynamodb.delete_table, TableName=f"{LAUNCHED}-T")
    assert not refused(logs.create_log_group, logGroupName=f"{LAUNCHED}-L")
    assert refused(logs.create_log_group, logGroupName="payroll")
    assert not refused(buckets.create_bucket, Bucket=f"{LAUNCHED.lower()}-b")
    assert refused(buckets.create_bucket, Bucket="payroll-of-shop")
    assert refused(buckets.put_object, Bucket=f"{LAUNCHED.lower()}-b", Key="a", Body=b"")


@shows("REQ-D4", how="patched")
def test_the_launch_role_makes_no_rights(catalogue: Stack, launcher: Any) -> None:
    """The emulator knows no iam:PermissionsBoundary, and roles without their path, so it refuses here what AWS would
    allow as well; that these are allowed is proved on the statements."""
    root = catalogue.emulator.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    document = json.dumps(trust)
    victim = f"victim-{uuid.uuid4().hex[:8]}"
    root.create_role(RoleName=victim, AssumeRolePolicyDocument=document)
    path = catalogue.outputs["TodoRolePath"]
    ours = f"ours-{uuid.uuid4().hex[:8]}"
    root.create_role(RoleName=ours, Path=path, AssumeRolePolicyDocument=document)
    iam, admin = launcher("iam"), "arn:aws:iam::aws:policy/AdministratorAccess"
    everything = json.dumps({**NOTHING, "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    policy = {"PolicyName": "p", "PolicyDocument": everything}
    assert refused(iam.create_role, RoleName="new", Path=path, AssumeRolePolicyDocument=document)
    assert refused(iam.create_role, RoleName="new", AssumeRolePolicyDocument=document)
    assert refused(iam.create_user, UserName="new")
    assert refused(iam.create_access_key, UserName="new")
    assert refused(iam.create_policy_version, PolicyArn=catalogue.outputs["TodoBoundaryArn"], PolicyDocument=everything)
    for role in (victim, ours):
        assert refused(iam.put_role_policy, RoleName=role, **policy)
        assert refused(iam.attach_role_policy, RoleName=role, PolicyArn=admin)
        assert refused(iam.delete_role_permissions_boundary, RoleName=role)
        assert refused(iam.put_role_permissions_boundary, RoleName=role, PermissionsBoundary=admin)
        assert refused(
            launcher("sts").assume_role, RoleArn=root.get_role(RoleName=role)["Role"]["Arn"], RoleSessionName="run"
        )
    assert refused(iam.update_assume_role_policy, RoleName=victim, PolicyDocument=document)
    assert refused(iam.delete_role, RoleName=victim)
    for role in (victim, ours):
        root.delete_role(RoleName=role)


# --- StackSets


def test_the_emulator_has_no_stack_sets(stock: Emulator) -> None:
    """So that we notice when it learns: what StackSets do is shown without them, below."""
    cloudformation = stock.client("cloudformation")
    with pytest.raises(ClientError, match="Unknown action: CreateStackSet"):
        cloudformation.create_stack_set(StackSetName="todo", TemplateURL="https://b.s3.amazonaws.com/todo.json")


@shows("REQ-D4", "REQ-D5", how="stock")
def test_one_address_makes_stacks_in_several_accounts_and_regions(stock: Emulator) -> None:
    """What a StackSet does with each of its targets: the same address, no parameter, the rights of that account."""
    made = {}
    for account, region in (
        ("111111111111", "us-east-1"),
        ("111111111111", "eu-west-1"),
        ("222222222222", "us-east-1"),
    ):
        root = (account, "test")
        bucket = f"artifacts-{account}"
        s3 = stock.client("s3", credentials=root)
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="todo/1.0.0/todo.template.json", Body=TEMPLATE.read_bytes())
        cloudformation = stock.client("cloudformation", credentials=root, region=region)
        url = f"{stock.url}/{bucket}/todo/1.0.0/todo.template.json"
        cloudformation.create_stack(StackName="StackSet-todo", TemplateURL=url, Capabilities=["CAPABILITY_IAM"])
        stack = {"StackStatus": "CREATE_IN_PROGRESS"}
        while stack["StackStatus"] == "CREATE_IN_PROGRESS":
            stack = cloudformation.describe_stacks(StackName="StackSet-todo")["Stacks"][0]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        made[account, region] = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
        cloudformation.delete_stack(StackName="StackSet-todo")
    assert len({outputs["UserPoolId"] for outputs in made.values()}) == 3
    for (_, region), outputs in made.items():
        assert (outputs["Region"], outputs["TemplateId"]) == (region, "todo")
        assert outputs["UserPoolId"].startswith(f"{region}_")
        assert f".execute-api.{region}.amazonaws.com/" in outputs["ApiUrl"]
