"""Nobody gets the answer to somebody else, to another path or to another query out of the response cache.

The handlers themselves answer, behind a model of the cache that is made of the template's own bytes.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from tests.handlers.conftest import Person, Reply, World, make
from tests.stage_cache import WARNING, Request, Served, StageCache, Unauthorized
from tests.unit.rules import found

TEMPLATE = json.loads((Path(__file__).parents[2] / "templates/todo/1.0.0/todo.template.json").read_bytes())
SECONDS = 30
ON = {"ResponseCache": "0.5", "ResponseCacheSeconds": str(SECONDS)}
UNKNOWN = "01JGFJJ" + "0" * 19
USERS = ("anna", "ben")

RULE = "E9017"
SETTINGS = TEMPLATE["Resources"]["ApiStage"]["Properties"]["MethodSettings"]
KEYS = [
    (name, part)
    for name, r in TEMPLATE["Resources"].items()
    if r["Type"] == "AWS::ApiGateway::Method"
    for part in r["Properties"]["Integration"].get("CacheKeyParameters", [])
]
WRITES = [("POST", "/todos"), ("PUT", "/todos/{id}"), ("DELETE", "/todos/{id}"), ("DELETE", "/me")]


class Ask(NamedTuple):
    """A GET by one user: of the list, or of a to-do by its number and its owner; with a query."""

    who: str
    query: dict[str, str]
    whose: str | None = None
    todo: int = 0


LISTS: list[dict[str, str]] = [
    {},
    {"limit": "1"},
    {"limit": "2"},
    {"limit": "0"},
    {"done": "true"},
    {"done": "false"},
    {"done": "false", "limit": "1"},
    {"limit": "1", "next": "anna"},
    {"limit": "1", "next": "ben"},
    {"undeclared": "1"},
]
ASKS = [
    *(Ask(who, query) for who in USERS for query in LISTS),
    *(Ask(who, query, whose, i) for who in USERS for query in ({}, LISTS[4]) for whose in USERS for i in range(4)),
]


@dataclass
class Service:
    """The handlers behind the cache; two users who are signed in and have three to-dos each, one of them done."""

    world: World
    template: dict[str, Any] = field(default_factory=lambda: TEMPLATE)
    parameters: dict[str, str] = field(default_factory=lambda: ON)
    header: str = "Authorization"
    now: float = 0
    calls: int = 0

    def __post_init__(self) -> None:
        self.people = {name: Person(self.world) for name in USERS}
        self.cache = StageCache(
            self.template, self.parameters, self._function, lambda token: token in self.people, lambda: self.now
        )
        made = {n: [make(p, title=f"{n} {i}", done=i == 1) for i in range(3)] for n, p in self.people.items()}
        self.ids = {name: [item["id"] for item in items] + [UNKNOWN] for name, items in made.items()}
        self.next = {name: p.get("/todos", limit="1").body["next"] for name, p in self.people.items()}

    def _function(self, request: Request) -> Reply:
        self.calls += 1
        person = self.people[request.headers[self.header]]
        event = person.event(request.method, request.path, request.body, dict(request.query) or None)
        return self.world.send(event)

    def send(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Served:
        return self.cache.send(Request(method, path, {self.header: who, **headers}, body=body))

    def request(self, ask: Ask) -> Request:
        path = f"/todos/{self.ids[ask.whose][ask.todo]}" if ask.whose else "/todos"
        query = {key: self.next[value] if key == "next" else value for key, value in ask.query.items()}
        return Request("GET", path, {self.header: ask.who}, query)

    def get(self, ask: Ask) -> Reply:
        """What the user gets."""
        reply: Reply = self.cache.send(self.request(ask)).answer
        return reply

    def truth(self, ask: Ask) -> Reply:
        """What the handler itself says."""
        return self._function(self.request(ask))

    def difference(self, *asks: Ask) -> set[str]:
        """The parts in which two requests differ, as CacheKeyParameters names them."""
        parts = []
        for _, path, headers, query, _ in map(self.request, asks):
            given = {"path": {"id": path.removeprefix("/todos")}, "header": headers, "querystring": query}
            parts.append({(f"method.request.{where}.{k}", v) for where in given for k, v in given[where].items()})
        return {name for name, _ in parts[0] ^ parts[1]}

    def mixed_up(self) -> set[str]:
        """Ask everything twice. Where somebody got the answer to a request that differs in one part: that part."""
        truths = [self.truth(ask) for ask in ASKS]
        parts = set()
        for ask, truth in list(zip(ASKS, truths, strict=True)) * 2:
            answer = self.get(ask)
            if answer != truth:
                others = [self.difference(ask, other) for other, one in zip(ASKS, truths, strict=True) if one == answer]
                parts |= {*chain(*(other for other in others if len(other) == 1))} or {"several parts"}
        return parts


@shows("REQ-T11", how="simulated")
@pytest.mark.parametrize("header", ["Authorization", "authorization"])
def test_each_gets_the_answer_to_the_own_request(world: World, header: str) -> None:
    """Over HTTP/2 all names of headers are in lower case."""
    service = Service(world, header=header)
    assert service.mixed_up() == set()
    asked = service.calls
    for ask in ASKS:
        service.get(ask)
    assert service.calls == asked  # they were kept answers


def test_without_the_parameter_nothing_is_kept(world: World) -> None:
    service = Service(world, parameters={})
    assert service.mixed_up() == set()
    assert service.calls == 3 * len(ASKS)


@shows("REQ-T11", how="simulated")
@pytest.mark.parametrize(("method", "part"), KEYS)
def test_a_part_of_the_key_that_is_missing_is_noticed(world: World, method: str, part: str) -> None:
    template = copy.deepcopy(TEMPLATE)
    template["Resources"][method]["Properties"]["Integration"]["CacheKeyParameters"].remove(part)
    [message] = found(RULE, template)
    assert f"{method} may be cached without {part} in its key" in message
    header = part.removeprefix("method.request.header.") if ".header." in part else "Authorization"
    assert part in Service(world, template, header=header).mixed_up()


def test_every_get_is_cached() -> None:
    methods = {n: r["Properties"] for n, r in TEMPLATE["Resources"].items() if r["Type"] == "AWS::ApiGateway::Method"}
    assert {name for name, _ in KEYS} == {name for name, method in methods.items() if method["HttpMethod"] == "GET"}


@shows("REQ-T11", how="static")
def test_keeping_answers_unencrypted_is_noticed() -> None:
    """By the rule alone: the model keeps no bytes."""
    for number, setting in enumerate(SETTINGS):
        if "CacheDataEncrypted" in setting:
            template = copy.deepcopy(TEMPLATE)
            template["Resources"]["ApiStage"]["Properties"]["MethodSettings"][number]["CacheDataEncrypted"] = False
            assert len(found(RULE, template)) == 1


@shows("REQ-T11", how="simulated")
@pytest.mark.parametrize(("verb", "path"), WRITES)
def test_a_write_is_done_each_time_and_a_kept_answer_to_one_is_noticed(world: World, verb: str, path: str) -> None:
    def done(template: dict[str, Any]) -> int:
        service = Service(world, template)
        for _ in range(2):
            service.send("anna", verb, path.replace("{id}", service.ids["anna"][0]), {"title": "Again"})
        return service.calls

    assert done(TEMPLATE) == 2
    template = copy.deepcopy(TEMPLATE)
    cached = {**SETTINGS[-1], "HttpMethod": verb, "ResourcePath": "/" + path.replace("/", "~1")}
    template["Resources"]["ApiStage"]["Properties"]["MethodSettings"].append(cached)
    [message] = found(RULE, template)
    assert f"ApiStage caches {verb} {path}" in message
    assert done(template) == 1


@shows("REQ-T11", how="simulated")
def test_who_has_no_valid_token_gets_nothing_that_is_kept(world: World) -> None:
    service = Service(world)
    service.send("anna", "GET", "/todos")
    for who in ("", "eve"):
        with pytest.raises(Unauthorized):
            service.send(who, "GET", "/todos")


@shows("REQ-T11", how="simulated")
def test_a_caller_who_wants_it_anew_is_warned(world: World) -> None:
    service = Service(world)
    first = service.send("anna", "GET", "/todos")
    make(service.people["anna"])
    again = service.send("anna", "GET", "/todos", **{"Cache-Control": "max-age=0"})
    assert again == Served(first.answer, True, WARNING)


@shows("REQ-T11", how="simulated")
def test_a_change_made_from_a_kept_answer_is_refused_with_the_item_as_it_is(world: World) -> None:
    service = Service(world)
    path = f"/todos/{service.ids['anna'][0]}"
    old = service.send("anna", "GET", path).answer.body
    change = {"title": "Tea", "done": False, "version": old["version"]}
    new = service.send("anna", "PUT", path, change).answer.body
    service.now += SECONDS - 1
    kept = service.send("anna", "GET", path)
    assert (kept.kept, kept.answer.body) == (True, old)
    refused = service.send("anna", "PUT", path, {**change, "title": "Coffee"}).answer
    assert refused.error == (409, "VersionConflict")
    assert refused.body["item"] == new
    assert service.send("anna", "PUT", path, {**change, "version": new["version"]}).answer.status == 200
    service.now += 1
    assert service.send("anna", "GET", path).answer.body["version"] == new["version"] + 1


WHO = st.sampled_from(USERS)
EVENTS = st.tuples(st.sampled_from(["add", "change", "delete"]), WHO, st.integers(0, 2)) | st.tuples(
    st.just("wait"), WHO, st.sampled_from([1, SECONDS // 2, SECONDS - 1, SECONDS])
)


def happen(service: Service, what: str, who: str, number: int) -> None:
    path = f"/todos/{service.ids[who][number]}" if what in ("change", "delete") else "/todos"
    if what == "wait":
        service.now += number
    elif what == "add":
        assert service.send(who, "POST", path, {"title": "More"}).answer.status == 201
    elif what == "delete":
        service.send(who, "DELETE", path)
    elif (now := service.people[who].get(path)).status == 200:
        change = {"title": f"At {service.now}", "done": not now.body["done"], "version": now.body["version"]}
        assert service.send(who, "PUT", path, change).answer.status == 200


@shows("REQ-T11", how="simulated")
@given(st.lists(st.sampled_from(ASKS), min_size=1, max_size=6), st.lists(EVENTS, max_size=8))
@settings(max_examples=40, derandomize=True, deadline=None, database=None)
def test_every_answer_was_true_for_the_same_request_a_moment_ago(
    world: World, asks: list[Ask], events: list[tuple[str, str, int]]
) -> None:
    service = Service(world)
    # For each request what the handler said from when on; a kept answer may be that old, no older.
    said: list[list[tuple[float, Reply]]] = [[] for _ in asks]
    for event in [("wait", "", 0), *events]:
        happen(service, *event)
        for ask, history in zip(asks, said, strict=True):
            history.append((service.now, service.truth(ask)))
        for ask, history in zip(asks, said, strict=True):
            until = [since for since, _ in history[1:]] + [service.now + 1]
            recent = [answer for (_, answer), end in zip(history, until, strict=True) if end > service.now - SECONDS]
            assert service.get(ask) in recent, f"{service.request(ask)} at {service.now}"
