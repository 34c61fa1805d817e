"""Arrows of pictures: how they come into a bucket, and what is made of them.

author ──presigned POST──▶ uploads, incoming/ ──event──▶ function ──▶ media, media/  or  uploads, rejected/
"""

from __future__ import annotations

from troposphere import Ref

from .. import grants, outputs, parameters
from ..blocks.awslambda import Function
from ..blocks.iam import grant
from ..blocks.s3 import Bucket
from ..conditions import choose
from ..template import Node
from .ends import beside, expect_end, stays_outside, tell, uses_key, variable

INCOMING, REJECTED, MADE = "incoming/*", "rejected/*", "media/*"
# Written last: when it is there, all files of the picture are.
DONE = "media/*/picture.json"


def signs_uploads(function: Function, uploads: Bucket, media: Bucket) -> None:
    """The function signs uploads into `incoming/` with its own right to put there, and looks what became of them."""
    _handles(function, uploads, "SignUploadsTo", {INCOMING: "put", REJECTED: "get"})
    _handles(function, media, "LookInto", {DONE: "get"})
    _uses_key(function, uploads)
    function.t.record(function, "signs uploads", uploads)
    function.t.record(function, "looks into", media)


def uploads_to(source: Node, uploads: Bucket) -> None:
    """`source` posts to the bucket what was signed for it: this key, type and size, for some minutes."""
    expect_end(uploads, Bucket, "uploads to")
    source.t.record(source, "uploads to", uploads, "presigned POST")


def makes_thumbnails(function: Function, uploads: Bucket, media: Bucket) -> None:
    """The function gets what came in, puts thumbnails into `media`, or else says in `rejected/` why it made none.

    Neither is where its own trigger looks, so it never runs on what it made. Makes the output `Thumbnails`.
    """
    _handles(function, uploads, "TakeFrom", {INCOMING: "delete get", REJECTED: "get put"})
    _handles(function, media, "PutInto", {MADE: "get put"})
    _uses_key(function, uploads)
    on = choose(function.when, "on", f"off: give {parameters.ARTIFACT_BUCKET.name}")
    outputs.output(function.t, "Thumbnails", on, "Whether authors can upload pictures.")
    function.t.record(function, "takes from", uploads)
    function.t.record(function, "puts thumbnails into", media)


def _handles(function: Function, bucket: Bucket, name: str, rights: dict[str, str]) -> None:
    expect_end(function, Function, name)
    expect_end(bucket, Bucket, name)
    stays_outside(function, bucket.title)
    when = beside(function, bucket.when)
    grant(function.role, f"{name}{bucket.title}", grants.handle_objects(bucket.resource, rights), when=when)
    grant(function.role, f"Decrypt{bucket.title}", grants.decrypt_objects(bucket.resource), when=when)
    tell(function, variable(bucket, "BUCKET"), Ref(bucket.resource), bucket.when)


def _uses_key(function: Function, bucket: Bucket) -> None:
    """Both buckets are under the one key of the user's, if there is one."""
    when = beside(function, bucket.when)
    uses_key(function.t, function.role, f"UseKeyOf{bucket.title}", "s3", write=True, when=when)
