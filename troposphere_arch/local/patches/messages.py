"""Queues, topics, streams and buses between services: what stock drops, or takes for something else."""

from __future__ import annotations

import importlib
import json
from typing import Any

from troposphere_arch.local.patches.expect import expect_function, expect_keys
from troposphere_arch.local.patches.provisioner import Created, Properties, afterwards, client

_NUMBERS = (
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
)


def install_mapping_numbers() -> None:
    """AWS::Lambda::EventSourceMapping: numbers that come from a parameter.

    Stock: kept as text. One mapping with `MaximumConcurrency` as text stops the emulator reading any queue.
    AWS: a number is a number, however the template writes it.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-eventsourcemapping.html
    Patched: just that.
    """
    provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
    handlers = expect_keys(provisioners, "_RESOURCE_HANDLERS", "AWS::Lambda::EventSourceMapping")
    stock = handlers["AWS::Lambda::EventSourceMapping"]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        created: Created = stock["create"](logical_id, _with_numbers(properties), stack_name)
        return created

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str, *logical_id: str) -> Created:
        both = (_with_numbers(old), _with_numbers(new))
        updated: Created = stock["update"](physical_id, *both, stack_name, *logical_id)
        return updated

    handlers["AWS::Lambda::EventSourceMapping"] = {**stock, "create": create, "update": update}


def install_topic_settings() -> None:
    """AWS::SNS::Topic KmsMasterKeyId, and the policy of a topic that has none of its own.

    Stock: the key is dropped. Without an AWS::SNS::TopicPolicy, everybody in the account may publish.
    AWS: the policy that a topic has by default names everybody, on condition of AWS:SourceOwner, which is of no
    request that a principal of the account signs: such a one needs the permission.
    https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
    Patched: the key is set on the topic, where GetTopicAttributes shows it; nothing is encrypted. The default policy
    has its condition, when CloudFormation makes the topic.
    """
    sns: Any = importlib.import_module("ministack.services.sns")

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        attributes = sns._topics[physical_id]["attributes"]
        if new.get("KmsMasterKeyId"):
            attributes["KmsMasterKeyId"] = new["KmsMasterKeyId"]
        else:
            attributes.pop("KmsMasterKeyId", None)
        if not old:
            policy = json.loads(attributes["Policy"])
            policy["Statement"][0]["Condition"] = {"StringEquals": {"AWS:SourceOwner": physical_id.split(":")[4]}}
            attributes["Policy"] = json.dumps(policy)

    afterwards("AWS::SNS::Topic", apply)


def install_undelivered_messages() -> None:
    """AWS::SNS::Subscription RedrivePolicy, of subscriptions of queues.

    Stock: kept, without effect: what can't be delivered is gone.
    AWS: what can't be delivered, because the queue is gone or its policy lets the topic send nothing, goes to the
    dead-letter queue at once.
    https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
    Patched: just that; the policy of the dead-letter queue counts as well.
    """
    sns: Any = importlib.import_module("ministack.services.sns")
    sqs: Any = importlib.import_module("ministack.services.sqs")
    deliver = expect_function(
        sns,
        "_deliver_to_sqs",
        *("endpoint", "envelope", "raw", "raw_message", "message_group_id", "message_dedup_id"),
        *("message_attributes", "topic_arn"),
    )
    allows = expect_function(sqs, "queue_policy_allows", "queue_arn", "service", "source_arn", "source_account")
    find = expect_function(sqs, "_queue_by_arn", "arn")

    def patched_deliver(endpoint: str, *message: Any, topic_arn: str = "", **attributes: Any) -> None:
        topic = sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
        if find(endpoint) is None or not allows(endpoint, "sns.amazonaws.com", topic_arn, topic_arn.split(":")[4]):
            for one in topic["subscriptions"]:
                if one["endpoint"] == endpoint and one["attributes"].get("RedrivePolicy"):
                    endpoint = json.loads(one["attributes"]["RedrivePolicy"])["deadLetterTargetArn"]
                    break
        deliver(endpoint, *message, topic_arn=topic_arn, **attributes)

    sns._deliver_to_sqs = patched_deliver


def install_stream_encryption() -> None:
    """AWS::Kinesis::Stream StreamEncryption.

    Stock: dropped.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-kinesis-stream.html
    Patched: set through the Kinesis API, where DescribeStream shows it; nothing is encrypted.
    """

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        before, after = old.get("StreamEncryption"), new.get("StreamEncryption")
        if after and after != before:
            client("kinesis").start_stream_encryption(StreamName=physical_id, **after)
        elif before and not after:
            client("kinesis").stop_stream_encryption(StreamName=physical_id, **before)

    afterwards("AWS::Kinesis::Stream", apply)


def install_event_source() -> None:
    """The condition key `events:source`.

    Stock: unknown, so a policy that lets a service put events in its own name only lets it put none.
    AWS: the sources of a PutEvents.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    Patched: just that. Of events of several sources it has several values, which no condition for one value fits.
    """
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    context = expect_function(actions, "request_tag_context", "service", "iam_action", "body", "params")

    def patched_context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        keys: dict[str, Any] = context(service, iam_action, body, params)
        if iam_action == "events:PutEvents" and (sources := _sources(body)):
            keys = {**keys, "events:source": sources[0] if len(sources) == 1 else sources}
        return keys

    actions.request_tag_context = patched_context


def _with_numbers(properties: Properties) -> dict[str, Any]:
    numbers: dict[str, Any] = {name: int(properties[name]) for name in _NUMBERS if properties.get(name) is not None}
    scaling = properties.get("ScalingConfig") or {}
    if scaling.get("MaximumConcurrency") is not None:
        numbers["ScalingConfig"] = {**scaling, "MaximumConcurrency": int(scaling["MaximumConcurrency"])}
    return {**properties, **numbers}


def _sources(body: bytes) -> list[str]:
    try:
        entries = json.loads(body).get("Entries") or []
    except (ValueError, AttributeError):
        return []
    found = (entry.get("Source") for entry in entries if isinstance(entry, dict))
    return list(dict.fromkeys(source for source in found if isinstance(source, str)))
