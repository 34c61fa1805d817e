"""Deploy a template: into the embedded emulator, or, with --profile, --region or --endpoint-url, into an AWS account.

Both go by change set. In an account you see what will change and are asked before it does.

Of a folder of services, its platform and all services are deployed, each a stack by itself; of the folder of one
service that one, with what it uses and is not up yet. Each stack and what is in it has the tags system, service, owner.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .. import places, scenarios
from ..errors import Stopped, UserError
from .parameters import given_parameters
from .table import as_json, table
from .where import about, account, account_options, agreed, here_of, in_account, say, scenario_of

if TYPE_CHECKING:
    from ..choosing import Chosen
    from ..deploy import Artifact, Needs, Plan, Target
    from ..diff.model import Diff
    from ..local import Emulator
    from ..microservices.factory import Place


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    names = f"one of: {', '.join(scenarios.NAMES)}"
    parser.add_argument(
        "scenario", help=f"{names}; with @VERSION, such as todo@1.0.0, that release. Or a folder of services, or of one"
    )
    parser.add_argument("--name", metavar="N", help="of services: the system's name, for another environment of it")
    parser.add_argument("--stack-name", metavar="N", help="instead of the scenario's name")
    parser.add_argument(
        "--parameter",
        metavar="K=V",
        action="append",
        default=[],
        help="a parameter (repeatable); of services, orders.K=V is for one of them",
    )
    parser.add_argument("--parameters", metavar="FILE", type=Path, help="a parameter file, as create-stack takes it")
    parser.add_argument("--port", metavar="N", type=_port, help="the emulator's port (4580)")
    parser.add_argument("--stock", action="store_true", help="the unmodified emulator, without our patches")
    parser.add_argument(
        "--s3-bucket", metavar="B", help="upload template and layers here, not to a bucket made for that"
    )
    parser.add_argument("--yes", action="store_true", help="in an account: deploy without asking")
    parser.add_argument("--json", action="store_true", help="print changes and outputs as JSON")
    account_options(parser)


def _port(text: str) -> int:
    """A port as typed."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 1 to 65535")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Deploy, and print the outputs and what to try next."""
    from ..choosing import choose
    from ..microservices import factory

    if args.scenario not in scenarios.NAMES and factory.is_place(args.scenario):
        return _services(args, factory.place(Path(args.scenario)))
    if args.scenario.partition("@")[0] not in (*scenarios.NAMES, *scenarios.FROM_RELEASES):
        from .services import neither

        neither(args.scenario)
    _without(args.name, "--name", "a folder of services", say="a stack's is --stack-name")
    chosen = choose(args.scenario)
    args.scenario = chosen.scenario
    parameters = given_parameters(args.parameters, args.parameter)
    name = args.stack_name or args.scenario
    if in_account(args):
        _without(args.port, "--port", "the emulator")
        _without(args.stock, "--stock", "the emulator")
        return _up_in_account(args, name, chosen, parameters)
    _without(args.s3_bucket, "--s3-bucket", "an account")
    _without(args.yes, "--yes", "an account")
    from .. import local

    with local.turn():
        return _up_here(args, name, chosen, parameters)


def _services(args: argparse.Namespace, place: Place) -> int:
    """Deploy the services of a folder."""
    from .services import up

    _without(args.stack_name, "--stack-name", "one template", say="a system's is --name")
    _without(args.parameters, "--parameters", "one template", say="name them by --parameter K=V, or SERVICE.K=V")
    _without(args.stock, "--stock", "one template", say="services need the patched emulator")
    here = not in_account(args)
    if here:
        _without(args.s3_bucket, "--s3-bucket", "an account")
        _without(args.yes, "--yes", "an account")
    else:
        _without(args.port, "--port", "the emulator")
    return up(args, place, given_parameters(None, args.parameter), here)


def _up_here(args: argparse.Namespace, name: str, chosen: Chosen, parameters: dict[str, str]) -> int:
    from .. import deploy

    emulator, started = emulator_of(args)
    try:
        target = deploy.target_of(emulator.client)
        _same_template(target, name, args.scenario)
        needs = deploy.needs(target, name, chosen.template, parameters, chosen.layers)
        if needs.values.get("ReadCache", "none") != "none" and not emulator.patched:
            raise UserError("the unmodified emulator has no DAX: leave out --stock, or ReadCache=dax")
        missing = _missing(target, needs, "host")
        deploy.ensure_bucket(target)
        _put(target, missing)
        foretold = _foretell(target, name, chosen.template, needs.parameters)
        _verify_sender(emulator, needs.values)
        plan = deploy.plan(target, name, chosen.template, needs.parameters)
        _taken(plan, parameters, foretold)
        outputs = deploy.execute(plan, say)
    except BaseException as error:
        if started:  # nothing was deployed, so nothing stays behind; also on Ctrl-C
            emulator.stop()
            if isinstance(error, Stopped):
                raise KeyboardInterrupt from None
        raise
    print(about(emulator), file=sys.stderr)
    if needs.values.get("ReadCache", "none") != "none":
        print("ReadCache: a stand-in of ours, not a cluster of AWS's; see docs/todo.md", file=sys.stderr)
    if needs.values.get("ResponseCache", "off") != "off":
        print("ResponseCache: the emulator keeps no answers, each is new", file=sys.stderr)
    _put_site(target, chosen, outputs)
    here = _here(emulator, outputs)
    _report(args, plan, outputs, _local(emulator, name, args.scenario, outputs, here), here)
    return 0


def _verify_sender(emulator: Emulator, values: Mapping[str, str]) -> None:
    """Verify the identity that mails come from, as its owner does in an account: else SES refuses to send."""
    identity = values.get("SenderIdentity", "none")
    ses = emulator.client("sesv2")
    if identity == "none" or identity in [
        one["IdentityName"] for one in ses.list_email_identities()["EmailIdentities"]
    ]:
        return
    ses.create_email_identity(EmailIdentity=identity)
    shown = f"{emulator.url}/_ministack/ses/messages"
    print(f"{identity} counts as verified in SES here; nothing is mailed, it is at {shown}", file=sys.stderr)


def _here(emulator: Emulator, outputs: dict[str, str]) -> str:
    """Where a person finds it on this machine; empty when that is nowhere."""
    if "UpdatesUrl" in outputs:
        return ""
    if "EdgeDomain" not in outputs:
        return here_of(outputs.get("ApiUrl", ""), emulator)
    # The unmodified emulator sends a browser to https, where it does not listen.
    return here_of(f"https://{outputs['EdgeDomain']}/", emulator) if emulator.patched else ""


def _without(value: object, option: str, where: str, *, say: str = "") -> None:
    """Refuse an option that would be passed over without a word; `say` what to do instead."""
    if value:
        raise UserError(f"{option} is for {where} only" + (f": {say}" if say else ""))


def _up_in_account(args: argparse.Namespace, name: str, chosen: Chosen, parameters: dict[str, str]) -> int:
    from .. import deploy

    target = account(args, args.s3_bucket)
    _same_template(target, name, args.scenario)
    needs = deploy.needs(target, name, chosen.template, parameters, chosen.layers)
    missing = _missing(target, needs, "lambda")
    if not args.s3_bucket:
        how = "made when missing: private, TLS only"
        print(f"The template goes through the bucket {target.bucket}, {how}.", file=sys.stderr)
        deploy.ensure_bucket(target)
    foretold = _foretell(target, name, chosen.template, needs.parameters)
    plan = deploy.plan(target, name, chosen.template, needs.parameters)
    _taken(plan, parameters, foretold)
    try:
        go = _may_deploy(plan, args.yes)
        if go:
            _put(target, missing)
    except BaseException:  # no terminal, Ctrl-C at the question, or a bucket that takes no layer
        deploy.discard(plan)
        raise
    if not go:
        deploy.discard(plan)
        print("nothing was deployed", file=sys.stderr)
        return 1
    outputs = deploy.execute(plan, say)
    _put_site(target, chosen, outputs)
    _report(args, plan, outputs, _in_account(target, outputs))
    return 0


def emulator_of(args: argparse.Namespace) -> tuple[Emulator, bool]:
    """The emulator that runs, or a new one; and whether it is new."""
    from .. import local

    emulator = local.find()
    if emulator is None:
        port = local.DEFAULT_PORT if args.port is None else args.port
        return local.start(port, patched=not args.stock), True
    if args.stock == emulator.patched:
        kind = "patched" if emulator.patched else "unmodified"
        raise UserError(f"the emulator that runs on port {emulator.port} is the {kind} one: `down` it first")
    if args.port not in (None, emulator.port):
        raise UserError(
            f"the emulator runs on port {emulator.port}, not {args.port}: `down` it first, or leave --port away"
        )
    local.wait(emulator)
    return emulator, False


def _same_template(target: Target, stack: str, scenario: str) -> None:
    """Refuse to turn a stack of another template into this one: that would delete what the other made."""
    other = scenario_of(target, stack)
    if other not in (None, scenario):
        made = f"was made from {other}, not from {scenario}" if other else "is none of ours"
        raise UserError(f"stack {stack} {made}: choose another --stack-name")


def _missing(target: Target, needs: Needs, platform: str) -> list[tuple[Artifact, bytes]]:
    """The layers that the stack needs and its bucket lacks, built."""
    from .. import deploy

    for note in needs.notes:
        print(note, file=sys.stderr)
    if not needs.artifacts:
        return []
    named = ", ".join(artifact.layer for artifact in needs.artifacts)
    print(f"layers: {named}, for {'this machine' if platform == 'host' else 'Lambda'}", file=sys.stderr)
    return deploy.missing(target, needs.artifacts, platform)


def _put(target: Target, layers: list[tuple[Artifact, bytes]]) -> None:
    """Put layers where the stack looks for them."""
    from .. import deploy

    for artifact, data in layers:
        deploy.put(target, artifact, data)
        print(f"  {len(data):,} bytes to s3://{artifact.bucket}/{artifact.key}", file=sys.stderr)


def _put_site(target: Target, chosen: Chosen, outputs: dict[str, str]) -> None:
    """Put the static site of the version into the stack's bucket for it, unless there is another."""
    bucket, files = outputs.get("SiteBucket"), chosen.site
    if not (bucket and files):
        return
    from .. import catalogue, deploy
    from ..releases import index

    known = index.read(places.templates()).of(chosen.scenario)
    pages = {sha for entry in known for sha in catalogue.site_of(entry.scenario, entry.version, entry.files).values()}

    def told(path: str, size: int) -> None:
        print(f"  {size:,} bytes to s3://{bucket}/{path}", file=sys.stderr)

    done = deploy.put_site(target, bucket, files, pages, told)
    if done.is_left_alone:
        print(f"s3://{bucket} has a site of its own: nothing was put there", file=sys.stderr)
        return
    if done.own:
        print(f"left as they are, since they are none of ours: {', '.join(done.own)}", file=sys.stderr)
    print(f"site: {len(done.put)} files put, {len(done.there)} were there", file=sys.stderr)


