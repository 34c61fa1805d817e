"""The parameters of software updates and of the edge before them, and what the shared ones mean there."""

from __future__ import annotations

from dataclasses import replace

from . import blog, shared
from .spec import ARN, NONE, Spec, switch

ZONE_NAME = r"[a-z]{2}[a-z0-9-]*[0-9][a-z0-9-]*"
ZONE_NAMES = f"none|{ZONE_NAME}(,{ZONE_NAME}){{1,2}}"
HOST = r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/origin-shield.html#choose-origin-shield-region
SHIELD_REGIONS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "me-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
# A path of CloudFront's: letters, digits and some signs, and * at the end only, so that its meaning is plain.
PATH = r"/[A-Za-z0-9_.~/-]{0,200}"

EDGE_CACHE = Spec(
    "EdgeCache",
    "Edge",
    "Cache at the edge",
    "off: devices ask the load balancer. on: CloudFront is there as well, and the old address still serves; now move "
    "your DNS. enforced: the load balancer answers nobody but CloudFront; choose it once DNS has moved, and go back to "
    "on before off. No step replaces or restarts anything behind the edge.",
    "off",
    allowed=("off", "on", "enforced"),
    constraint="EdgeCache is off, on or enforced.",
)
DOMAIN_TARGET = Spec(
    "DomainTarget",
    "Edge",
    "Where DomainName points",
    "balancer or edge: where the record of DomainName in HostedZoneId points, if you gave that. Move it when EdgeCache "
    "is on, and wait some minutes, as resolvers keep the old answer, before enforced or off.",
    "balancer",
    allowed=("balancer", "edge"),
    constraint="DomainTarget is balancer or edge.",
)
ORIGIN_SHIELD = Spec(
    "OriginShield",
    "Edge",
    "Region of the origin shield",
    "Region in which CloudFront keeps one more cache, through which all others ask; take that of the stack, or the "
    "nearest of those that have one; or none. Bills about 0.0075 USD for 10,000 requests that get so far.",
    NONE,
    allowed=(NONE, *SHIELD_REGIONS),
    constraint="OriginShield is none or a region that has one, such as eu-west-1.",
)
BALANCER_SCHEME = Spec(
    "BalancerScheme",
    "Address",
    "Scheme of the load balancer",
    "internet-facing: devices and CloudFront reach it by a public address. internal: only CloudFront does, by a VPC "
    "origin; needs EdgeCache from the beginning. Choose when you create the stack: AWS refuses another one later, as a "
    "target group has one load balancer only, and the update is rolled back.",
    "internet-facing",
    allowed=("internet-facing", "internal"),
    constraint="BalancerScheme is internet-facing or internal.",
)
ORIGIN_DOMAIN = Spec(
    "OriginDomainName",
    "Address",
    "Domain name of the load balancer",
    "A name that always means the load balancer, such as origin.updates.example.com, by which CloudFront asks it over "
    "HTTPS; another one than DomainName, which moves. Or none, while EdgeCache is off or there is no certificate. It "
    "needs OriginCertificateArn.",
    NONE,
    pattern=f"none|{HOST}",
    constraint="OriginDomainName is none or a lower-case domain name such as origin.updates.example.com.",
)
ORIGIN_CERTIFICATE = Spec(
    "OriginCertificateArn",
    "Address",
    "Certificate of the load balancer",
    "ARN of an ACM certificate of the stack's region that covers OriginDomainName, and DomainName while that points at "
    "the load balancer; or none, then it speaks HTTP only. With it HTTP is redirected to HTTPS, but for who "
    "asks by the load balancer's own name while EdgeCache is on.",
    NONE,
    pattern=r"none|arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+",
    constraint="OriginCertificateArn is none or the ARN of an ACM certificate of the stack's region.",
)
PREFIX_LIST = Spec(
    "CloudFrontPrefixListId",
    "Address",
    "CloudFront's prefix list",
    "Id of the managed prefix list com.amazonaws.global.cloudfront.origin-facing in this region (VPC console, Managed "
    "prefix lists), or none. While EdgeCache is enforced the load balancer's port is open to those addresses only. The "
    "list counts as 55 rules of a security group.",
    NONE,
    pattern=r"none|pl-[0-9a-f]{8,17}",
    constraint="CloudFrontPrefixListId is none or the id of a prefix list such as pl-0123456789abcdef0.",
)
INSTANCE_TYPE = Spec(
    "InstanceType",
    "Servers",
    "Type of the instances",
    "An arm64 type. Each instance costs about 12 USD a month as t4g.small (us-east-1). Another type replaces the "
    "instances one after the other.",
    "t4g.small",
    pattern=r"(t4g|m6g|m6gd|m7g|m7gd|m8g|c6g|c6gn|c6gd|c7g|c7gn|c7gd|c8g|c8gn|r6g|r7g|r8g)\.[a-z0-9]+",
    constraint="InstanceType is an arm64 type such as t4g.small, m7g.medium or c7gn.large.",
)
FLEET_MIN = Spec(
    "FleetMinSize",
    "Servers",
    "Least instances",
    "So many instances run at least, over the zones; two survive the loss of one.",
    "2",
    "Number",
    minimum=1,
    maximum=50,
    constraint="FleetMinSize is a number from 1 to 50.",
)
FLEET_MAX = Spec(
    "FleetMaxSize",
    "Servers",
    "Most instances",
    "So many instances run at most. More than FleetMinSize: a rolling update needs room for one.",
    "4",
    "Number",
    minimum=2,
    maximum=100,
    constraint="FleetMaxSize is a number from 2 to 100, more than FleetMinSize.",
)
REQUESTS_PER_TARGET = Spec(
    "RequestsPerTarget",
    "Servers",
    "Requests a minute for each instance",
    "The fleet grows and shrinks so that each instance gets about so many requests a minute.",
    "3000",
    "Number",
    minimum=10,
    maximum=1000000,
    constraint="RequestsPerTarget is a number of requests a minute from 10 to 1000000.",
)
IMAGE_ID = Spec(
    "ImageId",
    "Servers",
    "Image of the instances",
    "newest: each instance that starts takes the Amazon Linux 2023 (arm64) of that day, and an update of the stack "
    "never replaces instances for a new image. Or the id of an image of Amazon Linux 2023 for arm64 to keep to.",
    "newest",
    pattern=r"newest|ami-[0-9a-f]{8,17}",
    constraint="ImageId is newest or the id of an image such as ami-0123456789abcdef0.",
)
FLEET_GENERATION = Spec(
    "FleetGeneration",
    "Servers",
    "Generation of the fleet",
    "Another number replaces all instances, one after the other, each once the one before is healthy: so they get the "
    "newest image.",
    "1",
    pattern=r"[1-9][0-9]{0,5}",
    constraint="FleetGeneration is a whole number from 1 to 999999.",
)
SESSION_MANAGER = switch(
    "SessionManager",
    "Servers",
    "Session Manager",
    "on lets who has the right open a shell on an instance through Systems Manager; there is no SSH. In a VPC of the "
    "stack's own it makes two endpoints, which cost about 7 USD a month each in each zone.",
)
PUBLISH_MEMORY = Spec(
    "PublishMemory",
    "Releases",
    "Memory for publishing (MB)",
    "Memory of the function that copies a release to the file system; with it grow its network and CPU. It has 15 "
    "minutes for a release.",
    "1769",
    "Number",
    minimum=256,
    maximum=3008,
    constraint="PublishMemory is a number of MB from 256 to 3008.",
)
FILE_THROUGHPUT = Spec(
    "FileThroughput",
    "Data",
    "Throughput of the file system",
    "elastic bills each GB that is read (about 0.03 USD) and written (0.06), and is fast at once. bursting bills none, "
    "and grows with what is stored: 50 KB a second for each GB, more for a while. From one to the other once in a day.",
    "elastic",
    allowed=("elastic", "bursting"),
    constraint="FileThroughput is elastic or bursting.",
)
PUBLIC_SUBNETS = Spec(
    "PublicSubnetIds",
    "Network",
    "Subnets of the load balancer",
    "Ids of two or three subnets of VpcId in different zones with a route to an internet gateway (private ones for an "
    "internal load balancer), separated by commas, or none.",
    NONE,
    pattern=r"none|subnet-[0-9a-f]{8,17}(,subnet-[0-9a-f]{8,17}){1,2}",
    constraint="PublicSubnetIds is none or two or three ids of subnets, separated by commas without blanks.",
)
ZONE_COUNT = Spec(
    "ZoneCount",
    "Network",
    "Zones of the own VPC",
    "2 or 3 availability zones, the first ones of the region, or the first ones of VpcId's subnets. Each more costs "
    "about 7 USD a month for the endpoint in it, and bills what crosses zones.",
    "2",
    allowed=("2", "3"),
    constraint="ZoneCount is 2 or 3.",
)

