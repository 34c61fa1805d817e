"""`up` and `down` of services: in the order of what they use, side by side, each a stack by itself.

An account here is an emulator, through its endpoint; what needs an emulator of its own is in test_services_door.py.
"""

from __future__ import annotations

import functools
import io
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import Done, refused
from tests.cli.services import built_shop, change
from tests.evidence import shows
from troposphere_arch.cli import main
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator
from troposphere_arch.microservices import deploying, serving, testing

ENVIRONMENTS = ("shop", "shop-dev")


class Account:
    """The commands, in the folder above `services`, against an account."""

    def __init__(self, emulator: Emulator, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.emulator, self.root, self.capsys = emulator, root, capsys
        self.client = functools.cache(emulator.client)

    def __call__(self, *arguments: str) -> Done:
        self.capsys.readouterr()
        code = main([*arguments, "--region", "us-east-1", "--endpoint-url", self.emulator.url])
        told = self.capsys.readouterr()
        return Done(code, told.out, told.err)

    def up(self, *arguments: str) -> dict[str, str]:
        """What became of each stack."""
        done = self("up", "services", "--yes", "--json", *arguments)
        assert done.code == 0, done.err
        return {one["stack"]: one["what"] for one in json.loads(done.out)["stacks"]}

    def stacks(self) -> dict[str, Any]:
        found = self.client("cloudformation").describe_stacks()["Stacks"]
        return {one["StackName"]: one for one in found if one["StackName"].startswith("shop")}

    def physical(self, stack: str, logical_id: str) -> str:
        found = self.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])


def wait(account: Account, state: str, **stack: str) -> None:
    account.client("cloudformation").get_waiter(state).wait(**stack, WaiterConfig={"Delay": 0.05})


def delete(account: Account, stack: str) -> None:
    """Delete a stack past the commands."""
    account.client("cloudformation").delete_stack(StackName=stack)
    wait(account, "stack_delete_complete", StackName=stack)


def take_over(account: Account, stack: str, template: Path, table: str) -> None:
    """Make a stack of a table that another has left, as its owner does."""
    cloudformation = account.client("cloudformation")
    plan = {"StackName": stack, "ChangeSetName": "take-over"}
    cloudformation.create_change_set(
        **plan,
        ChangeSetType="IMPORT",
        TemplateBody=template.read_text(),
        ResourcesToImport=[
            {
                "ResourceType": "AWS::DynamoDB::Table",
                "LogicalResourceId": "Items",
                "ResourceIdentifier": {"TableName": table},
            }
        ],
    )
    wait(account, "change_set_create_complete", **plan)
    cloudformation.execute_change_set(**plan)
    wait(account, "stack_import_complete", StackName=stack)


