"""The blog's tables, streams, queues, mail and users, on the template's bytes: what no emulator enforces or keeps."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.templates.test_options import named
from troposphere_arch import evaluate

FOLDER = Path(__file__).parents[2] / "templates/blog/1.0.0"
TEMPLATE: dict[str, Any] = json.loads((FOLDER / "blog.template.json").read_text())
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
ACCOUNT = "123456789012"


def key(region: str) -> str:
    return f"arn:aws:kms:{region}:{ACCOUNT}:key/1"


# Each option: what its parameters are when it is on. All other values are the template's own.
OPTIONS: dict[str, dict[str, str]] = {
    "Domain": {
        "DomainName": "blog.example.com",
        "DomainCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
    },
    "Existing": {"PostsTableName": "posts-of-another-stack"},
    "KmsKey": {"KmsKeyArn": key("us-east-1")},
    "Mail": {"SenderAddress": "blog@example.com", "SenderIdentity": "example.com"},
    "Pictures": {"ArtifactBucket": "artifacts"},
    "Protection": {"DeletionProtection": "on"},
    "ReadCache": {"ReadCache": "dax", "ArtifactBucket": "artifacts"},
    "Replica1": {"ReplicaRegion1": "eu-west-1"},
    "Replica2": {"ReplicaRegion2": "ap-southeast-2"},
    "Replica3": {"ReplicaRegion3": "sa-east-1"},
}


def values(on: frozenset[str] = frozenset(), region: str = "us-east-1", **more: str) -> dict[str, Any]:
    chosen: dict[str, str] = {}
    for option in sorted(on):
        chosen |= OPTIONS[option]
    return evaluate.parameters_of(TEMPLATE, chosen | more, region=region)


def deployed(*on: str, region: str = "us-east-1", **more: str) -> dict[str, Any]:
    """The resources of a stack with these options on."""
    found: dict[str, Any] = evaluate.resolved(TEMPLATE, values(frozenset(on), region, **more))["Resources"]
    return found


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == kind}


# --- tables


@shows("REQ-B1", "REQ-B9", how="static")
@pytest.mark.parametrize(
    ("name", "keys"),
    [("Posts", {"list": "HASH", "id": "RANGE"}), ("Subscribers", {"address": "HASH"})],
)
def test_tables_are_global_ones_from_the_first_version_on_and_safe(name: str, keys: dict[str, str]) -> None:
    table = RESOURCES[name]
    assert table["Type"] == "AWS::DynamoDB::GlobalTable"
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    properties = table["Properties"]
    assert {k["AttributeName"]: k["KeyType"] for k in properties["KeySchema"]} == keys
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    for protected in (True, False):
        on = ("Protection",) if protected else ()
        for replica in deployed(*on, "Replica1", "Replica2", "Replica3")[name]["Properties"]["Replicas"]:
            assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
            assert replica["DeletionProtectionEnabled"] is protected
    assert "TableName" not in properties


@shows("REQ-B1", how="static")
def test_each_slot_is_a_replica_of_the_posts() -> None:
    for on in itertools.chain.from_iterable(itertools.combinations((1, 2, 3), n) for n in range(4)):
        resources = deployed(*(f"Replica{n}" for n in on))
        wanted = ["us-east-1", *(OPTIONS[f"Replica{n}"][f"ReplicaRegion{n}"] for n in on)]
        assert [r["Region"] for r in resources["Posts"]["Properties"]["Replicas"]] == wanted
        # At most one mail for each subscriber: a replica's stream would send each once more.
        assert [r["Region"] for r in resources["Subscribers"]["Properties"]["Replicas"]] == ["us-east-1"]
        late = {n: a for n, a in of_type(resources, "AWS::CloudWatch::Alarm").items() if n.endswith("LateAlarm")}
        assert late.keys() == {f"PostsReplica{n}LateAlarm" for n in on}
        receiving = [d["Value"] for a in late.values() for d in a["Dimensions"] if d["Name"] == "ReceivingRegion"]
        assert sorted(receiving) == sorted(wanted[1:])


@shows("REQ-B1", how="static")
def test_each_replica_is_under_the_key_of_its_region() -> None:
    keys = {"KmsKeyArn": key("us-east-1"), "ReplicaRegion2": "eu-west-1", "ReplicaKmsKeyArn2": key("eu-west-1")}
    posts = deployed(**keys)["Posts"]["Properties"]
    assert posts["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert {r["Region"]: r["SSESpecification"] for r in posts["Replicas"]} == {
        region: {"KMSMasterKeyId": key(region)} for region in ("us-east-1", "eu-west-1")
    }
    plain = deployed("Replica2")["Posts"]["Properties"]
    assert plain["SSESpecification"] == {"SSEEnabled": False}  # not: under no key, but under one that AWS owns
    assert not [r for r in plain["Replicas"] if "SSESpecification" in r]


@shows("REQ-B1", how="static")
@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"ReplicaRegion1": "us-east-1"}, "ReplicaRegion1 is this stack's own region"),
        ({"ReplicaRegion3": "us-east-1"}, "ReplicaRegion3 is this stack's own region"),
        (
            {"ReplicaRegion1": "eu-west-1", "ReplicaRegion2": "eu-west-1"},
            "ReplicaRegion2 is the same region as ReplicaRegion1",
        ),
        (
            {"ReplicaRegion1": "eu-west-1", "ReplicaRegion3": "eu-west-1"},
            "ReplicaRegion3 is the same region as ReplicaRegion1",
        ),
        (
            {"ReplicaRegion2": "eu-west-1", "ReplicaRegion3": "eu-west-1"},
            "ReplicaRegion3 is the same region as ReplicaRegion2",
        ),
        (
            {"KmsKeyArn": key("us-east-1"), "ReplicaRegion1": "eu-west-1"},
            "ReplicaRegion1 and KmsKeyArn together need ReplicaKmsKeyArn1",
        ),
        (
            {"KmsKeyArn": key("us-east-1"), "ReplicaKmsKeyArn2": key("eu-west-1")},
            "ReplicaKmsKeyArn2 needs ReplicaRegion2",
        ),
        ({"ReplicaRegion1": "eu-west-1", "ReplicaKmsKeyArn1": key("eu-west-1")}, "ReplicaKmsKeyArn1 needs KmsKeyArn"),
        ({"PostsTableName": "posts", "ReplicaRegion1": "eu-west-1"}, "ReplicaRegion1 is for the stack that has"),
        ({"SenderAddress": "blog@example.com"}, "SenderAddress needs SenderIdentity"),
        ({"SenderIdentity": "example.com"}, "SenderIdentity needs SenderAddress"),
        ({"ReadCache": "dax"}, "ReadCache needs ArtifactBucket"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(chosen: dict[str, str], told: str) -> None:
    refusals = evaluate.refusals(TEMPLATE, values(frozenset(), **chosen))
    assert len(refusals) == 1, refusals
    assert refusals[0].startswith(told)


@shows("REQ-B1", how="static")
def test_a_stack_may_work_on_the_replica_that_another_stack_has_here() -> None:
    """A second region: no table of posts, and everything that uses posts uses that one, in its own region."""
    own, other = deployed("ReadCache"), deployed("ReadCache", "Existing")
    assert own.keys() - other.keys() == {"Posts"}
    assert not other.keys() - own.keys()
    arn = {"Fn::Sub": "arn:${AWS::Partition}:dynamodb:us-east-1:${AWS::AccountId}:table/posts-of-another-stack"}
    for role in ("ReadPostsRole", "WritePostsRole", "WriteCommentsRole", "PostsCacheRole"):
        policies = json.dumps(other[role]["Properties"]["Policies"])
        assert json.dumps(arn) in policies, role
    [endpoint] = of_type(other, "AWS::EC2::VPCEndpoint").values()
    assert [s["Resource"] for s in endpoint["PolicyDocument"]["Statement"]] == [[arn]]
    for function in ("ReadPosts", "WritePosts", "WriteComments"):
        variables = other[function]["Properties"]["Environment"]["Variables"]
        assert variables["POSTS_TABLE"] == "posts-of-another-stack"
        assert own[function]["Properties"]["Environment"]["Variables"]["POSTS_TABLE"] == {"Ref": "Posts"}
    alarms = {n: a for n, a in of_type(other, "AWS::CloudWatch::Alarm").items() if n.startswith("PostsRead")}
    assert [a["Dimensions"][0]["Value"] for a in alarms.values()] == ["posts-of-another-stack"]
    body = other["Dashboard"]["Properties"]["DashboardBody"]
    assert "posts-of-another-stack" in json.dumps(body)
    assert "Posts" not in named(body)
    outputs = evaluate.resolved(TEMPLATE, values(frozenset({"Existing"})))["Outputs"]
    assert outputs["PostsTable"]["Value"] == "posts-of-another-stack"


@shows("REQ-B5", how="static")
def test_subscribers_have_the_index_of_what_is_owed_and_an_end() -> None:
    properties = RESOURCES["Subscribers"]["Properties"]
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    [index] = properties["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "Owed"
    assert [(k["AttributeName"], k["KeyType"]) for k in index["KeySchema"]] == [
        ("owed", "HASH"),
        ("owedSince", "RANGE"),
    ]
    assert index["Projection"] == {"NonKeyAttributes": ["mail"], "ProjectionType": "INCLUDE"}
    kinds = {a["AttributeName"]: a["AttributeType"] for a in properties["AttributeDefinitions"]}
    assert kinds == {"address": "S", "owed": "S", "owedSince": "N"}
    assert "TimeToLiveSpecification" not in RESOURCES["Posts"]["Properties"]


# --- what nobody waits for


@shows("REQ-B5", "REQ-B10", how="static")
def test_the_stream_is_filtered_bounded_and_loses_nothing() -> None:
    resources = deployed("Mail")
    [(name, mapping)] = of_type(resources, "AWS::Lambda::EventSourceMapping").items()
    assert name == "SubscribersToSendMail"
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["Subscribers", "StreamArn"]}
    assert mapping["FunctionName"] == {"Ref": "SendMail"}
    [only] = mapping["FilterCriteria"]["Filters"]
    wanted = {"dynamodb": {"NewImage": {"mail": {"S": ["confirm-wanted", "welcome-wanted"]}}}}
    assert json.loads(only["Pattern"]) == wanted
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (mapping["BisectBatchOnFunctionError"], mapping["ParallelizationFactor"]) == (True, 1)
    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"]) == (5, 6 * 3600)
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["MailFailures", "Arn"]}}}
    # With the latest, what is wanted while the mapping is made would never be seen.
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    # A mail may take 19 seconds, and the handler begins none that it may not end.
    assert resources["SendMail"]["Properties"]["Timeout"] >= 40


@shows("REQ-B6", "REQ-B10", how="static")
def test_an_upload_is_an_event_and_what_is_made_of_it_is_none() -> None:
    resources = deployed("Pictures")
    rule = resources["MakeThumbnailsRule"]["Properties"]
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [{"Ref": "Uploads"}]}, "object": {"key": [{"prefix": "incoming/"}]}},
    }
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["MakeThumbnails", "Arn"]}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["ThumbnailFailures", "Arn"]}}
    invokes = resources["MakeThumbnailsRetries"]["Properties"]
    assert (invokes["FunctionName"], invokes["Qualifier"]) == ({"Ref": "MakeThumbnails"}, "$LATEST")
    assert (invokes["MaximumRetryAttempts"], invokes["MaximumEventAgeInSeconds"]) == (2, 3600)
    assert invokes["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["ThumbnailFailures", "Arn"]}}}
    told = resources["Uploads"]["Properties"]["NotificationConfiguration"]
    assert told == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert "NotificationConfiguration" not in resources["Media"]["Properties"]
    # What it may put is in the other bucket, or where the rule does not look.
    puts = [
        resource
        for policy in resources["MakeThumbnailsRole"]["Properties"]["Policies"]
        for s in policy["PolicyDocument"]["Statement"]
        for resource in s["Resource"]
        if "s3:PutObject" in s["Action"]
    ]
    assert puts == [{"Fn::Sub": "${Uploads.Arn}/rejected/*"}, {"Fn::Sub": "${Media.Arn}/media/*"}]


@shows("REQ-B10", how="static")
@pytest.mark.parametrize("name", ["WatchMail", "WatchEdge"])
def test_what_the_clock_starts_is_bounded(name: str) -> None:
    resources = deployed("Mail")
    rule = resources[f"{name}Schedule"]["Properties"]
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    [target] = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [name, "Arn"]}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 300, "MaximumRetryAttempts": 0}
    invokes = resources[f"{name}Retries"]["Properties"]
    assert (invokes["MaximumRetryAttempts"], invokes["MaximumEventAgeInSeconds"]) == (0, 300)


@shows("REQ-B10", how="static")
def test_each_rule_may_invoke_its_function_and_nobody_else_may() -> None:
    permissions = of_type(RESOURCES, "AWS::Lambda::Permission")
    of_events = {n: p for n, p in permissions.items() if p["Principal"] == "events.amazonaws.com"}
    assert {n: (p["FunctionName"]["Ref"], p["SourceArn"]) for n, p in of_events.items()} == {
        f"{rule}Permission": (function, {"Fn::GetAtt": [rule, "Arn"]})
        for rule, function in (
            ("MakeThumbnailsRule", "MakeThumbnails"),
            ("WatchEdgeSchedule", "WatchEdge"),
            ("WatchMailSchedule", "WatchMail"),
        )
    }
    assert all(p["Action"] == "lambda:InvokeFunction" for p in permissions.values())
    # By hand, as the caller: no permission at all.
    assert not [p for p in permissions.values() if p["FunctionName"] in ({"Ref": "RedriveMail"}, {"Ref": "SendMail"})]


@shows("REQ-B10", how="static")
@pytest.mark.parametrize("name", ["MailFailures", "ThumbnailFailures"])
def test_queues_keep_for_two_weeks_under_a_key(name: str) -> None:
    for on, encrypted in (((), {"SqsManagedSseEnabled": True}), (("KmsKey",), {"KmsMasterKeyId": key("us-east-1")})):
        properties = deployed("Mail", "Pictures", *on)[name]["Properties"]
        assert properties == {"MessageRetentionPeriod": 14 * 24 * 3600, **encrypted}


# --- mail


@shows("REQ-B5", "REQ-B10", how="static")
def test_mail_goes_over_tls_and_its_fate_is_measured() -> None:
    resources = deployed("Mail")
    assert resources["Mail"]["Properties"]["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert resources["Mail"]["Properties"]["ReputationOptions"] == {"ReputationMetricsEnabled": True}
    destination = resources["MailEvents"]["Properties"]["EventDestination"]
    assert destination["MatchingEventTypes"] == ["bounce", "complaint", "reject"]
    [dimension] = destination["CloudWatchDestination"]["DimensionConfigurations"]
    assert (dimension["DimensionName"], dimension["DefaultDimensionValue"]) == (
        "ses:configuration-set",
        {"Ref": "Mail"},
    )
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    watched = {(a["Namespace"], a["MetricName"]): a for n, a in alarms.items() if n.startswith("Mail")}
    for metric in ("Bounce", "Complaint", "Reject"):
        assert watched["AWS/SES", metric]["Dimensions"] == [{"Name": "ses:configuration-set", "Value": {"Ref": "Mail"}}]
    for metric in ("MailWaiting", "MailUncertain", "MailRefused"):
        alarm = watched["troposphere-arch/blog", metric]
        assert alarm["Dimensions"] == [{"Name": "Stack", "Value": {"Ref": "AWS::StackName"}}]
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    age = alarms["SendMailBehindAlarm"]
    assert (age["MetricName"], age["Dimensions"]) == (
        "IteratorAge",
        [{"Name": "FunctionName", "Value": {"Ref": "SendMail"}}],
    )
    for queue in ("MailFailures", "ThumbnailFailures"):
        alarm = of_type(deployed("Mail", "Pictures"), "AWS::CloudWatch::Alarm")[f"{queue}WaitingAlarm"]
        assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]


OF_MAIL = {
    *("Mail", "MailEvents", "MailFailures", "MailFailuresPolicy", "SubscribersToSendMail"),
    *("WatchMailSchedule", "WatchMailSchedulePermission", "WatchMailRetries"),
    *(f"{name}{part}" for name in ("SendMail", "WatchMail", "RedriveMail") for part in ("", "Role", "Logs")),
}
OF_PICTURES = {
    *("MakeThumbnails", "MakeThumbnailsRole", "MakeThumbnailsLogs", "MakeThumbnailsLibrary"),
    *("MakeThumbnailsRule", "MakeThumbnailsRulePermission", "MakeThumbnailsRetries"),
    *("ThumbnailFailures", "ThumbnailFailuresPolicy"),
}


@shows("REQ-B5", "REQ-B6", how="static")
@pytest.mark.parametrize(
    ("option", "only", "variable", "output", "off"),
    [
        ("Mail", OF_MAIL, ("Subscribe", "MAIL"), "Mail", "off: give SenderAddress and SenderIdentity"),
        ("Pictures", OF_PICTURES, ("SignUploads", "UPLOADS"), "Thumbnails", "off: give ArtifactBucket"),
    ],
)
def test_what_is_off_leaves_nothing_behind(
    option: str, only: set[str], variable: tuple[str, str], output: str, off: str
) -> None:
    without, with_ = deployed(), deployed(option)
    more = {n for n in with_.keys() - without.keys() if with_[n]["Type"] != "AWS::CloudWatch::Alarm"}
    assert more == only
    assert not without.keys() - with_.keys()
    # Routes are frozen in a deployment, so their functions are there in any case, and know.
    function, name = variable
    for resources, value in ((without, "off"), (with_, "on")):
        assert resources[function]["Properties"]["Environment"]["Variables"][name] == value
        assert resources["ReadPosts"]["Properties"]["Environment"]["Variables"][name] == value
    for on, told in ((frozenset[str](), off), (frozenset({option}), "on")):
        outputs = evaluate.resolved(TEMPLATE, values(on))["Outputs"]
        assert outputs[output]["Value"] == told
        assert ("MailFailuresQueue" in outputs, "RedriveMailFunction" in outputs) == ("Mail" in on, "Mail" in on)


@shows("REQ-B10", how="static")
def test_each_function_knows_what_it_needs_and_no_more() -> None:
    variables = {
        n: set(p["Environment"]["Variables"])
        for n, p in of_type(deployed("Mail", "Pictures", "ReadCache"), "AWS::Lambda::Function").items()
    }
    assert variables == {
        "ReadPosts": {
            *("APP_CLIENT_ID", "BLOG_TITLE", "COMMENTS", "EDGE_SECONDS", "MAIL"),
            *("POSTS_CACHE", "POSTS_TABLE", "UPLOADS", "USERS_POOL_ID"),
        },
        "WritePosts": {"APP_CLIENT_ID", "POSTS_TABLE"},
        "WriteComments": {"COMMENTS", "POSTS_TABLE"},
        "Subscribe": {"MAIL", "SUBSCRIBERS_TABLE"},
        "SignUploads": {"ACCELERATION", "APP_CLIENT_ID", "MEDIA_BUCKET", "UPLOADS", "UPLOADS_BUCKET"},
        "SendMail": {
            *("BLOG_TITLE", "BLOG_URL", "MAIL_SET", "SENDER_ADDRESS", "SENDER_IDENTITY_ARN"),
            *("SUBSCRIBERS_TABLE", "WELCOME_SUBJECT", "WELCOME_TEXT"),
        },
        "WatchMail": {"NAMESPACE", "STACK", "SUBSCRIBERS_TABLE"},
        "RedriveMail": {"MAIL_FAILURES_QUEUE", "SUBSCRIBERS_TABLE"},
        "MakeThumbnails": {"MEDIA_BUCKET", "UPLOADS_BUCKET"},
        "WatchEdge": {"EDGE_ID", "EDGE_METRICS_REGION", "NAMESPACE", "STACK"},
    }
    assert "POSTS_CACHE" not in deployed()["ReadPosts"]["Properties"]["Environment"]["Variables"]


def longest(parameter: str) -> str:
    """The longest value that a parameter takes, of letters of four bytes; its own pattern says so."""
    pattern = TEMPLATE["Parameters"][parameter]["AllowedPattern"]
    tried = ("\U0001f600" * n for n in range(3000, 0, -1))
    ascii_ends = ("a" + "\U0001f600" * n + "a" for n in range(3000, -1, -1))
    return next(one for pair in zip(tried, ascii_ends, strict=False) for one in pair if re.fullmatch(pattern, one))


@shows("REQ-B5", how="static")
def test_the_longest_texts_fit_into_the_variables_of_a_function() -> None:
    """4 KB for all of them: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    texts = {name: longest(name) for name in ("BlogTitle", "WelcomeSubject", "WelcomeText")}
    assert len(texts["WelcomeText"]) == 700
    variables = deployed("Mail", "Domain", **texts)["SendMail"]["Properties"]["Environment"]["Variables"]
    plain = {name: value if isinstance(value, str) else "x" * 100 for name, value in variables.items()}
    assert sum(len(name.encode()) + len(value.encode()) for name, value in plain.items()) < 4096


