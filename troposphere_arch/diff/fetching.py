"""The bytes of a template, from wherever it is: a file, standard input, the web, S3.

Nothing is read beyond what a template may have, nothing is waited for without end, and nothing but TLS is spoken to
another machine. An address may hold a signature: no error shows what is behind its `?`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import UserError
from .parsing import LIMIT, shown

TIMEOUT = 20.0
"""Seconds that a server may be silent."""
DEADLINE = 60.0
"""Seconds that all of an answer may take."""


@dataclass(frozen=True)
class Access:
    """How S3 is reached: a profile and a region of the user's own configuration, another endpoint than AWS's own."""

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None


def is_address(source: str) -> bool:
    """Whether a source is an address (`s3://...`, `https://...`), and neither a file nor a name."""
    scheme, colon, _ = source.partition("://")
    return bool(colon) and scheme.isalnum()


def public(address: str) -> str:
    """An address as it may be shown: without what may be a secret."""
    return shown(address.partition("?")[0].partition("#")[0], 200)


def from_file(path: Path, name: str) -> bytes:
    """The bytes of a file. Raises `UserError` when it can't be read; reads no more than a template may have."""
    try:
        with path.open("rb") as file:
            return file.read(LIMIT + 1)
    except FileNotFoundError:
        raise UserError(f"there is no file {name}") from None
    except IsADirectoryError:
        raise UserError(f"{name} is a folder: name the template in it") from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {name}: {getattr(error, 'strerror', None) or shown(error)}") from None


def from_stream(stream: BinaryIO) -> bytes:
    """The bytes of standard input, or of any stream."""
    try:
        return stream.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read standard input: {getattr(error, 'strerror', None) or shown(error)}") from None


def from_address(address: str, access: Access) -> bytes:
    """The bytes at an `https://` or `s3://` address; `http://` only on this machine.

    Raises `UserError` when it can't be had, with what the server said.
    """
    try:
        parts = urllib.parse.urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise UserError(f"{public(address)} is no address: {shown(error)}") from None
    if parts.username is not None or parts.password is not None:
        raise UserError("a user and a password in an address are shown to everybody on the way: leave them out")
    if parts.scheme == "s3":
        bucket, _, key = address.partition("://")[2].partition("/")  # a `?` in it is part of the key
        return _from_s3(bucket, key, access)
    if any(c.isspace() or not c.isprintable() for c in address):
        raise UserError(f"{public(address)} is no address: it holds a blank")
    if parts.scheme not in ("http", "https") or not host:
        raise UserError(f"{public(address)} is no address of a template: there are s3://BUCKET/KEY and https://...")
    if parts.scheme == "http" and not is_loopback(host):
        raise UserError(f"{public(address)} is not encrypted, and could be altered on the way: use https://")
    return _from_web(address)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as its name alone says."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _from_web(address: str) -> bytes:
    import http.client
    import urllib.error
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        """Follows to addresses that are as safe as the one that was asked for."""

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            to, here = urllib.parse.urlsplit(newurl), urllib.parse.urlsplit(req.full_url)
            local = to.scheme == here.scheme == "http" and is_loopback(to.hostname or "")
            if to.scheme != "https" and not local:
                raise UserError(f"{public(address)} leads on to {public(newurl)}, which is not encrypted: not followed")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    # No file://, ftp:// or data:, wherever a redirection leads.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        Redirects(),
    ):
        opener.add_handler(handler)
    ends = time.monotonic() + DEADLINE
    chunks, size = [], 0
    headers = {"User-Agent": "troposphere-arch", "Accept": "*/*"}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 - the opener above knows no other scheme
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            while size <= LIMIT and (chunk := answer.read1(65_536)):
                chunks.append(chunk)
                size += len(chunk)
                if time.monotonic() > ends:
                    raise TimeoutError
            expected = answer.headers.get("Content-Length", "")
            if size <= LIMIT and expected.isascii() and expected.isdigit() and int(expected) != size:
                raise UserError(f"{public(address)} broke off after {size:,} of {int(expected):,} bytes: try again")
    except urllib.error.HTTPError as error:
        with error:
            raise UserError(f"{public(address)} answers {error.code} {shown(error.reason)}") from None
    except TimeoutError:
        raise UserError(f"{public(address)} does not answer in time: try again, or take the file") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise UserError(f"{public(address)} does not answer in time: try again, or take the file") from None
        raise UserError(f"{public(address)} cannot be reached: {shown(error.reason)}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UserError(f"{public(address)} cannot be read: {shown(error) or type(error).__name__}") from None
    return b"".join(chunks)


def _from_s3(bucket: str, key: str, access: Access) -> bytes:
    name = f"s3://{shown(bucket)}/{shown(key, 200)}"
    if not bucket or not key:
        raise UserError(f"{name} names no object: write s3://BUCKET/KEY")
    # Imported here: only this needs boto3, which takes longer to import than all else takes to run.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    from ..deploy.failures import aws_errors, error_code

    config = Config(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries={"mode": "standard", "max_attempts": 3})
    with aws_errors():
        session = boto3.Session(profile_name=access.profile, region_name=access.region)
        try:
            s3: Any = session.client("s3", endpoint_url=access.endpoint_url, config=config)
            # No ExpectedBucketOwner: the user names a bucket, of whomever it is, and nothing of ours is sent there.
            return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read(LIMIT + 1))
        except ClientError as error:
            code = error_code(error)
            if code in ("NoSuchKey", "NoSuchBucket", "404"):
                what = "bucket" if code == "NoSuchBucket" else "object"
                raise UserError(f"{name}: there is no such {what}") from None
            if code in ("AccessDenied", "403"):
                raise UserError(
                    f"{name} is not open to these AWS credentials: s3:GetObject on it is needed, "
                    "and s3:ListBucket to be told of what is not there"
                ) from None
            raise
        except ValueError as error:
            raise UserError(f"{name} cannot be read: {shown(error)}") from None