@pytest.fixture(scope="module")
def _services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder above the system, which is built."""
    folder, cache = built_shop(tmp_path_factory.getbasetemp())
    root = tmp_path_factory.mktemp("account")
    shutil.copytree(folder, root / "services")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        yield root


@pytest.fixture
def account(
    _services: Path, patched: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Account]:
    """An account in which no stack of the system is up, nor afterwards."""
    for name, value in patched.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.chdir(_services)
    found = Account(patched, _services, capsys)
    yield found
    for name in ENVIRONMENTS:
        if f"{name}-platform" in found.stacks():
            found("down", "services/", "--name", name, "--purge", "--confirm", name)
    assert found.stacks() == {}


@shows("REQ-M4", "REQ-M5", how="patched")
def test_up_asks_once_deploys_what_is_new_and_updates_what_has_changed(account: Account) -> None:
    unasked = account("up", "services")
    refused(unasked, "no terminal", "--yes")
    assert unasked.err.count("create  shop-") == 4
    assert account.stacks() == {}

    done = account("up", "services", "--yes")
    assert done.code == 0, done.err
    lines = [line.split() for line in done.err.splitlines() if line.startswith("  shop-")]
    order = [line[0] for line in lines if line[1:] == ["created"]]
    assert (order[0], order[-1], len(order)) == ("shop-platform", "shop-orders", 4)
    [orders] = [line for line in done.out.splitlines() if line.startswith("shop-orders")]
    assert orders.split()[1:3] == ["1.0.0", "created"]
    assert "execute-api" in orders
    tries = done.out.split("to try:\n")[1].splitlines()
    assert tries[0].startswith('  curl -i -X POST --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --aws-sigv4 ')
    assert tries[0].endswith("/orders/{sku}'")
    assert tries[1].endswith(f" status services/ --region us-east-1 --endpoint-url {account.emulator.url}")
    status = account("status")
    assert [line.split()[0] for line in status.out.splitlines() if line.startswith("shop-")] == sorted(account.stacks())
    assert status.out.count("status FOLDER`, that of its services") == 4
    for service, owner in (("platform", "shop@example.com"), ("stock", "warehouse@example.com")):
        tags = {one["Key"]: one["Value"] for one in account.stacks()[f"shop-{service}"]["Tags"]}
        assert tags == {"owner": owner, "service": service, "system": "shop"}

    handler = account.root / "services/warehouse/stock/handler.py"
    change(handler, '"left": 5', '"left": 50')
    try:
        unasked = account("up", "services/")
        refused(unasked, "no terminal")
        told = {line.split()[1]: line for line in unasked.err.splitlines() if " shop-" in line}
        assert told["shop-stock"].startswith("update")
        assert "in place" in told["shop-stock"]
        # The templates of the folder are new by now, the stacks are not.
        status = {one["name"]: one for one in json.loads(account("status", "services", "--json").out)}
        does = {name: one["update"]["does"] for name, one in status.items()}
        assert does.pop("shop-stock").startswith("in place")
        assert does == dict.fromkeys(("shop-mail", "shop-orders", "shop-platform"), "up to date")
        [stock] = json.loads(account("status", "services/warehouse/stock", "--json").out)
        assert (stock["name"], stock["latest"], stock["latest_status"]) == ("shop-stock", "1.0.0", "draft")
        what = account.up("--parameter", "orders.LogRetentionDays=7")
    finally:
        change(handler, '"left": 50', '"left": 5')
    updated = {"shop-orders": "updated", "shop-stock": "updated"}
    assert what == {"shop-platform": "unchanged", "shop-mail": "unchanged", **updated}
    days = {
        name: {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}["LogRetentionDays"]
        for name, stack in account.stacks().items()
    }
    assert [name for name, value in days.items() if value == "7"] == ["shop-orders"]


@shows("REQ-M1", "REQ-M5", how="patched")
def test_one_service_comes_with_what_it_uses_in_an_environment_of_its_own(account: Account) -> None:
    def up(name: str, *arguments: str) -> dict[str, str]:
        done = account("up", f"services/{name}", "--yes", "--json", *arguments)
        assert done.code == 0, done.err
        return {one["service"]: one["what"] for one in json.loads(done.out)["stacks"]}

    assert up("mail") == {"platform": "created", "mail": "created"}
    left = "left as it is"
    assert up("orders") == {"platform": left, "mail": left, "stock": "created", "orders": "created"}
    dev = ("--name", "shop-dev")
    assert up("warehouse/stock", *dev) == {"platform": "created", "stock": "created"}
    store = account.client("ssm")
    addresses = {store.get_parameter(Name=f"/{name}/stock/address")["Parameter"]["Value"] for name in ENVIRONMENTS}
    assert len(addresses) == 2

    # Somebody deletes a stack by hand: it comes back at another address, and those who use it are told apart.
    delete(account, "shop-stock")
    back = account("up", "services/warehouse/stock", "--yes")
    assert (back.code, back.out.count(" still has the old ")) == (0, 1), back.err
    assert "shop-orders still has the old address and arn of stock: `" in back.out
    assert "up services/` brings it up to date" in back.out
    told = json.loads(account("up", "services/mail", "--yes", "--json").out)["behind"]
    finds = ["/shop/stock/address", "/shop/stock/arn"]
    assert told == [{"service": "orders", "stack": "shop-orders", "finds": finds}]
    everything = json.loads(account("up", "services", "--yes", "--json").out)
    assert [one["what"] for one in everything["stacks"]].count("updated") == 1
    assert everything["behind"] == []

    refused(account("down", "services/warehouse/stock", "--confirm", "shop-stock"), "shop-orders", "take these down")
    refused(account("down", "services", *dev, "--confirm", "shop"), "nothing was deleted")
    down = account("down", "services", *dev, "--confirm", "shop-dev")
    assert (down.code, "will stay in the account" in down.err) == (0, True), down.err
    assert account("down", "services/orders", "--confirm", "shop-orders").code == 0
    assert set(account.stacks()) == {"shop-platform", "shop-mail", "shop-stock"}
    refused(account("down", "services", *dev, "--confirm", "shop-dev"), "no stack of shop-dev is up")
    refused(account("down", "services/orders", "--confirm", "shop-orders"), "no stack shop-orders")

    # What stays is taken over by import, then the stack becomes whole again.
    items = account.physical("shop-mail", "Items")
    item = {"pk": {"S": "letter"}, "sk": {"S": "1"}}
    account.client("dynamodb").put_item(TableName=items, Item=item)
    down = account("down", "services/mail", "--confirm", "shop-mail")
    assert (down.code, "1 resources were kept" in down.out) == (0, True), down.err
    [line] = [line for line in down.out.splitlines() if "Items of shop-mail" in line]
    take_over(account, "shop-mail", Path(line.split("import them first, by ")[1].split(",")[0]), items)
    assert up("mail") == {"platform": left, "mail": "updated"}
    assert account.physical("shop-mail", "Items") == items
    assert account.client("dynamodb").get_item(TableName=items, Key=item)["Item"] == item


@shows("REQ-M4", how="patched")
def test_a_failure_stops_what_depends_on_it_and_nothing_else(account: Account) -> None:
    done = account("up", "services", "--yes", "--parameter", "stock.AlarmTopicArn=/nowhere/topic")
    assert done.code == 1, done.err
    what = {line.split()[0]: line for line in done.out.splitlines() if line.startswith("shop-")}
    assert " created" in what["shop-platform"]
    assert " created" in what["shop-mail"]
    assert " FAILED" in what["shop-stock"]
    assert " not tried" in what["shop-orders"]
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert "/nowhere/topic is not in Parameter Store" in "".join(errors)
    assert "it needs shop-stock" in "".join(errors)
    assert set(account.stacks()) == {"shop-platform", "shop-mail"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--parameter", "FunctionMemry=1"], ("no template of these", "did you mean FunctionMemory?")),
        (["--parameter", "stok.FunctionMemory=512"], ("no service stok", "mail, orders")),
        (["--parameter", "mail.ThrottleRat=1"], ("template of mail",)),
        (["--parameter", "FunctionMemory"], ("Name=value",)),
        (["--parameter", "orders.ThrottleRate=fast"], ("shop-orders: parameter ThrottleRate can't be 'fast'",)),
        (["--parameter", "mail.MaximumConcurrency=1"], ("shop-mail: parameter MaximumConcurrency", "2 to 1000")),
        (["--parameter", "RolePath=apps"], ("parameter RolePath can't be 'apps'",)),
        (["--stock"], ("--stock", "only")),
        (["--port", "1"], ("--port", "only")),
        (["--stack-name", "x"], ("--stack-name", "--name")),
        (["--parameters", "x.json"], ("--parameters", "SERVICE.K=V")),
        (["--name", "Shop"], ("'Shop'", "small letters")),
        (["--name", "s"], ("'s'", "2 to 20 small letters")),
        (["--name", "aws-dev"], ("aws-dev", "Parameter Store")),
        (["--name", "ssm"], ("ssm", "Parameter Store")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_up_refuses(account: Account, arguments: list[str], words: tuple[str, ...]) -> None:
    refused(account("up", "services", "--yes", *arguments), *words)
    assert account.stacks() == {}


def test_a_name_goes_with_services_only(account: Account) -> None:
    refused(account("up", "todo", "--name", "x"), "--name is for a folder of services only")
    refused(account("down", "shop-mail", "--name", "x"), "--name is for a folder of services only")


def test_a_stack_that_is_none_of_ours_is_left_alone(account: Account) -> None:
    cloudformation = account.client("cloudformation")
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    cloudformation.create_stack(StackName="shop-mail", TemplateBody=json.dumps(template))
    wait(account, "stack_create_complete", StackName="shop-mail")
    try:
        refused(account("up", "services", "--yes"), "stack shop-mail is none of ours", "another --name")
        refused(account("down", "services", "--confirm", "shop"), "no stack of shop is up")
        assert set(account.stacks()) == {"shop-mail"}
    finally:
        delete(account, "shop-mail")


@shows("REQ-M5", how="patched")
def test_what_is_declared_anew_reaches_what_is_up(account: Account) -> None:
    platform, mail = account.root / "services/platform.yaml", account.root / "services/mail/service.yaml"

    def has(stack: str, parameter: str) -> str:
        found = {one["ParameterKey"]: one["ParameterValue"] for one in account.stacks()[stack]["Parameters"]}
        return str(found[parameter])

    def up_mail() -> dict[str, str]:
        done = account("up", "services/mail", "--yes", "--json")
        return {one["stack"]: one["what"] + one["why"] for one in json.loads(done.out)["stacks"]}

    before = platform.read_text(), mail.read_text()
    try:
        mail.write_text(before[1] + "concurrency: 5\n")
        up_mail()
        mail.write_text(before[1] + "concurrency: 7\ninside: true\n")
        platform.write_text(before[0] + "network: endpoints\n")
        # The platform is left as it is, so it has no network yet.
        assert "is none: bring the platform up with its network first" in up_mail()["shop-mail"]
        assert (has("shop-platform", "Network"), has("shop-mail", "MaximumConcurrency")) == ("none", "5")
        # `status` reckons with what `up` will give.
        status = {one["name"]: one["update"] for one in json.loads(account("status", "services", "--json").out)}
        assert status["shop-platform"]["parameters"] == {"Network": "endpoints"}
        assert status["shop-platform"]["effect"] == "in place"  # a VPC and what is in it are made
        assert status["shop-mail"]["parameters"] == {"MaximumConcurrency": "7"}
        asked = account("up", "services").err
        assert re.search(r"^update +shop-platform +1\.0\.0 +[1-9][0-9] changes +in place", asked, re.MULTILINE), asked
        one = account("status", "services/", "platform")
        assert "with the parameters that it has, and Network=endpoints:" in one.out, one.err
        assert re.search(r"^added +minor +Vpc \(AWS::EC2::VPC\)$", one.out, re.MULTILINE)
        [mail_only] = json.loads(account("status", "services/mail", "--json").out)
        assert "VpcConfig" in json.dumps(mail_only["update"]["changes"])
        one = account("status", "services/mail")
        assert re.search(r"^stack shop-mail in us-east-1: shop-mail 1\.0\.0", one.out)
        assert "VpcConfig" in one.out
        unknown = account("status", "shop-mail")
        assert "an update: see `" in unknown.out
        assert " status FOLDER mail`, that of its services" in unknown.out
        refused(account("status", "services/mail", "platform"), "two services are named")
        refused(account("status", "shop-mail", "mail"), "mail is too much")
        done = account("up", "services", "--yes", "--json")
        assert done.code == 0, done.err
        assert (has("shop-platform", "Network"), has("shop-mail", "MaximumConcurrency")) == ("endpoints", "7")
        assert up_mail() == {"shop-platform": "left as it is", "shop-mail": "unchanged"}
        subnets = account.client("ssm").get_parameter(Name="/shop/platform/subnets")["Parameter"]["Value"]
        function = account.physical("shop-mail", "Function")
        configuration = account.client("lambda").get_function_configuration(FunctionName=function)
        assert sorted(configuration["VpcConfig"]["SubnetIds"]) == sorted(subnets.split(","))
    finally:
        platform.write_text(before[0])
        mail.write_text(before[1])


@shows("REQ-M5", how="patched")
def test_the_stacks_of_another_system_are_neither_shown_nor_deleted(account: Account) -> None:
    """The name of the other begins as this one's does."""
    cloudformation = account.client("cloudformation")
    template = {
        "Metadata": {"Service": {"Name": "orders"}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"TemplateId": {"Value": "shop-a-orders"}, "TemplateVersion": {"Value": "1.0.0"}},
    }
    cloudformation.create_stack(StackName="shop-a-orders", TemplateBody=json.dumps(template))
    wait(account, "stack_create_complete", StackName="shop-a-orders")
    try:
        up = json.loads(account("up", "services/mail", "--yes", "--json").out)
        assert {one["stack"] for one in up["stacks"]} == {"shop-platform", "shop-mail"}
        shown = json.loads(account("status", "services", "--json").out)
        assert {one["name"] for one in shown} == {"shop-platform", "shop-mail"}
        down = account("down", "services", "--purge", "--confirm", "shop")
        assert (down.code, set(account.stacks())) == (0, {"shop-a-orders"}), down.err
    finally:
        delete(account, "shop-a-orders")


