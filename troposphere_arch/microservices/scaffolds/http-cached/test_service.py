"""scaffold-name: its code by itself, and its stack in the emulator, which has no cache: the table answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing

FOLDER = Path(__file__).parent


def test_what_it_refuses() -> None:
    handler = testing.load(FOLDER)
    bodies: list[object] = [None, [], {"text": ""}, {"text": 1}, {"text": "a" * 1001}]
    for body in bodies:
        answer = testing.answer(handler(testing.request("PUT /items/{id}", id="a", body=body), testing.Context()))
        assert (answer.status, answer.body["error"]) == (400, "BadRequest")
    for id in (" ", "a/b", "a" * 65, "a\n", "\u00e9"):
        for route in ("PUT /items/{id}", "GET /items/{id}"):
            event = testing.request(route, id=id, body={"text": "a"})
            assert testing.answer(handler(event, testing.Context())).status == 400


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(FOLDER) as service:
        yield service


def test_what_is_put_is_given_back(service: testing.Deployed) -> None:
    assert service.call("GET /items/{id}", id="a").status == 404
    for text in ("Good morning.", "Good evening."):
        assert service.call("PUT /items/{id}", id="a", body={"text": text}).status == 200
        assert service.call("GET /items/{id}", id="a").body == {"id": "a", "text": text}
