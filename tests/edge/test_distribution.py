"""What is read from a template, and how long the cache keeps what: as CloudFront's own table says, and never longer."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.edge import nginx
from benchmarks.edge.distribution import Behaviour, CachePolicy, Distribution, Names, Values, distribution
from tests.edge.origin import HOST, Answer, Asked, Viewer, listening
from tests.journeys.stack import template_bytes
from tests.system import needs
from troposphere_arch import evaluate

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
YEAR = 31_536_000


def template(**config: Any) -> dict[str, Any]:
    """A small template; `config` goes into the distribution's settings."""
    policy = {
        "MinTTL": 1,
        "DefaultTTL": "30",
        "MaxTTL": 600,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": ["Authorization"]},
            "CookiesConfig": {"CookieBehavior": "allExcept", "Cookies": ["seen"]},
            "QueryStringsConfig": {"QueryStringBehavior": "whitelist", "QueryStrings": ["next"]},
            "EnableAcceptEncodingGzip": True,
            "EnableAcceptEncodingBrotli": "false",
        },
    }
    default = {"TargetOriginId": "Site", "CachePolicyId": {"Ref": "Kept"}}
    origins = [{"Id": "Site"}, {"Id": "Api", "OriginCustomHeaders": [{"HeaderName": "X-Key", "HeaderValue": "secret"}]}]
    settings = {"DefaultCacheBehavior": default, "Origins": origins, **config}
    return {
        "Resources": {
            "Edge": {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": settings}},
            "Kept": {"Type": "AWS::CloudFront::CachePolicy", "Properties": {"CachePolicyConfig": policy}},
        }
    }


def test_what_a_template_says_is_read() -> None:
    behaviours = [{"PathPattern": "/api/*", "TargetOriginId": "Api", "CachePolicyId": CACHING_DISABLED}]
    errors = [{"ErrorCode": 404, "ErrorCachingMinTTL": "7"}, {"ErrorCode": 500}]
    read = distribution(
        template(CacheBehaviors=behaviours, CustomErrorResponses=errors, DefaultRootObject="index.html")
    )
    api, pages = read.behaviours
    assert (api.pattern, api.origin, api.policy.most) == ("/api/*", "Api", 0)
    key = Values(Names("whitelist", ("Authorization",)), Names("allExcept", ("seen",)), Names("whitelist", ("next",)))
    assert pages.policy == CachePolicy(1, 30, 600, key, gzip=True, brotli=False)
    assert (read.root, read.error_seconds) == ("index.html", {404: 7, 500: 10})
    assert read.origin_headers == {"Site": (), "Api": ("X-Key",)}


def test_a_parameter_decides_as_in_the_stack() -> None:
    whole = json.loads(template_bytes("blog"))
    read = {
        seconds: distribution(evaluate.resolved(whole, evaluate.parameters_of(whole, {"EdgeSeconds": seconds})))
        for seconds in ("7", "60")
    }
    assert {seconds: one.behaviours[-1].policy.default for seconds, one in read.items()} == {"7": 7, "60": 60}


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"DefaultCacheBehavior": {"TargetOriginId": "Site", "CachePolicyId": {"Ref": "Other"}}}, "Other"),
        ({"DefaultCacheBehavior": {"TargetOriginId": "Site", "CachePolicyId": "no-such-policy"}}, "no-such-policy"),
        ({"DefaultCacheBehavior": {"TargetOriginId": "Site", "ForwardedValues": {"QueryString": True}}}, "Forwarded"),
        ({"CustomErrorResponses": [{"ErrorCode": 404, "ErrorCachingMinTTL": {"Ref": "Seconds"}}]}, "ErrorCaching"),
        (
            {
                "DefaultCacheBehavior": {
                    "TargetOriginId": "Site",
                    "CachePolicyId": {"Ref": "Kept"},
                    "LambdaFunctionAssociations": [{"EventType": "origin-response"}],
                }
            },
            "LambdaFunction",
        ),
    ],
)
def test_what_is_not_understood_is_refused(config: Mapping[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        distribution(template(**config))


def test_a_template_without_a_distribution_is_refused() -> None:
    with pytest.raises(ValueError, match="0 distributions"):
        distribution({"Resources": {}})


def matches(pattern: str, address: str) -> bool:
    """A path pattern, letter by letter."""
    if not pattern:
        return not address
    if pattern[0] == "*":
        return any(matches(pattern[1:], address[n:]) for n in range(len(address) + 1))
    return bool(address) and pattern[0] in ("?", address[0]) and matches(pattern[1:], address[1:])


@given(st.text('/ab.*?\\"$[{(+^|', max_size=8), st.text('/ab.*?\\"$[{(+^|', max_size=8))
def test_a_path_pattern_means_what_cloudfront_says(pattern: str, address: str) -> None:
    # In nginx's own file, a quoted text has `\\` for `\`, and `\"` for `"`.
    written = re.sub(r"\\(.)", lambda m: m[1] if m[1] in '\\"' else m[0], nginx.path_pattern(f"/{pattern}"))
    assert bool(re.match(written, f"/{address}", re.DOTALL)) == matches(f"/{pattern}", f"/{address}")


# --- how long: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html

NEVER = 0
LIMITS = CachePolicy(0, 300, 1_000)
FLOOR = CachePolicy(100, 300, 1_000)
KEPT = [
    # policy, what the origin says, seconds for which it is kept
    (LIMITS, {"Cache-Control": "max-age=50"}, 50),
    (LIMITS, {"Cache-Control": "public, max-age=0, s-maxage=50"}, 50),
    (LIMITS, {"Cache-Control": "s-maxage=50, max-age=900"}, 50),
    (LIMITS, {"Cache-Control": "S-MaxAge=50"}, 50),
    (LIMITS, {"Cache-Control": "max-age=5000"}, 1_000),
    (LIMITS, {"Cache-Control": "max-age=0"}, NEVER),
    (LIMITS, {"Cache-Control": "s-maxage=0, max-age=50"}, NEVER),
    (LIMITS, {}, 300),
    (LIMITS, {"Cache-Control": "public"}, 300),
    (LIMITS, {"Cache-Control": "no-store"}, NEVER),
    (LIMITS, {"Cache-Control": "no-cache"}, NEVER),
    (LIMITS, {"Cache-Control": "private, max-age=50"}, NEVER),
    (LIMITS, {"Cache-Control": 'private="set-cookie", max-age=50'}, NEVER),
    (LIMITS, {"Cache-Control": "NO-STORE, s-maxage=50"}, NEVER),
    (LIMITS, {"Cache-Control": "max-age=nonsense"}, 300),
    (LIMITS, {"Vary": "*", "Cache-Control": "max-age=50"}, NEVER),
    (LIMITS, {"Vary": "User-Agent", "Cache-Control": "max-age=50"}, 50),
    (LIMITS, {"Set-Cookie": "a=b", "Cache-Control": "max-age=50"}, 50),
    (LIMITS, {"Pragma": "no-cache", "Cache-Control": "max-age=50"}, 50),
    (LIMITS, {"X-Accel-Expires": "900", "Cache-Control": "max-age=50"}, 50),
    (LIMITS, {"X-Edge-Cache-Control": "max-age=900", "Cache-Control": "max-age=50"}, 50),
    (LIMITS, {"Expires": "in 50 s"}, 50),
    (LIMITS, {"Expires": "in 5000 s"}, 1_000),
    (LIMITS, {"Expires": "0"}, NEVER),
    (LIMITS, {"Expires": "in 900 s", "Cache-Control": "max-age=50"}, 50),
    (FLOOR, {"Cache-Control": "max-age=50"}, 100),
    (FLOOR, {"Cache-Control": "max-age=200"}, 200),
    (FLOOR, {"Cache-Control": "max-age=5000"}, 1_000),
    (FLOOR, {"Cache-Control": "private, no-store"}, 100),
    (FLOOR, {}, 300),
    (CachePolicy(400, 400, 1_000), {}, 400),
    (CachePolicy(0, 0, YEAR), {}, NEVER),
    (CachePolicy(0, 0, YEAR), {"Cache-Control": "max-age=50"}, 50),
    (CachePolicy(0, 0, 0), {"Cache-Control": "max-age=50"}, NEVER),
    (CachePolicy(YEAR, YEAR, YEAR), {"Cache-Control": "private"}, YEAR),
]
ERRORS = [
    # status, what the origin says, seconds
    (404, {}, 20),
    (404, {"Cache-Control": "s-maxage=50"}, 50),
    (404, {"Cache-Control": "s-maxage=5"}, 20),
    (500, {}, 10),
    (503, {"Cache-Control": "max-age=40"}, 40),
    (400, {}, NEVER),
    (400, {"Cache-Control": "max-age=50"}, 50),
    (403, {}, NEVER),
    (403, {"Cache-Control": "no-store"}, NEVER),
    (401, {"Cache-Control": "max-age=50"}, NEVER),
    (409, {}, NEVER),
    (429, {"Cache-Control": "max-age=50"}, NEVER),
]


def first_asked_again(path: Path, policy: CachePolicy, answer: Answer, around: int) -> list[int]:
    """Of some moments around the end of its time, those at which an answer that is that old is still given."""

    def said(asked: Asked) -> Answer:
        headers = {k: when(v) if k == "Expires" else v for k, v in answer.headers.items()}
        return Answer(headers, answer.status, "x")

    one = Behaviour("*", "Site", policy)
    with listening() as origin:
        origin.answer = said
        places = {"Site": nginx.Origin(origin.port, "site.test")}
        with nginx.running(Distribution((one,), "", {404: 20}), places, path, host=HOST) as edge:
            begin, viewer, kept = edge.now, Viewer(edge), []
            for n, seconds in enumerate(sorted({1, max(1, around - 2), around, around + 1, 2 * around + 2})):
                address = f"/{n}"
                edge.set_clock(begin)
                assert viewer.get(address).cache in ("MISS", "")
                edge.set_clock(begin + seconds)
                kept += [seconds] if viewer.get(address).cache == "HIT" else []
            return kept


def when(text: str) -> str:
    found = re.fullmatch(r"in (\d+) s", text)
    return formatdate(time.time() + int(found[1]), usegmt=True) if found else text


def check(kept: list[int], seconds: int) -> None:
    if seconds == NEVER:
        assert kept == []
        return
    assert max(kept) <= seconds, "never longer than CloudFront would"
    assert max(kept) >= seconds - 2, "and hardly shorter"


@needs("nginx")
@pytest.mark.parametrize(("policy", "headers", "seconds"), KEPT)
def test_an_answer_is_kept_as_long_as_cloudfront_keeps_it(
    policy: CachePolicy, headers: Mapping[str, str], seconds: int, tmp_path: Path
) -> None:
    check(first_asked_again(tmp_path, policy, Answer(headers), seconds or 30), seconds)


@needs("nginx")
@pytest.mark.parametrize(("status", "headers", "seconds"), ERRORS)
def test_an_error_is_kept_as_long_as_cloudfront_keeps_it(
    status: int, headers: Mapping[str, str], seconds: int, tmp_path: Path
) -> None:
    check(first_asked_again(tmp_path, LIMITS, Answer(headers, status), seconds or 30), seconds)


@needs("nginx")
def test_what_nginx_does_not_take_is_told_in_a_line(tmp_path: Path) -> None:
    broken = Behaviour("*", "Site", LIMITS, viewer_function="function handler(event) { return (;")
    places = {"Site": nginx.Origin(9, "site.test")}
    with (
        pytest.raises(nginx.NoCache, match="SyntaxError") as refused,
        nginx.running(Distribution((broken,)), places, tmp_path, host=HOST),
    ):
        raise AssertionError("it must not start")
    assert "\n" not in str(refused.value)


@needs("nginx")
def test_an_edge_leaves_no_process_behind(tmp_path: Path) -> None:
    one = Behaviour("*", "Site", LIMITS)
    with nginx.running(Distribution((one,)), {"Site": nginx.Origin(9, "site.test")}, tmp_path, host=HOST) as edge:
        assert Viewer(edge).get("/").status == 502, "nobody is at the origin's port"
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        Viewer(edge).get("/")
