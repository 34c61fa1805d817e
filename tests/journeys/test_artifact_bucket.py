"""The artifact bucket as its users meet it: made by the AWS CLI, published to by a workflow, read by readers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.journeys.stack import Stack, aws
from tests.publishing import catalogues
from troposphere_arch import publishing
from troposphere_arch.errors import UserError
from troposphere_arch.journeys import play
from troposphere_arch.local import Emulator

TEMPLATE = Path(__file__).parents[2] / "templates/artifact-bucket/1.0.0/artifact-bucket.template.json"
ISSUER = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::000000000000:oidc-provider/{ISSUER}"
# The emulator ends no TLS; this header stands for it.
TLS = {"x-forwarded-proto": "https"}


def refused(call: Any, **arguments: Any) -> str:
    """The error code of a call that must fail."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return str(error.value.response["Error"]["Code"])


def created(emulator: Emulator, name: str, **parameters: str) -> Stack:
    """A stack by the line that the docs give: the whole template in the request."""
    if not emulator.patched:  # it does not know s3:if-none-match, and would refuse every write
        parameters = {"OverwriteProtection": "off", **parameters}
    aws(
        emulator,
        *("cloudformation", "create-stack", "--stack-name", name, "--template-body", TEMPLATE.as_uri()),
        *("--capabilities", "CAPABILITY_IAM", "--parameters", "ParameterKey=OldFileVersionDays,ParameterValue=90"),
        *(f"ParameterKey={key},ParameterValue={value}" for key, value in parameters.items()),
    )
    return Stack(emulator, name).wait("CREATE_COMPLETE")


@pytest.fixture(scope="module")
def published(stock: Emulator) -> Iterator[Stack]:
    """A stack that `shop/templates` publishes to, in which one object is."""
    stack = created(stock, "artifacts", GitHubRepository="shop/templates", GitHubProviderArn=PROVIDER)
    stock.client("s3").put_object(Bucket=stack.outputs["ArtifactsBucket"], Key="todo/1.0.0/todo.json", Body=b"{}")
    yield stack
    stack.delete()


def read(stack: Stack, path: str = "todo/1.0.0/todo.json", **headers: str) -> int:
    """The status of an anonymous request for an object."""
    url = f"{stack.emulator.url}/{stack.outputs['ArtifactsBucket']}/{path}"
    return stack.emulator.request("GET", url, headers=headers).status


@shows("REQ-D4", "REQ-D5", how="stock")
def test_the_cli_makes_it_from_the_file_alone(stock: Emulator) -> None:
    stack = created(stock, "by-file", BucketNamePrefix="artifacts-of-shop")
    assert stack.outputs["ArtifactsBucket"] == "artifacts-of-shop-us-east-1"
    assert stack.outputs["PublishCommand"] == (
        "python build.py publish --bucket artifacts-of-shop-us-east-1 --region us-east-1"
    )
    assert stack.outputs["CatalogueUrl"] == "https://artifacts-of-shop-us-east-1.s3.us-east-1.amazonaws.com"
    assert "PublisherRoleArn" not in stack.outputs
    bucket = {"Bucket": stack.outputs["ArtifactsBucket"]}
    s3 = stock.client("s3")
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    blocks = s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"]
    assert set(blocks.values()) == {True}
    stack.delete()
    s3.head_bucket(**bucket)  # retained


@shows("REQ-D4", how="stock")
def test_closed_until_the_parameter_says_public_and_closed_again_after(published: Stack) -> None:
    assert read(published, **TLS) == 403
    published.update(Readers="public")
    blocks = published.emulator.client("s3").get_public_access_block(Bucket=published.outputs["ArtifactsBucket"])
    closed = {name for name, on in blocks["PublicAccessBlockConfiguration"].items() if on}
    assert closed == {"BlockPublicAcls", "IgnorePublicAcls"}
    assert read(published, **TLS) == 200
    assert read(published) == 403  # plain HTTP
    assert read(published, "", **TLS) == 403  # the list
    assert read(published, "not/there.json", **TLS) in (403, 404)
    url = f"{published.emulator.url}/{published.outputs['ArtifactsBucket']}/todo/1.0.0/todo.json"
    for method in ("PUT", "DELETE"):
        assert published.emulator.request(method, url, headers=TLS, body=b"x").status == 403
    published.update(Readers="account")
    assert read(published, **TLS) == 403


def token(subject: str, audience: str = "sts.amazonaws.com", issuer: str = ISSUER) -> str:
    """A token as GitHub issues them; the emulator looks at its claims, not at its signature."""
    claims = {"iss": f"https://{issuer}", "aud": audience, "sub": subject}
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2ln"])


def assume(stack: Stack, web_identity: str) -> dict[str, Any]:
    """Credentials of the publisher's role for a workflow that holds this token."""
    answer: dict[str, Any] = stack.emulator.client("sts").assume_role_with_web_identity(
        RoleArn=stack.outputs["PublisherRoleArn"], RoleSessionName="run", WebIdentityToken=web_identity
    )
    credentials: dict[str, Any] = answer["Credentials"]
    return credentials


