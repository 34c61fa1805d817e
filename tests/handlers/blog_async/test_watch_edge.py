"""WatchEdge: CloudFront's numbers, brought to where the stack's alarms are."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.blog_async.conftest import Context, World, load
from tests.handlers.blog_async.gate import answers, gate

HOME, AWAY = "eu-west-1", "us-east-1"


@pytest.fixture
def edge(world: World) -> Iterator[tuple[ModuleType, str, str]]:
    """The handler of a stack in another region than CloudFront's metrics; its distribution and its stack, both new."""
    distribution, stack = f"E{uuid.uuid4().hex}", f"s-{uuid.uuid4().hex}"
    given = {"AWS_REGION": HOME, "AWS_DEFAULT_REGION": HOME, "EDGE_METRICS_REGION": AWAY}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**world.environment, **given, "EDGE_ID": distribution, "STACK": stack}.items():
            patch.setenv(name, value)
        module = load("watch_edge")
    yield module, distribution, stack


def measured(world: World, distribution: str, name: str, *points: tuple[float, float], region: str = AWAY) -> None:
    """What CloudFront measured: minutes ago, and the value."""
    now = time.time()
    world.stock.client("cloudwatch", region=region).put_metric_data(
        Namespace="AWS/CloudFront",
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [
                    {"Name": "DistributionId", "Value": distribution},
                    {"Name": "Region", "Value": "Global"},
                ],
                "Timestamp": now - 60 * minutes,
                "Value": value,
            }
            for minutes, value in points
        ],
    )


def put(world: World, stack: str, region: str = HOME) -> dict[str, float]:
    """What is there for the stack's alarms."""
    cloudwatch = world.stock.client("cloudwatch", region=region)
    dimensions = [{"Name": "Stack", "Value": stack}]
    named = cloudwatch.list_metrics(Namespace="troposphere-arch/blog", Dimensions=dimensions)["Metrics"]
    now = time.time()
    found = {}
    for name in {metric["MetricName"] for metric in named}:
        [point] = cloudwatch.get_metric_statistics(
            Namespace="troposphere-arch/blog",
            MetricName=name,
            Dimensions=dimensions,
            StartTime=now - 3600,
            EndTime=now + 3600,
            Period=7200 * 12,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        assert point["SampleCount"] == 1
        found[name] = point["Sum"]
    return found


@shows("REQ-B4", "REQ-B7", how="stock")
def test_ten_minutes_of_cloudfront_in_the_stacks_own_region(world: World, edge: Any) -> None:
    module, distribution, stack = edge
    measured(world, distribution, "Requests", (3, 100), (4, 300), (30, 9999))
    measured(world, distribution, "5xxErrorRate", (3, 8), (4, 0), (30, 100))
    measured(world, distribution, "CacheHitRate", (3, 50), (4, 90))
    answer = module.handler({}, Context())
    # Each minute with the weight of its requests: 8 of 400 failed, 320 of 400 were hits.
    assert answer == {"Requests": 400, "5xxErrorRate": 2, "CacheHitRate": 80}
    assert put(world, stack) == answer
    assert put(world, stack, AWAY) == {}


@shows("REQ-B4", how="stock")
def test_what_has_no_data_is_not_put(world: World, edge: Any) -> None:
    module, distribution, stack = edge
    assert module.handler({}, Context()) == {}
    assert put(world, stack) == {}
    measured(world, distribution, "Requests", (2, 5))
    measured(world, distribution, "5xxErrorRate", (2, 0))
    assert module.handler({}, Context()) == {"Requests": 5, "5xxErrorRate": 0}
    assert put(world, stack) == {"Requests": 5, "5xxErrorRate": 0}


def test_a_rate_that_comes_before_its_number_of_requests(world: World, edge: Any) -> None:
    module, distribution, _ = edge
    measured(world, distribution, "5xxErrorRate", (2, 10), (3, 30))
    assert module.handler({}, Context()) == {"5xxErrorRate": 20}


def test_other_distributions_and_regions_do_not_count(world: World, edge: Any) -> None:
    module, distribution, _ = edge
    measured(world, "EOTHER", "Requests", (2, 5))
    measured(world, distribution, "Requests", (2, 5), region=HOME)
    assert module.handler({}, Context()) == {}


@pytest.mark.parametrize("at", [0, 1])
def test_when_cloudwatch_fails_the_function_fails(
    world: World, edge: Any, at: int, capsys: pytest.CaptureFixture[str]
) -> None:
    module, distribution, _ = edge
    measured(world, distribution, "Requests", (2, 5))
    through = [lambda passage: passage.say(*passage.forward())] * at
    world.gates["cloudwatch"].plan[:] = [*through, *[answers(400, "AccessDeniedException")] * 3]
    with pytest.raises(RuntimeError, match="the log line before this one"):
        module.handler({}, Context())
    assert json.loads(capsys.readouterr().out)["level"] == "ERROR"


def test_it_asks_the_named_region(world: World) -> None:
    """Seen in the signature of the request, since the emulator has all regions at one address."""
    regions = []
    with gate(world.stock.port) as seen, pytest.MonkeyPatch.context() as patch:
        given = {"AWS_REGION": HOME, "EDGE_METRICS_REGION": AWAY, "AWS_ENDPOINT_URL_CLOUDWATCH": seen.url}
        for name, value in {**world.environment, **given}.items():
            patch.setenv(name, value)
        module = load("watch_edge")
        seen.plan[:] = [
            lambda passage: (
                regions.append(passage.request.headers["Authorization"].split("/")[2]),
                passage.say(*passage.forward()),
            )[1]
        ]
        module.handler({}, Context())
    assert regions == [AWAY]
