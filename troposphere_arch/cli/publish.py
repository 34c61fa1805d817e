"""Publish the releases to S3, ready to deploy: templates, presets, upgrade notes, layers, index, launch links.

What is published never changes, and readers see a release only when all of it is there: so this may be stopped,
repeated, and done by several at once. --local publishes into the embedded emulator.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import places
from ..errors import Stopped, UserError
from .parser import directory, endpoint
from .table import as_json, table

if TYPE_CHECKING:
    from ..layers import Pinned
    from ..publishing import Place, Plan, Published, Release, Report, Step


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--bucket", metavar="B", help="the bucket; {region} in it stands for the region")
    parser.add_argument(
        "--region", metavar="R", action="append", default=[], help="a region (repeatable), a bucket each"
    )
    parser.add_argument(
        "--prefix", metavar="P", default="", help="where in the bucket, as team/catalogue (at its root)"
    )
    parser.add_argument("--dry-run", action="store_true", help="write nothing: say what would be written")
    parser.add_argument(
        "--verify", action="store_true", help="write nothing: read all that is published; 1 if it is off"
    )
    parser.add_argument(
        "--strict", action="store_true", help="with --verify: a release that is only there makes it 1, too"
    )
    parser.add_argument("--print-policy", action="store_true", help="print the least IAM policy for a publisher")
    parser.add_argument("--local", action="store_true", help="into the emulator that `up` started")
    parser.add_argument("--templates", metavar="DIR", type=directory, help="publish from DIR instead of templates/")
    parser.add_argument("--layers", metavar="DIR", type=directory, help="finished layers, instead of building them")
    parser.add_argument("--bucket-owner", metavar="ID", help="the account whose the bucket is, when not yours")
    parser.add_argument("--profile", metavar="P", help="this profile of your AWS configuration")
    parser.add_argument("--endpoint-url", metavar="U", type=endpoint, help="at this endpoint in place of AWS's own")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Publish. With --verify gives 1 when anything is missing, altered or foreign."""
    if args.bucket_owner is not None and not re.fullmatch(r"[0-9]{12}", args.bucket_owner):
        raise UserError(f"--bucket-owner {args.bucket_owner!r} is no account: it has twelve digits")
    if args.strict and not args.verify:
        raise UserError("--strict goes with --verify only")
    if args.print_policy:
        return _policy(args)
    from .. import publishing

    templates = args.templates or places.templates()
    if args.verify:
        ours = publishing.releases(templates) if _has_releases(templates) else ()
        return _verify(args, _places(args), ours)
    releases = publishing.releases(templates)
    where = _places(args)
    try:
        plans = publishing.look_everywhere(where, releases)
        if args.dry_run:
            _plan(args, plans)
            return 0
        total = sum(len(plan.put) + len(plan.there) for plan in plans)
        with _progress(total, sum(len(plan.there) for plan in plans)) as say:
            done = publishing.publish(plans, _layer_bytes(args.layers), say)
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped: readers see nothing unfinished; `{places.command()} publish` goes on from here"
        ) from None
    _report(args, done)
    return 0


def _policy(args: argparse.Namespace) -> int:
    from .. import publishing

    print(as_json(publishing.policy(_bucket(args), args.region, args.prefix, profile=args.profile)))
    return 0


def _bucket(args: argparse.Namespace) -> str:
    if not args.bucket:
        raise UserError("which bucket? name one with --bucket, or say --local for the embedded emulator")
    return str(args.bucket)


def _places(args: argparse.Namespace) -> list[Place]:
    """Where to publish; the emulator's bucket is made when it is missing."""
    from .. import publishing

    if not args.local:
        return publishing.connect(
            _bucket(args),
            args.region,
            prefix=args.prefix,
            profile=args.profile,
            endpoint_url=args.endpoint_url,
            owner=args.bucket_owner,
        )
    options = {"--profile": args.profile, "--endpoint-url": args.endpoint_url, "--bucket-owner": args.bucket_owner}
    for option, value in options.items():
        if value:
            raise UserError(f"{option} is for an account, and --local for the embedded emulator: leave one out")
    return _local_places(args)


def _local_places(args: argparse.Namespace) -> list[Place]:
    from .. import deploy, local, publishing
    from .where import running

    emulator = running()
    account = deploy.target_of(emulator.client).account
    bucket = args.bucket or f"troposphere-arch-published-{account}-{{region}}"
    clients = {r: emulator.client("s3", region=r) for r in dict.fromkeys(args.region or [local.DEFAULT_REGION])}
    found = publishing.places_of(clients, bucket, owner=account, prefix=args.prefix, url=emulator.url)
    if not (args.verify or args.dry_run):
        for place in found:
            region, name = place.region, place.bucket

            def client(service: str, region: str = region) -> Any:
                return emulator.client(service, region=region)

            deploy.ensure_bucket(deploy.target_of(client, bucket=name))
    return found


def _has_releases(templates: Path) -> bool:
    from ..releases import index

    return bool(index.read(templates).releases())


