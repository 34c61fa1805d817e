"""What ours is measured against. See README.md for what the CDK app is, and what it leaves out."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Contender, NotMeasured, Run, Sample, run
from benchmarks.ours import ROOT, TEMPLATES, environment, size
from troposphere_arch.lint import REGIONS, refused_regions

CDK = Path(__file__).with_name("cdk")
# What the CLI would ask the network for, and a line of marketing: no part of the work, so the peer need not do it.
QUIET = {"CDK_DISABLE_VERSION_CHECK": "1", "CDK_DISABLE_CLI_TELEMETRY": "1", "NO_COLOR": "1"}


def templates() -> list[Path]:
    """The templates that a build lints: whole ones, and the parts that outlive their stacks."""
    return sorted([*TEMPLATES.rglob("*.template.json"), *TEMPLATES.rglob("*.retained.json")])


def cfn_lint(folder: Path) -> Run:
    """The `cfn-lint` command on the templates, with the rules of a build but for the house rules.

    In the regions of a build that no template refuses: a build lints the others in all, so the peer has less to do.
    """
    command = Path(sys.executable).with_name("cfn-lint")
    files = templates()
    refused = frozenset[str]().union(*(refused_regions(file.read_bytes()) for file in files))
    regions = [region for region in REGIONS if region not in refused]
    arguments = ["--regions", *regions, "--include-checks", "I", "--template", *map(str, files)]
    return lambda: run([command, *arguments], environment(folder), folder)


def cdk_synth(folder: Path) -> Run:
    """`cdk synth` of the equivalent app, into an empty directory each time; it validates what it makes."""
    _install()
    synth: list[str | Path] = [CDK / "node_modules" / ".bin" / "cdk", "synth", "--quiet", "--output"]
    outs = (folder / str(n) for n in itertools.count())

    def once() -> Sample:
        out = next(outs)
        sample = run([*synth, out], environment() | QUIET, CDK)
        return replace(sample, made=size(out / "todo.template.json"))

    return once


def _install() -> None:
    """`npm ci`, unless exactly that is there already."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NotMeasured(f"no {program} here")
    lock = (CDK / "package-lock.json").read_bytes()
    stamp, digest = CDK / "node_modules" / ".installed", hashlib.sha256(lock).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    try:
        run(["npm", "ci", "--no-audit", "--no-fund", "--fetch-retries", "1"], dict(os.environ), CDK)
    except NotMeasured:
        raise NotMeasured(f"`npm ci` fails in {CDK.relative_to(ROOT)}; it needs the network once") from None
    stamp.write_text(digest)


CFN_LINT = Contender("cfn-lint", cfn_lint)
CDK_SYNTH = Contender("cdk synth", cdk_synth)
