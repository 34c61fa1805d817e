"""What the resource schemas leave out, each row with the page of AWS's documentation that it is from. Data only."""

from __future__ import annotations

_REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"

# Types that hold what cannot be made again. Not here: queues and streams, where data only passes; log groups, whose
# retention is a choice of the user.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
HOLDS_DATA = {
    "AWS::Backup::BackupVault": False,
    "AWS::Cognito::IdentityPool": False,
    "AWS::Cognito::UserPool": False,
    "AWS::DocDB::DBCluster": True,
    "AWS::DynamoDB::GlobalTable": False,
    "AWS::DynamoDB::Table": False,
    "AWS::EC2::Volume": True,
    "AWS::EFS::FileSystem": False,
    "AWS::ElastiCache::ReplicationGroup": True,
    "AWS::FSx::FileSystem": False,
    "AWS::KMS::Key": False,
    "AWS::Neptune::DBCluster": True,
    "AWS::OpenSearchService::Domain": False,
    "AWS::RDS::DBCluster": True,
    "AWS::RDS::DBInstance": True,
    "AWS::Redshift::Cluster": True,
    "AWS::S3::Bucket": False,
    "AWS::SecretsManager::Secret": False,
}
# Types that CloudFormation can take a snapshot of, whether or not the table above has them (a cache is no store).
SNAPSHOTS = {kind for kind, can in HOLDS_DATA.items() if can} | {"AWS::ElastiCache::CacheCluster"}

# What an update of a property does: type -> page -> property (`A/B` is B in A, also in each item of A; `*` is any
# property) -> the update, in a word of `facts.Update`, and a clause.
UPDATES: dict[str, dict[str, dict[str, tuple[str, str]]]] = {
    "AWS::Cognito::UserPool": {
        f"{_REFERENCE}/aws-resource-cognito-userpool.html": {
            "UsernameAttributes": ("not allowed", "can't be changed once the user pool is there"),
            "AliasAttributes": ("not allowed", "can't be changed once the user pool is there"),
            "UsernameConfiguration": ("not allowed", "can't be changed once the user pool is there"),
        }
    },
}

# The properties that fix the physical name, where the primary identifier does not tell.
NAMES: dict[str, tuple[str, ...]] = {}

# Attributes that move with an update in place: type -> pattern of the attribute (empty: `Ref`) -> the properties whose
# change moves it (none: any).
MOVING: dict[str, dict[str, tuple[str, ...]]] = {
    "AWS::EC2::LaunchTemplate": {"LatestVersionNumber|DefaultVersionNumber": ()},
}

# Frozen copies: a change makes a new one, under a new logical id, and that is how they are meant to be used.
RENEWED = {"AWS::ApiGateway::Deployment", "AWS::Lambda::LayerVersion", "AWS::Lambda::Version"}
