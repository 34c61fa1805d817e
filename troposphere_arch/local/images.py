"""An image on this machine: the very Dockerfile, followed step by step in a directory that becomes the image's root.

    Dockerfile, what is beside it ──FROM, COPY, RUN, ...──▶ root: /app/index.py, ... ──▶ a process of this Python

docker is not needed, nor to be root, and nothing is run: each instruction is one that is known here, or it is refused.
For a package that pip is asked for stands the one that this Python has, linked into the root, and no other is seen from
there. So what is not shown is the base image itself, that pip finds files with these hashes, and arm64.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from ..errors import UserError
from ..layers import meaning
from ..microservices import dockerfile
from ..microservices.dockerfile import Instruction
from ..microservices.files import DOCKERFILE

PACKAGES = "/usr/local/lib/python/site-packages"
"""Where the packages are, from the root."""
MEMORY = "/dev/shm"  # noqa: S108  # the container's own

_BASE = re.compile(r"(.+/)?python(:3\.[0-9]+[a-z0-9.-]*)?(@sha256:[0-9a-f]{64})?")
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.+!]+)(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)"
)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# Of pip install: what takes a value, and what takes none.
_WITH_VALUE = ("--only-binary", "-r", "--requirement", "--root-user-action")
_WITHOUT = ("--disable-pip-version-check", "--no-cache-dir", "--no-compile", "--no-deps", "--require-hashes")
# What changes nothing that is looked at here.
_UNSEEN = ("chmod", "chown", "true")


@dataclass(frozen=True)
class Package:
    """A package that pip was asked for: its version, and the hashes of the files that it may be."""

    version: str
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Image:
    """What was built. Paths are those of the image; `directory` says where they are on this machine."""

    root: Path
    workdir: str
    user: str
    exposed: tuple[int, ...]
    environment: Mapping[str, str]
    command: tuple[str, ...]
    packages: Mapping[str, Package]
    volumes: tuple[str, ...] = ()

    def directory(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.root / path.lstrip("/")

    def argv(self, command: Sequence[str]) -> list[str]:
        """The command as this machine runs it: its program is one that the image has, all else stays as it is.

        Raises `UserError` for a program that the image does not have.
        """
        if not command:
            raise UserError("the image says no command, and none was given")
        program, *arguments = command
        python = [sys.executable, "-S", "-B"]
        if program in ("python", "python3"):
            return [*python, *arguments]
        if program not in self.packages:
            raise UserError(f'exec: "{program}": executable file not found in $PATH: the image has no such package')
        if not Path(MEMORY).is_dir():  # as on macOS
            self.directory(MEMORY).mkdir(parents=True, exist_ok=True)
            arguments = [word.replace(MEMORY, str(self.directory(MEMORY))) for word in arguments]
        return [*python, "-m", program, *arguments]

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """All that a process of the image knows: what the image says, over it what is given, and where packages are."""
        own = {"PATH": _PATH, "HOME": "/", **self.environment, **given}
        return {**own, "PYTHONPATH": str(self.directory(PACKAGES))}


def built(context: Path, into: Path) -> Image:
    """The image that the Dockerfile in `context` makes, in the empty folder `into`.

    Raises `UserError`, with the line, for an instruction or a program that is not known here, for what is not there,
    and for a package that is not pinned by a hash.
    """
    if into.exists() and any(into.iterdir()):
        raise UserError(f"{into} is not empty: an image begins with nothing of ours")
    file = context / DOCKERFILE
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    building = _Building(context, file, into.resolve())
    for folder in (PACKAGES, "/app", "/tmp", "/run", "/var/log"):  # noqa: S108
        building.there(folder).mkdir(parents=True, exist_ok=True)
    for one in dockerfile.instructions(text):
        building.follow(one)
    if not building.base:
        raise UserError(f"{file}: has no FROM")
    return building.image()


@dataclass
class _Building:
    """An image on its way."""

    context: Path
    file: Path
    root: Path
    base: str = ""
    workdir: str = "/"
    user: str = ""
    exposed: list[int] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    packages: dict[str, Package] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)
    users: set[str] = field(default_factory=lambda: {"root"})
    line: int = 0

    def image(self) -> Image:
        return Image(
            self.root,
            self.workdir,
            self.user,
            tuple(self.exposed),
            self.environment,
            (*self.entrypoint, *self.command),
            self.packages,
            tuple(self.volumes),
        )

    def there(self, path: str) -> Path:
        """Where a path of the image is here."""
        return self.root / posixpath.normpath(posixpath.join("/", self.workdir, path)).lstrip("/")

    def follow(self, one: Instruction) -> None:
        self.line = one.line
        known: Mapping[str, Callable[[str], None]] = {
            "ARG": self._arg,
            "CMD": self._cmd,
            "COPY": self._copy,
            "ENTRYPOINT": self._entrypoint,
            "ENV": self._env,
            "EXPOSE": self._expose,
            "FROM": self._from,
            "LABEL": lambda text: None,
            "RUN": self._run,
            "USER": self._user,
            "VOLUME": self._volume,
            "WORKDIR": self._workdir,
        }
        if one.name not in known:
            self._stop(f"{one.name} is not known here: {', '.join(sorted(known))} are")
        if not self.base and one.name not in ("ARG", "FROM"):
            self._stop(f"{one.name} comes before FROM")
        known[one.name](one.text)

    def _stop(self, what: str) -> NoReturn:
        raise UserError(f"{self.file}:{self.line}: {what}")

    def _filled(self, text: str) -> str:
        """The text with its variables, of which each must be known."""

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            known = {**self.arguments, **self.environment}
            if name not in known:
                self._stop(f"${name} is set nowhere before")
            return known[name]

        return _VARIABLE.sub(value, text)

    def _from(self, text: str) -> None:
        if self.base:
            self._stop("a second FROM: several stages are not known here")
        words = [word for word in self._filled(text).split() if not word.startswith("--platform=")]
        if len(words) != 1 or not _BASE.fullmatch(words[0]):
            self._stop(f"FROM {text}: only images of Python are known here, such as python:3.13-slim")
        self.base = words[0]
        self.arguments.clear()  # those before FROM are for FROM only

    def _arg(self, text: str) -> None:
        name, _, value = self._filled(text).partition("=")
        self.arguments[name] = value.strip("\"'")

    def _env(self, text: str) -> None:
        words = shlex.split(self._filled(text))
        if "=" not in words[0]:
            words = [f"{words[0]}={' '.join(words[1:])}"]
        for word in words:
            name, _, value = word.partition("=")
            self.environment[name] = value

    def _workdir(self, text: str) -> None:
        self.workdir = posixpath.normpath(posixpath.join("/", self.workdir, self._filled(text)))
        self.there(".").mkdir(parents=True, exist_ok=True)

    def _copy(self, text: str) -> None:
        words = self._words(self._filled(text))
        flags = [word for word in words if word.startswith("--")]
        if any(not flag.startswith(("--chown=", "--chmod=")) for flag in flags):
            self._stop(f"COPY {flags[0]}: of options --chown and --chmod are known here")
        *sources, target = [word for word in words if not word.startswith("--")]
        found: list[Path] = []
        for source in sources:
            if not (some := self._beside(source)):
                self._stop(f"COPY {source}: there is no such file beside the {DOCKERFILE}")
            found += some
        into = self.there(target)
        if target.endswith("/") or target == "." or into.is_dir():
            into.mkdir(parents=True, exist_ok=True)
        elif len(found) > 1:
            self._stop(f"COPY of several files to {target}: it has to end with /")
        into.parent.mkdir(parents=True, exist_ok=True)
        for path in found:
            shutil.copyfile(path, into / path.name if into.is_dir() else into)

    def _beside(self, source: str) -> list[Path]:
        """The files of the context that `source` names, but those that .dockerignore leaves out."""
        files = [path for path in sorted(self.context.rglob("*")) if path.is_file()]
        named = posixpath.normpath(source.lstrip("/"))
        found = []
        for path in files:
            name = path.relative_to(self.context).as_posix()
            if (named == "." or fnmatch(name, named) or name.startswith(f"{named}/")) and not self._is_ignored(name):
                found.append(path)
        return found

    def _is_ignored(self, name: str) -> bool:
        """https://docs.docker.com/build/concepts/context/#dockerignore-files"""
        file, ignored = self.context / ".dockerignore", False
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
            pattern = line.strip()
            if pattern and not pattern.startswith("#") and fnmatch(name, pattern.removeprefix("!").lstrip("/")):
                ignored = not pattern.startswith("!")
        return ignored

    def _run(self, text: str) -> None:
        for part in text.split("&&"):
            words = shlex.split(self._filled(part))
            if not words:
                self._stop(f"RUN {text}: a part is empty")
            match words:
                case ["pip" | "pip3", "install", *arguments] | [
                    "python" | "python3",
                    "-m",
                    "pip",
                    "install",
                    *arguments,
                ]:
                    self._pip(arguments)
                case ["mkdir", *arguments]:
                    for path in (word for word in arguments if not word.startswith("-")):
                        self.there(path).mkdir(parents=True, exist_ok=True)
                case ["useradd" | "adduser", *arguments]:
                    self.users.add(arguments[-1])
                case [program, *_] if program in _UNSEEN:
                    pass
                case [program, *_]:
                    self._stop(
                        f"RUN {program}: only pip install, mkdir, useradd and {', '.join(_UNSEEN)} are known here"
                    )

    def _pip(self, arguments: Sequence[str]) -> None:
        """Note what pip is asked for, and link what this Python has of it."""
        todo, files = list(arguments), []
        while todo:
            word = todo.pop(0)
            option, joined, value = word.partition("=")
            if option in _WITH_VALUE:
                value = value if joined else (todo.pop(0) if todo else "")
                files += [value] if option in ("-r", "--requirement") else []
            elif word not in _WITHOUT:
                self._stop(f"pip install {word}: is not pinned: write it into a file of requirements, with its hash")
        if not files:
            self._stop("pip install: names no file of requirements")
        for name in files:
            path = self.there(name)
            if not path.is_file():
                self._stop(f"pip install: there is no {name} in the image: COPY it first")
            for line in meaning(path.read_text(encoding="utf-8")):
                found = _REQUIREMENT.fullmatch(line)
                if found is None:
                    raise UserError(
                        f"{self.file}:{self.line}: {name} has {line!r:.80}, which is not pinned by version and hash"
                    )
                hashes = tuple(word.removeprefix("--hash=sha256:") for word in found["hashes"].split())
                self.packages[found["name"].lower()] = Package(found["version"], hashes)
                self._link(found["name"])

    def _link(self, package: str) -> None:
        try:
            distribution = metadata.distribution(package)
        except metadata.PackageNotFoundError:
            raise UserError(
                f"{self.file}:{self.line}: {package} is not installed in this Python, so nothing stands for it here"
            ) from None
        tops = {path.parts[0] for path in distribution.files or ()} - {"..", "__pycache__"}
        for top in sorted(tops):
            link = self.there(PACKAGES) / top
            if not link.is_symlink():
                link.symlink_to(Path(str(distribution.locate_file(top))))

    def _user(self, text: str) -> None:
        self.user = self._filled(text)
        name = self.user.partition(":")[0]
        if not name.isdigit() and name not in self.users:
            self._stop(f"USER {name}: unable to find user {name}: no useradd makes it")

    def _expose(self, text: str) -> None:
        for word in self._filled(text).split():
            port, _, protocol = word.partition("/")
            if not port.isdigit() or protocol not in ("", "tcp"):
                self._stop(f"EXPOSE {word}: is no port")
            self.exposed.append(int(port))

    def _volume(self, text: str) -> None:
        for path in self._words(self._filled(text)):
            self.there(path).mkdir(parents=True, exist_ok=True)
            self.volumes.append(path)

    def _entrypoint(self, text: str) -> None:
        self.entrypoint, self.command = self._exec(text), ()

    def _cmd(self, text: str) -> None:
        self.command = self._exec(text)

    def _exec(self, text: str) -> tuple[str, ...]:
        """A command as a list. As a text it would be run by a shell, which gets the signals in its place."""
        words = self._words(text) if text.startswith("[") else []
        if not words:
            self._stop(f'{text}: write a command as a list: ["gunicorn", "..."]')
        return tuple(words)

    def _words(self, text: str) -> list[str]:
        """Words, or a list of them in the way of JSON."""
        if not text.startswith("["):
            return shlex.split(text)
        try:
            words = json.loads(text)
        except ValueError:
            words = None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise UserError(f"{self.file}:{self.line}: {text} is no list of words")
        return words
