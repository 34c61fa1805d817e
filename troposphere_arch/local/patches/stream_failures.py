"""What becomes of a batch of a stream, of DynamoDB or Kinesis, that a function fails at.

    stream ──batch──▶ function ──fails──▶ again, in halves, or from the lowest failed record on ──▶ OnFailure

Stock: the whole batch again, once a second, for ever; of a DynamoDB stream until it is older than
MaximumRecordAgeInSeconds, of a Kinesis stream even then. Neither MaximumRetryAttempts nor BisectBatchOnFunctionError
acts, OnFailure of a Kinesis stream learns nothing, and a partial failure that a function reports
(ReportBatchItemFailures) is taken for success.
AWS: the batch is tried again until MaximumRetryAttempts are used up or the records are too old, then it is dropped, and
OnFailure learns which records these were. With BisectBatchOnFunctionError a failed batch is split in two first, which
takes none of the attempts. With ReportBatchItemFailures what is before the lowest record that is reported is done, and
what comes from there on is tried again; a report of a record that is not in the batch, or one without an identifier, is
a failure of the whole batch.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
Patched: just that, one attempt a second, for each shard by itself. The message for OnFailure is stock's for DynamoDB,
where `approximateInvokeCount` is always 1; of a Kinesis stream it is as documented, to a queue or a topic.
ParallelizationFactor, MaximumBatchingWindowInSeconds and the permissions of the function's role have no effect.
"""

from __future__ import annotations

import importlib
import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from troposphere_arch.local.patches.expect import expect_function
from troposphere_arch.local.patches.provisioner import client, truth

Record = dict[str, Any]
Mapping = dict[str, Any]

_FOR_EVER = -1
_OUT_OF_ATTEMPTS, _TOO_OLD = "RetryAttemptsExhausted", "MaxRecordAgeExceeded"
_TRY_AGAIN = {"error": True, "body": {"errorType": "TryAgain", "errorMessage": "not all records of the batch are done"}}


@dataclass
class _Part:
    """Records that go to the function together, and how often it has failed at them."""

    records: list[Record]
    failures: int = 0


@dataclass
class _Work:
    """What is left of the records that a mapping has read and not passed yet, in their order."""

    parts: list[_Part] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def take(self, records: list[Record]) -> None:
        """Add what is new. Until all is done, the emulator reads from the same place again, and may find more there."""
        if not self.seen.intersection(map(_number, records)):
            self.parts, self.seen = [], set()  # it has passed all that we knew, because it was too old
        if new := [record for record in records if _number(record) not in self.seen]:
            self.parts.append(_Part(new))
            self.seen.update(map(_number, new))

    def go_on(
        self,
        mapping: Mapping,
        run: Callable[[list[Record]], dict[str, Any]],
        drop: Callable[[_Part, dict[str, Any], str], None],
    ) -> bool:
        """Run the function on one part after the other until it fails at one. True when nothing is left to do."""
        while self.parts:
            part = self.parts[0]
            result = run(part.records)
            if not result.get("error") and (left := _left(part.records, result, mapping)) is not None:
                if not left:
                    del self.parts[0]
                    continue
                part.records = left
            elif truth(mapping.get("BisectBatchOnFunctionError")) and len(part.records) > 1:
                half = len(part.records) // 2
                self.parts[:1] = [_Part(part.records[:half], part.failures), _Part(part.records[half:], part.failures)]
                return False
            part.failures += 1
            if reason := _given_up(part, mapping):
                drop(part, result, reason)
                del self.parts[0]
                continue
            return False
        return True


