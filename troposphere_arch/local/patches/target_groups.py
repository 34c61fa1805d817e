"""Target groups behind load balancers: which of several gets a request, and which of their targets.

listener ──weights──▶ target group ──healthy──▶ function, or address of this machine
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import ipaddress
import json
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from troposphere_arch.local.patches.expect import expect_function, expect_keys
from troposphere_arch.local.patches.provisioner import Properties, afterwards

CHECK_SECONDS = 1.0
"""So old the last look at a target may be. AWS looks every HealthCheckIntervalSeconds, five at least."""

_BY_PERMISSION = "elasticloadbalancing.amazonaws.com"


def install_weights() -> None:
    """Forward actions to several target groups, with weights.

    Stock: the first target group of ForwardConfig gets everything, and only this one is shown; the API's own calls
    drop ForwardConfig. A target group of a listener rule belongs to no load balancer. A target group that is not there,
    or still in use when it is deleted, is no error; nor is a rule with the priority of another.
    AWS: each request goes to one of them, as their weights say; nothing goes to a weight of 0.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#weighted-target-groups
    Patched: just that, without stickiness. Nobody answers 503 when all weights are 0.
    """
    alb: Any = importlib.import_module("ministack.services.alb")
    provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
    parse = expect_function(alb, "_parse_actions", "params", "prefix")
    show = expect_function(alb, "_action_xml", "a")
    describe = expect_function(alb, "_describe_tgs", "params")
    delete = expect_function(alb, "_delete_tg", "params")
    make = expect_function(provisioners, "_elbv2_listener_actions", "props", "lb_arn", "prop")
    run = expect_function(
        alb,
        "_execute_actions",
        *("actions", "method", "path", "headers", "body", "query_params", "listener_port"),
        *("lb_arn", "target_host", "raw_query_string", "raw_path"),
    )
    calls = expect_keys(alb, "_ACTION_MAP", "DeleteTargetGroup", "DescribeTargetGroups")

    def patched_parse(params: Any, prefix: str = "DefaultActions") -> list[dict[str, Any]]:
        actions: list[dict[str, Any]] = parse(params, prefix)
        for number, action in enumerate(actions, start=1):
            base = f"{prefix}.member.{number}.ForwardConfig.TargetGroups.member"
            groups: list[dict[str, Any]] = []
            while arn := alb._p(params, f"{base}.{len(groups) + 1}.TargetGroupArn"):
                weight = alb._p(params, f"{base}.{len(groups) + 1}.Weight") or "1"
                groups.append({"TargetGroupArn": arn, "Weight": int(weight)})
            _forward(action, groups)
        return actions

    def patched_make(props: Properties, lb_arn: str | None, prop: str = "DefaultActions") -> list[dict[str, Any]]:
        actions: list[dict[str, Any]] = make(props, lb_arn, prop)
        given = [action for action in props.get(prop) or [] if isinstance(action, dict)]
        for action, one in zip(actions, given, strict=True):
            groups = (one.get("ForwardConfig") or {}).get("TargetGroups") or []
            _forward(
                action,
                [{"TargetGroupArn": g["TargetGroupArn"], "Weight": int(g.get("Weight", 1))} for g in groups],
            )
        if missing := [arn for arn in _arns(actions) if arn not in alb._tgs]:
            raise ValueError(f"Target groups '{', '.join(missing)}' not found")
        return actions

    def patched_show(action: dict[str, Any]) -> str:
        text: str = show(action)
        groups = "".join(
            f"<member><TargetGroupArn>{g['TargetGroupArn']}</TargetGroupArn><Weight>{g['Weight']}</Weight></member>"
            for g in _weights(action)
        )
        if not groups:
            return text
        config = f"<ForwardConfig><TargetGroups>{groups}</TargetGroups></ForwardConfig>"
        return text.removesuffix("</member>") + f"{config}</member>"

    async def patched_run(actions: list[dict[str, Any]], *args: Any, **options: Any) -> Any:
        chosen = []
        for action in actions:
            groups = _weights(action)
            if groups and not any(g["Weight"] for g in groups):
                return 503, {"Content-Type": "text/plain"}, b"No target group has a weight\n"
            if groups:
                [group] = random.choices(groups, [g["Weight"] for g in groups])  # noqa: S311 - no secret
                action = {**action, "TargetGroupArn": group["TargetGroupArn"]}
            chosen.append(action)
        return await run(chosen, *args, **options)

    def patched_describe(params: Any) -> Any:
        for arn, group in alb._tgs.items():
            group["LoadBalancerArns"] = balancers_of(alb, arn)
        return describe(params)

    def patched_delete(params: Any) -> Any:
        arn = alb._p(params, "TargetGroupArn")
        if arn in alb._tgs and balancers_of(alb, arn):
            return alb._error("ResourceInUse", _in_use(arn))
        return delete(params)

    alb._parse_actions = patched_parse
    alb._action_xml = patched_show
    alb._execute_actions = patched_run
    calls |= {"DescribeTargetGroups": patched_describe, "DeleteTargetGroup": patched_delete}
    provisioners._elbv2_listener_actions = patched_make
    _refuse_what_clashes(alb, provisioners)


def install_targets() -> None:
    """AWS::ElasticLoadBalancingV2::TargetGroup Targets.

    Stock: dropped.
    AWS: registered. A function has to permit it first: "elasticloadbalancing principal does not have permission".
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
    Patched: just that, for a function's own policy, or that of the version or alias that is the target.
    """
    alb: Any = importlib.import_module("ministack.services.alb")

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        before, after = _targets(old), _targets(new)
        group = alb._tgs[physical_id]
        for identifier, _ in after - before:
            if group["TargetType"] == "lambda" and not permitted(identifier, _BY_PERMISSION, physical_id):
                raise ValueError(
                    f"elasticloadbalancing principal does not have permission to invoke {identifier} "
                    f"from target group {physical_id}"
                )
        kept = [one for one in alb._targets.get(physical_id, []) if (one["Id"], one.get("Port")) not in before - after]
        there = {(one["Id"], one.get("Port")) for one in kept}
        added = [{"Id": identifier, **({"Port": port} if port else {})} for identifier, port in after - there]
        alb._targets[physical_id] = kept + added

    afterwards("AWS::ElasticLoadBalancingV2::TargetGroup", apply)


def permitted(function: str, service: str, source: str) -> bool:
    """Whether the policy of a function, version or alias (by its ARN) lets the service invoke it, for `source`."""
    functions: Any = importlib.import_module("ministack.services.lambda_svc")
    matches = expect_function(
        importlib.import_module("ministack.core.iam_evaluator"), "fnmatch_iam_cs", "value", "pattern"
    )
    _, _, name = functions._get_func_record_for_ref(function)
    kept = functions._functions.get(name) or {"policy": {"Statement": []}}
    for statement in kept["policy"]["Statement"]:
        principal = statement["Principal"]
        by = principal == "*" or (isinstance(principal, dict) and principal.get("Service") == service)
        action = statement["Action"] in ("lambda:InvokeFunction", "lambda:*")
        pattern = (statement.get("Condition") or {}).get("ArnLike", {}).get("AWS:SourceArn", "*")
        if by and action and statement["Resource"] == function and matches(source, pattern):
            return True
    return False


# --- functions

_TEXTS = ("text/", "application/json", "application/javascript", "application/xml")
_MOST = 1024 * 1024


def install_function_events() -> None:
    """What functions behind load balancers get, and may answer.

    Stock: path and multi-value query decoded; with `lambda.multi_value_headers.enabled` the single values as well, and
    both kinds of headers of an answer count. A body is Base64 when it is not UTF-8. An answer that is none is sent.
    AWS: path and query as they came; the one kind of values or the other, as the attribute says, in events and answers.
    A body is Base64 unless its content type is text. An answer without a status code, or larger than 1 MB: 502.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
    Patched: just that.
    """
    alb: Any = importlib.import_module("ministack.services.alb")
    functions: Any = importlib.import_module("ministack.services.lambda_svc")
    run = expect_function(functions, "_execute_function_with_config_scope", "func", "event")
    invoke = expect_function(
        alb,
        "_invoke_lambda_target",
        *("function_ref", "tg_arn", "method", "path", "headers", "body", "query_params", "raw_query_string"),
    )

    async def patched_invoke(
        function: str, group: str, method: str, path: str, headers: Any, body: Any, query: Any, text: str | None = None
    ) -> Any:
        if len(body or b"") > _MOST:
            return 413, {"Content-Type": "text/html"}, b"413 Request Entity Too Large\n"
        if text is not None:
            query = {}
            for name, _, value in (part.partition("=") for part in text.split("&") if part):
                query.setdefault(name, []).append(value)
        return await invoke(function, group, method, path, headers, body, query, text)

    def patched_run(func: Any, event: Any) -> Any:
        # Anybody may invoke it with anything: what comes from a load balancer has all of this.
        context = event.get("requestContext") if isinstance(event, dict) else None
        if not (isinstance(context, dict) and "elb" in context and "body" in event and "isBase64Encoded" in event):
            return run(func, event)
        several = "multiValueHeaders" in event
        kind = event["headers"].get("content-type", "")
        if several:
            event = {k: v for k, v in event.items() if k not in ("headers", "queryStringParameters")}
        if event["body"] and not event["isBase64Encoded"] and not kind.startswith(_TEXTS):
            body = base64.b64encode(event["body"].encode()).decode()
            event = {**event, "body": body, "isBase64Encoded": True}
        result = run(func, event)
        return result if result.get("error") else {**result, **_answer(result.get("body"), several=several)}

    functions._execute_function_with_config_scope = patched_run
    alb._invoke_lambda_target = patched_invoke


def _answer(body: Any, *, several: bool) -> dict[str, Any]:
    """What the load balancer takes of a function's answer."""
    with contextlib.suppress(TypeError, ValueError):
        answer = body if isinstance(body, dict) else json.loads(body)
        if isinstance(answer, dict) and "statusCode" in answer and len(json.dumps(answer)) <= _MOST:
            return {"body": {k: v for k, v in answer.items() if k != ("headers" if several else "multiValueHeaders")}}
    return {"error": True, "body": {"errorMessage": "The function's answer is none that the load balancer takes"}}


