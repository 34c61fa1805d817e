"""SendMail: one mail at most, whatever is retried, replayed, run at once, refused, cut off or killed."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog_async.conftest import (
    HELLO,
    IDENTITY,
    MAIL_SET,
    SENDER,
    TABLE,
    TITLE,
    TOKEN,
    URL,
    Context,
    World,
    load,
)
from tests.handlers.blog_async.gate import acts_and_answers, answers, cut_before, first, let_through, lose_answer

KINDS = {"confirm": "pending", "welcome": "confirmed"}


def whole(address: str) -> str:
    return base64.urlsafe_b64encode(address.encode()).decode().rstrip("=") + "." + TOKEN


def sends(world: World) -> list[dict[str, Any]]:
    """The requests that SES got, or would have got."""
    return [json.loads(body) for _, _, body in world.gates["sesv2"].seen]


# --- what is sent


@shows("REQ-B5", "REQ-B10", how="stock")
def test_who_subscribes_is_asked_to_confirm(world: World) -> None:
    address = world.subscriber("confirm-wanted")
    assert world.deliver(address) == []
    [mail] = world.outbox(address)
    assert (mail["Source"], mail["To"], mail["CC"], mail["BCC"]) == (SENDER, [address], [], [])
    assert mail["Subject"] == f"Please confirm: mail from {TITLE}"
    assert f"{URL}/confirm#{whole(address)}" in mail["BodyText"]
    assert f"{URL}/leave#{whole(address)}" in mail["BodyText"]
    item = world.item(address)
    assert (item["state"], item["mail"]) == ("pending", "confirm-sent")
    assert {"owed", "owedSince", "welcomedAt"}.isdisjoint(item)


@shows("REQ-B5", "REQ-B10", how="stock")
def test_who_confirms_is_welcomed(world: World) -> None:
    before = int(time.time())
    address = world.subscriber("welcome-wanted")
    assert world.deliver(address) == []
    [mail] = world.outbox(address)
    assert mail["Subject"] == f"Welcome to Bcc: evil@example.net {TITLE}", "one line, whatever the parameter is"
    start = f"{HELLO}! {TITLE} is at {URL}. {{0}} {{title!r}} {{state}} %s"
    assert mail["BodyText"].startswith(start), "two placeholders, each filled in once"
    assert mail["BodyText"].endswith(f"{URL}/leave#{whole(address)}\n")
    item = world.item(address)
    assert (item["state"], item["mail"]) == ("confirmed", "welcome-sent")
    assert before <= item["welcomedAt"] <= time.time()
    assert {"owed", "owedSince"}.isdisjoint(item)


@shows("REQ-B10", how="stock")
@pytest.mark.parametrize("kind", KINDS)
def test_the_request_to_ses(world: World, kind: str) -> None:
    address = world.subscriber(f"{kind}-wanted")
    world.deliver(address)
    [request] = sends(world)
    assert request["FromEmailAddress"] == SENDER
    assert request["FromEmailAddressIdentityArn"] == IDENTITY
    assert request["ConfigurationSetName"] == MAIL_SET
    assert request["Destination"] == {"ToAddresses": [address]}
    simple = request["Content"]["Simple"]
    assert {simple["Subject"]["Charset"], simple["Body"]["Text"]["Charset"]} == {"UTF-8"}
    assert {header["Name"]: header["Value"] for header in simple["Headers"]} == {
        "List-Unsubscribe": f"<{URL}/api/subscriptions/leave?token={whole(address)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    for value in [simple["Subject"]["Data"], *(header["Value"] for header in simple["Headers"])]:
        assert not re.search(r"[\x00-\x1f\x7f]", value)


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.com\r\nBcc: all@example.com",
        "anna@example.com, bea@example.com",
        "Anna <anna@example.com>",
        "anna",
        "anna@@example.com",
        '"a\nb"@example.com',
        "(anna)@example.com",
        "anna@example.com;bea@example.com",
        "@example.com",
        " ",
    ],
)
def test_what_is_no_plain_address_never_gets_into_a_header(world: World, address: str) -> None:
    """Subscribe lets none of these in; should another way be found, nothing is sent, and an alarm tells."""
    world.subscriber("confirm-wanted", address=address)
    assert world.deliver(address) == [address]
    assert sends(world) == []
    assert world.item(address)["mail"] == "confirm-refused"


@pytest.mark.parametrize("token", [None, "", "short", f"{TOKEN}\r\nX: y", f"{TOKEN}>", f"{TOKEN}?a=b", f"{TOKEN}\n"])
def test_without_a_token_of_ours_there_is_no_way_to_leave_and_no_mail(world: World, token: str | None) -> None:
    address = world.subscriber("welcome-wanted", token=token)
    assert world.deliver(address) == [address]
    assert sends(world) == []
    assert world.item(address)["mail"] == "welcome-refused"
    assert "welcomedAt" not in world.item(address)


# --- at most once


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_record_three_times_is_one_mail(world: World, kind: str) -> None:
    address = world.subscriber(f"{kind}-wanted")
    [record] = world.records(address)
    for _ in range(3):
        assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    assert world.invoke("send_mail", {"Records": [record] * 3}) == {"batchItemFailures": []}
    assert len(world.outbox(address)) == len(sends(world)) == 1


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("service", ["dynamodb", "sesv2"])
def test_two_at_once_are_one_mail(world: World, kind: str, service: str, after: bool) -> None:
    """The second begins and ends while the first one's request is on its way, or its answer is."""
    address = world.subscriber(f"{kind}-wanted")
    [record] = world.records(address)
    second: list[Any] = []

    def meanwhile() -> None:
        second.append(world.invoke("send_mail", {"Records": [record]}))

    world.gates[service].plan[:] = [first(meanwhile, after=after)]
    assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    assert second == [{"batchItemFailures": []}]
    assert len(world.outbox(address)) == len(sends(world)) == 1
    assert world.item(address)["mail"] == f"{kind}-sent"


