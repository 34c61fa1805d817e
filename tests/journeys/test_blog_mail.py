"""Confirmation and welcome: at most one of each, whatever is retried, replayed, killed or refused."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.evidence import shows
from tests.journeys.blog import (
    SENDER,
    Subscriber,
    alarm,
    alarmed_by,
    author,
    code_changed,
    invoke,
    items,
    logged,
    messages,
    reader,
    refused,
)
from tests.journeys.stack import Stack, aws
from tests.sampling import sampled
from troposphere_arch.journeys.blog import links, mails, until
from troposphere_arch.local import Emulator

pytestmark = [pytest.mark.xdist_group("blog"), sampled(3)]
MARK = "        token = marked(mail)\n"
SEND = "        send(mail, token)\n"
NOTE = '    change(mail, "SET #mail = :next REMOVE #owed, #owedSince", ours,'
# What is put before each of these lines of the function: the process ends at once, as when a machine fails.
KILLED = "__import__('os')._exit(1)\n"


def everybody_else_is_served(stack: Stack) -> None:
    """Whoever subscribes after this is served after all that the stream had before: a stream keeps its order."""
    Subscriber(stack).subscribed()


@shows("REQ-B5", "REQ-B10", how="patched")
def test_who_confirms_gets_one_welcome(blog: Stack) -> None:
    joon = Subscriber(blog)
    assert joon.ask().status == 202
    [first] = joon.mails(1)
    assert (first["Source"], first["To"]) == (SENDER, [joon.address])
    assert "MyBlog.com" in first["Subject"] + first["BodyText"]
    # Asked again within a day: the same answer, and nothing is written, so nothing is sent.
    item = joon.item(mail="confirm-sent")
    assert joon.ask().status == 202
    assert Subscriber(blog, joon.address.upper()).ask().status == 202
    assert joon.item() == item

    token = links(first)["confirm"]
    assert joon.confirm(token).status == 200
    assert joon.confirm(token).status == 200
    welcome = joon.mails(2)[1]
    assert (welcome["Source"], welcome["To"], welcome["CC"], welcome["BCC"]) == (SENDER, [joon.address], [], [])
    assert welcome["Subject"] == "Welcome to MyBlog.com"
    url = blog.outputs["BlogUrl"]
    text = "Warm greetings, and thank you for subscribing to MyBlog.com. You find what is new at"
    assert welcome["BodyText"].startswith(f"{text} {url}.")
    assert links(welcome)["leave"] == token
    headers = {one["Name"]: one["Value"] for one in welcome["Headers"]}
    assert headers == {
        "List-Unsubscribe": f"<{url}/api/subscriptions/leave?token={token}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert welcome["ConfigurationSetName"] == blog.physical("Mail")
    welcomed = joon.item(mail="welcome-sent")
    assert welcomed["state"] == "confirmed"
    assert "owed" not in welcomed
    assert "expires" not in welcomed

    # The very record of the stream, three times more, one after the other and all at once.
    [record] = joon.records("welcome-wanted")
    for _ in range(3):
        assert invoke(blog, "SendMail", {"Records": [record]}) == {"batchItemFailures": []}
    threads = [threading.Thread(target=invoke, args=(blog, "SendMail", {"Records": [record] * 3})) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(joon.mails()) == 2
    assert joon.item() == welcomed


@shows("REQ-B5", "REQ-B10", how="patched")
def test_who_leaves_gets_nothing_more(blog: Stack) -> None:
    joon = Subscriber(blog).subscribed()
    token = joon.token("leave")
    # By the button of a mail program: RFC 8058.
    [address] = [h["Value"] for h in joon.mails()[1]["Headers"] if h["Name"] == "List-Unsubscribe"]
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    body = "List-Unsubscribe=One-Click"
    pressed = blog.emulator.request("POST", address.strip("<>"), headers=sent, body=body)
    assert (pressed.status, joon.item()["state"]) == (200, "left")
    assert joon.leave(token).status == 200
    assert refused(joon.confirm(token), 404)
    # What is known of an address and what not is answered alike.
    assert joon.leave("eA.unknown").text() == joon.leave(token).text()
    # A day later the same person thinks better of it: asked to confirm once more, and welcomed no second time.
    joon.set(askedAt=int(time.time()) - 25 * 3600)
    assert joon.ask().status == 202
    again = joon.mails(3)[2]
    assert joon.confirm(links(again)["confirm"]).status == 200
    assert joon.item(state="confirmed")["mail"] == "none"
    everybody_else_is_served(blog)
    assert len(joon.mails()) == 3


@shows("REQ-B5", how="patched")
def test_a_form_is_no_mail_bomb(blog: Stack) -> None:
    joon = Subscriber(blog)
    asked = [joon.ask().status for _ in range(8)]
    assert asked == [202] * 8
    everybody_else_is_served(blog)
    assert len(joon.mails()) == 1
    # A day later the same address may be asked once more, and no more often.
    joon.set(askedAt=int(time.time()) - 25 * 3600)
    assert [joon.ask().status for _ in range(3)] == [202] * 3
    everybody_else_is_served(blog)
    assert len(joon.mails()) == 2
    # Neither mail was answered: nothing but them was ever sent, and the item goes by itself.
    assert joon.item()["expires"] > time.time()


@contextmanager
def handed_over_once(stack: Stack) -> Iterator[None]:
    """The event source mapping with no retries, to wait less. (Its own five are seen where SES refuses.)"""
    client = stack.emulator.client("lambda")
    mapping = stack.physical("SubscribersToSendMail")
    as_it_was = client.get_event_source_mapping(UUID=mapping)["MaximumRetryAttempts"]
    assert as_it_was == 5
    client.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=0)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=as_it_was)


def watched(stack: Stack) -> dict[str, int]:
    """What the watch counts, which is all that is owed for more than a quarter of an hour."""
    counts: dict[str, int] = invoke(stack, "WatchMail", {})
    return {name: count for name, count in counts.items() if count}


def rings(stack: Stack, metric: str) -> None:
    """Wait for the alarm of this metric. It rings for the five minutes of its period, whatever is mended meanwhile."""
    until(f"the alarm of {metric}", lambda: alarm(stack, f"{metric}Alarm") == "ALARM")


@shows("REQ-B5", "REQ-B10", how="patched")
def test_killed_after_the_mark(blog: Stack) -> None:
    """The function's process ends before a mail is sent, or right after: what that leaves, and who sees it."""
    unsent, sent = Subscriber(blog), Subscriber(blog)
    assert watched(blog) == {}
    until("a quiet alarm", lambda: alarm(blog, "MailUncertainAlarm") == "OK")
    for joon, line in ((unsent, SEND), (sent, NOTE)):
        with code_changed(blog, "SendMail", {line: killed_before(line)}):
            assert joon.ask().status == 202
            joon.item(mail="confirm-sending", owed="mail")
            joon.mails(1 if joon is sent else 0)
            # Lambda tries again, finds the mark, and lets it be. The next subscriber's batch comes after that.
            until("the record to be done", lambda joon=joon: skipped(blog, joon))
    assert (len(unsent.mails()), len(sent.mails())) == (0, 1)
    assert messages(blog, "MailFailuresQueue") == 0
    # Nobody can tell the two apart, so nothing is sent again by itself; somebody is told.
    assert watched(blog) == {}
    for joon in (unsent, sent):
        joon.grow_old()
    assert watched(blog) == {"MailUncertain": 2}
    rings(blog, "MailUncertain")
    assert invoke(blog, "RedriveMail", {"redrive": "refused"})["redriven"] == 0
    everybody_else_is_served(blog)
    assert (len(unsent.mails()), len(sent.mails())) == (0, 1)
    # Somebody decides that a second mail is better than none.
    assert invoke(blog, "RedriveMail", {"redrive": "uncertain"})["redriven"] == 2
    assert (len(unsent.mails(1)), len(sent.mails(2))) == (1, 2)
    for joon in (unsent, sent):
        joon.item(mail="confirm-sent")
    assert watched(blog) == {}


