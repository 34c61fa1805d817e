"""Rules of a load balancer's listener: who is answered, by a key that the edge sends, and who is not.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/restrict-access-to-load-balancer.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Ref, elasticloadbalancingv2

from .. import parameters
from ..conditions import all_of, equals, given, optional
from ..parameters import parameter
from ..template import Node, ScenarioTemplate
from .secretsmanager import OriginKey

FORBIDDEN = "403"


@dataclass(frozen=True)
class ForeignBalancer(Node):
    """A load balancer that is none of the stack's: its parameters say where it is and what its listener is.

    `ruled` is the condition that the stack may add rules to its listener.
    """

    ruled: str


def foreign_balancer(t: ScenarioTemplate, title: str) -> ForeignBalancer:
    """A load balancer that somebody already has, by its domain name; with `ListenerArn` rules can be added to it.

    Makes nothing: what is there stays as it is.
    """
    parameters.both_or_neither(t, parameters.updates.LISTENER, parameters.updates.TARGET_GROUP)
    return ForeignBalancer(t, title, given(t, parameters.updates.LISTENER))


def accept_keys(
    title: str,
    key: OriginKey,
    *,
    listener: Any,
    targets: Any,
    header: Any,
    priority: Any,
) -> elasticloadbalancingv2.ListenerRule:
    """The rule `<title>Keys`: requests with one of the keys that are valid in the header go to the targets.

    A load balancer compares without regard to upper and lower case, and * and ? stand for anything; keys have neither.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
    """
    valid = [optional(one.valid, one.value) for one in key.keys]
    of_key = elasticloadbalancingv2.HttpHeaderConfig(HttpHeaderName=header, Values=valid)
    made: elasticloadbalancingv2.ListenerRule = key.t.put(
        elasticloadbalancingv2.ListenerRule(
            f"{title}Keys",
            Actions=[elasticloadbalancingv2.ListenerRuleAction(TargetGroupArn=targets, Type="forward")],
            Conditions=[elasticloadbalancingv2.Condition(Field="http-header", HttpHeaderConfig=of_key)],
            ListenerArn=listener,
            Priority=priority,
        ),
        when=key.when,
    )
    return made


def refuse_others(
    title: str, edge: Node, key: OriginKey, *, listener: Any, priority: Any, when: str | None
) -> elasticloadbalancingv2.ListenerRule:
    """The rule `<title>Refusal`: 403 for every request that no rule before it has taken.

    It comes after the distribution, which has to send the key by then, and goes before it.
    """
    answer = elasticloadbalancingv2.FixedResponseConfig(
        ContentType="text/plain", MessageBody="Ask the edge.", StatusCode=FORBIDDEN
    )
    everything = elasticloadbalancingv2.PathPatternConfig(Values=["*"])
    made: elasticloadbalancingv2.ListenerRule = key.t.put(
        elasticloadbalancingv2.ListenerRule(
            f"{title}Refusal",
            Actions=[elasticloadbalancingv2.ListenerRuleAction(FixedResponseConfig=answer, Type="fixed-response")],
            Conditions=[elasticloadbalancingv2.Condition(Field="path-pattern", PathPatternConfig=everything)],
            DependsOn=[f"{title}Keys", edge.title],
            ListenerArn=listener,
            Priority=priority,
        ),
        when=when,
    )
    return made


def enforced(t: ScenarioTemplate) -> str:
    """The condition that nobody passes by the edge."""
    return equals(t, "EdgeIsEnforced", parameters.updates.EDGE_CACHE, "enforced")


def guard(balancer: ForeignBalancer, edge: Node, key: OriginKey) -> elasticloadbalancingv2.ListenerRule:
    """Rules on the listener of `ListenerArn`: for requests with a key, and, once enforced, one that refuses all others.

    Makes `<title>Keys`, which it gives, and `<title>Refusal`.
    """
    t = balancer.t
    listener = Ref(parameter(t, parameters.updates.LISTENER))
    rule = accept_keys(
        balancer.title,
        key,
        listener=listener,
        targets=Ref(parameter(t, parameters.updates.TARGET_GROUP)),
        header=Ref(parameter(t, parameters.updates.HEADER_NAME)),
        priority=Ref(parameter(t, parameters.updates.KEY_PRIORITY)),
    )
    refuse_others(
        balancer.title,
        edge,
        key,
        listener=listener,
        priority=Ref(parameter(t, parameters.updates.REFUSAL_PRIORITY)),
        when=all_of(t, balancer.ruled, enforced(t)),
    )
    return rule
