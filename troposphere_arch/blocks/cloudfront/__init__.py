"""Distributions of CloudFront: what readers and devices reach, wherever they are.

`pages` is a distribution of a site and its API, `downloads` one of files that never change, before a load balancer;
`distribution` is what both have, `policies` how long they keep what.
"""

from .distribution import METRICS_REGION, Distribution, alias_of
from .downloads import DownloadDistribution, Source, download_distribution, keep, vpc_origin
from .pages import PageDistribution, behave, let_call, page_distribution, pass_on, serve_files, serve_pages

__all__ = [
    "METRICS_REGION",
    "Distribution",
    "DownloadDistribution",
    "PageDistribution",
    "Source",
    "alias_of",
    "behave",
    "download_distribution",
    "keep",
    "let_call",
    "page_distribution",
    "pass_on",
    "serve_files",
    "serve_pages",
    "vpc_origin",
]