@shows("REQ-B5", how="stock")
def test_no_second_welcome_for_who_had_one(world: World) -> None:
    address = world.subscriber("welcome-wanted", welcomedAt=1_700_000_000)
    assert world.deliver(address) == []
    assert sends(world) == []


@shows("REQ-B5", how="stock")
@pytest.mark.parametrize("left", ["before", "while it is sent"])
def test_who_leaves_gets_no_welcome_later(world: World, left: str) -> None:
    """After leaving amid of it the item says that there was a welcome, so that coming back brings no second one."""
    address = world.subscriber("welcome-wanted")
    [record] = world.records(address)

    def leave() -> None:
        item = world.item(address) | {"state": "left", "mail": "none", "owed": None, "owedSince": None}
        world.put(item)

    if left == "before":
        leave()
    else:
        world.gates["sesv2"].plan[:] = [first(leave)]
    assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    item = world.item(address)
    assert (item["state"], item["mail"]) == ("left", "none")
    assert len(world.outbox(address)) == (0 if left == "before" else 1)
    assert ("welcomedAt" in item) == (left != "before")
    world.set(address, state="confirmed", mail="welcome-wanted", owed="mail", owedSince=int(time.time()))
    world.deliver(address)
    assert len(world.outbox(address)) == 1


@pytest.mark.parametrize(
    ("mail", "state"),
    [("confirm-wanted", "confirmed"), ("confirm-wanted", "left"), ("welcome-wanted", "pending")],
)
def test_a_mail_that_does_not_fit_the_state_is_not_sent(world: World, mail: str, state: str) -> None:
    address = world.subscriber(mail, state=state)
    assert world.deliver(address) == []
    assert sends(world) == []


@pytest.mark.parametrize("step", ["sending", "sent"])
def test_an_old_record_sends_nothing(world: World, step: str) -> None:
    address = world.subscriber("confirm-wanted")
    [record] = world.records(address)
    world.set(address, mail=f"confirm-{step}")
    assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    assert sends(world) == []
    assert world.item(address)["mail"] == f"confirm-{step}"


