"""What the emulator does not enforce is proved on the template's bytes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from troposphere_arch import scenarios

ROOT = Path(__file__).parents[2]
VERSION = scenarios.page("todo").VERSION
FOLDER = ROOT / f"templates/todo/{VERSION}"


@pytest.fixture(scope="module")
def body() -> bytes:
    """The committed template: the very bytes that users deploy."""
    return (FOLDER / "todo.template.json").read_bytes()


@pytest.fixture(scope="module")
def template(body: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(body)
    return value


def of_type(template: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


def branches(value: Any) -> Iterator[Any]:
    """A value, or both sides of it where a condition decides."""
    if isinstance(value, dict) and "Fn::If" in value:
        for side in value["Fn::If"][1:]:
            yield from branches(side)
    elif value != {"Ref": "AWS::NoValue"}:
        yield value


def statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    """Every statement that the role may ever hold, whatever the parameters."""
    policies = [p for listed in role["Policies"] for p in branches(listed)]
    return [s for p in policies for s in p["PolicyDocument"]["Statement"]]


def actions(role: dict[str, Any]) -> set[str]:
    return {a for s in statements(role) for a in s["Action"]}


@shows("REQ-T6", "REQ-T10", how="static")
def test_the_cluster_is_encrypted_private_and_has_both_times_to_live(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    cluster = resources["TodosCache"]["Properties"]
    assert cluster["ClusterEndpointEncryptionType"] == "TLS"
    assert cluster["SSESpecification"] == {"SSEEnabled": True}
    assert cluster["SecurityGroupIds"] == [{"Fn::GetAtt": ["TodosCacheGroup", "GroupId"]}]
    [into] = resources["TodosCacheGroup"]["Properties"]["SecurityGroupIngress"]
    assert (into["FromPort"], into["ToPort"], into["IpProtocol"]) == (9111, 9111, "tcp")
    assert into["SourceSecurityGroupId"] == {"Fn::GetAtt": ["NetworkFunctions", "GroupId"]}
    times = resources["TodosCacheSettings"]["Properties"]["ParameterNameValues"]
    assert times == {
        "query-ttl-millis": {"Fn::Sub": "${ReadCacheListSeconds}000"},
        "record-ttl-millis": {"Fn::Sub": "${ReadCacheItemSeconds}000"},
    }
    # A group that is in use cannot be changed: other times must make another one.
    name = resources["TodosCacheSettings"]["Properties"]["ParameterGroupName"]["Fn::Sub"]
    assert "${ReadCacheItemSeconds}" in name
    assert "${ReadCacheListSeconds}" in name
    kinds = {r["Type"] for r in resources.values()}
    assert not kinds & {"AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::EC2::EIP"}


@shows("REQ-T10", how="static")
def test_the_network_is_there_whether_anything_is_in_it(template: dict[str, Any]) -> None:
    """It costs nothing, and what must not go while network interfaces are still in it does not go."""
    for name, resource in template["Resources"].items():
        if resource["Type"].startswith("AWS::EC2::") and resource["Type"] != "AWS::EC2::SecurityGroupEgress":
            assert resource.get("Condition") in (None, "NotHasVpcId"), name
    for name in ("ReadTodosRole", "WriteTodosRole"):
        policies = of_type(template, "AWS::IAM::Role")[name]["Policies"]
        assert [p for p in policies if p.get("PolicyName") == "HaveInterfacesInNetwork"], name
    [endpoint] = of_type(template, "AWS::EC2::VPCEndpoint").values()
    assert endpoint["VpcEndpointType"] == "Gateway"
    [allowed] = endpoint["PolicyDocument"]["Statement"]
    assert allowed["Resource"] == [{"Fn::GetAtt": ["Todos", "Arn"]}]


@shows("REQ-T3", "REQ-T8", how="static")
@pytest.mark.parametrize(
    "issuer",
    [
        "cognito-identity.amazonaws.com",
        "cognito-identity-us-gov.amazonaws.com",
        "cognito-identity.us-gov-east-1.amazonaws.com",
    ],
)
def test_signed_in_users_have_their_own_prefix(template: dict[str, Any], body: bytes, issuer: str) -> None:
    role = of_type(template, "AWS::IAM::Role")["IdentitiesRole"]
    assert actions(role) == {
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:ListBucket",
        "kms:Decrypt",
        "kms:GenerateDataKey",
    }
    mine = [s for s in statements(role) if f"{issuer}:sub" in json.dumps(s)]
    assert [sorted(s["Action"]) for s in mine] == [
        ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        ["s3:ListBucket"],
    ]
    # In a Sub the variable is written with an exclamation mark, else CloudFormation would look for a resource.
    assert mine[0]["Resource"] == [{"Fn::Sub": f"${{Files.Arn}}/${{!{issuer}:sub}}/*"}]
    assert mine[1]["Resource"] == [{"Fn::GetAtt": ["Files", "Arn"]}]
    assert mine[1]["Condition"] == {"StringLike": {"s3:prefix": [f"${{{issuer}:sub}}/*"]}}
    trusts = [t for t in branches(role["AssumeRolePolicyDocument"]) if issuer in json.dumps(t)]
    assert [t["Statement"] for t in trusts] == [
        [
            {
                "Action": ["sts:AssumeRoleWithWebIdentity"],
                "Condition": {
                    "StringEquals": {f"{issuer}:aud": {"Ref": "Identities"}},
                    "ForAnyValue:StringLike": {f"{issuer}:amr": "authenticated"},
                },
                "Effect": "Allow",
                "Principal": {"Federated": issuer},
            }
        ]
    ]


@shows("REQ-T9", how="static")
def test_guests_get_no_credentials(template: dict[str, Any]) -> None:
    [pool] = of_type(template, "AWS::Cognito::IdentityPool").values()
    assert (pool["AllowUnauthenticatedIdentities"], pool["AllowClassicFlow"]) == (False, False)
    assert pool["CognitoIdentityProviders"][0]["ServerSideTokenCheck"] is True
    [roles] = of_type(template, "AWS::Cognito::IdentityPoolRoleAttachment").values()
    assert roles["Roles"].keys() == {"authenticated"}
    assert not [r for r in template["Resources"].values() if r["Type"] in ("AWS::IAM::User", "AWS::IAM::AccessKey")]


@shows("REQ-T4", how="static")
def test_sign_in_is_strict(template: dict[str, Any]) -> None:
    [pool] = of_type(template, "AWS::Cognito::UserPool").values()
    [client] = of_type(template, "AWS::Cognito::UserPoolClient").values()
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] == 12
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("OPTIONAL", ["SOFTWARE_TOKEN_MFA"])
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
    assert (client["GenerateSecret"], client["EnableTokenRevocation"]) == (False, True)
    assert client["PreventUserExistenceErrors"] == "ENABLED"


@shows("REQ-T1", "REQ-T7", how="static")
def test_each_route_invokes_its_function_and_only_that_route_may(template: dict[str, Any]) -> None:
    methods = of_type(template, "AWS::ApiGateway::Method")
    permissions = of_type(template, "AWS::Lambda::Permission")
    expected = {
        "ApiGetTodos": ("ReadTodos", "GET/todos"),
        "ApiGetTodosId": ("ReadTodos", "GET/todos/*"),
        "ApiPostTodos": ("WriteTodos", "POST/todos"),
        "ApiPutTodosId": ("WriteTodos", "PUT/todos/*"),
        "ApiDeleteTodosId": ("WriteTodos", "DELETE/todos/*"),
        "ApiDeleteMe": ("DeleteAccounts", "DELETE/me"),
    }
    assert {name for name, m in methods.items() if m["HttpMethod"] != "OPTIONS"} == expected.keys()
    assert permissions.keys() == {f"{name}Permission" for name in expected}
    arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/${ApiStage}/"
    for name, (function, route) in expected.items():
        assert f"${{{function}.Arn}}" in methods[name]["Integration"]["Uri"]["Fn::Sub"]
        permission = permissions[f"{name}Permission"]
        assert permission["FunctionName"] == {"Ref": function}
        assert permission["SourceArn"] == {"Fn::Sub": arn + route}
        assert permission["Principal"] == "apigateway.amazonaws.com"


@shows("REQ-T1", how="static")
def test_the_api_is_reached_over_https(template: dict[str, Any]) -> None:
    assert [url["Fn::Sub"].partition(":")[0] for url in branches(template["Outputs"]["ApiUrl"]["Value"])] == [
        "https"
    ] * 2
    [domain] = of_type(template, "AWS::ApiGateway::DomainName").values()
    assert domain["SecurityPolicy"] == "TLS_1_2"


@shows("REQ-T2", how="static")
def test_there_is_no_server(template: dict[str, Any]) -> None:
    """No machine to patch. With the defaults nothing that runs on nodes at all, which bill by the hour."""
    types = {r["Type"] for r in template["Resources"].values()}
    assert not {t for t in types if t.startswith(("AWS::EC2::Instance", "AWS::AutoScaling", "AWS::ECS", "AWS::RDS"))}
    cluster = template["Resources"]["TodosCache"]
    assert "ReadCacheOn" in cluster["Condition"]
    assert template["Parameters"]["ReadCache"]["Default"] == "none"
    assert template["Parameters"]["ResponseCache"]["Default"] == "off"
    services = {t.split("::")[1] for t in types}
    assert services == {
        *("ApiGateway", "Budgets", "CloudWatch", "Cognito", "DAX", "DynamoDB", "EC2"),
        *("IAM", "Lambda", "Logs", "Route53", "S3", "WAFv2"),
    }


@shows("REQ-T5", how="static")
def test_the_table_is_keyed_by_owner_and_safe(template: dict[str, Any]) -> None:
    table = template["Resources"]["Todos"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    properties = table["Properties"]
    assert [(k["AttributeName"], k["KeyType"]) for k in properties["KeySchema"]] == [("owner", "HASH"), ("id", "RANGE")]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"


@shows("REQ-T7", how="static")
def test_handlers_are_inlined_as_they_are(template: dict[str, Any]) -> None:
    functions = of_type(template, "AWS::Lambda::Function")
    files = {"ReadTodos": "read_todos.py", "WriteTodos": "write_todos.py", "DeleteAccounts": "delete_accounts.py"}
    for name, file in files.items():
        source = (ROOT / "troposphere_arch/handlers/todo" / file).read_text()
        assert functions[name]["Code"] == {"ZipFile": source}


def test_a_deployment_follows_what_it_freezes() -> None:
    """Its id is new when a route, a query parameter or a gateway response is, and only then."""
    from troposphere_arch import arrows
    from troposphere_arch.blocks import apigateway, awslambda, cognito
    from troposphere_arch.template import scenario_template

    def deployment(*routes: str, query: tuple[str, ...] = (), memory: int = 256) -> str:
        t = scenario_template("example", "1.0.0", "Example.")
        api = apigateway.rest_api(t, "Api", users=cognito.user_pool(t, "Users"), stage="v1")
        function = awslambda.function(t, "Read", code="todo/read_todos.py", MemorySize=memory)
        for route in routes:
            arrows.route(api, route, function, query=query)
        made = t.to_dict()["Resources"]
        [name] = [n for n in made if n.startswith("ApiDeployment")]
        assert made["ApiStage"]["Properties"]["DeploymentId"] == {"Ref": name}
        methods = {n for n, r in made.items() if r["Type"] == "AWS::ApiGateway::Method"}
        assert methods <= set(made[name]["DependsOn"])
        return name

    one = deployment("GET /a")
    assert deployment("GET /a") == one
    assert deployment("GET /a", memory=512) == one
    assert len({one, deployment("GET /b"), deployment("GET /a", "PUT /a"), deployment("GET /a", query=("q",))}) == 4


@shows("REQ-D1", how="static")
def test_the_same_bytes_whatever_the_hash_seed(body: bytes) -> None:
    code = (
        "import sys; from troposphere_arch import catalogue; "
        f"sys.stdout.buffer.write(catalogue.contents()['todo/{VERSION}/todo.template.json'])"
    )
    for seed in ("0", "4711"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, check=True).stdout
        assert made == body


@shows("REQ-D1", how="static")
def test_size_and_index(body: bytes) -> None:
    assert 60_000 < len(body) < 150_000
    index = json.loads((ROOT / "templates/index.json").read_text())
    [entry] = [e for e in index["templates"] if (e["scenario"], e["version"]) == ("todo", VERSION)]
    resources = len(json.loads(body)["Resources"])
    assert (entry["sha256"], entry["bytes"], entry["resources"]) == (
        hashlib.sha256(body).hexdigest(),
        len(body),
        resources,
    )
    assert entry["status"] in ("draft", "released")


@shows("REQ-D3", how="static")
def test_lint_is_clean_in_every_region_of_ours(body: bytes) -> None:
    from troposphere_arch.lint import REGIONS, lint

    assert REGIONS == ("us-east-1", "eu-west-1", "ap-northeast-2", "us-gov-west-1")
    assert lint({"todo": body}) == []


@shows("REQ-D2", how="static")
def test_awacs_lives_in_grants_and_resources_come_from_troposphere() -> None:
    package = ROOT / "troposphere_arch"
    users = {p.relative_to(package).as_posix() for p in package.rglob("*.py") if "awacs" in _imports(p.read_text())}
    assert users == {"grants.py"}
    for page in (package / "scenarios").glob("[!_]*.py"):
        text = page.read_text()
        for word in ("Statement", "arn:", "Sub(", "Ref(", " if ", "GetAtt"):
            assert word not in text, f"{page.name} holds {word}"


def _imports(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith(("import", "from")))


def test_every_parameter_works_by_its_default(template: dict[str, Any]) -> None:
    for name, parameter in template["Parameters"].items():
        assert "Default" in parameter, name
        assert parameter["Default"] in parameter.get("AllowedValues", [parameter["Default"]]), name


def test_presets_are_complete_parameter_files(template: dict[str, Any]) -> None:
    defaults = {name: p["Default"] for name, p in template["Parameters"].items()}
    starter, production = (
        {p["ParameterKey"]: p["ParameterValue"] for p in json.loads((FOLDER / f"parameters/{n}.json").read_text())}
        for n in ("starter", "production")
    )
    assert starter == defaults
    assert production.keys() == defaults.keys()
    assert (production["FileStorage"], production["DeletionProtection"]) == ("on", "on")
    assert (production["ReadCache"], production["ResponseCache"]) == ("dax", "0.5")


def test_the_arrows_are_recorded() -> None:
    from troposphere_arch.scenarios import todo

    arrows = {(a.source, a.verb, a.destination, a.when) for a in todo.build().arrows}
    assert ("Phone", "signs in", "App", None) in arrows
    assert ("Identities", "own prefix", "Files", "FileStorageOn") in arrows
    assert ("ReadTodos", "reads", "Todos", None) in arrows
    assert ("WriteTodos", "writes", "Todos", None) in arrows
    assert ("DeleteAccounts", "clears", "Todos", None) in arrows
    on = "NotRegionWithoutDaxAndReadCacheOn"
    for arrow in (("ReadTodos", "reads through"), ("WriteTodos", "writes through")):
        assert (*arrow, "TodosCache", on) in arrows
    assert ("TodosCache", "caches", "Todos", on) in arrows