# --- health


@dataclass
class _Look:
    """What was last seen of a target: when, and what is wrong with it ("" when nothing is)."""

    at: float = 0.0
    problem: str = "Elb.RegistrationInProgress"
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


_looks: dict[tuple[str, str, int], _Look] = {}


def install_health() -> None:
    """The health of targets.

    Stock: every registered target is healthy and is asked, wherever its address leads.
    AWS: a target that fails its health check is not asked, unless all of the target group fail.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    Patched: just that, but one look decides, and it is taken when a request comes, or DescribeTargetHealth, if the last
    one is a second old; the only target is asked in any case. Other addresses than those of this machine (127.0.0.0/8)
    are unhealthy and never asked.
    """
    alb: Any = importlib.import_module("ministack.services.alb")
    parameters = ("tg_arn", "method", "path", "headers", "body", "query_params", "raw_query_string", "raw_path")
    forward = expect_function(alb, "_forward_to_tg", *parameters)
    answer = expect_function(alb, "handle_request", "method", "path", "headers", "body", "query_params")
    describe = expect_function(alb, "_describe_target_health", "params")
    calls = expect_keys(alb, "_ACTION_MAP", "DescribeTargetHealth")
    expect_function(
        alb,
        "_proxy_http_target",
        *("target", "tg", "method", "path", "headers", "body", "query_params", "raw_query_string"),
    )

    async def patched_forward(
        tg_arn: str, method: str, path: str, headers: Any, body: Any, query: Any, text: Any = None, raw: Any = None
    ) -> Any:
        group = alb._tgs.get(tg_arn)
        registered = list(alb._targets.get(tg_arn, []))
        if group is None or not registered:
            return await forward(tg_arn, method, path, headers, body, query, text, raw)
        if group["TargetType"] == "lambda":
            return await forward(tg_arn, method, raw or path, headers, body, query, text, raw)
        here = [one for one in registered if _is_here(one["Id"])]
        several = registered if len(here) > 1 else []
        problems = await asyncio.gather(*(_look(group, one) for one in several))
        fit = [one for one, problem in zip(several, problems, strict=True) if not problem] or here
        if not fit:
            return 504, {"Content-Type": "text/plain"}, b"No target has an address of this machine\n"
        target = random.choice(fit)  # noqa: S311 - no secret
        return await alb._proxy_http_target(target, group, method, raw or path, headers, body, query, text)

    async def patched_answer(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
        asked = re.search(r"(?:^|&)Action=DescribeTargetHealth(?:&|$)", text)
        arn = re.search(r"(?:^|&)TargetGroupArn=([^&]+)", text)
        if asked and arn:
            group = alb._tgs.get(unquote_plus(arn[1]))
            if group and group["TargetType"] != "lambda":
                known = alb._targets.get(group["TargetGroupArn"], [])
                await asyncio.gather(*(_look(group, one) for one in known))
        return await answer(method, path, headers, body, query)

    def patched_describe(params: Any) -> Any:
        status, headers, body = describe(params)
        group = alb._tgs.get(alb._p(params, "TargetGroupArn"))
        if group is None:
            return status, headers, body
        used = balancers_of(alb, group["TargetGroupArn"])
        for one in alb._targets.get(group["TargetGroupArn"], []):
            identifier, port = one["Id"], int(one.get("Port") or group["Port"])
            state, reason = _state(group, identifier, port, used=bool(used))
            told = f"<State>{state}</State>" + (f"<Reason>{reason}</Reason>" if reason else "")
            head = f"<Id>{identifier}</Id><Port>{port}</Port></Target><HealthStatus>"
            body = body.replace(
                f"{head}healthy</HealthStatus><TargetHealth><State>healthy</State>".encode(),
                f"{head}{state}</HealthStatus><TargetHealth>{told}".encode(),
            )
        return status, headers, body

    alb._forward_to_tg = patched_forward
    alb.handle_request = patched_answer
    calls["DescribeTargetHealth"] = patched_describe


def _state(group: Mapping[str, Any], identifier: str, port: int, *, used: bool) -> tuple[str, str]:
    if not used:
        return "unused", "Target.NotInUse"
    if group["TargetType"] == "lambda":
        return "unavailable", "Target.HealthCheckDisabled"
    problem = _looks.get((group["TargetGroupArn"], identifier, port), _Look()).problem
    return ("unhealthy", problem) if problem else ("healthy", "")


async def _look(group: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    """What is wrong with the target, "" when nothing is. Those who ask at once look once."""
    port = int(target.get("Port") or group["Port"])
    last = _looks.setdefault((group["TargetGroupArn"], target["Id"], port), _Look())
    async with last.lock:
        if time.monotonic() - last.at > CHECK_SECONDS:
            last.problem = await _check(group, target["Id"], port)
            last.at = time.monotonic()
        return last.problem


async def _check(group: Mapping[str, Any], host: str, port: int) -> str:
    if not _is_here(host):
        return "Target.FailedHealthChecks"
    if not group["HealthCheckEnabled"]:
        return ""
    own = group["HealthCheckPort"]
    port = port if own == "traffic-port" else int(own)
    request = (
        f"GET {group['HealthCheckPath']} HTTP/1.1\r\nHost: {host}:{port}\r\n"
        "User-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n"
    )
    try:
        line = await asyncio.wait_for(_first_line(host, port, request), group["HealthCheckTimeoutSeconds"])
    except TimeoutError:
        return "Target.Timeout"
    except (OSError, ValueError):
        return "Target.FailedHealthChecks"
    status = line.split(" ")[1] if line.count(" ") else ""
    return "" if _matches(status, group["Matcher"]["HttpCode"]) else "Target.ResponseCodeMismatch"


async def _first_line(host: str, port: int, request: str) -> str:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request.encode())
        line = await reader.readline()
        return line.decode(errors="replace")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _matches(status: str, codes: str) -> bool:
    for part in codes.split(","):
        first, _, last = part.strip().partition("-")
        if status.isdigit() and int(first) <= int(status) <= int(last or first):
            return True
    return False


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


# --- who forwards to whom


def _forward(action: dict[str, Any], groups: list[dict[str, Any]]) -> None:
    """Note the target groups of a forward action. The only one is its TargetGroupArn too, as AWS shows it."""
    if not groups:
        return
    action["ForwardConfig"] = {"TargetGroups": groups}
    if len(groups) == 1:
        action["TargetGroupArn"] = groups[0]["TargetGroupArn"]
    else:
        action.pop("TargetGroupArn", None)


def _weights(action: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list((action.get("ForwardConfig") or {}).get("TargetGroups") or [])


def _arns(actions: list[dict[str, Any]]) -> Iterator[str]:
    for action in actions:
        if "TargetGroupArn" in action:
            yield action["TargetGroupArn"]
        yield from (group["TargetGroupArn"] for group in _weights(action))


def balancers_of(alb: Any, group: str) -> list[str]:
    """The load balancers whose listeners forward to the target group, by default or by a rule.

    Listeners of one that is gone are gone too, on AWS.
    """
    found = {
        alb._listeners[rule["ListenerArn"]]["LoadBalancerArn"]
        for rule in alb._rules.values()
        if rule["ListenerArn"] in alb._listeners and group in _arns(rule["Actions"])
    }
    return sorted(arn for arn in found if arn in alb._lbs)


def _in_use(arn: str) -> str:
    return f"Target group '{arn}' is currently in use by a listener or a rule"


def _targets(properties: Properties) -> set[tuple[str, int | None]]:
    return {(one["Id"], int(one["Port"]) if one.get("Port") else None) for one in properties.get("Targets") or []}


def _refuse_what_clashes(alb: Any, provisioners: Any) -> None:
    """CloudFormation makes rules and deletes target groups without the API."""
    handlers = expect_keys(provisioners, "_RESOURCE_HANDLERS", "AWS::ElasticLoadBalancingV2::TargetGroup")
    stock = handlers["AWS::ElasticLoadBalancingV2::TargetGroup"]

    def delete(physical_id: str, properties: Properties) -> None:
        if physical_id in alb._tgs and balancers_of(alb, physical_id):
            raise ValueError(_in_use(physical_id))
        stock["delete"](physical_id, properties)

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        rule = alb._rules[physical_id]
        others = [one for one in alb._rules.values() if one["ListenerArn"] == rule["ListenerArn"] and one is not rule]
        if any(one["Priority"] == rule["Priority"] for one in others):
            raise ValueError(f"Priority '{rule['Priority']}' is currently in use")

    handlers["AWS::ElasticLoadBalancingV2::TargetGroup"] = {**stock, "delete": delete}
    afterwards("AWS::ElasticLoadBalancingV2::ListenerRule", apply)
