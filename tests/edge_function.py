"""The viewer request function of the blog's distribution, run by Node with nothing but what CloudFront gives it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from troposphere_arch import site_files

CODE = Path(site_files.__file__).parent / "handlers/blog/clean_urls.js"

RUN = """
const vm = require("vm");
const [code, events] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const context = vm.createContext({});
vm.runInContext(code, context);
context.events = JSON.stringify(events);
console.log(vm.runInContext("JSON.stringify(JSON.parse(events).map((event) => handler(event)))", context));
"""


def event(uri: str, **more: Any) -> dict[str, Any]:
    """A viewer request. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html"""
    request = {"method": "GET", "uri": uri, "querystring": {}, "headers": {}, "cookies": {}, **more}
    return {
        "version": "1.0",
        "context": {"eventType": "viewer-request"},
        "viewer": {"ip": "192.0.2.1"},
        "request": request,
    }


def answers(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the function makes of each."""
    sent = json.dumps([CODE.read_text(), list(events)])
    done = subprocess.run(["node", "-e", RUN], input=sent, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
