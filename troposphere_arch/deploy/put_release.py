"""A release of software into the bucket of a stack, which publishes it; and what became of it.

    files ──check──▶ hash ──▶ files/<version>/<name> ──▶ releases/<version>.json ──▶ the stack publishes, or refuses
                              what is not there yet      put last, names versions        └──▶ status/<version>/<id>.json

S3 keeps the SHA-256 of what came in, so that what is published is what was hashed: a file that somebody writes to
meanwhile, or another publisher at the same keys, is noticed. All of it may be stopped and repeated at any point.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import UserError
from .failures import aws_errors, error_code, one_line
from .objects import checksum
from .stacks import TEMPLATE_ID, describe, outputs_of
from .target import Target

TEMPLATE = "software-updates"

# What PublishRelease takes.
STABLE = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
IDENTIFIER = r"(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(rf"(?=.{{1,64}}\Z){STABLE.pattern}(-{IDENTIFIER}(\.{IDENTIFIER})*)?")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
MAX_FILES = 200
MAX_SIZE = 5 * 1024**3
MAX_NOTES = 2000
STATES = ("published", "refused", "withdrawn")

WAIT_MINUTES = 20
"""PublishRelease has 15 minutes, and the first of its next attempts comes a minute later."""

PART = 16 * 1024**2
"""Bytes. Files from this size on go up in parts of it, and S3 then keeps the SHA-256 of the parts' SHA-256."""

AT_ONCE = 8
"""Requests to S3 at the same time."""

_CHUNK = 1024**2
_LONGEST = 256 * 1024
_FIRST_POLL, _GROWTH, _LONGEST_POLL = 0.2, 1.3, 10.0

# Without s3:ListBucket S3 says 403, not 404, of what is not there.
_ABSENT = ("403", "404", "AccessDenied", "NoSuchKey")


@dataclass(frozen=True)
class Place:
    """The bucket of a stack that takes releases, whose account it must be, and where devices find them."""

    s3: Any = field(repr=False)
    bucket: str
    owner: str
    url: str

    def name(self, key: str) -> str:
        """A key as a person reads it."""
        return f"s3://{self.bucket}/{key}"


@dataclass(frozen=True)
class LocalFile:
    """A file of this machine, as it was when it was looked at: its size in bytes, and what changes when it does."""

    path: str
    name: str
    size: int
    mark: tuple[int, ...]


@dataclass(frozen=True)
class Hashed:
    """A file and its SHA-256; `kept` is the SHA-256 that S3 keeps of it, in base64."""

    file: LocalFile
    sha256: str
    kept: str


@dataclass(frozen=True)
class Status:
    """What became of a release: published, refused or withdrawn, why, and what latest.json named then."""

    state: str
    reason: str
    latest: str


@dataclass(frozen=True)
class Described:
    """The description of a version that is there, its version in S3, its age in seconds, what became of it."""

    said: Mapping[str, Any]
    version_id: str
    age: float
    status: Status | None

    @property
    def is_under_way(self) -> bool:
        """Whether the stack may still be at it."""
        return self.status is None and self.age < WAIT_MINUTES * 60


# ---- what the user gave


def check(version: str, paths: Sequence[str], notes: str = "", *, withdraw: bool = False) -> list[LocalFile]:
    """The files, once all is as it must be. Raises `UserError` with everything that is wrong, a line each."""
    problems = list(_version_problems(version))
    files: list[LocalFile] = []
    if withdraw:
        if paths or notes:
            problems.append("--withdraw takes no files and no --notes: it says of a version that it is not the latest")
    elif not paths:
        problems.append("no file is named: name the files of the release, or say --withdraw")
    if len(paths) > MAX_FILES:
        problems.append(f"{len(paths)} files are named: a release has at most {MAX_FILES}")
    if len(notes) > MAX_NOTES:
        problems.append(f"--notes has {len(notes):,} characters: at most {MAX_NOTES:,}")
    if any("\ud800" <= character <= "\udfff" for character in notes):
        problems.append("--notes is no text in the encoding of this terminal")
    first: dict[str, str] = {}
    for path in [] if withdraw else paths:
        found, wrong = _looked_at(path)
        problems += wrong
        name = Path(path).name
        if name in first:
            problems.append(f"{shown(path)} has the same name as {shown(first[name])}: a release has each name once")
        first.setdefault(name, path)
        files += [found] if found else []
    if len(problems) == 1:
        raise UserError(f"nothing was put: {problems[0]}")
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise UserError(f"nothing was put, {len(problems)} things are wrong:{lines}")
    return files


