"""Which types of resources hold data: what house rule E9010 demands the retention of, and a diff looks out for."""

from __future__ import annotations

# Types that hold what cannot be made again, and whether CloudFormation can take a snapshot of them instead.
# Not here: queues and streams, where data only passes; log groups, whose retention is a choice of the user.
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