def test_a_record_of_who_is_gone_sends_nothing_and_makes_no_item(world: World) -> None:
    address = world.subscriber("confirm-wanted")
    [record] = world.records(address)
    table = world.stock.client("dynamodb")
    table.delete_item(TableName=TABLE, Key={"address": {"S": address}})
    assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    assert sends(world) == []
    assert "Item" not in table.get_item(TableName=TABLE, Key={"address": {"S": address}}, ConsistentRead=True)


# --- killed


@shows("REQ-B5", "REQ-B10", how="stock")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("service", "number", "after", "left", "sent"),
    [
        ("dynamodb", 1, False, "wanted", 0),  # before the mark
        ("dynamodb", 1, True, "sending", 0),  # after the mark
        ("sesv2", 1, False, "sending", 0),  # between mark and send
        ("sesv2", 1, True, "sending", 1),  # after the send
        ("dynamodb", 2, False, "sending", 1),  # before it is noted
        ("dynamodb", 2, True, "sent", 1),  # after that
    ],
)
def test_killed_with_kill_9(
    world: World, kind: str, service: str, number: int, after: bool, left: str, sent: int
) -> None:
    """Lambda brings the record again: only what was not marked is sent then. What is marked stays for WatchMail."""
    address = world.subscriber(f"{kind}-wanted", owedSince=int(time.time()) - 3600)
    [record] = world.records(address)
    world.killed("send_mail", {"Records": [record]}, service, number, after=after)
    assert world.item(address)["mail"] == f"{kind}-{left}"
    assert len(world.outbox(address)) == sent

    for _ in range(2):
        assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    assert len(world.outbox(address)) == (1 if left == "wanted" else sent)
    counts = world.invoke("watch_mail", {})
    assert counts == {"MailWaiting": 0, "MailUncertain": int(left == "sending"), "MailRefused": 0}


# --- SES refuses


REFUSALS = [
    (400, "MessageRejected"),
    (400, "AccountSuspendedException"),
    (400, "SendingPausedException"),
    (400, "MailFromDomainNotVerifiedException"),
    (400, "BadRequestException"),
    (404, "NotFoundException"),
    (403, "AccessDeniedException"),
    (429, "TooManyRequestsException"),
    (400, "LimitExceededException"),
    (400, "ThrottlingException"),
]


@shows("REQ-B10", how="stock")
@pytest.mark.parametrize(("status", "code"), REFUSALS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_ses_refuses_is_tried_again(world: World, kind: str, status: int, code: str) -> None:
    address = world.subscriber(f"{kind}-wanted", owedSince=1_700_000_000)
    [record] = world.records(address)
    number = record["dynamodb"]["SequenceNumber"]
    world.gates["sesv2"].plan[:] = [answers(status, code)] * 2
    for _ in range(2):
        assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": [{"itemIdentifier": number}]}
        item = world.item(address)
        assert (item["mail"], item["owed"], item["owedSince"]) == (f"{kind}-refused", "mail", 1_700_000_000)
        assert "welcomedAt" not in item
    assert len(sends(world)) == 2, "each time once: boto does not ask again by itself"
    assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    assert len(world.outbox(address)) == 1
    assert world.item(address)["mail"] == f"{kind}-sent"


def test_nobody_listens_at_ses_so_nothing_was_sent(world: World) -> None:
    """A connection that was never made carried no mail."""
    address = world.subscriber("confirm-wanted")
    [record] = world.records(address)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**world.environment, "AWS_ENDPOINT_URL_SESV2": "http://127.0.0.1:9"}.items():
            patch.setenv(name, value)
        module = load("send_mail")
    number = record["dynamodb"]["SequenceNumber"]
    assert module.handler({"Records": [record]}, Context()) == {"batchItemFailures": [{"itemIdentifier": number}]}
    assert world.item(address)["mail"] == "confirm-refused"


# --- nobody knows


def stalled(passage: Any) -> None:
    """The request arrives and is done; the answer comes when nobody waits any more."""
    passage.forward()
    time.sleep(6)
    passage.cut()


