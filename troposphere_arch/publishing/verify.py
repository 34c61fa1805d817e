"""Whether what is in S3 is what its index says, byte by byte; and how that differs from what is here.

    index there ──▶ every object it names ──GET, SHA-256──▶ missing, altered
    every object there ──▶ named by nobody: foreign, or of a release that was not finished

Nothing is believed: neither sizes nor the checksums that S3 keeps, only bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from ..deploy.failures import aws_errors, error_code
from ..deploy.objects import hash_of
from ..errors import UserError
from ..layers import DIGITS
from ..releases.index import FILE, Entry, Index
from . import links
from .attempts import again, get, listed
from .catalogue import CLAIM, Release, claim_bytes, claim_path, files_of, presets_of, template_of
from .place import LAYERS, Place
from .plan import check_bucket, side_by_side
from .shared import LATEST, ahead, changing, difference, parse_index

MISSING, ALTERED, FOREIGN, UNFINISHED = "missing", "altered", "foreign", "unfinished"


@dataclass(frozen=True)
class Finding:
    """An object that is not as it should be: what (missing, altered, foreign, unfinished), its key, and why."""

    what: str
    key: str
    why: str


@dataclass(frozen=True)
class Report:
    """What `verify` found in a place. `objects` and `bytes` were read; `notes` are no fault."""

    place: Place
    releases: tuple[str, ...]
    objects: int
    bytes: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


@aws_errors()
def verify(
    place: Place,
    ours: Sequence[Release] = (),
    tick: Callable[[int], None] = lambda bytes_: None,
    *,
    strict: bool = False,
) -> Report:
    """Read everything that is published in a place. `ours` are the releases here; `tick` hears of each object's bytes.

    With `strict`, a release that is there and not here is foreign. Raises UserError only when one cannot look.
    """
    check_bucket(place)
    findings: list[Finding] = []
    sizes = {**listed(place, place.key("") if place.prefix else ""), **listed(place, LAYERS)}
    index = _index(place, findings)
    expected = {place.key(path): sha for entry in index.entries for path, sha in _objects(entry).items()}
    expected |= {layer.key: layer.sha256 for entry in index.entries for layer in entry.layers}
    there = [key for key in sorted(expected) if key in sizes]
    hashes = side_by_side(place, [partial(_hash, place, key, sizes[key], tick) for key in there])
    for key, found in zip(there, hashes, strict=True):
        if found is None:
            findings.append(Finding(MISSING, key, "it went away while it was read"))
        elif found != expected[key]:
            findings.append(Finding(ALTERED, key, f"SHA-256 {found}, and {expected[key]} is released"))
    findings += [Finding(MISSING, key, "the index names it") for key in sorted(expected.keys() - sizes.keys())]
    whole = {key for key, found in zip(there, hashes, strict=True) if found == expected[key]}
    _addresses(place, index, whole, findings)
    shared = _changing(place, index, findings)
    known = {*expected, *shared, place.key(FILE)}
    published = {entry.name for entry in index.entries}
    waiting = [release.entry for release in ours if release.entry.name not in published]
    notes = _strangers(place, sorted(sizes.keys() - known), waiting, findings)
    notes += _compare(place, index, ours, findings, strict)
    order = {MISSING: 0, ALTERED: 1, FOREIGN: 2, UNFINISHED: 3}
    return Report(
        place,
        tuple(entry.name for entry in index.entries),
        len(there),
        sum(sizes[key] for key in there),
        tuple(sorted(findings, key=lambda f: (order[f.what], f.key))),
        tuple(notes),
    )


def _objects(entry: Entry) -> dict[str, str]:
    """Path -> SHA-256 of all that a release has below the catalogue."""
    return {**files_of(entry), claim_path(entry): sha256(claim_bytes(entry)).hexdigest()}


def _index(place: Place, findings: list[Finding]) -> Index:
    there = get(place, place.key(FILE))
    if there is None:
        findings.append(Finding(MISSING, place.key(FILE), "there is no index, so readers find nothing"))
        return Index()
    try:
        return parse_index(place, there[0])
    except UserError as error:
        findings.append(Finding(ALTERED, place.key(FILE), str(error)))
        return Index()


def _hash(place: Place, key: str, size: int, tick: Callable[[int], None]) -> str | None:
    from botocore.exceptions import ClientError

    def once() -> str:
        return hash_of(place.s3.get_object(Bucket=place.bucket, Key=key, ExpectedBucketOwner=place.owner)["Body"])

    try:
        found = again(place, once)
    except ClientError as error:
        if error_code(error) != "NoSuchKey":
            raise
        return None
    tick(size)
    return found


def _addresses(place: Place, index: Index, whole: set[str], findings: list[Finding]) -> None:
    """Whether the index sends readers where the templates are: it may have been copied from another bucket."""
    for entry in index.entries:
        paths = [path for path in files_of(entry) if path == entry.template or "/parameters/" in path]
        if not {place.key(path) for path in paths} <= whole:
            continue  # that is told already
        files = {path: there[0] for path in paths if (there := get(place, place.key(path)))}
        try:
            launch = links.launch_links(
                place, entry, template_of(entry, files[entry.template]), presets_of(entry, files)
            )
        except UserError as error:
            findings.append(Finding(ALTERED, place.key(entry.template), str(error)))
            continue
        if (entry.url, dict(entry.launch)) != (links.template_url(place, entry), launch):
            findings.append(Finding(ALTERED, place.key(FILE), f"its addresses of {entry.name} lead elsewhere"))


def _changing(place: Place, index: Index, findings: list[Finding]) -> set[str]:
    """Compare what is made from the index with what is there; gives the keys."""
    made = changing(place, index)
    for path, data in made.items():
        there = get(place, place.key(path))
        if there is None:
            findings.append(Finding(MISSING, place.key(path), "publish again, it is made from the index"))
        elif there[0] != data:
            findings.append(Finding(ALTERED, place.key(path), _why(place, index, path, there[0], data)))
    return {place.key(path) for path in made}


def _why(place: Place, index: Index, path: str, there: bytes, expected: bytes) -> str:
    scenario = path.removesuffix(f"/{LATEST}")
    if scenario != path and (said := ahead(place, scenario, there, index.latest(scenario))):
        return said
    try:
        has, needs = json.loads(there)["version"], json.loads(expected)["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        has = needs = ""
    said = f"it points to {has}, and the latest release is {needs}" if has != needs else "it is not as the index says"
    return f"{said}: publish again"


def _strangers(place: Place, keys: Sequence[str], waiting: Sequence[Entry], findings: list[Finding]) -> list[str]:
    """Sort what the index does not name: leftovers of a publisher that was stopped, layers of others, and the rest."""
    import re

    layer = re.compile(rf"{LAYERS}[a-z0-9-]+-[0-9a-f]{{{DIGITS}}}\.zip")
    begun = {key.removesuffix(CLAIM) for key in keys if key.endswith(f"/{CLAIM}")}
    begun |= {place.key(f"{entry.scenario}/{entry.version}/") for entry in waiting}
    notes = []
    for key in keys:
        if layer.fullmatch(key):
            notes.append(
                f"{key} is a layer that this index does not name: of another catalogue, or of what is not done"
            )
        elif any(key.startswith(folder) for folder in begun):
            findings.append(Finding(UNFINISHED, key, "its release is not in the index: publish again to finish it"))
        else:
            findings.append(Finding(FOREIGN, key, "neither index nor a release names it"))
    return notes


def _compare(
    place: Place, index: Index, ours: Sequence[Release], findings: list[Finding], strict: bool
) -> Iterator[str]:
    """How the index there differs from the one here; a release that both have and that is not the same is a finding."""
    there = {entry.name: entry for entry in index.entries}
    here = {release.entry.name: release.entry for release in ours}
    for name, entry in here.items():
        if name not in there:
            yield f"{name} is released here and not published there: publish it"
            continue
        if differs := difference(there[name], entry):
            why = f"{name} is here with another {differs}; what is published counts, look which is right"
            findings.append(Finding(ALTERED, place.key(entry.template), why))
        mark = there[name].deprecated
        if entry.deprecated and entry.deprecated != mark:
            yield f"{name} is marked as deprecated here and not there, or otherwise: publish carries the mark"
        elif mark and not entry.deprecated:
            yield f"{name} is marked as deprecated there and not here: {mark!r:.200}"
    for name, entry in there.items():
        if name not in here and strict:
            findings.append(Finding(FOREIGN, place.key(entry.template), f"{name} is published there and not here"))
        elif name not in here and ours:
            yield f"{name} is published there and not here"
