"""A real HTTP cache with the cache policies of a distribution: nginx, on loopback, with a clock of its own.

    viewer ──▶ front: behaviours, key, cache ──▶ (shield: cache) ──▶ back: how long, in the policy's limits ──▶ origin

The front is what CloudFront documents, as far as nginx goes; edge.js, run by nginx's JavaScript module, has the rest.
Where they differ it is to the disadvantage of what is measured here:

- An answer is kept up to a second less than it may be, and one that may be kept for a single second is not kept.
- Requests at the same time are collapsed while nothing is cached yet; for what has expired, each that may not be
  answered with the old one goes to the origin.
- An old answer in place of a 5xx, CloudFront gives for ErrorCachingMinTTL before it asks again; here each asks. Where
  there is one that is too old for that, the 5xx becomes a 502 that is not kept.
- A request for part of a file brings the whole of it; or, in slices, each slice that it touches, and then a request for
  the whole is one to the origin for each slice, where CloudFront asks once.
- There is one layer of caches, no regional one behind it, but for the origin shield, if the template has that. Each
  port of the front is an edge location of its own; each layer counts the seconds anew.
- What a writer says in If-Match does not get to the origin, where answers to readers are kept.

And this to its advantage: nothing is thrown out for room, which CloudFront may do with what is seldom asked for. An
old answer in place of a 5xx is given for `stale-if-error`, no longer than MaxTTL; where that is not said, for ever.
Errors are kept as AWS says: the longer of what the origin says and ErrorCachingMinTTL, the latter too for a 500, 502,
503 or 504 that says `no-store`; a 404, 410, 414 or 501 that says `no-store`, `no-cache` or `private` is not kept:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html.
Custom error pages, TLS and compression are not the cache's: the origin (the emulator's CloudFront) has the first, and
the others are left out.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.edge.distribution import EVERYTHING, Behaviour, Distribution, Names, Values

LOOPBACK = "127.0.0.1"
PACKAGES = "nginx libnginx-mod-http-js libfaketime"
"""Debian's names of what a cache needs."""
SCRIPT = Path(__file__).with_name("edge.js")
# Where Debian's packages put them, and where others do.
MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/lib/nginx/modules")
CLOCKS = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")
CLOCK_VARIABLES = ("FAKETIME_TIMESTAMP_FILE", "FAKETIME_NO_CACHE", "FAKETIME_DONT_FAKE_MONOTONIC", "NO_FAKE_STAT")
# What a viewer's request has to tell the origin whatever the policies say; the second where nothing is cached, since
# the cache has conditions of its own.
CONTENT = ("Content-Type",)
CONDITIONS = ("If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range")
# What nginx or edge.js writes, so that no list of names may write it a second time.
WRITTEN = {"accept-encoding", "authorization", "connection", "content-length", "cookie", "host", "user-agent"}
NEVER_SENT_ON = ("Proxy-Authorization", "Proxy-Connection", "TE", "Upgrade", "X-Real-IP", "X-HTTP-Method-Override")
ZONES = ("edge", "shield")
# nginx heeds the number in stale-if-error only where it gets no answer at all. So whoever has an old answer gets none
# in place of a 5xx.
CLOSES = """\
            proxy_intercept_errors on;
            if ($http_x_edge_had = EXPIRED) { error_page 500 502 503 504 = @gone; }"""
GONE = "        location @gone { return 444; }"
DAY = 24 * 60 * 60
START_SECONDS = 20
TRIES = 3


class NoCache(Exception):
    """Why there is no cache here: what has to be installed, or what nginx said."""


@dataclass(frozen=True)
class Origin:
    """Where an origin is on this machine, and the name that it is asked by."""

    port: int
    host: str


