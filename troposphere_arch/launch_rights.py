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
SERVERS = "autoscaling:@:autoScalingGroup:*:autoScalingGroupName/~*"
FILE_SYSTEM = "elasticfilesystem:@:file-system/*"
BALANCER = "elasticloadbalancing:@:loadbalancer/app/*"
LISTENER = "elasticloadbalancing:@:listener/app/*"
LINKED_BALANCERS = "iam::${AWS::AccountId}:role/aws-service-role/elasticloadbalancing.amazonaws.com/*"
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
    # To update in turns is to suspend processes of a group and to end its instances, as the update policy says. What an
    # instance is started with is checked where the group is made: to start it, to tag it, to pass the profile's role,
    # and to read the parameter that names the newest image. The alarms of target tracking are named by the group.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-api-permissions.html
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/autoscaling-service-linked-role.html
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/using-systems-manager-parameters.html
    "AWS::AutoScaling::AutoScalingGroup": {
        SERVERS: "autoscaling:AttachLoadBalancerTargetGroups autoscaling:CreateAutoScalingGroup "
        "autoscaling:CreateOrUpdateTags autoscaling:DeleteAutoScalingGroup autoscaling:DeleteTags "
        "autoscaling:DetachLoadBalancerTargetGroups autoscaling:DisableMetricsCollection "
        "autoscaling:EnableMetricsCollection autoscaling:ResumeProcesses autoscaling:SuspendProcesses "
        "autoscaling:TerminateInstanceInAutoScalingGroup autoscaling:UpdateAutoScalingGroup",
        EVERYTHING: "autoscaling:DescribeAutoScalingGroups autoscaling:DescribeAutoScalingInstances "
        "autoscaling:DescribeLifecycleHooks autoscaling:DescribeLoadBalancerTargetGroups "
        "autoscaling:DescribeNotificationConfigurations autoscaling:DescribeScalingActivities "
        "autoscaling:DescribeScheduledActions autoscaling:DescribeTrafficSources ec2:DescribeAvailabilityZones "
        "ec2:DescribeImages ec2:DescribeInstances ec2:DescribeLaunchTemplateVersions ec2:DescribeLaunchTemplates "
        f"{_SEE_NETWORK} elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth",
        "cloudwatch:@:alarm:TargetTracking-~*": "cloudwatch:PutMetricAlarm",
        "ec2:${AWS::Region}::image/*": "ec2:RunInstances",
        "ec2:@:instance/*": "ec2:CreateTags ec2:RunInstances",
        "ec2:@:launch-template/*": "ec2:RunInstances",
        "ec2:@:network-interface/*": "ec2:RunInstances",
        "ec2:@:security-group/*": "ec2:RunInstances",
        "ec2:@:subnet/*": "ec2:RunInstances",
        "ec2:@:volume/*": "ec2:CreateTags ec2:RunInstances",
        ROLES: "iam:PassRole",
        "iam::${AWS::AccountId}:role/aws-service-role/autoscaling.amazonaws.com/*": "iam:CreateServiceLinkedRole",
        "ssm:${AWS::Region}::parameter/aws/service/ami-amazon-linux-latest/*": "ssm:GetParameters",
    },
    "AWS::AutoScaling::ScalingPolicy": {
        SERVERS: "autoscaling:DeletePolicy autoscaling:PutScalingPolicy",
        EVERYTHING: "autoscaling:DescribePolicies",
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
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-service-linked-roles.html
    "AWS::CloudFront::VpcOrigin": {
        EVERYTHING: "cloudfront:CreateVpcOrigin ec2:DescribeInstances ec2:DescribeInternetGateways "
        "elasticloadbalancing:DescribeLoadBalancers",
        "cloudfront::${AWS::AccountId}:vpcorigin/*": "cloudfront:DeleteVpcOrigin cloudfront:GetVpcOrigin "
        "cloudfront:ListTagsForResource cloudfront:TagResource cloudfront:UntagResource cloudfront:UpdateVpcOrigin",
        "iam::${AWS::AccountId}:role/aws-service-role/vpcorigin.cloudfront.amazonaws.com/*": (
            "iam:CreateServiceLinkedRole"
        ),
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
    "AWS::EC2::InternetGateway": {
        "ec2:@:internet-gateway/*": "ec2:CreateInternetGateway ec2:CreateTags ec2:DeleteInternetGateway ec2:DeleteTags",
        EVERYTHING: "ec2:DescribeInternetGateways",
    },
    "AWS::EC2::LaunchTemplate": {
        "ec2:@:launch-template/*": "ec2:CreateLaunchTemplate ec2:CreateLaunchTemplateVersion ec2:CreateTags "
        "ec2:DeleteLaunchTemplate ec2:DeleteTags",
        EVERYTHING: "ec2:DescribeLaunchTemplates",
    },
    "AWS::EC2::Route": {
        "ec2:@:route-table/*": "ec2:CreateRoute ec2:DeleteRoute ec2:ReplaceRoute",
        EVERYTHING: "ec2:DescribeNetworkInterfaces ec2:DescribeRouteTables",
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
    "AWS::EC2::SecurityGroupIngress": {
        "ec2:@:security-group/*": "ec2:AuthorizeSecurityGroupIngress ec2:RevokeSecurityGroupIngress "
        "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
        "ec2:@:security-group-rule/*": "ec2:AuthorizeSecurityGroupIngress",
        EVERYTHING: "ec2:DescribeSecurityGroupRules ec2:DescribeSecurityGroups",
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
    # An endpoint with interfaces, whose names AWS enters in a hosted zone of its own for the network:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
    "AWS::EC2::VPCEndpoint.SubnetIds": {
        "ec2:@:security-group/*": "ec2:CreateVpcEndpoint ec2:ModifyVpcEndpoint",
        "ec2:@:subnet/*": "ec2:CreateVpcEndpoint ec2:ModifyVpcEndpoint",
        "route53:::hostedzone/*": "route53:AssociateVPCWithHostedZone",
    },
    "AWS::EC2::VPCGatewayAttachment": {
        "ec2:@:internet-gateway/*": "ec2:AttachInternetGateway ec2:DetachInternetGateway",
        "ec2:@:vpc/*": "ec2:AttachInternetGateway ec2:DetachInternetGateway",
        EVERYTHING: "ec2:DescribeInternetGateways ec2:DescribeVpnGateways",
    },
    "AWS::EFS::AccessPoint": {
        FILE_SYSTEM: "elasticfilesystem:CreateAccessPoint elasticfilesystem:DescribeAccessPoints",
        "elasticfilesystem:@:access-point/*": "elasticfilesystem:DeleteAccessPoint "
        "elasticfilesystem:DescribeAccessPoints elasticfilesystem:ListTagsForResource elasticfilesystem:TagResource "
        "elasticfilesystem:UntagResource",
    },
    # The role of EFS makes that of AWS Backup, where backups are on.
    # https://docs.aws.amazon.com/efs/latest/ug/using-service-linked-roles.html
    "AWS::EFS::FileSystem": {
        EVERYTHING: "elasticfilesystem:CreateFileSystem",
        FILE_SYSTEM: "elasticfilesystem:DeleteFileSystem elasticfilesystem:DeleteFileSystemPolicy "
        "elasticfilesystem:DeleteTags elasticfilesystem:DescribeBackupPolicy "
        "elasticfilesystem:DescribeFileSystemPolicy elasticfilesystem:DescribeFileSystems "
        "elasticfilesystem:DescribeLifecycleConfiguration elasticfilesystem:DescribeReplicationConfigurations "
        "elasticfilesystem:ListTagsForResource elasticfilesystem:PutBackupPolicy "
        "elasticfilesystem:PutFileSystemPolicy elasticfilesystem:PutLifecycleConfiguration "
        "elasticfilesystem:TagResource elasticfilesystem:UntagResource elasticfilesystem:UpdateFileSystem",
        "kms:@:key/*": "kms:CreateGrant kms:DescribeKey kms:GenerateDataKeyWithoutPlaintext",
        "iam::${AWS::AccountId}:role/aws-service-role/elasticfilesystem.amazonaws.com/*": "iam:CreateServiceLinkedRole",
    },
    # A mount target is a network interface, kept in the name of whoever makes it, which the schema does not say:
    # https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html, API_DeleteMountTarget.html
    # https://docs.aws.amazon.com/efs/latest/ug/API_ModifyMountTargetSecurityGroups.html
    "AWS::EFS::MountTarget": {
        FILE_SYSTEM: "elasticfilesystem:CreateMountTarget elasticfilesystem:DeleteMountTarget "
        "elasticfilesystem:DescribeMountTargetSecurityGroups elasticfilesystem:DescribeMountTargets "
        "elasticfilesystem:ModifyMountTargetSecurityGroups",
        "ec2:@:network-interface/*": "ec2:CreateNetworkInterface ec2:DeleteNetworkInterface "
        "ec2:ModifyNetworkInterfaceAttribute",
        "ec2:@:security-group/*": "ec2:CreateNetworkInterface ec2:ModifyNetworkInterfaceAttribute",
        "ec2:@:subnet/*": "ec2:CreateNetworkInterface",
        EVERYTHING: "ec2:DescribeNetworkInterfaces ec2:DescribeSubnets",
    },
    # A name here has 32 characters at most, in which the name of a stack is not whole: limited to application load
    # balancers. What they look up in the network is on a page, not in the schemas, and so is their role:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-permissions.html
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-service-linked-roles.html
    "AWS::ElasticLoadBalancingV2::Listener": {
        BALANCER: "elasticloadbalancing:CreateListener",
        LISTENER: "elasticloadbalancing:AddTags elasticloadbalancing:DeleteListener "
        "elasticloadbalancing:ModifyListener elasticloadbalancing:ModifyListenerAttributes "
        "elasticloadbalancing:RemoveTags",
        EVERYTHING: "elasticloadbalancing:DescribeListenerAttributes elasticloadbalancing:DescribeListeners "
        "elasticloadbalancing:DescribeTags",
    },
    "AWS::ElasticLoadBalancingV2::ListenerRule": {
        LISTENER: "elasticloadbalancing:CreateRule",
        "elasticloadbalancing:@:listener-rule/app/*": "elasticloadbalancing:AddTags elasticloadbalancing:DeleteRule "
        "elasticloadbalancing:ModifyRule elasticloadbalancing:RemoveTags elasticloadbalancing:SetRulePriorities",
        EVERYTHING: "elasticloadbalancing:DescribeRules elasticloadbalancing:DescribeTags",
    },
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        BALANCER: "elasticloadbalancing:AddTags elasticloadbalancing:CreateLoadBalancer "
        "elasticloadbalancing:DeleteLoadBalancer elasticloadbalancing:ModifyLoadBalancerAttributes "
        "elasticloadbalancing:RemoveTags elasticloadbalancing:SetSecurityGroups elasticloadbalancing:SetSubnets",
        EVERYTHING: "ec2:DescribeAccountAttributes ec2:DescribeAddresses ec2:DescribeInternetGateways "
        f"{_SEE_NETWORK} elasticloadbalancing:DescribeCapacityReservation "
        "elasticloadbalancing:DescribeLoadBalancerAttributes elasticloadbalancing:DescribeLoadBalancers "
        "elasticloadbalancing:DescribeTags",
        LINKED_BALANCERS: "iam:CreateServiceLinkedRole",
    },
    "AWS::ElasticLoadBalancingV2::TargetGroup": {
        "elasticloadbalancing:@:targetgroup/*": "elasticloadbalancing:AddTags elasticloadbalancing:CreateTargetGroup "
        "elasticloadbalancing:DeleteTargetGroup elasticloadbalancing:ModifyTargetGroup "
        "elasticloadbalancing:ModifyTargetGroupAttributes elasticloadbalancing:RemoveTags",
        EVERYTHING: "ec2:DescribeInternetGateways ec2:DescribeVpcs elasticloadbalancing:DescribeTags "
        "elasticloadbalancing:DescribeTargetGroupAttributes elasticloadbalancing:DescribeTargetGroups "
        "elasticloadbalancing:DescribeTargetHealth",
        LINKED_BALANCERS: "iam:CreateServiceLinkedRole",
    },
    "AWS::Events::Rule": {
        "events:@:rule/~*": "events:DeleteRule events:DescribeRule events:ListTagsForResource "
        "events:ListTargetsByRule events:PutRule events:PutTargets events:RemoveTargets events:TagResource "
        "events:UntagResource",
    },
    # Under the path that every launch must be given, which begins with the name of the portfolio's own stack.
    "AWS::IAM::InstanceProfile": {
        "iam::${AWS::AccountId}:instance-profile/${AWS::StackName}/*/~*": "iam:AddRoleToInstanceProfile "
        "iam:CreateInstanceProfile iam:DeleteInstanceProfile iam:GetInstanceProfile "
        "iam:RemoveRoleFromInstanceProfile",
        ROLES: "iam:PassRole",
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
    "AWS::Lambda::Function.FileSystemConfigs": {
        "elasticfilesystem:@:access-point/*": "elasticfilesystem:DescribeMountTargets",
        FILE_SYSTEM: "elasticfilesystem:DescribeMountTargets",
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
    "AWS::Logs::MetricFilter": {
        "logs:@:log-group:~*": "logs:DeleteMetricFilter logs:DescribeMetricFilters logs:PutMetricFilter",
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
    # CloudFormation begins a secret's name with its logical id, not with the stack's name. API keys, distributions and
    # listener rules name a secret's value by a dynamic reference, which is read with the rights of the launch: so of a
    # secret that whoever launches names, only if it is called like these.
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
    "AWS::EFS::FileSystem": FILE_SYSTEM,
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
