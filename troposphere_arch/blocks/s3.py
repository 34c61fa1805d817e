"""Buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref, s3

from .. import grants, outputs, parameters
from ..conditions import choose, given
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
            "PublicAccessBlockConfiguration": s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
            ),
            "VersioningConfiguration": s3.VersioningConfiguration(Status="Enabled"),
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
        },
    )
    bucket = Bucket(t, title, t.put(resource, when=when), when=when)
    t.put(s3.BucketPolicy(f"{title}Policy", Bucket=Ref(resource), PolicyDocument=grants.tls_only(resource)), when=when)
    outputs.output(
        t, f"{title}Bucket", Ref(resource), "Each user's files are here, under the user's identity id.", when=when
    )
    return bucket