@shows("REQ-D4", how="stock")
def test_the_workflow_publishes_and_does_nothing_else(published: Stack) -> None:
    credentials = assume(published, token("repo:shop/templates:ref:refs/tags/todo-1.0.0"))
    s3 = published.emulator.client("s3", credentials=credentials)
    bucket = {"Bucket": published.outputs["ArtifactsBucket"]}
    new = {**bucket, "Key": "todo/1.1.0/todo.json"}
    assert refused(s3.head_object, **new) == "404"
    s3.put_object(**new, Body=b"{}", IfNoneMatch="*", ChecksumAlgorithm="SHA256")
    assert refused(s3.put_object, **new, Body=b"[]", IfNoneMatch="*") == "PreconditionFailed"
    etag = s3.get_object(**new)["ETag"]
    s3.put_object(**new, Body=b"{ }", IfMatch=etag)
    assert [o["Key"] for o in s3.list_objects_v2(**bucket, Prefix="todo/1.1")["Contents"]] == ["todo/1.1.0/todo.json"]

    denied = "AccessDenied"
    assert refused(s3.delete_object, **new) == denied
    assert refused(s3.delete_object, **new, VersionId="null") == denied
    assert refused(s3.put_bucket_versioning, **bucket, VersioningConfiguration={"Status": "Suspended"}) == denied
    assert refused(s3.put_bucket_policy, **bucket, Policy="{}") == denied
    assert refused(s3.delete_public_access_block, **bucket) == denied
    other = {"Bucket": "somebody-elses"}
    published.emulator.client("s3").create_bucket(**other)
    assert refused(s3.put_object, **other, Key="a", Body=b"") == denied
    assert refused(s3.list_objects_v2, **other) == denied
    insecure = published.emulator.client("s3", credentials=credentials, tls=False)
    assert refused(insecure.get_object, **new) == denied


@shows("REQ-D4", how="stock")
@pytest.mark.parametrize(
    "web_identity",
    [
        token("repo:shop/templates:ref:refs/heads/main"),
        token("repo:shop/templates:pull_request"),
        token("repo:shop/templates:environment:production"),
        token("repo:shop/templates-fork:ref:refs/tags/todo-1.0.0"),
        token("repo:evil/shop/templates:ref:refs/tags/todo-1.0.0"),
        token("repo:Shop/templates:ref:refs/tags/todo-1.0.0"),
        token("repo:shop/templates:ref:refs/tags/todo-1.0.0", audience="https://github.com/shop"),
        token("repo:shop/templates:ref:refs/tags/todo-1.0.0", issuer="token.actions.example.com"),
    ],
)
def test_no_other_run_becomes_the_publisher(published: Stack, web_identity: str) -> None:
    with pytest.raises(ClientError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        assume(published, web_identity)


@shows("REQ-D4", how="stock")
def test_an_environment_and_numbers_in_the_subject(stock: Emulator) -> None:
    stack = created(
        stock,
        "by-environment",
        GitHubRepository="shop@11/templates@22",
        GitHubProviderArn=PROVIDER,
        GitHubEnvironment="production",
    )
    assert assume(stack, token("repo:shop@11/templates@22:environment:production"))
    for subject in ("repo:shop@11/templates@22:ref:refs/tags/1", "repo:shop/templates:environment:production"):
        assert refused(assume, stack=stack, web_identity=token(subject)) == "AccessDenied"
    stack.delete()


@shows("REQ-D4", how="stock")
def test_a_second_region_takes_the_role_of_the_first(published: Stack) -> None:
    role = published.outputs["PublisherRoleArn"]
    second = created(published.emulator, "artifacts-second", OtherPublisherRoleArn=role)
    credentials = assume(published, token("repo:shop/templates:ref:refs/tags/todo-1.0.0"))
    s3 = published.emulator.client("s3", credentials=credentials)
    bucket = {"Bucket": second.outputs["ArtifactsBucket"]}
    s3.put_object(**bucket, Key="a.json", Body=b"{}", IfNoneMatch="*")
    assert s3.list_objects_v2(**bucket)["KeyCount"] == 1
    assert refused(s3.delete_object, **bucket, Key="a.json") == "AccessDenied"
    second.delete()


@shows("REQ-D4", how="stock")
def test_an_organization_reads_and_nobody_else(stock: Emulator) -> None:
    # To the emulator an account is the only one of its organization, from its first look at it on.
    member, stranger = (stock.client("s3", credentials=(f"{n}" * 12, "test")) for n in (2, 3))
    organizations = [stock.client("organizations", credentials=(f"{n}" * 12, "test")) for n in (2, 3)]
    organization, _ = (one.describe_organization()["Organization"]["Id"] for one in organizations)
    stack = created(stock, "for-organization", Readers="organization", OrganizationId=organization)
    bucket = {"Bucket": stack.outputs["ArtifactsBucket"]}
    stock.client("s3").put_object(**bucket, Key="a.json", Body=b"{}")
    assert read(stack, "a.json", **TLS) == 403
    assert member.get_object(**bucket, Key="a.json")["Body"].read() == b"{}"
    assert refused(member.list_objects_v2, **bucket) == "AccessDenied"
    assert refused(member.put_object, **bucket, Key="a.json", Body=b"") == "AccessDenied"
    assert refused(stranger.get_object, **bucket, Key="a.json") == "AccessDenied"
    stack.delete()


@shows("REQ-D4", how="patched")
def test_the_provider_is_made_where_the_account_has_none(patched: Emulator) -> None:
    stack = created(patched, "own-provider", GitHubRepository="shop/templates", ObjectLockDays="30")
    providers = patched.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert {"Arn": PROVIDER} in providers
    made = patched.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER)
    assert (made["Url"].removeprefix("https://"), made["ClientIDList"]) == (ISSUER, ["sts.amazonaws.com"])
    assert assume(stack, token("repo:shop/templates:ref:refs/tags/todo-1.0.0"))
    lock = patched.client("s3").get_object_lock_configuration(Bucket=stack.outputs["ArtifactsBucket"])
    assert lock["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}},
    }
    stack.delete()
    assert not patched.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]


