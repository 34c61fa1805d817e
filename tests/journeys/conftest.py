"""The to-do list, deployed once for each kind of emulator and pytest process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.journeys.stack import Stack, preset, template_url
from troposphere_arch.journeys.todo import Phone
from troposphere_arch.local import Emulator


@pytest.fixture(scope="session")
def todo(stock: Emulator) -> Stack:
    """The template's own defaults on the unmodified emulator."""
    return Stack(stock, "todo").create(template_url(stock, "todo"))


@pytest.fixture(scope="session")
def todo_with_files(patched: Emulator) -> Stack:
    """The preset `production`, file storage and all, on the patched emulator."""
    return Stack(patched, "todo-with-files").create(template_url(patched, "todo"), **preset("todo", "production"))


@pytest.fixture
def phone(todo: Stack) -> Callable[[], Phone]:
    """Makes phones whose user has signed up and signed in to `todo`."""

    def make() -> Phone:
        return signed_in(todo)

    return make


def signed_in(stack: Stack) -> Phone:
    """A phone whose new user has signed up, confirmed and signed in."""
    made = Phone(stack.emulator, stack.outputs)
    made.sign_up()
    made.sign_in()
    return made
