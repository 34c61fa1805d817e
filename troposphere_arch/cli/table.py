"""Output: a table for people, the same as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under heads, in columns as wide as their widest value; numbers to the right."""
    text = [[str(cell) for cell in row] for row in rows]
    widths = [max([len(head), *(len(row[i]) for row in text)]) for i, head in enumerate(heads)]
    right = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        ).rstrip()

    return "\n".join([line(list(heads)), line(["-" * width for width in widths]), *(line(row) for row in text)])


def as_json(value: Any) -> str:
    """The value for programs."""
    return json.dumps(value, indent=2)
