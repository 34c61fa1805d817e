"""What functions are told without being let do anything by it, and the numbers that they put where alarms see them."""

from __future__ import annotations

from troposphere import Ref

from .. import grants
from ..blocks.awslambda import Function
from ..blocks.cognito import Group, UserPool
from ..blocks.iam import grant
from ..conditions import choose
from ..parameters import Spec, parameter
from ..template import Node
from .ends import expect_end, stays_outside, tell, variable


def knows(function: Function, **settings: Spec | Node) -> None:
    """The function knows these settings by these names: of a parameter its value, of a node whether it is on or off."""
    expect_end(function, Function, "knows")
    for name, setting in settings.items():
        if isinstance(setting, Spec):
            tell(function, name, Ref(parameter(function.t, setting)), None)
        else:
            expect_end(setting, Node, f"knows {name}")
            tell(function, name, choose(setting.when, "on", "off"), None)


def names_pool(function: Function, users: UserPool) -> None:
    """The function tells callers which pool they sign in to; it has no right there."""
    expect_end(function, Function, "names")
    expect_end(users, UserPool, "names")
    tell(function, variable(users, "POOL_ID"), Ref(users.resource), users.when)
    function.t.record(function, "names", users)


def invites(source: Node, group: Group) -> None:
    """`source`, who is an administrator, makes users of the pool and puts them into the group."""
    expect_end(group, Group, "invites")
    source.t.record(source, "invites", group)


def puts_metrics(function: Function) -> None:
    """The function puts numbers into the namespace of its scenario, under the name of the stack."""
    expect_end(function, Function, "puts metrics")
    stays_outside(function, "CloudWatch")
    namespace = f"troposphere-arch/{function.t.scenario}"
    grant(function.role, "PutMetrics", grants.put_metrics(namespace))
    tell(function, "NAMESPACE", namespace, None)
    tell(function, "STACK", Ref("AWS::StackName"), None)