# ---- of the edge alone, before a load balancer that somebody has ----
ORIGIN_PROTOCOL = Spec(
    "OriginProtocol",
    "Origin",
    "Protocol of the load balancer",
    "https, or http for a load balancer without a certificate. Over http anybody on the way can read what is asked, so "
    "no key is sent and EdgeCache cannot be enforced.",
    "https",
    allowed=("https", "http"),
    constraint="OriginProtocol is https or http.",
)
FORWARD_HOST = switch(
    "ForwardHost",
    "Origin",
    "Pass the Host header on",
    "on sends your load balancer the name that the device asked for, for rules that go by it; its certificate must "
    "cover that name then. off sends OriginDomainName.",
)


def _never_changes(number: int, default: str) -> Spec:
    name = "ImmutablePath" if number == 1 else f"ImmutablePath{number}"
    return Spec(
        name,
        "Origin",
        f"Path that never changes ({number})",
        "What is below it never changes under its name, nor redirects, and is kept for a year, whatever your "
        f"application says; such as /releases/* or /*.zip.{'' if number == 1 else ' Or none.'}",
        default,
        pattern=("none|" if number > 1 else "") + rf"{PATH}\*(\.[a-z0-9.]+)?",
        constraint=f"{name} is {'none or ' if number > 1 else ''}a path that begins with / and has one *, such as "
        "/releases/* or /*.zip.",
    )


