"""Write what the image of a container service is built from, and say how to build, push and run it.

Its Dockerfile, its code as one file, its packages pinned by hashes: into --into, or dist/images/<stack>.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .. import places
from .parser import directory
from .table import as_json


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="FOLDER", type=directory, help="the folder of a container service")
    parser.add_argument("--into", metavar="DIR", type=directory, help="an empty folder, or one written before")
    parser.add_argument("--tag", metavar="T", default="", help="of the image, not the one by its version and contents")
    parser.add_argument("--region", metavar="R", default="", help="of the stack, as the lines to type shall say it")
    parser.add_argument("--profile", metavar="P", default="", help="of your AWS configuration, in these lines as well")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(args: argparse.Namespace) -> int:
    """Write it, and say what to do next."""
    from ..microservices import factory, image

    made = image.context(factory.place(args.folder), args.tag)
    into = args.into or (places.checkout() or Path.cwd()) / "dist" / "images" / made.stack
    wrote = [factory.shown(path) for path in image.write(made, into)]
    follow = image.follow(made, into, args.region, args.profile)
    if args.json:
        print(as_json({"tag": made.tag, "wrote": wrote, "next": follow}))
        return 0
    for path in wrote:
        print(f"wrote {path}")
    print("\nto do next, once the stack is there:", file=sys.stderr)
    for line in follow:
        print(f"  {line}", file=sys.stderr)
    return 0
