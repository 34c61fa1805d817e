"""Parameter Store: what a stack tells others, and what it finds of others there. No exports, which would lock updates.

stack ──/shop/stock/address──▶ Parameter Store ──at each create and update──▶ other stacks
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from troposphere import Ref, Sub, ssm

from .. import parameters
from ..parameters import Spec, parameter
from ..template import Node, ScenarioTemplate


@dataclass(frozen=True)
class Neighbour(Node):
    """Something outside of the stack that is found in Parameter Store: `finds` has a parameter for each thing it tells.

    A service's own name is `name`; its `title` stands for it in pictures.
    """

    name: str
    finds: dict[str, Spec] = field(default_factory=dict, repr=False)

    def told(self, what: str) -> Any:
        """A reference to what it tells, such as its `address`; the template has a parameter for it from then on."""
        return Ref(parameter(self.t, self.finds[what]))


def tells(t: ScenarioTemplate, title: str, service: str, what: str, value: Any, description: str) -> ssm.Parameter:
    """Tell others `value` as `/<SystemName>/<service>/<what>`. The name is an interface, as an output's is.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ssm-parameter.html
    """
    parameter(t, parameters.services.SYSTEM_NAME)
    made: ssm.Parameter = t.put(
        ssm.Parameter(
            title,
            Description=description,
            Name=Sub(f"/${{{parameters.services.SYSTEM_NAME.name}}}/{service}/{what}"),
            Type="String",
            Value=value,
        )
    )
    return made
