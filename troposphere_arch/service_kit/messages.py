"""Works on what comes from a queue, a topic, a stream or a bucket: `handler = messages.handler(work)`.

    record ──claim──▶ working, for as long as this function may run ──work──▶ its writes and `done`, in one transaction
                                                             └──raises──▶ given back, and reported: it comes again
    record of a stream ──raises at the last attempt, or ended the function at it──▶ FAILURES_QUEUE, and done with

Anything may come twice, at the same time too, and a function may end anywhere. So a message has a mark in the table:
who works on it holds it by a token, and what the work writes is written only together with `done`, under that token.
What the work sends has the same ids each time. What else it does has to be repeatable: give it the message's id.

A message of a FIFO queue that fails holds up those behind it in its group, each time until it can be seen again: six
times the function's `timeout`, so with 60 seconds and five attempts for half an hour in all.

A record of a stream stops those behind it only while it is tried. What has failed `ATTEMPTS` times is sent to
`FAILURES_QUEUE`, whole, and those behind it go on; so what depends on it must not take its effect for granted. Lambda
itself would give up the batch from there on, and tell only where in the stream that was. It must not come to that
first: a batch of ten records that all fail takes `10 * (ATTEMPTS - 1)` retries. What is sent is JSON, at least once:

    {"id", "request", "service": who gave it up, "error": kind of the last error that was raised, "" if none was,
     "attempts", "at", "streamArn", "shardId", "sequenceNumber", "partitionKey", "base64": how `data` is to be read,
     "data": the record as text, or in base64; null if SQS could not hold it, then only the stream has it}

The way back: put `data` into the stream as it is, with the same `partitionKey`. An envelope keeps its id there, and so
what its work has sent already keeps its ids too. Skipped is only the record that was given up, when it comes again with
the rest of its batch; one with another sequence number is tried anew, `ATTEMPTS` times, unless the work is done.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from botocore.exceptions import ClientError

from . import context, progress, table

# Seconds: a queue and its dead-letter queue keep a message for 14 days each at most.
KEPT = 30 * 24 * 3600
# Seconds that a function may run, and that it may be late in being stopped.
LONGEST, LATE = 900.0, 2.0
# Seconds in which no other message is begun: what is begun and cut off takes the whole batch with it. A template gives
# a batch at least six for each of its messages; so only where they take longer one is left over, and costs a receive.
RESERVE = 5.0
# Bytes of a result: the event that tells it has 256 kB.
LARGEST = 100_000
# Bytes of a message.
SQS_HOLDS = 1_048_576
# What a mark says; in a change of it each stands for itself.
STATES = {state: state for state in (progress.WORKING, progress.DONE, progress.FAILED)}

Writes = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Message:
    """`id` is the same whenever it comes; `request` is whose work it is; `attempt` counts from 1.

    `body` is what its JSON says, else its text, else its bytes; of an object always its bytes. `event` is the name of
    an event, "" for none. `key` is the group in a FIFO queue, the partition key in a stream, the key of an object.
    `raw` is the record as Lambda got it.
    """

    id: str
    request: str
    event: str
    body: Any
    attempt: int
    key: str
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Finished:
    """The work is done, and with it the request: whoever asks gets the result (JSON, at most 100,000 bytes)."""

    result: Any
    writes: Writes = ()


Work = Callable[[Message], Writes | Finished | None]


class _GivenUp(Exception):
    """The record is in `FAILURES_QUEUE`, now or since an earlier time."""


@dataclass(frozen=True)
class _Record:
    """A message as it came. `name` is what Lambda knows it by; one that fails stops the rest of its `order`.

    `holder` names who cannot be at work twice at a time; `receives` is how often it came, 0 where nobody counts. A
    `body` that could not be read is the error.
    """

    name: str
    about: Mapping[str, Any]
    body: Any
    key: str
    raw: Mapping[str, Any]
    order: str = ""
    holder: str = ""
    receives: int = 0


def handler(work: Work, *, clock: Callable[[], float] = time.time) -> Callable[[Any, Any], dict[str, Any]]:
    """The Lambda handler that does the work of each message once, as far as its effect is in what it returns.

    `work` returns None, or at most 99 writes for the service's own table in plain Python values, such as
    `{"Put": {"Item": {"pk": ..., "sk": ...}}}`, or `Finished`. When it raises, the message comes again, and at the last
    of `ATTEMPTS` the request is told as failed. Of a stream, what comes after the first that failed is not begun, until
    it is done or, after its last attempt, in `FAILURES_QUEUE`; of a FIFO queue, what comes after it in its group. For
    an object that failed, `RuntimeError` is raised.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """

    def handle(event: Any, lambda_context: Any) -> dict[str, Any]:
        ends = context.deadline(lambda_context)
        if "Records" not in event:
            if not _done(work, _object(event, lambda_context, ends, clock()), ends, clock):
                raise RuntimeError("The message failed; the log says where.")
            return {}
        failed: list[str] = []
        stopped: set[str] = set()
        for number, raw in enumerate(event["Records"]):
            record = _streamed(raw) if "kinesis" in raw else _queued(raw)
            late = number > 0 and ends - time.monotonic() < RESERVE
            if late or record.order in stopped or not _done(work, record, ends, clock):
                failed.append(record.name)
                stopped |= {record.order} - {""}
                if "kinesis" in raw:
                    break
        return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}

    return handle


def _done(work: Work, record: _Record, ends: float, clock: Callable[[], float]) -> bool:
    """Whether the message need not come again."""
    about = record.about
    doing = context.Work(
        about.get("request", about["id"]), about["id"], context.trace(about.get("trace")), about["id"], ends
    )
    with context.begin(doing):
        try:
            result = _result(work, record, clock())
            if result is not None:
                # If this cannot be told the message comes again, and it is told then.
                progress.tell(progress.DONE, json.loads(result))
        except _GivenUp:
            context.log("WARNING", "message given up")
            return True
        except Exception as error:
            context.log("ERROR", "message failed", error)
            return False
        context.log("INFO", "message done")
        return True


def _result(work: Work, record: _Record, now: float) -> str | None:
    """What the finished work has as its result, of an earlier time too. Raises what the work raises, or `_GivenUp`."""
    id, token = record.about["id"], str(uuid.uuid4())
    mark = _claimed(record, token, now)
    if mark["state"] == progress.DONE:
        return mark.get("result")
    if record.name in mark.get("given_up", ()):
        raise _GivenUp
    attempt, attempts = int(mark["attempts"]), int(os.environ.get("ATTEMPTS", "0"))
    last = 0 < attempts <= (record.receives or attempt)
    failures = os.environ.get("FAILURES_QUEUE") if last and "kinesis" in record.raw else None
    if failures and attempt > attempts:
        # The last attempt ended the function, or failed and was not handed over: only that is left to do.
        _give_up(record, attempts, mark.get("error", ""), failures)
    try:
        if isinstance(record.body, Exception):
            raise record.body
        progress.mention(progress.WORKING)
        event = context.like(".+", record.about.get("event"))
        request = context.current().request
        return _written(id, token, work(Message(id, request, event, record.body, attempt, record.key, record.raw)))
    except Exception as error:
        kind = type(error).__name__
        if _given_back(id, token, kind) and last:
            if failures:
                context.log("ERROR", "message failed", error)
                _give_up(record, attempts, kind, failures)
            progress.mention(progress.FAILED, {"error": kind})
        raise


def _mark(id: str, change: str, only: str, **values: Any) -> dict[str, Any]:
    """A change of the message's mark where `only` holds: `:token` is the `token` that is given, `:done` is "done".

    Each mark has a partition of its own: one takes 1,000 writes a second, which is not enough for all.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
    """
    said, given = f"{change} {only}", STATES | values
    return {
        "Key": _key(id),
        "UpdateExpression": change,
        "ConditionExpression": only,
        "ExpressionAttributeNames": {f"#{name}": name for name in re.findall(r"#(\w+)", said)},
        "ExpressionAttributeValues": {f":{name}": given[name] for name in re.findall(r":(\w+)", said)},
    }


def _key(id: str) -> dict[str, str]:
    return {"pk": f"kit#message#{id}", "sk": "mark"}


def _claimed(record: _Record, token: str, now: float) -> dict[str, Any]:
    """The mark: with our token, or done, or given up. An attempt is counted at once, since it may end anywhere."""
    id, items = record.about["id"], table.items()
    until = now + min(context.remaining(), LONGEST) + LATE
    claim = _mark(
        id,
        "SET #state = :working, #token = :token, #holder = :holder, #lease = :until, #expires = :expires"
        " ADD #attempts :one",
        "attribute_not_exists(pk) OR (#state <> :done AND NOT contains(#given_up, :name)"
        " AND (#lease < :now OR #holder = :holder))",
        token=token,
        holder=record.holder or token,
        name=record.name,
        until=int(until * 1000),
        now=int(now * 1000),
        expires=int(now) + KEPT,
        one=1,
    )
    try:
        return dict(items.update_item(**claim, ReturnValues="ALL_NEW")["Attributes"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
    mark: dict[str, Any] = items.get_item(Key=_key(id), ConsistentRead=True).get("Item", {})
    if mark.get("state") != progress.DONE and record.name not in mark.get("given_up", ()):
        raise RuntimeError("somebody else is at work on the message")
    return mark


def _written(id: str, token: str, answer: Writes | Finished | None) -> str | None:
    """Write what the work returned, together with the mark of done; gives the result as JSON."""
    items, result, writes = table.items(), None, answer
    change = "SET #state = :done"
    if isinstance(answer, Finished):
        result, writes = context.whole_json(answer.result), answer.writes
        if len(result) > LARGEST:
            raise ValueError("the result is too large")
        change += ", #result = :result"
    mark = _mark(id, change, "#token = :token AND #state <> :done", token=token, result=result)
    together = [{"Update": mark}, *(writes or ())]  # type: ignore[misc]
    named = [{verb: {"TableName": items.name, **write} for verb, write in one.items()} for one in together]
    items.meta.client.transact_write_items(TransactItems=named)
    return result


def _given_back(id: str, token: str, error: str) -> bool:
    """Let others take the message at once. False when it was not ours any more, or is done after all."""
    change, ours = "SET #state = :failed, #lease = :never, #error = :error", "#token = :token AND #state = :working"
    try:
        table.items().update_item(**_mark(id, change, ours, token=token, never=0, error=error))
    except Exception as problem:
        context.log("WARNING", "message not given back", problem)
        return False
    return True


def _give_up(record: _Record, attempts: int, error: str, queue: str) -> NoReturn:
    """Hand the record of a stream to the queue, and mark it. Raises `_GivenUp`, or why that cannot be done now.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    one, work = record.raw["kinesis"], context.current()
    told = {
        "id": work.message,
        "request": work.request,
        "service": os.environ.get("SERVICE", ""),
        "error": error,
        "attempts": attempts,
        "at": context.now(),
        "streamArn": record.raw.get("eventSourceARN", ""),
        "shardId": record.holder,
        "sequenceNumber": record.name,
        "partitionKey": record.key,
    }
    forms: list[tuple[bool, str | None]] = [(True, one["data"]), (False, None)]
    with suppress(UnicodeDecodeError):
        forms.insert(0, (False, base64.b64decode(one["data"]).decode()))
    sayings = (context.to_json(told | {"base64": coded, "data": data}) for coded, data in forms)
    said = next(said for said in sayings if len(said) <= SQS_HOLDS)
    context.aws("sqs").send_message(QueueUrl=queue, MessageBody=said)
    progress.mention(progress.FAILED, {"error": error})
    # Only now: whoever is ended before does it again. What comes back is not this record, and is counted from one.
    change = "SET #state = :failed, #lease = :never ADD #given_up :names REMOVE #attempts, #error"
    # A copy in another shard may be given up meanwhile; that it is done after all is not forgotten.
    mark = _mark(work.message, change, "#state <> :done", never=0, names={record.name})
    table.items().update_item(**mark)
    raise _GivenUp


