"""What version control says of the checkout: read only, and never asked when nobody needs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ..errors import UserError


def dirty(root: Path) -> list[str]:
    """The files of the checkout that are not as committed, or not committed at all: paths below `root`.

    Raises `UserError` when git is missing, when `root` is no checkout of it, and when git was told not to look.
    """
    hidden = [line[2:] for line in _git(root, "ls-files", "-v", "-z").split(b"\0") if line and _is_hidden(line)]
    if hidden:
        raise UserError(
            f"git was told not to look at {os.fsdecode(hidden[0])}, so nobody can tell whether it is as committed: "
            "git update-index --no-assume-unchanged --no-skip-worktree FILE (git ls-files -v lists such files)"
        )
    # Paths come below the top of the repository, which need not be our root.
    prefix = _git(root, "rev-parse", "--show-prefix").strip().decode()
    # A renamed file comes as two: without rename detection it is one that is gone and one that is new.
    listing = _git(root, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", ".")
    paths = [os.fsdecode(line[3:]) for line in listing.split(b"\0") if line]
    return [path.removeprefix(prefix) for path in paths]


def _is_hidden(line: bytes) -> bool:
    """Whether `ls-files -v` tells so of a file: a small letter is assume-unchanged, S is skip-worktree."""
    return line[:1].islower() or line[:1] == b"S"


def committed(root: Path, path: str, ref: str = "HEAD") -> bytes | None:
    """The file as it is at `ref`; None when there is none. Raises `UserError` for a ref that there is not."""
    if ref.startswith("-"):
        raise UserError(f"{ref!r} is no git ref: name a branch, a tag or a commit")
    try:
        _git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    except UserError:
        raise UserError(f"git knows no {ref!r} here: name a branch, a tag or a commit that was fetched") from None
    if not _git(root, "ls-tree", "--name-only", ref, "--", f"./{path}").strip():
        return None
    return _git(root, "show", f"{ref}:./{path}")


def _git(root: Path, *arguments: str) -> bytes:
    # No locks are taken, so that nobody else at work in the checkout is in our way, nor we in theirs.
    # Nor is a program of the user's asked what has changed (fsmonitor): files are.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, stdin=subprocess.DEVNULL)  # noqa: S603
    except FileNotFoundError:
        raise UserError("git is missing, and a release is made in a checkout of it: install git") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[0].removeprefix("fatal: ") if said else f"exit code {done.returncode}"
        raise UserError(f"git {arguments[0]} says of {root}: {why}")
    return done.stdout