IMMUTABLE_PATH = _never_changes(1, "/releases/*")
IMMUTABLE_PATH_2 = _never_changes(2, NONE)
MANIFEST_PATH = Spec(
    "ManifestPath",
    "Origin",
    "Path of the manifest",
    "What devices ask again and again, to see whether there is something new; kept for ManifestSeconds, and for a day "
    "when your application is out of reach.",
    "/latest.json",
    pattern=PATH,
    constraint="ManifestPath is a path that begins with /, such as /latest.json.",
)
MANIFEST_SECONDS = Spec(
    "ManifestSeconds",
    "Edge",
    "Seconds that the edge keeps the manifest",
    "So long CloudFront answers with the same manifest without asking again: a release may take as long to show. It "
    "is longer, up to a day, if the application's own Cache-Control says so (max-age, s-maxage).",
    "5",
    "Number",
    minimum=5,
    maximum=300,
    constraint="ManifestSeconds is a number of seconds from 5 to 300.",
)
LISTENER = Spec(
    "ListenerArn",
    "Enforcement",
    "Listener of the load balancer",
    "ARN of the HTTPS listener of your application load balancer, of this account and region, or none. With it the "
    "stack adds rules before those it has: for requests with the key, and, when EdgeCache is enforced, one that "
    "refuses all others. The listener must be this application's alone. Needs TargetGroupArn.",
    NONE,
    pattern=r"none|arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener/app/[A-Za-z0-9/-]+",
    constraint="ListenerArn is none or the ARN of a listener of an application load balancer.",
)
TARGET_GROUP = Spec(
    "TargetGroupArn",
    "Enforcement",
    "Target group of the application",
    "ARN of the target group that requests with the key go to, or none. Needs ListenerArn.",
    NONE,
    pattern=r"none|arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/[A-Za-z0-9/-]+",
    constraint="TargetGroupArn is none or the ARN of a target group.",
)
KEY_PRIORITY = Spec(
    "KeyRulePriority",
    "Enforcement",
    "Priority of the rule for the key",
    "Priority on the listener of the rule that lets in who has the key: a free number before your own rules.",
    "1",
    "Number",
    minimum=1,
    maximum=49999,
    constraint="KeyRulePriority is a number from 1 to 49999.",
)
REFUSAL_PRIORITY = Spec(
    "RefusalRulePriority",
    "Enforcement",
    "Priority of the rule that refuses",
    "Priority of the rule that refuses all others once EdgeCache is enforced: a free number after KeyRulePriority and "
    "before your own rules; what a rule before it forwards passes by the edge, and with one before KeyRulePriority "
    "nobody is answered at all.",
    "2",
    "Number",
    minimum=2,
    maximum=50000,
    constraint="RefusalRulePriority is a number from 2 to 50000, larger than KeyRulePriority.",
)
HEADER_NAME = Spec(
    "OriginHeaderName",
    "Enforcement",
    "Header with the key",
    "Name of the header by which your load balancer knows CloudFront.",
    "x-origin-key",
    pattern=r"[Xx]-[A-Za-z0-9-]{1,60}",
    constraint="OriginHeaderName begins with x- and goes on with letters, digits and hyphens.",
)
HEADER_SECRET = Spec(
    "OriginHeaderSecretArn",
    "Enforcement",
    "Secret of a header that is checked already",
    "ARN of a secret of Secrets Manager whose whole text your load balancer, or its web ACL, expects in "
    "OriginHeaderName already; CloudFront then sends that. Or none: the stack makes keys of its own. Not with "
    "ListenerArn.",
    NONE,
    pattern=f"none|{ARN.format(service='secretsmanager')}",
    constraint="OriginHeaderSecretArn is none or the ARN of a secret.",
)

