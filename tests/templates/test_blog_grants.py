"""What each function of the blog and its read cache may do, and who may send to its queues: the whole list.

That each right of a handler is needed is shown where the handler is run with all of them but one (`tests/handlers/`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.evidence import shows
from tests.rights import (
    HERE,
    IN_THE_NETWORK,
    Right,
    allow,
    held,
    is_trusted_to,
    logs_and_traces,
    of,
    rights,
    unnoticed,
    use_key,
)

BODY = (Path(__file__).parents[2] / "templates/blog/1.0.0/blog.template.json").read_bytes()
# The stack's own table, or the one that the user names, in this account and region.
THEIRS = HERE % ("dynamodb", "table/${PostsTableName}")
POSTS = f"HasPostsTableName ? {THEIRS} : Posts.Arn"
CLUSTER, CACHE_ON = "PostsCache.Arn", "NotRegionWithoutDaxAndReadCacheOn"
SUBSCRIBERS, OWED = "Subscribers.Arn", "${Subscribers.Arn}/index/Owed"
THROUGH_S3 = "StringEquals kms:ViaService s3.${AWS::Region}.${AWS::URLSuffix}"
PUT_METRICS = allow(of("cloudwatch", "PutMetricData"), "*", "StringEquals cloudwatch:namespace troposphere-arch/blog")
SEND_MAIL = allow(
    of("ses", "SendEmail"),
    ",".join((HERE % ("ses", "identity/${SenderIdentity}"), HERE % ("ses", "configuration-set/${Mail}"))),
    "StringEquals ses:FromAddress SenderAddress",
)
USE_KEY_OF_TABLE = use_key("dynamodb")
USE_KEY_OF_QUEUE = use_key("sqs", "Decrypt", "GenerateDataKey")
USE_KEY_OF_BUCKET = use_key("s3", "Decrypt", "GenerateDataKey")


def decrypt(bucket: str) -> Right:
    """What is in this bucket, under whichever key it was written."""
    context = f"StringLike kms:EncryptionContext:aws:s3:arn {bucket}.Arn,${{{bucket}.Arn}}/*"
    return allow(of("kms", "Decrypt"), HERE % ("kms", "key/*"), f"{THROUGH_S3} and {context}")


OWN: dict[str, set[Right]] = {
    "ReadPosts": {
        *IN_THE_NETWORK,
        allow(of("dynamodb", "GetItem", "Query"), POSTS),
        allow(of("dax", "GetItem", "Query"), CLUSTER, "", CACHE_ON),
        USE_KEY_OF_TABLE,
    },
    "WritePosts": {
        allow(of("dynamodb", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"), POSTS),
        USE_KEY_OF_TABLE,
    },
    "WriteComments": {allow(of("dynamodb", "ConditionCheckItem", "PutItem"), POSTS), USE_KEY_OF_TABLE},
    "Subscribe": {allow(of("dynamodb", "GetItem", "UpdateItem"), SUBSCRIBERS), USE_KEY_OF_TABLE},
    "SendMail": {
        allow(of("dynamodb", "DescribeStream", "GetRecords", "GetShardIterator"), "Subscribers.StreamArn"),
        allow(of("dynamodb", "ListStreams"), "*"),
        allow(of("dynamodb", "UpdateItem"), SUBSCRIBERS),
        allow(of("sqs", "SendMessage"), "MailFailures.Arn"),
        SEND_MAIL,
        USE_KEY_OF_TABLE,
        USE_KEY_OF_QUEUE,
    },
    "WatchMail": {allow(of("dynamodb", "Query"), OWED), PUT_METRICS, USE_KEY_OF_TABLE},
    "RedriveMail": {
        allow(of("dynamodb", "Query"), OWED),
        allow(of("dynamodb", "UpdateItem"), SUBSCRIBERS),
        allow(of("sqs", "DeleteMessage", "ReceiveMessage"), "MailFailures.Arn"),
        USE_KEY_OF_TABLE,
        use_key("sqs"),
    },
    "SignUploads": {
        allow(of("s3", "PutObject"), "${Uploads.Arn}/incoming/*"),
        allow(of("s3", "GetObject"), "${Uploads.Arn}/rejected/*"),
        allow(of("s3", "GetObject"), "${Media.Arn}/media/*/picture.json"),
        USE_KEY_OF_BUCKET,
        decrypt("Uploads"),
        decrypt("Media"),
    },
    "MakeThumbnails": {
        allow(of("s3", "DeleteObject", "GetObject"), "${Uploads.Arn}/incoming/*"),
        allow(of("s3", "GetObject", "PutObject"), "${Uploads.Arn}/rejected/*"),
        allow(of("s3", "GetObject", "PutObject"), "${Media.Arn}/media/*"),
        allow(of("sqs", "SendMessage"), "ThumbnailFailures.Arn"),
        USE_KEY_OF_BUCKET,
        USE_KEY_OF_QUEUE,
        decrypt("Uploads"),
        decrypt("Media"),
    },
    "WatchEdge": {allow(of("cloudwatch", "GetMetricData"), "*"), PUT_METRICS},
}
RIGHTS: dict[str, tuple[str, set[Right]]] = {
    **{f"{name}Role": ("lambda.amazonaws.com", logs_and_traces(name) | own) for name, own in OWN.items()},
    "PostsCacheRole": (
        "dax.amazonaws.com",
        {
            USE_KEY_OF_TABLE,
            allow(of("dynamodb", "DeleteItem", "DescribeTable", "GetItem", "Query", "UpdateItem"), POSTS),
        },
    ),
}
EVENTS = {"Service": "events.amazonaws.com"}
OF_THE_RULE = "ArnEquals aws:SourceArn MakeThumbnailsRule.Arn"


def tls_only(queue: str) -> tuple[Any, Right]:
    return "*", ("Deny", ("sqs:*",), f"{queue}.Arn", "Bool aws:SecureTransport false", "")


# Queue -> what its policy says of whom.
QUEUES: dict[str, list[tuple[Any, Right]]] = {
    "MailFailures": [tls_only("MailFailures")],
    "ThumbnailFailures": [
        tls_only("ThumbnailFailures"),
        (EVENTS, allow(of("sqs", "SendMessage"), "ThumbnailFailures.Arn", OF_THE_RULE)),
    ],
}


def proof(template: dict[str, Any]) -> None:
    """Fails unless each role holds its rights only and trusts its service only, and queues take from nobody else."""
    resources = template["Resources"]
    roles = {name for name, r in resources.items() if r["Type"] == "AWS::IAM::Role"}
    assert roles == RIGHTS.keys()
    for role, (service, wanted) in RIGHTS.items():
        assert held(template, role) == wanted, role
        assert is_trusted_to(template, role, service), role
        assert "ManagedPolicyArns" not in resources[role]["Properties"]
    attached = [r["Properties"]["Roles"] for r in resources.values() if r["Type"] == "AWS::IAM::Policy"]
    assert attached == [[{"Ref": "ReadPostsRole"}]]
    policies = {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::SQS::QueuePolicy"}
    assert policies.keys() == {f"{queue}Policy" for queue in QUEUES}
    for queue, wanted_of_queue in QUEUES.items():
        properties = policies[f"{queue}Policy"]
        assert properties["Queues"] == [{"Ref": queue}]
        said = properties["PolicyDocument"]["Statement"]
        assert [(s["Principal"], *rights([s])) for s in said] == wanted_of_queue


@shows("REQ-B9", "REQ-B10", "REQ-B11", how="static")
def test_each_role_holds_its_rights_and_no_other() -> None:
    proof(json.loads(BODY))


@shows("REQ-B10", how="static")
def test_every_change_of_a_right_is_noticed() -> None:
    passed, tried = unnoticed(BODY, list(RIGHTS), proof)
    assert passed == []
    assert tried > 400
