"""Several versions at once, deployed: side by side behind a front, and within a stack by an alias.

Each move is looked at as a change set first, and then made as a user makes it: by parameters.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.journeys import reverse_proxy, shapes
from tests.journeys.shop import Person, Shop
from tests.system import needs
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator
from troposphere_arch.microservices import deploying

pytestmark = pytest.mark.xdist_group("versions")

ROUTE = "GET /orders/{id}"
DECLARED = "owner: shop@example.com\ndescription: Orders.\nroutes: ['GET /orders/{id}']\n"
SHAPES = {
    "orders": "shape: front\n",
    "orders-v1": "shape: http\nbehind: orders\nshift: weight\n",
    "orders-v2": "shape: http\nbehind: orders\n",
    "orders-v4": "shape: http\nbehind: orders\nshift: canary\n",
    "orders-v3": "shape: container\nbehind: orders\nport: 8080\nhealth: /health\n",
}
CODE = '''"""Says which version it is."""
from troposphere_arch.service_kit import http


def answer(request):
    return {{"version": {name!r}, "caller": request.caller}}


handler = http.handler({{"GET /orders/{{id}}": answer}})
'''
EVIL = "arn:aws:iam::000000000000:user/evil"
REQUESTS = 10_000
# Of so many draws with a chance of a tenth, six standard deviations are 180.
TENTH = range(820, 1181)


def write(folder: Path, name: str, *, says: str = "") -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "service.yaml").write_text(SHAPES[name] + DECLARED)
    if name == "orders-v3":
        shutil.copy(shapes.STOCK_AS / "container" / "Dockerfile", folder / name)
    if name != "orders":
        (folder / name / "handler.py").write_text(CODE.format(name=says or name))


@pytest.fixture(scope="module")
def shop(patched: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("versions")
    (folder / "platform.yaml").write_text("name: shop\nowner: shop@example.com\nnetwork: nat\n")
    for name in SHAPES:
        write(folder, name)
    made = Shop(patched, "sides", folder=folder)
    assert set(made.up().values()) == {"created"}
    yield made
    made.down()


@pytest.fixture(scope="module")
def mina(shop: Shop) -> Person:
    return shop.person(f"orders {ROUTE}")


def changed(shop: Shop, service: str, **parameters: str) -> list[str]:
    """Move the service's stack to these parameters; what that replaced, by the change set and in truth.

    What may be replaced only if something else is ("Conditional"), the truth decides.
    """
    stack = shop.stack(service)
    names = {p["ParameterKey"] for p in stack.describe()["Parameters"]}
    made = stack.cloudformation.create_change_set(
        StackName=stack.name,
        ChangeSetName=f"move-{len(stack.events())}",
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            *({"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()),
            *({"ParameterKey": k, "UsePreviousValue": True} for k in sorted(names - parameters.keys())),
        ],
    )
    waiter = stack.cloudformation.get_waiter("change_set_create_complete")
    waiter.wait(ChangeSetName=made["Id"], WaiterConfig={"Delay": 1})
    changes = [
        one["ResourceChange"] for one in stack.cloudformation.describe_change_set(ChangeSetName=made["Id"])["Changes"]
    ]
    foretold = {c["LogicalResourceId"] for c in changes if c["Action"] != "Modify" or c.get("Replacement") == "True"}
    before = ids(shop, service)
    stack.cloudformation.execute_change_set(ChangeSetName=made["Id"])
    stack.wait("UPDATE_COMPLETE")
    after = ids(shop, service)
    replaced = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changes and foretold <= replaced
    return sorted(replaced)


def ids(shop: Shop, service: str) -> dict[str, str]:
    """The physical ids of the stack's resources."""
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in shop.stack(service).resources()}