_BLOG = {name: replace(spec, group="Edge") for name, spec in blog.WORDS.items()}
_OF_BOTH = (
    _BLOG["DomainCertificateArn"],
    replace(
        _BLOG["WebAclArn"],
        description="ARN of a WAF web ACL for CloudFront (scope CLOUDFRONT, made in us-east-1) to put before the edge, "
        "or none. WAF bills from about 5 USD a month.",
    ),
    replace(
        shared.PRICE_CLASS,
        group="Edge",
        description="Which edge locations serve: all; PriceClass_200 without South America, Australia and New Zealand; "
        "PriceClass_100 those of North America, Europe and Israel, at the lowest price a GB.",
    ),
    replace(
        shared.ORIGIN_KEY_ROTATION,
        group="Edge",
        description="The load balancer knows CloudFront by a key that it sends. Go from 1 to 2, 3, 4 and 1 again, a "
        "step an update: each makes a new key, and the one before stays valid until the next step.",
    ),
    replace(
        shared.EDGE_LOGS,
        description="on makes CloudFront write a line for each request into a bucket of the stack's. Lines hold the "
        "addresses of devices; they are deleted after LogRetentionDays.",
    ),
)

# What shared parameters mean to software updates.
WORDS: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        *_OF_BOTH,
        replace(
            _BLOG["DomainName"],
            label="Domain name that devices ask",
            description="The name that devices know, such as updates.example.com, or none. DomainTarget says whether "
            "it points at the load balancer or at the edge. Needs DomainCertificateArn when EdgeCache is not off.",
            constraint="DomainName is none or a lower-case domain name such as updates.example.com.",
        ),
        replace(
            _BLOG["HostedZoneId"],
            description="Id of the Route 53 zone in which to keep the records of DomainName and OriginDomainName, or "
            "none when you keep your DNS elsewhere.",
        ),
        replace(
            shared.KMS_KEY,
            description="ARN of a customer managed KMS key of this account and region for the file system, the bucket "
            "and the queue, or none: then they are under keys that AWS manages. Choose when you create the stack: "
            "another key later is another, empty file system. Its policy must let events.amazonaws.com use it for the "
            "queue. KMS bills about 1 USD a month for each key.",
        ),
        replace(
            shared.OLD_FILE_VERSIONS,
            description="Overwritten and deleted objects of the bucket of releases can be brought back for so many "
            "days; then they are gone for good.",
        ),
        replace(
            shared.DELETION_PROTECTION,
            description="on makes AWS refuse to delete the load balancer, by hand or with the stack. The files stay in "
            "the account in any case.",
        ),
        replace(
            shared.VPC_ID,
            description="Id of a VPC of yours, or none for a VPC of the stack's own. Needs SubnetIds and "
            "PublicSubnetIds. Choose when you create the stack: AWS refuses another one later, as a file system is in "
            "one VPC at a time, and the update is rolled back.",
        ),
        replace(
            shared.ZONES,
            label="Zones by name",
            description="Two or three availability zones such as us-east-1b,us-east-1c, as many as ZoneCount, or none "
            "for the first ones of the region. Name them when one of those lacks the instance type, Lambda or an "
            "endpoint. Choose when you create the stack: others later are other subnets of the same addresses, which "
            "fails.",
            pattern=ZONE_NAMES,
            constraint="Zones is none or two or three availability zones, separated by commas without blanks.",
        ),
        replace(
            shared.SUBNETS,
            description="Ids of two or three private subnets of VpcId in different zones, for instances and the file "
            "system, separated by commas, or none. As many as ZoneCount. They need a way to S3 and CloudFormation. "
            "Choose when you create the stack; a third one may come later.",
            pattern=r"none|subnet-[0-9a-f]{8,17}(,subnet-[0-9a-f]{8,17}){1,2}",
            constraint="SubnetIds is none or two or three ids of subnets, separated by commas without blanks.",
        ),
    )
}

