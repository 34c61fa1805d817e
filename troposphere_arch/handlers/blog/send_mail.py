"""Sends the mail that subscribers are owed: first the one that asks them to confirm, then one welcome.

    Subscribers --stream (mail is confirm-wanted or welcome-wanted)--> this --SES--> mailbox

An item says in `mail` how far it is: X-wanted, X-sending (marked, before anything is sent), X-sent, or X-refused when
SES said that it took nothing. Each step is a conditional write, and only who wrote the mark sends. So whatever is
retried, replayed, run twice at once or killed, a mail is sent at most once; what is marked and was perhaps not sent
stays X-sending, is counted by the function WatchMail, and is sent again only when somebody decides so.

For each record Lambda hears whether to bring it again (`batchItemFailures`): yes when nothing was sent and another try
may help, no when it is sent, is no longer owed, or when nobody knows. Lambda begins again at the first of those, so
later ones of the batch come again too: they are found sent, and are passed over.

The function's role needs dynamodb:UpdateItem on the table (no other right on it), and ses:SendEmail on the one identity
and the configuration set, under the condition that ses:FromAddress is the sender. Its event source mapping must have
ReportBatchItemFailures. One mail may take 19 seconds when table and SES are slow: give the function a minute.
"""

import base64
import hashlib
import json
import os
import re
import time
import traceback
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)

# ---- Same in all functions that nobody waits for, begin: a template inlines each file alone ----
Json = dict[str, Any]


class Done(NamedTuple):
    answer: Json
    told: Json  # what the log says of it: counts and outcomes, never an address, a token or a text of somebody's


def code_of(error: Exception) -> str:
    """The code in a service's answer ("ThrottlingException"), or nothing if no service answered."""
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def failure(error: Exception) -> Json:
    """What broke and where, but not the exception's text: that may quote an item."""
    frames = traceback.extract_tb(error.__traceback__)
    here = [frame for frame in frames if frame.filename == handler.__code__.co_filename][-1]
    at = f"{here.filename.rpartition('/')[2]}:{here.lineno}:{here.name}"
    return {"error": f"{type(error).__name__} {code_of(error)}".strip(), "at": at}


def log(context: Any, level: str, message: str, told: Json) -> None:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"level": level, "timestamp": at, "message": message, "requestId": context.aws_request_id}
    print(json.dumps(line | told))


def handler(event: Json, context: Any) -> Json:
    """Do the work once; log one line, and raise only what another attempt may mend."""
    started = time.monotonic()
    try:
        answer, told = work(event, context)
    except Exception as error:
        log(context, "ERROR", "failed", failure(error))
        # The function's error metric, and so the alarm, must see it; nobody else's words go along.
        raise RuntimeError("The work failed; the log line before this one says where.") from None
    log(context, "INFO", "done", told | {"durationMs": round((time.monotonic() - started) * 1000, 1)})
    return answer


# ---- Same in all functions that nobody waits for, end ----

TABLE = os.environ["SUBSCRIBERS_TABLE"]
SENDER = os.environ["SENDER_ADDRESS"]
IDENTITY = os.environ["SENDER_IDENTITY_ARN"]
MAIL_SET = os.environ["MAIL_SET"]
BLOG_URL = os.environ["BLOG_URL"].rstrip("/")
BLOG_TITLE = os.environ["BLOG_TITLE"]
WELCOME_SUBJECT = os.environ["WELCOME_SUBJECT"]
WELCOME_TEXT = os.environ["WELCOME_TEXT"]

RESERVE_MS = 20_000  # marking, sending and noting may take this long: begin with no other mail when there is less left
STATES = {"confirm": "pending", "welcome": "confirmed"}  # of a subscriber whom that mail is for
# One plain address, as it goes into a header: no name, no list, no comment, no line break.
ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]+@[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]+")
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}")
# SES, asked too often: whoever comes next is refused as well.
BUSY = {"LimitExceededException", "Throttling", "ThrottlingException", "TooManyRequestsException"}
# Raised before anything of a request is on its way.
UNSENT = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError, ParamValidationError)

