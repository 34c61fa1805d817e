"""What the emulator's CloudFormation drops, or updates otherwise than AWS, of a network, a fleet and a balancer."""

from __future__ import annotations

import importlib
import json
import string
from typing import Any

from troposphere_arch.local.patches.expect import expect_function, expect_keys
from troposphere_arch.local.patches.provisioner import (
    Created,
    Properties,
    afterwards,
    before_update,
    client,
    importable,
    register,
    truth,
    unless_gone,
)

_HANDLERS = "_RESOURCE_HANDLERS"

_CREATE_ONLY: dict[str, tuple[str, ...]] = {
    "AWS::AutoScaling::AutoScalingGroup": ("AutoScalingGroupName", "InstanceId"),
    "AWS::AutoScaling::ScalingPolicy": ("AutoScalingGroupName",),
    "AWS::CloudFront::CachePolicy": (),
    "AWS::CloudFront::Distribution": (),
    "AWS::CloudFront::ResponseHeadersPolicy": (),
    "AWS::CloudFront::VpcOrigin": (),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateName",),
    "AWS::EC2::SecurityGroup": ("GroupDescription", "GroupName", "VpcId"),
    "AWS::EC2::VPCEndpoint": ("ServiceName", "VpcEndpointType", "VpcId"),
    "AWS::ElasticLoadBalancingV2::Listener": ("LoadBalancerArn",),
    "AWS::ElasticLoadBalancingV2::ListenerRule": ("ListenerArn",),
    "AWS::Route53::RecordSet": ("HostedZoneId", "HostedZoneName", "Name"),
}
"""Properties whose change replaces the resource, as the pages of the types say. Of other types nothing is said here."""

_CONDITIONALLY = {
    "AWS::AutoScaling::AutoScalingGroup": (
        "LaunchConfigurationName",
        "LaunchTemplate",
        "MixedInstancesPolicy",
        "VPCZoneIdentifier",
    )
}


def install_vpc_attributes() -> None:
    """AWS::EC2::VPC: the attribute CidrBlock.

    Stock: `Fn::GetAtt` of it fails, and the stack with it.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-vpc.html
    Patched: given. CidrBlockAssociations is not.
    """
    handlers = expect_keys(_provisioners(), _HANDLERS, "AWS::EC2::VPC")
    stock = handlers["AWS::EC2::VPC"]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        made, attributes = stock["create"](logical_id, properties, stack_name)
        return made, {**attributes, "CidrBlock": properties["CidrBlock"]}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str, *logical_id: str) -> Created:
        made, attributes = stock["update"](physical_id, old, new, stack_name, *logical_id)
        return made, {**attributes, "CidrBlock": new["CidrBlock"]}

    handlers["AWS::EC2::VPC"] = {**stock, "create": create, "update": update}


def install_group_capacity() -> None:
    """AWS::AutoScaling::AutoScalingGroup: the capacity that scaling reached, and TargetGroupARNs.

    Stock: every update of a group without DesiredCapacity sets it to MinSize; TargetGroupARNs are dropped.
    AWS: an update that says nothing of DesiredCapacity leaves it, within the new MinSize and MaxSize. Instances are
    registered with the target groups.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-autoscaling-autoscalinggroup.html
    Patched: the capacity is left, and DescribeAutoScalingGroups shows the target groups; nothing is registered. As on
    stock, a creation or an update waits for no signal, and no instance is ever replaced by an update.
    """
    groups: Any = importlib.import_module("ministack.services.autoscaling")
    describe = expect_function(groups, "_describe_asgs", "p")

    def keep(physical_id: str, old: Properties, new: Properties) -> tuple[Properties, Properties]:
        group = groups._asgs.get(physical_id)
        if group is None or "DesiredCapacity" in new:
            return old, new
        most = max(int(new["MinSize"]), group["DesiredCapacity"])
        return old, {**new, "DesiredCapacity": min(most, int(new["MaxSize"]))}

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        groups._asgs[physical_id]["TargetGroupARNs"] = list(new.get("TargetGroupARNs") or [])

    def patched_describe(parameters: Any) -> Any:
        status, headers, body = describe(parameters)
        for name, group in groups._asgs.items():
            if group.get("TargetGroupARNs"):
                after = f"<AutoScalingGroupName>{name}</AutoScalingGroupName><AutoScalingGroupARN>".encode()
                members = "".join(f"<member>{arn}</member>" for arn in group["TargetGroupARNs"])
                body = body.replace(after, f"<TargetGroupARNs>{members}</TargetGroupARNs>".encode() + after)
        return status, headers, body

    before_update("AWS::AutoScaling::AutoScalingGroup", keep)
    afterwards("AWS::AutoScaling::AutoScalingGroup", apply)
    expect_keys(groups, "_ACTION_MAP", "DescribeAutoScalingGroups")["DescribeAutoScalingGroups"] = patched_describe


def install_listener_attributes() -> None:
    """AWS::ElasticLoadBalancingV2::Listener ListenerAttributes.

    Stock: dropped on creation (an update keeps them).
    AWS: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-attributes.html
    Patched: set on creation too.
    """

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        if not old and new.get("ListenerAttributes"):
            client("elbv2").modify_listener_attributes(
                ListenerArn=physical_id,
                Attributes=[{"Key": a["Key"], "Value": str(a["Value"])} for a in new["ListenerAttributes"]],
            )

    afterwards("AWS::ElasticLoadBalancingV2::Listener", apply)