def shown(text: str) -> str:
    """A name as it can be printed: in quotes, and escaped, when it could do something to a terminal."""
    return text if text.isprintable() and text.strip() else ascii(text)


def _version_problems(version: str) -> Iterable[str]:
    if VERSION.fullmatch(version):
        return
    before, plus, _ = version.partition("+")
    if plus and VERSION.fullmatch(before):
        yield f"version {shown(version)} has build metadata, which has no rank: leave it out, {before}"
    else:
        yield (
            f"version {shown(version)} can't be: it is MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-PRERELEASE, as 1.4.0 or "
            "2.0.0-rc.1, of at most 64 characters (https://semver.org)"
        )


def _looked_at(path: str) -> tuple[LocalFile | None, list[str]]:
    """The file, and what is wrong with it."""
    name, problems = Path(path).name, []
    try:
        found = os.stat(path)  # noqa: PTH116  # a Path would lose what was typed
    except OSError as error:
        return None, [f"{shown(path)} cannot be read: {error.strerror}"]
    except ValueError:
        return None, [f"{shown(path)} is no name of a file"]
    if stat.S_ISDIR(found.st_mode):
        return None, [f"{shown(path)} is a directory: name the files in it"]
    if not NAME.fullmatch(name) or name == "release.json":
        problems.append(
            f"{shown(path)} has a name that can't be: 1 to 128 letters, digits and . _ + -, no sign first, and not "
            "release.json"
        )
    if not stat.S_ISREG(found.st_mode):
        return None, [*problems, f"{shown(path)} is no regular file"]
    if not found.st_size:
        problems.append(f"{shown(path)} is empty")
    if found.st_size > MAX_SIZE:
        problems.append(f"{shown(path)} has {found.st_size:,} bytes: at most {MAX_SIZE:,} (5 GB)")
    try:
        Path(path).open("rb").close()
    except OSError as error:
        problems.append(f"{shown(path)} cannot be read: {error.strerror}")
    return LocalFile(path, name, found.st_size, _mark(found)), problems


