"""A cache in front of a service's table: ElastiCache Serverless with Valkey, which is billed by use.

    function ──in the group of its callers, over TLS, as the function's role──▶ Cache

TLS is always on, and there is no password: who is let in by the security group signs in with a token of IAM's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, If, Join, Ref, Select, Split, ec2, elasticache

from .. import parameters
from ..conditions import given, optional
from ..parameters import parameter
from ..template import Node, ScenarioTemplate
from .network import nothing

ENGINE, MAJOR_VERSION = "valkey", "8"
PORT = 6379
# The keys and the commands of `service_kit.cache`, and no others; what a script calls is held to them as well.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html#Access-string
ACCESS = "on ~items:* -@all +get +set +del +eval"
# Shares of what it may hold, and do, that an alarm is on.
NEARLY_FULL, NEARLY_BUSY = 0.9, 0.8
LIMITS = "CacheLimits"


@dataclass(frozen=True)
class ServiceCache(Node):
    """A cache, the one user that it has, and the security group of those who reach it."""

    resource: elasticache.ServerlessCache
    user: elasticache.User
    callers: ec2.SecurityGroup


def service_cache(t: ScenarioTemplate, title: str, *, vpc: Any, subnets: Any) -> ServiceCache:
    """A cache in private subnets that are another stack's: ids separated by commas, and the VPC that they are in.

    It holds copies only, so no snapshots are taken, and it goes with its stack. AWS wants names for it, its user and
    its group, which are made of the stack's id. The name has a part of the system's key besides: that cannot be changed
    of a cache, so another key is another cache, under another name. A multi-Region key in the place of another is not
    told apart by that: make the stack's key `none` for one update between the two.

    No user of a Valkey group may be without a password or IAM, so the group does not have the one called default.

    Makes `<title>`, `<title>User`, `<title>Users`, `<title>Group`, and `<title>Callers`, who are let do nothing else.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-elasticache-serverlesscache.html
    """
    user_name = _name("user")
    user = t.put(
        elasticache.User(
            f"{title}User",
            AccessString=ACCESS,
            AuthenticationMode=elasticache.AuthenticationMode(Type="iam"),
            Engine=ENGINE,
            # With IAM these two have to be the same.
            UserId=user_name,
            UserName=user_name,
        )
    )
    users = t.put(
        elasticache.UserGroup(f"{title}Users", Engine=ENGINE, UserGroupId=_name("users"), UserIds=[Ref(user)])
    )
    callers = t.put(
        ec2.SecurityGroup(
            f"{title}Callers",
            GroupDescription="Who asks the cache: out to it, nothing in.",
            SecurityGroupEgress=[nothing()],
            VpcId=vpc,
        )
    )
    group = t.put(
        ec2.SecurityGroup(
            f"{title}Group",
            GroupDescription="The cache: in from its callers over TLS, nothing out.",
            SecurityGroupEgress=[nothing()],
            SecurityGroupIngress=[
                ec2.SecurityGroupRule(
                    Description=f"From {callers.title}",
                    FromPort=PORT,
                    IpProtocol="tcp",
                    SourceSecurityGroupId=GetAtt(callers, "GroupId"),
                    ToPort=PORT,
                )
            ],
            VpcId=vpc,
        )
    )
    t.put(
        ec2.SecurityGroupEgress(
            f"{title}CallersReach{title}",
            Description=f"To {group.title}",
            DestinationSecurityGroupId=GetAtt(group, "GroupId"),
            FromPort=PORT,
            GroupId=GetAtt(callers, "GroupId"),
            IpProtocol="tcp",
            ToPort=PORT,
        )
    )
    own_key = given(t, parameters.KMS_KEY)
    key = Ref(parameter(t, parameters.KMS_KEY))
    part_of_key = If(own_key, Select(0, Split("-", Select(1, Split("/", key)))), "aws")
    size, speed = (Ref(parameter(t, spec)) for spec in (parameters.caching.CACHE_SIZE, parameters.caching.CACHE_SPEED))
    resource = elasticache.ServerlessCache(
        title,
        CacheUsageLimits=elasticache.CacheUsageLimits(
            DataStorage=elasticache.DataStorage(Maximum=size, Unit="GB"),
            ECPUPerSecond=elasticache.ECPUPerSecond(Maximum=speed),
        ),
        Engine=ENGINE,
        KmsKeyId=optional(own_key, key),
        MajorEngineVersion=MAJOR_VERSION,
        SecurityGroupIds=[GetAtt(group, "GroupId")],
        ServerlessCacheName=_name(part_of_key),
        SubnetIds=Split(",", subnets),
        UserGroupId=Ref(users),
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
    )
    # What of `CacheMaxGB` are nearly all bytes, and of `CacheMaxUnits` nearly all units of five minutes.
    t.add_mapping(
        LIMITS,
        {str(size): {"Bytes": str(int(size * 10**9 * NEARLY_FULL))} for size in parameters.caching.SIZES}
        | {str(speed): {"Units": str(int(speed * 300 * NEARLY_BUSY))} for speed in parameters.caching.SPEEDS},
    )
    return ServiceCache(t, title, t.put(resource), user, callers)


def _name(last: Any) -> Any:
    """A name of at most 40 small letters, digits and hyphens.

    The first two parts of a stack's id say when it was made: no other stack of the region has these.
    """
    id = Split("-", Select(2, Split("/", Ref("AWS::StackId"))))
    return Join("-", ["cache", Select(0, id), Select(1, id), last])
