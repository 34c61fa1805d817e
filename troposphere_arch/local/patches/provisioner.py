"""How patches reach CloudFormation in the emulator: new resource types, and properties set after its own handlers.

Handlers of resource types that are ours run on a worker thread, and call the emulator's own public API. On the event
loop, where the others run, such a call would wait for itself.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from troposphere_arch.local.emulator import Emulator
from troposphere_arch.local.patches.expect import expect_function, expect_keys

Properties = Mapping[str, Any]
Created = tuple[str, dict[str, Any]]
"""The physical id, and the attributes that `Fn::GetAtt` reads."""

_HANDLERS = "_RESOURCE_HANDLERS"
_ours: set[str] = set()


def register(
    resource_type: str,
    *,
    create: Callable[[str, Properties, str], Created],
    update: Callable[[str, Properties, Properties, str], Created],
    delete: Callable[[str, Properties], None],
    replacing: tuple[str, ...] = (),
    name: str = "",
) -> None:
    """Make the emulator's CloudFormation know `resource_type`.

    `create` takes the logical id, the properties and the stack's name; `update` the physical id, the old and the new
    properties and the stack's name; `delete` the physical id and the properties. When one of the properties `replacing`
    changes, the resource is created anew and the old one deleted; that is refused while the property `name`, which
    names the resource, stays as it is.
    """
    handlers = expect_keys(_provisioners(), _HANDLERS)
    handlers[resource_type] = {"create": create, "update": update, "delete": delete}
    if replacing:
        known = expect_keys(_provisioners(), "_REPLACING_PROPERTIES", "AWS::Lambda::Function")
        known[resource_type] = replacing
    if name:
        known = expect_keys(_provisioners(), "_CUSTOM_NAME_REPLACEMENT", "AWS::DynamoDB::Table")
        known[resource_type] = {"name": name}
        _naming()
    on_worker_thread(resource_type)


def physical_name(stack_name: str, logical_id: str, *, longest: int) -> str:
    """A name as CloudFormation makes one, in lower case; a replacement gets another."""
    return str(_naming()(stack_name, logical_id, lowercase=True, max_len=longest))


def afterwards(resource_type: str, apply: Callable[[str, Properties, Properties], None]) -> None:
    """Call `apply(physical id, old properties, new properties)` after each create (no old ones) and update."""
    handlers = expect_keys(_provisioners(), _HANDLERS, resource_type)
    stock = handlers[resource_type]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        created: Created = stock["create"](logical_id, properties, stack_name)
        try:
            apply(created[0], {}, properties)
        except Exception:
            # CloudFormation would know nothing of a resource whose creation failed, and leave it behind.
            stock["delete"](created[0], properties)
            raise
        return created

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str, *logical_id: str) -> Created:
        updated: Created = stock["update"](physical_id, old, new, stack_name, *logical_id)
        apply(updated[0], old if updated[0] == physical_id else {}, new)
        return updated

    handlers[resource_type] = {**stock, "create": create, "update": update}
    on_worker_thread(resource_type)


def before_update(
    resource_type: str, change: Callable[[str, Properties, Properties], tuple[Properties, Properties]]
) -> None:
    """Have the emulator's own update work on what `change(physical id, old, new)` makes of both properties."""
    handlers = expect_keys(_provisioners(), _HANDLERS, resource_type)
    stock = handlers[resource_type]

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str, *logical_id: str) -> Created:
        updated: Created = stock["update"](physical_id, *change(physical_id, old, new), stack_name, *logical_id)
        return updated

    handlers[resource_type] = {**stock, "update": update}


def before_deletion(resource_type: str, apply: Callable[[str, Properties], None]) -> None:
    """Call `apply(physical id, properties)` before each deletion."""
    handlers = expect_keys(_provisioners(), _HANDLERS, resource_type)
    stock = handlers[resource_type]

    def delete(physical_id: str, properties: Properties) -> None:
        apply(physical_id, properties)
        stock["delete"](physical_id, properties)

    handlers[resource_type] = {**stock, "delete": delete}
    on_worker_thread(resource_type)


