"""Private networks: two subnets in two zones, without a way to the internet and without anything billed by the hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from troposphere import GetAtt, GetAZs, If, Ref, Select, Split, Sub, ec2

from .. import grants, parameters
from ..conditions import given, negated, optional
from ..parameters import both_or_neither, parameter
from ..template import Node, ScenarioTemplate
from .dynamodb import Table

# Room for 56 addresses in each subnet; a cluster has at most 11 nodes, and functions share a few interfaces.
ADDRESSES = "10.0.0.0/24"
# The addresses of each subnet in the region's first zones, and in zones that the user names: a subnet in another zone
# is another subnet, and is made before the first one goes, so it needs room of its own.
SUBNETS = {"A": ("10.0.0.0/26", "10.0.0.128/26"), "B": ("10.0.0.64/26", "10.0.0.192/26")}
HTTPS = 443


@dataclass(frozen=True)
class Network(Node):
    """A VPC of the stack's own, or the user's: `vpc_id` and `subnet_ids` are whichever it is.

    `functions` is the security group of the functions in it; `own` is the condition that the VPC is the stack's own;
    `tables` are those that can be reached from it.
    """

    vpc_id: Any
    subnet_ids: Any
    functions: ec2.SecurityGroup
    route_table: ec2.RouteTable
    own: str = field(repr=False)
    tables: list[Table] = field(default_factory=list, repr=False)


def private_network(t: ScenarioTemplate, title: str) -> Network:
    """Two private subnets in two zones, in a VPC of the stack's own, or those that the user gives.

    There is no internet gateway and no NAT gateway: what is in the network reaches only what has an endpoint there,
    such as by `gateway_endpoint`. All of it is there whether anything is in it or not, since it costs nothing, and
    since network interfaces of functions outlive their use by some minutes: a network that went with them would hang.

    Makes `<title>`, `<title>SubnetA`, `<title>SubnetB`, `<title>Routes` and `<title>Functions`, the security group of
    the functions. https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    """
    both_or_neither(t, parameters.VPC_ID, parameters.SUBNETS)
    theirs = given(t, parameters.VPC_ID)
    own = negated(t, theirs)
    zones = Split(",", Ref(parameter(t, parameters.ZONES)))
    named = given(t, parameters.ZONES)
    vpc = t.put(ec2.VPC(title, CidrBlock=ADDRESSES, EnableDnsHostnames=True, EnableDnsSupport=True), when=own)
    routes = t.put(ec2.RouteTable(f"{title}Routes", VpcId=Ref(vpc)), when=own)
    subnets = []
    for number, (letter, (first, other)) in enumerate(SUBNETS.items()):
        subnet = ec2.Subnet(
            f"{title}Subnet{letter}",
            AvailabilityZone=If(named, Select(number, zones), Select(number, GetAZs(""))),
            CidrBlock=If(named, other, first),
            MapPublicIpOnLaunch=False,
            VpcId=Ref(vpc),
        )
        subnets.append(t.put(subnet, when=own))
        t.put(
            ec2.SubnetRouteTableAssociation(
                f"{title}Subnet{letter}Routes", RouteTableId=Ref(routes), SubnetId=Ref(subnet)
            ),
            when=own,
        )
    given_subnets = Split(",", Ref(parameter(t, parameters.SUBNETS)))
    vpc_id = If(theirs, Ref(parameter(t, parameters.VPC_ID)), Ref(vpc))
    functions = t.put(
        ec2.SecurityGroup(
            f"{title}Functions",
            GroupDescription="Functions: out to AWS over HTTPS and to what arrows allow, nothing in.",
            SecurityGroupEgress=[
                # Whoever has no route to elsewhere reaches DynamoDB's endpoint by this and nothing else. (A rule for
                # the endpoint's prefix list would need its id, which CloudFormation does not tell.)
                ec2.SecurityGroupRule(
                    CidrIp="0.0.0.0/0", Description="HTTPS", FromPort=HTTPS, IpProtocol="tcp", ToPort=HTTPS
                )
            ],
            VpcId=vpc_id,
        )
    )
    subnet_ids = If(given(t, parameters.SUBNETS), given_subnets, [Ref(subnet) for subnet in subnets])
    return Network(t, title, vpc_id, subnet_ids, functions, routes, own)


def gateway_endpoint(network: Network, table: Table) -> None:
    """Let the network reach DynamoDB, and of it the tables for which this is called. Gateway endpoints cost nothing.

    A network has one of them, `<network>ToDynamoDB`: a route table takes no second one. In a VPC of the user's none is
    made: it has one already, or a NAT gateway. https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-ddb.html
    """
    t, title = network.t, f"{network.title}ToDynamoDB"
    if table not in network.tables:
        network.tables.append(table)
    endpoint = t.resources.get(title) or t.put(
        ec2.VPCEndpoint(
            title,
            RouteTableIds=[Ref(network.route_table)],
            ServiceName=Sub("com.amazonaws.${AWS::Region}.dynamodb"),
            VpcEndpointType="Gateway",
            VpcId=Ref(network.title),
        ),
        when=network.own,
    )
    arns = [optional(one.when, one.arn) for one in network.tables]
    endpoint.PolicyDocument = grants.document(*grants.through_endpoint(arns))


def may_reach(network: Network, group: ec2.SecurityGroup, port: int, title: str, *, when: str | None) -> None:
    """Let the functions of the network open connections to what is in the security group, on this port only."""
    network.t.put(
        ec2.SecurityGroupEgress(
            title,
            Description=f"To {group.title}",
            DestinationSecurityGroupId=GetAtt(group, "GroupId"),
            FromPort=port,
            GroupId=GetAtt(network.functions, "GroupId"),
            IpProtocol="tcp",
            ToPort=port,
        ),
        when=when,
    )
