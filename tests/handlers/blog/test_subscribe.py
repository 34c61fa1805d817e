"""`POST /subscriptions`, `POST /subscriptions/confirm` and `POST /subscriptions/leave`."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.handlers.blog.conftest import (
    PRIVATE,
    SUBSCRIBERS,
    Blog,
    Caller,
    author_claims,
    event_of,
    load_with,
    reply_of,
)
from tests.handlers.conftest import Context, Faulty, Reply, fault
from troposphere_arch import local

DAY = 24 * 60 * 60
ADDRESS = "anna@example.com"


def subscribe(reader: Caller, address: Any = ADDRESS) -> Reply:
    return reader.post("/subscriptions", {"email": address})


def token_of(blog: Blog, address: str = ADDRESS) -> str:
    """The token as the mail to this subscriber has it."""
    return whole(address, blog.subscribers[address]["token"])


def whole(address: str, token: str) -> str:
    return base64.urlsafe_b64encode(address.encode()).decode().rstrip("=") + "." + token


def confirm(reader: Caller, token: Any) -> Reply:
    return reader.post("/subscriptions/confirm", json.dumps({"token": token}))


def leave(reader: Caller, token: Any) -> Reply:
    return reader.post("/subscriptions/leave", json.dumps({"token": token}))


def turn(blog: Blog, *removed: str, **values: str | int) -> None:
    """Change Anna's item as another function, or time, would."""
    item = {name: value for name, value in blog.subscribers[ADDRESS].items() if name not in removed} | values
    blog.put(
        {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in item.items()},
        table=SUBSCRIBERS,
    )


def near(seconds: int, expected: float) -> bool:
    return abs(seconds - expected) < 60


# ---- Subscribing


@shows("REQ-B5", how="stock")
def test_who_subscribes_is_owed_a_mail_to_confirm_and_is_no_subscriber_yet(blog: Blog, reader: Caller) -> None:
    reply = subscribe(reader)
    assert reply.status == 202
    assert reply.headers["Cache-Control"] == PRIVATE
    now = time.time()
    item = blog.subscribers[ADDRESS]
    assert {name: item[name] for name in ("address", "state", "mail", "owed")} == {
        "address": ADDRESS,
        "state": "pending",
        "mail": "confirm-wanted",
        "owed": "mail",
    }
    assert set(item) == {"address", "state", "mail", "owed", "owedSince", "askedAt", "expires", "token"}
    assert near(item["owedSince"], now)
    assert near(item["askedAt"], now)
    assert near(item["expires"], now + 7 * DAY)
    assert re.fullmatch("[A-Za-z0-9_-]{43}", item["token"])
    assert item["token"] not in reply.text


SPELLINGS = [
    " anna@example.com",
    "anna@example.com  ",
    "ANNA@example.com",
    "Anna@Example.COM",
]


@pytest.mark.parametrize("address", SPELLINGS)
def test_one_address_is_one_subscriber_however_it_is_spelt(blog: Blog, reader: Caller, address: str) -> None:
    assert subscribe(reader, address).status == 202
    assert set(blog.subscribers) == {ADDRESS}
    before = blog.subscribers
    for other in SPELLINGS:
        assert subscribe(reader, other).status == 202
    assert blog.subscribers == before


STATES: dict[str, tuple[tuple[str, ...], dict[str, str | int]]] = {
    "just asked": ((), {}),
    "being sent": ((), {"mail": "confirm-sending"}),
    "sent": (("owed", "owedSince"), {"mail": "confirm-sent"}),
    "refused": ((), {"mail": "confirm-refused"}),
    "confirmed": (("expires", "owed", "owedSince"), {"state": "confirmed", "mail": "welcome-sent", "askedAt": 1}),
    "welcome owed": (("expires",), {"state": "confirmed", "mail": "welcome-wanted", "askedAt": 1}),
    "left today": (("owed", "owedSince"), {"state": "left", "mail": "none"}),
    "a state of a later version": ((), {"state": "bounced", "askedAt": 1}),
}


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize(("removed", "values"), STATES.values(), ids=STATES)
def test_whatever_is_known_of_an_address_the_answer_is_the_same_and_nothing_is_written(
    blog: Blog, reader: Caller, removed: tuple[str, ...], values: dict[str, str | int]
) -> None:
    unknown = subscribe(reader)
    turn(blog, *removed, **values)
    before = blog.subscribers
    for _ in range(3):
        assert subscribe(reader) == unknown
    assert blog.subscribers == before


