"""scaffold-name: its stack in the emulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(Path(__file__).parent) as service:
        yield service


def test_what_is_told_is_written_down(service: testing.Deployed) -> None:
    request = service.publish("scaffold-event", {"number": 1})
    assert service.until(lambda: service.state(request) == "done")
    [told] = service.items(f"request#{request}")
    assert (told["event"], told["body"]) == ("scaffold-event", '{"number": 1}')
