"""The few objects that change: the index, the pointer of each scenario to its latest release, and `launch.md`.

    index there ──merge──▶ index with ours ──▶ latest.json of each scenario, launch.md

The index only ever grows, and the others are made from it alone: so a pointer never goes backwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from ..errors import UserError
from ..releases.index import FILE, RELEASED, Entry, Index, index_of, parse, version_number
from ..render import text
from . import links
from .attempts import get
from .catalogue import Release, check, content
from .place import Place

LAUNCH = "launch.md"
LATEST = "latest.json"


def read_index(place: Place) -> Index | None:
    """The index that is published; None when there is none.

    Raises UserError when it is damaged or was not written by us, down to its seal.
    """
    there = get(place, place.key(FILE))
    return None if there is None else parse_index(place, there[0])


def parse_index(place: Place, data: bytes) -> Index:
    """The index of these bytes; raises as `read_index` does."""
    name = f"s3://{place.bucket}/{place.key(FILE)}"
    try:
        found = parse(data, name)
    except UserError as error:
        what = str(error).partition("restore it")[0].rstrip(" :;")
        raise UserError(f"{what}: nothing was changed; bring back an earlier version of this object") from None
    except RecursionError:
        raise UserError(
            f"{name} is damaged: nothing was changed; bring back an earlier version of this object"
        ) from None
    for entry in found.entries:
        check(entry)
        if entry.status != RELEASED:
            raise UserError(
                f"{name} holds the draft {entry.name}, and only releases are published: nothing was changed"
            )
    return found


def entry_of(place: Place, release: Release) -> Entry:
    """The entry of one of our releases as it is published here."""
    made = links.launch_links(place, release.entry, release.template(), release.presets())
    return replace(release.entry, url=links.template_url(place, release.entry), launch=made)


def merge(place: Place, there: Index | None, ours: Iterable[Entry]) -> Index:
    """What is there, and ours. A mark that says why not to take a release any more is never taken off.

    Raises UserError when a version of ours is there with other bytes.
    """
    found = {entry.name: entry for entry in there.entries} if there else {}
    for entry in ours:
        known = found.get(entry.name)
        if known is None:
            found[entry.name] = entry
            continue
        if differs := difference(known, entry):
            raise UserError(
                f"{entry.name} is published at {place.name} with another {differs}: what is published never changes; "
                f"look at it with --verify, then release what you have under a new version, or bring back the {FILE} "
                "that was there before"
            )
        mark = entry.deprecated or known.deprecated
        found[entry.name] = replace(known, url=entry.url, launch=entry.launch, deprecated=mark)
    return index_of(found.values())


def difference(one: Entry, other: Entry) -> str:
    """In what an entry differs from another of the same release: the first that does; empty for none.

    The mark `deprecated` may differ, and so may the addresses, which are made anew for each place.
    """
    a, b = content(one), content(other)
    if a["sha256"] != b["sha256"]:
        return f"template (SHA-256 {a['sha256'][:12]}..., not {b['sha256'][:12]}...)"
    for path in sorted({*a["files"], *b["files"]}):
        if a["files"].get(path) != b["files"].get(path):
            return str(path).removeprefix(f"{one.scenario}/{one.version}/")
    if a != b:
        return "set of layers"
    for told in ("description", "released", "bytes", "resources"):
        if getattr(one, told) != getattr(other, told):
            return f"{told} ({getattr(one, told)!r:.60}, not {getattr(other, told)!r:.60})"
    return ""


def pointer_path(scenario: str) -> str:
    """Where the pointer to the latest release of a scenario is, below the catalogue."""
    return f"{scenario}/{LATEST}"


def pointer(entry: Entry) -> bytes:
    """The pointer to a release."""
    value = {
        "scenario": entry.scenario,
        "version": entry.version,
        "template": entry.url,
        "sha256": entry.sha256,
        "launch": entry.launch.get(links.DEFAULTS, ""),
        "deprecated": entry.deprecated,
    }
    return text({key: item for key, item in value.items() if item})


def changing(place: Place, index: Index) -> dict[str, bytes]:
    """What is made from the index alone: path -> bytes of `launch.md` and of each pointer."""
    latest = {entry.scenario: entry for entry in index.releases()}  # of each scenario the last stays
    pointers = {pointer_path(scenario): pointer(entry) for scenario, entry in latest.items()}
    return {LAUNCH: links.page(place, index), **pointers} if pointers else {}


def ahead(place: Place, scenario: str, data: bytes, latest: Entry | None) -> str:
    """What is to be told of a pointer that is ahead of the index; empty for one that is not."""
    try:
        version = version_number(str(json.loads(data)["version"]))
    except (UserError, ValueError, KeyError, TypeError, RecursionError):
        return ""  # no pointer of ours, and nothing is lost when it is made anew
    if latest is not None and version <= latest.number:
        return ""
    named = ".".join(map(str, version))
    key = place.key(pointer_path(scenario))
    return (
        f"s3://{place.bucket}/{key} points to {scenario}@{named}, which is not in {FILE}: either that has lost "
        f"releases, then bring back an earlier version of {FILE}; or the pointer is wrong, then remove it, and "
        "publishing makes it anew"
    )


def check_pointer(place: Place, scenario: str, data: bytes, latest: Entry | None) -> None:
    """Raises UserError when a pointer is ahead of the index: nothing says which of the two is right."""
    if said := ahead(place, scenario, data, latest):
        raise UserError(f"nothing was changed: {said}")
