"""A checkout of its own, under git, in which a test may release whatever it likes."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, Done, Shell, keep_architectures, share_marks

PAGE = "troposphere_arch/scenarios/todo.py"
READER = "troposphere_arch/handlers/todo/read_todos.py"


@dataclass(frozen=True)
class Repository:
    """A git repository with our sources, and `python build.py` in it."""

    shell: Shell

    @property
    def root(self) -> Path:
        return self.shell.root

    def __call__(self, *arguments: str | Path, **env: str) -> Done:
        return self.shell(*arguments, **env)

    def git(self, *arguments: str) -> str:
        own = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        who = ["-c", "user.name=A Tester", "-c", "user.email=tester@example.com"]
        command = ["git", *who, "-C", str(self.root), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=self.shell.environment(own))
        return done.stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A change")

    def edit(self, path: str, old: str, new: str) -> None:
        """Change a file of the sources; what is to be changed must be there once."""
        text = (self.root / path).read_text()
        assert text.count(old) == 1, (path, old, text.count(old))
        (self.root / path).write_text(text.replace(old, new))

    def tree(self) -> dict[str, bytes]:
        """Every file of the checkout, byte for byte."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and not {".git", "__pycache__"} & set(path.relative_to(self.root).parts)
        }

    def copy(self, home: Path) -> Repository:
        """The same again in another home, with what was linted before."""
        shutil.copytree(self.root, home / "checkout")
        shutil.copytree(self.shell.home / "cache", home / "cache", symlinks=True)
        return Repository(Shell(home, root=home / "checkout"))

    def release(self, name: str = "todo") -> Done:
        """Build, commit, release, commit: all must go well."""
        for arguments in (["build"], ["release", name]):
            done = self(*arguments)
            assert done.code == 0, done.err
            if self.git("status", "--porcelain"):
                self.commit()
        return done

    def fix(self) -> None:
        """A handler's fix."""
        with (self.root / READER).open("a") as file:
            file.write("# mended\n")


@pytest.fixture(scope="session")
def _drafts(tmp_path_factory: pytest.TempPathFactory, lint_marks: Path) -> Repository:
    home = tmp_path_factory.mktemp("releases")
    root = home / "checkout"
    for name in ("troposphere_arch", "templates"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("build.py", "setup.cfg", ".gitattributes", ".gitignore"):
        shutil.copy(ROOT / name, root)
    made = Repository(Shell(home, root=root))
    # The scenarios of these tests are two that are made from nothing but their page, and nothing of them is released.
    keep_architectures(root, "todo")
    share_marks(home, lint_marks)
    shutil.rmtree(root / "templates")
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n### Added\n- Something.\n")
    for page in ("todo", "artifact_bucket", "service_catalog"):
        path = root / f"troposphere_arch/scenarios/{page}.py"
        [version] = [line for line in path.read_text().splitlines() if line.startswith("VERSION = ")]
        path.write_text(path.read_text().replace(version, 'VERSION = "1.0.0"'))
    done = made("build")
    assert done.code == 0, done.err
    made.git("init", "--quiet")
    made.commit()
    return made


@pytest.fixture(scope="session")
def _one_release(_drafts: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = _drafts.copy(tmp_path_factory.mktemp("released"))
    made.release()
    return made


@pytest.fixture
def drafts(_drafts: Repository, tmp_path: Path) -> Repository:
    """A checkout in which nothing is released."""
    return _drafts.copy(tmp_path)


@pytest.fixture
def released(_one_release: Repository, tmp_path: Path) -> Repository:
    """A checkout in which todo 1.0.0 is released and committed, and nothing has changed since."""
    return _one_release.copy(tmp_path)
