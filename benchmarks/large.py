"""Pairs of large templates for `diff`: 500 resources, which is the most that CloudFormation takes, and all changed.

Four shapes, so that no one of them is the lucky case: every resource different in itself, one replacement at the head
of a chain through all the others, every resource under conditions of unknown parameters, and all logical ids renamed.
"""

from __future__ import annotations

from typing import Any

MOST = 500
Template = dict[str, Any]


def pairs() -> dict[str, tuple[Template, Template]]:
    """Name -> old and new template."""
    return {
        "all changed": (_mixed(0), _mixed(1)),
        "a chain": (_chain("a"), _chain("b")),
        "conditions": (_conditional(0), _conditional(1)),
        "all renamed": (_mixed(0), _renamed(_mixed(0))),
    }


def _mixed(change: int) -> Template:
    """Queues, functions, roles, tables, alarms in turn; each refers to one before it."""
    resources: dict[str, Any] = {}
    for i in range(0, MOST, 5):
        resources[f"Queue{i}"] = _resource("AWS::SQS::Queue", VisibilityTimeout=30 + change, Tags=_tags(change))
        resources[f"Role{i}"] = _resource(
            "AWS::IAM::Role",
            AssumeRolePolicyDocument=_document("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"}),
            Policies=[
                {
                    "PolicyName": f"P{j}",
                    "PolicyDocument": _document(
                        ["sqs:SendMessage", "sqs:ReceiveMessage"][: 1 + change],
                        Resource={"Fn::GetAtt": [f"Queue{max(i - 5 * j, 0)}", "Arn"]},
                    ),
                }
                for j in range(3)
            ],
        )
        resources[f"Function{i}"] = _resource(
            "AWS::Lambda::Function",
            Handler="index.handler",
            Runtime="python3.13",
            Role={"Fn::GetAtt": [f"Role{i}", "Arn"]},
            MemorySize=128 + change,
            Environment={"Variables": {"QUEUE": {"Ref": f"Queue{i}"}, "TABLE": {"Ref": f"Table{max(i - 5, 0)}"}}},
            Code={"ZipFile": f"# {change}\n" * 200},
        )
        resources[f"Table{i}"] = _resource(
            "AWS::DynamoDB::Table",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": f"id{change}", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": f"id{change}", "KeyType": "HASH"}],
        )
        resources[f"Alarm{i}"] = _resource(
            "AWS::CloudWatch::Alarm",
            MetricName="Errors",
            Namespace="AWS/Lambda",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1 + change,
            Dimensions=[{"Name": "FunctionName", "Value": {"Ref": f"Function{i}"}}],
        )
    return {"Resources": resources}


def _chain(name: str) -> Template:
    """Each role is named after the one before it, which no update can change in place."""
    resources = {"Role0": _role(f"/{name}/")}
    for i in range(1, MOST):
        resources[f"Role{i}"] = _role({"Fn::Sub": f"/${{Role{i - 1}}}/"})
    return {"Resources": resources}


def _role(path: Any) -> Template:
    trust = _document("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"})
    return _resource("AWS::IAM::Role", Path=path, AssumeRolePolicyDocument=trust)


def _conditional(change: int) -> Template:
    """Each resource under three of sixty conditions, whose parameters nobody knows."""
    names = [f"P{i}" for i in range(60)]
    parameters = {name: {"Type": "String", "AllowedValues": ["off", "small", "large"]} for name in names}
    conditions = {f"Has{name}": {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, "off"]}]} for name in names} | {
        f"Big{name}": {"Fn::And": [{"Condition": f"Has{name}"}, {"Fn::Equals": [{"Ref": name}, "large"]}]}
        for name in names
    }
    resources = {}
    for i in range(MOST):
        one, two, three = (names[(i + j * 7) % len(names)] for j in range(3))
        resources[f"Queue{i}"] = {
            "Condition": f"Has{one}",
            **_resource(
                "AWS::SQS::Queue",
                VisibilityTimeout={"Fn::If": [f"Big{one}", 60 + change, 30]},
                DelaySeconds={"Fn::If": [f"Has{two}", 5, {"Fn::If": [f"Big{three}", 1 + change, 0]}]},
            ),
        }
    return {"Parameters": parameters, "Conditions": conditions, "Resources": resources}


def _renamed(template: Template) -> Template:
    """The same under other logical ids."""
    import json

    names = sorted(template["Resources"], key=len, reverse=True)
    text = json.dumps(template)
    for name in names:
        text = text.replace(f'"{name}"', f'"New{name}"')
    renamed: Template = json.loads(text)
    return renamed


def _resource(kind: str, **properties: Any) -> Template:
    return {"Type": kind, "Properties": properties}


def _document(action: Any, **more: Any) -> Template:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **more}]}


def _tags(change: int) -> list[dict[str, str]]:
    return [{"Key": f"k{i}", "Value": f"v{change}"} for i in range(5)]
