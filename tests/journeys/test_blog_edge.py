"""The distribution: what it serves, and that there is no way around it to the buckets and the API."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.evidence import shows
from tests.journeys.blog import AUTHORS_ONLY, FOR_ANYBODY, author, items, make, reader, site_files
from tests.journeys.stack import Stack, every
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.journeys.blog import Author, Reader, until
from troposphere_arch.local import Emulator, Response

pytestmark = [pytest.mark.xdist_group("blog"), needs("node"), sampled(2, each=True)]
HASHED = re.compile(r"assets/.+\.[0-9a-f]{8,}\.\w+")


@shows("REQ-B3", "REQ-B7", how="stock")
def test_the_site_is_served_under_clean_addresses(stock_blog: Stack) -> None:
    joon, files = reader(stock_blog), site_files()
    pages = {
        "/": "index.html",
        "/subscribe": "subscribe.html",
        "/posts/a-first-post": "post.html",
        "/posts/a-first-post/": "post.html",
        "/sign-in": "sign-in.html",
        "/index.html": "index.html",
    }
    for path, file in pages.items():
        answer = joon.get(path)
        assert (answer.status, answer.body) == (200, files[file]), path
        assert answer.headers["Content-Type"].startswith("text/html"), path
        assert answer.headers["Strict-Transport-Security"].startswith("max-age="), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"], path
    assets = [path for path in files if path.startswith("assets/")]
    assert assets
    assert all(HASHED.fullmatch(path) for path in assets)
    for path in assets:
        answer = joon.get(f"/{path}")
        assert (answer.status, answer.body) == (200, files[path]), path
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", path
    for path in ("/nothing", "/nothing.html", "/a/b/c", "/posts/UPPER", "/assets/nothing.js", "/media/x/320.webp"):
        answer = joon.get(path)
        assert (answer.status, answer.body) == (404, files["404.html"]), path


@shows("REQ-B3", how="stock")
def test_plain_http_is_sent_to_https(stock_blog: Stack) -> None:
    url = stock_blog.outputs["BlogUrl"].replace("https://", "http://")
    answer = stock_blog.emulator.request("GET", f"{url}/subscribe")
    assert answer.status == 301
    assert answer.headers["Location"] == f"{stock_blog.outputs['BlogUrl']}/subscribe"


def addresses(stack: Stack, bucket: str, key: str) -> dict[str, str]:
    """Every address that a bucket has of its own: by path and by virtual host, with the region and without."""
    region = stack.outputs["Region"]
    return {
        "path": f"{stack.emulator.url}/{bucket}/{key}".replace("http://", "https://"),
        "regional path": f"https://s3.{region}.amazonaws.com/{bucket}/{key}",
        "host": f"https://{bucket}.s3.{region}.amazonaws.com/{key}",
        "old host": f"https://{bucket}.s3.amazonaws.com/{key}",
    }


@shows("REQ-B8", how="stock")
@pytest.mark.parametrize("output", ["SiteBucket", "MediaBucket", "UploadsBucket"])
def test_nobody_reads_a_bucket_but_the_distribution(stock_blog: Stack, output: str) -> None:
    bucket, s3 = stock_blog.outputs[output], stock_blog.emulator.client("s3")
    key = {"SiteBucket": "index.html", "MediaBucket": "media/x/320.webp", "UploadsBucket": "incoming/x"}[output]
    if output != "SiteBucket":
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    for how, url in addresses(stock_blog, bucket, key).items():
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            answer = stock_blog.emulator.request(method, url, body=b"x" if method == "PUT" else None)
            assert answer.status == 403, (how, method, answer.status)
    for how, url in addresses(stock_blog, bucket, "").items():
        assert stock_blog.emulator.request("GET", url).status == 403, how
    # So the refusal is not that there is nothing: the distribution reads what is its own.
    through = reader(stock_blog).get(f"/{key}").status
    assert through == (404 if output == "UploadsBucket" else 200)


@shows("REQ-B8", how="stock")
def test_another_distribution_does_not_get_in(stock_blog: Stack) -> None:
    """Somebody in the same account points a distribution of theirs at the bucket, with the same access control."""
    cloudfront, emulator = stock_blog.emulator.client("cloudfront"), stock_blog.emulator
    known = cloudfront.get_distribution_config(Id=stock_blog.outputs["EdgeId"])["DistributionConfig"]
    [origin] = [
        one for one in known["Origins"]["Items"] if one["Id"] == known["DefaultCacheBehavior"]["TargetOriginId"]
    ]
    config = {
        "CallerReference": "another",
        "Comment": "another",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": known["DefaultCacheBehavior"],
    }
    made = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]
    try:
        files = site_files()
        for host, wanted in ((made["DomainName"], 403), (stock_blog.outputs["EdgeDomain"], 200)):
            answer = emulator.request("GET", f"https://{host}/index.html")
            assert answer.status == wanted, host
            assert (files["index.html"] in answer.body) == (wanted == 200), host
    finally:
        config["Enabled"] = False
        tag = cloudfront.get_distribution(Id=made["Id"])["ETag"]
        tag = cloudfront.update_distribution(Id=made["Id"], IfMatch=tag, DistributionConfig=config)["ETag"]
        cloudfront.delete_distribution(Id=made["Id"], IfMatch=tag)


# --- the API's key


def keys(stack: Stack) -> dict[str, str]:
    """The keys that there are, by the number of their turn: an operator may read them."""
    secrets = stack.emulator.client("secretsmanager")
    there = [r for r in stack.resources() if r["ResourceType"] == "AWS::SecretsManager::Secret"]
    return {
        one["LogicalResourceId"].removeprefix("OriginKey"): secrets.get_secret_value(
            SecretId=one["PhysicalResourceId"]
        )["SecretString"]
        for one in there
    }


def direct(stack: Stack, method: str, path: str, key: str | None = None, token: str = "") -> Response:
    """A call of the API at its own address."""
    sent = {} if key is None else {"X-Api-Key": key}
    sent |= {"Authorization": f"Bearer {token}"} if token else {}
    body = b"{}" if method in ("POST", "PUT") else None
    url = f"{stack.outputs['DirectApiUrl']}{path}"
    return stack.emulator.request(method, url, headers={**sent, "Content-Type": "application/json"}, body=body)


@shows("REQ-B9", how="stock")
def test_the_api_answers_nobody_without_the_key(stock_blog: Stack) -> None:
    key, token = keys(stock_blog)["1"], author(stock_blog).tokens["IdToken"]
    before = items(stock_blog)
    for method, path in (*FOR_ANYBODY, *AUTHORS_ONLY):
        signed_in = token if (method, path) in AUTHORS_ONLY else ""
        for what in (None, "", "x", key[:-1], key.swapcase(), "*"):
            answer = direct(stock_blog, method, path, what, signed_in)
            assert answer.status == 403, (method, path, what, answer.status, answer.text())
        # So it is the key that opens.
        with_it = direct(stock_blog, method, path, key, signed_in)
        assert with_it.status not in (401, 403), (method, path, with_it.text())
    assert direct(stock_blog, "GET", "/posts", key).json() == {"items": []}
    assert items(stock_blog) == before


@shows("REQ-B9", how="patched")
def test_the_key_is_shown_to_nobody_and_a_reader_s_own_is_not_passed_on(blog: Stack, mina: Author) -> None:
    joon, secret = reader(blog), keys(blog)
    answers = [joon.call("GET", "/config"), joon.call("GET", "/posts"), joon.get("/"), mina.write("GET", "/posts")]
    answers += [joon.call("GET", "/nothing"), joon.call("POST", "/posts", "{"), direct(blog, "GET", "/posts", "x")]
    seen = [f"{answer.headers.as_string()}{answer.text()}" for answer in answers]
    seen += [json.dumps([blog.describe(), blog.events(), blog.resources()], default=str)]
    seen += [blog.emulator.client("cloudformation").get_template(StackName=blog.name)["TemplateBody"]]
    logs = blog.emulator.client("logs")
    for group in every(logs, "describe_log_groups", "logGroups"):
        seen += [event["message"] for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]]
    for value in secret.values():
        assert len(value) >= 20
        assert not [text[:100] for text in map(str, seen) if value in text]
    # The distribution puts its own key in the place of whatever somebody sends.
    assert joon.call("GET", "/posts", headers={"X-Api-Key": "x"}).status == 200


@contextmanager
def asking_all_the_time(joon: Reader) -> Iterator[list[int]]:
    """A reader who asks for the list again and again; gives the statuses."""
    statuses: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            statuses.append(joon.call("GET", "/posts").status)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        stop.set()
        thread.join()


@shows("REQ-B9", how="patched")
def test_the_key_goes_round_while_readers_read(patched: Emulator) -> None:
    stack = make(patched, "rotated-blog")
    kept = {name: stack.physical(name) for name in ("Edge", "Api", "ApiPlan", "Posts", "Users", "Site")}
    known: list[str] = []  # every key that was ever sent, the oldest first

    def accepted() -> list[bool]:
        return [direct(stack, "GET", "/posts", key).status == 200 for key in known]

    with asking_all_the_time(reader(stack)) as statuses:
        for step in ("1", "2", "3", "4", "1"):
            if known:
                stack.update(OriginKeyRotation=step)
            known.append(keys(stack)[step])
            asked = len(statuses)
            until("five more answers", lambda asked=asked: len(statuses) > asked + 5)
            # The one that is sent, the one before it, and none that is older.
            assert accepted()[-2:] == [True] * len(known[-2:]), step
            assert not any(accepted()[:-2]), step
            sent = sent_key(stack)
            assert sent == known[-1], step
    assert set(statuses) == {200}
    assert len(set(known)) == 5
    assert {name: stack.physical(name) for name in kept} == kept
    stack.delete()


def sent_key(stack: Stack) -> Any:
    """The key that the distribution is set up to send."""
    config = stack.emulator.client("cloudfront").get_distribution_config(Id=stack.outputs["EdgeId"])
    headers = [
        header
        for origin in config["DistributionConfig"]["Origins"]["Items"]
        for header in origin.get("CustomHeaders", {}).get("Items", [])
    ]
    [value] = [header["HeaderValue"] for header in headers]
    return value
