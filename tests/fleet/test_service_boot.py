"""The boot script of a service on instances, run as the user data of its template: what it leaves, and tells."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.fleet.service_data import (
    CERTIFICATES,
    CODE,
    LOGS,
    REGION,
    STACK,
    TOLD,
    address,
    ask,
    changed,
    line_of,
    metadata,
    user_data,
)
from tests.sampling import sampled
from troposphere_arch.errors import UserError
from troposphere_arch.journeys.blog import until
from troposphere_arch.local import servers

SUCCESS = servers.Signal(True, "ready", STACK, "Servers", REGION)
INDEX = "/srv/service/index.py"
SETTINGS = (
    *("REGION", "STACK", "RESOURCE", "SOURCE", "GENERATION", "CODE_SHA256", "LIBRARIES_SHA256", "COMMAND", "LOG_GROUP"),
    "DATABASE_CERTIFICATES",
)
NOT_SERVING = "waiting for 200 of /health at port 8080: serves failed 12 times"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands for the certificates of RDS; nobody speaks TLS here."""
    path = tmp_path_factory.mktemp("certificates") / "global-bundle.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nof RDS\n-----END CERTIFICATE-----\n")
    return path


@contextmanager
def run(
    text: str,
    root: Path,
    certificates: Path,
    failing: dict[str, int] | None = None,
    said: dict[str, Any] | None = None,
) -> Iterator[servers.Server]:
    """A server, whatever becomes of it."""
    root.mkdir(exist_ok=True)
    told = metadata() if said is None else said
    try:
        yield servers.boot(
            text,
            told,
            root,
            database_ca=certificates,
            address=address(),
            environment={"GIVEN": "by the instance"},
            failing=failing,
        )
    finally:
        servers.end(root)


def answers(server: servers.Server) -> bool:
    try:
        return bool(ask(server.url))
    except OSError:
        return False


def refuses(text: str, reason: str, root: Path, certificates: Path, **more: Any) -> str:
    """Fails unless the boot fails for this reason, and tells it; what the script said, and the process."""
    with run(text, root, certificates, **more) as server:
        assert server.exit_code > 0, server.output
        assert server.signals == [servers.Signal(False, reason, STACK, "Servers", REGION)]
        assert server.output.splitlines()[-1] == f"service: {reason}"
        return server.output + server.log


@shows("REQ-M10", how="real")
def test_what_a_boot_leaves(tmp_path: Path, certificates: Path) -> None:
    with run(user_data(), tmp_path / "root", certificates) as server:
        assert server.exit_code == 0, server.output
        assert server.signals == [SUCCESS]
        assert server.packages == ["amazon-cloudwatch-agent", "aws-cfn-bootstrap", "logrotate", "python3.13"]
        assert {"boto3", "gunicorn", "pg8000"} <= server.libraries.keys()
        assert ("systemctl", "disable", "--now", "sshd") in server.calls
        assert ("systemctl", "enable", "service") in server.calls
        assert server.text(CERTIFICATES) == certificates.read_text()
        assert CODE in server.text(INDEX)
        assert (server.root / "etc/service/environment").stat().st_mode & 0o777 == 0o600
        logs = json.loads(server.text("/etc/service-logs.json"))["logs"]["logs_collected"]["files"]["collect_list"]
        assert [(one["file_path"], one["log_group_name"]) for one in logs] == [
            ("/var/log/service/service.log", LOGS),
            ("/var/log/cloud-init-output.log", LOGS),
        ]
        # It sends requests here before CloudFormation is told that an older server may go.
        assert server.calls[-2:] == [("sleep", "30"), server.calls[-1]]
        assert server.calls[-1][0] == "cfn-signal"

        said = ask(server.url)
        # As it was told, whatever is in a value; of what an instance has besides, its own credentials.
        assert said["told"] == TOLD | {"DATABASE_CA": str(server.root / CERTIFICATES[1:])}
        assert said["given"] == "by the instance"
        assert said["process"] in server.workers
        assert "Listening" in server.log


@shows("REQ-M10", how="real")
def test_what_is_killed_comes_back(tmp_path: Path, certificates: Path) -> None:
    with run(user_data(), tmp_path / "root", certificates) as server:
        before, killed = server.process, server.kill_worker()
        server.wait()
        assert server.process == before
        # Its parent takes note of its end in its own time.
        assert until("another worker", lambda: killed not in server.workers)

        server.kill()
        server.wait()
        assert server.process not in (0, before)
        assert answers(server)
    assert not answers(server)
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


