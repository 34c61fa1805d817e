"""Networks for servers: public subnets for what the world asks, private ones without a way to the internet.

A server in it reaches what has an endpoint, and nothing else: there is no NAT gateway, which would be billed by the
hour and by each byte, and would let a server call home.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from troposphere import GetAtt, GetAZs, If, Join, Ref, Select, Split, Sub, ec2

from .. import grants, parameters
from ..conditions import all_of, choose, equals, given, in_region, negated, optional, switched_on
from ..parameters import both_or_neither, parameter
from ..template import Node, ScenarioTemplate

ADDRESSES = "10.0.0.0/20"
# Of each zone the public and the private subnet: a load balancer takes up to a hundred addresses when there is much to
# do, and servers, functions and endpoints share the private ones.
SUBNETS = {
    "A": ("10.0.0.0/24", "10.0.8.0/23"),
    "B": ("10.0.1.0/24", "10.0.10.0/23"),
    "C": ("10.0.2.0/24", "10.0.12.0/23"),
}
HTTPS = 443
ANYWHERE = "0.0.0.0/0"
# Some services have endpoints of another name there.
# https://docs.amazonaws.cn/en_us/vpc/latest/privatelink/aws-services-privatelink-support.html
CHINA = ("cn-north-1", "cn-northwest-1")
CLOUDFORMATION = "com.amazonaws.${AWS::Region}.cloudformation"


class Zone(NamedTuple):
    """One zone of a network: its letter, its private subnet, and the condition that it is used.

    `own` are the public and the private subnet of the stack's own, `given` is what the user gives as the public one.
    """

    letter: str
    private: Any
    own: tuple[Any, Any]
    given: Any
    when: str | None


@dataclass(frozen=True)
class ServerNetwork(Node):
    """A VPC of the stack's own, or the user's: `vpc_id` and `zones` are whichever it is.

    `routed` and `ready` refer to what must be there before something in the public and the private subnets works;
    `to_s3` is the endpoint by which S3 is reached, and `endpoints` the group of those that servers reach over HTTPS,
    both there only in the stack's own.
    """

    vpc_id: Any
    zones: tuple[Zone, ...]
    to_s3: ec2.VPCEndpoint
    endpoints: ec2.SecurityGroup
    routed: Any = field(repr=False)
    ready: Any = field(repr=False)

    def for_balancer(self, internal: str) -> list[Any]:
        """The subnets of a load balancer, of the zones that are used: the public ones, or under `internal` the private.

        Of their own VPC users say by PublicSubnetIds which these are.
        """
        theirs = given(self.t, parameters.updates.PUBLIC_SUBNETS)
        return [
            optional(zone.when, If(theirs, zone.given, If(internal, private, public)))
            for zone in self.zones
            for public, private in [zone.own]
        ]

    @property
    def private_ids(self) -> list[Any]:
        """The subnets for servers, of the zones that are used."""
        return [optional(zone.when, zone.private) for zone in self.zones]


def server_network(t: ScenarioTemplate, title: str) -> ServerNetwork:
    """Two or three zones with a public and a private subnet each, in a VPC of the stack's own or in the user's.

    From the private ones S3 is reached by a gateway endpoint, which costs nothing and lets through reads of Amazon
    Linux's packages and what arrows add; CloudFormation, which waits for signals of new servers, by an interface
    endpoint; Systems Manager by two more with `SessionManager`. A VPC of the user's gets none of them.

    Makes `<title>`, its subnets `<title>PublicA` and `<title>PrivateA` to C with their routes, `<title>Gateway`,
    `<title>ToS3`, `<title>ToCloudFormation`, `<title>ToSsm`, `<title>ToSsmMessages` and their group.
    https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
    """
    both_or_neither(t, parameters.VPC_ID, parameters.SUBNETS)
    both_or_neither(t, parameters.VPC_ID, parameters.updates.PUBLIC_SUBNETS)
    theirs = given(t, parameters.VPC_ID)
    own = negated(t, theirs)
    named = given(t, parameters.ZONES)
    zone_names = Split(",", Ref(parameter(t, parameters.ZONES)))
    three = equals(t, "ThreeZones", parameters.updates.ZONE_COUNT, "3")
    vpc = t.put(ec2.VPC(title, CidrBlock=ADDRESSES, EnableDnsHostnames=True, EnableDnsSupport=True), when=own)
    public = t.put(ec2.RouteTable(f"{title}PublicRoutes", VpcId=Ref(vpc)), when=own)
    private = t.put(ec2.RouteTable(f"{title}PrivateRoutes", VpcId=Ref(vpc)), when=own)
    _to_the_internet(t, title, vpc, public, own)
    kinds = (("Public", parameters.updates.PUBLIC_SUBNETS, public), ("Private", parameters.SUBNETS, private))
    zones: list[Zone] = []
    ways: dict[str, list[Any]] = {kind: [] for kind, _, _ in kinds}
    for number, letter in enumerate(SUBNETS):
        used = three if number == 2 else None
        own_ids, given_ids = [], []
        for (kind, spec, routes), addresses in zip(kinds, SUBNETS[letter], strict=True):
            subnet = ec2.Subnet(
                f"{title}{kind}{letter}",
                AvailabilityZone=If(named, Select(number, zone_names), Select(number, GetAZs(""))),
                CidrBlock=addresses,
                MapPublicIpOnLaunch=False,  # a load balancer gets its public addresses in any case
                VpcId=Ref(vpc),
            )
            t.put(subnet, when=all_of(t, own, used))
            way = ec2.SubnetRouteTableAssociation(
                f"{subnet.title}Routes", RouteTableId=Ref(routes), SubnetId=Ref(subnet)
            )
            if kind == "Public":
                way.resource["DependsOn"] = f"{title}Internet"
            ways[kind].append(optional(used, Ref(t.put(way, when=all_of(t, own, used)))))
            own_ids.append(Ref(subnet))
            given_ids.append(Select(number, Split(",", Ref(parameter(t, spec)))))
        private_id = If(given(t, parameters.SUBNETS), given_ids[1], own_ids[1])
        zones.append(Zone(letter, private_id, (own_ids[0], own_ids[1]), given_ids[0], used))
    vpc_id = If(theirs, Ref(parameter(t, parameters.VPC_ID)), Ref(vpc))
    to_s3 = _gateway(t, f"{title}ToS3", vpc, private, own)
    group = ec2.SecurityGroup(
        f"{title}Endpoints",
        GroupDescription="Endpoints of AWS services: in over HTTPS from servers, nothing out.",
        SecurityGroupEgress=[nothing()],
        VpcId=Ref(vpc),
    )
    t.put(group, when=own)
    subnets = [optional(zone.when, zone.own[1]) for zone in zones]
    china = in_region(t, "RegionInChina", CHINA)
    told = t.put(
        _interface(
            f"{title}ToCloudFormation",
            vpc,
            subnets,
            group,
            If(china, Sub(f"cn.{CLOUDFORMATION}"), Sub(CLOUDFORMATION)),
        ),
        when=own,
    )
    shells = all_of(t, own, switched_on(t, parameters.updates.SESSION_MANAGER))
    for name, service in (("Ssm", "ssm"), ("SsmMessages", "ssmmessages")):
        called = Sub(f"com.amazonaws.${{AWS::Region}}.{service}")
        t.put(_interface(f"{title}To{name}", vpc, subnets, group, called), when=shells)
    ready = [*ways["Private"], Ref(to_s3), Ref(told)]
    return ServerNetwork(
        t,
        title,
        vpc_id,
        tuple(zones),
        to_s3,
        group,
        choose(own, Join(" ", ways["Public"]), "theirs"),
        choose(own, Join(" ", ready), "theirs"),
    )


def _to_the_internet(t: ScenarioTemplate, title: str, vpc: ec2.VPC, routes: ec2.RouteTable, own: str) -> None:
    gateway = t.put(ec2.InternetGateway(f"{title}Gateway"), when=own)
    attachment = ec2.VPCGatewayAttachment(f"{title}GatewayAttachment", InternetGatewayId=Ref(gateway), VpcId=Ref(vpc))
    t.put(attachment, when=own)
    route = ec2.Route(
        f"{title}Internet",
        DestinationCidrBlock=ANYWHERE,
        GatewayId=Ref(gateway),
        RouteTableId=Ref(routes),
        DependsOn=attachment.title,
    )
    t.put(route, when=own)


def _gateway(t: ScenarioTemplate, title: str, vpc: ec2.VPC, routes: ec2.RouteTable, own: str) -> ec2.VPCEndpoint:
    """https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-s3.html"""
    made: ec2.VPCEndpoint = t.put(
        ec2.VPCEndpoint(
            title,
            PolicyDocument=grants.document(*grants.packages_through_endpoint()),
            RouteTableIds=[Ref(routes)],
            ServiceName=Sub("com.amazonaws.${AWS::Region}.s3"),
            VpcEndpointType="Gateway",
            VpcId=Ref(vpc),
        ),
        when=own,
    )
    return made


def _interface(title: str, vpc: ec2.VPC, subnets: list[Any], group: ec2.SecurityGroup, service: Any) -> ec2.VPCEndpoint:
    """An endpoint that answers to the service's usual name; a server needs to know nothing of it.

    It has no policy of its own: a signal is signed by the identity of an instance, of which no document says how such a
    policy sees it. It grants nobody anything.
    """
    return ec2.VPCEndpoint(
        title,
        PrivateDnsEnabled=True,
        SecurityGroupIds=[GetAtt(group, "GroupId")],
        ServiceName=service,
        SubnetIds=subnets,
        VpcEndpointType="Interface",
        VpcId=Ref(vpc),
    )


def nothing() -> ec2.SecurityGroupRule:
    """Nothing goes out. A group without a rule would let everything out.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html
    """
    return ec2.SecurityGroupRule(CidrIp="127.0.0.1/32", Description="Nothing", IpProtocol="-1")


def closed_group(network: ServerNetwork, title: str, what: str, *out: ec2.SecurityGroupRule) -> ec2.SecurityGroup:
    """A security group in the network that lets nothing in, and out only what is named and what `reaches` adds."""
    made: ec2.SecurityGroup = network.t.put(
        ec2.SecurityGroup(
            title,
            GroupDescription=what,
            SecurityGroupEgress=list(out) or [nothing()],
            VpcId=network.vpc_id,
        )
    )
    return made


def over_https() -> ec2.SecurityGroupRule:
    """Out over HTTPS, to wherever there is a route.

    Without a route to elsewhere that is S3 and the endpoints. A rule for the prefix list of S3 would need its id, which
    CloudFormation does not tell.
    """
    return ec2.SecurityGroupRule(CidrIp=ANYWHERE, Description="HTTPS", FromPort=HTTPS, IpProtocol="tcp", ToPort=HTTPS)


def let_in(network: ServerNetwork, servers: ec2.SecurityGroup) -> None:
    """What has this group asks the network's endpoints over HTTPS, and nobody else does."""
    network.endpoints.SecurityGroupIngress = [
        ec2.SecurityGroupRule(
            Description=f"From {servers.title}",
            FromPort=HTTPS,
            IpProtocol="tcp",
            SourceSecurityGroupId=GetAtt(servers, "GroupId"),
            ToPort=HTTPS,
        )
    ]


def reaches(t: ScenarioTemplate, source: ec2.SecurityGroup, target: ec2.SecurityGroup, port: int, *, by: Any) -> None:
    """What has the group `source` opens connections to what has the group `target`, on this port only.

    The resource `by`, which is what does, comes after that. The way out is said in the group, the way in by
    `<source>To<target>`: each naming the other would be a cycle.
    """
    out = ec2.SecurityGroupRule(
        Description=f"To {target.title}",
        DestinationSecurityGroupId=GetAtt(target, "GroupId"),
        FromPort=port,
        IpProtocol="tcp",
        ToPort=port,
    )
    rules = [rule for rule in source.SecurityGroupEgress if rule.to_dict() != nothing().to_dict()]
    source.SecurityGroupEgress = [*rules, out]
    way_in = ec2.SecurityGroupIngress(
        f"{source.title}To{target.title}",
        Description=f"From {source.title}",
        FromPort=port,
        GroupId=GetAtt(target, "GroupId"),
        IpProtocol="tcp",
        SourceSecurityGroupId=GetAtt(source, "GroupId"),
        ToPort=port,
    )
    t.put(way_in)
    by.resource["DependsOn"] = [*by.resource.get("DependsOn", []), way_in.title]
