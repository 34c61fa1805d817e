"""Publishes a release: copies its files from S3 to the file system that the instances serve, then moves the manifest.

    Releases, releases/<version>.json --EventBridge--> this --> Files, /releases/<version>/, then /latest.json
    Releases, files/<version>/<name>  -------S3------> this --> Releases, status/<version>/<its S3 version>.json

A file is copied to /.publish/parts, and only when its size and SHA-256 are right does it get its name, in a directory
of /.publish/staging; that becomes /releases/<version> by one rename. Last, /latest.json is replaced by one rename. So
whatever is killed, retried, repeated or late, nobody ever sees half a release, and the manifest names a whole one: the
highest version that is there, is no pre-release and is not withdrawn. What an interrupted attempt had verified is not
copied again. One works at a time: who holds the lock on /.publish/lock.

A descriptor is {"version": "1.4.0", "files": [{"name", "sha256", "size", "versionId"?}], "notes"?}, or, so that a
release stays but is not the latest any more, {"version": "1.4.0", "withdrawn": true}. The full one once more takes that
back. Only the newest version of a descriptor decides on that, since the event of an older one may come late.

What is wrong with the release itself never raises: the reason is in the status and in the log, with the outcome
"refused". Everything else raises, and says why in a line before; Lambda tries it again, a few times, and hands it to
the queue ReleaseFailures.

The function's role needs, on the bucket, s3:GetObject and s3:GetObjectVersion on files/* and releases/*, s3:PutObject
on status/*; on the file system elasticfilesystem:ClientMount and ClientWrite. Without s3:ListBucket S3 says 403, not
404, of an object that is not there, so both are taken for that. It needs little memory; give it 1769 MB all the same,
since its share of a processor grows with them, and 15 minutes.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
import traceback
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

# ---- Same in all functions that nobody waits for, begin: a template inlines each file alone ----
Json = dict[str, Any]


class Done(NamedTuple):
    answer: Json
    told: Json  # what the log says of it: counts and outcomes, never an address, a token or a text of somebody's


def code_of(error: Exception) -> str:
    """The code in a service's answer ("ThrottlingException"), or nothing if no service answered."""
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def failure(error: Exception) -> Json:
    """What broke and where, but not the exception's text: that may quote an item."""
    frames = traceback.extract_tb(error.__traceback__)
    here = [frame for frame in frames if frame.filename == handler.__code__.co_filename][-1]
    at = f"{here.filename.rpartition('/')[2]}:{here.lineno}:{here.name}"
    return {"error": f"{type(error).__name__} {code_of(error)}".strip(), "at": at}


def log(context: Any, level: str, message: str, told: Json) -> None:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"level": level, "timestamp": at, "message": message, "requestId": context.aws_request_id}
    print(json.dumps(line | told))


def handler(event: Json, context: Any) -> Json:
    """Do the work once; log one line, and raise only what another attempt may mend."""
    started = time.monotonic()
    try:
        answer, told = work(event, context)
    except Exception as error:
        log(context, "ERROR", "failed", failure(error))
        # The function's error metric, and so the alarm, must see it; nobody else's words go along.
        raise RuntimeError("The work failed; the log line before this one says where.") from None
    log(context, "INFO", "done", told | {"durationMs": round((time.monotonic() - started) * 1000, 1)})
    return answer


# ---- Same in all functions that nobody waits for, end ----

BUCKET = os.environ["RELEASES_BUCKET"]
FILES = Path(os.environ["FILES"])
RELEASES, LATEST, HIDDEN = FILES / "releases", FILES / "latest.json", FILES / ".publish"
# What is not verified yet; what is, a directory for each release; an empty file for each version that is withdrawn.
PARTS, STAGING, WITHDRAWN = HIDDEN / "parts", HIDDEN / "staging", HIDDEN / "withdrawn"

# https://semver.org, without build metadata
STABLE = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
IDENTIFIER = r"(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(rf"(?=.{{1,64}}\Z){STABLE.pattern}(-{IDENTIFIER}(\.{IDENTIFIER})*)?")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
SHA256 = re.compile(r"[0-9a-f]{64}")
VERSION_ID = re.compile(r"[A-Za-z0-9._-]{1,1024}")
MAX_FILES = 200
MAX_SIZE = 5 * 1024**3
MAX_NOTES = 2000
MAX_DESCRIPTOR = 256 * 1024

