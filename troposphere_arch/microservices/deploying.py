"""Deployment of a system: its platform, then its services, each a stack by itself as soon as those that it uses are up.

templates ──units──▶ preview ──▶ in_order: platform ──▶ stock ──▶ orders       stacks that need not wait go side by side
                                                └──▶ payments                  a failure stops those that need it only
stacks that are up ──standing──▶ in_order, the other way round ──▶ nothing

A stack knows others by Parameter Store only, so what a stack that is up uses stands in its own template.

In an account, stacks whose APIs are made, deployed or deleted take turns: API Gateway makes one in 3 seconds, deploys
one in 5, and deletes one in 30. https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""

from __future__ import annotations

import json
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .. import deploy
from ..deploy.parameters import check_parameters
from ..discovery import API_ENDPOINT, GROUP, NOTHING, SUBNETS, title
from ..errors import Stopped, UserError
from ..parameters import RESERVED_CONCURRENCY
from ..parameters.platform import NETWORK
from ..parameters.services import IN_PARAMETER_STORE, MAXIMUM_CONCURRENCY, SYSTEM_NAME
from ..parameters.versions import NEW_VERSION_PERCENT, STABLE_VERSION
from . import serving
from .declaration import CACHED, FRONT, HTTP, PLATFORM, STATUS, System
from .declaration import SYSTEM_NAME as NAME_OF_SYSTEM
from .parsing import NOT_IN_PARAMETER_STORE

if TYPE_CHECKING:
    from ..deploy import Resource, Target
    from ..diff.model import Diff

AT_ONCE = 8
"""Stacks that are worked on at the same time: more, and AWS would slow us down."""
CREATED, UPDATED, UNCHANGED, LEFT, DELETED = "created", "updated", "unchanged", "left as it is", "deleted"
FAILED, NOT_TRIED = "FAILED", "not tried"

_AT_REST = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
_NOT_MADE = "ROLLBACK_COMPLETE"
"""The state of a stack whose creation failed: all that it had made is gone, and it can only be deleted."""
_ADDRESSES = ("ApiUrl", "QueueUrl", "StreamName", "BucketName", "EventsTopicArn")
_MOST_NAMES = 10  # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html

_DECLARED = (NETWORK.name, MAXIMUM_CONCURRENCY.name, RESERVED_CONCURRENCY.name)
"""The parameters whose defaults a declaration says."""
_OF_A_NETWORK = tuple(f"{title(PLATFORM)}{title(what)}" for what in (API_ENDPOINT, GROUP, SUBNETS))
"""The parameters of who is inside of the platform's network, or private."""

_MOVES = (STABLE_VERSION.name, NEW_VERSION_PERCENT.name)
"""The parameters by which requests go to another version of a function."""

_APIS = (
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::DomainName",
    "AWS::ApiGateway::DomainNameV2",
    "AWS::ApiGateway::RestApi",
)
_TOO_OFTEN = re.compile(r"TooManyRequests|Too Many Requests|Rate exceeded|Throttling|Status Code: 429")
_PAUSE = 60.0  # in seconds
# Of the names in Parameter Store, that of what is not there, or not yet.
_NOTHING = f"/{PLATFORM}/{NOTHING}"

T = TypeVar("T")


