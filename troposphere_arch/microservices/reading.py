"""A folder of declarations as a system, or all that is wrong with it at once.

    services/platform.yaml ──┐
    services/**/service.yaml ├──▶ declarations ──checked──▶ System
    services/**/handler.py   │
    services/**/Dockerfile ──┘

A service has the name of its folder, which may be at any depth; some folders are passed by.
"""

from __future__ import annotations

import ast
import stat
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..discovery import title
from ..errors import UserError
from . import checking, dockerfile, files, parsing, uses
from .checking import Known
from .declaration import (
    ANSWERING,
    CONTAINER,
    FRONT,
    NAME,
    NETWORKS,
    NO_NETWORK,
    PLATFORM,
    RESERVED,
    Platform,
    Service,
    System,
)
from .files import DOCKERFILE, HANDLER_FILE, PLATFORM_FILE, SERVICE_FILE
from .parsing import Declaration, Problems, path_shown, shown

MISSPELT = {"service.yml": SERVICE_FILE, "platform.yml": PLATFORM_FILE}
# What a template calls its own would be called the same as what it finds of a service of that name: AlarmTopicArn,
# EventsArn, FAILURES_QUEUE; and AWS_ENDPOINT_URL is where boto3 sends everything.
OF_THE_TEMPLATE = ("alarm-topic", "aws-endpoint", "events", "failures", "kms-key", "permissions-boundary")


def read(folder: Path) -> System:
    """The system whose platform is declared in `folder`, and whose services are declared below it.

    Raises `UserError` with all that is wrong: a line for each problem, by file and line.
    """
    problems = Problems()
    found = _find(folder, problems)
    platform = _platform(folder, found, problems)
    services = _services(folder, found, problems)
    checking.check(platform.network or None, services, problems)
    uses.check(services, problems)
    problems.stop(folder)
    return System(platform, {name: services[name].service for name in sorted(services)}, folder)


@dataclass
class _Found:
    """The declarations below a folder, as paths from it, in order."""

    platforms: list[Path] = field(default_factory=list)
    services: list[Path] = field(default_factory=list)


def _find(folder: Path, problems: Problems) -> _Found:
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except OSError as error:
        why = f"is no folder that can be read ({error.strerror})"
        raise UserError(f"{path_shown(folder)} {why}: name the one with {PLATFORM_FILE} in it") from None
    if not is_folder:
        raise UserError(f"{path_shown(folder)} is no folder: name the one with {PLATFORM_FILE} in it")
    found = _Found()
    for path in _declarations(folder, problems):
        if path.name in MISSPELT:
            problems.tell(folder / path, 1, f"is called {path.name}, which is not read: call it {MISSPELT[path.name]}")
        elif path.name == PLATFORM_FILE:
            found.platforms.append(path)
        else:
            found.services.append(path)
    return found


def _declarations(top: Path, problems: Problems) -> Iterator[Path]:
    """The declarations in a folder and below it, from `top`, by name."""

    def unread(folder: Path, error: OSError) -> None:
        why = f"cannot be looked into: {error.strerror}; let yourself read it, or move it away"
        problems.tell(top / folder, 1, why)

    for here, entries in files.walk(top, unread):
        for entry in entries:
            path = here / entry.name
            if entry.name in (SERVICE_FILE, PLATFORM_FILE, *MISSPELT):
                yield path
            elif files.is_passed_by(entry.name):
                continue
            elif entry.is_symlink() and _is_there(top / path / SERVICE_FILE):
                problems.tell(
                    top / path,
                    1,
                    "is a link to a folder with a service, and such links are not followed: put the folder itself here",
                )


def _platform(folder: Path, found: _Found, problems: Problems) -> Platform:
    """The platform; its network is empty when that is not known."""
    file = folder / PLATFORM_FILE
    for other in found.platforms:
        if other != Path(PLATFORM_FILE):
            own = f"{path_shown(file)} is the one" if Path(PLATFORM_FILE) in found.platforms else "there is none above"
            problems.tell(
                folder / other,
                1,
                f"declares a platform below the folder that was named, and {own}: move it, or "
                f"name {path_shown((folder / other).parent)}",
            )
    if Path(PLATFORM_FILE) not in found.platforms:
        if not found.platforms:
            problems.tell(file, 1, "is missing: it declares what all services share; write name: and owner: into it")
        return Platform("", "", network="", file=file)
    made = Declaration(whole=False)
    if (data := _read(file, problems)) is not None:
        made = parsing.platform(data, file, problems)
    network = made.values.get("network", NO_NETWORK if made.whole and "network" not in made.broken else "")
    values = made.values
    return Platform(
        values.get("name", ""),
        values.get("owner", ""),
        values.get("version", Platform.version),
        network if network in NETWORKS else "",
        file,
    )


