"""The service catalog, made from releases of the committed to-do list: what is offered, and what a launch may do.

That nobody gains rights by it is proved here with IAM's own way to decide: each known way from the right to launch
to other rights is tried against the very statements.
"""

from __future__ import annotations

import copy
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from cfnlint.helpers import load_resource
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.evidence import shows
from tests.iam import allowed, worked_out
from troposphere_arch import launch_rights, lint
from troposphere_arch.render import plain, render, retained
from troposphere_arch.scenarios.service_catalog import Release, build

TODO: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "templates/todo/1.0.0/todo.template.json").read_text(encoding="utf-8")
)
BLOG: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "templates/blog/1.0.0/blog.template.json").read_text(encoding="utf-8")
)
UPDATES, CACHE = (
    json.loads((Path(__file__).parents[2] / f"templates/{name}/1.0.0/{name}.template.json").read_text(encoding="utf-8"))
    for name in ("software-updates", "edge-cache")
)
ACCOUNT, REGION, STACK = "123456789012", "eu-west-1", "architectures"
LAUNCHED = f"SC-{ACCOUNT}-pp-abcdefghijklm"  # how Service Catalog names the stack of a product
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/{STACK}/todo/{STACK}-TodoBoundary-X"
KNOWN = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
    "TodoBoundary": BOUNDARY,
    "BlogBoundary": BOUNDARY.replace("todo", "blog").replace("Todo", "Blog"),
    "EdgeCacheBoundary": BOUNDARY.replace("todo", "edge-cache").replace("Todo", "EdgeCache"),
    "SoftwareUpdatesBoundary": BOUNDARY.replace("todo", "software-updates").replace("Todo", "SoftwareUpdates"),
    "CatalogueUrl": "https://b.s3.eu-west-1.amazonaws.com/p",
    "ArtifactBucket": "artifacts",
}
OURS = f"arn:aws:iam::{ACCOUNT}:role/{STACK}/todo/{LAUNCHED}-ReadTodosRole-X"
FOREIGN = f"arn:aws:iam::{ACCOUNT}:role/Admin"


def release(version: str = "1.0.0", template: Any = TODO, **more: str) -> Release:
    return Release("todo", version, f"todo/{version}/todo.template.json", "To-do list.", template, **more)


def made(*releases: Release) -> dict[str, Any]:
    """The template of these releases."""
    return plain(build(releases or [release()]))


