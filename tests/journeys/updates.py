"""A stack of software updates: how it is made, what stands for its servers, who asks it, and who publishes."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.journeys.stack import Stack, template_url
from troposphere_arch.local import Emulator, Response, fleet
from troposphere_arch.local.files import files_of

ZONE = "example.com"
HOST, ORIGIN = "updates.example.com", "origin.updates.example.com"


def names(emulator: Emulator, tag: str = "") -> dict[str, str]:
    """What an owner has before: a hosted zone and certificates. Gives the parameters that name them.

    `tag` makes the names another stack's: `updates-<tag>.example.com`.
    """
    host, origin = (name.replace("updates", f"updates-{tag}") if tag else name for name in (HOST, ORIGIN))
    route53, acm = emulator.client("route53"), emulator.client("acm")
    zones = [one["Id"] for one in route53.list_hosted_zones()["HostedZones"] if one["Name"] == f"{ZONE}."]
    zone = (zones or [route53.create_hosted_zone(Name=ZONE, CallerReference=ZONE)["HostedZone"]["Id"]])[0]
    arn = acm.request_certificate(DomainName=host, SubjectAlternativeNames=[origin])["CertificateArn"]
    return {
        "DomainCertificateArn": arn,
        "DomainName": host,
        "HostedZoneId": zone.rpartition("/")[2],
        "OriginCertificateArn": arn,
        "OriginDomainName": origin,
    }


def make(emulator: Emulator, name: str, **parameters: str) -> Stack:
    return Stack(emulator, name).create(template_url(emulator, "software-updates"), **parameters)


@contextmanager
def servers(stack: Stack, count: int = 1) -> Iterator[list[fleet.Instance]]:
    """Servers that the stack's own user data booted on this machine, registered as its targets."""
    emulator = stack.emulator
    text = fleet.user_data(emulator.client("ec2"), stack.physical("FleetTemplate"))
    files = files_of(emulator, stack.physical("FilesReader"))
    elbv2, group = emulator.client("elbv2"), stack.physical("BalancerTargets")
    instances: list[fleet.Instance] = []
    with ExitStack() as ends:
        for _ in range(count):
            root = emulator.home / "tmp" / f"instance-{time.monotonic_ns()}"
            ends.callback(fleet.end, root)
            instances.append(fleet.boot(text, root, files))
            assert instances[-1].exit_code == 0, instances[-1].output
        targets = [{"Id": "127.0.0.1", "Port": one.port} for one in instances]
        elbv2.register_targets(TargetGroupArn=group, Targets=targets)
        yield instances
        elbv2.deregister_targets(TargetGroupArn=group, Targets=targets)


def ask(stack: Stack, path: str, host: str, *, method: str = "GET", https: bool = True, **headers: str) -> Response:
    """What a device gets that asks `host`, which DNS leads to wherever it points."""
    emulator = stack.emulator
    told = {"Host": host, **({"X-Forwarded-Proto": "https"} if https else {})}
    return emulator.request(method, f"{emulator.url}{path}", headers={**told, **headers})


def host_of(url: str) -> str:
    return url.partition("://")[2]


def release(version: str, **files: bytes) -> tuple[str, dict[str, bytes], dict[str, Any]]:
    """A version, its files by name (`app_bin` is app.bin), and what describes it."""
    named = {name.replace("_", "."): data for name, data in files.items()}
    described = [
        {"name": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)} for name, data in named.items()
    ]
    return version, named, {"version": version, "files": described}


def put(stack: Stack, version: str, files: dict[str, bytes], description: dict[str, Any]) -> str:
    """What a publisher does: the files, and then what names them. Gives the version of the description in S3."""
    s3, bucket = stack.emulator.client("s3"), stack.outputs["ReleasesBucket"]
    for name, data in files.items():
        s3.put_object(Bucket=bucket, Key=f"files/{version}/{name}", Body=data)
    body = json.dumps(description).encode()
    return str(s3.put_object(Bucket=bucket, Key=f"releases/{version}.json", Body=body)["VersionId"])


def status(stack: Stack, version: str, description: str, seconds: float = 30) -> dict[str, Any]:
    """What became of it."""
    s3, bucket = stack.emulator.client("s3"), stack.outputs["ReleasesBucket"]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            body = s3.get_object(Bucket=bucket, Key=f"status/{version}/{description}.json")["Body"].read()
        except s3.exceptions.NoSuchKey:
            time.sleep(0.1)
            continue
        found: dict[str, Any] = json.loads(body)
        return found
    raise AssertionError(f"nobody said what became of {version}")


def publish(stack: Stack, version: str, **files: bytes) -> dict[str, Any]:
    """Publish a release and wait for its status."""
    made = release(version, **files)
    return status(stack, version, put(stack, *made))


@dataclass
class Polls:
    """A device that polls for as long as the context lasts: how often it got which status, from each name."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def all_good(self, host: str) -> bool:
        found = {status: n for (name, status), n in self.answers.items() if name == host}
        return bool(found) and found.keys() == {200}


@contextmanager
def polling(stack: Stack, *hosts: str, path: str = "/latest.json", https: bool = True) -> Iterator[Polls]:
    """A device asks each of `hosts` again and again, and once more after the context has ended.

    What goes wrong on its side is raised at the end.
    """
    polls, over = Polls(), threading.Event()
    errors: list[BaseException] = []

    def poll() -> None:
        last = False
        while not last:
            last = over.wait(0.01)  # so that others have their turn, too
            for host in hosts:
                polls.answers[host, ask(stack, path, host, https=https).status] += 1

    def kept() -> None:
        try:
            poll()
        except BaseException as error:
            errors.append(error)

    device = threading.Thread(target=kept)
    device.start()
    try:
        yield polls
    finally:
        over.set()
        device.join()
    if errors:
        raise errors[0]
