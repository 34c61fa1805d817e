"""SES v2: who may send a mail, and what the outbox keeps of it."""

from __future__ import annotations

import importlib
import json
from email.utils import parseaddr
from typing import Any

from troposphere_arch.local.patches.expect import expect_function

_SEND = ("POST", "/v2/email/outbound-emails")


def install_permissions() -> None:
    """ses:SendEmail of SES v2.

    Stock: checked against `*` alone, so a policy that names an identity allows nothing; no condition key is known.
    AWS: checked against the identity that is sent from, and against the configuration set when the request names one,
    with ses:FromAddress, ses:FromDisplayName, ses:Recipients and ses:ApiVersion.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
    Patched: just that. The identity is FromEmailAddressIdentityArn, or else the sender's address if it is verified, or
    else the nearest verified domain above it. The identity's own policy is not looked at.
    """
    app: Any = importlib.import_module("ministack.app")
    enforce = expect_function(app, "_enforce_ses_v2", "method", "path", "headers", "body", "query_params", "request_id")
    check = expect_function(
        app,
        "_enforce_data_plane",
        *("service", "iam_action", "headers", "query_params", "request_id", "resource_arn"),
        *("service_context", "auth_error_response", "named_resource"),
    )
    region_of = expect_function(app, "extract_region", "headers", "query_params")
    responses: Any = importlib.import_module("ministack.core.responses")

    def patched_enforce(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any], request_id: str
    ) -> Any:
        if (method, path.rstrip("/")) != _SEND:
            return enforce(method, path, headers, body, query_params, request_id)
        mail = _read(body)
        name, address = parseaddr(mail.get("FromEmailAddress") or "")
        where = f"arn:aws:ses:{region_of(headers, query_params)}:{responses.get_account_id()}"
        resources = [mail.get("FromEmailAddressIdentityArn") or f"{where}:identity/{_identity_of(address)}"]
        if mail.get("ConfigurationSetName"):
            resources.append(f"{where}:configuration-set/{mail['ConfigurationSetName']}")
        to = mail.get("Destination") or {}
        context = {
            "ses:ApiVersion": "2",
            "ses:FromAddress": address,
            "ses:FromDisplayName": name,
            "ses:Recipients": [a for kind in ("To", "Cc", "Bcc") for a in to.get(f"{kind}Addresses") or []],
        }
        for resource in resources:
            if denied := check(
                "sesv2",
                "ses:SendEmail",
                headers,
                query_params,
                request_id,
                resource_arn=resource,
                service_context=context,
                named_resource=resource,
            ):
                return denied
        return None

    app._enforce_ses_v2 = patched_enforce


def install_outbox() -> None:
    """What `GET /_ministack/ses/messages` shows of a mail that was sent through SES v2.

    Stock: neither the headers that a sender adds (Content.Simple.Headers) nor the configuration set.
    AWS: has no outbox; the headers are part of the mail.
    https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Message.html
    Patched: `Headers`, a list of {Name, Value}, and `ConfigurationSetName`.
    """
    mails: Any = importlib.import_module("ministack.services.ses_v2")
    app: Any = importlib.import_module("ministack.app")
    handle = expect_function(mails, "handle_request", "method", "path", "headers", "body", "query_params")
    show = expect_function(app, "_handle_ses_messages_request", "method", "path", "headers", "query_params")
    more: dict[str, dict[str, Any]] = {}

    async def patched_handle(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        answer = await handle(method, path, headers, body, query_params)
        if (method, path.rstrip("/")) == _SEND and answer[0] == 200:
            mail = _read(body)
            more[_read(answer[2])["MessageId"]] = {
                "Headers": ((mail.get("Content") or {}).get("Simple") or {}).get("Headers") or [],
                "ConfigurationSetName": mail.get("ConfigurationSetName") or "",
            }
        return answer

    async def patched_show(*request: Any) -> Any:
        answer = await show(*request)
        if answer is None or answer[0] != 200:
            return answer
        shown = _read(answer[2])
        for account in shown["messages"].values():
            for mail in account:
                mail |= more.get(mail["MessageId"], {})
        return answer[0], answer[1], json.dumps(shown).encode()

    mails.handle_request = patched_handle
    app._handle_ses_messages_request = patched_show


def _read(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _identity_of(address: str) -> str:
    v1: Any = importlib.import_module("ministack.services.ses")
    v2: Any = importlib.import_module("ministack.services.ses_v2")
    known = {name.lower(): name for name in [*v1._identities.keys(), *v2._identities.keys()]}
    domain = address.rpartition("@")[2].lower()
    labels = domain.split(".")
    above = (".".join(labels[i:]) for i in range(len(labels) - 1))
    return next((known[name] for name in (address.lower(), *above) if name in known), address)
