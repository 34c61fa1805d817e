"""Addresses: of templates in each partition, and of the console's page that creates a stack."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.publishing.catalogues import layer, release
from troposphere_arch.publishing import Place, links

LAYER = layer("dax")


def place(bucket: str = "b", region: str = "eu-west-1", partition: str = "aws", **more: Any) -> Place:
    return Place(None, bucket, region, partition, "111122223333", "c", **more)


@pytest.mark.parametrize(
    ("where", "url", "console"),
    [
        (
            place(),
            "https://b.s3.eu-west-1.amazonaws.com/c/topics/1.0.0/topics.template.json",
            "https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#/stacks/create/review?",
        ),
        (
            place("b.example.org"),
            "https://s3.eu-west-1.amazonaws.com/b.example.org/c/topics/1.0.0/topics.template.json",
            "https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#/stacks/create/review?",
        ),
        (
            place(region="cn-north-1", partition="aws-cn"),
            "https://b.s3.cn-north-1.amazonaws.com.cn/c/topics/1.0.0/topics.template.json",
            "https://cn-north-1.console.amazonaws.cn/cloudformation/home?region=cn-north-1#/stacks/create/review?",
        ),
        (
            place(region="us-gov-west-1", partition="aws-us-gov"),
            "https://b.s3.us-gov-west-1.amazonaws.com/c/topics/1.0.0/topics.template.json",
            "https://us-gov-west-1.console.amazonaws-us-gov.com/cloudformation/home?region=us-gov-west-1#/stacks/",
        ),
        (
            place(endpoint="https://s3.example.org:9000"),
            "https://s3.example.org:9000/b/c/topics/1.0.0/topics.template.json",
            "https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#/stacks/create/review?",
        ),
    ],
    ids=["aws", "dots", "china", "gov", "elsewhere"],
)
def test_addresses_in_each_partition(where: Place, url: str, console: str) -> None:
    one = release(layers=[LAYER])
    assert links.template_url(where, one.entry) == url
    template = {"Parameters": {"Size": {"Default": "small"}}}
    made = links.launch_links(where, one.entry, template, {"starter": {"Size": "small"}, "big": {"Size": "a b&c=d#e"}})
    assert made.keys() == {"defaults", "starter", "big"}
    assert made["defaults"] == made["starter"], "what is as by default needs no word"
    for link in made.values():
        assert link.startswith(console)
    query = parse_qs(made["big"].partition("review?")[2], strict_parsing=True)
    assert query == {"templateURL": [url], "stackName": ["topics"], "param_Size": ["a b&c=d#e"]}


def test_no_launch_links_where_the_console_is_not_known() -> None:
    where = Place(None, "b", "eu-isoe-west-1", "aws-iso-e", "1", endpoint="https://s3.example")
    assert links.launch_links(where, release().entry, {}, {}) == {}