@shows("REQ-M10", how="real")
def test_it_may_be_run_again(tmp_path: Path, certificates: Path) -> None:
    root = tmp_path / "root"
    with run(user_data(), root, certificates) as first:
        once = first.text("/etc/service/environment")
    with run(user_data(), root, certificates) as again:
        assert again.exit_code == 0, again.output
        assert again.text("/etc/service/environment") == once
        assert again.signals == [SUCCESS, SUCCESS]
        assert answers(again)
        with pytest.raises(UserError, match="somebody listens at"):
            servers.boot(user_data(), metadata(), tmp_path, database_ca=certificates, address=address())


@shows("REQ-M10", how="real")
def test_ec2_takes_the_user_data() -> None:
    # And as much again as it tells, should there be many neighbours.
    told = sum(len(line) for line in user_data().splitlines() if line.startswith("told+="))
    assert len(user_data().encode()) + told <= 16 * 1024


@shows("REQ-M10", how="real")
@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        ({"dnf": 99}, "installing packages: dnf failed 6 times"),
        ({"cfn-init": 99}, "fetching the code: fetch failed 6 times"),
        ({"pip": 99}, "installing libraries: /opt/service/bin/pip failed 6 times"),
        ({"curl": 6}, "fetching the certificates of databases: curl failed 6 times"),
        ({"systemctl": 1}, "closing SSH: failed with exit code 1"),
        ({"useradd": 1}, "configuring the service: failed with exit code 1"),
        ({"amazon-cloudwatch-agent-ctl": 1}, "sending logs: failed with exit code 1"),
    ],
    ids=["dnf", "cfn-init", "pip", "curl", "systemctl", "useradd", "agent"],
)
def test_a_failure_is_told_once(tmp_path: Path, certificates: Path, failing: dict[str, int], reason: str) -> None:
    refuses(user_data(), reason, tmp_path / "root", certificates, failing=failing)


@shows("REQ-M10", how="real")
def test_what_fails_for_a_while_is_tried_again(tmp_path: Path, certificates: Path) -> None:
    failing = {"dnf": 5, "cfn-init": 5, "pip": 5, "curl": 5, "cfn-signal": 1}
    with run(user_data(), tmp_path / "root", certificates, failing) as server:
        assert server.exit_code == 0, server.output
        # An instance that Auto Scaling starts by itself: CloudFormation refuses its signal.
        assert server.signals == []
        assert server.output.splitlines()[-1] == "service: CloudFormation took no signal (exit code 1)"
        assert answers(server)


@shows("REQ-M10", how="real")
def test_other_code_than_it_was_started_for_is_not_run(tmp_path: Path, certificates: Path) -> None:
    reason = "fetching the code: fetch failed 6 times"
    for name in (INDEX, "/srv/service/requirements.txt"):
        said = metadata()
        file = said["ServersTemplate"]["AWS::CloudFormation::Init"]["config"]["files"][name]
        file["content"] = file["content"][:-8] + file["content"][-4:]
        output = refuses(user_data(), reason, tmp_path / Path(name).stem, certificates, said=said)
        assert "the stack has other code than this instance was started for" in output


def serving(code: str, tmp_path: Path, certificates: Path) -> str:
    """What the boot with other code says, of which the user data names the hash."""
    said = metadata()
    file = said["ServersTemplate"]["AWS::CloudFormation::Init"]["config"]["files"][INDEX]
    file.pop("encoding", None)
    file["content"] = code
    text = changed(line_of("CODE_SHA256"), f"CODE_SHA256='{hashlib.sha256(code.encode()).hexdigest()}'")
    return refuses(text, NOT_SERVING, tmp_path / "root", certificates, said=said)


@shows("REQ-M10", how="real")
@pytest.mark.parametrize("status", ["503 Unavailable", "302 Found", "204 Nothing"], ids=["503", "302", "204"])
def test_what_is_not_healthy_is_told(tmp_path: Path, certificates: Path, status: str) -> None:
    code = f"""
def application(asked, start):
    start({status!r}, [("Location", "/"), ("Content-Length", "0")])
    return []
"""
    serving(code, tmp_path, certificates)


@shows("REQ-M10", how="real")
def test_why_it_does_not_start_is_in_what_the_boot_says(tmp_path: Path, certificates: Path) -> None:
    output = serving("import pytest\n", tmp_path, certificates)  # this Python has it, and nobody pinned it
    assert "service: waiting" in output.partition("No module named 'pytest'")[0]


