"""What the patches do for CloudFront: REST APIs as origins, additional metrics, a browser on this machine."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.stacks import TRUST_LAMBDA, Resources, Stack, resource, stack
from troposphere_arch.local import Emulator, Response
from troposphere_arch.local.addresses import LOOPBACK

MANAGED_NO_CACHE = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
MANAGED_ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
MANAGED_ALL = "216adef6-5c7f-47e4-b989-5492eafa07d3"

ECHO = """
import json
def handler(event, context):
    question = event["queryStringParameters"] or {}
    if "bucket" in question:
        answer = {"url": f"https://{question['bucket']}.s3-accelerate.amazonaws.com/", "text": question["text"]}
    else:
        kept = ("httpMethod", "path", "headers", "body", "multiValueQueryStringParameters")
        answer = {key: event[key] for key in kept}
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(answer)}
"""


def origin_of_api(protocol: str) -> dict[str, Any]:
    return {
        "Id": "api",
        "DomainName": {"Fn::Sub": "${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"},
        "CustomOriginConfig": {"OriginProtocolPolicy": protocol},
        "OriginCustomHeaders": [{"HeaderName": "x-api-key", "HeaderValue": "twenty-characters-long"}],
    }


def edge(protocol: str = "https-only", requests: str = MANAGED_ALL_BUT_HOST) -> Resources:
    rest = {"RestApiId": {"Ref": "Api"}}
    lambda_uri = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations"
    behavior = {
        "ViewerProtocolPolicy": "https-only",
        "AllowedMethods": ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
        "CachePolicyId": MANAGED_NO_CACHE,
        "TargetOriginId": "api",
        "OriginRequestPolicyId": requests,
    }
    policy = "default-src 'none'; connect-src 'self' https://cognito-idp.us-east-1.amazonaws.com"
    return {
        "Role": resource("IAM::Role", AssumeRolePolicyDocument=TRUST_LAMBDA),
        "Function": resource(
            "Lambda::Function",
            Role={"Fn::GetAtt": ["Role", "Arn"]},
            Runtime="python3.13",
            Handler="index.handler",
            Code={"ZipFile": ECHO},
        ),
        "Api": resource("ApiGateway::RestApi", Name="a"),
        "All": resource(
            "ApiGateway::Resource", **rest, ParentId={"Fn::GetAtt": ["Api", "RootResourceId"]}, PathPart="{proxy+}"
        ),
        "Any": resource(
            "ApiGateway::Method",
            **rest,
            ResourceId={"Ref": "All"},
            HttpMethod="ANY",
            AuthorizationType="NONE",
            ApiKeyRequired=True,
            Integration={"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": {"Fn::Sub": lambda_uri}},
        ),
        "Deployment": resource("ApiGateway::Deployment", depends=["Any"], **rest),
        "Stage": resource("ApiGateway::Stage", **rest, DeploymentId={"Ref": "Deployment"}, StageName="api"),
        "Key": resource("ApiGateway::ApiKey", Enabled=True, Value="twenty-characters-long"),
        "Plan": resource("ApiGateway::UsagePlan", ApiStages=[{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "Stage"}}]),
        "PlanKey": resource(
            "ApiGateway::UsagePlanKey", KeyId={"Ref": "Key"}, KeyType="API_KEY", UsagePlanId={"Ref": "Plan"}
        ),
        "Headers": resource(
            "CloudFront::ResponseHeadersPolicy",
            ResponseHeadersPolicyConfig={
                "Name": {"Fn::Sub": "${AWS::StackName}"},
                "SecurityHeadersConfig": {"ContentSecurityPolicy": {"ContentSecurityPolicy": policy, "Override": True}},
            },
        ),
        "Edge": resource(
            "CloudFront::Distribution",
            DistributionConfig={
                "Enabled": True,
                "Origins": [origin_of_api(protocol)],
                "DefaultCacheBehavior": {**behavior, "ResponseHeadersPolicyId": {"Ref": "Headers"}},
            },
        ),
    }


def domain(made: Stack) -> str:
    cloudfront = made.emulator.client("cloudfront")
    return str(cloudfront.get_distribution(Id=made.ids["Edge"])["Distribution"]["DomainName"])


def ask(made: Stack, method: str, target: str, **options: Any) -> Response:
    return made.emulator.request(method, f"https://{domain(made)}{target}", **options)


# --- REST APIs as origins


@pytest.fixture(scope="module")
def made(patched: Emulator) -> Iterator[Stack]:
    with stack(patched, edge()) as made:
        yield made


def test_api_is_no_origin_of_the_stock_emulator(stock: Emulator) -> None:
    with stack(stock, edge()) as made:
        assert ask(made, "GET", "/api/posts").status == 502


def test_api_as_an_origin(made: Stack) -> None:
    answer = ask(
        made,
        "POST",
        "/api/posts/a%20b?tag=1&tag=%C3%A9",
        headers={
            "Authorization": "Bearer t",
            "Content-Type": "text/plain",
            "X-Api-Key": "mine",
            "X-Long": "x" * 19_000,
        },
        body="é",
    )
    assert answer.status == 200
    seen = answer.json()
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert (seen["httpMethod"], seen["body"]) == ("POST", "é")
    assert seen["multiValueQueryStringParameters"] == {"tag": ["1", "é"]}
    assert headers["authorization"] == "Bearer t"
    assert headers["x-long"] == "x" * 19_000
    assert headers["x-api-key"] == "twenty-characters-long"
    assert domain(made) not in headers["host"]


def test_api_behind_a_distribution_is_known_by_its_key(made: Stack) -> None:
    direct = f"https://{made.ids['Api']}.execute-api.us-east-1.amazonaws.com/api/posts"
    assert made.emulator.request("GET", direct).status == 403
    assert ask(made, "GET", "/api/posts").status == 200
    assert ask(made, "HEAD", "/api/posts").body == b""


def test_api_that_is_asked_in_the_name_of_the_distribution_refuses(patched: Emulator) -> None:
    with stack(patched, edge(requests=MANAGED_ALL)) as made:
        answer = ask(made, "GET", "/api/posts")
        assert (answer.status, answer.json()) == (403, {"message": "Forbidden"})


def test_api_answers_over_https_only(patched: Emulator) -> None:
    with stack(patched, edge(protocol="http-only")) as made:
        assert ask(made, "GET", "/api/posts").status == 502


# --- additional metrics


def subscription(status: str) -> dict[str, Any]:
    return resource(
        "CloudFront::MonitoringSubscription",
        DistributionId={"Ref": "Edge"},
        MonitoringSubscription={"RealtimeMetricsSubscriptionConfig": {"RealtimeMetricsSubscriptionStatus": status}},
    )


def test_monitoring_subscription(stock: Emulator, patched: Emulator) -> None:
    resources = edge()
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        body = json.dumps({"Resources": {**resources, "Metrics": subscription("Enabled")}})
        stock.client("cloudformation").create_stack(
            StackName="unknown", TemplateBody=body, Capabilities=["CAPABILITY_IAM"]
        )

    with stack(
        patched,
        {**resources, "Metrics": subscription("Enabled")},
    ) as made:
        cloudfront = patched.client("cloudfront")
        distribution = made.ids["Edge"]

        def status() -> str:
            kept = cloudfront.get_monitoring_subscription(DistributionId=distribution)["MonitoringSubscription"]
            return str(kept["RealtimeMetricsSubscriptionConfig"]["RealtimeMetricsSubscriptionStatus"])

        assert status() == "Enabled"
        made.update({**resources, "Metrics": subscription("Disabled")})
        assert status() == "Disabled"
        made.update(resources)
        with pytest.raises(cloudfront.exceptions.NoSuchMonitoringSubscription):
            status()


# --- a browser on this machine


def browse(
    emulator: Emulator, host: str, method: str, target: str, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """What a browser gets that has resolved `host` to this machine."""
    connection = http.client.HTTPConnection(LOOPBACK, emulator.port)
    try:
        connection.request(
            method, target, headers={"Host": host} | {k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def in_browser(made: Stack) -> str:
    return f"{domain(made).split('.')[0]}.cloudfront.localhost:{made.emulator.port}"


def test_browser_is_sent_away_by_stock(stock: Emulator) -> None:
    with stack(stock, edge()) as made:
        assert browse(stock, in_browser(made), "GET", "/")[0] == 403  # https only


def test_browser_at_a_distribution(made: Stack) -> None:
    status, headers, body = browse(made.emulator, in_browser(made), "GET", "/api/posts")
    assert status == 200
    assert json.loads(body)["path"] == "/posts"
    assert headers["content-security-policy"] == (
        f"default-src 'none'; connect-src {made.emulator.url} 'self' https://cognito-idp.us-east-1.amazonaws.com"
    )
    assert browse(made.emulator, in_browser(made), "HEAD", "/api/posts")[0] == 200
    # The name that tests use stays what it is.
    assert browse(made.emulator, domain(made), "GET", "/api/posts")[0] == 403
    assert made.emulator.url not in ask(made, "GET", "/api/posts").headers["content-security-policy"]


def test_browser_is_told_where_the_bucket_is_and_nothing_else_is_changed(made: Stack) -> None:
    text = "https://bucket.s3.amazonaws.com/"
    target = f"/api/uploads?bucket=uploads&text={text}"
    _, headers, body = browse(made.emulator, in_browser(made), "GET", target)
    assert json.loads(body) == {"url": f"{made.emulator.url}/uploads/", "text": text}
    assert int(headers["content-length"]) == len(body)
    assert ask(made, "GET", target).json() == {"url": "https://uploads.s3-accelerate.amazonaws.com/", "text": text}


def test_page_of_a_distribution_asks_a_bucket(made: Stack, patched: Emulator) -> None:
    s3 = patched.client("s3")
    bucket = "asked-by-a-page"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": [f"https://{domain(made)}"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    objects = f"arn:aws:s3:::{bucket}/*"
    statements = [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": objects},
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": objects,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))

    here, origin = f"{LOOPBACK}:{patched.port}", f"http://{in_browser(made)}"
    status, headers, _ = browse(patched, here, "GET", f"/{bucket}/a", Origin=origin)
    assert (status, headers["access-control-allow-origin"]) == (200, origin)
    status, headers, _ = browse(
        patched, here, "OPTIONS", f"/{bucket}/a", Origin=origin, Access_Control_Request_Method="GET"
    )
    assert (status, headers["access-control-allow-origin"]) == (200, origin)
    # Without such a page nothing counts as TLS, and another page is no friend of the bucket's.
    assert browse(patched, here, "GET", f"/{bucket}/a")[0] == 403
    status, headers, _ = browse(patched, here, "GET", f"/{bucket}/a", Origin="http://other.localhost")
    assert (status, "access-control-allow-origin" in headers) == (403, False)
