"""Buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref, Sub, s3

from .. import grants, outputs, parameters
from ..conditions import choose, equals, given, optional, switched_on
from ..parameters import parameter
from ..template import Node, ScenarioTemplate

# Multipart uploads that nobody completed are billed until they are removed.
INCOMPLETE_UPLOAD_DAYS = 7
# POST begins and completes multipart uploads.
CORS_METHODS = ["GET", "PUT", "POST", "DELETE", "HEAD"]


@dataclass(frozen=True)
class Bucket(Node):
    """A private bucket."""

    resource: s3.Bucket


@dataclass(frozen=True)
class ArtifactBucket(Bucket):
    """A bucket that is published to, and its policy."""

    policy: s3.BucketPolicy


def _kept(t: ScenarioTemplate) -> dict[str, Any]:
    """What every bucket has: an owner of all objects, versions, an end for old ones, and a life beyond its stack."""
    return {
        "LifecycleConfiguration": s3.LifecycleConfiguration(
            Rules=[
                s3.LifecycleRule(
                    Id="OldVersions",
                    Status="Enabled",
                    ExpiredObjectDeleteMarker=True,
                    NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(
                        NoncurrentDays=Ref(parameter(t, parameters.OLD_FILE_VERSIONS))
                    ),
                ),
                s3.LifecycleRule(
                    Id="IncompleteUploads",
                    Status="Enabled",
                    AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(
                        DaysAfterInitiation=INCOMPLETE_UPLOAD_DAYS
                    ),
                ),
            ]
        ),
        "OwnershipControls": s3.OwnershipControls(
            Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
        ),
        "VersioningConfiguration": s3.VersioningConfiguration(Status="Enabled"),
        "DeletionPolicy": "RetainExceptOnCreate",
        "UpdateReplacePolicy": "Retain",
    }


def private_bucket(t: ScenarioTemplate, title: str, *, when: str | None = None, **properties: Any) -> Bucket:
    """A bucket that is private, TLS only, encrypted and versioned, open to the app's origin, retained on deletion.

    Makes `<title>`, `<title>Policy` and the output `<title>Bucket`. Old versions expire after
    `OldFileVersionDays`, incomplete uploads after a week.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-s3-bucket.html
    """
    own_key = given(t, parameters.KMS_KEY)
    resource = s3.Bucket(
        title,
        **{
            "CorsConfiguration": s3.CorsConfiguration(
                CorsRules=[
                    s3.CorsRules(
                        AllowedHeaders=["*"],
                        AllowedMethods=CORS_METHODS,
                        AllowedOrigins=[Ref(parameter(t, parameters.APP_ORIGIN))],
                        ExposedHeaders=["ETag"],
                        MaxAge=3600,
                    )
                ]
            ),
            **properties,
            "BucketEncryption": s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    choose(
                        own_key,
                        s3.ServerSideEncryptionRule(
                            BucketKeyEnabled=True,
                            ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(
                                KMSMasterKeyID=Ref(parameter(t, parameters.KMS_KEY)), SSEAlgorithm="aws:kms"
                            ),
                        ),
                        s3.ServerSideEncryptionRule(
                            ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                        ),
                    )
                ]
            ),
            "PublicAccessBlockConfiguration": s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
            ),
            **_kept(t),
        },
    )
    bucket = Bucket(t, title, t.put(resource, when=when), when=when)
    t.put(s3.BucketPolicy(f"{title}Policy", Bucket=Ref(resource), PolicyDocument=grants.tls_only(resource)), when=when)
    outputs.output(
        t, f"{title}Bucket", Ref(resource), "Each user's files are here, under the user's identity id.", when=when
    )
    return bucket


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
        BucketEncryption=s3.BucketEncryption(
            ServerSideEncryptionConfiguration=[
                s3.ServerSideEncryptionRule(
                    ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                )
            ]
        ),
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
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
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


def add_statements(bucket: ArtifactBucket, *statements: Any, when: str | None) -> None:
    """Put these statements into the policy of the bucket, under a condition if there is one."""
    more = [optional(when, one) for one in statements]
    bucket.policy.PolicyDocument["Statement"] += more