UNCERTAIN = {
    "cut before": (cut_before, 0),
    "answer lost": (lose_answer, 1),
    "no answer in time": (stalled, 1),
    "500 without a code": (answers(500), 0),
    "500 after it was done": (acts_and_answers(500, "InternalFailure"), 1),
    "503 after it was done": (acts_and_answers(503, "ServiceUnavailable"), 1),
    "no JSON": (lambda passage: passage.say(502, [("Content-Type", "text/html")], b"<html>Bad Gateway</html>"), 0),
}


@shows("REQ-B5", "REQ-B10", how="stock")
@pytest.mark.parametrize(("fault", "sent"), UNCERTAIN.values(), ids=UNCERTAIN)
def test_without_an_answer_of_ses_nothing_is_sent_again(world: World, fault: Any, sent: int) -> None:
    address = world.subscriber("welcome-wanted", owedSince=int(time.time()) - 3600)
    [record] = world.records(address)
    world.gates["sesv2"].plan[:] = [fault]
    for _ in range(3):
        assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    assert len(sends(world)) == 1
    assert len(world.outbox(address)) == sent
    item = world.item(address)
    assert (item["mail"], item["owed"]) == ("welcome-sending", "mail")
    assert world.invoke("watch_mail", {})["MailUncertain"] == 1


# --- the table fails


