"""The instance on this machine: what it takes, what it refuses, and that nothing of it stays."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.evidence import shows
from tests.fleet.client import ask
from tests.fleet.user_data import changed, user_data
from tests.system import needs
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator, fleet

pytestmark = needs("nginx")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("#!/bin/bash", "#!/bin/sh", "no script of bash"),
        ("set -euo pipefail", "touch /usr/share/x", "uses /usr/share, which is in none of"),
        ("set -euo pipefail", "cat /opt/x/y", "uses /opt/x, which is in none of"),
        ("listen 80 default_server;", "listen 80;", "lacks 'listen 80 default_server;'"),
        ("http://localhost/", "http://127.0.0.1/", "lacks 'http://localhost/'"),
        ("/opt/aws/bin/", "", "no path in /opt/aws/"),
    ],
)
def test_text_that_is_not_understood_is_not_run(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = changed(old, new)

    with pytest.raises(UserError, match=said), fleet.booted(text, tmp_path, root=tmp_path):
        raise AssertionError("it must not be run")

    assert list(tmp_path.iterdir()) == []


def test_a_failed_boot_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    text = changed('return 200 "ok\\n";', "return 503;")

    said = r"did not boot \(exit code 1\): updates: waiting for /health: curl failed 24 times"
    with pytest.raises(UserError, match=said), fleet.booted(text, tmp_path, root=root):
        raise AssertionError("it must not be handed out")

    assert (root / "etc/nginx/nginx.conf").exists()
    assert not (root / "run/nginx.pid").exists()


def test_it_ends(tmp_path: Path) -> None:
    with fleet.booted(user_data(), tmp_path) as instance:
        pid = int((instance.root / "run/nginx.pid").read_text())
        os.kill(pid, 0)
        assert ask(instance.port, "/health").status == 200

    with pytest.raises(ConnectionRefusedError):
        ask(instance.port, "/health")
    assert not instance.root.exists()


@pytest.mark.parametrize("names_root", [False, True], ids=["stranger", "stranger-that-names-the-root"])
def test_a_stranger_with_the_number_of_an_nginx_is_left_alone(tmp_path: Path, names_root: bool) -> None:
    """The file stays when a machine goes down, and the number is another process's later."""
    pid = tmp_path / "run" / "nginx.pid"
    pid.parent.mkdir()
    named = str(tmp_path / "etc/nginx/nginx.conf") if names_root else "x"
    with subprocess.Popen(["/bin/sh", "-c", "read line", named], stdin=subprocess.PIPE) as stranger:
        pid.write_text(f"{stranger.pid}\n")
        fleet.end(tmp_path)
        assert stranger.poll() is None
        assert not pid.exists()
        stranger.communicate(b"\n")
    assert stranger.returncode == 0
    pid.write_text(f"{stranger.pid}\n")
    fleet.end(tmp_path)
    assert not pid.exists(), "nobody has this number"


LISTEN = f"""#!{sys.executable}
import pathlib, re, socket, sys
port = int(re.search(r"listen 127.0.0.1:([0-9]+)", pathlib.Path(sys.argv[1]).read_text())[1])
with socket.create_server(("127.0.0.1", port)) as taken:
    pathlib.Path(sys.argv[2]).write_text(str(port) + "\\n")
    taken.settimeout(60)
    taken.accept()
"""


def test_a_port_that_somebody_took_meanwhile(tmp_path: Path) -> None:
    """It boots again, at another one, and nothing of the first boot is left in what it tells."""
    (tmp_path / "listen").write_text(LISTEN)
    (tmp_path / "listen").chmod(0o755)
    root, files, taken = (tmp_path / name for name in ("root", "files", "taken"))
    root.mkdir()
    files.mkdir()
    somebody = """
        if [[ ! -e "$FILES/../taken" ]]; then
            "$FILES/../listen" "$0" "$FILES/../taken" &
            while [[ ! -s "$FILES/../taken" ]]; do sleep 1; done
        fi
    """
    try:
        with fleet.booted(changed("set -euo pipefail\n", f"set -euo pipefail\n{somebody}"), files, root=root) as made:
            assert made.port != int(taken.read_text())
            assert ask(made.port, "/health").status == 200
            assert [signal.success for signal in made.signals] == [True]
            assert len(made.mounts) == 1
    finally:
        if taken.exists():
            socket.create_connection(("127.0.0.1", int(taken.read_text()))).close()


@pytest.mark.parametrize("name", ["with blank", "semi;colon", "quo'te"])
def test_a_root_that_nginx_cannot_name(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()

    with pytest.raises(UserError, match="choose another"):
        fleet.boot(user_data(), root, tmp_path)


def test_only_stand_ins_fail(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="failing: curl has no stand-in"):
        fleet.boot(user_data(), tmp_path, tmp_path, failing={"curl": 1})


@shows("REQ-U4", how="stock")
def test_the_user_data_of_a_launch_template(stock: Emulator) -> None:
    ec2 = stock.client("ec2")

    def data(text: str) -> dict[str, str]:
        return {"UserData": base64.b64encode(text.encode()).decode()}

    made = ec2.create_launch_template(LaunchTemplateName=f"t-{uuid.uuid4().hex[:8]}", LaunchTemplateData=data("old"))
    template = made["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=data(user_data()))

    assert fleet.user_data(ec2, template) == user_data()
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"InstanceType": "t4g.small"})
    with pytest.raises(UserError, match=f"{template} has no user data"):
        fleet.user_data(ec2, template)