@shows("REQ-B5", "REQ-B10", how="patched")
def test_killed_before_the_mark(blog: Stack) -> None:
    """Nothing has happened yet: Lambda gives up in the end, the mail is owed, and is sent once somebody says so."""
    joon = Subscriber(blog)
    assert watched(blog) == {}
    until("a quiet alarm", lambda: alarm(blog, "MailWaitingAlarm") == "OK")
    with handed_over_once(blog), code_changed(blog, "SendMail", {MARK: killed_before(MARK)}):
        assert joon.ask().status == 202
        until("a message in the queue", lambda: messages(blog, "MailFailuresQueue") == 1)
        joon.item(mail="confirm-wanted", owed="mail")
        joon.grow_old()
        assert watched(blog) == {"MailWaiting": 1}
        rings(blog, "MailWaiting")
        # To grow old was a change of the item, of which the stream told.
        until("another message in the queue", lambda: messages(blog, "MailFailuresQueue") == 2)
    assert joon.mails() == []
    answer = invoke(blog, "RedriveMail", {"redrive": "refused"})
    assert (answer["redriven"], answer["messagesDeleted"]) == (1, 2)
    joon.mails(1)
    joon.item(mail="confirm-sent")
    assert watched(blog) == {}
    assert messages(blog, "MailFailuresQueue") == 0
    everybody_else_is_served(blog)
    assert len(joon.mails()) == 1


def killed_before(line: str) -> str:
    """The line of the function's text, and before it the end of its process."""
    return line[: len(line) - len(line.lstrip())] + KILLED + line


def skipped(stack: Stack, joon: Subscriber) -> bool:
    return any(about(joon) in line and "skipped" in line for line in logged(stack, "SendMail"))


def about(joon: Subscriber) -> str:
    """What the log calls a subscriber."""
    return hashlib.sha256(joon.address.encode()).hexdigest()[:12]


