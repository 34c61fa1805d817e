"""Hands something over to other services: an event, a message, a record, an object.

Its id is made from what is under way, from whom it is for, and from how many went there before. So a handler that is
run again sends the same ids, and who gets them does the work once; it has to send the same things in the same order.
Each function gives the id of the request, and raises botocore's errors, `LookupError` for what is not declared, and
`TypeError` or `ValueError` for what JSON cannot say, nor half a character: whoever gets that could read nothing.
"""

from __future__ import annotations

import os
from typing import Any

from . import context, progress


def publish(event: str, body: Any) -> str:
    """Tell whoever subscribes to `event` of this service.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    topic, about = _place("EVENTS_TOPIC"), _about(":events", event)
    attributes = {"event": {"DataType": "String", "StringValue": event}}
    message = context.whole_json(about | {"body": body})
    context.aws("sns").publish(TopicArn=topic, Message=message, MessageAttributes=attributes)
    return _handed_over(about)


def send(service: str, body: Any, group: str | None = None) -> str:
    """Send to the queue, or into the stream, of a service.

    In a stream and in a FIFO queue, what has the same group keeps its order; a request is a group, if none is given.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html
    """
    about = _about(service)
    group, text = group or about["request"], context.whole_json(about | {"body": body})
    if stream := os.environ.get(_variable(service, "_STREAM")):
        context.aws("kinesis").put_record(StreamName=stream, PartitionKey=group, Data=text.encode())
    else:
        queue = _place(_variable(service, "_QUEUE"))
        fifo = {"MessageGroupId": group, "MessageDeduplicationId": about["id"]} if queue.endswith(".fifo") else {}
        context.aws("sqs").send_message(QueueUrl=queue, MessageBody=text, **fifo)
    return _handed_over(about)


def put(service: str, name: str, body: bytes | str | dict[str, Any]) -> str:
    """Put an object into the bucket of a service, below its prefix; a dict is put as JSON, a text in UTF-8.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    """
    bucket, about = _place(_variable(service, "_BUCKET")), _about(service)
    metadata = {key: about[key] for key in ("id", "request", "trace", "service")}
    key = os.environ.get(_variable(service, "_PREFIX"), "") + name
    text = context.to_json(body) if isinstance(body, dict) else body
    data = text.encode() if isinstance(text, str) else text
    context.aws("s3").put_object(Bucket=bucket, Key=key, Body=data, Metadata=metadata)
    return _handed_over(about)


def _variable(service: str, ending: str) -> str:
    return service.replace("-", "_").upper() + ending


def _place(variable: str) -> str:
    if variable not in os.environ:
        raise LookupError(f"{variable} is not set: does service.yaml say so?")
    return os.environ[variable]


def _about(destination: str, event: str = "") -> dict[str, str]:
    work = context.current()
    return {
        "id": context.id_of(work.origin, destination, work.number(destination)),
        "request": work.request,
        "trace": work.trace,
        "service": os.environ.get("SERVICE", ""),
        "event": event,
        "at": context.now(),
    }


def _handed_over(about: dict[str, str]) -> str:
    work = context.current()
    if work.accepts and not work.number(":accepted"):
        progress.mention(progress.ACCEPTED)
    return about["request"]
