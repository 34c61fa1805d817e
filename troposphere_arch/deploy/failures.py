"""AWS failures in one line for the person at the terminal."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from ..errors import UserError

_LONGEST = 600
"""Validation errors quote the value, and the value may be a whole template."""

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_NOT_ACCEPTED = {
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_BUSY = {"InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown"}
_ELSEWHERE = {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
_PERMISSIONS = {
    "GetObject": "s3:GetObject",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "PutObject": "s3:PutObject",
}
"""Where an operation of S3 has another name than the right to do it, or its answer names none."""

_DENIED = {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation"}


@contextlib.contextmanager
def aws_errors() -> Iterator[None]:
    """Raise UserError in place of what botocore raises; anything else passes through. Also a decorator."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        said = _said(error)
        if said is None:
            raise
        raise UserError(said) from error


def error_code(error: Exception) -> str:
    """The code of an AWS error answer, such as `NoSuchBucket`; empty for any other error."""
    response = getattr(error, "response", None)
    return str(response["Error"].get("Code", "")) if isinstance(response, dict) and "Error" in response else ""


def one_line(text: object) -> str:
    """`text` on one line, shortened in the middle when it is very long."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} [...] {line[-_LONGEST // 2 :]}"


def _said(error: Exception) -> str | None:
    from botocore import exceptions as aws
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    match error:
        case aws.ClientError():
            return _answered(error)
        case aws.NoCredentialsError() | aws.PartialCredentialsError() | aws.CredentialRetrievalError():
            return (
                f"no AWS credentials ({one_line(error)}): run `aws configure` or `aws sso login`, or choose a profile"
            )
        case aws.SSOError() | aws.TokenRetrievalError():
            return f"the AWS sign-in has expired or is missing ({one_line(error)}): run `aws sso login`"
        case aws.ProfileNotFound():
            return f"{one_line(error)}: `aws configure list-profiles` lists those that there are"
        case aws.NoRegionError() | aws.InvalidRegionError():
            return f"no AWS region ({one_line(error)}): set AWS_REGION or name one"
        case aws.HTTPClientError() | aws.ConnectionError():
            return f"AWS cannot be reached: {one_line(error)}"
        case HTTPError() | ResponseParserError():
            return f"the answer of AWS broke off: {one_line(error)}; try again"
        case aws.BotoCoreError():
            return one_line(error)
    return None


def _answered(error: Exception) -> str:
    code = error_code(error)
    operation = str(getattr(error, "operation_name", ""))
    message = one_line(getattr(error, "response", {}).get("Error", {}).get("Message") or error)
    if code in _EXPIRED:
        return "the AWS credentials have expired: sign in again (`aws sso login`), or fetch new ones"
    if code in _NOT_ACCEPTED:
        return f"AWS does not accept these credentials ({code}): {message}"
    if code in _DENIED:
        named = re.search(r"perform: (\S+)", message)
        missing_right = named[1] if named else _PERMISSIONS.get(operation, operation)
        return f"these AWS credentials are not allowed to do {missing_right}: {message}"
    if code == "RequestTimeTooSkewed":
        return f"the clock of this machine is off, and AWS takes no request of another time: set it ({message})"
    if code in _ELSEWHERE:
        region = getattr(error, "response", {}).get("Error", {}).get("Region")
        named_region = f" {region}" if region else ""
        return f"the bucket is in another region{named_region}: say --region with the bucket's own ({code}: {message})"
    if code == "NoSuchBucket":
        bucket = getattr(error, "response", {}).get("Error", {}).get("BucketName", "")
        return f"there is no bucket {bucket or 'of that name'}, or no longer: make it, or name another ({message})"
    if code in _BUSY:
        return f"AWS still answers {code} to {operation} after several attempts: try again later ({message})"
    if missing := re.fullmatch(r"Stack (?:with id |\[)?(\S+?)\]? does not exist", message):
        return f"there is no stack {missing[1]}, or no longer: somebody else may be at work on it; try again"
    return f"AWS refused {operation} ({code}): {message}"
