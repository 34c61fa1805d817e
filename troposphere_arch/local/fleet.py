"""An instance of the fleet on this machine: the very user data, run in a prepared root, and the real nginx behind it.

    user data ──▶ root: /etc/nginx/nginx.conf, /etc/fstab, units ──▶ nginx on 127.0.0.1:PORT ──reads──▶ files
                    └─ dnf, mount, systemctl, cfn-signal, sleep: stand-ins, which note what they were asked

Nothing needs to be root, nor a container: each absolute path of the text is put into the root before it is run
(ROOTED), and nginx's port and user are made ones of this machine (`_rewrites`). The file system is a directory, which
the stand-in for mount shows at the mount point when it is asked for with the right options. So what is not shown here
is Amazon Linux itself: that its packages have these names, and that its own mount, systemd and nginx do the same.

nginx is a daemon: it outlives the process that booted it when that is killed before it could `end` it. `end(root)` of
the same root ends it later.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from troposphere_arch.errors import UserError
from troposphere_arch.local.addresses import LOOPBACK

ROOTED = ("/etc/", "/opt/aws/", "/root/", "/run/", "/srv/", "/var/log/")
"""Where user data reads and writes. Text that lacks one of them, or names another, is refused."""

PROGRAMS = ("dnf", "mount", "mountpoint", "nginx", "sleep", "systemctl")
"""What the stand-ins stand for; cfn-signal besides, which is not found by its name alone."""

BOOT_SECONDS = 120
"""It takes a part of a second; a loaded machine may take far longer."""
END_SECONDS = 10
BOOTS = 3
"""So many times at most it boots anew, because somebody took the port that was free a moment before."""

_TAKEN = "Address already in use"

_PATH = r"(?<![\w.}})/-]){0}"
_ELSEWHERE = re.compile(
    _PATH.format(r"/(?:bin|boot|etc|home|lib|lib64|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)/[\w.-]*")
)
_TEMPORARY = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")


class Signal(NamedTuple):
    """What CloudFormation was told. `reason` is what cfn-signal was given; the service itself drops it."""

    success: bool
    reason: str
    stack: str
    resource: str
    region: str


class Mount(NamedTuple):
    """A file system that was mounted, where, and its options in their order."""

    file_system: str
    target: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Instance:
    """An instance whose user data has run. What it says and holds is told as it would be on an instance."""

    root: Path
    port: int
    exit_code: int
    output: str

    @property
    def url(self) -> str:
        """Where its nginx answers, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def calls(self) -> list[tuple[str, ...]]:
        """Each call of a program with a stand-in, with its arguments, in order."""
        return [tuple(row) for row in self._rows("calls")]

    @property
    def signals(self) -> list[Signal]:
        """What CloudFormation was told, and took."""
        return [Signal(row[0] == "0", *row[1:]) for row in self._rows("signals")]

    @property
    def mounts(self) -> list[Mount]:
        """What was mounted."""
        rows = self._rows("mounts")
        return [Mount(source.partition(":")[0], target, tuple(options.split(","))) for source, target, options in rows]

    @property
    def packages(self) -> list[str]:
        """The packages that dnf was asked for."""
        asked = [call[2:] for call in self.calls if call[:2] == ("dnf", "install")]
        return sorted({word for words in asked for word in words if not word.startswith("-")})

    def text(self, path: str) -> str:
        """A file, named and read as on an instance."""
        return _as_there((self.root / path.lstrip("/")).read_text(), self.root, self.port)

    def unmount(self) -> None:
        """As if the file system were not mounted: what is below the mount point shows."""
        target = self.root / "srv" / "updates"
        target.unlink()
        (_stand_ins(self.root) / "below").rename(target)

    def end(self) -> None:
        """End its nginx. What it wrote stays."""
        end(self.root)

    def _rows(self, name: str) -> list[list[str]]:
        path = _stand_ins(self.root) / name
        text = _as_there(path.read_text(), self.root, self.port) if path.exists() else ""
        return [line.split("\t") for line in text.splitlines()]