CHUNK = 8 * 1024**2
MOST_CUTS = 3  # that a connection to S3 may break off before the next chunk has come
RESERVE_MS = 30_000  # renaming, and saying what became of it, may take this long
WAIT_SECONDS = 0.2
LEFT_SECONDS = 6 * 3600  # longer than any event is tried: what an attempt left in staging is nobody's then
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Not there; perhaps there, but not for this function; not there in that version, or in that version deleted.
ABSENT = ("AccessDenied", "NoSuchKey", "NoSuchVersion", "InvalidArgument", "MethodNotAllowed")

s3: Any = boto3.client(
    "s3", config=Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
)


class Refused(Exception):
    """This descriptor will never be published. The text is for who put it."""


class Again(Exception):
    """Another attempt may succeed. The text is for the log."""


class Release(NamedTuple):
    version: str
    files: list[Json]
    notes: str | None
    withdrawn: bool


def work(event: Json, context: Any) -> Done:
    detail = event.get("detail") or {}
    about = detail.get("object") or {}
    key = str(about.get("key", ""))
    # The console makes an object "releases/" for a folder.
    if (detail.get("bucket") or {}).get("name") != BUCKET or not key.startswith("releases/") or key.endswith("/"):
        return Done({"outcome": "ignored"}, {"outcome": "ignored"})
    try:
        told = handled(key, str(about.get("version-id") or ""), context)
    except Exception as error:
        told = {"outcome": "failed", "key": quoted(key), "reason": why(error)}
        log(context, "WARNING", "another attempt may mend it", told)
        raise
    return Done(told, told)


def why(error: Exception) -> str:
    if isinstance(error, Again):
        return str(error)
    if isinstance(error, OSError) and error.errno:
        return f"{os.strerror(error.errno)} ({errno.errorcode.get(error.errno, error.errno)})."
    return f"S3 answered {code_of(error)}." if code_of(error) else f"{type(error).__name__}."


def handled(key: str, version_id: str, context: Any) -> Json:
    """Do what a descriptor says, and write down what became of it."""
    name = key.removeprefix("releases/").removesuffix(".json") if key.endswith(".json") else ""
    try:
        if not name:
            raise Refused(f"The key {quoted(key)} is not releases/<version>.json.")
        answer = opened({"Bucket": BUCKET, "Key": key} | ({"VersionId": version_id} if version_id else {}))
        version_id = answer.get("VersionId", "null")
        release = checked(read(answer), name)
        with locked(context):
            tidy()
            state, reason = (withdraw if release.withdrawn else publish)(release, version_id, context)
    except Refused as refused:
        state, reason = "refused", str(refused)
    version = name if VERSION.fullmatch(name) else "invalid"
    status = {"version": version, "state": state, "reason": reason, "at": now(), "latest": latest()}
    s3.put_object(
        Bucket=BUCKET,
        Key=f"status/{version}/{version_id or 'null'}.json",
        Body=json.dumps(status).encode(),
        ContentType="application/json",
    )
    return {"outcome": state, "version": version, "latest": status["latest"], "reason": reason}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# ---- the descriptor: nothing here knows S3 or files


def quoted(value: object) -> str:
    """Something of somebody's as a reason may quote it: ASCII, on one line, cut."""
    if not isinstance(value, str):
        kinds = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
        return kinds.get(type(value), "a number")
    text = ascii(value)
    return text if len(text) <= 72 else f"{text[:72]}..."


