"""Parameters of a stack that CloudFormation looks up in Parameter Store.

Stock: DescribeStacks has what was found as the parameter's value, and not by which name.
AWS: the value is the name, and what was found is ResolvedValue.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
Patched: that.
"""

from __future__ import annotations

import importlib
from typing import Any
from xml.etree import ElementTree

from troposphere_arch.local.patches.expect import expect_function, expect_keys

_PACKAGE = "ministack.services.cloudformation"


def install() -> None:
    """Name what was looked up."""
    package: Any = importlib.import_module(_PACKAGE)
    handlers: Any = importlib.import_module(f"{_PACKAGE}.handlers")
    describe = expect_function(handlers, "_describe_stacks", "params")
    actions = expect_keys(handlers, "_ACTION_HANDLERS", "DescribeStacks")

    def patched(params: Any) -> Any:
        status, headers, body = describe(params)
        if status != 200:
            return status, headers, body
        names = {stack["StackId"]: _names(stack) for stack in package._stacks.values()}
        text = body.decode() if isinstance(body, bytes) else body
        whole = ElementTree.fromstring(text)  # noqa: S314  # it is the emulator's own
        space = whole.tag.partition("}")[0] + "}" if whole.tag.startswith("{") else ""
        if space:
            ElementTree.register_namespace("", space[1:-1])
        for stack in whole.iter(f"{space}member"):
            _name(stack, names.get(stack.findtext(f"{space}StackId", ""), {}), space)
        return status, headers, ElementTree.tostring(whole, encoding="utf-8", xml_declaration=True)

    actions["DescribeStacks"] = handlers._describe_stacks = patched


def _names(stack: dict[str, Any]) -> dict[str, str]:
    resolved = stack.get("_resolved_params", {})
    return {key: one["SsmName"] for key, one in resolved.items() if isinstance(one, dict) and "SsmName" in one}


def _name(stack: ElementTree.Element, names: dict[str, str], space: str) -> None:
    for one in stack.iterfind(f"{space}Parameters/{space}member"):
        value = one.find(f"{space}ParameterValue")
        name = names.get(one.findtext(f"{space}ParameterKey", ""))
        if value is not None and name is not None:
            ElementTree.SubElement(one, f"{space}ResolvedValue").text = value.text
            value.text = name
