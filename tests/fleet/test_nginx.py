"""Our configuration of nginx, run by the real one: what it serves, how, and what it never does."""

from __future__ import annotations

import itertools
import json
import os
import re
import threading
from pathlib import Path

import pytest

from tests.evidence import shows
from tests.fleet.client import Request, ask, errors_of
from tests.fleet.conftest import ARCHIVE, MANIFEST, PUBLISHED, lay_out
from tests.fleet.user_data import user_data
from tests.system import needs
from troposphere_arch.local import fleet

pytestmark = needs("nginx")

APP = "/releases/1.4.0/app.tar.gz"
YEAR = "public, max-age=31536000, immutable"
FEW_SECONDS = "public, max-age=5, stale-if-error=86400"
WHEN = "Tue, 14 Nov 2023 22:13:20 GMT"  # PUBLISHED
TAG = f'"{PUBLISHED:x}-{len(ARCHIVE):x}"'


# --- what is served


@shows("REQ-U1", "REQ-U8", how="real")
@pytest.mark.parametrize(
    ("path", "body", "kind", "lifetime"),
    [
        ("/latest.json", MANIFEST, "application/json", FEW_SECONDS),
        (APP, ARCHIVE, "application/octet-stream", YEAR),
        ("/releases/1.4.0/release.json", MANIFEST, "application/json", YEAR),
        ("/releases/1.4.0/app+extra_1.0.zip", b"extra", "application/octet-stream", YEAR),
        ("/releases/1.4.0/app%2Bextra_1.0.zip", b"extra", "application/octet-stream", YEAR),
        ("/releases/1.5.0-rc.1/app.tar.gz", ARCHIVE, "application/octet-stream", YEAR),
        (f"{APP}?at=once&x=%61//", ARCHIVE, "application/octet-stream", YEAR),
        ("/health", b"ok\n", "text/plain", "no-store"),
    ],
)
def test_what_is_served(instance: fleet.Instance, path: str, body: bytes, kind: str, lifetime: str) -> None:
    answer = ask(instance.port, path, headers={"Accept-Encoding": "gzip, br"})

    assert (answer.status, answer.body, answer["Content-Type"]) == (200, body, kind)
    assert (answer["Cache-Control"], answer["X-Content-Type-Options"]) == (lifetime, "nosniff")
    assert answer["Content-Encoding"] is None
    assert answer["Server"] == "nginx"
    head = ask(instance.port, path, "HEAD")
    assert (head.status, head.body, head["Content-Length"]) == (200, b"", str(len(body)))


@shows("REQ-U1", "REQ-U4", how="real")
def test_ten_thousand_requests_at_a_time_of_fifty(instance: fleet.Instance) -> None:
    none: frozenset[bytes] = frozenset([b""])
    missing = frozenset([ask(instance.port, "/releases/9.9.9/app.tar.gz").body])
    kinds = [
        Request("/latest.json", 200, frozenset([MANIFEST])),
        Request("/latest.json", 304, none, headers=f"If-Modified-Since: {WHEN}\r\n"),
        Request(APP, 206, frozenset([ARCHIVE[1000:3000]]), headers="Range: bytes=1000-2999\r\n"),
        Request(APP, 304, none, headers=f"If-None-Match: {TAG}\r\n"),
        Request(APP, 200, none, "HEAD"),
        Request("/releases/1.4.0/app+extra_1.0.zip", 200, frozenset([b"extra"])),
        Request("/releases/9.9.9/app.tar.gz", 404, missing),
        Request("/health", 200, frozenset([b"ok\n"])),
        Request("/releases/1.5.0-rc.1/app.tar.gz", 200, frozenset([ARCHIVE])),
        Request("/latest.json", 200, frozenset([MANIFEST])),
    ]
    requests = list(itertools.islice(itertools.cycle(kinds), 10_000))

    assert errors_of(instance.port, requests, 50) == []


# --- again, and in parts


@shows("REQ-U4", "REQ-U8", how="real")
def test_two_instances_name_a_file_alike(instance: fleet.Instance, tmp_path: Path) -> None:
    lay_out(tmp_path)

    with fleet.booted(user_data(), tmp_path) as other:
        for path in ("/latest.json", APP):
            one, two = ask(instance.port, path), ask(other.port, path)
            assert one["ETag"] == two["ETag"]
            assert one["ETag"] and one["ETag"].startswith(f'"{PUBLISHED:x}-')
            assert one["Last-Modified"] == two["Last-Modified"] == WHEN


