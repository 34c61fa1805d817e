"""The same against a second S3, moto's server: it has conditional writes, and neither verifies nor keeps checksums.

So what is there is read and hashed. Its conditions are not atomic between threads, which is why nothing here publishes
twice at once, and it does not look at permissions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.cli.commands import Shell, refused
from tests.evidence import shows
from tests.publishing import reader
from tests.publishing.catalogues import layer, release
from tests.publishing.conftest import Publisher
from tests.publishing.faults import proxy
from tests.sampling import sampled

pytestmark = sampled(2)


@pytest.fixture(scope="module")
def moto() -> Iterator[int]:
    """The port of moto's server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()[1]
    finally:
        server.stop()


@pytest.fixture
def there(moto: int, tmp_path: Path) -> Publisher:
    """A publisher to it."""
    url = f"http://127.0.0.1:{moto}"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    s3: Any = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    bucket = f"m-{tmp_path.name[:40].lower().replace('_', '-')}"
    s3.create_bucket(Bucket=bucket)
    return Publisher(Shell(tmp_path), s3, bucket, {**keys, "AWS_ENDPOINT_URL": url}, tmp_path)


@shows("REQ-D4", how="simulated")
def test_published_skipped_refused_verified(there: Publisher) -> None:
    ours = layer("dax", 9_000)
    templates = there.catalogue([release(), release(version="1.1.0", layers=[ours])], "a")
    [done] = there.json(templates, "--prefix", "c")
    seen = reader.read(there.s3, there.bucket, "c")
    assert (seen.releases, seen.latest, seen.wrong) == ({"topics@1.0.0", "topics@1.1.0"}, {"topics": "1.1.0"}, [])
    head = there.s3.head_object(Bucket=there.bucket, Key=ours.key, ChecksumMode="ENABLED")
    assert "ChecksumSHA256" not in head, "if moto has learnt to keep it, say so above"
    before = there.state()
    [again] = there.json(templates, "--prefix", "c")
    assert (again["written"], sorted(again["there"])) == ([], sorted(done["written"]))
    refused(there(there.catalogue([release(says="x")], "b"), "--prefix", "c"), "topics@1.0.0 is published at")
    assert there.state() == before
    assert there(templates, "--prefix", "c", "--verify").code == 0
    there.s3.put_object(Bucket=there.bucket, Key=ours.key, Body=ours.data + b"!")
    report = there(templates, "--prefix", "c", "--verify", "--json")
    assert report.code == 1
    assert [(f["what"], f["key"]) for f in json.loads(report.out)[0]["findings"]] == [("altered", ours.key)]
    refused(there(templates, "--prefix", "c"), f"{ours.key} holds other bytes")


@shows("REQ-D4", how="simulated")
def test_through_a_bad_network(there: Publisher, moto: int) -> None:
    templates = there.catalogue([release(layers=[layer("net", 50_000)]), release("other")])
    with proxy(moto, seed=3, rate=0.2) as between:
        bad = replace(there, environment={**there.environment, "AWS_ENDPOINT_URL": between.url})
        done = bad(templates)
        assert done.code == 0, done.err
        assert sum(between.met.values()) > 3
        between.rate = 0
        assert bad(templates, "--verify").code == 0
    assert reader.read(there.s3, there.bucket).wrong == []