@shows("REQ-D4", "REQ-D5", how="stock")
def test_from_the_workflow_to_a_stack(published: Stack, tmp_path: Path) -> None:
    """The workflow's role publishes a release, anybody finds it, and the AWS CLI makes a stack from its address."""
    emulator, bucket = published.emulator, published.outputs["ArtifactsBucket"]
    credentials = assume(published, token("repo:shop/templates:ref:refs/tags/topics-1.0.0"))
    client = emulator.client("s3", credentials=credentials)
    templates = catalogues.write(tmp_path, [catalogues.release("topics", "1.0.0")])
    [place] = publishing.places_of(
        {"us-east-1": client}, bucket, owner="000000000000", prefix="catalogue", url=emulator.url
    )
    plan = publishing.look(place, publishing.releases(templates))
    [done] = publishing.publish([plan], lambda pinned: pytest.fail("there is no layer"))
    assert "catalogue/index.json" in done.written
    assert publishing.verify(place).findings == ()

    published.update(Readers="public")
    url = f"{emulator.url}/{bucket}/catalogue"
    latest = emulator.request("GET", f"{url}/topics/latest.json", headers=TLS).json()
    assert latest["version"] == "1.0.0"
    assert emulator.request("GET", latest["template"], headers=TLS).status == 200
    published.update(Readers="account")
    aws(
        emulator,
        *("cloudformation", "create-stack", "--stack-name", "topics", "--template-url", latest["template"]),
        *("--capabilities", "CAPABILITY_IAM"),
    )
    Stack(emulator, "topics").wait("CREATE_COMPLETE").delete()


@shows("REQ-D4", how="patched")
def test_a_stolen_role_puts_nothing_over_what_is_published(patched: Emulator, tmp_path: Path) -> None:
    """With `OverwriteProtection`, as it is by default: publishing goes on, and everything else is refused by S3."""
    stack = created(patched, "protected", GitHubRepository="shop/templates")
    credentials = assume(stack, token("repo:shop/templates:ref:refs/tags/topics-1.0.0"))
    s3, bucket = patched.client("s3", credentials=credentials), {"Bucket": stack.outputs["ArtifactsBucket"]}
    for version in ("1.0.0", "1.1.0"):  # the second changes the index and the pointer
        templates = catalogues.write(tmp_path / version, [catalogues.release("topics", version)])
        [place] = publishing.places_of(
            {"us-east-1": s3}, bucket["Bucket"], owner="000000000000", prefix="catalogue", url=patched.url
        )
        [_] = publishing.publish(
            [publishing.look(place, publishing.releases(templates))], lambda pinned: pytest.fail("there is no layer")
        )
        assert publishing.verify(place).findings == ()

    keys = [item["Key"] for item in s3.list_objects_v2(**bucket)["Contents"]]
    changing = {"catalogue/index.json", "catalogue/launch.md", "catalogue/topics/latest.json"}
    assert changing < set(keys)
    for key in keys:
        etag = s3.head_object(**bucket, Key=key)["ETag"]
        assert refused(s3.put_object, **bucket, Key=key, Body=b"evil") == "AccessDenied"
        assert refused(s3.copy_object, **bucket, Key=key, CopySource=f"{bucket['Bucket']}/{keys[0]}") == "AccessDenied"
        assert refused(s3.create_multipart_upload, **bucket, Key=key) == "AccessDenied"
        assert refused(s3.put_object, **bucket, Key=key, Body=b"evil", IfNoneMatch="*") == "PreconditionFailed"
        if key not in changing:
            assert refused(s3.put_object, **bucket, Key=key, Body=b"evil", IfMatch=etag) == "AccessDenied"
    assert publishing.verify(place).findings == ()
    stack.delete()


def test_it_has_no_journey_to_play(stock: Emulator) -> None:
    with pytest.raises(UserError, match="artifact-bucket has no journey to play: there is one for todo"):
        list(play("artifact-bucket", stock, {}))
