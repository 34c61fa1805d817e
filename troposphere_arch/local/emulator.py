"""A running emulator: clients, plain requests, the environment for the AWS CLI, and its end."""

from __future__ import annotations

import functools
import http.client
import json
import os
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

from troposphere_arch.errors import UserError
from troposphere_arch.local.addresses import LOOPBACK, local_address

DEFAULT_REGION = "us-east-1"
ROOT_KEY = "test"
"""The emulator's root credentials. Root passes by every policy, so no test of permissions may use it."""

REQUEST_SECONDS = 90
"""Above API Gateway's own limit of 29 s: a first call may wait behind other cold starts on a small machine."""

_client_lock = threading.Lock()


class PatchInfo(NamedTuple):
    """A patch as a person reads it: its name, and one line on what it does."""

    name: str
    description: str


@dataclass(frozen=True)
class Response:
    """An HTTP answer, whatever its status. `headers` are looked up without regard to case."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        """The body read as JSON. Raises ValueError when it is something else."""
        return json.loads(self.body)

    def text(self) -> str:
        """The body read as UTF-8."""
        return self.body.decode()


@dataclass(frozen=True)
class Emulator:
    """One running emulator of ours. `home` is the directory that holds its state."""

    port: int
    pid: int
    patched: bool
    patches: tuple[PatchInfo, ...] = ()
    home: Path = field(default=Path(), repr=False)

    @property
    def url(self) -> str:
        """The endpoint of every service, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    def client(
        self,
        service: str,
        *,
        credentials: Any = None,
        region: str = DEFAULT_REGION,
        tls: bool = True,
    ) -> Any:
        """A boto3 client of `service`, free of everything in the user's AWS configuration.

        `credentials` is a tuple (access key, secret key, session token), the `Credentials` that STS or Cognito
        answered, or a botocore credentials object; without it, root. `tls` stands for the TLS that the emulator does
        not terminate (policies of buckets and queues deny plain HTTP); it is said with each request unless it is
        turned off.
        """
        from botocore.config import Config

        access_key, secret_key, token = _keys(credentials)
        with _client_lock:
            client = _session().client(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
                aws_session_token=token,
                config=Config(
                    proxies={},
                    read_timeout=REQUEST_SECONDS,
                    retries={"total_max_attempts": 1},
                    s3={"addressing_style": "path"},
                ),
            )
        if tls:
            client.meta.events.register("before-send", _say_tls)
        return client

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        names: Collection[str] = (),
    ) -> Response:
        """Send one request to an address as it stands in a stack's outputs, and return the answer whatever its status.

        `names` are hosts that this emulator knows as they are: those of its Route 53, and those that were signed.
        Redirects are not followed. Raises UserError when the address is not the emulator's, or nobody answers.
        """
        address = local_address(url, self.port, names)
        given = {name.lower() for name in headers or {}}
        sent = {**{k: v for k, v in address.headers.items() if k.lower() not in given}, **(headers or {})}
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=REQUEST_SECONDS)
        try:
            connection.request(method, address.target, body.encode() if isinstance(body, str) else body, sent)
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise UserError(f"{method} {url}: the emulator on port {self.port} does not answer ({error!r})") from error
        finally:
            connection.close()

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables that point the AWS CLI, or any SDK, at this emulator and at nothing else.

        With `base` (`os.environ`, say): a whole environment for a subprocess, without the AWS settings of `base`.
        """
        kept = {k: v for k, v in (base or {}).items() if not k.startswith("AWS_") and not k.lower().endswith("_proxy")}
        return kept | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": DEFAULT_REGION,
            "AWS_DEFAULT_REGION": DEFAULT_REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "NO_PROXY": LOOPBACK,
        }

    def stop(self) -> None:
        """End it and everything that it started (Lambda workers too), and remove its files. Ended already: no error."""
        from troposphere_arch.local.process import stop

        stop(self)


def _keys(credentials: Any) -> tuple[str, str, str | None]:
    """Access key, secret key and session token from any of the forms in which they come."""
    if credentials is None:
        return ROOT_KEY, ROOT_KEY, None
    if isinstance(credentials, Mapping):
        # Cognito says SecretKey where STS says SecretAccessKey.
        secret = credentials["SecretAccessKey"] if "SecretAccessKey" in credentials else credentials["SecretKey"]
        return credentials["AccessKeyId"], secret, credentials.get("SessionToken")
    if isinstance(credentials, tuple | list):
        access_key, secret_key, *token = credentials
        return access_key, secret_key, token[0] if token else None
    return credentials.access_key, credentials.secret_key, credentials.token


@functools.cache
def _session() -> Any:
    """One session for all clients (it caches the service models), blind to the user's profile and files."""
    import boto3
    import botocore.session

    blind = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    return boto3.Session(botocore_session=blind)


def _say_tls(request: Any, **_: object) -> None:
    # After signing: the header is not part of what the client signed, as it would not be behind a proxy.
    request.headers["X-Forwarded-Proto"] = "https"