def checked(body: bytes, name: str) -> Release:
    """The descriptor at releases/<name>.json. Raises `Refused`, and nothing else, whatever it is."""
    try:
        found = json.loads(body.decode(), object_pairs_hook=once, parse_constant=float)
    except (ValueError, RecursionError):
        raise Refused("The descriptor is no JSON in UTF-8.") from None
    if not isinstance(found, dict):
        raise Refused(f"The descriptor is {quoted(found)}: put an object with version and files.")
    version = found.get("version")
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        raise Refused(f"version is {quoted(version)}: it is MAJOR.MINOR.PATCH or MAJOR.MINOR.PATCH-PRERELEASE.")
    if version != name:
        raise Refused(f"version is {quoted(version)} in the descriptor, and {quoted(name)} in its key releases/*.json.")
    if "withdrawn" in found:
        known(found, ("version", "withdrawn"), "The descriptor of a withdrawn release")
        if found["withdrawn"] is not True:
            raise Refused("withdrawn is not true: leave it away, and put the files, to take a withdrawal back.")
        return Release(version, [], None, True)
    known(found, ("version", "files", "notes"), "The descriptor")
    files = found.get("files")
    if not isinstance(files, list) or not 1 <= len(files) <= MAX_FILES:
        many = f"has {len(files)} entries" if isinstance(files, list) else f"is {quoted(files)}"
        raise Refused(f"files {many}: it is a list of 1 to {MAX_FILES} files.")
    given = [checked_file(file) for file in files]
    for at, one in enumerate(given):
        if one in given[:at]:
            raise Refused(f"The file {quoted(one)} is there twice.")
    return Release(version, files, checked_notes(found), False)


def once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise Refused(f"The descriptor has {quoted(twice)} twice in one object.")
    return found


def known(found: Json, keys: tuple[str, ...], what: str) -> None:
    for key in found:
        if key not in keys:
            raise Refused(f"{what} has an unknown key {quoted(key)}: it may have {', '.join(keys)}.")


def checked_file(file: Any) -> str:
    """The file's name."""
    if not isinstance(file, dict):
        raise Refused(f"A file is {quoted(file)}: it is an object with name, sha256 and size.")
    name, digest, size, version_id = (file.get(key) for key in ("name", "sha256", "size", "versionId"))
    if not isinstance(name, str) or not NAME.fullmatch(name) or name == "release.json":
        raise Refused(
            f"The name of a file is {quoted(name)}: it is 1 to 128 letters, digits and . _ + -, no sign first,"
            " and not release.json."
        )
    known(file, ("name", "sha256", "size", "versionId"), f"The file {quoted(name)}")
    if not isinstance(digest, str) or not SHA256.fullmatch(digest):
        raise Refused(f"sha256 of {quoted(name)} is {quoted(digest)}: it is 64 digits from 0 to f, in small letters.")
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_SIZE:
        raise Refused(f"size of {quoted(name)} is not a number of bytes from 1 to {MAX_SIZE}.")
    if "versionId" in file and not (isinstance(version_id, str) and VERSION_ID.fullmatch(version_id)):
        raise Refused(f"versionId of {quoted(name)} is {quoted(version_id)}: it is a version of the object in S3.")
    return name


def checked_notes(found: Json) -> str | None:
    if "notes" not in found:
        return None
    notes = found["notes"]
    if not isinstance(notes, str) or len(notes) > MAX_NOTES:
        raise Refused(f"notes is {quoted(notes)}: it is a text of at most {MAX_NOTES} characters.")
    try:
        notes.encode()
    except UnicodeEncodeError:
        raise Refused("notes is no text: it has half a character.") from None
    return notes


def entry(release: Release) -> Json:
    """What release.json says, and latest.json when this is the latest."""
    files = [
        {
            "name": file["name"],
            "url": f"/releases/{release.version}/{file['name']}",
            "sha256": file["sha256"],
            "size": file["size"],
        }
        for file in release.files
    ]
    notes = {} if release.notes is None else {"notes": release.notes}
    return {"version": release.version, "published": now(), "files": files} | notes


def content(files: list[Json]) -> list[list[Any]]:
    """What makes two releases the same one."""
    return sorted([file["name"], file["sha256"], file["size"]] for file in files)


# ---- S3


def opened(wanted: Json) -> Json:
    """The answer to a GetObject, of which no content is read so far."""
    try:
        answer: Json = s3.get_object(**wanted)
    except ClientError as error:
        code, key = code_of(error), wanted["Key"]
        if code == "PreconditionFailed":
            raise Again(f"{key} was overwritten while it was copied.") from error
        if code not in ABSENT:
            raise
        if "VersionId" in wanted:
            raise Refused(f"{quoted(key)} has no version {quoted(wanted['VersionId'])} in the bucket.") from error
        hint = f": put the files before releases/{key.split('/')[1]}.json" if key.startswith("files/") else ""
        raise Refused(f"{key if hint else quoted(key)} is not in the bucket{hint}.") from error
    return answer


