"""Buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from troposphere import Ref, Sub, s3

from .. import grants, outputs, parameters
from ..conditions import choose, equals, given, in_region, optional, switched_on
from ..parameters import parameter
from ..template import Node, ScenarioTemplate

# Multipart uploads that nobody completed are billed until they are removed.
INCOMPLETE_UPLOAD_DAYS = 7
# What was rejected, and why, can be looked up for so long.
REJECTED_DAYS = 30
# Where S3 has Transfer Acceleration.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration.html
REGIONS_WITH_ACCELERATION = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
# POST begins and completes multipart uploads.
CORS_METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD"]


@dataclass(frozen=True)
class Bucket(Node):
    """A private bucket, and its policy."""

    resource: s3.Bucket
    policy: s3.BucketPolicy


@dataclass(frozen=True)
class ArtifactBucket(Bucket):
    """A bucket that is published to."""


@dataclass(frozen=True)
class UploadBucket(Bucket):
    """A bucket that browsers post files to, by forms that somebody signed for them."""


def _kept(t: ScenarioTemplate, *more: s3.LifecycleRule) -> dict[str, Any]:
    """What every bucket has: an owner of all objects, versions, an end for old ones, and a life beyond its stack."""
    old = Ref(parameter(t, parameters.OLD_FILE_VERSIONS))
    return {
        **_versioned(),
        "LifecycleConfiguration": s3.LifecycleConfiguration(Rules=[*_tidied(old), *more]),
        "OwnershipControls": s3.OwnershipControls(
            Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
        ),
    }


def _versioned() -> dict[str, Any]:
    """Versions, and a life beyond the stack."""
    return {
        "VersioningConfiguration": s3.VersioningConfiguration(Status="Enabled"),
        "DeletionPolicy": "RetainExceptOnCreate",
        "UpdateReplacePolicy": "Retain",
    }


def _tidied(old_version_days: Any) -> list[s3.LifecycleRule]:
    """The end of old versions, and of uploads that nobody completed."""
    return [
        s3.LifecycleRule(
            Id="OldVersions",
            Status="Enabled",
            ExpiredObjectDeleteMarker=True,
            NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=old_version_days),
        ),
        s3.LifecycleRule(
            Id="IncompleteUploads",
            Status="Enabled",
            AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(
                DaysAfterInitiation=INCOMPLETE_UPLOAD_DAYS
            ),
        ),
    ]


def _closed() -> s3.PublicAccessBlockConfiguration:
    """No public access by whatever way."""
    return s3.PublicAccessBlockConfiguration(
        BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
    )


def _s3_managed() -> s3.ServerSideEncryptionRule:
    return s3.ServerSideEncryptionRule(
        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
    )


def _encrypted(t: ScenarioTemplate) -> s3.BucketEncryption:
    """Under the user's own key, or under keys that S3 manages."""
    own = s3.ServerSideEncryptionRule(
        BucketKeyEnabled=True,
        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(
            KMSMasterKeyID=Ref(parameter(t, parameters.KMS_KEY)), SSEAlgorithm="aws:kms"
        ),
    )
    return s3.BucketEncryption(
        ServerSideEncryptionConfiguration=[choose(given(t, parameters.KMS_KEY), own, _s3_managed())]
    )


def _private(
    t: ScenarioTemplate,
    title: str,
    properties: dict[str, Any],
    told: str,
    *lifecycle: s3.LifecycleRule,
    when: str | None = None,
    kind: type[Bucket] = Bucket,
    output: str = "",
) -> Bucket:
    """A private bucket, its policy, and the output `<title>Bucket`, or `output`, with the description `told`."""
    resource = s3.Bucket(
        title,
        **{
            **properties,
            "BucketEncryption": _encrypted(t),
            "PublicAccessBlockConfiguration": _closed(),
            **_kept(t, *lifecycle),
        },
    )
    t.put(resource, when=when)
    policy = s3.BucketPolicy(f"{title}Policy", Bucket=Ref(resource), PolicyDocument=grants.tls_only(resource))
    outputs.output(t, output or f"{title}Bucket", Ref(resource), told, when=when)
    return kind(t, title, resource, t.put(policy, when=when), when=when)


