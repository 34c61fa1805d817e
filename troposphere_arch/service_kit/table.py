"""The table of the service."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from . import context


def items() -> Any:
    """The table, with the keys `pk` and `sk`, as boto3's `Table`. What has `expires` (seconds) is removed after that.

    https://docs.aws.amazon.com/boto3/latest/reference/services/dynamodb/table/index.html
    """
    return _table(os.environ["ITEMS_TABLE"])


@lru_cache
def _table(name: str) -> Any:
    return context.aws("dynamodb", "resource").Table(name)
