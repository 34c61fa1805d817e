"""Begin a service: a folder with its declaration, code that does something, a test and a page, and its template.

The first service of a folder begins the system, too: it writes the platform.yaml that all services share.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import places
from ..errors import UserError
from ..microservices.declaration import CONTAINER, FRONT, HTTP, SHAPES
from .parser import directory
from .table import as_json

if TYPE_CHECKING:
    from ..microservices.scaffolding import New


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("name", help="small letters, digits and -; also the name of its folder")
    parser.add_argument("--shape", metavar="S", required=True, help=f"one of: {', '.join(SHAPES)}")
    parser.add_argument(
        "--in", metavar="DIR", dest="parent", type=directory, default=Path("services"), help="the folder (services)"
    )
    parser.add_argument("--owner", metavar="O", help="an e-mail address or a team; without it the platform's")
    parser.add_argument("--system", metavar="N", help="of the first service: the system's name (the folder above DIR)")
    parser.add_argument("--subscribes", metavar="S:E", help="of a topic service: the event E of the service S")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(args: argparse.Namespace) -> int:
    """Write it, build it, and say what to do next."""
    from ..microservices import factory, scaffolding
    from .services import progress

    new = scaffolding.plan(
        args.name,
        args.shape,
        args.parent,
        owner=args.owner or "",
        system=args.system or "",
        subscribes=args.subscribes or "",
    )
    with scaffolding.written(new) as paths:
        result = factory.build(new.services, write=True, progress=progress)
        if result.findings:
            more = f", and {len(result.findings) - 1} more" if len(result.findings) > 1 else ""
            raise UserError(f"nothing was written, since lint finds {result.findings[0]}{more}")
    templates = new.services / factory.TEMPLATES
    wrote = [factory.shown(path) for path in (*paths, *(templates / path for path in result.changed))]
    follow = _next(new)
    price = _price(new)
    if args.json:
        print(as_json({"wrote": wrote, "next": follow, "costs": price}))
        return 0
    for path in wrote:
        print(f"wrote {path}")
    print(f"\n{_told(new, price)}", file=sys.stderr)
    print("\nto do next:", file=sys.stderr)
    for line in follow:
        print(f"  {line}", file=sys.stderr)
    return 0


def _price(new: New) -> dict[str, Any]:
    """What it costs a month when nobody asks it anything, USD in us-east-1, and what the network that it needs does."""
    from ..microservices import costs, reach
    from ..microservices.declaration import Service

    service = Service(new.name, new.shape, "", "")
    parts = {part.what: round(part.month, 2) for part in costs.parts(service)}
    needs = new.network if new.shape in costs.NEEDS else None
    network = {"network": needs, "networkMonth": reach.monthly(needs) if needs else 0}
    return {"month": costs.fixed(service), "parts": parts, **network}


def _told(new: New, price: dict[str, Any]) -> str:
    parts = ", ".join(f"{what} {month:.2f}" for what, month in price["parts"].items())
    line = f"{new.name} costs nothing while nobody asks it anything"
    if parts:
        line = f"{new.name} costs {price['month']:.2f} USD a month while nobody asks it anything (us-east-1): {parts}"
    if price["network"]:
        line += f"; and network: {price['network']}, which it needs, {price['networkMonth']:.2f} for all that is in it"
    return line


def _next(new: New) -> list[str]:
    from ..microservices import factory

    folder, services, command = factory.typed(new.folder), factory.typed(new.services), places.command()
    python = "python" if places.checkout() is None else ".venv/bin/python"
    files = f"{folder}/service.yaml" if new.shape == FRONT else f"{folder}/handler.py {folder}/service.yaml"
    lines = [
        f"{python} -m pytest {folder}    # once: {python} -m pip install pytest",
        f"{command} up {folder}",
        f"$EDITOR {files} && {command} build {services}",
    ]
    if new.shape == CONTAINER:
        lines.append(f"{command} image {folder}")
    if new.shape == FRONT:
        lines.append(f"{command} new-service OTHER --shape http --in {services}    # with `behind: {new.name}`")
    if new.shape == HTTP:
        lines.append(f"{command} new-service OTHER --shape queue --in {services}")
    return lines
