"""scaffold-name: its stack in the emulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(Path(__file__).parent) as service:
        yield service


def test_a_file_is_looked_at(service: testing.Deployed) -> None:
    service.put("hello.txt", b"Hello.")
    assert service.until(lambda: service.item("file#in/hello.txt", "file")["bytes"] == 6)
