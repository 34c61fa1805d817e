"""DynamoDB Accelerator (DAX): a cache in front of a table, that answers in microseconds and costs by the hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from troposphere import GetAtt, Join, Ref, Select, Split, Sub, awslambda, dax, ec2, iam

from .. import grants, parameters
from ..conditions import all_of, equals, in_region, negated
from ..parameters import needs, only_elsewhere, parameter
from ..template import Node, ScenarioTemplate
from .awslambda import layer
from .dynamodb import Table
from .ec2 import Network, may_reach
from .iam import role

# By the CloudFormation registry's schemas for each region, as cfn-lint 1.58 ships them.
REGIONS_WITHOUT = (
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "mx-central-1",
    "us-gov-east-1",
    "us-gov-west-1",
)
# Where a cluster with encryption in transit listens.
TLS_PORT = 9111


@dataclass(frozen=True)
class ReadCache(Node):
    """A DAX cluster, the network it is in, the layer with its client for Python, and the tables that it serves."""

    resource: dax.Cluster
    network: Network
    role: iam.Role
    client: awslambda.LayerVersion
    tables: list[Table] = field(default_factory=list, repr=False)

    @property
    def cluster_id(self) -> Any:
        """What metrics go by: the cluster's name as DAX keeps it, in lower case, which is how its address begins."""
        return Select(0, Split(".", GetAtt(self.resource, "ClusterDiscoveryEndpoint")))


def read_cache(t: ScenarioTemplate, title: str, network: Network) -> ReadCache:
    """A DAX cluster when `ReadCache` is dax, encrypted at rest and in transit, in the subnets of the network.

    Which tables it serves and who may use it, arrows say (`through=`). A cluster that is switched off, or replaced
    because of its node type or its subnets, takes along nothing but copies.

    Makes `<title>`, `<title>Role`, `<title>Subnets`, `<title>Settings` (both times to live), `<title>Client` (the
    layer) and `<title>Egress`; and whether it is on or not, at no cost, `<title>Group` (the security group).
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dax-cluster.html
    """
    needs(t, parameters.READ_CACHE, parameters.ARTIFACT_BUCKET)
    only_elsewhere(t, parameters.READ_CACHE, "DAX clusters", REGIONS_WITHOUT)
    here = negated(t, in_region(t, "RegionWithoutDax", REGIONS_WITHOUT))
    when = all_of(t, equals(t, "ReadCacheOn", parameters.READ_CACHE, "dax"), here)

    own_role = role(t, f"{title}Role", grants.trust_dax(), when=when)
    subnets = t.put(
        dax.SubnetGroup(
            f"{title}Subnets",
            # A cluster cannot move to other subnets; so others make another group, under another name, and a cluster.
            SubnetGroupName=Join("-", [Ref("AWS::StackName"), title.lower(), Join("-", network.subnet_ids)]),
            SubnetIds=network.subnet_ids,
        ),
        when=when,
    )
    item, query = parameters.READ_CACHE_ITEM_SECONDS, parameters.READ_CACHE_LIST_SECONDS
    item_seconds, query_seconds = (f"${{{parameter(t, spec).title}}}" for spec in (item, query))
    settings = t.put(
        dax.ParameterGroup(
            f"{title}Settings",
            # A group that a running cluster uses cannot be changed; so other values make another group, under another
            # name, and the cluster changes over to it.
            ParameterGroupName=Sub(f"${{AWS::StackName}}-{title.lower()}-{item_seconds}-{query_seconds}"),
            # In milliseconds, as text.
            ParameterNameValues={
                "query-ttl-millis": Sub(f"{query_seconds}000"),
                "record-ttl-millis": Sub(f"{item_seconds}000"),
            },
        ),
        when=when,
    )
    # What nodes send to each other and to DynamoDB is not documented, so their way out stays as EC2 makes it.
    group = t.put(
        ec2.SecurityGroup(
            f"{title}Group",
            GroupDescription="The read cache: in from the functions over TLS.",
            SecurityGroupIngress=[
                ec2.SecurityGroupRule(
                    Description="Functions",
                    FromPort=TLS_PORT,
                    IpProtocol="tcp",
                    SourceSecurityGroupId=GetAtt(network.functions, "GroupId"),
                    ToPort=TLS_PORT,
                )
            ],
            VpcId=network.vpc_id,
        )
    )
    may_reach(network, group, TLS_PORT, f"{title}Egress", when=when)
    cluster = t.put(
        dax.Cluster(
            title,
            ClusterEndpointEncryptionType="TLS",
            IAMRoleARN=GetAtt(own_role, "Arn"),
            NodeType=Ref(parameter(t, parameters.READ_CACHE_NODE_TYPE)),
            ParameterGroupName=Ref(settings),
            ReplicationFactor=Ref(parameter(t, parameters.READ_CACHE_NODES)),
            SSESpecification=dax.SSESpecification(SSEEnabled=True),
            SecurityGroupIds=[GetAtt(group, "GroupId")],
            SubnetGroupName=Ref(subnets),
        ),
        when=when,
    )
    client = layer(t, f"{title}Client", "dax", description="Client of DynamoDB Accelerator for Python.", when=when)
    return ReadCache(t, title, cluster, network, own_role, client, when=when)