def import_as(resource_type: str, other: str) -> None:
    """Let stacks import what is there as `resource_type`, found and taken over as `other` is."""
    handlers = expect_keys(_provisioners(), _HANDLERS, resource_type, other)
    handlers[resource_type] = {**handlers[resource_type], "import": handlers[other]["import"]}
    changesets: Any = importlib.import_module("ministack.services.cloudformation.changesets")
    lookups = expect_keys(changesets, "_IMPORT_LOOKUPS", other)
    lookups[resource_type] = lookups[other]


def importable(resource_type: str, identifier: str, find: Callable[[str], Mapping[str, Any] | None]) -> None:
    """Let stacks import what is there as `resource_type`, known by the property `identifier`.

    `find` gives the attributes that `Fn::GetAtt` reads, or None for what is not there.
    """
    handlers = expect_keys(_provisioners(), _HANDLERS, resource_type)
    changesets: Any = importlib.import_module("ministack.services.cloudformation.changesets")
    lookups = expect_keys(changesets, "_IMPORT_LOOKUPS", "AWS::S3::Bucket")

    def problem(name: str) -> str | None:
        return None if find(name) else f"{resource_type} {name} does not exist."

    def take_over(known: Mapping[str, str]) -> Created:
        return known[identifier], dict(find(known[identifier]) or {})

    handlers[resource_type] = {**handlers[resource_type], "import": take_over}
    lookups[resource_type] = ((identifier,), problem)


def merge_stack_tags(resource_type: str) -> None:
    """Have the stack's tags put into the property `Tags` of `resource_type`, as they are for the types with tags."""
    expect_keys(_provisioners(), "_STACK_TAG_PROPERTY", "AWS::DynamoDB::Table")[resource_type] = ("Tags", "list")


def client(service: str, where: str = "") -> Any:
    """A client of the emulator's own API, for the account of the stack that is being worked on.

    `where` is a region; without it, the stack's own.
    """
    responses: Any = importlib.import_module("ministack.core.responses")
    return _client(service, where or region(), responses.get_account_id())


def region() -> str:
    """The region of the stack that is being worked on."""
    responses: Any = importlib.import_module("ministack.core.responses")
    return str(responses.get_region())


def truth(value: Any) -> bool:
    """A boolean as templates hold it: itself, or the text that a parameter gave."""
    return str(value).lower() == "true"


@contextlib.contextmanager
def unless_gone(*codes: str) -> Iterator[None]:
    """Ignore an AWS error whose code is one of `codes`: what is to be removed is not there any more."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise


def this_emulator() -> Emulator:
    """The emulator whose process this is."""
    return Emulator(port=int(os.environ["GATEWAY_PORT"]), pid=os.getpid(), patched=True)


@functools.cache
def _client(service: str, region: str, account: str) -> Any:
    # An account's number as access key is that account's root.
    made = this_emulator().client(service, credentials=(account, "test"), region=region)
    # Kept open, a connection may be closed after a while of silence, just as the next request is on its way.
    made.meta.events.register("before-send", lambda request, **_: request.headers.update(Connection="close"))
    return made


def _naming() -> Any:
    parameters = ("stack_name", "logical_id", "lowercase", "max_len", "seeded")
    return expect_function(_provisioners(), "_physical_name", *parameters)


def _provisioners() -> Any:
    return importlib.import_module("ministack.services.cloudformation.provisioners")


def on_worker_thread(resource_type: str) -> None:
    """Run the handlers of `resource_type` where they may call the emulator's own API."""
    _ours.add(resource_type)
    _widen_worker_thread()


@functools.cache
def _widen_worker_thread() -> None:
    stacks: Any = importlib.import_module("ministack.services.cloudformation.stacks")
    stock = expect_function(stacks, "_runs_on_worker_thread", "resource_type")
    stacks._runs_on_worker_thread = lambda resource_type: resource_type in _ours or stock(resource_type)
