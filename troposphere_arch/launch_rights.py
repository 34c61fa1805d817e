"""What CloudFormation does on behalf of whoever launches a template: for each resource type its actions, and on what.

    resource types of a template ──RIGHTS──▶ actions by resource ──grants.launch──▶ policies of a launch role

From the permissions that the handlers of each type name in its schema, without those that only properties need which no
template of ours has; a test holds the two together, with a reason for whatever is left out. Service Catalog names its
stacks SC-<account>-pp-..., and CloudFormation begins a name that it makes with the stack's: where a service has such
names, they limit what a launch can touch. What AWS names otherwise (a REST API, a VPC) is limited to its kind.
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-handlers
https://docs.aws.amazon.com/servicecatalog/latest/adminguide/constraints-launch.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Patterns are ARNs without `arn:<partition>:`. `@` is the region and the account of the stack, `~` how the names of
# stacks begin that Service Catalog makes.
LAUNCHED = "SC-${AWS::AccountId}-pp-"
API = "apigateway:${AWS::Region}::/restapis/*"
APIS = "apigateway:${AWS::Region}::/restapis"
DOMAIN = "apigateway:${AWS::Region}::/domainnames/*"
DOMAINS = "apigateway:${AWS::Region}::/domainnames"
TAGS = "apigateway:${AWS::Region}::/tags/*"
FUNCTION = "lambda:@:function:~*"
QUEUE = "sqs:@:~*"
BUCKET = "s3:::sc-${AWS::AccountId}-pp-*"
# Nothing of these services has an ARN for such an action, or only a look around is meant.
EVERYTHING = "*"
# Filled in from the template that the rights are for.
ROLES = "roles of the product"
LAYERS = "layers in the artifact bucket"

_SEE_NETWORK = "ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcs"

RIGHTS: dict[str, dict[str, str]] = {
    "AWS::ApiGateway::ApiKey": {
        "apigateway:${AWS::Region}::/apikeys": "apigateway:POST",
        "apigateway:${AWS::Region}::/apikeys/*": "apigateway:DELETE apigateway:GET apigateway:PATCH",
        TAGS: "apigateway:PUT",
    },
    "AWS::ApiGateway::Authorizer": {API: "apigateway:DELETE apigateway:GET apigateway:PATCH apigateway:POST"},
    "AWS::ApiGateway::BasePathMapping": {
        DOMAIN: "apigateway:DELETE apigateway:GET apigateway:PATCH apigateway:POST",
    },
    "AWS::ApiGateway::Deployment": {
        API: "apigateway:DELETE apigateway:GET apigateway:PATCH apigateway:POST apigateway:PUT"
    },
    # The first custom domain name of an account makes API Gateway's role, which the schema does not say:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html
    "AWS::ApiGateway::DomainName": {
        DOMAINS: "apigateway:POST",
        DOMAIN: "apigateway:DELETE apigateway:GET apigateway:PATCH",
        "iam::${AWS::AccountId}:role/aws-service-role/ops.apigateway.amazonaws.com/*": "iam:CreateServiceLinkedRole",
        TAGS: "apigateway:DELETE apigateway:GET apigateway:PUT",
    },
    "AWS::ApiGateway::GatewayResponse": {API: "apigateway:DELETE apigateway:GET apigateway:PUT"},
    "AWS::ApiGateway::Method": {API: "apigateway:DELETE apigateway:GET apigateway:PUT"},
    "AWS::ApiGateway::Model": {API: "apigateway:DELETE apigateway:GET apigateway:PATCH apigateway:POST"},
    "AWS::ApiGateway::RequestValidator": {API: "apigateway:DELETE apigateway:GET apigateway:PATCH apigateway:POST"},
    "AWS::ApiGateway::Resource": {API: "apigateway:DELETE apigateway:GET apigateway:PATCH apigateway:POST"},
    "AWS::ApiGateway::RestApi": {
        APIS: "apigateway:POST",
        API: "apigateway:DELETE apigateway:GET apigateway:PATCH",
        TAGS: "apigateway:DELETE apigateway:GET apigateway:PUT",
    },
    "AWS::ApiGateway::Stage": {
        API: "apigateway:DELETE apigateway:GET apigateway:PATCH apigateway:POST",
        TAGS: "apigateway:DELETE apigateway:GET apigateway:PUT",
    },
    "AWS::ApiGateway::UsagePlan": {
        "apigateway:${AWS::Region}::/usageplans": "apigateway:POST",
        "apigateway:${AWS::Region}::/usageplans/*": "apigateway:DELETE apigateway:GET apigateway:PATCH",
        TAGS: "apigateway:PUT",
    },
    "AWS::ApiGateway::UsagePlanKey": {
        "apigateway:${AWS::Region}::/usageplans/*": "apigateway:DELETE apigateway:GET apigateway:POST",
    },
    "AWS::Budgets::Budget": {
        "budgets::${AWS::AccountId}:budget/*": "budgets:ListTagsForResource budgets:ModifyBudget budgets:TagResource "
        "budgets:UntagResource budgets:ViewBudget",
    },
    # CloudFront gives its policies and distributions ids of its own, so they are limited to their kind.
    "AWS::CloudFront::CachePolicy": {
        EVERYTHING: "cloudfront:CreateCachePolicy",
        "cloudfront::${AWS::AccountId}:cache-policy/*": "cloudfront:DeleteCachePolicy cloudfront:GetCachePolicy "
        "cloudfront:UpdateCachePolicy",
    },
    # With access logs, CloudFront enters itself in the ACL of the bucket in the name of whoever makes the distribution:
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
    "AWS::CloudFront::Distribution": {
        EVERYTHING: "cloudfront:CreateDistribution",
        "cloudfront::${AWS::AccountId}:distribution/*": "cloudfront:DeleteDistribution cloudfront:GetDistribution "
        "cloudfront:GetDistributionConfig cloudfront:ListTagsForResource cloudfront:TagResource "
        "cloudfront:UntagResource cloudfront:UpdateDistribution",
        BUCKET: "s3:GetBucketAcl s3:PutBucketAcl",
    },
    "AWS::CloudFront::Function": {
        EVERYTHING: "cloudfront:CreateFunction",
        "cloudfront::${AWS::AccountId}:function/*": "cloudfront:DeleteFunction cloudfront:DescribeFunction "
        "cloudfront:GetFunction cloudfront:ListTagsForResource cloudfront:PublishFunction cloudfront:TagResource "
        "cloudfront:UntagResource cloudfront:UpdateFunction",
    },
    "AWS::CloudFront::MonitoringSubscription": {
        EVERYTHING: "cloudfront:CreateMonitoringSubscription cloudfront:DeleteMonitoringSubscription "
        "cloudfront:GetMonitoringSubscription",
    },
    "AWS::CloudFront::OriginAccessControl": {
        EVERYTHING: "cloudfront:CreateOriginAccessControl",
        "cloudfront::${AWS::AccountId}:origin-access-control/*": "cloudfront:DeleteOriginAccessControl "
        "cloudfront:GetOriginAccessControl cloudfront:UpdateOriginAccessControl",
    },
    "AWS::CloudFront::OriginRequestPolicy": {
        EVERYTHING: "cloudfront:CreateOriginRequestPolicy",
        "cloudfront::${AWS::AccountId}:origin-request-policy/*": "cloudfront:DeleteOriginRequestPolicy "
        "cloudfront:GetOriginRequestPolicy cloudfront:UpdateOriginRequestPolicy",
    },
    "AWS::CloudFront::ResponseHeadersPolicy": {
        EVERYTHING: "cloudfront:CreateResponseHeadersPolicy",
        "cloudfront::${AWS::AccountId}:response-headers-policy/*": "cloudfront:DeleteResponseHeadersPolicy "
        "cloudfront:GetResponseHeadersPolicy cloudfront:UpdateResponseHeadersPolicy",
    },
    "AWS::CloudWatch::Alarm": {
        "cloudwatch:@:alarm:~*": "cloudwatch:DeleteAlarms cloudwatch:ListTagsForResource cloudwatch:PutMetricAlarm "
        "cloudwatch:TagResource cloudwatch:UntagResource",
        "cloudwatch:@:alarm:*": "cloudwatch:DescribeAlarms",
    },
    "AWS::CloudWatch::Dashboard": {
        "cloudwatch::${AWS::AccountId}:dashboard/*": "cloudwatch:DeleteDashboards cloudwatch:GetDashboard "
        "cloudwatch:ListTagsForResource cloudwatch:PutDashboard cloudwatch:TagResource cloudwatch:UntagResource",
    },
    "AWS::Cognito::IdentityPool": {
        EVERYTHING: "cognito-identity:CreateIdentityPool",
        "cognito-identity:@:identitypool/*": "cognito-identity:DeleteIdentityPool "
        "cognito-identity:DescribeIdentityPool cognito-identity:ListTagsForResource cognito-identity:TagResource "
        "cognito-identity:UntagResource cognito-identity:UpdateIdentityPool",
    },
    "AWS::Cognito::IdentityPoolRoleAttachment": {
        EVERYTHING: "cognito-identity:SetIdentityPoolRoles",
        "cognito-identity:@:identitypool/*": "cognito-identity:GetIdentityPoolRoles",
        ROLES: "iam:PassRole",
    },
    "AWS::Cognito::UserPool": {
        EVERYTHING: "cognito-idp:CreateUserPool",
        "cognito-idp:@:userpool/*": "cognito-idp:AddCustomAttributes cognito-idp:DeleteUserPool "
        "cognito-idp:DescribeUserPool cognito-idp:GetUserPoolMfaConfig cognito-idp:ListTagsForResource "
        "cognito-idp:SetUserPoolMfaConfig cognito-idp:TagResource cognito-idp:UntagResource "
        "cognito-idp:UpdateUserPool",
        "iam::${AWS::AccountId}:role/aws-service-role/email.cognito-idp.amazonaws.com/*": "iam:CreateServiceLinkedRole",
    },
    "AWS::Cognito::UserPoolClient": {
        "cognito-idp:@:userpool/*": "cognito-idp:CreateUserPoolClient cognito-idp:DeleteUserPoolClient "
        "cognito-idp:DescribeUserPoolClient cognito-idp:ListUserPoolClientSecrets cognito-idp:UpdateUserPoolClient",
    },
    "AWS::Cognito::UserPoolGroup": {
        "cognito-idp:@:userpool/*": "cognito-idp:CreateGroup cognito-idp:DeleteGroup cognito-idp:GetGroup "
        "cognito-idp:UpdateGroup",
    },
    # The schema of clusters names no handler. What CreateCluster depends on:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodbacceleratordax.html
    "AWS::DAX::Cluster": {
        "dax:@:cache/*": "dax:CreateCluster dax:DecreaseReplicationFactor dax:DeleteCluster dax:DescribeClusters "
        "dax:IncreaseReplicationFactor dax:ListTags dax:TagResource dax:UntagResource dax:UpdateCluster",
        "ec2:@:network-interface/*": "ec2:CreateNetworkInterface ec2:DeleteNetworkInterface",
        "ec2:@:security-group/*": "ec2:CreateNetworkInterface",
        "ec2:@:subnet/*": "ec2:CreateNetworkInterface",
        EVERYTHING: f"ec2:DescribeNetworkInterfaces {_SEE_NETWORK}",
        ROLES: "iam:GetRole iam:PassRole",
        "iam::${AWS::AccountId}:role/aws-service-role/dax.amazonaws.com/*": "iam:CreateServiceLinkedRole",
    },
    "AWS::DAX::ParameterGroup": {
        EVERYTHING: "dax:CreateParameterGroup dax:DeleteParameterGroup dax:DescribeParameterGroups "
        "dax:DescribeParameters dax:UpdateParameterGroup",
    },
    "AWS::DAX::SubnetGroup": {
        EVERYTHING: "dax:CreateSubnetGroup dax:DeleteSubnetGroup dax:DescribeSubnetGroups dax:UpdateSubnetGroup",
        "iam::${AWS::AccountId}:role/aws-service-role/dax.amazonaws.com/*": "iam:CreateServiceLinkedRole",
    },
    # In every region that has a replica. The role that replicates, and what is described, the page names one by one:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dynamodb-globaltable.html
    "AWS::DynamoDB::GlobalTable": {
        "dynamodb:*:${AWS::AccountId}:table/~*": "dynamodb:BatchWriteItem dynamodb:CreateTable "
        "dynamodb:CreateTableReplica dynamodb:DeleteItem dynamodb:DeleteTable dynamodb:DeleteTableReplica "
        "dynamodb:DescribeContinuousBackups dynamodb:DescribeContributorInsights "
        "dynamodb:DescribeKinesisStreamingDestination dynamodb:DescribeTable "
        "dynamodb:DescribeTableReplicaAutoScaling dynamodb:DescribeTimeToLive dynamodb:GetItem "
        "dynamodb:GetResourcePolicy dynamodb:ListTagsOfResource dynamodb:PutItem dynamodb:Query dynamodb:Scan "
        "dynamodb:TagResource dynamodb:UntagResource dynamodb:UpdateContinuousBackups dynamodb:UpdateItem "
        "dynamodb:UpdateTable dynamodb:UpdateTimeToLive",
        "kms:*:${AWS::AccountId}:key/*": "kms:CreateGrant kms:Decrypt kms:DescribeKey kms:RevokeGrant",
        EVERYTHING: "application-autoscaling:DescribeScalableTargets application-autoscaling:DescribeScalingPolicies",
        "iam::${AWS::AccountId}:role/aws-service-role/replication.dynamodb.amazonaws.com/*": (
            "iam:CreateServiceLinkedRole"
        ),
    },
    "AWS::DynamoDB::Table": {
        "dynamodb:@:table/~*": "dynamodb:CreateTable dynamodb:DeleteTable dynamodb:DescribeContinuousBackups "
        "dynamodb:DescribeContributorInsights dynamodb:DescribeKinesisStreamingDestination dynamodb:DescribeTable "
        "dynamodb:DescribeTimeToLive dynamodb:GetResourcePolicy dynamodb:ListTagsOfResource dynamodb:TagResource "
        "dynamodb:UntagResource dynamodb:UpdateContinuousBackups dynamodb:UpdateTable dynamodb:UpdateTimeToLive",
        "kms:@:key/*": "kms:CreateGrant kms:Decrypt kms:DescribeKey kms:Encrypt",
    },
    "AWS::EC2::RouteTable": {
        "ec2:@:route-table/*": "ec2:CreateRouteTable ec2:CreateTags ec2:DeleteRouteTable ec2:DeleteTags",
        "ec2:@:vpc/*": "ec2:CreateRouteTable",
        EVERYTHING: "ec2:DescribeRouteTables",
    },
    "AWS::EC2::SecurityGroup": {
        "ec2:@:security-group/*": "ec2:AuthorizeSecurityGroupEgress ec2:AuthorizeSecurityGroupIngress "
        "ec2:CreateSecurityGroup ec2:CreateTags ec2:DeleteSecurityGroup ec2:DeleteTags "
        "ec2:RevokeSecurityGroupEgress ec2:RevokeSecurityGroupIngress "
        "ec2:UpdateSecurityGroupRuleDescriptionsEgress ec2:UpdateSecurityGroupRuleDescriptionsIngress",
        "ec2:@:security-group-rule/*": "ec2:AuthorizeSecurityGroupEgress ec2:AuthorizeSecurityGroupIngress",
        "ec2:@:vpc/*": "ec2:CreateSecurityGroup",
        EVERYTHING: "ec2:DescribeSecurityGroups",
    },
    "AWS::EC2::SecurityGroupEgress": {
        "ec2:@:security-group/*": "ec2:AuthorizeSecurityGroupEgress ec2:RevokeSecurityGroupEgress "
        "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
        "ec2:@:security-group-rule/*": "ec2:AuthorizeSecurityGroupEgress",
        EVERYTHING: "ec2:DescribeSecurityGroupRules",
    },
    "AWS::EC2::Subnet": {
        "ec2:@:subnet/*": "ec2:CreateSubnet ec2:CreateTags ec2:DeleteSubnet ec2:DeleteTags ec2:ModifySubnetAttribute",
        "ec2:@:vpc/*": "ec2:CreateSubnet",
        EVERYTHING: "ec2:DescribeNetworkAcls ec2:DescribeSubnets",
    },
    "AWS::EC2::SubnetRouteTableAssociation": {
        "ec2:@:route-table/*": "ec2:AssociateRouteTable ec2:DisassociateRouteTable ec2:ReplaceRouteTableAssociation",
        "ec2:@:subnet/*": "ec2:AssociateRouteTable ec2:DisassociateRouteTable ec2:ReplaceRouteTableAssociation",
        EVERYTHING: "ec2:DescribeRouteTables ec2:DescribeSubnets",
    },
    "AWS::EC2::VPC": {
        "ec2:@:vpc/*": "ec2:CreateTags ec2:CreateVpc ec2:DeleteTags ec2:DeleteVpc ec2:DescribeVpcAttribute "
        "ec2:ModifyVpcAttribute",
        EVERYTHING: "ec2:DescribeNetworkAcls ec2:DescribeSecurityGroups ec2:DescribeVpcEncryptionControls "
        "ec2:DescribeVpcs",
    },
    "AWS::EC2::VPCEndpoint": {
        "ec2:@:vpc-endpoint/*": "ec2:CreateTags ec2:CreateVpcEndpoint ec2:DeleteTags ec2:DeleteVpcEndpoints "
        "ec2:ModifyVpcEndpoint",
        "ec2:@:route-table/*": "ec2:CreateVpcEndpoint ec2:ModifyVpcEndpoint",
        "ec2:@:vpc/*": "ec2:CreateVpcEndpoint",
        EVERYTHING: f"ec2:DescribeVpcEndpoints {_SEE_NETWORK}",
    },
    "AWS::Events::Rule": {
        "events:@:rule/~*": "events:DeleteRule events:DescribeRule events:ListTagsForResource "
        "events:ListTargetsByRule events:PutRule events:PutTargets events:RemoveTargets events:TagResource "
        "events:UntagResource",
    },
    "AWS::IAM::Policy": {ROLES: "iam:DeleteRolePolicy iam:GetRolePolicy iam:PutRolePolicy"},
    "AWS::IAM::Role": {
        ROLES: "iam:CreateRole iam:DeleteRole iam:DeleteRolePolicy iam:GetRole iam:GetRolePolicy "
        "iam:ListAttachedRolePolicies iam:ListRolePolicies iam:PutRolePermissionsBoundary iam:PutRolePolicy "
        "iam:TagRole iam:UntagRole iam:UpdateAssumeRolePolicy iam:UpdateRole iam:UpdateRoleDescription",
    },
    "AWS::Lambda::EventInvokeConfig": {
        FUNCTION: "lambda:DeleteFunctionEventInvokeConfig lambda:GetFunctionEventInvokeConfig "
        "lambda:PutFunctionEventInvokeConfig lambda:UpdateFunctionEventInvokeConfig",
    },
    "AWS::Lambda::EventSourceMapping": {
        EVERYTHING: "lambda:CreateEventSourceMapping",
        "lambda:@:event-source-mapping:*": "lambda:DeleteEventSourceMapping lambda:GetEventSourceMapping "
        "lambda:ListTags lambda:TagResource lambda:UntagResource lambda:UpdateEventSourceMapping",
    },
    "AWS::Lambda::Function": {
        FUNCTION: "lambda:CreateFunction lambda:DeleteFunction lambda:DeleteFunctionConcurrency lambda:GetFunction "
        "lambda:GetFunctionCodeSigningConfig lambda:GetFunctionRecursionConfig lambda:GetFunctionScalingConfig "
        "lambda:GetRuntimeManagementConfig lambda:PutFunctionConcurrency lambda:TagResource lambda:UntagResource "
        "lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration",
        "lambda:@:layer:*:*": "lambda:GetLayerVersion",
        EVERYTHING: f"ec2:DescribeNetworkInterfaces {_SEE_NETWORK}",
        ROLES: "iam:PassRole",
    },
    "AWS::Lambda::LayerVersion": {
        "lambda:@:layer:*": "lambda:PublishLayerVersion",
        "lambda:@:layer:*:*": "lambda:DeleteLayerVersion lambda:GetLayerVersion",
        LAYERS: "s3:GetObject",
    },
    "AWS::Lambda::Permission": {FUNCTION: "lambda:AddPermission lambda:GetPolicy lambda:RemovePermission"},
    "AWS::Logs::LogGroup": {
        "logs:@:log-group:~*": "logs:CreateLogGroup logs:DeleteLogGroup logs:DeleteRetentionPolicy "
        "logs:GetDataProtectionPolicy logs:ListTagsForResource logs:PutRetentionPolicy logs:TagResource "
        "logs:UntagResource",
        EVERYTHING: "logs:DescribeIndexPolicies logs:DescribeLogGroups logs:DescribeResourcePolicies",
    },
    "AWS::Route53::RecordSet": {
        "route53:::hostedzone/*": "route53:ChangeResourceRecordSets route53:GetHostedZone "
        "route53:ListResourceRecordSets",
        "route53:::change/*": "route53:GetChange",
        EVERYTHING: "route53:ListHostedZones",
    },
    "AWS::S3::Bucket": {
        BUCKET: "s3:CreateBucket s3:DeleteBucket s3:GetAccelerateConfiguration s3:GetAnalyticsConfiguration "
        "s3:GetBucketAbac s3:GetBucketAcl s3:GetBucketCORS s3:GetBucketLogging "
        "s3:GetBucketMetadataTableConfiguration s3:GetBucketNotification s3:GetBucketObjectLockConfiguration "
        "s3:GetBucketOwnershipControls s3:GetBucketPublicAccessBlock s3:GetBucketTagging s3:GetBucketVersioning "
        "s3:GetBucketWebsite s3:GetEncryptionConfiguration s3:GetIntelligentTieringConfiguration "
        "s3:GetInventoryConfiguration s3:GetLifecycleConfiguration s3:GetMetricsConfiguration "
        "s3:GetReplicationConfiguration s3:ListBucket s3:ListTagsForResource s3:PutBucketCORS "
        "s3:PutBucketOwnershipControls s3:PutBucketPublicAccessBlock s3:PutBucketTagging s3:PutBucketVersioning "
        "s3:PutEncryptionConfiguration s3:PutLifecycleConfiguration s3:TagResource s3:UntagResource",
    },
    "AWS::S3::Bucket.AccelerateConfiguration": {BUCKET: "s3:PutAccelerateConfiguration"},
    "AWS::S3::Bucket.NotificationConfiguration": {BUCKET: "s3:PutBucketNotification"},
    "AWS::S3::BucketPolicy": {BUCKET: "s3:DeleteBucketPolicy s3:GetBucketPolicy s3:PutBucketPolicy"},
    # How SES names a set that has no name in the template is not documented.
    "AWS::SES::ConfigurationSet": {
        "ses:@:configuration-set/*": "ses:CreateConfigurationSet ses:DeleteConfigurationSet ses:GetConfigurationSet "
        "ses:PutConfigurationSetDeliveryOptions ses:PutConfigurationSetReputationOptions "
        "ses:PutConfigurationSetSendingOptions ses:PutConfigurationSetSuppressionOptions ses:TagResource "
        "ses:UntagResource",
        EVERYTHING: "ses:DescribeConfigurationSet",
    },
    "AWS::SES::ConfigurationSetEventDestination": {
        "ses:@:configuration-set/*": "ses:CreateConfigurationSetEventDestination "
        "ses:DeleteConfigurationSetEventDestination ses:GetConfigurationSetEventDestinations "
        "ses:UpdateConfigurationSetEventDestination",
        EVERYTHING: "ses:DescribeConfigurationSet",
    },
    "AWS::SQS::Queue": {
        QUEUE: "sqs:CreateQueue sqs:DeleteQueue sqs:GetQueueAttributes sqs:GetQueueUrl sqs:ListQueueTags "
        "sqs:SetQueueAttributes sqs:TagQueue sqs:UntagQueue",
    },
    "AWS::SQS::QueuePolicy": {QUEUE: "sqs:SetQueueAttributes"},
    # CloudFormation begins a secret's name with its logical id, not with the stack's name. API keys and distributions
    # name a secret's value by a dynamic reference, which is read with the rights of the launch.
    "AWS::SecretsManager::Secret": {
        "secretsmanager:@:secret:OriginKey*": "secretsmanager:CreateSecret secretsmanager:DeleteSecret "
        "secretsmanager:DescribeSecret secretsmanager:GetSecretValue secretsmanager:TagResource "
        "secretsmanager:UntagResource secretsmanager:UpdateSecret",
        EVERYTHING: "secretsmanager:GetRandomPassword",
    },
    "AWS::WAFv2::WebACLAssociation": {
        "wafv2:@:regional/webacl/*/*": "wafv2:AssociateWebACL wafv2:GetWebACL wafv2:GetWebACLForResource",
        "apigateway:${AWS::Region}::/restapis/*/stages/*": "apigateway:SetWebACL wafv2:AssociateWebACL "
        "wafv2:DisassociateWebACL wafv2:GetWebACLForResource",
    },
}

# Where a resource of a template is found, to say in a permissions boundary what its roles may reach at most: the ARN
# that `Fn::GetAtt` gives for these types, and the attribute that it is.
ARNS: dict[str, str] = {
    "AWS::Cognito::UserPool": "cognito-idp:@:userpool/*",
    "AWS::DAX::Cluster": "dax:@:cache/*",
    "AWS::DynamoDB::GlobalTable": "dynamodb:@:table/~*",
    "AWS::DynamoDB::Table": "dynamodb:@:table/~*",
    "AWS::Logs::LogGroup": "logs:@:log-group:~*:*",
    "AWS::S3::Bucket": BUCKET,
    "AWS::SQS::Queue": QUEUE,
}
# The same for what a parameter names: the pattern by the service of the actions.
GIVEN: dict[str, str] = {"kms": "kms:@:key/*"}
# What a parameter calls by its name alone, by the kind in its ARN: only what was launched. (Of other kinds, any.)
NAMED: dict[str, str] = {"table": f"{LAUNCHED}*"}


def kinds(resource: Mapping[str, Any]) -> Iterator[str]:
    """The type of a resource, and with each of its properties that need rights of their own: `AWS::S3::Bucket.X`."""
    yield resource["Type"]
    named = (f"{resource['Type']}.{name}" for name in resource.get("Properties", {}))
    yield from (kind for kind in named if kind in RIGHTS)


def rights(types: Iterable[str]) -> dict[str, set[str]]:
    """Pattern -> actions, all together, for these resource types. Raises ValueError for a type that is not known."""
    found: dict[str, set[str]] = {}
    for kind in sorted(set(types)):
        if kind not in RIGHTS:
            raise ValueError(f"nobody has said which rights a launch of {kind} needs: add it to {__name__}.RIGHTS")
        for pattern, actions in RIGHTS[kind].items():
            found.setdefault(pattern, set()).update(actions.split())
    return found


def arn(pattern: str) -> str:
    """The ARN of a pattern, for an `Fn::Sub`."""
    if pattern == EVERYTHING:
        return pattern
    return "arn:${AWS::Partition}:" + pattern.replace("@", "${AWS::Region}:${AWS::AccountId}").replace("~", LAUNCHED)