@dataclass
class Edge:
    """A cache that runs. Its clock stands still until it is told to go on."""

    ports: tuple[int, ...]
    folder: Path
    host: str
    now: float = field(default=0.0)

    def set_clock(self, now: float) -> None:
        """Let it be `now` seconds since 1970, as far as the cache knows."""
        self.now = now
        told = self.folder / "clock.new"
        # The library reads no other form.
        told.write_text(datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S.%f") + "\n")
        told.replace(self.folder / "clock")

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass, as far as the cache knows."""
        self.set_clock(self.now + seconds)

    def origin_log(self) -> list[tuple[str, str, int, int]]:
        """Each request that reached an origin and was answered: method, address, status, bytes of the answer."""
        text = (self.folder / "origin.log").read_text()
        rows = (line.split("\t") for line in text.splitlines())
        return [(method, address, int(status), int(size or 0)) for method, address, status, size in rows]


def missing() -> list[str]:
    """What is not installed that a cache needs."""
    found = {"nginx": program(), "the JavaScript module of nginx": _module(), "libfaketime": _clock()}
    return [name for name, path in found.items() if not path]


@contextmanager
def running(
    said: Distribution,
    origins: Mapping[str, Origin],
    folder: Path,
    *,
    host: str,
    locations: int = 1,
    caching: bool = True,
    slices: int = 0,
) -> Iterator[Edge]:
    """A cache before these origins, for so many edge locations, each with a port and a cache of its own.

    `host` is the one name that it answers to. Without `caching` every request goes to its origin, by the same way.
    What is kept for a day at least is fetched in `slices` of so many bytes, or whole.
    Raises NoCache when it cannot be.
    """
    if lacking := missing():
        raise NoCache(f"no {' and no '.join(lacking)} here: apt-get install {PACKAGES}")
    for name in (*ZONES, "temporary"):
        (folder / name).mkdir()
    (folder / "edge.js").write_text(SCRIPT.read_text())
    (folder / "settings.js").write_text(settings(said))
    for left in reversed(range(TRIES)):
        edge = Edge(free_ports(locations), folder, host)
        edge.set_clock(float(int(time.time())))
        (folder / "nginx.conf").write_text(configuration(said, origins, edge, caching=caching, slices=slices))
        process = _started(folder)
        try:
            _await(process, edge)
        except NoCache:
            # Somebody else may have taken a port in between.
            _end(process)
            if not left:
                raise
            continue
        try:
            yield edge
        finally:
            _end(process)
        return


def _started(folder: Path) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "TZ": "UTC",
        "LD_PRELOAD": _clock(),
        "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
        "FAKETIME_NO_CACHE": "1",
        # Time-outs go by the real clock.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    command = [program(), "-p", str(folder), "-c", "nginx.conf", "-e", str(folder / "error.log")]
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await(process: subprocess.Popen[bytes], edge: Edge) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            said = (edge.folder / "output").read_text() + _text(edge.folder / "error.log")
            raise NoCache(f"nginx ended at once: {said.strip().splitlines()[-1:]}")
        try:
            socket.create_connection((LOOPBACK, edge.ports[-1]), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise NoCache("nginx did not start in time")


def settings(said: Distribution) -> str:
    """settings.js: the distribution as edge.js reads it, with the code of viewer functions."""
    lines, behaviours = [], []
    for number, one in enumerate(said.behaviours):
        plain = json.dumps(_plain(one) | {"isBucket": one.origin in said.buckets})
        if one.viewer_function:
            lines.append(f"const rewrite{number} = (function () {{\n{one.viewer_function}\nreturn handler;\n}})();")
            event = "{request: {method: 'GET', uri: uri, querystring: {}, headers: {}, cookies: {}}}"
            plain = f"Object.assign({plain}, {{rewrite: function (uri) {{ return rewrite{number}({event}).uri; }}}})"
        behaviours.append(plain)
    errors = {str(code): seconds for code, seconds in said.error_seconds.items()}
    lines.append(f"const behaviours = [{', '.join(behaviours)}];")
    lines.append(f"export default {{behaviours, root: {json.dumps(said.root)}, errors: {json.dumps(errors)}}};")
    return "\n".join([*lines, ""])


def _plain(one: Behaviour) -> dict[str, object]:
    key, sent_on = one.policy.key, one.sent_on

    def names(values: Names) -> dict[str, object]:
        return {"which": values.which, "names": values.names}

    def values(three: Values) -> dict[str, object]:
        return {"cookies": names(three.cookies), "queries": names(three.queries)}

    in_key = "authorization" in {name.lower() for name in key.headers.names}
    return {
        "key": values(key),
        "sentOn": values(sent_on),
        "keyHeaders": [name.lower() for name in key.headers.names],
        "authorizationOnReads": in_key or sent_on.headers.which in ("all", "allExcept"),
        "gzip": one.policy.gzip,
        "brotli": one.policy.brotli,
        "least": one.policy.least,
        "default": one.policy.default,
        "most": one.policy.most,
    }


def configuration(
    said: Distribution, origins: Mapping[str, Origin], edge: Edge, *, caching: bool = True, slices: int = 0
) -> str:
    """nginx.conf."""
    listen = "\n".join(f"        listen {LOOPBACK}:{port};" for port in edge.ports)
    unknown = "\n".join(f"        listen {LOOPBACK}:{port} default_server;" for port in edge.ports)
    numbered = list(enumerate(said.behaviours))
    fronts = "\n".join(_front(n, one, said, origins[one.origin], caching, slices) for n, one in numbered)
    shielded = [(n, one) for n, one in numbered if one.origin in said.shielded and caching and one.policy.most > 0]
    shields = "\n".join(_shield(n, one, edge.folder, slices) for n, one in shielded)
    backs = "\n".join(_back(n, origins[one.origin], edge.folder) for n, one in numbered)
    user = f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
    return f"""\
load_module {_module()};
{user}
daemon off;
# nginx forgets its environment, but for what it is told to keep.
{"".join(f"env {name}; " for name in CLOCK_VARIABLES)}
worker_processes 1;
pid {edge.folder}/pid;
error_log {edge.folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    js_path {edge.folder};
    js_import edge from edge.js;
    js_set $edge_authorization edge.authorizationSentOn;
    js_set $edge_cookie edge.cookieSentOn;
    js_set $edge_encoding edge.encodingSentOn;
    js_set $edge_kept edge.kept;
    js_set $edge_key edge.key;
    js_set $edge_target edge.target;
    # A GET with a body is refused, as CloudFront does.
    map "$request_method $http_content_length$http_transfer_encoding" $edge_fat {{
        default 0;
        "~^(GET|HEAD) 0*$" 0;
        "~^(GET|HEAD) " 1;
    }}
    log_format origin "$request_method\\t$request_uri\\t$status\\t$upstream_response_length";
    access_log off;
    sendfile on;
    {"".join(f"{_zone(edge.folder, name)} " for name in ZONES)}
    {"".join(f"{name}_temp_path {edge.folder}/temporary/{name}; " for name in ("client_body", "proxy", "fastcgi"))}
    {"".join(f"{name}_temp_path {edge.folder}/temporary/{name}; " for name in ("uwsgi", "scgi"))}
    proxy_http_version 1.1;
    proxy_buffers 16 64k;
    proxy_buffer_size 64k;
    proxy_busy_buffers_size 128k;
    proxy_read_timeout 30s;
    proxy_next_upstream off;
    client_max_body_size 0;
    large_client_header_buffers 4 20k;
    merge_slashes off;
    underscores_in_headers on;
    server_tokens off;

    server {{
{unknown}
        return 403;
    }}
    server {{
{listen}
        server_name {edge.host};
        if ($edge_fat) {{ return 403; }}
{fronts}
    }}
{shields}
{backs}
}}
"""


def _front(number: int, one: Behaviour, said: Distribution, origin: Origin, caching: bool, slices: int) -> str:
    caches = caching and one.policy.most > 0
    where = "/" if one.pattern == EVERYTHING else f'~ "{path_pattern(one.pattern)}"'
    sent = "\n".join(
        f"            proxy_set_header {name} {value};" for name, value in _sent_on(one, said, origin, caches)
    )
    cookies = _which(one, "cookies") != {"none"}
    behind = f"shield{number}" if caches and one.origin in said.shielded else f"back{number}"
    return f"""\
        location {where} {{
            set $behaviour {number};
            if ($request_method !~ "^({"|".join(one.methods)})$") {{ return 403; }}
            proxy_pass http://{behind}$edge_target;
            proxy_pass_request_headers {"on" if _which(one, "headers") & {"all", "allExcept"} else "off"};
{sent}
{_cache(one, "edge", slices) if caches else ""}\
            proxy_hide_header Cache-Control;
            proxy_hide_header X-Edge-Cache-Control;
            proxy_hide_header X-Cache;
            {"" if cookies else "proxy_hide_header Set-Cookie;"}
            add_header Cache-Control $upstream_http_x_edge_cache_control always;
            add_header X-Cache $upstream_cache_status always;
        }}"""


def _cache(one: Behaviour, zone: str, slices: int) -> str:
    """What makes a location a cache of this zone."""
    sliced = slices > 0 and one.policy.least >= DAY
    in_slices = f"""\
            slice {slices};
            proxy_set_header Range $slice_range;
