"""Answers the requests of a REST API: `handler = http.handler({"GET /orders/{id}": read_order})`.

API Gateway ──event──▶ handler ──Request──▶ the function of the route ──Reply, dict, None, or Problem──▶ answer
"""

from __future__ import annotations

import base64
import json
import math
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from . import context, errors

LIMIT = 1024 * 1024
# Bytes of an answer's body, as Lambda hands it over: it takes 6 MB in all.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LARGEST = 6_000_000


@dataclass(frozen=True)
class Request:
    """One of the route `GET /orders/{id}` has its `path["id"]`; of what is there twice, `query` has the last one.

    Names of `headers` are in small letters. `body` is what its JSON says, None for none. `id` is the request's, which
    goes along with all that it leads to. `caller` is the ARN of whoever signed it, "" for nobody.
    """

    method: str
    route: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    id: str
    caller: str


@dataclass(frozen=True)
class Reply:
    """An answer; its status is from 200 to 599, its body anything that JSON can say, None for none.

    Names and values of headers are printable ASCII: a line end in one would begin another header.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Problem(Exception):
    """An answer that says no: `error` is a word for programs, `message` a sentence for people."""

    def __init__(self, status: int, error: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.message, self.headers = status, error, message, headers or {}


FAILURE = Problem(500, "InternalError", "The service failed; its log has the id of this request.")


class BadRequest(Problem):
    def __init__(self, message: str) -> None:
        super().__init__(400, "BadRequest", message)


class NotFound(Problem):
    def __init__(self, message: str) -> None:
        super().__init__(404, "NotFound", message)


class Conflict(Problem):
    def __init__(self, message: str) -> None:
        super().__init__(409, "Conflict", message)


class Unavailable(Problem):
    def __init__(self, message: str, retry_after: float = 1) -> None:
        super().__init__(503, "Unavailable", message, {"Retry-After": str(max(1, math.ceil(retry_after)))})


def handler(
    routes: Mapping[str, Callable[[Request], Reply | dict[str, Any] | None]], *, limit: int = LIMIT
) -> Callable[[Any, Any], dict[str, Any]]:
    """The Lambda handler that answers `routes`, such as "POST /orders": a dict with 200, None with 204.

    Errors are answered as `{"error", "message", "request"}`: a `Problem` as it says; another service that is not
    available, or AWS that does not answer, with 503 and `Retry-After`; another service that answers otherwise with 502;
    a body that is no JSON, or has more bytes than `limit`, with 400 or 413; all else with 500, of which only the log
    says more. What a request with an `Idempotency-Key` sends has the same ids when its caller sends it again, and what
    anybody else sends has others.

    A request has the id of its `X-Request-Id`, so that it is one through all services, else a random one. Whoever may
    call a route can join a request whose id it knows: what follows is told as a part of that. So ids are given to
    nobody else than who is to know of a request.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """

    def handle(event: Any, lambda_context: Any) -> dict[str, Any]:
        started = time.monotonic()
        route = f"{_part(event, 'httpMethod')} {_part(event, 'resource')}"
        headers = {name.lower(): value for name, value in _texts(event, "headers").items()}
        caller = context.like(".+", _part(event, "requestContext", "identity", "userArn"))
        new, given = str(uuid.uuid4()), _part(event, "requestContext", "requestId")
        # Two requests may have the same id, of which a caller has the choice, also of API Gateway's. Only a key says
        # that they are one, and that of somebody else is another.
        key = headers.get("idempotency-key")
        work = context.Work(
            request=context.like(context.ID.pattern, headers.get("x-request-id"), given, new),
            origin=context.id_of(caller, route, _part(event, "path"), key) if key else new,
            trace=context.trace(headers.get("x-amzn-trace-id")),
            deadline=context.deadline(lambda_context),
            accepts=True,
        )
        with context.begin(work):
            failed: BaseException | None = None
            try:
                if route not in routes:
                    route = "unknown"
                    raise NotFound("The service has no such route.")
                # A REST API hands over the parts of a path as they were sent.
                path = {name: unquote(value) for name, value in _texts(event, "pathParameters").items()}
                query, body = _texts(event, "queryStringParameters"), _body(event, limit)
                method = route.partition(" ")[0]
                said = routes[route](Request(method, route, path, query, headers, body, work.request, caller))
                answer = _answer(said if isinstance(said, Reply) else Reply(204 if said is None else 200, said))
            except (Exception, SystemExit) as error:
                answer, failed = _refusal(error)
            status, spent = answer["statusCode"], round((time.monotonic() - started) * 1000)
            level = "ERROR" if status == 500 else "WARNING" if status > 500 else "INFO"
            # Whoever asks gets the answer also when it cannot be logged.
            with suppress(Exception):
                context.log(level, "answered", failed, route=route, status=status, durationMs=spent)
        return answer

    return handle


def _part(event: Any, *names: str) -> Any:
    for name in names:
        event = event.get(name) if isinstance(event, dict) else None
    return event


def _texts(event: Any, name: str) -> dict[str, str]:
    part = _part(event, name)
    return {k: v for k, v in part.items() if isinstance(v, str)} if isinstance(part, dict) else {}


def _body(event: Any, limit: int) -> Any:
    text = _part(event, "body") or ""
    try:
        data = base64.b64decode(text, validate=True) if _part(event, "isBase64Encoded") is True else text.encode()
        if len(data) > limit:
            raise Problem(413, "BodyTooLarge", f"The body has {len(data)} bytes; at most {limit} are allowed.")
        return context.from_json(data) if data else None
    except (AttributeError, TypeError, ValueError):
        raise BadRequest("The body is no JSON in UTF-8.") from None


def _refusal(error: BaseException) -> tuple[dict[str, Any], BaseException | None]:
    """The answer, and what the log is to say of the error: nothing where the answer says it all."""
    try:
        problem = _problem(error)
        return _told(problem), None if problem is error else error
    except Exception:
        # A problem that cannot be said.
        return _told(FAILURE), error


def _told(problem: Problem) -> dict[str, Any]:
    told = {"error": problem.error, "message": problem.message, "request": context.current().request}
    return _answer(Reply(problem.status, told, problem.headers))


def _problem(error: BaseException) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, errors.Unavailable):
        return Unavailable(f"{error.service}, which this needs, is not available; try again.", error.retry_after)
    if isinstance(error, errors.CallError):
        return Problem(502, "BadGateway", f"{error.service}, which this needs, answered otherwise than expected.")
    # Here, since whoever needs nothing of AWS need not wait for it.
    from botocore import exceptions

    if isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError):
        return Unavailable("AWS, which this needs, did not answer; try again.")
    return FAILURE


def _answer(reply: Reply) -> dict[str, Any]:
    kind = {} if reply.body is None else {"Content-Type": "application/json"}
    about = {"Cache-Control": "no-store", "X-Request-Id": context.current().request, **kind, **reply.headers}
    body = "" if reply.body is None else context.to_json(reply.body)
    if not isinstance(reply.status, int) or not 200 <= reply.status < 600:
        raise ValueError("the status is none")
    if not all(context.like("[!-9;-~]+", k) and v == context.like("[ -~]*", v) for k, v in about.items()):
        raise ValueError("a header is none")
    if len(json.dumps(body)) > LARGEST:
        raise ValueError("the answer is too large")
    return {"statusCode": reply.status, "headers": about, "body": body, "isBase64Encoded": False}
