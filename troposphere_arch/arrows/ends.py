"""The ends of arrows: what may be there, and what an arrow tells a function about the other end."""

from __future__ import annotations

from typing import Any

from troposphere import Ref, encode_to_dict

from .. import grants, parameters
from ..blocks.awslambda import Function
from ..blocks.ecs import Task
from ..blocks.iam import grant
from ..blocks.servers import Servers
from ..conditions import all_of, given, optional
from ..parameters import parameter
from ..template import Node, ScenarioTemplate

Program = Function | Task | Servers
"""Code that runs under a role of its own and is told by variables what it may use."""


def expect_end(node: Node, kind: type[Node], arrow: str) -> None:
    """Say which end of an arrow is wrong, before it fails somewhere inside."""
    if not isinstance(node, kind):
        raise TypeError(f"{arrow}: {node.title} is a {type(node).__name__}, where a {kind.__name__} belongs")


def tell(program: Program, variable: str, value: Any, when: str | None) -> None:
    """Give a program the address of what it may use, under the condition that this is there.

    Where the program itself is there only then, nothing is left to decide. Raises ValueError for a variable that it is
    given already and that says something else.
    """
    variables = program.variables
    told = optional(beside(program, when), value)
    if variable in variables and encode_to_dict(variables[variable]) != encode_to_dict(told):
        raise ValueError(f"{program.title} would be given {variable} twice, for two different things: rename one")
    variables[variable] = told


def beside(program: Program, when: str | None) -> str | None:
    """The condition `when`, as something of the program's own needs it: none if the program is under the same one."""
    return None if when == program.when else when


def stays_outside(function: Function, other: str) -> None:
    """Note that the function uses what no network of ours has an endpoint for; raises ValueError if it is in one."""
    if function.places:
        raise ValueError(
            f"{function.title} cannot reach {other} from inside a network: no arrow makes an endpoint for that; give "
            "the work to a function outside"
        )
    function.outside.append(other)


def variable(node: Node, what: str) -> str:
    """`Todos`, `TABLE` -> `TODOS_TABLE`; `ReadTodos` -> `READ_TODOS_...`."""
    words = "".join(f"_{c}" if c.isupper() else c.upper() for c in node.title).strip("_")
    return f"{words}_{what}"


def uses_key(t: ScenarioTemplate, role: Any, name: str, service: str, *, write: bool, when: str | None) -> None:
    """When data is under the user's own key, whoever uses the data uses the key too, through that service only."""
    key = Ref(parameter(t, parameters.KMS_KEY))
    own_key = all_of(t, when, given(t, parameters.KMS_KEY))
    grant(role, name, grants.use_key(key, service, write=write), when=own_key)
