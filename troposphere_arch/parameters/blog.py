"""The parameters of the blog, and what the shared ones mean to a blog."""

from __future__ import annotations

from dataclasses import replace

from . import shared
from .spec import EMAIL, NONE, Spec, switch

REGION = r"[a-z]{2}(-[a-z]+)+-[0-9]"

TITLE = Spec(
    "BlogTitle",
    "Blog",
    "Title of the blog",
    "What the pages and the mails call the blog.",
    "MyBlog.com",
    pattern=r"[A-Za-z0-9](.{0,58}[A-Za-z0-9.!?)])?",
    constraint="BlogTitle is 1 to 60 characters, beginning with a letter or a digit.",
)
COMMENTS = Spec(
    "Comments",
    "Blog",
    "Comments of readers",
    "on lets anybody write a comment under a post, without signing in; authors delete what does not belong there. off "
    "takes no new ones and still shows those that are there.",
    "on",
    allowed=("on", "off"),
    constraint="Comments is on or off.",
)
EDGE_SECONDS = Spec(
    "EdgeSeconds",
    "Blog",
    "Seconds that the edge keeps answers",
    "So long CloudFront answers with the same page or list without asking again: a new post may take as long to show. "
    "Versioned files and pictures are kept for a year in any case.",
    "60",
    "Number",
    minimum=1,
    maximum=3600,
    constraint="EdgeSeconds is a number of seconds from 1 to 3600.",
)
SENDER_ADDRESS = Spec(
    "SenderAddress",
    "Mail",
    "Sender of the mails",
    "Address that confirmations, welcomes and invitations of authors come from, or none: then nobody can subscribe, "
    "and Cognito sends the invitations itself. Needs SenderIdentity. While SES is in its sandbox, as it is in a new "
    "account, only verified addresses get mail: ask AWS for production access before you open the blog.",
    NONE,
    pattern=f"none|{EMAIL}",
    constraint="SenderAddress is none or an e-mail address.",
)
SENDER_IDENTITY = Spec(
    "SenderIdentity",
    "Mail",
    "Verified SES identity",
    "The domain or address, verified in SES in this region, that SenderAddress belongs to; or none. Mails are sent "
    "from this identity only.",
    NONE,
    pattern=r"none|([^@\s]+@)?[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
    constraint="SenderIdentity is none, a domain or an e-mail address verified in SES.",
)
WELCOME_SUBJECT = Spec(
    "WelcomeSubject",
    "Mail",
    "Subject of the welcome",
    "Subject of the one mail that a new subscriber gets once they have confirmed; {title} is the title of the blog.",
    "Welcome to {title}",
    pattern=r"[^\x00-\x1f\x7f]{1,100}",
    constraint="WelcomeSubject is 1 to 100 characters on one line.",
)
WELCOME_TEXT = Spec(
    "WelcomeText",
    "Mail",
    "Text of the welcome",
    "Text of that mail; {title} is the title of the blog and {url} its address. A link to leave is added below.",
    "Warm greetings, and thank you for subscribing to {title}. You find what is new at {url}.",
    # A function takes 4 KB of variables, and a letter may be four bytes.
    pattern=r"[^\x00-\x08\x0b-\x1f\x7f]{1,700}",
    constraint="WelcomeText is 1 to 700 characters.",
)
THUMBNAIL_MEMORY = Spec(
    "ThumbnailMemory",
    "Pictures",
    "Memory for thumbnails (MB)",
    "Memory of the function that makes thumbnails. A picture of 50 megapixels needs about 600 MB.",
    "1024",
    "Number",
    minimum=1024,
    maximum=3008,
    constraint="ThumbnailMemory is a number of MB from 1024 to 3008.",
)
UPLOAD_ACCELERATION = switch(
    "UploadAcceleration",
    "Pictures",
    "Transfer Acceleration",
    "on sends uploads of pictures to the nearest edge location of S3 Transfer Acceleration, for about 0.04 to 0.08 USD "
    "a GB. Switched on or off it takes up to half an hour to take effect.",
)
POSTS_TABLE = Spec(
    "PostsTableName",
    "Other regions",
    "Existing table of posts",
    "Name of a table of posts in this region to use in place of one of this stack's own: a replica that another "
    "stack of this template keeps here. Or none. Its key, if it has one of yours, is KmsKeyArn. Choose when you create "
    "the stack: with another value later the posts are those of the other table, and the stack's own table stays in "
    "the account.",
    NONE,
    pattern=r"none|[A-Za-z0-9_.-]{3,255}",
    constraint="PostsTableName is none or the name of a table.",
)


