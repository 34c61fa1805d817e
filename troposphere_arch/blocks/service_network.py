"""The network of a platform: private subnets for functions of services, over two zones, with or without a way out.

    function ──▶ S3, DynamoDB                        gateway endpoints; they cost nothing
       ├──────▶ private APIs                         interface endpoint, without private DNS
       ├──────▶ queues, topics, streams, events      interface endpoints   (endpoints)
       └──────▶ everything else                      NAT gateways          (nat)

A function that is in no network needs none of this. Endpoints let through what belongs to this account, and grant
nobody anything. https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from troposphere import GetAtt, GetAZs, If, Join, Ref, Select, Split, Sub, ec2, route53

from .. import grants, parameters
from ..conditions import all_of, choose, equals, given, in_region
from ..parameters import NONE, both_or_neither, demand, parameter, says
from ..template import Node, ScenarioTemplate
from .network import ADDRESSES, ANYWHERE, CHINA, HTTPS, SUBNETS, nothing, over_https

ZONES = ("A", "B")
# Of an interface endpoint: the last part of its title, the service's name there, and whether China's begins with `cn.`.
PRIVATE_APIS = ("PrivateApis", "execute-api", True)
SERVICES = (
    ("Queues", "sqs", True),
    ("Topics", "sns", False),
    ("Streams", "kinesis-streams", True),
    ("Events", "events", False),
)


@dataclass(frozen=True)
class ServiceNetwork(Node):
    """The network, there unless `Network` is none.

    What a service needs to be in it, as Parameter Store has it: `vpc`, `subnets`, and the group of `functions`, which
    lets nothing in. `api_endpoint` is the way to private APIs, `nat` names the NAT gateways; each is `none` where it is
    not.
    """

    vpc: Any = field(repr=False)
    subnets: Any = field(repr=False)
    functions: Any = field(repr=False)
    api_endpoint: Any = field(repr=False)
    nat: Any = field(repr=False)


def service_network(t: ScenarioTemplate, title: str) -> ServiceNetwork:
    """Two private subnets in a VPC of the stack's own, when `Network` says so, and the ways out of it that it says.

    The endpoint for private APIs has no private DNS: with it every API of API Gateway would be asked there, and the
    regional ones answer nobody who comes that way. Private APIs are asked by the endpoint's name in their address.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-api-test-invoke-url.html

    With `nat` there is a gateway in each zone: one for both would cost half as much, and take the other zone's services
    along when its own zone is lost. All but the private APIs is reached by it.

    Makes `<title>`, `<title>PrivateA`, `<title>PrivateB` with their routes, `<title>Functions`, `<title>Endpoints` and
    the endpoints `<title>To...`; with `nat` `<title>PublicA`, `<title>PublicB`, `<title>NatA`, `<title>NatB`; with a
    private domain `<title>Zone`.
    """
    network = parameters.platform.NETWORK
    there = given(t, network)
    endpoints, nat = equals(t, "NetworkHasEndpoints", network, "endpoints"), equals(t, "NetworkHasNat", network, "nat")
    vpc = t.put(ec2.VPC(title, CidrBlock=ADDRESSES, EnableDnsHostnames=True, EnableDnsSupport=True), when=there)
    subnets, tables = zip(*(_private(t, title, vpc, letter, there) for letter in ZONES), strict=True)
    gateways = _nat_gateways(t, title, vpc, tables, nat)
    _gateway_endpoints(t, title, vpc, tables, there)
    functions = t.put(
        ec2.SecurityGroup(
            f"{title}Functions",
            GroupDescription="Functions of services: out over HTTPS to where there is a way, nothing in.",
            SecurityGroupEgress=[over_https()],
            VpcId=Ref(vpc),
        ),
        when=there,
    )
    group = t.put(
        ec2.SecurityGroup(
            f"{title}Endpoints",
            GroupDescription="Endpoints of AWS services: in over HTTPS from functions, nothing out.",
            SecurityGroupEgress=[nothing()],
            SecurityGroupIngress=[
                ec2.SecurityGroupRule(
                    Description=f"From {functions.title}",
                    FromPort=HTTPS,
                    IpProtocol="tcp",
                    SourceSecurityGroupId=GetAtt(functions, "GroupId"),
                    ToPort=HTTPS,
                )
            ],
            VpcId=Ref(vpc),
        ),
        when=there,
    )
    common = {
        "SecurityGroupIds": [GetAtt(group, "GroupId")],
        "SubnetIds": [Ref(subnet) for subnet in subnets],
        "VpcEndpointType": "Interface",
        "VpcId": Ref(vpc),
    }
    api_endpoint = _interface(t, title, PRIVATE_APIS, there, PrivateDnsEnabled=False, **common)
    for service in SERVICES:
        _interface(t, title, service, endpoints, PrivateDnsEnabled=True, **common)
    _private_zone(t, title, vpc, api_endpoint, there)
    return ServiceNetwork(
        t,
        title,
        choose(there, Ref(vpc), NONE),
        choose(there, Join(",", [Ref(subnet) for subnet in subnets]), NONE),
        choose(there, GetAtt(functions, "GroupId"), NONE),
        choose(there, Ref(api_endpoint), NONE),
        choose(nat, Join(",", [Ref(gateway) for gateway in gateways]), NONE),
        when=there,
    )


def _private(
    t: ScenarioTemplate, title: str, vpc: ec2.VPC, letter: str, there: str
) -> tuple[ec2.Subnet, ec2.RouteTable]:
    """A private subnet with routes of its own, since each zone has its own way out."""
    subnet = t.put(_subnet(t, f"{title}Private{letter}", vpc, letter, SUBNETS[letter][1]), when=there)
    table = t.put(ec2.RouteTable(f"{title}Routes{letter}", VpcId=Ref(vpc)), when=there)
    way = ec2.SubnetRouteTableAssociation(f"{subnet.title}Routes", RouteTableId=Ref(table), SubnetId=Ref(subnet))
    t.put(way, when=there)
    return subnet, table


def _subnet(t: ScenarioTemplate, title: str, vpc: ec2.VPC, letter: str, addresses: str) -> ec2.Subnet:
    number = ZONES.index(letter)
    named = given(t, parameters.ZONES)
    zones = Split(",", Ref(parameter(t, parameters.ZONES)))
    return ec2.Subnet(
        title,
        AvailabilityZone=If(named, Select(number, zones), Select(number, GetAZs(""))),
        CidrBlock=addresses,
        MapPublicIpOnLaunch=False,
        VpcId=Ref(vpc),
    )


def _nat_gateways(
    t: ScenarioTemplate, title: str, vpc: ec2.VPC, tables: Sequence[ec2.RouteTable], nat: str
) -> list[ec2.NatGateway]:
    """In each zone a NAT gateway, in a public subnet of its own, to which the routes of the zone's private one lead.

    https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html
    """
    gateway = t.put(ec2.InternetGateway(f"{title}Gateway"), when=nat)
    attachment = t.put(
        ec2.VPCGatewayAttachment(f"{title}GatewayAttachment", InternetGatewayId=Ref(gateway), VpcId=Ref(vpc)), when=nat
    )
    routes = t.put(ec2.RouteTable(f"{title}PublicRoutes", VpcId=Ref(vpc)), when=nat)
    out = ec2.Route(
        f"{title}Internet",
        DestinationCidrBlock=ANYWHERE,
        GatewayId=Ref(gateway),
        RouteTableId=Ref(routes),
        DependsOn=attachment.title,
    )
    t.put(out, when=nat)
    made = []
    for letter, table in zip(ZONES, tables, strict=True):
        subnet = t.put(_subnet(t, f"{title}Public{letter}", vpc, letter, SUBNETS[letter][0]), when=nat)
        way = ec2.SubnetRouteTableAssociation(f"{subnet.title}Routes", RouteTableId=Ref(routes), SubnetId=Ref(subnet))
        t.put(way, when=nat)
        # An address comes after the internet gateway, and goes before it.
        address = t.put(ec2.EIP(f"{title}Address{letter}", Domain="vpc", DependsOn=attachment.title), when=nat)
        one = ec2.NatGateway(
            f"{title}Nat{letter}",
            AllocationId=GetAtt(address, "AllocationId"),
            SubnetId=Ref(subnet),
            DependsOn=[out.title, way.title],
        )
        made.append(t.put(one, when=nat))
        t.put(
            ec2.Route(
                f"{title}Out{letter}", DestinationCidrBlock=ANYWHERE, NatGatewayId=Ref(one), RouteTableId=Ref(table)
            ),
            when=nat,
        )
    return made


def _gateway_endpoints(
    t: ScenarioTemplate, title: str, vpc: ec2.VPC, tables: Sequence[ec2.RouteTable], there: str
) -> None:
    """https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html"""
    for name, service in (("S3", "s3"), ("DynamoDB", "dynamodb")):
        endpoint = ec2.VPCEndpoint(
            f"{title}To{name}",
            PolicyDocument=grants.through_service_endpoint(service),
            RouteTableIds=[Ref(table) for table in tables],
            ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
            VpcEndpointType="Gateway",
            VpcId=Ref(vpc),
        )
        t.put(endpoint, when=there)


def _interface(
    t: ScenarioTemplate, title: str, to: tuple[str, str, bool], when: str, **properties: Any
) -> ec2.VPCEndpoint:
    name, service, china_differs = to
    called = f"com.amazonaws.${{AWS::Region}}.{service}"
    in_china = in_region(t, "RegionInChina", CHINA)
    made: ec2.VPCEndpoint = t.put(
        ec2.VPCEndpoint(
            f"{title}To{name}",
            PolicyDocument=grants.through_service_endpoint(service),
            ServiceName=If(in_china, Sub(f"cn.{called}"), Sub(called)) if china_differs else Sub(called),
            **properties,
        ),
        when=when,
    )
    return made


def _private_zone(t: ScenarioTemplate, title: str, vpc: ec2.VPC, endpoint: ec2.VPCEndpoint, there: str) -> None:
    """Names below the private domain all lead to the endpoint for private APIs, which knows them apart.

    A service needs no record of its own there, nor a right to make one. The first of an endpoint's names is the one for
    all zones. https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-custom-domains.html
    """
    domain, certificate = parameters.platform.PRIVATE_DOMAIN, parameters.platform.PRIVATE_CERTIFICATE
    both_or_neither(t, domain, certificate)
    demand(
        t,
        f"{domain.name}Needs{parameters.platform.NETWORK.name}",
        when=says(t, domain),
        then=says(t, parameters.platform.NETWORK, "endpoints", "nat"),
        told="PrivateDomainName needs a Network: choose endpoints or nat, or leave PrivateDomainName at none.",
    )
    named = all_of(t, there, given(t, domain))
    name = parameter(t, domain).title
    zone = t.put(
        route53.HostedZone(
            f"{title}Zone",
            Name=Ref(name),
            VPCs=[route53.HostedZoneVPCs(VPCId=Ref(vpc), VPCRegion=Ref("AWS::Region"))],
        ),
        when=named,
    )
    first = Split(":", Select(0, GetAtt(endpoint, "DnsEntries")))
    t.put(
        route53.RecordSetType(
            f"{title}Names",
            AliasTarget=route53.AliasTarget(DNSName=Select(1, first), HostedZoneId=Select(0, first)),
            HostedZoneId=Ref(zone),
            Name=Sub(f"*.${{{name}}}"),
            Type="A",
        ),
        when=named,
    )
