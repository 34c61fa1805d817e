"""A real reverse proxy that does what a listener's forward action says: nginx, on loopback.

    client ──▶ nginx ──drawn anew for each request, by the weights──▶ one of the target groups' servers

nginx draws by the request's id, which it makes from random bytes: as an Application Load Balancer does, it keeps to the
weights on average only.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
START_SECONDS = 20
TRIES = 3


def configuration(action: Mapping[str, Any], servers: Mapping[str, int], port: int) -> str:
    """nginx's, for an action as DescribeListeners has it, and the port of the server behind each target group's ARN."""
    groups = action["ForwardConfig"]["TargetGroups"]
    weights = {group["TargetGroupArn"]: int(group["Weight"]) for group in groups if int(group["Weight"])}
    whole = sum(weights.values())
    if action["Type"] != "forward" or not whole:
        raise ValueError(f"{action} forwards nothing")
    *some, last = weights
    shares = "".join(f"    {weights[arn] * 100 / whole:.2f}% {servers[arn]};\n" for arn in some)
    return f"""\
daemon off;
worker_processes 1;
error_log stderr crit;
pid nginx.pid;
events {{ worker_connections 512; }}
http {{
  access_log off;
  {"".join(f"{kind}_temp_path .; " for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))}
  split_clients $request_id $server {{
{shares}    * {servers[last]};
  }}
  server {{
    listen {LOOPBACK}:{port};
    keepalive_requests 100000;
    location / {{ proxy_pass http://{LOOPBACK}:$server; }}
  }}
}}
"""


@contextmanager
def running(action: Mapping[str, Any], servers: Mapping[str, int], folder: Path) -> Iterator[int]:
    """The proxy; gives its port."""
    for attempt in range(TRIES):
        with socket.create_server((LOOPBACK, 0)) as free:
            port = free.getsockname()[1]
        conf = folder / f"nginx-{attempt}.conf"
        conf.write_text(configuration(action, servers, port))
        program = shutil.which("nginx") or "nginx"
        started = subprocess.Popen([program, "-p", str(folder), "-c", str(conf)], stderr=subprocess.PIPE, text=True)
        try:
            if _answers(port, started):
                yield port
                return
        finally:
            if started.poll() is None:
                os.kill(started.pid, signal.SIGTERM)
            said = started.communicate()[1]
    raise AssertionError(f"nginx did not start: {said}")


def _answers(port: int, process: subprocess.Popen[str]) -> bool:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


@contextmanager
def answering(*names: str) -> Iterator[dict[str, int]]:
    """Servers that answer each request with their name; gives their ports."""
    stop = threading.Event()
    listeners = {name: socket.create_server((LOOPBACK, 0), backlog=512) for name in names}
    for name, listener in listeners.items():
        threading.Thread(target=_answer, args=(name.encode(), listener, stop), daemon=True).start()
    try:
        yield {name: listener.getsockname()[1] for name, listener in listeners.items()}
    finally:
        stop.set()
        for listener in listeners.values():
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def _answer(name: bytes, listener: socket.socket, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(65_536)
            length = str(len(name)).encode()
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: " + length + b"\r\n\r\n" + name)


def counted(port: int, requests: int) -> Counter[str]:
    """So many requests, one after the other on one connection; how many each server answered."""
    asked = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
    found: Counter[str] = Counter()
    for _ in range(requests):
        asked.request("GET", "/v1/orders/1")
        found[asked.getresponse().read().decode()] += 1
    asked.close()
    return found
