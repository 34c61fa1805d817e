"""Who wants mail from the blog: asks for it, confirms it by the link in a first mail, leaves.

    Reader --POST /subscriptions, /subscriptions/confirm, /subscriptions/leave--> this --> Subscribers (--> SendMail)

Nothing here tells whether an address is known: the answer to a subscription is the same, and so is what is done for it,
one conditional write. That write asks for a confirmation mail only for a new address, or for one that is not confirmed
and was asked for more than a day ago; so nobody can be sent more than one in 24 hours, however often it is tried.

An address is plain ASCII, without blanks around it and in small letters: one @, before it letters, digits, dots and
.!#$%&'*+/=?^_`{|}~-, after it a domain name. A name in other letters is written in its own ASCII form (xn--...). So
none can hold what has a meaning in a header of a mail.

A token is `<the address in base64url>.<43 random characters>`, and is compared in constant time. One that holds no
longer, or never did, is answered as if the address were unknown.

`leave` takes the token in JSON, or, as mail programs send it for their own unsubscribe button (RFC 8058), in the query
with a form `List-Unsubscribe=One-Click`. It works with MAIL=off, too: mail that was sent stays in mailboxes.

The function's role needs, on the table, dynamodb:GetItem and dynamodb:UpdateItem.
"""

import base64
import email
import hmac
import json
import os
import re
import secrets
import time
import traceback
import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# ---- Same in all handlers of the API, begin: a template inlines each file alone, so none can import another ----
Json = dict[str, Any]
# The services answer in milliseconds. Who waits longer than this does better to ask again.
CONFIG = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
RESERVE_MS = 8000  # one more call may take this long, with its retry: begin none when there is less time left
BUSY = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestLimitExceededException",  # as DAX calls it
    "ServiceUnavailable",  # as S3 calls it
    "SlowDown",  # as S3 calls it, too
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
PRIVATE = {"Cache-Control": "private, no-store"}


class Answer(NamedTuple):
    status: int
    body: Json | None = None
    headers: dict[str, str] | None = None


class Call(NamedTuple):
    event: Json
    context: Any


class Refusal(Exception):
    """An answer that says no: raised wherever the reason shows up, sent by `handler`."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None, **more: Json):
        super().__init__(code)
        self.answer = Answer(status, {"error": code, "message": message, **more}, headers)


def short_of_time(call: Call) -> bool:
    return bool(call.context.get_remaining_time_in_millis() < RESERVE_MS)


def inside(value: Any, *names: str) -> Json:
    """The object at this path of the event, or an empty one: API Gateway sends null for what is not there."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def header(event: Json, name: str) -> str | None:
    """What the request says in a header, however the header's name is spelt; `name` is in small letters."""
    given = {str(one).lower(): value for one, value in inside(event, "headers").items()}.get(name)
    return given if isinstance(given, str) else None


def busy() -> Refusal:
    return Refusal(503, "Busy", "The service is busy; try again in a moment.", {"Retry-After": "2"})


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def code_of(error: Exception) -> str:
    """The code in a service's answer ("ThrottlingException"), or nothing if no service answered."""
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def handler(event: Json, context: Any) -> Json:
    """Serve one request of the REST API; log one line, which never holds anything that a user sent or is."""
    started = time.monotonic()
    name = f"{event.get('httpMethod')} {event.get('resource')}"
    failed = {}
    try:
        if name not in ROUTES:
            raise Refusal(404, "UnknownRoute", f"This is none of {', '.join(ROUTES)}.")
        answer = ROUTES[name](Call(event, context))
    except Refusal as refusal:
        answer = refusal.answer
    except Exception as error:
        answer = busy().answer
        if code_of(error) not in BUSY:
            # What broke and where, but not the exception's text: that may quote an item.
            frames = traceback.extract_tb(error.__traceback__)
            here = [frame for frame in frames if frame.filename == handler.__code__.co_filename][-1]
            at = f"{here.filename.rpartition('/')[2]}:{here.lineno}:{here.name}"
            failed = {"error": f"{type(error).__name__} {code_of(error)}".strip(), "at": at}
    status = 500 if failed else answer.status
    method, resource = name.split(" ", 1) if name in ROUTES else ("unknown", "unknown")
    line = {
        "level": {500: "ERROR", 503: "WARNING"}.get(status, "INFO"),
        "timestamp": stamp(time.time()),
        "message": f"{method} {resource} {status}",
        # Not the API's request id: a client may choose that one.
        "requestId": context.aws_request_id,
        "method": method,
        "resource": resource,
        "status": status,
        "durationMs": round((time.monotonic() - started) * 1000, 1),
    }
    print(json.dumps(line | failed))
    if failed:  # the function's error metric, and so the alarm, must see it
        raise RuntimeError("The request failed; the log line before this one says where.")
    headers = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", **PRIVATE}
    headers |= answer.headers or {}
    if header(event, "authorization") is not None:
        headers |= PRIVATE  # the edge keeps what it may give to everybody, and this may be for the caller alone
    body = "" if answer.body is None else json.dumps(answer.body)
    return {"statusCode": answer.status, "headers": headers, "body": body}


