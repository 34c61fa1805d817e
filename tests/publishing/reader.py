"""What a reader sees who knows nothing of how it was published: the index, and all that it names.

Of its own code, with none of the publisher's: it would not share a mistake.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """What was there: releases by name (scenario@version), latest of each scenario, and whatever is not true."""

    releases: set[str] = field(default_factory=set)
    latest: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def read(s3: Any, bucket: str, prefix: str = "") -> Seen:
    """Follow everything, pointers first: what a pointer names must be in the index that is read after it."""
    seen = Seen()
    base = f"{prefix}/" if prefix else ""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=base)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    pointers = {key: json.loads(_bytes(s3, bucket, key) or b"{}") for key in keys if key.endswith("/latest.json")}
    data = _bytes(s3, bucket, f"{base}index.json")
    entries = json.loads(data)["templates"] if data else []
    by_name = {f"{entry['scenario']}@{entry['version']}": entry for entry in entries}
    seen.releases = set(by_name)
    for entry in entries:
        wanted = {f"{base}{path}": sha for path, sha in entry["files"].items()}
        wanted[f"{base}{entry['template']}"] = entry["sha256"]
        wanted |= {layer["key"]: layer["sha256"] for layer in entry.get("layers", ())}
        for key, sha in wanted.items():
            there = _bytes(s3, bucket, key)
            if there is None:
                seen.wrong.append(f"{key} is named by the index and is not there")
            elif hashlib.sha256(there).hexdigest() != sha:
                seen.wrong.append(f"{key} is not what the index says")
        if not entry["url"].endswith(f"{bucket}/{base}{entry['template']}"):
            seen.wrong.append(f"{entry['url']} leads elsewhere")
    for key, value in pointers.items():
        name = f"{value.get('scenario')}@{value.get('version')}"
        if name not in by_name:
            seen.wrong.append(f"{key} points to {name}, which the index lacks")
            continue
        if (value["template"], value["sha256"]) != (by_name[name]["url"], by_name[name]["sha256"]):
            seen.wrong.append(f"{key} says something else of {name} than the index")
        seen.latest[value["scenario"]] = value["version"]
    return seen


def _bytes(s3: Any, bucket: str, key: str) -> bytes | None:
    try:
        return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None
