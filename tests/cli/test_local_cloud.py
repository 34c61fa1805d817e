"""`up`, `demo`, `status`, `down`: as a user types them, in the embedded emulator and against an account's endpoint."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import termios
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import ROOT, Done, Shell, refused
from tests.evidence import shows
from tests.journeys.stack import Stack
from tests.sampling import sampled
from troposphere_arch.local import Emulator

pytestmark = sampled(2, each=True)

PRODUCTION = ROOT / "templates/todo/1.0.0/parameters/production.json"


def free_port() -> str:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def processes_below(home: Path) -> list[str]:
    """Command lines of processes that work for an emulator of this home."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in environment and entry.name != str(os.getpid()):
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return [line for line in found if "ministack" in line or "launcher" in line]


@pytest.fixture
def local(build: Shell) -> Iterator[Shell]:
    """A shell whose emulator, if it started one, is ended after the test."""
    yield build
    build("down")
    assert processes_below(build.home) == []


@shows("REQ-D5", "REQ-T5", how="patched")
def test_up_demo_status_down(local: Shell) -> None:
    assert "no emulator is running" in local("status").out
    up = local("up", "todo", "--port", free_port(), "--parameters", PRODUCTION)
    assert up.code == 0, up.err
    outputs = dict(re.findall(r"^(\w+) +(\S+)$", up.out, re.MULTILINE))
    assert outputs["TemplateId"] == "todo"
    tries = up.out.partition("to try:")[2].strip().splitlines()
    assert len(tries) == 3
    [url] = re.findall(r"curl -i (\S+)", tries[1])
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(url)
    assert refusal.value.code == 401

    demo = local("demo", "todo")
    assert demo.code == 0, demo.err
    assert "AccessDenied" in demo.out
    assert demo.out.rstrip().endswith("each answered as it must be")
    [row] = json.loads(local("status", "--json").out)
    assert (row["name"], row["template"], row["version"], row["status"]) == ("todo", "todo", "1.0.0", "CREATE_COMPLETE")
    assert "patched: policy-variables" in local("status").out

    again = local("up", "todo")
    assert (again.code, "nothing changed" in again.out) == (0, True), again.err
    assert "no change: the two templates make the same stack" in again.err
    update = local("up", "todo", "--parameter", "FunctionMemory=1024", "--json")
    assert "MemorySize: changed in place" in update.err  # told before it is done
    changed = json.loads(update.out)
    assert {"ReadTodos", "WriteTodos"} <= {c["logical_id"] for c in changed["changes"]}

    second = local("up", "todo", "--stack-name", "second")
    assert second.code == 0, second.err
    down = local("down", "todo")
    assert "5 resources that it retained are gone" in down.out
    assert [r["name"] for r in json.loads(local("status", "--json").out)] == ["second"]
    down = local("down", "second")
    assert "nothing is left" in down.out
    assert processes_below(local.home) == []
    assert not [p for p in (local.home / "state").rglob("*") if p.is_file()]


@shows("REQ-T5", how="stock")
def test_up_on_the_unmodified_emulator(local: Shell) -> None:
    assert local("up", "todo", "--stock", "--port", free_port()).code == 0
    assert "unmodified: no patches" in local("status").out
    demo = local("demo", "todo")
    assert demo.code == 0, demo.err
    refused(local("up", "todo"), "unmodified", "down")


def account(emulator: Emulator, shell: Shell, *arguments: str) -> Done:
    """A command against an account that happens to be an emulator, through its endpoint."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return shell(*arguments, "--region", "us-east-1", "--endpoint-url", emulator.url, **keys)


@shows("REQ-D5", how="stock")
def test_an_account_by_change_set(build: Shell, stock: Emulator) -> None:
    unasked = account(stock, build, "up", "todo", "--stack-name", "by-up")
    refused(unasked, "no terminal", "--yes")
    assert "AWS::DynamoDB::Table" in unasked.err
    names = [s["StackName"] for s in stock.client("cloudformation").describe_stacks()["Stacks"]]
    assert "by-up" not in names

    done = account(stock, build, "up", "todo", "--stack-name", "by-up", "--yes")
    assert done.code == 0, done.err
    assert "by-up" in account(stock, build, "status").out
    update = account(stock, build, "up", "todo", "--stack-name", "by-up", "--yes", "--parameter", "LogRetentionDays=7")
    assert re.search(r"Modify +ReadTodosLogs +AWS::Logs::LogGroup", update.err), update.err

    refused(account(stock, build, "down", "by-up"), "no terminal", "--confirm by-up")
    refused(account(stock, build, "down", "by-up", "--confirm", "other"), "not the stack's name")
    table = Stack(stock, "by-up").physical("Todos")
    down = account(stock, build, "down", "by-up", "--confirm", "by-up")
    assert down.code == 0, down.err
    assert "will stay in the account" in down.err
    assert stock.client("dynamodb").describe_table(TableName=table)


@shows("REQ-D5", how="stock")
def test_purge_removes_what_is_retained(build: Shell, stock: Emulator) -> None:
    account(stock, build, "up", "todo", "--stack-name", "to-purge", "--yes", "--parameter", "FileStorage=on")
    stack = Stack(stock, "to-purge")
    table, bucket = stack.physical("Todos"), stack.outputs["FilesBucket"]
    stock.client("s3").put_object(Bucket=bucket, Key="x/y", Body=b"z")
    down = account(stock, build, "down", "to-purge", "--purge", "--confirm", "to-purge")
    assert down.code == 0, down.err
    assert table not in stock.client("dynamodb").list_tables()["TableNames"]
    assert bucket not in [b["Name"] for b in stock.client("s3").list_buckets()["Buckets"]]


def own_terminal() -> None:
    """Make the terminal on standard input the process's own, so that Ctrl-C typed there reaches it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def at_terminal(shell: Shell, emulator: Emulator, answer: str, *arguments: str) -> tuple[int, str]:
    """Run a command at a terminal, and answer its question."""
    master, slave = pty.openpty()
    env = shell.environment({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})
    command = [shell.python, str(ROOT / "build.py"), *arguments]
    command += ["--region", "us-east-1", "--endpoint-url", emulator.url]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=shell.home, preexec_fn=own_terminal
    )
    os.close(slave)
    seen, answered = "", False
    while True:
        try:
            seen += os.read(master, 4096).decode()
        except OSError:
            break
        if not answered and ("[y/N]" in seen or "Type the stack's name" in seen):
            os.write(master, f"{answer}\n".encode())
            answered = True
    os.close(master)
    return process.wait(timeout=60), seen


