"""scaffold-name: its stack in the emulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(Path(__file__).parent) as service:
        yield service


def test_messages_are_counted_by_their_kind(service: testing.Deployed) -> None:
    for kind in ("letter", "parcel", "letter"):
        request = service.send({"kind": kind})
    assert service.until(lambda: service.item("kind#letter", "count")["messages"] == 2)
    assert service.until(lambda: service.state(request) == "done")
    assert service.item("kind#parcel", "count")["messages"] == 1