@shows("REQ-M10", how="real")
@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_needed(tmp_path: Path, certificates: Path, name: str) -> None:
    line = line_of(name)
    others = ["", f"{name}=''"] if name != "COMMAND" else []  # without one, nothing is to listen here
    for number, other in enumerate((line.replace(name, f"{name}S", 1), *others)):
        with run(changed(f"{line}\n", f"{other}\n"), tmp_path / str(number), certificates) as server:
            assert server.exit_code > 0
            reason = f"{name} is not set in the user data"
            assert f"service: {reason}" in server.output.splitlines()
            # Whom to tell is what is missing, in some of them.
            told = [] if name in ("REGION", "STACK", "RESOURCE") else [(False, reason)]
            assert [(one.success, one.reason) for one in server.signals] == told
            assert [call[0] for call in server.calls] == ["cfn-signal"]


@shows("REQ-M10", how="real")
@pytest.mark.parametrize("name", ["HEALTH", "PORT"])
def test_where_to_ask_is_needed(tmp_path: Path, certificates: Path, name: str) -> None:
    line = line_of(name)
    renamed = changed(line, line.replace(name, f"{name}S"))
    refuses(renamed, f"{name} is not told in the user data", tmp_path / "root", certificates)


@shows("REQ-M10", how="real")
@sampled(4, each=True)
@pytest.mark.parametrize("name", sorted(TOLD.keys() - {"HEALTH", "PORT"}))
def test_a_variable_that_is_renamed_is_missing(tmp_path: Path, certificates: Path, name: str) -> None:
    line = line_of(name)
    output = refuses(changed(line, line.replace(name, f"{name}S", 1)), NOT_SERVING, tmp_path / "root", certificates)
    assert f"KeyError: '{name}'" in output


@shows("REQ-M10", how="real")
@sampled(4, each=True)
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("disable --now sshd", "disable --now ssdh", "closing SSH: failed with exit code 1"),
        ("install -y python3.13 ", "install -y python3.31 ", "installing packages: dnf failed 6 times"),
        ("-c file:/etc/service-logs.json", "-c file:/etc/service-log.json", "sending logs: failed with exit code 1"),
        ('--resource "$SOURCE"', '--resource "$RESOURCE"', "fetching the code: fetch failed 6 times"),
        ("is /srv/service/index.py", "is /srv/service/indx.py", "fetching the code: fetch failed 6 times"),
        ("-m venv /opt/service", "-m venv /opt/services", "installing libraries: /opt/service/bin/pip failed 6 times"),
        (":all: --require-hashes", ":all:", "installing libraries: /opt/service/bin/pip failed 6 times"),
        (
            "--requirement /srv/service/requirements.txt",
            "--requirement /srv/service/requirement.txt",
            "installing libraries: /opt/service/bin/pip failed 6 times",
        ),
        ("--proto =https ", "", "fetching the certificates of databases: curl failed 6 times"),
        ("global-bundle.pem'", "bundle.pem'", "fetching the certificates of databases: curl failed 6 times"),
        ("\nUser=service\n", "\nUser=servise\n", "starting the service: failed with exit code 1"),
        ("NoNewPrivileges=yes", "NoNewPrivilege=yes", "starting the service: failed with exit code 1"),
        (
            "EnvironmentFile=/etc/service/environment",
            "EnvironmentFile=/etc/service/enviroment",
            "starting the service: failed with exit code 1",
        ),
        ("'%s=\"%s\"\\n'", "'%s=%s\\n'", "starting the service: failed with exit code 1"),
        ("restart service", "restart servise", "starting the service: failed with exit code 1"),
        (".service <<END", ".servise <<END", "starting the service: failed with exit code 1"),
        (" index:application", " index:aplication", NOT_SERVING),
        ("--bind=0.0.0.0:8080", "--bind=0.0.0.0:8081", NOT_SERVING),
        ("HEALTH=/health", "HEALTH=health", "waiting for 200 of health at port 8080: serves failed 12 times"),
    ],
    ids=lambda one: None if " failed" in one else one.strip()[-24:].replace("/", "."),
)
def test_a_typo_does_not_ship(tmp_path: Path, certificates: Path, old: str, new: str, reason: str) -> None:
    refuses(changed(old, new), reason, tmp_path / "root", certificates)


@shows("REQ-M10", how="real")
def test_what_would_leave_the_root_is_refused(tmp_path: Path, certificates: Path) -> None:
    for text, message in (
        (changed("log=/var/log/service/service.log", "log=/usr/share/service.log"), "which is in none of"),
        (user_data().replace("--bind=0.0.0.0:", "--bind=[::]:"), "lacks '--bind=0.0.0.0:'"),
        ("echo hello\n", "is no script of bash"),
    ):
        with pytest.raises(UserError, match=message.replace("[", "\\[")):
            servers.boot(text, metadata(), tmp_path, database_ca=certificates)
    with pytest.raises(UserError, match="is no loopback address"):
        servers.boot(user_data(), metadata(), tmp_path, database_ca=certificates, address="0.0.0.0")  # noqa: S104
