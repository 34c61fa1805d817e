"""What publishing would write, found out by looking only.

    releases ──▶ Items ──which are there?──▶ to put, there already, or other bytes: refused
    index, pointers ──▶ as they must be, or refused

Whatever can be wrong is found here, before anything is written: no bucket, somebody else's, in another region, not
allowed, an index that was edited, a version that is published with other bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from ..deploy.failures import aws_errors, error_code
from ..deploy.objects import other_bytes, stored_sha256
from ..errors import UserError
from ..layers import Pinned
from ..media_types import media_type
from ..releases.index import FILE, Index
from .attempts import again, get, listed
from .catalogue import Release
from .place import LAYERS, Place, elsewhere
from .shared import LATEST, changing, check_pointer, entry_of, merge, read_index

THREADS = 8
"""Requests at once to one bucket."""

T = TypeVar("T")


@dataclass(frozen=True)
class Item:
    """An object that never changes. `kind` is layer, claim or file; a layer has pins, from which its bytes are made."""

    kind: str
    key: str
    sha256: str
    release: str
    data: bytes | None = field(default=None, repr=False)
    layer: Pinned | None = field(default=None, repr=False)

    @property
    def content_type(self) -> str:
        """As S3 serves it."""
        return "application/zip" if self.kind == "layer" else media_type(self.key)


@dataclass(frozen=True)
class Plan:
    """What would be written to a place, and what of it is there already."""

    place: Place
    releases: tuple[Release, ...]
    put: tuple[Item, ...]
    there: tuple[Item, ...]
    index: Index
    """As it will be, when nobody else publishes meanwhile."""

    new: tuple[str, ...]
    """Names of the releases that the index gains."""

    changes: tuple[str, ...]
    """Keys of what is not put once: the index, and what is made from it, as far as it is not as it will be."""

    def of(self, kind: str) -> tuple[Item, ...]:
        """What is to put, of one kind."""
        return tuple(item for item in self.put if item.kind == kind)


def look_everywhere(places: Sequence[Place], releases: Sequence[Release]) -> list[Plan]:
    """The plans of all places, looked at side by side. Raises as `look` does: when one can't be, none is to be."""
    with ThreadPoolExecutor(max(1, len(places))) as pool:
        futures = [pool.submit(look, place, releases) for place in places]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for place in places:
                place.stopped.set()
            raise


@aws_errors()
def look(place: Place, releases: Sequence[Release]) -> Plan:
    """The plan for one place. Writes nothing; raises UserError when it could not be carried out."""
    check_bucket(place)
    there = read_index(place)
    index = merge(place, there, [entry_of(place, release) for release in releases])
    found = _keys(place, releases)
    changes = [] if there and there.text() == index.text() else [place.key(FILE)]
    for path, data in changing(place, index).items():
        old = get(place, place.key(path))
        if old is None or old[0] != data:
            changes.append(place.key(path))
        scenario = path.removesuffix(f"/{LATEST}")
        if old and scenario != path:
            _check_pointer(place, scenario, old[0], there)
    items = list(items_of(place, releases))
    present = [item for item in items if item.key in found]
    hashes = side_by_side(place, [_hash(place, item) for item in present])
    taken = {item.key: hash_ for item, hash_ in zip(present, hashes, strict=True) if hash_}
    for item in present:
        if taken.get(item.key, item.sha256) != item.sha256:
            said = other_bytes(place.bucket, item.key, taken[item.key], item.sha256)
            raise UserError(f"{said} ({item.release})")
    known = {entry.name for entry in there.entries} if there else set()
    return Plan(
        place,
        tuple(releases),
        tuple(item for item in items if item.key not in taken),
        tuple(item for item in items if item.key in taken),
        index,
        tuple(entry.name for entry in index.entries if entry.name not in known),
        tuple(changes),
    )


def items_of(place: Place, releases: Iterable[Release]) -> Iterator[Item]:
    """Every object of the releases that never changes, layers first, each once."""
    seen: dict[str, Item] = {}
    for release in releases:
        name = release.entry.name
        pinned = {layer.key: layer for layer in release.layers}
        for layer in release.entry.layers:
            if layer.key not in pinned:
                raise UserError(f"{name} names the layer {layer.key} without its pins: it can't be published")
            item = Item("layer", layer.key, layer.sha256, name, layer=pinned[layer.key])
            if seen.setdefault(layer.key, item).sha256 != layer.sha256:
                raise UserError(f"{name} and {seen[layer.key].release} want different bytes as {layer.key}")
    yield from seen.values()
    for release in releases:
        name = release.entry.name
        path, claim = release.claim
        yield Item("claim", place.key(path), sha256(claim).hexdigest(), name, claim)
        for path, data in sorted(release.files.items()):
            yield Item("file", place.key(path), sha256(data).hexdigest(), name, data)


def side_by_side(place: Place, calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results of the calls, several at a time. The first that fails stops those that have not begun."""
    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(call) for call in calls]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C
                place.stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def check_bucket(place: Place) -> None:
    """Raises UserError when the bucket is not there, not in the region, not the account's, or not open to us."""
    from botocore.exceptions import ClientError

    asked = {"Bucket": place.bucket, "ExpectedBucketOwner": place.owner}
    try:
        answer = again(place, lambda: place.s3.head_bucket(**asked))
    except ClientError as error:
        code, answer = error_code(error), error.response
        if code in ("404", "NoSuchBucket"):
            raise UserError(
                f"bucket {place.bucket} does not exist in {place.region}: make it (the template artifact-bucket does), "
                "or name another"
            ) from None
        # Whoever may list only a part of the bucket gets 403 here, and S3 names the region all the same. The answer has
        # no body that would say more: the list below gets one.
        if code not in ("301", "400", "403", "AccessDenied"):
            raise
    except RecursionError:  # of botocore, which asks again and again when it is sent elsewhere and not told where
        raise UserError(f"bucket {place.bucket} is in another region, which the server does not name") from None
    region = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region", place.region)
    if region != place.region:
        raise UserError(elsewhere(place, region))
    try:
        again(place, lambda: place.s3.list_objects_v2(**asked, Prefix=place.key(""), MaxKeys=1))
    except ClientError as error:
        if error_code(error) not in ("403", "AccessDenied"):
            raise
        raise UserError(
            f"these AWS credentials are not allowed to do s3:ListBucket on {place.name}, or the bucket is not account "
            f"{place.owner}'s: see --print-policy for what to allow, and --bucket-owner for a bucket of another account"
        ) from None


def _check_pointer(place: Place, scenario: str, data: bytes, index: Index | None) -> None:
    """Whether the index knows what a pointer names: if not the one read before, then one read after the pointer.

    Between the two somebody else may have published.
    """
    try:
        check_pointer(place, scenario, data, index.latest(scenario) if index else None)
    except UserError:
        now = read_index(place)
        check_pointer(place, scenario, data, now.latest(scenario) if now else None)


def _keys(place: Place, releases: Iterable[Release]) -> set[str]:
    """The keys there are, of all that the releases need."""
    scenarios = dict.fromkeys(release.entry.scenario for release in releases)
    folders = [place.key(f"{scenario}/") for scenario in scenarios]
    if any(release.entry.layers for release in releases):
        folders.append(LAYERS)
    return {key for found in side_by_side(place, [_list(place, folder) for folder in folders]) for key in found}


def _list(place: Place, folder: str) -> Callable[[], dict[str, int]]:
    return lambda: listed(place, folder)


def _hash(place: Place, item: Item) -> Callable[[], str | None]:
    return lambda: again(place, lambda: stored_sha256(place.s3, place.bucket, item.key, owner=place.owner))
