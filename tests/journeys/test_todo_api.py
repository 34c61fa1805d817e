"""What users of the to-do list can do and what they cannot, with every set of options that an emulator can deploy."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from itertools import chain

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.journeys.conftest import signed_in
from tests.journeys.stack import Stack, template_url
from troposphere_arch.journeys import play
from troposphere_arch.journeys.todo import Phone

NewPhone = Callable[[], Phone]


@shows("REQ-T4", "REQ-T5", "REQ-T7", how="stock")
@shows("REQ-T4", "REQ-T5", "REQ-T7", how="patched")
def test_a_user_keeps_sixty_todos(phone: NewPhone) -> None:
    mina = phone()
    ids = []
    for n in range(60):
        made = mina.call("POST", "/todos", {"title": f"To-do {n}", "done": n % 3 == 0})
        assert made.status == 201, made.text()
        ids.append(made.json()["id"])

    def pages(query: str) -> list[list[str]]:
        found, token = [], ""
        while True:
            page = mina.call("GET", f"/todos?{query}{'&next=' + token if token else ''}")
            assert page.status == 200, page.text()
            found.append([item["id"] for item in page.json()["items"]])
            token = page.json().get("next", "")
            if not token:
                return found

    newest_first = ids[::-1]
    all_pages = pages("limit=25")
    assert [len(page) for page in all_pages] == [25, 25, 10]
    assert list(chain(*all_pages)) == newest_first
    assert list(chain(*pages("limit=7&done=true"))) == [i for n, i in enumerate(ids) if n % 3 == 0][::-1]

    path = f"/todos/{ids[0]}"
    changed = mina.call("PUT", path, {"title": "Changed", "notes": "why", "done": True, "version": 1})
    assert (changed.status, changed.json()["version"], changed.json()["title"]) == (200, 2, "Changed")
    conflict = mina.call("PUT", path, {"title": "Stale", "done": False, "version": 1})
    assert (conflict.status, conflict.json()["item"]) == (409, changed.json())
    assert mina.call("GET", path).json() == changed.json()
    assert mina.call("DELETE", path).status == 204
    assert [mina.call("GET", path).status, mina.call("DELETE", path).status] == [404, 404]


@shows("REQ-T5", how="stock")
@shows("REQ-T5", how="patched")
def test_creating_is_idempotent_under_a_client_token(phone: NewPhone) -> None:
    mina = phone()
    new = {"title": "Once", "clientToken": "token-0001"}
    first, again = mina.call("POST", "/todos", new), mina.call("POST", "/todos", new)
    assert (first.status, again.status) == (201, 200)
    assert first.json() == again.json()
    assert mina.call("POST", "/todos", {**new, "title": "Other"}).status == 409
    assert len(mina.call("GET", "/todos").json()["items"]) == 1


@shows("REQ-T5", how="stock")
@shows("REQ-T5", how="patched")
def test_one_user_sees_and_changes_nothing_of_another(phone: NewPhone) -> None:
    mina, joon = phone(), phone()
    made = mina.call("POST", "/todos", {"title": "Mine", "clientToken": "shared-token"}).json()
    for n in range(3):
        mina.call("POST", "/todos", {"title": f"Mine {n}"})
    token = mina.call("GET", "/todos?limit=2").json()["next"]
    path = f"/todos/{made['id']}"
    unknown = joon.call("GET", "/todos/01ARZ3NDEKTSV4RRFFQ69G5FAV")
    foreign = joon.call("GET", path)
    assert (foreign.status, foreign.body) == (unknown.status, unknown.body) == (404, unknown.body)
    assert joon.call("PUT", path, {"title": "Theirs", "done": True, "version": 1}).status == 404
    assert joon.call("DELETE", path).status == 404
    assert joon.call("GET", "/todos").json()["items"] == []
    assert joon.call("GET", f"/todos?next={token}").json()["items"] == []
    # The same client token in another account is another request.
    assert joon.call("POST", "/todos", {"title": "Mine", "clientToken": "shared-token"}).status == 201
    assert mina.call("GET", path).json() == made


@shows("REQ-T4", how="stock")
@shows("REQ-T4", how="patched")
def test_only_an_id_token_of_this_client_gets_in(todo: Stack, phone: NewPhone) -> None:
    mina = phone()
    token = mina.tokens["IdToken"]
    head, claims, signature = token.split(".")
    other = Stack(todo.emulator, "todo-other").create(template_url(todo.emulator, "todo"))
    try:
        foreign = signed_in(other).tokens["IdToken"]
    finally:
        other.delete()
    changed = json.loads(base64.urlsafe_b64decode(claims + "=="))
    changed["sub"] = "00000000-0000-0000-0000-000000000000"
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
    refused = {
        "no token": "",
        "not a token": "Bearer x",
        "another pool's": foreign,
        "other claims": f"{head}.{forged}.{signature}",
        "other signature": f"{head}.{claims}.{signature[:-4]}AAAA",
        "no signature": f"{head}.{claims}.",
        "an access token": mina.tokens["AccessToken"],
    }
    for what, sent in refused.items():
        for method, path in (("GET", "/todos"), ("POST", "/todos"), ("DELETE", "/me")):
            answer = mina.call(method, path, {"title": "x"} if method == "POST" else None, token=sent)
            assert answer.status == 401, (what, method, answer.status, answer.text())
            assert answer.json()["message"]
    assert mina.call("GET", "/todos").status == 200


@shows("REQ-T4", how="stock")
@shows("REQ-T4", how="patched")
def test_sign_in_and_recovery_do_not_tell_whether_a_user_exists(todo: Stack, phone: NewPhone) -> None:
    mina, nobody = phone(), Phone(todo.emulator, todo.outputs)
    mina.password = "Wrong-password-1"
    answers = []
    for one in (mina, nobody):
        with pytest.raises(ClientError) as refused:
            one.sign_in()
        answers.append((refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]))
    assert answers[0] == answers[1] == ("NotAuthorizedException", answers[0][1])
    client = todo.outputs["UserPoolClientId"]
    recoveries = [one.users.forgot_password(ClientId=client, Username=one.email) for one in (mina, nobody)]
    assert recoveries[0]["CodeDeliveryDetails"] == recoveries[1]["CodeDeliveryDetails"]


@shows("REQ-T4", how="stock")
@shows("REQ-T4", how="patched")
def test_a_weak_password_is_refused(todo: Stack) -> None:
    mina = Phone(todo.emulator, todo.outputs, password="short1A!")
    with pytest.raises(ClientError, match="InvalidPasswordException"):
        mina.sign_up()


BAD_BODIES = {
    "no body": None,
    "not JSON": "title=x",
    "half JSON": '{"title": "x"',
    "no object": '["title"]',
    "a number": "7",
    "NaN": '{"title": NaN}',
    "nothing in it": {},
    "title is null": {"title": None},
    "title is a number": {"title": 5},
    "title is blank": {"title": "   "},
    "title is long": {"title": "x" * 201},
    "title has a line break": {"title": "a\nb"},
    "title is half a character": '{"title": "\\ud800"}',
    "notes are long": {"title": "x", "notes": "n" * 2001},
    "done is a word": {"title": "x", "done": "yes"},
    "an owner": {"title": "x", "owner": "somebody-else"},
    "an id": {"title": "x", "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
    "client token is short": {"title": "x", "clientToken": "short"},
    "client token is an object": {"title": "x", "clientToken": {"S": "x"}},
    "deep": '{"title":' + "[" * 5000 + "]" * 5000 + "}",
    "17 kB": {"title": "x", "notes": "n" * 17000},
    "300 kB": {"title": "x" * 300_000},
}


@shows("REQ-T5", how="stock")
@shows("REQ-T5", how="patched")
def test_malformed_requests_get_4xx_with_a_message_and_write_nothing(phone: NewPhone) -> None:
    mina = phone()
    answers = {what: mina.call("POST", "/todos", body) for what, body in BAD_BODIES.items()}
    made = mina.call("POST", "/todos", {"title": "x"}).json()
    path = f"/todos/{made['id']}"
    for what, body in {
        "no version": {"title": "x", "done": True},
        "version is true": {"title": "x", "done": True, "version": True},
        "version is 0": {"title": "x", "done": True, "version": 0},
        "version is huge": {"title": "x", "done": True, "version": 10**40},
        "version is a half": {"title": "x", "done": True, "version": 1.5},
    }.items():
        answers[f"PUT {what}"] = mina.call("PUT", path, body)
    for query in (
        "limit=0",
        "limit=101",
        "limit=x",
        "done=maybe",
        "next=%21%21",
        "next=eyJvd25lciI6IngifQ",
        "limit=-1",
    ):
        answers[f"GET {query}"] = mina.call("GET", f"/todos?{query}")
    for id_ in ("x", "..%2F..", "closed", "token%23token-0001", "%00", "x" * 3000):
        answers[f"GET {id_[:20]}"] = mina.call("GET", f"/todos/{id_}")
    answers["PATCH"] = mina.call("PATCH", path, {"title": "x"})
    answers["GET /nothing"] = mina.call("GET", "/nothing")
    for what, answer in answers.items():
        assert 400 <= answer.status < 500, (what, answer.status, answer.text()[:300])
        assert len(answer.json()["message"]) > 10, (what, answer.text()[:300])
    assert [item["id"] for item in mina.call("GET", "/todos").json()["items"]] == [made["id"]]
    assert mina.call("GET", path).json() == made


@shows("REQ-T4", "REQ-T5", how="stock")
@shows("REQ-T4", "REQ-T5", how="patched")
def test_a_deleted_account_leaves_nothing(todo: Stack, phone: NewPhone) -> None:
    mina, joon = phone(), phone()
    for n in range(30):
        mina.call("POST", "/todos", {"title": f"To-do {n}", "clientToken": f"token-{n:04}"})
    joon.call("POST", "/todos", {"title": "Stays"})
    claims = json.loads(base64.urlsafe_b64decode(mina.tokens["IdToken"].split(".")[1] + "=="))

    assert mina.call("DELETE", "/me").status == 204

    late = mina.call("POST", "/todos", {"title": "From a phone that was offline"})
    assert (late.status, late.json()["error"]) == (401, "AccountDeleted")
    with pytest.raises(ClientError, match="NotAuthorizedException"):
        mina.sign_in()
    root = todo.emulator.client("dynamodb")
    left = root.query(
        TableName=todo.physical("Todos"),
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": {"S": claims["sub"]}},
    )["Items"]
    # One record without content, which says until its time is up that nothing may be written any more.
    assert [sorted(item) for item in left] == [["expires", "id", "owner"]]
    users = todo.emulator.client("cognito-idp").list_users(UserPoolId=todo.outputs["UserPoolId"])["Users"]
    assert claims["sub"] not in json.dumps(users, default=str)
    assert len(joon.call("GET", "/todos").json()["items"]) == 1


@shows("REQ-T7", how="stock")
@shows("REQ-T7", how="patched")
def test_browsers_of_the_apps_origin_may_call(todo: Stack, phone: NewPhone) -> None:
    mina = phone()
    refused = "*"  # what API Gateway itself refuses holds nothing of anybody
    for origin, answer in (
        ("http://localhost:3000", mina.call("GET", "/todos")),
        (refused, mina.call("GET", "/todos", token="")),
        (refused, mina.call("GET", "/nothing")),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == origin, answer.status
        assert answer.headers["Content-Type"] == "application/json"
    preflight = todo.emulator.request("OPTIONS", f"{todo.outputs['ApiUrl']}/todos/x")
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Methods"] == "DELETE,GET,OPTIONS,PUT"
    assert preflight.headers["Access-Control-Allow-Headers"] == "Authorization,Content-Type"


@shows("REQ-T5", how="stock")
@shows("REQ-T5", how="patched")
def test_logs_are_structured_and_hold_nothing_personal(todo: Stack, phone: NewPhone) -> None:
    mina = phone()
    secret = "Buy a surprise for Joon"
    made = mina.call("POST", "/todos", {"title": secret}).json()
    mina.call("GET", f"/todos/{made['id']}")
    logs = todo.emulator.client("logs")
    events = []
    for function in ("ReadTodos", "WriteTodos"):
        group = todo.physical(f"{function}Logs")
        events += [e["message"] for e in logs.filter_log_events(logGroupName=group)["events"]]
    lines = [json.loads(e) for e in events if e.startswith("{")]
    assert {"level", "timestamp", "message", "requestId", "method", "resource", "status"} <= lines[0].keys()
    claims = json.loads(base64.urlsafe_b64decode(mina.tokens["IdToken"].split(".")[1] + "=="))
    for private in (secret, mina.email, made["id"], claims["sub"], mina.tokens["IdToken"], mina.tokens["AccessToken"]):
        assert private not in "\n".join(events)


@shows("REQ-T7", how="stock")
@shows("REQ-T7", how="patched")
def test_the_demo_plays(todo: Stack) -> None:
    steps = list(play("todo", todo.emulator, todo.outputs))
    assert len(steps) == (9 if "FilesBucket" in todo.outputs else 8)
