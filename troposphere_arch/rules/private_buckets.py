"""E9011."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._rule import Found, HouseRule
from ._template import Path, Resource, View, is_true, items, principals, text, values

BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
# What a user may switch off by a parameter: the statement that is public is then looked at by E9002.
OF_POLICIES = ("BlockPublicPolicy", "RestrictPublicBuckets")
FILTERS = ("ObjectSizeGreaterThan", "ObjectSizeLessThan", "Prefix", "TagFilters")


class PrivateBuckets(HouseRule):
    """Every bucket is closed to the public, encrypted, reached over TLS only, and cleans up after itself.

    Versions bring back what was overwritten; without expiry they, and uploads nobody completed, are billed for ever.
    Its policy may become public when a user gives a parameter another value than its default; its ACLs may never.
    ACLs are on for one purpose only: CloudFront writes access logs by an entry in the bucket's ACL, and takes no bucket
    without. Such a bucket holds logs and nothing else: it is no origin.
    """

    id = "E9011"
    shortdesc = "Buckets are private and tidy"
    source_url = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html"

    def check(self, view: View) -> Iterator[Found]:
        for bucket in view.of_type("AWS::S3::Bucket"):
            for where, problem in _settings(view, bucket):
                yield where, f"{bucket.name} {problem}"
            policies = view.of_type("AWS::S3::BucketPolicy")
            if not any(p.exists_with(bucket) and _requires_tls(view, p, bucket) for p in policies):
                yield (
                    bucket.path,
                    f"{bucket.name} can be reached without TLS; add a bucket policy that denies s3:* on the bucket and "
                    "its objects when aws:SecureTransport is false",
                )


def _settings(view: View, bucket: Resource) -> Iterator[tuple[Path, str]]:
    properties, path = bucket.properties, bucket.properties_path
    for block in BLOCKS:
        for where, value in values(properties, "PublicAccessBlockConfiguration", block, path=path):
            if not is_true(value) and not (block in OF_POLICIES and value is False and view.chosen_by(where)):
                yield where, f"has {block} {value}; set it to true in PublicAccessBlockConfiguration"
    for where, value in values(properties, "BucketEncryption", "ServerSideEncryptionConfiguration", path=path):
        if not value:
            yield where, "does not say how it is encrypted; set BucketEncryption"
    for where, value in values(properties, "VersioningConfiguration", "Status", path=path):
        if value != "Enabled":
            yield where, f"has versioning {value}; set VersioningConfiguration to Enabled"
    for where, rules in values(properties, "OwnershipControls", "Rules", path=path):
        owners = [owner for _, rule in items(rules) for _, owner in values(rule, "ObjectOwnership")]
        wanted = "BucketOwnerPreferred" if _takes_logs_only(view, bucket) else "BucketOwnerEnforced"
        if not owners or any(owner not in (wanted, "BucketOwnerEnforced") for owner in owners):
            yield where, f"has object ownership {owners}; set BucketOwnerEnforced, which switches ACLs off"
    for where, rules in values(properties, "LifecycleConfiguration", "Rules", path=path):
        applied = [rule for rule in (rules if isinstance(rules, list) else []) if _applies_to_all(rule)]
        if not any(
            days is not None
            for rule in applied
            for key in (("NoncurrentVersionExpiration", "NoncurrentDays"), ("NoncurrentVersionExpirationInDays",))
            for _, days in values(rule, *key)
        ):
            yield where, "keeps old versions for ever; add a rule for all objects with NoncurrentVersionExpiration"
        if not any("AbortIncompleteMultipartUpload" in rule for rule in applied):
            yield where, "keeps incomplete uploads for ever; add a rule with AbortIncompleteMultipartUpload"


def _takes_logs_only(view: View, bucket: Resource) -> bool:
    """Whether a distribution writes its access logs there, and none serves from there.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
    """
    configs = [
        config
        for distribution in view.of_type("AWS::CloudFront::Distribution")
        for _, config in values(distribution.properties, "DistributionConfig")
        if isinstance(config, dict)
    ]
    logs = any(bucket in view.named(value) for c in configs for _, value in values(c, "Logging", "Bucket"))
    serves = any(bucket in view.named(value) for c in configs for _, value in values(c, "Origins"))
    return logs and not serves


def _applies_to_all(rule: Any) -> bool:
    return isinstance(rule, dict) and rule.get("Status") == "Enabled" and not any(rule.get(key) for key in FILTERS)


def _requires_tls(view: View, policy: Resource, bucket: Resource) -> bool:
    """Whether a statement that is under no condition of the template denies everything without TLS."""
    named = policy.properties.get("Bucket")
    own_name = bucket.properties.get("BucketName")
    if bucket not in view.named(named) and (own_name is None or named != own_name):
        return False
    for document in view.policies:
        if document.resource is not policy:
            continue
        for where, statement in document.statements():
            if "Fn::If" not in where and _denies_without_tls(statement):
                # The statement is on a bucket by name, and on its objects by the name and `/*`.
                arns = [text(arn) or "" for _, arn in items(statement, "Resource")]
                if any(arn.endswith("/*") for arn in arns) and any(arn and not arn.endswith("*") for arn in arns):
                    return True
    return False


def _denies_without_tls(statement: dict[Any, Any]) -> bool:
    everybody = any(text(who) == "*" for _, _, who in principals(statement))
    everything = any(action in ("*", "s3:*") for _, action in items(statement, "Action"))
    insecure = [str(v).lower() for _, v in items(statement.get("Condition"), "Bool", "aws:SecureTransport")]
    return statement.get("Effect") == "Deny" and everybody and everything and insecure == ["false"]
