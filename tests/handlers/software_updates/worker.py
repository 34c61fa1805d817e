"""Runs a handler in processes of their own, which are killed, or run out of room, at a chosen operation on files.

    python -m tests.handlers.software_updates.worker publish_release.py    (JSON lines in, JSON lines out)

A line is a list of runs that begin at the same time. The handler is loaded once, and each run is a fork of that. What
happens in a run is told by a profile function (`sys.setprofile`), which Python calls before each function that is
written in C: so the handler is the one that is deployed, byte by byte. It is killed with SIGKILL, or the operation
fails with an error of the kernel that the test names.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import resource
import signal
import sys
import types
from typing import Any

# Each asks the kernel to change, or to look at, files. `write` and `flush` are those of an open file.
OPERATIONS = {
    *("chmod", "fchmod", "fsync", "ftruncate", "listdir", "lockf", "mkdir", "open", "rename", "replace", "rmdir"),
    *("scandir", "stat", "unlink", "utime", "write", "flush"),
}
# The standard library's modules by which the handler gets to them.
MODULES = ("pathlib.py", "_local.py", "shutil.py")


def main() -> None:
    spec = importlib.util.spec_from_file_location("index", sys.argv[1])
    assert spec and spec.loader
    index = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(index)
    for line in sys.stdin:
        children = []
        for run in json.loads(line):
            out, into = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(out)
                _run(index, run, into)
            os.close(into)
            children.append((pid, out))
        told = []
        for pid, out in children:
            with os.fdopen(out, "rb") as pipe:
                said = pipe.read()
            _, status = os.waitpid(pid, 0)
            told.append({"killed": os.WIFSIGNALED(status), **json.loads(said or b"{}")})
        print(json.dumps(told), flush=True)


def _run(index: types.ModuleType, run: dict[str, Any], into: int) -> None:
    """One run; `run` has event, and perhaps at (the n-th operation), errno, remaining (ms), umask, most (file size)."""
    operations: list[str] = []

    def watch(frame: types.FrameType, kind: str, called: Any) -> None:
        if kind != "c_call" or called.__name__ not in OPERATIONS or isinstance(called.__self__, str):
            return
        file = frame.f_code.co_filename
        if file != index.__file__ and os.path.basename(file) not in MODULES:  # noqa: PTH119
            return
        operations.append(called.__name__)
        if len(operations) == run.get("at"):
            if "errno" in run:
                raise OSError(run["errno"], os.strerror(run["errno"]))
            os.kill(os.getpid(), signal.SIGKILL)

    told: dict[str, Any] = {}
    log = io.StringIO()
    context = types.SimpleNamespace(
        aws_request_id="r", get_remaining_time_in_millis=lambda: run.get("remaining", 60_000)
    )
    os.umask(run.get("umask", 0o077))
    if "most" in run:
        resource.setrlimit(resource.RLIMIT_FSIZE, (run["most"], run["most"]))
    with contextlib.redirect_stdout(log):
        sys.setprofile(watch)
        try:
            told["answer"] = index.handler(run["event"], context)
        except Exception as error:
            told["error"] = str(error)
        finally:
            sys.setprofile(None)
    told["log"] = [json.loads(line) for line in log.getvalue().splitlines()]
    told["operations"] = operations
    os.write(into, json.dumps(told).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
