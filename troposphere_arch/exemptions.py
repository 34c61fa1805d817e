"""What lint may say of our templates all the same: each exemption names template, rule, resource and reason.

An exemption that no finding needs any more is itself a finding.
"""

from __future__ import annotations

from .lint import Exemption

EXEMPTIONS: tuple[Exemption, ...] = (
    Exemption(
        "blog.template.json",
        "E9004",
        "WatchEdge",
        "CloudFront puts the metrics of every distribution into one region, wherever the stack is, and nothing that a "
        "template can ask says which: whoever reads them must name it.",
    ),
)