def policies(template: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """The statements of all managed policies whose name begins so, worked out."""
    found = [
        statement
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::IAM::ManagedPolicy" and name.startswith(prefix)
        for statement in one["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert found
    return [worked_out(statement, KNOWN) for statement in found]


@pytest.fixture(scope="module")
def launch() -> list[dict[str, Any]]:
    """All that the launch role may do."""
    return policies(made(), "TodoLaunchRights")


@pytest.fixture(scope="module")
def boundary() -> list[dict[str, Any]]:
    """All that roles of a launched product may do at most."""
    return policies(made(), "TodoBoundary")


# --- what is offered


@shows("REQ-D4", how="static")
def test_a_product_with_a_version_for_each_release() -> None:
    changed = copy.deepcopy(TODO)
    changed["Description"] += " More."
    template = made(release(), release("1.1.0", changed, upgrade="minor: in place"))
    product = template["Resources"]["TodoProduct"]["Properties"]
    assert product["Name"] == "todo"
    assert product["ProvisioningArtifactParameters"] == [
        {
            "Name": version,
            "Description": told,
            "Type": "CLOUD_FORMATION_TEMPLATE",
            "Info": {"LoadTemplateFromURL": {"Fn::Sub": f"${{CatalogueUrl}}/todo/{version}/todo.template.json"}},
        }
        for version, told in (("1.0.0", "first release"), ("1.1.0", "minor: in place"))
    ]
    kinds = sorted(r["Type"] for n, r in template["Resources"].items() if "LaunchRights" not in n)
    assert kinds == [
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Role",
        "AWS::ServiceCatalog::CloudFormationProduct",
        "AWS::ServiceCatalog::LaunchRoleConstraint",
        "AWS::ServiceCatalog::LaunchTemplateConstraint",
        "AWS::ServiceCatalog::Portfolio",
        "AWS::ServiceCatalog::PortfolioPrincipalAssociation",
        "AWS::ServiceCatalog::PortfolioProductAssociation",
    ]


@shows("REQ-D4", how="static")
def test_deprecated_versions_are_not_offered_unless_nothing_else_is_left() -> None:
    def versions(*releases: Release) -> list[tuple[str, str]]:
        product = made(*releases)["Resources"]["TodoProduct"]["Properties"]
        return [(v["Name"], v["Description"]) for v in product["ProvisioningArtifactParameters"]]

    old = release(deprecated="runtime python3.9 is at its end")
    assert versions(old, release("1.1.0", upgrade="minor: in place")) == [("1.1.0", "minor: in place")]
    assert versions(old) == [("1.0.0", "deprecated: runtime python3.9 is at its end")]


@shows("REQ-D4", how="static")
def test_rights_are_those_of_all_releases_offered_or_not() -> None:
    """Who runs an old version must be able to update it, and to end it."""
    without = copy.deepcopy(TODO)
    without["Resources"] = {n: r for n, r in TODO["Resources"].items() if "DAX" not in r["Type"]}
    without["Resources"].pop("TodosCacheRole")
    for name in ("ReadTodosRole", "WriteTodosRole"):
        without["Resources"][name] = copy.deepcopy(TODO["Resources"]["DeleteAccountsRole"])
    without["Resources"] = {n: r for n, r in without["Resources"].items() if r["Type"] != "AWS::IAM::Policy"}
    cluster = f"arn:aws:dax:{REGION}:{ACCOUNT}:cache/x"
    for releases, may in (
        ([release("1.1.0", without)], False),
        ([release(deprecated="old"), release("1.1.0", without)], True),
    ):
        template = made(*releases)
        assert allowed(policies(template, "TodoLaunchRights"), "dax:CreateCluster", cluster) is may
        assert allowed(policies(template, "TodoBoundary"), "dax:GetItem", cluster) is may


@shows("REQ-D4", how="static")
def test_only_architectures_are_products_and_no_release_makes_no_catalogue() -> None:
    other = Release("artifact-bucket", "1.0.0", "artifact-bucket/1.0.0/x.json", "Place to publish to.", {})
    assert not [name for name in made(release(), other)["Resources"] if name.startswith("Artifact")]
    for nothing in ([], [other]):
        with pytest.raises(ValueError, match="there is no release to offer"):
            build(nothing)


@shows("REQ-D3", "REQ-D4", how="static")
def test_it_is_clean_small_and_always_the_same() -> None:
    releases = [release(f"1.{minor}.0") for minor in range(100)]
    body = render(build(releases))
    assert body == render(build(releases))
    assert len(body) < 200_000  # CloudFormation takes 1 MB
    few = build([release(), release("1.1.0")])
    templates = {"service-catalog": render(few), "retained": retained(few)}
    assert lint.lint(templates, parts=["retained"]) == []


@shows("REQ-D4", how="static")
def test_the_blog_can_be_a_product_too() -> None:
    blog = Release("blog", "1.0.0", "blog/1.0.0/blog.template.json", "Blog.", BLOG)
    both = build([release(), blog])
    assert lint.lint({"service-catalog": render(both), "retained": retained(both)}, parts=["retained"]) == []
    template = plain(both)
    for name, one in template["Resources"].items():
        if one["Type"] == "AWS::IAM::ManagedPolicy":
            document = worked_out(one["Properties"]["PolicyDocument"], KNOWN)
            assert len(json.dumps(document, separators=(",", ":"))) <= 6_144, name
    bounds, launched = policies(template, "BlogBoundary"), policies(template, "BlogLaunchRights")
    here, away = (f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/" for region in (REGION, "sa-east-1"))
    # Whoever launches names the table of PostsTableName: it must be of another blog that was launched.
    for name, may in ((f"{LAUNCHED}-Posts-X", True), ("payroll", False)):
        assert allowed(bounds, "dynamodb:PutItem", here + name) is may
        assert allowed(launched, "dynamodb:CreateTableReplica", away + name) is may
    via = {"kms:ViaService": "dynamodb.sa-east-1.amazonaws.com"}
    assert allowed(launched, "kms:CreateGrant", f"arn:aws:kms:sa-east-1:{ACCOUNT}:key/1", via)
    assert not allowed(launched, "kms:CreateGrant", f"arn:aws:kms:sa-east-1:{ACCOUNT}:key/1", {})
    assert allowed(launched, "s3:PutBucketNotification", f"arn:aws:s3:::{LAUNCHED.lower()}-uploads-x")
    namespace = {"cloudwatch:namespace": "troposphere-arch/blog"}
    assert allowed(bounds, "cloudwatch:PutMetricData", "*", namespace)
    assert not allowed(bounds, "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "other"})


@shows("REQ-D4", how="static")
def test_policies_fit_into_what_iam_takes() -> None:
    """6,144 characters without blanks, with the longest names of stack, account, region and partition."""
    longest = {**KNOWN, "AWS::StackName": "s" * 128, "AWS::Region": "ap-southeast-1", "AWS::Partition": "aws-us-gov"}
    longest["TodoBoundary"] = f"arn:aws-us-gov:iam::{ACCOUNT}:policy/{'s' * 128}/todo/" + "s" * 128
    for name, one in made()["Resources"].items():
        if one["Type"] == "AWS::IAM::ManagedPolicy":
            document = worked_out(one["Properties"]["PolicyDocument"], longest)
            assert len(json.dumps(document, separators=(",", ":"))) <= 6_144, name
    roles = [one for one in made()["Resources"].values() if one["Type"] == "AWS::IAM::Role"]
    assert all(len(role["Properties"]["ManagedPolicyArns"]) <= 10 for role in roles)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t["Parameters"].pop("PermissionsBoundaryArn"), "no parameter PermissionsBoundaryArn"),
        (lambda t: t["Resources"].update(New={"Type": "AWS::EC2::Instance"}), "AWS::EC2::Instance"),
        (
            lambda t: t["Resources"]["ReadTodosRole"]["Properties"].update(
                ManagedPolicyArns=["arn:aws:iam::aws:policy/X"]
            ),
            "ReadTodosRole has managed policies",
        ),
    ],
)
def test_what_cannot_be_bounded_is_no_product(change: Any, says: str) -> None:
    template = copy.deepcopy(TODO)
    change(template)
    with pytest.raises(ValueError, match=says):
        build([release(template=template)])


@pytest.mark.parametrize("action", ["iam:PassRole", "sts:AssumeRole", "dynamodb:*", "*"])
def test_roles_of_a_product_make_no_rights(action: str) -> None:
    template = copy.deepcopy(TODO)
    statement = {"Effect": "Allow", "Action": [action], "Resource": ["*"]}
    policy = {"PolicyName": "more", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    template["Resources"]["ReadTodosRole"]["Properties"]["Policies"].append(policy)
    with pytest.raises(ValueError, match="roles of a product may not hold"):
        build([release(template=template)])


# --- how a product is launched


@shows("REQ-D4", how="static")
def test_a_launch_is_by_the_role_and_within_the_boundary() -> None:
    resources = made()["Resources"]
    by_role = resources["TodoLaunchedByRole"]
    assert by_role["Properties"]["RoleArn"] == {"Fn::GetAtt": ["TodoLaunchRole", "Arn"]}
    [trust] = resources["TodoLaunchRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole"],
        "Principal": {"Service": "servicecatalog.amazonaws.com"},
    }
    in_bounds = resources["TodoLaunchedInBounds"]
    rules = json.loads(worked_out(in_bounds["Properties"]["Rules"], KNOWN))
    layers = rules.pop("ArtifactBucketIsOurs")["Assertions"][0]
    assert layers["Assert"] == {"Fn::Contains": [["none", "artifacts"], {"Ref": "ArtifactBucket"}]}
    assert layers["AssertDescription"] == "ArtifactBucket must be none or artifacts: layers come from nowhere else."
    wanted = {"PermissionsBoundaryArn": BOUNDARY, "RolePath": f"/{STACK}/todo/"}
    assert {name: [one["Assert"] for one in rule["Assertions"]] for name, rule in rules.items()} == {
        f"{name}IsGiven": [{"Fn::Equals": [{"Ref": name}, value]}] for name, value in wanted.items()
    }
    for constraint in (by_role, in_bounds):
        assert constraint["DependsOn"] == ["TodoOffer"]
    outputs = made()["Outputs"]
    assert {name: worked_out(outputs[f"Todo{name}"]["Value"], KNOWN) for name in ("BoundaryArn", "RolePath")} == {
        "BoundaryArn": BOUNDARY,
        "RolePath": wanted["RolePath"],
    }
    # The values that a launch must be given are ones that the template takes.
    for name, value in wanted.items():
        assert re.fullmatch(TODO["Parameters"][name]["AllowedPattern"], value)
    assert resources["TodoBoundary"]["DeletionPolicy"] == "Retain"


def without_layers() -> dict[str, Any]:
    """The to-do list as it would be without layers, and so without a parameter that says where they are."""
    template = copy.deepcopy(TODO)
    template["Resources"].pop("TodosCacheClient")
    template["Parameters"].pop("ArtifactBucket")
    return template


@shows("REQ-D4", how="static")
def test_a_rule_about_layers_only_where_a_launch_says_where_they_are() -> None:
    """A rule about a parameter that a template lacks would refuse its launches."""
    template = made(release(template=without_layers()))
    assert "ArtifactBucketIsOurs" not in json.loads(
        worked_out(template["Resources"]["TodoLaunchedInBounds"]["Properties"]["Rules"], KNOWN)
    )
    old = release(template=without_layers())
    with pytest.raises(ValueError, match=r"todo 1\.0\.0 has no parameter ArtifactBucket and other versions have"):
        build([old, release("1.1.0")])
    old = release(template=without_layers(), deprecated="old")
    assert "ArtifactBucketIsOurs" in str(made(old, release("1.1.0"))["Resources"]["TodoLaunchedInBounds"])


@shows("REQ-D4", how="static")
def test_code_is_read_from_the_bucket_of_the_portfolio_only() -> None:
    """Though anybody may mark an object of his as Service Catalog marks its templates."""
    template = made()
    [read] = template["Resources"]["TodoLaunchRole"]["Properties"]["Policies"]
    statements = worked_out(read["Fn::If"][1]["PolicyDocument"]["Statement"], KNOWN)
    statements += policies(template, "TodoLaunchRights")
    marked = {"s3:ExistingObjectTag/servicecatalog:provisioning": "true"}
    [layer] = [r for r in TODO["Resources"].values() if r["Type"] == "AWS::Lambda::LayerVersion"]
    key = layer["Properties"]["Content"]["S3Key"]
    assert allowed(statements, "s3:GetObject", f"arn:aws:s3:::artifacts/{key}")
    assert not allowed(statements, "s3:GetObject", f"arn:aws:s3:::mine/{key}")
    assert not allowed(statements, "s3:GetObject", f"arn:aws:s3:::mine/{key}", marked)


def arn(service: str, name: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{name}"


THEIR_POLICY = arn("iam", "policy/x", region="")
WITHIN = {"iam:PermissionsBoundary": BOUNDARY}
LAMBDA = {"iam:PassedToService": "lambda.amazonaws.com"}
# Services whose own role a launch may make.
LINKED = ("dax.amazonaws.com", "email.cognito-idp.amazonaws.com", "ops.apigateway.amazonaws.com")
# What a launch must be able to do.
NEEDED: list[tuple[str, str, dict[str, str]]] = [
    ("cloudformation:CreateStack", arn("cloudformation", f"stack/{LAUNCHED}/1"), {}),
    ("cloudformation:ValidateTemplate", "*", {}),
    (
        "s3:GetObject",
        "arn:aws:s3:::cf-templates-of-service-catalog/x",
        {"s3:ExistingObjectTag/servicecatalog:provisioning": "true"},
    ),
    ("iam:CreateRole", OURS, WITHIN),
    ("iam:PutRolePolicy", OURS, WITHIN),
    ("iam:DeleteRolePolicy", OURS, WITHIN),
    ("iam:GetRole", OURS, {}),
    ("iam:DeleteRole", OURS, {}),
    ("iam:PassRole", OURS, LAMBDA),
    ("iam:PassRole", OURS, {"iam:PassedToService": "dax.amazonaws.com"}),
    ("iam:PassRole", OURS, {"iam:PassedToService": "cognito-identity.amazonaws.com"}),
    ("dynamodb:CreateTable", arn("dynamodb", f"table/{LAUNCHED}-Todos-X"), {}),
    ("lambda:CreateFunction", arn("lambda", f"function:{LAUNCHED}-ReadTodos-X"), {}),
    ("lambda:UpdateFunctionCode", arn("lambda", f"function:{LAUNCHED}-ReadTodos-X"), {}),
    ("s3:CreateBucket", f"arn:aws:s3:::{LAUNCHED.lower()}-files-x", {}),
    ("logs:CreateLogGroup", arn("logs", f"log-group:{LAUNCHED}-ReadTodosLogs-X"), {}),
    ("cloudwatch:PutMetricAlarm", arn("cloudwatch", f"alarm:{LAUNCHED}-TodosErrors-X"), {}),
    ("apigateway:POST", f"arn:aws:apigateway:{REGION}::/restapis", {}),
    ("apigateway:PUT", f"arn:aws:apigateway:{REGION}::/restapis/abc/resources/def/methods/GET", {}),
    ("cognito-idp:CreateUserPool", "*", {}),
    ("kms:CreateGrant", arn("kms", "key/1"), {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}),
    (
        "iam:CreateServiceLinkedRole",
        arn("iam", "role/aws-service-role/dax.amazonaws.com/AWSServiceRoleForDAX", region=""),
        {"iam:AWSServiceName": "dax.amazonaws.com"},
    ),
    (
        "iam:CreateServiceLinkedRole",
        arn("iam", "role/aws-service-role/email.cognito-idp.amazonaws.com/X", region=""),
        {"iam:AWSServiceName": "email.cognito-idp.amazonaws.com"},
    ),
    (
        "iam:CreateServiceLinkedRole",
        arn("iam", "role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway", region=""),
        {"iam:AWSServiceName": "ops.apigateway.amazonaws.com"},
    ),
]
# Ways from the right to launch to other rights.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html, and what is known of such ways
ESCALATIONS: list[tuple[str, str, dict[str, str]]] = [
    # A role without the boundary, or with another.
    ("iam:CreateRole", OURS, {}),
    ("iam:CreateRole", OURS, {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ("iam:CreateRole", OURS, {"iam:PermissionsBoundary": f"{BOUNDARY}2"}),
    # A role elsewhere, though with the boundary.
    ("iam:CreateRole", FOREIGN, WITHIN),
    ("iam:CreateRole", arn("iam", f"role/{STACK}/todos/x", region=""), WITHIN),
    ("iam:CreateRole", arn("iam", f"role/{STACK}x/todo/x", region=""), WITHIN),
    # The boundary taken away, replaced or changed.
    ("iam:DeleteRolePermissionsBoundary", OURS, WITHIN),
    ("iam:DeleteRolePermissionsBoundary", FOREIGN, {}),
    (
        "iam:PutRolePermissionsBoundary",
        OURS,
        {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"},
    ),
    ("iam:PutRolePermissionsBoundary", FOREIGN, WITHIN),
    *[
        (f"iam:{action}", target, WITHIN)
        for action in ("CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion", "DeletePolicy")
        for target in (BOUNDARY, THEIR_POLICY)
    ],
    # More rights for roles that exist.
    ("iam:PutRolePolicy", FOREIGN, {}),
    ("iam:PutRolePolicy", FOREIGN, WITHIN),
    ("iam:PutRolePolicy", OURS, {}),
    ("iam:AttachRolePolicy", OURS, {**WITHIN, "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ("iam:AttachRolePolicy", FOREIGN, WITHIN),
    ("iam:UpdateAssumeRolePolicy", FOREIGN, {}),
    ("iam:UpdateRole", FOREIGN, {}),
    # Rights for people.
    *[
        (f"iam:{action}", arn("iam", "user/x", region=""), WITHIN)
        for action in (
            *("CreateUser", "CreateAccessKey", "CreateLoginProfile", "UpdateLoginProfile", "AddUserToGroup"),
            *("PutUserPolicy", "AttachUserPolicy", "PutUserPermissionsBoundary", "DeleteUserPermissionsBoundary"),
        )
    ],
    ("iam:PutGroupPolicy", arn("iam", "group/x", region=""), {}),
    ("iam:AttachGroupPolicy", arn("iam", "group/x", region=""), {}),
    ("iam:CreatePolicy", THEIR_POLICY, {}),
    ("iam:CreateInstanceProfile", arn("iam", "instance-profile/x", region=""), {}),
    ("iam:CreateOpenIDConnectProvider", arn("iam", "oidc-provider/x", region=""), {}),
    ("iam:UpdateSAMLProvider", arn("iam", "saml-provider/x", region=""), {}),
    ("iam:CreateServiceLinkedRole", arn("iam", "role/aws-service-role/x.amazonaws.com/X", region=""), {}),
    *[
        (
            "iam:CreateServiceLinkedRole",
            arn("iam", f"role/aws-service-role/{role}/X", region=""),
            {"iam:AWSServiceName": service},
        )
        for service in (*LINKED, "organizations.amazonaws.com")
        for role in (*LINKED, "organizations.amazonaws.com")
        if service != role or service == "organizations.amazonaws.com"
    ],
    # A role handed on, or taken.
    ("iam:PassRole", FOREIGN, LAMBDA),
    ("iam:PassRole", arn("iam", "role/architectures-TodoLaunchRole-X", region=""), LAMBDA),
    ("iam:PassRole", OURS, {}),
    *[
        ("iam:PassRole", OURS, {"iam:PassedToService": f"{service}.amazonaws.com"})
        for service in (
            "ec2",
            "cloudformation",
            "ecs-tasks",
            "glue",
            "sagemaker",
            "codebuild",
            "servicecatalog",
            "states",
        )
    ],
    ("sts:AssumeRole", FOREIGN, {}),
    ("sts:AssumeRole", OURS, {}),
    ("sts:AssumeRole", arn("iam", "role/architectures-TodoLaunchRole-X", region=""), {}),
    # The code or the data of others.
    ("lambda:UpdateFunctionCode", arn("lambda", "function:payroll"), {}),
    ("lambda:UpdateFunctionConfiguration", arn("lambda", "function:payroll"), {}),
    ("lambda:AddPermission", arn("lambda", "function:payroll"), {}),
    ("lambda:UpdateFunctionCode", arn("lambda", "function:SC-payroll"), {}),
    ("dynamodb:DeleteTable", arn("dynamodb", "table/SC-payroll"), {}),
    ("logs:DeleteLogGroup", arn("logs", "log-group:SC-payroll"), {}),
    ("cloudwatch:DeleteAlarms", arn("cloudwatch", "alarm:SC-payroll"), {}),
    ("cloudformation:DeleteStack", arn("cloudformation", "stack/SC-payroll/1"), {}),
    ("s3:PutBucketPolicy", "arn:aws:s3:::sc-payroll", {}),
    ("lambda:InvokeFunction", arn("lambda", f"function:{LAUNCHED}-ReadTodos-X"), {}),
    ("lambda:CreateFunction", arn("lambda", f"function:{LAUNCHED}-x", account="999999999999"), {}),
    ("lambda:CreateEventSourceMapping", "*", {}),
    ("dynamodb:DeleteTable", arn("dynamodb", "table/payroll"), {}),
    *[
        (f"dynamodb:{action}", arn("dynamodb", f"table/{LAUNCHED}-Todos-X"), {})
        for action in ("GetItem", "Query", "Scan", "PutItem", "PutResourcePolicy", "ExportTableToPointInTime")
    ],
    ("s3:PutBucketPolicy", "arn:aws:s3:::payroll", {}),
    ("s3:GetObject", "arn:aws:s3:::payroll/x", {}),
    ("s3:GetObject", "arn:aws:s3:::payroll/x", {"s3:ExistingObjectTag/servicecatalog:provisioning": "false"}),
    ("s3:GetObject", "arn:aws:s3:::mine/layers/x.zip", {"s3:ExistingObjectTag/servicecatalog:provisioning": "true"}),
    ("s3:PutObject", "arn:aws:s3:::artifacts/layers/x.zip", {}),
    ("s3:PutObjectTagging", "arn:aws:s3:::payroll/x", {}),
    ("kms:Decrypt", arn("kms", "key/1"), {}),
    ("kms:PutKeyPolicy", arn("kms", "key/1"), {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}),
    ("cloudformation:UpdateStack", arn("cloudformation", "stack/payroll/1"), {}),
    ("cloudformation:CreateStackSet", arn("cloudformation", "stackset/x:1"), {}),
    ("cloudformation:CreateStack", arn("cloudformation", "stack/x/1"), {}),
    ("servicecatalog:CreateConstraint", "*", {}),
    ("ec2:RunInstances", arn("ec2", "instance/*"), {}),
    ("ssm:SendCommand", "*", {}),
    ("organizations:LeaveOrganization", "*", {}),
]


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(("action", "resource", "context"), NEEDED)
def test_a_launch_may(launch: list[dict[str, Any]], action: str, resource: str, context: dict[str, str]) -> None:
    assert allowed(launch, action, resource, context)


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(("action", "resource", "context"), ESCALATIONS)
def test_nobody_gains_rights_by_a_launch(
    launch: list[dict[str, Any]], action: str, resource: str, context: dict[str, str]
) -> None:
    assert not allowed(launch, action, resource, context)


@shows("REQ-D4", how="static")
def test_the_way_out_is_noticed() -> None:
    """Each condition and each path is needed: with any of them away, one of the ways above is open."""
    statements = policies(made(), "TodoLaunchRights")

    def ways(changed: list[dict[str, Any]]) -> int:
        return sum(allowed(changed, *one) for one in ESCALATIONS)

    assert ways(statements) == 0
    weakened = 0
    for number, statement in enumerate(statements):
        others = statements[:number] + statements[number + 1 :]
        if statement["Effect"] == "Deny" and "Condition" in statement:
            weakened += 1
            assert ways(others) > 0, statement
        elif "Condition" in statement:
            weakened += 1
            assert ways([*others, {k: v for k, v in statement.items() if k != "Condition"}]) > 0, statement
        if statement["Effect"] == "Allow" and any(a.startswith("iam:") for a in statement["Action"]):
            weakened += 1
            assert ways([*others, {**statement, "Resource": ["*"]}]) > 0, statement
    assert weakened >= 8


@shows("REQ-D4", how="static")
def test_no_role_of_a_product_makes_rights(boundary: list[dict[str, Any]]) -> None:
    actions = {action for statement in boundary for action in statement["Action"]}
    assert not [a for a in actions if a.split(":")[0] in ("iam", "sts", "organizations", "lambda", "cloudformation")]
    assert not [a for a in actions if "*" in a]
    for action, resource, context in ESCALATIONS:
        if (action, context) not in (("kms:Decrypt", {}),):
            own = LAUNCHED in resource and action in ("dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem")
            assert allowed(boundary, action, resource, context) is own, action


# What the resources of a launch are called.
MADE = {
    **KNOWN,
    "Todos.Arn": arn("dynamodb", f"table/{LAUNCHED}-Todos-X"),
    "TodosCache.Arn": arn("dax", "cache/todos-x"),
    "Users.Arn": arn("cognito-idp", f"userpool/{REGION}_x"),
    "Files.Arn": f"arn:aws:s3:::{LAUNCHED.lower()}-files-x",
    "KmsKeyArn": arn("kms", "key/1"),
    **{
        f"{title}Logs.Arn": arn("logs", f"log-group:{LAUNCHED}-{title}Logs-X:*")
        for title in ("ReadTodos", "WriteTodos", "DeleteAccounts", "Api")
    },
}


def grants(template: dict[str, Any]) -> list[dict[str, Any]]:
    """Every statement that allows something to a role of the template, worked out."""
    documents = []
    for one in template["Resources"].values():
        if one["Type"] == "AWS::IAM::Role":
            listed = [p["Fn::If"][1] if "Fn::If" in p else p for p in one["Properties"]["Policies"]]
            documents += [p["PolicyDocument"] for p in listed]
        elif one["Type"] == "AWS::IAM::Policy":
            documents.append(one["Properties"]["PolicyDocument"])
    found = [s for document in documents for s in document["Statement"] if s["Effect"] == "Allow"]
    return [worked_out(statement, MADE) for statement in found]


@shows("REQ-D4", how="static")
def test_the_boundary_takes_nothing_from_the_roles(boundary: list[dict[str, Any]]) -> None:
    """Whatever a role of the template may do on what a launch makes, it may do within the boundary."""
    tried = 0
    for statement in grants(TODO):
        context = {
            key: (wanted if isinstance(wanted, str) else wanted[0]).replace("*", "x")
            for block in statement.get("Condition", {}).values()
            for key, wanted in block.items()
        }
        for resource in statement["Resource"]:
            for action in statement["Action"]:
                sample = resource if resource == "*" else resource.replace("*", "x")
                assert allowed([statement], action, sample, context), statement
                assert allowed(boundary, action, sample, context), (action, sample, context)
                tried += 1
    assert tried > 60


# --- the table of rights


# What the handlers of a type name and a launch of ours does not need: the property that needs it, or why.
_NEVER = "no property: for groups, users and others than the resources of ours"
LEFT_OUT: dict[str, dict[str, str]] = {
    "AWS::CloudFront::Distribution": {
        "DistributionConfig.ConnectionMode": "cloudfront:CreateConnectionGroup cloudfront:GetConnectionGroup",
        "DistributionConfig.Staging": "cloudfront:UpdateDistributionWithStagingConfig",
        "DistributionConfig.Origins VpcOriginConfig": "cloudfront:GetVpcOrigin",
        # The name of the call: it needs the rights to create and to tag.
        _NEVER: "cloudfront:CreateDistributionWithTags",
    },
    "AWS::AutoScaling::AutoScalingGroup": {
        "all at once, which are named one by one": "autoscaling:Describe* ec2:Describe* ec2:Get* "
        "elasticloadbalancing:Describe* ssm:Get*",
        "Context": "managed-fleets:CreateAutoScalingGroup managed-fleets:DeleteAutoScalingGroup "
        "managed-fleets:DeregisterAutoScalingGroup managed-fleets:Get* managed-fleets:RegisterAutoScalingGroup "
        "managed-fleets:UpdateAutoScalingGroup",
        "LifecycleHookSpecificationList": "autoscaling:DeleteLifecycleHook autoscaling:PutLifecycleHook",
        "LoadBalancerNames": "autoscaling:AttachLoadBalancers autoscaling:DetachLoadBalancers",
        "NotificationConfigurations": "autoscaling:DeleteNotificationConfiguration "
        "autoscaling:PutNotificationConfiguration",
        "TrafficSources": "autoscaling:AttachTrafficSources autoscaling:DetachTrafficSources "
        "vpc-lattice:DeregisterTargets vpc-lattice:GetTargetGroup vpc-lattice:ListTargets vpc-lattice:RegisterTargets",
        "UpdatePolicy AutoScalingInstanceRefresh": "autoscaling:CancelInstanceRefresh autoscaling:StartInstanceRefresh",
    },
    "AWS::AutoScaling::ScalingPolicy": {"PredictiveScalingConfiguration": "cloudwatch:GetMetricData"},
    "AWS::CloudFront::VpcOrigin": {_NEVER: "sts:AssumeRole"},
    "AWS::EC2::VPCGatewayAttachment": {"VpnGatewayId": "ec2:AttachVpnGateway ec2:DetachVpnGateway"},
    "AWS::EFS::FileSystem": {
        "FileSystemProtection": "elasticfilesystem:UpdateFileSystemProtection",
        "ReplicationConfiguration": "elasticfilesystem:CreateReplicationConfiguration "
        "elasticfilesystem:DeleteReplicationConfiguration iam:PassRole",
    },
    "AWS::ElasticLoadBalancingV2::Listener": {
        "DefaultActions AuthenticateCognitoConfig": "cognito-idp:DescribeUserPoolClient",
    },
    "AWS::ElasticLoadBalancingV2::ListenerRule": {
        "Actions AuthenticateCognitoConfig": "cognito-idp:DescribeUserPoolClient",
    },
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "IpAddressType": "elasticloadbalancing:SetIpAddressType",
        "Ipv4IpamPoolId": "ec2:DescribeIpamPools elasticloadbalancing:ModifyIpPools",
        "MinimumLoadBalancerCapacity": "elasticloadbalancing:ModifyCapacityReservation",
    },
    "AWS::ElasticLoadBalancingV2::TargetGroup": {
        "Targets": "elasticloadbalancing:DeregisterTargets elasticloadbalancing:RegisterTargets",
    },
    "AWS::SecretsManager::Secret": {
        "ReplicaRegions": "secretsmanager:RemoveRegionsFromReplication secretsmanager:ReplicateSecretToRegions",
    },
    "AWS::ApiGateway::Authorizer": {"AuthorizerCredentials": "iam:PassRole"},
    "AWS::ApiGateway::Method": {"Integration.Credentials": "iam:PassRole"},
    "AWS::ApiGateway::RestApi": {
        "Policy": "apigateway:UpdateRestApiPolicy",
        "Body": "apigateway:PUT iam:PassRole",
        "BodyS3Location": "s3:GetObject",
    },
    "AWS::ApiGateway::DomainName": {"MutualTlsAuthentication": ""},
    "AWS::Budgets::Budget": {"Budget.BillingViewArn": "billing:GetBillingViewData"},
    "AWS::Cognito::IdentityPool": {
        "CognitoEvents": "cognito-sync:SetCognitoEvents",
        "PushSync": "cognito-sync:SetIdentityPoolConfiguration iam:PassRole",
    },
    "AWS::Cognito::UserPool": {
        "SmsConfiguration": "iam:PassRole",
        "LambdaConfig": "kms:CreateGrant kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey "
        "kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo",
    },
    "AWS::Cognito::UserPoolClient": {
        "AnalyticsConfiguration": "iam:CreateServiceLinkedRole iam:DeleteRolePolicy iam:PassRole iam:PutRolePolicy",
    },
    "AWS::Cognito::UserPoolGroup": {"RoleArn": "iam:PassRole iam:PutRolePolicy"},
    "AWS::DynamoDB::GlobalTable": {
        "BillingMode PROVISIONED": "application-autoscaling:DeleteScalingPolicy "
        "application-autoscaling:DeleteScheduledAction application-autoscaling:DeregisterScalableTarget "
        "application-autoscaling:PutScalingPolicy application-autoscaling:PutScheduledAction "
        "application-autoscaling:RegisterScalableTarget dynamodb:UpdateTableReplicaAutoScaling",
        "MultiRegionConsistency": "dynamodb:DisassociateTableReplica",
        "Replicas ContributorInsightsSpecification": "dynamodb:UpdateContributorInsights",
        "Replicas KinesisStreamSpecification": "dynamodb:DisableKinesisStreamingDestination "
        "dynamodb:EnableKinesisStreamingDestination dynamodb:UpdateKinesisStreamingDestination "
        "kinesis:DescribeStream kinesis:ListStreams kinesis:PutRecords",
        "Replicas ResourcePolicy": "dynamodb:DeleteResourcePolicy dynamodb:PutResourcePolicy",
        "all at once, which are named one by one": "application-autoscaling:Describe* dynamodb:Describe*",
        _NEVER: "cloudwatch:PutMetricData kms:ListAliases",
    },
    "AWS::DynamoDB::Table": {
        "ContributorInsightsSpecification": "dynamodb:UpdateContributorInsights",
        "ImportSourceSpecification": "dynamodb:BatchWriteItem dynamodb:DescribeImport dynamodb:ImportTable "
        "logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogGroups logs:DescribeLogStreams logs:PutLogEvents "
        "logs:PutRetentionPolicy s3:GetObject s3:GetObjectMetadata s3:ListBucket",
        "KinesisStreamSpecification": "dynamodb:DisableKinesisStreamingDestination "
        "dynamodb:EnableKinesisStreamingDestination dynamodb:UpdateKinesisStreamingDestination "
        "iam:CreateServiceLinkedRole kinesis:DescribeStream kinesis:PutRecords",
        "ResourcePolicy": "dynamodb:DeleteResourcePolicy dynamodb:PutResourcePolicy",
        _NEVER: "dynamodb:AssociateTableReplica dynamodb:CreateTableReplica dynamodb:DeleteItem dynamodb:GetItem "
        "dynamodb:PutItem dynamodb:Query dynamodb:Scan dynamodb:UpdateItem kms:ListAliases kms:RevokeGrant",
    },
    "AWS::EC2::SecurityGroup": {_NEVER: "ec2:DescribeInstances"},
    "AWS::EC2::Subnet": {"Ipv6CidrBlock": "ec2:AssociateSubnetCidrBlock ec2:DisassociateSubnetCidrBlock"},
    "AWS::EC2::VPC": {
        "InstanceTenancy": "ec2:ModifyVpcTenancy",
        "VpcEncryptionControl": "ec2:CreateVpcEncryptionControl",
    },
    "AWS::EC2::VPCEndpoint": {
        "ServiceNetworkArn": "vpc-lattice:CreateServiceNetworkVpcEndpointAssociation "
        "vpc-lattice:DescribeServiceNetworkVpcEndpointAssociation",
        "ServiceRegion": "vpce:AllowMultiRegion",
    },
    "AWS::Events::Rule": {"RoleArn": "iam:PassRole"},
    "AWS::IAM::Policy": {
        "Groups": "iam:DeleteGroupPolicy iam:GetGroupPolicy iam:PutGroupPolicy",
        "Users": "iam:DeleteUserPolicy iam:GetUserPolicy iam:PutUserPolicy",
    },
    "AWS::IAM::Role": {
        "ManagedPolicyArns": "iam:AttachRolePolicy iam:DetachRolePolicy",
        _NEVER: "iam:DeleteRolePermissionsBoundary",  # the very thing that must not be
    },
    "AWS::Lambda::Function": {
        "CapacityProviderConfig": "lambda:PassCapacityProvider",
        "Code.S3Bucket": "s3:GetObject s3:GetObjectVersion",
        "CodeSigningConfigArn": "lambda:DeleteFunctionCodeSigningConfig lambda:GetCodeSigningConfig "
        "lambda:PutFunctionCodeSigningConfig",
        "FileSystemConfigs": "elasticfilesystem:DescribeMountTargets",
        "FunctionScalingConfig": "lambda:PutFunctionScalingConfig",
        "KmsKeyArn": "kms:CreateGrant kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey",
        "PublishToLatestPublished": "lambda:PublishVersion",
        "RecursiveLoop": "lambda:PutFunctionRecursionConfig",
        "RuntimeManagementConfig": "lambda:PutRuntimeManagementConfig",
        _NEVER: "lambda:AssociateRuntimeAlias s3files:ListMountTargets",
    },
    "AWS::Lambda::EventSourceMapping": {"KmsKeyArn": "kms:Decrypt kms:DescribeKey kms:GenerateDataKey"},
    "AWS::Lambda::LayerVersion": {"Content.S3ObjectVersion": "s3:GetObjectVersion"},
    "AWS::Logs::LogGroup": {
        "BearerTokenAuthenticationEnabled": "logs:PutBearerTokenAuthentication",
        "DataProtectionPolicy": "firehose:TagDeliveryStream logs:CreateLogDelivery logs:DeleteDataProtectionPolicy "
        "logs:PutDataProtectionPolicy s3:REST.PUT.OBJECT",
        "DeletionProtectionEnabled": "logs:PutLogGroupDeletionProtection",
        "FieldIndexPolicies": "logs:DeleteIndexPolicy logs:PutIndexPolicy",
        "KmsKeyId": "logs:AssociateKmsKey logs:DisassociateKmsKey",
        "ResourcePolicyDocument": "logs:DeleteResourcePolicy logs:PutResourcePolicy",
    },
    "AWS::S3::Bucket": {
        "AbacStatus": "s3:PutBucketAbac",
        "AccelerateConfiguration": "s3:PutAccelerateConfiguration",
        "AccessControl": "s3:PutBucketAcl s3:PutObjectAcl",
        "AnalyticsConfigurations": "s3:DeleteBucketAnalyticsConfiguration s3:PutAnalyticsConfiguration",
        "IntelligentTieringConfigurations": "s3:PutIntelligentTieringConfiguration",
        "InventoryConfigurations": "s3:PutInventoryConfiguration",
        "LoggingConfiguration": "s3:PutBucketLogging",
        "MetadataTableConfiguration": "s3:CreateBucketMetadataTableConfiguration "
        "s3:DeleteBucketMetadataTableConfiguration s3:UpdateBucketMetadataAnnotationTableConfiguration "
        "s3:UpdateBucketMetadataInventoryTableConfiguration s3:UpdateBucketMetadataJournalTableConfiguration "
        "s3tables:CreateNamespace s3tables:CreateTable s3tables:CreateTableBucket s3tables:GetTable "
        "s3tables:GetTableMetadataLocation s3tables:PutTableBucketPolicy s3tables:PutTableEncryption "
        "s3tables:PutTablePolicy s3tables:UpdateTableMetadataLocation",
        "MetricsConfigurations": "s3:DeleteBucketMetricsConfiguration s3:PutMetricsConfiguration",
        "NotificationConfiguration": "s3:PutBucketNotification",
        "ObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration s3:PutObjectLockConfiguration",
        "ReplicationConfiguration": "iam:PassRole s3:DeleteBucketReplication s3:PutBucketReplication "
        "s3:PutReplicationConfiguration",
        "WebsiteConfiguration": "s3:DeleteBucketWebsite s3:PutBucketWebsite",
        # The rights to put these are the rights to take them away; these are the names of calls, not of rights.
        _NEVER: "s3:DeleteBucketCors s3:DeleteBucketEncryption s3:DeleteBucketLifecycle s3:DeleteObject",
    },
    "AWS::SES::ConfigurationSet": {
        "ArchivingOptions": "ses:PutConfigurationSetArchivingOptions",
        "TrackingOptions": "ses:PutConfigurationSetTrackingOptions",
        "VdmOptions": "ses:PutConfigurationSetVdmOptions",
    },
    "AWS::SES::ConfigurationSetEventDestination": {"EventDestination.KinesisFirehoseDestination": "iam:PassRole"},
    "AWS::WAFv2::WebACLAssociation": {
        _NEVER: "amplify:AssociateWebACL amplify:DisassociateWebACL amplify:GetWebACLForResource "
        "apprunner:AssociateWebAcl apprunner:DescribeWebAclForService apprunner:DisassociateWebAcl "
        "appsync:AssociateWebACL appsync:DisassociateWebACL appsync:GetWebACLForResource appsync:SetWebACL "
        "bedrock-agentcore:GatewayAssociateWebACL bedrock-agentcore:GatewayDisassociateWebACL "
        "bedrock-agentcore:GatewayGetWebACLForResource cognito-idp:AssociateWebACL "
        "cognito-idp:DisassociateWebACL cognito-idp:GetWebACLForResource ec2:AssociateVerifiedAccessInstanceWebAcl "
        "ec2:DescribeVerifiedAccessInstanceWebAclAssociations ec2:DisassociateVerifiedAccessInstanceWebAcl "
        "ec2:GetVerifiedAccessInstanceWebAcl elasticloadbalancing:CreateWebACLAssociation "
        "elasticloadbalancing:DeleteWebACLAssociation elasticloadbalancing:GetLoadBalancerWebACL "
        "elasticloadbalancing:SetWebACL wafv2:GetPermissionPolicy wafv2:PutPermissionPolicy",
    },
}
# What the schema does not name and a page of AWS's does, which is beside the row.
OTHERWISE = {
    "AWS::CloudFront::Distribution": {"s3:GetBucketAcl", "s3:PutBucketAcl"},
    "AWS::ApiGateway::DomainName": {"iam:CreateServiceLinkedRole"},
    "AWS::AutoScaling::AutoScalingGroup": {
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        "ec2:CreateTags",
    },
    "AWS::EC2::VPCEndpoint.SubnetIds": {"route53:AssociateVPCWithHostedZone"},
    "AWS::EFS::MountTarget": {
        *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"),
        *("ec2:DescribeSubnets", "ec2:ModifyNetworkInterfaceAttribute"),
    },
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        *("ec2:DescribeAccountAttributes", "ec2:DescribeAddresses", "ec2:DescribeInternetGateways"),
        *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "iam:CreateServiceLinkedRole"),
    },
    "AWS::ElasticLoadBalancingV2::TargetGroup": {"ec2:DescribeInternetGateways", "iam:CreateServiceLinkedRole"},
    "AWS::Lambda::EventInvokeConfig": {"lambda:GetFunctionEventInvokeConfig"},
}
# A property whose rights are in the row of another type, without which no template has it.
BESIDE = {
    ("AWS::CloudFront::Distribution", "DistributionConfig.Origins VpcOriginConfig"): "AWS::CloudFront::VpcOrigin",
}


def held_by(kind: str) -> set[str]:
    return {action for actions in launch_rights.RIGHTS[kind].values() for action in actions.split()}


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("kind", sorted(launch_rights.RIGHTS))
def test_the_rights_of_a_type_are_those_of_its_handlers(kind: str) -> None:
    """Of AWS's schema, as cfn-lint ships it: no right more, and none less without a reason."""
    of_property = kind.partition(".")[2]
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind.partition(".")[0]).schema.get(
        "handlers", {}
    )
    named = {
        p for verb in ("create", "read", "update", "delete") for p in handlers.get(verb, {}).get("permissions", [])
    }
    held = held_by(kind)
    otherwise = OTHERWISE.get(kind, set())
    assert otherwise <= held
    if of_property:  # what its type is left out for this property, and what its type may do, on more
        of_type = kind.partition(".")[0]
        left_out_for_it = set(LEFT_OUT.get(of_type, {}).get(of_property, "").split())
        assert held - held_by(of_type) == left_out_for_it | otherwise
        return
    left_out = {action for actions in LEFT_OUT.get(kind, {}).values() for action in actions.split()}
    if not handlers.get("create"):
        assert kind == "AWS::DAX::Cluster"  # written from AWS's page instead
        return
    assert not [one for one in held - otherwise if not any(fnmatchcase(one, known) for known in named)]
    assert named - held <= left_out
    assert not (left_out - named), "the schema does not name these any more"


def found_at(resource: dict[str, Any], place: str) -> bool:
    """Whether a resource has what is at `Property.Inner`, or within it the word of `Property.Inner Word`."""
    path, _, word = place.partition(" ")
    found: Any = {**resource, **resource.get("Properties", {})}
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found is not None and (not word or f'"{word}"' in json.dumps(found))


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("template", [TODO, BLOG, UPDATES, CACHE], ids=["todo", "blog", "updates", "cache"])
def test_no_template_has_a_property_whose_rights_are_left_out(template: dict[str, Any]) -> None:
    types = {one["Type"] for one in template["Resources"].values()}
    for name, one in template["Resources"].items():
        for place, actions in LEFT_OUT.get(one["Type"], {}).items():
            beside = BESIDE.get((one["Type"], place))
            if beside in types:
                assert set(actions.split()) <= held_by(beside)
            elif f"{one['Type']}.{place}" not in launch_rights.RIGHTS:
                assert not found_at(one, place), f"{name} has {place}: add what it needs to launch_rights.RIGHTS"


@shows("REQ-D4", how="static")
def test_each_right_is_on_a_resource_that_the_action_knows() -> None:
    """Against the copy of the service authorization reference that cfn-lint ships: an ARN of no use would deny all."""
    from cfnlint.data import AdditionalSpecs

    reference = load_resource(AdditionalSpecs, "Policies.json")
    for kind, rows in launch_rights.RIGHTS.items():
        for pattern, actions in rows.items():
            if pattern in (launch_rights.ROLES, launch_rights.LAYERS):
                continue
            sample = worked_out({"Fn::Sub": launch_rights.arn(pattern)}, KNOWN).replace("*", "x")
            for action in actions.split():
                service, name = action.lower().split(":")
                known = reference[service]["Actions"][name].get("Resources", [])
                if pattern == launch_rights.EVERYTHING:
                    assert not known, f"{kind}: {action} knows {known}"
                    continue
                kinds = [
                    reference[service]["Resources"][k.lower()] for k in ([known] if isinstance(known, str) else known)
                ]
                formats = [f for k in kinds for f in k["ARNFormats"]]
                regexes = [re.sub(r"\$\{(Partition|Region|Account)\}", "[^:]*", f) for f in formats]
                assert any(re.fullmatch(regex, sample) for regex in regexes), f"{kind}: {action} on {pattern}"
