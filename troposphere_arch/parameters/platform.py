"""The parameters of a platform, and what the shared ones mean there.

Prices are those of us-east-1, for 730 hours in two zones: an endpoint 0.01 USD an hour in each zone, a NAT gateway
0.045 and its public address 0.005.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from . import services, shared
from .spec import EMAIL, NONE, Spec

NETWORK = Spec(
    "Network",
    "Network",
    "Network of services inside",
    "none: no VPC, nothing billed; services declared inside or private cannot be deployed. endpoints: two zones "
    "without a way to the internet, and endpoints for queues, topics, streams, events and private APIs: about 73 USD "
    "a month (us-east-1). nat: a NAT gateway in each zone, so that the loss of one costs the other nothing, and the "
    "endpoint for private APIs: about 88 USD; a GB costs 0.045 by NAT, 0.01 by an endpoint. Before you go back to "
    "none, take down every service that is inside, and wait half an hour.",
    NONE,
    allowed=(NONE, "endpoints", "nat"),
    constraint="Network is none, endpoints or nat.",
)
PRIVATE_DOMAIN = Spec(
    "PrivateDomainName",
    "Network",
    "Private domain",
    "A domain such as internal.example.com that only the network knows, or none. A private zone is made for it (0.50 "
    "USD a month), in which every name leads to the endpoint for private APIs. Needs Network and "
    "PrivateCertificateArn.",
    NONE,
    pattern=r"none|([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}",
    constraint="PrivateDomainName is none or a lower-case domain such as internal.example.com.",
)
PRIVATE_CERTIFICATE = Spec(
    "PrivateCertificateArn",
    "Network",
    "Certificate of the private domain",
    "ARN of an ACM certificate of this region for *.PrivateDomainName, or none.",
    NONE,
    pattern=r"none|arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+",
    constraint="PrivateCertificateArn is none or the ARN of an ACM certificate of this region.",
)
ALARM_EMAIL = Spec(
    "AlarmEmail",
    "Watching",
    "Address for alarms",
    "Address that is told of every alarm of the platform and of its services, or none. AWS asks it to confirm first.",
    NONE,
    pattern=f"none|{EMAIL}",
    constraint="AlarmEmail is none or an e-mail address.",
)

# What shared parameters mean to a platform.
_SHARED = (
    replace(
        shared.DOMAIN_NAME,
        group="Address",
        label="Domain of the services",
        description="A domain such as shop.example.com, below which each service has its name, such as "
        "orders.shop.example.com, or none: then they have API Gateway's. The platform's own service is called status. "
        "Needs DomainCertificateArn.",
        constraint="DomainName is none or a lower-case domain such as shop.example.com.",
    ),
    replace(
        shared.DOMAIN_CERTIFICATE,
        group="Address",
        label="Certificate of the domain",
        description="ARN of an ACM certificate of this region for *.DomainName, or none.",
        pattern=r"none|arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+",
        constraint="DomainCertificateArn is none or the ARN of an ACM certificate of this region.",
    ),
    replace(
        shared.HOSTED_ZONE,
        group="Address",
        description="Id of the public Route 53 zone in which each service keeps the record of its name, or none when "
        "you keep your DNS elsewhere.",
    ),
    replace(
        shared.KMS_KEY,
        description="ARN of a customer managed KMS key of this account and region for tables, queues, topics, streams "
        "and buckets of the platform and of all its services, or none: then they are under keys that AWS owns or "
        "manages. Its policy must let cloudwatch.amazonaws.com, events.amazonaws.com and sns.amazonaws.com use it. KMS "
        "bills about 1 USD a month for each key.",
    ),
    replace(
        shared.DELETION_PROTECTION,
        description="on makes AWS refuse to delete the table of requests, by hand as well. Deleting the stack keeps it "
        "anyway.",
    ),
    replace(
        shared.ZONES,
        label="Zones by name",
        description="Two availability zones such as us-east-1b,us-east-1c, or none for the first two of the region. "
        "Name them when Lambda, an endpoint, a VPC link of API Gateway, Fargate or ElastiCache is not in one of these "
        "(`aws ec2 describe-availability-zones` has their ids; AWS's pages say which those are in). Others are other "
        "subnets of the same addresses: change this only while Network is none.",
    ),
)


def words(system: str, network: str) -> Mapping[str, Spec]:
    """How the platform of the system words its parameters, and what they are unless somebody says otherwise."""
    own = (replace(services.SYSTEM_NAME, default=system), replace(NETWORK, default=network))
    return {spec.name: spec for spec in (*own, *_SHARED)}
