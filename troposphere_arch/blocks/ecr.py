"""Repositories of images, and images that come from elsewhere."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from troposphere import GetAtt, Join, Ref, Select, Split, ecr

from .. import outputs, parameters
from ..parameters import parameter
from ..template import Node, ScenarioTemplate

# So many images with a tag are kept: one that runs is among the newest, and each costs 0.10 USD a GB and month, of
# which an image that differs in the service's code alone has next to nothing of its own.
KEPT = 50
# What a build left without a tag is of no use to anybody.
UNTAGGED_DAYS = 1
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
_IN_ECR = re.compile(
    r"(?P<account>[0-9]{12})\.dkr[.-]ecr(-fips)?\.(?P<region>[a-z0-9-]+)\."
    r"(amazonaws\.com(\.cn)?|on\.aws|on\.amazonwebservices\.com\.cn)/(?P<name>[a-z0-9._/-]+)"
)
# Of the regions that begin so; all others are in `aws`.
_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


@dataclass(frozen=True)
class Images(Node):
    """Where images are: `uri` is their address without a tag, `arn` what the right to pull is about, None without."""

    uri: Any
    arn: Any

    @property
    def tagged(self) -> Any:
        """The one that `ImageTag` names."""
        return Join(":", [self.uri, Ref(parameter(self.t, parameters.containers.IMAGE_TAG))])


def repository(t: ScenarioTemplate, title: str) -> Images:
    """A repository whose images are scanned when they are pushed, and whose tags never come to mean another image.

    It stays when the stack goes, with its images. It is under the encryption that ECR has by itself, and not under the
    key of `KmsKeyArn`: another key would be another, empty repository, without the image that runs. Images hold code.
    Makes `<title>` and the output `<title>Uri`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ecr-repository.html
    """
    rules = [
        {
            "rulePriority": 1,
            "description": "What has no tag goes",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": UNTAGGED_DAYS,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "description": f"The last {KEPT} stay",
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["*"],
                "countType": "imageCountMoreThan",
                "countNumber": KEPT,
            },
            "action": {"type": "expire"},
        },
    ]
    made = ecr.Repository(
        title,
        ImageScanningConfiguration=ecr.ImageScanningConfiguration(ScanOnPush=True),
        ImageTagMutability="IMMUTABLE",
        # https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
        LifecyclePolicy=ecr.LifecyclePolicy(LifecyclePolicyText=json.dumps({"rules": rules})),
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
    t.put(made)
    uri = GetAtt(made, "RepositoryUri")
    outputs.output(t, f"{title}Uri", uri, "Where images are pushed to; ImageTag names the one that runs.")
    return Images(t, title, uri, GetAtt(made, "Arn"))


def elsewhere(t: ScenarioTemplate, title: str, address: str) -> Images:
    """Images of a repository that another stack or somebody else has, at this address unless a parameter says another.

    One of ECR is known by its ARN, from which its address follows; who has it must let this account pull, when it is
    another's. Of any other nothing is to be granted: it has to be public.
    https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html
    """
    words = parameters.containers
    found = _IN_ECR.fullmatch(address)
    if found is None:
        return Images(t, title, Ref(parameter(t, replace(words.IMAGE_REPOSITORY, default=address))), None)
    region = found["region"]
    partition = next((name for begin, name in _PARTITIONS.items() if region.startswith(begin)), "aws")
    known = f"arn:{partition}:ecr:{region}:{found['account']}:repository/{found['name']}"
    arn = Ref(parameter(t, replace(words.IMAGE_REPOSITORY_ARN, default=known)))
    parts = Split(":", arn)
    name = Select(1, Split(":repository/", arn))
    host = Join(".", [Select(4, parts), "dkr.ecr", Select(3, parts), Ref("AWS::URLSuffix")])
    return Images(t, title, Join("/", [host, name]), arn)