@dataclass(frozen=True)
class Unit:
    """A stack that is to be, of the platform or of a service; `after` are the services that must be up before it.

    One that is `given` is left as it is when it is up. Of `parameters`, those called `first` are for a stack that is
    new: what it has later, somebody has chosen. `tags` are the stack's; CloudFormation gives them to what is in
    it as well, so that costs can be told apart. Tags that somebody else gave the stack stay.
    """

    service: str
    stack: str
    version: str
    template: bytes = field(repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)
    first: frozenset[str] = frozenset()
    after: tuple[str, ...] = ()
    given: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of a stack, and why if it is not up as it should be."""

    service: str
    stack: str
    version: str
    what: str
    why: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_bad(self) -> bool:
        return self.what in (FAILED, NOT_TRIED)

    @property
    def address(self) -> str:
        """Where it is: the first of its outputs that says so."""
        return next((self.outputs[name] for name in _ADDRESSES if name in self.outputs), "")


@dataclass(frozen=True)
class Preview:
    """What deploying a unit would do: `what` in a word, `why`, and how it changes a stack that is up."""

    unit: Unit
    what: str
    resources: int = 0
    diff: Diff | None = None
    why: str = ""


Said = Callable[[str, str], None]
"""Hears of a stack, by its name, and what happens to it."""


def units(
    system: System,
    templates: Mapping[str, bytes],
    versions: Mapping[str, str],
    given: Mapping[str, str],
    *,
    name: str = "",
    only: str = "",
) -> list[Unit]:
    """The stacks of a system in the environment `name`; of `only` one service, those that it uses, and the platform.

    Of these the others are left as they are when they are up. `given` are parameters: `LogRetentionDays` is for all
    that have it, `orders.LogRetentionDays` for one. Raises `UserError` for one that nobody has, and for a value that a
    template refuses.
    """
    name = name or system.platform.name
    if not NAME_OF_SYSTEM.fullmatch(name) or len(name) < 2:
        raise UserError(f"{name!r:.60} is no name of a system: 2 to 20 small letters, digits and -, a letter first")
    if name.startswith(NOT_IN_PARAMETER_STORE):
        raise UserError(f"{name} is no name of a system: nothing in Parameter Store may begin with aws or ssm")
    wanted = needed(system, only)
    parsed = {one: json.loads(templates[one]) for one in wanted}
    chosen = _chosen(parsed, given, [PLATFORM, *system.services])
    for one in wanted:  # before the first stack is begun
        try:
            check_parameters(parsed[one], chosen[one], kept=parsed[one].get("Parameters", ()))
        except UserError as error:
            raise UserError(f"{name}-{one}: {error}") from None
        if one != PLATFORM and system.services[one].shape == FRONT:
            its = [service.name for service in system.services.values() if service.behind == one]
            serving.check_names(f"{name}-{one}", name, its, chosen[one])
    return [
        Unit(
            service=one,
            stack=f"{name}-{one}",
            version=versions[one],
            template=templates[one],
            parameters=(named := _named(parsed[one], system.platform.name, name)) | chosen[one],
            first=frozenset(key for key, value in named.items() if value.endswith(_NOTHING)) - chosen[one].keys(),
            after=() if one == PLATFORM else (PLATFORM, *system.services[one].uses),
            given=bool(only) and one != only,
            tags={
                "owner": system.platform.owner if one == PLATFORM else system.services[one].owner,
                "service": one,
                "system": name,
            },
        )
        for one in wanted
    ]


def needed(system: System, only: str = "") -> list[str]:
    """The platform and the services, those that others use before these; for `only` one service what that needs."""
    every = [PLATFORM, *(service.name for service in system.order())]
    if not only:
        return every
    found = {PLATFORM}
    todo = [only]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += system.services[one].uses
    return [one for one in every if one in found]


def _named(template: Mapping[str, Any], system: str, name: str) -> dict[str, str]:
    """The parameters by which a stack belongs to the environment `name`: none to its own system's."""
    if name == system:
        return {}
    start = f"/{system}/"
    parameters: Mapping[str, Mapping[str, Any]] = template.get("Parameters", {})
    found = {
        key: f"/{name}/{one['Default'].removeprefix(start)}"
        for key, one in parameters.items()
        if one["Type"] == IN_PARAMETER_STORE and str(one.get("Default", "")).startswith(start)
    }
    return found | ({SYSTEM_NAME.name: name} if SYSTEM_NAME.name in parameters else {})


