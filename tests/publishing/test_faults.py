"""Publishing when much goes wrong: a sample of the trials that `make proof` runs whole, and each fault by itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import ROOT
from tests.evidence import shows
from tests.publishing import reader, trials
from tests.publishing.catalogues import layer, release
from tests.publishing.conftest import Publisher
from tests.publishing.faults import FAULTS, Request, error_answer, proxy
from tests.sampling import sampled
from troposphere_arch import publishing
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator

pytestmark = sampled(3)


@pytest.fixture(scope="module")
def s3(stock: Emulator) -> Any:
    """The client of a reader, and the bucket of the trials."""
    return trials.prepare(stock)


@shows("REQ-D4", how="stock")
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5, 6])
def test_killed_at_any_point_the_catalogue_is_true_and_a_second_run_finishes(
    stock: Emulator, s3: Any, tmp_path: Path, seed: int
) -> None:
    assert trials.killed(stock, s3, tmp_path, seed).requests > 0


@shows("REQ-D4", how="stock")
def test_four_publishers_at_once_lose_nothing(stock: Emulator, s3: Any, tmp_path: Path) -> None:
    assert trials.at_once(stock, s3, tmp_path, 1, publishers=4).requests > 100


@shows("REQ-D4", how="stock")
@pytest.mark.parametrize("faults", [FAULTS[:3], FAULTS[3:6], FAULTS[6:]], ids=", ".join)
def test_each_fault_is_got_over(publisher: Publisher, stock: Emulator, faults: tuple[str, ...]) -> None:
    templates = publisher.catalogue([release(layers=[layer("dax", 20_000)]), release("other")])
    with proxy(stock.port, seed=27, rate=0.12, kinds=faults) as between:
        done = publisher(templates, AWS_ENDPOINT_URL=between.url)
        assert done.code == 0, done.err
        assert between.met.keys() == set(faults), "each was met"
        between.rate = 0
        assert publisher(templates, "--verify", AWS_ENDPOINT_URL=between.url).code == 0


@pytest.fixture
def environment(stock: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """For what runs in this process: credentials of the emulator."""
    for name, value in stock.environment().items():
        monkeypatch.setenv(name, value)


@shows("REQ-D4", how="stock")
@pytest.mark.usefixtures("environment")
def test_a_server_that_says_nothing_is_asked_again(publisher: Publisher, stock: Emulator) -> None:
    silent: list[str] = []

    def answer(request: Request) -> None:
        if request.method == "PUT" and len(silent) < 2:
            silent.append(request.path)
            time.sleep(1.2)

    releases = publishing.releases(publisher.catalogue([release()]))
    with proxy(stock.port) as between:
        between.answer = answer
        [place] = publishing.connect(publisher.bucket, endpoint_url=between.url, seconds=0.5)
        [done] = publishing.publish([publishing.look(place, releases)], lambda layer: b"")
        between.idle()
    assert len(silent) == 2
    assert {"index.json", "topics/latest.json"} <= {*done.written, *done.skipped}
    assert reader.read(publisher.s3, publisher.bucket).releases == {"topics@1.0.0"}


@shows("REQ-D4", how="simulated")
@pytest.mark.usefixtures("environment")
def test_a_service_that_stays_busy_is_one_line_and_what_is_there_is_true(publisher: Publisher, stock: Emulator) -> None:
    def answer(request: Request) -> bytes | None:
        busy = request.method == "PUT" and "index.json" in request.path
        return error_answer("503 Slow Down", "SlowDown") if busy else None

    templates = publisher.catalogue([release()])
    with proxy(stock.port) as between:
        between.answer = answer
        [place] = publishing.connect(publisher.bucket, endpoint_url=between.url, attempts=3)
        plan = publishing.look(place, publishing.releases(templates))
        with pytest.raises(
            UserError, match=r"^AWS still answers SlowDown to PutObject .* publishing again goes on from"
        ):
            publishing.publish([plan], lambda layer: b"")
        tries = sum(path.endswith("index.json") for method, path in between.seen if method == "PUT")
    assert tries == 6, "three times by botocore, twice by us; and not for ever"
    assert reader.read(publisher.s3, publisher.bucket).releases == set()
    assert publisher(templates).code == 0
    assert publisher(templates, "--verify").code == 0


@shows("REQ-D4", how="stock")
def test_ctrl_c_stops_it_in_one_line_and_it_goes_on_later(publisher: Publisher, stock: Emulator) -> None:
    templates = publisher.catalogue([release(layers=[layer("dax")])])
    command = ["publish", "--templates", templates, "--layers", templates.parent / "finished", "--bucket"]
    with proxy(stock.port) as between:

        def answer(request: Request) -> None:
            if request.method == "PUT":
                time.sleep(0.4)

        between.answer = answer
        running = subprocess.Popen(
            [sys.executable, ROOT / "build.py", *command, publisher.bucket],
            env=publisher.shell.environment({**publisher.environment, "AWS_ENDPOINT_URL": between.url}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not any(method == "PUT" for method, _ in between.seen):
            time.sleep(0.01)
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
        between.idle()
    assert running.returncode == 130, said
    assert "error: stopped: readers see nothing unfinished" in said
    assert "Traceback" not in said
    assert reader.read(publisher.s3, publisher.bucket).releases == set()
    assert publisher(templates).code == 0
    assert publisher(templates, "--verify").code == 0


@shows("REQ-D4", how="stock")
def test_of_two_different_releases_of_one_version_the_first_wins_and_finishes(
    publisher: Publisher, stock: Emulator
) -> None:
    """Both look before either writes. Their templates are the same, only the notes differ."""
    one, other = release(), release()
    other = type(other)(other.entry, {**other.files, "topics/1.0.0/UPGRADE.md": b"other"}, ())
    # The entry of the other names the hash of its own notes.
    names = dict(other.entry.files)
    names["topics/1.0.0/UPGRADE.md"] = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
    other = type(other)(type(other.entry)(**{**vars(other.entry), "files": names}), other.files, ())
    clients = {"us-east-1": stock.client("s3")}
    [place] = publishing.places_of(clients, publisher.bucket, owner="000000000000", url=stock.url)
    plans = [
        publishing.look(place, publishing.releases(publisher.catalogue([made], name)))
        for name, made in (("one", one), ("other", other))
    ]
    publishing.publish(plans[:1], lambda layer: b"")
    before = publisher.state()
    with pytest.raises(UserError, match=r"release\.json holds other bytes"):
        publishing.publish(plans[1:], lambda layer: b"")
    assert publisher.state() == before
    # The other way round: who has won the claim and was then stopped can still finish.
    prefix = f"c{uuid.uuid4().hex[:8]}"
    [place] = publishing.places_of(clients, publisher.bucket, owner="000000000000", prefix=prefix, url=stock.url)
    claim = one.entry
    path, data = publishing.Release(claim, {}).claim
    publisher.s3.put_object(Bucket=publisher.bucket, Key=place.key(path), Body=data)
    with pytest.raises(UserError, match=r"release\.json holds other bytes"):
        publishing.look(place, plans[1].releases)
    publishing.publish([publishing.look(place, plans[0].releases)], lambda layer: b"")
    assert publishing.verify(place, plans[0].releases).findings == ()
