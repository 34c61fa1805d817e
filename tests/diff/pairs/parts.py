"""What the retold templates are made of."""

from __future__ import annotations

from typing import Any

from tests.diff.templates import resource, template

from . import Template

ROOT = {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}
SSM_MANAGED = "arn:aws:iam::aws:policy/service-role/AmazonEC2RoleforSSM"
SSM_ACTIONS = ["ssmmessages:*", "ssm:UpdateInstanceInformation", "ec2messages:*"]
NO_VALUE = {"Ref": "AWS::NoValue"}
NOTHING = {"Handle": resource("AWS::CloudFormation::WaitConditionHandle")}
ROLLING = {"UpdatePolicy": {"AutoScalingRollingUpdate": {"MaxBatchSize": 1}}}
REPLACING = {"UpdatePolicy": {"AutoScalingReplacingUpdate": {"WillReplace": True}}}


def wanted(*names: str, **more: Any) -> Template:
    """Parameters that must be given."""
    return {name: {"Type": "String", **more} for name in names}


def optional(**defaults: str) -> Template:
    """Parameters with a default."""
    return {name: {"Type": "String", "Default": default} for name, default in defaults.items()}


def asked(**parameters: Template) -> tuple[Template, Template]:
    """An update that only touches parameters: `old` and `new` ones."""
    old, new = (template(NOTHING, Parameters=parameters[side]) for side in ("old", "new"))
    return old, new


def given(name: str) -> Template:
    """The condition that a parameter is not empty."""
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}


def on(name: str) -> Template:
    """The condition that a parameter is true."""
    return {"Fn::Equals": [{"Ref": name}, "true"]}


def when(condition: str, then: Any, otherwise: Any = NO_VALUE) -> Template:
    return {"Fn::If": [condition, then, otherwise]}


def output(value: Any, export: str = "") -> Template:
    return {"Value": value, **({"Export": {"Name": {"Fn::Sub": "${AWS::StackName}-" + export}}} if export else {})}


def statement(actions: Any, resources: Any = "*") -> Template:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def policy(*statements: Template, name: str = "own") -> Template:
    return {"PolicyName": name, "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}


def managed(*statements: Template) -> Template:
    return resource("AWS::IAM::ManagedPolicy", PolicyDocument=policy(*statements)["PolicyDocument"])


def role(service: str = "ec2", **properties: Any) -> Template:
    trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    return resource("AWS::IAM::Role", AssumeRolePolicyDocument=document, **properties)


def attached(name: str, *actions: str) -> Template:
    """A policy on its own, of a role."""
    return resource("AWS::IAM::Policy", **policy(statement(list(actions))), Roles=[{"Ref": name}])


def key(**attributes: Any) -> Template:
    allow = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}
    return resource("AWS::KMS::Key", attributes, KeyPolicy={"Version": "2012-10-17", "Statement": [allow]})


def launch(image: Any = "ami-1", **properties: Any) -> Template:
    return resource("AWS::AutoScaling::LaunchConfiguration", ImageId=image, InstanceType="t3.micro", **properties)


def launch_template(**data: Any) -> Template:
    return resource(
        "AWS::EC2::LaunchTemplate", LaunchTemplateData={"ImageId": "ami-1", "InstanceType": "t3.micro", **data}
    )


def group(attributes: Template | None = None, **properties: Any) -> Template:
    sizes = {"MinSize": "0", "MaxSize": "1", "AvailabilityZones": ["us-east-1a"]}
    return resource("AWS::AutoScaling::AutoScalingGroup", attributes, **sizes, **properties)


def launched(name: str) -> Template:
    """The newest version of a launch template."""
    return {"LaunchTemplateId": {"Ref": name}, "Version": {"Fn::GetAtt": [name, "LatestVersionNumber"]}}


def database(attributes: Template | None = None, **properties: Any) -> Template:
    made = {"Engine": "mysql", "DBInstanceClass": "db.t3.micro", "AllocatedStorage": "5", "MasterUsername": "master"}
    return resource("AWS::RDS::DBInstance", attributes, **{**made, "MasterUserPassword": "secretsecret", **properties})


def record(name: Any, address: str = "db.example.com") -> Template:
    return resource(
        "AWS::Route53::RecordSet",
        HostedZoneName="example.com.",
        Name=name,
        ResourceRecords=[address],
        TTL="60",
        Type="CNAME",
    )


def security_group(description: str = "a group") -> Template:
    return resource("AWS::EC2::SecurityGroup", GroupDescription=description)


def alarm(metric: str) -> Template:
    return resource(
        "AWS::CloudWatch::Alarm",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName=metric,
        Namespace="AWS/ECS",
        Period=60,
        Statistic="Average",
        Threshold=80,
    )


def nested(name: str, **parameters: Any) -> Template:
    return resource(
        "AWS::CloudFormation::Stack", TemplateURL=f"https://bucket.s3.amazonaws.com/{name}.yaml", Parameters=parameters
    )


def custom(kind: str, name: str) -> Template:
    return resource(f"Custom::{kind}", ServiceToken={"Fn::GetAtt": [name, "Arn"]})


def names(*parts: str) -> list[str]:
    """Names of a series of parameters: a prefix, and what follows each."""
    prefix, *rest = parts
    numbered = [f"Environment{i}{what}" for i in (1, 2, 3) for what in ("Key", "Value")]
    return [prefix + part for part in (*rest, *numbered)]


def numbers(least: int, *names: str) -> Template:
    """Parameters that are a number, and by default the least one that is allowed."""
    return {name: {"Type": "Number", "Default": str(least), "MinValue": str(least)} for name in names}


def scaling(name: str, adjustment: str) -> Template:
    return resource(
        "AWS::AutoScaling::ScalingPolicy",
        AdjustmentType="ChangeInCapacity",
        AutoScalingGroupName={"Ref": name},
        ScalingAdjustment=adjustment,
    )


def rule() -> Template:
    return resource("AWS::Events::Rule", EventPattern={"source": ["aws.ec2"]})


def forwarder() -> Template:
    """A role that may put events on the default bus."""
    bus = {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"}
    return role("events", Policies=[policy(statement("events:PutEvents", bus))])


def port_443(direction: str, name: str) -> Template:
    """A rule of a security group, for one direction."""
    return resource(
        f"AWS::EC2::SecurityGroup{direction}",
        GroupId={"Fn::GetAtt": [name, "GroupId"]},
        IpProtocol="tcp",
        FromPort=443,
        ToPort=443,
        CidrIp="10.0.0.0/16",
    )
