"""Talking to a running emulator: clients, addresses from stack outputs, the AWS CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid

import pytest
from botocore.exceptions import ClientError

from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator
from troposphere_arch.local.addresses import LocalAddress, local_address, plain_address


@pytest.fixture(autouse=True)
def somebody_with_an_aws_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set on a developer's machine must not reach the emulator's clients, nor their requests the outside."""
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.invalid")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")


def test_a_tls_only_bucket_is_reached_as_if_by_https_and_not_without(stock: Emulator) -> None:
    bucket = f"tls-{uuid.uuid4().hex}"
    stock.client("s3").create_bucket(Bucket=bucket)
    iam = stock.client("iam")
    user = iam.create_user(UserName=bucket)["User"]["UserName"]
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    iam.put_user_policy(UserName=user, PolicyName="s3", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    tls_only = {"Version": "2012-10-17", "Statement": [deny]}
    stock.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(tls_only))

    as_user = stock.client("s3", credentials=(key["AccessKeyId"], key["SecretAccessKey"], None))
    as_user.put_object(Bucket=bucket, Key="a", Body=b"x")
    with pytest.raises(ClientError, match="AccessDenied"):
        stock.client("s3", credentials=key, tls=False).get_object(Bucket=bucket, Key="a")


def test_a_tls_only_queue_is_reached_as_if_by_https_and_not_without(stock: Emulator) -> None:
    url = stock.client("sqs").create_queue(QueueName=f"tls-{uuid.uuid4().hex}")["QueueUrl"]
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    stock.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    stock.client("sqs").send_message(QueueUrl=url, MessageBody="a")
    with pytest.raises(ClientError, match="AccessDenied"):
        stock.client("sqs", tls=False).send_message(QueueUrl=url, MessageBody="a")


def test_a_region_is_a_place_of_its_own(stock: Emulator) -> None:
    queue = f"q-{uuid.uuid4().hex}"
    stock.client("sqs", region="eu-west-1").create_queue(QueueName=queue)
    assert queue not in str(stock.client("sqs").list_queues())


def test_an_api_is_reached_at_the_address_of_its_stack_output(stock: Emulator) -> None:
    gateway = stock.client("apigateway")
    api = gateway.create_rest_api(name="a")["id"]
    method = {
        "restApiId": api,
        "resourceId": gateway.get_resources(restApiId=api)["items"][0]["id"],
        "httpMethod": "GET",
    }
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(**method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.create_deployment(restApiId=api, stageName="v1")

    address = f"https://{api}.execute-api.us-east-1.amazonaws.com/v1"
    answer = stock.request("GET", f"{address}/?a=1")
    assert (answer.status, answer.json()) == (200, {})
    assert answer.headers["content-type"] == "application/json"
    refused = stock.request("POST", f"{address}/", headers={"content-type": "text/plain"}, body="a")
    assert refused.status == 403
    assert "Missing Authentication Token" in refused.text()


@pytest.mark.parametrize(
    ("address", "target", "host"),
    [
        ("https://abc.execute-api.us-east-1.amazonaws.com/v1/a?b=c", "/v1/a?b=c", "abc.execute-api.localhost:4580"),
        ("https://abc.execute-api.cn-north-1.amazonaws.com.cn/v1", "/v1", "abc.execute-api.localhost:4580"),
        ("https://d1.cloudfront.net", "/", "d1.cloudfront.net"),
        ("http://a-1.eu-west-1.elb.amazonaws.com/x", "/x", "a-1.eu-west-1.elb.amazonaws.com"),
        ("https://my.bucket.s3.eu-west-1.amazonaws.com/k%20/", "/my.bucket/k%20/", None),
        ("https://bucket.s3.amazonaws.com/k?v=1", "/bucket/k?v=1", None),
        ("https://bucket.s3-accelerate.amazonaws.com/", "/bucket/", None),
        ("http://d1.cloudfront.localhost:4580/a?b=c", "/a?b=c", "d1.cloudfront.localhost:4580"),
        ("https://s3.amazonaws.com/bucket/k", "/bucket/k", None),
        ("https://cognito-idp.us-east-1.amazonaws.com/pool/.well-known", "/pool/.well-known", None),
        ("http://localhost:4580/x", "/x", None),
    ],
)
def test_address_on_the_emulator(address: str, target: str, host: str | None) -> None:
    secure = {"X-Forwarded-Proto": "https"} if address.startswith("https") else {}
    assert local_address(address, 4580) == LocalAddress(target, {**({"Host": host} if host else {}), **secure})


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("https://d1.cloudfront.net", "http://d1.cloudfront.localhost:4580/"),
        ("https://d1.cloudfront.net/api", "http://d1.cloudfront.localhost:4580/api"),
        (
            "https://abc.execute-api.us-east-1.amazonaws.com/v1/a",
            "http://127.0.0.1:4580/_aws/execute-api/abc/v1/a",
        ),
        ("https://bucket.s3.amazonaws.com/k", "http://127.0.0.1:4580/bucket/k"),
    ],
)
def test_address_that_needs_no_header(address: str, plain: str) -> None:
    assert plain_address(address, 4580) == plain


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/",
        "http://127.0.0.1:1/",
        "https://amazonaws.com.evil.com/",
        "http://d1.cloudfront.localhost:1/",
        "http://d1.cloudfront.localhost.evil.com:4580/",
    ],
)
def test_a_request_never_leaves_the_machine(stock: Emulator, address: str) -> None:
    with pytest.raises(UserError, match="would leave this machine"):
        stock.request("GET", address)


def test_an_emulator_that_is_gone_is_told() -> None:
    gone = Emulator(port=1, pid=1, patched=False)
    with pytest.raises(UserError, match="the emulator on port 1 does not answer"):
        gone.request("GET", gone.url)


def test_the_aws_cli_talks_to_the_emulator_and_to_nothing_else(stock: Emulator) -> None:
    bucket = f"cli-{uuid.uuid4().hex}"
    done = subprocess.run(
        [sys.executable, "-m", "awscli", "s3", "mb", f"s3://{bucket}"],
        env=stock.environment(os.environ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    stock.client("s3").head_bucket(Bucket=bucket)


def test_the_variables_alone_hold_nothing_of_the_user(stock: Emulator) -> None:
    assert "AWS_PROFILE" not in stock.environment()
    assert stock.environment()["AWS_ENDPOINT_URL"] == stock.url
    assert stock.environment(os.environ).keys() - stock.environment().keys() < os.environ.keys()
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "HTTP_PROXY"} & stock.environment(os.environ).keys()
