"""PublishRelease deployed as a template does it, inline: its rights, its event, and what its file may be."""

from __future__ import annotations

import ast
import json
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from tests.evidence import shows
from tests.handlers.blog_async.conftest import Deployed, statement
from tests.handlers.blog_async.test_shared_part import shared
from tests.handlers.software_updates.conftest import HANDLER, Put, bucket, event_of, sound
from troposphere_arch import local
from troposphere_arch.runtime import PYTHON_RUNTIME

SOURCE = HANDLER.read_text()


def test_what_it_shares_with_other_functions_that_nobody_waits_for_is_the_same() -> None:
    assert shared("send_mail") in SOURCE


@shows("REQ-U1", how="static")
def test_it_is_one_ascii_file_on_the_standard_library_and_boto3() -> None:
    assert SOURCE.isascii()
    tree = ast.parse(SOURCE, feature_version=(3, 11))
    assert ast.get_docstring(tree)
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in modules} <= sys.stdlib_module_names | {"boto3", "botocore"}
    assert re.findall(r"environ\[\"(\w+)\"\]", SOURCE) == ["RELEASES_BUCKET", "FILES"]
    assert SOURCE.count("environ") == 2
    assert not re.search(r"\barn:aws|[\"'][a-z]{2}(-[a-z]+)+-\d[\"']", SOURCE)


@shows("REQ-U1", how="stock")
def test_from_the_upload_to_the_manifest_and_each_right_is_needed(stock: local.Emulator, tmp_path: Path) -> None:
    """The directory stands for the file system, which the emulator does not mount; the rest is the emulator's."""
    name = bucket(stock)
    function = deployed(stock, {"RELEASES_BUCKET": name, "FILES": str(tmp_path)})
    s3, events = stock.client("s3"), stock.client("events")
    arn = f"arn:aws:s3:::{name}"
    rights = {
        "descriptors": statement(["s3:GetObject", "s3:GetObjectVersion"], f"{arn}/releases/*"),
        "files": statement(["s3:GetObject", "s3:GetObjectVersion"], f"{arn}/files/*"),
        "status": statement("s3:PutObject", f"{arn}/status/*"),
    }

    def put(version: str) -> Put:
        s3.put_object(Bucket=name, Key=f"files/{version}/a", Body=b"a")
        digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
        told = {"version": version, "files": [{"name": "a", "sha256": digest, "size": 1}]}
        key = f"releases/{version}.json"
        version_id = s3.put_object(Bucket=name, Key=key, Body=json.dumps(told).encode())["VersionId"]
        return Put(event_of(name, key, version_id), f"status/{version}/{version_id}.json")

    def outcome(version: str, without: str = "") -> tuple[str, str]:
        function.allow([right for one, right in rights.items() if one != without])
        answer, failed = function.invoke(put(version).event)
        return ("failed", "") if failed else (answer["outcome"], answer["reason"])

    assert outcome("1.0.0") == ("published", "")
    assert outcome("1.1.0", "descriptors")[1].startswith("'releases/1.1.0.json' has no version")
    assert outcome("1.1.0", "files")[1].startswith("files/1.1.0/a is not in the bucket")
    assert outcome("1.1.0", "status") == ("failed", "")
    assert sound(tmp_path) == "1.1.0"

    function.allow(list(rights.values()))
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    rule = f"rule-{uuid.uuid4().hex[:8]}"
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [name]}, "object": {"key": [{"prefix": "releases/"}]}},
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    arn = stock.client("lambda").get_function(FunctionName=function.function)["Configuration"]["FunctionArn"]
    events.put_targets(Rule=rule, Targets=[{"Id": "function", "Arn": arn}])
    try:
        written = put("1.2.0")
        assert json.loads(eventually(s3, name, written.status))["state"] == "published"
        assert sound(tmp_path) == "1.2.0"
    finally:
        events.remove_targets(Rule=rule, Ids=["function"])
        events.delete_rule(Name=rule)


def deployed(stock: local.Emulator, variables: dict[str, str]) -> Deployed:
    """The handler as a function; its role may do nothing yet."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    function = {
        "Runtime": PYTHON_RUNTIME,
        "Handler": "index.handler",
        "Timeout": 60,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": SOURCE},
        "Environment": {"Variables": variables},
    }
    template = {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
        }
    }
    stack, cloudformation = f"publish-release-{uuid.uuid4().hex[:8]}", stock.client("cloudformation")
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    found = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}
    return Deployed(stock, ids["Function"], ids["Role"])


def eventually(s3: Any, bucket_name: str, key: str) -> bytes:
    for _ in range(200):
        if key in [one["Key"] for one in s3.list_objects_v2(Bucket=bucket_name, Prefix=key).get("Contents", [])]:
            data: bytes = s3.get_object(Bucket=bucket_name, Key=key)["Body"].read()
            return data
        time.sleep(0.1)
    raise AssertionError(f"no {key}")