def _foretell(target: Target, stack: str, template: bytes, parameters: dict[str, str]) -> Diff | None:
    """Say what the update of a stack that runs does to it: in more detail than a change set. None when it is new."""
    from ..diff import report
    from ..upgrading import preview

    found = preview(target, stack, template, parameters)
    if found is not None:
        print(f"{report.table(found)}\n", file=sys.stderr)
    return found


def _taken(plan: Plan, given: Mapping[str, str], foretold: Diff | None) -> None:
    """Refuse to call it done when the stack keeps other values than those given, although they change something.

    Where nothing depends on them it is only said: CloudFormation makes no update of parameters alone.
    """
    from .. import deploy
    from ..diff.model import Section

    stack = deploy.describe(plan.target, plan.stack_name) if plan.change_set is None and given else None
    if stack is None:
        return
    has = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}
    # Of a secret only stars are known.
    others = {name: value for name, value in given.items() if has.get(name, value) not in (value, "****")}
    if not others:
        return
    keeps = ", ".join(f"{name}={has[name]}" for name in others)
    made = (Section.RESOURCES, Section.PERMISSIONS, Section.OUTPUTS)
    changes = [one for one in foretold.changes if one.section in made] if foretold else []
    if not changes:
        print(f"the stack keeps {keeps}: nothing in it depends on that now", file=sys.stderr)
        return
    asked = ", ".join(f"{name}={value}" for name, value in others.items())
    first = min(one.name for one in changes)
    raise UserError(
        f"stack {plan.stack_name} keeps {keeps}: {asked} would change it ({first}, to begin with), but the change set "
        f"says {plan.why!r}; update it without a change set, by `aws cloudformation update-stack`"
    )