@contextmanager
def sandbox(emulator: Emulator) -> Iterator[None]:
    """SES as it is in a new account: it refuses whoever is not verified."""
    ses = emulator.client("sesv2")
    about = {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://blog.example.com"}
    ses.put_account_details(**about, ProductionAccessEnabled=False)
    try:
        yield
    finally:
        ses.put_account_details(**about, ProductionAccessEnabled=True)


@shows("REQ-B5", "REQ-B10", how="patched")
def test_what_ses_refuses_is_kept_and_sent_later(blog: Stack, tmp_path: Path) -> None:
    joon = Subscriber(blog)
    assert watched(blog) == {}
    until("a quiet alarm", lambda: alarm(blog, "MailRefusedAlarm") == "OK")
    with sandbox(blog.emulator):
        assert joon.ask().status == 202
        until("a message in the queue", lambda: messages(blog, "MailFailuresQueue") == 1)
        assert alarmed_by(blog, "MailFailuresWaitingAlarm", "MailFailuresQueue")
        assert joon.item()["mail"] == "confirm-refused"
        # Once and five times again, and no more.
        tries = [json.loads(line) for line in logged(blog, "SendMail") if about(joon) in line]
        assert [one["message"] for one in tries] == ["confirm refused"] * 6
        assert {one["reason"] for one in tries} == {"MessageRejected"}
        joon.grow_old()
        assert watched(blog) == {"MailRefused": 1}
        rings(blog, "MailRefused")
        assert joon.mails() == []
        message = json.dumps(peek(blog))
        assert "RetryAttemptsExhausted" in message
        assert joon.address not in message
    redrive = ("lambda", "invoke", "--function-name", blog.outputs["RedriveMailFunction"])
    aws(blog.emulator, *redrive, "--payload", '{"redrive": "refused"}', str(tmp_path / "answer.json"))
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert (answer["redriven"], answer["messagesDeleted"], answer["more"]) == (1, 1, False)
    assert len(joon.mails(1)) == 1
    joon.item(mail="confirm-sent")
    assert messages(blog, "MailFailuresQueue") == 0
    assert watched(blog) == {}
    # Once more, by mistake: nothing is owed.
    assert invoke(blog, "RedriveMail", {"redrive": "refused"})["redriven"] == 0
    assert joon.confirm().status == 200
    assert len(joon.mails(2)) == 2


def peek(stack: Stack) -> list[dict[str, object]]:
    """The messages in the queue of failures, which stay there."""
    queue = stack.outputs["MailFailuresQueue"]
    found = stack.emulator.client("sqs").receive_message(QueueUrl=queue, VisibilityTimeout=0, MaxNumberOfMessages=10)
    return [json.loads(one["Body"]) for one in found["Messages"]]


@shows("REQ-B10", how="patched")
def test_the_function_sends_from_the_one_address_only(blog: Stack) -> None:
    """Its role, as somebody who got hold of it would use it."""
    blog.emulator.client("sesv2").create_email_identity(EmailIdentity="other.example.org")
    joon = Subscriber(blog)
    sender, identity = "            FromEmailAddress=SENDER,", "            FromEmailAddressIdentityArn=IDENTITY,\n"

    def refusals() -> list[str]:
        lines = [json.loads(line) for line in logged(blog, "SendMail") if about(joon) in line]
        return [line["reason"] for line in lines if line["message"] == "confirm refused"]

    with code_changed(blog, "SendMail", {sender: '            FromEmailAddress="ceo@example.com",'}):
        assert joon.ask().status == 202
        until("a refusal", refusals)
    with code_changed(blog, "SendMail", {sender: '            FromEmailAddress="x@other.example.org",', identity: ""}):
        before = len(refusals())
        until("another refusal", lambda: len(refusals()) > before)
    assert set(refusals()) == {"AccessDeniedException"}
    assert joon.mails() == []
    # It is tried again with the function's own text, and succeeds: it was the sender that was refused.
    assert len(joon.mails(1)) == 1


@shows("REQ-B5", how="patched")
def test_without_a_sender_nobody_subscribes_and_the_stack_says_so(bare_blog: Stack) -> None:
    joon = reader(bare_blog)
    assert bare_blog.outputs["Mail"] == "off: give SenderAddress and SenderIdentity"
    assert joon.call("GET", "/config").json()["mail"] is False
    before = items(bare_blog)
    assert refused(joon.call("POST", "/subscriptions", {"email": "joon@example.com"}), 409) == "MailOff"
    assert items(bare_blog) == before
    names = {r["LogicalResourceId"] for r in bare_blog.resources()}
    assert not names & {"SendMail", "WatchMail", "RedriveMail", "MailFailures", "Mail", "SubscribersToSendMail"}
    # Authors are invited all the same, by Cognito itself.
    hana = author(bare_blog)
    [invitation] = mails(bare_blog.emulator, hana.email)
    assert invitation["Source"] != SENDER
