"""What becomes of the templates of public repositories: how many are read, and why the others are not.

    git clones ──every file that looks like a template──▶ read, or one line ──▶ a table in Markdown

`python -m tests.diff.survey CLONE...` prints it, of the commit that each clone is at; `survey.md` is one such
table. The files themselves are not part of this project.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from troposphere_arch.diff.checking import check
from troposphere_arch.diff.parsing import parse
from troposphere_arch.errors import UserError

KINDS = ("read", "macro", "names nothing", "other")
_NAMES = re.compile(r"\.(?:ya?ml|json|template|cform|cfn)$")
_LOOKS = re.compile(rb'AWSTemplateFormatVersion|^Resources:\s*$|"Resources"\s*:\s*\{', re.MULTILINE)


def outcome(data: bytes) -> tuple[str, str]:
    """What becomes of a template: one of `KINDS`, and the line that refuses it."""
    try:
        check(parse(data, "it"), "it")
    except UserError as error:
        said = str(error)
        assert said and said.isprintable(), said
        kinds = {"processed template": "macro", "Rain::": "macro", "the template has no ": "names nothing"}
        return next((kind for words, kind in kinds.items() if words in said), "other"), said
    return "read", ""


def looks_like_a_template(path: str, data: bytes) -> bool:
    """Whether a file has the name and the words of a template."""
    return bool(_NAMES.search(path) and _LOOKS.search(data))


def templates(clone: Path) -> Iterator[tuple[str, bytes]]:
    """The files at a clone's commit that look like templates, by path; the same bytes once."""
    seen = set()
    for entry in _git(clone, "ls-tree", "-r", "-z", "HEAD").split(b"\0"):
        meta, _, path = entry.partition(b"\t")
        name = path.decode(errors="replace")
        if not _NAMES.search(name) or meta.split()[2] in seen:
            continue
        seen.add(meta.split()[2])
        data = _git(clone, "cat-file", "blob", meta.split()[2].decode(), missing=b"")
        if looks_like_a_template(name, data):
            yield name, data


def table(clones: list[Path]) -> str:
    """The survey of these clones, in Markdown, and the lines that refuse templates, but those that say: a macro."""
    rows, refusals, total = [], [], Counter[str]()
    known: set[bytes] = set()
    for clone in clones:
        counted = Counter[str]()
        for path, data in templates(clone):
            if data in known:
                continue
            known.add(data)
            kind, said = outcome(data)
            counted[kind] += 1
            refusals += [f"- `{_name(clone)}` `{path}`: {said}"] if kind in ("names nothing", "other") else []
        if not counted:
            continue
        commit = _git(clone, "rev-parse", "--short=12", "HEAD").decode().strip()
        rows.append(f"| {_name(clone)} | {commit} | {_cells(counted)} |")
        total += counted
    head = f"| repository | commit | templates | {' | '.join(KINDS)} |\n|---|---|{'---|' * (1 + len(KINDS))}\n"
    return head + "\n".join([*rows, f"| all | | {_cells(total)} |", "", *refusals]) + "\n"


def _cells(counted: Counter[str]) -> str:
    return " | ".join(str(n) for n in (counted.total(), *(counted[kind] for kind in KINDS)))


def _name(clone: Path) -> str:
    """`owner/name`, of a folder `owner+name` or `owner/name`, with or without a git folder in it."""
    parts = [part for part in clone.parts if part not in (".git", "repo")]
    return parts[-1].replace("+", "/") if "+" in parts[-1] else "/".join(parts[-2:])


def _git(clone: Path, *arguments: str, missing: bytes | None = None) -> bytes:
    done = subprocess.run(["git", "--git-dir", str(clone), *arguments], capture_output=True)
    if done.returncode and missing is None:
        raise SystemExit(f"{clone}: {done.stderr.decode().strip()}")
    return done.stdout if not done.returncode else missing or b""


if __name__ == "__main__":
    print(table([Path(argument) for argument in sys.argv[1:]]), end="")
