"""A client of the to-do list in a few lines, against the stack that `python build.py up todo` put on this machine.

    python build.py up todo --parameter FileStorage=on
    .venv/bin/python examples/todo_client.py

Against AWS itself drop the lines marked LOCAL, and read the confirmation code from the mail.
"""

import json
import secrets
import subprocess
import sys
import urllib.request
from pathlib import Path

import boto3
from pycognito.aws_srp import AWSSRP

EMAIL, PASSWORD = f"mina-{secrets.token_hex(3)}@example.com", "Correct-horse-7-battery"
ROOT = Path(__file__).resolve().parents[1]

stacks = json.loads(subprocess.check_output([sys.executable, ROOT / "build.py", "status", "--json"]))
stack = next((one for one in stacks if one["name"] == "todo"), None)
if stack is None:
    raise SystemExit("stack todo is not up: python build.py up todo")
out = stack["outputs"]
endpoint, api = stack["emulator"], stack["here"]  # LOCAL: AWS's own endpoints, and out["ApiUrl"]


def client(service, **credentials):
    keys = credentials or {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    return boto3.client(service, region_name=out["Region"], endpoint_url=endpoint, **keys)


# Sign up, confirm, sign in. These calls are not signed: a phone needs no AWS key of its own.
users = client("cognito-idp")
users.sign_up(ClientId=out["UserPoolClientId"], Username=EMAIL, Password=PASSWORD)
users.confirm_sign_up(ClientId=out["UserPoolClientId"], Username=EMAIL, ConfirmationCode="123456")  # as the emulator's
srp = AWSSRP(EMAIL, PASSWORD, out["UserPoolId"], out["UserPoolClientId"], client=users)
token = srp.authenticate_user()["AuthenticationResult"]["IdToken"]


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": token, "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(api + path, data, headers, method=method)) as answer:
        return json.load(answer)


print(call("POST", "/todos", {"title": "Buy milk", "clientToken": "phone-1-0001"}))
print(call("GET", "/todos?limit=10"))

# Files: exchange the token for credentials that expire, and go straight to S3, below the own identity id.
if "FilesBucket" in out:
    identities = client("cognito-identity")
    logins = {f"cognito-idp.{out['Region']}.amazonaws.com/{out['UserPoolId']}": token}
    me = identities.get_id(IdentityPoolId=out["IdentityPoolId"], Logins=logins)["IdentityId"]
    keys = identities.get_credentials_for_identity(IdentityId=me, Logins=logins)["Credentials"]
    s3 = client(
        "s3",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretKey"],
        aws_session_token=keys["SessionToken"],
    )
    # LOCAL: the bucket refuses plain HTTP, and the emulator has no TLS; this header says what a TLS proxy would say.
    s3.meta.events.register(
        "before-send.s3", lambda request, **_: request.headers.update({"X-Forwarded-Proto": "https"})
    )
    s3.put_object(Bucket=out["FilesBucket"], Key=f"{me}/note.txt", Body=b"hello")
    print(s3.list_objects_v2(Bucket=out["FilesBucket"], Prefix=f"{me}/")["Contents"][0]["Key"])
