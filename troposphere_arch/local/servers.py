"""A server of a service on this machine: the very user data, run in a prepared root, and the real gunicorn behind it.

    user data ──▶ root: /srv/service/index.py, /etc/service/environment, units ──▶ gunicorn on 127.x.y.z:PORT
                    ├─ cfn-init: writes what the stack's metadata has
                    └─ dnf, pip, curl, systemctl, cfn-signal, sleep, ...: stand-ins, which note what they were asked

Nothing needs to be root, nor a container: each absolute path of the text is put into the root before it is run
(ROOTED), and what listens does so at another loopback address, at the very port. What runs is what the unit says, with
this Python and its gunicorn; of other libraries it sees those that are pinned, in the versions that this Python has. So
what is not shown is Amazon Linux itself: that its packages have these names, that pip finds files with these hashes,
that its systemd does the same, and what the unit forbids the process.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from troposphere_arch.errors import UserError
from troposphere_arch.local.addresses import LOOPBACK
from troposphere_arch.local.fleet import BOOT_SECONDS, Signal

ROOTED = ("/etc/", "/opt/aws/", "/opt/service", "/srv/service", "/var/log/")
"""Where user data reads and writes. Text that lacks one of them, or names another, is refused."""

PROGRAMS = ("curl", "dnf", "getent", "python3.13", "sleep", "systemctl", "useradd")
"""What the stand-ins stand for; the agent of CloudWatch, cfn-init, cfn-signal and pip besides, which have a place."""

AGAIN_SECONDS = 20
"""So long a process may take to come back; it takes a second, as its unit says."""

_PATH = r"(?<![\w.}})/*-]){0}"
_ELSEWHERE = re.compile(
    _PATH.format(r"/(?:bin|boot|etc|home|lib|lib64|mnt|opt|proc|root|run|srv|sys|tmp|usr|var)/[\w.-]*")
)
_TOLD = re.compile(r"^told\+=\(.*\)$", re.MULTILINE)


@dataclass(frozen=True)
class Server:
    """A server whose user data has run. What it says and holds is told as it would be on an instance."""

    root: Path
    address: str
    exit_code: int
    output: str

    @property
    def port(self) -> int:
        """Where its process listens, as the unit says; 0 when it has none."""
        path = _stand_ins(self.root) / "listens"
        return int(path.read_text().partition("/")[2]) if path.exists() else 0

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://{self.address}:{self.port}"

    @property
    def calls(self) -> list[tuple[str, ...]]:
        """Each call of a program with a stand-in, with its arguments, in order."""
        return [tuple(row) for row in self._rows("calls")]

    @property
    def signals(self) -> list[Signal]:
        """What CloudFormation was told, and took."""
        return [Signal(row[0] == "0", *row[1:]) for row in self._rows("signals")]

    @property
    def packages(self) -> list[str]:
        """The packages that dnf was asked for."""
        asked = [call[3:] for call in self.calls if call[:3] == ("dnf", "install", "-y")]
        return sorted({word for words in asked for word in words})

    @property
    def libraries(self) -> dict[str, str]:
        """What pip was asked for, each with its version."""
        return {row[0]: row[1] for row in self._rows("libraries")}

    @property
    def log(self) -> str:
        """What its process has written."""
        path = self.root / "var/log/service/service.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def process(self) -> int:
        """The number of its process, the one that others were started by; 0 when none runs."""
        try:
            pid = int((_stand_ins(self.root) / "service.pid").read_text())
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return 0
        return pid

    @property
    def workers(self) -> list[int]:
        """The numbers of the processes that answer."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children")
        if children.exists():
            return [int(number) for number in children.read_text().split()]
        asked = ["/bin/ps", "-A", "-o", "pid=,ppid="]
        rows = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()  # noqa: S603
        return [int(pid) for pid, parent in map(str.split, rows) if int(parent) == self.process]

    def text(self, path: str) -> str:
        """A file, named and read as on an instance."""
        return _as_there((self.root / path.lstrip("/")).read_text(), self.root, self.address)

    def kill_worker(self) -> int:
        """Kill one of the processes that answer, whatever it is about, and see it gone; its number. Another comes."""
        pid = self.workers[0]
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + AGAIN_SECONDS
        while pid in self.workers and time.monotonic() < until:
            time.sleep(0.01)
        return pid

    def kill(self) -> None:
        """Kill all of its processes, whatever they are about. systemd starts it again after a second."""
        process, workers = self.process, self.workers
        for pid in (process, *workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait(self, path: str = "") -> None:
        """Wait until it answers 200 at the path, or at its health path. Raises UserError when it does not."""
        asked = self.url + (path or self._told("HEALTH"))
        until = time.monotonic() + AGAIN_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError), urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310
                if answer.status == 200:
                    return
            time.sleep(0.02)
        raise UserError(f"{asked} did not answer within {AGAIN_SECONDS} s: {self.log[-500:]}")

    def end(self) -> None:
        """End its process, as systemd does: what is under way may come to its end. What it wrote stays."""
        end(self.root)

    def _told(self, name: str) -> str:
        found = re.search(rf'^{name}="(.*)"$', self.text("/etc/service/environment"), re.MULTILINE)
        return found[1] if found else ""

    def _rows(self, name: str) -> list[list[str]]:
        path = _stand_ins(self.root) / name
        text = _as_there(path.read_text(), self.root, self.address) if path.exists() else ""
        return [line.split("\t") for line in text.splitlines()]