def _chosen(
    templates: Mapping[str, Mapping[str, Any]], given: Mapping[str, str], services: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Of what a user gives, what is for each stack; what is for one goes before what is for all."""
    chosen: dict[str, dict[str, str]] = {one: {} for one in templates}
    for key, value in sorted(given.items(), key=lambda item: "." in item[0]):
        service, dot, parameter = key.rpartition(".")
        if dot and service not in services:
            raise UserError(f"parameter {key}: there is no service {service}; there is {', '.join(sorted(services))}")
        if dot and service not in templates:
            raise UserError(f"parameter {key}: {service} is not deployed here; leave it out")
        having = [
            one for one in templates if service in ("", one) and parameter in templates[one].get("Parameters", {})
        ]
        if not having:
            known = {
                known for one in templates if service in ("", one) for known in templates[one].get("Parameters", {})
            }
            close = get_close_matches(parameter, known, n=1)
            whose = f"the template of {service}" if dot else "no template of these"
            hint = f"; did you mean {close[0]}?" if close else f": there is {', '.join(sorted(known))}"
            raise UserError(f"parameter {key}: {whose} has {'no ' if dot else ''}such parameter{hint}")
        for one in having:
            chosen[one][parameter] = value
    return chosen


# --- order


def in_order(
    after: Mapping[str, Iterable[str]],
    work: Callable[[str], T],
    failed: Callable[[T], bool],
    instead: Callable[[str, str], T],
    at_once: int = AT_ONCE,
) -> dict[str, T]:
    """Do the work of each as soon as all that it comes `after` is done, so many at once; the results by name.

    Where the work of one has failed, that of those after it is not tried: they get what `instead` says of them and of
    it. Of those that wait for each other in a circle, one begins. On Ctrl-C nothing more is begun, and nobody waits for
    what is under way.
    """
    waiting = {name: [one for one in others if one in after] for name, others in after.items()}
    done: dict[str, T] = {}
    under_way: set[str] = set()
    results: queue.SimpleQueue[tuple[str, T | None, BaseException | None]] = queue.SimpleQueue()

    def do(name: str) -> None:
        try:
            results.put((name, work(name), None))
        except BaseException as error:  # raised again below, where somebody hears it
            results.put((name, None, error))

    while waiting or under_way:
        for name, others in list(waiting.items()):
            if stopped := [one for one in others if one in done and failed(done[one])]:
                done[name] = instead(name, stopped[0])
                del waiting[name]
            elif all(one in done for one in others) and len(under_way) < at_once:
                del waiting[name]
                under_way.add(name)
                threading.Thread(target=do, args=(name,), daemon=True).start()
        if waiting and not under_way and not any(all(one in done for one in others) for others in waiting.values()):
            waiting[_of_a_circle(waiting)] = []
        if under_way:
            name, result, error = results.get()
            under_way.remove(name)
            if error is not None:
                raise error
            done[name] = result  # type: ignore[assignment]  # there is no error, so there is a result
    return done


def _of_a_circle(waiting: Mapping[str, Iterable[str]]) -> str:
    """One of those that wait for each other, when all that wait do so for others of them."""
    one, seen = next(iter(waiting)), set[str]()
    while one not in seen:
        seen.add(one)
        one = next(other for other in waiting[one] if other in waiting)
    return one


def _together(work: Callable[[str], T], names: Iterable[str]) -> dict[str, T]:
    return in_order(dict.fromkeys(names, ()), work, lambda one: False, lambda name, other: work(name))


# --- what is there


def ready(target: Target, *services: str) -> None:
    """Make the clients that threads share: boto3 makes them in one thread at a time only."""
    for service in ("cloudformation", *services):
        target.client(service)


@deploy.aws_errors()
def described(target: Target) -> dict[str, dict[str, Any]]:
    """The stacks of the target by their names, as CloudFormation describes them; none that is only planned."""
    pages = target.client("cloudformation").get_paginator("describe_stacks").paginate()
    return {
        stack["StackName"]: stack
        for page in pages
        for stack in page["Stacks"]
        if stack["StackStatus"] not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")
    }


def _values_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a stack: of those that are looked up, what was found."""
    return {
        one["ParameterKey"]: one.get("ResolvedValue", one.get("ParameterValue", ""))
        for one in stack.get("Parameters", [])
    }


@dataclass(frozen=True)
class Store:
    """Parameter Store of a target. A value is asked for once: nobody asks before whoever tells it is done."""

    target: Target
    _known: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @deploy.aws_errors()
    def values(self, names: Iterable[str]) -> dict[str, str]:
        """The values of these names; one that is not there is left out."""
        names = sorted(set(names))
        with self._lock:
            asked = [name for name in names if name not in self._known]
        found: dict[str, str] = {}
        for i in range(0, len(asked), _MOST_NAMES):
            answer = self.target.client("ssm").get_parameters(Names=asked[i : i + _MOST_NAMES])
            found |= {one["Name"]: one["Value"] for one in answer["Parameters"]}
        with self._lock:
            self._known.update(found)
            return {name: self._known[name] for name in names if name in self._known}


def _names_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """By the parameters of a stack that are looked up, the names in Parameter Store. The emulator tells none."""
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", []) if "ResolvedValue" in one}


def _tags_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a stack that may be set: not those of AWS itself."""
    return {one["Key"]: one["Value"] for one in stack.get("Tags", []) if not one["Key"].startswith("aws:")}


def _looked_up(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters that CloudFormation looks up, each with the name in Parameter Store."""
    return {
        key: parameters.get(key, str(one.get("Default", "")))
        for key, one in template.get("Parameters", {}).items()
        if one["Type"] == IN_PARAMETER_STORE
    }


def _difference(unit: Unit, stack: Mapping[str, Any], running: Any, store: Store) -> str:
    """In what a stack is not as it is to be; empty when it has template, parameters, tags, and what is found now.

    `running` is its template.
    """
    if stack["StackStatus"] not in _AT_REST:
        return f"it is in {stack['StackStatus']}"
    template = json.loads(unit.template)
    has, looked_up = _values_of(stack), _looked_up(template, {**_names_of(stack), **unit.parameters})
    if running != template:
        return "its template changes"
    if any(has.get(key) != value for key, value in unit.parameters.items() if key not in looked_up):
        return "its parameters change"
    found = store.values(looked_up.values())
    if any(has.get(key) != found.get(name) for key, name in looked_up.items()):
        return "what it finds has changed"
    tags = _tags_of(stack)
    return "tags, which its resources get as well" if {**tags, **unit.tags} != tags else ""


def _as_declared(unit: Unit, stack: Mapping[str, Any], running: Any) -> Unit:
    """The unit with what its declaration says otherwise than it did, which a stack that is up would not hear of.

    A value that somebody has chosen stays: one that is not what the template of the stack, `running`, says by itself.
    """
    moved = _moved(json.loads(unit.template), running, _values_of(stack))
    old = _parameters(running)
    kept = {key: value for key, value in unit.parameters.items() if key not in unit.first or key not in old}
    return replace(unit, parameters={**moved, **kept}) if moved or unit.first else unit


def _moved(template: Any, running: Any, has: Mapping[str, str]) -> dict[str, str]:
    """What the declaration says otherwise than it did, of what a stack has as its own template says by itself."""
    new, old = _parameters(template), _parameters(running)
    return {
        key: str(new[key]["Default"])
        for key in _DECLARED
        if key in new and key in old and has.get(key) == str(old[key].get("Default")) != str(new[key]["Default"])
    }


def _parameters(template: Any) -> Mapping[str, Any]:
    return template.get("Parameters", {}) if isinstance(template, dict) else {}


def given(stack: str, template: Mapping[str, Any], running: Any, has: Mapping[str, str]) -> dict[str, str]:
    """The parameters that `up` gives by itself to a stack that is up and has these, with the template that is new.

    Those of its environment, which its name tells, and what is declared anew.
    """
    system, service = source(template) or ("", "")
    named = _named(template, system, stack.removesuffix(f"-{service}")) if system else {}
    old = _parameters(running)
    kept = {key: value for key, value in named.items() if key not in old or not value.endswith(_NOTHING)}
    return {**_moved(template, running, has), **kept}


def _parsed(body: str | dict[str, Any]) -> Any:
    try:
        return json.loads(body) if isinstance(body, str) else json.loads(json.dumps(body))
    except ValueError:
        return None


# --- up


def preview(target: Target, wanted: Sequence[Unit]) -> list[Preview]:
    """What deploying these would do. Nothing is changed, and nothing planned: what others tell may not be there yet."""
    ready(target, "ssm")
    there, store = described(target), Store(target)
    by_name = {unit.service: unit for unit in wanted}
    _refuse_versions(target, wanted, there)
    found = _together(lambda name: _preview(target, by_name[name], there, store), by_name)
    return [found[unit.service] for unit in wanted]


def _preview(target: Target, unit: Unit, there: Mapping[str, Any], store: Store) -> Preview:
    from ..upgrading import preview

    stack = there.get(unit.stack)
    resources = len(json.loads(unit.template)["Resources"])
    if stack is None:
        return Preview(unit, "create", resources)
    _refuse_another(target, unit, stack)
    if stack["StackStatus"] == _NOT_MADE:
        return Preview(unit, "create", resources, why="its creation failed: what is left is deleted first")
    if _is_left(unit, stack):
        return Preview(unit, LEFT)
    running = _parsed(deploy.template_of(target, unit.stack))
    unit = _as_declared(unit, stack, running)
    if not (why := _difference(unit, stack, running, store)):
        return Preview(unit, UNCHANGED)
    return Preview(unit, "update", resources, preview(target, unit.stack, unit.template, unit.parameters), why)


def _refuse_another(target: Target, unit: Unit, stack: Mapping[str, Any]) -> None:
    """Refuse to turn a stack of another template into this one: that would delete what the other made."""
    if stack["StackStatus"] not in (*_AT_REST, _NOT_MADE):
        return
    made_from = _outputs_of(stack).get("TemplateId")
    if made_from is None:  # its creation failed, or it is what another retained, just imported
        template = _parsed(deploy.template_of(target, unit.stack))
        made_from = _template_id(template) if isinstance(template, dict) else ""
    ours = _template_id(json.loads(unit.template))
    if made_from != ours:
        made = f"was made from {made_from}, not from {ours}" if made_from else "is none of ours"
        raise UserError(f"stack {unit.stack} {made}: choose another --name for the system")
    system = ours.removesuffix(f"-{unit.service}")
    if not _is_of(target, stack, system, unit.service):
        raise UserError(f"stack {unit.stack} is not {unit.service} of {system}: choose another --name for the system")


def _refuse_versions(target: Target, wanted: Iterable[Unit], there: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to send requests to a version of a function that is not there; only where somebody says how many."""
    for unit in wanted:
        stack = there.get(unit.stack)
        if unit.parameters.keys().isdisjoint(_MOVES) or (stack is not None and stack["StackStatus"] not in _AT_REST):
            continue
        running = None if stack is None else _parsed(deploy.template_of(target, unit.stack))
        has = {} if stack is None else _values_of(stack)
        may_publish = partial(_may_publish, target, unit, stack, running)
        serving.check_stable(target, unit.stack, running, {**has, **unit.parameters}, may_publish)


def _may_publish(target: Target, unit: Unit, stack: Mapping[str, Any] | None, running: Any) -> bool:
    """Whether the update may bring a version of a function: it does more than to send requests elsewhere."""
    others = {key: value for key, value in unit.parameters.items() if key not in _MOVES}
    plain = replace(unit, parameters=others)
    # Not the store of all, which asks for each name once: others may still tell what is new.
    return stack is None or bool(_difference(_as_declared(plain, stack, running), stack, running, Store(target)))


def _is_left(unit: Unit, stack: Mapping[str, Any]) -> bool:
    return unit.given and stack["StackStatus"] in _AT_REST


@dataclass(frozen=True)
class Pace:
    """How APIs are made and deleted: `turn` is held meanwhile; `pause` waits after AWS has been asked too often."""

    turn: AbstractContextManager[Any] = field(default_factory=nullcontext)
    pause: Callable[[], None] = lambda: time.sleep(_PAUSE)


def up(
    target: Target,
    wanted: Sequence[Unit],
    said: Said = lambda stack, what: None,
    *,
    pace: Pace = Pace(),
) -> list[Outcome]:
    """Deploy these, each when those that it comes after are up; in their order what became of each.

    A stack whose creation had failed is deleted and created again. Raises `Stopped` on Ctrl-C: CloudFormation goes on
    with what was begun.
    """
    ready(target, "ssm")
    there, store = described(target), Store(target)
    by_name = {unit.service: unit for unit in wanted}
    known = [unit.service for unit in wanted if unit.stack in there]
    _together(lambda name: _refuse_another(target, by_name[name], there[by_name[name].stack]), known)
    _refuse_versions(target, wanted, there)
    if any(len(unit.template) > deploy.LONGEST_BODY for unit in wanted):
        ready(target, "s3")
        deploy.ensure_bucket(target)

    def one(name: str) -> Outcome:
        unit = by_name[name]
        try:
            done = _up(target, unit, there.get(unit.stack), store, said, pace)
        except UserError as error:
            done = Outcome(unit.service, unit.stack, unit.version, FAILED, str(error))
        said(unit.stack, f"{done.what}: {done.why}" if done.why else done.what)
        return done

    def instead(name: str, other: str) -> Outcome:
        unit = by_name[name]
        said(unit.stack, f"{NOT_TRIED}, since {by_name[other].stack} is not up")
        return Outcome(unit.service, unit.stack, unit.version, NOT_TRIED, f"it needs {by_name[other].stack}")

    try:
        done = in_order({unit.service: unit.after for unit in wanted}, one, lambda outcome: outcome.is_bad, instead)
    except KeyboardInterrupt:
        raise Stopped("stopped watching: CloudFormation goes on with the stacks that were begun") from None
    return [done[unit.service] for unit in wanted]


def _up(target: Target, unit: Unit, stack: Mapping[str, Any] | None, store: Store, said: Said, pace: Pace) -> Outcome:
    def outcome(what: str, outputs: Mapping[str, str]) -> Outcome:
        return Outcome(unit.service, unit.stack, outputs.get("TemplateVersion", unit.version), what, "", outputs)

    if stack is not None:
        outputs: Mapping[str, str] = _outputs_of(stack)
        if _is_left(unit, stack):
            return outcome(LEFT, outputs)
        running = _parsed(deploy.template_of(target, unit.stack))
        _refuse_another_shape(unit, running)
        unit = _as_declared(unit, stack, running)
        if not _difference(unit, stack, running, store):
            return outcome(UNCHANGED, outputs)
    looked_up = _looked_up(json.loads(unit.template), {**_names_of(stack or {}), **unit.parameters})
    found = store.values(looked_up.values())
    if missing := sorted(set(looked_up.values()) - found.keys()):
        raise UserError(_missing(missing[0]))
    if without := [looked_up[key] for key in _OF_A_NETWORK if key in looked_up and found[looked_up[key]] == "none"]:
        raise UserError(
            f"{unit.service} is declared inside or private, and {without[0]} is none: bring the platform up with its "
            "network first, `up` of the whole folder does"
        )
    if stack is not None and stack["StackStatus"] == _NOT_MADE:
        said(unit.stack, "is deleted, since its creation failed, and created again")
        deploy.delete(target, unit.stack)
        stack = None
    else:
        said(unit.stack, "is created" if stack is None else "is updated")
    if stack is None:
        return outcome(CREATED, _create(target, unit, pace))
    plan, outputs = _patiently(lambda: _update(target, unit, _tags_of(stack), pace), unit.stack, said, pace)
    return outcome(UNCHANGED if plan.change_set is None else UPDATED, outputs)


def _refuse_another_shape(unit: Unit, running: Any) -> None:
    """What one shape keeps, another does not have; with a cache in front, the table is the same one."""
    was, declared = _shape(running), _shape(json.loads(unit.template))
    if was and was != declared and {was, declared} != {HTTP, CACHED}:
        raise UserError(
            f"{unit.stack} is up as {was}, and {unit.service} is declared {declared}: nothing of what it keeps would "
            f"come along; give the new one another name, as a version behind a front, or take {unit.stack} down first"
        )


def _shape(template: Any) -> str:
    told = template.get("Metadata", {}).get("Service") if isinstance(template, dict) else None
    return str(told.get("Shape", "")) if isinstance(told, dict) else ""


def _create(target: Target, unit: Unit, pace: Pace) -> Mapping[str, str]:
    """Create a stack; its outputs."""
    # It waits for its turn before it is planned: an empty stack is there from then on.
    with pace.turn if _has_apis(json.loads(unit.template)) else nullcontext():
        try:
            return deploy.execute(deploy.plan(target, unit.stack, unit.template, unit.parameters, unit.tags))
        except UserError as error:
            if _NOT_MADE not in str(error):
                raise
            later = ", in some minutes: AWS was asked too often" if _TOO_OFTEN.search(str(error)) else ""
            raise UserError(f"{error}: `up` does both{later}") from None


def _update(target: Target, unit: Unit, tags: Mapping[str, str], pace: Pace) -> tuple[deploy.Plan, Mapping[str, str]]:
    """Update a stack, which has these tags; what was planned, and its outputs."""
    plan = deploy.plan(target, unit.stack, unit.template, unit.parameters, {**tags, **unit.tags})
    with pace.turn if any(change.type in _APIS for change in plan.changes) else nullcontext():
        return plan, deploy.execute(plan)


def _has_apis(template: Mapping[str, Any]) -> bool:
    return any(resource["Type"] in _APIS for resource in template["Resources"].values())


def _patiently(work: Callable[[], T], stack: str, said: Said, pace: Pace) -> T:
    """Do it, and after a pause once more when AWS says that it was asked too often."""
    try:
        return work()
    except UserError as error:
        if not _TOO_OFTEN.search(str(error)):
            raise
    said(stack, "AWS was asked too often: waits, then tries once more")
    pace.pause()
    return work()


def _missing(name: str) -> str:
    """What to do when nobody tells what a stack has to find."""
    told_by = _teller(name)
    whose = f"the stack of {told_by} tells it" if told_by else "no stack of ours tells that"
    return f"{name} is not in Parameter Store: {whose}; bring that up first"


def _teller(name: str) -> str:
    """The service that tells `/shop/stock/address`; the platform for its status."""
    parts = name.split("/")
    service = parts[2] if len(parts) == 4 and not parts[0] else ""
    return PLATFORM if service == STATUS else service


@dataclass(frozen=True)
class Behind:
    """A stack that is up, and the names in Parameter Store that have another value now than it has found."""

    service: str
    stack: str
    finds: tuple[str, ...]

    def __str__(self) -> str:
        by_teller: dict[str, list[str]] = {}
        for name in self.finds:
            parts = name.split("/")
            what, teller = (parts[3], parts[2]) if _teller(name) else (name, "")
            by_teller.setdefault(teller, []).append(what)
        told = [" and ".join(whats) + (f" of {teller}" if teller else "") for teller, whats in by_teller.items()]
        return f"{self.stack} still has the old {', '.join(told)}"


def behind(target: Target, system: str, name: str = "", *, but: Iterable[str] = ()) -> list[Behind]:
    """The stacks of a system in the environment `name` that have to be updated, since what they find has changed.

    `but` are services of which that is known already.
    """
    name, known = name or system, set(but)
    store = Store(target)
    there = {one: stack for one, stack in described(target).items() if stack["StackStatus"] in _AT_REST}
    ours = _ours(target, there, system, name, but=known)
    finds = _together(lambda stack: _finds(target, system, name, there[stack]), ours)
    now = store.values(told for found in finds.values() for told in found)
    old = {
        stack: tuple(sorted(told for told, value in finds[stack].items() if now.get(told, value) != value))
        for stack in ours
    }
    return [Behind(service, stack, old[stack]) for stack, service in ours.items() if old[stack]]


def left_over(target: Target, system: System, name: str = "") -> list[str]:
    """The stacks of a system in the environment `name` that are up although nothing declares them any more."""
    declared = {PLATFORM, *system.services}
    name = name or system.platform.name
    return list(_ours(target, described(target), system.platform.name, name, but=declared))


def _ours(
    target: Target, there: Mapping[str, Mapping[str, Any]], system: str, name: str, *, but: Iterable[str]
) -> dict[str, str]:
    """The services of a system in the environment `name` but these, by their stacks, as the stacks themselves say."""
    known = set(but)
    maybe = {
        stack: service
        for stack in sorted(there)
        if stack.startswith(f"{name}-") and (service := stack.removeprefix(f"{name}-")) not in known
        if _outputs_of(there[stack]).get("TemplateId") == f"{system}-{service}"
    }
    found = _together(lambda stack: _is_of(target, there[stack], system, maybe[stack]), maybe)
    return {stack: service for stack, service in maybe.items() if found[stack]}


def _is_of(target: Target, stack: Mapping[str, Any], system: str, service: str) -> bool:
    """Whether a stack that was made from the template `shop-a-orders` is of this system and service.

    A name may hold hyphens, so it may be `a-orders` of shop, or `orders` of shop-a.
    """
    if _values_of(stack).get(SYSTEM_NAME.name) == stack["StackName"].removesuffix(f"-{service}"):
        return True  # it belongs to the environment by whose name it is called
    return told_by(target, stack["StackName"]) == (system, service)


def _finds(target: Target, system: str, name: str, stack: Mapping[str, Any]) -> dict[str, str]:
    """What a stack has found at its last update, by the names in Parameter Store."""
    has, names = _values_of(stack), _names_of(stack)
    if not names:
        template = _parsed(deploy.template_of(target, stack["StackName"])) or {}
        names = _looked_up(template, _named(template, system, name))
    return {told: has[key] for key, told in names.items() if key in has}


# --- down


@dataclass(frozen=True)
class Standing:
    """A stack of a system that is up: its template, what it uses, and what it retains when it is deleted."""

    service: str
    stack: str
    template: str
    version: str
    uses: frozenset[str]
    retained: tuple[Resource, ...] = ()
    has_apis: bool = False


def standing(target: Target, system: str, name: str = "") -> list[Standing]:
    """The stacks of a system in the environment `name`, whatever its folder holds by now; by their names."""
    ready(target)
    start = f"{name or system}-"
    there = {stack: one for stack, one in described(target).items() if stack.startswith(start)}
    found = _together(lambda stack: _standing(target, system, start, stack, there[stack]), sorted(there))
    return [one for stack in sorted(found) if (one := found[stack]) is not None]


def _standing(target: Target, system: str, start: str, stack: str, now: Mapping[str, Any]) -> Standing | None:
    """The stack, if it was made from a template of the system under this name; one that failed has no outputs."""
    service = stack.removeprefix(start)
    outputs = _outputs_of(now)
    if outputs.get("TemplateId", f"{system}-{service}") != f"{system}-{service}":
        return None
    template = _parsed(deploy.template_of(target, stack))
    if not isinstance(template, dict) or source(template) != (system, service):
        return None
    uses = {_teller(told) for told in _looked_up(template, {}).values()}
    retained = tuple(deploy.retained(target, stack, template))
    version, apis = outputs.get("TemplateVersion", ""), _has_apis(template)
    return Standing(service, stack, f"{system}-{service}", version, frozenset(uses - {""}), retained, apis)


def _template_id(template: Mapping[str, Any]) -> str:
    """What a template says that it is; one that only takes over what was retained says so in its metadata."""
    told = template.get("Outputs", {}).get("TemplateId", {}).get("Value")
    return str(told or template.get("Metadata", {}).get("Template", {}).get("Id", ""))


def source(template: Mapping[str, Any]) -> tuple[str, str] | None:
    """The system and the service (or the platform) that a template says that it is of; None when it is of none."""
    whole, metadata = _template_id(template), template.get("Metadata", {})
    if isinstance(told := metadata.get("Service"), dict):
        service = str(told.get("Name"))
    elif isinstance(told := metadata.get("Platform"), dict):
        service = PLATFORM if whole == f"{told.get('Name')}-{PLATFORM}" else ""
    else:  # it only takes over what was retained: that of a service looks up the system's key, a platform's nothing
        systems = {name.split("/")[1] for name in _looked_up(template, {}).values() if name.startswith("/")}
        service = PLATFORM if not systems else whole.removeprefix(f"{systems.pop()}-")
    system = whole.removesuffix(f"-{service}")
    return (system, service) if service and system != whole else None


def told_by(target: Target, stack: str) -> tuple[str, str] | None:
    """What the template of a stack says that it is of, as `source`."""
    template = _parsed(deploy.template_of(target, stack))
    return source(template) if isinstance(template, dict) else None


def whose(target: Target, stack: str) -> tuple[str, str, str] | None:
    """Of a stack that is up: its system, the environment's name, and its service; None when it is of no system."""
    with deploy.aws_errors():
        found = deploy.describe(target, stack)
    if found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS":
        return None
    said = told_by(target, stack)
    if said is None or not stack.endswith(f"-{said[1]}"):
        return None
    return said[0], stack.removesuffix(f"-{said[1]}"), said[1]


def _outputs_of(stack: Mapping[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


def users(there: Iterable[Standing], service: str) -> list[str]:
    """The services that are up and use this one."""
    return sorted(one.service for one in there if service in one.uses and one.service != service)


def down(
    target: Target,
    going: Sequence[Standing],
    said: Said = lambda stack, what: None,
    *,
    purge: bool,
    pace: Pace = Pace(),
) -> list[Outcome]:
    """Delete these, each when those that use it are gone, the platform last; with `purge` also what they retain.

    Raises `UserError` for a version to which a front that stays sends requests, and `Stopped` on Ctrl-C:
    CloudFormation goes on with what was begun.
    """
    if purge:
        ready(target, "dynamodb", "s3")
        deploy.check_purge([resource for one in going for resource in one.retained])
    serving.let_go(target, going, said)
    by_name = {one.service: one for one in going}

    def one(name: str) -> Outcome:
        gone = by_name[name]
        try:
            with pace.turn if gone.has_apis else nullcontext():
                _patiently(lambda: deploy.delete(target, gone.stack), gone.stack, said, pace)
            if purge:
                deploy.purge(target, gone.retained)
            done = Outcome(name, gone.stack, gone.version, DELETED)
        except UserError as error:
            done = Outcome(name, gone.stack, gone.version, FAILED, str(error))
        said(gone.stack, f"{done.what}: {done.why}" if done.why else done.what)
        return done

    def instead(name: str, other: str) -> Outcome:
        gone = by_name[name]
        said(gone.stack, f"{NOT_TRIED}, since {by_name[other].stack} is still there")
        return Outcome(name, gone.stack, gone.version, NOT_TRIED, f"{by_name[other].stack} uses it")

    after = {name: users(going, name) for name in by_name}
    try:
        done = in_order(after, one, lambda outcome: outcome.is_bad, instead)
    except KeyboardInterrupt:
        raise Stopped("stopped watching: CloudFormation goes on with the stacks that were begun") from None
    return [done[one.service] for one in going]