table: Any = boto3.client(
    "dynamodb", config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
)
# No retry, whatever goes wrong: boto would send once more what had perhaps arrived.
ses: Any = boto3.client("sesv2", config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}))


class Refused(Exception):
    """Nothing was sent. `reason` is a code of SES, or the name of what went wrong; `busy` when it holds for all."""

    def __init__(self, reason: str, busy: bool = False):
        super().__init__(reason)
        self.reason, self.busy = reason, busy


class Mail(NamedTuple):
    """A mail that is owed: its kind (confirm or welcome), to whom, and the mark of this attempt to send it."""

    kind: str
    address: str
    mark: str


def work(event: Json, context: Any) -> Done:
    records = [record for record in event.get("Records") or [] if isinstance(record, dict)]
    counts: dict[str, int] = {}
    again: list[str] = []
    for record in records:
        number = str((record.get("dynamodb") or {}).get("SequenceNumber", ""))
        outcome = "unread" if context.get_remaining_time_in_millis() < RESERVE_MS else deliver(record, context)
        counts[outcome] = counts.get(outcome, 0) + 1
        if outcome in ("refused", "busy", "unread") and number:
            again.append(number)
        if outcome in ("busy", "unread"):
            break  # Lambda begins again here, and brings those that follow along
    return Done({"batchItemFailures": [{"itemIdentifier": number} for number in again]}, counts)


def deliver(record: Json, context: Any) -> str:
    """Send the mail that this record tells of, if it is still owed. Never raises; says what came of it:

    sent, skipped (not or no longer owed), refused (not sent: another try may help), busy (as refused, and the next one
    would be too), uncertain (marked; perhaps sent).
    """
    mail = mail_of(record)
    if mail is None:
        return "skipped"
    told: Json = {"mail": mail.kind, "subscriber": hashlib.sha256(mail.address.encode()).hexdigest()[:12]}
    outcome = "busy"  # nothing is sent as long as there is no mark
    try:
        token = marked(mail)
        if token is None:
            outcome = "skipped"
        else:
            outcome = "uncertain"
            outcome = send_marked(mail, token, told)
    except Exception as error:  # whatever it is, the other records want to be looked at
        told |= failure(error)
    level = {"sent": "INFO", "skipped": "INFO", "refused": "WARNING", "busy": "WARNING"}.get(outcome, "ERROR")
    log(context, level, f"{mail.kind} {outcome}", told)
    return outcome


def mail_of(record: Json) -> Mail | None:
    """The mail that a stream record says is wanted; None when it says something else."""
    image = record.get("dynamodb") or {}
    wanted = ((image.get("NewImage") or {}).get("mail") or {}).get("S")
    address = ((image.get("Keys") or {}).get("address") or {}).get("S")
    kind, _, step = wanted.partition("-") if isinstance(wanted, str) else ("", "", "")
    if kind not in STATES or step != "wanted" or not isinstance(address, str):
        return None
    return Mail(kind, address, str(uuid.uuid4()))