def _may_deploy(plan: Plan, yes: bool) -> bool:
    """Show what will change, and ask."""
    # What may lose something comes first.
    order = {"True": 1, "Conditional": 2}
    gravest = sorted(
        plan.changes, key=lambda c: (0 if c.action == "Remove" else order.get(c.replacement, 3), c.logical_id)
    )
    rows = [[c.action, c.logical_id, c.type, c.replacement] for c in gravest]
    nothing = "nothing changes" if plan.change_set is None else "no resource changes"
    print(table(["change", "resource", "type", "replacement"], rows) if rows else nothing, file=sys.stderr)
    where = f"account {plan.target.account}, region {plan.target.region}"
    question = f"Deploy these {len(rows)} changes to stack {plan.stack_name} in {where}? [y/N]"
    return not rows or yes or agreed(question, otherwise="--yes to deploy these changes")


def _report(args: argparse.Namespace, plan: Plan, outputs: dict[str, str], tries: list[str], here: str = "") -> None:
    if args.json:
        from dataclasses import asdict

        changes = [asdict(c) for c in plan.changes]
        print(as_json({"stack": plan.stack_name, "changes": changes, "outputs": outputs, "try": tries}))
        return
    counted = len(plan.changes) or "no resource"
    print("nothing changed" if plan.change_set is None else f"stack {plan.stack_name}: {counted} changes")
    print(table(["output", "value"], sorted(outputs.items())))
    if here:
        what = f"{args.scenario}, for your browser," if "EdgeDomain" in outputs else "API"
        print(f"\non this machine the {what} is at {here}")
    print("\nto try:")
    for line in tries:
        print(f"  {line}")