def _layer_bytes(folder: Path | None) -> Callable[[Pinned], bytes]:
    """Where layers come from: finished ones in a folder, by the name in their key; else they are built."""
    if folder is None:
        return _built

    def read(layer: Pinned) -> bytes:
        file = folder / layer.key.rpartition("/")[2]
        try:
            return file.read_bytes()
        except OSError as error:
            raise UserError(f"cannot read the layer {file}: {error.strerror}; leave --layers out to build it") from None

    return read


def _built(layer: Pinned) -> bytes:
    from ..layers import builder

    print(f"layer {layer.name} for {layer.runtime} on {layer.architecture}", file=sys.stderr)
    return builder.build_pinned(layer, "lambda").data


@contextlib.contextmanager
def _progress(total: int, done: int) -> Iterator[Callable[[Step], None]]:
    """A bar on a terminal, lines elsewhere; on standard error, so that --json stays clean."""
    lock = threading.Lock()
    if not sys.stderr.isatty():

        def line(step: Step) -> None:
            if step.wrote:
                with lock:
                    print(f"  {step.bytes:,} bytes to s3://{step.place.bucket}/{step.key}", file=sys.stderr)

        yield line
        return
    from tqdm import tqdm

    with tqdm(total=total, initial=done, unit=" objects", file=sys.stderr, leave=False) as bar:

        def tick(step: Step) -> None:
            bar.set_postfix_str(step.key.rpartition("/")[2][-30:], refresh=False)
            bar.update(1 if step.kind in ("layer", "claim", "file") else 0)

        yield tick


@contextlib.contextmanager
def _reading() -> Iterator[Callable[[int], None]]:
    """How much was read so far, on a terminal."""
    from tqdm import tqdm

    lock = threading.Lock()
    hidden = not sys.stderr.isatty()
    with tqdm(unit="B", unit_scale=True, desc="read", file=sys.stderr, leave=False, disable=hidden) as bar:

        def tick(bytes_: int) -> None:
            with lock:
                bar.update(bytes_)

        yield tick


def _plan(args: argparse.Namespace, plans: list[Plan]) -> None:
    if args.json:
        print(as_json([_plain_plan(plan) for plan in plans]))
        return
    for plan in plans:
        rows = [["put", item.key] for item in plan.put] + [["change", key] for key in plan.changes]
        rows += [["leave", item.key] for item in plan.there]
        print(f"{plan.place.name} in {plan.place.region}, nothing was written; publishing would")
        print(table(["do", "object"], rows))
        print(f"releases new in the index: {', '.join(plan.new) or 'none'}")


def _plain_plan(plan: Plan) -> dict[str, object]:
    return {
        **_where(plan.place),
        "put": [item.key for item in plan.put],
        "change": list(plan.changes),
        "there": [item.key for item in plan.there],
        "new": list(plan.new),
    }


def _report(args: argparse.Namespace, done: list[Published]) -> None:
    if args.json:
        print(as_json([_plain(one) for one in done]))
        return
    for one in done:
        place = one.place
        print(f"{place.name} in {place.region}: {len(one.written)} objects written, {len(one.skipped)} there already")
        latest = {e.scenario: e for e in one.index.releases()}
        rows = [
            [e.name, "latest" if latest[e.scenario] is e else "", e.deprecated, e.url] for e in one.index.releases()
        ]
        print(table(["release", "", "deprecated", "template"], rows))
        print(f"launch links: {place.url('launch.md')}")


def _plain(one: Published) -> dict[str, object]:
    releases = [
        {"name": e.name, "template": e.url, "sha256": e.sha256, "launch": dict(e.launch), "deprecated": e.deprecated}
        for e in one.index.releases()
    ]
    changed = {"written": list(one.written), "there": list(one.skipped)}
    return {**_where(one.place), **changed, "index": one.place.url("index.json"), "releases": releases}


def _where(place: Place) -> dict[str, object]:
    return {"bucket": place.bucket, "prefix": place.prefix, "region": place.region}


def _verify(args: argparse.Namespace, where: list[Place], ours: tuple[Release, ...]) -> int:
    from .. import publishing

    with _reading() as tick:
        reports = [publishing.verify(place, ours, tick, strict=args.strict) for place in where]
    if args.json:
        print(as_json([_plain_report(report) for report in reports]))
    for report in [] if args.json else reports:
        place = report.place
        rows = [[f.what, f.key, f.why] for f in report.findings]
        if rows:
            print(table(["what", "object", "why"], rows))
        for note in report.notes:
            print(f"note: {note}")
        state = f"{len(rows)} objects are not as they should be" if rows else "all is as the index says"
        read = f"{report.objects} objects ({report.bytes:,} bytes) of {len(report.releases)} releases read"
        print(f"{place.name} in {place.region}: {read}; {state}")
    return int(any(report.findings for report in reports))


def _plain_report(report: Report) -> dict[str, object]:
    findings = [{"what": f.what, "key": f.key, "why": f.why} for f in report.findings]
    read = {"releases": list(report.releases), "objects": report.objects, "bytes": report.bytes}
    return {**_where(report.place), **read, "findings": findings, "notes": list(report.notes)}
