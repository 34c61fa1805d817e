"""The user data of software-updates, as its template makes it."""

from __future__ import annotations

import functools
import re
from typing import Any

from troposphere_arch import evaluate
from troposphere_arch.scenarios import software_updates

REGION, STACK = "eu-west-1", "our-updates"
FILE_SYSTEM, ACCESS_POINT = "fs-0123456789abcdef0", "fsap-0fedcba9876543210"
# What only a deployment knows.
KNOWN = {"AWS::StackName": STACK, "Files": FILE_SYSTEM, "FilesReader": ACCESS_POINT}
VARIABLES = {
    "FILE_SYSTEM_ID": FILE_SYSTEM,
    "ACCESS_POINT_ID": ACCESS_POINT,
    "REGION": REGION,
    "STACK": STACK,
    "RESOURCE": "Fleet",
    "GENERATION": "7",
}


@functools.cache
def user_data() -> str:
    """The text that EC2 hands an instance of a stack in REGION."""
    template = software_updates.build().to_dict()
    values = evaluate.parameters_of(template, {"FleetGeneration": VARIABLES["GENERATION"]}, region=REGION)
    resolved = evaluate.resolved(template, values)["Resources"]["FleetTemplate"]["Properties"]
    text = evaluate.simplified(resolved["LaunchTemplateData"]["UserData"]["Fn::Base64"], values | KNOWN, {})
    assert isinstance(text, str), text
    return text


def exported(text: str) -> dict[str, str]:
    """The variables that user data sets before anything else."""
    return dict(re.findall(r"^export (\w+)='(.*)'$", text, re.MULTILINE))


def changed(old: str, new: str) -> str:
    """The user data with one place of it changed. The place must be there, once."""
    text: Any = user_data()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the user data"
    return str(text.replace(old, new))
