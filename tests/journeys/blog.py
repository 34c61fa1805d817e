"""A blog's stack: how it is made, who uses it, and what its operator looks at."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.journeys.stack import Stack, contents, every, everything_named, put_layers, template_bytes, template_url
from troposphere_arch import scenarios
from troposphere_arch.journeys.blog import Author, Reader, invite, links, mails, until
from troposphere_arch.local import Emulator, Response
from troposphere_arch.media_types import media_type

SENDER = "news@example.com"
DOMAIN = "example.com"
AUTHORS_ONLY = (
    ("POST", "/posts"),
    ("PUT", "/posts/some-post"),
    ("DELETE", "/posts/some-post"),
    ("DELETE", "/posts/some-post/comments/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("POST", "/uploads"),
    ("GET", f"/uploads/{'0' * 64}"),
)
FOR_ANYBODY = (
    ("GET", "/config"),
    ("GET", "/posts"),
    ("GET", "/posts/some-post"),
    ("GET", "/posts/some-post/comments"),
    ("POST", "/posts/some-post/comments"),
    ("POST", "/subscriptions"),
    ("POST", "/subscriptions/confirm"),
    ("POST", "/subscriptions/leave"),
)


def verify_sender(emulator: Emulator) -> dict[str, str]:
    """What an owner does before: verify a domain in SES. Gives the parameters that name it."""
    ses = emulator.client("sesv2")
    if DOMAIN not in [one["IdentityName"] for one in ses.list_email_identities()["EmailIdentities"]]:
        ses.create_email_identity(EmailIdentity=DOMAIN)
    return {"SenderAddress": SENDER, "SenderIdentity": DOMAIN}


def with_everything(emulator: Emulator) -> dict[str, str]:
    """The parameters that switch mail and thumbnails on."""
    return {"ArtifactBucket": put_layers(emulator), **verify_sender(emulator)}


def make(emulator: Emulator, name: str, **parameters: str) -> Stack:
    return Stack(emulator, name).create(template_url(emulator, "blog"), **parameters)


def site_files() -> dict[str, bytes]:
    """The site of the version, by the paths that its files have in the bucket."""
    begin = f"blog/{scenarios.page('blog').VERSION}/site/"
    return {path.removeprefix(begin): data for path, data in contents().items() if path.startswith(begin)}


def put_site(stack: Stack) -> None:
    """The site into the stack's bucket."""
    s3 = stack.emulator.client("s3")
    for path, data in site_files().items():
        s3.put_object(Bucket=stack.outputs["SiteBucket"], Key=path, Body=data, ContentType=media_type(path))


def author(stack: Stack, *, group: str | None = "authors") -> Author:
    """Somebody whom an administrator made a user of, and who has signed in for the first time."""
    made = Author(stack.emulator, stack.outputs)
    made.sign_in_first(invite(made, group=group))
    return made


def reader(stack: Stack) -> Reader:
    return Reader(stack.emulator, stack.outputs)


def items(stack: Stack) -> dict[str, int]:
    """How many items each table has."""
    dynamodb = stack.emulator.client("dynamodb")
    names = [stack.outputs[name] for name in ("PostsTable", "SubscribersTable")]
    return {name: dynamodb.scan(TableName=name, Select="COUNT", ConsistentRead=True)["Count"] for name in names}


def refused(answer: Response, *statuses: int) -> str:
    """Assert that the API said no with one of these statuses and a message for people; gives its code."""
    assert answer.status in (statuses or range(400, 500)), (answer.status, answer.text()[:300])
    said = answer.json()
    assert len(said["message"]) > 10, said
    return str(said.get("error"))


# --- subscribers and their mail


