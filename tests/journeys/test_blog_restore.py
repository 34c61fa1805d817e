"""The posts are lost: what stays of the blog, and what a new stack makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog_async import pictures
from tests.journeys.blog import Subscriber, author, make, put_site, reader, with_everything
from tests.journeys.stack import BUCKET, Stack, contents, template_url
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.journeys.blog import until
from troposphere_arch.lint import lint
from troposphere_arch.local import Emulator

pytestmark = [pytest.mark.xdist_group("blog-changes"), needs("node"), sampled(3)]
RETAINED = "blog/1.0.0/blog.retained.json"
KEPT = ("App", "Authors", "EdgeLogFiles", "Media", "Posts", "Site", "Subscribers", "Uploads", "Users")


def import_into(
    emulator: Emulator, name: str, resources: dict[str, tuple[str, dict[str, str]]], values: dict[str, str]
) -> Stack:
    """A new stack made of resources that exist, by an import change set."""
    cloudformation = emulator.client("cloudformation")
    known = json.loads(contents()[RETAINED])["Parameters"]
    emulator.client("s3").put_object(Bucket=BUCKET, Key="retained-blog.json", Body=contents()[RETAINED])
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="take-over",
        ChangeSetType="IMPORT",
        TemplateURL=f"{emulator.url}/{BUCKET}/retained-blog.json",
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in values.items() if k in known],
        ResourcesToImport=[
            {"LogicalResourceId": logical, "ResourceType": kind, "ResourceIdentifier": identifier}
            for logical, (kind, identifier) in resources.items()
        ],
    )
    named = {"StackName": name, "ChangeSetName": "take-over"}
    until("a change set", lambda: cloudformation.describe_change_set(**named)["Status"] == "CREATE_COMPLETE")
    cloudformation.execute_change_set(StackName=name, ChangeSetName="take-over")
    return Stack(emulator, name).wait("IMPORT_COMPLETE")


@shows("REQ-B1", "REQ-B5", "REQ-D5", how="patched")
def test_a_new_stack_takes_over_what_the_lost_one_retained(patched: Emulator) -> None:
    # With logs, because the emulator wants to import a bucket that the template has only then, too.
    values = {**with_everything(patched), "EdgeLogs": "on"}
    buckets = ("EdgeLogFiles", "Media", "Site", "Uploads")
    old = make(patched, "lost-blog", **values)
    put_site(old)
    hana, joon = author(old), Subscriber(old).subscribed()
    picture = hana.upload(pictures.saved(pictures.corners(345, 345), "PNG"), "image/png")
    assert hana.outcome(picture)["state"] == "ready"
    new_post = {"title": "Before it was lost", "body": "x", "picture": picture}
    path = hana.write("POST", "/posts", new_post).headers["Location"]
    reader(old).call("POST", f"{path}/comments", {"name": "Joon", "text": "Hello"})
    post, comments = (reader(old).call("GET", one).json() for one in (path, f"{path}/comments"))
    leave, kept = joon.token("leave"), {name: old.physical(name) for name in KEPT}

    dynamodb = patched.client("dynamodb")
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=kept["Posts"], TargetTableName="posts-restored", UseLatestRestorableTime=True
    )
    restored = {"TableName": "posts-restored"}
    until("the restored table", lambda: dynamodb.describe_table(**restored)["Table"]["TableStatus"] == "ACTIVE")
    # What a restored table lacks.
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    dynamodb.update_table(TableName="posts-restored", StreamSpecification=stream)
    dynamodb.update_continuous_backups(
        TableName="posts-restored", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    old.delete()
    dynamodb.delete_table(TableName=kept["Posts"])

    pool = kept["Users"]
    again = import_into(
        patched,
        "blog-again",
        {
            "App": ("AWS::Cognito::UserPoolClient", {"UserPoolId": pool, "ClientId": kept["App"]}),
            "Authors": ("AWS::Cognito::UserPoolGroup", {"UserPoolId": pool, "GroupName": "authors"}),
            **{name: ("AWS::S3::Bucket", {"BucketName": kept[name]}) for name in buckets},
            "Posts": ("AWS::DynamoDB::GlobalTable", {"TableName": "posts-restored"}),
            "Subscribers": ("AWS::DynamoDB::GlobalTable", {"TableName": kept["Subscribers"]}),
            "Users": ("AWS::Cognito::UserPool", {"UserPoolId": pool}),
        },
        values,
    )
    again.cloudformation.update_stack(
        StackName=again.name,
        TemplateURL=template_url(patched, "blog"),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()],
    )
    again.wait("UPDATE_COMPLETE")

    assert {name: again.physical(name) for name in KEPT} == {**kept, "Posts": "posts-restored"}
    # The post with picture and comment, the site, the author with her password, the subscriber with the old link.
    assert reader(again).call("GET", path).json() == post
    assert reader(again).call("GET", f"{path}/comments").json() == comments
    assert reader(again).get(f"/media/{picture}/320.webp").status == 200
    assert reader(again).get("/").status == 200
    hana.outputs = again.outputs
    hana.sign_in()
    assert hana.write("POST", "/posts", {"title": "After", "body": "x"}).status == 201
    after = Subscriber(again, joon.address)
    assert after.item()["state"] == "confirmed"
    assert after.leave(leave).status == 200
    assert len(Subscriber(again).subscribed().mails()) == 2
    made = hana.upload(pictures.saved(pictures.corners(355, 355), "PNG"), "image/png")
    assert hana.outcome(made)["state"] == "ready"


@shows("REQ-D3", how="static")
def test_the_template_to_import_is_whole() -> None:
    body = contents()[RETAINED]
    value: dict[str, Any] = json.loads(body)
    assert value["Resources"].keys() == set(KEPT)
    assert lint({"retained": body}, house=False) == []
