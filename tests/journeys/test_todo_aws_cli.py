"""The real AWS CLI, on the committed file: what a user types, and what deletion leaves."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.evidence import shows
from tests.journeys.conftest import signed_in
from tests.journeys.stack import BUCKET, Stack, aws, everything_named, preset, template_url
from troposphere_arch.local import Emulator

TEMPLATE = Path(__file__).parents[2] / "templates/todo/1.0.0/todo.template.json"
RETAINED = {"App", "Identities", "Todos", "Users"}


def next_second() -> None:
    """The CLI names change sets by the second, and on a fast machine two deployments would fit into one."""
    time.sleep(1 - time.time() % 1)


@shows("REQ-D5", how="stock")
def test_deploy_with_a_bucket_then_delete(stock: Emulator) -> None:
    template_url(stock, "todo")
    aws(stock, "cloudformation", "validate-template", "--template-url", template_url(stock, "todo"))
    deploy = (
        *("cloudformation", "deploy", "--stack-name", "by-deploy", "--template-file", str(TEMPLATE)),
        *("--s3-bucket", BUCKET, "--capabilities", "CAPABILITY_IAM"),
    )
    aws(stock, *deploy)
    stack = Stack(stock, "by-deploy")
    assert signed_in(stack).call("GET", "/todos").status == 200
    next_second()
    assert "No changes to deploy" in aws(stock, *deploy, "--no-fail-on-empty-changeset")
    next_second()
    # Version 1 of the AWS CLI takes parameter files in create-stack and its like, not in deploy.
    # The unmodified emulator knows no DAX.
    production = {**preset("todo", "production"), "ReadCache": "none"}
    aws(stock, *deploy, "--parameter-overrides", *(f"{k}={v}" for k, v in production.items()))
    assert stack.outputs["FilesBucket"]

    kept = {r: stack.physical(r) for r in RETAINED | {"Files"}}
    names = {r["LogicalResourceId"] for r in stack.resources()}
    assert len(everything_named(stock, "by-deploy")) > 20  # so the look at what is left cannot pass by seeing nothing
    aws(stock, "cloudformation", "delete-stack", "--stack-name", "by-deploy")
    aws(stock, "cloudformation", "wait", "stack-delete-complete", "--stack-name", "by-deploy")
    assert names > RETAINED
    assert stock.client("dynamodb").describe_table(TableName=kept["Todos"])
    assert stock.client("cognito-idp").describe_user_pool(UserPoolId=kept["Users"])
    assert stock.client("cognito-idp").describe_user_pool_client(UserPoolId=kept["Users"], ClientId=kept["App"])
    assert stock.client("cognito-identity").describe_identity_pool(IdentityPoolId=kept["Identities"])
    assert kept["Files"] in [b["Name"] for b in stock.client("s3").list_buckets()["Buckets"]]
    assert everything_named(stock, "by-deploy") == sorted(
        [kept["Files"], kept["Identities"], kept["Todos"], kept["Users"]]
    )


@shows("REQ-D5", how="stock")
def test_create_stack_from_its_address(stock: Emulator) -> None:
    aws(
        stock,
        *("cloudformation", "create-stack", "--stack-name", "by-url", "--capabilities", "CAPABILITY_IAM"),
        *("--template-url", template_url(stock, "todo", TEMPLATE.read_bytes())),
        *("--parameters", (TEMPLATE.parent / "parameters/starter.json").as_uri()),
    )
    aws(stock, "cloudformation", "wait", "stack-create-complete", "--stack-name", "by-url")
    shown = json.loads(aws(stock, "cloudformation", "describe-stacks", "--stack-name", "by-url", "--output", "json"))
    outputs = {o["OutputKey"]: o["OutputValue"] for o in shown["Stacks"][0]["Outputs"]}
    assert (outputs["TemplateId"], outputs["TemplateVersion"]) == ("todo", "1.0.0")
    assert signed_in(Stack(stock, "by-url")).call("GET", "/todos").json() == {"items": []}
    Stack(stock, "by-url").delete()
