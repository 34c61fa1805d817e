"""Lint any CloudFormation templates, JSON or YAML, with cfn-lint (informational rules on) and the house rules."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import lint, places
from .table import as_json


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="a template")
    parser.add_argument("--region", action="append", metavar="R", help=f"instead of {', '.join(lint.REGIONS)}")
    parser.add_argument("--no-house-rules", action="store_true", help="cfn-lint's own rules only")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the findings. Gives 1 when there are any."""
    from dataclasses import asdict

    regions = tuple(args.region or lint.REGIONS)
    findings = lint.lint(args.files, regions=regions, house=not args.no_house_rules, cache=places.cache() / "lint")
    if args.json:
        print(as_json([asdict(f) for f in findings]))
        return int(bool(findings))
    for f in findings:
        print(f)
    print(f"{len(args.files)} templates, {len(findings)} findings, regions {', '.join(regions)}")
    return int(bool(findings))
