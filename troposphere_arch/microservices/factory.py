"""The factory: from a folder of services to the templates below it, each made anew only when its sources have changed.

services/platform.yaml, services/**/service.yaml, *.py ──read──▶ System
    ──as at the last clean build?──▶ kept
    └──▶ draft ──judge──▶ lint ──▶ services/templates/<system>-<service>/<version>/, index.json

The steps are those of `building`; what differs is where drafts come from, and that there may be a thousand of them. So
the last clean build is remembered twice: as a whole, by which nothing but files is looked at when nothing has changed,
and service by service.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import atomic, building, memory, places
from ..building import Result
from ..errors import UserError
from . import files
from .declaration import PLATFORM, System
from .files import PLATFORM_FILE as PLATFORM_FILE
from .files import SERVICE_FILE
from .files import TEMPLATES as TEMPLATES

if TYPE_CHECKING:
    from ..catalogue import Draft
    from ..releases.contract import Declared
    from ..releases.index import Entry, Index
    from ..releases.sources import Sources


Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Begins a step by its name and the number of its parts; what it gives is called for each part that is done."""

# How the names of files end that are read: code, declarations, and what the image of a container is made by.
_READ = (".py", ".yaml", ".yml", files.DOCKERFILE, "requirements.txt")


def _unseen(step: str, parts: int) -> AbstractContextManager[Callable[[], None]]:
    return nullcontext(lambda: None)


@dataclass(frozen=True)
class Place:
    """What a user names by a path: a folder of services, and in it one service, or all when `service` is empty."""

    folder: Path
    service: str = ""

    def __str__(self) -> str:
        return shown(self.folder)


def place(path: Path) -> Place:
    """The folder of services that `path` is, or the service in one whose folder it is.

    Raises `UserError` when it is neither.
    """
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise UserError(f"{path} {what}: name a folder of services, or the folder of one of them")
    if (path / PLATFORM_FILE).is_file():
        return Place(path)
    above = next((one for one in path.resolve().parents if (one / PLATFORM_FILE).is_file()), None)
    if above is not None and (path / SERVICE_FILE).is_file():
        return Place(above, path.resolve().name)
    if above is not None:
        raise UserError(
            f"{path} has no {SERVICE_FILE}, so it is no service of {shown(above)}: name the folder of a service, or "
            f"{shown(above)} for all"
        )
    raise UserError(
        f"{path} is no folder of services: there is no {PLATFORM_FILE} in it, nor above it; "
        f"`{places.command()} new-service NAME --shape http --in {shlex.quote(str(path))}` makes one"
    )


def is_place(text: str) -> bool:
    """Whether a user means a folder by this word: it has a slash, or there is a folder of services of that name."""
    return "/" in text or os.sep in text or any((Path(text) / name).is_file() for name in (PLATFORM_FILE, SERVICE_FILE))