def user_data(ec2: Any, launch_template_id: str) -> str:
    """The user data of a launch template's newest version, as EC2 (`ec2`: a client of boto3) has it."""
    answer = ec2.describe_launch_template_versions(LaunchTemplateId=launch_template_id, Versions=["$Latest"])
    encoded = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"].get("UserData", "")
    if not encoded:
        raise UserError(f"launch template {launch_template_id} has no user data")
    return base64.b64decode(encoded).decode()


@contextlib.contextmanager
def booted(user_data: str, files: Path, *, port: int = 0, root: Path | None = None) -> Iterator[Instance]:
    """An instance that has booted, and is ended afterwards. Port 0 takes any free port.

    `files` stands for the file system's directory; `root`, an empty one, is a temporary one when not given. Raises
    UserError when nginx is missing and when the boot failed.
    """
    with contextlib.ExitStack() as stack:
        if root is None:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-")))
        stack.callback(end, root)
        instance = boot(user_data, root, files, port=port)
        if instance.exit_code:
            said = [line for line in instance.output.splitlines() if line.strip()]
            raise UserError(
                f"the instance did not boot (exit code {instance.exit_code}): {(said or ['it is silent'])[-1]}"
            )
        yield instance


def boot(
    user_data: str, root: Path, files: Path, *, port: int = 0, failing: Mapping[str, int] | None = None
) -> Instance:
    """Run user data in `root`, an empty directory. The instance says how it went; `end` it in any case.

    `failing` says of programs with a stand-in how many of their first calls fail. Run again in the same root, it is as
    if somebody ran the user data by hand once more. Raises UserError when nginx is missing, and for text that is no
    script or uses paths that are not ROOTED.
    """
    nginx = _nginx()
    if not nginx:
        raise UserError(
            "there is no nginx here, which stands for the fleet's: apt-get install nginx (brew install nginx)"
        )
    root, files = root.resolve(), files.resolve()
    if not re.fullmatch(r"[\w./+-]+", str(root)):
        raise UserError(f"{root}: nginx's configuration needs a path of letters, digits and ._+-; choose another")
    before = set(root.iterdir()) if root.exists() else set()
    instance = _boot(user_data, root, files, nginx, port or _free_port(), failing or {})
    for _ in range(BOOTS if not port and _stand_ins(root) not in before else 0):
        if not instance.exit_code or _TAKEN not in instance.output:
            break
        end(root)
        _empty(root, before)
        instance = _boot(user_data, root, files, nginx, _free_port(), failing or {})
    return instance


def _boot(user_data: str, root: Path, files: Path, nginx: str, port: int, failing: Mapping[str, int]) -> Instance:
    script = _rewritten(user_data, root, port)
    stand_ins = _prepared(root, failing)
    path = stand_ins / "user-data"
    path.write_text(script)
    environment = {
        "PATH": os.pathsep.join([str(stand_ins / "bin"), "/usr/bin", "/bin"]),
        "STAND_INS": str(stand_ins),
        "ROOT": str(root),
        "FILES": str(files),
        "WEB_SERVER": nginx,
    }
    # To a file: nginx outlives the script, and whoever waits for the end of a pipe may wait for it.
    said = stand_ins / "output"
    with said.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the user data, which is what this is for
            ["/bin/bash", str(path)],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A group of its own, so that what it started ends with it.
            start_new_session=True,
        )
    try:
        code = process.wait(BOOT_SECONDS)
    except subprocess.TimeoutExpired:
        raise UserError(f"the user data did not end within {BOOT_SECONDS} s") from None
    finally:
        if process.returncode is None:  # also on Ctrl-C, which its group does not get
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            end(root)
    return Instance(root, port, code, _as_there(said.read_text(errors="replace"), root, port))


def end(root: Path) -> None:
    """End the nginx of the instance in `root`, if one runs; never another process that has its number by now."""
    root = root.resolve()
    path = root / "run" / "nginx.pid"
    until = time.monotonic() + END_SECONDS
    # It removes the file when it ends; `nginx -t` leaves an empty one.
    with contextlib.suppress(ProcessLookupError):
        while (pid := _number_in(path)) and _is_nginx_of(root, pid):
            late = time.monotonic() >= until
            os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
            if late:
                break
            time.sleep(0.01)
    path.unlink(missing_ok=True)


