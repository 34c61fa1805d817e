"""invoices: its stack in the emulator."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from troposphere_arch.microservices import testing

FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def service() -> Iterator[testing.Deployed]:
    with testing.deployed(FOLDER) as service:
        yield service


def test_an_invoice_is_made(service: testing.Deployed) -> None:
    request = service.put("order-1.json", {"id": "order-1", "sku": "<b>tea</b>", "units": 2, "cents": 905})
    assert service.until(lambda: service.state(request) == "done")
    assert "2 × &lt;b&gt;tea&lt;/b&gt;: 9.05" in service.item("order#order-1", "invoice")["page"]
