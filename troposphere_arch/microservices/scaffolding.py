"""Writes the folder of a new service: a small one of its shape that does something, with a test.

    scaffolds/<shape>/* ──names filled in──▶ services/<name>/      and services/platform.yaml, when there is none yet

The files of `scaffolds` are what is written, but for four words that stand for names.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from .. import atomic
from ..errors import UserError
from . import factory
from .declaration import NAME, OWNER, RESERVED, SHAPES, SYSTEM_NAME, TOPIC, System

PLATFORM = """\
# What all services of {name} share. Its stack is `{name}-platform`.
name: {name}
owner: {owner}
"""
_TEST = "test_service.py"


@dataclass(frozen=True)
class New:
    """A service to be: in the folder `parent`, which is in `services`, the folder of all.

    `system` is the name of a system that is new, empty when it is there. `told` are, for the shape `topic`, a service
    and the event of it that this one is told; else empty.
    """

    name: str
    shape: str
    owner: str
    parent: Path
    services: Path
    system: str = ""
    told: tuple[str, str] = ("", "")

    @property
    def folder(self) -> Path:
        """Where it will be."""
        return self.parent / self.name


def plan(name: str, shape: str, parent: Path, *, owner: str = "", system: str = "", subscribes: str = "") -> New:
    """What is to be written. Raises `UserError`, before anything is, when it cannot be.

    `owner` and `system` are those of the platform, unless there is none yet; then the system is named as the folder
    above `parent`. `subscribes` is `orders:order-placed`.
    """
    _check_name(name)
    if shape not in SHAPES:
        raise UserError(f"{shape!r:.60} is no shape of a service: there is {', '.join(SHAPES)}")
    if owner and not OWNER.fullmatch(owner):
        raise UserError(f"{owner!r:.80} is no owner: name an e-mail address, or a team")
    folder = parent / name
    if folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} is there already: choose another name, or remove that")
    services = _services(parent)
    if services is None:
        return _first(name, shape, parent, owner, system, subscribes)
    from .reading import read

    there = read(services)
    if system and system != there.platform.name:
        raise UserError(f"{services / factory.PLATFORM_FILE} names the system {there.platform.name}, not {system}")
    if name in there.services:
        raise UserError(f"{there.platform.name} has a service {name} already, in {there.services[name].folder}")
    told = _told(there, shape, subscribes)
    return New(name, shape, owner or there.platform.owner, parent, services, told=told)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r:.80} is no name of a service: 1 to 40 small letters, digits and -, a letter first and no - last"
        )
    if name in RESERVED:
        raise UserError(f"{name} is no name for a service of yours: {', '.join(RESERVED)} are the system's own")


def _services(parent: Path) -> Path | None:
    """The folder of services that `parent` is, or is in; None when it is in none yet."""
    if parent.exists() and not parent.is_dir():
        raise UserError(f"{parent} is no folder: name the one that services are in")
    if (parent / factory.PLATFORM_FILE).is_file():
        return parent
    return next((one for one in parent.resolve().parents if (one / factory.PLATFORM_FILE).is_file()), None)


def _first(name: str, shape: str, parent: Path, owner: str, system: str, subscribes: str) -> New:
    """The first service of a system."""
    system = system or parent.resolve().parent.name
    if not SYSTEM_NAME.fullmatch(system):
        raise UserError(
            f"{system!r:.60} is no name of a system: name it by --system NAME, 2 to 20 small letters, digits and -, a "
            "letter first"
        )
    if not owner:
        raise UserError(f"the first service of {system} needs an owner: say --owner you@example.com, or a team")
    if shape == TOPIC or subscribes:
        raise UserError(f"there is nobody to tell {name} anything yet: begin with another service, which publishes")
    return New(name, shape, owner, parent, parent, system)


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
            f"{factory.DECLARATION} of one first"
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
                text = text.replace(word, instead)
            found[f"test_{module}.py" if file.name == _TEST else file.name] = text.encode()
    return found


@contextmanager
def written(new: New) -> Iterator[list[Path]]:
    """Write the service, and the platform if it is new; when what is done with it then fails, all is as before."""
    platform = new.services / factory.PLATFORM_FILE
    made = [path for path in (new.parent, *new.parent.parents) if not path.exists()]
    paths = [new.folder / name for name in contents(new)]
    try:
        if new.system:
            atomic.write(platform, PLATFORM.format(name=new.system, owner=new.owner).encode())
            paths.insert(0, platform)
        _put(new)
        yield paths
    except BaseException:
        shutil.rmtree(new.folder, ignore_errors=True)
        if new.system:
            platform.unlink(missing_ok=True)
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
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
