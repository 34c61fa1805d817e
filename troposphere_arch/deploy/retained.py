"""What stays when a stack is deleted, and how it is removed when it is not wanted any more."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UserError
from .events import waits
from .failures import aws_errors, error_code
from .target import Target

_RETAINING = ("Retain", "RetainExceptOnCreate")
_OF_POOLS = ("AWS::Cognito::UserPoolClient", "AWS::Cognito::UserPoolGroup")
_GONE = {
    "404",
    "FileSystemNotFound",
    "MountTargetNotFound",
    "NoSuchBucket",
    "NoSuchUpload",
    "RepositoryNotFoundException",
    "ResourceNotFoundException",
    "TableNotFoundException",
}


@dataclass(frozen=True)
class Resource:
    """One resource of a stack."""

    logical_id: str
    type: str
    physical_id: str


@aws_errors()
def retained(target: Target, stack_name: str, template: Mapping[str, Any]) -> list[Resource]:
    """The resources of a stack that its template keeps when the stack is deleted. To be asked before that.

    Raises UserError when there is no such stack.
    """
    kept = {name for name, resource in template["Resources"].items() if resource.get("DeletionPolicy") in _RETAINING}
    pages = target.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack_name)
    return [
        Resource(summary["LogicalResourceId"], summary["ResourceType"], summary["PhysicalResourceId"])
        for page in pages
        for summary in page["StackResourceSummaries"]
        if summary["LogicalResourceId"] in kept
        and summary.get("PhysicalResourceId")
        and summary["ResourceStatus"] != "DELETE_COMPLETE"
    ]


@aws_errors()
def purge(target: Target, resources: Sequence[Resource]) -> None:
    """Remove resources for good, with all data in them, and switch off what protects them from it.

    One that is gone already counts as removed. Raises UserError as `check_purge` does, before anything is removed.
    """
    check_purge(resources)
    removers = _removers()
    for resource in resources:
        if resource.type in removers:
            with _gone_is_done():
                removers[resource.type](target, resource.physical_id)


def check_purge(resources: Sequence[Resource]) -> None:
    """Raises UserError when `purge` does not know how to remove one of the resources."""
    types = {resource.type for resource in resources}
    # App clients and groups go with their pool, whose id they do not tell.
    with_pool = set(_OF_POOLS) if "AWS::Cognito::UserPool" in types else set()
    if unknown := [r for r in resources if r.type not in _removers().keys() | with_pool]:
        named = ", ".join(f"{resource.logical_id} ({resource.type} {resource.physical_id})" for resource in unknown)
        raise UserError(f"nothing was removed, since these must be removed by hand first: {named}")


def _removers() -> dict[str, Callable[[Target, str], None]]:
    return {
        "AWS::DynamoDB::GlobalTable": _remove_table,
        "AWS::DynamoDB::Table": _remove_table,
        "AWS::ECR::Repository": _remove_repository,
        "AWS::EFS::FileSystem": _remove_file_system,
        "AWS::Lambda::Version": _remove_version,
        "AWS::S3::Bucket": _remove_bucket,
        "AWS::Cognito::UserPool": _remove_user_pool,
        "AWS::Cognito::IdentityPool": _remove_identity_pool,
    }


@contextlib.contextmanager
def _gone_is_done() -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error_code(error) not in _GONE:
            raise


def _remove_table(target: Target, name: str) -> None:
    """Remove a table, its replicas in other regions first. One that is protected there says so, and stops it all."""
    dynamodb = target.client("dynamodb")
    table = dynamodb.describe_table(TableName=name)["Table"]
    for region in _replicas(table, target.region):
        dynamodb.update_table(TableName=name, ReplicaUpdates=[{"Delete": {"RegionName": region}}])
        for _ in waits():
            if region not in _replicas(dynamodb.describe_table(TableName=name)["Table"], target.region):
                break
    if table.get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    for _ in waits():
        if dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] not in ("CREATING", "UPDATING"):
            break
    dynamodb.delete_table(TableName=name)
    for _ in waits():
        dynamodb.describe_table(TableName=name)  # until it says that there is no such table


def _replicas(table: Mapping[str, Any], own: str) -> list[str]:
    """The other regions that have a copy of the table."""
    return sorted({replica["RegionName"] for replica in table.get("Replicas") or []} - {own})


def _remove_bucket(target: Target, name: str) -> None:
    s3 = target.client("s3")
    # Names of buckets are everybody's: one that was deleted may have become another account's since.
    ours = {"Bucket": name, "ExpectedBucketOwner": target.account}
    # Emptied page by page, always from the beginning: what was deleted moves the rest up.
    while page := _versions(s3.list_object_versions(**ours)):
        failed = s3.delete_objects(**ours, Delete={"Objects": page, "Quiet": True}).get("Errors", [])
        if failed:
            first = failed[0]
            raise UserError(f"{first['Key']} in bucket {name} can't be deleted: {first.get('Message', first['Code'])}")
    for page in s3.get_paginator("list_multipart_uploads").paginate(**ours):
        for upload in page.get("Uploads", []):
            with _gone_is_done():
                s3.abort_multipart_upload(**ours, Key=upload["Key"], UploadId=upload["UploadId"])
    s3.delete_bucket(**ours)


def _versions(page: Mapping[str, Any]) -> list[dict[str, str]]:
    found: Iterable[Mapping[str, str]] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in found]


def _remove_file_system(target: Target, name: str) -> None:
    """Remove a file system, after what somebody mounts it by. Its backups stay: they are AWS Backup's.

    https://docs.aws.amazon.com/efs/latest/ug/API_DeleteFileSystem.html
    """
    efs = target.client("efs")
    for mount in efs.describe_mount_targets(FileSystemId=name)["MountTargets"]:
        with _gone_is_done():
            efs.delete_mount_target(MountTargetId=mount["MountTargetId"])
    for _ in waits():
        if not efs.describe_mount_targets(FileSystemId=name)["MountTargets"]:
            break
    efs.delete_file_system(FileSystemId=name)
    for _ in waits():
        efs.describe_file_systems(FileSystemId=name)  # until it says that there is no such file system


def _remove_repository(target: Target, name: str) -> None:
    """Remove a repository with its images."""
    target.client("ecr").delete_repository(registryId=target.account, repositoryName=name, force=True)


def _remove_version(target: Target, arn: str) -> None:
    """Remove a version of a function, which is gone already when its function is."""
    target.client("lambda").delete_function(FunctionName=arn)


def _remove_user_pool(target: Target, pool_id: str) -> None:
    users = target.client("cognito-idp")
    pool = users.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    for domain in (pool.get("Domain"), pool.get("CustomDomain")):
        if domain:
            users.delete_user_pool_domain(UserPoolId=pool_id, Domain=domain)
    if pool.get("DeletionProtection") == "ACTIVE":
        # This sets every setting that it does not name back to its default, which matters no more.
        users.update_user_pool(UserPoolId=pool_id, DeletionProtection="INACTIVE")
    users.delete_user_pool(UserPoolId=pool_id)


def _remove_identity_pool(target: Target, pool_id: str) -> None:
    target.client("cognito-identity").delete_identity_pool(IdentityPoolId=pool_id)