def _queued(raw: Mapping[str, Any]) -> _Record:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    about, body = _opened(raw["body"].encode(), raw["messageId"])
    attributes = raw.get("attributes", {})
    group = attributes.get("MessageGroupId", "")
    # A queue that is not FIFO may have groups, and no order.
    order = group if raw.get("eventSourceARN", "").endswith(".fifo") else ""
    receives = int(attributes.get("ApproximateReceiveCount", 0))
    return _Record(raw["messageId"], about, body, group, raw, order, receives=receives)


def _streamed(raw: Mapping[str, Any]) -> _Record:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    one = raw["kinesis"]
    about, body = _opened(base64.b64decode(one["data"]), one["sequenceNumber"])
    # Lambda has one invocation at a time for a shard.
    shard = raw.get("eventID", "").rpartition(":")[0]
    return _Record(one["sequenceNumber"], about, body, one["partitionKey"], raw, holder=shard)


def _object(event: Mapping[str, Any], lambda_context: Any, ends: float, now: float) -> _Record:
    """The object that an event is about. One that cannot be read is known by the event, and so is its request.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    bucket, one = event["detail"]["bucket"]["name"], event["detail"]["object"]
    id = context.id_of(bucket, one["key"], one.get("sequencer"), one.get("version-id"))
    # The one that the event is about, not what has taken its name since.
    version = {"VersionId": one["version-id"]} if one.get("version-id") else {}
    # All tries of one event have the same id of invocation, one after the other; the same event once more has another,
    # and takes none of these tries.
    invocation = getattr(lambda_context, "aws_request_id", "")
    about: Mapping[str, Any] = {"id": id}
    receives, body = 0, None
    with context.begin(context.Work(id, id, deadline=ends)):
        try:
            receives = _receives(f"{id}#{invocation}", now)
            found = context.aws("s3").get_object(Bucket=bucket, Key=one["key"], **version)
            about = found["Metadata"] if _ours(found["Metadata"]) else about
            body = found["Body"].read()
        except Exception as error:
            body = error
    return _Record(one["key"], about, body, one["key"], event, holder=invocation, receives=receives)


def _receives(id: str, now: float) -> int:
    """How often this came, with this time: counted before it is known which message it is, or whether it can be."""
    counted = table.items().update_item(
        Key=_key(id),
        UpdateExpression="SET expires = :expires ADD attempts :one",
        ExpressionAttributeValues={":expires": int(now) + KEPT, ":one": 1},
        ReturnValues="UPDATED_NEW",
    )
    return int(counted["Attributes"]["attempts"])


def _opened(data: bytes, id: str) -> tuple[Mapping[str, Any], Any]:
    """The envelope and what is in it; of what is none, `id` and what it says."""
    try:
        said = context.from_json(data)
    except ValueError:
        try:
            return {"id": id}, data.decode()
        except UnicodeDecodeError:
            return {"id": id}, data
    if isinstance(said, dict) and "body" in said and _ours(said):
        return said, said["body"]
    return {"id": id}, said


def _ours(about: Mapping[str, Any]) -> bool:
    return all(context.like(context.ID.pattern, about.get(name)) for name in ("id", "request"))
