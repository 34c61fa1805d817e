"""Publishing itself: what the plans say, in an order in which nothing is ever named before it is there.

    layers ─▶ claims ─▶ files ─▶ index.json ─▶ launch.md, latest.json      in each region, side by side

https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

from ..deploy.failures import aws_errors
from ..deploy.objects import put_new
from ..errors import UserError
from ..layers import Pinned
from ..releases.index import FILE, Index
from . import links
from .attempts import again, swap
from .place import Place
from .plan import Item, Plan, side_by_side
from .shared import LAUNCH, check_pointer, entry_of, merge, parse_index, pointer, pointer_path, read_index

_JSON, _MARKDOWN = "application/json", "text/markdown; charset=utf-8"


@dataclass(frozen=True)
class Step:
    """An object that is done: put, changed, or found as it must be."""

    place: Place
    kind: str
    key: str
    bytes: int
    wrote: bool


@dataclass(frozen=True)
class Published:
    """What was done in a place; keys, and the index that readers find there."""

    place: Place
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    index: Index


def publish(
    plans: Sequence[Plan],
    layer_bytes: Callable[[Pinned], bytes],
    say: Callable[[Step], None] = lambda step: None,
) -> list[Published]:
    """Carry out the plans, each place in a thread of its own. `layer_bytes` makes a layer that is not there yet.

    Layers are made before anything is written, and must have the hash that their release says. Raises UserError when a
    place could not be finished; the others are, and what is published is whole everywhere: it is safe to do it again.
    """
    made = _layers(plans, layer_bytes)
    lock = threading.Lock()

    def one(plan: Plan) -> Published | UserError:
        steps: list[Step] = []

        def done(step: Step) -> None:
            with lock:
                steps.append(step)
                say(step)

        try:
            with aws_errors():
                index = _one(plan, made, done)
        except UserError as error:
            return error
        skipped = [item.key for item in plan.there] + [step.key for step in steps if not step.wrote]
        return Published(plan.place, tuple(s.key for s in steps if s.wrote), tuple(dict.fromkeys(skipped)), index)

    with ThreadPoolExecutor(max(1, len(plans))) as pool:
        futures = [pool.submit(one, plan) for plan in plans]
        try:
            results = [future.result() for future in futures]
        except BaseException:  # Ctrl-C: what is under way comes to its end, nothing else is begun
            for plan in plans:
                plan.place.stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return _all_or_error(plans, results)


def _one(plan: Plan, layers: Mapping[str, bytes], done: Callable[[Step], None]) -> Index:
    place = plan.place
    for kind in ("layer", "claim", "file"):
        side_by_side(place, [_put(place, item, layers, done) for item in plan.of(kind)])
    ours = [entry_of(place, release) for release in plan.releases]

    def index(there: bytes | None) -> bytes:
        return merge(place, None if there is None else parse_index(place, there), ours).text()

    _swap(place, "index", FILE, index, _JSON, done)
    now = read_index(place) or Index()
    _swap(place, "page", LAUNCH, lambda there: links.page(place, read_index(place) or now), _MARKDOWN, done)
    # Of all scenarios: whoever was killed before the pointers has left them to the next.
    for scenario in dict.fromkeys(entry.scenario for entry in now.entries):
        _swap(place, "pointer", pointer_path(scenario), _pointer(place, scenario), _JSON, done)
    return now


def _pointer(place: Place, scenario: str) -> Callable[[bytes | None], bytes]:
    def make(there: bytes | None) -> bytes:
        latest = (read_index(place) or Index()).latest(scenario)
        if there is not None:
            check_pointer(place, scenario, there, latest)
        if latest is None:
            raise UserError(f"{place.name}: {FILE} has lost {scenario} while we published; do it again")
        return pointer(latest)

    return make


def _swap(
    place: Place,
    kind: str,
    path: str,
    make: Callable[[bytes | None], bytes],
    content_type: str,
    done: Callable[[Step], None],
) -> None:
    made = b""

    def remember(there: bytes | None) -> bytes:
        nonlocal made
        made = make(there)
        return made

    wrote = swap(place, place.key(path), remember, content_type)
    done(Step(place, kind, place.key(path), len(made), wrote))


def _put(place: Place, item: Item, layers: Mapping[str, bytes], done: Callable[[Step], None]) -> Callable[[], None]:
    def put() -> None:
        data = item.data if item.data is not None else layers[item.key]

        def once() -> bool:
            kind = item.content_type
            return put_new(place.s3, place.bucket, item.key, data, content_type=kind, owner=place.owner)

        wrote = again(place, once)
        done(Step(place, item.kind, item.key, len(data), wrote))

    return put


def _layers(plans: Sequence[Plan], layer_bytes: Callable[[Pinned], bytes]) -> dict[str, bytes]:
    """Key -> bytes of each layer that some place lacks."""
    made: dict[str, bytes] = {}
    for item in [item for plan in plans for item in plan.of("layer")]:
        if item.key in made or item.layer is None:
            continue
        data = layer_bytes(item.layer)
        if sha256(data).hexdigest() != item.sha256:
            raise UserError(
                f"layer {item.layer.name} of {item.release} came out with SHA-256 {sha256(data).hexdigest()}, and "
                f"{item.sha256} was released: nothing was written"
            )
        made[item.key] = data
    return made


def _all_or_error(plans: Sequence[Plan], results: Sequence[Published | UserError]) -> list[Published]:
    failed = [
        (plan.place, result) for plan, result in zip(plans, results, strict=True) if isinstance(result, UserError)
    ]
    done = [result for result in results if isinstance(result, Published)]
    if not failed:
        return done
    said = "; ".join(f"{place.region}: {error}" if len(plans) > 1 else str(error) for place, error in failed)
    others = f" ({', '.join(one.place.region for one in done)} is done)" if done else ""
    raise UserError(f"{said}{others}; readers see nothing unfinished, and publishing again goes on from here")
