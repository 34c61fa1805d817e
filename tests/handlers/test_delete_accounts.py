"""`DELETE /me`: everything of a user goes, the user last, and nothing of anybody else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.evidence import shows
from tests.handlers.conftest import (
    APP_CLIENT,
    TABLE,
    TOKEN,
    Context,
    Faulty,
    Person,
    World,
    deploy,
    expire,
    fault,
    kinds,
    make,
    todo,
)
from troposphere_arch import local


def account(world: World) -> Person:
    """A person with an account in the user pool."""
    person = Person(world)
    user = world.cognito.admin_create_user(UserPoolId=world.pool, Username=f"{person.sub}@example.com")["User"]
    return Person(world, person.sub, user["Username"])


@pytest.fixture
def member(world: World) -> Person:
    return account(world)


def has_account(person: Person) -> bool:
    users = person.world.cognito.get_paginator("list_users").paginate(UserPoolId=person.world.pool)
    return person.username in [user["Username"] for page in users for user in page["Users"]]


@shows("REQ-T5", how="stock")
def test_an_account_is_deleted_with_all_that_it_owns(member: Person, other: Person) -> None:
    member.world.put(*(todo(member.sub, n) for n in range(130)))
    make(member, clientToken=TOKEN)
    theirs = make(other, clientToken=TOKEN)
    assert has_account(member)
    reply = member.delete_account()
    assert (reply.status, reply.text) == (204, "")
    (mark,) = member.stored
    assert set(mark) == {"owner", "id", "expires"}
    assert abs(int(mark["expires"]["N"]) - time.time() - 24 * 3600) < 60
    assert not has_account(member)
    assert member.items() == []
    assert other.items() == [theirs]
    assert member.delete_account().status == 204


@shows("REQ-T5", how="stock")
def test_after_that_a_phone_that_still_has_a_token_cannot_write(member: Person) -> None:
    item = make(member, clientToken=TOKEN)
    assert member.delete_account().status == 204
    for fields in (
        {"title": "Beer"},
        {"title": "Milk", "clientToken": TOKEN},
        {"title": "x", "clientToken": "other-one"},
    ):
        assert member.post(**fields).error == (401, "AccountDeleted")
    assert member.put(item["id"], title="Back", done=False, version=1).error == (404, "NotFound")
    assert member.delete(item["id"]).error == (404, "NotFound")
    assert kinds(member) == ["closed"]


def test_an_expired_mark_counts_as_absent(member: Person) -> None:
    assert member.delete_account().status == 204
    expire(member, "closed")
    make(member)
    assert kinds(member) == ["todo", "closed"]


def test_deleting_goes_on_where_it_ran_short_of_time(member: Person) -> None:
    member.world.put(*(todo(member.sub, n) for n in range(80)))
    reply = member.delete_account(Context([29_000, 29_000, 2_999]))
    assert reply.status == 202
    assert "call again" in reply.body["message"]
    assert len(member.items()) == 30
    assert has_account(member)
    assert member.post(title="Milk").error == (401, "AccountDeleted")
    assert member.delete_account(Context([29_000, 29_000, 100])).status == 202  # all items, but not the account
    assert kinds(member) == ["closed"]
    assert has_account(member)
    assert member.delete_account(Context([100])).status == 202
    assert has_account(member)
    assert member.delete_account().status == 204
    assert not has_account(member)


def test_the_mark_comes_first_and_the_account_last(member: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    member.world.put(*(todo(member.sub, n) for n in range(30)))
    module = member.world.delete
    left: list[list[str]] = []

    def note(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        left.append(kinds(member))
        return method(**request)

    table, users = Faulty(module.table), Faulty(module.users, admin_delete_user=[note])
    monkeypatch.setattr(module, "table", table)
    monkeypatch.setattr(module, "users", users)
    assert member.delete_account().status == 204
    names = [name for name, _ in table.calls]
    assert names == ["put_item", "query", "batch_write_item", "batch_write_item", "query"]
    assert all(request["ConsistentRead"] for name, request in table.calls if name == "query")
    assert left == [["closed"]]
    assert users.calls == [("admin_delete_user", {"UserPoolId": member.world.pool, "Username": member.username})]


def test_what_a_batch_leaves_out_is_tried_again(member: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    member.world.put(*(todo(member.sub, n) for n in range(30)))

    def half(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        requests = request["RequestItems"][TABLE]
        method(RequestItems={TABLE: requests[::2]})
        return {"UnprocessedItems": {TABLE: requests[1::2]}}

    def nothing(method: Callable[..., Any], request: dict[str, Any]) -> Any:
        return {"UnprocessedItems": request["RequestItems"]}

    table = Faulty(member.world.delete.table, batch_write_item=[half, nothing, half])
    monkeypatch.setattr(member.world.delete, "table", table)
    assert member.delete_account().status == 204
    assert kinds(member) == ["closed"]
    sizes = [len(request["RequestItems"][TABLE]) for name, request in table.calls if name == "batch_write_item"]
    assert sizes == [25, 12, 12, 6, 5]


def test_batches_that_stay_unprocessed_end_in_time(member: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    member.world.put(todo(member.sub, 1))
    never = [lambda method, request: {"UnprocessedItems": request["RequestItems"]}] * 9
    monkeypatch.setattr(member.world.delete, "table", Faulty(member.world.delete.table, batch_write_item=never))
    assert member.delete_account(Context([9000, 6000, 3000, 2000])).status == 202
    assert kinds(member) == ["todo", "closed"]


def test_nothing_is_left_by_writes_that_run_at_the_same_time(member: Person) -> None:
    member.world.put(*(todo(member.sub, n) for n in range(50)))

    def write(number: int) -> int:
        status = member.post(title=f"Late {number}", clientToken=f"{TOKEN}{number}").status
        assert status in (201, 401)
        return status

    with ThreadPoolExecutor(4) as pool:
        before = [pool.submit(write, number) for number in range(10)]
        deleted = pool.submit(member.delete_account)
        after = [pool.submit(write, number) for number in range(10, 40)]
        assert deleted.result().status == 204
        statuses = [future.result() for future in before + after]
    assert 401 in statuses
    assert kinds(member) == ["closed"]


@pytest.mark.parametrize("name", [None, "", 5])
def test_a_token_without_a_user_name_deletes_nothing(me: Person, name: object) -> None:
    make(me)
    event = me.event("DELETE", "/me")
    event["requestContext"]["authorizer"]["claims"]["cognito:username"] = name
    assert me.world.send(event).error == (401, "Unauthorized")
    assert kinds(me) == ["todo"]


def test_a_body_or_an_id_cannot_choose_whose_account_goes(me: Person, member: Person) -> None:
    make(member)
    event = me.event("DELETE", "/me", {"owner": member.sub, "username": member.username})
    event |= {"pathParameters": {"id": member.sub}, "queryStringParameters": {"username": member.username}}
    assert me.world.send(event).status == 204
    assert has_account(member)
    assert kinds(member) == ["todo"]


def test_when_the_user_pool_fails_the_account_can_be_deleted_later(
    member: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(member)
    faults = [fault("TooManyRequestsException"), fault("NotAuthorizedException")]
    users = Faulty(member.world.delete.users, admin_delete_user=faults)
    monkeypatch.setattr(member.world.delete, "users", users)
    assert member.delete_account().error == (503, "Busy")
    capsys.readouterr()
    with pytest.raises(RuntimeError):
        member.delete_account()
    logged = json.loads(capsys.readouterr().out)
    assert (logged["level"], logged["error"]) == ("ERROR", "ClientError NotAuthorizedException")
    assert logged["at"].endswith(":delete_account")
    assert member.delete_account().status == 204
    assert not has_account(member)


def test_a_throttled_deletion_asks_to_come_back(member: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [fault("ProvisionedThroughputExceededException")]
    monkeypatch.setattr(member.world.delete, "table", Faulty(member.world.delete.table, put_item=faults))
    assert member.delete_account().error == (503, "Busy")
    assert has_account(member)


def test_one_line_is_logged_and_nothing_personal(member: Person, capsys: pytest.CaptureFixture[str]) -> None:
    make(member, title="Secret-title")
    capsys.readouterr()
    member.delete_account()
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["message"] == "DELETE /me 204"
    for secret in ("ecret", member.sub, str(member.username), "example.com", "eyJ", APP_CLIENT):
        assert secret not in line


RIGHTS = ("dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:Query", "cognito-idp:AdminDeleteUser")


@shows("REQ-T5", "REQ-T7", how="stock")
def test_deployed_inline_it_needs_each_of_its_rights_and_no_other(stock: local.Emulator, world: World) -> None:
    variables = {"TODOS_TABLE": TABLE, "APP_CLIENT_ID": APP_CLIENT, "USERS_POOL_ID": world.pool}
    function = deploy(stock, "delete_accounts", variables)

    def served() -> int | None:
        person = account(world)
        world.put(todo(person.sub, 1))
        reply = function.invoke(person.event("DELETE", "/me"))
        return reply and reply.status

    function.allow(*RIGHTS)
    assert served() == 204
    for missing in RIGHTS:
        function.allow(*(right for right in RIGHTS if right != missing))
        assert served() is None, missing