MARKS = {
    "cut before": (cut_before, "sent"),
    "answer lost": (lose_answer, "sent"),
    "500": (answers(500, "InternalServerError"), "sent"),
    "throttled": (answers(400, "ThrottlingException"), "sent"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fault", "step"), MARKS.values(), ids=MARKS)
def test_a_mark_that_fails_once_is_written_again_and_known_as_ones_own(
    world: World, kind: str, fault: Any, step: str
) -> None:
    address = world.subscriber(f"{kind}-wanted")
    [record] = world.records(address)
    world.gates["dynamodb"].plan[:] = [fault]
    assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    assert len(world.outbox(address)) == 1
    assert world.item(address)["mail"] == f"{kind}-{step}"


@pytest.mark.parametrize(
    "fault", [cut_before, answers(500, "InternalServerError"), answers(400, "ThrottlingException")]
)
def test_without_a_mark_nothing_is_sent_and_the_record_comes_again(world: World, fault: Any) -> None:
    one, other = world.subscriber("confirm-wanted"), world.subscriber("confirm-wanted")
    records = [world.records(one)[-1], world.records(other)[-1]]
    world.gates["dynamodb"].plan[:] = [fault, fault]
    failures = world.invoke("send_mail", {"Records": records})["batchItemFailures"]
    # The first one is enough: Lambda begins again with it.
    assert [failure["itemIdentifier"] for failure in failures] == [records[0]["dynamodb"]["SequenceNumber"]]
    assert sends(world) == []
    assert world.deliver(one, other) == []
    assert len(world.outbox(one)) == len(world.outbox(other)) == 1


@pytest.mark.parametrize("fault", [cut_before, answers(500, "InternalServerError")])
def test_a_mail_that_cannot_be_noted_as_sent_is_not_sent_again(world: World, fault: Any) -> None:
    address = world.subscriber("confirm-wanted")
    [record] = world.records(address)
    world.gates["dynamodb"].plan[:] = [let_through, fault, fault]
    for _ in range(2):
        assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    assert len(world.outbox(address)) == len(sends(world)) == 1
    assert world.item(address)["mail"] == "confirm-sending"


def test_a_lost_answer_to_the_last_note_is_no_trouble(world: World) -> None:
    address = world.subscriber("confirm-wanted")
    [record] = world.records(address)
    world.gates["dynamodb"].plan[:] = [let_through, lose_answer]
    assert world.invoke("send_mail", {"Records": [record]}) == {"batchItemFailures": []}
    assert world.item(address)["mail"] == "confirm-sent"


# --- batches


@shows("REQ-B10", how="stock")
def test_of_a_batch_what_failed_comes_again_and_what_follows_is_sent_once(world: World) -> None:
    people = [world.subscriber("confirm-wanted") for _ in range(5)]
    refuse = answers(400, "MessageRejected")
    world.gates["sesv2"].plan[:] = [let_through, refuse, let_through, refuse, let_through]
    assert world.deliver(*people) == [people[1], people[3]]
    # As Lambda does it: again from the lowest failed one on.
    assert world.deliver(*people[1:]) == []
    assert [len(world.outbox(address)) for address in people] == [1] * 5


@shows("REQ-B10", how="stock")
def test_when_ses_is_asked_too_often_the_rest_waits(world: World) -> None:
    people = [world.subscriber("confirm-wanted") for _ in range(4)]
    world.gates["sesv2"].plan[:] = [let_through, answers(429, "TooManyRequestsException")]
    assert world.deliver(*people) == [people[1]]
    assert len(sends(world)) == 2
    assert [world.item(address)["mail"].partition("-")[2] for address in people] == ["sent", "refused", *["wanted"] * 2]
    assert world.deliver(*people[1:]) == []
    assert [len(world.outbox(address)) for address in people] == [1] * 4


@shows("REQ-B10", how="stock")
def test_no_mail_is_begun_that_may_not_be_finished_in_time(world: World) -> None:
    people = [world.subscriber("confirm-wanted") for _ in range(3)]
    assert world.deliver(*people, context=Context([60_000, 15_000])) == [people[1]]
    assert [world.item(address)["mail"] for address in people] == ["confirm-sent", *["confirm-wanted"] * 2]
    assert world.deliver(*people[1:]) == []


STRANGE: list[Any] = [
    {},
    {"Records": None},
    {"Records": []},
    {"Records": [None, 7, "text", []]},
    {"Records": [{"dynamodb": None}]},
    {"Records": [{"dynamodb": {"Keys": {}, "NewImage": {}}}]},
    {"Records": [{"eventName": "REMOVE", "dynamodb": {"Keys": {"address": {"S": "a@example.com"}}}}]},
    {"Records": [{"dynamodb": {"Keys": {"address": {"N": "1"}}, "NewImage": {"mail": {"S": "confirm-wanted"}}}}]},
    {"Records": [{"dynamodb": {"Keys": {"address": {"S": "a@b"}}, "NewImage": {"mail": {"S": "other-wanted"}}}}]},
    {"Records": [{"dynamodb": {"Keys": {"address": {"S": "a@b"}}, "NewImage": {"mail": {"S": "confirm-sent"}}}}]},
    {"Records": [{"dynamodb": {"Keys": {"address": {"S": "a@b"}}, "NewImage": {"mail": {"N": "1"}}}}]},
]


@pytest.mark.parametrize("event", STRANGE)
def test_what_is_no_record_of_wanted_mail_is_passed_over(world: World, event: Any) -> None:
    assert world.invoke("send_mail", event) == {"batchItemFailures": []}
    assert sends(world) == []
    assert world.gates["dynamodb"].seen == []


# --- the log


@pytest.mark.parametrize("fault", [let_through, answers(400, "MessageRejected"), lose_answer, answers(500)])
def test_the_log_tells_what_happened_and_to_nobody_whom(
    world: World, fault: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    address = world.subscriber("welcome-wanted")
    world.gates["sesv2"].plan[:] = [fault]
    world.deliver(address)
    out = capsys.readouterr().out
    for secret in (address, address.partition("@")[0], TOKEN, whole(address), "anna@", "Tok3n", "evil", "\\u00fcezi"):
        assert secret not in out
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert line["level"] in ("INFO", "WARNING", "ERROR")
        assert line["requestId"] == Context().aws_request_id
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
    about, done = lines
    assert about["mail"] == "welcome"
    assert re.fullmatch(r"[0-9a-f]{12}", about["subscriber"])
    outcome = about["message"].removeprefix("welcome ")
    assert done[outcome] == 1
    assert about["level"] == {"sent": "INFO", "refused": "WARNING", "uncertain": "ERROR"}[outcome]
