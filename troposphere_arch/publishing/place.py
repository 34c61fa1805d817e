"""Where releases are published: a bucket, a prefix in it, and the client that reaches it.

b-{region}, P, regions ──▶ Place: bucket of one region, P/…, whose account it must be
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..deploy.failures import aws_errors
from ..errors import UserError

LAYERS = "layers/"
"""At the root of the bucket, whatever the prefix: templates name their layers so."""

LONGEST_PREFIX = 512
"""Bytes; S3 takes keys of 1,024. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

SECONDS = 20
"""Without a byte from S3, after which a request is tried again."""

ATTEMPTS = 5
"""Of each request, by botocore."""

NO_REGION = "no AWS region: set AWS_REGION, or name one with --region"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}
_SUFFIXES = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}


@dataclass(frozen=True)
class Place:
    """A bucket of one region. `owner` is the account that it must belong to; `prefix` has no slash at its end."""

    s3: Any = field(repr=False, compare=False)
    bucket: str
    region: str
    partition: str
    owner: str
    prefix: str = ""
    endpoint: str = ""
    """Of a server that is not AWS; empty for AWS's own."""

    stopped: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    """Set by Ctrl-C: no request is sent any more."""

    def key(self, path: str) -> str:
        """The key of a file of the catalogue."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def url(self, path: str) -> str:
        """Where CloudFormation, or anybody, finds a file of the catalogue."""
        key = self.key(path)
        suffix = _SUFFIXES.get(self.partition)
        if self.endpoint or suffix is None:
            return f"{self.endpoint or self.s3.meta.endpoint_url}/{self.bucket}/{key}"
        # The certificate of S3 holds for one label before its name, so a bucket with dots goes by the path.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
        if "." in self.bucket:
            return f"https://s3.{self.region}.{suffix}/{self.bucket}/{key}"
        return f"https://{self.bucket}.s3.{self.region}.{suffix}/{key}"

    @property
    def console(self) -> str:
        """CloudFormation's page in the console of the region; empty in a partition whose console is not known here."""
        host = _CONSOLES.get(self.partition)
        return f"https://{self.region}.{host}/cloudformation/home?region={self.region}" if host else ""

    @property
    def name(self) -> str:
        """As a person reads it: `s3://bucket/prefix`."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


def check_prefix(prefix: str) -> str:
    """The prefix. Raises `UserError` when a reader, a policy or a URL could take it for something else."""
    if len(prefix.encode("utf-8", "surrogateescape")) > LONGEST_PREFIX:
        raise UserError(f"--prefix has more than {LONGEST_PREFIX} bytes: choose a shorter one")
    wrong = f"--prefix {prefix!r} can't be"
    if prefix.startswith("/") or prefix.endswith("/") or "//" in prefix:
        raise UserError(f"{wrong}: no slash at either end, and none after another; write it as team/catalogue")
    for segment in prefix.split("/") if prefix else ():
        if segment in (".", ".."):
            raise UserError(f"{wrong}: {segment!r} leads elsewhere; write it as team/catalogue")
        if not _SEGMENT.fullmatch(segment):
            raise UserError(f"{wrong}: only letters, digits, '.', '_' and '-' between slashes, as team/catalogue")
    if f"{prefix}/".startswith(LAYERS):
        raise UserError(f"{wrong}: {LAYERS} is where layers are, of all catalogues in the bucket; choose another")
    return prefix


def buckets_of(bucket: str, regions: Iterable[str]) -> dict[str, str]:
    """Region -> bucket. Raises `UserError` when a name is no bucket's, or one bucket would serve several regions."""
    named = list(dict.fromkeys(regions))
    if len(named) > 1 and "{region}" not in bucket:
        raise UserError(
            f"--bucket {bucket!r} is one bucket, and Lambda takes layers from the function's own region only: "
            "name a bucket each, as --bucket 'artifacts-{region}'"
        )
    found = {region: bucket.replace("{region}", region) for region in named}
    for name in found.values():
        if not _BUCKET.fullmatch(name) or ".." in name:
            raise UserError(
                f"--bucket {name!r} is no name of a bucket: 3 to 63 small letters, digits, '.' and '-'; "
                "{region} stands for the region"
            )
    return found


