"""A stand-in for a cluster of DynamoDB Accelerator (DAX), for AWS's own client for Python.

    AmazonDaxClient ──TLS, signed──▶ Cluster ──▶ item cache, query cache ──▶ DynamoDB

It is written from the client's side of the protocol, which AWS publishes only as the source of its clients, and from
what AWS documents of the caches. It serves GetItem, Query, PutItem, UpdateItem and DeleteItem, and refuses the rest.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DAX.concepts.html
"""

from troposphere_arch.local.dax.certificates import Authority
from troposphere_arch.local.dax.cluster import Call, Cluster

__all__ = ["Authority", "Call", "Cluster"]