def _services(folder: Path, found: _Found, problems: Problems) -> dict[str, Known]:
    """The services by their names, as far as they can be known."""
    services: dict[str, Known] = {}
    titles: dict[str, str] = {}
    for path in found.services:
        file = folder / path
        if path.parent == Path():
            problems.tell(
                file, 1, f"is beside {PLATFORM_FILE}, and a service has a folder of its own: move it into one"
            )
            continue
        name = path.parent.name
        data = _read(file, problems)
        if not _is_name(name, file, problems):
            if data is not None:
                parsing.service(data, file, problems)
            continue
        made = Declaration(whole=False) if data is None else parsing.service(data, file, problems)
        known = _known(name, file.parent, made)
        if name in services:
            other = path_shown(services[name].service.file)
            problems.tell(
                file, 1, f"{name} is declared in {other} too, and a service has the name of its folder: rename one"
            )
            continue
        if (first := titles.setdefault(title(name), name)) != name:
            problems.tell(
                file, 1, f"{name} and {first} differ by a - only, and have one name in a template: rename one"
            )
        services[name] = known
        if data is not None and known.service.shape != FRONT:
            _check_handler(name, file.parent, problems)
        elif known.service.shape == FRONT and (code := file.parent / HANDLER_FILE).exists():
            problems.tell(code, 1, f"{name} is a {FRONT}, which has no code: take {HANDLER_FILE} out")
        if known.service.shape == CONTAINER:
            _check_dockerfile(known, problems)
    if len(services) > checking.MOST_SERVICES:
        text = f"has {len(services)} services below it, and at most {checking.MOST_SERVICES} fit into Parameter Store"
        problems.tell(folder / PLATFORM_FILE, 1, f"{text}: make two systems of them")
    return services


def _is_name(name: str, file: Path, problems: Problems) -> bool:
    if not NAME.fullmatch(name):
        problems.tell(
            file,
            1,
            f"the service is called {shown(name)}, as its folder: a name is 1 to 40 small letters, digits and -, a "
            "letter first, no - at the end; rename the folder",
        )
        return False
    if is_taken(name):
        problems.tell(
            file,
            1,
            f"the service is called {name}, as its folder, which templates call something of their own: rename it",
        )
        return False
    return True


def is_taken(name: str) -> bool:
    """Whether no service may have this name, since something else has it."""
    return name in RESERVED or name in OF_THE_TEMPLATE or name.startswith(f"{PLATFORM}-")


def _known(name: str, folder: Path, made: Declaration) -> Known:
    values = {"shape": "", "owner": "", "description": "", **made.values}
    if values["shape"] in ANSWERING and "behind" not in {*values, *made.broken}:
        values.setdefault("host", name)
    unknown = {"shape", "routes", "publishes", "private", "inside", "host", "behind", "port", "image"}
    broken = made.broken if made.whole else unknown
    return Known(Service(name, **values, folder=folder, lines=made.lines), frozenset(broken))


def _check_handler(name: str, folder: Path, problems: Problems) -> None:
    """Whether there is a handler.py with a `handler`; what else is in it is seen when it is bundled."""
    file = folder / HANDLER_FILE
    if not _is_there(file):
        problems.tell(
            folder / SERVICE_FILE,
            1,
            f"{name} has no {HANDLER_FILE} beside its declaration: write one that has a handler",
        )
        return
    data = _read(file, problems)
    if data is None:
        return
    try:
        text = data.decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python warns of is for who runs the code
            table = symtable.symtable(text, str(file), "exec")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.tell(file, line, f"is not UTF-8 (byte 0x{data[error.start]:02x}): save it as UTF-8")
        return
    except SyntaxError as error:
        problems.tell(file, error.lineno or 1, f"is no Python: {error.msg}; correct it")
        return
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        problems.tell(file, 1, f"is no Python: {error or type(error).__name__}; correct it")
        return
    if not _defines(table, "handler") and not _imports_all(text):
        problems.tell(
            file,
            1,
            "defines no handler at its top level, which is what Lambda calls: write handler = http.handler({...}), or "
            "def handler(event, context)",
        )


