"""What lint may say of our templates all the same: each exemption names template, rule, resource and reason.

An exemption that no finding needs any more is itself a finding.
"""

from __future__ import annotations

from .lint import Exemption

_METRICS = (
    "CloudFront puts the metrics of every distribution into one region, wherever the stack is, and nothing that a "
    "template can ask says which: whoever reads them must name it."
)
_HTTP = (
    "A load balancer without a certificate speaks HTTP only, and so does CloudFront to it then: no key is sent, and "
    "a rule refuses to enforce the edge. Who gives a certificate has HTTPS."
)

EXEMPTIONS: tuple[Exemption, ...] = (
    Exemption("blog.template.json", "E9004", "WatchEdge", _METRICS),
    Exemption("edge-cache.template.json", "E9004", "WatchEdge", _METRICS),
    Exemption("edge-cache.template.json", "E9021", "Edge", _HTTP),
    Exemption("software-updates.template.json", "E9004", "WatchEdge", _METRICS),
    Exemption("software-updates.template.json", "E9021", "Edge", _HTTP),
)