# --- who writes


@shows("REQ-B9", how="static")
def test_authors_are_invited_and_nobody_signs_up() -> None:
    pool = deployed()["Users"]["Properties"]
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    invitation = pool["AdminCreateUserConfig"]["InviteMessageTemplate"]
    assert all(part in invitation["EmailMessage"] for part in ("{username}", "{####}", "MyBlog.com"))
    assert 6 <= len(invitation["EmailMessage"]) <= 20_000
    assert len(invitation["EmailSubject"]) <= 140
    assert pool["EmailConfiguration"] == {"EmailSendingAccount": "COGNITO_DEFAULT"}
    own = deployed("Mail")["Users"]["Properties"]["EmailConfiguration"]
    assert (own["EmailSendingAccount"], own["From"]) == ("DEVELOPER", "blog@example.com")
    assert own["SourceArn"]["Fn::Sub"].endswith(":identity/example.com")
    group = RESOURCES["Authors"]
    assert (group["DeletionPolicy"], group["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert group["Properties"]["GroupName"] == "authors"
    assert "RoleArn" not in group["Properties"]  # a name in a token, and no credentials
    [client] = of_type(RESOURCES, "AWS::Cognito::UserPoolClient").values()
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
    # What the app may not read is in no token, and then posts are signed by nobody.
    assert {"name", "preferred_username"} < set(client["ReadAttributes"])


@shows("REQ-B6", how="static")
def test_thumbnails_have_their_library_and_memory() -> None:
    function = deployed("Pictures", ThumbnailMemory="2048")["MakeThumbnails"]["Properties"]
    assert function["Layers"] == [{"Ref": "MakeThumbnailsLibrary"}]
    assert int(function["MemorySize"]) == 2048
    assert "VpcConfig" not in function
    content = deployed("Pictures")["MakeThumbnailsLibrary"]["Properties"]["Content"]
    assert content["S3Bucket"] == "artifacts"
    assert re.fullmatch(r"layers/pillow-[0-9a-f]{16}\.zip", content["S3Key"])
