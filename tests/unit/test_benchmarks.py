"""The harness of `make bench`: it measures in turn, computes rightly, and says what it could not measure."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import Contender, NotMeasured, Outcome, Run, Sample, in_turn, ratio, run

ROOT = Path(__file__).parents[2]
PASS = [sys.executable, "-c", "pass"]


def contender(name: str, log: list[str], seconds: list[float]) -> Contender:
    """It takes these seconds, one run after the other, and writes down whose turn it was."""

    def prepare(folder: Path) -> Run:
        assert list(folder.iterdir()) == []
        log.append(f"{name} prepared")
        times = iter(seconds)

        def once() -> Sample:
            log.append(name)
            return Sample(next(times), peak_bytes=1)

        return once

    return Contender(name, prepare)


def test_contenders_run_in_turn_and_the_first_runs_do_not_count() -> None:
    log: list[str] = []
    a, b = in_turn([contender("a", log, [9, 2, 6, 4]), contender("b", log, [9, 1, 2, 4])], runs=3)
    assert log == ["a prepared", "b prepared", *["a", "b"] * 4]
    assert (a.seconds, b.seconds) == ([2, 6, 4], [1, 2, 4])
    compared = ratio(a, b)
    assert compared is not None
    assert (compared.of_medians, compared.least, compared.most) == (2, 1, 3)


def test_what_cannot_be_measured_is_named_and_the_other_is_measured_all_the_same() -> None:
    missing = Contender("peer", lambda folder: lambda: run(["no-such-program"], {"PATH": "/nowhere"}, folder))
    log: list[str] = []
    ours, peer = in_turn([contender("ours", log, [1, 1, 1]), missing], runs=2)
    assert ours.seconds == [1, 1]
    assert (peer.samples, peer.not_measured) == ([], "no no-such-program here")
    assert ratio(ours, peer) is None


def test_a_real_process_is_measured_with_its_children(tmp_path: Path) -> None:
    code = "print('x' * 5); b'm' * 60_000_000"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    small, large, parent = (run([sys.executable, "-c", c], {}, tmp_path) for c in ("pass", code, child))
    assert small.seconds > 0
    assert 1_000_000 < small.peak_bytes < 60_000_000
    assert min(large.peak_bytes, parent.peak_bytes) > 60_000_000
    assert large.out == "xxxxx\n"


def test_the_memory_of_the_harness_is_not_counted(tmp_path: Path) -> None:
    ballast = b"m" * 100_000_000
    assert run(PASS, {}, tmp_path).peak_bytes < len(ballast)


def test_a_command_that_fails_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match=r"ended with exit code 3: the reason$"):
        run([sys.executable, "-c", "import sys; print('the reason', file=sys.stderr); sys.exit(3)"], {}, tmp_path)


def test_a_failure_amid_the_runs_leaves_no_half_result() -> None:
    def prepare(folder: Path) -> Run:
        left = iter([Sample(1, 1), Sample(1, 1)])

        def once() -> Sample:
            for sample in left:
                return sample
            raise NotMeasured("broke")

        return once

    assert in_turn([Contender("a", prepare)], runs=3) == [Outcome("a", [], "broke")]


@pytest.mark.parametrize("arguments", [("--only", "nothing"), ("--runs", "0"), ("--runs", "many")])
def test_bad_calls(arguments: tuple[str, str]) -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, arguments[0] in done.stderr) == (2, True)


def test_the_peer_is_the_same_architecture() -> None:
    """As far as its parameters tell; its README lists what it leaves out."""
    spoken = (ROOT / "benchmarks/peers/README.md").read_text().partition("It leaves out:")[2]
    left_out = {
        "AccessLogs": "access log",
        "BudgetEmail": "budget",
        "DomainCertificateArn": "domain name",
        "DomainName": "domain name",
        "HostedZoneId": "domain name",
        "MonthlyBudget": "budget",
        "PermissionsBoundaryArn": "permissions boundary",
        "SubnetIds": "VPC of the user's own",
        "VpcId": "VPC of the user's own",
        "WebAclArn": "web ACL",
        "Zones": "choice of zones",
    }
    ours = json.loads((ROOT / "templates/todo/1.0.0/todo.template.json").read_text())["Parameters"].keys()
    written = "".join(
        path.read_text() for path in (ROOT / "benchmarks/peers/cdk").rglob("*.js") if "node_modules" not in str(path)
    )
    theirs = {name for name in ours if re.search(rf"\b{name}\b", written)}
    missing = ours - theirs
    assert missing <= left_out.keys()
    for name in missing:
        assert left_out[name] in " ".join(spoken.split()), name
