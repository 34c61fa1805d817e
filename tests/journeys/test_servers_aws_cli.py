"""Services on servers, with a cache, and behind a front, by the real AWS CLI: created by a preset, updated, gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evidence import shows
from tests.journeys.stack import BUCKET, Stack, aws
from tests.microservices.systems import service
from troposphere_arch.local import Emulator
from troposphere_arch.microservices.declaration import Platform, System
from troposphere_arch.microservices.templates import draft

pytestmark = pytest.mark.xdist_group("shapes")

ROUTES = ("GET /items/{id}",)
# What an operator does with a stack of each shape that is up; and a resource that is there then.
UPDATES = {
    "boxed": ("ImageTag=1.0.0", "Tasks"),
    "cached": ("CacheMaxGB=5", "Cache"),
    "served": ("FleetGeneration=2", "Servers"),
    "front": ("WeightOfB=10", "BalancerListener"),
}


@pytest.fixture(scope="module")
def templates(patched: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The catalogue's files, the platform's stack, and the bucket that templates go through."""
    folder = tmp_path_factory.mktemp("by-cli")
    made = (
        service(folder, "boxed", "container", routes=ROUTES),
        service(folder, "cached", "http-cached", routes=ROUTES),
        service(folder, "served", "instances", routes=ROUTES),
        service(folder, "front", "front", routes=ROUTES),
    )
    system = System(Platform("cli", "shop@example.com", network="nat"), {one.name: one for one in made}, folder)
    for name in ("platform", *system.services):
        for path, body in draft(system, name).files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(body)
    patched.client("s3").create_bucket(Bucket=BUCKET)
    aws(
        patched,
        "s3",
        "cp",
        str(folder),
        f"s3://{BUCKET}/cli",
        "--recursive",
        "--exclude",
        "*",
        "--include",
        "*.template.json",
    )
    create(patched, folder, "platform", "starter")
    yield folder
    Stack(patched, "cli-platform").delete()


def create(emulator: Emulator, folder: Path, name: str, preset: str) -> Stack:
    stack = f"cli-{name}"
    aws(
        emulator,
        *("cloudformation", "create-stack", "--stack-name", stack, "--capabilities", "CAPABILITY_IAM"),
        *("--template-url", f"{emulator.url}/{BUCKET}/cli/{stack}/1.0.0/{stack}.template.json"),
        *("--parameters", (folder / stack / "1.0.0/parameters" / f"{preset}.json").as_uri()),
    )
    return Stack(emulator, stack).wait("CREATE_COMPLETE")  # the CLI's own waiting looks every half minute


@shows("REQ-D5", "REQ-M3", how="patched")
@pytest.mark.parametrize("name", UPDATES)
def test_created_updated_and_gone(patched: Emulator, templates: Path, name: str) -> None:
    preset = "production" if name in ("boxed", "front") else "starter"
    stack = create(patched, templates, name, preset)
    outputs = stack.outputs
    assert (outputs["TemplateId"], outputs["TemplateVersion"]) == (f"cli-{name}", "1.0.0")
    chosen, wanted = UPDATES[name]
    key, value = chosen.split("=")
    stack.update_by_aws_cli(**{key: value, **({"DeletionProtection": "off"} if preset == "production" else {})})
    assert {one["ParameterKey"]: one["ParameterValue"] for one in stack.describe()["Parameters"]}[key] == value
    assert stack.physical(wanted)
    stack_id = stack.describe()["StackId"]
    aws(patched, "cloudformation", "delete-stack", "--stack-name", stack.name)
    stack.wait("DELETE_COMPLETE", name=stack_id)
    retained = json.loads((templates / stack.name / "1.0.0" / f"{stack.name}.retained.json").read_text())
    assert set(retained.get("Resources", {})) == {"boxed": {"Repository"}, "cached": {"Items"}}.get(name, set())