def change(mail: Mail, update: str, condition: str, **values: str | int) -> Json | None:
    """The item after a conditional write, or None when the condition does not hold. `values` are those of :names."""
    given = {f":{k}": {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in values.items()}
    try:
        item: Json = table.update_item(
            TableName=TABLE,
            Key={"address": {"S": mail.address}},
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames={name: name[1:] for name in re.findall(r"#\w+", update + condition)},
            ExpressionAttributeValues=given,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )["Attributes"]
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        item = error.response.get("Item") or {}  # type: ignore[assignment]
        # When the answer to a write is lost, boto writes again, and finds what the first one wrote.
        return item if item.get("mail") == given[":next"] and item.get("markedBy") == {"S": mail.mark} else None
    return item


def marked(mail: Mail) -> str | None:
    """Note that this attempt is about to send the mail, and give the subscriber's token; None when it is not owed.

    `welcomedAt` comes with the mark: from here on there may have been a welcome, and there is never a second one.
    """
    welcome = mail.kind == "welcome"
    item = change(
        mail,
        "SET #mail = :next, #markedBy = :mark, #markedAt = :now" + ", #welcomedAt = :now" * welcome,
        "#mail IN (:wanted, :refused) AND #state = :state" + " AND attribute_not_exists(#welcomedAt)" * welcome,
        next=f"{mail.kind}-sending",
        mark=mail.mark,
        now=int(time.time()),
        wanted=f"{mail.kind}-wanted",
        refused=f"{mail.kind}-refused",
        state=STATES[mail.kind],
    )
    return None if item is None else str((item.get("token") or {}).get("S", ""))


def send_marked(mail: Mail, token: str, told: Json) -> str:
    """Send, and note what came of it. Raises when nobody knows, or when it could not be noted: then the mark stays."""
    ours = "#mail = :sending AND #markedBy = :mark"
    try:
        send(mail, token)
    except Refused as refused:
        told["reason"] = refused.reason
        gone = " REMOVE #welcomedAt" * (mail.kind == "welcome")
        change(mail, "SET #mail = :next" + gone, ours, next=f"{mail.kind}-refused", **mark_of(mail))
        return "busy" if refused.busy else "refused"
    change(mail, "SET #mail = :next REMOVE #owed, #owedSince", ours, next=f"{mail.kind}-sent", **mark_of(mail))
    return "sent"


def mark_of(mail: Mail) -> dict[str, str]:
    return {"sending": f"{mail.kind}-sending", "mark": mail.mark}


def send(mail: Mail, token: str) -> None:
    """Hand the mail to SES. Raises `Refused` when SES took nothing, and something else when that is not known.

    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
    """
    if not ADDRESS.fullmatch(mail.address) or not TOKEN.fullmatch(token):
        raise Refused("NoPlainAddressOrToken")
    subject, text, leave = written(mail, token)
    # https://www.rfc-editor.org/rfc/rfc8058 (one click leaves, without a page to look at)
    headers = {"List-Unsubscribe": f"<{leave}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    simple = {
        "Subject": {"Data": subject, "Charset": "UTF-8"},
        "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
        "Headers": [{"Name": name, "Value": value} for name, value in headers.items()],
    }
    try:
        ses.send_email(
            FromEmailAddress=SENDER,
            FromEmailAddressIdentityArn=IDENTITY,
            Destination={"ToAddresses": [mail.address]},
            ConfigurationSetName=MAIL_SET,
            Content={"Simple": simple},
        )
    except ClientError as error:
        busy = code_of(error) in BUSY
        # Only what SES answers to a request that it does not take; after an error of its own it may have taken it.
        if busy or 400 <= error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            raise Refused(code_of(error), busy) from error
        raise
    except UNSENT as error:
        raise Refused(type(error).__name__) from error


def written(mail: Mail, token: str) -> tuple[str, str, str]:
    """Subject and text of the mail, and the address at which one click unsubscribes."""
    # What stands after # is sent to no server and into no log; a page reads it, and asks for a click.
    whole = base64.urlsafe_b64encode(mail.address.encode()).decode().rstrip("=") + "." + token
    leave = f"{BLOG_URL}/leave#{whole}"
    if mail.kind == "confirm":
        subject = filled("Please confirm: mail from {title}")
        text = filled(CONFIRM_TEXT) + f"\n\nYes, I want it: {BLOG_URL}/confirm#{whole}"
    else:
        subject, text = filled(WELCOME_SUBJECT), filled(WELCOME_TEXT)
    # A subject is one line.
    subject = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", subject).split())
    text += f"\n\nNo more mail from us: {leave}\n"
    return subject, text, f"{BLOG_URL}/api/subscriptions/leave?token={whole}"


CONFIRM_TEXT = """\
Somebody, probably you, asked {title} ({url}) to write to this address.
We do so only when you confirm it, within seven days.

If it was not you, there is nothing to do: you will hear no more."""


def filled(text: str) -> str:
    """The text with its two placeholders filled in, once: what is filled in is not looked at again."""
    values = {"{title}": BLOG_TITLE, "{url}": BLOG_URL}
    return re.sub(r"\{title\}|\{url\}", lambda found: values[found[0]], text)