@shows("REQ-U8", how="real")
@pytest.mark.parametrize("path", ["/latest.json", APP])
@pytest.mark.parametrize("condition", ["If-None-Match", "If-Modified-Since"])
def test_what_a_device_has_is_not_sent_again(instance: fleet.Instance, path: str, condition: str) -> None:
    first = ask(instance.port, path)
    value = first["ETag"] if condition == "If-None-Match" else first["Last-Modified"]

    again = ask(instance.port, path, headers={condition: str(value)})

    assert (again.status, again.body) == (304, b"")
    assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], first["Cache-Control"])
    assert ask(instance.port, path, headers={"If-None-Match": '"another"'}).status == 200
    assert ask(instance.port, path, headers={"If-Match": '"another"'}).status == 412


@shows("REQ-U1", how="real")
@pytest.mark.parametrize(
    ("wanted", "part", "said"),
    [
        ("bytes=0-0", ARCHIVE[:1], f"bytes 0-0/{len(ARCHIVE)}"),
        ("bytes=1000-1999", ARCHIVE[1000:2000], f"bytes 1000-1999/{len(ARCHIVE)}"),
        ("bytes=131000-", ARCHIVE[131000:], f"bytes 131000-131071/{len(ARCHIVE)}"),
        ("bytes=-72", ARCHIVE[-72:], f"bytes 131000-131071/{len(ARCHIVE)}"),
        ("bytes=131000-999999", ARCHIVE[131000:], f"bytes 131000-131071/{len(ARCHIVE)}"),
    ],
)
def test_a_part(instance: fleet.Instance, wanted: str, part: bytes, said: str) -> None:
    assert ask(instance.port, APP)["Accept-Ranges"] == "bytes"

    answer = ask(instance.port, APP, headers={"Range": wanted})

    assert (answer.status, answer.body, answer["Content-Range"]) == (206, part, said)
    assert answer["ETag"] == TAG


@shows("REQ-U1", how="real")
def test_several_parts(instance: fleet.Instance) -> None:
    answer = ask(instance.port, APP, headers={"Range": "bytes=0-9,1000-1009"})

    assert answer.status == 206
    boundary = b"--" + str(answer.headers.get_param("boundary")).encode()
    bodies = [part.partition(b"\r\n\r\n") for part in answer.body.split(b"\r\n" + boundary)[1:-1]]
    assert [body for _, _, body in bodies] == [ARCHIVE[:10], ARCHIVE[1000:1010]]
    assert b"Content-Range: bytes 1000-1009/131072" in bodies[1][0]


@shows("REQ-U1", how="real")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Range": TAG}, 206),
        ({"If-Range": WHEN}, 206),
        ({"If-Range": '"of-another-file"'}, 200),
        ({"If-Range": "Tue, 14 Nov 2023 22:13:21 GMT"}, 200),
        # A hundred parts cost more than the whole.
        ({"Range": "bytes=" + ",".join(f"{n}-{n}" for n in range(100))}, 200),
        ({"Range": "lines=1-2"}, 200),
        ({"Range": f"bytes={len(ARCHIVE)}-"}, 416),
        ({"Range": "bytes=8-5"}, 416),
        ({"Range": "bytes=-0"}, 416),
    ],
    ids=["tag", "time", "other-tag", "other-time", "hundred-parts", "unit", "beyond", "backwards", "empty"],
)
def test_a_part_only_of_what_is_meant(instance: fleet.Instance, headers: dict[str, str], status: int) -> None:
    answer = ask(instance.port, APP, headers={"Range": "bytes=5-8"} | headers)

    assert answer.status == status
    if status == 416:
        assert answer["Content-Range"] == f"bytes */{len(ARCHIVE)}"
        # A cache that kept it would hide the file.
        assert "max-age" not in ", ".join(answer.headers.get_all("Cache-Control", []))
    else:
        assert answer.body == (ARCHIVE[5:9] if status == 206 else ARCHIVE)


@shows("REQ-U8", how="real")
@pytest.mark.parametrize("wanted", ["bytes=0-3", "bytes=999-"])
def test_the_manifest_is_only_given_whole(instance: fleet.Instance, wanted: str) -> None:
    answer = ask(instance.port, "/latest.json", headers={"Range": wanted})

    assert (answer.status, answer.body, answer["Cache-Control"]) == (200, MANIFEST, FEW_SECONDS)


