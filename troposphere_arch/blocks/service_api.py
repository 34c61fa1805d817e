"""REST APIs of services: their callers are other services, which sign what they ask.

caller ──signed──▶ https://stock.shop.example.com ──▶ API   (with a domain; else the API's own address)
"""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, If, Ref, Sub, apigateway, encode_to_dict, route53

from .. import grants, outputs
from ..conditions import all_of, given
from ..parameters import Spec, parameter
from ..template import ScenarioTemplate
from .apigateway import RestApi, bare_api
from .service_front import Front

STAGE = "v1"


def service_api(t: ScenarioTemplate, title: str, front: Front | None = None) -> RestApi:
    """A regional REST API that answers who signs a request and may invoke that very method; nobody else, and no page.

    Makes `<title>`, `<title>Stage`, `<title>Deployment<hash>`, `<title>Validator`, one gateway response for each kind
    of refusal, and `<title>AccessLogs` when `AccessLogs` is on. Routes come by `arrows.route`: to a function, or to the
    `front`, and then there is `<title>PlainDeployment<hash>` as well.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/permissions.html
    """
    return bare_api(t, title, None, STAGE, {}, {}, front=front)


def private_service_api(t: ScenarioTemplate, title: str, endpoint: Any, front: Front | None = None) -> RestApi:
    """The same, reached through VPC endpoints only, and in DNS by this one.

    Its policy holds no parameter, since a deployment freezes it: who of this account may invoke a method is said by its
    role. https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-apis.html
    """
    configuration = apigateway.EndpointConfiguration(Types=["PRIVATE"], VpcEndpointIds=[endpoint])
    policy = encode_to_dict(grants.invoked_by_account())  # troposphere takes no other policy here
    return bare_api(t, title, None, STAGE, {"EndpointConfiguration": configuration, "Policy": policy}, {}, front=front)


def private_name(api: RestApi, host: str, *, domain: Spec, certificate: Spec, endpoint: Spec) -> Any:
    """The address of a private API: `https://<host>.<domain>` where there is a private domain, else its own.

    The platform's private zone leads all names of the domain to the VPC endpoint; this one is answered to what comes
    through that endpoint. Makes `<api>Domain`, `<api>DomainPath` and `<api>DomainAccess`.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-custom-domains.html
    """
    t, title = api.t, f"{api.title}Domain"
    named = given(t, domain)
    name = Sub(f"{host}.${{{parameter(t, domain).title}}}")
    through = Ref(parameter(t, endpoint))
    made = t.put(
        apigateway.DomainNameV2(
            title,
            CertificateArn=Ref(parameter(t, certificate)),
            DomainName=name,
            EndpointConfiguration=apigateway.EndpointConfiguration(Types=["PRIVATE"]),
            Policy=encode_to_dict(grants.named_through(through)),
            SecurityPolicy="TLS_1_2",
        ),
        when=named,
    )
    arn = GetAtt(made, "DomainNameArn")
    path = apigateway.BasePathMappingV2(
        f"{title}Path", DomainNameArn=arn, RestApiId=Ref(api.resource), Stage=Ref(api.stage)
    )
    t.put(path, when=named)
    access = apigateway.DomainNameAccessAssociation(
        f"{title}Access", AccessAssociationSource=through, AccessAssociationSourceType="VPCE", DomainNameArn=arn
    )
    t.put(access, when=named)
    return If(named, Sub(f"https://{host}.${{{domain.name}}}"), address(api, endpoint))


def stage_arn(api: RestApi) -> Any:
    """The ARN that the rights to invoke a method of the API begin with."""
    return Sub(
        f"arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{api.title}}}/"
        f"${{{api.stage.title}}}"
    )


def address(api: RestApi, endpoint: Spec | None = None) -> Any:
    """The API's own address, without a / at its end; of a private one through the endpoint of that parameter."""
    host = f"${{{api.title}}}" + (f"-${{{endpoint.name}}}" if endpoint else "")
    return Sub(f"https://{host}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/${{{api.stage.title}}}")


def own_name(api: RestApi, host: str, *, domain: Spec, certificate: Spec, zone: Spec) -> Any:
    """The address of the API: `https://<host>.<domain>` where there is a domain, else its own.

    Makes `<api>Domain`, `<api>DomainPath` and, where the zone is known, `<api>DomainRecord`; an IPv4 alias.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-regional-api-custom-domain-create.html
    """
    t, title = api.t, f"{api.title}Domain"
    named = given(t, domain)
    name = Sub(f"{host}.${{{parameter(t, domain).title}}}")
    made = t.put(
        apigateway.DomainName(
            title,
            DomainName=name,
            EndpointConfiguration=apigateway.EndpointConfiguration(Types=["REGIONAL"]),
            RegionalCertificateArn=Ref(parameter(t, certificate)),
            SecurityPolicy="TLS_1_2",
        ),
        when=named,
    )
    path = apigateway.BasePathMapping(
        f"{title}Path", DomainName=Ref(made), RestApiId=Ref(api.resource), Stage=Ref(api.stage)
    )
    t.put(path, when=named)
    alias = route53.AliasTarget(
        DNSName=GetAtt(made, "RegionalDomainName"), HostedZoneId=GetAtt(made, "RegionalHostedZoneId")
    )
    record = route53.RecordSetType(
        f"{title}Record", AliasTarget=alias, HostedZoneId=Ref(parameter(t, zone)), Name=name, Type="A"
    )
    t.put(record, when=all_of(t, named, given(t, zone)))
    outputs.output(
        t,
        "DomainTarget",
        GetAtt(made, "RegionalDomainName"),
        "Point the service's name here when your DNS is not in the platform's hosted zone.",
        when=named,
    )
    return If(named, Sub(f"https://{host}.${{{domain.name}}}"), address(api))
