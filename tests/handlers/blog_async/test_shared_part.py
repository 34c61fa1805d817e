"""The functions that nobody waits for: what they share is the same, and each is fit to be inlined into a template."""

from __future__ import annotations

import ast
import re
import sys

import pytest

from tests.evidence import shows
from tests.handlers.blog_async.conftest import file_of

VARIABLES = {
    "send_mail": {
        *("SUBSCRIBERS_TABLE", "SENDER_ADDRESS", "SENDER_IDENTITY_ARN", "MAIL_SET"),
        *("BLOG_URL", "BLOG_TITLE", "WELCOME_SUBJECT", "WELCOME_TEXT"),
    },
    "watch_mail": {"NAMESPACE", "SUBSCRIBERS_TABLE", "STACK"},
    "redrive_mail": {"SUBSCRIBERS_TABLE", "MAIL_FAILURES_QUEUE"},
    "make_thumbnails": {"UPLOADS_BUCKET", "MEDIA_BUCKET"},
    "watch_edge": {"EDGE_ID", "NAMESPACE", "STACK", "EDGE_METRICS_REGION"},
}


def source(name: str) -> str:
    return file_of(name).read_text(encoding="utf-8")


def shared(name: str) -> str:
    text, begin, end = source(name), "# ---- Same in all functions that nobody", ", end ----"
    assert text.count(begin) == 2
    return text[text.index(begin) : text.index(end)]


def test_the_shared_parts_are_the_same() -> None:
    assert len({shared(name) for name in VARIABLES}) == 1
    assert "def handler(" in shared("send_mail")


@shows("REQ-B6", "REQ-B10", how="static")
@pytest.mark.parametrize("name", VARIABLES)
def test_a_handler_is_one_ascii_file_on_the_standard_library_boto3_and_its_layer(name: str) -> None:
    text = source(name)
    assert text.isascii()
    tree = ast.parse(text, feature_version=(3, 11))
    assert ast.get_docstring(tree)
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    modules = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    layer = {"PIL"} if name == "make_thumbnails" else set()
    assert {module.split(".")[0] for module in modules} <= sys.stdlib_module_names | {"boto3", "botocore"} | layer


@pytest.mark.parametrize("name", VARIABLES)
def test_a_handler_reads_only_the_variables_that_its_template_sets(name: str) -> None:
    found = re.findall(r"environ\[\"(\w+)\"\]", source(name))
    assert set(found) == VARIABLES[name]
    assert source(name).count("environ") == len(found)


@pytest.mark.parametrize("name", VARIABLES)
def test_no_handler_names_a_region_or_a_partition(name: str) -> None:
    """They would fail the house rule E9004 in any template."""
    assert not re.search(r"\barn:aws|[\"'][a-z]{2}(-[a-z]+)+-\d[\"']", source(name))