def shown(path: Path) -> str:
    """A path as a user may type it: from the current directory, if it is below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def typed(path: Path) -> str:
    """A path as a word of a command that a user may copy."""
    return shlex.quote(shown(path))


def build(
    folder: Path,
    *,
    write: bool,
    templates: Path | None = None,
    bump: bool = False,
    progress: Progress = _unseen,
) -> Result:
    """Bring the templates of a folder of services up to date, below it or below `templates`; or only tell what is not.

    It is to a folder of services what `building.build` is to our pages, and raises as that does; and when a declaration
    or a file of code is wrong.
    """
    catalogue_ = folder / TEMPLATES
    templates = catalogue_ if templates is None else templates
    key = _whole(folder)
    has_index = (catalogue_ / "index.json").exists()
    known = memory.recall(key, str(templates), *([str(catalogue_)] if has_index else ()), at=str(_memory(folder)))
    if known is not None:
        return Result(known, strangers=memory.strangers(str(templates), known), cached=True)

    from .reading import read

    system = read(folder)
    released, off = building.released_in(catalogue_, write=write)
    if off:
        return Result({}, refused=off)
    made = _make(system, released, _there(templates, catalogue_, released), templates, _recall(folder), progress)
    with progress("lint", 2 * len(made.drafts)) as done:
        checked = building.check(
            made.drafts,
            released,
            catalogue_,
            declared=declared(system),
            jobs=os.cpu_count() or 1,
            progress=lambda name: done(),
        )
    if checked.too_low and bump and not checked.findings:
        return _bumped(system, checked.too_low, templates, progress)
    result = building.finish(templates, catalogue_, released, checked, made.kept, write=write)
    if result.made and not result.findings:
        _remember(folder, key, result.made, made.marks)
    return result


def built(folder: Path, *, progress: Progress = _unseen) -> System:
    """The system of a folder of services, with its templates as its sources make them.

    Raises `UserError` as `build` does, and when lint finds something.
    """
    from .reading import read

    result = build(folder, write=True, progress=progress)
    if result.findings:
        more = f", and {len(result.findings) - 1} more" if len(result.findings) > 1 else ""
        command = f"{places.command()} build {typed(folder)}"
        raise UserError(f"lint finds {result.findings[0]}{more}: `{command}` tells all; mend that first")
    return read(folder)


def entries(system: System) -> dict[str, Entry]:
    """What the index lists for the platform and each service in the version that its declaration says, by its name."""
    from ..releases import index

    known = index.read(system.folder / TEMPLATES)
    return {name: known.find(f"{system.stack(name)}@{version_of(system, name)}") for name in names(system)}


def names(system: System) -> list[str]:
    """The platform, and the services in the order of their names."""
    return [PLATFORM, *sorted(system.services)]


def version_of(system: System, name: str) -> str:
    """The version that the declaration of the platform or of a service says."""
    return system.platform.version if name == PLATFORM else system.services[name].version


def declared(system: System) -> dict[str, Declared]:
    """Where the version of each template is written, by the name of the template."""
    from ..releases.contract import Declared

    command = f"{places.command()} build {typed(system.folder)} --bump"
    return {system.stack(name): Declared(shown(_file(system, name)), command) for name in names(system)}


def sources(folder: Path) -> tuple[System, Sources]:
    """The system of a folder, and what its releases are made from."""
    from ..releases.sources import Sources
    from .reading import read
    from .templates import draft

    system = read(folder)
    by_stack = {system.stack(name): name for name in names(system)}
    command = f"{places.command()} build {typed(folder)}"
    return system, Sources(
        root=folder,
        templates=folder / TEMPLATES,
        names=tuple(by_stack),
        draft=lambda stack, released: draft(system, by_stack[stack]),
        drafts=lambda released: [draft(system, name) for name in by_stack.values()],
        build=lambda: build(folder, write=False),
        command=command,
        tells=command,
        declared=declared(system),
    )


def _file(system: System, name: str) -> Path:
    return system.platform.file if name == PLATFORM else system.services[name].file


# --- making what is not as it was


@dataclass(frozen=True)
class _Made:
    """Drafts that were made, entries of those that were not; `marks` is what to remember of each, by its name."""

    drafts: Sequence[Draft]
    kept: Sequence[Entry]
    marks: Mapping[str, Mapping[str, Any]]


def _make(
    system: System,
    released: Index,
    there: Mapping[str, Entry],
    templates: Path,
    before: Mapping[str, Any],
    progress: Progress,
) -> _Made:
    """Make what is not as an earlier build has made it from the same sources, held against the same releases."""
    from .templates import draft, inputs

    tools = memory.sources()
    drafts: list[Draft] = []
    kept: list[Entry] = []
    marks: dict[str, Mapping[str, Any]] = {}
    with progress("make", len(system.services) + 1) as done:
        for name in names(system):
            stack = system.stack(name)
            entry = there.get(f"{stack}@{version_of(system, name)}")
            mark: dict[str, Any] = {
                "stack": stack,
                "last": _last(released, stack),
                "files": _files_of(system, name, tools),
            }
            old = before.get(name, {})
            as_it_was = entry is not None and _is_there(templates, entry, old.get("made"))
            if not (as_it_was and mark == {key: old.get(key) for key in mark}):
                mark["inputs"] = inputs(system, name)
                as_it_was = as_it_was and mark["inputs"] is not None and _same(mark, old, "stack", "last", "inputs")
            if as_it_was and entry is not None:
                if entry.status != "released":
                    kept.append(entry)
                marks[name] = {**old, **mark}
            else:
                drafts.append(draft(system, name))
                made = {path: hashlib.sha256(data).hexdigest() for path, data in drafts[-1].files.items()}
                marks[name] = {**mark, "made": made}
            done()
    return _Made(drafts, kept, marks)


def _same(one: Mapping[str, Any], other: Mapping[str, Any], *keys: str) -> bool:
    return all(one[key] == other.get(key) for key in keys)


def _last(released: Index, stack: str) -> str:
    """What a draft was held against: the files of the last release."""
    last = released.latest(stack)
    return "" if last is None else hashlib.sha256(json.dumps(sorted(last.files.items())).encode()).hexdigest()


def _files_of(system: System, name: str, tools: str | None) -> str:
    """A hash of the files that the template of a service may depend on: quicker than what it does depend on."""
    digest = hashlib.sha256(f"{tools}\n{system.platform.name}".encode())
    if name == PLATFORM:
        found = [system.platform.file]
    else:
        service = system.services[name]
        used = [system.services[other].file for other in service.uses]
        found = [service.file, *sorted(service.folder.glob("*.py")), *used]
    for file in found:
        data = file.read_bytes() if file.is_file() else b""
        digest.update(b"\0%s\0%d\0" % (os.fsencode(file.name), len(data)))
        digest.update(data)
    return digest.hexdigest()


def _is_there(templates: Path, entry: Entry, made: Mapping[str, str] | None) -> bool:
    """Whether what was made is listed in the index, and is on disk; of a release that has been looked at already."""
    if not made or any(entry.files.get(path) != sha for path, sha in made.items()):
        return False
    return entry.status == "released" or all(memory.sha_of(str(templates / path)) == sha for path, sha in made.items())


def _there(templates: Path, catalogue_: Path, released: Index) -> dict[str, Entry]:
    """What the index lists where one builds, by `shop-orders@1.0.0`; nothing when it is no index of ours."""
    from ..releases import index

    if templates != catalogue_:
        try:
            drafts = index.read(templates).entries
        except UserError:
            return {}
        return {one.name: one for one in (*drafts, *released.releases())}
    return {one.name: one for one in released.entries}


# --- what is remembered


def _memory(folder: Path) -> Path:
    """Where the last clean build of a folder is remembered as a whole; beside it, with .json, service by service."""
    return places.cache() / "services" / hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]


def _whole(folder: Path) -> str | None:
    """A hash of our sources and tools, and of all files of the folder that may be a part of a service."""
    tools = memory.sources()
    if tools is None:
        return None
    digest = hashlib.sha256(tools.encode())
    for path in sorted(_files(folder)):
        try:
            data = (folder / path).read_bytes()
        except OSError:
            digest.update(b"\0%s\0unread\0" % os.fsencode(path))  # who needs it will say so
            continue
        digest.update(b"\0%s\0%d\0" % (os.fsencode(path), len(data)))
        digest.update(data)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[str]:
    """What may be a part of a service or of a declaration, from the folder."""
    for here, entries in files.walk(folder):
        yield from (str(here / one.name) for one in entries if one.name.endswith(_READ) and _is_file(one))


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads round
        return False


def _recall(folder: Path) -> dict[str, Any]:
    """What is remembered of each service; nothing when it cannot be read."""
    try:
        found = json.loads(_memory(folder).with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(one, dict) for one in found.values()) else {}


def _remember(folder: Path, key: str | None, made: Mapping[str, str], marks: Mapping[str, Mapping[str, Any]]) -> None:
    if key is None or key != _whole(folder):
        return  # a tool tells no version, or somebody edited something meanwhile
    try:
        atomic.write(_memory(folder).with_suffix(".json"), json.dumps(marks).encode())
        atomic.write(_memory(folder), memory.text(key, made).encode())
    except UserError:
        return  # a read-only home costs time at the next build, nothing else


# --- versions


def _bumped(system: System, too_low: Sequence[Any], templates: Path, progress: Progress) -> Result:
    """Write the smallest version that is allowed into each declaration, then build."""
    by_stack = {system.stack(name): name for name in names(system)}
    declarations = {verdict.draft.scenario: _file(system, by_stack[verdict.draft.scenario]) for verdict in too_low}
    result = building.bumped(
        too_low,
        declarations,
        _with_version,
        lambda stack, data: atomic.write(declarations[stack], data),
        lambda: build(system.folder, write=True, templates=templates, progress=progress),
    )
    return replace(result, cached=False)


def _with_version(file: Path, text: bytes, version: str) -> bytes:
    """The text of a declaration with another version: it stands where it stood, or else at the end."""
    import yaml

    before = text.decode("utf-8-sig")
    try:
        declared = yaml.compose(before, Loader=yaml.SafeLoader)
        after = _put_version(before, declared, version)
        wanted = {**_values(declared), "version": version}
        as_wanted = _values(yaml.compose(after, Loader=yaml.SafeLoader)) == wanted
    except yaml.YAMLError:
        as_wanted = False
    if not as_wanted:
        raise UserError(
            f"{file}: write version: {version} into it, which is written in too unusual a way to be changed"
        )
    return (b"\xef\xbb\xbf" if text.startswith(b"\xef\xbb\xbf") else b"") + after.encode()


def _put_version(text: str, declared: Any, version: str) -> str:
    for key, value in declared.value:
        if key.value == "version":
            return text[: value.start_mark.index] + version + text[value.end_mark.index :]
    if declared.flow_style:
        begin = text.index("{", declared.start_mark.index) + 1
        return f"{text[:begin]}version: {version}, {text[begin:]}"
    line = "\r\n" if "\r\n" in text else "\n"
    before, after = text[: declared.end_mark.index], text[declared.end_mark.index :]
    indent = " " * declared.value[0][0].start_mark.column
    return f"{before}{'' if before.endswith(line) else line}{indent}version: {version}{line}{after}"


def _values(declared: Any) -> dict[str, Any]:
    """What is declared, by its keys: texts, lists and mappings of them."""

    def plain(node: Any) -> Any:
        if node.id == "mapping":
            return {key.value: plain(value) for key, value in node.value}
        return [plain(one) for one in node.value] if node.id == "sequence" else node.value

    found: dict[str, Any] = plain(declared)
    return found
