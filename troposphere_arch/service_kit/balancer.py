"""Makes of a request that API Gateway sent on by a load balancer the event that it would have handed over itself.

API Gateway ──X-Gateway-Route, -Stage, -Caller, -Request──▶ load balancer ──▶ handler ──event of API Gateway──▶ handler

Whom it believes: API Gateway overwrites these headers, whatever a client sent. A load balancer passes on what it gets,
so nobody else may reach it: that is what its security group is for. And who may invoke the function can forge any event
at all, of API Gateway's too: that is a permission of the function.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from . import context

HEADER = "x-gateway-"
# Bytes of an answer, as a load balancer takes it of a function.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
LARGEST = 1_000_000


def handler(work: Callable[[Any, Any], dict[str, Any]]) -> Callable[[Any, Any], dict[str, Any]]:
    """The handler `work` behind a load balancer: with its events it gets API Gateway's, all others as they are.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html#receive-event-from-load-balancer
    """

    def handle(event: Any, lambda_context: Any) -> dict[str, Any]:
        about = event.get("requestContext") if isinstance(event, dict) else None
        if not isinstance(about, dict) or "elb" not in about:
            return work(event, lambda_context)
        headers = {name.lower(): value for name, value in _texts(event, "headers").items()}
        # It hands them over as they were sent; the last one of those with the same name.
        query = _texts(event, "queryStringParameters").items()
        asked = {unquote_plus(name): unquote_plus(value) for name, value in query}
        path, method = (event.get(name) if isinstance(event.get(name), str) else "" for name in ("path", "httpMethod"))
        told = sent_on(method, path, asked, headers, event.get("body"), event.get("isBase64Encoded") is True)
        if told is None:
            return refusal(404, "NotFound", "The service has no such route.")
        answer = work(told, lambda_context)
        if len(json.dumps(answer)) > LARGEST:
            context.log("ERROR", "answer too large for a load balancer", route=told["resource"])
            return refusal(500, "InternalError", "The service failed; its log has the id of this request.", told)
        return answer

    return handle


def sent_on(
    method: str, path: str, query: Mapping[str, str], headers: dict[str, str], body: Any, coded: bool
) -> dict[str, Any] | None:
    """The event of API Gateway; None for what it has not sent. `path` is as it was sent, names of headers are small.

    API Gateway puts the stage in front of the path, unless it is told not to.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/private-integration.html
    """
    said = {name: headers.get(HEADER + name, "") for name in ("route", "stage", "caller", "request")}
    stage = f"/{said['stage']}"
    without = [path.removeprefix(stage)] if said["stage"] and path.startswith(f"{stage}/") else []
    for own in (*without, path):
        values = _values(said["route"], own)
        if values is not None:
            return {
                "resource": said["route"],
                "path": own,
                "httpMethod": method,
                "headers": {name: value for name, value in headers.items() if not name.startswith(HEADER)},
                "queryStringParameters": dict(query),
                "pathParameters": values,
                "requestContext": {
                    "requestId": said["request"],
                    "stage": said["stage"],
                    "identity": {"userArn": said["caller"]},
                },
                "body": body,
                "isBase64Encoded": coded,
            }
    return None


def refusal(status: int, error: str, message: str, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An answer in the form of those of `http`."""
    headers, about = (event or {}).get("headers", {}), (event or {}).get("requestContext", {})
    request = context.like(context.ID.pattern, headers.get("x-request-id"), about.get("requestId"), str(uuid.uuid4()))
    told = {"error": error, "message": message, "request": request}
    said = {"Cache-Control": "no-store", "Content-Type": "application/json", "X-Request-Id": request}
    return {"statusCode": status, "headers": said, "body": context.to_json(told), "isBase64Encoded": False}


def _values(route: str, path: str) -> dict[str, str] | None:
    """What the path has for the names of the route, as it was sent; None when it is another one's."""
    names, parts = route.split("/"), path.split("/")
    if not route or len(names) != len(parts):
        return None
    values = {}
    for name, part in zip(names, parts, strict=True):
        if name.startswith("{") and part:
            values[name[1:-1]] = part
        elif unquote(part) != name:
            return None
    return values


def _texts(event: Mapping[str, Any], name: str) -> dict[str, str]:
    part = event.get(name)
    return (
        {k: v for k, v in part.items() if isinstance(k, str) and isinstance(v, str)} if isinstance(part, dict) else {}
    )