def _local(emulator: Emulator, name: str, scenario: str, outputs: dict[str, str], here: str) -> list[str]:
    keys = f"AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION={outputs['Region']}"
    aws = f"AWS_ENDPOINT_URL={emulator.url} {keys} aws"
    named = "" if name == scenario else f" --stack-name {name}"
    played = [f"{places.command()} demo {scenario}{named}"]
    if "UpdatesUrl" in outputs:
        played = _updates_here(emulator, name, outputs, played)
    elif "EdgeDomain" not in outputs:
        played.append(f"curl -i {here or emulator.url}/todos   # 401: nobody gets in without a token")
    elif here:
        played += [f"curl -i {here}api/posts", *_invited(outputs, aws, " --message-action SUPPRESS")]
    return [
        *(played if scenario in scenarios.ARCHITECTURES else []),
        f"{aws} cloudformation describe-stack-resources --stack-name {name}",
    ]


def _updates_here(emulator: Emulator, name: str, outputs: dict[str, str], played: list[str]) -> list[str]:
    """What asks for updates, and who publishes them; before somebody's load balancer only the first."""
    scheme, _, host = outputs["UpdatesUrl"].partition("://")
    secure = " -H 'X-Forwarded-Proto: https'" if scheme == "https" else ""
    asked = f"curl -i -H 'Host: {host}'{secure} {emulator.url}/latest.json"
    if "FleetName" not in outputs:
        return [asked]
    return [
        f"{played[0]}   # boots a server of this machine's nginx for as long as it plays",
        f"{places.command()} put-release {name} 1.0.0 FILE",
        f"{asked}   # 503: the emulator runs no servers",
    ]


def _in_account(target: Target, outputs: dict[str, str]) -> list[str]:
    region, client = target.region, outputs.get("UserPoolClientId", "")
    status = f"{places.command()} status --region {region}"
    if "UpdatesUrl" in outputs:
        return [f"curl -i {outputs['UpdatesUrl']}/latest.json   # 404 until something is published", status]
    signed_up = [
        f"curl -i {outputs.get('ApiUrl', '')}/todos   # 401: nobody gets in without a token",
        f"aws cognito-idp sign-up --region {region} --client-id {client} --username ADDRESS --password PASSWORD",
    ]
    if "EdgeDomain" in outputs:
        signed_up = [f"curl -i {outputs['BlogUrl']}/api/posts", *_invited(outputs, f"aws --region {region}")]
    return [
        *(signed_up if client else []),
        status,
    ]


def _invited(outputs: dict[str, str], aws: str, more: str = "") -> list[str]:
    """How somebody becomes an author of a blog: invited with a password for one time, which the site asks to change."""
    pool = outputs.get("UserPoolId", "")
    who = f"--user-pool-id {pool} --username ADDRESS"
    return [
        f"{aws} cognito-idp admin-create-user {who} --temporary-password PASSWORD "
        f"--user-attributes Name=email,Value=ADDRESS Name=email_verified,Value=true Name=name,Value=NAME{more}",
        f"{aws} cognito-idp admin-add-user-to-group {who} --group-name authors",
    ]
