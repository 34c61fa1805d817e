"""The index of a catalogue: what is read is what was written, or refused in one line."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evidence import shows
from troposphere_arch.errors import UserError
from troposphere_arch.releases.index import DRAFT, RELEASED, Entry, Index, LayerFile, index_of, parse

VERSIONS = st.tuples(*[st.integers(0, 12)] * 3).map(lambda numbers: ".".join(map(str, numbers)))


def entry(version: str = "1.0.0", scenario: str = "todo", status: str = RELEASED, **more: Any) -> Entry:
    folder = f"{scenario}/{version}/"
    values = {
        "scenario": scenario,
        "version": version,
        "status": status,
        "template": f"{folder}{scenario}.template.json",
        "sha256": "a" * 64,
        "bytes": 10,
        "resources": 1,
        "description": "An example.",
        "files": {f"{folder}{scenario}.template.json": "a" * 64},
        "layers": (LayerFile("dax", "layers/dax-1.zip", "b" * 64, f"{folder}layers/dax.txt"),),
        "released": "2026-11-25" if status == RELEASED else "",
    }
    return Entry(**{**values, **more})


@given(st.lists(VERSIONS, unique=True, max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_what_is_written_is_read(versions: list[str], released: list[bool]) -> None:
    entries = [entry(v, status=RELEASED if r else DRAFT) for v, r in zip(versions, released, strict=False)]
    index = index_of(entries)
    assert parse(index.text(), "index") == index
    assert index_of(reversed(entries)).text() == index.text()
    numbers = [tuple(map(int, one.version.split("."))) for one in index.entries]
    assert numbers == sorted(numbers)
    latest = index.latest("todo")
    assert (latest is None) == (not index.releases())
    assert latest is None or latest == index.releases("todo")[-1]


def test_a_version_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        index_of([entry(), entry()])


@pytest.mark.parametrize("name", ["todo", "todo@1.0.0", "todo@1.10.0", "blog"])
def test_find(name: str) -> None:
    index = index_of([entry("1.9.0"), entry("1.10.0"), entry("1.0.0"), entry("2.0.0", "blog")])
    assert index.find(name).name == {"todo": "todo@1.10.0", "blog": "blog@2.0.0"}.get(name, name)


@pytest.mark.parametrize(
    ("name", "said"),
    [("todo@2.0.0", "there is no todo 2.0.0: there is 1.0.0"), ("wiki", "no template 'wiki'"), ("", "there is todo")],
)
def test_find_nothing(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        index_of([entry()]).find(name)
    with pytest.raises(UserError, match="there is none"):
        Index().find("todo")


def sealed(entries: Any) -> bytes:
    """As somebody writes it who knows how to seal."""
    canonical = json.dumps(entries, sort_keys=True, separators=(",", ":"))
    return json.dumps({"templates": entries, "seal": hashlib.sha256(canonical.encode()).hexdigest()}).encode()


GOOD = json.loads(index_of([entry()]).text())["templates"][0]
PATHS = ("/etc/passwd", "../x", "todo/1.0.0/../../x", "todo/1.0.1/x", "todo/1.0.0/..\\..\\x", "blog/1.0.0/x")
PATHS += ("todo/1.0.0/\0x", "todo/1.0.0/\ud800x", "todo/1.0.0/a b", "todo/1.0.0//x", "todo/1.0.0/" + "x" * 5000)


@shows("REQ-D4", how="real")
@pytest.mark.parametrize(
    "entries",
    [
        {},
        None,
        [None],
        [[]],
        ["todo"],
        [GOOD, GOOD],
        [{}],
        *([{**GOOD, key: value}] for key in GOOD for value in (None, 7.5, [7], {"x": 7}, True)),
        *([{**GOOD, "scenario": name}] for name in ("", "..", "/", "To do", "todo/1.0.0")),
        *(
            [{**GOOD, "version": number}]
            for number in ("", "1", "1.0", "01.0.0", "1.0.0-a", "٣.0.0", "1.0.0\n", "1" * 5000 + ".0.0")
        ),
        *([{**GOOD, "files": {path: "a" * 64}}] for path in PATHS),
        *([{**GOOD, "template": path}] for path in PATHS),
        *([{**GOOD, "layers": [{**GOOD["layers"][0], "pins": path}]}] for path in PATHS),
        [{**GOOD, "url": 5}],
        [{**GOOD, "launch": 5}],
        [{**GOOD, "launch": {"defaults": 5}}],
        [{**GOOD, "unheard": "of"}],
    ],
)
def test_what_is_no_index(entries: Any) -> None:
    """Even under a right seal."""
    assert parse(sealed([GOOD]), "x")
    with pytest.raises(UserError) as refusal:
        parse(sealed(entries), "x")
    assert "\n" not in str(refusal.value)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(UserError):
        parse(data, "x")


def test_one_byte_that_differs() -> None:
    data = index_of([entry()]).text()
    for at in range(0, len(data), 7):
        other = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(UserError):
            parse(other, "x")
    with pytest.raises(UserError):
        parse(b"[" * 100_000, "x")
