"""scaffold-name: its code by itself, with a store of the test's own."""

from pathlib import Path
from typing import Any

from troposphere_arch.microservices import testing

FOLDER = Path(__file__).parent


class Store:
    """Stands in for store.py: in memory."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}

    def put(self, id: str, text: str) -> None:
        self.items[id] = {"id": id, "text": text}

    def get(self, id: str) -> dict[str, Any] | None:
        return self.items.get(id)


def call(handler: testing.Handler, route: str, id: str, body: object = None) -> testing.Answer:
    return testing.answer(handler(testing.request(route, id=id, body=body), testing.Context()))


def test_what_it_refuses() -> None:
    store = Store()
    handler = testing.load(FOLDER, modules={"store": store})
    bodies: list[object] = [None, [], {"text": ""}, {"text": 1}, {"text": "a" * 1001}]
    for body in bodies:
        answer = call(handler, "PUT /items/{id}", "a", body)
        assert (answer.status, answer.body["error"]) == (400, "BadRequest")
    for id in (" ", "a/b", "a" * 65, "a\n", "\u00e9"):
        assert call(handler, "PUT /items/{id}", id, {"text": "a"}).status == 400
        assert call(handler, "GET /items/{id}", id).status == 400
    assert store.items == {}


def test_what_is_put_is_given_back() -> None:
    handler = testing.load(FOLDER, modules={"store": Store()})
    assert call(handler, "GET /items/{id}", "a").status == 404
    assert call(handler, "PUT /items/{id}", "a", {"text": "Good morning."}).status == 200
    assert call(handler, "GET /items/{id}", "a").body == {"id": "a", "text": "Good morning."}