@shows("REQ-U1", how="real")
def test_a_file_of_five_gigabytes(instance: fleet.Instance) -> None:
    size = 5 * 1024**3

    assert ask(instance.port, "/releases/1.4.0/large.bin", "HEAD")["Content-Length"] == str(size)
    end = ask(instance.port, "/releases/1.4.0/large.bin", headers={"Range": f"bytes={size - 6}-"})
    assert (end.status, end.body) == (206, b"\0\0last")


# --- what is not served

HOSTILE = {
    "root": "/",
    "folder": "/releases/",
    "folder-without-slash": "/releases",
    "release": "/releases/1.4.0/",
    "release-without-slash": "/releases/1.4.0",
    "folder-as-file": "/releases/1.4.0/below",
    "below": "/releases/1.4.0/below/app.tar.gz",
    "no-version": "/releases/nightly/app.tar.gz",
    "beside": "/latest.json.new",
    "index": "/index.html",
    "manifest-as-folder": "/latest.json/",
    "case": "/LATEST.JSON",
    "health-below": "/health/x",
    "hidden": "/releases/1.4.0/.hidden",
    "odd-name": "/releases/1.4.0/_private",
    "hidden-encoded": "/releases/1.4.0/%2ehidden",
    "hidden-version": "/releases/.1.6.0/app.tar.gz",
    "staging": "/.publish/lock",
    "staging-encoded": "/%2epublish/lock",
    "staging-encoded-all": "/%2e%70ublish/lock",
    "staging-slashes": "//.publish//lock",
    "staging-climb": "/releases/1.4.0/../../.publish/lock",
    "climb": "/../../../../etc/passwd",
    "climb-encoded": "/releases/1.4.0/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "climb-encoded-slash": "/releases/1.4.0/..%2f..%2f..%2fetc%2fpasswd",
    "climb-encoded-twice": "/releases/1.4.0/%252e%252e%252fetc%252fpasswd",
    "climb-in-version": "/releases/../.publish/1.6.0/app.tar.gz",
    "climb-dots": "/releases/1.4.0/....//....//etc/passwd",
    "climb-overlong-utf8": b"/releases/1.4.0/\xc0\xae\xc0\xae/\xc0\xae\xc0\xae/etc/passwd",
    "climb-overlong-encoded": "/releases/1.4.0/%c0%ae%c0%ae/etc/passwd",
    "backslash": "/releases/1.4.0/..\\..\\.publish\\lock",
    "backslash-encoded": "/releases/1.4.0/..%5c..%5c.publish%5clock",
    "null": "/releases/1.4.0/app.tar.gz%00.json",
    "null-raw": b"/releases/1.4.0/app.tar.gz\0",
    "newline": "/releases/1.4.0/app.tar.gz%0a",
    "alias": "/releases/1.4.0/%61pp.tar.gz",
    "alias-slashes": "//releases/1.4.0/app.tar.gz",
    "alias-dot": "/releases/./1.4.0/app.tar.gz",
    "alias-of-manifest": "/l%61test.json",
    "whole-address": "http://updates.example.com/.publish/lock",
    "tilde": "/releases/1.4.0/~",
    "semicolon": "/releases/1.4.0/app.tar.gz;.json",
    "overlong-name": f"/releases/1.4.0/{'a' * 4000}",
    "overlong": f"/{'a' * 20000}",
    "file-of-mount": "/.not-mounted",
}


@shows("REQ-U4", "REQ-U8", how="real")
@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_else_is_served(instance: fleet.Instance, name: str) -> None:
    answer = ask(instance.port, HOSTILE[name])

    assert answer.status in (400, 404, 414)
    # For a few seconds the edge may keep that something is not there; nothing else that is wrong.
    assert answer["Cache-Control"] == ("public, max-age=5" if answer.status == 404 else "no-store")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert (answer["Location"], answer["ETag"]) == (None, None)
    assert len(answer.body) < 300
    assert not re.search(rb"SECRET|root:|nginx/\d", answer.body)


@shows("REQ-U4", how="real")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "MKCOL"])
@pytest.mark.parametrize("path", ["/latest.json", "/health", "/nothing"])
def test_nobody_writes(instance: fleet.Instance, method: str, path: str) -> None:
    answer = ask(instance.port, path, method, {"Content-Length": "0"})

    assert answer.status == 405
    assert answer["Cache-Control"] == "no-store"
    assert answer["Allow"] == "GET, HEAD"


@shows("REQ-U4", how="real")
def test_a_body_is_not_taken(instance: fleet.Instance) -> None:
    answer = ask(instance.port, "/latest.json", headers={"Content-Length": "100000"})

    assert (answer.status, answer["Cache-Control"]) == (413, "no-store")