def private_bucket(t: ScenarioTemplate, title: str, *, when: str | None = None, **properties: Any) -> Bucket:
    """A bucket that is private, TLS only, encrypted and versioned, open to the app's origin, retained on deletion.

    Makes `<title>`, `<title>Policy` and the output `<title>Bucket`. Old versions expire after
    `OldFileVersionDays`, incomplete uploads after a week.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-s3-bucket.html
    """
    from_app = s3.CorsRules(
        AllowedHeaders=["*"],
        AllowedMethods=CORS_METHODS,
        AllowedOrigins=[Ref(parameter(t, parameters.APP_ORIGIN))],
        ExposedHeaders=["ETag"],
        MaxAge=3600,
    )
    cors = {"CorsConfiguration": s3.CorsConfiguration(CorsRules=[from_app])}
    told = "Each user's files are here, under the user's identity id."
    return _private(t, title, {**cors, **properties}, told, when=when)


def site_bucket(t: ScenarioTemplate, title: str, *, holds: str) -> Bucket:
    """A bucket of what a distribution serves: nobody reads it until an arrow lets one distribution (`arrows.serves`).

    `holds` says what is in it. Makes `<title>`, `<title>Policy` and the output `<title>Bucket`. Under a key of the
    user's own, the key's policy must let CloudFront decrypt: a template cannot change the policy of a key that is not
    its own. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    """
    return _private(t, title, {}, holds)


def upload_bucket(t: ScenarioTemplate, title: str, *, holds: str, rejected: str) -> UploadBucket:
    """A bucket that browsers post files to; what is below the prefix `rejected` goes after a month.

    On `UploadAcceleration` it also takes them at the nearest edge location. Who may post, and from which pages, arrows
    say. Makes `<title>`, `<title>Policy` and the output `<title>Bucket`.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration.html
    """
    spec = parameters.blog.UPLOAD_ACCELERATION
    parameters.only_in(t, spec, "S3 Transfer Acceleration is", REGIONS_WITH_ACCELERATION)
    on, there = switched_on(t, spec), in_region(t, "HasAcceleration", REGIONS_WITH_ACCELERATION)
    # Off is written out: an update may take a property that is gone for one that should stay as it is. But where S3
    # has no acceleration it takes no word about it at all.
    state = [s3.AccelerateConfiguration(AccelerationStatus=one) for one in ("Enabled", "Suspended")]
    accelerated = {"AccelerateConfiguration": optional(there, choose(on, *state))}
    gone = s3.LifecycleRule(Id="Rejected", Status="Enabled", Prefix=rejected, ExpirationInDays=REJECTED_DAYS)
    made = _private(t, title, accelerated, holds, gone, kind=UploadBucket)
    return cast(UploadBucket, made)


def release_bucket(t: ScenarioTemplate, title: str) -> Bucket:
    """A bucket that releases are put into, from which a function takes them; encrypted, versioned, retained.

    Makes `<title>`, `<title>Policy` and the output `<title>Bucket`.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html
    """
    return _private(t, title, {}, "Releases are put here: the files first, then what names them.")


def inbox(t: ScenarioTemplate, title: str) -> Bucket:
    """A bucket that other stacks put objects into, for a function to take them; encrypted, versioned, retained.

    Makes `<title>`, `<title>Policy` and the output `<title>Name`.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html
    """
    return _private(t, title, {}, "Objects are put into this bucket.", output=f"{title}Name")


def log_bucket(t: ScenarioTemplate, title: str, *, when: str) -> Bucket:
    """A bucket that CloudFront writes access logs into; they go after `LogRetentionDays`.

    The one bucket with ACLs: CloudFront gives itself the right to write by an entry in the bucket's ACL, and knows no
    other way that works for a stack outside of us-east-1. Under keys that S3 manages: a key of the user's would have to
    let the log delivery in. Makes `<title>`, `<title>Policy` and the output `<title>Bucket`.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
    """
    days = Ref(parameter(t, parameters.LOG_RETENTION))
    ended = s3.LifecycleRule(Id="OldLogs", Status="Enabled", ExpirationInDays=days)
    resource = s3.Bucket(
        title,
        **_versioned(),
        BucketEncryption=s3.BucketEncryption(ServerSideEncryptionConfiguration=[_s3_managed()]),
        LifecycleConfiguration=s3.LifecycleConfiguration(Rules=[*_tidied(1), ended]),
        OwnershipControls=s3.OwnershipControls(
            Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerPreferred")]
        ),
        PublicAccessBlockConfiguration=_closed(),
    )
    t.put(resource, when=when)
    policy = s3.BucketPolicy(f"{title}Policy", Bucket=Ref(resource), PolicyDocument=grants.tls_only(resource))
    told = "CloudFront's access logs, which hold addresses of who asked, are here for LogRetentionDays."
    outputs.output(t, f"{title}Bucket", Ref(resource), told, when=when)
    return Bucket(t, title, resource, t.put(policy, when=when), when=when)


