"""What a stack retained, in a new stack; and a file system that is lost, made anew from the bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.evidence import shows
from tests.journeys import updates
from tests.journeys.stack import BUCKET, Stack, aws, contents, template_url
from tests.journeys.updates import ask, publish, servers
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.deploy import Resource, purge, target_of
from troposphere_arch.journeys.blog import until
from troposphere_arch.lint import lint
from troposphere_arch.local import Emulator
from troposphere_arch.scenarios import page

pytestmark = [pytest.mark.xdist_group("updates-publish"), needs("nginx"), sampled(3)]
RETAINED = f"software-updates/{page('software-updates').VERSION}/software-updates.retained.json"
FILES, BUCKETS = "AWS::EFS::FileSystem", "AWS::S3::Bucket"
VERSIONS = {"1.3.0": b"old" * 1000, "1.4.0": b"new" * 1000, "2.0.0-rc.1": b"next" * 1000}


def lost(emulator: Emulator, name: str) -> dict[str, str]:
    """A stack with releases that is deleted. Gives what stays: its logical and its physical ids."""
    # With an edge and its log, because the emulator wants to import a bucket that the template has only then, too.
    made = updates.make(emulator, name, EdgeCache="on", EdgeLogs="on")
    for version, data in VERSIONS.items():
        assert publish(made, version, app_bin=data)["state"] == "published"
    kept = {one: made.physical(one) for one in ("EdgeLogFiles", "Files", "Releases")}
    made.delete()
    return kept


def take_over(emulator: Emulator, name: str, kept: dict[str, str]) -> Stack:
    """A new stack of these resources, by an import change set with the template for that; then all the rest."""
    cloudformation = emulator.client("cloudformation")
    template: dict[str, Any] = json.loads(contents()[RETAINED])
    template["Resources"] = {one: template["Resources"][one] for one in kept}
    emulator.client("s3").put_object(Bucket=BUCKET, Key=f"{name}.json", Body=json.dumps(template).encode())
    values = {"EdgeCache": "on", "EdgeLogs": "on"}
    parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()]
    identifiers = {FILES: "FileSystemId", BUCKETS: "BucketName"}
    kinds = {one: template["Resources"][one]["Type"] for one in kept}
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="take-over",
        ChangeSetType="IMPORT",
        TemplateURL=f"{emulator.url}/{BUCKET}/{name}.json",
        Parameters=parameters,
        ResourcesToImport=[
            {"LogicalResourceId": one, "ResourceType": kinds[one], "ResourceIdentifier": {identifiers[kinds[one]]: id_}}
            for one, id_ in kept.items()
        ],
    )
    named = {"StackName": name, "ChangeSetName": "take-over"}
    until("a change set", lambda: cloudformation.describe_change_set(**named)["Status"] == "CREATE_COMPLETE")
    cloudformation.execute_change_set(**named)
    made = Stack(emulator, name).wait("IMPORT_COMPLETE")
    cloudformation.update_stack(
        StackName=name,
        TemplateURL=template_url(emulator, "software-updates"),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=parameters,
    )
    made.wait("UPDATE_COMPLETE")
    assert {one: made.physical(one) for one in kept} == kept
    return made


def serves(stack: Stack) -> None:
    """Each release that ever was, and the manifest; and another one can be published."""
    host = stack.outputs["BalancerName"]
    with servers(stack):
        for version, data in VERSIONS.items():
            answer = ask(stack, f"/releases/{version}/app.bin", host, https=False)
            assert (answer.status, answer.body) == (200, data), version
        assert ask(stack, "/latest.json", host, https=False).json()["version"] == "1.4.0"
        assert publish(stack, "1.5.0", app_bin=b"after")["state"] == "published"
        # Nothing is forgotten: a release never changes.
        assert publish(stack, "1.3.0", app_bin=b"other")["state"] == "refused"
        assert ask(stack, "/latest.json", host, https=False).json()["version"] == "1.5.0"


@pytest.fixture
def clean(patched: Emulator) -> Iterator[list[Stack]]:
    """Stacks that go afterwards."""
    made: list[Stack] = []
    yield made
    for one in made:
        one.delete()


@shows("REQ-U1", "REQ-U8", "REQ-D5", how="patched")
def test_a_new_stack_takes_over_what_the_lost_one_retained(patched: Emulator, clean: list[Stack]) -> None:
    kept = lost(patched, "lost-updates")
    clean.append(take_over(patched, "updates-again", kept))
    serves(clean[0])


@shows("REQ-U1", "REQ-U8", "REQ-D5", how="patched")
def test_without_the_file_system_all_is_published_again_from_the_bucket(patched: Emulator, clean: list[Stack]) -> None:
    """The descriptions are put once more over themselves, in any order; the files are there."""
    kept = lost(patched, "lost-files")
    purge(target_of(patched.client), [Resource("Files", FILES, kept.pop("Files"))])
    clean.append(take_over(patched, "files-again", kept))
    bucket = f"s3://{kept['Releases']}/releases/"
    aws(patched, "s3", "cp", bucket, bucket, "--recursive", "--metadata-directive", "REPLACE")

    def all_there() -> bool:
        s3, keys = patched.client("s3"), {"Bucket": kept["Releases"]}
        newest = {v: s3.head_object(**keys, Key=f"releases/{v}.json")["VersionId"] for v in VERSIONS}
        status = s3.list_objects_v2(**keys, Prefix="status/")["Contents"]
        return {f"status/{v}/{made}.json" for v, made in newest.items()} <= {one["Key"] for one in status}

    until("a status of each", all_there)
    serves(clean[0])


@shows("REQ-D3", how="static")
def test_the_template_to_import_is_whole() -> None:
    body = contents()[RETAINED]
    assert json.loads(body)["Resources"].keys() == {"EdgeLogFiles", "Files", "Releases"}
    assert lint({"retained": body}, house=False) == []
