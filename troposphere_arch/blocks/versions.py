"""Versions of a function, and the alias that requests come to.

    function ──each change publishes──▶ version 7, version 8   ◀──live── requests

A version is a frozen copy: code, settings, variables. CloudFormation publishes another one when a property of the
resource changes, and Lambda refuses to publish what is as it was. So both descriptions, the version's and the
function's own, say the same: a hash of all that the template fixes, and in short all that only a stack knows.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import FindInMap, GetAtt, If, Join, Ref, Select, Split, Sub, awslambda, policies

from .. import parameters
from ..conditions import equals
from ..errors import UserError
from ..parameters import parameter, versions
from ..template import Node, ScenarioTemplate
from .awslambda import Function

ALIAS = "live"
SHARES = "SharesOfNew"
# https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html
MOST_CHARACTERS = 256
# What versions share, and what they do not freeze.
_SHARED = ("Description", "ReservedConcurrentExecutions", "Tags")
# How a resource is known whose replacement a parameter may bring about. E9009 proves that no other is needed.
_KNOWN_BY: Mapping[str, Callable[[str], Any]] = {
    "AWS::EC2::SecurityGroup": lambda name: _without("sg-", GetAtt(name, "GroupId")),
    "AWS::ElastiCache::ServerlessCache": Ref,
    "AWS::IAM::Role": lambda name: GetAtt(name, "RoleId"),
}
# How long that is; of names, a guess.
_ROOM = {"AWS::EC2::SecurityGroup": 18, "AWS::ElastiCache::ServerlessCache": 31, "AWS::IAM::Role": 22}
_ROOM_FOR_HOST, _ROOM_FOR_DOMAIN, _ROOM_FOR_LABEL = 50, 40, 12


@dataclass(frozen=True)
class Version(Node):
    """The version that the stack published last."""

    resource: awslambda.Version
    function: Function


def version(t: ScenarioTemplate, title: str, function: Function) -> Version:
    """A version of the function as it is; the one before stays in the account when there is a newer one.

    To be described when nothing is added to the function any more. With the stack it goes, as its function does; so it
    does when an update is taken back that published it, or the same update could not be made again.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-version.html
    """
    resource = awslambda.Version(
        title, DeletionPolicy="Delete", FunctionName=Ref(function.resource), UpdateReplacePolicy="Retain"
    )
    return Version(t, title, t.put(resource), function)


def newest(version: Version) -> Any:
    """The number of the newest version."""
    return GetAtt(version.resource, "Version")


def weighted(t: ScenarioTemplate, title: str, version: Version) -> Any:
    """An alias at `StableVersion`, with the newest version at `NewVersionPercent`. Gives the version it is at.

    Without weights the list is empty, not absent: an update may take a property that is gone for one to stay as it is.
    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    """
    stable, percent = parameter(t, versions.STABLE_VERSION), parameter(t, versions.NEW_VERSION_PERCENT)
    parameters.demand(
        t,
        "NewVersionPercentNeedsStableVersion",
        when=parameters.says(t, versions.NEW_VERSION_PERCENT),
        then=parameters.says(t, versions.STABLE_VERSION),
        told="NewVersionPercent needs the number of a version as StableVersion, such as that of the output "
        "LiveVersion.",
    )
    shares = {str(n): {"Weight": str(n / 100)} for n in range(101)}
    t.add_mapping(SHARES, shares)
    is_newest = equals(t, "StableIsNewest", versions.STABLE_VERSION, versions.NEWEST)
    waits = equals(t, "NewVersionWaits", versions.NEW_VERSION_PERCENT, "0")
    weight = awslambda.VersionWeight(
        FunctionVersion=newest(version), FunctionWeight=FindInMap(SHARES, Ref(percent), "Weight")
    )
    at = If(is_newest, newest(version), Ref(stable))
    routing = awslambda.AliasRoutingConfiguration(AdditionalVersionWeights=If(waits, [], [weight]))
    _alias(t, title, version, FunctionVersion=at, RoutingConfig=routing)
    return at


def shifted(t: ScenarioTemplate, title: str, version: Version, application: Any, group: Any) -> Any:
    """An alias that CodeDeploy moves to the newest version, as the deployment group says. Gives the version it is at.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-updatepolicy.html
    """
    move = policies.CodeDeployLambdaAliasUpdate(ApplicationName=application, DeploymentGroupName=group)
    policy = policies.UpdatePolicy(CodeDeployLambdaAliasUpdate=move)
    _alias(t, title, version, FunctionVersion=newest(version), UpdatePolicy=policy)
    return newest(version)


def _alias(t: ScenarioTemplate, title: str, version: Version, **properties: Any) -> None:
    function = version.function
    made = awslambda.Alias(title, FunctionName=Ref(function.resource), Name=ALIAS, **properties)
    function.aliases.append(t.put(made))


def describe(version: Version, release: str, domain: Callable[[], Any]) -> None:
    """Say in both descriptions what the version freezes, once the function is as it will be.

    `release` is the version of the template, `domain` refers to what the hosts of neighbours may end in. Raises
    UserError when the function is told of more than there is room for.
    """
    function, t = version.function, version.t
    frozen = {k: v for k, v in function.resource.to_dict()["Properties"].items() if k not in _SHARED}
    others = {name: t.resources[name].to_dict() for name in sorted(_names(frozen) & t.resources.keys())}
    moving = {name: one["Type"] for name, one in others.items() if one["Type"] in _KNOWN_BY}
    room = MOST_CHARACTERS - len(release) - 14 - sum(_ROOM[kind] for kind in moving.values())
    told = [*_of_parameters(t, frozen, domain, room), *(_KNOWN_BY[kind](name) for name, kind in moving.items())]
    digest = hashlib.sha256(json.dumps([frozen, _fixed(others)], sort_keys=True).encode()).hexdigest()[:12]
    known = {f"Told{n}": value for n, value in enumerate(told)}
    text = Sub(" ".join([release, digest, *(f"${{{name}}}" for name in known)]), known)
    function.resource.Description = text
    version.resource.Description = text


def _fixed(others: Mapping[str, Any]) -> Any:
    """What the function refers to, as far as that decides which one it is: not what a role may, nor tags."""
    return {
        name: {k: v for k, v in one.get("Properties", {}).items() if k not in ("Policies", "Tags")}
        for name, one in others.items()
    }


def _of_parameters(
    t: ScenarioTemplate, frozen: Mapping[str, Any], domain: Callable[[], Any], room: int
) -> Iterator[Any]:
    """Each parameter that the function holds, in short, as there is room. That no condition hides one, E9009 proves."""
    found: dict[str, tuple[str, ...]] = {}
    for path, name in _references(frozen):
        if name in t.parameters:
            found.setdefault(name, path)
    hosts = [name for name, path in found.items() if _is_variable(path, "_URL")]
    others = [name for name in found if name not in hosts]
    room -= sum(_room(found[name]) for name in others)
    whole = len(hosts) * _ROOM_FOR_HOST <= room
    brief = _ROOM_FOR_DOMAIN + sum(_ROOM_FOR_LABEL + len(name.removesuffix("Address")) for name in hosts)
    if not whole and brief > room:
        raise UserError(
            f"{t.scenario}: a version says in {MOST_CHARACTERS} characters what its function is told, and there is no "
            f"room for {len(found)} parameters ({', '.join(sorted(found))}): let it use fewer, or leave shift out"
        )
    for name in others:
        yield _short(found[name], Ref(name))
    for name in hosts:
        yield _host(Ref(name)) if whole else _labels(Ref(name))
    if not whole:
        yield domain()


def _is_variable(path: tuple[str, ...], ending: str) -> bool:
    return path[:2] == ("Environment", "Variables") and len(path) == 3 and path[2].endswith(ending)


def _short(path: tuple[str, ...], value: Any) -> Any:
    """What identifies a parameter's value that the function has at this place."""
    if path[:1] == ("VpcConfig",):  # subnet-0a1b,subnet-2c3d or sg-4e5f
        return _without("subnet-" if "SubnetIds" in path else "sg-", value)
    if _is_variable(path, "_QUEUE"):  # https://sqs.<region>.amazonaws.com/<account>/<name>
        return Select(4, Split("/", value))
    return value


