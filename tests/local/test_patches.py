"""Each patch twice: what the stock emulator does, so that we notice when it learns better, and what the patch does."""

from __future__ import annotations

import io
import json
import re
import socket
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.local.stacks import TRUST_LAMBDA, Resources, Stack, allowed, resource, stack
from troposphere_arch import local
from troposphere_arch.local import Emulator

# --- policy variables


def policy_of_identity(bucket: dict[str, Any]) -> dict[str, Any]:
    identity = "${!cognito-identity.amazonaws.com:sub}"
    from_pool = {
        "StringEquals": {"cognito-identity.amazonaws.com:aud": {"Ref": "Identities"}},
        "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"},
    }
    files = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        "Resource": {"Fn::Sub": ["${Bucket.Arn}/" + identity + "/*", {}]},
        "Condition": from_pool,
    }
    listing = {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": {"Fn::GetAtt": ["Bucket", "Arn"]},
        "Condition": {"StringLike": {"s3:prefix": {"Fn::Sub": identity + "/*"}}},
    }
    return {"Version": "2012-10-17", "Statement": [files, listing]}


def own_prefix_resources() -> Resources:
    bucket = resource("S3::Bucket")
    provider = {
        "ClientId": {"Ref": "App"},
        "ProviderName": {"Fn::GetAtt": ["Users", "ProviderName"]},
    }
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    return {
        "Bucket": bucket,
        "Users": resource("Cognito::UserPool"),
        "App": resource(
            "Cognito::UserPoolClient",
            UserPoolId={"Ref": "Users"},
            ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        ),
        "Identities": resource(
            "Cognito::IdentityPool", AllowUnauthenticatedIdentities=False, CognitoIdentityProviders=[provider]
        ),
        "Role": resource(
            "IAM::Role",
            AssumeRolePolicyDocument={"Version": "2012-10-17", "Statement": [trust]},
            Policies=[{"PolicyName": "files", "PolicyDocument": policy_of_identity(bucket)}],
        ),
        "Roles": resource(
            "Cognito::IdentityPoolRoleAttachment",
            IdentityPoolId={"Ref": "Identities"},
            Roles={"authenticated": {"Fn::GetAtt": ["Role", "Arn"]}},
        ),
    }