def artifact_bucket(t: ScenarioTemplate, title: str) -> ArtifactBucket:
    """A bucket to publish to: TLS only, encrypted, versioned, retained; closed until an arrow lets readers in.

    Makes `<title>`, `<title>Policy` and the outputs `<title>Bucket`, `CatalogueUrl` and `PublishCommand`. With
    `ObjectLockDays` what is published cannot be deleted for that time (governance mode), with `OverwriteProtection`
    nobody puts anything over it. Encrypted under S3's own keys: readers from outside could not use a key of the
    account's.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-s3-bucket.html
    """
    locked, named = given(t, parameters.OBJECT_LOCK), given(t, parameters.BUCKET_NAME_PREFIX)
    resource = s3.Bucket(
        title,
        BucketName=optional(named, Sub("${BucketNamePrefix}-${AWS::Region}")),
        BucketEncryption=s3.BucketEncryption(ServerSideEncryptionConfiguration=[_s3_managed()]),
        ObjectLockEnabled=optional(locked, True),
        ObjectLockConfiguration=optional(
            locked,
            s3.ObjectLockConfiguration(
                ObjectLockEnabled="Enabled",
                Rule=s3.ObjectLockRule(
                    DefaultRetention=s3.DefaultRetention(
                        Mode="GOVERNANCE", Days=Ref(parameter(t, parameters.OBJECT_LOCK))
                    )
                ),
            ),
        ),
        PublicAccessBlockConfiguration=_closed(),
        **_kept(t),
    )
    t.put(resource)
    kept = [optional(switched_on(t, parameters.OVERWRITE_PROTECTION), one) for one in grants.keep_published(resource)]
    policy = t.put(
        s3.BucketPolicy(
            f"{title}Policy", Bucket=Ref(resource), PolicyDocument=grants.with_optional(grants.tls_only(resource), kept)
        )
    )
    outputs.output(t, f"{title}Bucket", Ref(resource), "The bucket to publish to: publish --bucket.")
    outputs.output(
        t,
        "CatalogueUrl",
        Sub(f"https://${{{title}.RegionalDomainName}}"),
        "Where what is published is found; add / and the prefix if you publish below one.",
    )
    outputs.output(
        t,
        "PublishCommand",
        Sub(f"python build.py publish --bucket ${{{title}}} --region ${{AWS::Region}}"),
        "Publishes every release of a checkout to this bucket.",
    )
    return ArtifactBucket(t, title, resource, policy=policy)


def let_readers_in(bucket: ArtifactBucket) -> None:
    """Who `Readers` names gets objects of the bucket; for the public, the block of public access is opened that far.

    Nobody lists, and nothing is ever granted by ACLs, which stay off.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    t = bucket.t
    public = equals(t, "ReadersArePublic", parameters.READERS, "public")
    organization = equals(t, "ReadersAreOfAnOrganization", parameters.READERS, "organization")
    parameters.only_for(t, parameters.ORGANIZATION, parameters.READERS, "organization")
    blocked = bucket.resource.PublicAccessBlockConfiguration
    blocked.BlockPublicPolicy = blocked.RestrictPublicBuckets = choose(public, False, True)
    within = grants.fetch_within(Ref(parameter(t, parameters.ORGANIZATION)), bucket.resource)
    add_statements(bucket, grants.fetch(bucket.resource), when=public)
    add_statements(bucket, within, when=organization)


def add_statements(bucket: Bucket, *statements: Any, when: str | None = None) -> None:
    """Put these statements into the policy of the bucket, under a condition if there is one."""
    more = [optional(when, one) for one in statements]
    document = bucket.policy.PolicyDocument
    if isinstance(document, dict):
        document["Statement"] += more
    else:
        bucket.policy.PolicyDocument = grants.with_optional(document, more)
