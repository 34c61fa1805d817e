"""E9014."""

from __future__ import annotations

from collections.abc import Iterator

from ._rule import Found, HouseRule
from ._template import View, intrinsic, references, text, values, walk

# Names that are unique in an account, a region or the world: with one of them fixed, a stack exists once, and what
# must be replaced cannot be. Not here: names that are mere labels (of user pools, REST APIs), names that are an
# interface (SSM parameters), domain names that a user owns.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
NAMES: dict[str, tuple[str, ...]] = {
    "AWS::AutoScaling::AutoScalingGroup": ("AutoScalingGroupName",),
    "AWS::CloudFront::CachePolicy": ("CachePolicyConfig", "Name"),
    "AWS::CloudFront::Function": ("Name",),
    "AWS::CloudFront::OriginAccessControl": ("OriginAccessControlConfig", "Name"),
    "AWS::CloudFront::OriginRequestPolicy": ("OriginRequestPolicyConfig", "Name"),
    "AWS::CloudFront::ResponseHeadersPolicy": ("ResponseHeadersPolicyConfig", "Name"),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::DAX::Cluster": ("ClusterName",),
    "AWS::DAX::ParameterGroup": ("ParameterGroupName",),
    "AWS::DAX::SubnetGroup": ("SubnetGroupName",),
    "AWS::DynamoDB::GlobalTable": ("TableName",),
    "AWS::DynamoDB::Table": ("TableName",),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateName",),
    "AWS::EC2::SecurityGroup": ("GroupName",),
    "AWS::ECR::Repository": ("RepositoryName",),
    "AWS::ECS::Cluster": ("ClusterName",),
    "AWS::ECS::Service": ("ServiceName",),
    "AWS::ElastiCache::ReplicationGroup": ("ReplicationGroupId",),
    "AWS::ElastiCache::ServerlessCache": ("ServerlessCacheName",),
    "AWS::ElastiCache::User": ("UserId",),
    "AWS::ElastiCache::UserGroup": ("UserGroupId",),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Name",),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("Name",),
    "AWS::Events::EventBus": ("Name",),
    "AWS::Events::Rule": ("Name",),
    "AWS::IAM::Group": ("GroupName",),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName",),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName",),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::KMS::Alias": ("AliasName",),
    "AWS::Kinesis::Stream": ("Name",),
    "AWS::KinesisFirehose::DeliveryStream": ("DeliveryStreamName",),
    "AWS::Lambda::Function": ("FunctionName",),
    "AWS::Lambda::LayerVersion": ("LayerName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::RDS::DBCluster": ("DBClusterIdentifier",),
    "AWS::RDS::DBInstance": ("DBInstanceIdentifier",),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::SES::ConfigurationSet": ("Name",),
    "AWS::SNS::Topic": ("TopicName",),
    "AWS::SQS::Queue": ("QueueName",),
    "AWS::Scheduler::Schedule": ("Name",),
    "AWS::SecretsManager::Secret": ("Name",),
    "AWS::StepFunctions::StateMachine": ("StateMachineName",),
    "AWS::WAFv2::WebACL": ("Name",),
}
# Resources whose effect is not confined to the stack.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
OUTSIDE = {
    "AWS::ApiGateway::Account": "sets the role of API Gateway for the whole account; leave that to its owner",
    "AWS::CloudFormation::Macro": "is a macro, which all stacks of the account see; write the resources out",
    "AWS::CloudFormation::Stack": "is a nested stack; put its resources into this template",
}
OF_THE_STACK = {"AWS::StackId", "AWS::StackName"}


class PhysicalNames(HouseRule):
    """A stack leaves no trace outside itself: no fixed names, no exports, no account-wide settings, no other stacks.

    So that the same template can be deployed twice in an account, updated by replacement, and removed without asking
    who else depends on it. A name may be made from a parameter that gives none by default: the user's own choice.
    """

    id = "E9014"
    shortdesc = "No fixed names and no side effects"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html"

    def check(self, view: View) -> Iterator[Found]:
        for r in view.of_type(*NAMES):
            for where, name in values(r.properties, *NAMES[r.type], path=r.properties_path):
                free = OF_THE_STACK | view.chosen_by(where)
                if name is not None and not references(name) & free:
                    shown = text(name) or name
                    yield where, f"{r.name} has the fixed name {shown}; leave it out, or make it from AWS::StackName"
        for r in view.of_type(*OUTSIDE):
            yield r.path, f"{r.name} {OUTSIDE[r.type]}"
        for name, output in view.outputs.items():
            if isinstance(output, dict) and "Export" in output:
                yield (
                    ("Outputs", name, "Export"),
                    f"{name} is exported, which locks it once it is imported; drop Export",
                )
        for transform in view.transforms:
            yield ("Transform",), f"the template needs the transform {transform}; write the resources out"
        for where, node in walk(view.template):
            function = intrinsic(node)[0]
            if function in ("Fn::ImportValue", "Fn::Transform"):
                owner = where[1] if len(where) > 1 else "the template"
                yield where, f"{owner} uses {function}; take the value from a parameter"