def test_whatever_is_known_of_an_address_the_same_is_asked_of_the_table(
    blog: Blog, reader: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the time that it takes tells nothing either."""
    module = blog.modules["subscribe"]
    asked = []
    for _ in range(2):
        table = Faulty(module.table)
        with monkeypatch.context() as patch:
            patch.setattr(module, "table", table)
            subscribe(reader)
        [(operation, request)] = table.calls
        asked.append((operation, request["UpdateExpression"], request["ConditionExpression"], request["Key"]))
    assert asked[0] == asked[1]


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize("state", ["pending", "left"])
def test_a_day_later_it_may_be_asked_again_with_the_same_token(blog: Blog, reader: Caller, state: str) -> None:
    subscribe(reader)
    turn(blog, "owed", "owedSince", state=state, mail="confirm-sent", askedAt=int(time.time()) - DAY + 30, expires=5)
    before = blog.subscribers
    subscribe(reader)
    assert blog.subscribers == before
    turn(blog, askedAt=int(time.time()) - DAY - 1, welcomedAt=7)
    subscribe(reader)
    item = blog.subscribers[ADDRESS]
    assert (item["state"], item["mail"], item["owed"], item["welcomedAt"]) == ("pending", "confirm-wanted", "mail", 7)
    assert near(item["askedAt"], time.time())
    assert near(item["owedSince"], time.time())
    assert near(item["expires"], time.time() + 7 * DAY)
    assert item["token"] == before[ADDRESS]["token"]


@shows("REQ-B5", how="stock")
def test_of_many_subscriptions_at_once_one_asks_for_a_mail(blog: Blog, reader: Caller) -> None:
    """Each write is a record of the stream, and so perhaps a mail."""
    for n in range(3):
        address = f"anna{n}@example.com"
        table = Faulty(blog.modules["subscribe"].table)
        with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(8) as pool:
            patch.setattr(blog.modules["subscribe"], "table", table)
            replies = list(pool.map(lambda _, address=address: subscribe(reader, address), range(16)))
        assert {reply.status for reply in replies} == {202}
        offered = {request["ExpressionAttributeValues"][":token"]["S"] for _, request in table.calls}
        assert len(offered) == 16
        assert blog.subscribers[address]["token"] in offered
        before = blog.subscribers
        subscribe(reader, address)
        assert blog.subscribers == before


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize("body", [{"email": ADDRESS}, {"email": "x"}])
def test_a_blog_that_sends_no_mail_takes_no_subscription(blog: Blog, stock: local.Emulator, body: Any) -> None:
    module = load_with(stock, "subscribe", MAIL="off")
    assert reply_of(module.handler(event_of("POST", "/subscriptions", body), Context())).error == (409, "MailOff")
    assert blog.subscribers == {}


def test_who_got_mail_before_it_was_switched_off_can_still_confirm_and_leave(
    blog: Blog, reader: Caller, stock: local.Emulator
) -> None:
    subscribe(reader)
    module, body = load_with(stock, "subscribe", MAIL="off"), {"token": token_of(blog)}
    for path, state in (("confirm", "confirmed"), ("leave", "left")):
        event = event_of("POST", f"/subscriptions/{path}", body)
        assert reply_of(module.handler(event, Context())).status == 200
        assert blog.subscribers[ADDRESS]["state"] == state


GOOD_ADDRESSES = [
    "a@b.co",
    "anna+blog@example.com",
    "a.b.c@x.y.z.example.com",
    "o'brien@example.ie",
    "!#$%&'*+/=?^_`{|}~-@example.com",
    "1@2.example3.com",
    "x@xn--bcher-kva.example",
    "x@xn--p1ai.xn--p1ai",
    "x@1.2.3.4.com",
    "a" * 64 + "@example.com",
    "a@" + "b" * 63 + ".com",
    "a@" + "b." * 124 + "com"[:3],
    "a@" + ("b" * 61 + ".") * 4 + "com",
    "-@example.com",
]


@pytest.mark.parametrize("address", GOOD_ADDRESSES, ids=lambda address: address[:30])
def test_an_address_is_taken(blog: Blog, reader: Caller, address: str) -> None:
    assert len(address) <= 254
    assert subscribe(reader, address).status == 202
    assert set(blog.subscribers) == {address}


BAD_ADDRESSES: list[Any] = [
    None,
    True,
    5,
    1.5,
    [],
    [ADDRESS],
    {},
    {"S": ADDRESS},
    10**4000,
    "",
    " ",
    "@",
    "anna",
    "anna@",
    "@example.com",
    "anna@example",
    "anna@@example.com",
    "anna@b@example.com",
    "anna@example.com@",
    "anna example.com",
    "anna @example.com",
    "an na@example.com",
    "anna@ example.com",
    "anna@exam ple.com",
    "anna@example.com.",
    "anna@.example.com",
    "anna@example..com",
    "anna@-example.com",
    "anna@example-.com",
    "anna@example.com-",
    "anna@exa_mple.com",
    "anna@example.123",
    "anna@127.0.0.1",
    "anna@[127.0.0.1]",
    "anna@[IPv6:::1]",
    "anna@localhost",
    ".anna@example.com",
    "anna.@example.com",
    "an..na@example.com",
    '"anna"@example.com',
    '"an@na"@example.com',
    '"\r\nBcc: x"@example.com',
    "anna(comment)@example.com",
    "anna@example.com(comment)",
    "<anna@example.com>",
    "Anna <anna@example.com>",
    "mailto:anna@example.com",
    "anna@example.com,ben@example.com",
    "anna@example.com;ben@example.com",
    "anna@example.com, ben@example.com",
    "anna@example.com ben@example.com",
    "anna,ben@example.com",
    "anna@example.com\n",
    "\nanna@example.com",
    "anna@example.com\r\nBcc: ben@example.com",
    "anna@example.com\nBcc: ben@example.com",
    "anna\r\n@example.com",
    "anna@exam\r\nple.com",
    "anna%0d%0a@example.com\x0d",
    "anna@example.com%0aBcc:ben@example.com",
    "anna@example.com\x00",
    "an\x00na@example.com",
    "anna@exam\x00ple.com",
    "\x00",
    "anna\t@example.com",
    "\tanna@example.com",
    "anna@example.com\x0b",
    "anna@example.com\x1c",
    "anna@example.com\x85",
    "anna@example.com\u00a0",
    "\u3000anna@example.com",
    "\ufeffanna@example.com",
    "anna@example.com\u2028Bcc: x",
    "anna\u200b@example.com",
    "anna\u202e@example.com",
    "anna\u00ad@example.com",
    "ann\u0430@example.com",  # Cyrillic a
    "anna@ex\u0430mple.com",
    "anna@example.\u212aom",  # the sign for Kelvin, whose small letter is k
    "\u212aim@example.com",
    "anna@\u0130stanbul.com",
    "anna@bücher.example",
    "ünna@example.com",
    "anna\uff20example.com",
    "anna@example\uff0ecom",
    "anna@example\u3002com",
    "anna@exam\u2024ple.com",
    "\uff41nna@example.com",
    "anna@exampl\u00e9.com",
    "\ud800@example.com",
    "anna@\ud800.com",
    "\U0001f600@example.com",
    "a" * 65 + "@example.com",
    "a@" + "b" * 64 + ".com",
    "a@" + "b." * 125 + "com",
    "a" * 5000,
    "@" * 5000,
    "." * 5000,
    "a." * 3000 + "@example.com",
    "a@" + "a-" * 3000 + ".com",
    "a@" + "a." * 3000,
    "anna@example.com' OR '1'='1",
    "anna@example.com<script>",
    "anna\\@example.com",
    "anna:x@example.com",
    "$(id)@example.com",
    "../anna@example.com/..",
    "${jndi:ldap://x}@example.com",
]


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize("address", BAD_ADDRESSES, ids=lambda address: ascii(address)[:40])
def test_what_is_no_address_is_refused_and_nothing_written(blog: Blog, reader: Caller, address: Any) -> None:
    started = time.monotonic()
    reply = reader.post("/subscriptions", json.dumps({"email": address}))
    assert reply.error == (400, "InvalidField")
    assert reply.body["message"].startswith("email ")
    assert len(reply.text) < 300
    assert blog.subscribers == {}
    assert time.monotonic() - started < 5  # no text makes the pattern try over and over


# What a mail's header could be broken by, and what SES and the mail's own code would refuse.
SAFE = re.compile(r"[\x21-\x7e]{3,254}")
UNSAFE = set('<>()[],;:\\" @')


@settings(derandomize=True, database=None, deadline=None, max_examples=400)
@given(
    address=st.one_of(
        st.text(st.characters(exclude_categories=()), max_size=30),
        st.emails(),
        st.tuples(st.text(max_size=10), st.text(max_size=10)).map(lambda both: f"{both[0]}@{both[1]}.com"),
        st.from_regex(r"[a-zA-Z0-9.@ \r\n\x00-]{1,20}@[a-z.-]{1,20}", fullmatch=True),
    )
)
def test_whatever_is_sent_only_a_plain_address_is_kept(session_blog: Blog, address: str) -> None:
    session_blog.empty()
    reply = subscribe(Caller(session_blog), address)
    assert reply.status in (202, 400)
    if reply.status == 400:
        assert session_blog.subscribers == {}
        return
    [kept] = session_blog.subscribers
    assert kept == address.strip(" ").lower()
    assert SAFE.fullmatch(kept)
    assert kept.count("@") == 1
    assert not UNSAFE & set(kept.replace("@", ""))


# ---- Confirming


@shows("REQ-B5", how="stock")
def test_the_link_confirms_once_and_a_welcome_is_owed(blog: Blog, reader: Caller) -> None:
    subscribe(reader)
    turn(blog, "owed", "owedSince", mail="confirm-sent")
    token = token_of(blog)
    first = confirm(reader, token)
    assert first.status == 200
    item = blog.subscribers[ADDRESS]
    assert (item["state"], item["mail"], item["owed"]) == ("confirmed", "welcome-wanted", "mail")
    assert near(item["owedSince"], time.time())
    assert near(item["confirmedAt"], time.time())
    assert "expires" not in item
    for _ in range(3):
        assert confirm(reader, token) == first
    assert blog.subscribers[ADDRESS] == item


@shows("REQ-B5", how="stock")
def test_a_click_at_many_places_at_once_owes_one_welcome(blog: Blog, reader: Caller) -> None:
    subscribe(reader)
    token = token_of(blog)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: confirm(reader, token), range(16)))
    assert {reply.status for reply in replies} == {200}
    assert blog.subscribers[ADDRESS]["mail"] == "welcome-wanted"


@shows("REQ-B5", how="stock")
def test_who_was_welcomed_before_is_not_welcomed_again(blog: Blog, reader: Caller) -> None:
    subscribe(reader)
    turn(blog, welcomedAt=5, mail="confirm-sending")
    assert confirm(reader, token_of(blog)).status == 200
    item = blog.subscribers[ADDRESS]
    assert (item["state"], item["mail"], item["welcomedAt"]) == ("confirmed", "none", 5)
    assert not {"owed", "owedSince", "expires"} & set(item)


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize("mail", ["confirm-wanted", "confirm-sending", "confirm-sent", "confirm-refused", "none"])
def test_whatever_became_of_the_mail_its_link_confirms(blog: Blog, reader: Caller, mail: str) -> None:
    subscribe(reader)
    turn(blog, mail=mail)
    assert confirm(reader, token_of(blog)).status == 200
    assert blog.subscribers[ADDRESS]["mail"] == "welcome-wanted"


@shows("REQ-B5", how="stock")
def test_a_link_that_expired_confirms_nothing_though_the_item_is_still_there(blog: Blog, reader: Caller) -> None:
    subscribe(reader)
    turn(blog, expires=int(time.time()) - 1)
    before = blog.subscribers
    assert confirm(reader, token_of(blog)).error == (404, "NotFound")
    assert blog.subscribers == before


def test_who_left_is_not_brought_back_by_an_old_link(blog: Blog, reader: Caller) -> None:
    subscribe(reader)
    token = token_of(blog)
    assert confirm(reader, token).status == leave(reader, token).status == 200
    before = blog.subscribers
    assert confirm(reader, token).error == (404, "NotFound")
    assert blog.subscribers == before


def other_tokens(token: str) -> dict[str, Any]:
    """Tokens that are not this one, of which some nearly are."""
    name, _, secret = token.partition(".")
    return {
        "empty": "",
        "a blank": " ",
        "a dot": ".",
        "no secret": f"{name}.",
        "no address": f".{secret}",
        "no dot": name + secret,
        "the secret alone": secret,
        "the address in plain": f"{ADDRESS}.{secret}",
        "cut": token[:-1],
        "longer": token + "A",
        "another end": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "another begin": f"{name}.{'A' if secret[0] != 'A' else 'B'}{secret[1:]}",
        "other case": f"{name}.{secret.swapcase()}",
        "doubled": f"{token}.{secret}",
        "a line break": token + "\n",
        "a blank before": " " + token,
        "a null byte": token + "\x00",
        "a null byte inside": f"{name}\x00.{secret}",
        "padded": f"{name}=.{secret}",
        "escaped": token.replace(".", "%2E"),
        "wide": token.replace(".", "\uff0e"),
        "of another address": whole("ben@example.com", secret),
        "of the address in capitals": whole(ADDRESS.upper(), secret[:-1] + "*"),
        "of two addresses": whole(f"{ADDRESS},ben@example.com", secret),
        "of no address": whole("anna", secret),
        "of no text": base64.urlsafe_b64encode(b"\xff\xfe\x00").decode() + "." + secret,
        "of a letter too many": f"{name}A.{secret}",
        "only zeros": whole(ADDRESS, "0" * 43),
        "zeros for an unknown address": whole("nobody@example.com", "0" * 43),
        "a short secret": whole(ADDRESS, "A"),
        "a long secret": whole(ADDRESS, "A" * 5000),
        "a token of another kind": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "a user's name": "anna",
        "half a pair": "\ud800",
        "other letters": "한국어.한국어한국어한국어",
        "an expression": "${token}",
        "an attribute": whole(ADDRESS, "#token-equals-token"),
    }


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize("which", other_tokens("YW5u.QQ"))
def test_any_other_token_is_answered_as_one_of_nobody(blog: Blog, reader: Caller, which: str) -> None:
    subscribe(reader)
    token = other_tokens(token_of(blog))[which]
    before = blog.subscribers
    nobody = whole("nobody@example.com", "A" * 43)
    assert confirm(reader, token) == confirm(reader, nobody)
    assert confirm(reader, token).error == (404, "NotFound")
    assert leave(reader, token) == leave(reader, nobody)
    assert leave(reader, token).status == 200
    assert blog.subscribers == before


@pytest.mark.parametrize("token", [None, True, 5, 1.5, [], ["x"], {}, {"S": "x"}, 10**4000], ids=lambda t: str(t)[:20])
@pytest.mark.parametrize("path", ["confirm", "leave"])
def test_a_token_that_is_no_text_is_refused(blog: Blog, reader: Caller, path: str, token: Any) -> None:
    reply = reader.post(f"/subscriptions/{path}", {"token": token})
    assert reply.error == (400, "InvalidField")
    assert reply.body["message"].startswith("token ")


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(token=st.text(max_size=80) | st.from_regex(r"[A-Za-z0-9_-]{4,60}\.[A-Za-z0-9_-]{16,50}", fullmatch=True))
def test_no_token_makes_it_fail(session_blog: Blog, token: str) -> None:
    reader = Caller(session_blog)
    assert confirm(reader, token).error == (404, "NotFound")
    assert leave(reader, token).status == 200


def test_a_change_at_the_same_moment_is_looked_at_again(
    blog: Blog, reader: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = blog.modules["subscribe"]
    subscribe(reader)
    token = token_of(blog)

    def welcomed(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        turn(blog, welcomedAt=5)
        return method(**request)

    with monkeypatch.context() as patch:
        patch.setattr(module, "table", Faulty(module.table, update_item=[welcomed]))
        assert confirm(reader, token).status == 200
    assert blog.subscribers[ADDRESS]["mail"] == "none"
    turn(blog, state="pending", expires=int(time.time()) + DAY)

    def left(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        turn(blog, state="left")
        return method(**request)

    with monkeypatch.context() as patch:
        patch.setattr(module, "table", Faulty(module.table, update_item=[left]))
        assert confirm(reader, token).error == (404, "NotFound")
    turn(blog, state="pending")
    refused = [fault("ConditionalCheckFailedException")] * 20
    with monkeypatch.context() as patch:
        patch.setattr(module, "table", Faulty(module.table, update_item=refused))
        assert confirm(reader, token).error == (503, "Busy")


# ---- Leaving


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize("state", ["pending", "confirmed"])
def test_who_leaves_gets_no_more_mail(blog: Blog, reader: Caller, state: str) -> None:
    subscribe(reader)
    token = token_of(blog)
    if state == "confirmed":
        confirm(reader, token)
    assert blog.subscribers[ADDRESS]["owed"] == "mail"
    reply = leave(reader, token)
    assert reply.status == 200
    item = blog.subscribers[ADDRESS]
    assert (item["state"], item["mail"]) == ("left", "none")
    assert not {"owed", "owedSince"} & set(item)
    assert near(item["expires"], time.time() + 30 * DAY)
    turn(blog, expires=item["expires"] - DAY)
    before = blog.subscribers
    assert leave(reader, token) == reply
    assert blog.subscribers == before  # leaving once more does not keep the address for longer


def test_an_item_that_expires_at_that_moment_does_not_come_back(
    blog: Blog, reader: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = blog.modules["subscribe"]
    subscribe(reader)
    token = token_of(blog)

    def gone(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        blog.empty()
        return method(**request)

    monkeypatch.setattr(module, "table", Faulty(module.table, update_item=[gone]))
    assert leave(reader, token).status == 200
    assert blog.subscribers == {}


FORM = "List-Unsubscribe=One-Click"
BOUNDARY = "----=_Part_7"
MULTIPART = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--{BOUNDARY}--\r\n'
)
ONE_CLICKS = {
    "as in the standard": ("application/x-www-form-urlencoded", FORM),
    "with a charset": ("application/x-www-form-urlencoded; charset=UTF-8", FORM),
    "in capitals": ("Application/X-WWW-Form-Urlencoded", FORM),
    "with a line break": ("application/x-www-form-urlencoded", FORM + "\r\n"),
    "escaped": ("application/x-www-form-urlencoded", "List%2DUnsubscribe=One%2DClick"),
    "with another field": ("application/x-www-form-urlencoded", FORM + "&x=y"),
    "in parts": (f'multipart/form-data; boundary="{BOUNDARY}"', MULTIPART),
    "in parts with plain line breaks": (f'multipart/form-data; boundary="{BOUNDARY}"', MULTIPART.replace("\r", "")),
}


def one_click(blog: Blog, kind: str, body: Any, query: Any, **changes: Any) -> Reply:
    event = event_of("POST", "/subscriptions/leave", body, query=query, headers={"Content-Type": kind})
    return blog.send(event | changes)


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize(("kind", "body"), ONE_CLICKS.values(), ids=ONE_CLICKS)
@pytest.mark.parametrize("in_base64", [False, True])
def test_the_button_of_a_mail_program_unsubscribes(
    blog: Blog, reader: Caller, kind: str, body: str, in_base64: bool
) -> None:
    subscribe(reader)
    query = {"token": token_of(blog), "utm_source": "mail"}
    sent = base64.b64encode(body.encode()).decode() if in_base64 else body
    assert one_click(blog, kind, sent, query, isBase64Encoded=in_base64).status == 200
    assert blog.subscribers[ADDRESS]["state"] == "left"


FORM_TYPE = "application/x-www-form-urlencoded"
NO_CLICKS = {
    "nothing": (FORM_TYPE, ""),
    "no body": (FORM_TYPE, None),
    "another value": (FORM_TYPE, "List-Unsubscribe=Two-Clicks"),
    "another case": (FORM_TYPE, "list-unsubscribe=one-click"),
    "another name": (FORM_TYPE, "List-Subscribe=One-Click"),
    "no value": (FORM_TYPE, "List-Unsubscribe"),
    "twice": (FORM_TYPE, f"{FORM}&{FORM}"),
    "JSON": (FORM_TYPE, '{"List-Unsubscribe": "One-Click"}'),
    "many fields": (FORM_TYPE, f"{FORM}&" + "&".join(f"a{n}=b" for n in range(500))),
    "a null byte": (FORM_TYPE, FORM + "\x00"),
    "half a pair": (FORM_TYPE, "\ud800"),
    "parts without a boundary": ("multipart/form-data", MULTIPART),
    "parts with another boundary": ("multipart/form-data; boundary=x", MULTIPART),
    "parts with another name": (f'multipart/form-data; boundary="{BOUNDARY}"', MULTIPART.replace("Unsub", "Sub")),
    "parts with another value": (f'multipart/form-data; boundary="{BOUNDARY}"', MULTIPART.replace("One", "Two")),
    "parts within parts": (f'multipart/form-data; boundary="{BOUNDARY}"', f"--{BOUNDARY}\r\n" * 300),
    "a header in the type": (f'multipart/form-data;\r\nX: y; boundary="{BOUNDARY}"', "x"),
    "a form in parts' type": (f'multipart/form-data; boundary="{BOUNDARY}"', FORM),
}


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize(("kind", "body"), NO_CLICKS.values(), ids=NO_CLICKS)
def test_a_form_that_no_button_sends_is_refused(blog: Blog, reader: Caller, kind: str, body: Any) -> None:
    subscribe(reader)
    before = blog.subscribers
    assert one_click(blog, kind, body, {"token": token_of(blog)}).error == (400, "InvalidBody")
    assert blog.subscribers == before


@pytest.mark.parametrize("query", [None, {}, {"Token": "x"}, {"token": None}], ids=str)
def test_a_button_without_a_token_is_refused(blog: Blog, query: Any) -> None:
    assert one_click(blog, FORM_TYPE, FORM, query).error == (400, "InvalidParameter")


@pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "x" * 10_000, "YW5uYQ.0123456789abcdef"], ids=ascii)
def test_a_button_with_any_other_token_is_answered_like_all(blog: Blog, reader: Caller, token: str) -> None:
    subscribe(reader)
    before = blog.subscribers
    assert one_click(blog, FORM_TYPE, FORM, {"token": token}) == leave(reader, "x")
    assert blog.subscribers == before


def test_a_token_in_the_query_alone_does_nothing(blog: Blog, reader: Caller) -> None:
    """What follows links, such as a scanner of mail, does not unsubscribe anybody."""
    subscribe(reader)
    before, query = blog.subscribers, {"token": token_of(blog)}
    assert reader.send("GET", "/subscriptions/leave", query=query).status == 404
    for body in (None, "", "{}", '{"token": "x"}'):
        reader.send("POST", "/subscriptions/leave", body, query=query)
        reader.send("POST", "/subscriptions/confirm", body, query=query)
    assert blog.subscribers == before


def test_a_form_confirms_nothing(blog: Blog, reader: Caller) -> None:
    subscribe(reader)
    query = {"token": token_of(blog)}
    event = event_of("POST", "/subscriptions/confirm", FORM, query=query, headers={"Content-Type": FORM_TYPE})
    assert blog.send(event).error == (415, "UnsupportedMediaType")
    assert blog.subscribers[ADDRESS]["state"] == "pending"


@shows("REQ-B5", how="stock")
def test_a_life_of_a_subscription(blog: Blog, reader: Caller) -> None:
    """Asked, confirmed, welcomed, left, asked again a day later, confirmed: one welcome in all."""
    subscribe(reader)
    token = token_of(blog)
    confirm(reader, token)
    turn(blog, "owed", "owedSince", mail="welcome-sent", welcomedAt=int(time.time()))
    leave(reader, token)
    subscribe(reader)
    assert blog.subscribers[ADDRESS]["state"] == "left"  # it is the same day
    turn(blog, askedAt=int(time.time()) - DAY - 1)
    subscribe(reader)
    assert token_of(blog) == token
    assert confirm(reader, token).status == 200
    item = blog.subscribers[ADDRESS]
    assert (item["state"], item["mail"]) == ("confirmed", "none")
    assert not {"owed", "expires"} & set(item)


def test_nothing_that_is_answered_tells_who_is_subscribed(blog: Blog, reader: Caller) -> None:
    subscribe(reader)
    token = token_of(blog)
    confirm(reader, token)
    replies = [
        subscribe(reader),
        confirm(reader, token),
        leave(reader, token),
        confirm(reader, "x"),
        leave(reader, "x"),
    ]
    for reply in replies:
        assert not {"email", "address", "state"} & set(reply.body)
        assert "anna" not in json.dumps([reply.body, reply.headers])
    assert Caller(blog, author_claims()).post("/subscriptions", {"email": ADDRESS}) == replies[0]
