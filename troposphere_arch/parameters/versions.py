"""Parameters of a service whose function has versions: how requests come from one to the next."""

from __future__ import annotations

from .spec import Spec

NEWEST = "newest"
# https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
CANARIES = tuple(f"CodeDeployDefault.LambdaCanary10Percent{minutes}Minutes" for minutes in (5, 10, 15, 30))
LINES = tuple(
    f"CodeDeployDefault.LambdaLinear10PercentEvery{every}" for every in ("1Minute", "2Minutes", "3Minutes", "10Minutes")
)

STABLE_VERSION = Spec(
    "StableVersion",
    "Versions",
    "Version to stay at",
    "newest lets each update's version answer everything at once. A number, such as that of the output LiveVersion, "
    "stays at this version, and what is newer gets NewVersionPercent. An older number is the way back, in seconds.",
    NEWEST,
    pattern=rf"{NEWEST}|[1-9][0-9]{{0,8}}",
    constraint=f"StableVersion is {NEWEST} or the number of a version, such as 7.",
)
# A text, so that what stands there is one of the keys of a mapping: 05 and 5.0 are numbers too.
NEW_VERSION_PERCENT = Spec(
    "NewVersionPercent",
    "Versions",
    "Share of the newest version (%)",
    "So many of a hundred requests come to the newest version, all others to StableVersion: 0 to 100. Lambda draws "
    "lots for each request, so one caller may come to both.",
    "0",
    pattern="0|[1-9][0-9]?|100",
    constraint="NewVersionPercent is a whole number from 0 to 100.",
)
CANARY_PACE = Spec(
    "CanaryPace",
    "Versions",
    "How a new version comes",
    "CodeDeploy gives a new version 10 % of the requests for so long, then all, unless an alarm goes off.",
    CANARIES[0],
    allowed=CANARIES,
    constraint="CanaryPace is one of CodeDeploy's canaries for Lambda.",
)
LINEAR_PACE = Spec(
    "LinearPace",
    "Versions",
    "How a new version comes",
    "CodeDeploy gives a new version 10 % more of the requests each time, unless an alarm goes off.",
    LINES[0],
    allowed=LINES,
    constraint="LinearPace is one of CodeDeploy's linear shifts for Lambda.",
)
RETURN_ON_ALARM = Spec(
    "ReturnOnAlarm",
    "Versions",
    "Return on alarms",
    "on stops a shift and returns to the version before when an alarm on errors goes off, and refuses to begin while "
    "one is on. off is for the update that mends what the alarm is about.",
    "on",
    allowed=("off", "on"),
    constraint="ReturnOnAlarm is on or off.",
)
