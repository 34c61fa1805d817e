"""What stands between the API of a service and what answers: a load balancer inside the platform's network.

Api ──VPC link──▶ Balancer ──▶ Targets ──▶ tasks, servers, a function
                     ├──by weights──▶ Targets of two other stacks
                     └──X-Version──▶ Targets of one of these, to try it

The load balancer has no public address, and each security group knows the next one only: the link reaches the load
balancer, and that reaches what answers, at one port each.
https://docs.aws.amazon.com/apigateway/latest/developerguide/private-integration.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from troposphere import (
    And,
    Condition,
    Equals,
    FindInMap,
    GetAtt,
    If,
    Join,
    Not,
    Ref,
    Select,
    Split,
    Sub,
    apigatewayv2,
    awslambda,
    ec2,
    elasticloadbalancingv2,
)

from .. import parameters
from ..conditions import all_of, any_of, condition, given, optional, switched_on
from ..parameters import Spec, parameter
from ..template import Node, ScenarioTemplate
from .awslambda import Function
from .elasticloadbalancingv2 import HTTP, HTTPS, IDLE_SECONDS, TLS, forward
from .network import nothing, reaches

# By this header a request asks for one of the versions behind a front, whatever their weights are.
VERSION_HEADER = "X-Version"
# API Gateway waits for an answer for so long, and not longer: a target that is to go has that time, and a second.
DRAIN_SECONDS = 30
# Health is answered by who answers requests, in turn. Whoever is unhealthy is replaced, and others get what it did: so
# under much load one is given a minute before it is.
HEALTH = {
    "HealthCheckIntervalSeconds": 10,
    "HealthCheckTimeoutSeconds": 9,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 6,
}
ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": str(DRAIN_SECONDS),
    # A target that fails more than the others gets less. With this there is no slow start, which is for what has to
    # warm up first: a target is asked once it has answered its health checks.
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
    "load_balancing.algorithm.anomaly_mitigation": "on",
    "load_balancing.algorithm.type": "weighted_random",
}
NOBODY = {"error": "Unavailable", "message": "No version of this service is there."}
WEIGHTS = "Weights"


@dataclass(frozen=True)
class Front(Node):
    """A load balancer with one listener, and the VPC link by which an API reaches it, each with its security group.

    `secure` is the condition that it has a certificate: then it listens for HTTPS, else for HTTP. `host` is the name
    that it is asked by.
    """

    resource: elasticloadbalancingv2.LoadBalancer
    group: ec2.SecurityGroup
    link: apigatewayv2.VpcLink
    listener: elasticloadbalancingv2.Listener
    secure: str
    host: Any = field(repr=False)

    @property
    def full_name(self) -> Any:
        """What metrics call it."""
        return GetAtt(self.resource, "LoadBalancerFullName")


@dataclass(frozen=True)
class Targets(Node):
    """A target group that belongs to a load balancer once the resources called `after` are there.

    `balancer` is what metrics call that load balancer.
    """

    resource: elasticloadbalancingv2.TargetGroup
    after: tuple[str, ...]
    balancer: Any = field(repr=False)

    @property
    def asked_for_health(self) -> bool:
        """Whether the load balancer asks its targets how they are: a function is not asked."""
        return bool(self.resource.TargetType != "lambda")


def front(
    t: ScenarioTemplate,
    title: str,
    host: str,
    actions: list[Any],
    *,
    vpc: Any,
    subnets: Any,
    domain: Spec,
    certificate: Spec,
) -> Front:
    """A load balancer in the subnets (ids separated by commas), whose listener does `actions` with what no rule takes.

    With a domain it is asked as `<host>.<domain>` over TLS with the domain's certificate; the name is in no DNS, since
    the link leads to it. Without one it is asked over HTTP, inside the network and from the link only.

    Makes `<title>`, `<title>Group`, `<title>Listener`, `<title>Link`, `<title>LinkGroup`, the way from the one group
    into the other, and the output `<title>Name`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-elasticloadbalancingv2-loadbalancer.html
    """
    secure = given(t, domain)
    port = If(secure, HTTPS, HTTP)
    link_group = closed_group(t, f"{title}LinkGroup", "The VPC link: out to the load balancer, nothing in.", vpc)
    group = closed_group(t, f"{title}Group", "The load balancer: in from the VPC link, out to its targets.", vpc)
    private = Split(",", subnets)
    balancer = t.put(
        elasticloadbalancingv2.LoadBalancer(
            title,
            LoadBalancerAttributes=[
                elasticloadbalancingv2.LoadBalancerAttributes(Key=key, Value=value)
                for key, value in (
                    (
                        "deletion_protection.enabled",
                        If(switched_on(t, parameters.DELETION_PROTECTION), "true", "false"),
                    ),
                    ("idle_timeout.timeout_seconds", str(IDLE_SECONDS)),
                    ("routing.http.drop_invalid_header_fields.enabled", "true"),
                )
            ],
            Scheme="internal",
            SecurityGroups=[GetAtt(group, "GroupId")],
            Subnets=private,
            Type="application",
        )
    )
    listener = t.put(
        elasticloadbalancingv2.Listener(
            f"{title}Listener",
            Certificates=optional(
                secure, [elasticloadbalancingv2.Certificate(CertificateArn=Ref(parameter(t, certificate)))]
            ),
            DefaultActions=actions,
            LoadBalancerArn=Ref(balancer),
            Port=port,
            Protocol=If(secure, "HTTPS", "HTTP"),
            SslPolicy=optional(secure, TLS),
        )
    )
    link = apigatewayv2.VpcLink(
        f"{title}Link",
        Name=Ref("AWS::StackName"),  # a display name
        SecurityGroupIds=[GetAtt(link_group, "GroupId")],
        SubnetIds=private,
    )
    reaches(t, link_group, group, port, by=link)
    t.put(link)
    name = If(secure, Sub(f"{host}.${{{parameter(t, domain).title}}}"), GetAtt(balancer, "DNSName"))
    return Front(t, title, balancer, group, link, listener, secure, name)


def targets(
    t: ScenarioTemplate, title: str, *, kind: str, port: int, health: str, vpc: Any
) -> elasticloadbalancingv2.TargetGroup:
    """A group of tasks (`ip`) or servers (`instance`) that answer at the port, and 200 at the path `health`.

    Who registers them waits until it belongs to a load balancer.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
    """
    made: elasticloadbalancingv2.TargetGroup = t.put(
        elasticloadbalancingv2.TargetGroup(
            title,
            **HEALTH,
            HealthCheckEnabled=True,
            HealthCheckPath=health,
            HealthCheckProtocol="HTTP",
            Matcher=elasticloadbalancingv2.Matcher(HttpCode="200"),
            Port=port,
            Protocol="HTTP",
            TargetGroupAttributes=[
                elasticloadbalancingv2.TargetGroupAttribute(Key=key, Value=value) for key, value in ATTRIBUTES.items()
            ],
            TargetType=kind,
            VpcId=vpc,
        )
    )
    return made


def function_targets(t: ScenarioTemplate, title: str, function: Function) -> elasticloadbalancingv2.TargetGroup:
    """A group whose one target is the function, or its alias. Makes `<title>` and `<title>To<function>`.

    AWS takes a function only once the group may invoke it, and that right is for the group's ARN: so its name is made
    here, of the stack's id, and no stack has another's. It never has to be replaced. The function gets all values of a
    header: of the last one alone it would not know whether API Gateway or a client has said it.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
    """
    parts = Split("-", Select(2, Split("/", Ref("AWS::StackId"))))
    name = Join("-", ["t", Select(0, parts), Select(1, parts), Select(4, parts)])
    arn = "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:targetgroup/${Name}/*"
    right = awslambda.Permission(
        f"{title}To{function.title}",
        Action="lambda:InvokeFunction",
        FunctionName=function.admits,
        Principal="elasticloadbalancing.amazonaws.com",
        SourceArn=Sub(arn, Name=name),
    )
    t.put(right)
    made: elasticloadbalancingv2.TargetGroup = t.put(
        elasticloadbalancingv2.TargetGroup(
            title,
            HealthCheckEnabled=False,  # each would be an invocation; the function has alarms of its own
            Name=name,
            TargetGroupAttributes=[
                elasticloadbalancingv2.TargetGroupAttribute(Key="lambda.multi_value_headers.enabled", Value="true")
            ],
            TargetType="lambda",
            Targets=[elasticloadbalancingv2.TargetDescription(Id=function.arn)],
            DependsOn=right.title,
        )
    )
    return made


def by_weights(t: ScenarioTemplate, one: Spec, other: Spec, weight: Spec) -> list[Any]:
    """What a listener does with a request: it goes to one of two target groups, or there is none, and it is told so.

    The parameters `one` and `other` are their ARNs, or none. The other gets `weight` of a hundred requests and the one
    all that are left; a group that is alone gets all. Makes the mapping `Weights`, in which each weight has what is
    left of a hundred, so that both always add up.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html
    """
    if WEIGHTS not in t.mappings:
        t.add_mapping(WEIGHTS, {str(n): {"Left": str(100 - n)} for n in range(101)})
    has_one, has_other = given(t, one), given(t, other)
    # The same group for both would be refused, and is one.
    apart = Not(Equals(Ref(parameter(t, one)), Ref(parameter(t, other))))
    beside = condition(t, "VersionsDiffer", And(Condition(has_other), apart))
    both = all_of(t, has_one, beside)
    share = Ref(parameter(t, weight))
    tuples = elasticloadbalancingv2.TargetGroupTuple
    groups = [
        optional(
            has_one,
            tuples(TargetGroupArn=Ref(parameter(t, one)), Weight=If(both, FindInMap(WEIGHTS, share, "Left"), 100)),
        ),
        optional(beside, tuples(TargetGroupArn=Ref(parameter(t, other)), Weight=If(both, share, 100))),
    ]
    answer = elasticloadbalancingv2.FixedResponseConfig(
        ContentType="application/json", MessageBody=json.dumps(NOBODY), StatusCode="503"
    )
    weighed = elasticloadbalancingv2.Action(
        ForwardConfig=elasticloadbalancingv2.ForwardConfig(TargetGroups=groups), Type="forward"
    )
    nobody = elasticloadbalancingv2.Action(FixedResponseConfig=answer, Type="fixed-response")
    return [If(any_of(t, has_one, has_other), weighed, nobody)]


def by_name(
    t: ScenarioTemplate, title: str, group: elasticloadbalancingv2.TargetGroup, *, listener: Any, name: str, place: int
) -> elasticloadbalancingv2.ListenerRule:
    """The rule at the `place` among those of the listener: requests that ask for this name go to the target group.

    By it the group belongs to a load balancer as well, also while no weight leads to it.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
    """
    asked = elasticloadbalancingv2.HttpHeaderConfig(HttpHeaderName=VERSION_HEADER, Values=[name])
    made: elasticloadbalancingv2.ListenerRule = t.put(
        elasticloadbalancingv2.ListenerRule(
            title,
            Actions=[elasticloadbalancingv2.ListenerRuleAction(TargetGroupArn=Ref(group), Type="forward")],
            Conditions=[elasticloadbalancingv2.Condition(Field="http-header", HttpHeaderConfig=asked)],
            ListenerArn=listener,
            Priority=place,
        )
    )
    return made


def to(group: elasticloadbalancingv2.TargetGroup) -> list[Any]:
    """What a listener does with a request: it goes to this target group."""
    return [forward(group)]


def leads_to(balancer: Front, group: ec2.SecurityGroup, port: int) -> None:
    """The load balancer reaches what has the security group, at this port; the listener comes after that."""
    reaches(balancer.t, balancer.group, group, port, by=balancer.listener)


def reached_from(t: ScenarioTemplate, balancer: Any, group: ec2.SecurityGroup, port: int) -> tuple[str, ...]:
    """The same from another stack's load balancer, by the id of its security group. Gives the titles of what says so.

    Both ways are this stack's, and go with it: the other stack knows nothing of them.
    """
    common = {"FromPort": port, "IpProtocol": "tcp", "ToPort": port}
    out = ec2.SecurityGroupEgress(
        f"BalancerTo{group.title}",
        Description=f"To {group.title}",
        DestinationSecurityGroupId=GetAtt(group, "GroupId"),
        GroupId=balancer,
        **common,
    )
    way_in = ec2.SecurityGroupIngress(
        f"{group.title}FromBalancer",
        Description="From the load balancer",
        GroupId=GetAtt(group, "GroupId"),
        SourceSecurityGroupId=balancer,
        **common,
    )
    return t.put(out).title, t.put(way_in).title


def name_of(listener: Any) -> Any:
    """What metrics call the load balancer of a listener, from the listener's ARN."""
    parts = Split("/", listener)
    return Join("/", ["app", Select(2, parts), Select(3, parts)])


def closed_group(t: ScenarioTemplate, title: str, what: str, vpc: Any) -> ec2.SecurityGroup:
    """A security group in the VPC that lets nothing in or out, but for what arrows add."""
    made: ec2.SecurityGroup = t.put(
        ec2.SecurityGroup(title, GroupDescription=what, SecurityGroupEgress=[nothing()], VpcId=vpc)
    )
    return made
