"""The boot script, run as the user data that the template makes: what it leaves behind, and what it tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.evidence import shows
from tests.fleet.client import ask
from tests.fleet.conftest import lay_out
from tests.fleet.user_data import ACCESS_POINT, FILE_SYSTEM, REGION, STACK, VARIABLES, changed, exported, user_data
from tests.system import needs
from troposphere_arch.local import fleet

pytestmark = needs("nginx")

HANDLERS = Path(fleet.__file__).resolve().parents[1] / "handlers" / "software_updates"
OPTIONS = f"_netdev,tls,iam,ro,accesspoint={ACCESS_POINT},lookupcache=pos"
SUCCESS = fleet.Signal(True, "ready", STACK, "Fleet", REGION)


@contextmanager
def run(text: str, tmp_path: Path, failing: dict[str, int] | None = None) -> Iterator[fleet.Instance]:
    """An instance, whatever becomes of it."""
    files, root = tmp_path / "files", tmp_path / "root"
    for folder in (files, root):
        folder.mkdir(exist_ok=True)
    lay_out(files)
    try:
        yield fleet.boot(text, root, files, failing=failing)
    finally:
        fleet.end(root)


def answers(instance: fleet.Instance) -> bool:
    try:
        return ask(instance.port, "/health").status > 0
    except OSError:
        return False


@shows("REQ-U1", "REQ-U4", how="real")
def test_what_a_boot_leaves(instance: fleet.Instance) -> None:
    assert instance.exit_code == 0, instance.output
    assert instance.signals == [SUCCESS]
    assert instance.packages == ["amazon-efs-utils", "aws-cfn-bootstrap", "logrotate", "nginx"]
    assert instance.mounts == [fleet.Mount(FILE_SYSTEM, "/srv/updates", tuple(OPTIONS.split(",")))]
    assert instance.text("/etc/fstab") == f"{FILE_SYSTEM}:/ /srv/updates efs {OPTIONS} 0 0\n"
    assert instance.text("/etc/nginx/nginx.conf") == (HANDLERS / "nginx.conf").read_text()
    unit = instance.text("/etc/systemd/system/nginx.service.d/updates.conf")
    assert unit == "[Unit]\nRequiresMountsFor=/srv/updates\n[Service]\nRestart=on-failure\nRestartSec=2\n"
    assert instance.text("/etc/logrotate.d/nginx").startswith("/var/log/nginx/*.log {\n")
    assert 'kill -USR1 "$(cat /run/nginx.pid)"' in instance.text("/etc/logrotate.d/nginx")
    assert "OnCalendar=*:0/5\n" in instance.text("/etc/systemd/system/logrotate.timer.d/updates.conf")
    assert (instance.root / "stand-ins" / "below" / ".not-mounted").exists()


@shows("REQ-U4", how="real")
def test_in_this_order(instance: fleet.Instance) -> None:
    calls = [" ".join(call[:3]) for call in instance.calls if call[0] not in ("mountpoint", "sleep")]

    assert calls == [
        "systemctl disable --now",
        "dnf install -y",
        "systemctl daemon-reload",
        "mount /srv/updates",
        "nginx -t",
        "systemctl daemon-reload",
        "systemctl enable --now",
        "systemctl enable nginx",
        "systemctl restart nginx",
        "cfn-signal --exit-code 0",
    ]
    assert ("systemctl", "disable", "--now", "sshd") in instance.calls
    assert re.findall("^updates: (.*)$", instance.output, re.MULTILINE) == [
        "closing SSH",
        "installing packages",
        f"mounting {FILE_SYSTEM}",
        "configuring nginx",
        "starting nginx",
        "waiting for /health",
        "waiting for the load balancer",
        "ready, generation 7",
    ]
    # Two of its checks, and some: it sends requests here before CloudFormation is told that an older server may go.
    assert instance.calls[-2:] == [("sleep", "30"), instance.calls[-1]]
    assert instance.calls[-1][0] == "cfn-signal"


@shows("REQ-U4", how="real")
def test_ec2_takes_the_user_data() -> None:
    assert len(user_data().encode()) <= 16 * 1024
    assert exported(user_data()) == VARIABLES


@shows("REQ-U4", how="real")
def test_it_may_be_run_again(tmp_path: Path) -> None:
    with run(user_data(), tmp_path) as first:
        once = first.text("/etc/fstab")
    with run(user_data(), tmp_path) as again:
        assert again.exit_code == 0, again.output
        assert again.text("/etc/fstab") == once
        assert len(again.mounts) == 1
        assert again.signals == [SUCCESS, SUCCESS]
        assert ask(again.port, "/latest.json").status == 200


@shows("REQ-U4", how="real")
@pytest.mark.parametrize(("program", "times", "called"), [("dnf", 5, 6), ("mount", 35, 36)])
def test_what_fails_for_a_while_is_tried_again(tmp_path: Path, program: str, times: int, called: int) -> None:
    with run(user_data(), tmp_path, {program: times}) as instance:
        assert (instance.exit_code, instance.signals) == (0, [SUCCESS])
        assert sum(call[0] == program for call in instance.calls) == called
        assert f"try {times} of {called} failed: {program} " in instance.output
        assert answers(instance)


@shows("REQ-U4", how="real")
@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        ({"dnf": 99}, "installing packages: dnf failed 6 times"),
        ({"mount": 99}, f"mounting {FILE_SYSTEM}: mount failed 36 times"),
        ({"nginx": 99}, "configuring nginx: failed with exit code 1"),
        ({"systemctl": 1}, "closing SSH: failed with exit code 1"),
    ],
    ids=["dnf", "mount", "nginx", "systemctl"],
)
def test_a_failure_is_told_once(tmp_path: Path, failing: dict[str, int], reason: str) -> None:
    with run(user_data(), tmp_path, failing) as instance:
        assert instance.exit_code > 0
        assert instance.signals == [fleet.Signal(False, reason, STACK, "Fleet", REGION)]
        assert instance.output.splitlines()[-1] == f"updates: {reason}"
        assert not answers(instance)


@shows("REQ-U4", how="real")
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("    sendfile on;\n", "    sendfile maybe;\n", "configuring nginx: failed with exit code 1"),
        ('return 200 "ok\\n";', "return 503;", "waiting for /health: curl failed 24 times"),
        ("RequiresMountsFor=/srv/updates", "RequiresMountsFor=/srv/update", "starting nginx: failed with exit code 1"),
        ("install -y nginx ", "install -y ngnix ", "installing packages: dnf failed 6 times"),
        ("systemctl restart nginx", "systemctl restart ngnix", "starting nginx: failed with exit code 1"),
        ("disable --now sshd", "disable --now ssdh", "closing SSH: failed with exit code 1"),
        ("install -m 644 /root/nginx.conf", "install -m 644 /root/ngnix.conf", "configuring nginx: failed with"),
        ("    touch /srv/updates/", "    touch /srv/update/", f"mounting {FILE_SYSTEM}: failed with exit code 1"),
        (":/ /srv/updates efs ", ":/ /srv/updates nfs4 ", f"mounting {FILE_SYSTEM}: mount failed 36 times"),
        *(
            (f"{before}{option}", before, f"mounting {FILE_SYSTEM}: mount failed 36 times")
            for before, option in [
                ('options="', "_netdev,"),
                ("_netdev,", "tls,"),
                ("tls,", "iam,"),
                ("iam,", "ro,"),
                ("ro,", "accesspoint=$ACCESS_POINT_ID,"),
                ("$ACCESS_POINT_ID", ",lookupcache=pos"),
            ]
        ),
    ],
)
def test_a_typo_does_not_ship(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with run(changed(old, new), tmp_path) as instance:
        assert instance.exit_code > 0
        (told,) = instance.signals
        assert not told.success
        assert told.reason.startswith(reason)


@shows("REQ-U4", how="real")
@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize(
    "other", ["", "export {name}=''", "export {name}S='{value}'"], ids=["absent", "empty", "renamed"]
)
def test_each_variable_is_needed(tmp_path: Path, name: str, other: str) -> None:
    line = f"export {name}='{VARIABLES[name]}'"

    with run(changed(line, other.format(name=name, value=VARIABLES[name])), tmp_path) as instance:
        assert instance.exit_code > 0
        reason = f"{name} is not set in the user data"
        assert f"updates: {reason}" in instance.output.splitlines()
        # Whom to tell is what is missing, in half of them.
        told = [] if name in ("REGION", "STACK", "RESOURCE") else [fleet.Signal(False, reason, STACK, "Fleet", REGION)]
        assert instance.signals == told
        assert [call[0] for call in instance.calls] == ["cfn-signal"]


@shows("REQ-U4", how="real")
def test_no_stack_waits(tmp_path: Path) -> None:
    """An instance that Auto Scaling starts by itself: CloudFormation refuses its signal."""
    with run(user_data(), tmp_path, {"cfn-signal": 1}) as instance:
        assert (instance.exit_code, instance.signals) == (0, [])
        assert instance.output.splitlines()[-1] == "updates: CloudFormation took no signal (exit code 1)"
        assert sum(call[0] == "cfn-signal" for call in instance.calls) == 1
        assert answers(instance)