def _check_dockerfile(known: Known, problems: Problems) -> None:
    """Whether there is a Dockerfile that exposes the port; one whose image is made elsewhere needs none."""
    service, file = known.service, known.service.folder / DOCKERFILE
    if not _is_there(file):
        if not service.image and "image" not in known.broken:
            problems.tell(
                service.file,
                1,
                f"{service.name} has no {DOCKERFILE} beside its declaration: write one, as new-service does, or name "
                "by image the repository that its image comes from",
            )
        return
    if (data := _read(file, problems, dockerfile.LARGEST)) is None:
        return
    try:
        stage = dockerfile.last_stage(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.tell(file, line, f"is not UTF-8 (byte 0x{data[error.start]:02x}): save it as UTF-8")
        return
    begins = next((one for one in stage if one.name == "FROM"), None)
    if begins is None:
        problems.tell(file, 1, "has no FROM, so no image can be made of it: name the image that it begins with")
        return
    if (other := dockerfile.platform(begins)) not in ("", dockerfile.ARCHITECTURE):
        arm = dockerfile.ARCHITECTURE
        text = f"is for {shown(other)}, and tasks run on {arm}: take --platform out, or write --platform={arm}"
        problems.tell(file, begins.line, text)
    if service.port is None:
        return
    declared = f"{path_shown(service.file)}:{service.place('port').line}"
    exposed: set[int] = set()
    for one in (one for one in stage if one.name == "EXPOSE"):
        ports = dockerfile.exposed(one)
        if ports is None:
            text = (
                f"exposes {shown(one.text)}, which is not a number: write EXPOSE {service.port}, as {declared} has it"
            )
            problems.tell(file, one.line, text)
            return
        exposed |= ports
    if service.port in exposed:
        return
    if not exposed:
        text = f"exposes no port: write EXPOSE {service.port}, which is port in {declared}"
        problems.tell(file, begins.line, text)
        return
    line = next(one.line for one in stage if one.name == "EXPOSE")
    said = ", ".join(map(str, sorted(exposed)))
    problems.tell(file, line, f"exposes {said}, and port is {service.port} in {declared}: write the same in both")


def _defines(module: symtable.SymbolTable, name: str) -> bool:
    try:
        symbol = module.lookup(name)
    except KeyError:
        return False
    return symbol.is_assigned() or symbol.is_imported()


def _imports_all(text: str) -> bool:
    """Whether it imports all that another module has, which may be a handler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = ast.parse(text)
    return any(isinstance(node, ast.alias) and node.name == "*" for node in ast.walk(module))


def _is_there(file: Path) -> bool:
    """Whether something is called so, be it of use or not."""
    try:
        file.lstat()
    except OSError:
        return False
    return True


def _read(file: Path, problems: Problems, most: int = 0) -> bytes | None:
    """The bytes of a file; None when it is none, which is told."""
    try:
        if stat.S_ISDIR(file.stat().st_mode):
            problems.tell(file, 1, "is a folder, and should be a file: rename it, or write the file in its place")
            return None
        if not stat.S_ISREG(file.stat().st_mode):
            problems.tell(file, 1, "is no ordinary file: write one in its place")
            return None
        with file.open("rb") as opened:
            data = opened.read((most or _MOST_BYTES) + 1)
    except OSError as error:
        problems.tell(file, 1, f"cannot be read: {error.strerror or error}; let yourself read it, or write another")
        return None
    if most and len(data) > most:
        problems.tell(file, 1, f"has more than {most:,} bytes: is it the right file?")
        return None
    if len(data) > _MOST_BYTES:
        problems.tell(file, 1, f"has more than {_MOST_BYTES:,} bytes, and Lambda takes no more: is it the right file?")
        return None
    return data


_MOST_BYTES = 4_194_304
"""What Lambda takes of an inlined file. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
