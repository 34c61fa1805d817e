"""The emulator's process: start, find, stop.

A file lock says whether an emulator of ours runs, because a process id may be used again by another process. The
starter takes the lock, the launcher inherits it, and the kernel lets go of it when the launcher ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from troposphere_arch.errors import UserError
from troposphere_arch.local.addresses import LOOPBACK
from troposphere_arch.local.emulator import Emulator, PatchInfo
from troposphere_arch.local.patches import PATCHES
from troposphere_arch.local.version import EMULATOR_VERSION, check_version

DEFAULT_PORT = 4580

START_SECONDS = 60
"""It takes about one second; a loaded machine may take far longer."""
TERM_SECONDS = 8
"""Hypercorn waits up to 3 s for open connections before it ends."""
KILL_SECONDS = 3

_LOCK, _STATE, _LOG, _TMP = "emulator.lock", "emulator.json", "emulator.log", "tmp"

_KEPT_VARIABLES = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONUSERBASE", "TZ", "VIRTUAL_ENV")

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Those that this very process started: it must collect their exit status, or they stay as zombies."""


def start(port: int = DEFAULT_PORT, *, patched: bool = True, home: Path | None = None) -> Emulator:
    """Start an emulator that outlives this process and wait until it answers. Port 0 takes any free port.

    `home` holds its state: `$XDG_STATE_HOME/troposphere-arch`, or `~/.local/state/troposphere-arch`, when not given.
    Raises UserError when the emulator is missing or of another version, when the port is taken, when one of ours runs
    already for that home, and when it does not come up; nothing is left behind then.
    """
    check_version()
    home = _make_home(home)
    lock = _take_lock(home)
    try:
        port = _check_port(port)
        _remove_files(home)
        return _launch(port, patched, home, lock)
    except BaseException:
        _remove_files(home)
        _lock_file(home).unlink(missing_ok=True)
        raise
    finally:
        os.close(lock)