def metadata(cloudformation: Any, stack: str, resource: str) -> dict[str, Any]:
    """The metadata of a stack's resource, as cfn-init asks for it (`cloudformation`: a client of boto3)."""
    answer = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=resource)
    said = answer["StackResourceDetail"].get("Metadata")
    return {resource: json.loads(said)} if said else {}


def user_data(ec2: Any, launch_template_id: str) -> str:
    """The user data of a launch template's newest version, as EC2 (`ec2`: a client of boto3) has it."""
    answer = ec2.describe_launch_template_versions(LaunchTemplateId=launch_template_id, Versions=["$Latest"])
    encoded = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"].get("UserData", "")
    if not encoded:
        raise UserError(f"launch template {launch_template_id} has no user data")
    return base64.b64decode(encoded).decode()


@contextlib.contextmanager
def booted(
    user_data: str,
    metadata: Mapping[str, Any],
    *,
    database_ca: Path,
    address: str = LOOPBACK,
    environment: Mapping[str, str] | None = None,
    root: Path | None = None,
) -> Iterator[Server]:
    """A server that has booted, and is ended afterwards. See `boot`. Raises UserError when the boot failed."""
    with contextlib.ExitStack() as stack:
        if root is None:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="server-")))
        stack.callback(end, root)
        server = boot(
            user_data, metadata, root, database_ca=database_ca, address=address, environment=environment or {}
        )
        if server.exit_code:
            said = [line for line in server.output.splitlines() if line.strip()]
            raise UserError(f"the server did not boot (exit code {server.exit_code}): {(said or ['it is silent'])[-1]}")
        yield server


def boot(
    user_data: str,
    metadata: Mapping[str, Any],
    root: Path,
    *,
    database_ca: Path,
    address: str = LOOPBACK,
    environment: Mapping[str, str] | None = None,
    failing: Mapping[str, int] | None = None,
) -> Server:
    """Run user data in `root`, an empty directory. The server says how it went; `end` it in any case.

    `metadata` is what cfn-init reads, by the resource that has it; `database_ca` a file of certificates that stands for
    RDS's. The process listens at `address`, a loopback one that no other server here has; it is told `environment`
    besides, which stands for the credentials of an instance. `failing` says of programs how many of their first calls
    fail. Raises UserError for text that is no script or uses paths that are not ROOTED, and when somebody listens.
    """
    if not re.fullmatch(r"127(\.[0-9]{1,3}){3}", address):
        raise UserError(f"{address} is no loopback address: a server here listens at 127.x.y.z")
    root = root.resolve()
    if not re.fullmatch(r"[\w./+-]+", str(root)):
        raise UserError(f"{root}: paths in shell scripts are easier without blanks; choose another")
    script = _rewritten(user_data, root, address)
    _refuse_listener(user_data, address)
    stand_ins = _prepared(root, failing or {})
    (stand_ins / "metadata.json").write_text(json.dumps(metadata))
    (stand_ins / "environment.json").write_text(json.dumps(dict(environment or {})))
    path = stand_ins / "user-data"
    path.write_text(script)
    told = {
        "PATH": os.pathsep.join([str(stand_ins / "bin"), "/usr/local/bin", "/usr/bin", "/bin"]),
        "STAND_INS": str(stand_ins),
        "ROOT": str(root),
        "CERTIFICATES": str(database_ca.resolve()),
        "PYTHON": sys.executable,
        "PARTS": str(Path(__file__).with_name("server_parts.py").resolve()),
    }
    # To a file: the service outlives the script, and whoever waits for the end of a pipe may wait for it.
    said = stand_ins / "output"
    with said.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the user data, which is what this is for
            ["/bin/bash", str(path)],
            cwd=root,
            env=told,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
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
    return Server(root, address, code, _as_there(said.read_text(errors="replace"), root, address))


