"""Parameters of a stack as a user gives them: a file as `create-stack` takes it, and Name=value on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import UserError


def given_parameters(file: Path | None, given: list[str]) -> dict[str, str]:
    """The parameters of the file, and over them those of the command line. Raises `UserError` for what is neither."""
    values: dict[str, str] = {}
    for name, value in _entries(file) if file is not None else ():
        if value is None:
            raise UserError(f"{file} says that {name} keeps its previous value: write down which value it has")
        values[name] = value
    return values | dict(map(_pair, given))


def update_parameters(file: Path | None, given: list[str], template: Mapping[str, Any]) -> dict[str, str]:
    """The parameters that a file gives with the update of a stack of this template, as `update-stack` takes it.

    Over them those of the command line.

    Those with `"UsePreviousValue": true` keep their value, and are left out. Raises `UserError` for what is no such
    file, and for one that keeps a value and had none.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html
    """
    values: dict[str, str] = {}
    for name, value in _entries(file) if file is not None else ():
        if value is not None:
            values[name] = value
        elif name not in template.get("Parameters", {}):
            raise UserError(f"{file} says that {name} keeps its previous value, and the old template has no such one")
    return values | dict(map(_pair, given))


def _pair(item: str) -> tuple[str, str]:
    key, equals, value = item.partition("=")
    if not (key and equals):
        raise UserError(f"parameter {item!r}: write it as Name=value")
    return key, value


def _entries(file: Path) -> Iterator[tuple[str, str | None]]:
    """Each parameter of a file with its value; None for one that keeps its value."""
    try:
        entries = json.loads(file.read_text())
        found = [(entry["ParameterKey"], _value(entry)) for entry in entries]
    except OSError as error:
        raise UserError(f"cannot read the parameter file {file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        form = '[{"ParameterKey": "Name", "ParameterValue": "value"}, ...]'
        raise UserError(f"{file} is no parameter file: it must be JSON of the form {form}") from None
    yield from found


def _value(entry: Mapping[str, Any]) -> str | None:
    if _text(entry.get("UsePreviousValue", False)).lower() == "true":
        return None
    return _text(entry["ParameterValue"])


def _text(value: object) -> str:
    """A parameter's value as CloudFormation takes it: always text, and true in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)
