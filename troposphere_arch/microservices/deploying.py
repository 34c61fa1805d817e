"""Deployment of a system: its platform, then its services, each a stack by itself as soon as those that it uses are up.

templates ──units──▶ preview ──▶ in_order: platform ──▶ stock ──▶ orders       stacks that need not wait go side by side
                                                └──▶ payments                  a failure stops those that need it only
stacks that are up ──standing──▶ in_order, the other way round ──▶ nothing

A stack knows others by Parameter Store only, so what a stack that is up uses stands in its own template.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from .. import deploy
from ..errors import Stopped, UserError
from ..parameters.services import IN_PARAMETER_STORE, SYSTEM_NAME
from .declaration import PLATFORM, STATUS, System
from .declaration import SYSTEM_NAME as NAME_OF_SYSTEM

if TYPE_CHECKING:
    from ..deploy import Resource, Target
    from ..diff.model import Diff

AT_ONCE = 8
"""Stacks that are worked on at the same time: more, and AWS would slow us down."""
CREATED, UPDATED, UNCHANGED, LEFT, DELETED = "created", "updated", "unchanged", "left as it is", "deleted"
FAILED, NOT_TRIED = "FAILED", "not tried"

_AT_REST = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
_ADDRESSES = ("ApiUrl", "QueueUrl", "StreamName", "BucketName", "EventsTopicArn")
_MOST_NAMES = 10  # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html

T = TypeVar("T")


@dataclass(frozen=True)
class Unit:
    """A stack that is to be, of the platform or of a service; `after` are the services that must be up before it.

    One that is `given` is left as it is when it is up.
    """

    service: str
    stack: str
    version: str
    template: bytes = field(repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    given: bool = False


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
    """What deploying a unit would do: `what` in a word, and how it changes a stack that is up."""

    unit: Unit
    what: str
    resources: int = 0
    diff: Diff | None = None


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
    that have it, `orders.LogRetentionDays` for one. Raises `UserError` for what nobody has.
    """
    name = name or system.platform.name
    if not NAME_OF_SYSTEM.fullmatch(name):
        raise UserError(f"{name!r:.60} is no name of a system: 2 to 20 small letters, digits and -, a letter first")
    wanted = needed(system, only)
    parsed = {one: json.loads(templates[one]) for one in wanted}
    chosen = _chosen(parsed, given, [PLATFORM, *system.services])
    return [
        Unit(
            service=one,
            stack=f"{name}-{one}",
            version=versions[one],
            template=templates[one],
            parameters=_named(parsed[one], system.platform.name, name) | chosen[one],
            after=() if one == PLATFORM else (PLATFORM, *system.services[one].uses),
            given=bool(only) and one != only,
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
    it. On Ctrl-C nothing more is begun, and nobody waits for what is under way.
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
        if under_way:
            name, result, error = results.get()
            under_way.remove(name)
            if error is not None:
                raise error
            done[name] = result  # type: ignore[assignment]  # there is no error, so there is a result
    return done


def _together(work: Callable[[str], T], names: Iterable[str]) -> dict[str, T]:
    return in_order(dict.fromkeys(names, ()), work, lambda one: False, lambda name, other: work(name))


# --- what is there


def ready(target: Target) -> None:
    """Make the clients that threads share: boto3 makes them in one thread at a time only."""
    for service in ("cloudformation", "s3", "ssm"):
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


def _looked_up(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters that CloudFormation looks up, each with the name in Parameter Store."""
    return {
        key: parameters.get(key, str(one.get("Default", "")))
        for key, one in template.get("Parameters", {}).items()
        if one["Type"] == IN_PARAMETER_STORE
    }


def _is_as_wanted(target: Target, unit: Unit, stack: Mapping[str, Any], store: Store) -> bool:
    """Whether a stack has the template, the parameters, and what is to be found now."""
    if stack["StackStatus"] not in _AT_REST:
        return False
    template = json.loads(unit.template)
    has, looked_up = _values_of(stack), _looked_up(template, unit.parameters)
    if any(has.get(key) != value for key, value in unit.parameters.items() if key not in looked_up):
        return False
    found = store.values(looked_up.values())
    if any(has.get(key) != found.get(name) for key, name in looked_up.items()):
        return False
    return bool(_parsed(deploy.template_of(target, unit.stack)) == template)


def _parsed(body: str | dict[str, Any]) -> Any:
    try:
        return json.loads(body) if isinstance(body, str) else json.loads(json.dumps(body))
    except ValueError:
        return None


# --- up


def preview(target: Target, wanted: Sequence[Unit]) -> list[Preview]:
    """What deploying these would do. Nothing is changed, and nothing planned: what others tell may not be there yet."""
    ready(target)
    there, store = described(target), Store(target)
    by_name = {unit.service: unit for unit in wanted}
    found = _together(lambda name: _preview(target, by_name[name], there, store), by_name)
    return [found[unit.service] for unit in wanted]


def _preview(target: Target, unit: Unit, there: Mapping[str, Any], store: Store) -> Preview:
    from ..upgrading import preview

    stack = there.get(unit.stack)
    resources = len(json.loads(unit.template)["Resources"])
    if stack is None:
        return Preview(unit, "create", resources)
    _refuse_another(unit, stack)
    if _is_left(unit, stack):
        return Preview(unit, LEFT)
    if _is_as_wanted(target, unit, stack, store):
        return Preview(unit, UNCHANGED)
    return Preview(unit, "update", resources, preview(target, unit.stack, unit.template, unit.parameters))


def _refuse_another(unit: Unit, stack: Mapping[str, Any]) -> None:
    """Refuse to turn a stack of another template into this one: that would delete what the other made."""
    made_from = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}.get("TemplateId")
    ours = _template_id(json.loads(unit.template))
    if made_from != ours and stack["StackStatus"] in _AT_REST:
        made = f"was made from {made_from}, not from {ours}" if made_from else "is none of ours"
        raise UserError(f"stack {unit.stack} {made}: choose another --name for the system")


def _is_left(unit: Unit, stack: Mapping[str, Any]) -> bool:
    return unit.given and stack["StackStatus"] in _AT_REST


def up(target: Target, wanted: Sequence[Unit], said: Said = lambda stack, what: None) -> list[Outcome]:
    """Deploy these, each when those that it comes after are up; in their order what became of each.

    Raises `Stopped` on Ctrl-C: CloudFormation goes on with what was begun.
    """
    ready(target)
    there, store = described(target), Store(target)
    by_name = {unit.service: unit for unit in wanted}
    for unit in wanted:
        if unit.stack in there:
            _refuse_another(unit, there[unit.stack])
    if any(len(unit.template) > deploy.LONGEST_BODY for unit in wanted):
        deploy.ensure_bucket(target)

    def one(name: str) -> Outcome:
        unit = by_name[name]
        try:
            done = _up(target, unit, there.get(unit.stack), store, said)
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


def _up(target: Target, unit: Unit, stack: Mapping[str, Any] | None, store: Store, said: Said) -> Outcome:
    def outcome(what: str, outputs: Mapping[str, str]) -> Outcome:
        return Outcome(unit.service, unit.stack, outputs.get("TemplateVersion", unit.version), what, "", outputs)

    if stack is not None:
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
        if _is_left(unit, stack):
            return outcome(LEFT, outputs)
        if _is_as_wanted(target, unit, stack, store):
            return outcome(UNCHANGED, outputs)
    looked_up = _looked_up(json.loads(unit.template), unit.parameters)
    if missing := sorted(set(looked_up.values()) - store.values(looked_up.values()).keys()):
        raise UserError(_missing(missing[0]))
    said(unit.stack, "is created" if stack is None else "is updated")
    plan = deploy.plan(target, unit.stack, unit.template, unit.parameters)
    outputs = deploy.execute(plan)
    return outcome(UNCHANGED if plan.change_set is None else CREATED if plan.creates else UPDATED, outputs)


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


# --- down


@dataclass(frozen=True)
class Standing:
    """A stack of a system that is up: what it uses, and what it retains when it is deleted."""

    service: str
    stack: str
    version: str
    uses: frozenset[str]
    retained: tuple[Resource, ...] = ()


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
    outputs = {one["OutputKey"]: one["OutputValue"] for one in now.get("Outputs", [])}
    if outputs.get("TemplateId", f"{system}-{service}") != f"{system}-{service}":
        return None
    template = _parsed(deploy.template_of(target, stack))
    if not isinstance(template, dict) or _template_id(template) != f"{system}-{service}":
        return None
    uses = {_teller(told) for told in _looked_up(template, {}).values()}
    retained = tuple(deploy.retained(target, stack, template))
    return Standing(service, stack, outputs.get("TemplateVersion", ""), frozenset(uses - {""}), retained)


def _template_id(template: Mapping[str, Any]) -> str:
    return str(template.get("Outputs", {}).get("TemplateId", {}).get("Value", ""))


def users(there: Iterable[Standing], service: str) -> list[str]:
    """The services that are up and use this one."""
    return sorted(one.service for one in there if service in one.uses and one.service != service)


def down(
    target: Target, going: Sequence[Standing], said: Said = lambda stack, what: None, *, purge: bool
) -> list[Outcome]:
    """Delete these, each when those that use it are gone, the platform last; with `purge` also what they retain.

    Raises `Stopped` on Ctrl-C: CloudFormation goes on with what was begun.
    """
    if purge:
        deploy.check_purge([resource for one in going for resource in one.retained])
    by_name = {one.service: one for one in going}

    def one(name: str) -> Outcome:
        gone = by_name[name]
        try:
            deploy.delete(target, gone.stack)
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