def asked(mina: Person, times: int = 1, **headers: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for _ in range(times):
        answer = mina.ask("orders", ROUTE, id="7", headers=headers)
        found[answer.json()["version"] if answer.status == 200 else str(answer.status)] += 1
    return found


def action(shop: Shop) -> dict[str, Any]:
    """What the listener of the front does, as the load balancer has it."""
    balancers = shop.emulator.client("elbv2")
    listener = shop.stack("orders").physical("BalancerListener")
    [found] = balancers.describe_listeners(ListenerArns=[listener])["Listeners"]
    [one] = found["DefaultActions"]
    return dict(one)


def counted(shop: Shop, folder: Path, requests: int) -> Counter[str]:
    """Who answers so many requests, of a real reverse proxy that does what the listener is told."""
    folder.mkdir()
    names = {shop.told(name, "targets"): name for name in ("orders-v1", "orders-v2")}
    with reverse_proxy.answering(*names.values()) as ports:
        servers = {arn: ports[name] for arn, name in names.items()}
        with reverse_proxy.running(action(shop), servers, folder) as port:
            return reverse_proxy.counted(port, requests)


@needs("nginx")
@shows("REQ-M11", how="patched")
@shows("REQ-M11", how="real")
def test_side_by_side_there_back_and_the_loser_goes(shop: Shop, mina: Person, tmp_path: Path) -> None:
    nothing, one, two = "/sides/platform/none", "/sides/orders-v1/targets", "/sides/orders-v2/targets"
    assert asked(mina) == {"503": 1}
    assert changed(shop, "orders", VersionA=one) == [] and asked(mina, 5) == {"orders-v1": 5}
    # Its successor is there, and nobody comes to it but who names it.
    assert changed(shop, "orders", VersionB=two) == []
    assert asked(mina, 5) == {"orders-v1": 5}
    assert asked(mina, 2, **{"X-Version": "orders-v2"}) == {"orders-v2": 2}
    assert counted(shop, tmp_path / "none", 500) == {"orders-v1": 500}

    assert changed(shop, "orders", WeightOfB="10") == []
    found = counted(shop, tmp_path / "tenth", REQUESTS)
    assert found["orders-v2"] in TENTH and found.total() == REQUESTS
    assert changed(shop, "orders", WeightOfB="100") == []
    assert asked(mina, 5) == {"orders-v2": 5}
    assert counted(shop, tmp_path / "all", 500) == {"orders-v2": 500}
    # Back, at once; and the one before is still there.
    assert changed(shop, "orders", WeightOfB="0") == []
    assert asked(mina, 5) == {"orders-v1": 5}

    # The loser goes: nothing refers to it any more, so its stack can be deleted.
    assert changed(shop, "orders", WeightOfB="100") == []
    assert changed(shop, "orders", VersionA=nothing) == []
    shop.stack("orders-v1").delete()
    assert asked(mina, 5) == {"orders-v2": 5}
    assert asked(mina, 1, **{"X-Version": "orders-v1"}) == {"orders-v2": 1}
    # It may come back, as the next one would come.
    assert shop.up()["orders-v1"] == "created"
    assert changed(shop, "orders", VersionA=one, WeightOfB="0") == []
    assert asked(mina, 5) == {"orders-v1": 5}


@shows("REQ-M11", how="patched")
def test_a_function_and_a_container_side_by_side(shop: Shop, mina: Person, tmp_path: Path) -> None:
    kept = shop.given
    with shapes.tasks_of(shop, tmp_path, 1, "orders-v3"):
        assert asked(mina, 2, **{"X-Version": "orders-v3"}) == {"orders-v3": 2}
        three = "/sides/orders-v3/targets"
        assert changed(shop, "orders", VersionA="/sides/orders-v1/targets", VersionB=three, WeightOfB="50") == []
        found = asked(mina, 40)
        assert set(found) == {"orders-v1", "orders-v3"} and found.total() == 40
        # Who asks is known to both, and is who has signed, whatever they say themselves.
        said = {
            mina.ask("orders", ROUTE, id="7", headers={"X-Gateway-Caller": EVIL}).json()["caller"] for _ in range(9)
        }
        assert len(said) == 1 and said != {EVIL}
        assert changed(shop, "orders", VersionB="/sides/orders-v2/targets", WeightOfB="0") == []
    shop.given = kept


@shows("REQ-M11", how="patched")
def test_a_version_that_serves_stays(shop: Shop, mina: Person) -> None:
    if asked(mina) != {"orders-v1": 1}:
        changed(shop, "orders", VersionA="/sides/orders-v1/targets", WeightOfB="0")
    [standing] = [one for one in deploying.standing(shop.target, "shop", shop.name) if one.service == "orders-v1"]
    with pytest.raises(UserError, match="is VersionA of sides-orders: set VersionA=/sides/platform/none"):
        deploying.down(shop.target, [standing], purge=True)
    # And nobody takes it away who brings everything up once more.
    assert set(shop.up().values()) == {"unchanged"}
    assert asked(mina) == {"orders-v1": 1}


@shows("REQ-M11", how="patched")
@pytest.mark.parametrize("weight", ["101", "-1", "1.5", "ten", ""])
def test_a_weight_that_is_none_changes_nothing(shop: Shop, weight: str) -> None:
    before = action(shop)
    with pytest.raises(ClientError, match="WeightOfB"):
        changed(shop, "orders", WeightOfB=weight)
    assert action(shop) == before


# --- within a stack


@shows("REQ-M11", how="patched")
def test_within_a_stack_there_back_and_never_to_what_is_gone(shop: Shop, mina: Person) -> None:
    if asked(mina) != {"orders-v1": 1}:
        changed(shop, "orders", VersionA="/sides/orders-v1/targets", WeightOfB="0")
    stack, functions = shop.stack("orders-v1"), shop.emulator.client("lambda")
    name = stack.physical("Function")

    def alias() -> tuple[str, dict[str, float]]:
        found = functions.get_alias(FunctionName=name, Name="live")
        return found["FunctionVersion"], found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})

    def says(version: str) -> str:
        """What a version answers, asked for by its number: the one before is as it was."""
        event = {
            "httpMethod": "GET",
            "path": "/v1/orders/7",
            "headers": {"x-gateway-route": "/orders/{id}", "x-gateway-stage": "v1"},
            "requestContext": {"elb": {"targetGroupArn": "arn"}},
            "body": "",
            "isBase64Encoded": False,
        }
        answer = functions.invoke(FunctionName=name, Qualifier=version, Payload=json.dumps(event))
        return str(json.loads(json.loads(answer["Payload"].read())["body"])["version"])

    first, shares = alias()
    assert shares == {} and asked(mina) == {"orders-v1": 1}
    # Another version of the code, and it gets nothing yet.
    shop.given = {"orders-v1.StableVersion": first, "orders-v1.NewVersionPercent": "0"}
    write(shop.folder, "orders-v1", says="newer")
    assert shop.up()["orders-v1"] == "updated"
    second = str(int(first) + 1)
    assert alias() == (first, {}) and asked(mina, 3) == {"orders-v1": 3}
    assert (says(first), says(second)) == ("orders-v1", "newer")

    assert changed(shop, "orders-v1", NewVersionPercent="10") == []
    assert alias() == (first, {second: 0.1})
    assert changed(shop, "orders-v1", NewVersionPercent="0", StableVersion="newest") == []
    assert alias() == (second, {}) and asked(mina, 3) == {"newer": 3}
    assert says(first) == "orders-v1"
    # Back, at once.
    assert changed(shop, "orders-v1", StableVersion=first) == []
    assert asked(mina, 3) == {"orders-v1": 3}

    # A parameter that the version freezes makes another one; the alias stays where it is told to.
    assert changed(shop, "orders-v1", FunctionMemory="512") == ["Version"]
    third = str(int(first) + 2)
    assert functions.get_function_configuration(FunctionName=name, Qualifier=third)["MemorySize"] == 512
    assert alias()[0] == first and (says(second), says(third)) == ("newer", "newer")

    # What was removed is no way back: the update fails with its reason, and all is as it was.
    changed(shop, "orders-v1", StableVersion=third)
    functions.delete_function(FunctionName=name, Qualifier=first)
    with pytest.raises(AssertionError, match=f"{first}"):
        stack.update(StableVersion=first)
    assert stack.wait("UPDATE_ROLLBACK_COMPLETE").describe()
    assert alias()[0] == third and asked(mina, 2) == {"newer": 2}
    for percent in ("101", "0.1", "ten"):
        with pytest.raises(ClientError, match="NewVersionPercent"):
            changed(shop, "orders-v1", NewVersionPercent=percent)


@shows("REQ-M11", how="patched")
def test_codedeploy_moves_an_alias_and_the_version_before_stays(shop: Shop) -> None:
    """By which steps CodeDeploy moves it, and when it returns, no emulator shows."""
    shop.given = {}
    stack, functions = shop.stack("orders-v4"), shop.emulator.client("lambda")
    name, before = stack.physical("Function"), ids(shop, "orders-v4")
    assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"
    write(shop.folder, "orders-v4", says="newer")
    assert shop.up()["orders-v4"] == "updated"
    assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"
    after = ids(shop, "orders-v4")
    assert {one for one in {*before, *after} if before.get(one) != after.get(one)} == {"Version"}
    there = functions.list_versions_by_function(FunctionName=name)["Versions"]
    assert [one["Version"] for one in there] == ["$LATEST", "1", "2"]
    # Neither its pace nor what it heeds makes another version.
    assert changed(shop, "orders-v4", CanaryPace="CodeDeployDefault.LambdaCanary10Percent30Minutes") == []
    assert changed(shop, "orders-v4", ReturnOnAlarm="off") == []
    assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"
