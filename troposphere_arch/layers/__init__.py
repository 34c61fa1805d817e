"""Placeholder until the real module lands: only `key`."""


def key(name: str) -> str:
    """To be replaced by the hash of pins and platform."""
    return f"layers/{name}-0123456789abcdef.zip"
