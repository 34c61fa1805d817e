"""What stands for cfn-init, pip and systemd on a server of this machine; see servers.py. Run as a program.

    python server_parts.py cfn-init PROGRAM --stack ... | pip PROGRAM install ... | start UNIT | stop UNIT | run UNIT

`run` is systemd itself: it starts what the unit says, with what the unit says, and again when that ends. It imports
nothing of this package, and knows of each only what user data of ours uses: all else is refused.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

STAND_INS, ROOT = Path(os.environ["STAND_INS"]), Path(os.environ["ROOT"])
# What ends it when it does not by itself.
END_SECONDS = 10
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.+!]+)(?: --hash=sha256:[0-9a-f]{64})+")
_ASSIGNED = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"\n', re.DOTALL)
# What a unit may say here: a word that systemd does not know it would skip, and nobody would see.
_SECTIONS = {
    "Unit": {"Description", "Wants", "After", "StartLimitIntervalSec"},
    "Service": {
        *("User", "WorkingDirectory", "EnvironmentFile", "Environment", "ExecStart", "StandardOutput", "StandardError"),
        *("Restart", "RestartSec", "TimeoutStopSec", "CapabilityBoundingSet", "LockPersonality", "NoNewPrivileges"),
        *("PrivateDevices", "PrivateTmp", "ProtectControlGroups", "ProtectHome", "ProtectKernelModules"),
        *("ProtectKernelTunables", "ProtectSystem", "RestrictAddressFamilies", "RestrictNamespaces"),
        *("RestrictSUIDSGID", "SystemCallArchitectures", "UMask"),
    },
    "Install": {"WantedBy"},
}
Unit = dict[str, list[str]]


def refuse(what: str) -> NoReturn:
    """End as the program would."""
    print(what, file=sys.stderr)
    raise SystemExit(1)


def cfn_init(arguments: Sequence[str]) -> None:
    """Write the files that the metadata of the resource has.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-init.html
    """
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))
    if given.keys() != {"--stack", "--resource", "--region"} or not all(given.values()):
        refuse("--stack, --resource and --region are needed")
    known = json.loads((STAND_INS / "metadata.json").read_text())
    if given["--resource"] not in known:
        refuse(f"resource {given['--resource']} does not exist for stack {given['--stack']}")
    said = known[given["--resource"]].get("AWS::CloudFormation::Init")
    if not said:
        refuse("could not find AWS::CloudFormation::Init in the metadata")
    if said.keys() != {"config"} or said["config"].keys() != {"files"}:
        refuse("only a config of files is answered here")
    for name, file in said["config"]["files"].items():
        encoding = file.get("encoding", "plain")
        if file.keys() - {"content", "mode", "owner", "group", "encoding"} or encoding not in ("plain", "base64"):
            refuse(f"{name}: {sorted(file)} is more than is answered here")
        text = file["content"].encode()
        path = ROOT / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(text) if encoding == "base64" else text)
        path.chmod(int(file["mode"], 8) & 0o777)


def pip(program: str, arguments: Sequence[str]) -> None:
    """What is pinned is there: for each the distribution that this Python has, and no other is seen by what runs."""
    asked = shlex.join(arguments)
    options = "install --disable-pip-version-check --no-cache-dir --only-binary :all: --require-hashes --requirement "
    if not asked.startswith(options) or len(arguments) != len(options.split()) + 1:
        refuse(f"only '{options}FILE' is answered here")
    text = Path(arguments[-1]).read_text().replace("\\\n", " ")
    lines = [" ".join(line.partition("#")[0].split()) for line in text.splitlines()]
    place = Path(program).parent
    for line in filter(None, lines):
        pinned = _REQUIREMENT.fullmatch(line)
        if not pinned:
            refuse(f"in --require-hashes mode all requirements must have their versions pinned with ==: {line:.80}")
        name, version = pinned[1], pinned[2]
        try:
            files = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError:
            refuse(
                f"no matching distribution found for {name}=={version}: this Python has none, which would stand for it"
            )
        for top in {file.parts[0] for file in files if file.parts[0] not in ("..", "__pycache__")}:
            link = place.parent / "lib" / top
            if not link.exists():
                link.symlink_to(metadata.distribution(name).locate_file(top))  # type: ignore[arg-type]
        with (STAND_INS / "libraries").open("a") as noted:
            noted.write(f"{name}\t{version}\n")
    program_of = place / "gunicorn"
    if (place.parent / "lib" / "gunicorn").exists():
        libraries = shlex.quote(str(place.parent / "lib"))
        run = "from gunicorn.app.wsgiapp import run; run()"
        program_of.write_text(
            f'#!/bin/sh\nPYTHONPATH={libraries} exec {sys.executable} -S -c {shlex.quote(run)} "$@"\n'
        )
        program_of.chmod(0o755)


def agent(file: str) -> None:
    """The agent of CloudWatch reads what it is to send, and to which log group."""
    said = json.loads(Path(file).read_text())
    for one in said["logs"]["logs_collected"]["files"]["collect_list"]:
        if one.keys() != {"file_path", "log_group_name", "log_stream_name"} or not all(one.values()):
            refuse(f"{one}: is not what the agent knows")


def unit(name: str) -> Unit:
    """The unit as systemd has read it last."""
    said: Unit = {}
    section = ""
    for number, line in enumerate((STAND_INS / "units" / f"{name}.service").read_text().splitlines(), 1):
        if line.startswith("["):
            section = line.strip("[]")
        elif line:
            key, equals, value = line.partition("=")
            if not equals or key not in _SECTIONS.get(section, set()):
                refuse(f"{name}.service:{number}: unknown key {key!r} in section [{section}]")
            said.setdefault(key, []).append(value)
    return said


def variables(said: Unit) -> dict[str, str]:
    """What the process is told: of the unit, and of its file as systemd reads that."""
    found = dict(line.split("=", 1) for line in said.get("Environment", []))
    for file in said.get("EnvironmentFile", []):
        text = Path(file).read_text()
        if _ASSIGNED.sub("", text):
            refuse(f'{file}: not all of it is NAME="VALUE": {_ASSIGNED.sub("", text)!r:.80}')
        found |= {name: re.sub(r'\\(["\\`$])', r"\1", value) for name, value in _ASSIGNED.findall(text)}
    return found


def start(name: str) -> None:
    """Start systemd for this unit; it goes on by itself."""
    said = unit(name)
    (user,) = said["User"]
    if not (STAND_INS / "installed" / f"user-{user}").exists():
        refuse(f"{name}.service: failed to determine user credentials: no such user {user}")
    (program, *rest) = shlex.split(said["ExecStart"][0])
    for needed in (program, *said["WorkingDirectory"], *said.get("EnvironmentFile", [])):
        if not Path(needed).exists():
            refuse(f"{name}.service: there is no {needed}")
    variables(said)
    for word in rest:
        if bind := re.fullmatch(r"--bind=([0-9.]+):([0-9]+)", word):
            (STAND_INS / "listens").write_text(f"{bind[1]}/{bind[2]}\n")
    (STAND_INS / "died").unlink(missing_ok=True)
    process = subprocess.Popen(  # noqa: S603 - this file
        [sys.executable, "-I", __file__, "run", name],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (STAND_INS / "systemd.pid").write_text(f"{process.pid}\n")


def stop() -> None:
    """End systemd, and with it what it has started."""
    path = STAND_INS / "systemd.pid"
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pid = int(path.read_text())
        path.unlink()
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + END_SECONDS
        while _runs(pid) and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(pid, signal.SIGKILL)
        os.killpg(int((STAND_INS / "service.pid").read_text()), signal.SIGKILL)


def _runs(pid: int) -> bool:
    """Whether a process runs: one that has ended and that nobody has asked about is there still."""
    os.kill(pid, 0)
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def _end_group(group: int, seconds: float) -> None:
    """End what is left of the processes of a unit once its first one has ended: in order, or else at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        until = time.monotonic() + seconds
        while _members(group) and time.monotonic() < until:
            time.sleep(0.02)
        os.killpg(group, signal.SIGKILL)