def install() -> None:
    """Put the work on a batch between the emulator's reader of streams and its runner of functions."""
    functions: Any = importlib.import_module("ministack.services.lambda_svc")
    polls = {name: expect_function(functions, name) for name in ("_poll_dynamodb_streams", "_poll_kinesis")}
    run = expect_function(functions, "_execute_function", "func", "event")
    choose = expect_function(functions, "_apply_filter_criteria", "records", "esm")
    send = expect_function(
        functions,
        "_send_ddb_stream_failure_record",
        *("esm", "func_rec", "batch", "stream_arn", "result", "condition"),
    )
    works: dict[str, _Work] = {}
    here = threading.local()  # one thread reads all streams; it filters a batch right before it runs the function

    def patched(poll: Callable[[], Any]) -> Callable[[], Any]:
        def patched_poll() -> Any:
            here.reads = True
            try:
                return poll()
            finally:
                here.reads, here.mapping = False, None

        return patched_poll

    def patched_choose(records: list[Record], esm: Mapping) -> Any:
        if getattr(here, "reads", False):
            here.mapping = esm
        return choose(records, esm)

    def patched_run(func: Any, event: dict[str, Any]) -> Any:
        mapping: Mapping | None = getattr(here, "mapping", None)
        if mapping is None:
            return run(func, event)
        here.mapping = None  # what the runner runs for itself is not ours
        shard = f"{mapping['UUID']} {_shard(event['Records'][0])}"
        work = works.setdefault(shard, _Work())
        work.take(event["Records"])

        def drop(part: _Part, result: dict[str, Any], reason: str) -> None:
            if _shard(part.records[0]):
                _tell(mapping, func, part, result, reason)
            else:
                send(mapping, func, part.records, mapping["EventSourceArn"], result, reason)

        if not work.go_on(mapping, lambda records: run(func, {"Records": records}), drop):
            return _TRY_AGAIN
        del works[shard]
        return {"body": None}

    for name, poll in polls.items():
        setattr(functions, name, patched(poll))
    functions._apply_filter_criteria = patched_choose
    functions._execute_function = patched_run


def _number(record: Record) -> str:
    return str(record["kinesis"]["sequenceNumber"] if "kinesis" in record else record["dynamodb"]["SequenceNumber"])


def _made(record: Record) -> float:
    if "kinesis" in record:
        return float(record["kinesis"]["approximateArrivalTimestamp"])
    return float(record["dynamodb"]["ApproximateCreationDateTime"])


def _shard(record: Record) -> str:
    """The shard of a Kinesis stream; "" of a DynamoDB stream, which has one here."""
    return str(record["eventID"]).partition(":")[0] if "kinesis" in record else ""


def _tell(mapping: Mapping, func: Any, part: _Part, result: dict[str, Any], reason: str) -> None:
    """Tell OnFailure of a Kinesis stream which records were given up; not what is in them."""
    to = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if not to:
        return
    first, last = part.records[0], part.records[-1]
    failed = {"functionError": "Unhandled"} if result.get("error") else {}
    told = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": mapping["FunctionArn"],
            "condition": reason,
            "approximateInvokeCount": part.failures,
        },
        "responseContext": {"statusCode": 200, "executedVersion": func["config"].get("Version", "$LATEST"), **failed},
        "version": "1.0",
        "timestamp": _iso(time.time()),
        "KinesisBatchInfo": {
            "shardId": _shard(first),
            "startSequenceNumber": _number(first),
            "endSequenceNumber": _number(last),
            "approximateArrivalOfFirstRecord": _iso(_made(first)),
            "approximateArrivalOfLastRecord": _iso(_made(last)),
            "batchSize": len(part.records),
            "streamArn": mapping["EventSourceArn"],
        },
    }
    if ":sns:" in to:
        client("sns").publish(TopicArn=to, Message=json.dumps(told))
    else:
        queue = client("sqs").get_queue_url(QueueName=to.rpartition(":")[2])["QueueUrl"]
        client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(told))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _left(records: list[Record], result: dict[str, Any], mapping: Mapping) -> list[Record] | None:
    """What a function that ended well has left to do; None when its report makes the whole batch a failure."""
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
        return []
    report = result.get("body")
    if isinstance(report, str):
        try:
            report = json.loads(report)
        except ValueError:
            return []
    failed = (report.get("batchItemFailures") or []) if isinstance(report, dict) else []
    numbers = [_number(record) for record in records]
    places = [numbers.index(n) if (n := failure.get("itemIdentifier")) in numbers else None for failure in failed]
    if None in places:
        return None
    return records[min(place for place in places if place is not None) :] if places else []


def _given_up(part: _Part, mapping: Mapping) -> str | None:
    most = int(mapping.get("MaximumRetryAttempts", _FOR_EVER))
    if most != _FOR_EVER and part.failures > most:
        return _OUT_OF_ATTEMPTS
    oldest = min(map(_made, part.records))
    longest = int(mapping.get("MaximumRecordAgeInSeconds", _FOR_EVER))
    return _TOO_OLD if longest != _FOR_EVER and time.time() - oldest > longest else None