def find(home: Path | None = None) -> Emulator | None:
    """The running emulator of ours for that home, or None. It may be one that another command is only starting."""
    home = home or _default_home()
    if not _is_locked(home):
        return None
    try:
        state = json.loads((home / _STATE).read_text())
        return Emulator(
            port=state["port"],
            pid=state["pid"],
            patched=state["patched"],
            patches=tuple(PatchInfo(**patch) for patch in state["patches"]),
            home=home,
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def stop(emulator: Emulator) -> None:
    """End `emulator` with its whole process group and remove its files. Only ever ends what `start` started."""
    running = find(emulator.home)
    if running == emulator:
        _end_group(emulator.pid)
    elif child := _children.pop(emulator.pid, None):
        child.poll()
    if running not in (None, emulator):
        return  # this one ended by itself, and another has taken its place
    tidy(emulator.home)


@contextlib.contextmanager
def turn(home: Path | None = None) -> Iterator[None]:
    """Take turns: of two commands that deploy into the same emulator, the second waits until the first has ended."""
    lock = os.open(_make_home(home), os.O_RDONLY)  # the directory itself, so that no file is left
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def wait(emulator: Emulator) -> None:
    """Wait until an emulator that was found answers. Raises UserError when it ends, or does not in time."""
    deadline = time.monotonic() + START_SECONDS
    while not _is_healthy(emulator.port):
        if find(emulator.home) != emulator or time.monotonic() > deadline:
            raise UserError(f"the emulator on port {emulator.port} does not answer: `down` it, then try again")
        time.sleep(0.05)


def tidy(home: Path | None = None) -> None:
    """Remove what an emulator left that ended without `stop`. One that runs is left alone."""
    home = home or _default_home()
    if not home.is_dir():
        return
    try:
        lock = _take_lock(home)
    except UserError:
        return
    try:
        _remove_files(home)
        _lock_file(home).unlink(missing_ok=True)
    finally:
        os.close(lock)


def _default_home() -> Path:
    state = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    return (Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state") / "troposphere-arch"


def _make_home(home: Path | None) -> Path:
    home = (home or _default_home()).absolute()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(0o700)
    except OSError as error:
        raise UserError(f"{home}: {error.strerror}; set XDG_STATE_HOME to a directory that you may write") from error
    return home


def _check_port(port: int) -> int:
    """The port, when it is free. A connection is tried first: another's listener on all addresses may let us bind."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken = port != 0 and _answers(port)
            if not taken:
                probe.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            raise UserError(f"port {port} can't be used ({error}); choose another with --port") from None
        if taken:
            raise UserError(f"port {port} is in use; choose another with --port")
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _lock_file(home: Path) -> Path:
    return home / _LOCK


def _take_lock(home: Path) -> int:
    """An open descriptor that holds the lock. Raises UserError when somebody else holds it."""
    deadline = time.monotonic() + 1  # `find` holds it for a moment
    while True:
        lock = os.open(_lock_file(home), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever stops an emulator removes the file: the lock counts only on the file that still has the name.
            if _lock_file(home).exists() and os.fstat(lock).st_ino == _lock_file(home).stat().st_ino:
                return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                running = find(home)
                if running is None:
                    raise UserError(f"an emulator is being started or ended (state in {home}); try again") from None
                where = f"on port {running.port} (process {running.pid})"
                raise UserError(f"an emulator runs already {where}; `down` it first") from None
            time.sleep(0.05)
        except FileNotFoundError:
            pass
        os.close(lock)


def _is_locked(home: Path) -> bool:
    try:
        lock = os.open(_lock_file(home), os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _launch(port: int, patched: bool, home: Path, lock: int) -> Emulator:
    (home / _TMP).mkdir(mode=0o700)
    mode = "patched" if patched else "stock"
    with (home / _LOG).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
            [sys.executable, "-P", "-m", "troposphere_arch.local.launcher", mode, str(lock)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
            env=_environment(port, home),
            start_new_session=True,
            pass_fds=(lock,),
        )
    _children[process.pid] = process
    try:
        patches = tuple(PatchInfo(patch.name, patch.description) for patch in PATCHES) if patched else ()
        emulator = Emulator(port=port, pid=process.pid, patched=patched, patches=patches, home=home)
        # Before it answers: should this process be killed now, `find` still finds what it started.
        _write_state(emulator)
        _wait_until_healthy(process, port, home)
    except BaseException:
        _end_group(process.pid)
        raise
    return emulator


def _environment(port: int, home: Path) -> dict[str, str]:
    """What the emulator and the Lambda code in it see: nothing of the user's AWS settings, proxies or containers."""
    kept = {k: v for k, v in os.environ.items() if k in _KEPT_VARIABLES or k.startswith("LC_")}
    paths = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    package_root = Path(__file__).resolve().parents[2]
    if package_root.name not in ("site-packages", "dist-packages"):  # a clone that is not installed
        paths.append(str(package_root))
    if paths:
        kept["PYTHONPATH"] = os.pathsep.join(paths)
    return kept | {
        "AUTH": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "BIND_HOST": LOOPBACK,
        # The emulator removes containers of other emulators when it starts, and pulls images: no daemon for it.
        "DOCKER_HOST": f"unix://{home / 'no-docker.sock'}",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "NO_PROXY": "*",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "SFTP_ENABLED": "0",
        # Keys of user pools, which would stay in a directory that all users of the machine share.
        "STATE_DIR": str(home / _TMP / "state"),
        "TMPDIR": str(home / _TMP),
    }


def _write_state(emulator: Emulator) -> None:
    state = {
        "pid": emulator.pid,
        "port": emulator.port,
        "version": EMULATOR_VERSION,
        "patched": emulator.patched,
        "patches": [patch._asdict() for patch in emulator.patches],
    }
    new = emulator.home / f"{_STATE}.new"
    new.write_text(json.dumps(state, indent=2) + "\n")
    new.replace(emulator.home / _STATE)


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, home: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise UserError(f"the emulator did not start: {_last_line(home / _LOG)}")
        if _is_healthy(port):
            return
        time.sleep(0.05)
    raise UserError(f"the emulator did not answer within {START_SECONDS} s: {_last_line(home / _LOG)}")


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _end_group(pid: int) -> None:
    for signal_, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        try:
            os.killpg(pid, signal_)
        except ProcessLookupError:
            break
        if _group_ended(pid, seconds):
            break
    if child := _children.pop(pid, None):
        child.wait()


def _group_ended(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child := _children.get(pid):
            child.poll()
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # macOS answers so for a group of zombies
            return True
        time.sleep(0.02)
    return False


def _remove_files(home: Path) -> None:
    for name in (_STATE, f"{_STATE}.new", _LOG):
        (home / name).unlink(missing_ok=True)
    shutil.rmtree(home / _TMP, ignore_errors=True)