def read(answer: Json) -> bytes:
    with contextlib.closing(answer["Body"]) as body:
        if answer["ContentLength"] > MAX_DESCRIPTOR:
            raise Refused("The descriptor has more than 256 KB.")
        data: bytes = body.read()
    return data


def newest(version: str, version_id: str) -> bool:
    """Whether this is the descriptor that is at its key now. One that was deleted since is not."""
    try:
        found = s3.head_object(Bucket=BUCKET, Key=f"releases/{version}.json").get("VersionId", "null")
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (403, 404):
            raise
        return False
    return bool(found == version_id)


def arriving(version: str, file: Json, context: Any) -> Iterator[bytes]:
    """The content of a file, in large chunks of one and the same object, also when S3 breaks off in the middle."""
    wanted = {"Bucket": BUCKET, "Key": f"files/{version}/{file['name']}"}
    if "versionId" in file:
        wanted["VersionId"] = file["versionId"]
    at = cuts = 0
    while at < file["size"]:
        answer = opened(wanted | ({"Range": f"bytes={at}-"} if at else {}))
        wanted["IfMatch"] = answer["ETag"]
        try:
            # `with answer["Body"] as body` would give what is below botocore's body, which raises urllib3's errors.
            with contextlib.closing(answer["Body"]) as body:
                size = answer["ContentLength"] + at
                if size != file["size"]:
                    raise Refused(f"{wanted['Key']} has {size} bytes, and the descriptor says {file['size']}.")
                while at < file["size"]:
                    in_time(context)
                    chunk = body.read(CHUNK)
                    at, cuts = at + len(chunk), 0
                    yield chunk
        except (HTTPClientError, IncompleteReadError, OSError):
            cuts += 1
            if cuts > MOST_CUTS:
                raise


def in_time(context: Any) -> None:
    if context.get_remaining_time_in_millis() < RESERVE_MS:
        raise Again("The time is nearly over. What is verified stays, and the next attempt goes on there.")


