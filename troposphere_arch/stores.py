"""Which types of resources hold data: what house rule E9010 demands the retention of, and a diff looks out for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

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
# What reads a secret when it is deployed, and can be told another one at any time.
READ_KEYS = {
    "AWS::ApiGateway::ApiKey",
    "AWS::CloudFront::Distribution",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
}


def is_only_a_key(template: Mapping[str, Any], name: str) -> bool:
    """Whether the secret `name` of a template is made by it, and read by nothing but what its types in `READ_KEYS` are.

    Then it holds nothing that can't be made again: another one is as good, and whoever needs it is told.
    """
    found = template.get("Resources")
    resources = {n: r for n, r in found.items() if isinstance(r, Mapping)} if isinstance(found, Mapping) else {}
    secret = resources.get(name, {})
    properties = secret.get("Properties")
    if secret.get("Type") != "AWS::SecretsManager::Secret" or not isinstance(properties, Mapping):
        return False
    naming = re.compile(rf'"(Ref|Fn::GetAtt)": \[?"{re.escape(name)}[".]|\$\{{{re.escape(name)}[.}}]')

    def names(value: Any) -> bool:
        return naming.search(json.dumps(value, default=str)) is not None

    readers = {str(r.get("Type")) for r in resources.values() if names(r.get("Properties"))}
    told = names(template.get("Outputs"))  # to whoever it may be
    return "GenerateSecretString" in properties and bool(readers) and readers <= READ_KEYS and not told
