"""The real AWS CLI, on the committed files: what a user types, and what deletion leaves."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.evidence import shows
from tests.journeys.blog import everything_of, items, make, reader, site_files, with_everything
from tests.journeys.stack import BUCKET, Stack, aws, preset, template_url
from tests.journeys.test_todo_aws_cli import next_second
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.journeys.blog import Author, first_password
from troposphere_arch.local import Emulator

pytestmark = [pytest.mark.xdist_group("blog-changes"), needs("node"), sampled(2)]
ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "templates/blog/1.0.0/blog.template.json"
RETAINED = {"App", "Authors", "Media", "Posts", "Site", "Subscribers", "Uploads", "Users"}


def invite_by_cli(somebody: Author) -> str:
    """As docs/blog.md has it; gives the password of the mail."""
    pool = somebody.outputs["UserPoolId"]
    aws(
        somebody.emulator,
        *("cognito-idp", "admin-create-user", "--user-pool-id", pool, "--username", somebody.email),
        *("--user-attributes", f"Name=email,Value={somebody.email}", "Name=email_verified,Value=true"),
    )
    aws(
        somebody.emulator,
        *("cognito-idp", "admin-add-user-to-group", "--user-pool-id", pool, "--username", somebody.email),
        *("--group-name", "authors"),
    )
    return first_password(somebody)


@shows("REQ-B3", "REQ-B7", "REQ-D5", how="stock")
def test_deploy_publish_the_site_and_delete(stock: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    url = template_url(stock, "blog", TEMPLATE.read_bytes())
    aws(stock, "cloudformation", "validate-template", "--template-url", url)
    deploy = (
        *("cloudformation", "deploy", "--stack-name", "typed-blog", "--template-file", str(TEMPLATE)),
        *("--s3-bucket", BUCKET, "--capabilities", "CAPABILITY_IAM"),
    )
    aws(stock, *deploy)
    stack = Stack(stock, "typed-blog")
    # The line of the output, typed where the templates are.
    program, *line = shlex.split(stack.outputs["PublishSiteCommand"])
    assert program == "aws"
    monkeypatch.chdir(ROOT)
    aws(stock, *line)
    joon, files = reader(stack), site_files()
    listed = stock.client("s3").list_objects_v2(Bucket=stack.outputs["SiteBucket"])["Contents"]
    assert {one["Key"] for one in listed} == set(files)
    answer = joon.get("/posts/a-post")
    assert (answer.status, answer.body) == (200, files["post.html"])
    wanted = "public, max-age=0, s-maxage=60, stale-while-revalidate=86400"
    assert answer.headers["Cache-Control"] == wanted
    # Again, with nothing changed: nothing is sent.
    assert "upload:" not in aws(stock, *line)
    next_second()
    assert "No changes to deploy" in aws(stock, *deploy, "--no-fail-on-empty-changeset")
    # (No update here: the unmodified emulator puts empty tables in the place of global ones that change.)

    kept = {name: stack.physical(name) for name in RETAINED}
    assert len(everything_of(stock, "typed-blog")) > 40  # so the look at what is left cannot pass by seeing nothing
    stack_id = stack.describe()["StackId"]
    aws(stock, "cloudformation", "delete-stack", "--stack-name", "typed-blog")
    stack.wait("DELETE_COMPLETE", name=stack_id)  # the CLI looks twice a minute
    aws(stock, "cloudformation", "wait", "stack-delete-complete", "--stack-name", "typed-blog")
    of_the_account = {kept[name] for name in RETAINED - {"App", "Authors"}}
    assert set(everything_of(stock, "typed-blog")) == of_the_account
    users = stock.client("cognito-idp")
    assert users.describe_user_pool_client(UserPoolId=kept["Users"], ClientId=kept["App"])
    assert [g["GroupName"] for g in users.list_groups(UserPoolId=kept["Users"])["Groups"]] == ["authors"]
    assert stock.client("s3").get_object(Bucket=kept["Site"], Key="index.html")["Body"].read() == files["index.html"]


@shows("REQ-D5", how="patched")
def test_create_stack_from_its_address_with_everything(patched: Emulator) -> None:
    values = {**preset("blog", "production"), **with_everything(patched)}
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    aws(
        patched,
        *("cloudformation", "create-stack", "--stack-name", "addressed-blog", "--capabilities", "CAPABILITY_IAM"),
        *("--template-url", template_url(patched, "blog", TEMPLATE.read_bytes())),
        *("--parameters", json.dumps(parameters)),
    )
    stack = Stack(patched, "addressed-blog").wait("CREATE_COMPLETE")  # the CLI looks twice a minute
    aws(patched, "cloudformation", "wait", "stack-create-complete", "--stack-name", "addressed-blog")
    shown = json.loads(aws(patched, "cloudformation", "describe-stacks", "--stack-name", "addressed-blog"))
    outputs = {o["OutputKey"]: o["OutputValue"] for o in shown["Stacks"][0]["Outputs"]}
    assert (outputs["TemplateId"], outputs["TemplateVersion"]) == ("blog", "1.0.0")
    assert (outputs["Mail"], outputs["Thumbnails"]) == ("on", "on")
    hana = Author(patched, outputs)
    hana.sign_in_first(invite_by_cli(hana))
    assert hana.write("POST", "/posts", {"title": "By the CLI", "body": "x"}).status == 201
    kept = {name: stack.physical(name) for name in RETAINED - {"App", "Authors"}}
    count = items(stack)
    stack.delete()
    assert set(everything_of(patched, "addressed-blog")) == set(kept.values())
    dynamodb = patched.client("dynamodb")
    assert {n: dynamodb.scan(TableName=n, Select="COUNT")["Count"] for n in count} == count


@shows("REQ-D5", how="patched")
def test_a_failed_first_deployment_leaves_nothing(patched: Emulator) -> None:
    """The hosted zone is none of this account's: the records are the last to be made."""
    certificate = patched.client("acm").request_certificate(DomainName="failed.example.com")["CertificateArn"]
    values = {"DomainName": "failed.example.com", "DomainCertificateArn": certificate, "HostedZoneId": "Z0000000NONE"}
    with pytest.raises(AssertionError, match="ROLLBACK"):
        make(patched, "failed-blog", **values, **with_everything(patched))
    stack = Stack(patched, "failed-blog").wait("ROLLBACK_COMPLETE")
    made = {e["LogicalResourceId"] for e in stack.events() if e["ResourceStatus"] == "CREATE_COMPLETE"}
    assert made > RETAINED
    assert everything_of(patched, "failed-blog") == []