def _mark(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


# ---- hashing


def hashed(files: Sequence[LocalFile], tick: Callable[[int], None] = lambda read: None) -> list[Hashed]:
    """The files with their SHA-256, on all processors; `tick` hears of bytes that were read, in any thread.

    Raises `UserError` when one is not what it was when it was looked at.
    """
    over = threading.Event()
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        return list(pool.map(lambda file: _hash(file, over, tick), files))
    finally:
        over.set()  # a failure or Ctrl-C ends the others as well
        pool.shutdown(cancel_futures=True)


def _hash(file: LocalFile, over: threading.Event, tick: Callable[[int], None]) -> Hashed:
    whole, part, parts, at = sha256(), sha256(), [], 0
    try:
        with Path(file.path).open("rb") as body:
            while not over.is_set() and (chunk := body.read(_CHUNK)):
                whole.update(chunk)
                at += len(chunk)
                tick(len(chunk))
                if file.size < PART:
                    continue
                part.update(chunk)
                if at % PART == 0 or at == file.size:
                    parts.append(part.digest())
                    part = sha256()
    except OSError as error:
        raise UserError(f"nothing was put: {shown(file.path)} cannot be read: {error.strerror}") from None
    if not over.is_set():
        _unchanged([file], "nothing was put")
    if not parts:
        return Hashed(file, whole.hexdigest(), base64.b64encode(whole.digest()).decode())
    of_parts = base64.b64encode(sha256(b"".join(parts)).digest()).decode()
    return Hashed(file, whole.hexdigest(), f"{of_parts}-{len(parts)}")


def _unchanged(files: Iterable[LocalFile], so: str) -> None:
    """Raises `UserError` when a file is not what it was, with what that means."""
    for file in files:
        try:
            same = _mark(os.stat(file.path)) == file.mark  # noqa: PTH116  # as above
        except OSError:
            same = False
        if not same:
            raise UserError(f"{shown(file.path)} changed while it was read: {so}; run this again when it is finished")


# ---- the bucket


@aws_errors()
def find(target: Target, stack: str) -> Place:
    """Where a stack takes releases. Raises `UserError` when it is none of software updates, or not ready."""
    found = describe(target, stack)
    if found is None:
        raise UserError(f"there is no stack {stack} in {target.region}")
    outputs = outputs_of(found)
    made_from = outputs.get(TEMPLATE_ID, "")
    if made_from and made_from != TEMPLATE:
        raise UserError(f"stack {stack} was made from {made_from}, not from {TEMPLATE}: it takes no releases")
    if not made_from or "ReleasesBucket" not in outputs:
        raise UserError(
            f"stack {stack} ({found['StackStatus']}) has no output ReleasesBucket: it is none of {TEMPLATE}, or not "
            "there yet"
        )
    return Place(target.client("s3"), outputs["ReleasesBucket"], target.account, outputs.get("UpdatesUrl", ""))


@aws_errors()
def look(place: Place, version: str) -> Described | None:
    """The description of a version that is in the bucket, and what became of it."""
    answer = _get(place, f"releases/{version}.json")
    if answer is None:
        return None
    said = _json(answer)
    version_id = answer.get("VersionId", "null")
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    now = parsedate_to_datetime(date) if date else datetime.now(answer["LastModified"].tzinfo)
    age = max((now - answer["LastModified"]).total_seconds(), 0)
    return Described(said, version_id, age, status(place, version, version_id))


def has_files(described: Described, files: Sequence[Hashed]) -> bool:
    """Whether a description names these very files."""
    return _content(described.said.get("files")) == _content(_described(files))


def others(described: Described, files: Sequence[Hashed]) -> list[str]:
    """The names of files that the description has otherwise, has not, or has besides."""
    return sorted({name for name, *_ in set(_content(described.said.get("files"))) ^ set(_content(_described(files)))})


def _described(files: Iterable[Hashed]) -> list[dict[str, Any]]:
    return [{"name": one.file.name, "sha256": one.sha256, "size": one.file.size} for one in files]


def _content(files: Any) -> list[tuple[str, str, int]]:
    """What makes two releases the same one; nothing of what is no list of files."""
    try:
        found = [(one["name"], one["sha256"], one["size"]) for one in files]
    except (KeyError, TypeError):
        return []
    # type() because True is an int, too; JSON as Python reads it has Infinity besides.
    return sorted(found) if all(list(map(type, one)) == [str, str, int] for one in found) else []


@aws_errors()
def upload(
    place: Place,
    version: str,
    files: Sequence[Hashed],
    tick: Callable[[int], None] = lambda sent: None,
    say: Callable[[str, int], None] = lambda key, size: None,
) -> dict[str, str]:
    """Put the files that are not there; gives the version in S3 of each, by its name.

    `tick` hears of bytes that were sent or were there already, in any thread; `say` of each file that was put. Raises
    `UserError` when a file is not what was hashed any more, and when another's bytes are at its key afterwards.
    """
    from botocore.exceptions import BotoCoreError

    # boto3 keeps ten connections, so no request waits for another's.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        there = dict(zip(files, pool.map(lambda one: _version_there(place, version, one), files), strict=True))
    missing = [one for one in files if there[one] is None]
    tick(sum(one.file.size for one in files if one not in missing))
    _unchanged((one.file for one in missing), "nothing was published")
    try:
        _send(place, version, missing, tick, say)
    except Exception as error:
        _unchanged((one.file for one in missing), "nothing was published")  # then S3's complaint is only what follows
        if isinstance(error, OSError) and not isinstance(error, BotoCoreError):  # some of which are OSErrors, too
            raise UserError(f"a file cannot be read any more: {one_line(error)}; nothing was published") from None
        raise
    with ThreadPoolExecutor(AT_ONCE) as pool:
        put = dict(zip(missing, pool.map(lambda one: _version_put(place, version, one), missing), strict=True))
    return {one.file.name: there[one] or put[one] for one in files}


def _send(
    place: Place,
    version: str,
    files: Sequence[Hashed],
    tick: Callable[[int], None],
    say: Callable[[str, int], None],
) -> None:
    from boto3.s3.transfer import ProgressCallbackInvoker, TransferConfig, create_transfer_manager
    from s3transfer.utils import OSUtils

    class Whole(OSUtils):
        def open(self, filename: str, mode: str) -> Any:
            return _Whole(filename, mode)

    # Another client of boto3's would cut parts of another size.
    config = TransferConfig(
        multipart_threshold=PART,
        multipart_chunksize=PART,
        max_concurrency=AT_ONCE,
        preferred_transfer_client="classic",
    )
    how = {"ChecksumAlgorithm": "SHA256", "ExpectedBucketOwner": place.owner}
    # On failure and on Ctrl-C it leaves no parts behind.
    with create_transfer_manager(place.s3, config, Whole()) as manager:
        sent = [
            manager.upload(one.file.path, place.bucket, _key(version, one), how, [ProgressCallbackInvoker(tick)])
            for one in files
        ]
        for one, future in zip(files, sent, strict=True):
            future.result()
            say(_key(version, one), one.file.size)


class _Whole(io.FileIO):
    """A file of which no more is read than there was: S3 would wait a minute, several times, for what is missing."""

    def read(self, size: int | None = -1) -> Any:
        data = super().read(size)
        if size and size > 0 and not data:
            raise OSError("the file has become shorter")
        return data


def _key(version: str, one: Hashed) -> str:
    return f"files/{version}/{one.file.name}"


def _version_there(place: Place, version: str, one: Hashed) -> str | None:
    """The version in S3 of these bytes, if they are at their key."""
    from botocore.exceptions import ClientError

    try:
        head = _head(place, _key(version, one))
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return None
        raise
    return str(head.get("VersionId", "null")) if _is(head, one) else None


def _version_put(place: Place, version: str, one: Hashed) -> str:
    """The version in S3 of the bytes that were put just now; the transfer does not tell it."""
    head = _head(place, _key(version, one))
    if not _is(head, one):
        _unchanged([one.file], "nothing was published")
        raise UserError(
            f"{place.name(_key(version, one))} does not hold what was put there (SHA-256 {one.sha256}): somebody else "
            f"puts files of {version} at the same time; nothing was published by this command"
        )
    return str(head.get("VersionId", "null"))


def _is(head: Mapping[str, Any], one: Hashed) -> bool:
    return (head.get("ContentLength"), head.get("ChecksumSHA256")) == (one.file.size, one.kept)


def _head(place: Place, key: str) -> dict[str, Any]:
    found: dict[str, Any] = place.s3.head_object(
        Bucket=place.bucket, Key=key, ChecksumMode="ENABLED", ExpectedBucketOwner=place.owner
    )
    return found


def described(version: str, files: Sequence[Hashed], versions: Mapping[str, str], notes: str = "") -> dict[str, Any]:
    """The description of a release, as PublishRelease takes it."""
    named = [{**one, "versionId": versions[one["name"]]} for one in _described(files)]
    return {"version": version, "files": named} | ({"notes": notes} if notes else {})


def withdrawn(version: str) -> dict[str, Any]:
    """The description of a release that is not to be the latest any more."""
    return {"version": version, "withdrawn": True}


@aws_errors()
def put_description(place: Place, description: Mapping[str, Any]) -> str:
    """Put what triggers the stack. Gives its version in S3, by which the stack says what became of it."""
    body = json.dumps(description).encode()
    answer = place.s3.put_object(
        Bucket=place.bucket,
        Key=f"releases/{description['version']}.json",
        Body=body,
        ChecksumSHA256=checksum(body),
        ContentType="application/json",
        ExpectedBucketOwner=place.owner,
    )
    return str(answer.get("VersionId", "null"))


# ---- what became of it


def status_key(version: str, version_id: str) -> str:
    """Where the stack says what became of a description."""
    return f"status/{version}/{version_id}.json"


@aws_errors()
def status(place: Place, version: str, version_id: str) -> Status | None:
    """What became of a description; None as long as the stack says nothing."""
    key = status_key(version, version_id)
    answer = _get(place, key)
    if answer is None:
        return None
    said = _json(answer)
    if said.get("version") != version or said.get("state") not in STATES:
        raise UserError(f"{place.name(key)} is no status of {version}: somebody else than the stack wrote it")
    return Status(said["state"], printable(said.get("reason", "")), printable(said.get("latest", "")))


def wait(place: Place, version: str, version_id: str, seconds: float) -> Status | None:
    """What became of a description, asked again and again for so long; None when nobody said it."""
    until, pause = time.monotonic() + seconds, _FIRST_POLL
    while True:
        found, left = status(place, version, version_id), until - time.monotonic()
        if found or left <= 0:
            return found
        time.sleep(min(pause, left))
        pause = min(pause * _GROWTH, _LONGEST_POLL)


def printable(value: object) -> str:
    """A text of somebody's on one line, without what could do something to a terminal."""
    return one_line("".join(c for c in str(value) if c.isprintable() or c.isspace()))


def _get(place: Place, key: str) -> dict[str, Any] | None:
    from botocore.exceptions import ClientError

    try:
        found: dict[str, Any] = place.s3.get_object(Bucket=place.bucket, Key=key, ExpectedBucketOwner=place.owner)
    except ClientError as error:
        if error_code(error) in _ABSENT:
            return None
        raise
    return found


def _json(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object of an answer; an empty one when it is none."""
    with contextlib.closing(answer["Body"]) as body:
        data = body.read(_LONGEST)
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
