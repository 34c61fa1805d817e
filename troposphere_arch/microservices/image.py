"""What an image of a service is built from: its Dockerfile, its code as one file, and its packages, pinned by hashes.

    Dockerfile, *.py ──▶ Dockerfile, index.py, requirements.txt, .dockerignore ──docker build, push──▶ repository

The same files give the same bytes and the same tag. docker itself is not asked for: what to type is told.
"""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import re
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from .. import places
from ..errors import UserError
from ..layers import meaning
from ..parameters import NONE
from . import bundle, dockerfile, process
from .declaration import CONTAINER, INSTANCES, Service
from .factory import Place, shown, typed
from .files import DOCKERFILE

INDEX, IGNORED = f"{bundle.INDEX}.py", ".dockerignore"
_PINS = Path(__file__).with_name("servers.txt")
_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.+!]+( --hash=sha256:[0-9a-f]{64})+")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_IN_ECR = re.compile(r"[0-9]{12}\.dkr[.-]ecr(-fips)?\.([a-z0-9-]+)\.[a-z0-9.]+/.*")
_IGNORED = f"""\
# Written with what is beside it, which is all that an image is built from.
*
!{INDEX}
!{bundle.REQUIREMENTS}
"""
_DIGEST = re.compile(r"# sha256 ([0-9a-f]{64})  (\S+)\n")
_DIGITS = 12


@dataclass(frozen=True)
class Context:
    """The files that an image is built from, by their names, and the tag that says which they are.

    `service` is whose they are, and `stack` the name of its stack.
    """

    service: Service
    stack: str
    tag: str
    files: Mapping[str, bytes]


def context(place: Place, tag: str = "") -> Context:
    """What the image of the container service at this place is built from; its tag, unless one is given, by its bytes.

    Raises `UserError` when it is none, and for what docker, or Fargate later, would stumble over.
    """
    from .reading import read

    if not place.service:
        raise UserError(f"{place} is a folder of services: name the folder of one, which is a {CONTAINER}")
    system = read(place.folder)
    service = system.services[place.service]
    if service.shape != CONTAINER:
        raise UserError(f"{service.name} is a service of the shape {service.shape}: only a {CONTAINER} has an image")
    file = service.folder / DOCKERFILE
    if not file.is_file():
        raise UserError(f"{shown(file)}: there is no such file; its image comes from elsewhere ({service.image})")
    if tag == NONE:
        raise UserError(f"{NONE} is no tag: as ImageTag it means that nothing runs")
    if tag and not _TAG.fullmatch(tag):
        raise UserError(
            f"{tag!r:.60} is no tag: up to 128 letters, digits, _, . and -, of which . and - do not come first"
        )
    found = {
        DOCKERFILE: file.read_bytes(),
        INDEX: bundle.bundle(service.folder, server=True).encode(),
        bundle.REQUIREMENTS: requirements(service),
    }
    _check(file, found)
    # By these the files are known again, when others are to be written in their place.
    digests = "".join(f"# sha256 {hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in found.items())
    found[IGNORED] = f"{_IGNORED}{digests}".encode()
    return Context(service, system.stack(service.name), tag or _tag(service, found), found)


def write(made: Context, into: Path) -> list[Path]:
    """Write the files into the folder, which is there as a whole or as it was before.

    One that has other files is left alone. Raises `UserError` then, and when the place cannot be written to.
    """
    if into.is_symlink() or (into.exists() and not into.is_dir()):
        raise UserError(f"{into} is no folder: name another by --into")
    if Path.cwd().is_relative_to(into.resolve()):
        raise UserError(f"{into} is where you are, and is replaced as a whole: name another folder by --into")
    try:
        _refuse_others(into)
        into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=f".{into.name}.") as temporary:
            whole, before = Path(temporary) / "whole", Path(temporary) / "before"
            whole.mkdir()
            for name, data in made.files.items():
                (whole / name).write_bytes(data)
            if into.exists():
                into.rename(before)
            try:
                whole.rename(into)
            except BaseException:
                with contextlib.suppress(OSError):
                    before.rename(into)
                raise
    except OSError as error:
        raise UserError(f"cannot write {into}: {error.strerror}; name another folder by --into") from None
    return [into / name for name in made.files]


