"""Put before the code of every Python function, in its own process: names lead to the emulator, or nowhere.

`function_requests` reads it as text: it needs nothing but the standard library, and loads no more than it must.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

_HTTPS = 443
_LOOPBACK = "127.0.0.1"


class _Clear(socket.socket):
    """A connection to the emulator, to a client that believes it speaks TLS."""

    name = ""

    def getpeercert(self, binary_form: bool = False) -> Any:
        return b"" if binary_form else {"subjectAltName": (("DNS", self.name),)}

    def selected_alpn_protocol(self) -> None:
        """None was chosen."""

    def version(self) -> str:
        return "TLSv1.3"


def _keep_here(emulator: int, authorities: str = "", asker: str = "") -> None:
    """From now on `https://` asks the emulator on that port, where it knows the name; nothing leaves this machine.

    TLS with other servers of this machine takes certificates of `authorities`, when that file is there. `asker` is the
    ARN of what asks; a function knows its own.
    """
    if os.access(authorities, os.R_OK):
        os.environ.setdefault("SSL_CERT_FILE", authorities)
    look_up, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex
    function = asker or os.environ.get("_LAMBDA_FUNCTION_ARN", "")

    def patched_look_up(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        name = (host.decode() if isinstance(host, bytes) else host or "").lower().rstrip(".")
        if _is_here(name) or _is_address(name):
            return look_up(host, port, *args, **options)
        if str(port) not in (str(_HTTPS), "https") or not _is_known(name, emulator, function):
            raise socket.gaierror(socket.EAI_NONAME, f"{name}: the emulator knows no such name")
        _speak_clear(emulator)
        return look_up(_LOOPBACK, emulator, *args, **options)

    def led(sock: socket.socket, address: Any) -> Any:
        if sock.family not in (socket.AF_INET, socket.AF_INET6) or _is_here(address[0]):
            return address
        if _is_address(address[0]):
            raise OSError(errno.ENETUNREACH, f"{address[0]}: nothing leaves this machine")
        return patched_look_up(address[0], address[1], sock.family)[0][4]

    replaced: Any = socket.socket
    replaced.connect = lambda self, address: connect(self, led(self, address))
    replaced.connect_ex = lambda self, address: connect_ex(self, led(self, address))
    socket.getaddrinfo = patched_look_up


def _is_known(name: str, emulator: int, function: str) -> bool:
    import http.client

    asked = http.client.HTTPConnection(_LOOPBACK, emulator, timeout=10)
    try:
        asked.request("GET", f"/_names/{name}", headers={"X-Function": function})
        return asked.getresponse().status == 200
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        asked.close()


def _speak_clear(emulator: int) -> None:
    """What was led to the emulator is not wrapped in TLS; what goes elsewhere on this machine is."""
    import ssl

    wrap = ssl.SSLContext.wrap_socket
    if wrap.__name__ == "wrap_or_not":
        return

    def wrap_or_not(self: ssl.SSLContext, sock: socket.socket, *args: Any, **options: Any) -> Any:
        name = options.get("server_hostname") or ""
        if _is_here(name) or _is_address(name) or not _leads_to(sock, emulator):
            return wrap(self, sock, *args, **options)
        seconds = sock.gettimeout()
        clear = _Clear(sock.family, sock.type, sock.proto, sock.detach())
        clear.settimeout(seconds)
        clear.name = name
        return clear

    ssl.SSLContext.wrap_socket = wrap_or_not  # type: ignore[method-assign]


def _leads_to(sock: socket.socket, port: int) -> bool:
    try:
        return bool(sock.getpeername()[:2] == (_LOOPBACK, port))
    except OSError:
        return False


def _is_here(name: str) -> bool:
    return name in ("", "localhost", "::1") or name.startswith("127.") or name.endswith(".localhost")


def _is_address(name: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name.partition("%")[0])
        except (OSError, ValueError):
            continue
        return True
    return False
