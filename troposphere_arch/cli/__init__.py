"""The commands, one file each; `python build.py --help` lists them.

This module runs before anything is known to be installed, and on whatever Python the user typed: so it imports the
standard library alone, keeps to old syntax, and imports a command's file only when that command is called.
"""

import os
import sys

COMMANDS = {
    "build": "make the templates, lint them, write them (the command when none is named)",
    "list": "the templates, their versions and sizes",
    "show": "one template: parameters, outputs, resources, arrows",
    "lint": "lint any CloudFormation templates with cfn-lint and the house rules",
    "up": "deploy a template: into the embedded emulator, or into an AWS account",
    "demo": "play a user's journey against the stack in the emulator, step by step",
    "status": "the stacks that are up: template and version of each",
    "down": "delete a stack and what it retained, or everything in the emulator",
}
NEEDS = ("troposphere", "awacs", "cfnlint", "boto3")


def main(argv=None):  # type: ignore[no-untyped-def]  # annotations of today would stop an older Python here
    """Run one command. Gives the exit code: 0 done, 1 not as it should be, 2 cannot be done as asked, 130 Ctrl-C."""
    argv = list(sys.argv[1:] if argv is None else argv)
    _ensure_packages()
    from .run import run

    return run(argv)


def _ensure_packages():  # type: ignore[no-untyped-def]  # as above
    """Go on in the checkout's `.venv` when this Python lacks the packages; else say the one command to type."""
    from importlib.util import find_spec

    missing = [name for name in NEEDS if find_spec(name) is None]
    if sys.version_info >= (3, 11) and not missing:
        return
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    python = os.path.join(root, ".venv", "bin", "python")
    here = os.path.join(root, "build.py")
    if os.path.exists(python) and os.path.exists(here) and os.environ.get("TROPOSPHERE_ARCH_REEXEC") != "1":
        os.environ["TROPOSPHERE_ARCH_REEXEC"] = "1"
        sys.stdout.flush()
        os.execv(python, [python, here] + sys.argv[1:])
    what = "Python 3.11 or newer" if sys.version_info < (3, 11) else ", ".join(missing)
    how = "make -C %s" % root if os.path.exists(here) else "%s -m pip install troposphere-arch" % sys.executable
    sys.stderr.write("error: this Python lacks %s; type: %s\n" % (what, how))
    raise SystemExit(2)