def test_at_a_terminal_you_are_asked(build: Shell, stock: Emulator) -> None:
    code, seen = at_terminal(build, stock, "n", "up", "todo", "--stack-name", "asked")
    assert (code, "nothing was deployed" in seen) == (1, True), seen
    code, seen = at_terminal(build, stock, "\x03", "up", "todo", "--stack-name", "asked")
    assert (code, "Traceback" in seen) == (130, False), seen
    names = [s["StackName"] for s in stock.client("cloudformation").describe_stacks()["Stacks"]]
    assert "asked" not in names
    code, seen = at_terminal(build, stock, "y", "up", "todo", "--stack-name", "asked")
    assert code == 0, seen
    code, seen = at_terminal(build, stock, "askd", "down", "asked", "--purge")
    assert (code, "not the stack's name" in seen) == (2, True), seen
    code, seen = at_terminal(build, stock, "asked", "down", "asked", "--purge")
    assert code == 0, seen


FOREIGN = {"Resources": {"Precious": {"Type": "AWS::SNS::Topic"}}}


def test_stacks_that_are_not_ours_are_left_alone(build: Shell, stock: Emulator) -> None:
    stock.client("cloudformation").create_stack(StackName="foreign", TemplateBody=json.dumps(FOREIGN))
    foreign = Stack(stock, "foreign").wait("CREATE_COMPLETE")
    refused(account(stock, build, "up", "todo", "--stack-name", "foreign", "--yes"), "none of ours", "--stack-name")
    refused(account(stock, build, "down", "foreign", "--purge", "--confirm", "foreign"), "none of ours")
    refused(account(stock, build, "down", "nobody", "--confirm", "nobody"), "no stack nobody")
    assert foreign.physical("Precious")
    foreign.delete()