# What they mean to the edge alone.
EDGE_WORDS: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        *_OF_BOTH,
        replace(
            EDGE_CACHE,
            description="on: CloudFront is there, and the load balancer's own address still serves; now move your DNS. "
            "enforced: the listener answers nobody but this distribution; choose it once DNS has moved. Needs "
            "ListenerArn.",
            default="on",
            allowed=("on", "enforced"),
            constraint="EdgeCache is on or enforced.",
        ),
        replace(
            ORIGIN_DOMAIN,
            group="Origin",
            description="The name by which CloudFront asks your load balancer: over HTTPS one that its certificate "
            "covers and that will always mean it, such as origin.updates.example.com; its own name "
            "(...elb.amazonaws.com) over HTTP only.",
            default="",
            pattern=HOST,
            constraint="OriginDomainName is a lower-case domain name, without https:// and without a path.",
        ),
        replace(
            _BLOG["DomainName"],
            label="Domain name that devices ask",
            description="The name that devices know, such as updates.example.com, or none for CloudFront's own. Needs "
            "DomainCertificateArn. Point it here once the stack is made.",
            constraint="DomainName is none or a lower-case domain name such as updates.example.com.",
        ),
        replace(
            _BLOG["HostedZoneId"],
            description="Id of the Route 53 zone in which to point DomainName at the edge, or none when you keep your "
            "DNS elsewhere. Creating a record that is there already fails: then delete that first, or give none.",
        ),
    )
}
