"""Users' own files: the policies are evaluated by the emulator plus our substitution of policy variables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.journeys.conftest import signed_in
from tests.journeys.stack import Stack
from troposphere_arch.journeys import play


def refused(call: Any, **arguments: Any) -> str:
    """The error code of a call that must fail."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return str(error.value.response["Error"]["Code"])


@shows("REQ-T8", "REQ-T9", how="patched")
def test_credentials_come_from_sts_and_expire(production: Stack) -> None:
    credentials = signed_in(production).credentials()
    assert credentials["SessionToken"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    now = datetime.now(UTC)
    assert now + timedelta(minutes=10) < credentials["Expiration"] <= now + timedelta(hours=1, minutes=1)


@shows("REQ-T3", "REQ-T8", how="patched")
def test_a_user_has_the_own_prefix_and_no_more(production: Stack) -> None:
    mina, joon = signed_in(production), signed_in(production)
    bucket, mine, theirs = production.outputs["FilesBucket"], mina.identity(), joon.identity()
    files, foreign = mina.files(), joon.files()

    files.put_object(Bucket=bucket, Key=f"{mine}/a/note.txt", Body=b"hello")
    assert files.get_object(Bucket=bucket, Key=f"{mine}/a/note.txt")["Body"].read() == b"hello"
    assert [o["Key"] for o in files.list_objects_v2(Bucket=bucket, Prefix=f"{mine}/")["Contents"]] == [
        f"{mine}/a/note.txt"
    ]
    foreign.put_object(Bucket=bucket, Key=f"{theirs}/secret.txt", Body=b"theirs")

    for key in (f"{theirs}/secret.txt", f"{mine}x/note.txt", f"x{mine}/note.txt", "note.txt", mine, f"{mine}"):
        assert refused(files.put_object, Bucket=bucket, Key=key, Body=b"x") == "AccessDenied", key
        assert refused(files.get_object, Bucket=bucket, Key=key) == "AccessDenied", key
        assert refused(files.delete_object, Bucket=bucket, Key=key) == "AccessDenied", key
    for prefix in ("", f"{theirs}/", f"{mine}x/", mine, "us-east-1:"):
        assert refused(files.list_objects_v2, Bucket=bucket, Prefix=prefix) == "AccessDenied", prefix
    assert refused(files.list_objects_v2, Bucket=bucket) == "AccessDenied"

    own = f"{mine}/a/note.txt"
    assert refused(files.get_object_acl, Bucket=bucket, Key=own) == "AccessDenied"
    assert refused(files.get_object_tagging, Bucket=bucket, Key=own) == "AccessDenied"
    assert refused(files.list_object_versions, Bucket=bucket, Prefix=f"{mine}/") == "AccessDenied"
    assert refused(files.get_bucket_policy, Bucket=bucket) == "AccessDenied"
    assert refused(files.delete_bucket, Bucket=bucket) == "AccessDenied"

    files.delete_object(Bucket=bucket, Key=own)
    assert files.list_objects_v2(Bucket=bucket, Prefix=f"{mine}/")["KeyCount"] == 0


@shows("REQ-T9", how="patched")
def test_the_credentials_open_nothing_else(production: Stack) -> None:
    mina = signed_in(production)
    emulator, credentials = production.emulator, mina.credentials()
    table = production.physical("Todos")
    assert "AccessDenied" in refused(emulator.client("dynamodb", credentials=credentials).scan, TableName=table)
    pool = production.outputs["UserPoolId"]
    users = emulator.client("cognito-idp", credentials=credentials)
    assert "AccessDenied" in refused(users.list_users, UserPoolId=pool)
    assert "AccessDenied" in refused(emulator.client("s3", credentials=credentials).list_buckets)


@shows("REQ-T3", how="patched")
def test_the_bucket_refuses_plain_http_and_strangers(production: Stack) -> None:
    mina = signed_in(production)
    bucket, key = production.outputs["FilesBucket"], f"{mina.identity()}/note.txt"
    mina.files().put_object(Bucket=bucket, Key=key, Body=b"hello")
    plain = production.emulator.client("s3", credentials=mina.credentials(), tls=False)
    assert refused(plain.get_object, Bucket=bucket, Key=key) == "AccessDenied"
    url = f"https://{bucket}.s3.us-east-1.amazonaws.com/{key}"
    assert production.emulator.request("GET", url).status == 403


@shows("REQ-T3", "REQ-T5", "REQ-T8", how="patched")
def test_the_whole_journey_with_files(production: Stack) -> None:
    answers = [step.answer for step in play("todo", production.emulator, production.outputs)]
    assert "AccessDenied" in answers
