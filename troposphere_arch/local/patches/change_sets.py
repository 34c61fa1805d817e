"""Change sets that know which resources and outputs are there: conditions before and after.

Stock: resources are compared by name alone, whatever their conditions say, and values with the branches of Fn::If that
are not taken: one that comes or goes by its condition is no change, one that is never there is said to change when it
names a parameter that does, and GetAtt of another resource is the same. So an update that only turns something on or
off has no changes, fails, and `aws cloudformation deploy` calls that success. What changes outputs only fails too.
AWS: Add for what comes, Remove for what goes, nothing of what is not there before and after. A change set that changes
outputs only is made, without changes of resources; one that changes a parameter and nothing by it is not.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
Patched: conditions count as above, with the parameters of each side, in UpdatePolicy and the like too.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_SETTLED, _OUTPUTS = "_settled", "_outputs"
_NO_VALUE = {"Ref": "AWS::NoValue"}
_COMPARED = ("Properties", "Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy")


class _OutputsOnly(list[Any]):
    """No change of a resource, and yet a change set: stock calls one that is false empty."""

    def __bool__(self) -> bool:
        return True


def install() -> None:
    """Compare what is there before with what is there after."""
    changesets: Any = importlib.import_module("ministack.services.cloudformation.changesets")
    engine: Any = importlib.import_module("ministack.services.cloudformation.engine")
    refs = ("value", "resources", "params", "conditions", "mappings", "stack_name", "stack_id")
    resolve = expect_function(engine, "_resolve_refs", *refs)
    expect_function(changesets, "_resolve_props_for_diff", "template", "params", "stack_name", "stack_id")
    diff = expect_function(
        changesets,
        "_diff_resources",
        "old_template",
        "new_template",
        "resources",
        "template",
        "changed_params",
        "retag",
    )

    def resolve_all(template: Any, params: Any, stack_name: str, stack_id: str) -> dict[str, Any]:
        if not template:
            return {}
        conditions = changesets._evaluate_conditions(template, params)
        mappings = template.get("Mappings", {})

        def resolved(value: Any) -> Any:
            named = _name_attributes(value)
            try:
                found = resolve(named, {}, params, conditions, mappings, stack_name, stack_id)
            except Exception:  # what only a running stack knows, such as a part of an attribute
                return named
            return found

        def settled(section: str) -> dict[str, Any]:
            there = template.get(section) or {}
            return {name: _settle(one, conditions) for name, one in there.items() if _is_there(one, conditions)}

        resources = settled("Resources")
        return {
            "Resources": {
                name: {**one, **{part: _each(one[part], resolved) for part in _COMPARED if part in one}}
                for name, one in resources.items()
            },
            _SETTLED: {"Resources": resources},
            _OUTPUTS: {name: _each(one, resolved) for name, one in settled("Outputs").items()},
        }

    def diff_what_is_there(
        old_template: Any,
        new_template: Any,
        resources: Any = None,
        template: Any = None,
        changed_params: Any = (),
        retag: Any = (),
    ) -> list[Any]:
        changes: list[Any] = diff(
            old_template, new_template, resources, new_template.get(_SETTLED, template), changed_params, retag
        )
        if not changes and old_template and old_template.get(_OUTPUTS) != new_template.get(_OUTPUTS):
            return _OutputsOnly()
        return changes

    changesets._resolve_props_for_diff = resolve_all
    changesets._diff_resources = diff_what_is_there


def _is_there(one: Mapping[str, Any], conditions: Mapping[str, bool]) -> bool:
    return conditions.get(one.get("Condition", ""), True)


def _settle(value: Any, conditions: Mapping[str, bool]) -> Any:
    """The value with the branches of Fn::If that are taken, and without what is AWS::NoValue then."""
    if isinstance(value, dict):
        if value.keys() == {"Fn::If"}:
            name, yes, no = value["Fn::If"]
            return _settle(yes if conditions.get(name, False) else no, conditions)
        members = ((name, _settle(one, conditions)) for name, one in value.items())
        return {name: one for name, one in members if one != _NO_VALUE}
    if isinstance(value, list):
        return [one for one in (_settle(one, conditions) for one in value) if one != _NO_VALUE]
    return value


def _name_attributes(value: Any) -> Any:
    """The value with the name of an attribute in its place: stock resolves all that are not known yet to nothing."""
    if isinstance(value, dict):
        if value.keys() == {"Fn::GetAtt"}:
            of = value["Fn::GetAtt"]
            return of if isinstance(of, str) else ".".join(map(str, of))
        return {name: _name_attributes(one) for name, one in value.items()}
    return [_name_attributes(one) for one in value] if isinstance(value, list) else value


def _each(value: Any, resolved: Any) -> Any:
    """Each member by itself, so that one which cannot be resolved leaves the others comparable."""
    return {name: resolved(one) for name, one in value.items()} if isinstance(value, dict) else resolved(value)