def _replica(number: int) -> tuple[Spec, Spec]:
    return (
        Spec(
            f"ReplicaRegion{number}",
            "Other regions",
            f"Region of copy {number}",
            "Region that keeps a copy of the posts (a replica of the global table), or none. Each bills its own "
            "storage and every write once more. Add or take away one in an update, not more. A copy alone answers "
            "nobody: it is there for a stack with PostsTableName in its region.",
            NONE,
            pattern=f"none|{REGION}",
            constraint=f"ReplicaRegion{number} is none or the name of a region such as eu-west-1.",
        ),
        Spec(
            f"ReplicaKmsKeyArn{number}",
            "Other regions",
            f"Own KMS key of copy {number}",
            f"ARN of a customer managed KMS key in ReplicaRegion{number} when KmsKeyArn is given, else none.",
            NONE,
            pattern=r"none|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+",
            constraint=f"ReplicaKmsKeyArn{number} is none or the ARN of a KMS key (not of an alias).",
        ),
    )


REPLICA_REGION_1, REPLICA_KEY_1 = _replica(1)
REPLICA_REGION_2, REPLICA_KEY_2 = _replica(2)
REPLICA_REGION_3, REPLICA_KEY_3 = _replica(3)
# Each slot: the region of a replica, and the key that it is under when the table is under a key of the user's own.
REPLICAS = (
    (REPLICA_REGION_1, REPLICA_KEY_1),
    (REPLICA_REGION_2, REPLICA_KEY_2),
    (REPLICA_REGION_3, REPLICA_KEY_3),
)

# What shared parameters mean here.
WORDS: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        replace(
            shared.DOMAIN_NAME,
            group="Address",
            label="Own domain name",
            description="A domain name such as blog.example.com for the blog, or none for CloudFront's own. Needs "
            "DomainCertificateArn.",
            constraint="DomainName is none or a lower-case domain name such as blog.example.com.",
        ),
        replace(
            shared.DOMAIN_CERTIFICATE,
            group="Address",
            description="ARN of an ACM certificate that covers DomainName, or none. CloudFront takes certificates of "
            "us-east-1 only, wherever the stack is.",
            pattern=r"none|arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[A-Za-z0-9-]+",
            constraint="DomainCertificateArn is none or the ARN of an ACM certificate of us-east-1.",
        ),
        replace(
            shared.HOSTED_ZONE,
            group="Address",
            description="Id of the Route 53 zone in which to point DomainName at the blog, or none when you keep your "
            "DNS elsewhere.",
        ),
        replace(
            shared.WEB_ACL,
            group="Address",
            description="ARN of a WAF web ACL for CloudFront (scope CLOUDFRONT, made in us-east-1) to put before the "
            "blog, or none. WAF bills from about 5 USD a month.",
            pattern=r"none|arn:aws[a-z-]*:wafv2:us-east-1:[0-9]{12}:global/webacl/[A-Za-z0-9_-]+/[A-Za-z0-9-]+",
            constraint="WebAclArn is none or the ARN of a global WAFv2 web ACL.",
        ),
        replace(
            shared.THROTTLE_RATE,
            description="Steady requests a second that the API takes on each method, for all readers together; what "
            "the edge answers does not count. Above it callers get 429.",
        ),
        replace(
            shared.DELETION_PROTECTION,
            description="on makes AWS refuse to delete the tables and the user pool, by hand as well. Deleting the "
            "stack keeps them anyway.",
        ),
        replace(
            shared.OLD_FILE_VERSIONS,
            description="Overwritten and deleted pages and pictures can be brought back for so many days; then they "
            "are gone for good.",
        ),
        replace(
            shared.KMS_KEY,
            description="ARN of a customer managed KMS key of this account and region for tables, buckets and queues, "
            "or none: then they are under keys that AWS owns or manages. Its policy must let CloudFront decrypt what "
            "the distribution serves, and events.amazonaws.com use it for the queue of failed thumbnails. "
            "KMS bills about 1 USD a month for each key.",
        ),
        replace(
            shared.ARTIFACT_BUCKET,
            group="Pictures",
            description="Bucket of this region that holds the layers, with the library that makes thumbnails and the "
            "DAX client (`python build.py package`), or none: then the blog has no pictures.",
        ),
        replace(
            shared.READ_CACHE,
            description="dax puts a DynamoDB Accelerator cluster in front of the posts, billed by node and hour, and "
            "the function that reads them into the network. Needs ArtifactBucket. DAX is not in every region.",
        ),
        replace(
            shared.READ_CACHE_ITEM_SECONDS,
            description="So long the read cache keeps a post. Authors write past it: a changed post may take so many "
            "seconds to show, and those of the edge.",
        ),
    )
}
