"""Begin a service: a folder with its declaration, code that does something, a test and a page, and its template.

The first service of a folder begins the system, too: it writes the platform.yaml that all services share.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .. import places
from ..errors import UserError
from ..microservices.declaration import HTTP, SHAPES
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
    if args.json:
        print(as_json({"wrote": wrote, "next": follow}))
        return 0
    for path in wrote:
        print(f"wrote {path}")
    print("\nto do next:", file=sys.stderr)
    for line in follow:
        print(f"  {line}", file=sys.stderr)
    return 0


def _next(new: New) -> list[str]:
    from ..microservices import factory

    folder, services, command = factory.typed(new.folder), factory.typed(new.services), places.command()
    python = "python" if places.checkout() is None else ".venv/bin/python"
    lines = [
        f"{python} -m pytest {folder}    # once: {python} -m pip install pytest",
        f"{command} up {folder}",
        f"$EDITOR {folder}/handler.py {folder}/service.yaml && {command} build {services}",
    ]
    if new.shape == HTTP:
        lines.append(f"{command} new-service OTHER --shape queue --in {services}")
    return lines