"""
    return f"""\
            proxy_cache {zone};
            proxy_cache_key "$edge_key{" $slice_range" if sliced else ""}";
            proxy_cache_methods GET HEAD;
            proxy_cache_revalidate on;
            proxy_cache_background_update on;
            proxy_set_header X-Edge-Had $upstream_cache_status;
            proxy_cache_lock {"off" if _which(one, "cookies") != {"none"} else "on"};
            proxy_cache_lock_timeout 30s;
            proxy_cache_lock_age 30s;
            # CloudFront heeds neither when it decides whether to keep an answer.
            proxy_ignore_headers Set-Cookie Vary Expires;
{in_slices if sliced else ""}"""


def _shield(number: int, one: Behaviour, folder: Path, slices: int) -> str:
    """One more cache, which all edge locations ask. It sends on what it is sent, and gives what it has as it got it."""
    return f"""\
    upstream shield{number} {{ server unix:{folder}/shield{number}; keepalive 16; }}
    server {{
        listen unix:{folder}/shield{number};
        location / {{
            set $behaviour {number};
            proxy_pass http://back{number};
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
{_cache(one, "shield", slices)}\
{CLOSES}
        }}
{GONE}
    }}"""


def _back(number: int, origin: Origin, folder: Path) -> str:
    return f"""\
    upstream back{number} {{ server unix:{folder}/back{number}; keepalive 16; }}
    upstream origin{number} {{ server {LOOPBACK}:{origin.port}; keepalive 16; }}
    server {{
        listen unix:{folder}/back{number};
        access_log {folder}/origin.log origin;
        location / {{
            set $behaviour {number};
            proxy_pass http://origin{number};
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_set_header X-Edge-Had "";
            proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
            proxy_hide_header Cache-Control;
            proxy_hide_header X-Edge-Cache-Control;
            add_header Cache-Control $edge_kept always;
            add_header X-Edge-Cache-Control $upstream_http_cache_control always;
{CLOSES}
        }}
{GONE}
    }}"""


def _sent_on(one: Behaviour, said: Distribution, origin: Origin, caching: bool) -> list[tuple[str, str]]:
    """The headers of a request to the origin, and their values. What is empty is not sent."""
    both = (one.policy.key.headers, one.sent_on.headers)
    asked = {name.lower() for names in both if names.which == "whitelist" for name in names.names}
    without = {name.lower() for names in both if names.which == "allExcept" for name in names.names}
    every = bool(_which(one, "headers") & {"all", "allExcept"})
    own = {name.lower() for name in said.origin_headers.get(one.origin, ())}

    def viewers(name: str) -> bool:
        return name in asked or (every and name not in without)

    conditions = {name.lower() for name in CONDITIONS}
    named = {*asked, *(name.lower() for name in CONTENT)} - WRITTEN - own - conditions
    named |= set() if caching else conditions
    return [
        ("Host", "$http_host" if viewers("host") else origin.host),
        ("User-Agent", "$http_user_agent" if viewers("user-agent") else '"Amazon CloudFront"'),
        ("Connection", '""'),
        ("Accept-Encoding", "$edge_encoding"),
        ("Authorization", "$edge_authorization"),
        ("Cookie", "$edge_cookie"),
        ("X-Forwarded-For", "$proxy_add_x_forwarded_for"),
        ("X-Forwarded-Proto", "https"),
        *((name, '""') for name in (*NEVER_SENT_ON, *sorted(without - WRITTEN - asked))),
        # What only the edge knows; no viewer's value gets through.
        *((name, "of-the-edge") for name in sorted(own)),
        *((name, f"$http_{name.replace('-', '_')}") for name in sorted(named)),
    ]


def _which(one: Behaviour, kind: str) -> set[str]:
    return {getattr(values, kind).which for values in (one.policy.key, one.sent_on)}


def path_pattern(pattern: str) -> str:
    """A regular expression for the addresses of a path pattern: `*` is any text, `?` one character, case counts.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html
    """
    whole = pattern if pattern.startswith(("/", "*")) else f"/{pattern}"
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in whole)
    return f"^{''.join(parts)}$".replace("\\", "\\\\").replace('"', '\\"')


def _zone(folder: Path, name: str) -> str:
    kept = "inactive=3650d max_size=4g use_temp_path=off"
    return f"proxy_cache_path {folder}/{name} levels=1:2 keys_zone={name}:32m {kept};"


def free_ports(number: int) -> tuple[int, ...]:
    """Ports that nobody has, each another."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return tuple(one.getsockname()[1] for one in sockets)
    finally:
        for one in sockets:
            one.close()


def program() -> str:
    """The program; Debian keeps it where ordinary users do not look."""
    return (
        shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])) or ""
    )


def _module() -> str:
    return next((str(p) for folder in MODULES for p in Path(folder).glob("ngx_http_js_module.so")), "")


def _clock() -> str:
    return next((str(p) for pattern in CLOCKS for p in Path("/").glob(pattern.lstrip("/"))), "")


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
