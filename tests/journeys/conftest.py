"""The to-do list, deployed once for each set of options and pytest process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.stack import Stack, preset, put_layers, template_url
from troposphere_arch.journeys.todo import Phone
from troposphere_arch.local import Emulator

# What works on the unmodified emulator besides the template's own defaults. (File storage does not: it has no policy
# variables, so nobody has a prefix.)
ALL_ON_STOCK = {
    "DeletionProtection": "on",
    "FunctionMemory": "512",
    "MailFrom": "todo@example.com",
    "MailIdentity": "example.com",
    "ResponseCache": "0.5",
    "ReservedConcurrency": "20",
    "RolePath": "/apps/",
    "Zones": "us-east-1b,us-east-1c",
}


@pytest.fixture(scope="session", params=["defaults", "all on stock", "production"])
def todo(request: pytest.FixtureRequest) -> Stack:
    """The template's own defaults and all options that the unmodified emulator knows, there; `production`, patched."""
    if request.param == "production":
        return request.getfixturevalue("production")
    stock = request.getfixturevalue("stock")
    if request.param == "defaults":
        return Stack(stock, "todo").create(template_url(stock, "todo"))
    return Stack(stock, "todo-all-on").create(template_url(stock, "todo"), **ALL_ON_STOCK)


@pytest.fixture(scope="session")
def production(patched: Emulator) -> Stack:
    """The preset `production` on the patched emulator: file storage, both caches, all of it."""
    values = {**preset("todo", "production"), "ArtifactBucket": put_layers(patched)}
    return Stack(patched, "todo-production").create(template_url(patched, "todo"), **values)


@pytest.fixture
def phone(todo: Stack) -> Callable[[], Phone]:
    """Makes phones whose user has signed up and signed in to `todo`."""
    return lambda: signed_in(todo)


def signed_in(stack: Stack) -> Phone:
    """A phone whose new user has signed up, confirmed and signed in."""
    made = Phone(stack.emulator, stack.outputs)
    made.sign_up()
    made.sign_in()
    return made
