"""Copies of the posts in other regions, and a blog that stands on such a copy (docs/blog.md, "Other regions")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.journeys.blog import author, make, reader, refused
from tests.journeys.stack import Stack, template_url
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.journeys.blog import Author
from troposphere_arch.local import Emulator

pytestmark = [pytest.mark.xdist_group("blog-changes"), needs("node"), sampled(3)]
FIRST, SECOND, THIRD = "eu-west-1", "ap-northeast-1", "sa-east-1"


@pytest.fixture(scope="module")
def stack(patched: Emulator) -> Iterator[Stack]:
    made = make(patched, "worldwide-blog")
    yield made
    made.delete()


@pytest.fixture(scope="module")
def hana(stack: Stack) -> Author:
    return author(stack)


def write(somebody: Author, title: str) -> str:
    """Publish a post; gives its path."""
    made = somebody.write("POST", "/posts", {"title": title, "body": "x"})
    assert made.status == 201, made.text()
    path: str = made.headers["Location"]
    return path


def titles(stack: Stack) -> list[str]:
    return [one["title"] for one in reader(stack).call("GET", "/posts").json()["items"]]


def copy(stack: Stack, region: str) -> dict[str, Any] | None:
    """What the copy of a region says of itself; None when there is none."""
    dynamodb, name = stack.emulator.client("dynamodb", region=region), stack.outputs["PostsTable"]
    try:
        table = dynamodb.describe_table(TableName=name)["Table"]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"
        return None
    recovery = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    encryption = table.get("SSEDescription", {})
    return {
        "items": dynamodb.scan(TableName=name, Select="COUNT")["Count"],
        "protected": table["DeletionProtectionEnabled"],
        "recovery": recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "key": encryption.get("KMSMasterKeyArn") if encryption.get("Status") == "ENABLED" else None,
    }


@shows("REQ-B1", "REQ-D5", how="patched")
def test_copies_come_and_go_and_the_posts_stay(stack: Stack, hana: Author) -> None:
    kms = {one: stack.emulator.client("kms", region=one) for one in ("us-east-1", FIRST, SECOND, THIRD)}
    own = {one: client.create_key()["KeyMetadata"]["Arn"] for one, client in kms.items()}
    path, table = write(hana, "Before all copies"), stack.physical("Posts")
    plain = {"items": 2, "protected": False, "recovery": "ENABLED", "key": None}
    regions = {"ReplicaRegion1": FIRST, "ReplicaRegion2": SECOND, "ReplicaRegion3": THIRD}
    for name, region in regions.items():
        assert copy(stack, region) is None
        stack.update(**{name: region})
        assert copy(stack, region) == plain, region
    stack.update(DeletionProtection="on")
    assert {copy(stack, region)["protected"] for region in (*regions.values(), "us-east-1")} == {True}  # type: ignore[index]
    stack.update(DeletionProtection="off")
    given = {f"ReplicaKmsKeyArn{n}": own[region] for n, region in enumerate(regions.values(), 1)}
    stack.update(KmsKeyArn=own["us-east-1"], **given)
    assert {region: copy(stack, region)["key"] for region in own} == own  # type: ignore[index]
    stack.update(KmsKeyArn="none", **dict.fromkeys(given, "none"))
    assert {copy(stack, region)["key"] for region in own} == {None}  # type: ignore[index]
    for name, region in reversed(regions.items()):
        stack.update(**{name: "none"})
        assert copy(stack, region) is None
    assert stack.physical("Posts") == table
    assert reader(stack).call("GET", path).status == 200
    assert hana.write("DELETE", path).status == 204


@shows("REQ-B1", how="patched")
def test_a_second_blog_stands_on_the_copy_of_its_region(stack: Stack, hana: Author) -> None:
    first = write(hana, "Written at home")
    stack.update(ReplicaRegion1=FIRST)
    url = template_url(stack.emulator, "blog")
    away = Stack(stack.emulator, "blog-away", FIRST).create(url, PostsTableName=stack.outputs["PostsTable"])
    assert (away.outputs["Region"], away.outputs["PostsTable"]) == (FIRST, stack.outputs["PostsTable"])
    assert away.outputs["BlogUrl"] != stack.outputs["BlogUrl"]
    assert "Posts" not in {r["LogicalResourceId"] for r in away.resources()}
    assert titles(away) == titles(stack) == ["Written at home"]

    # It has authors of its own; what they write shows at home, and the other way round.
    noor = author(away)
    assert hana.write("GET", "/posts").status == 200
    elsewhere = reader(away).call("POST", "/posts", {"title": "x", "body": "x"}, token=hana.tokens["IdToken"])
    assert refused(elsewhere, 401)
    second = write(noor, "Written away")
    assert titles(stack) == titles(away) == ["Written away", "Written at home"]
    said = reader(stack).call("POST", f"{second}/comments", {"name": "Joon", "text": "From home"})
    assert said.status == 201
    assert reader(away).call("GET", f"{second}/comments").json()["items"] == [said.json()]
    changed = {"title": "Changed away", "body": "x", "version": 1}
    assert noor.write("PUT", first, changed).status == 200
    assert refused(hana.write("PUT", first, {**changed, "title": "Too late"}), 409)
    # Its subscribers are its own.
    assert away.outputs["SubscribersTable"] != stack.outputs["SubscribersTable"]

    # The second one goes, and takes nothing along.
    away.delete()
    assert titles(stack) == ["Written away", "Changed away"]
    assert copy(stack, FIRST)["items"] == 5  # type: ignore[index]
    for path in (first, second):
        assert hana.write("DELETE", path).status == 204
    stack.update(ReplicaRegion1="none")
    assert titles(stack) == []


@shows("REQ-B1", "REQ-D5", how="patched")
def test_a_blog_may_change_over_to_another_table_and_back(stack: Stack, hana: Author) -> None:
    path = write(hana, "Of the first")
    other = make(stack.emulator, "guest-blog", PostsTableName=stack.outputs["PostsTable"])
    assert titles(other) == ["Of the first"]
    other.update(PostsTableName="none")
    assert titles(other) == []
    mine = other.outputs["PostsTable"]
    assert mine != stack.outputs["PostsTable"]
    write(author(other), "Of its own")
    other.update(PostsTableName=stack.outputs["PostsTable"])
    assert titles(other) == ["Of the first"]
    # Its own table left the stack, and stays in the account with what was in it.
    table = stack.emulator.client("dynamodb").scan(TableName=mine)["Items"]
    assert {one["title"]["S"] for one in table} == {"Of its own"}
    other.delete()
    assert titles(stack) == ["Of the first"]
    assert hana.write("DELETE", path).status == 204
