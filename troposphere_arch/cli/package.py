"""Build the Lambda layers: what functions need of third-party libraries, pinned with hashes, the same bytes everywhere.

For Lambda, or with --platform host for the emulator on this machine. `up` does this by itself; by hand it is for those
who deploy in another way, and for reading what is in a layer.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .. import layers, places
from ..errors import UserError
from .parser import directory
from .table import as_json, table


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"a layer: {', '.join(layers.NAMES)} (all)")
    parser.add_argument(
        "--platform", choices=("lambda", "host"), default="lambda", help="Lambda's, or this machine's for the emulator"
    )
    parser.add_argument("--output", metavar="DIR", type=directory, help="write the files here, not to dist/layers")
    parser.add_argument("--write", action="store_true", help="after a change of pins: record the new SHA-256")
    parser.add_argument("--json", action="store_true", help="print the layers as JSON")


def run(args: argparse.Namespace) -> int:
    """Build the layers, write them, and say what to do with them."""
    from .. import atomic
    from ..layers import builder

    unknown = sorted(set(args.names) - set(layers.NAMES))
    if unknown:
        raise UserError(f"there is no layer {unknown[0]}: there is {', '.join(layers.NAMES)}")
    platform = builder.platform(args.platform)
    if args.write and platform != builder.LAMBDA:
        raise UserError("--write records what is built for Lambda: leave --platform host out")
    folder = args.output or (places.checkout() or Path.cwd()) / "dist" / "layers"
    rows = []
    for name in dict.fromkeys(args.names or layers.NAMES):
        print(f"layer {name} for {platform}", file=sys.stderr)
        layer = builder.record(name) if args.write else builder.build(name, platform)
        file = folder / _file_name(layer.key, args.platform)
        atomic.write(file, layer.data)
        rows.append(
            {
                "layer": name,
                "platform": args.platform,
                "file": str(file),
                "key": layer.key,
                "bytes": len(layer.data),
                "unpacked": layer.unpacked,
                "sha256": layer.sha256,
                "packages": list(layer.packages),
            }
        )
    if args.json:
        print(as_json(rows))
        return 0
    for row in rows:
        print(table(["what", "value"], [[k, " ".join(v) if isinstance(v, list) else str(v)] for k, v in row.items()]))
    print("The name holds digits of a hash of pins, platform and SHA-256, not of the SHA-256 itself.")
    print("\nto do next:" if args.platform == "lambda" else "\n`up` puts these into the emulator by itself")
    for row in rows if args.platform == "lambda" else []:
        print(f"  aws s3 cp {row['file']} s3://BUCKET/{row['key']}")
    return 0


def _file_name(key: str, platform: str) -> str:
    """As in the bucket; what is for this machine says so, lest it be put into one."""
    name = key.rpartition("/")[2]
    return name if platform == "lambda" else name.replace(".zip", f"-{platform}.zip")