def _without(word: str, value: Any) -> Any:
    return Join("", Split(word, value))


def _room(path: tuple[str, ...]) -> int:
    """How many characters that takes."""
    if path[:1] == ("VpcConfig",):
        return 36 if "SubnetIds" in path else 18
    return 40 if path[:1] == ("Environment",) else 6


def _host(address: Any) -> Any:
    """`https://abc.execute-api.eu-west-1.amazonaws.com/v1` -> `abc`; of a name of one's own, all of it."""
    return Select(0, Split(".execute-api.", Select(2, Split("/", address))))


def _labels(address: Any) -> Any:
    """The first two labels of the same: `abc.`, or `stock.shop` of `stock.shop.example.com`."""
    labels = Split(".", _without("execute-api", Select(2, Split("/", address))))
    return Join(".", [Select(0, labels), Select(1, labels)])


def _references(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every name that the value refers to, and where below properties."""
    if isinstance(value, list):
        for one in value:
            yield from _references(one, path)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key == "Ref":
                yield path, one
            elif key == "Fn::GetAtt":
                yield path, (one if isinstance(one, list) else one.split("."))[0]
            elif key == "Fn::Sub":
                text, own = one if isinstance(one, list) else (one, {})
                names = [part.split("}")[0].split(".")[0] for part in text.split("${")[1:]]
                yield from (((*path, ""), name) for name in names if not name.startswith("!") and name not in own)
                yield from _references(own, (*path, ""))
            else:
                yield from _references(one, path if key.startswith("Fn::") else (*path, key))


def _names(value: Any) -> set[str]:
    return {name for _, name in _references(value)}
