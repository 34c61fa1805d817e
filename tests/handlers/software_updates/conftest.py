"""What the tests of PublishRelease share: the handler, a bucket of the unmodified emulator, and a directory.

The directory stands for the file system, which the emulator does not mount; on it are real files. Between the handler
and S3 is a `Gate`, at which a test lets networks and services fail.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from tests.handlers.blog_async.gate import Gate, gate
from troposphere_arch import local

ROOT = Path(__file__).parents[3]
HANDLER = ROOT / "troposphere_arch" / "handlers" / "software_updates" / "publish_release.py"


@dataclass
class Context:
    """The context of one invocation; `remaining` gives the milliseconds left, call by call, the last one for good."""

    remaining: list[int] = field(default_factory=lambda: [60_000])
    aws_request_id: str = "11111111-2222-3333-4444-555555555555"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining.pop(0) if len(self.remaining) > 1 else self.remaining[0]


def load() -> ModuleType:
    """The handler's file as a module of its own, as Lambda loads it."""
    spec = importlib.util.spec_from_file_location("publish_release", HANDLER)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(f"{size} {seed}").randbytes(size)  # noqa: S311 - the same at each run


class Put(NamedTuple):
    """A descriptor that was put: its event, and where its status will be."""

    event: dict[str, Any]
    status: str


@dataclass
class World:
    s3: Any  # past the gate
    gate: Gate
    bucket: str
    files: Path
    environment: dict[str, str]
    module: ModuleType
    worker: subprocess.Popen[str]

    # --- what a publisher does

    def upload(self, version: str, files: dict[str, bytes]) -> list[dict[str, Any]]:
        """Put the files of a version; gives what a descriptor says of them."""
        for name, data in files.items():
            self.s3.put_object(Bucket=self.bucket, Key=f"files/{version}/{name}", Body=data)
        return [
            {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in files.items()
        ]

    def describe(self, version: str, descriptor: object) -> Put:
        """Put a descriptor at the version's key: bytes as they are, anything else as JSON."""
        body = descriptor if isinstance(descriptor, bytes) else json.dumps(descriptor).encode()
        key = f"releases/{version}.json"
        version_id = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"]
        return Put(event_of(self.bucket, key, version_id), f"status/{version}/{version_id}.json")

    def put(self, version: str, files: dict[str, bytes], **more: Any) -> Put:
        """Put a release as the notes say: its files, then its descriptor."""
        return self.describe(version, {"version": version, "files": self.upload(version, files)} | more)

    # --- what becomes of it

    def invoke(self, put: Put, context: Context | None = None) -> dict[str, Any]:
        """The status, which the answer and the log agree with."""
        answer = self.module.handler(put.event, context or Context())
        status = self.status(put)
        assert {"outcome": status["state"]} | {k: status[k] for k in ("version", "reason", "latest")} == answer
        assert status["latest"] == self.latest()
        return status

    def status(self, put: Put) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.object(put.status))
        assert set(status) == {"version", "state", "reason", "at", "latest"}
        return status

    def object(self, key: str) -> bytes:
        data: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return data

    def state(self, put: Put, context: Context | None = None) -> tuple[str, str]:
        status = self.invoke(put, context)
        return status["state"], status["reason"]

    def publish(self, version: str, files: dict[str, bytes] | None = None, **more: Any) -> Put:
        put = self.put(version, files or {"app.tar.gz": version.encode()}, **more)
        assert self.state(put) == ("published", "")
        return put

    def refused(self, put: Put) -> str:
        """Why it is refused, in a sentence that may be shown; nothing is left of it."""
        state, reason = self.state(put)
        assert state == "refused"
        assert reason.isascii()
        assert reason.isprintable()
        assert 20 < len(reason) < 400
        assert reason.endswith(".")
        assert self.left() == []
        return reason

    def runs(self, *runs: dict[str, Any]) -> list[dict[str, Any]]:
        """Run the handler in processes that begin at the same time; see worker.py."""
        assert self.worker.stdin
        assert self.worker.stdout
        self.worker.stdin.write(json.dumps(runs) + "\n")
        self.worker.stdin.flush()
        told: list[dict[str, Any]] = json.loads(self.worker.stdout.readline())
        return told

    # --- what is on the file system

    def latest(self) -> str:
        return sound(self.files)

    def left(self) -> list[str]:
        """What attempts left behind, relative to .publish."""
        hidden = self.files / ".publish"
        folders = [hidden / "parts", hidden / "staging"]
        return sorted(str(one.relative_to(hidden)) for folder in folders for one in folder.rglob("*"))

    def asked(self, prefix: str) -> list[str]:
        """The objects that the handler read since the last look, with this prefix."""
        found = [path.partition("?")[0].removeprefix(f"/{self.bucket}/") for _, path, _ in self.gate.seen]
        self.gate.seen.clear()
        return [key for key in found if key.startswith(prefix)]


