"""scaffold-name: its stack in the emulator."""

from pathlib import Path

from troposphere_arch.microservices import testing


def test_nothing_is_behind_it_yet() -> None:
    with testing.deployed(Path(__file__).parent) as service:
        assert service.call("GET /items/{id}", id="a").status == 503
