"""The user data and the metadata of a service on instances, as its template makes them, and what asks its server."""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.microservices.systems import own_folder, service, shop
from troposphere_arch import evaluate
from troposphere_arch.microservices import service as page

REGION, STACK, HOST = "eu-west-1", "our-shelf", "database-1.abc.eu-west-1.rds.amazonaws.com"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1\"2 $(touch /x) `id` \\ '3"
LOGS = "our-shelf-ServersLogs-1"
# What only a deployment knows; some of it is nastier than AWS makes it.
KNOWN = {
    "AWS::Partition": "aws",
    "AWS::StackName": STACK,
    "ServersLogs": LOGS,
    "Database.Endpoint.Address": HOST,
    "Database.Endpoint.Port": "5432",
    "Database.MasterUserSecret.SecretArn": SECRET,
}
CERTIFICATES = "/etc/service/database.pem"
TOLD = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "DATABASE_CA": CERTIFICATES,
    "DATABASE_HOST": HOST,
    "DATABASE_NAME": "service",
    "DATABASE_PORT": "5432",
    "DATABASE_SECRET": SECRET,
    "HEALTH": "/health",
    "PORT": "8080",
    "SERVICE": "shelf",
}
# Needs each variable to start, and the library that no other shape has.
CODE = f'''"""Answers what it was told: äöü."""
import os

import pg8000
from troposphere_arch.service_kit import http

TOLD = {{name: os.environ[name] for name in {sorted(TOLD)}}}
CERTIFICATES = open(os.environ["DATABASE_CA"]).read()


def told(request):
    return {{"told": TOLD, "given": os.environ.get("GIVEN", ""), "process": os.getpid(), "library": pg8000.__name__}}


handler = http.handler({{"GET /told": told}})
'''


@functools.cache
def _made() -> tuple[str, dict[str, Any]]:
    folder = own_folder()
    system = shop(folder, service(folder, "shelf", "instances", routes=("GET /told",)))
    (folder / "shelf" / "handler.py").write_text(CODE)
    system = replace(system, platform=replace(system.platform, network="nat"))
    template = page.build(system, system.services["shelf"]).to_dict()
    values = evaluate.parameters_of(template, {"FleetGeneration": "7"}, region=REGION) | KNOWN
    resource = template["Resources"]["ServersTemplate"]
    text = deployed(resource["Properties"]["LaunchTemplateData"]["UserData"], values, template["Mappings"])
    return base64.b64decode(text).decode(), {"ServersTemplate": json.loads(json.dumps(resource["Metadata"]))}


def deployed(value: Any, values: Mapping[str, Any], mappings: Mapping[str, Any]) -> Any:
    """The value with all of its functions worked out; `values` has attributes too, as `Database.Endpoint.Port`."""
    if isinstance(value, list):
        return [deployed(one, values, mappings) for one in value]
    if not isinstance(value, dict):
        return value
    if "Fn::GetAtt" in value:
        return values[".".join(value["Fn::GetAtt"])]
    inner = {name: deployed(one, values, mappings) for name, one in value.items()}
    if "Fn::Base64" in inner:
        assert isinstance(inner["Fn::Base64"], str), inner
        return base64.b64encode(inner["Fn::Base64"].encode()).decode()
    return evaluate.simplified(inner, values, {}, mappings)


def user_data() -> str:
    """The text that EC2 hands an instance of a stack in REGION."""
    return _made()[0]


def metadata() -> dict[str, Any]:
    """What cfn-init gets of the stack."""
    made: dict[str, Any] = json.loads(json.dumps(_made()[1]))
    return made


def changed(old: str, new: str) -> str:
    """The user data with one place of it changed. The place must be there, once."""
    text = user_data()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the user data"
    return text.replace(old, new)


def line_of(name: str) -> str:
    """The line of user data that sets a variable, or tells it to the code."""
    (line,) = re.findall(rf"^(?:{name}=.*|told\+=\([\"']?{name}=.*)$", user_data(), re.MULTILINE)
    return str(line)


def address() -> str:
    """A loopback address that no other process of the tests takes."""
    return f"127.77.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"


def ask(url: str) -> dict[str, Any]:
    """What the service answers to what API Gateway would send on."""
    headers = {"X-Gateway-Route": "/told", "X-Gateway-Stage": "v1", "X-Gateway-Request": "1"}
    request = urllib.request.Request(f"{url}/v1/told", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        said: dict[str, Any] = json.load(answer)
    return said
