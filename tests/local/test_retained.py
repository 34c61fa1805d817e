"""What a stack of the blog leaves behind, removed for good: global tables with replicas, and groups with pools."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from troposphere_arch.deploy import Resource, Target, purge, target_of
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator

HOME, AWAY = "us-east-1", "eu-west-1"
TABLE = "AWS::DynamoDB::GlobalTable"


@pytest.fixture(scope="module")
def target(patched: Emulator) -> Target:
    return target_of(patched.client)


@pytest.fixture(scope="module")
def in_region(patched: Emulator) -> Callable[[str], Any]:
    """A client of DynamoDB in a region of the emulator."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return lambda region: boto3.client("dynamodb", region_name=region, endpoint_url=patched.url, **keys)


def made(in_region: Callable[[str], Any], *, replica: bool, protected: bool) -> str:
    """A table with an item in it."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    home = in_region(HOME)
    home.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        DeletionProtectionEnabled=protected,
    )
    if replica:
        home.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": AWAY}}])
    home.put_item(TableName=name, Item={"id": {"S": "1"}})
    return name


def is_there(client: Any, name: str) -> bool:
    try:
        client.describe_table(TableName=name)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"
        return False
    return True


@pytest.mark.parametrize("replica", [True, False])
@pytest.mark.parametrize("protected", [True, False])
def test_a_global_table_goes_everywhere(
    target: Target, in_region: Callable[[str], Any], replica: bool, protected: bool
) -> None:
    name = made(in_region, replica=replica, protected=protected)
    assert is_there(in_region(AWAY), name) == replica
    purge(target, [Resource("Posts", TABLE, name)])
    assert not is_there(in_region(HOME), name)
    assert not is_there(in_region(AWAY), name)
    purge(target, [Resource("Posts", TABLE, name)])  # gone already counts as removed


def test_a_file_system_goes_after_its_mount_targets(target: Target) -> None:
    """Those of a stack go with the stack; somebody may have made others."""
    efs, ec2 = target.client("efs"), target.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.5.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.5.0.0/26")["Subnet"]["SubnetId"]
    name = efs.create_file_system(CreationToken=uuid.uuid4().hex)["FileSystemId"]
    efs.create_mount_target(FileSystemId=name, SubnetId=subnet)
    files = Resource("Files", "AWS::EFS::FileSystem", name)
    for _ in range(2):  # gone already counts as removed
        purge(target, [files])
        with pytest.raises(ClientError, match="FileSystemNotFound"):
            efs.describe_file_systems(FileSystemId=name)


def test_a_group_goes_with_its_pool_and_not_without_it(target: Target) -> None:
    users = target.client("cognito-idp")
    pool = users.create_user_pool(PoolName=f"p-{uuid.uuid4().hex[:12]}")["UserPool"]["Id"]
    users.create_group(UserPoolId=pool, GroupName="authors")
    group = Resource("Authors", "AWS::Cognito::UserPoolGroup", "authors")
    with pytest.raises(UserError, match=r"Authors \(AWS::Cognito::UserPoolGroup authors\)"):
        purge(target, [group])
    assert users.get_group(UserPoolId=pool, GroupName="authors")
    purge(target, [group, Resource("Users", "AWS::Cognito::UserPool", pool)])
    with pytest.raises(ClientError):
        users.describe_user_pool(UserPoolId=pool)