@shows("REQ-M5", how="patched")
def test_what_nothing_declares_any_more_is_told_and_can_be_taken_down(account: Account) -> None:
    services = account.root / "services"
    account.up()
    shutil.move(services / "orders", account.root / "gone")
    try:
        up = account("up", "services", "--yes")
        [told] = [line for line in up.out.splitlines() if "declares it any more" in line]
        assert told.startswith("shop-orders is up, and nothing below services/ declares it any more: `")
        options = f" --region us-east-1 --endpoint-url {account.emulator.url}"
        assert told.endswith(f" down services/ orders{options}` takes it down")
        alone = json.loads(account("up", "services/mail", "--yes", "--json").out)
        assert alone["undeclared"] == []  # nobody asked
        assert json.loads(account("up", "services", "--yes", "--json").out)["undeclared"] == ["shop-orders"]

        # What is declared need not be without a fault, if only the system's name can be read.
        declaration = services / "warehouse/stock/service.yaml"
        change(declaration, "shape: http", "shape: round")
        try:
            refused(account("up", "services"), "shape")
            used = "shop-stock is used by shop-orders"
            refused(account("down", "services/", "stock", "--confirm", "shop-stock"), used)
            refused(account("down", "services/mail", "stock"), "two services are named, mail and stock")
            refused(account("down", "services/", "nothing"), "there is no stack shop-nothing")
            refused(account("down", "services/nothing"), "there is no stack shop-nothing")
            refused(account("down", "shop-mail", "stock"), "stock is too much")
            refused(account("down", "shop-stock", "--confirm", "shop-stock"), used)
            refused(account("down", "shop-platform"), "shop-platform is used by shop-mail, shop-orders, shop-stock")
            gone = account("down", "services/orders", "--confirm", "shop-orders")
            assert (gone.code, set(account.stacks())) == (0, {"shop-platform", "shop-mail", "shop-stock"}), gone.err
            refused(account("down", "shop-stock", "--confirm", "shop"), "nothing was deleted")
            gone = account("down", "shop-stock", "--confirm", "shop-stock")
            assert (gone.code, set(account.stacks())) == (0, {"shop-platform", "shop-mail"}), gone.err
            gone = account("down", "services/", "mail", "--purge", "--confirm", "shop-mail")
            assert (gone.code, set(account.stacks())) == (0, {"shop-platform"}), gone.err
        finally:
            change(declaration, "shape: round", "shape: http")
    finally:
        shutil.move(account.root / "gone", services / "orders")