@pytest.mark.parametrize("names", [("one", "two"), ("one", "one")])
def test_two_at_once(local: Shell, names: tuple[str, str]) -> None:
    command = [sys.executable, ROOT / "build.py", "up", "todo", "--port", free_port(), "--stack-name"]
    both = [
        subprocess.Popen(
            [*command, name], env=local.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name in names
    ]
    ends = [(p.communicate(timeout=120)[1], p.returncode) for p in both]
    assert [code for _, code in ends] == [0, 0], ends  # the second waits for the first
    assert {s["name"] for s in json.loads(local("status", "--json").out)} == set(names)


def test_one_that_fails_leaves_another_its_emulator(local: Shell) -> None:
    assert local("up", "todo", "--port", free_port()).code == 0
    refused(local("up", "todo", "--stack-name", "two", "--parameter", "MailFrom=a@b.co"), "MailFrom")
    assert "CREATE_COMPLETE" in local("status").out


def test_down_of_the_last_of_ours_leaves_others_their_emulator(local: Shell) -> None:
    assert local("up", "todo", "--port", free_port()).code == 0
    [stack] = json.loads(local("status", "--json").out)
    state = next((local.home / "state").rglob("emulator.json"))
    emulator = Emulator(**{k: json.loads(state.read_text())[k] for k in ("port", "pid", "patched")})
    assert emulator.url == stack["emulator"]
    emulator.client("cloudformation").create_stack(StackName="foreign", TemplateBody=json.dumps(FOREIGN))
    assert "ended" not in local("down", "todo").out
    assert Stack(emulator, "foreign").wait("CREATE_COMPLETE").physical("Precious")


def test_an_own_domain_name_is_not_on_this_machine(local: Shell) -> None:
    domain = ("--parameter", "DomainName=api.example.com", "--parameter")
    arn = "DomainCertificateArn=arn:aws:acm:us-east-1:000000000000:certificate/abc"
    up = local("up", "todo", "--port", free_port(), *domain, arn)
    assert (up.code, "https://api.example.com" in up.out) == (0, True), up.err
    assert json.loads(local("status", "--json").out)[0]["here"] == ""


def test_after_a_crash_down_tidies_up(local: Shell) -> None:
    assert local("up", "todo", "--port", free_port()).code == 0
    state = json.loads(next((local.home / "state").rglob("emulator.json")).read_text())
    os.killpg(state["pid"], signal.SIGKILL)
    assert "no emulator is running" in local("down").out
    assert not [p for p in (local.home / "state").rglob("*") if p.is_file()]


def test_bad_input_to_up(local: Shell, tmp_path: Path) -> None:
    port = ("--port", free_port())
    refused(local("up", "todo", *port, "--parameter", "FileStorage"), "'FileStorage'", "Name=value")
    refused(local("up", "todo", *port, "--parameter", "Colour=red"), "Colour", "AppOrigin")
    refused(local("up", "todo", *port, "--parameter", "FileStorage=maybe"), "FileStorage", "maybe")
    refused(local("up", "todo", *port, "--parameters", tmp_path / "missing.json"), "missing.json")
    wrong = tmp_path / "wrong.json"
    for content in ("{", "{}x", '{"FileStorage": "on"}', "[1]", '[{"Key": "FileStorage"}]'):
        wrong.write_text(content)
        refused(local("up", "todo", *port, "--parameters", wrong), "wrong.json", "ParameterKey")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        refused(local("up", "todo", "--port", str(s.getsockname()[1])), "in use", "--port")
    assert processes_below(local.home) == []
    refused(local("demo", "todo"), "no emulator is running", "up todo")
    refused(local("down", "todo", "--purge"), "--purge")
    refused(local("up", "todo", "--yes"), "--yes", "account")
    refused(local("up", "todo", "--port", "80000"), "80000", "65535")
    refused(local("up", "todo", *port, "--parameter", "ThrottleRate=1_0"), "ThrottleRate", "1_0")


def test_no_account(build: Shell) -> None:
    refused(build("up", "todo", "--region", "us-east-1"), "credentials")
    refused(build("up", "todo", "--profile", "nobody"), "nobody")
    refused(build("status", "--endpoint-url", "http://127.0.0.1:9"), "region")
    # One attempt: how often the SDK tries a port where nobody listens is not what is shown.
    keys: dict[str, Any] = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_MAX_ATTEMPTS": "1"}
    refused(build("status", "--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:9", **keys), "127.0.0.1:9")


def test_a_stack_in_a_failed_state(build: Shell, stock: Emulator) -> None:
    name = "failed"
    stream = {"Type": "AWS::Logs::LogStream", "Properties": {"LogGroupName": "no-such-group"}}
    body = {"Resources": {"Stream": stream}, "Outputs": {"TemplateId": {"Value": "todo"}}}
    stock.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(body))
    until = time.monotonic() + 20
    while Stack(stock, name).describe()["StackStatus"] != "ROLLBACK_COMPLETE" and time.monotonic() < until:
        time.sleep(0.1)
    refused(account(stock, build, "up", "todo", "--stack-name", name, "--yes"), "ROLLBACK_COMPLETE", name)


def test_a_missing_or_other_emulator(build: Shell, tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "ministack-9.9.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ministack\nVersion: 9.9.9\n")
    refused(build("up", "todo", "--port", free_port(), PYTHONPATH=str(site)), "9.9.9", "1.5.33")


def test_no_emulator_installed(build: Shell, tmp_path: Path) -> None:
    """A Python that has all that this one has, but for the emulator."""
    site = tmp_path / "site"
    site.mkdir()
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not entry.name.startswith("ministack"):
            (site / entry.name).symlink_to(entry)
    up = [sys.executable, "-S", ROOT / "build.py", "up", "todo", "--port", free_port()]
    env = build.environment({"PYTHONPATH": str(site)})
    done = subprocess.run(up, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    refused(Done(done.returncode, done.stdout, done.stderr), "ministack 1.5.33", "is not installed", "make")


@pytest.mark.parametrize("seen", ["emulator.json", "CREATE_COMPLETE  "])
def test_ctrl_c_leaves_no_process(local: Shell, seen: str) -> None:
    """At two moments: when the emulator is starting, and when resources are being made."""
    local()  # so that `up` goes straight to the emulator
    err = local.home / "err"
    with err.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, ROOT / "build.py", "up", "todo", "--port", free_port()],
            env=local.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            if seen in err.read_text() or list((local.home / "state").rglob(seen)):
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert "Traceback" not in err.read_text()
    if b"to try:" not in out:  # all was made before the signal came: then it stays up, as it should
        assert process.returncode == 130, err.read_text()
        assert processes_below(local.home) == []
    assert local("down").code == 0
    assert processes_below(local.home) == []
