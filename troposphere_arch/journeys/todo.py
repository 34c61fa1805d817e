"""The to-do list as a phone uses it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..local import Emulator, Response
from . import Step, expect

# The emulator sends no mail; every confirmation code is this one.
CODE = "123456"


@dataclass
class Phone:
    """A user's phone. It knows the stack's outputs, an address and a password; it keeps no AWS credentials of its own.

    Sign-up, sign-in and the exchange of tokens are calls that AWS takes unsigned, so the phone needs no key for them.
    """

    emulator: Emulator
    outputs: Mapping[str, str]
    email: str = field(default_factory=lambda: f"user-{secrets.token_hex(4)}@example.com")
    password: str = field(default_factory=lambda: f"Aa1!{secrets.token_urlsafe(16)}", repr=False)
    tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def _client(self, service: str, credentials: Any = None) -> Any:
        return self.emulator.client(service, credentials=credentials, region=self.outputs["Region"])

    @property
    def users(self) -> Any:
        """The client of the user pool."""
        return self._client("cognito-idp")

    def sign_up(self) -> None:
        """Sign up and confirm the address."""
        client = self.outputs["UserPoolClientId"]
        self.users.sign_up(ClientId=client, Username=self.email, Password=self.password)
        self.users.confirm_sign_up(ClientId=client, Username=self.email, ConfirmationCode=CODE)

    def sign_in(self) -> None:
        """Sign in by SRP: the password is not sent."""
        from pycognito.aws_srp import AWSSRP

        srp = AWSSRP(
            username=self.email,
            password=self.password,
            pool_id=self.outputs["UserPoolId"],
            client_id=self.outputs["UserPoolClientId"],
            client=self.users,
        )
        self.tokens = srp.authenticate_user()["AuthenticationResult"]

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Response:
        """One call of the API; `body` is sent as JSON, or as it is when it is text. `token=""` sends none."""
        sent = self.tokens.get("IdToken", "") if token is None else token
        headers = {"Authorization": sent} if sent else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.emulator.request(method, f"{self.outputs['ApiUrl']}{path}", headers=headers, body=body)

    def _login(self) -> dict[str, str]:
        pool = self.outputs["UserPoolId"]
        return {f"cognito-idp.{self.outputs['Region']}.amazonaws.com/{pool}": self.tokens["IdToken"]}

    def identity(self) -> str:
        """The identity id, which is the name of the user's own prefix."""
        pool = self.outputs["IdentityPoolId"]
        got = self._client("cognito-identity").get_id(IdentityPoolId=pool, Logins=self._login())
        identity: str = got["IdentityId"]
        return identity

    def credentials(self) -> dict[str, Any]:
        """Short-lived AWS credentials in exchange for the id token."""
        got = self._client("cognito-identity").get_credentials_for_identity(
            IdentityId=self.identity(), Logins=self._login()
        )
        credentials: dict[str, Any] = got["Credentials"]
        return credentials

    def files(self) -> Any:
        """An S3 client with the user's own short-lived credentials."""
        return self._client("s3", self.credentials())


def play(emulator: Emulator, outputs: Mapping[str, str]) -> Iterator[Step]:
    """Two users, from sign-up to the deleted account."""
    mina, joon = Phone(emulator, outputs), Phone(emulator, outputs)

    mina.sign_up()
    mina.sign_in()
    joon.sign_up()
    joon.sign_in()
    yield Step(
        "two users sign up, confirm their address, sign in by SRP",
        f"{mina.email}, {joon.email}",
        "users sign in to a managed directory; the password is not sent to sign in",
    )

    answer = mina.call("GET", "/todos", token="")
    expect("401 without a token", answer.status == 401, answer.status)
    yield Step("GET /todos without a token", _short(answer), "nobody gets in unsigned")

    new = {"title": "Buy milk", "clientToken": "demo-token-1"}
    first = mina.call("POST", "/todos", new)
    again = mina.call("POST", "/todos", new)
    expect("201, then 200 with the same id", (first.status, again.status) == (201, 200), (first.status, again.status))
    expect("one id", first.json()["id"] == again.json()["id"], again.text())
    yield Step("POST /todos, and the same once more as a retry", _short(first), "the retry made nothing twice")

    for n in range(2, 8):
        mina.call("POST", "/todos", {"title": f"To-do {n}"})
    page = mina.call("GET", "/todos?limit=4").json()
    rest = mina.call("GET", f"/todos?limit=4&next={page['next']}").json()
    expect("4 and 3 items", (len(page["items"]), len(rest["items"])) == (4, 3), (page, rest))
    yield Step("GET /todos?limit=4, then its next page", "4 items, then 3", "lists come page by page, newest first")

    path = f"/todos/{first.json()['id']}"
    done = mina.call("PUT", path, {"title": "Buy milk", "done": True, "version": 1})
    expect("200", done.status == 200, done.text())
    stale = mina.call("PUT", path, {"title": "Buy oat milk", "done": False, "version": 1})
    expect("409 with the current item", (stale.status, stale.json()["item"]["version"]) == (409, 2), stale.text())
    yield Step("PUT twice with the same version", _short(stale), "a stale phone overwrites nothing")

    foreign = joon.call("GET", path)
    expect("404", foreign.status == 404, foreign.status)
    yield Step("the other user asks for that item", _short(foreign), "one user's data is never another's")

    if "FilesBucket" in outputs:
        yield from _files(mina, joon)
    else:
        yield Step("files", "off", "files are opt-in: `up todo --parameter FileStorage=on`")

    gone = mina.call("DELETE", "/me")
    expect("204", gone.status == 204, gone.text())
    late = mina.call("POST", "/todos", {"title": "From a phone that was offline"})
    expect("401", late.status == 401, late.text())
    yield Step("DELETE /me, then a late POST from a stale phone", _short(late), "the account is gone, and stays so")


def _files(mina: Phone, joon: Phone) -> Iterator[Step]:
    from botocore.exceptions import ClientError

    bucket, mine = mina.outputs["FilesBucket"], mina.identity()
    files = mina.files()
    files.put_object(Bucket=bucket, Key=f"{mine}/note.txt", Body=b"hello")
    listed = files.list_objects_v2(Bucket=bucket, Prefix=f"{mine}/")
    expect("one file", listed["KeyCount"] == 1, listed["KeyCount"])
    yield Step(
        "a file goes straight to S3 with credentials from STS",
        f"{mine}/note.txt",
        "short-lived credentials, straight to the user's own prefix",
    )
    try:
        joon.files().get_object(Bucket=bucket, Key=f"{mine}/note.txt")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        expect("AccessDenied", code == "AccessDenied", code)
        yield Step("the other user tries to read it", code, "each user has their own prefix only")
    else:
        expect("AccessDenied", False, "the file")
    files.delete_object(Bucket=bucket, Key=f"{mine}/note.txt")


def _short(answer: Response) -> str:
    text = answer.text()
    return f"{answer.status} {text if len(text) <= 90 else text[:87] + '...'}"
