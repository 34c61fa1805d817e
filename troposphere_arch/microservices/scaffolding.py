"""Writes the folder of a new service: a small one of its shape that does something, with a test.

    scaffolds/<shape>/* ──names filled in──▶ services/<name>/      and services/platform.yaml, when there is none yet

The files of `scaffolds` are what is written, but for four words that stand for names.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from .. import atomic
from ..errors import UserError
from . import costs, reach
from .declaration import NAME, NO_NETWORK, PLATFORM, RESERVED, SHAPES, TOPIC, Service, System
from .files import PLATFORM_FILE, SERVICE_FILE, TEMPLATES, passed_by, walk

_PLATFORM = """\
# What all services of {name} share. Its stack is `{name}-platform`.
name: {name}
owner: {owner}
"""
_NETWORK = """\
# What is in it costs {month:.2f} USD a month (us-east-1).
network: {network}
"""
_TEST = "test_service.py"
_PLAIN = re.compile(r"[A-Za-z]([A-Za-z0-9 @._/-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class New:
    """A service to be: in the folder `parent`, which is in `services`, the folder of all.

    `system` is the name of its system, which `is_first` begins; its platform has this `network`. `told` are, for the
    shape `topic`, a service and the event of it that this one is told; else empty.
    """

    name: str
    shape: str
    owner: str
    parent: Path
    services: Path
    system: str
    is_first: bool = False
    told: tuple[str, str] = ("", "")
    network: str = NO_NETWORK

    @property
    def folder(self) -> Path:
        """Where it will be."""
        return self.parent / self.name


def plan(name: str, shape: str, parent: Path, *, owner: str = "", system: str = "", subscribes: str = "") -> New:
    """What is to be written. Raises `UserError`, before anything is, when it cannot be.

    `owner` and `system` are those of the platform, unless there is none yet; then the system is named as the folder
    above `parent`. `subscribes` is `orders:order-placed`.
    """
    from . import parsing
    from .reading import read

    _check_name(name)
    if shape not in SHAPES:
        raise UserError(f"{shape!r:.60} is no shape of a service: there is {', '.join(SHAPES)}")
    if owner and not parsing.is_owner(owner):
        raise UserError(f"{owner!r:.80} is no owner: name an e-mail address, or a team")
    folder = parent / name
    if folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} is there already: choose another name, or remove that")
    services = _services(parent)
    if services is None:
        return _first(name, shape, parent, owner, system, subscribes)
    if other := passed_by(services, parent):
        raise UserError(f"{other} is passed by when services are read: name another folder by --in")
    there = read(services)
    if system and system != there.platform.name:
        raise UserError(f"{services / PLATFORM_FILE} names the system {there.platform.name}, not {system}")
    if name in there.services:
        raise UserError(f"{there.platform.name} has a service {name} already, in {there.services[name].folder}")
    network = there.platform.network
    if lack := reach.lack(network, Service(name, shape, "", "")):
        raise UserError(lack)
    told, owner, system = _told(there, shape, subscribes), owner or there.platform.owner, there.platform.name
    return New(name, shape, owner, parent, services, system, told=told, network=network)


def _check_name(name: str) -> None:
    from .reading import is_taken

    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r:.80} is no name of a service: 1 to 40 small letters, digits and -, a letter first and no - last"
        )
    if name in RESERVED:
        raise UserError(f"{name} is no name for a service of yours: {', '.join(RESERVED)} are the system's own")
    if is_taken(name):
        raise UserError(f"{name} is no name for a service of yours: templates call something of their own so")


def _services(parent: Path) -> Path | None:
    """The folder of services that `parent` is, or is in; None when it is in none yet."""
    if parent.exists() and not parent.is_dir():
        raise UserError(f"{parent} is no folder: name the one that services are in")
    if (parent / PLATFORM_FILE).is_file():
        return parent
    return next((one for one in parent.resolve().parents if (one / PLATFORM_FILE).is_file()), None)


def _first(name: str, shape: str, parent: Path, owner: str, system: str, subscribes: str) -> New:
    """The first service of a system."""
    from . import parsing

    system = system or parent.resolve().parent.name
    if not parsing.is_system_name(system):
        raise UserError(
            f"{system!r:.60} is no name of a system: name it by --system NAME, 2 to 20 small letters, digits and -, a "
            "letter first"
        )
    if system.startswith(parsing.NOT_IN_PARAMETER_STORE):
        raise UserError(f"{system} is no name of a system: nothing in Parameter Store may begin with aws or ssm")
    if not owner:
        raise UserError(f"the first service of {system} needs an owner: say --owner you@example.com, or a team")
    if shape == TOPIC or subscribes:
        raise UserError(f"there is nobody to tell {name} anything yet: begin with another service, which publishes")
    network = costs.NEEDS.get(shape, (NO_NETWORK,))[0]
    return New(name, shape, owner, parent, parent, system, is_first=True, network=network)


def _told(system: System, shape: str, subscribes: str) -> tuple[str, str]:
    """Of whom a service is told what: what the user says, or all that there is, when that is one event."""
    if shape != TOPIC:
        if subscribes:
            raise UserError(f"--subscribes is for the shape {TOPIC} only")
        return "", ""
    events = [(one.name, event) for one in system.services.values() for event in one.publishes]
    known = ", ".join(f"{publisher}:{event}" for publisher, event in sorted(events))
    if not events:
        raise UserError(
            f"no service of {system.platform.name} publishes anything yet: write `publishes: [EVENT]` into the "
            f"{SERVICE_FILE} of one first"
        )
    if not subscribes and len(events) == 1:
        return events[0]
    publisher, _, event = subscribes.partition(":")
    if (publisher, event) not in events:
        said = f"nobody publishes {subscribes!r:.80}" if subscribes else "a topic service is told of events"
        raise UserError(f"{said}: say --subscribes SERVICE:EVENT, one of {known}")
    return publisher, event


def contents(new: New) -> dict[str, bytes]:
    """The files of the service by their names."""
    module = new.name.replace("-", "_")
    publisher, event = new.told
    words = {
        "scaffold_name": module,
        "scaffold-name": new.name,
        "scaffold-owner": new.owner,
        "scaffold-publisher": publisher,
        "scaffold-event": event,
    }
    found = {}
    for file in sorted(Path(str(files(__package__).joinpath("scaffolds", new.shape))).iterdir()):
        if file.is_file() and not file.name.startswith("."):
            text = file.read_text(encoding="utf-8")
            for word, instead in words.items():
                text = text.replace(word, _in_yaml(instead) if file.name == SERVICE_FILE else instead)
            found[f"test_{module}.py" if file.name == _TEST else file.name] = text.encode()
    return found


def _in_yaml(text: str) -> str:
    """The text as YAML has it: in quotes, if it could be taken for something else."""
    return text if _PLAIN.fullmatch(text) and text.lower() != "null" else json.dumps(text, ensure_ascii=False)


@contextmanager
def written(new: New) -> Iterator[list[Path]]:
    """Write the service, and the platform if it is new; when what is done with it then fails, all is as before.

    What goes then is what was made here: what somebody else has put there meanwhile stays, and so does its template.
    """
    platform = new.services / PLATFORM_FILE
    index = new.services / TEMPLATES / "index.json"
    listed = index.read_bytes() if index.is_file() else None
    templates = [index.with_name(f"{new.system}-{one}") for one in (new.name, PLATFORM)]
    folders = [path for path in (*templates, index.parent, new.parent, *new.parent.parents) if not path.exists()]
    paths = [new.folder / name for name in contents(new)]
    made: list[Path] = []
    try:
        if new.is_first:
            text = _PLATFORM.format(name=_in_yaml(new.system), owner=_in_yaml(new.owner))
            if new.network != NO_NETWORK:
                text += _NETWORK.format(month=reach.monthly(new.network), network=new.network)
            _begin(platform, text)
            made.append(platform)
            paths.insert(0, platform)
        _put(new)
        made.append(new.folder)
        yield paths
    except BaseException:
        if new.folder in made:
            shutil.rmtree(new.folder, ignore_errors=True)
            _take_back(templates[0], folders, index, listed)
        if platform in made and not _has_services(new.services):
            platform.unlink(missing_ok=True)
            _take_back(templates[1], folders, index, listed)
        for path in folders:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        raise


def _begin(file: Path, text: str) -> None:
    """The file, which nobody else has written meanwhile."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = file.open("xb")
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror}") from None
    try:
        with opened:
            opened.write(text.encode())
    except BaseException as error:
        file.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UserError(f"cannot write {file}: {error.strerror}") from None
        raise


def _put(new: New) -> None:
    """The folder, there as a whole or not at all."""
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=new.parent, prefix=f".{new.name}.") as temporary:
            whole = Path(temporary) / new.name
            whole.mkdir()
            for name, data in contents(new).items():
                (whole / name).write_bytes(data)
            whole.rename(new.folder)
    except OSError as error:
        raise UserError(f"cannot write {new.folder}: {error.strerror}") from None


def _take_back(template: Path, folders: list[Path], index: Path, listed: bytes | None) -> None:
    """Remove what a build has made; of a name that had a template already, that stays."""
    if template in folders:
        shutil.rmtree(template, ignore_errors=True)
    if not index.is_file() or f'"{template.name}"'.encode() not in index.read_bytes():
        return
    if listed is None:
        index.unlink()
    else:
        atomic.write(index, listed)


def _has_services(folder: Path) -> bool:
    return any(entry.name == SERVICE_FILE for _, entries in walk(folder) for entry in entries)
