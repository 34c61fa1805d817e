"""A client of the blog in a few lines, against the stack that `python build.py up blog` put on this machine.

    python build.py up blog --parameters templates/blog/1.0.0/parameters/production.json \\
        --parameter SenderAddress=news@example.com --parameter SenderIdentity=example.com
    .venv/bin/python examples/blog_client.py [PICTURE.jpg]

Against AWS itself drop the lines marked LOCAL, and invite the author as docs/blog.md has it.
"""

import hashlib
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
from pycognito.aws_srp import AWSSRP

EMAIL, FIRST, PASSWORD = f"ann-{secrets.token_hex(3)}@example.com", "First-password-1", "Correct-horse-7-battery"
ROOT = Path(__file__).resolve().parents[1]

stacks = json.loads(subprocess.check_output([sys.executable, ROOT / "build.py", "status", "--json"]))
stack = next((one for one in stacks if one["name"] == "blog"), None)
if stack is None:
    raise SystemExit("stack blog is not up: python build.py up blog")
out, endpoint = stack["outputs"], stack["emulator"]


def ask(method, url, body=None, **headers):
    """One request, with JSON or with bytes; what comes back is read as JSON when it is that."""
    if isinstance(body, dict):
        body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    if url.startswith(out["BlogUrl"]):  # LOCAL: the emulator knows the distribution by the Host header
        headers["Host"], url = out["EdgeDomain"], url.replace(out["BlogUrl"], endpoint)
    headers["X-Forwarded-Proto"] = "https"  # LOCAL: what a TLS proxy would say; the emulator has no TLS
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)) as answer:
        data = answer.read()
        return json.loads(data) if answer.headers["Content-Type"] == "application/json" else data


# Readers need nothing: no key, no token.
print(ask("GET", out["ApiUrl"] + "/posts?limit=5"))
config = ask("GET", out["ApiUrl"] + "/config")
if config["mail"]:
    print(ask("POST", out["ApiUrl"] + "/subscriptions", {"email": "joon@example.com"}))

# An administrator makes an author. With AWS this takes rights of your own, and the password comes by mail.
keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}  # LOCAL
users = boto3.client("cognito-idp", region_name=out["Region"], endpoint_url=endpoint, **keys)  # LOCAL: no endpoint_url
who = {"UserPoolId": out["UserPoolId"], "Username": EMAIL}
users.admin_create_user(**who, TemporaryPassword=FIRST, MessageAction="SUPPRESS")
users.admin_add_user_to_group(**who, GroupName="authors")

# The author chooses a password at the first sign-in; later `authenticate_user()` does. No password is sent.
srp = AWSSRP(EMAIL, FIRST, out["UserPoolId"], out["UserPoolClientId"], client=users)
token = srp.set_new_password_challenge(PASSWORD)["AuthenticationResult"]["IdToken"]


def upload(picture):
    """Send a picture: ask for a signed form, post the file with it, wait for the thumbnails. Gives its name."""
    data = picture.read_bytes()
    kind = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}[picture.suffix.lower()]
    about = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "contentType": kind}
    signed = ask("POST", out["ApiUrl"] + "/uploads", about, Authorization=token)
    mark = secrets.token_hex(16)
    fields = "".join(
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in signed["fields"].items()
    )
    begin = f'{fields}--{mark}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    form = begin.encode() + data + f"\r\n--{mark}--\r\n".encode()
    ask("POST", signed["url"], form, **{"Content-Type": f"multipart/form-data; boundary={mark}"})
    outcome = f"{out['ApiUrl']}/uploads/{signed['picture']}"
    while (state := ask("GET", outcome, Authorization=token))["state"] == "waiting":
        time.sleep(0.5)
    if state["state"] == "rejected":
        raise SystemExit(f"{picture}: {state['reason']}")
    return signed["picture"]


post = {"title": f"By a program, {secrets.token_hex(3)}", "body": "First paragraph.\n\nSecond paragraph."}
if config["uploads"] and sys.argv[1:]:
    post["picture"] = upload(Path(sys.argv[1]))
    print(len(ask("GET", f"{out['BlogUrl']}/media/{post['picture']}/320.webp")), "bytes of its smallest thumbnail")
made = ask("POST", out["ApiUrl"] + "/posts", post, Authorization=token)
print(ask("GET", f"{out['ApiUrl']}/posts/{made['slug']}"))
