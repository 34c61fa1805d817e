"""The table is lost, or the first deployment fails: what stays, and what a new stack makes of it (docs/todo.md)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.evidence import shows
from tests.journeys.conftest import signed_in
from tests.journeys.stack import BUCKET, Stack, everything_named, template_url
from tests.sampling import sampled
from troposphere_arch import catalogue
from troposphere_arch.lint import lint
from troposphere_arch.local import Emulator

pytestmark = sampled(3)

RETAINED = "todo/1.0.0/todo.retained.json"


def import_into(emulator: Emulator, name: str, url: str, resources: dict[str, tuple[str, dict[str, str]]]) -> Stack:
    """A new stack made of resources that exist, by an import change set."""
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="take-over",
        ChangeSetType="IMPORT",
        TemplateURL=url,
        Parameters=[{"ParameterKey": "FileStorage", "ParameterValue": "on"}],
        ResourcesToImport=[
            {"LogicalResourceId": logical, "ResourceType": kind, "ResourceIdentifier": identifier}
            for logical, (kind, identifier) in resources.items()
        ],
    )
    cloudformation.get_waiter("change_set_create_complete").wait(
        StackName=name, ChangeSetName="take-over", WaiterConfig={"Delay": 1}
    )
    cloudformation.execute_change_set(StackName=name, ChangeSetName="take-over")
    return Stack(emulator, name).wait("IMPORT_COMPLETE")


@shows("REQ-T3", "REQ-T5", how="patched")
def test_a_new_stack_takes_over_what_the_lost_one_retained(patched: Emulator) -> None:
    old = Stack(patched, "todo-lost").create(template_url(patched, "todo"), FileStorage="on")
    mina = signed_in(old)
    made = [mina.call("POST", "/todos", {"title": f"To-do {n}"}).json() for n in range(5)]
    mine, bucket = mina.identity(), old.outputs["FilesBucket"]
    mina.files().put_object(Bucket=bucket, Key=f"{mine}/note.txt", Body=b"hello")

    dynamodb = patched.client("dynamodb")
    lost = old.physical("Todos")
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=lost, TargetTableName="todos-restored", UseLatestRestorableTime=True
    )
    dynamodb.get_waiter("table_exists").wait(TableName="todos-restored", WaiterConfig={"Delay": 1})
    pool, client, identities = (old.outputs[k] for k in ("UserPoolId", "UserPoolClientId", "IdentityPoolId"))
    dynamodb.delete_table(TableName=lost)
    old.delete()

    s3 = patched.client("s3")
    s3.put_object(Bucket=BUCKET, Key="retained.json", Body=catalogue.contents()[RETAINED])
    new = import_into(
        patched,
        "todo-again",
        f"{patched.url}/{BUCKET}/retained.json",
        {
            "App": ("AWS::Cognito::UserPoolClient", {"UserPoolId": pool, "ClientId": client}),
            "Files": ("AWS::S3::Bucket", {"BucketName": bucket}),
            "Identities": ("AWS::Cognito::IdentityPool", {"Id": identities}),
            "Todos": ("AWS::DynamoDB::Table", {"TableName": "todos-restored"}),
            "Users": ("AWS::Cognito::UserPool", {"UserPoolId": pool}),
        },
    )
    new.cloudformation.update_stack(
        StackName=new.name,
        TemplateURL=template_url(patched, "todo"),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": "FileStorage", "ParameterValue": "on"}],
    )
    new.wait("UPDATE_COMPLETE")

    # The same user, password, app id and files; the to-dos of the restored table.
    assert {k: new.outputs[k] for k in ("UserPoolId", "UserPoolClientId", "IdentityPoolId", "FilesBucket")} == {
        "UserPoolId": pool,
        "UserPoolClientId": client,
        "IdentityPoolId": identities,
        "FilesBucket": bucket,
    }
    mina.outputs = new.outputs
    mina.sign_in()
    assert mina.call("GET", "/todos").json()["items"] == made[::-1]
    assert mina.identity() == mine
    assert mina.files().get_object(Bucket=bucket, Key=f"{mine}/note.txt")["Body"].read() == b"hello"
    assert mina.call("POST", "/todos", {"title": "After"}).status == 201


@shows("REQ-D3", how="static")
def test_the_template_to_import_is_whole() -> None:
    body = catalogue.contents()[RETAINED]
    value: dict[str, Any] = json.loads(body)
    assert value["Resources"].keys() == {"App", "Files", "Identities", "Todos", "Users"}
    whole = json.loads(catalogue.contents()["todo/1.0.0/todo.template.json"])
    assert all(r == whole["Resources"][name] for name, r in value["Resources"].items())
    assert lint({"retained": body}, house=False) == []


@shows("REQ-D5", how="patched")
def test_a_failed_first_deployment_leaves_nothing(patched: Emulator) -> None:
    stack = Stack(patched, "todo-failed")
    acl = "arn:aws:wafv2:us-east-1:000000000000:regional/webacl/none/00000000-0000-0000-0000-000000000000"
    # The association is the last to be made: by then all that would be retained is there.
    with pytest.raises(AssertionError, match="ROLLBACK"):
        stack.create(template_url(patched, "todo"), FileStorage="on", WebAclArn=acl)
    stack.wait("ROLLBACK_COMPLETE")
    made = {e["LogicalResourceId"] for e in stack.events() if e["ResourceStatus"] == "CREATE_COMPLETE"}
    assert {"App", "Files", "Identities", "Todos", "Users"} <= made
    assert everything_named(patched, stack.name) == []