# --- while it changes


def replace(files: Path, body: bytes, second: int = PUBLISHED) -> None:
    """Put another manifest there, as the publisher does: at once, and each a second later than the one before."""
    new = files / ".publish" / "latest.json"
    new.write_bytes(body)
    os.utime(new, (second, second))
    new.replace(files / "latest.json")


@shows("REQ-U8", how="real")
def test_the_manifest_is_never_half(tmp_path: Path) -> None:
    lay_out(tmp_path)
    manifests = [json.dumps({"version": f"1.{n}.0", "notes": "n" * (n * 997)}).encode() for n in range(40)]
    replace(tmp_path, manifests[0])
    stopped = threading.Event()

    def publish() -> None:
        for body in itertools.cycle(manifests):
            replace(tmp_path, body)
            if stopped.is_set():
                return

    publisher = threading.Thread(target=publish)
    with fleet.booted(user_data(), tmp_path) as instance:
        publisher.start()
        try:
            errors = errors_of(instance.port, [Request("/latest.json", 200, frozenset(manifests))] * 2_000, 20)
        finally:
            stopped.set()
            publisher.join()

    assert errors == []


@shows("REQ-U8", how="real")
def test_what_is_published_is_there_at_once(tmp_path: Path) -> None:
    lay_out(tmp_path)

    with fleet.booted(user_data(), tmp_path) as instance:
        for number in range(3):
            path = f"releases/2.0.{number}/app.tar.gz"
            assert ask(instance.port, f"/{path}").status == 404
            (tmp_path / path).parent.mkdir()
            (tmp_path / path).write_bytes(b"new")
            assert ask(instance.port, f"/{path}").body == b"new"
            before = ask(instance.port, "/latest.json")
            replace(tmp_path, b'{"version":"2.0.%d"}' % number, PUBLISHED + 1 + number)
            after = ask(instance.port, "/latest.json", headers={"If-None-Match": str(before["ETag"])})
            assert (after.status, after.body) == (200, b'{"version":"2.0.%d"}' % number)


@shows("REQ-U4", how="real")
def test_without_the_file_system_it_says_so(tmp_path: Path) -> None:
    lay_out(tmp_path)

    with fleet.booted(user_data(), tmp_path) as instance:
        assert ask(instance.port, "/health").status == 200
        instance.unmount()
        answers = [ask(instance.port, path) for path in ("/health", "/latest.json", "/releases/1.6.0/app.tar.gz", "/")]

    # Not 404: in place of a 503 the edge gives the manifest that it has.
    assert [answer.status for answer in answers] == [503] * 4
    assert {answer["Cache-Control"] for answer in answers} == {"no-store"}


@shows("REQ-U4", how="real")
def test_the_log_is_of_json_and_names_no_device(tmp_path: Path) -> None:
    lay_out(tmp_path)
    headers = {"X-Forwarded-For": "192.0.2.7", "User-Agent": 'quoted "agent"\\', "X-Amzn-Trace-Id": "Root=1-2"}

    with fleet.booted(user_data(), tmp_path) as instance:
        ask(instance.port, APP, headers=headers | {"Range": "bytes=0-9"})
        ask(instance.port, "/health", headers=headers)
        ask(instance.port, '/a"b', headers=headers)
        instance.end()
        text = instance.text("/var/log/nginx/access.log")

    # Each worker writes its own lines, when it has time.
    second, first = sorted((json.loads(line) for line in text.splitlines()), key=lambda line: str(line["uri"]))
    assert first["time"] and first["seconds"] >= 0
    assert {name: first[name] for name in ("method", "uri", "status", "bytes", "range", "agent", "trace")} == {
        "method": "GET",
        "uri": APP,
        "status": 206,
        "bytes": 10,
        "range": "bytes=0-9",
        "agent": headers["User-Agent"],
        "trace": "Root=1-2",
    }
    assert (second["uri"], second["status"]) == ('/a"b', 404)
    assert "192.0.2.7" not in text and "127.0.0.1" not in text


@shows("REQ-U4", how="real")
def test_nothing_goes_wrong_on_the_way(instance: fleet.Instance) -> None:
    """What nginx calls an error is a file that is not there, and what it refuses; it complains of nothing of ours."""
    ask(instance.port, APP)

    said = [
        line
        for line in instance.text("/var/log/nginx/error.log").splitlines()
        if os.geteuid() == 0 or "user" not in line
    ]

    assert [line for line in said if any(f"[{kind}]" in line for kind in ("warn", "alert", "crit", "emerg"))] == []
