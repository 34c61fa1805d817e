"""Parameters of a stack as a user gives them: a file as `create-stack` takes it, and Name=value on the command line."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import UserError


def given_parameters(file: Path | None, given: list[str]) -> dict[str, str]:
    """The parameters of the file, and over them those of the command line. Raises `UserError` for what is neither."""
    values: dict[str, str] = {}
    if file is not None:
        try:
            entries = json.loads(file.read_text())
            values = {entry["ParameterKey"]: _text(entry["ParameterValue"]) for entry in entries}
        except OSError as error:
            raise UserError(f"cannot read the parameter file {file}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            form = '[{"ParameterKey": "Name", "ParameterValue": "value"}, ...]'
            raise UserError(f"{file} is no parameter file: it must be JSON of the form {form}") from None
    for item in given:
        key, equals, value = item.partition("=")
        if not (key and equals):
            raise UserError(f"--parameter {item!r}: write it as Name=value")
        values[key] = value
    return values


def _text(value: object) -> str:
    """A parameter's value as CloudFormation takes it: always text, and true in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)
