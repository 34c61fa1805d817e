"""E9023."""

from __future__ import annotations

from collections.abc import Iterator

from ._failures import STREAM
from ._rule import Found, HouseRule
from ._template import View, values


class Streams(HouseRule):
    """Every stream of Kinesis is encrypted at rest, which it is not by itself.

    What is sent to it is encrypted on the way in any case, since Kinesis speaks HTTPS only, and it is open to nobody
    whom no role lets in. (That nobody gives it a name is E9014's.)
    """

    id = "E9023"
    shortdesc = "Streams are encrypted"
    source_url = "https://docs.aws.amazon.com/streams/latest/dev/what-is-sse.html"

    def check(self, view: View) -> Iterator[Found]:
        for stream in view.of_type(STREAM):
            at = stream.properties_path
            for where, kind in values(stream.properties, "StreamEncryption", "EncryptionType", path=at):
                if kind != "KMS":
                    yield where, f"{stream.name} is not encrypted ({kind}); set StreamEncryption.EncryptionType to KMS"
            for where, encryption in values(stream.properties, "StreamEncryption", path=at):
                for place, key in values(encryption, "KeyId", path=where) if encryption is not None else ():
                    if key is None:
                        yield place, f"{stream.name} is encrypted with no key; set KeyId, such as alias/aws/kinesis"