def end(root: Path) -> None:
    """End what runs of the server in `root`, if something does."""
    stand_ins = _stand_ins(root.resolve())
    if not (stand_ins / "systemd.pid").exists():
        return
    told = {"STAND_INS": str(stand_ins), "ROOT": str(root.resolve())}
    parts = Path(__file__).with_name("server_parts.py")
    subprocess.run([sys.executable, "-I", str(parts), "stop", "service"], env=told, check=False)  # noqa: S603


def _refuse_listener(user_data: str, address: str) -> None:
    """Refuse a place where somebody listens already, who would answer for the server."""
    for port in re.findall(r"--bind=0\.0\.0\.0:([0-9]+)", user_data):
        with socket.socket() as probe:
            if probe.connect_ex((address, int(port))) == 0:
                raise UserError(f"somebody listens at {address}:{port} already: give another address")


def _rewrites(address: str) -> list[tuple[str, str]]:
    """What is another text here than on an instance, besides paths: there, here."""
    return [("--bind=0.0.0.0:", f"--bind={address}:"), ("http://127.0.0.1:", f"http://{address}:")]


def _rewritten(user_data: str, root: Path, address: str) -> str:
    if not user_data.startswith("#!/bin/bash\n"):
        raise UserError("the user data is no script of bash: its first line has to be #!/bin/bash")
    # What the code is told stays as it is, but for the one path that it is to read.
    told = {f"told-{n}": line for n, line in enumerate(_TOLD.findall(user_data))}
    first, _, text = user_data.partition("\n")
    for mark, line in told.items():
        text = text.replace(line, mark, 1)
    rooted = _PATH.format(f"(?:{'|'.join(map(re.escape, ROOTED))})[\\w./-]*")
    if elsewhere := sorted(set(_ELSEWHERE.findall(re.sub(rooted, "", text)))):
        raise UserError(f"the user data uses {', '.join(elsewhere)}, which is in none of {', '.join(ROOTED)}")
    for there, here in _rewrites(address):
        if there not in text:
            raise UserError(f"the user data lacks {there!r}, which is rewritten for this machine")
        text = text.replace(there, here)
    for prefix in ROOTED:
        # The lookbehind leaves alone what was put into the root a moment ago.
        text, times = re.subn(_PATH.format(re.escape(prefix)), f"{root}{prefix}", text)
        if not times:
            raise UserError(f"the user data has no path in {prefix}, which is rewritten for this machine")
    for mark, line in reversed(told.items()):
        text = text.replace(mark, line.replace("DATABASE_CA=/etc/", f"DATABASE_CA={root}/etc/"), 1)
    return f"{first}\n{text}"


def _as_there(text: str, root: Path, address: str) -> str:
    for there, here in _rewrites(address):
        text = text.replace(here, there)
    return text.replace(f"{root}/", "/")


def _prepared(root: Path, failing: Mapping[str, int]) -> Path:
    """The directories of an Amazon Linux, and the stand-ins."""
    stand_ins = _stand_ins(root)
    there = ("etc/systemd/system", "opt/aws/bin", "srv", "var/log")
    for folder in (*(root / name for name in there), *(stand_ins / name for name in ("bin", "failing", "installed"))):
        folder.mkdir(parents=True, exist_ok=True)
    program = stand_ins / "bin" / "stand-in"
    program.write_text(Path(__file__).with_name("server_stand_ins.sh").read_text())
    program.chmod(0o755)
    # The image brings those of CloudFormation.
    of_image = ("cfn-init", "cfn-signal")
    places = (*(stand_ins / "bin" / name for name in PROGRAMS), *(root / "opt" / "aws" / "bin" / n for n in of_image))
    for link in places:
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    names = (*PROGRAMS, *of_image, "amazon-cloudwatch-agent-ctl", "pip")
    if unknown := set(failing) - {*names}:
        raise UserError(f"failing: {', '.join(sorted(unknown))} has no stand-in; {', '.join(names)} have")
    for name in names:
        (stand_ins / "failing" / name).write_text(f"{failing.get(name, 0)}\n")
    return stand_ins


def _stand_ins(root: Path) -> Path:
    return root / "stand-ins"
