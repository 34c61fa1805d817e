"""Properties that the emulator's CloudFormation accepts and drops, though its services keep them."""

from __future__ import annotations

from typing import Any

from troposphere_arch.local.patches.provisioner import (
    Properties,
    afterwards,
    client,
    merge_stack_tags,
    truth,
    unless_gone,
)


def install_method_validator() -> None:
    """AWS::ApiGateway::Method RequestValidatorId.

    Stock: dropped, so a method accepts any body and lacks no parameter.
    AWS: 400 with the gateway responses BAD_REQUEST_BODY or BAD_REQUEST_PARAMETERS.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
    Patched: set on the method. An update puts the method anew, without it, so it is set again or stays away.
    """

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        if new.get("RequestValidatorId"):
            client("apigateway").update_method(
                restApiId=new["RestApiId"],
                resourceId=new["ResourceId"],
                httpMethod=new["HttpMethod"],
                patchOperations=[_replace("/requestValidatorId", new["RequestValidatorId"])],
            )

    afterwards("AWS::ApiGateway::Method", apply)


def install_stage_settings() -> None:
    """AWS::ApiGateway::Stage AccessLogSetting, CacheClusterEnabled and CacheClusterSize.

    Stock: dropped.
    AWS: an access log, a cache.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-apigateway-stage.html
    Patched: set on the stage, where GetStage shows them. The emulator still writes no access log and caches nothing.
    """

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        operations: list[dict[str, str]] = []
        if log := new.get("AccessLogSetting"):
            operations += [
                _replace("/accessLogSettings/destinationArn", log["DestinationArn"]),
                _replace("/accessLogSettings/format", log["Format"]),
            ]
        elif old.get("AccessLogSetting"):
            operations += [{"op": "remove", "path": f"/accessLogSettings/{k}"} for k in ("destinationArn", "format")]
        if "CacheClusterEnabled" in old or "CacheClusterEnabled" in new:
            enabled = truth(new.get("CacheClusterEnabled"))
            operations.append(_replace("/cacheClusterEnabled", str(enabled).lower()))
            if enabled:
                operations.append(_replace("/cacheClusterSize", str(new.get("CacheClusterSize", "0.5"))))
        if operations:
            client("apigateway").update_stage(
                restApiId=new["RestApiId"], stageName=physical_id, patchOperations=operations
            )

    afterwards("AWS::ApiGateway::Stage", apply)


def install_reserved_concurrency() -> None:
    """AWS::Lambda::Function ReservedConcurrentExecutions.

    Stock: dropped.
    AWS: the function never runs more often at once; 0 switches it off.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    Patched: set, and taken away again when an update no longer has it.
    """

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        if "ReservedConcurrentExecutions" in new:
            client("lambda").put_function_concurrency(
                FunctionName=physical_id, ReservedConcurrentExecutions=int(new["ReservedConcurrentExecutions"])
            )
        elif "ReservedConcurrentExecutions" in old:
            client("lambda").delete_function_concurrency(FunctionName=physical_id)

    afterwards("AWS::Lambda::Function", apply)


def install_function_network() -> None:
    """AWS::Lambda::Function VpcConfig.

    Stock: dropped.
    AWS: the function runs in these subnets; with empty lists, in none.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    Patched: set on the function, where GetFunctionConfiguration shows it, and emptied when an update has none. The
    emulator's functions run where it runs, whatever this says.
    """

    def network(properties: Properties) -> dict[str, Any]:
        given = properties.get("VpcConfig") or {}
        return {name: given.get(name) or [] for name in ("SubnetIds", "SecurityGroupIds")}

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        if network(old) != network(new):
            client("lambda").update_function_configuration(FunctionName=physical_id, VpcConfig=network(new))

    afterwards("AWS::Lambda::Function", apply)


def install_role_boundary() -> None:
    """AWS::IAM::Role PermissionsBoundary.

    Stock: dropped, on creation and update.
    AWS: the role can do nothing that the boundary does not allow.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    Patched: set through the IAM API, and taken away when an update no longer has it.
    """

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        if boundary := new.get("PermissionsBoundary"):
            client("iam").put_role_permissions_boundary(RoleName=physical_id, PermissionsBoundary=boundary)
        elif old.get("PermissionsBoundary"):
            client("iam").delete_role_permissions_boundary(RoleName=physical_id)

    afterwards("AWS::IAM::Role", apply)


def install_table_settings() -> None:
    """AWS::DynamoDB::Table PointInTimeRecoverySpecification, TimeToLiveSpecification and SSESpecification.

    Stock: the first two are dropped; the third is dropped on creation and, on an update, always taken for "disabled".
    (DeletionProtectionEnabled is kept.)
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dynamodb-table.html
    Patched: set through the DynamoDB API, and set back when an update no longer has them.
    """

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        dynamodb = client("dynamodb")
        if recovery := _declared("PointInTimeRecoverySpecification", old, new, {"PointInTimeRecoveryEnabled": False}):
            enabled = truth(recovery["PointInTimeRecoveryEnabled"])
            dynamodb.update_continuous_backups(
                TableName=physical_id, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
            )
        before = old.get("TimeToLiveSpecification") or {}
        if life := _declared("TimeToLiveSpecification", old, new, {**before, "Enabled": False}):
            dynamodb.update_time_to_live(
                TableName=physical_id,
                TimeToLiveSpecification={"AttributeName": life["AttributeName"], "Enabled": truth(life["Enabled"])},
            )
        if encryption := _declared("SSESpecification", old, new, {"SSEEnabled": False}):
            specification: dict[str, Any] = {
                key: encryption[key] for key in ("SSEType", "KMSMasterKeyId") if key in encryption
            }
            specification["Enabled"] = truth(encryption["SSEEnabled"])
            dynamodb.update_table(TableName=physical_id, SSESpecification=specification)

    afterwards("AWS::DynamoDB::Table", apply)


