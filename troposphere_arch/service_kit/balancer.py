"""Makes of a request that API Gateway sent on by a load balancer the event that it would have handed over itself.

API Gateway ──X-Gateway-Route, -Stage, -Caller, -Request──▶ load balancer ──▶ handler ──event of API Gateway──▶ handler

Whom it believes: API Gateway overwrites these headers, whatever a client sent. But it tells names apart by case, so a
client's own may come along: what is there twice is refused. A load balancer passes on what it gets, so nobody else may
reach it: that is what its security group is for. And who may invoke the function can forge any event at all, of API
Gateway's too: that is a permission of the function.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from . import context

HEADER = "x-gateway-"
# What says who asks. A server hands over headers of one name as one, with commas in between: so two of these are none.
# Nor is a name with a comma in it, which IAM would allow.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_CALLER = re.compile(r"arn:[^:,\s]+:(iam|sts)::[0-9]{12}:[^:,\s]+")
# Bytes of an answer, as a load balancer takes it of a function.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
LARGEST = 1_000_000


class Refused(Exception):
    """A request that no handler gets to see."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(error)
        self.answer = status, error, message


def handler(work: Callable[[Any, Any], dict[str, Any]]) -> Callable[[Any, Any], dict[str, Any]]:
    """The handler `work` behind a load balancer: with its events it gets API Gateway's, all others as they are.

    The target group is to hand over all values of a header, or it would be the last one, and nobody sees that there are
    more; then it takes answers of that form only.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html#receive-event-from-load-balancer
    """

    def handle(event: Any, lambda_context: Any) -> dict[str, Any]:
        about = event.get("requestContext") if isinstance(event, dict) else None
        if not isinstance(about, dict) or "elb" not in about:
            return work(event, lambda_context)
        answer = _answer(work, event, lambda_context)
        if "multiValueHeaders" not in event:
            return answer
        several = {name: [value] for name, value in (answer.get("headers") or {}).items()}
        for name, values in (answer.get("multiValueHeaders") or {}).items():
            several[name] = [*several.get(name, []), *values]
        return {**{key: value for key, value in answer.items() if key != "headers"}, "multiValueHeaders": several}

    return handle


def _answer(work: Callable[[Any, Any], dict[str, Any]], event: Any, lambda_context: Any) -> dict[str, Any]:
    headers, several = _headers(event)
    # It hands them over as they were sent; of those with the same name the last one counts.
    asked = {unquote_plus(name): unquote_plus(values[-1]) for name, values in _all(event, "queryStringParameters")}
    path, method = (event.get(name) if isinstance(event.get(name), str) else "" for name in ("path", "httpMethod"))
    try:
        if any(name.startswith(HEADER) for name in several):
            raise _forged()
        told = sent_on(method, path, asked, headers, event.get("body"), event.get("isBase64Encoded") is True)
    except Refused as error:
        return refusal(*error.answer)
    answer = work(told, lambda_context)
    if len(json.dumps(answer)) > LARGEST:
        context.log("ERROR", "answer too large for a load balancer", route=told["resource"])
        return refusal(500, "InternalError", "The service failed; its log has the id of this request.", told)
    return answer


def sent_on(
    method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any, coded: bool
) -> dict[str, Any]:
    """The event of API Gateway. `path` is as it was sent, names of headers are small.

    Raises `Refused` for what it has not sent: where no route is, and where what it says of a request is not one value
    each. API Gateway puts the stage in front of the path, unless it is told not to.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/private-integration.html
    """
    said = {name: headers.get(HEADER + name, "") for name in ("route", "stage", "caller", "request")}
    if any("," in said[name] for name in ("route", "stage", "request")):
        raise _forged()
    if said["caller"] and not _CALLER.fullmatch(said["caller"]):
        raise _forged()
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
    raise Refused(404, "NotFound", "The service has no such route.")


def _forged() -> Refused:
    return Refused(400, "BadRequest", "Who asks, or for what, is said twice; leave X-Gateway headers to API Gateway.")


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


def _headers(event: Mapping[str, Any]) -> tuple[dict[str, str], set[str]]:
    """The headers, names in small letters; of each the last value. And which have several."""
    found: dict[str, list[str]] = {}
    for name, values in _all(event, "headers"):
        found.setdefault(name.lower(), []).extend(values)
    return {name: values[-1] for name, values in found.items()}, {n for n, values in found.items() if len(values) > 1}


def _all(event: Mapping[str, Any], name: str) -> Iterator[tuple[str, list[str]]]:
    """Each name of a part of the event with its values, in whichever form that has them; there is one at least."""
    several = event.get(f"multiValue{name[0].upper()}{name[1:]}")
    part = several if isinstance(several, dict) else event.get(name)
    for key, value in part.items() if isinstance(part, dict) else ():
        values = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
        if isinstance(key, str) and values:
            yield key, values
