"""Declarations of servers, caches, fronts and versions: what they may say, and what is told of what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evidence import shows
from tests.microservices.conftest import OWNED, problems, put, system
from troposphere_arch.blocks import service_api
from troposphere_arch.microservices import parsing

PLATFORM = "name: shop\nowner: shop@example.com\nnetwork: nat\n"
ROUTES = 'routes:\n  - "GET /stock/{sku}"\n  - "PUT /stock/{sku}"\n'
LISTENS = "port: 8080\nhealth: /health\n"
CONTAINER = f"shape: container\n{OWNED}{ROUTES}"  # 6 lines
DOCKERFILE = "FROM python\nUSER 1000\nEXPOSE 8080\n"


def told(folder: Path, files: dict[str, str | bytes | None]) -> list[str]:
    return problems(put(folder, {"platform.yaml": PLATFORM, **files}))


@shows("REQ-M3", "REQ-M10", "REQ-M11", how="static")
def test_what_the_new_shapes_may_say_is_kept(folder: Path) -> None:
    """Two versions that are behind a front have its routes, and more; and each shape stands by itself, too."""
    front = f"shape: front\n{OWNED}{ROUTES}host: shop-stock\nprivate: true\nversion: 1.2.0\n"
    files: dict[str, str | bytes | None] = {
        "platform.yaml": PLATFORM,
        "stock/service.yaml": front,
        "stock/handler.py": None,
        "stock-v1/service.yaml": f"{CONTAINER}  - GET /more\n{LISTENS}behind: stock\ntable: true\n",
        "stock-v1/Dockerfile": DOCKERFILE,
        "stock-v2/service.yaml": f"shape: instances\n{OWNED}{ROUTES}port: 1024\nhealth: /a/b.c\nbehind: stock\n"
        'calls: {status: ["GET /requests/{id}"]}\n',
        "goods/service.yaml": f"shape: http-cached\n{OWNED}{ROUTES}timeout: 28\nconcurrency: 5\nshift: canary\n",
        "things/service.yaml": f"shape: http\n{OWNED}{ROUTES}shift: weight\nbehind: stock\n",
        "ready/service.yaml": f"{CONTAINER}{LISTENS}image: ghcr.io/acme/stock\nprivate: true\n",
    }
    found = system(put(folder, files)).services
    assert (found["stock"].host, found["stock"].private, found["stock"].in_network) == ("shop-stock", True, True)
    one, two = found["stock-v1"], found["stock-v2"]
    assert (one.behind, one.port, one.health, one.image, one.host) == ("stock", 8080, "/health", "", "")
    assert (one.has_table, one.in_network, one.uses) == (True, True, ("stock",))
    assert (two.port, two.health, two.has_table, two.uses) == (1024, "/a/b.c", False, ("stock",))
    goods = found["goods"]
    assert (goods.shift, goods.has_table, goods.in_network, goods.timeout, goods.host) == (
        "canary",
        True,
        True,
        28,
        "goods",
    )
    assert (found["things"].shift, found["things"].in_network) == ("weight", False)
    assert (found["ready"].image, found["ready"].has_table) == ("ghcr.io/acme/stock", False)
    names = [one.name for one in system(folder).order()]
    assert all(names.index("stock") < names.index(name) for name in ("stock-v1", "stock-v2", "things"))


# Text of stock/service.yaml, and what is told of it.
WRONG: dict[str, tuple[str, str]] = {
    "container without health": (
        f"{CONTAINER}port: 8080\n",
        "1: health is missing: a container service has one; write the path that it answers with 200 while it serves",
    ),
    "instances without port": (
        f"shape: instances\n{OWNED}{ROUTES}health: /health\n",
        "1: port is missing: an instances service has one; write the port that its process listens at, such as port:",
    ),
    "container without routes": (f"shape: container\n{OWNED}{LISTENS}", "1: routes is missing: a container service"),
    "port of root": (
        f"{CONTAINER}port: 80\nhealth: /health\n",
        '7: port is "80": it is a port from 1024 to 65535',
    ),
    "port too large": (f"{CONTAINER}port: 65536\nhealth: /x\n", '7: port is "65536": it is a port from 1024 to 65535'),
    "port in quotes": (
        f'{CONTAINER}port: "8080"\nhealth: /x\n',
        '7: port is "8080": it is a port from 1024 to 65535, without quotes',
    ),
    "health without slash": (
        f"{CONTAINER}port: 8080\nhealth: health\n",
        '8: health is "health": it is a path without / at its end, of letters, digits and . _ -, such as /health',
    ),
    "health with a query": (f"{CONTAINER}port: 8080\nhealth: /health?x=1\n", '8: health is "/health?x=1": it is a'),
    "health is the root": (f"{CONTAINER}port: 8080\nhealth: /\n", '8: health is "/": it is a path'),
    "health among routes": (
        f"{CONTAINER}port: 8080\nhealth: /v1/stock\n",
        "8: health is /v1/stock: paths that begin with /v1 are those of routes; take another, /health",
    ),
    "image with a tag": (
        f"{CONTAINER}{LISTENS}image: ghcr.io/acme/stock:1.2\n",
        '9: image is "ghcr.io/acme/stock:1.2", with a tag: which image runs is said by the parameter ImageTag of the '
        'stack; write "ghcr.io/acme/stock"',
    ),
    "image with a digest": (
        f"{CONTAINER}{LISTENS}image: localhost.test:5000/stock@sha256:{'0' * 64}\n",
        f'9: image is "localhost.test:5000/stock@sha256:{"0" * 42}...", with a digest: which image runs is said by',
    ),
    "image without registry": (
        f"{CONTAINER}{LISTENS}image: acme/stock\n",
        '9: image is "acme/stock", which names no registry: it is the URI of a repository, a registry and a name',
    ),
    "image with an address": (
        f"{CONTAINER}{LISTENS}image: https://ghcr.io/acme/stock\n",
        '9: image is "https://ghcr.io/acme/stock", which names no registry',
    ),
    "image in capitals": (
        f"{CONTAINER}{LISTENS}image: ghcr.io/Acme/stock\n",
        '9: image is "ghcr.io/Acme/stock": it is',
    ),
    "image of instances": (
        f"shape: instances\n{OWNED}{ROUTES}{LISTENS}image: ghcr.io/acme/stock\n",
        "9: image does not belong to an instances service: only container services have it; take it out",
    ),
    "port of http": (
        f"shape: http\n{OWNED}{ROUTES}port: 8080\n",
        "7: port does not belong to an http service: only container and instances services have it; it has no process",
    ),
    "health of a queue": (f"shape: queue\n{OWNED}health: /x\n", "4: health does not belong to a queue service: only"),
    "table of instances": (
        f"shape: instances\n{OWNED}{ROUTES}{LISTENS}table: true\n",
        "9: table does not belong to an instances service: only http and container services have it; it has a database",
    ),
    "table of http-cached": (
        f"shape: http-cached\n{OWNED}{ROUTES}table: true\n",
        "7: table does not belong to an http-cached service: only http and container services have it; it always has",
    ),
    "inside of a container": (
        f"{CONTAINER}{LISTENS}inside: true\n",
        "9: inside does not belong to a container service: only http, queue, stream, topic and bucket services have "
        "it; it is inside of the network whatever it says; take it out",
    ),
    "timeout of a container": (
        f"{CONTAINER}{LISTENS}timeout: 5\n",
        "9: timeout does not belong to a container service: only http, http-cached, queue, stream, topic and bucket",
    ),
    "timeout of http-cached": (
        f"shape: http-cached\n{OWNED}{ROUTES}timeout: 29\n",
        '7: timeout is "29": it is a number of seconds from 1 to 28',
    ),
    "shift unknown": (
        f"shape: http\n{OWNED}{ROUTES}shift: canarry\n",
        '7: shift is "canarry" (did you mean canary?): it is one of weight, canary, linear',
    ),
    "shift of a container": (
        f"{CONTAINER}{LISTENS}shift: canary\n",
        "9: shift does not belong to a container service: only http and http-cached services have it; its code is no",
    ),
    "shift of a queue": (f"shape: queue\n{OWNED}shift: linear\n", "4: shift does not belong to a queue service"),
    "behind of a queue": (
        f"shape: queue\n{OWNED}behind: other\n",
        "4: behind does not belong to a queue service: only http, http-cached, container and instances services have",
    ),
    "behind of a front": (
        f"shape: front\n{OWNED}{ROUTES}behind: other\n",
        "7: behind does not belong to a front service: only http, http-cached, container and instances services have",
    ),
    "calls of a front": (
        f'shape: front\n{OWNED}{ROUTES}calls: {{status: ["GET /requests/{{id}}"]}}\n',
        "7: calls does not belong to a front service: only http, http-cached, container, instances, queue, stream, "
        "topic and bucket services have it; the code, and what belongs to it, is that of the services behind it; take",
    ),
    "table of a front": (
        f"shape: front\n{OWNED}{ROUTES}table: true\n",
        "7: table does not belong to a front service: only http and container services have it; the code, and what",
    ),
    "front without routes": (f"shape: front\n{OWNED}", "1: routes is missing: a front service has one; write what it"),
    "behind nothing": (
        f"shape: http\n{OWNED}{ROUTES}behind: frnt\n",
        '7: behind names "frnt", and no service is called so (did you mean front?): there is front, pay; correct it',
    ),
    "behind itself": (
        f"shape: http\n{OWNED}{ROUTES}behind: stock\n",
        "7: stock is behind stock, which is an http service, and no front: name a front, or take behind out",
    ),
    "behind a queue": (
        f"shape: http\n{OWNED}{ROUTES}behind: pay\n",
        "7: stock is behind pay, which is a queue service, and no front: name a front, or take behind out",
    ),
    "behind the status": (
        f"shape: http\n{OWNED}{ROUTES}behind: status\n",
        "7: stock is behind status, which is an http service, and no front: name a front, or take behind out",
    ),
    "behind is a list": (
        f"shape: http\n{OWNED}{ROUTES}behind: [front]\n",
        "7: behind is a list, and it wants the name of a front",
    ),
    "behind and a host": (
        f"shape: http\n{OWNED}{ROUTES}behind: front\nhost: my-stock\n",
        "8: stock has host and is behind front, whose address is the only one: say it in the declaration of front, or "
        "take behind out",
    ),
    "behind and private": (
        f"shape: http\n{OWNED}{ROUTES}private: true\nbehind: front\n",
        "7: stock has private and is behind front, whose address is the only one",
    ),
    "a route of the front is missing": (
        f"shape: http\n{OWNED}routes: [GET /other]\nbehind: front\n",
        "4: front (services/front/service.yaml:5) has GET /stock/{sku}, and stock, which is behind it, has not: add it "
        "to routes, or take it out of those of front",
    ),
    "a variable has another name": (
        f'shape: http\n{OWNED}routes:\n  - "GET /stock/{{id}}"\nbehind: front\n',
        "5: front (services/front/service.yaml:5) has GET /stock/{sku}, which is GET /stock/{id} here: call what is in "
        "the path the same in both",
    ),
    "subscribes to a front": (
        f"shape: topic\n{OWNED}subscribes: {{front: [told]}}\n",
        "4: stock subscribes to front, which is a front and publishes nothing: subscribe to a service behind it",
    ),
    "sends to a front": (
        f"shape: queue\n{OWNED}sends: [front]\n",
        "4: stock sends to front, which is a front service: calls: {front: [a route of it]} asks it",
    ),
    "calls its own front": (
        f'shape: http\n{OWNED}{ROUTES}behind: front\ncalls: {{front: ["GET /stock/{{sku}}"]}}\n',
        "8: front leads to stock, stock calls front",
    ),
}
FRONT = {
    "front/service.yaml": f'shape: front\n{OWNED}routes:\n  - "GET /stock/{{sku}}"\n',
    "front/handler.py": None,
    "pay/service.yaml": f"shape: queue\n{OWNED}",
}


@shows("REQ-M4", "REQ-M10", "REQ-M11", how="static")
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_once_with_its_line(folder: Path, case: str) -> None:
    text, what = WRONG[case]
    found = told(folder, FRONT | {"stock/service.yaml": text, "stock/Dockerfile": DOCKERFILE})
    if case == "calls its own front":
        assert found == [
            "services/stock/service.yaml:7: front leads to stock, stock calls front (services/stock/service.yaml:8): "
            "that goes round, and a call would wait for itself; let one of them publish an event in place of that, and "
            "a topic service that subscribes to it do the rest"
        ]
        return
    [line] = found
    assert line.startswith(f"services/stock/service.yaml:{what}"), line


def test_quotes_are_spoken_of_where_there_are_some(folder: Path) -> None:
    found = told(folder, {"stock/service.yaml": f"{CONTAINER}port: 80\nhealth: /x\n", "stock/Dockerfile": DOCKERFILE})
    assert found == ['services/stock/service.yaml:7: port is "80": it is a port from 1024 to 65535']


def test_a_front_has_no_code(folder: Path) -> None:
    code = "from troposphere_arch.service_kit import http, table\n\nhandler = http.handler({'GET /x': table.items})\n"
    found = told(folder, FRONT | {"front/handler.py": code})
    assert found == ["services/front/handler.py:1: front is a front, which has no code: take handler.py out"]


def test_a_version_has_no_address_of_its_own(folder: Path) -> None:
    found = told(
        folder,
        FRONT
        | {
            "stock/service.yaml": f"shape: http\n{OWNED}{ROUTES}behind: front\n",
            "orders/service.yaml": f'shape: http\n{OWNED}routes: [GET /x]\ncalls: {{stock: ["GET /stock/{{sku}}"]}}\n',
        },
    )
    assert found == [
        "services/orders/service.yaml:5: orders calls stock, which is behind front and has no address of its own: call "
        "front"
    ]


def test_a_call_that_comes_back_by_a_front_is_told(folder: Path) -> None:
    """Deployed they could be, one after the other; but a request would wait for itself."""
    calls = 'calls: {{{}: ["GET /stock/{{sku}}"]}}\n'.format
    found = told(
        folder,
        FRONT
        | {
            "stock/service.yaml": f"shape: http\n{OWNED}{ROUTES}behind: front\n{calls('prices')}",
            "prices/service.yaml": f"shape: http\n{OWNED}{ROUTES}{calls('front')}",
        },
    )
    assert len(found) == 1
    assert "front leads to stock" in found[0]
    assert "stock calls prices" in found[0]
    assert "prices calls front" in found[0]
    assert "a call would wait for itself" in found[0]


@shows("REQ-M11", how="static")
def test_versions_whose_rules_would_have_one_place_are_refused(folder: Path) -> None:
    """Behind one front; behind two, each listener has its own."""
    version = f"shape: http\n{OWNED}{ROUTES}behind: "
    files: dict[str, str | bytes | None] = {
        **FRONT,
        "orders-v140/service.yaml": f"{version}front\n",
        "orders-v278/service.yaml": f"{version}front\n",
        "orders-v141/service.yaml": f"{version}front\n",
    }
    assert told(folder, files) == [
        "services/orders-v278/service.yaml:7: orders-v278 and orders-v140 would have one place, 30407, among the rules "
        "of front, since that is made from their names: rename one"
    ]
    files |= {"other/service.yaml": FRONT["front/service.yaml"], "orders-v278/service.yaml": f"{version}other\n"}
    assert told(folder, files) == []


DOCKERFILES: dict[str, tuple[str | bytes | None, list[str]]] = {
    "none": (
        None,
        [
            "service.yaml:1: stock has no Dockerfile beside its declaration: write one, as new-service does, or name "
            "by image the repository that its image comes from"
        ],
    ),
    "empty": (b"", ["Dockerfile:1: has no FROM, so no image can be made of it: name the image that it begins with"]),
    "no port": (
        "FROM python\n",
        ["Dockerfile:1: exposes no port: write EXPOSE 8080, which is port in services/stock/service.yaml:7"],
    ),
    "another port": (
        "FROM python\n\n# A port.\nEXPOSE 8000\n",
        ["Dockerfile:4: exposes 8000, and port is 8080 in services/stock/service.yaml:7: write the same in both"],
    ),
    "a port of UDP": ("FROM python\nEXPOSE 8080/udp\n", ["Dockerfile:1: exposes no port: write EXPOSE 8080, which is"]),
    "a variable": (
        "FROM python\nENV PORT=8080\nEXPOSE $PORT\n",
        [
            'Dockerfile:3: exposes "$PORT", which is not a number: write EXPOSE 8080, as '
            "services/stock/service.yaml:7 has it"
        ],
    ),
    "of a stage before": (
        "FROM python AS made\nEXPOSE 8080\nFROM python\nCOPY --from=made /x /x\n",
        ["Dockerfile:3: exposes no port: write EXPOSE 8080, which is port in services/stock/service.yaml:7"],
    ),
    "in a comment, in a line that goes on, in a text": (
        'FROM python\n# EXPOSE 8080\nRUN echo \\\n  EXPOSE 8080\nRUN <<"EOF"\nEXPOSE 8080\nEOF\nEXPOSE 9000\n',
        ["Dockerfile:8: exposes 9000, and port is 8080 in services/stock/service.yaml:7: write the same in both"],
    ),
    "for another processor": (
        "FROM --platform=linux/amd64 python\nEXPOSE 8080\n",
        [
            'Dockerfile:1: is for "linux/amd64", and tasks run on linux/arm64: take --platform out, or write '
            "--platform=linux/arm64"
        ],
    ),
    "no text": (b"FROM python\n# caf\xe9\n", ["Dockerfile:2: is not UTF-8 (byte 0xe9): save it as UTF-8"]),
    "large": ("#" * 70_000, ["Dockerfile:1: has more than 65,536 bytes: is it the right file?"]),
    "in small letters, with others, over lines": (
        "from --platform=linux/arm64 python as a\nexpose 9000/tcp \\\n# and\n  8080/TCP\n",
        [],
    ),
    "with a tab, after what is no text in place": (
        "FROM python\nRUN read x <<<y && echo $((1<<x))\nEXPOSE\t8080\n",
        [],
    ),
    "that ends in a backslash": ("FROM python\nEXPOSE 8080\nRUN x \\", []),
}


@shows("REQ-M10", how="static")
@pytest.mark.parametrize("case", DOCKERFILES)
def test_a_dockerfile_exposes_the_port(folder: Path, case: str) -> None:
    text, expected = DOCKERFILES[case]
    found = told(folder, {"stock/service.yaml": f"{CONTAINER}{LISTENS}", "stock/Dockerfile": text})
    assert len(found) == len(expected)
    assert all(one.startswith(f"services/stock/{what}") for one, what in zip(found, expected, strict=True)), found


def test_an_image_from_elsewhere_needs_no_dockerfile(folder: Path) -> None:
    """But one that is there is that of the image."""
    text = f"{CONTAINER}{LISTENS}image: public.ecr.aws/acme/stock\n"
    assert told(folder, {"stock/service.yaml": text}) == []
    [line] = told(folder, {"stock/service.yaml": text, "stock/Dockerfile": "FROM python\nEXPOSE 1\n"})
    assert line.startswith("services/stock/Dockerfile:2: exposes 1, and port is 8080")


def test_paths_of_routes_begin_with_the_stage_of_their_api() -> None:
    assert parsing.STAGE == service_api.STAGE