def install_bucket_settings() -> None:
    """AWS::S3::Bucket LifecycleConfiguration, BucketEncryption, OwnershipControls, ObjectLockConfiguration,
    AccelerateConfiguration and Tags.

    Stock: dropped, and the stack's tags too. GetBucketEncryption answers AES256 whatever the template says.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-s3-bucket.html
    Patched: set through the S3 API, and removed when an update no longer has them. Nothing expires in the emulator.
    """

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        s3 = client("s3")
        if lifecycle := new.get("LifecycleConfiguration"):
            s3.put_bucket_lifecycle_configuration(
                Bucket=physical_id,
                LifecycleConfiguration={"Rules": [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]},
            )
        elif "LifecycleConfiguration" in old:
            s3.delete_bucket_lifecycle(Bucket=physical_id)
        if encryption := new.get("BucketEncryption"):
            rules = [_encryption_rule(rule) for rule in encryption["ServerSideEncryptionConfiguration"]]
            s3.put_bucket_encryption(Bucket=physical_id, ServerSideEncryptionConfiguration={"Rules": rules})
        elif "BucketEncryption" in old:
            s3.delete_bucket_encryption(Bucket=physical_id)
        if ownership := new.get("OwnershipControls"):
            s3.put_bucket_ownership_controls(Bucket=physical_id, OwnershipControls={"Rules": ownership["Rules"]})
        elif "OwnershipControls" in old:
            with unless_gone("OwnershipControlsNotFoundError"):
                s3.delete_bucket_ownership_controls(Bucket=physical_id)
        if lock := new.get("ObjectLockConfiguration"):
            s3.put_object_lock_configuration(Bucket=physical_id, ObjectLockConfiguration=_lock(lock))
        elif "ObjectLockConfiguration" in old:
            s3.put_object_lock_configuration(
                Bucket=physical_id, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
            )
        if acceleration := _declared("AccelerateConfiguration", old, new, {"AccelerationStatus": "Suspended"}):
            s3.put_bucket_accelerate_configuration(
                Bucket=physical_id, AccelerateConfiguration={"Status": acceleration["AccelerationStatus"]}
            )
        if tags := new.get("Tags"):
            s3.put_bucket_tagging(Bucket=physical_id, Tagging={"TagSet": tags})
        elif old.get("Tags"):
            s3.delete_bucket_tagging(Bucket=physical_id)

    merge_stack_tags("AWS::S3::Bucket")
    afterwards("AWS::S3::Bucket", apply)


def _replace(path: str, value: str) -> dict[str, str]:
    return {"op": "replace", "path": path, "value": value}


def _declared(name: str, old: Properties, new: Properties, otherwise: dict[str, Any]) -> dict[str, Any] | None:
    """The new value; `otherwise` when only the old properties have one; None when neither has."""
    value: dict[str, Any] | None = new.get(name)
    return value if value else otherwise if old.get(name) else None


def _lock(configuration: Properties) -> dict[str, Any]:
    retention = dict(configuration["Rule"]["DefaultRetention"])
    retention |= {unit: int(retention[unit]) for unit in ("Days", "Years") if unit in retention}
    return {**configuration, "Rule": {"DefaultRetention": retention}}


def _encryption_rule(rule: Properties) -> dict[str, Any]:
    api: dict[str, Any] = {}
    if default := rule.get("ServerSideEncryptionByDefault"):
        api["ApplyServerSideEncryptionByDefault"] = default
    if "BucketKeyEnabled" in rule:
        api["BucketKeyEnabled"] = truth(rule["BucketKeyEnabled"])
    return api


def _lifecycle_rule(rule: Properties) -> dict[str, Any]:
    """A rule as the S3 API takes it. A key that is not handled here is an error, never dropped in silence."""
    expiration: dict[str, Any] = {}
    api: dict[str, Any] = {"Filter": {"Prefix": ""}}
    for key, value in rule.items():
        match key:
            case "Id":
                api["ID"] = value
            case "Status":
                api["Status"] = value
            case "Prefix":
                api["Filter"] = {"Prefix": value}
            case "ExpirationInDays":
                expiration["Days"] = int(value)
            case "ExpiredObjectDeleteMarker":
                expiration["ExpiredObjectDeleteMarker"] = truth(value)
            case "AbortIncompleteMultipartUpload" | "NoncurrentVersionExpiration":
                api[key] = {name: int(number) for name, number in value.items()}
            case "Transitions":
                api[key] = [{"Days": int(t["TransitionInDays"]), "StorageClass": t["StorageClass"]} for t in value]
            case _:
                raise ValueError(f"the emulator's patch for lifecycle rules does not know {key}")
    return {**api, **({"Expiration": expiration} if expiration else {})}