@aws_errors()
def connect(
    bucket: str,
    regions: Iterable[str] = (),
    *,
    prefix: str = "",
    profile: str | None = None,
    endpoint_url: str | None = None,
    owner: str | None = None,
    seconds: float = SECONDS,
    attempts: int = ATTEMPTS,
) -> list[Place]:
    """A place in each region, or in the region of the user's configuration.

    `owner` is the account whose the buckets are, when not the caller's own. Raises UserError for what cannot be, for
    missing credentials, and for a region that AWS does not have.
    """
    import boto3

    check_prefix(prefix)
    session = boto3.Session(profile_name=profile)
    named = list(regions) or usual_region(session)
    if not named:
        raise UserError(NO_REGION)
    buckets = buckets_of(bucket, named)
    _check_endpoint(endpoint_url)

    make: Any = session.client  # one overload for each service of AWS

    def client(service: str, region: str, **more: Any) -> Any:
        return make(service, region_name=region, endpoint_url=endpoint_url, config=_config(seconds, attempts, **more))

    account = owner or account_of(client("sts", named[0]))
    stopped = threading.Event()
    made = []
    for region, name in buckets.items():
        s3 = client("s3", region)
        if "@" in s3.meta.endpoint_url:
            raise UserError("the endpoint of S3 has a user in its address, which would be published: leave it out")
        # What the user's configuration or environment says of the endpoint counts as well as the option.
        if endpoint := _foreign(s3.meta.endpoint_url):
            s3 = client("s3", region, s3={"addressing_style": "path"})
        partition = session.get_partition_for_region(region)
        made.append(_guarded(Place(s3, name, region, partition, account, prefix, endpoint, stopped)))
    return made


def places_of(clients: Mapping[str, Any], bucket: str, *, owner: str, prefix: str = "", url: str = "") -> list[Place]:
    """A place for each region's client: of the embedded emulator, say, whose `url` then stands in what is published."""
    check_prefix(prefix)
    stopped = threading.Event()
    buckets = buckets_of(bucket, clients)
    return [Place(clients[r], name, r, "aws", owner, prefix, url, stopped) for r, name in buckets.items()]


def usual_region(session: Any) -> list[str]:
    """The region of the user's configuration; none when there is none."""
    # boto3 knows AWS_DEFAULT_REGION only; the other SDKs, and we in what we say, AWS_REGION.
    usual = os.environ.get("AWS_REGION") or session.region_name
    return [usual] if usual else []


def account_of(sts: Any) -> str:
    """The account that the credentials belong to."""
    return str(sts.get_caller_identity()["Account"])


def partition_of(region: str) -> str:
    """The partition of a region, whose name stands in each ARN."""
    import boto3

    return str(boto3.Session().get_partition_for_region(region))


def _config(seconds: float, attempts: int, **more: Any) -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=min(seconds, 5),
        read_timeout=seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=16,
        **more,
    )


def _check_endpoint(url: str | None) -> None:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in url
    except ValueError:
        good = False
    if not good and "@" in url:
        raise UserError("--endpoint-url has a user in its address, which would be published: leave it out")
    if not good:
        raise UserError(f"--endpoint-url {url!r} is no address: write it as https://host")


def _foreign(endpoint_url: str) -> str:
    """The endpoint, when it is none of AWS's own; what is published there has its address in the links."""
    host = urlsplit(endpoint_url).hostname or ""
    return "" if host.endswith(tuple(f".{suffix}" for suffix in _SUFFIXES.values())) else endpoint_url.rstrip("/")


def _guarded(place: Place) -> Place:
    """Let no request out to another region, and none at all after Ctrl-C.

    botocore follows S3 to whatever region a bucket is in, but a bucket elsewhere cannot serve layers here. The region
    that a request is signed for stands in it. https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """

    def look(request: Any, **_: Any) -> None:
        if place.stopped.is_set():
            raise UserError("stopped")
        signed = re.search(rb"Credential=[^/]+/\d+/([^/]+)/", _bytes(request.headers.get("Authorization", b"")))
        if signed and signed[1].decode() != place.region:
            raise UserError(elsewhere(place, signed[1].decode()))

    place.s3.meta.events.register("before-send.s3", look)
    return place


def elsewhere(place: Place, region: str) -> str:
    """What a user is told of a bucket in another region."""
    return (
        f"bucket {place.bucket} is in {region}, not in {place.region}, and Lambda takes layers from the function's own "
        f"region only: nothing was written; say --region {region}, or name a bucket of {place.region}"
    )


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
