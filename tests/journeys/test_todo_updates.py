"""Each parameter, changed in turn by the real AWS CLI on a running stack: the caller sees it, nothing stays frozen."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.journeys.conftest import signed_in
from tests.journeys.stack import Stack, every, put_layers, template_bytes, template_url
from tests.sampling import sampled
from troposphere_arch import layers
from troposphere_arch.journeys.todo import Phone
from troposphere_arch.local import Emulator

pytestmark = sampled(2)

ACCOUNT = "000000000000"
# Each question is a new one, which no cache has heard.
PAGE_SIZES = itertools.cycle(range(1, 101))


@pytest.fixture(scope="module")
def stack(patched: Emulator) -> Iterator[Stack]:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    patched.client("iam").create_policy(PolicyName="boundary", PolicyDocument=json.dumps(everything))
    made = Stack(patched, "todo-updated").create(template_url(patched, "todo"))
    yield made
    made.delete()


@pytest.fixture(scope="module")
def phone(stack: Stack) -> Phone:
    return signed_in(stack)


def api(stack: Stack) -> tuple[Any, str]:
    return stack.emulator.client("apigateway"), stack.physical("Api")


def origins(stack: Stack, phone: Phone) -> dict[str, str | None]:
    url = f"{stack.outputs['ApiUrl']}/todos"
    answers = {
        "handler": phone.call("GET", "/todos"),
        "preflight": stack.emulator.request("OPTIONS", url),
    }
    return {what: answer.headers["Access-Control-Allow-Origin"] for what, answer in answers.items()}


def throttled(stack: Stack, phone: Phone) -> bool:
    return 429 in {phone.call("GET", "/todos").status for _ in range(12)}


def function(stack: Stack, name: str = "ReadTodos") -> dict[str, Any]:
    found: dict[str, Any] = stack.emulator.client("lambda").get_function_configuration(
        FunctionName=stack.physical(name)
    )
    return found


def reserved(stack: Stack, phone: Phone) -> Any:
    client = stack.emulator.client("lambda")
    return [
        client.get_function_concurrency(FunctionName=stack.physical(f)).get("ReservedConcurrentExecutions")
        for f in ("ReadTodos", "WriteTodos", "DeleteAccounts")
    ]


def pool(stack: Stack) -> dict[str, Any]:
    users = stack.emulator.client("cognito-idp")
    found: dict[str, Any] = users.describe_user_pool(UserPoolId=stack.outputs["UserPoolId"])["UserPool"]
    return found


def table(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.emulator.client("dynamodb").describe_table(TableName=stack.physical("Todos"))["Table"]
    return found


def response_cache(stack: Stack, phone: Phone) -> Any:
    client, id_ = api(stack)
    stage = client.get_stage(restApiId=id_, stageName="v1")
    settings = stage["methodSettings"]
    [lists] = [setting for name, setting in settings.items() if name.endswith("~1todos/GET")]
    assert settings["*/*"]["cachingEnabled"] is False
    assert lists["cacheDataEncrypted"] is True
    size = stage.get("cacheClusterSize") if stage.get("cacheClusterEnabled") else None
    return size, lists["cachingEnabled"], lists["cacheTtlInSeconds"]


def alarm_actions(stack: Stack, phone: Phone) -> list[list[str]]:
    alarms = every(stack.emulator.client("cloudwatch"), "describe_alarms", "MetricAlarms")
    ours = [a for a in alarms if stack.name in a["AlarmName"]]
    assert len(ours) == 10
    return sorted({tuple(a["AlarmActions"]) for a in ours})  # type: ignore[return-value]


def roles(stack: Stack) -> list[dict[str, Any]]:
    iam = stack.emulator.client("iam")
    return [
        iam.get_role(RoleName=stack.physical(r))["Role"]
        for r in ("ReadTodosRole", "WriteTodosRole", "DeleteAccountsRole", "IdentitiesRole")
    ]


def retention(stack: Stack, phone: Phone) -> list[int]:
    groups = every(stack.emulator.client("logs"), "describe_log_groups", "logGroups")
    ours = {stack.physical("ReadTodosLogs"), stack.physical("WriteTodosLogs")}
    return [g["retentionInDays"] for g in groups if g["logGroupName"] in ours]


def budgets(stack: Stack, phone: Phone) -> list[str]:
    found = stack.emulator.client("budgets").describe_budgets(AccountId=ACCOUNT).get("Budgets", [])
    return [b["BudgetLimit"]["Amount"] for b in found]


def access_log(stack: Stack, phone: Phone) -> bool:
    client, id_ = api(stack)
    return bool(client.get_stage(restApiId=id_, stageName="v1").get("accessLogSettings"))


def web_acl(stack: Stack, phone: Phone) -> str | None:
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{stack.physical('Api')}/stages/v1"
    client = stack.emulator.client("wafv2")
    try:
        name: str = client.get_web_acl_for_resource(ResourceArn=arn)["WebACL"]["Name"]
    except client.exceptions.WAFNonexistentItemException:
        return None
    return name


def bucket_rules(stack: Stack) -> dict[str, Any]:
    s3, name = stack.emulator.client("s3"), stack.outputs["FilesBucket"]
    return {
        "cors": s3.get_bucket_cors(Bucket=name)["CORSRules"][0]["AllowedOrigins"],
        "days": [
            r["NoncurrentVersionExpiration"]["NoncurrentDays"]
            for r in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
            if "NoncurrentVersionExpiration" in r
        ],
        "encryption": s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0][
            "ApplyServerSideEncryptionByDefault"
        ]["SSEAlgorithm"],
    }


Look = Callable[[Stack, Phone], Any]

# Parameter -> (the values to set, what the caller or operator then looks at, before, after).
CHANGES: dict[str, tuple[dict[str, str], Look, Any, Any]] = {
    "AppOrigin": (
        {"AppOrigin": "https://app.example.com"},
        origins,
        dict.fromkeys(("handler", "preflight"), "http://localhost:3000"),
        dict.fromkeys(("handler", "preflight"), "https://app.example.com"),
    ),
    "ThrottleRate, ThrottleBurst": ({"ThrottleRate": "1", "ThrottleBurst": "1"}, throttled, False, True),
    "ReservedConcurrency": ({"ReservedConcurrency": "7"}, reserved, [None] * 3, [7] * 3),
    "FunctionMemory": ({"FunctionMemory": "512"}, lambda s, p: function(s)["MemorySize"], 256, 512),
    "MailFrom, MailIdentity": (
        {"MailFrom": "todo@example.com", "MailIdentity": "example.com"},
        lambda s, p: pool(s).get("EmailConfiguration", {}).get("From"),
        None,
        "todo@example.com",
    ),
    "DeletionProtection": (
        {"DeletionProtection": "on"},
        lambda s, p: (table(s)["DeletionProtectionEnabled"], pool(s)["DeletionProtection"]),
        (False, "INACTIVE"),
        (True, "ACTIVE"),
    ),
    "AlarmTopicArn": (
        {"AlarmTopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"},
        alarm_actions,
        [()],
        [(f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms",)],
    ),
    "LogRetentionDays": ({"LogRetentionDays": "7"}, retention, [30, 30], [7, 7]),
    "AccessLogs": ({"AccessLogs": "on"}, access_log, False, True),
    "MonthlyBudget, BudgetEmail": ({"MonthlyBudget": "50", "BudgetEmail": "owner@example.com"}, budgets, [], ["50"]),
    "PermissionsBoundaryArn": (
        {"PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary"},
        lambda s, p: {r.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") for r in roles(s)},
        {None},
        {f"arn:aws:iam::{ACCOUNT}:policy/boundary"},
    ),
    "ResponseCache, ResponseCacheSeconds": (
        {"ResponseCache": "1.6", "ResponseCacheSeconds": "60"},
        response_cache,
        (None, False, 30),
        ("1.6", True, 60),
    ),
    "RolePath": ({"RolePath": "/apps/"}, lambda s, p: {r["Path"] for r in roles(s)}, {"/"}, {"/apps/"}),
}


@pytest.mark.parametrize("what", CHANGES)
@shows("REQ-D5", how="patched")
def test_a_changed_parameter_is_seen_and_so_is_its_way_back(stack: Stack, phone: Phone, what: str) -> None:
    values, look, before, after = CHANGES[what]
    as_it_was = {p["ParameterKey"]: p["ParameterValue"] for p in stack.describe()["Parameters"]}
    made = phone.call("POST", "/todos", {"title": f"before {what}"})
    assert made.status == 201, made.text()
    assert look(stack, phone) == before
    stack.update_by_aws_cli(**values)
    assert look(stack, phone) == after
    stack.update_by_aws_cli(**{name: as_it_was[name] for name in values})
    assert look(stack, phone) == before
    assert phone.call("GET", f"/todos/{made.json()['id']}").json() == made.json()


@shows("REQ-T3", "REQ-D5", how="patched")
def test_file_storage_and_what_hangs_on_it(stack: Stack, phone: Phone) -> None:
    assert "FilesBucket" not in stack.outputs
    stack.update(FileStorage="on")
    phone.outputs = stack.outputs
    bucket, key = stack.outputs["FilesBucket"], f"{phone.identity()}/note.txt"
    phone.files().put_object(Bucket=bucket, Key=key, Body=b"hello")
    assert bucket_rules(stack)["days"] == [30]
    stack.update(OldFileVersionDays="5", AppOrigin="https://other.example.com")
    assert bucket_rules(stack) == {"cors": ["https://other.example.com"], "days": [5], "encryption": "AES256"}
    stack.update(FileStorage="off", OldFileVersionDays="30", AppOrigin="http://localhost:3000")
    assert "FilesBucket" not in stack.outputs
    # Switched off, the bucket leaves the stack and stays in the account with all files.
    assert stack.emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == b"hello"


@shows("REQ-D5", how="patched")
def test_an_own_key_encrypts_and_its_users_may_use_it(patched: Emulator) -> None:
    key = patched.client("kms").create_key()["KeyMetadata"]["Arn"]
    stack = Stack(patched, "todo-own-key").create(template_url(patched, "todo"), FileStorage="on")
    try:
        assert bucket_rules(stack)["encryption"] == "AES256"
        stack.update(KmsKeyArn=key)
        assert bucket_rules(stack)["encryption"] == "aws:kms"
        assert table(stack)["SSEDescription"]["KMSMasterKeyArn"] == key
        iam = patched.client("iam")
        for role, service in (("ReadTodosRole", "dynamodb"), ("WriteTodosRole", "dynamodb"), ("IdentitiesRole", "s3")):
            name = stack.physical(role)
            held = [
                iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"]
                for p in iam.list_role_policies(RoleName=name)["PolicyNames"]
            ]
            [use] = [s for d in held for s in d["Statement"] if s["Resource"] == [key]]
            assert use["Condition"] == {"StringEquals": {"kms:ViaService": f"{service}.us-east-1.amazonaws.com"}}
        # What was written under the key stays readable when the key is another one, or none.
        mina = signed_in(stack)
        made = mina.call("POST", "/todos", {"title": "x"})
        bucket, note = stack.outputs["FilesBucket"], f"{mina.identity()}/note.txt"
        mina.files().put_object(Bucket=bucket, Key=note, Body=b"hello")
        stack.update(KmsKeyArn="none")
        assert bucket_rules(stack)["encryption"] == "AES256"
        assert table(stack).get("SSEDescription", {}).get("Status", "DISABLED") == "DISABLED"
        assert mina.call("GET", "/todos").json()["items"] == [made.json()]
        assert mina.files().get_object(Bucket=bucket, Key=note)["Body"].read() == b"hello"
    finally:
        stack.delete()


@shows("REQ-T1", how="patched")
def test_an_own_domain_name(patched: Emulator) -> None:
    certificate = patched.client("acm").request_certificate(DomainName="api.example.com")["CertificateArn"]
    zone = patched.client("route53").create_hosted_zone(Name="example.com", CallerReference="todo")["HostedZone"]["Id"]
    stack = Stack(patched, "todo-own-name").create(template_url(patched, "todo"))
    try:
        stack.update(
            DomainName="api.example.com", DomainCertificateArn=certificate, HostedZoneId=zone.rpartition("/")[2]
        )
        assert stack.outputs["ApiUrl"] == "https://api.example.com"
        assert stack.outputs["DomainTarget"]
        records = patched.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        assert "api.example.com." in [r["Name"] for r in records if r["Type"] == "A"]
        domain = patched.client("apigateway").get_domain_name(domainName="api.example.com")
        assert domain["securityPolicy"] == "TLS_1_2"
        stack.update(DomainName="none", DomainCertificateArn="none", HostedZoneId="none")
        assert "execute-api" in stack.outputs["ApiUrl"]
        assert patched.client("apigateway").get_domain_names().get("items", []) == []
    finally:
        stack.delete()


@shows("REQ-D5", how="patched")
def test_a_web_acl(stack: Stack, phone: Phone) -> None:
    acl = stack.emulator.client("wafv2").create_web_acl(
        Name="acl",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig={"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "acl"},
    )["Summary"]["ARN"]
    assert web_acl(stack, phone) is None
    stack.update(WebAclArn=acl)
    assert web_acl(stack, phone) == "acl"
    stack.update(WebAclArn="none")
    assert web_acl(stack, phone) is None


@pytest.fixture
def network_of_ones_own(patched: Emulator) -> dict[str, str]:
    """A VPC with two private subnets, as a company has it already."""
    ec2 = patched.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/24")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in (("10.9.0.0/26", "us-east-1a"), ("10.9.0.64/26", "us-east-1b"))
    ]
    return {"VpcId": vpc, "SubnetIds": ",".join(subnets)}


@shows("REQ-T6", "REQ-T10", "REQ-D5", how="patched")
def test_the_read_cache_comes_and_goes_and_nothing_of_value_is_replaced(
    patched: Emulator, network_of_ones_own: dict[str, str]
) -> None:
    stack = Stack(patched, "todo-cached").create(template_url(patched, "todo"))
    try:
        mina = signed_in(stack)
        made = mina.call("POST", "/todos", {"title": "x"}).json()
        path = f"/todos/{made['id']}"
        precious = ("Todos", "Users", "App", "Identities", "ReadTodos", "WriteTodos", "Network", "NetworkFunctions")
        before = {name: stack.physical(name) for name in precious}
        subnets = {stack.physical("NetworkSubnetA"), stack.physical("NetworkSubnetB")}
        assert inside(stack) == {"ReadTodos": set(), "WriteTodos": set(), "DeleteAccounts": set()}

        stack.update(ReadCache="dax", ReadCacheListSeconds="1", ArtifactBucket=put_layers(patched))
        cluster = stack.physical("TodosCache")
        assert inside(stack) == {"ReadTodos": subnets, "WriteTodos": subnets, "DeleteAccounts": set()}
        assert mina.call("GET", path).json() == made
        changed = mina.call("PUT", path, {"title": "y", "done": True, "version": 1}).json()
        assert mina.call("GET", path).json() == changed
        assert rights(stack, "ReadTodosRole") == {"dax:GetItem", "dax:Query"}

        # Nodes and times to live change in place.
        stack.update(ReadCacheNodes="5", ReadCacheItemSeconds="60", ReadCacheListSeconds="2")
        assert stack.physical("TodosCache") == cluster
        assert stack.physical("TodosCacheSettings").endswith("-60-2")
        # Another node type is another cluster, which takes over from the first.
        stack.update(ReadCacheNodeType="dax.r5.large")
        assert stack.physical("TodosCache") != cluster
        assert mina.call("GET", path).json() == changed

        stack.update(ReadCache="none")
        assert inside(stack) == {"ReadTodos": set(), "WriteTodos": set(), "DeleteAccounts": set()}
        assert function(stack)["Layers"] == []
        assert "TODOS_CACHE" not in function(stack)["Environment"]["Variables"]
        assert rights(stack, "ReadTodosRole") == set()
        assert mina.call("GET", path).json() == changed
        assert {name: stack.physical(name) for name in precious} == before

        # In a network of the user's own there is none of ours.
        stack.update(ReadCache="dax", **network_of_ones_own)
        assert inside(stack)["ReadTodos"] == set(network_of_ones_own["SubnetIds"].split(","))
        assert mina.call("GET", path).json() == changed
        assert "Network" not in {r["LogicalResourceId"] for r in stack.resources()}
        stack.update(ReadCache="none", VpcId="none", SubnetIds="none", Zones="us-east-1b,us-east-1c")
        zones = patched.client("ec2").describe_subnets(
            SubnetIds=[stack.physical("NetworkSubnetA"), stack.physical("NetworkSubnetB")]
        )["Subnets"]
        assert {z["AvailabilityZone"] for z in zones} == {"us-east-1b", "us-east-1c"}
        assert mina.call("GET", path).json() == changed
    finally:
        stack.delete()


def inside(stack: Stack) -> dict[str, set[str]]:
    """The subnets of each function."""
    names = ("ReadTodos", "WriteTodos", "DeleteAccounts")
    return {name: set(function(stack, name).get("VpcConfig", {}).get("SubnetIds", [])) for name in names}


def rights(stack: Stack, role: str) -> set[str]:
    """The actions of DAX that the role may do."""
    iam, name = stack.emulator.client("iam"), stack.physical(role)
    documents = [
        iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    actions = {action for document in documents for s in document["Statement"] for action in s["Action"]}
    return {action for action in actions if action.startswith("dax:")}


@shows("REQ-T10", how="patched")
@pytest.mark.parametrize("role", ["ReadTodosRole", "WriteTodosRole", "TodosCacheRole"])
def test_each_right_of_the_read_cache_is_needed(production: Stack, role: str) -> None:
    """Taken away one by one from the deployed roles: some request fails each time.

    (Not so dynamodb:DescribeTable, which a cluster needs once, when it first hears of a table.)
    """
    mina, iam = signed_in(production), production.emulator.client("iam")
    name = production.physical(role)
    rights = {
        (policy, action)
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        for s in iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]["Statement"]
        for action in s["Action"]
        if action.startswith("dax:")
        or (role == "TodosCacheRole" and action.startswith("dynamodb:") and action != "dynamodb:DescribeTable")
    }
    assert len(rights) == {"ReadTodosRole": 2, "WriteTodosRole": 2, "TodosCacheRole": 4}[role]
    for policy, action in sorted(rights):
        as_it_was = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        less = json.loads(json.dumps(as_it_was))
        for s in less["Statement"]:
            s["Action"] = [a for a in s["Action"] if a != action]
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(less))
        try:
            assert 500 <= worst(mina) < 600, action
        finally:
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(as_it_was))
        assert worst(mina) < 300, action


@shows("REQ-T10", how="patched")
def test_the_functions_take_the_client_from_the_layer(patched: Emulator) -> None:
    """A layer that cannot be imported breaks them, though this Python has the client for the tests."""
    broken = io.BytesIO()
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("python/amazondax/__init__.py", "raise ImportError('not this one')")
    s3 = patched.client("s3")
    s3.create_bucket(Bucket="broken-layers")
    s3.put_object(Bucket="broken-layers", Key=layers.key("dax"), Body=broken.getvalue())
    stack = Stack(patched, "todo-broken-layer").create(
        template_url(patched, "todo"), ReadCache="dax", ArtifactBucket="broken-layers"
    )
    try:
        mina = signed_in(stack)
        assert mina.call("POST", "/todos", {"title": "x"}).status == 201  # which does not go through the cluster
        assert mina.call("GET", "/todos").status >= 500
        stack.update(ArtifactBucket=put_layers(patched))
        assert mina.call("GET", "/todos").status == 200
    finally:
        stack.delete()


def worst(phone: Phone) -> int:
    """The highest status among the answers to one request of each kind."""
    made = phone.call("POST", "/todos", {"title": "x"})
    path = f"/todos/{made.json()['id']}"
    answers = [made, phone.call("GET", path), phone.call("GET", f"/todos?limit={next(PAGE_SIZES)}")]
    answers.append(phone.call("PUT", path, {"title": "y", "done": True, "version": 1}))
    answers.append(phone.call("DELETE", path))
    return max(answer.status for answer in answers)


REFUSED = {
    "ReadCacheNeedsArtifactBucket": ({"ReadCache": "dax"}, "ReadCache needs ArtifactBucket"),
    "VpcIdNeedsSubnetIds": ({"VpcId": "vpc-0123456789abcdef0"}, "VpcId needs SubnetIds"),
    "SubnetIds": ({"SubnetIds": "subnet-0123456789abcdef0"}, "SubnetIds is none or two to four ids of subnets"),
    "ResponseCache": ({"ResponseCache": "2"}, "ResponseCache"),
    "ReadCacheNodes": ({"ReadCacheNodes": "12"}, "ReadCacheNodes is a number of nodes from 1 to 11"),
    "ReadCacheNodeType": ({"ReadCacheNodeType": "cache.t3.small"}, "ReadCacheNodeType is a DAX node type"),
    "ReadCacheListSeconds": ({"ReadCacheListSeconds": "1.5"}, "ReadCacheListSeconds is a whole number of seconds"),
    "Zones": ({"Zones": "us-east-1a"}, "Zones is none or two availability zones"),
    "MailFromNeedsMailIdentity": ({"MailFrom": "todo@example.com"}, "MailFrom needs MailIdentity"),
    "HostedZoneIdNeedsDomainName": ({"HostedZoneId": "Z0123456789"}, "HostedZoneId needs DomainName"),
    "MailIdentityNeedsMailFrom": ({"MailIdentity": "example.com"}, "MailIdentity needs MailFrom"),
    "DomainNameNeedsDomainCertificateArn": ({"DomainName": "api.example.com"}, "DomainName needs DomainCertificateArn"),
    "MonthlyBudgetNeedsBudgetEmail": ({"MonthlyBudget": "10"}, "MonthlyBudget needs BudgetEmail"),
    "AppOrigin": ({"AppOrigin": "*"}, "AppOrigin is an origin such as"),
    "FileStorage": ({"FileStorage": "yes"}, "FileStorage"),
    "LogRetentionDays": ({"LogRetentionDays": "31"}, "LogRetentionDays"),
    "ThrottleRate": ({"ThrottleRate": "0"}, "ThrottleRate"),
    "RolePath": ({"RolePath": "apps"}, "RolePath begins and ends with /"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_parameters_that_cannot_work_are_refused_before_anything_is_made(patched: Emulator, what: str) -> None:
    values, message = REFUSED[what]
    with pytest.raises(ClientError) as refused:
        Stack(patched, "todo-refused").create(template_url(patched, "todo"), **values)
    assert message in str(refused.value)
    names = [s["StackName"] for s in patched.client("cloudformation").describe_stacks()["Stacks"]]
    assert "todo-refused" not in names


# Changed by tests of their own, above.
BY_THEMSELVES = {
    *("FileStorage", "OldFileVersionDays", "KmsKeyArn", "WebAclArn"),
    *("DomainName", "DomainCertificateArn", "HostedZoneId"),
    *("ReadCache", "ReadCacheNodes", "ReadCacheNodeType", "ReadCacheItemSeconds", "ReadCacheListSeconds"),
    *("ArtifactBucket", "VpcId", "SubnetIds", "Zones"),
}


def test_every_parameter_is_changed_here() -> None:
    """A parameter that no test changes is one whose effect nobody has seen."""
    changed = {name for values, *_ in CHANGES.values() for name in values}
    assert changed | BY_THEMSELVES == json.loads(template_bytes("todo"))["Parameters"].keys()