def sound(files: Path) -> str:
    """The version that the manifest names, or nothing, after a look at all that devices can see: it is whole."""
    assert {one.name for one in files.iterdir()} <= {"latest.json", "releases", ".publish"}
    latest = files / "latest.json"  # read first: what comes later does not matter to it
    manifest = latest.read_bytes() if latest.exists() else b""
    whole = {}
    for release in (files / "releases").glob("[!.]*"):
        about = json.loads((release / "release.json").read_bytes())
        assert about["version"] == release.name
        assert {one.name for one in release.iterdir()} == {"release.json", *(file["name"] for file in about["files"])}
        for file in about["files"]:
            assert file["url"] == f"/releases/{release.name}/{file['name']}"
            data = (release / file["name"]).read_bytes()
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (file["sha256"], file["size"])
        modes = {one.stat().st_mode & 0o7777 for one in release.iterdir()}
        assert modes == {0o644}
        assert release.stat().st_mode & 0o7777 == 0o755
        whole[release.name] = (release / "release.json").read_bytes()
    if not manifest:
        return ""
    assert latest.stat().st_mode & 0o7777 == 0o644
    version = str(json.loads(manifest)["version"])
    assert whole[version] == manifest
    return version


def event_of(bucket: str, key: str, version_id: str | None) -> dict[str, Any]:
    """What EventBridge sends of a new object in a bucket with versions.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    more = {} if version_id is None else {"version-id": version_id}
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 1, "etag": "e", "sequencer": "1"} | more,
            "reason": "PutObject",
        },
    }


def bucket(stock: local.Emulator) -> str:
    """A bucket with versions, as the template makes it."""
    name = f"releases-{uuid.uuid4().hex}"
    stock.client("s3").create_bucket(Bucket=name)
    stock.client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@contextlib.contextmanager
def worlds(stock: local.Emulator, files: Path) -> Iterator[World]:
    """The world of this directory, while it lasts."""
    name = bucket(stock)
    with ExitStack() as stack:
        before_s3 = stack.enter_context(gate(stock.port))
        environment = {
            **stock.environment(),
            "AWS_ENDPOINT_URL_S3": before_s3.url,
            "RELEASES_BUCKET": name,
            "FILES": str(files),
        }
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in environment.items():
                patch.setenv(variable, value)
            module = load()  # it reads its variables once
        command = [sys.executable, "-m", "tests.handlers.software_updates.worker", str(HANDLER)]
        worker = subprocess.Popen(
            command,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.enter_context(worker)
        stack.callback(worker.kill)
        yield World(stock.client("s3"), before_s3, name, files, environment, module, worker)


@pytest.fixture(scope="session")
def shared_world(stock: local.Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds(stock, tmp_path_factory.mktemp("files")) as made:
        yield made


@pytest.fixture
def world(shared_world: World) -> World:
    """The world, with an empty file system and a gate that lets all pass."""
    clear(shared_world.files)
    shared_world.gate.reset()
    return shared_world


def clear(files: Path) -> None:
    for one in files.iterdir():
        if one.is_dir():
            shutil.rmtree(one)
        else:
            one.unlink()