def _is_nginx_of(root: Path, pid: int) -> bool:
    """Whether this process was started with the configuration in `root`; nginx keeps that in its title."""
    if Path("/proc/self/cmdline").exists():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        asked = ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)]
        command = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603
    return re.match(rf".*nginx -p {re.escape(str(root))} ", command) is not None


def _empty(root: Path, but: Set[Path]) -> None:
    """Remove what is in `root`, but for these."""
    for path in set(root.iterdir()) - but:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _number_in(path: Path) -> int:
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _rewrites(root: Path, port: int) -> list[tuple[str, str]]:
    """What is another text here than on an instance, besides paths: there, here."""
    temporary = " ".join(f"{name}_temp_path {root}/var/lib/nginx/tmp/{name};" for name in _TEMPORARY)
    return [
        # nginx ignores it when it is not root.
        ("user nginx;\n", "user root;\n"),
        ("listen 80 default_server;\n", f"listen {LOOPBACK}:{port} default_server;\n"),
        ("http://localhost/", f"http://{LOOPBACK}:{port}/"),
        # Where the package put them is compiled into nginx, and not ours to write.
        ("\nhttp {\n", f"\nhttp {{ {temporary}\n"),
    ]


def _rewritten(user_data: str, root: Path, port: int) -> str:
    if not user_data.startswith("#!/bin/bash\n"):
        raise UserError("the user data is no script of bash: its first line has to be #!/bin/bash")
    first, _, text = user_data.partition("\n")
    rooted = _PATH.format(f"(?:{'|'.join(map(re.escape, ROOTED))})")
    if elsewhere := sorted(set(_ELSEWHERE.findall(re.sub(rooted, "", text)))):
        raise UserError(f"the user data uses {', '.join(elsewhere)}, which is in none of {', '.join(ROOTED)}")
    for there, here in _rewrites(root, port):
        if there not in text:
            raise UserError(f"the user data lacks {there.strip()!r}, which is rewritten for this machine")
        text = text.replace(there, here)
    for prefix in ROOTED:
        # The lookbehind leaves alone what was put into the root a moment ago.
        text, times = re.subn(_PATH.format(re.escape(prefix)), f"{root}{prefix}", text)
        if not times:
            raise UserError(f"the user data has no path in {prefix}, which is rewritten for this machine")
    return f"{first}\n{text}"


def _as_there(text: str, root: Path, port: int) -> str:
    for there, here in _rewrites(root, port):
        text = text.replace(here, there)
    return text.replace(f"{root}/", "/")


def _prepared(root: Path, failing: Mapping[str, int]) -> Path:
    """The directories of an Amazon Linux, and the stand-ins."""
    stand_ins = _stand_ins(root)
    there = ("etc/systemd/system", "opt/aws/bin", "root", "run", "srv", "var/log")
    for folder in (*(root / name for name in there), *(stand_ins / name for name in ("bin", "failing", "installed"))):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "etc" / "fstab").touch()
    program = stand_ins / "bin" / "stand-in"
    program.write_text(Path(__file__).with_name("stand_ins.sh").read_text())
    program.chmod(0o755)
    # The image brings cfn-signal.
    for link in (*(stand_ins / "bin" / name for name in PROGRAMS), root / "opt" / "aws" / "bin" / "cfn-signal"):
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    for name in (*PROGRAMS, "cfn-signal"):
        (stand_ins / "failing" / name).write_text(f"{failing.get(name, 0)}\n")
    if unknown := set(failing) - {*PROGRAMS, "cfn-signal"}:
        raise UserError(f"failing: {', '.join(sorted(unknown))} has no stand-in; {', '.join(PROGRAMS)} have")
    return stand_ins


def _stand_ins(root: Path) -> Path:
    return root / "stand-ins"


def _nginx() -> str:
    """The program; Debian keeps it where ordinary users do not look, Homebrew elsewhere again."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"]
    return shutil.which("nginx", path=os.pathsep.join(places)) or ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