def verified(version: str, file: Json, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks; after the last one raises `Refused` if they are not the file that was announced."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != file["sha256"]:
        where = f"files/{version}/{file['name']}"
        raise Refused(f"{where} has the SHA-256 {digest.hexdigest()}, and the descriptor says {file['sha256']}.")


# ---- files


@contextlib.contextmanager
def locked(context: Any) -> Iterator[None]:
    """Be the only one at work, in all functions that have mounted the file system. The lock ends with the process."""
    for path in (RELEASES, HIDDEN, PARTS, STAGING, WITHDRAWN):
        make(path)
    lock = os.open(HIDDEN / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while True:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except (BlockingIOError, PermissionError):  # either is said
                if context.get_remaining_time_in_millis() < RESERVE_MS:
                    raise Again("Another release was being published all the time.") from None
                time.sleep(WAIT_SECONDS)
        yield
    finally:
        os.close(lock)


def make(path: Path) -> None:
    """A directory that everybody may read, whatever the umask is."""
    path.mkdir(exist_ok=True)
    path.chmod(0o755)


def sync(path: Path) -> None:
    """Wait until what was renamed in a directory is on the disk."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def store(path: Path, chunks: Iterable[bytes], after: float | None = None) -> None:
    """Write a file: whole at this path and on the disk, or not at all; with a time in a later second than `after`."""
    part = PARTS / uuid.uuid4().hex  # a name that nobody has open who lost the lock without knowing it
    try:
        with part.open("xb") as out:
            os.fchmod(out.fileno(), 0o644)
            for chunk in chunks:
                out.write(chunk)
            out.flush()
            if after is not None:
                later = max(time.time(), int(after) + 1)
                os.utime(out.fileno(), (later, later))
            os.fsync(out.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def listed(path: Path) -> list[str]:
    """The names in a directory. NFS keeps a list for up to a minute, but not over a change that one makes oneself.

    https://man7.org/linux/man-pages/man5/nfs.5.html (directory entry caching)
    """
    own = path / ".listed"
    own.touch()
    own.unlink()
    return names(path)


def names(path: Path) -> list[str]:
    return [one.name for one in path.iterdir()]


def tidy() -> None:
    """Remove what killed attempts left. Who has the lock is the only one at work, so it is nobody's."""
    for name in names(PARTS):
        (PARTS / name).unlink(missing_ok=True)
    for name in names(STAGING):
        if time.time() - (STAGING / name).stat().st_mtime > LEFT_SECONDS:
            shutil.rmtree(STAGING / name)


def published(version: str) -> bytes | None:
    """The text of the release.json of a version that is there."""
    try:
        return (RELEASES / version / "release.json").read_bytes()
    except FileNotFoundError:
        return None


def publish(release: Release, version_id: str, context: Any) -> tuple[str, str]:
    """The state of the version afterwards, and the reason when that is not what was asked for."""
    version = release.version
    if version in listed(RELEASES):
        kept = published(version)
        if kept is None:
            raise Refused(f"releases/{version} is on the file system, but was not published: remove it.")
        if content(json.loads(kept)["files"]) != content(release.files):
            raise Refused(f"{version} is published with other files, and a release never changes: take a new version.")
    else:
        copy(release, context)
    if version in listed(WITHDRAWN) and newest(version, version_id):
        (WITHDRAWN / version).unlink()
        sync(WITHDRAWN)
    refresh()
    if version in names(WITHDRAWN):
        return "withdrawn", superseded(version)
    return "published", ""


def withdraw(release: Release, version_id: str, _: Any) -> tuple[str, str]:
    """As `publish`."""
    version = release.version
    there = version in listed(RELEASES)
    if newest(version, version_id):
        # Also when there is no such release: the event that publishes it may come late.
        store(WITHDRAWN / version, [])
        sync(WITHDRAWN)
    elif not there:
        raise Refused(superseded(version))
    refresh()
    if not there:
        raise Refused(f"{version} is not published, so there is nothing to withdraw.")
    if version not in names(WITHDRAWN):
        return "published", superseded(version)
    return "withdrawn", ""


def superseded(version: str) -> str:
    return f"Another releases/{version}.json took the place of this one."


def copy(release: Release, context: Any) -> None:
    """Make /releases/<version>, or nothing."""
    # Named by what is in it: a file that has its name here was verified for a release of the same content.
    digest = hashlib.sha256(json.dumps(content(release.files)).encode()).hexdigest()
    staging = STAGING / f"{release.version}-{digest[:32]}"
    try:
        make(staging)
        for file in release.files:
            path = staging / file["name"]
            if not path.exists():
                store(path, verified(release.version, file, arriving(release.version, file, context)))
        store(staging / "release.json", [json.dumps(entry(release)).encode()])
    except Refused:
        shutil.rmtree(staging)
        raise
    except OSError as error:
        if error.errno in FULL:
            # Room counts more than what is copied already.
            for name in names(STAGING):
                shutil.rmtree(STAGING / name, ignore_errors=True)
        raise
    sync(staging)
    staging.rename(RELEASES / release.version)
    # Attempts to publish other files as this version will be refused.
    for name in names(STAGING):
        if name.rpartition("-")[0] == release.version:
            shutil.rmtree(STAGING / name)


def refresh() -> None:
    """Let the manifest name the highest version that is there, is no pre-release and is not withdrawn; or go."""
    sync(RELEASES)
    withdrawn = listed(WITHDRAWN)
    stable = [name for name in listed(RELEASES) if STABLE.fullmatch(name) and name not in withdrawn]
    stable.sort(key=lambda name: [int(part) for part in name.split(".")])
    # A directory without release.json was made by hand.
    data = next((found for name in reversed(stable) if (found := published(name)) is not None), None)
    if data is None:
        LATEST.unlink(missing_ok=True)
    elif not LATEST.exists():
        store(LATEST, [data])
    elif LATEST.read_bytes() != data:
        # nginx tells one from another by the second and the size, and devices ask whether they have it already.
        store(LATEST, [data], after=LATEST.stat().st_mtime)
    sync(FILES)


def latest() -> str:
    """The version that the manifest names now, or nothing."""
    try:
        return str(json.loads(LATEST.read_bytes())["version"])
    except FileNotFoundError:
        return ""
