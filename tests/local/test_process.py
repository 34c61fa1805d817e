"""Starting, finding and stopping the emulator: what runs, and that nothing stays behind."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from troposphere_arch import local
from troposphere_arch.errors import UserError
from troposphere_arch.local.patches import PATCHES, expect

ROOT = Path(__file__).resolve().parents[2]
START = """
import pathlib, sys
from troposphere_arch import local
local.start(0, patched=False, home=pathlib.Path(sys.argv[1]))
"""


def processes_of(emulator: local.Emulator) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,pgid="], capture_output=True, text=True, check=True).stdout
    return [int(pid) for pid, group in map(str.split, listed.splitlines()) if int(group) == emulator.pid]


def function_environment(emulator: local.Emulator) -> dict[str, str]:
    """What Lambda code sees in its environment; a worker process is left running."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.py", "import os\ndef handler(event, context):\n    return dict(os.environ)\n")
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    role = emulator.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    functions = emulator.client("lambda")
    functions.create_function(
        FunctionName="f", Runtime="python3.12", Handler="index.handler", Role=role, Code={"ZipFile": archive.getvalue()}
    )
    seen: dict[str, str] = json.load(functions.invoke(FunctionName="f")["Payload"])
    return seen


@pytest.mark.parametrize("patched", [False, True])
def test_stop_leaves_no_process_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patched: bool) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALREALREALREAL")
    monkeypatch.setenv("AWS_PROFILE", "real")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:1")
    emulator = local.start(0, patched=patched, home=tmp_path / "home")
    try:
        assert local.find(tmp_path / "home") == emulator
        assert [patch.name for patch in emulator.patches] == [patch.name for patch in PATCHES if patched]
        seen = function_environment(emulator)
        assert "AKIAREALREALREALREAL" not in seen.values()
        assert not {"AWS_PROFILE", "HTTPS_PROXY"} & seen.keys()
        assert str(ROOT) not in seen.get("PYTHONPATH", ""), "this package is not there on AWS"
        assert seen["TMPDIR"] == str(tmp_path / "home" / "tmp")
        assert len(processes_of(emulator)) > 1, "the emulator and a Lambda worker"
        assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    finally:
        emulator.stop()
    assert processes_of(emulator) == []
    assert list((tmp_path / "home").iterdir()) == []
    assert local.find(tmp_path / "home") is None
    emulator.stop()  # once more is no error


def test_second_start_for_a_home_is_refused_and_a_crash_is_recovered_from(tmp_path: Path) -> None:
    first = local.start(0, patched=False, home=tmp_path)
    try:
        with pytest.raises(UserError, match=f"runs already on port {first.port}"):
            local.start(0, patched=False, home=tmp_path)
        assert local.find(tmp_path) == first
        os.killpg(first.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while local.find(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (tmp_path / "emulator.json").exists(), "the state file of the one that crashed"
        assert local.find(tmp_path) is None
        second = local.start(0, patched=False, home=tmp_path)
        try:
            first.stop()
            assert local.find(tmp_path) == second, "an emulator that ended must not take its successor with it"
        finally:
            second.stop()
    finally:
        first.stop()
    assert list(tmp_path.iterdir()) == []


def test_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} is in use; .*--port"):
            local.start(port, home=tmp_path)
    with pytest.raises(UserError, match="port 70000"):
        local.start(70000, home=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_version_is_refused(tmp_path: Path) -> None:
    fake = tmp_path / "site" / "ministack-9.9.9.dist-info"
    fake.mkdir(parents=True)
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: ministack\nVersion: 9.9.9\n")
    done = run_start(tmp_path / "home", PYTHONPATH=os.pathsep.join([str(tmp_path / "site"), str(ROOT)]))
    assert "ministack 9.9.9 is installed, but the emulator must be 1.5.33: type `make`" in done.stderr
    assert not (tmp_path / "home").exists()


def test_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="XDG_STATE_HOME"):
        local.start(0, home=tmp_path / "file" / "home")


def fake_emulator(site: Path, app: str) -> str:
    """A PYTHONPATH on which the emulator is something else, of the right version."""
    (site / "ministack").mkdir(parents=True)
    (site / "ministack" / "__init__.py").write_text("")
    (site / "ministack" / "app.py").write_text(app)
    return os.pathsep.join([str(site), str(ROOT)])


def test_emulator_that_does_not_start_leaves_nothing(tmp_path: Path) -> None:
    done = run_start(tmp_path / "home", PYTHONPATH=fake_emulator(tmp_path / "site", "raise OSError('no room')"))
    assert "UserError: the emulator did not start: OSError: no room" in done.stderr
    assert list((tmp_path / "home").iterdir()) == []


def test_interrupt_while_starting_leaves_nothing(tmp_path: Path) -> None:
    never_answers = "import subprocess, sys\ndef main(): subprocess.run([sys.executable, '-c', 'input()'])"
    home = tmp_path / "home"
    starter = subprocess.Popen(
        [sys.executable, "-c", START, str(home)],
        env={**os.environ, "PYTHONPATH": fake_emulator(tmp_path / "site", never_answers)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while (emulator := local.find(home)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert emulator is not None
    starter.send_signal(signal.SIGINT)
    _, said = starter.communicate(timeout=20)
    assert "KeyboardInterrupt" in said
    assert processes_of(emulator) == []
    assert list(home.iterdir()) == []


def test_find_without_any_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "nowhere"))
    assert local.find() is None
    assert not (tmp_path / "nowhere").exists()


def run_start(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START, str(home)], env={**os.environ, **environment}, capture_output=True, text=True
    )


def test_changed_insides_are_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"test_process\.processes_of is not what our patches were written for"):
        expect.expect_function(sys.modules[__name__], "processes_of", "emulator", "more")
    with pytest.raises(UserError, match=r"\.gone is not what"):
        expect.expect_function(sys.modules[__name__], "gone")
    with pytest.raises(UserError, match=r"\.ROOT is not what"):
        expect.expect_keys(sys.modules[__name__], "ROOT")
