"""Debian's Chromium, of which nothing leaves this machine: each request of a page is answered here, or fails the test.

page ──route──▶ host known? ──▶ a fake blog, or the emulator (as `local_address` says)
                    └──no──▶ aborted, and told at the end of the test
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Route,
    expect,
    sync_playwright,
)

from troposphere_arch.local import Emulator

SECONDS = 15
"""In which a page does what is expected of it: a small machine has other things to do, too."""

NOT_OF_AN_ANSWER = {"connection", "content-length", "transfer-encoding"}
NOT_OF_A_REQUEST = {"accept-encoding", "connection", "content-length", "host"}


@dataclass(frozen=True)
class Asked:
    """A request of a page."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


@dataclass(frozen=True)
class Answer:
    """What the page gets."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Host = Callable[[Asked], Answer]


def choose(page: Page, file: Path) -> None:
    """Choose a picture as a person does: once the form is open for it."""
    field = page.get_by_label("Picture")
    expect(field).to_be_enabled()
    expect(field).to_be_visible()
    field.set_input_files(file)


def emulated(emulator: Emulator) -> Host:
    """A host of AWS that the emulator plays."""

    def ask(asked: Asked) -> Answer:
        headers = {name: value for name, value in asked.headers.items() if name not in NOT_OF_A_REQUEST}
        done = emulator.request(asked.method, asked.url, headers=headers, body=asked.body or None)
        kept = {name: value for name, value in done.headers.items() if name.lower() not in NOT_OF_AN_ANSWER}
        return Answer(done.status, kept, done.body)

    return ask


@dataclass
class Visitor:
    """Somebody with a browser of their own.

    `hosts` answer it, what begins with one of `through` is let through to this machine; `troubles` is what no page may
    ever do.
    """

    context: BrowserContext
    page: Page
    hosts: dict[str, Host]
    through: tuple[str, ...] = ()
    asked: list[Asked] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def requests(self, method: str, path: str) -> list[Asked]:
        """What was asked of the blog's API, of that method at that path."""
        return [one for one in self.asked if (one.method, one.path) == (method, path)]

    def route(self, route: Route, request: Request) -> None:
        """Answer a request here."""
        asked = Asked(request.method, request.url, request.all_headers(), request.post_data_buffer or b"")
        self.asked.append(asked)
        if request.url.startswith(self.through):
            route.continue_()
            return
        host = self.hosts.get(urlsplit(request.url).hostname or "")
        if host is None:
            self.troubles.append(f"asked {request.url}")
            route.abort()
            return
        try:
            answer = host(asked)
        except Exception as error:
            self.troubles.append(f"{request.method} {request.url}: {error!r}")
            route.abort()
            return
        route.fulfill(status=answer.status, headers=dict(answer.headers), body=answer.body)

    def on_dialog(self, dialog: Dialog) -> None:
        """Only script opens a dialog, and the site has none."""
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def on_console(self, message: ConsoleMessage) -> None:
        """Chromium tells there what a content security policy kept a page from."""
        if "Content Security Policy" in message.text or "Refused to" in message.text:
            self.troubles.append(f"console: {message.text}")


Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        # Its sandbox needs rights that a container seldom has; it sees nothing but what these tests answer.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Makes visitors, and looks after each test whether a page did what none may do."""
    made: list[Visitor] = []

    def new(hosts: dict[str, Host], *, through: tuple[str, ...] = (), **options: Any) -> Visitor:
        context = chromium.new_context(**options)
        context.set_default_timeout(SECONDS * 1000)
        visitor = Visitor(context, context.new_page(), hosts, through)
        context.route("**/*", visitor.route)
        context.on("dialog", visitor.on_dialog)
        context.on("console", visitor.on_console)
        context.on("weberror", lambda error: visitor.troubles.append(f"error: {error.error}"))
        made.append(visitor)
        return visitor

    yield new
    troubles = [trouble for visitor in made for trouble in visitor.troubles]
    for visitor in made:
        visitor.context.close()
    assert troubles == []
