from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only, service

RULE = "E9023"
STREAM = "Resources/Stream/Properties/StreamEncryption"
NONE = {"Ref": "AWS::NoValue"}


def test_an_encrypted_stream_passes() -> None:
    assert found(RULE, service()) == []
    assert found(RULE, good()) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", None),
        ("", NONE),
        ("", {"Fn::If": ["HasBoundary", {"EncryptionType": "KMS", "KeyId": "alias/own"}, NONE]}),
        ("/EncryptionType", None),
        ("/EncryptionType", "NONE"),
    ],
)
def test_a_stream_that_is_not_encrypted(path: str, value: Any) -> None:
    assert "Stream is not encrypted" in only(RULE, changed(STREAM + path, value, template=service()))


@pytest.mark.parametrize("value", [None, {"Fn::If": ["HasBoundary", "alias/own", NONE]}])
def test_a_stream_without_a_key(value: Any) -> None:
    assert "Stream is encrypted with no key" in only(RULE, changed(f"{STREAM}/KeyId", value, template=service()))


def test_nobody_names_a_stream() -> None:
    named = changed("Resources/Stream/Properties/Name", "orders", template=service())
    assert "Stream has the fixed name orders" in only("E9014", named)