# ---- Same in all handlers of the API, end ----

BODY_LIMIT = 8 * 1024


# ---- Same in what takes a body, begin ----
def told(value: object) -> str:
    """A value as an error message shows it: short."""
    text = "a list or an object" if isinstance(value, (dict, list)) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def wrong(name: str, problem: str, allowed: str) -> Refusal:
    return Refusal(400, "InvalidField", f"{name} {problem}; it must be {allowed}.")


def no_number(name: str) -> None:
    raise ValueError(name)


def each_once(pairs: list[tuple[str, Any]]) -> Json:
    """An object of JSON, unless it says a thing twice: who checked it before may have looked at the other one."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name twice")
    return values


def media_type(event: Json) -> str:
    return (header(event, "content-type") or "").partition(";")[0].strip().lower()


def raw_body(event: Json) -> bytes:
    """The body's bytes. Raises ValueError for what is no text or no base64."""
    body = event.get("body")
    if not isinstance(body, str):
        raise ValueError("nothing there")
    data = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    if len(data) > BODY_LIMIT:
        raise Refusal(413, "BodyTooLarge", f"The body has {len(data)} bytes; at most {BODY_LIMIT} are allowed.")
    return data


def read_body(event: Json, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Json:
    """The JSON object in the request, with all required fields and no unknown one; their values are not checked yet."""
    if media_type(event) not in ("application/json", ""):
        raise Refusal(415, "UnsupportedMediaType", "Send JSON, with the header Content-Type: application/json.")
    try:
        # Python reads NaN and Infinity, which are no JSON. Deep nesting ends in a RecursionError.
        values = json.loads(raw_body(event).decode(), parse_constant=no_number, object_pairs_hook=each_once)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise Refusal(400, "InvalidBody", "The body must be a JSON object in UTF-8 that has each field once.")
    fields = required + optional
    for name in [*values, *required]:
        if name not in fields:
            raise Refusal(400, "UnknownField", f"{told(name)} is no field of this request; {', '.join(fields)} are.")
        if name not in values:
            raise Refusal(400, "MissingField", f"{name} is missing; this request needs {', '.join(required)}.")
    return values


# ---- Same in what takes a body, end ----

TABLE = os.environ["SUBSCRIBERS_TABLE"]
MAIL = os.environ["MAIL"] == "on"
DAY = 24 * 60 * 60
CONFIRM_SECONDS, LEFT_SECONDS = 7 * DAY, 30 * DAY
ATTEMPTS = 4
WORD = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){WORD}(?:\.{WORD})*@(?:{LABEL}\.)+(?![0-9]+$){LABEL}")
ADDRESS_LENGTH = 254
TOKEN = re.compile(r"([A-Za-z0-9_-]{4,344})\.([A-Za-z0-9_-]{16,86})")
table: Any = boto3.client("dynamodb", config=CONFIG)


def plain_address(value: object) -> str | None:
    """The address as the table has it; None for what is none."""
    # First ASCII, then small letters: there are others whose small letter is an ASCII one.
    if not isinstance(value, str) or not value.isascii():
        return None
    address = value.strip(" ").lower()
    return address if len(address) <= ADDRESS_LENGTH and ADDRESS.fullmatch(address) else None


def change(address: str, update: str, condition: str, **values: str | int) -> bool:
    """A conditional write; False when the condition does not hold. `values` are those of the :names."""
    try:
        table.update_item(
            TableName=TABLE,
            Key={"address": {"S": address}},
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames={name: name[1:] for name in re.findall(r"#\w+", f"{update} {condition}")},
            ExpressionAttributeValues={
                f":{name}": {"N": str(value)} if isinstance(value, int) else {"S": value}
                for name, value in values.items()
            },
        )
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True


def subscribe(call: Call) -> Answer:
    values = read_body(call.event, ("email",))
    if not MAIL:
        raise Refusal(409, "MailOff", "This blog sends no mail.")
    address = plain_address(values["email"])
    if address is None:
        allowed = "an address like you@example.com, at most 254 characters of plain ASCII (a domain in its xn-- form)"
        raise wrong("email", "is no address", allowed)
    now = int(time.time())
    # What happened is nobody's business, so nobody is told.
    change(
        address,
        "SET #state = :pending, #mail = :wanted, #owed = :owed, #owedSince = :now, #askedAt = :now, "
        "#expires = :expires, #token = if_not_exists(#token, :token)",
        "attribute_not_exists(#address) OR (#state IN (:pending, :left) AND #askedAt < :yesterday)",
        pending="pending",
        left="left",
        wanted="confirm-wanted",
        owed="mail",
        now=now,
        yesterday=now - DAY,
        expires=now + CONFIRM_SECONDS,
        token=secrets.token_urlsafe(32),
    )
    return Answer(202, {"message": "If the address is not confirmed yet, a mail asks to confirm it: look there."})