DESK = "owner: shop@example.com\ndescription: A desk.\nroutes: ['GET /desk']\n"
SIDES = {
    "platform.yaml": "name: sides\nowner: shop@example.com\nnetwork: endpoints\n",
    "desk/service.yaml": f"shape: front\n{DESK}",
    "desk-v1/service.yaml": f"shape: http\nbehind: desk\nshift: weight\n{DESK}",
    "desk-v2/service.yaml": f"shape: http\nbehind: desk\n{DESK}",
    "aid/service.yaml": f"shape: http\n{DESK.replace('GET /desk', 'PUT /aid')}",
}
DESK_CODE = """\
from troposphere_arch.service_kit import http

handler = http.handler({"GET /desk": lambda request: {"says": "one"}})
"""


@shows("REQ-M11", how="patched")
def test_which_version_gets_which_share_is_told_and_one_that_is_not_there_refused(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    (account.root / "state").mkdir()
    (account.root / "state/troposphere-arch").symlink_to(account.emulator.home)
    monkeypatch.setenv("XDG_STATE_HOME", str(account.root / "state"))
    sides = account.root / "sides"
    for name, text in SIDES.items():
        (sides / name).parent.mkdir(parents=True, exist_ok=True)
        (sides / name).write_text(text)
    handler = sides / "desk-v1/handler.py"
    for file in (handler, sides / "desk-v2/handler.py"):
        file.write_text(DESK_CODE)
    (sides / "aid/handler.py").write_text(DESK_CODE.replace("GET /desk", "PUT /aid"))

    def up(*parameters: str, code: int = 0) -> str:
        done = account("up", "sides", "--yes", *(word for one in parameters for word in ("--parameter", one)))
        assert done.code == code, (done.out, done.err)
        assert not code or "sides-desk" in done.err.splitlines()[-1]
        return done.err.splitlines()[-1] if code else done.out

    def updated() -> list[Any]:
        found = account.client("cloudformation").describe_stacks()["Stacks"]
        return [one.get("LastUpdatedTime") for one in found if one["StackName"].startswith("sides-")]

    told = "is a name in Parameter Store, write /sides/"
    try:
        assert up("VersionA=desk-v1", code=2).endswith(f"VersionA can't be 'desk-v1': it {told}desk-v1/targets")
        assert up("VersionB=none", code=2).endswith(f"{told}platform/none")
        assert up("VersionB=v2", code=2).endswith(f"{told}VERSION/targets, of desk-v1 or desk-v2")
        assert "begin with StableVersion=newest" in up("StableVersion=7", code=2)
        assert updated() == []

        first = up()
        assert "sides-desk has no version: each request is answered with 503" in first
        # What to try is what can answer.
        assert re.search(r"to try:\n  curl -i -X PUT -d '{\"text\": \"a\"}' --user .*/aid$", first, re.MULTILINE), first
        both = ("VersionA=/sides/desk-v1/targets", "VersionB=/sides/desk-v2/targets")
        second = up(*both, "WeightOfB=10")
        assert "sides-desk sends requests to desk-v1 90 %, desk-v2 10 %" in second
        assert re.search(r"to try:\n  curl -i --user .*/desk$", second, re.MULTILINE), second
        assert "sides-desk sends requests to desk-v1 90 %, desk-v2 10 %" in account("status", "sides").out
        [status] = json.loads(account("status", "sides/desk", "--json").out)
        assert status["shares"] == {"desk-v1": 90, "desk-v2": 10}

        before = updated()
        gone = ("up", "sides", "--parameter", "StableVersion=7")
        said = "sides-desk-v1 has no version 7, or none any more: there is 1; `"
        lists = " versions sides-desk-v1` lists them"
        refused(account(*gone), said, lists)  # before anybody is asked
        account.capsys.readouterr()
        assert main([*gone]) == 2  # the account is the emulator of this machine, too
        here = account.capsys.readouterr().err
        assert said in here and lists in here
        assert "version 1 is the newest itself" in up("StableVersion=1", "NewVersionPercent=10", code=2)
        assert updated() == before
        change(handler, "one", "two")  # there will be another one
        up("StableVersion=1", "NewVersionPercent=10")
    finally:
        assert account("down", "sides", "--purge", "--confirm", "sides").code == 0


@pytest.mark.parametrize(
    ("one", "other", "weight", "told"),
    [
        ("/s/platform/none", "/s/platform/none", "50", "has no version: each request is answered with 503"),
        ("/s/platform/none", "/s/b/targets", "0", "sends requests to b 100 %"),
        ("/s/a/targets", "/s/platform/none", "10", "sends requests to a 100 %"),
        ("/s/a/targets", "/s/b/targets", "100", "sends requests to a 0 %, b 100 %"),
        ("/s/a/targets", "/s/a/targets", "3", "sends requests to a 100 %"),
        ("/own/name", "/s/b/targets", "1", "sends requests to /own/name 99 %, b 1 %"),
    ],
    ids=["none", "b only", "a only", "both", "the same twice", "another name"],
)
def test_what_a_front_sends_where(one: str, other: str, weight: str, told: str) -> None:
    found = serving.shares({"VersionA": one, "VersionB": other, "WeightOfB": weight})
    assert found is not None and serving.in_words(found) == told
    assert serving.shares({"WeightOfB": weight}) is None


class Meanwhile(io.StringIO):
    """Standard error, which does something when it is told of a stack."""

    def __init__(self, line: str, do: Callable[[], None]) -> None:
        super().__init__()
        self.line, self.do = line, do

    def write(self, text: str) -> int:
        if text == self.line:
            self.do()
        return super().write(text)


@shows("REQ-M4", how="patched")
def test_what_became_of_each_is_told_whatever_comes_after(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    declaration = account.root / "services/mail/service.yaml"
    told = Meanwhile(f"  {'shop-mail':30} created", lambda: change(declaration, "shape: queue", "shape: round"))
    try:
        with monkeypatch.context() as patch:
            patch.setattr("sys.stderr", told)
            done = account("up", "services/mail", "--yes")
    finally:
        change(declaration, "shape: round", "shape: queue")
    assert (done.code, done.out.count(" created ")) == (0, 2), told.getvalue()

    def throttled(*arguments: Any, **options: Any) -> None:
        raise UserError("AWS was asked too often")

    monkeypatch.setattr(deploying, "behind", throttled)
    done = account("up", "services/mail", "--yes")
    assert (done.code, " unchanged " in done.out) == (1, True), done.err
    assert done.err.splitlines()[-1] == "error: what else is up is not known: AWS was asked too often"


# --- the order by itself


def test_what_need_not_wait_goes_side_by_side_and_the_rest_in_order() -> None:
    after = {"platform": (), "a": ("platform",), "b": ("platform",), "c": ("a", "b"), "d": ("c", "platform")}
    together, done = threading.Barrier(2), list[str]()

    def work(name: str) -> str:
        if name in ("a", "b"):
            together.wait(20)  # neither goes on before the other has begun
        done.append(name)
        return name

    found = deploying.in_order(after, work, lambda result: False, lambda name, other: "")
    assert found == {name: name for name in after}
    assert (done[0], {*done[1:3]}, done[3:]) == ("platform", {"a", "b"}, ["c", "d"])


def test_no_more_at_once_than_allowed() -> None:
    lock, now, most = threading.Lock(), list[str](), list[int]()

    def work(name: str) -> None:
        with lock:
            now.append(name)
            most.append(len(now))
        threading.Event().wait(0.01)
        with lock:
            now.remove(name)

    deploying.in_order({str(i): () for i in range(9)}, work, lambda one: False, lambda a, b: None, at_once=3)
    assert max(most) <= 3


def test_what_fails_stops_all_that_needs_it_and_an_error_ends_it() -> None:
    after = {"a": (), "b": ("a",), "c": ("b",), "d": ()}
    found = deploying.in_order(after, lambda name: name != "a", lambda ok: not ok, lambda name, other: False)
    assert found == {"a": False, "b": False, "c": False, "d": True}
    with pytest.raises(ZeroDivisionError):
        deploying.in_order({"a": ()}, lambda name: 1 / 0, lambda ok: False, lambda name, other: 0.0)


# --- what tests of services use


def test_a_handler_is_loaded_alone(_services: Path) -> None:
    import sys

    from troposphere_arch.service_kit import http

    before = dict(sys.modules), list(sys.meta_path)
    stock = testing.load(_services / "services/warehouse/stock")
    mail = testing.load(_services / "services/mail", {"ITEMS_TABLE": "none"})
    assert stock is not mail
    answered = testing.answer(stock(testing.request("GET /stock/{sku}", sku="a pen/b"), testing.Context()))
    assert (answered.status, answered.body) == (200, {"sku": "a pen/b", "left": 5})
    assert testing.answer(stock({}, testing.Context())).status == 404
    assert sys.modules["troposphere_arch.service_kit.http"] is http
    assert "handler" not in sys.modules
    assert (sys.modules.keys() >= before[0].keys(), list(sys.meta_path)) == (True, before[1])