def follow(made: Context, into: Path, region: str = "", profile: str = "") -> list[str]:
    """The lines by which the image is built, pushed, and made the one that runs, where the shell is signed in.

    Without a region, they say REGION where it is to stand.
    """
    image = made.service.image
    in_ecr = _IN_ECR.fullmatch(image)
    who = f" --profile {shlex.quote(profile)}" if profile else ""
    where = f" --region {shlex.quote(region) if region else 'REGION'}{who}"
    query = "Stacks[0].Outputs[?OutputKey==`RepositoryUri`].OutputValue"
    address = (
        shlex.quote(image)
        if image
        else f"$(aws cloudformation describe-stacks --stack-name {made.stack}{where} --query '{query}' --output text)"
    )
    signs_in = f" --region {in_ecr[2]}{who}" if in_ecr else where
    login = 'docker login --username AWS --password-stdin "${REPOSITORY%%/*}"'
    return [
        f"REPOSITORY={address}",
        # Without what says how it was built, it is an image and no index of images: that alone is scanned.
        f'docker build --platform {dockerfile.ARCHITECTURE} --provenance=false --tag "$REPOSITORY:{made.tag}" '
        f"{typed(into)}",
        *([f"aws ecr get-login-password{signs_in} | {login}"] if in_ecr or not image else []),
        f'docker push "$REPOSITORY:{made.tag}"',
        f"{places.command()} up {typed(made.service.folder)}{where} --parameter ImageTag={made.tag}",
    ]


def _tag(service: Service, files: Mapping[str, bytes]) -> str:
    """By version and bytes, so that no two images have one tag: `1.0.0-3b1f0c9a7d52`."""
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(b"%s\0%d\0" % (name.encode(), len(data)))
        digest.update(data)
    return f"{service.version}-{digest.hexdigest()[:_DIGITS]}"


def requirements(service: Service) -> bytes:
    """What is installed: the service's own list, if it has one, else ours. Each by its hashes, and nothing but that.

    Raises `UserError` for any other line, which pip might follow.
    """
    own = service.folder / bundle.REQUIREMENTS
    file = own if own.is_file() else _PINS
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{shown(file)}: cannot be read: {error}") from None
    for line in meaning(text):
        if not _PIN.fullmatch(line):
            raise UserError(
                f"{shown(file)}: {line!r:.80} is not pinned: write NAME==VERSION --hash=sha256:DIGITS, as `pip hash` "
                "tells of the files that `pip download` fetches"
            )
    pinned = {re.sub("[-_.]+", "-", line.partition("==")[0]).lower() for line in meaning(text)}
    for name in process.requirements(database=service.shape == INSTANCES):
        if name not in pinned:
            raise UserError(f"{shown(file)}: has no {name}, which the process of the service needs: pin it as well")
    return text.encode()


def _check(file: Path, files: Mapping[str, bytes]) -> None:
    """Hold the Dockerfile against what is beside it, and against a task: nobody is root there."""
    users = []
    for one in dockerfile.last_stage(files[DOCKERFILE].decode("utf-8-sig")):
        if one.name in ("ADD", "COPY"):
            for source in _sources(one.text):
                if not any(fnmatch(name, source) for name in (INDEX, bundle.REQUIREMENTS)):
                    raise UserError(
                        f"{shown(file)}:{one.line}: copies {source}, which is not there: an image is built from "
                        f"{INDEX} and {bundle.REQUIREMENTS}, and the code of the service is in {INDEX}"
                    )
        if one.name == "USER":
            users.append(one)
    if not users or users[-1].text.partition(":")[0] in ("0", "root"):
        where = (
            f"{shown(file)}:{users[-1].line}: runs as root" if users else f"{shown(file)}: says no user, which is root"
        )
        raise UserError(f"{where}: write USER 10001:10001, as tasks run as")


def _sources(text: str) -> Sequence[str]:
    """What a COPY copies from beside the Dockerfile, as a path from there; nothing of another stage."""
    flags = re.match(r"(--\S+\s+)*", text)
    rest = text[flags.end() :] if flags else text
    if "--from" in text[: len(text) - len(rest)] or rest.startswith("<<"):
        return []
    words = rest.strip("[]").replace('"', " ").replace(",", " ").split() if rest.startswith("[") else rest.split()
    paths = words[:-1]
    # `.` is all that is there; an address, a variable and a text in place are docker's to judge.
    plain = [path for path in paths if not re.match(r"https?://|git@|<<", path) and "$" not in path]
    return [name for path in plain if (name := posixpath.normpath(path).lstrip("/")) not in (".", "")]


def _refuse_others(into: Path) -> None:
    """Refuse a folder in which there is something else than such files, that is none of ours, or was changed since."""
    there = {path.name for path in into.iterdir()} if into.exists() else set()
    if not there:
        return
    ours = into / IGNORED
    others = sorted(there - {DOCKERFILE, IGNORED, INDEX, bundle.REQUIREMENTS})
    told = ours.read_bytes().decode(errors="replace") if ours.is_file() else ""
    if others or _DIGEST.sub("", told) != _IGNORED:
        what = others[0] if others else sorted(there)[0]
        raise UserError(f"{into} has something else in it, {what}: name another folder by --into, or empty that")
    for path in into.iterdir():
        if path.is_dir() or path.is_symlink():
            raise UserError(f"{path} is no file: name another folder by --into, or remove it")
    for digest, name in _DIGEST.findall(told):
        if name in there and hashlib.sha256((into / name).read_bytes()).hexdigest() != digest:
            raise UserError(
                f"{into / name} was changed since it was written, and that would be lost: make the change in the "
                f"folder of the service, and remove this, or name another folder by --into"
            )
