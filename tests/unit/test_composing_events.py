"""Tables, queues, mail and events in the hands of a composer: what they make, and what they say when held wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from troposphere_arch import arrows, conditions, parameters
from troposphere_arch.blocks import awslambda, cloudwatch, cognito, dax, dynamodb, ec2, events, s3, ses, sqs
from troposphere_arch.template import ScenarioTemplate, actor, scenario_template

CODE = "todo/read_todos.py"
OWED = dynamodb.Index("Owed", partition="owed", sort="owedSince", include=("mail",))
VALUES = {"mail": ("wanted",)}


class Kit:
    """One node of each kind on a template of its own."""

    def __init__(self) -> None:
        self.t: ScenarioTemplate = scenario_template("kit", "1.0.0", "Kit.")
        self.somebody = actor(self.t, "Somebody")
        self.users = cognito.invited_users(self.t, "Users")
        self.group = cognito.group(self.t, "Group", self.users, name="group", description="A group")
        self.mail = ses.sender(self.t, "Mail")
        self.failures = sqs.dead_letters(self.t, "Failures")
        self.function = awslambda.function(self.t, "Work", code=CODE)
        self.plain = dynamodb.table(self.t, "Plain", partition="owner", sort="id")
        self.table = dynamodb.global_table(self.t, "Items", partition="id", index=OWED)
        self.posts = dynamodb.global_table(self.t, "Posts", partition="id", existing=parameters.blog.POSTS_TABLE)
        self.bucket = s3.private_bucket(self.t, "Files")
        self.network = ec2.private_network(self.t, "Network")
        self.cache = dax.read_cache(self.t, "Cache", self.network)

    def resources(self) -> dict[str, Any]:
        made: dict[str, Any] = self.t.to_dict()["Resources"]
        return made


WRONG: dict[str, Callable[[Kit], None]] = {
    "streams": lambda k: arrows.streams(k.failures, k.function, failures=k.failures, values=VALUES),  # type: ignore[arg-type]
    "triggers": lambda k: arrows.triggers(k.table, k.function, prefix="x/", failures=k.failures),  # type: ignore[arg-type]
    "runs every": lambda k: arrows.runs_every(k.table, minutes=5),  # type: ignore[arg-type]
    "sends": lambda k: arrows.sends(k.function, k.failures, k.somebody),  # type: ignore[arg-type]
    "redrives": lambda k: arrows.redrives(k.function, k.table),  # type: ignore[arg-type]
    "invites": lambda k: arrows.invites(k.somebody, k.users),  # type: ignore[arg-type]
    "names": lambda k: arrows.names_pool(k.function, k.group),  # type: ignore[arg-type]
    "knows NAME": lambda k: arrows.knows(k.function, NAME="literal"),  # type: ignore[arg-type]
    "puts metrics": lambda k: arrows.puts_metrics(k.table),  # type: ignore[arg-type]
    "uploads to": lambda k: arrows.uploads_to(k.somebody, k.table),  # type: ignore[arg-type]
    "edits": lambda k: arrows.edits(k.function, k.bucket),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("verb", WRONG)
def test_an_arrow_to_the_wrong_node(verb: str) -> None:
    with pytest.raises(TypeError, match=f"{verb}: .* where a .* belongs"):
        WRONG[verb](Kit())


CANNOT: dict[str, tuple[Callable[[Kit], object], str]] = {
    "a table without a stream": (
        lambda k: arrows.streams(k.plain, k.function, failures=k.failures, values=VALUES),
        "Plain has no stream of its own",
    ),
    "a table that may be somebody else's": (
        lambda k: arrows.streams(k.posts, k.function, failures=k.failures, values=VALUES),
        "Posts has no stream of its own",
    ),
    "a table without an index": (lambda k: arrows.counts(k.function, k.plain), "Plain has no index"),
    "an index of a table that may be another": (
        lambda k: dynamodb.global_table(k.t, "X", partition="a", index=OWED, existing=parameters.blog.POSTS_TABLE),
        "X: a table that exists may lack the index Owed",
    ),
    "a schedule of no time": (lambda k: arrows.runs_every(k.function, minutes=0), "a schedule is of whole minutes"),
    "a library that is not always there": (
        lambda k: awslambda.function(
            k.t,
            "Other",
            code=CODE,
            libraries=[
                awslambda.layer(
                    k.t, "Layer", "pillow", description="x", when=conditions.given(k.t, parameters.ARTIFACT_BUCKET)
                )
            ],
        ),
        "Other needs Layer, which is not there whenever the function is",
    ),
}


@pytest.mark.parametrize("what", CANNOT)
def test_what_cannot_be_is_said_when_it_is_drawn(what: str) -> None:
    do, told = CANNOT[what]
    with pytest.raises(ValueError, match=re.escape(told)):
        do(Kit())


OUTSIDE: dict[str, Callable[[Kit], None]] = {
    "Mail": lambda k: arrows.sends(k.function, k.mail, k.somebody),
    "Failures": lambda k: arrows.redrives(k.function, k.failures),
    "CloudWatch": lambda k: arrows.puts_metrics(k.function),
    "Files": lambda k: arrows.signs_uploads(k.function, k.bucket, k.bucket),
}


@pytest.mark.parametrize("other", OUTSIDE)
def test_what_has_no_endpoint_stays_outside_of_a_network(other: str) -> None:
    kit = Kit()
    arrows.reads(kit.function, kit.table, through=kit.cache)
    with pytest.raises(ValueError, match=f"Work cannot reach {other} from inside a network"):
        OUTSIDE[other](kit)
    kit = Kit()
    OUTSIDE[other](kit)
    with pytest.raises(ValueError, match=f"Work is to be in Network, where it could not reach .*{other}"):
        arrows.reads(kit.function, kit.table, through=kit.cache)


def test_what_a_function_of_a_condition_is_given_needs_no_condition_of_its_own() -> None:
    kit = Kit()
    sending = awslambda.function(kit.t, "Sending", code=CODE, when=kit.mail.when)
    for function in (kit.function, sending):
        arrows.sends(function, kit.mail, kit.somebody)
    variables = {n: kit.resources()[n]["Properties"]["Environment"]["Variables"] for n in ("Work", "Sending")}
    assert variables["Sending"]["SENDER_ADDRESS"] == {"Ref": "SenderAddress"}
    assert variables["Work"]["SENDER_ADDRESS"]["Fn::If"][0] == "HasSenderAddress"


@pytest.mark.parametrize(("minutes", "rate"), [(1, "rate(1 minute)"), (5, "rate(5 minutes)")])
def test_a_schedule_in_eventbridges_words(minutes: int, rate: str) -> None:
    kit = Kit()
    arrows.runs_every(kit.function, minutes=minutes)
    assert kit.resources()["WorkSchedule"]["Properties"]["ScheduleExpression"] == rate


def test_a_pool_for_those_who_are_invited_and_one_for_all() -> None:
    invited = Kit().resources()["Users"]["Properties"]
    t = scenario_template("kit", "1.0.0", "Kit.")
    cognito.user_pool(t, "Users")
    everybody = t.to_dict()["Resources"]["Users"]["Properties"]
    assert invited["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert "AdminCreateUserConfig" not in everybody
    assert invited["EmailConfiguration"]["Fn::If"][0] == "HasSenderAddress"
    assert everybody["EmailConfiguration"]["Fn::If"][0] == "HasMailFrom"


def test_alarms_for_what_fails_later() -> None:
    kit = Kit()
    arrows.streams(kit.table, kit.function, failures=kit.failures, values=VALUES)
    cloudwatch.watch(kit.t, kit.function, kit.failures, kit.mail)
    alarms = {n for n, r in kit.resources().items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert {"WorkBehindAlarm", "FailuresWaitingAlarm", "MailBouncesAlarm", "MailUncertainAlarm"} <= alarms
    with pytest.raises(TypeError, match="Users is a UserPool; alarms are for"):
        cloudwatch.watch(kit.t, kit.users)


def test_a_rule_asks_its_bucket_to_tell() -> None:
    kit = Kit()
    rule = events.on_created(kit.t, "Came", kit.bucket, "in/")
    assert rule.resource.Targets == []
    told = kit.resources()["Files"]["Properties"]["NotificationConfiguration"]
    assert told == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