def holder(text: str) -> Json | None:
    """The subscriber whose token this is, or None."""
    parts = TOKEN.fullmatch(text)
    address = None
    if parts:
        try:
            address = plain_address(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)).decode())
        except ValueError:
            address = None
    if not parts or address is None:
        return None
    wanted = {"Key": {"address": {"S": address}}, "ConsistentRead": True}
    item: Json = table.get_item(TableName=TABLE, **wanted).get("Item") or {}
    known = item.get("token", {}).get("S", "0" * 43)
    return item if hmac.compare_digest(known.encode(), parts[2].encode()) and item else None


def given_token(value: object) -> str:
    if not isinstance(value, str):
        raise wrong("token", f"is {told(value)}", "the text after # in the link of the mail")
    return value


def confirm(call: Call) -> Answer:
    text = given_token(read_body(call.event, ("token",))["token"])
    done = Answer(200, {"message": "The address is confirmed."})
    for _ in range(ATTEMPTS):
        item, now = holder(text), int(time.time())
        state = item["state"]["S"] if item else None
        if item and state == "confirmed":
            return done
        # DynamoDB may take days to remove what has expired.
        if not item or state != "pending" or int(item["expires"]["N"]) <= now:
            raise Refusal(
                404, "NotFound", "This link holds no longer, or is not whole; subscribe again to get another."
            )
        welcome = "welcomedAt" not in item
        if welcome:
            update = "SET #state = :confirmed, #confirmedAt = :now, #mail = :mail, #owed = :owed, #owedSince = :now"
            update += " REMOVE #expires"
            condition, values = "attribute_not_exists(#welcomedAt)", {"mail": "welcome-wanted", "owed": "mail"}
        else:
            update = "SET #state = :confirmed, #confirmedAt = :now, #mail = :mail REMOVE #expires, #owed, #owedSince"
            condition, values = "attribute_exists(#welcomedAt)", {"mail": "none"}
        if change(
            item["address"]["S"],
            update,
            f"{condition} AND #state = :pending AND #token = :token AND #expires > :now",
            confirmed="confirmed",
            pending="pending",
            token=item["token"]["S"],
            now=now,
            **values,
        ):
            return done
    raise busy()


def leave(call: Call) -> Answer:
    form = media_type(call.event)
    if form in ("application/x-www-form-urlencoded", "multipart/form-data"):
        value = one_click(call.event)
    else:
        value = read_body(call.event, ("token",))["token"]
    item = holder(given_token(value))
    if item and item["state"]["S"] != "left":
        change(
            item["address"]["S"],
            "SET #state = :left, #mail = :none, #expires = :expires REMOVE #owed, #owedSince",
            "#token = :token",
            left="left",
            none="none",
            expires=int(time.time()) + LEFT_SECONDS,
            token=item["token"]["S"],
        )
    return Answer(200, {"message": "You get no more mail from this blog."})


def one_click(event: Json) -> object:
    """The token of a one-click request: https://www.rfc-editor.org/rfc/rfc8058

    Mail programs send the form in either encoding. A body that says something else was made by nobody's button.
    """
    try:
        body = raw_body(event).decode()
        if media_type(event) == "multipart/form-data":
            kind = re.sub(r"[\r\n]", " ", header(event, "content-type") or "")
            parts = email.message_from_string(f"Content-Type: {kind}\r\n\r\n{body}").walk()
            said = [
                str(part.get_payload()).strip()
                for part in parts
                if part.get_param("name", header="content-disposition") == "List-Unsubscribe"
            ]
        else:
            said = urllib.parse.parse_qs(body.strip(), max_num_fields=8).get("List-Unsubscribe", [])
    except (ValueError, RecursionError):
        said = []
    if said != ["One-Click"]:
        raise Refusal(
            400, "InvalidBody", "A form must say List-Unsubscribe=One-Click; otherwise send the token as JSON."
        )
    token = inside(event, "queryStringParameters").get("token")
    if token is None:
        raise Refusal(400, "InvalidParameter", "token is missing in the address; use all of the one in the mail.")
    return token


ROUTES: dict[str, Callable[[Call], Answer]] = {
    "POST /subscriptions": subscribe,
    "POST /subscriptions/confirm": confirm,
    "POST /subscriptions/leave": leave,
}