def _members(group: int) -> list[int]:
    """The processes of a group that run."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, of, *_ = place.read_text().rpartition(")")[2].split()
            if int(of) == group and state != "Z":
                found.append(int(place.parent.name))
    return found


def run(name: str) -> None:
    """Be systemd for this unit: start its process, and again a second after it ended, until somebody ends this."""
    said = unit(name)
    told = variables(said) | json.loads((STAND_INS / "environment.json").read_text())
    output = said["StandardOutput"][0]
    if not output.startswith("append:"):
        refuse(f"{name}.service: StandardOutput={output} is not answered here")
    ends: list[int] = []
    current: list[subprocess.Popen[bytes]] = []

    def end(number: int, frame: Any) -> None:
        ends.append(number)
        for process in current:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    while not ends:
        with Path(output.removeprefix("append:")).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - the unit's own, which is what this is for
                shlex.split(said["ExecStart"][0]),
                cwd=said["WorkingDirectory"][0],
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "USER": said["User"][0], **told},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A group of its own, as a unit has: what it leaves behind does not outlive it.
                start_new_session=True,
            )
        current[:] = [process]
        (STAND_INS / "service.pid").write_text(f"{process.pid}\n")
        if ends:
            process.send_signal(signal.SIGTERM)
        process.wait()
        (STAND_INS / "died").touch()
        _end_group(process.pid, float(said["TimeoutStopSec"][0]))
        if said.get("Restart") != ["always"]:
            return
        until = time.monotonic() + float(said["RestartSec"][0])
        while not ends and time.monotonic() < until:
            time.sleep(0.02)


def main(verb: str, *arguments: str) -> None:
    """Be one of the programs."""
    match verb:
        case "cfn-init":
            cfn_init(arguments[1:])
        case "pip":
            pip(arguments[0], arguments[1:])
        case "agent":
            agent(arguments[0])
        case "start":
            start(arguments[0])
        case "restart":
            stop()
            start(arguments[0])
        case "stop":
            stop()
        case "run":
            run(arguments[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
