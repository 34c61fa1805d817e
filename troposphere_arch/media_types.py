"""The kinds of files that are published, by the ends of their names, as a server tells them to a browser."""

from __future__ import annotations

_TEXT = "charset=utf-8"

MEDIA_TYPES = {
    "avif": "image/avif",
    "css": f"text/css; {_TEXT}",
    "html": f"text/html; {_TEXT}",
    "ico": "image/vnd.microsoft.icon",
    "jpg": "image/jpeg",
    "js": f"text/javascript; {_TEXT}",
    "json": "application/json",
    "md": f"text/markdown; {_TEXT}",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": f"text/plain; {_TEXT}",
    "webp": "image/webp",
    "woff2": "font/woff2",
    "xml": "application/xml",
}
"""https://www.iana.org/assignments/media-types/media-types.xhtml"""


def media_type(path: str) -> str:
    """What a file is; `application/octet-stream` for one whose name says nothing that is known here."""
    return MEDIA_TYPES.get(path.rpartition(".")[2], "application/octet-stream")