def install_generated_secrets() -> None:
    """AWS::SecretsManager::Secret GenerateSecretString: which characters are left out.

    Stock: of the Exclude properties, only ExcludeCharacters counts. A key that is meant to be letters and digits holds
    `*` and `?`, which are wildcards in a rule of a load balancer.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-secretsmanager-secret-generatesecretstring.html
    Patched: ExcludeLowercase, ExcludeNumbers, ExcludePunctuation and ExcludeUppercase count too.
    """
    provisioners = _provisioners()
    generate = expect_function(provisioners, "_sm_secret_string", "props")
    kinds = {
        "ExcludeLowercase": string.ascii_lowercase,
        "ExcludeNumbers": string.digits,
        "ExcludePunctuation": string.punctuation,
        "ExcludeUppercase": string.ascii_uppercase,
    }

    def patched_generate(props: dict[str, Any]) -> Any:
        how = props.get("GenerateSecretString")
        if not how:
            return generate(props)
        left_out = "".join(characters for name, characters in kinds.items() if truth(how.get(name)))
        how = {**how, "ExcludeCharacters": how.get("ExcludeCharacters", "") + left_out}
        return generate({**props, "GenerateSecretString": how})

    provisioners._sm_secret_string = patched_generate


def install_change_sets() -> None:
    """What a change set says about replacement.

    Stock: of many types it does not know which properties replace the resource, and calls each change "Conditional"; so
    what refers to such a resource is said to change as well.
    AWS: "False" where the page of the type says "No interruption".
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    Patched: known of the types of a fleet, its balancer and its edge.
    """
    provisioners = _provisioners()
    expect_keys(provisioners, "_REPLACING_PROPERTIES", "AWS::Lambda::Function").update(_CREATE_ONLY)
    expect_keys(provisioners, "_CONDITIONALLY_REPLACING_PROPERTIES", "AWS::DynamoDB::Table").update(_CONDITIONALLY)


def install_file_system_import() -> None:
    """AWS::EFS::FileSystem in change sets of type IMPORT.

    Stock: "ResourceTypes [AWS::EFS::FileSystem] are not supported for Import".
    AWS: imported by its FileSystemId.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-supported-resources.html
    Patched: just that.
    """

    efs: Any = importlib.import_module("ministack.services.efs")
    # Called, not asked over HTTP: change sets are made where requests are answered, which would wait for itself.
    describe = expect_function(efs, "_describe_file_systems", "query")

    def find(name: str) -> dict[str, str] | None:
        status, _, body = describe({"FileSystemId": name})
        if status != 200:
            return None
        [found] = json.loads(body)["FileSystems"]
        return {"Arn": found["FileSystemArn"], "FileSystemId": name}

    importable("AWS::EFS::FileSystem", "FileSystemId", find)


def install_vpc_origin() -> None:
    """AWS::CloudFront::VpcOrigin.

    Stock: "Unrecognized resource types", and no stack; CloudFront's own API has them.
    AWS: how CloudFront reaches a load balancer inside a VPC.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudfront-vpcorigin.html
    Patched: made, updated and deleted through the CloudFront API, which refuses a change, and a deletion, while a
    distribution uses it.
    """

    def config(properties: Properties) -> dict[str, Any]:
        given = properties["VpcOriginEndpointConfig"]
        protocols = given.get("OriginSSLProtocols")
        listed = {"OriginSslProtocols": {"Quantity": len(protocols), "Items": protocols}} if protocols else {}
        return {
            "Name": given["Name"],
            "Arn": given["Arn"],
            "HTTPPort": int(given.get("HTTPPort", 80)),
            "HTTPSPort": int(given.get("HTTPSPort", 443)),
            "OriginProtocolPolicy": given.get("OriginProtocolPolicy", "match-viewer"),
            **listed,
        }

    def attributes(origin: dict[str, Any]) -> dict[str, Any]:
        times = {name: origin[name].isoformat() for name in ("CreatedTime", "LastModifiedTime")}
        return {**{name: origin[name] for name in ("Id", "Arn", "Status", "AccountId")}, **times}

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        tags = {"Tags": {"Items": list(properties["Tags"])}} if properties.get("Tags") else {}
        origin = client("cloudfront").create_vpc_origin(VpcOriginEndpointConfig=config(properties), **tags)["VpcOrigin"]
        return origin["Id"], attributes(origin)

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        cloudfront = client("cloudfront")
        origin = cloudfront.update_vpc_origin(
            Id=physical_id,
            IfMatch=cloudfront.get_vpc_origin(Id=physical_id)["ETag"],
            VpcOriginEndpointConfig=config(new),
        )["VpcOrigin"]
        return physical_id, attributes(origin)

    def delete(physical_id: str, properties: Properties) -> None:
        cloudfront = client("cloudfront")
        with unless_gone("EntityNotFound"):
            cloudfront.delete_vpc_origin(Id=physical_id, IfMatch=cloudfront.get_vpc_origin(Id=physical_id)["ETag"])

    register("AWS::CloudFront::VpcOrigin", create=create, update=update, delete=delete)


def _provisioners() -> Any:
    return importlib.import_module("ministack.services.cloudformation.provisioners")
