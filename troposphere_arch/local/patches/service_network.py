"""The network of a platform of services: what stock lacks of it, or drops. No packet is sent through any of it."""

from __future__ import annotations

import importlib
import uuid
from typing import Any

from troposphere_arch.local.patches import api_names
from troposphere_arch.local.patches.provisioner import (
    Created,
    Properties,
    afterwards,
    client,
    region,
    register,
    truth,
    unless_gone,
)

_ENDPOINT_ZONE = "Z7HUB22UULQXV"


def install_nat_gateways() -> None:
    """AWS::EC2::EIP and AWS::EC2::NatGateway.

    Stock: "Unrecognized resource types", and no stack; EC2's own API has them.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-natgateway.html
    Patched: made and removed through the EC2 API; a change of an address makes another. No packet passes.
    """

    def create_address(logical_id: str, properties: Properties, stack_name: str) -> Created:
        made = client("ec2").allocate_address(Domain=properties.get("Domain", "vpc"))
        return made["PublicIp"], {"AllocationId": made["AllocationId"], "PublicIp": made["PublicIp"]}

    def update_address(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        (there,) = _addresses(physical_id)
        return physical_id, {"AllocationId": there["AllocationId"], "PublicIp": physical_id}

    def delete_address(physical_id: str, properties: Properties) -> None:
        for there in _addresses(physical_id):
            client("ec2").release_address(AllocationId=there["AllocationId"])

    def create_gateway(logical_id: str, properties: Properties, stack_name: str) -> Created:
        address = {"AllocationId": properties["AllocationId"]} if properties.get("AllocationId") else {}
        made = client("ec2").create_nat_gateway(
            SubnetId=properties["SubnetId"], ConnectivityType=properties.get("ConnectivityType", "public"), **address
        )["NatGateway"]["NatGatewayId"]
        return made, {"NatGatewayId": made}

    def update_gateway(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return physical_id, {"NatGatewayId": physical_id}

    def delete_gateway(physical_id: str, properties: Properties) -> None:
        with unless_gone("NatGatewayNotFound"):
            client("ec2").delete_nat_gateway(NatGatewayId=physical_id)

    register(
        "AWS::EC2::EIP",
        create=create_address,
        update=update_address,
        delete=delete_address,
        replacing=("Domain", "NetworkBorderGroup", "TransferAddress"),
    )
    register(
        "AWS::EC2::NatGateway",
        create=create_gateway,
        update=update_gateway,
        delete=delete_gateway,
        replacing=("AllocationId", "ConnectivityType", "SubnetId", "PrivateIpAddress"),
    )


def install_endpoint_names() -> None:
    """AWS::EC2::VPCEndpoint: the attribute DnsEntries of an interface endpoint.

    Stock: empty.
    AWS: `<hosted zone>:<name>` of each of its names, the regional one first, those of private DNS last.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-vpcendpoint.html
    Patched: the regional name, and that of private DNS. Nobody listens there; `api-names` knows what it stands for.
    """
    ec2: Any = importlib.import_module("ministack.services.ec2")

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        endpoint = ec2._vpc_endpoints[physical_id]
        if old or endpoint["VpcEndpointType"] != "Interface":
            return
        service = endpoint["ServiceName"].rpartition(".")[2]
        endpoint["DnsEntries"] += [
            f"{_ENDPOINT_ZONE}:{physical_id}-{uuid.uuid4().hex[:8]}.{service}.{region()}.vpce.amazonaws.com"
        ]
        if truth(endpoint["PrivateDnsEnabled"]):
            endpoint["DnsEntries"] += [f"{_ENDPOINT_ZONE}:{service}.{region()}.amazonaws.com"]

    # The attributes of a creation hold this very list.
    afterwards("AWS::EC2::VPCEndpoint", apply)


def install_private_zones() -> None:
    """AWS::Route53::HostedZone VPCs.

    Stock: dropped, and the zone is public.
    AWS: the zone is private, and seen from these VPCs only.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-route53-hostedzone.html
    Patched: set on the zone, where GetHostedZone shows them, and looked at by `names`.
    """
    route53: Any = importlib.import_module("ministack.services.route53")

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        vpcs = [{"VPCId": one["VPCId"], "VPCRegion": one["VPCRegion"]} for one in new.get("VPCs") or []]
        route53._zones[physical_id].update(private=bool(vpcs), vpcs=vpcs)

    afterwards("AWS::Route53::HostedZone", apply)


def install_api_endpoints() -> None:
    """AWS::ApiGateway::RestApi EndpointConfiguration.

    Stock: kept under the names that templates have for it, so that GetRestApi shows none.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-apigateway-restapi.html
    Patched: Types and VpcEndpointIds as the API has them.
    """
    gateway: Any = importlib.import_module("ministack.services.apigateway_v1")

    def apply(physical_id: str, old: Properties, new: Properties) -> None:
        if given := new.get("EndpointConfiguration"):
            gateway._rest_apis[physical_id]["endpointConfiguration"] = {
                name[0].lower() + name[1:]: value for name, value in given.items()
            }

    afterwards("AWS::ApiGateway::RestApi", apply)


def install_private_domains() -> None:
    """AWS::ApiGateway::DomainNameV2, BasePathMappingV2 and DomainNameAccessAssociation.

    Stock: "Unrecognized resource types", and no stack.
    AWS: a custom domain name of private APIs; it is asked by the endpoints of VPCs that have an access association.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-custom-domains.html
    Patched: made and removed through the API Gateway API, as a domain name whose endpoint is PRIVATE; associations are
    recorded. Neither its policy nor its certificate is looked at.
    """

    def create_domain(logical_id: str, properties: Properties, stack_name: str) -> Created:
        name = properties["DomainName"]
        client("apigateway").create_domain_name(
            domainName=name,
            certificateArn=properties.get("CertificateArn", ""),
            endpointConfiguration={"types": ["PRIVATE"]},
            securityPolicy=properties.get("SecurityPolicy", "TLS_1_2"),
        )
        made = uuid.uuid4().hex[:10]
        arn = f"arn:aws:apigateway:{region()}:{_account()}:/domainnames/{name}+{made}"
        return arn, {"DomainNameArn": arn, "DomainNameId": made}

    def update_domain(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return physical_id, {"DomainNameArn": physical_id, "DomainNameId": physical_id.rpartition("+")[2]}

    def delete_domain(physical_id: str, properties: Properties) -> None:
        with unless_gone("NotFoundException"):
            client("apigateway").delete_domain_name(domainName=_domain(physical_id))

    def create_path(logical_id: str, properties: Properties, stack_name: str) -> Created:
        client("apigateway").create_base_path_mapping(
            domainName=_domain(properties["DomainNameArn"]),
            basePath=properties.get("BasePath") or "(none)",
            restApiId=properties["RestApiId"],
            stage=properties.get("Stage", ""),
        )
        arn = f"{properties['DomainNameArn']}/basepathmappings/{properties.get('BasePath') or '(none)'}"
        return arn, {"BasePathMappingArn": arn}

    def update_path(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return create_path("", new, stack_name)

    def delete_path(physical_id: str, properties: Properties) -> None:
        with unless_gone("NotFoundException"):
            client("apigateway").delete_base_path_mapping(
                domainName=_domain(properties["DomainNameArn"]), basePath=properties.get("BasePath") or "(none)"
            )

    def create_association(logical_id: str, properties: Properties, stack_name: str) -> Created:
        domain, source = _domain(properties["DomainNameArn"]), properties["AccessAssociationSource"]
        api_names.associations.setdefault(domain, set()).add(source)
        where = f"arn:aws:apigateway:{region()}:{_account()}:/domainnameaccessassociations"
        arn = f"{where}/domainname/{properties['DomainNameArn'].rpartition('/')[2]}/vpcesource/{source}"
        return arn, {"DomainNameAccessAssociationArn": arn}

    def update_association(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return physical_id, {"DomainNameAccessAssociationArn": physical_id}

    def delete_association(physical_id: str, properties: Properties) -> None:
        found = api_names.associations.get(_domain(properties["DomainNameArn"]), set())
        found.discard(properties["AccessAssociationSource"])

    register(
        "AWS::ApiGateway::DomainNameV2",
        create=create_domain,
        update=update_domain,
        delete=delete_domain,
        replacing=("DomainName", "EndpointConfiguration"),
    )
    register(
        "AWS::ApiGateway::BasePathMappingV2",
        create=create_path,
        update=update_path,
        delete=delete_path,
        replacing=("BasePath", "DomainNameArn"),
    )
    register(
        "AWS::ApiGateway::DomainNameAccessAssociation",
        create=create_association,
        update=update_association,
        delete=delete_association,
        replacing=("AccessAssociationSource", "AccessAssociationSourceType", "DomainNameArn"),
    )


def _addresses(address: str) -> list[dict[str, Any]]:
    found = client("ec2").describe_addresses()["Addresses"]
    return [one for one in found if one["PublicIp"] == address]


def _domain(arn: str) -> str:
    """The name in `.../domainnames/orders.example.com+abc123`."""
    return arn.rpartition("/")[2].partition("+")[0]


def _account() -> str:
    return str(client("sts").get_caller_identity()["Account"])
