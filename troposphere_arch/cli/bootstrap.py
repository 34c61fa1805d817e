"""Goes on in the checkout's virtual environment when this Python lacks what the package needs.

It runs on any Python that the user typed, old ones too, so it keeps to old syntax.
"""

import os
import sys

NEEDS = ("troposphere", "awacs", "cfnlint", "boto3", "tqdm")
# Set for the process that this one becomes, so that it cannot become itself for ever.
GUARD = "TROPOSPHERE_ARCH_REEXEC"


def ensure_packages():  # type: ignore[no-untyped-def]  # annotations of today would stop an older Python here
    """Return when all is here; else become the same command in `.venv`, or end with the one command to type."""
    missing = []
    if sys.version_info >= (3, 11):
        missing = [name for name in NEEDS if not _is_here(name)]  # type: ignore[no-untyped-call]  # as above
        if not missing:
            os.environ.pop(GUARD, None)
            return
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    python = os.path.join(root, ".venv", "bin", "python")
    script = os.path.join(root, "build.py")
    checkout = os.path.exists(script)
    if checkout and os.path.exists(python) and os.environ.get(GUARD) != "1":
        os.environ[GUARD] = "1"
        os.execv(python, [python, script] + sys.argv[1:])
    what = "Python 3.11 or newer" if sys.version_info < (3, 11) else ", ".join(missing)
    packages = "troposphere awacs cfn-lint boto3 tqdm"
    how = "make -C %s" % root if checkout else "%s -m pip install %s" % (sys.executable, packages)
    sys.stderr.write("error: this Python (%s) lacks %s; type: %s\n" % (sys.executable, what, how))
    raise SystemExit(2)


def _is_here(name):  # type: ignore[no-untyped-def]  # as above
    for folder in sys.path:
        if os.path.exists(os.path.join(folder, name, "__init__.py")):
            return True
    from importlib.util import find_spec  # knows of unusual places too, and takes longer to import than to look

    return find_spec(name) is not None
