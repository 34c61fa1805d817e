"""Secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Equals, If, Or, Ref, Sub, secretsmanager

from .. import parameters
from ..conditions import all_of, condition, equals
from ..parameters import parameter
from ..template import Node, ScenarioTemplate

# API Gateway takes 20 to 128 characters.
LENGTH = 64


@dataclass(frozen=True)
class Key:
    """One key of those that go round: its number, its secret, and the condition under which it is there and valid."""

    number: str
    resource: secretsmanager.Secret
    valid: str

    @property
    def value(self) -> Any:
        """What the secret holds, for CloudFormation to put in when it deploys: it is in no template and no output.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
        """
        return Sub(f"{{{{resolve:secretsmanager:${{{self.resource.title}}}}}}}")


@dataclass(frozen=True)
class OriginKey(Node):
    """A key by which an origin knows its distribution: four that go round, of which two are there at any time."""

    keys: tuple[Key, ...]

    def sent(self, of: Any) -> Any:
        """What `of` gives for the key that is sent: the one of the number that `OriginKeyRotation` says."""
        *first, last = self.keys
        chosen = of(last)
        for key in reversed(first):
            sent = equals(self.t, f"{key.resource.title}IsSent", parameters.ORIGIN_KEY_ROTATION, key.number)
            chosen = If(sent, of(key), chosen)
        return chosen


def origin_key(t: ScenarioTemplate, title: str, *, of: str = "API", when: str | None = None) -> OriginKey:
    """Keys 1 to 4 by which the `of` knows its distribution, each generated when its turn comes.

    Two are there: the one that is sent, and the one that was sent before it; none at all unless `when` holds.
    CloudFormation reads a secret again only where the reference changes, so a new key is a new secret, and not another
    value of the old one. A step of `OriginKeyRotation` makes the next secret, sends it, and only after that, when the
    update cleans up, removes the one before the last. None has a name of ours: a name would be taken for as long as
    Secrets Manager keeps a deleted secret, and going round would fail.

    Makes `<title>1` to `<title>4`. Secrets Manager bills 0.40 USD a month for each that is there.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-secretsmanager-secret.html
    """
    rotation = parameter(t, parameters.ORIGIN_KEY_ROTATION)
    numbers = parameters.ORIGIN_KEY_ROTATION.allowed
    keys = []
    for number, following in zip(numbers, (*numbers[1:], numbers[0]), strict=True):
        its_turn = condition(
            t, f"{title}{number}IsValid", Or(*(Equals(Ref(rotation), one) for one in (number, following)))
        )
        valid = all_of(t, its_turn, when) or its_turn
        secret = secretsmanager.Secret(
            f"{title}{number}",
            Description=Sub(f"A key by which the {of} of ${{AWS::StackName}} knows its distribution"),
            GenerateSecretString=secretsmanager.GenerateSecretString(ExcludePunctuation=True, PasswordLength=LENGTH),
            # Nothing is lost with it: CloudFormation makes another, and whoever knows the key is told.
            DeletionPolicy="Delete",
            UpdateReplacePolicy="Delete",
        )
        keys.append(Key(number, t.put(secret, when=valid), valid))
    return OriginKey(t, title, tuple(keys), when=when)
