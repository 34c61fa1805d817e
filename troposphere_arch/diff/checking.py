"""Whether plain values are a template that stands by itself: its shape, its functions, and where each name leads.

    values ──shape──▶ sections ──functions, references──▶ template      (or one line that says why not)

A template that a macro still has to expand says nothing of what is deployed; it is refused, and what to take in its
place is said: the processed template. So are the parts of `AWS::LanguageExtensions` that decide what there is:
`Fn::ForEach`, a policy (`DeletionPolicy`) or a name that a function gives. `Fn::Length`, `Fn::ToJsonString` and the
default of an `Fn::FindInMap` are functions of values like any other, and stay.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from ..errors import UserError
from .model import Path
from .parsing import shown

SECTIONS = (
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
)
_EXTENSIONS = "AWS::LanguageExtensions"
_PSEUDO = {
    f"AWS::{name}"
    for name in (
        "AccountId",
        "NoValue",
        "NotificationARNs",
        "Partition",
        "Region",
        "StackId",
        "StackName",
        "URLSuffix",
    )
}
_EXTENDED = {"Fn::Length", "Fn::ToJsonString"}
_FUNCTIONS = _EXTENDED | {
    f"Fn::{name}"
    for name in (
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "GetAZs",
        "GetAtt",
        "GetStackOutput",
        "If",
        "ImportValue",
        "Join",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
    )
}
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
_RULE_FUNCTIONS = {
    f"Fn::{name}" for name in ("Contains", "EachMemberEquals", "EachMemberIn", "RefAll", "ValueOf", "ValueOfAll")
}
# How many arguments the functions of conditions take.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
_ARGUMENTS = {
    "Fn::And": (2, 10, "two to ten conditions"),
    "Fn::Equals": (2, 2, "two values"),
    "Fn::Not": (1, 1, "one condition"),
    "Fn::Or": (2, 10, "two to ten conditions"),
}
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
_POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")
_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}|\$\{\}")
_PROCESSED = (
    "give the processed template: `aws cloudformation get-template --template-stage Processed --stack-name STACK`"
)


def check(value: Any, name: str) -> dict[str, Any]:
    """The template that `value` is, without sections that are empty. `name` says in errors where it is from.

    Raises `UserError`, in one line, when it is none, when a macro has still to expand it, and when it names what it
    does not have.
    """
    template = _shape(value, name)
    _Names(template, name).check()
    return template


def _no(name: str, says: str) -> NoReturn:
    raise UserError(f"{name} is no CloudFormation template: {says}")


def _macro(name: str, what: str) -> NoReturn:
    raise UserError(f"{name} {what}, so it does not yet say what is deployed: {_PROCESSED}")


def _shape(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        what = {list: "it is a list", str: "it is plain text", type(None): "there is nothing in it"}
        _no(name, f"{what.get(type(value), 'it is a single value')}, and not sections such as Resources")
    macros = _transforms(value, name)
    if macros - {_EXTENSIONS}:
        _macro(name, f"uses the macro {shown(min(macros - {_EXTENSIONS}))} (Transform)")
    if "Fn::Transform" in value:
        _macro(name, "uses Fn::Transform")
    template = {section: content for section, content in value.items() if content is not None}
    if strange := sorted(template.keys() - set(SECTIONS)):
        _no(name, f"it has {shown(strange[0])!r} at the top, and what there may be is {', '.join(SECTIONS)}")
    version = template.get("AWSTemplateFormatVersion", "2010-09-09")
    if version != "2010-09-09":
        _no(name, f"its AWSTemplateFormatVersion is {shown(version)!r}, and there is only 2010-09-09")
    if "Resources" not in template:
        _no(name, "it has no Resources")
    for section in ("Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs"):
        content = template.get(section, {})
        if not isinstance(content, dict):
            _no(name, f"its {section} are {_kind(content)}, and not names with what they stand for")
        for title, one in content.items():
            if title.startswith("Fn::ForEach"):
                _macro(name, f"uses {shown(title)}")
            if section != "Conditions" and not isinstance(one, dict):
                _no(name, f"{section}.{shown(title)} is {_kind(one)}, and not a mapping")
    if not template["Resources"]:
        _no(name, "its Resources are empty")
    for title, resource in template["Resources"].items():
        _resource(f"Resources.{shown(title)}", resource, name)
    for title, parameter in template.get("Parameters", {}).items():
        if not isinstance(parameter.get("Type"), str):
            _no(name, f"Parameters.{shown(title)} has no Type")
    for title, output in template.get("Outputs", {}).items():
        if output.get("Value") is None:
            _no(name, f"Outputs.{shown(title)} has no Value")
    return template


def _transforms(value: Mapping[str, Any], name: str) -> set[str]:
    """The names of the macros that the whole template is to go through."""
    found = value.get("Transform")
    names = set()
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, dict):
            one = one.get("Name")
        if one is not None and not isinstance(one, str):
            _no(name, f"its Transform is {_kind(one)}, and not the name of a macro")
        names |= {one} if one else set()
    return names


def _resource(where: str, resource: dict[str, Any], name: str) -> None:
    kind = resource.get("Type")
    if not isinstance(kind, str) or not kind:
        if "Fn::Transform" in resource:
            _macro(name, f"uses Fn::Transform at {where}")
        _no(
            name,
            f"{where} has no Type" if kind in (None, "") else f"the Type of {where} is {_kind(kind)}, and not text",
        )
    if kind.endswith("::MODULE"):
        _macro(name, f"uses the module {shown(kind)} at {where}")
    if kind.startswith("AWS::Serverless::"):
        _macro(name, f"uses SAM ({shown(kind)} at {where})")
    for key in _POLICIES:
        if isinstance(resource.get(key), dict | list):
            _macro(name, f"leaves {key} of {where} to a function ({_EXTENSIONS})")
    if resource.get("Properties", {}) is None:
        del resource["Properties"]
    if not isinstance(resource.get("Properties", {}), dict):
        _no(name, f"the Properties of {where} are {_kind(resource['Properties'])}, and not names with values")
    needs = resource.get("DependsOn", [])
    if not all(isinstance(one, str) for one in (needs if isinstance(needs, list) else [needs])):
        _no(name, f"the DependsOn of {where} is neither a name nor a list of names")
    if not isinstance(resource.get("Condition", ""), str):
        _no(name, f"the Condition of {where} is not the name of a condition")


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else "a single value"


class _Names:
    """What the names in a template lead to. Collects the places that lead nowhere, to tell how many there are."""

    def __init__(self, template: Mapping[str, Any], name: str) -> None:
        self.template, self.name = template, name
        self.parameters = template.get("Parameters", {}).keys() | _PSEUDO
        self.resources = template["Resources"].keys()
        self.conditions = template.get("Conditions", {}).keys()
        self.mappings: Mapping[str, Any] = template.get("Mappings", {})
        self.lost: list[str] = []
        self.logical: Iterable[str] = ()
        self.extended = "Transform" in template
        self.functions = _FUNCTIONS if self.extended else _FUNCTIONS - _EXTENDED

    def check(self) -> None:
        known = self.functions
        self.logical = self.parameters
        for section in ("Rules", "Conditions"):
            self.functions = known | (_RULE_FUNCTIONS if section == "Rules" else set())
            for title, content in self.template.get(section, {}).items():
                self._walk(content, (section, title), condition=section == "Conditions")
        self._circles()
        self.functions = known
        self.logical = self.parameters | self.resources
        for title, resource in self.template["Resources"].items():
            where: Path = ("Resources", title)
            needs = resource.get("DependsOn", [])
            for one in needs if isinstance(needs, list) else [needs]:
                if one not in self.resources:
                    self._leads_nowhere((*where, "DependsOn"), one, "resource", self.resources)
            self._owns_condition(resource, where)
            for key, content in resource.items():
                self._walk(content, (*where, key))
        for title, output in self.template.get("Outputs", {}).items():
            self._owns_condition(output, ("Outputs", title))
            for key, content in output.items():
                self._walk(content, ("Outputs", title, key))
        if self.lost:
            others = len(self.lost) - 1
            more = f"; {others} more {'leads' if others == 1 else 'lead'} to nothing as well" if others else ""
            raise UserError(f"{self.name}: {self.lost[0]}{more}")

    def _owns_condition(self, holder: Mapping[str, Any], where: Path) -> None:
        if isinstance(condition := holder.get("Condition"), str) and condition not in self.conditions:
            self._leads_nowhere((*where, "Condition"), condition, "condition", self.conditions)

    def _circles(self) -> None:
        """Conditions that hang on themselves, over others or at once."""
        left = {name: _conditions_of(content) for name, content in self.template.get("Conditions", {}).items()}
        while left:
            first = next(iter(left))
            way = {first: left.pop(first)}
            while way:
                last, following = next(reversed(way.items()))
                name = following.pop() if following else None
                if name is None:
                    del way[last]
                elif name in way:
                    circle = [*way][[*way].index(name) :]
                    _no(self.name, f"its Conditions hang on each other in a circle: {_chain([*circle, name])}")
                elif name in left:
                    way[name] = left.pop(name)

    def _walk(self, value: Any, path: Path, *, condition: bool = False) -> None:
        if isinstance(value, list):
            for i, one in enumerate(value):
                if isinstance(one, dict | list):
                    self._walk(one, (*path, i), condition=condition)
        elif isinstance(value, dict):
            if len(value) == 1:
                ((function, argument),) = value.items()
                if function == "Ref" or function.startswith("Fn::"):
                    self._function(function, argument, (*path, function))
                elif function == "Condition" and condition and isinstance(argument, str):
                    if argument not in self.conditions:
                        self._leads_nowhere(path, argument, "condition", self.conditions)
                    return
            for key, one in value.items():
                if isinstance(one, dict | list):
                    self._walk(one, (*path, key), condition=condition)
                if key.startswith(("Fn::Transform", "Fn::ForEach")):
                    _macro(self.name, f"uses {shown(key)} at {_place(path)}")

    def _function(self, function: str, argument: Any, path: Path) -> None:
        match function, argument:
            case "Ref", str():
                if argument not in self.logical:
                    self._leads_nowhere(path, argument, "parameter or resource", self.logical)
            case "Ref", dict():
                self._computed("Ref", path)
            case "Fn::GetAtt", [str() as target, _, *_]:
                if target not in self.resources:
                    self._leads_nowhere(path, target, "resource", self.resources)
            case "Fn::GetAtt", [dict(), *_]:
                self._computed("Fn::GetAtt", path)
            case "Fn::Sub", str() | [str(), dict()]:
                self._substituted(argument, path)
            case "Fn::If", [str() as target, _, _]:
                if target not in self.conditions:
                    self._leads_nowhere(path, target, "condition", self.conditions)
            case "Fn::FindInMap", [target, first, second, *rest]:
                self._found_in_map(target, first, second, bool(rest), path)
            case "Fn::ValueOf", [str() as target, _]:
                if target not in self.parameters:
                    self._leads_nowhere(path, target, "parameter", self.parameters)
            case _ if function in _ARGUMENTS:
                least, most, what = _ARGUMENTS[function]
                if not isinstance(argument, list) or not least <= len(argument) <= most:
                    _no(self.name, f"the {function} at {_place(path[:-1])} must have {what}, in a list")
            case (_, {"Fn::Transform": _}):
                _macro(self.name, f"uses Fn::Transform at {_place(path)}")
            case (("Ref" | "Fn::GetAtt" | "Fn::Sub" | "Fn::If" | "Fn::FindInMap"), _):
                _no(self.name, f"the {function} at {_place(path[:-1])} has not the arguments that it must have")
            case _ if function.startswith(("Fn::Transform", "Fn::ForEach")):
                _macro(self.name, f"uses {shown(function)} at {_place(path[:-1])}")
            case _ if function in _EXTENDED and not self.extended:
                _no(
                    self.name,
                    f"{_place(path[:-1])} uses {function}, and there is no Transform: {_EXTENSIONS} at the top",
                )
            case _ if function not in self.functions:
                _no(self.name, f"{_place(path[:-1])} uses {shown(function)}, and there is no such function")

    def _computed(self, function: str, path: Path) -> NoReturn:
        _macro(self.name, f"leaves the name in {function} at {_place(path[:-1])} to a function ({_EXTENSIONS})")

    def _substituted(self, argument: Any, path: Path) -> None:
        text, own = argument if isinstance(argument, list) else (argument, {})
        for variable in _VARIABLE.findall(text):
            variable = variable.strip()
            target, dot, _ = variable.partition(".")
            if variable in own:
                continue
            if dot and target not in self.resources:
                self._leads_nowhere(path, variable, "resource", self.resources)
            elif not dot and target not in self.logical:
                self._leads_nowhere(path, variable, "parameter or resource", self.logical)

    def _found_in_map(self, target: Any, first: Any, second: Any, default: bool, path: Path) -> None:
        if not isinstance(target, str):
            return
        if target not in self.mappings:
            self._leads_nowhere(path, target, "mapping", self.mappings)
            return
        rows = self.mappings[target]
        if default or not isinstance(first, str | int) or isinstance(first, bool):
            return
        if str(first) not in rows:
            self._leads_nowhere(path, str(first), f"key of the mapping {shown(target)}", rows)
            return
        row = rows[str(first)]
        if isinstance(second, str | int) and isinstance(row, Mapping) and str(second) not in row:
            self._leads_nowhere(path, str(second), f"key of {shown(target)}.{shown(first)}", row)

    def _leads_nowhere(self, path: Path, target: str, what: str, there: Iterable[str]) -> None:
        near = "" if self.lost else next(iter(difflib.get_close_matches(target, sorted(there), 1)), "")
        meant = f"; is {shown(near)!r} meant?" if near else ""
        self.lost.append(f"{_place(path)} names {shown(target)!r}, and the template has no {what} of that name{meant}")


def _conditions_of(value: Any) -> list[str]:
    """The conditions that the definition of a condition names, the first one last."""
    found, left = list[str](), [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if isinstance(name := one.get("Condition"), str) and len(one) == 1:
                found.append(name)
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
    return found


def _chain(names: list[str]) -> str:
    """Names, one leading to the next; of many the first and the last."""
    some = names if len(names) <= 6 else [*names[:4], "...", names[-1]]
    return " -> ".join(map(shown, some))


def _place(path: Path) -> str:
    """`Resources.Web.Properties.Tags[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path)
    return shown(text.removeprefix("."), 200)
