"""Pairs of large templates for `diff`: 500 resources, which is the most that CloudFormation takes, and all changed.

Shapes enough that none of them is the lucky case: every resource different in itself, one replacement at the head of a
chain through all the others, all logical ids renamed, wide grants, and conditions of unknown parameters: few and many,
in what changes and beside it, in texts, in lists, in outputs, and of one another.
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
        "nine conditions each": (_environments(MOST, 9, 128), _environments(MOST, 9, 256)),
        "sixty conditions each": (_environments(50, 60, 128), _environments(50, 60, 256)),
        "texts of conditions": (_texts(","), _texts(";")),
        "lists of conditions": (_lists(0), _lists(1)),
        "conditions of conditions": (_woven("a"), _woven("b")),
        "outputs of conditions": (_outputs(","), _outputs(";")),
        "wide grants": (_granted("a"), _granted("b")),
        "a wide mapping": (_mapped("a"), _mapped("b")),
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


def _switches(number: int) -> Template:
    """Conditions of parameters that nobody knows."""
    return {
        "Parameters": {f"P{i}": {"Type": "String", "Default": ""} for i in range(number)},
        "Conditions": {f"C{i}": {"Fn::Not": [{"Fn::Equals": [{"Ref": f"P{i}"}, ""]}]} for i in range(number)},
    }


def _environments(resources: int, number: int, memory: int) -> Template:
    """Functions, each with variables under conditions that stay as they are beside what changes."""
    variables = {f"V{i}": {"Fn::If": [f"C{i}", {"Ref": f"P{i}"}, {"Ref": "AWS::NoValue"}]} for i in range(number)}
    one = _resource(
        "AWS::Lambda::Function",
        Role="arn:aws:iam::111111111111:role/function",
        Code={"ZipFile": "x = 1"},
        MemorySize=memory,
        Environment={"Variables": variables},
    )
    return {**_switches(number), "Resources": {f"Function{i}": one for i in range(resources)}}


def _texts(by: str) -> Template:
    """Each name is put together of nine parts under conditions, others in each, and changes in every world."""
    resources = {}
    for i in range(MOST):
        parts = [{"Fn::If": [f"C{(i + 7 * j) % 60}", f"a{j}", "b"]} for j in range(9)]
        resources[f"Queue{i}"] = _resource("AWS::SQS::Queue", QueueName={"Fn::Join": [by, parts]})
    return {**_switches(60), "Resources": resources}


def _lists(change: int) -> Template:
    """Each group has nine rules under conditions, others in each, and all of them change."""
    resources = {}
    for i in range(MOST):
        rules = [
            {
                "Fn::If": [
                    f"C{(i + 7 * j) % 60}",
                    {"IpProtocol": "tcp", "FromPort": j, "ToPort": j + change, "CidrIp": "10.0.0.0/8"},
                    {"Ref": "AWS::NoValue"},
                ]
            }
            for j in range(9)
        ]
        resources[f"Group{i}"] = _resource("AWS::EC2::SecurityGroup", GroupDescription="g", SecurityGroupIngress=rules)
    return {**_switches(60), "Resources": resources}


def _woven(value: str) -> Template:
    """A hundred conditions, each of the two before it, and all different; resources under one, with another in them."""
    switches = _switches(100)
    for i in range(100):
        own = {"Fn::Equals": [{"Ref": f"P{i}"}, value]}
        both = [{"Condition": f"C{max(i - 1, 0)}"}, {"Condition": f"C{max(i - 2, 0)}"}]
        switches["Conditions"][f"C{i}"] = {"Fn::Or": [own, {"Fn::And": both}]} if i else own
    resources = {
        f"Queue{i}": {
            "Condition": f"C{i % 100}",
            **_resource("AWS::SQS::Queue", DelaySeconds={"Fn::If": [f"C{i * 7 % 100}", 1, 2]}),
        }
        for i in range(MOST)
    }
    return {**switches, "Resources": resources}


def _outputs(by: str) -> Template:
    """Outputs of fifty parts under conditions, which change in every world."""
    parts = [{"Fn::If": [f"C{i}", "a", "b"]} for i in range(50)]
    outputs = {f"Output{i}": {"Value": {"Fn::Join": [by, parts]}} for i in range(200)}
    return {**_switches(50), "Resources": {"Queue": _resource("AWS::SQS::Queue")}, "Outputs": outputs}


def _granted(name: str) -> Template:
    """Policies of ten patterns of actions on twenty resources each."""
    actions = [f"s3:Get{name}{i}*" for i in range(10)]
    resources = {}
    for i in range(200):
        buckets = [f"arn:aws:s3:::b{i}{j}/*" for j in range(20)]
        document = _document(actions, Resource=buckets)
        resources[f"Policy{i}"] = _resource(
            "AWS::IAM::Policy", PolicyName=f"p{i}", Roles=["x"], PolicyDocument=document
        )
    return {"Resources": resources}


def _mapped(value: str) -> Template:
    """Each name comes from a mapping of two hundred rows, whose keys nobody knows, and of which one value changes."""
    rows = {f"k{i}": {f"c{j}": f"v{i}-{j}" for j in range(20)} for i in range(200)}
    rows["k0"]["c0"] = value
    name = {"Fn::FindInMap": ["Names", {"Ref": "Key"}, {"Ref": "AWS::Region"}]}
    return {
        "Parameters": {"Key": {"Type": "String"}},
        "Mappings": {"Names": rows},
        "Resources": {f"Queue{i}": _resource("AWS::SQS::Queue", QueueName=name) for i in range(MOST)},
    }


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
