"""Records of Route 53: where the domain names of a stack point.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-choosing-alias-non-alias.html
"""

from __future__ import annotations

from typing import Any

from troposphere import Ref, route53

from .. import parameters
from ..conditions import all_of, given
from ..parameters import Spec, parameter
from ..template import ScenarioTemplate


def alias(
    t: ScenarioTemplate, title: str, name: Spec, target: Any, *, kind: str = "A", when: str | None = None
) -> route53.RecordSetType:
    """A record in the zone of `HostedZoneId` that means the target: there when the zone and the name are given."""
    made: route53.RecordSetType = t.put(
        route53.RecordSetType(
            title,
            AliasTarget=target,
            HostedZoneId=Ref(parameter(t, parameters.HOSTED_ZONE)),
            Name=Ref(parameter(t, name)),
            Type=kind,
        ),
        when=all_of(t, when, given(t, name), given(t, parameters.HOSTED_ZONE)),
    )
    return made
