"""Software updates as a publisher puts them and a device gets them."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import UserError
from ..local import Emulator, Response, fleet
from ..local.files import files_of
from . import Step, expect

FILE = "app.bin"
BYTES = 300_000
SECONDS = 60
"""For which a journey waits for what becomes of a release: a small machine has other things to do, too."""


@dataclass
class Device:
    """What asks for updates. It knows an address, and has no credentials at all."""

    emulator: Emulator
    url: str

    def ask(self, path: str, *, method: str = "GET", **headers: str) -> Response:
        """One request, as DNS would lead it: the name is told in the Host header, TLS in another."""
        parts = urlsplit(self.url)
        told = {"Host": parts.netloc, "X-Forwarded-Proto": parts.scheme, **headers}
        return self.emulator.request(method, f"{self.emulator.url}{path}", headers=told)

    def version(self) -> str:
        """What the manifest names; empty when there is none."""
        answer = self.ask("/latest.json")
        expect("200, or 404 when nothing is published", answer.status in (200, 404), _short(answer))
        return str(answer.json()["version"]) if answer.status == 200 else ""


@dataclass
class Publisher:
    """Who puts releases into the bucket; all that they know is its name."""

    emulator: Emulator
    outputs: Mapping[str, str]

    def put(self, version: str, data: bytes, digest: str = "") -> dict[str, Any]:
        """Put a release of one file, and wait for what becomes of it; `digest` is another SHA-256 than the file's."""
        self._s3().put_object(Bucket=self.outputs["ReleasesBucket"], Key=f"files/{version}/{FILE}", Body=data)
        file = {"name": FILE, "sha256": digest or hashlib.sha256(data).hexdigest(), "size": len(data)}
        return self._describe({"version": version, "files": [file]})

    def withdraw(self, version: str) -> dict[str, Any]:
        """Let a version not be the latest any more."""
        return self._describe({"version": version, "withdrawn": True})

    def _s3(self) -> Any:
        return self.emulator.client("s3", region=self.outputs["Region"])

    def _describe(self, description: dict[str, Any]) -> dict[str, Any]:
        s3, bucket, version = self._s3(), self.outputs["ReleasesBucket"], description["version"]
        body = json.dumps(description).encode()
        made = s3.put_object(Bucket=bucket, Key=f"releases/{version}.json", Body=body)["VersionId"]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                answer = s3.get_object(Bucket=bucket, Key=f"status/{version}/{made}.json")
            except s3.exceptions.NoSuchKey:
                time.sleep(0.1)
                continue
            found: dict[str, Any] = json.loads(answer["Body"].read())
            return found
        raise UserError(f"the journey stopped: nothing said within {SECONDS} seconds what became of {version}")


@contextmanager
def server(emulator: Emulator, outputs: Mapping[str, str]) -> Iterator[fleet.Instance]:
    """A server of the fleet, for which this machine's nginx stands, behind the load balancer."""
    region = outputs["Region"]
    groups = emulator.client("autoscaling", region=region)
    [group] = groups.describe_auto_scaling_groups(AutoScalingGroupNames=[outputs["FleetName"]])["AutoScalingGroups"]
    text = fleet.user_data(emulator.client("ec2", region=region), group["LaunchTemplate"]["LaunchTemplateId"])
    efs = emulator.client("efs", region=region)
    point = efs.describe_access_points(FileSystemId=outputs["FileSystemId"])["AccessPoints"][0]["AccessPointId"]
    balancers = emulator.client("elbv2", region=region)
    with fleet.booted(text, files_of(emulator, point, region=region)) as made:
        targets = [{"Id": "127.0.0.1", "Port": made.port}]
        for one in group["TargetGroupARNs"]:
            balancers.register_targets(TargetGroupArn=one, Targets=targets)
        try:
            yield made
        finally:
            for one in group["TargetGroupARNs"]:
                balancers.deregister_targets(TargetGroupArn=one, Targets=targets)


def play(emulator: Emulator, outputs: Mapping[str, str]) -> Iterator[Step]:
    """A server, two releases, one that is refused; afterwards the manifest is as it was before."""
    if not emulator.patched:
        raise UserError("functions of the unmodified emulator have no file system: deploy it without --stock")
    with server(emulator, outputs) as made:
        yield Step(
            "a server starts, by the user data of the launch template (nginx of this machine, and a directory for EFS)",
            f"{len(made.signals)} signal to CloudFormation: it serves",
            "servers come and go by themselves: each mounts the files, and says when it serves",
        )
        yield from _releases(emulator, outputs)


