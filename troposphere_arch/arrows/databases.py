"""Arrows of servers and their database: who reaches it, who reads its password, and where it is."""

from __future__ import annotations

from troposphere import GetAtt

from .. import grants
from ..blocks.iam import grant
from ..blocks.network import reaches
from ..blocks.rds import NAME, PORT, Database
from ..blocks.servers import Servers
from .ends import expect_end, tell, uses_key

# Where a server keeps the certificates by which it knows the database; the script that starts it puts them there.
CERTIFICATES = "/etc/service/database.pem"


def keeps_in(servers: Servers, database: Database) -> None:
    """The servers keep what they have in the database: they reach it, and read its password; nobody else does.

    They know it as `DATABASE_HOST`, `DATABASE_PORT` and `DATABASE_NAME`, its secret as `DATABASE_SECRET`, and the file
    of certificates that it is known by as `DATABASE_CA`.
    """
    expect_end(servers, Servers, "keeps in")
    expect_end(database, Database, "keeps in")
    t = servers.t
    reaches(t, servers.group, database.group, PORT, by=servers.resource)
    grant(servers.role, f"ReadSecretOf{database.title}", grants.read_secret(database.secret))
    uses_key(t, servers.role, f"UseKeyOf{database.title}", "secretsmanager", write=False, when=None)
    tell(servers, "DATABASE_CA", CERTIFICATES, None)
    tell(servers, "DATABASE_HOST", GetAtt(database.resource, "Endpoint.Address"), None)
    tell(servers, "DATABASE_NAME", NAME, None)
    tell(servers, "DATABASE_PORT", GetAtt(database.resource, "Endpoint.Port"), None)
    tell(servers, "DATABASE_SECRET", database.secret, None)
    t.record(servers, "keeps in", database, "PostgreSQL over TLS")
