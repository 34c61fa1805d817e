"""The static site of a release into the bucket of a stack, so that nobody's own site is touched.

    files ──▶ is the index.html there one of ours? ──no──▶ all is left alone
                 └──yes, or none──▶ assets ──▶ pages ──▶ index.html      only what differs; nothing is deleted

A page that we put carries its SHA-256 in its metadata: a page whose bytes are others was changed by somebody.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ..errors import UserError
from ..media_types import media_type
from ..site_files import ASSETS
from .failures import aws_errors, error_code
from .objects import FOR_EVER, checksum, stored_sha256
from .target import Target

PAGE_SECONDS = 60
STALE_SECONDS = 86_400
FOR_A_MINUTE = f"public, max-age=0, s-maxage={PAGE_SECONDS}, stale-while-revalidate={STALE_SECONDS}"
"""How long a page may be kept: by the edge for a minute, by a browser not without asking."""

INDEX = "index.html"
_MARK = "troposphere-arch-sha256"


@dataclass(frozen=True)
class Put:
    """What became of the files: those that were put, those that were as they must be, those that are somebody's own."""

    put: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def is_left_alone(self) -> bool:
        """Whether the bucket has a site of its own."""
        return INDEX in self.own


@dataclass(frozen=True)
class _Stored:
    sha256: str | None
    etag: str
    as_it_must_be: bool
    marked: str


@aws_errors()
def put_site(
    target: Target,
    bucket: str,
    files: Mapping[str, bytes],
    known: Container[str] = (),
    say: Callable[[str, int], None] = lambda path, size: None,
) -> Put:
    """Put the files of a site into a bucket of the target's account; `say` hears of each that is put.

    `known` are the SHA-256 of pages that releases of ours have: whoever published one by another tool left no mark.
    Raises UserError when there is no such bucket, when it is another account's, and when somebody puts a page
    meanwhile; what is there then is whole, and it is safe to do it again.
    """
    s3 = target.client("s3")
    asked = {"Bucket": bucket, "ExpectedBucketOwner": target.account}
    stored = {path: _stored(s3, asked, path, data) for path, data in files.items()}
    own = [
        path
        for path, there in stored.items()
        if there and not path.startswith(ASSETS) and _is_own(there, files[path], known)
    ]
    if INDEX in own:
        return Put(own=(INDEX,))
    put = []
    for path in sorted(files, key=_order):
        there = stored[path]
        if path in own or (there and there.as_it_must_be):
            continue
        _put(s3, asked, path, files[path], there)
        say(path, len(files[path]))
        put.append(path)
    return Put(tuple(put), tuple(path for path in files if path not in put and path not in own), tuple(own))


def _order(path: str) -> tuple[int, str]:
    """A page comes after all that it names, and the first page last."""
    return (0 if path.startswith(ASSETS) else 2 if path == INDEX else 1), path


def _is_own(there: _Stored, data: bytes, known: Container[str]) -> bool:
    """Whether a page was made by somebody else."""
    ours = (sha256(data).hexdigest(), there.marked)
    return not (there.sha256 in ours or there.sha256 in known)


def _stored(s3: Any, asked: Mapping[str, str], path: str, data: bytes) -> _Stored | None:
    """What is at the key; None when nothing is."""
    from botocore.exceptions import ClientError

    try:
        head = s3.head_object(**asked, Key=path)
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchKey"):
            return None
        raise
    there = stored_sha256(s3, asked["Bucket"], path, owner=asked["ExpectedBucketOwner"])
    as_it_must_be = (there, head.get("ContentType"), head.get("CacheControl")) == (
        sha256(data).hexdigest(),
        media_type(path),
        _how_long(path),
    )
    return _Stored(there, head["ETag"], as_it_must_be, head.get("Metadata", {}).get(_MARK, ""))


def _put(s3: Any, asked: Mapping[str, str], path: str, data: bytes, there: _Stored | None) -> None:
    from botocore.exceptions import ClientError

    # Only over what was looked at: somebody may put a page of theirs at this very moment.
    condition = {"IfMatch": there.etag} if there else {"IfNoneMatch": "*"}
    try:
        s3.put_object(
            **asked,
            **condition,
            Key=path,
            Body=data,
            ChecksumSHA256=checksum(data),
            ContentType=media_type(path),
            CacheControl=_how_long(path),
            Metadata={_MARK: sha256(data).hexdigest()},
        )
    except ClientError as error:
        if error_code(error) not in ("412", "PreconditionFailed", "409", "ConditionalRequestConflict"):
            raise
        where = f"s3://{asked['Bucket']}/{path}"
        raise UserError(
            f"{where} was changed by somebody else at the same time: look at it, and do this again"
        ) from None


def _how_long(path: str) -> str:
    return FOR_EVER if path.startswith(ASSETS) else FOR_A_MINUTE
