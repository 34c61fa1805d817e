"""What functions ask of APIs, over HTTPS: other services, by name.

    function ──https──▶ name ──▶ record ──▶ API Gateway of this emulator

Stock: a function asks this machine's resolver and then the Internet, or finds no network.
AWS: a function that is in no VPC reaches every public name. One in a VPC has no public address: without a NAT gateway
it reaches no public name, but private APIs by an interface endpoint, and what the VPC's private zones lead to.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc-internet.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-apis.html
Patched: Python functions find the names that lead to API Gateway in the emulator, as far as routes, endpoints and
private zones let them, and no other name: it cannot be resolved, at once, and nothing leaves the machine. Neither TLS
is spoken nor a certificate looked at; the Host header and the signature stay as they are. No security group, no network
ACL and no policy of an endpoint is looked at, and the AWS SDK reaches the emulator from every network, as on stock.
IAM knows `aws:SourceVpce` and `aws:SourceVpc` of what a function in a VPC asks of an API.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from troposphere_arch.local.addresses import LOOPBACK
from troposphere_arch.local.backends import authorities
from troposphere_arch.local.patches import api_names
from troposphere_arch.local.patches.expect import expect_function
from troposphere_arch.local.patches.names import resolve
from troposphere_arch.local.patches.provisioner import truth

_NAMES = "/_names/"
_SCRIPT = "_PYTHON_WORKER_SCRIPT"
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=(?P<key>[A-Z0-9]+)/")


@dataclass(frozen=True)
class Network:
    """Where a function is: its VPC, if any, and whether it reaches what is outside."""

    vpc: str = ""
    way_out: bool = True


def install() -> None:
    """Go before the code of functions, answer what they ask about names, and know where they are."""
    _go_before_functions()
    _answer_about_names()
    _know_who_asks()


def reaches(function: str, name: str) -> bool:
    """Whether a function, by its ARN, finds an API under a name."""
    gateway: Any = importlib.import_module("ministack.services.apigateway_v1")
    network = network_of(function)
    target = resolve(name, network.vpc)
    if address := api_names.ADDRESS.fullmatch(target):
        api = next((api for (_, _, found), api in gateway._rest_apis.all_items() if found == address["api"]), None)
        if api is not None and api_names.is_private(api):
            return endpoint_of(network, address["endpoint"] or "") != ""
        if api is not None:
            return network.way_out and not address["endpoint"]
    if way := api_names.ENDPOINT.fullmatch(target):
        return endpoint_of(network, way["endpoint"]) != ""
    regional = {domain["regionalDomainName"].lower() for _, domain in gateway._domain_names.all_items()}
    return network.way_out and target in regional


def network_of(function: str) -> Network:
    """The network that the function is in, or the tasks of a service of ECS, by its ARN."""
    ec2: Any = importlib.import_module("ministack.services.ec2")
    parts = function.split(":")
    if len(parts) < 6:
        return Network()
    region, account = parts[3], parts[4]
    subnets = _subnets_of(account, region, parts[5:])
    if not subnets:
        return Network()
    subnet = ec2._subnets.get_scoped(account, region, subnets[0]) or {}
    routes = [
        route
        for (owner, _, _), table in ec2._route_tables.all_items()
        if owner == account and any(one.get("SubnetId") == subnets[0] for one in table["Associations"])
        for route in table["Routes"]
    ]
    return Network(subnet.get("VpcId", ""), any(route.get("NatGatewayId") for route in routes))


def endpoint_of(network: Network, named: str = "") -> str:
    """The endpoint for API Gateway in that network: the one `named`, or else one with private DNS. "" without one."""
    ec2: Any = importlib.import_module("ministack.services.ec2")
    for (_, _, found), endpoint in ec2._vpc_endpoints.all_items():
        here = network.vpc and endpoint["VpcId"] == network.vpc and endpoint["ServiceName"].endswith(".execute-api")
        if here and (found == named if named else truth(endpoint.get("PrivateDnsEnabled"))):
            return str(found)
    return ""


def _subnets_of(account: str, region: str, name: list[str]) -> list[str]:
    """`function:stock`, or `service/cluster/stock`, split at its colons."""
    if len(name) > 1:
        functions: Any = importlib.import_module("ministack.services.lambda_svc")
        known = functions._functions.get_scoped(account, region, name[1]) or {"config": {}}
        return list((known["config"].get("VpcConfig") or {}).get("SubnetIds") or [])
    ecs: Any = importlib.import_module("ministack.services.ecs")
    service = ecs._services.get_scoped(account, region, name[0].removeprefix("service/")) or {}
    network = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    return list(network.get("subnets") or [])


def _go_before_functions() -> None:
    runtime: Any = importlib.import_module("ministack.core.lambda_runtime")
    # It names the script whenever it starts a process, and tells the function's ARN by this variable.
    script = getattr(runtime, _SCRIPT, "")
    expect_function(runtime, "_detect_runtime_binary", "runtime")
    if "_LAMBDA_FUNCTION_ARN" not in inspect.getsource(runtime.Worker) or "def run():" not in script:
        expect_function(runtime, _SCRIPT)  # says what is wrong
    before = Path(__file__).with_name("inside_function.py").read_text()
    port = int(os.environ["GATEWAY_PORT"])
    known = str(authorities(Path(tempfile.gettempdir())))
    runtime._PYTHON_WORKER_SCRIPT = f"{before}\n\n_keep_here({port}, {known!r})\n{script}"


def _answer_about_names() -> None:
    emulator: Any = importlib.import_module("ministack.app")
    responses: Any = importlib.import_module("ministack.core.responses")
    app = expect_function(emulator, "app", "scope", "receive", "send")

    async def patched_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        if not headers.get(b"host", b"").startswith(LOOPBACK.encode()) or not scope["path"].startswith(_NAMES):
            await app(scope, receive, send)
            return
        function = headers.get(b"x-function", b"").decode()
        account, region = (function.split(":")[4], function.split(":")[3]) if function.count(":") > 4 else ("", "")
        with responses.request_scope(account or responses.get_account_id(), region or responses.get_region()):
            found = reaches(function, scope["path"].removeprefix(_NAMES))
        await send({"type": "http.response.start", "status": 200 if found else 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    emulator.app = patched_app


def _know_who_asks() -> None:
    app: Any = importlib.import_module("ministack.app")
    runtime: Any = importlib.import_module("ministack.core.lambda_runtime")
    functions: Any = importlib.import_module("ministack.services.lambda_svc")
    give = expect_function(runtime, "execution_credentials", "config")
    expect_function(functions, "execution_credentials", "config")
    check = expect_function(
        app,
        "_enforce_data_plane",
        *("service", "iam_action", "headers", "query_params", "request_id", "resource_arn"),
        *("service_context", "auth_error_response", "named_resource"),
    )
    askers: dict[str, str] = {}

    def patched_give(config: dict[str, Any]) -> dict[str, str]:
        credentials: dict[str, str] = give(config)
        askers[credentials["AWS_ACCESS_KEY_ID"]] = config.get("FunctionArn", "")
        return credentials

    def patched_check(service: str, iam_action: str, headers: dict[str, str], *rest: Any, **options: Any) -> Any:
        signed = _SIGNED.match(headers.get("authorization", ""))
        if iam_action == "execute-api:Invoke" and signed and signed["key"] in askers:
            keys = _whence(askers[signed["key"]], headers.get("host", "").split(":")[0].lower())
            options["service_context"] = {**(options.get("service_context") or {}), **keys}
        return check(service, iam_action, headers, *rest, **options)

    runtime.execution_credentials = functions.execution_credentials = patched_give
    app._enforce_data_plane = patched_check


def _whence(function: str, host: str) -> dict[str, str]:
    network = network_of(function)
    target = resolve(host, network.vpc)
    way = api_names.ADDRESS.fullmatch(target) or api_names.ENDPOINT.fullmatch(target)
    endpoint = endpoint_of(network, (way["endpoint"] or "") if way else "")
    return {"aws:SourceVpce": endpoint, "aws:SourceVpc": network.vpc} if endpoint else {}
