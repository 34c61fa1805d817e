from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9003"
RESOURCE = "Resources/SignedIn/Properties/Policies/0/Fn::If/1/PolicyDocument/Statement/0/Resource/0"


def test_escaped_inside_of_sub_and_plain_outside_pass() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("variable", ["aws:username", "cognito-identity.amazonaws.com:sub", "aws:PrincipalTag/team"])
@pytest.mark.parametrize(
    "sub",
    [
        lambda s: {"Fn::Sub": f"${{Files.Arn}}/{s}/*"},
        lambda s: {"Fn::Sub": [f"${{Arn}}/{s}/*", {"Arn": {"Fn::GetAtt": ["Files", "Arn"]}}]},
    ],
)
def test_inside_of_sub(variable: str, sub: Any) -> None:
    assert found(RULE, changed(RESOURCE, sub(f"${{!{variable}}}"))) == []
    message = only(RULE, changed(RESOURCE, sub(f"${{{variable}}}")))
    assert f"SignedIn has ${{{variable}}} in an Fn::Sub; write ${{!{variable}}}" in message


@pytest.mark.parametrize(
    "outside",
    [
        lambda s: f"files/{s}/*",
        lambda s: {"Fn::Join": ["/", ["files", s]]},
        lambda s: {"Fn::Sub": ["${Files.Arn}/${Me}", {"Me": s}]},
    ],
)
def test_outside_of_sub(outside: Any) -> None:
    assert found(RULE, changed(RESOURCE, outside("${aws:userid}"))) == []
    message = only(RULE, changed(RESOURCE, outside("${!aws:userid}")))
    assert "SignedIn has ${!aws:userid} outside of Fn::Sub; write ${aws:userid}" in message


def test_other_text_with_a_dollar_sign_passes() -> None:
    code = 'echo "${!name} ${VAR:-x} ${AWS::Region}"'
    assert found(RULE, changed("Resources/Read/Properties/Code/ZipFile", code)) == []
