"""Runs a command, and writes to a file how long it took, its peak memory and its exit code.

    python -I -S stopwatch.py RESULT COMMAND...

A process of its own, and as small as can be: the kernel counts the memory of whoever starts a process as that
process's, so the harness, which is larger than `python -c pass`, must not be the one that starts what is measured.
"""

import os
import sys
import time

result, command = sys.argv[1], sys.argv[2:]
start = time.perf_counter()
pid = os.posix_spawn(command[0], command, os.environ)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - start
with open(result, "w") as f:  # noqa: PTH123  # pathlib is most of what this process would load
    f.write("%r %d %d" % (seconds, usage.ru_maxrss, os.waitstatus_to_exitcode(status)))  # noqa: UP031
