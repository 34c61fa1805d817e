"""The process that serves a service on servers: gunicorn, over the bundle's `application`.

in a container, or as a unit of systemd   gunicorn ──2 processes, 16 threads each──▶ index:application
"""

from __future__ import annotations

# Who waits for something else has a thread and does nothing: so there are more than can work, and some for the health
# that a balancer asks for. Connections to a database are fewer; see `service_kit.database`.
WORKERS, THREADS = 2, 16
# In seconds. A balancer uses a connection again until it was idle for 60: were it closed here at that moment, the
# request would be lost. https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
KEEP_ALIVE = 75
# How long requests that are under way may take to end, once the process is told to.
GRACE = 20
# How long a process may be stuck as a whole; its threads may wait for longer.
STUCK = 40
# Of the first line of a request: as long as gunicorn takes at all; API Gateway takes as much with its headers.
LINE = 8190


def arguments(port: int | str) -> list[str]:
    """The command line, in a directory with `index.py`; it needs the variable HEALTH.

    What it writes are its log, and where nothing else may be written a mark in memory that it is alive. It believes no
    header that says where a request came from, or by which scheme.
    https://gunicorn.org/reference/settings/
    """
    return [
        "gunicorn",
        f"--bind=0.0.0.0:{port}",
        f"--workers={WORKERS}",
        f"--threads={THREADS}",
        f"--timeout={STUCK}",
        f"--graceful-timeout={GRACE}",
        f"--keep-alive={KEEP_ALIVE}",
        f"--limit-request-line={LINE}",
        "--forwarded-allow-ips=",
        "--worker-tmp-dir=/dev/shm",  # in memory, and of the container alone
        "--no-control-socket",
        "index:application",
    ]


def requirements(*, database: bool) -> tuple[str, ...]:
    """The distributions that the process needs besides Python."""
    return ("boto3", "gunicorn", *(("pg8000",) if database else ()))