def sign_in(emulator: Emulator, ids: dict[str, str], name: str) -> tuple[str, Any]:
    """The identity id and an S3 client of a new user."""
    users, identities = emulator.client("cognito-idp"), emulator.client("cognito-identity")
    users.admin_create_user(UserPoolId=ids["Users"], Username=name)
    users.admin_set_user_password(UserPoolId=ids["Users"], Username=name, Password="Pa55word!", Permanent=True)
    token = users.admin_initiate_auth(
        UserPoolId=ids["Users"],
        ClientId=ids["App"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": "Pa55word!"},
    )["AuthenticationResult"]["IdToken"]
    logins = {f"cognito-idp.us-east-1.amazonaws.com/{ids['Users']}": token}
    identity = identities.get_id(IdentityPoolId=ids["Identities"], Logins=logins)["IdentityId"]
    credentials = identities.get_credentials_for_identity(IdentityId=identity, Logins=logins)["Credentials"]
    return identity, emulator.client("s3", credentials=credentials)


def test_policy_variable_of_an_identity_pool(stock: Emulator, patched: Emulator) -> None:
    with stack(stock, own_prefix_resources()) as made:
        identity, s3 = sign_in(stock, made.ids, "ann")
        assert not allowed(s3.put_object, Bucket=made.ids["Bucket"], Key=f"{identity}/a")

    with stack(patched, own_prefix_resources()) as made:
        bucket = made.ids["Bucket"]
        ann, s3 = sign_in(patched, made.ids, "ann")
        bob, _ = sign_in(patched, made.ids, "bob")
        assert allowed(s3.put_object, Bucket=bucket, Key=f"{ann}/a")
        assert allowed(s3.get_object, Bucket=bucket, Key=f"{ann}/a")
        assert allowed(s3.list_objects_v2, Bucket=bucket, Prefix=f"{ann}/")
        assert not allowed(s3.put_object, Bucket=bucket, Key=f"{bob}/a")
        assert not allowed(s3.get_object, Bucket=bucket, Key=f"{bob}/a")
        assert not allowed(s3.list_objects_v2, Bucket=bucket, Prefix=f"{bob}/")
        assert not allowed(s3.put_object, Bucket=bucket, Key=f"{ann}x/a")
        assert not allowed(s3.list_objects_v2, Bucket=bucket, Prefix=ann)
        assert not allowed(s3.list_objects_v2, Bucket=bucket)
        assert not allowed(s3.put_object, Bucket=bucket, Key="${cognito-identity.amazonaws.com:sub}/a")


@pytest.fixture
def user(patched: Emulator) -> Iterator[Callable[..., Any]]:
    """Makes a user with a policy and gives its S3 client."""
    iam = patched.client("iam")

    def make(policy: dict[str, Any], **tags: str) -> Any:
        name = f"u-{uuid.uuid4().hex[:12]}"
        iam.create_user(UserName=name, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return patched.client("s3", credentials=key)

    return make


@pytest.fixture
def bucket(patched: Emulator) -> str:
    name = f"b-{uuid.uuid4().hex}"
    patched.client("s3").create_bucket(Bucket=name)
    return name


def allow_objects(bucket: str, path: str, **conditions: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/{path}"}
    return {"Version": "2012-10-17", "Statement": [{**statement, "Condition": conditions}]}


def test_what_a_variable_holds_is_text_and_no_wildcard(user: Callable[..., Any], bucket: str) -> None:
    s3 = user(allow_objects(bucket, "${aws:PrincipalTag/team}/*"), team="*")
    assert allowed(s3.put_object, Bucket=bucket, Key="*/a")
    assert not allowed(s3.put_object, Bucket=bucket, Key="red/a")


def test_variable_that_has_a_default(user: Callable[..., Any], bucket: str) -> None:
    s3 = user(allow_objects(bucket, "${aws:PrincipalTag/team, 'common'}/*"))
    assert allowed(s3.put_object, Bucket=bucket, Key="common/a")
    assert not allowed(s3.put_object, Bucket=bucket, Key="red/a")


def test_variable_without_a_value_equals_nothing(user: Callable[..., Any], bucket: str) -> None:
    s3 = user(allow_objects(bucket, "${aws:PrincipalTag/team}*"))
    assert not allowed(s3.put_object, Bucket=bucket, Key="a")
    s3 = user(allow_objects(bucket, "*", StringEquals={"aws:username": "${aws:PrincipalTag/team}"}))
    assert not allowed(s3.put_object, Bucket=bucket, Key="a")
    s3 = user(allow_objects(bucket, "*", StringNotEquals={"aws:username": "${aws:PrincipalTag/team}"}))
    assert allowed(s3.put_object, Bucket=bucket, Key="a")


def test_characters_that_a_policy_writes_as_variables(user: Callable[..., Any], bucket: str) -> None:
    s3 = user(allow_objects(bucket, "${*}/${?}${$}/?"))
    assert allowed(s3.put_object, Bucket=bucket, Key="*/?$/a")
    assert not allowed(s3.put_object, Bucket=bucket, Key="a/?$/a")


def test_policy_without_the_version_has_no_variables(user: Callable[..., Any], bucket: str) -> None:
    policy = allow_objects(bucket, "${aws:PrincipalTag/team}/*")
    assert allowed(user(policy, team="red").put_object, Bucket=bucket, Key="red/a")
    del policy["Version"]
    assert not allowed(user(policy, team="red").put_object, Bucket=bucket, Key="red/a")


def test_variable_in_a_bucket_policy(patched: Emulator, user: Callable[..., Any], bucket: str) -> None:
    resources = f"arn:aws:s3:::{bucket}/" + "${aws:PrincipalTag/team}/*"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "NotResource": resources}
    policy = {"Version": "2012-10-17", "Statement": [deny]}
    patched.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    s3 = user(allow_objects(bucket, "*"), team="red")
    assert allowed(s3.put_object, Bucket=bucket, Key="red/a")
    assert not allowed(s3.put_object, Bucket=bucket, Key="blue/a")


# --- conditional writes


def test_condition_keys_of_a_conditional_write(stock: Emulator, patched: Emulator) -> None:
    def written(emulator: Emulator, key: str) -> list[bool]:
        """A write without a condition, one if nothing is there, one if it is as it was: where `key` must be given."""
        name, user = f"b-{uuid.uuid4().hex}", f"u-{uuid.uuid4().hex[:12]}"
        emulator.client("s3").create_bucket(Bucket=name)
        etag = emulator.client("s3").put_object(Bucket=name, Key="old", Body=b"a")["ETag"]
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{name}/*"}
        policy = {"Version": "2012-10-17", "Statement": [{**deny, "Condition": {"Null": {key: "true"}}}]}
        emulator.client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
        iam = emulator.client("iam")
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(allow_objects(name, "*")))
        s3 = emulator.client("s3", credentials=iam.create_access_key(UserName=user)["AccessKey"])
        return [
            allowed(s3.put_object, Bucket=name, Key="plain", Body=b"b"),
            allowed(s3.put_object, Bucket=name, Key="new", Body=b"b", IfNoneMatch="*"),
            allowed(s3.put_object, Bucket=name, Key="old", Body=b"b", IfMatch=etag),
        ]

    for key in ("s3:if-none-match", "s3:if-match"):
        assert written(stock, key) == [False, False, False]
    assert written(patched, "s3:if-none-match") == [False, True, False]
    assert written(patched, "s3:if-match") == [False, False, True]


# --- API Gateway


def api(validator: dict[str, Any], *, stage: dict[str, Any], named: bool = True, run: int = 1) -> Resources:
    rest = {"RestApiId": {"Ref": "Api"}}
    root = {**rest, "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]}, "AuthorizationType": "NONE"}
    model = {"type": "object", "required": ["text"]}
    origin = "method.response.header.Access-Control-Allow-Origin"
    preflight = {"StatusCode": "204", "ResponseParameters": {origin: "stageVariables.origin"}}
    missing = {"method.response.header.X-Missing": "stageVariables.missing"}
    preflight["ResponseParameters"] |= missing
    return {
        "Api": resource("ApiGateway::RestApi", Name="a"),
        "Body": resource("ApiGateway::Model", **rest, ContentType="application/json", Schema=model),
        "Validator": resource("ApiGateway::RequestValidator", **rest, **validator),
        "Post": resource(
            "ApiGateway::Method",
            **root,
            HttpMethod="POST",
            RequestModels={"application/json": {"Ref": "Body"}},
            RequestParameters={"method.request.querystring.q": True},
            Integration={"Type": "MOCK", "RequestTemplates": {"application/json": '{"statusCode": 200}'}},
            **({"RequestValidatorId": {"Ref": "Validator"}} if named else {}),
        ),
        "Options": resource(
            "ApiGateway::Method",
            **root,
            HttpMethod="OPTIONS",
            Integration={
                "Type": "MOCK",
                "RequestTemplates": {"application/json": '{"statusCode": 204}'},
                "IntegrationResponses": [preflight],
            },
            MethodResponses=[
                {"StatusCode": "204", "ResponseParameters": {origin: True, **dict.fromkeys(missing, True)}}
            ],
        ),
        f"Deployment{run}": resource("ApiGateway::Deployment", depends=["Post", "Options"], **rest),
        "Log": resource("Logs::LogGroup"),
        "Stage": resource(
            "ApiGateway::Stage", **rest, DeploymentId={"Ref": f"Deployment{run}"}, StageName="v1", **stage
        ),
    }


BOTH = {"ValidateRequestBody": True, "ValidateRequestParameters": "true"}
LOG = {"DestinationArn": {"Fn::GetAtt": ["Log", "Arn"]}, "Format": "$context.requestId"}
CACHE = {"CacheClusterEnabled": True, "CacheClusterSize": "1.6"}


def post(made: Stack, *, query: str, body: str) -> int:
    address = f"https://{made.ids['Api']}.execute-api.us-east-1.amazonaws.com/v1/{query}"
    return made.emulator.request("POST", address, headers={"Content-Type": "application/json"}, body=body).status


def statuses(made: Stack) -> list[int]:
    """All is well; the body is not what the model says; a parameter is missing."""
    good = json.dumps({"text": "a"})
    return [
        post(made, query="?q=1", body=good),
        post(made, query="?q=1", body="{}"),
        post(made, query="", body=good),
    ]


def test_request_validator(stock: Emulator, patched: Emulator) -> None:
    with stack(stock, api(BOTH, stage={})) as made:
        assert stock.client("apigateway").get_request_validators(restApiId=made.ids["Api"])["items"] == []
        assert statuses(made) == [200, 200, 200]

    with stack(patched, api(BOTH, stage={})) as made:
        assert statuses(made) == [200, 400, 400]
        first = made.ids["Validator"]
        made.update(api({"ValidateRequestBody": True}, stage={}))
        assert made.ids["Validator"] == first
        assert statuses(made) == [200, 400, 200]
        made.update(api({"ValidateRequestParameters": True, "Name": "new"}, stage={}))
        assert made.ids["Validator"] != first, "a new name is a new validator"
        assert statuses(made) == [200, 200, 400]
        validators = patched.client("apigateway").get_request_validators(restApiId=made.ids["Api"])["items"]
        assert [validator["name"] for validator in validators] == ["new"]
        made.update(api(BOTH, stage={}, named=False))
        assert statuses(made) == [200, 200, 200]


def test_stage_settings(stock: Emulator, patched: Emulator) -> None:
    def settings(made: Stack) -> tuple[Any, ...]:
        stage = made.emulator.client("apigateway").get_stage(restApiId=made.ids["Api"], stageName="v1")
        log, cached = stage.get("accessLogSettings", {}), stage["cacheClusterEnabled"]
        return log.get("format"), ":log-group:" in log.get("destinationArn", ""), cached, stage.get("cacheClusterSize")

    with stack(stock, api(BOTH, stage={"AccessLogSetting": LOG, **CACHE})) as made:
        assert settings(made) == (None, False, False, None)

    with stack(patched, api(BOTH, stage={"AccessLogSetting": LOG, **CACHE})) as made:
        assert settings(made) == ("$context.requestId", True, True, "1.6")
        made.update(api(BOTH, stage={"AccessLogSetting": {**LOG, "Format": "$context.status"}}))
        assert settings(made)[:3] == ("$context.status", True, False)
        made.update(api(BOTH, stage={}))
        assert settings(made)[:3] == (None, False, False)


def test_method_settings_are_kept_by_stock(stock: Emulator) -> None:
    def limits(made: Stack) -> Any:
        stage = stock.client("apigateway").get_stage(restApiId=made.ids["Api"], stageName="v1")
        return [setting["throttlingBurstLimit"] for setting in stage["methodSettings"].values()]

    setting = {"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 5}
    with stack(stock, api(BOTH, stage={"MethodSettings": [{**setting, "ThrottlingBurstLimit": 7}]})) as made:
        assert limits(made) == [7]
        made.update(api(BOTH, stage={"MethodSettings": [{**setting, "ThrottlingBurstLimit": 8}]}))
        assert limits(made) == [8]


def test_stage_variables_in_a_preflight(stock: Emulator, patched: Emulator) -> None:
    def header(made: Stack, name: str) -> str | None:
        address = f"https://{made.ids['Api']}.execute-api.us-east-1.amazonaws.com/v1/"
        value: str | None = made.emulator.request("OPTIONS", address).headers[name]
        return value

    def resources(host: str, run: int = 1) -> Resources:
        return api(BOTH, stage={"Variables": {"origin": f"https://{host}"}}, run=run)

    with stack(stock, resources("a.example")) as made:
        assert header(made, "Access-Control-Allow-Origin") == "stageVariables.origin"

    with stack(patched, resources("a.example")) as made:
        assert header(made, "Access-Control-Allow-Origin") == "https://a.example"
        assert header(made, "X-Missing") is None
        made.update(resources("b.example"))
        assert header(made, "Access-Control-Allow-Origin") == "https://b.example"


def test_web_acl_association(stock: Emulator, patched: Emulator) -> None:
    def resources(acl: str | None) -> Resources:
        visible = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}
        made = api(BOTH, stage={})
        for name in ("First", "Second"):
            made[name] = resource(
                "WAFv2::WebACL", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=visible
            )
        if acl:
            arn = "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${Api}/stages/${Stage}"
            made["Association"] = resource(
                "WAFv2::WebACLAssociation", ResourceArn={"Fn::Sub": arn}, WebACLArn={"Fn::GetAtt": [acl, "Arn"]}
            )
        return made

    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::WAFv2::WebACLAssociation\]"):
        stock.client("cloudformation").create_stack(
            StackName="waf", TemplateBody=json.dumps({"Resources": resources("First")})
        )

    with stack(patched, resources("First")) as made:
        waf = patched.client("wafv2")
        arn = f"arn:aws:apigateway:us-east-1::/restapis/{made.ids['Api']}/stages/v1"
        assert waf.get_web_acl_for_resource(ResourceArn=arn)["WebACL"]["ARN"].split("|")[0] in made.ids["Association"]
        first = made.ids["Association"]
        made.update(resources("Second"))
        assert made.ids["Association"] != first
        assert waf.get_web_acl_for_resource(ResourceArn=arn)["WebACL"]["ARN"] in made.ids["Association"]
        made.update(resources(None))
        with pytest.raises(ClientError, match="WAFNonexistentItemException"):
            waf.get_web_acl_for_resource(ResourceArn=arn)


def test_oidc_provider(stock: Emulator, patched: Emulator) -> None:
    def resources(url: str, *audiences: str) -> Resources:
        return {"Provider": resource("IAM::OIDCProvider", Url=f"https://{url}", ClientIdList=list(audiences))}

    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::IAM::OIDCProvider\]"):
        stock.client("cloudformation").create_stack(
            StackName="oidc", TemplateBody=json.dumps({"Resources": resources("a.example.com", "a")})
        )

    iam = patched.client("iam")

    def audiences(made: Stack) -> list[str]:
        found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=made.ids["Provider"])
        return sorted(found["ClientIDList"])

    with stack(patched, resources("a.example.com", "a", "b")) as made:
        first = made.ids["Provider"]
        assert audiences(made) == ["a", "b"]
        made.update(resources("a.example.com", "b", "c"))
        assert (made.ids["Provider"], audiences(made)) == (first, ["b", "c"])
        made.update(resources("b.example.com", "b"))
        assert made.ids["Provider"] != first
        with pytest.raises(ClientError, match="NoSuchEntity"):
            iam.get_open_id_connect_provider(OpenIDConnectProviderArn=first)


def test_service_catalog(stock: Emulator, patched: Emulator) -> None:
    resources = {
        "Portfolio": resource("ServiceCatalog::Portfolio", DisplayName="a", ProviderName="b"),
        "Product": resource("ServiceCatalog::CloudFormationProduct", Name="a", Owner="b"),
        "Offer": resource(
            "ServiceCatalog::PortfolioProductAssociation",
            PortfolioId={"Ref": "Portfolio"},
            ProductId={"Ref": "Product"},
        ),
    }
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::ServiceCatalog::CloudFormationPro"):
        stock.client("cloudformation").create_stack(
            StackName="offer", TemplateBody=json.dumps({"Resources": resources})
        )
    with stack(patched, resources) as made:
        assert made.ids["Product"].startswith("prod-")
        before = made.ids
        made.update({**resources, "Product": resource("ServiceCatalog::CloudFormationProduct", Name="c", Owner="b")})
        assert made.ids == before


# --- Budgets, Lambda, DynamoDB, S3


def test_budget(stock: Emulator, patched: Emulator) -> None:
    def resources(amount: Any, percent: int) -> Resources:
        notice = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": percent}
        told = {"Notification": notice, "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "a@example.com"}]}
        budget = {"BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": amount, "Unit": "USD"}}
        return {"Budget": resource("Budgets::Budget", Budget=budget, NotificationsWithSubscribers=[told])}

    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::Budgets::Budget\]"):
        stock.client("cloudformation").create_stack(
            StackName="budget", TemplateBody=json.dumps({"Resources": resources(10, 80)})
        )

    budgets = patched.client("budgets")

    def limit(name: str) -> str:
        found = budgets.describe_budget(AccountId="000000000000", BudgetName=name)["Budget"]
        amount: str = found["BudgetLimit"]["Amount"]
        return amount

    with stack(patched, resources(10, 80)) as made:
        name = made.ids["Budget"]
        assert limit(name) == "10"
        made.update(resources("20", 80))
        assert limit(name) == "20"
        made.update(resources("20", 90))
        notices = budgets.describe_notifications_for_budget(AccountId="000000000000", BudgetName=made.ids["Budget"])
        assert [notice["Threshold"] for notice in notices["Notifications"]] == [90]
    with pytest.raises(ClientError, match="NotFoundException"):
        limit(name)


def test_reserved_concurrency(stock: Emulator, patched: Emulator) -> None:
    def resources(**properties: Any) -> Resources:
        code = {"ZipFile": "def handler(event, context): pass"}
        role = {"Fn::GetAtt": ["Role", "Arn"]}
        return {
            "Role": resource("IAM::Role", AssumeRolePolicyDocument=TRUST_LAMBDA),
            "Function": resource(
                "Lambda::Function", Code=code, Handler="index.handler", Role=role, Runtime="python3.12", **properties
            ),
        }

    def reserved(made: Stack) -> int | None:
        functions = made.emulator.client("lambda")
        number: int | None = functions.get_function_concurrency(FunctionName=made.ids["Function"]).get(
            "ReservedConcurrentExecutions"
        )
        return number

    with stack(stock, resources(ReservedConcurrentExecutions=5)) as made:
        assert reserved(made) is None

    with stack(patched, resources(ReservedConcurrentExecutions=5)) as made:
        assert reserved(made) == 5
        made.update(resources(ReservedConcurrentExecutions="0"))
        assert reserved(made) == 0
        made.update(resources())
        assert reserved(made) is None


def test_function_network(stock: Emulator, patched: Emulator) -> None:
    def resources(inside: bool) -> Resources:
        subnets, groups = ([{"Ref": "Subnet"}], [{"Fn::GetAtt": ["Group", "GroupId"]}]) if inside else ([], [])
        return {
            "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/24"),
            "Subnet": resource("EC2::Subnet", CidrBlock="10.0.0.0/26", VpcId={"Ref": "Vpc"}),
            "Group": resource("EC2::SecurityGroup", GroupDescription="a", VpcId={"Ref": "Vpc"}),
            "Role": resource("IAM::Role", AssumeRolePolicyDocument=TRUST_LAMBDA),
            "Function": resource(
                "Lambda::Function",
                Code={"ZipFile": "def handler(event, context): pass"},
                Handler="index.handler",
                Role={"Fn::GetAtt": ["Role", "Arn"]},
                Runtime="python3.12",
                VpcConfig={"SubnetIds": subnets, "SecurityGroupIds": groups},
            ),
        }

    def network(made: Stack) -> tuple[list[str], list[str], str]:
        found = made.emulator.client("lambda").get_function_configuration(FunctionName=made.ids["Function"])
        config = found.get("VpcConfig", {})
        return config.get("SubnetIds", []), config.get("SecurityGroupIds", []), config.get("VpcId", "")

    nowhere: tuple[list[str], list[str], str] = ([], [], "")
    with stack(stock, resources(True)) as made:
        assert network(made) == nowhere

    for first in (True, False):
        with stack(patched, resources(first)) as made:
            ids = made.ids
            inside = ([ids["Subnet"]], [ids["Group"]], ids["Vpc"])
            assert network(made) == (inside if first else nowhere)
            made.update(resources(not first))
            assert network(made) == (nowhere if first else inside)


def test_layers_that_an_update_takes_away_are_gone_with_stock(stock: Emulator) -> None:
    stock.client("s3").create_bucket(Bucket="layers")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("python/in_layer.py", "")
    stock.client("s3").put_object(Bucket="layers", Key="layer.zip", Body=archive.getvalue())

    def resources(*layers: Any) -> Resources:
        return {
            "Layer": resource("Lambda::LayerVersion", Content={"S3Bucket": "layers", "S3Key": "layer.zip"}),
            "Role": resource("IAM::Role", AssumeRolePolicyDocument=TRUST_LAMBDA),
            "Function": resource(
                "Lambda::Function",
                Code={"ZipFile": "def handler(event, context): import in_layer"},
                Handler="index.handler",
                Layers=layers,
                Role={"Fn::GetAtt": ["Role", "Arn"]},
                Runtime="python3.12",
            ),
        }

    def finds_it(made: Stack) -> bool:
        return "FunctionError" not in stock.client("lambda").invoke(FunctionName=made.ids["Function"])

    with stack(stock, resources({"Ref": "Layer"})) as made:
        assert finds_it(made)
        made.update(resources())
        assert not finds_it(made)
        made.update(resources({"Ref": "Layer"}))
        assert finds_it(made)


@pytest.mark.parametrize(("direction", "peer"), [("Egress", "Destination"), ("Ingress", "Source")])
def test_security_group_rules(stock: Emulator, patched: Emulator, direction: str, peer: str) -> None:
    def resources(port: int, description: str = "a") -> Resources:
        groups = {
            name: resource("EC2::SecurityGroup", GroupDescription=name, VpcId={"Ref": "Vpc"}) for name in ("One", "Two")
        }
        rule = resource(
            f"EC2::SecurityGroup{direction}",
            **{f"{peer}SecurityGroupId": {"Fn::GetAtt": ["Two", "GroupId"]}},
            Description=description,
            FromPort=str(port),
            GroupId={"Fn::GetAtt": ["One", "GroupId"]},
            IpProtocol="tcp",
            ToPort=port,
        )
        return {"Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/24"), **groups, **({"Rule": rule} if port else {})}

    def rules(made: Stack) -> list[tuple[int, str, str]]:
        (group,) = patched.client("ec2").describe_security_groups(GroupIds=[made.ids["One"]])["SecurityGroups"]
        return [
            (rule["FromPort"], rule["UserIdGroupPairs"][0]["GroupId"], rule["UserIdGroupPairs"][0]["Description"])
            for rule in group["IpPermissionsEgress" if direction == "Egress" else "IpPermissions"]
            if rule["UserIdGroupPairs"]
        ]

    with pytest.raises(ClientError, match=rf"Unrecognized resource types: \[AWS::EC2::SecurityGroup{direction}\]"):
        stock.client("cloudformation").create_stack(
            StackName="rules", TemplateBody=json.dumps({"Resources": resources(9111)})
        )

    with stack(patched, resources(9111)) as made:
        two = made.ids["Two"]
        assert made.ids["Rule"].startswith("sgr-")
        assert rules(made) == [(9111, two, "a")]
        made.update(resources(443))
        assert rules(made) == [(443, two, "a")]
        made.update(resources(443, "b"))
        assert rules(made) == [(443, two, "b")]
        made.update(resources(0))
        assert rules(made) == []


def test_role_boundary(stock: Emulator, patched: Emulator) -> None:
    def boundary(made: Stack) -> str | None:
        role = made.emulator.client("iam").get_role(RoleName=made.ids["Role"])["Role"]
        arn: str | None = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        return arn

    def role(**properties: Any) -> Resources:
        return {"Role": resource("IAM::Role", AssumeRolePolicyDocument=TRUST_LAMBDA, **properties)}

    def policy(emulator: Emulator) -> str:
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        made = emulator.client("iam").create_policy(PolicyName="bound", PolicyDocument=json.dumps(document))
        return str(made["Policy"]["Arn"])

    with stack(stock, role(PermissionsBoundary=policy(stock))) as made:
        assert boundary(made) is None

    bound = policy(patched)
    with stack(patched, role()) as made:
        assert boundary(made) is None
        made.update(role(PermissionsBoundary=bound))
        assert boundary(made) == bound
        made.update(role())
        assert boundary(made) is None


def table(**properties: Any) -> Resources:
    key = {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    return {"Table": resource("DynamoDB::Table", **key, **properties)}


def test_table_settings(stock: Emulator, patched: Emulator) -> None:
    on = {
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": "true"},
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
    }
    off = {
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": False},
        "SSESpecification": {"SSEEnabled": False},
    }

    def settings(made: Stack) -> list[str]:
        dynamodb, name = made.emulator.client("dynamodb"), made.ids["Table"]
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        life = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        encryption = dynamodb.describe_table(TableName=name)["Table"].get("SSEDescription", {})
        recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        return [recovery, life["TimeToLiveStatus"], encryption.get("Status", "DISABLED")]

    disabled, enabled = ["DISABLED"] * 3, ["ENABLED"] * 3
    with stack(stock, table(**on)) as made:
        assert settings(made) == disabled
    with stack(stock, table()) as made:
        made.update(table(**on))
        assert settings(made) == disabled

    with stack(patched, table(**on)) as made:
        assert settings(made) == enabled
        made.update(table(**off))
        assert settings(made) == disabled
        made.update(table(**on))
        assert settings(made) == enabled
        made.update(table())
        assert settings(made) == disabled


def test_deletion_protection_of_tables_and_user_pools_is_kept_by_stock(stock: Emulator) -> None:
    def resources(protected: bool) -> Resources:
        users = resource("Cognito::UserPool", DeletionProtection="ACTIVE" if protected else "INACTIVE")
        return {**table(DeletionProtectionEnabled=protected), "Users": users}

    def protection(made: Stack) -> tuple[bool, str]:
        tables, pools = stock.client("dynamodb"), stock.client("cognito-idp")
        return (
            tables.describe_table(TableName=made.ids["Table"])["Table"]["DeletionProtectionEnabled"],
            pools.describe_user_pool(UserPoolId=made.ids["Users"])["UserPool"]["DeletionProtection"],
        )

    with stack(stock, resources(True)) as made:
        assert protection(made) == (True, "ACTIVE")
        made.update(resources(False))
        assert protection(made) == (False, "INACTIVE")


def test_user_pool_protection(stock: Emulator, patched: Emulator) -> None:
    users = stock.client("cognito-idp")
    pool = users.create_user_pool(PoolName="a", DeletionProtection="ACTIVE")["UserPool"]["Id"]
    users.delete_user_pool(UserPoolId=pool)

    users = patched.client("cognito-idp")
    pool = users.create_user_pool(PoolName="a", DeletionProtection="ACTIVE")["UserPool"]["Id"]
    with pytest.raises(ClientError, match=r"InvalidParameterException.*must be inactivated first"):
        users.delete_user_pool(UserPoolId=pool)
    users.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    users.delete_user_pool(UserPoolId=pool)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        users.delete_user_pool(UserPoolId=pool)


def bucket_settings(made: Stack) -> dict[str, Any]:
    s3, name = made.emulator.client("s3"), made.ids["Bucket"]
    try:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    except ClientError:
        rules = []
    try:
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
    except ClientError:
        tags = {}
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    try:
        owner = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
    except ClientError:
        owner = None
    algorithm = encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
    return {"rules": rules, "algorithm": algorithm, "owner": owner, "tags": tags}


def test_bucket_settings(stock: Emulator, patched: Emulator) -> None:
    rules = [
        {
            "Id": "old",
            "Status": "Enabled",
            "Prefix": "a/",
            "ExpirationInDays": "9",
            "NoncurrentVersionExpiration": {"NoncurrentDays": "30", "NewerNoncurrentVersions": 2},
            "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 5}],
        },
        {
            "Id": "uploads",
            "Status": "Enabled",
            "ExpiredObjectDeleteMarker": True,
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
    ]
    key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/aws/s3"}
    encryption = {
        "ServerSideEncryptionConfiguration": [{"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": key}]
    }
    on = {
        "Bucket": resource(
            "S3::Bucket",
            LifecycleConfiguration={"Rules": rules},
            BucketEncryption=encryption,
            OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
            Tags=[{"Key": "own", "Value": "1"}],
        )
    }
    by_stack = {"Tags": [{"Key": "team", "Value": "red"}]}
    with stack(stock, on, **by_stack) as made:
        assert bucket_settings(made) == {
            "rules": [],
            "algorithm": "AES256",
            "owner": "BucketOwnerEnforced",
            "tags": {},
        }

    with stack(patched, on, **by_stack) as made:
        settings = bucket_settings(made)
        old, uploads = settings["rules"]
        assert old == {
            "ID": "old",
            "Status": "Enabled",
            "Filter": {"Prefix": "a/"},
            "Expiration": {"Days": 9},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30, "NewerNoncurrentVersions": 2},
            "Transitions": [{"Days": 5, "StorageClass": "GLACIER"}],
        }
        assert uploads["Expiration"] == {"ExpiredObjectDeleteMarker": True}
        assert uploads["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
        assert (settings["algorithm"], settings["owner"]) == ("aws:kms", "ObjectWriter")
        assert (settings["tags"]["own"], settings["tags"]["team"]) == ("1", "red")
        assert settings["tags"]["aws:cloudformation:logical-id"] == "Bucket"
        made.update({"Bucket": resource("S3::Bucket")})
        settings = bucket_settings(made)
        assert (settings["rules"], settings["algorithm"]) == ([], "AES256")
        assert settings["owner"] != "ObjectWriter"
        assert "own" not in settings["tags"]


def test_object_lock(stock: Emulator, patched: Emulator) -> None:
    def resources(days: str | None) -> Resources:
        rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": days}}
        lock = {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": rule}, "ObjectLockEnabled": True}
        versions = {"Status": "Enabled"}
        return {"Bucket": resource("S3::Bucket", VersioningConfiguration=versions, **(lock if days else {}))}

    def locked(made: Stack) -> Any:
        s3 = made.emulator.client("s3")
        return s3.get_object_lock_configuration(Bucket=made.ids["Bucket"])["ObjectLockConfiguration"]

    with stack(stock, resources("30")) as made, pytest.raises(ClientError, match="ObjectLockConfigurationNotFound"):
        locked(made)
    with stack(patched, resources("30")) as made:
        assert locked(made)["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 30}
        made.update(resources("60"))
        assert locked(made)["Rule"]["DefaultRetention"]["Days"] == 60
        made.update(resources(None))
        assert "Rule" not in locked(made)


def test_resource_whose_patched_property_fails_is_not_left_behind(patched: Emulator) -> None:
    name = f"b-{uuid.uuid4().hex}"
    rule = {"Status": "Enabled", "TagFilters": [{"Key": "a", "Value": "b"}]}
    resources = {"Bucket": resource("S3::Bucket", BucketName=name, LifecycleConfiguration={"Rules": [rule]})}
    cloudformation = patched.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    assert Stack(patched, name).ended() == "ROLLBACK_COMPLETE"
    reasons = str(cloudformation.describe_stack_events(StackName=name)["StackEvents"])
    assert "does not know TagFilters" in reasons
    assert name not in str(patched.client("s3").list_buckets())
    cloudformation.delete_stack(StackName=name)


# --- DAX

THROUGH_DAX = """
import os
from amazondax import AmazonDaxClient
from botocore.config import Config
from botocore.exceptions import ClientError

cluster = AmazonDaxClient(
    endpoint_url=os.environ["CACHE"],
    region_name=os.environ["AWS_REGION"],
    config=Config(connect_timeout=5, read_timeout=20),
)

def handler(event, context):
    try:
        return getattr(cluster, event["call"])(TableName=os.environ["TABLE"], **event["parameters"])
    except ClientError as error:
        return error.response["Error"]["Code"]
"""
ALL_DAX = ("dax:GetItem", "dax:Query", "dax:UpdateItem", "dax:DeleteItem")
ALL_DYNAMODB = (
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
)


def dax_resources(
    *,
    function_may: tuple[str, ...] = ALL_DAX,
    cluster_may: tuple[str, ...] = ALL_DYNAMODB,
    millis: str = "600000",
    group: str = "one",
    trust: str = "dax.amazonaws.com",
    with_function: bool = True,
    **cluster: Any,
) -> Resources:
    def role(service: str, actions: tuple[str, ...], on: str) -> dict[str, Any]:
        trusted = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        may = {"Effect": "Allow", "Action": actions, "Resource": {"Fn::GetAtt": [on, "Arn"]}}
        return resource(
            "IAM::Role",
            AssumeRolePolicyDocument={"Version": "2012-10-17", "Statement": [trusted]},
            Policies=[{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": [may]}}],
        )

    properties = {
        "ClusterEndpointEncryptionType": "TLS",
        "IAMRoleARN": {"Fn::GetAtt": ["ClusterRole", "Arn"]},
        "NodeType": "dax.t3.small",
        "ParameterGroupName": {"Ref": "Times"},
        "ReplicationFactor": "1",
        "SSESpecification": {"SSEEnabled": True},
        "SubnetGroupName": {"Ref": "Subnets"},
    }
    resources = {
        **table(),
        "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/24"),
        "Subnet": resource("EC2::Subnet", CidrBlock="10.0.0.0/26", VpcId={"Ref": "Vpc"}),
        "Subnets": resource("DAX::SubnetGroup", SubnetIds=[{"Ref": "Subnet"}]),
        "Times": resource(
            "DAX::ParameterGroup",
            ParameterGroupName={"Fn::Sub": "${AWS::StackName}-" + group},
            ParameterNameValues={"record-ttl-millis": millis, "query-ttl-millis": millis},
        ),
        "ClusterRole": role(trust, cluster_may, "Table"),
        "Cluster": resource("DAX::Cluster", **{**properties, **cluster}),
    }
    if with_function:
        url = {"Fn::GetAtt": ["Cluster", "ClusterDiscoveryEndpointURL"]}
        resources["FunctionRole"] = role("lambda.amazonaws.com", function_may, "Cluster")
        resources["Function"] = resource(
            "Lambda::Function",
            Code={"ZipFile": THROUGH_DAX},
            Environment={"Variables": {"CACHE": url, "TABLE": {"Ref": "Table"}}},
            Handler="index.handler",
            Role={"Fn::GetAtt": ["FunctionRole", "Arn"]},
            Runtime="python3.12",
            Timeout=60,
        )
    return resources


def call_dax(made: Stack, call: str, **parameters: Any) -> Any:
    payload = json.dumps({"call": call, "parameters": parameters})
    answer = made.emulator.client("lambda").invoke(FunctionName=made.ids["Function"], Payload=payload)
    result = answer["Payload"].read().decode()
    assert "FunctionError" not in answer, result
    return json.loads(result)


def dax_url(made: Stack) -> str:
    found = made.emulator.client("lambda").get_function_configuration(FunctionName=made.ids["Function"])
    return str(found["Environment"]["Variables"]["CACHE"])


def listens(url: str) -> bool:
    host, port = url.removeprefix("daxs://").split(":")
    with socket.socket() as probe:
        probe.settimeout(3)
        return probe.connect_ex((host, int(port))) == 0


def get_through_dax(made: Stack, name: str) -> Any:
    found = call_dax(made, "get_item", Key={"id": {"S": name}})
    return found.get("Item", {}).get("title", {}).get("S") if isinstance(found, dict) else found


def query_through_dax(made: Stack, name: str) -> Any:
    found = call_dax(
        made,
        "query",
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": name}},
    )
    return found["Count"] if isinstance(found, dict) else found


def rename_through_dax(made: Stack, name: str, title: str) -> Any:
    return call_dax(
        made,
        "update_item",
        Key={"id": {"S": name}},
        UpdateExpression="SET title = :title",
        ExpressionAttributeValues={":title": {"S": title}},
        ReturnValues="ALL_NEW",
    )


def test_dax_is_unknown_to_stock(stock: Emulator) -> None:
    with pytest.raises(ClientError, match="Unrecognized resource types") as error:
        stock.client("cloudformation").create_stack(
            StackName="dax", TemplateBody=json.dumps({"Resources": dax_resources()}), Capabilities=["CAPABILITY_IAM"]
        )
    for name in ("Cluster", "ParameterGroup", "SubnetGroup"):
        assert f"AWS::DAX::{name}" in str(error.value)


@shows("REQ-T10", how="patched")
def test_function_that_reads_and_writes_through_dax(patched: Emulator) -> None:
    with stack(patched, dax_resources()) as made:
        ids, url = made.ids, dax_url(made)
        assert re.fullmatch(r"daxs://localhost:\d+", url)
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,19}", ids["Cluster"])
        items = patched.client("dynamodb")

        assert get_through_dax(made, "1") is None
        items.put_item(TableName=ids["Table"], Item={"id": {"S": "1"}, "title": {"S": "milk"}})
        assert get_through_dax(made, "1") is None, "the cache answered, not the table"
        assert rename_through_dax(made, "1", "tea")["Attributes"]["title"] == {"S": "tea"}
        assert get_through_dax(made, "1") == "tea"
        assert items.get_item(TableName=ids["Table"], Key={"id": {"S": "1"}})["Item"]["title"] == {"S": "tea"}
        assert query_through_dax(made, "2") == 0
        items.put_item(TableName=ids["Table"], Item={"id": {"S": "2"}, "title": {"S": "milk"}})
        assert query_through_dax(made, "2") == 0

        # The times of its group, changed in place; then another group; then other nodes.
        made.update(dax_resources(millis="1"))
        assert query_through_dax(made, "2") == 1
        items.delete_item(TableName=ids["Table"], Key={"id": {"S": "1"}})
        assert get_through_dax(made, "1") is None
        made.update(dax_resources(group="two"))
        assert get_through_dax(made, "2") == "milk"
        items.delete_item(TableName=ids["Table"], Key={"id": {"S": "2"}})
        assert get_through_dax(made, "2") == "milk"
        made.update(dax_resources(group="two", ReplicationFactor=3))
        assert get_through_dax(made, "2") == "milk"
        assert (made.ids["Cluster"], dax_url(made)) == (ids["Cluster"], url)

        made.update(dax_resources(group="two", NodeType="dax.r5.large"))
        assert made.ids["Cluster"] != ids["Cluster"], "another type of node is another cluster"
        assert dax_url(made) != url
        assert not listens(url)
        assert listens(dax_url(made))
        assert get_through_dax(made, "2") is None
        url = dax_url(made)
    assert not listens(url)


@shows("REQ-T10", how="patched")
def test_dax_asks_iam_for_the_caller_and_for_the_cluster(patched: Emulator) -> None:
    def without(actions: tuple[str, ...], action: str) -> tuple[str, ...]:
        return tuple(one for one in actions if one != action)

    with stack(patched, dax_resources()) as made:
        rename_through_dax(made, "1", "tea")
        made.update(dax_resources(function_may=without(ALL_DAX, "dax:GetItem")))
        assert get_through_dax(made, "1") == "AccessDeniedException"
        assert query_through_dax(made, "1") == 1
        made.update(dax_resources(function_may=without(ALL_DAX, "dax:UpdateItem")))
        assert rename_through_dax(made, "1", "coffee") == "AccessDeniedException"
        assert get_through_dax(made, "1") == "tea"
        made.update(dax_resources(function_may=("dynamodb:GetItem", "dynamodb:Query")))
        assert get_through_dax(made, "1") == "AccessDeniedException", "only dax: actions count"

        made.update(dax_resources(cluster_may=without(ALL_DYNAMODB, "dynamodb:GetItem")))
        assert get_through_dax(made, "2") == "AccessDeniedException"
        assert get_through_dax(made, "1") == "tea", "what it has it gives"
        assert rename_through_dax(made, "1", "coffee")["Attributes"]["title"] == {"S": "coffee"}
        made.update(dax_resources(cluster_may=without(ALL_DYNAMODB, "dynamodb:UpdateItem")))
        assert rename_through_dax(made, "1", "water") == "AccessDeniedException"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"millis": "soon"}, "record-ttl-millis is 'soon'; it must be a number of milliseconds"),
        ({"IAMRoleARN": "arn:aws:iam::000000000000:role/nobody"}, "there is no role"),
        ({"trust": "ec2.amazonaws.com"}, "does not trust dax.amazonaws.com"),
        ({"SubnetGroupName": "nowhere"}, "SubnetGroupName: there is no nowhere"),
        ({"ParameterGroupName": "nothing"}, "ParameterGroupName: there is no nothing"),
        ({"ReplicationFactor": 12}, "ReplicationFactor is 12; it must be 1 to 11"),
        ({"ClusterEndpointEncryptionType": "NONE"}, "TLS only"),
    ],
)
def test_dax_cluster_that_cannot_be(patched: Emulator, changed: dict[str, Any], reason: str) -> None:
    name, cloudformation = f"t-{uuid.uuid4().hex[:12]}", patched.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": dax_resources(with_function=False, **changed)}),
        Capabilities=["CAPABILITY_IAM"],
    )
    assert Stack(patched, name).ended() == "ROLLBACK_COMPLETE"
    assert reason in str(cloudformation.describe_stack_events(StackName=name)["StackEvents"])
    cloudformation.delete_stack(StackName=name)


def test_dax_cluster_whose_name_is_given_is_not_replaced(patched: Emulator) -> None:
    resources = dax_resources(with_function=False, ClusterName="mine", NodeType="dax.r5.large")
    with stack(patched, dax_resources(with_function=False, ClusterName="mine")) as made:
        cloudformation = patched.client("cloudformation")
        cloudformation.update_stack(
            StackName=made.name, TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_IAM"]
        )
        assert made.ended() == "UPDATE_ROLLBACK_COMPLETE"
        reasons = str(cloudformation.describe_stack_events(StackName=made.name)["StackEvents"])
        assert "Rename mine and update the stack again" in reasons


def test_a_reset_leaves_nothing_of_dax(tmp_path: Path) -> None:
    emulator = local.start(port=0, home=tmp_path)
    try:
        before = set((tmp_path / "tmp").rglob("*.pem"))
        emulator.client("cloudformation").create_stack(
            StackName="one", TemplateBody=json.dumps({"Resources": dax_resources()}), Capabilities=["CAPABILITY_IAM"]
        )
        made = Stack(emulator, "one")
        assert made.ended() == "CREATE_COMPLETE"
        url = dax_url(made)
        assert get_through_dax(made, "1") is None
        assert set((tmp_path / "tmp").rglob("*.pem")) > before
        assert emulator.request("POST", f"{emulator.url}/_ministack/reset").status == 200
        assert not listens(url)
        assert set((tmp_path / "tmp").rglob("*.pem")) == before
        with stack(emulator, dax_resources()) as made:
            assert get_through_dax(made, "1") is None, "a new one works as the first did"
    finally:
        emulator.stop()
    assert list(tmp_path.iterdir()) == []
