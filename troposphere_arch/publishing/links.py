"""The addresses that readers use: of a template, of the console's page that creates a stack, and a page of all of them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ..releases.index import Entry, Index
from .place import Place

DEFAULTS = "defaults"
"""The launch link without a preset."""

BUCKET = "ArtifactBucket"
"""The parameter that names the bucket of the layers: the one that they are published to."""


def template_url(place: Place, entry: Entry) -> str:
    """Where CloudFormation finds the template of a release."""
    return place.url(entry.template)


def launch_links(
    place: Place, entry: Entry, template: Mapping[str, Any], presets: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Preset -> the page of the console that creates a stack, with what the preset chooses filled in.

    What is as by default in the template is left out, and so is what CloudFormation ignores in a link (NoEcho).
    None at all in a partition whose console is not known here.
    """
    if not place.console:
        return {}
    known = template.get("Parameters")
    known = known if isinstance(known, dict) else {}
    ours = {BUCKET: place.bucket} if BUCKET in known else {}
    made = {}
    for name, chosen in {DEFAULTS: {}, **presets}.items():
        values = {**chosen, **ours}
        filled = {
            f"param_{key}": value
            for key, value in sorted(values.items())
            if key in known and not known[key].get("NoEcho") and value != str(known[key].get("Default"))
        }
        query = {"templateURL": template_url(place, entry), "stackName": entry.scenario, **filled}
        made[name] = f"{place.console}#/stacks/create/review?" + "&".join(
            f"{key}={quote(value, safe='')}" for key, value in query.items()
        )
    return made


def page(place: Place, index: Index) -> bytes:
    """`launch.md`: every release of every scenario, newest first, with its links."""
    lines = [
        f"# Templates in {place.region}",
        "",
        "Each link opens the page of the AWS console that creates a stack, with the parameters of a preset filled in;",
        "nothing is created before you say so there. Written by `publish`, from `index.json` beside it.",
    ]
    for scenario in dict.fromkeys(entry.scenario for entry in index.releases()):
        entries = tuple(reversed(index.releases(scenario)))
        lines += ["", f"## {scenario}", "", _cell(entries[0].description), ""]
        lines += ["| version | released | template | create a stack | |", "|---|---|---|---|---|"]
        for entry in entries:
            links = " · ".join(f"[{_cell(name)}]({url})" for name, url in entry.launch.items())
            mark = f"deprecated: {_cell(entry.deprecated)}" if entry.deprecated else ""
            template = f"[{entry.bytes:,} bytes]({entry.url})"
            lines.append(f"| {entry.version} | {entry.released} | {template} | {links} | {mark} |")
    return ("\n".join(lines) + "\n").encode()


def _cell(text: str) -> str:
    """Text that stays in its cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
