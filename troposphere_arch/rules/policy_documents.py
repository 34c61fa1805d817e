"""E9002."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ._rule import Found, HouseRule
from ._template import Path, Policy, View, branches, conditions_in, intrinsic, items, principals, text, values

VERSION = "2012-10-17"

_REFERENCE = "https://docs.aws.amazon.com/service-authorization/latest/reference/"
# Actions whose row in the service authorization reference names no resource type, so that only `*` is possible.
WITHOUT_RESOURCE = {
    "application-autoscaling:DescribeScalableTargets": f"{_REFERENCE}list_awsapplicationautoscaling.html",
    "application-autoscaling:DescribeScalingPolicies": f"{_REFERENCE}list_awsapplicationautoscaling.html",
    "autoscaling:DescribeAutoScalingGroups": f"{_REFERENCE}list_amazonec2autoscaling.html",
    "autoscaling:DescribeAutoScalingInstances": f"{_REFERENCE}list_amazonec2autoscaling.html",
    "autoscaling:DescribeLifecycleHooks": f"{_REFERENCE}list_amazonec2autoscaling.html",
    "autoscaling:DescribeLoadBalancerTargetGroups": f"{_REFERENCE}list_amazonec2autoscaling.html",
    "autoscaling:DescribeNotificationConfigurations": f"{_REFERENCE}list_amazonec2autoscaling.html",
    "autoscaling:DescribePolicies": f"{_REFERENCE}list_amazonec2autoscaling.html",
    "autoscaling:DescribeScalingActivities": f"{_REFERENCE}list_amazonec2autoscaling.html",
    "autoscaling:DescribeScheduledActions": f"{_REFERENCE}list_amazonec2autoscaling.html",
    "autoscaling:DescribeTrafficSources": f"{_REFERENCE}list_amazonec2autoscaling.html",
    "cloudformation:ValidateTemplate": f"{_REFERENCE}list_awscloudformation.html",
    "cloudfront:CreateCachePolicy": f"{_REFERENCE}list_amazoncloudfront.html",
    "cloudfront:CreateDistribution": f"{_REFERENCE}list_amazoncloudfront.html",
    "cloudfront:CreateFunction": f"{_REFERENCE}list_amazoncloudfront.html",
    "cloudfront:CreateMonitoringSubscription": f"{_REFERENCE}list_amazoncloudfront.html",
    "cloudfront:CreateOriginAccessControl": f"{_REFERENCE}list_amazoncloudfront.html",
    "cloudfront:CreateOriginRequestPolicy": f"{_REFERENCE}list_amazoncloudfront.html",
    "cloudfront:CreateResponseHeadersPolicy": f"{_REFERENCE}list_amazoncloudfront.html",
    "cloudfront:CreateVpcOrigin": f"{_REFERENCE}list_amazoncloudfront.html",
    "cloudfront:DeleteMonitoringSubscription": f"{_REFERENCE}list_amazoncloudfront.html",
    "cloudfront:GetMonitoringSubscription": f"{_REFERENCE}list_amazoncloudfront.html",
    "cognito-identity:CreateIdentityPool": f"{_REFERENCE}list_amazoncognitoidentity.html",
    "cognito-identity:SetIdentityPoolRoles": f"{_REFERENCE}list_amazoncognitoidentity.html",
    "cognito-idp:CreateUserPool": f"{_REFERENCE}list_amazoncognitouserpools.html",
    "dax:CreateParameterGroup": f"{_REFERENCE}list_amazondynamodbacceleratordax.html",
    "dax:CreateSubnetGroup": f"{_REFERENCE}list_amazondynamodbacceleratordax.html",
    "dax:DeleteParameterGroup": f"{_REFERENCE}list_amazondynamodbacceleratordax.html",
    "dax:DeleteSubnetGroup": f"{_REFERENCE}list_amazondynamodbacceleratordax.html",
    "dax:DescribeParameterGroups": f"{_REFERENCE}list_amazondynamodbacceleratordax.html",
    "dax:DescribeParameters": f"{_REFERENCE}list_amazondynamodbacceleratordax.html",
    "dax:DescribeSubnetGroups": f"{_REFERENCE}list_amazondynamodbacceleratordax.html",
    "dax:UpdateParameterGroup": f"{_REFERENCE}list_amazondynamodbacceleratordax.html",
    "dax:UpdateSubnetGroup": f"{_REFERENCE}list_amazondynamodbacceleratordax.html",
    "dynamodb:ListStreams": f"{_REFERENCE}list_amazondynamodb.html",
    "ec2:DescribeAccountAttributes": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeAddresses": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeAvailabilityZones": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeImages": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeInstances": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeInternetGateways": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeLaunchTemplateVersions": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeLaunchTemplates": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeNetworkAcls": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeNetworkInterfaces": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeRouteTables": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeSecurityGroupRules": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeSecurityGroups": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeSubnets": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeVpcEncryptionControls": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeVpcEndpoints": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeVpcs": f"{_REFERENCE}list_amazonec2.html",
    "ec2:DescribeVpnGateways": f"{_REFERENCE}list_amazonec2.html",
    "ecr:GetAuthorizationToken": f"{_REFERENCE}list_amazonelasticcontainerregistry.html",
    "elasticfilesystem:CreateFileSystem": f"{_REFERENCE}list_amazonelasticfilesystem.html",
    "elasticloadbalancing:DescribeCapacityReservation": f"{_REFERENCE}list_awselasticloadbalancingv2.html",
    "elasticloadbalancing:DescribeListenerAttributes": f"{_REFERENCE}list_awselasticloadbalancingv2.html",
    "elasticloadbalancing:DescribeListeners": f"{_REFERENCE}list_awselasticloadbalancingv2.html",
    "elasticloadbalancing:DescribeLoadBalancerAttributes": f"{_REFERENCE}list_awselasticloadbalancingv2.html",
    "elasticloadbalancing:DescribeLoadBalancers": f"{_REFERENCE}list_awselasticloadbalancingv2.html",
    "elasticloadbalancing:DescribeRules": f"{_REFERENCE}list_awselasticloadbalancingv2.html",
    "elasticloadbalancing:DescribeTags": f"{_REFERENCE}list_awselasticloadbalancingv2.html",
    "elasticloadbalancing:DescribeTargetGroupAttributes": f"{_REFERENCE}list_awselasticloadbalancingv2.html",
    "elasticloadbalancing:DescribeTargetGroups": f"{_REFERENCE}list_awselasticloadbalancingv2.html",
    "elasticloadbalancing:DescribeTargetHealth": f"{_REFERENCE}list_awselasticloadbalancingv2.html",
    "lambda:CreateEventSourceMapping": f"{_REFERENCE}list_awslambda.html",
    "logs:DescribeIndexPolicies": f"{_REFERENCE}list_amazoncloudwatchlogs.html",
    "logs:DescribeLogGroups": f"{_REFERENCE}list_amazoncloudwatchlogs.html",
    "logs:DescribeResourcePolicies": f"{_REFERENCE}list_amazoncloudwatchlogs.html",
    "route53:ListHostedZones": f"{_REFERENCE}list_amazonroute53.html",
    "secretsmanager:GetRandomPassword": f"{_REFERENCE}list_awssecretsmanager.html",
    "ses:DescribeConfigurationSet": f"{_REFERENCE}list_amazonses.html",
    "ssmmessages:CreateControlChannel": f"{_REFERENCE}list_amazonmessagegatewayservice.html",
    "ssmmessages:CreateDataChannel": f"{_REFERENCE}list_amazonmessagegatewayservice.html",
    "ssmmessages:OpenControlChannel": f"{_REFERENCE}list_amazonmessagegatewayservice.html",
    "ssmmessages:OpenDataChannel": f"{_REFERENCE}list_amazonmessagegatewayservice.html",
    "sts:GetCallerIdentity": f"{_REFERENCE}list_awssecuritytokenservice.html",
    "xray:GetSamplingRules": f"{_REFERENCE}list_awsx-ray.html",
    "xray:GetSamplingStatisticSummaries": f"{_REFERENCE}list_awsx-ray.html",
    "xray:GetSamplingTargets": f"{_REFERENCE}list_awsx-ray.html",
    "xray:PutTelemetryRecords": f"{_REFERENCE}list_awsx-ray.html",
    "xray:PutTraceSegments": f"{_REFERENCE}list_awsx-ray.html",
}
# Actions that name a resource in some requests only: the summary of a template by its address is no stack's, and
# metrics are of no data set unless somebody makes one.
NOT_ALWAYS = {
    "cloudformation:GetTemplateSummary": f"{_REFERENCE}list_awscloudformation.html",
    "cloudwatch:GetMetricData": f"{_REFERENCE}list_amazoncloudwatch.html",
    "cloudwatch:PutMetricData": f"{_REFERENCE}list_amazoncloudwatch.html",
}
_WITHOUT_RESOURCE = {action.lower() for action in (*WITHOUT_RESOURCE, *NOT_ALWAYS)}

# In the policy of a key `*` means that key, and the account's root must keep the right to manage it.
# https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
KEYS = ("AWS::KMS::Key", "AWS::KMS::ReplicaKey")
# The policy of an endpoint grants nothing, it limits what passes; gateway endpoints need Principal `*`.
# https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
ENDPOINTS = ("AWS::EC2::VPCEndpoint",)
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-custom-domains-provider-create.html
PRIVATE_NAME = "AWS::ApiGateway::DomainNameV2"
BUCKET_POLICY = "AWS::S3::BucketPolicy"


class PolicyDocuments(HouseRule):
    """Every IAM policy document names its version, and allows named actions on named resources to named principals.

    A missing version turns policy variables into literal text, and a wildcard grants what nobody has thought of. Two
    things may be said to everybody: to those of an organization, and, of a bucket whose user chose so by a parameter,
    to get an object by its name.
    """

    id = "E9002"
    shortdesc = "Policy documents are complete and narrow"
    source_url = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html"

    def check(self, view: View) -> Iterator[Found]:
        for policy in view.policies:
            for where, problem in _document(view, policy):
                yield policy.at(where), f"a policy of {policy.resource.name} {problem}"


def _document(view: View, policy: Policy) -> Iterator[tuple[Path, str]]:
    for where, version in values(policy.document, "Version"):
        if str(version) != VERSION:
            yield where, f"has Version {version!r}; write {VERSION}, or policy variables are taken literally"
    if _may_be_empty(policy.document):
        yield (), "may have no Statement; give it one that is under no condition, or put the condition on the policy"
    for where, statement in policy.statements():
        effects = list(values(statement, "Effect", path=where))
        for place, effect in effects:
            if effect not in ("Allow", "Deny"):
                yield place, f"has a statement with Effect {effect!r}; write Allow or Deny"
        if any(effect == "Allow" for _, effect in effects):
            public = _may_be_public(view, policy, where, statement)
            yield from (((*where, *place), problem) for place, problem in _allow(policy, statement, public))


def _may_be_empty(document: dict[Any, Any]) -> bool:
    """Whether conditions can leave the document without any statement."""
    for _, statements in values(document, "Statement"):
        elements = statements if isinstance(statements, list) else [statements]
        left_out = [_left_out(element) for element in elements]
        if all(left_out) and not any((name, not when) in left_out for name, when in filter(None, left_out) if name):
            return True
    return False


def _left_out(element: Any) -> tuple[str, bool] | None:
    """The condition, and its value, that leaves the element out of its list; None if nothing does."""
    if element is None:
        return "", True
    if all(value is not None for _, value in branches(element)):
        return None
    name, argument = intrinsic(element)
    names = conditions_in(element)
    if name == "Fn::If" and len(names) == 1:
        return names.pop(), argument[1] == {"Ref": "AWS::NoValue"}
    return "", True


def _may_be_public(view: View, policy: Policy, where: Path, statement: dict[Any, Any]) -> bool:
    """Whether the statement may name everybody: those of one organization, or readers that a user chose to let in.

    And of a private name who comes by its endpoint: who may invoke what is behind it is said there.
    """
    organizations = [who for _, who in items(statement.get("Condition"), "StringEquals", "aws:PrincipalOrgID")]
    if organizations and not any("*" in (text(who) or "*") for who in organizations):
        return True
    if policy.resource.type == PRIVATE_NAME:
        actions = {str(text(one)) for _, one in items(statement, "Action")}
        return any(_not_by_endpoint(other, actions) for _, other in policy.statements())
    only_read = [action for _, action in items(statement, "Action")] == ["s3:GetObject"]
    return policy.resource.type == BUCKET_POLICY and only_read and bool(view.chosen_by(policy.at(where)))


def _not_by_endpoint(statement: dict[Any, Any], actions: set[str]) -> bool:
    """Whether the statement denies everybody these actions who does not come by an endpoint that it names."""
    condition = statement.get("Condition")
    named = [text(one) for _, one in items(condition, "StringNotEquals", "aws:SourceVpce")]
    alone = isinstance(condition, dict) and [list(block) for block in condition.values()] == [["aws:SourceVpce"]]
    return (
        statement.get("Effect") == "Deny"
        and alone
        and bool(named)
        and not {None, "", "*"} & set(named)
        and actions <= {str(text(one)) for _, one in items(statement, "Action")}
        and all(text(who) == "*" for _, _, who in principals(statement))
    )


def _allow(policy: Policy, statement: dict[Any, Any], public: bool) -> Iterator[tuple[Path, str]]:
    for key in ("NotAction", "NotPrincipal", "NotResource"):
        if key in statement:
            yield (key,), f"allows by {key}, that is everything else; list what is allowed"

    own_key = policy.resource.type in KEYS
    root = own_key and all(str(text(who)).endswith(":root") for _, _, who in principals(statement))
    actions = list(items(statement, "Action"))
    for where, action in actions:
        if "*" in (text(action) or "") and not (root and action == "kms:*"):
            yield where, f"allows the action {action!r}; name the actions that are needed"

    without_resource = all(str(text(action)).lower() in _WITHOUT_RESOURCE for _, action in actions)
    for where, resource in items(statement, "Resource"):
        if _is_everything(text(resource)) and not own_key and not (actions and without_resource):
            named = ", ".join(str(text(action)) for _, action in actions)
            yield where, f"allows {named} on every resource ({text(resource)}); name the resource"

    for where, _, who in principals(statement):
        if text(who) == "*" and policy.resource.type not in ENDPOINTS and not public:
            yield where, 'allows Principal "*", that is anybody; name the principal'


def _is_everything(resource: str | None) -> bool:
    """`*`, or an ARN that leaves open which resource of a service is meant."""
    plain = re.sub(r"\$\{[^}]*\}", "@", resource or "")
    return plain == "*" or re.fullmatch(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:\**", plain) is not None
