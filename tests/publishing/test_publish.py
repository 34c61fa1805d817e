"""`publish`: what readers find, what is refused, what never changes; on the unmodified emulator."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import ROOT, Shell, refused
from tests.evidence import shows
from tests.publishing import reader
from tests.publishing.catalogues import Layer, layer, release, seal_again, write
from tests.publishing.conftest import Publisher
from tests.publishing.faults import Request, error_answer, proxy
from tests.sampling import sampled
from troposphere_arch import layers, local
from troposphere_arch.local import Emulator
from troposphere_arch.publishing import Place
from troposphere_arch.publishing.shared import changing
from troposphere_arch.releases import index
from troposphere_arch.releases.index import Entry

pytestmark = sampled(2, each=True)

LAYER = layer("dax", 3_000)


# --- what readers find


@shows("REQ-D4", how="stock")
def test_everything_is_published_and_a_second_time_nothing(publisher: Publisher) -> None:
    made = [release(), release(version="1.10.0", layers=[LAYER]), release(version="1.9.0"), release("other")]
    templates = publisher.catalogue(made)
    [planned] = publisher.json(templates, "--prefix", "team/c", "--dry-run")
    assert publisher.state() == {}, "a dry run writes nothing"
    [done] = publisher.json(templates, "--prefix", "team/c")
    assert sorted(done["written"]) == sorted([*planned["put"], *planned["change"]])
    assert done["there"] == []

    seen = reader.read(publisher.s3, publisher.bucket, "team/c")
    assert seen.wrong == []
    assert seen.releases == {"topics@1.0.0", "topics@1.9.0", "topics@1.10.0", "other@1.0.0"}
    assert seen.latest == {"topics": "1.10.0", "other": "1.0.0"}, "1.10 is newer than 1.9"
    for one in made:
        for path, data in one.files.items():
            assert publisher.get(f"team/c/{path}") == data
    assert publisher.get(LAYER.key) == LAYER.data, "at the bucket's root, where templates look for it"

    before = publisher.state()
    [again] = publisher.json(templates, "--prefix", "team/c")
    assert again["written"] == []
    assert sorted(again["there"]) == sorted(done["written"])
    assert publisher.state() == before
    verified = publisher(templates, "--prefix", "team/c", "--verify")
    assert (verified.code, "all is as the index says" in verified.out) == (0, True), verified.out


@shows("REQ-D4", how="stock")
def test_each_object_carries_its_checksum_its_type_and_how_long_it_may_be_kept(publisher: Publisher) -> None:
    publisher.json(publisher.catalogue([release(layers=[LAYER])]))
    changing = {"index.json", "launch.md", "topics/latest.json"}
    types = {"json": "application/json", "md": "text/markdown; charset=utf-8", "zip": "application/zip"}
    for key in publisher.state():
        head = publisher.s3.head_object(Bucket=publisher.bucket, Key=key, ChecksumMode="ENABLED")
        data = publisher.get(key)
        assert base64.b64decode(head["ChecksumSHA256"]) == hashlib.sha256(data).digest(), key
        assert head["CacheControl"] == ("no-cache" if key in changing else "public, max-age=31536000, immutable"), key
        assert head["ContentType"] == types.get(key.rpartition(".")[2], "text/plain; charset=utf-8"), key


@shows("REQ-D4", "REQ-D5", how="stock")
def test_the_aws_cli_makes_a_stack_from_the_published_address(publisher: Publisher, stock: Emulator) -> None:
    [done] = publisher.json(publisher.catalogue([release(filler=60_000)]), "--prefix", "c")
    pointer = json.loads(publisher.get("c/topics/latest.json"))
    assert pointer["template"] == done["releases"][0]["template"]
    stack = f"s-{uuid.uuid4().hex[:12]}"

    def aws(*arguments: str) -> Any:
        command = [Path(sys.executable).with_name("aws"), "--output", "json", "cloudformation", *arguments]
        ran = subprocess.run(command, env=stock.environment(os.environ), capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout or "null")

    aws("create-stack", "--stack-name", stack, "--template-url", pointer["template"])
    aws("wait", "stack-create-complete", "--stack-name", stack)
    [made] = aws("describe-stacks", "--stack-name", stack)["Stacks"]
    assert {o["OutputKey"]: o["OutputValue"] for o in made["Outputs"]}["TemplateVersion"] == "1.0.0"
    aws("delete-stack", "--stack-name", stack)


@shows("REQ-D4", how="stock")
def test_the_releases_of_others_and_marks_stay(publisher: Publisher) -> None:
    publisher.json(publisher.catalogue([release(), release("other", deprecated="Python 3.8 has no support")], "a"))
    publisher.json(publisher.catalogue([release(version="2.0.0"), release("other")], "b"))
    seen = reader.read(publisher.s3, publisher.bucket)
    assert (seen.releases, seen.wrong) == ({"topics@1.0.0", "topics@2.0.0", "other@1.0.0"}, [])
    # An older catalogue does not move a pointer back.
    publisher.json(publisher.catalogue([release()], "c"))
    assert json.loads(publisher.get("topics/latest.json"))["version"] == "2.0.0"
    assert json.loads(publisher.get("other/latest.json"))["deprecated"] == "Python 3.8 has no support"
    assert "deprecated: Python 3.8 has no support" in publisher.get("launch.md").decode()
    # A mark that `audit` puts into the index here is carried there, without another byte of the release.
    before = publisher.state()
    publisher.json(publisher.catalogue([release(deprecated="it lacks | a bar\nand more")], "d"))
    changed = {key for key, tag in publisher.state().items() if before[key] != tag}
    assert changed == {"index.json", "launch.md"}
    assert "it lacks \\| a bar and more" in publisher.get("launch.md").decode()


@shows("REQ-D4", how="stock")
def test_regions_get_a_bucket_each_and_their_own_addresses(publisher: Publisher, stock: Emulator) -> None:
    name = uuid.uuid4().hex[:12]
    regions = ("us-east-1", "eu-central-1", "ap-northeast-2")
    where = [argument for region in regions for argument in ("--region", region)]
    for region in regions[:2]:
        place: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        stock.client("s3", region=region).create_bucket(Bucket=f"{name}-{region}", **place)
    templates = publisher.catalogue([release(layers=[LAYER])])
    refused(
        publisher(templates, "--bucket", f"{name}-{{region}}", *where),
        f"bucket {name}-ap-northeast-2 does not exist in ap-northeast-2",
    )
    for region in regions[:2]:
        bucket = f"{name}-{region}"
        assert "Contents" not in publisher.s3.list_objects_v2(Bucket=bucket), "when one can't, none is written to"
    done = publisher.json(templates, "--bucket", f"{name}-{{region}}", *where[:4])
    assert [one["region"] for one in done] == ["us-east-1", "eu-central-1"]
    for one in done:
        assert reader.read(publisher.s3, one["bucket"]).wrong == []
        launch = one["releases"][0]["launch"]["production"]
        region = one["region"]
        assert launch.startswith(
            f"https://{region}.console.aws.amazon.com/cloudformation/home?region={region}#/stacks/"
        )
        assert f"&param_ArtifactBucket={one['bucket']}&param_Size=large" in launch
        assert "Secret" not in launch, "CloudFormation takes no hidden parameter from a link"


@shows("REQ-D4", how="stock")
def test_into_the_emulator_that_up_started(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    templates = write(tmp_path / "c", [release(layers=[LAYER])])
    given = ("publish", "--templates", templates, "--layers", tmp_path / "c/finished", "--local")
    refused(shell(*given), "no emulator is running: start one with")
    emulator = local.start(port=0, patched=False, home=tmp_path / "state" / "troposphere-arch")
    try:
        done = shell(*given, "--json")
        assert done.code == 0, done.err
        [one] = json.loads(done.out)
        s3 = emulator.client("s3")
        assert reader.read(s3, one["bucket"]).wrong == []
        assert all(s3.get_public_access_block(Bucket=one["bucket"])["PublicAccessBlockConfiguration"].values())
        assert one["releases"][0]["template"].startswith(f"{emulator.url}/{one['bucket']}/")
        assert shell(*given, "--verify").code == 0
        refused(shell(*given, "--profile", "x"), "--profile is for an account, and --local for the embedded emulator")
    finally:
        emulator.stop()


@shows("REQ-D4", how="stock")
def test_a_layer_is_built_from_the_pins_that_the_release_froze(publisher: Publisher) -> None:
    pinned = layers.today("dax")
    frozen = release(layers=[Layer("dax", pinned.key, b"", pinned.pins)])
    templates = publisher.catalogue([frozen])
    file = templates / "index.json"
    file.write_text(file.read_text().replace(hashlib.sha256(b"").hexdigest(), pinned.sha256))
    seal_again(file)
    done = publisher.shell(
        *("publish", "--templates", templates, "--bucket", publisher.bucket), **publisher.environment
    )
    assert done.code == 0, done.err
    assert "layer dax for python" in done.err
    assert hashlib.sha256(publisher.get(pinned.key)).hexdigest() == pinned.sha256


@shows("REQ-D4", how="stock")
def test_what_somebody_else_publishes_while_one_looks_is_no_loss(publisher: Publisher, stock: Emulator) -> None:
    """Between the reading of the index and of the pointer: the pointer is then ahead of the index that was read."""
    publisher.json(publisher.catalogue([release()], "a"))
    newer = publisher.catalogue([release(version="2.0.0")], "b")
    published: list[int] = []

    def answer(request: Request) -> None:
        if request.path.endswith("topics/latest.json") and not published:
            published.append(1)
            published.append(publisher(newer, AWS_ENDPOINT_URL=between.url).code)

    with proxy(stock.port) as between:
        between.answer = answer
        done = publisher(publisher.catalogue([release(version="1.5.0")], "c"), AWS_ENDPOINT_URL=between.url)
    assert (done.code, published) == (0, [1, 0]), done.err
    seen = reader.read(publisher.s3, publisher.bucket)
    assert (len(seen.releases), seen.latest, seen.wrong) == (3, {"topics": "2.0.0"}, [])


# --- what never changes


@shows("REQ-D4", how="stock")
def test_other_bytes_under_a_released_version_are_refused(publisher: Publisher) -> None:
    publisher.json(publisher.catalogue([release()], "a"))
    before = publisher.state()
    other = publisher.catalogue([release(says="more"), release(version="2.0.0")], "b")
    refused(publisher(other), "topics@1.0.0 is published at", "with another template (SHA-256 ", "under a new version")
    assert publisher.state() == before, "nothing at all, 2.0.0 neither"


@shows("REQ-D4", how="stock")
def test_what_somebody_else_put_under_a_key_is_not_overwritten(publisher: Publisher) -> None:
    templates = publisher.catalogue([release(layers=[LAYER])])
    for key in (LAYER.key, "topics/1.0.0/parameters/starter.json"):
        publisher.s3.put_object(Bucket=publisher.bucket, Key=key, Body=b"another's")
        before = publisher.state()
        refused(publisher(templates), f"s3://{publisher.bucket}/{key} holds other bytes (SHA-256 ", "never overwritten")
        assert publisher.state() == before
        publisher.s3.delete_object(Bucket=publisher.bucket, Key=key)
    # The same bytes are welcome, whoever put them there: with another kind of checksum, they are read.
    publisher.s3.put_object(Bucket=publisher.bucket, Key=LAYER.key, Body=LAYER.data)
    [done] = publisher.json(templates)
    assert LAYER.key in done["there"]


@shows("REQ-D4", how="stock")
def test_a_layer_that_comes_out_otherwise_is_not_published(publisher: Publisher) -> None:
    templates = publisher.catalogue([release(layers=[LAYER])])
    file = templates.parent / "finished" / LAYER.key.rpartition("/")[2]
    file.write_bytes(b"otherwise")
    refused(
        publisher(templates),
        f"layer dax of topics@1.0.0 came out with SHA-256 {hashlib.sha256(b'otherwise').hexdigest()}, and",
    )
    file.unlink()
    refused(publisher(templates), "cannot read the layer", "No such file", "leave --layers out to build it")
    assert publisher.state() == {}


# --- bad input


def edited(data: bytes) -> bytes:
    return data.replace(b"A topic, for topics.", b"A topic, for nobody.")


def drafted(data: bytes) -> bytes:
    return data.replace(b'"released",', b'"draft",')


@shows("REQ-D4", how="stock")
@pytest.mark.parametrize(
    ("change", "sealed", "said"),
    [
        (edited, False, "was edited by hand (its seal does not fit its entries): nothing was changed"),
        (drafted, True, "holds the draft topics@1.0.0, and only releases are published"),
        (lambda data: data[: len(data) // 2], False, "is damaged: it is no index of templates"),
        (lambda data: b"[]", False, "is damaged"),
        (lambda data: b"[" * 200_000, False, "is damaged"),
        (lambda data: data.replace(b'"url": "http', b'"url": ["x"], "xurl": "http'), True, "is damaged"),
        (lambda data: data.replace(b'"launch": {', b'"launch": [], "released": {'), True, "is damaged"),
        (lambda data: data.replace(b'"released": "2026-11-25"', b'"released": 7'), True, "is damaged"),
        (lambda data: data.replace(b"topics/1.0.0/", b"topics/../../"), True, "is damaged"),
    ],
)
def test_an_index_there_that_is_none_of_ours(
    publisher: Publisher, tmp_path: Path, change: Any, sealed: bool, said: str
) -> None:
    templates = publisher.catalogue([release()])
    publisher.json(templates)
    file = tmp_path / "index.json"
    file.write_bytes(change(publisher.get("index.json")))
    if sealed:
        seal_again(file)
    publisher.s3.put_object(Bucket=publisher.bucket, Key="index.json", Body=file.read_bytes())
    before = publisher.state()
    more = publisher.catalogue([release(), release(version="1.1.0")], "more")
    refused(publisher(more), f"s3://{publisher.bucket}/index.json", said)
    assert publisher.state() == before
    verified = publisher(templates, "--verify")
    assert (verified.code, "altered" in verified.out) == (1, True), verified.out


@shows("REQ-D4", how="stock")
def test_an_index_there_that_has_lost_releases(publisher: Publisher) -> None:
    publisher.json(publisher.catalogue([release(), release(version="1.1.0")], "a"))
    publisher.s3.delete_object(Bucket=publisher.bucket, Key="index.json")
    before = publisher.state()
    refused(
        publisher(publisher.catalogue([release()], "b")),
        "nothing was changed: ",
        "latest.json points to topics@1.1.0, which is not in index.json: either that has lost releases",
    )
    assert publisher.state() == before


@shows("REQ-D4", how="stock")
def test_a_pointer_that_somebody_put_ahead(publisher: Publisher) -> None:
    """`--verify` and `publish` say the same of it, and what they say to do helps."""
    templates = publisher.catalogue([release()])
    publisher.json(templates)
    publisher.s3.put_object(Bucket=publisher.bucket, Key="topics/latest.json", Body=b'{"version": "9.0.0"}')
    said = "latest.json points to topics@9.0.0, which is not in index.json: either"
    done = publisher(templates, "--verify")
    assert (done.code, said in done.out, "or the pointer is wrong, then remove it" in done.out) == (1, True, True)
    refused(publisher(templates), said, "or the pointer is wrong, then remove it")
    publisher.s3.delete_object(Bucket=publisher.bucket, Key="topics/latest.json")
    publisher.json(templates)
    assert publisher(templates, "--verify").code == 0


@shows("REQ-D4", how="stock")
def test_a_pointer_that_is_none(publisher: Publisher) -> None:
    templates = publisher.catalogue([release()])
    publisher.json(templates)
    for data in (b"[" * 200_000, b"[]", b"", b'{"version": ["1.0.0"]}', b'{"version": "' + b"9" * 5000 + b'.0.0"}'):
        publisher.s3.put_object(Bucket=publisher.bucket, Key="topics/latest.json", Body=data)
        done = publisher(templates, "--verify")
        assert (done.code, "Traceback" in done.err) == (1, False), done.err
        assert publisher.json(templates)[0]["written"] == ["topics/latest.json"]


@shows("REQ-D4", how="stock")
def test_a_catalogue_here_that_is_not_as_released(publisher: Publisher, tmp_path: Path) -> None:
    def changed(name: str) -> Path:
        return publisher.catalogue([release(), release("other")], name)

    templates = changed("file")
    (templates / "topics/1.0.0/UPGRADE.md").write_text("nothing to do")
    refused(publisher(templates), "UPGRADE.md is not the file that index.json lists for topics@1.0.0")
    templates = changed("gone")
    (templates / "other/1.0.0/other.template.json").unlink()
    refused(publisher(templates), "cannot read", "other.template.json")
    templates = changed("edited")
    (templates / "index.json").write_bytes(edited((templates / "index.json").read_bytes()))
    refused(publisher(templates), "was edited by hand (its seal does not fit its entries)")
    templates = changed("drafts")
    (templates / "index.json").write_bytes(drafted((templates / "index.json").read_bytes()))
    seal_again(templates / "index.json")
    refused(publisher(templates), "nothing is released below", "release NAME` makes a release")
    templates = changed("odd")
    odd = templates / "topics/1.0.0/a b"
    odd.write_bytes(b"")
    file = templates / "index.json"
    value = json.loads(file.read_text())
    value["templates"][1]["files"]["topics/1.0.0/a b"] = hashlib.sha256(b"").hexdigest()
    file.write_text(json.dumps(value))
    seal_again(file)
    refused(publisher(templates), "index.json is damaged")
    templates = changed("deep")
    (templates / "topics/1.0.0/topics.template.json").write_bytes(b"[" * 200_000)
    file = templates / "index.json"
    old = release().entry.sha256
    file.write_text(file.read_text().replace(old, hashlib.sha256(b"[" * 200_000).hexdigest()))
    seal_again(file)
    refused(publisher(templates), "the template of topics@1.0.0 is none")
    templates = changed("pipe")
    (templates / "topics/1.0.0/UPGRADE.md").unlink()
    os.mkfifo(templates / "topics/1.0.0/UPGRADE.md")
    refused(publisher(templates), "cannot read", "UPGRADE.md")
    refused(publisher(tmp_path / "nowhere"), "nothing is released below")
    assert publisher.state() == {}


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("../other", "'..' leads elsewhere"),
        ("a/./b", "'.' leads elsewhere"),
        ("/a", "no slash at either end"),
        ("a/", "no slash at either end"),
        ("a//b", "none after another"),
        ("a b", "only letters, digits"),
        ("a\nb", "only letters, digits"),
        ("a\x00b"[:1] + "*", "only letters, digits"),
        ("ü", "only letters, digits"),
        ("${aws:userid}", "only letters, digits"),
        ("layers/mine", "layers/ is where layers are"),
        ("a" * 513, "more than 512 bytes"),
    ],
)
def test_a_prefix_that_cannot_be(publisher: Publisher, prefix: str, said: str) -> None:
    refused(publisher(publisher.catalogue([release()]), "--prefix", prefix), "--prefix", said)
    refused(publisher(Path("nowhere"), "--prefix", prefix, "--print-policy"), "--prefix", said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--bucket", "Upper"), "'Upper' is no name of a bucket"),
        (("--bucket", "a..b"), "is no name of a bucket"),
        (("--bucket", "arn:aws:s3:::b"), "is no name of a bucket"),
        (("--bucket", "{account}-b"), "is no name of a bucket"),
        (("--region", "us-east-1", "--region", "eu-west-1"), "is one bucket, and Lambda takes layers from"),
        (("--endpoint-url", "localhost:1"), "is no address"),
        (("--bucket-owner", "me"), "is no account"),
        (("--strict",), "--strict goes with --verify only"),
        (("--profile", "nobody"), "profile (nobody) could not be found"),
    ],
)
def test_options_that_cannot_be(publisher: Publisher, arguments: tuple[str, ...], said: str) -> None:
    refused(publisher(publisher.catalogue([release()]), *arguments), said)


@pytest.mark.parametrize("url", ["http://user:s3cret@127.0.0.1:1", "user:s3cret@host", "https://s3cret@host/"])
def test_an_address_with_a_password_is_neither_taken_nor_told(publisher: Publisher, url: str) -> None:
    templates = publisher.catalogue([release()])
    done = publisher(templates, "--endpoint-url", url)
    others = [
        publisher.shell(*given, "--endpoint-url", url, **publisher.environment)
        for given in (("status",), ("diff", "a.json", "s3://b/c.json"))
    ]
    for one in (done, *others):
        refused(one, "--endpoint-url", "leave it out")
        assert "s3cret" not in one.out + one.err
    done = publisher(templates, AWS_ENDPOINT_URL_S3="http://user:s3cret@127.0.0.1:1")
    refused(done, "the endpoint of S3 has a user in its address")
    assert "s3cret" not in done.out + done.err


def test_without_a_bucket_credentials_or_a_region(publisher: Publisher) -> None:
    templates = publisher.catalogue([release()])
    bare = ("publish", "--templates", templates)
    refused(publisher.shell(*bare), "which bucket? name one with --bucket, or say --local")
    refused(publisher.shell(*bare, "--bucket", "abc"), "no AWS region: set AWS_REGION")
    refused(publisher.shell(*bare, "--bucket", "abc", "--region", "eu-west-1"), "no AWS credentials")


# --- what AWS refuses


def _says(status: str, code: str, more: str = "", headers: str = "") -> Any:
    return lambda request: error_answer(status, code, more, headers) if request.path.startswith("/p-") else None


ELSEWHERE = "<Region>eu-west-1</Region>"
HEADER = "x-amz-bucket-region: eu-west-1\r\n"


REFUSALS = [
    (
        _says("403 Forbidden", "AccessDenied"),
        "not allowed to do s3:ListBucket",
        "not account 000000000000's",
        "--bucket-owner",
    ),
    (_says("403 Forbidden", "RequestTimeTooSkewed"), "the clock of this machine is off"),
    (
        _says("301 Moved", "PermanentRedirect", headers=HEADER),
        "is in eu-west-1, not in us-east-1",
        "say --region eu-west-1",
    ),
    (_says("400 Bad", "AuthorizationHeaderMalformed", ELSEWHERE, HEADER), "is in eu-west-1, not in us-east-1"),
    (_says("400 Bad", "AuthorizationHeaderMalformed", ELSEWHERE), "is in eu-west-1, not in us-east-1"),
    (_says("301 Moved", "PermanentRedirect"), "is in another region, which the server does not name"),
]


@shows("REQ-D4", how="simulated")
@pytest.mark.parametrize(
    "refusal", REFUSALS, ids=["denied", "clock", "redirect", "region", "region in the body", "nowhere"]
)
def test_what_aws_refuses_is_one_line(publisher: Publisher, stock: Emulator, refusal: tuple[Any, ...]) -> None:
    answer, *said = refusal

    def answers(request: Request) -> bytes | None:
        # HEAD has no body, and S3 says there only what it says in headers.
        found = answer(request)
        return found.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if found and request.method == "HEAD" else found

    with proxy(stock.port) as between:
        between.answer = answers
        done = publisher(publisher.catalogue([release()]), AWS_ENDPOINT_URL=between.url)
    refused(done, *said)
    assert publisher.state() == {}


@shows("REQ-D4", how="stock")
def test_a_bucket_that_is_not_there_or_elsewhere(publisher: Publisher, stock: Emulator) -> None:
    templates = publisher.catalogue([release()])
    refused(publisher(templates, "--bucket", "no-such-bucket"), "bucket no-such-bucket does not exist in us-east-1")
    far = f"far-{uuid.uuid4().hex[:12]}"
    place: Any = {"LocationConstraint": "eu-central-1"}
    stock.client("s3", region="eu-central-1").create_bucket(Bucket=far, CreateBucketConfiguration=place)
    refused(publisher(templates, "--bucket", far), f"bucket {far} is in eu-central-1, not in us-east-1")
    assert "Contents" not in publisher.s3.list_objects_v2(Bucket=far)


@shows("REQ-D4", how="simulated")
def test_the_owner_of_the_bucket_is_asked_for_with_each_request(publisher: Publisher, stock: Emulator) -> None:
    """The emulator does not look at it; S3 refuses when it is another. So it must be there."""
    without: list[str] = []

    def look(request: Request) -> None:
        if request.path.startswith("/p-") and b"x-amz-expected-bucket-owner: 111122223333" not in request.head.lower():
            without.append(f"{request.method} {request.path}")

    with proxy(stock.port) as between:
        between.answer = look
        templates = publisher.catalogue([release(layers=[LAYER])])
        for more in ((), (), ("--verify",)):
            done = publisher(templates, "--bucket-owner", "111122223333", *more, AWS_ENDPOINT_URL=between.url)
            assert done.code == 0, done.err
        assert len(between.seen) > 60
    assert without == []


# --- the policy


@shows("REQ-D4", how="stock")
def test_the_printed_policy_is_enough_and_nothing_in_it_is_too_much(publisher: Publisher, stock: Emulator) -> None:
    user, iam = f"u-{uuid.uuid4().hex[:12]}", stock.client("iam")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    templates = publisher.catalogue([release(layers=[LAYER])])
    printed = publisher(templates, "--prefix", "c", "--print-policy")
    assert printed.code == 0, printed.err
    policy = json.loads(printed.out)
    actions = [action for statement in policy["Statement"] for action in statement["Action"]]
    assert sorted(actions) == ["s3:GetObject", "s3:ListBucket", "s3:PutObject"]

    def allow(document: Any) -> None:
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(document))

    def published(prefix: str = "c", *more: str) -> Any:
        return publisher(templates, "--prefix", prefix, *more, **keys)

    for action in actions:
        less = json.loads(printed.out)
        for statement in less["Statement"]:
            statement["Action"] = [one for one in statement["Action"] if one != action]
        less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
        allow(less)
        refused(published(), f"not allowed to do {action}")
        assert "c/index.json" not in publisher.state(), action
    allow(policy)
    assert published().code == 0
    assert published("c", "--verify").code == 0
    assert reader.read(publisher.s3, publisher.bucket, "c").wrong == []
    before = publisher.state()
    refused(published("other"), "not allowed to do s3:ListBucket")
    assert publisher.state() == before


def test_the_policy_names_the_partition_and_each_regions_bucket(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    given = ("publish", "--print-policy", "--bucket", "b-{region}")
    done = shell(*given, "--region", "cn-north-1", "--region", "cn-northwest-1")
    text = json.dumps(json.loads(done.out))
    for region in ("cn-north-1", "cn-northwest-1"):
        assert f'"arn:aws-cn:s3:::b-{region}/*"' in text
    assert "Condition" not in text, "the whole bucket is the catalogue"
    assert '"*"' not in text


def test_the_policy_is_for_the_region_of_the_configuration(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    given = ("publish", "--print-policy", "--bucket", "b-{region}")
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        done = shell(*given, **{variable: "cn-north-1"})
        assert '"arn:aws-cn:s3:::b-cn-north-1/*"' in done.out, (done.out, done.err)
    config = tmp_path / "config"
    config.write_text("[profile china]\nregion = cn-north-1\n")
    assert "aws-cn" in shell(*given, "--profile", "china", AWS_CONFIG_FILE=str(config)).out
    refused(shell(*given), "no AWS region: set AWS_REGION")
    refused(shell(*given, "--profile", "nobody"), "profile (nobody) could not be found")
    assert '"arn:aws:s3:::bucket"' in shell(*given[:3], "bucket").out


# --- verify


@shows("REQ-D4", how="stock")
def test_verify_tells_what_is_missing_altered_and_foreign(publisher: Publisher) -> None:
    templates = publisher.catalogue([release(), release(version="1.1.0", layers=[LAYER])])
    publisher.json(templates, "--prefix", "c")
    s3, bucket = publisher.s3, publisher.bucket
    old = publisher.get("c/topics/latest.json").replace(b"1.1.0", b"1.0.0")
    s3.delete_object(Bucket=bucket, Key="c/topics/1.0.0/UPGRADE.md")
    data = publisher.get(LAYER.key)
    s3.put_object(Bucket=bucket, Key=LAYER.key, Body=data[:-1] + b"!")
    s3.put_object(Bucket=bucket, Key="c/topics/latest.json", Body=old)
    s3.put_object(Bucket=bucket, Key="c/topics/1.0.0/more.json", Body=b"{}")
    s3.put_object(Bucket=bucket, Key="c/stranger", Body=b"?")
    s3.put_object(Bucket=bucket, Key="layers/stranger.zip", Body=b"?")
    s3.put_object(Bucket=bucket, Key=f"layers/other-{'0' * 16}.zip", Body=b"?")
    s3.put_object(Bucket=bucket, Key="elsewhere/index.json", Body=b"?")
    done = publisher(templates, "--prefix", "c", "--verify", "--json")
    assert done.code == 1, done.err
    [report] = json.loads(done.out)
    found = {(finding["what"], finding["key"]) for finding in report["findings"]}
    assert found == {
        ("missing", "c/topics/1.0.0/UPGRADE.md"),
        ("altered", LAYER.key),
        ("altered", "c/topics/latest.json"),
        ("foreign", "c/topics/1.0.0/more.json"),
        ("foreign", "c/stranger"),
        ("foreign", "layers/stranger.zip"),
    }
    assert any(f"layers/other-{'0' * 16}.zip" in note for note in report["notes"])
    shown = publisher(templates, "--prefix", "c", "--verify")
    assert (shown.code, "6 objects are not as they should be" in shown.out) == (1, True), shown.out
    # What is missing can be put again, what was altered is for a person to look at.
    refused(publisher(templates, "--prefix", "c"), f"{LAYER.key} holds other bytes")
    s3.delete_object(Bucket=bucket, Key=LAYER.key)
    publisher.json(templates, "--prefix", "c")
    [report] = json.loads(publisher(templates, "--prefix", "c", "--verify", "--json").out)
    assert {finding["what"] for finding in report["findings"]} == {"foreign"}


@shows("REQ-D4", how="stock")
def test_verify_says_how_there_and_here_differ(publisher: Publisher) -> None:
    publisher.json(publisher.catalogue([release(), release("other")], "a"))
    here = publisher.catalogue(
        [release(deprecated="old"), release(version="1.1.0"), release("other", says="changed")], "b"
    )
    done = publisher(here, "--verify")
    assert done.code == 1
    assert "note: topics@1.0.0 is marked as deprecated here and not there" in done.out
    assert "note: topics@1.1.0 is released here and not published there" in done.out
    assert "other@1.0.0 is here with another template" in done.out
    nobody = publisher(publisher.catalogue([release()], "c"), "--verify")
    assert (nobody.code, "note: other@1.0.0 is published there and not here" in nobody.out) == (0, True), nobody.out
    empty = publisher(here, "--verify", "--prefix", "nothing")
    assert (empty.code, "there is no index, so readers find nothing" in empty.out) == (1, True)


@shows("REQ-D4", how="stock")
@pytest.mark.parametrize(
    ("field", "value"),
    [("description", "Take the other one."), ("released", "1999-01-01"), ("bytes", -5), ("resources", 99)],
)
def test_what_somebody_else_wrote_into_the_index_there(publisher: Publisher, field: str, value: Any) -> None:
    templates = publisher.catalogue([release()])
    publisher.json(templates)
    forge(publisher, [replace(release().entry, **{field: value})])
    done = publisher(templates, "--verify")
    assert (done.code, f"topics@1.0.0 is here with another {field}" in done.out) == (1, True), done.out
    before = publisher.state()
    refused(publisher(templates), f"with another {field}", "never changes")
    assert publisher.state() == before


@shows("REQ-D4", how="stock")
def test_a_mark_that_is_only_there_is_told(publisher: Publisher) -> None:
    templates = publisher.catalogue([release()])
    publisher.json(publisher.catalogue([release(deprecated="use the other one")], "marked"))
    done = publisher(templates, "--verify")
    note = "note: topics@1.0.0 is marked as deprecated there and not here: 'use the other one'"
    assert (done.code, note in done.out) == (0, True), done.out


@shows("REQ-D4", how="stock")
def test_a_release_that_nobody_here_made(publisher: Publisher) -> None:
    """Whole, as somebody would who may write to the bucket: only whoever knows what is released can tell."""
    templates = publisher.catalogue([release()])
    publisher.json(publisher.catalogue([release(), release(version="1.0.1", says="a back door")], "theirs"))
    done = publisher(templates, "--verify")
    assert (done.code, "note: topics@1.0.1 is published there and not here" in done.out) == (0, True), done.out
    strict = publisher(templates, "--verify", "--strict")
    assert (strict.code, "topics@1.0.1 is published there and not here" in strict.out) == (1, True), strict.out
    assert "foreign" in strict.out
    publisher.json(publisher.catalogue([release()], "same"), "--prefix", "p")
    assert publisher(templates, "--verify", "--strict", "--prefix", "p").code == 0


def forge(publisher: Publisher, entries: list[Entry]) -> None:
    """Write an index for these entries, and all that is made from it, as `publish` would."""
    place = Place(
        publisher.s3, publisher.bucket, "us-east-1", "aws", "0", "", publisher.environment["AWS_ENDPOINT_URL"]
    )
    there = {entry.name: entry for entry in index.parse(publisher.get("index.json"), "x").entries}
    made = index.index_of(replace(one, url=there[one.name].url, launch=there[one.name].launch) for one in entries)
    publisher.s3.put_object(Bucket=publisher.bucket, Key="index.json", Body=made.text())
    for path, data in changing(place, made).items():
        publisher.s3.put_object(Bucket=publisher.bucket, Key=path, Body=data)


@shows("REQ-D4", how="stock")
def test_an_index_that_was_copied_from_another_bucket_is_noticed(publisher: Publisher) -> None:
    templates = publisher.catalogue([release()])
    publisher.json(templates, "--prefix", "a")
    for key in list(publisher.state()):
        publisher.s3.put_object(Bucket=publisher.bucket, Key=f"b{key[1:]}", Body=publisher.get(key))
    done = publisher(templates, "--prefix", "b", "--verify")
    assert (done.code, "its addresses of topics@1.0.0 lead elsewhere" in done.out) == (1, True), done.out


# --- by hand


def test_the_command_is_listed(tmp_path: Path) -> None:
    assert "publish " in Shell(tmp_path)("--help").out
    assert (ROOT / "docs" / "publishing.md").exists()