def _releases(emulator: Emulator, outputs: Mapping[str, str]) -> Iterator[Step]:
    device, publisher = Device(emulator, outputs["UpdatesUrl"]), Publisher(emulator, outputs)
    before = device.version()
    major, minor = before.split(".")[:2] if before else ("0", "0")
    # After the one that is there, and never one that was there before: a release never changes.
    first, second = (f"{major}.{int(minor) + more}.{int(time.time())}" for more in (1, 2))
    programs = {version: secrets.token_bytes(BYTES) for version in (first, second)}

    answer = publisher.put(first, programs[first])
    expect("published", answer["state"] == "published", answer)
    yield Step(f"a release is put into the bucket: {first}", answer["state"], "publishing is an upload, no login")

    manifest = device.ask("/latest.json")
    expect("the manifest of it", manifest.status == 200 and manifest.json()["version"] == first, _short(manifest))
    yield Step(
        f"a device asks {device.url}/latest.json",
        f"200 {first}, Cache-Control: {manifest.headers['Cache-Control']}",
        "the one file that changes is small, and is kept for seconds",
    )
    yield from _file(device, manifest.json()["files"][0], programs[first])

    answer = publisher.put(second, programs[second])
    expect("published", answer["state"] == "published", answer)
    old = device.ask(f"/releases/{first}/{FILE}")
    expect("the new one, and the old one", (device.version(), old.body) == (second, programs[first]), _short(old))
    yield Step(f"another release: {second}", f"{second} is the latest", "the old one stays at its path for ever")

    other = publisher.put(second, programs[first])
    wrong = publisher.put(f"{second}-rc.1", programs[first], hashlib.sha256(b"another").hexdigest())
    expect("refused", (other["state"], wrong["state"]) == ("refused", "refused"), (other, wrong))
    yield Step("the same version with other bytes", other["reason"], "a release never changes")
    expect("the last good release", device.version() == second, device.version())
    yield Step("one whose SHA-256 is wrong", f"refused; {second} is the latest", "nobody sees what is not whole")

    yield from _no_way(device, outputs)

    states = [publisher.withdraw(version) for version in (second, first)]
    expect("the manifest as before", device.version() == before, states)
    yield Step("both are withdrawn", before or "no manifest, as before", "one file goes back; the files stay")


def _file(device: Device, file: Mapping[str, Any], data: bytes) -> Iterator[Step]:
    whole = device.ask(file["url"])
    expect("200 and the file", (whole.status, whole.body) == (200, data), _short(whole))
    expect("its SHA-256", hashlib.sha256(whole.body).hexdigest() == file["sha256"], file)
    yield Step(
        f"GET {file['url']}",
        f"200 {len(whole.body)} B, its SHA-256 is the manifest's, Cache-Control: {whole.headers['Cache-Control']}",
        "what never changes may be kept for ever, by everybody",
    )
    part = device.ask(file["url"], Range="bytes=100000-199999")
    same = device.ask(file["url"], **{"If-None-Match": whole.headers["ETag"]})
    expect("206 and that part", (part.status, part.body) == (206, data[100_000:200_000]), part.status)
    expect("304", same.status == 304, same.status)
    yield Step(
        "a range of it, and the whole if it is another one",
        f"206 {part.headers['Content-Range']}, {same.status}",
        "a download that broke off goes on where it was",
    )


def _no_way(device: Device, outputs: Mapping[str, str]) -> Iterator[Step]:
    asked = {"POST": "/latest.json", "DELETE": "/latest.json", "GET": "/.publish/lock", "HEAD": "/releases/"}
    answers = [device.ask(path, method=method).status for method, path in asked.items()]
    expect("a refusal each", all(400 <= one < 500 for one in answers), answers)
    yield Step(
        ", ".join(f"{method} {path}" for method, path in asked.items()),
        ", ".join(map(str, answers)),
        "devices read releases, and nothing else",
    )
    if "EdgeId" in outputs:
        direct = Device(device.emulator, outputs["BalancerUrl"]).ask("/latest.json")
        shows = "EdgeCache is on: devices may ask the load balancer still"
        if direct.status != 200:
            shows = "EdgeCache is enforced: nobody passes by the edge"
        yield Step(f"{outputs['BalancerUrl']}/latest.json", f"{direct.status}", shows)


def _short(answer: Response) -> str:
    text = answer.body[:80].decode(errors="replace")
    return f"{answer.status} {text}"
