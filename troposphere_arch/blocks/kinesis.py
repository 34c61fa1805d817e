"""Streams of records that keep their order and are read more than once."""

from __future__ import annotations

from dataclasses import dataclass

from troposphere import Ref, kinesis

from .. import outputs, parameters
from ..conditions import choose, given
from ..parameters import parameter
from ..template import Node, ScenarioTemplate

AWS_MANAGED = "alias/aws/kinesis"
# As long as is included in the price of a shard.
RETENTION_HOURS = 24


@dataclass(frozen=True)
class Stream(Node):
    """A Kinesis stream."""

    resource: kinesis.Stream


def stream(t: ScenarioTemplate, title: str) -> Stream:
    """A stream of `ShardCount` shards, encrypted, that keeps records for a day. It goes with its stack, which reads it.

    Makes `<title>` and the output `<title>Name`. Shards are billed by the hour, on-demand streams by the hour as well.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-kinesis-stream.html
    """
    key = choose(given(t, parameters.KMS_KEY), Ref(parameter(t, parameters.KMS_KEY)), AWS_MANAGED)
    resource = t.put(
        kinesis.Stream(
            title,
            RetentionPeriodHours=RETENTION_HOURS,
            ShardCount=Ref(parameter(t, parameters.services.SHARD_COUNT)),
            StreamEncryption=kinesis.StreamEncryption(EncryptionType="KMS", KeyId=key),
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        )
    )
    outputs.output(t, f"{title}Name", Ref(resource), "Records are put into this stream.")
    return Stream(t, title, resource)