@dataclass
class Subscriber:
    """Somebody with a mailbox who reads the blog."""

    stack: Stack
    address: str = field(default_factory=lambda: f"reader-{secrets.token_hex(5)}@readers.example")

    def ask(self) -> Response:
        return reader(self.stack).call("POST", "/subscriptions", {"email": self.address})

    def mails(self, count: int = 0) -> list[dict[str, Any]]:
        """The mails that came; waits until there are so many."""
        return until(
            f"{count} mails to {self.address}",
            lambda: (found,) if len(found := mails(self.stack.emulator, self.address)) >= count else None,
        )[0]

    def token(self, page: str) -> str:
        """The token in the last mail's link to this page, as a person clicks it."""
        return links(self.mails(1)[-1])[page]

    def confirm(self, token: str = "") -> Response:
        return reader(self.stack).call("POST", "/subscriptions/confirm", {"token": token or self.token("confirm")})

    def leave(self, token: str = "") -> Response:
        return reader(self.stack).call("POST", "/subscriptions/leave", {"token": token or self.token("leave")})

    def subscribed(self) -> Subscriber:
        """Asked, confirmed, welcomed."""
        assert self.ask().status == 202
        assert self.confirm(links(self.mails(1)[0])["confirm"]).status == 200
        self.item(mail="welcome-sent")
        return self

    # --- what an operator sees and does

    def item(self, **wanted: Any) -> dict[str, Any]:
        """The item in the table, once it has these values."""
        dynamodb, table = self.stack.emulator.client("dynamodb"), self.stack.outputs["SubscribersTable"]

        def look() -> dict[str, Any] | None:
            key = {"address": {"S": self.address}}
            found = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item") or {}
            plain = {k: int(v["N"]) if "N" in v else v["S"] for k, v in found.items()}
            return plain if plain and wanted.items() <= plain.items() else None

        return until(f"{self.address} with {wanted}", look)

    def set(self, **values: str | int) -> None:
        """Change the item by hand."""
        names = {f"#{name}": name for name in values}
        given = {f":{k}": {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in values.items()}
        self.stack.emulator.client("dynamodb").update_item(
            TableName=self.stack.outputs["SubscribersTable"],
            Key={"address": {"S": self.address}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=given,
        )

    def grow_old(self) -> None:
        """As if twenty minutes had gone by: nobody can turn the emulator's clock."""
        then = int(time.time()) - 20 * 60
        marked = {"markedAt": then} if "markedAt" in self.item() else {}
        self.set(owedSince=then, **marked)

    def records(self, mail: str) -> list[dict[str, Any]]:
        """The records of the table's stream in which this mail becomes wanted, as Lambda gets them."""
        table = self.stack.emulator.client("dynamodb").describe_table(TableName=self.stack.outputs["SubscribersTable"])
        arn, streams = table["Table"]["LatestStreamArn"], self.stack.emulator.client("dynamodbstreams")
        found = []
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            at: str | None = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while at:
                answer = streams.get_records(ShardIterator=at)
                found += answer["Records"]
                at = answer.get("NextShardIterator") if answer["Records"] else None
        ours = [
            record
            for record in found
            if record["dynamodb"]["Keys"]["address"]["S"] == self.address
            and record["dynamodb"].get("NewImage", {}).get("mail", {}).get("S") == mail
        ]
        return [json.loads(json.dumps(one, default=lambda when: when.timestamp())) for one in ours]


def invoke(stack: Stack, function: str, event: Any) -> Any:
    """What a function answers to an operator who invokes it."""
    answer = stack.emulator.client("lambda").invoke(
        FunctionName=stack.physical(function), Payload=json.dumps(event).encode()
    )
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    return said


def messages(stack: Stack, output: str) -> int:
    """How many messages a queue holds, those included that somebody has received."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = stack.emulator.client("sqs").get_queue_attributes(QueueUrl=stack.outputs[output], AttributeNames=names)
    return sum(int(found["Attributes"][name]) for name in names)


def alarm(stack: Stack, logical: str) -> str:
    """The state of an alarm."""
    found = stack.emulator.client("cloudwatch").describe_alarms(AlarmNames=[stack.physical(logical)])["MetricAlarms"]
    return str(found[0]["StateValue"])


def alarmed_by(stack: Stack, logical: str, output: str) -> bool:
    """Whether what a queue holds is above its alarm's threshold. (The emulator has no metrics of queues.)"""
    found = stack.emulator.client("cloudwatch").describe_alarms(AlarmNames=[stack.physical(logical)])["MetricAlarms"][0]
    watched = (found["Namespace"], found["MetricName"], found["Dimensions"], found["ComparisonOperator"])
    assert watched == (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        [{"Name": "QueueName", "Value": stack.outputs[output].rpartition("/")[2]}],
        "GreaterThanThreshold",
    )
    return messages(stack, output) > found["Threshold"]


def logged(stack: Stack, *functions: str) -> list[str]:
    """What these functions wrote into their logs."""
    logs = stack.emulator.client("logs")
    groups = [stack.physical(f"{function}Logs") for function in functions]
    return [event["message"] for one in groups for event in logs.filter_log_events(logGroupName=one)["events"]]


# --- what an operator changes for a while


@contextmanager
def code_changed(stack: Stack, function: str, changes: Mapping[str, str]) -> Iterator[None]:
    """Put other code into a function: its own text, with each of these pieces, which it has once, replaced."""
    import io
    import zipfile

    def deploy(text: str) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("index.py", text)
        stack.emulator.client("lambda").update_function_code(
            FunctionName=stack.physical(function), ZipFile=packed.getvalue()
        )

    own = json.loads(template_bytes("blog"))["Resources"][function]["Properties"]["Code"]["ZipFile"]
    changed = own
    for old, new in changes.items():
        assert own.count(old) == 1, f"{old!r} is {own.count(old)} times in {function}"
        changed = changed.replace(old, new)
    deploy(changed)
    try:
        yield
    finally:
        deploy(own)


@contextmanager
def without_right(stack: Stack, role: str, action: str) -> Iterator[None]:
    """Take an action out of all policies of a role."""
    iam, name = stack.emulator.client("iam"), stack.physical(role)
    as_it_was = {
        policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    }
    for policy, document in as_it_was.items():
        less = json.loads(json.dumps(document))
        for statement in less["Statement"]:
            statement["Action"] = [one for one in _listed(statement["Action"]) if one != action]
        less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
        if less["Statement"]:
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(less))
        else:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
    try:
        yield
    finally:
        for policy, document in as_it_was.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# --- the account


def everything_of(emulator: Emulator, stack: str) -> list[str]:
    """What there is in the account of a blog's stack, by the services' own lists."""
    one_of_ours = re.compile(rf"\b{re.escape(stack)}\b")

    def named(found: list[Any], name: Callable[[Any], str]) -> list[str]:
        return [name(one) for one in found if one_of_ours.search(name(one))]

    def listed(service: str, call: str, key: str) -> list[Any]:
        return every(emulator.client(service), call, key)

    cloudfront = emulator.client("cloudfront")
    distributions = cloudfront.list_distributions()["DistributionList"].get("Items", [])
    functions = cloudfront.list_functions()["FunctionList"].get("Items", [])
    return sorted(
        [
            *everything_named(emulator, stack),
            *named(distributions, lambda one: json.dumps(one, default=str)),
            *named(functions, lambda one: str(one["Name"])),
            *named(listed("apigateway", "get_api_keys", "items"), lambda one: str(one["name"])),
            *named(listed("apigateway", "get_usage_plans", "items"), lambda one: str(one["name"])),
            *named(listed("events", "list_rules", "Rules"), lambda one: str(one["Name"])),
            *named(
                listed("lambda", "list_event_source_mappings", "EventSourceMappings"),
                lambda one: str(one["FunctionArn"]),
            ),
            *named(listed("secretsmanager", "list_secrets", "SecretList"), lambda one: str(one["Name"])),
            *named(listed("sesv2", "list_configuration_sets", "ConfigurationSets"), str),
            *named(listed("sqs", "list_queues", "QueueUrls"), str),
        ]
    )
