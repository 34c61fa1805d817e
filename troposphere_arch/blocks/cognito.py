"""User pools, app clients and identity pools.

What CloudFormation cannot change in place without a new pool, and with it the loss of every user, is fixed here and
is no parameter: the sign-in attribute and its case sensitivity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, If, Ref, Sub, cognito, iam

from .. import grants, outputs, parameters
from ..conditions import any_of, choose, given, in_region, negated, switched_on
from ..parameters import Spec, both_or_neither, parameter
from ..template import Node, ScenarioTemplate
from .iam import role

# A literal: the emulator's sign-up fails when the length is a reference to a parameter.
MINIMUM_PASSWORD_LENGTH = 12
ID_TOKEN_MINUTES = 60
REFRESH_TOKEN_DAYS = 30
# The principal of identity pools, which is also the prefix of their condition keys and policy variables.
# https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-cog.html
ISSUER = "cognito-identity.amazonaws.com"
ISSUERS_ELSEWHERE = {
    "us-gov-west-1": "cognito-identity-us-gov.amazonaws.com",
    "us-gov-east-1": "cognito-identity.us-gov-east-1.amazonaws.com",
}


@dataclass(frozen=True)
class UserPool(Node):
    """The users of an app."""

    resource: cognito.UserPool


@dataclass(frozen=True)
class AppClient(Node):
    """An app that users of a pool sign in to."""

    resource: cognito.UserPoolClient
    users: UserPool


@dataclass(frozen=True)
class Group(Node):
    """A group of users, which their tokens name."""

    resource: cognito.UserPoolGroup
    users: UserPool


@dataclass(frozen=True)
class IdentityPool(Node):
    """What exchanges a user's token for short-lived AWS credentials, and the role that these have."""

    resource: cognito.IdentityPool
    role: iam.Role


def user_pool(t: ScenarioTemplate, title: str, **properties: Any) -> UserPool:
    """Users who sign in by e-mail address, with a strong password and, if they like, a TOTP app; retained on deletion.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cognito-userpool.html
    """
    return _pool(
        t, title, parameters.MAIL_FROM, parameters.MAIL_IDENTITY, "Users sign up and sign in here.", properties
    )


def invited_users(t: ScenarioTemplate, title: str, **properties: Any) -> UserPool:
    """Like `user_pool`, but nobody signs up: an administrator makes each user, whom Cognito sends a first password.

    Which is good for a week. The invitation is from `SenderAddress` if that is given, and calls the blog by its title.
    https://docs.aws.amazon.com/cognito/latest/developerguide/how-to-create-user-accounts.html
    """
    parameter(t, parameters.blog.TITLE)
    invitation = cognito.InviteMessageTemplate(
        EmailMessage=Sub(
            "You are invited to write for ${BlogTitle}. Sign in on its page /sign-in as {username}, and choose a "
            "password of your own there. The first one holds for a week: {####}"
        ),
        EmailSubject=Sub("You are invited to write for ${BlogTitle}"),
    )
    sender, identity = parameters.blog.SENDER_ADDRESS, parameters.blog.SENDER_IDENTITY
    only = cognito.AdminCreateUserConfig(AllowAdminCreateUserOnly=True, InviteMessageTemplate=invitation)
    more = {**properties, "AdminCreateUserConfig": only}
    return _pool(t, title, sender, identity, "Who may sign in; an administrator makes users here.", more, days=7)


def _pool(
    t: ScenarioTemplate, title: str, sender: Spec, identity: Spec, told: str, properties: dict[str, Any], days: int = 1
) -> UserPool:
    """A pool whose mails are from `sender`; a first password is good for so many days."""
    own_mail = given(t, sender)
    both_or_neither(t, sender, identity)
    arn = f"arn:${{AWS::Partition}}:ses:${{AWS::Region}}:${{AWS::AccountId}}:identity/${{{identity.name}}}"
    resource = cognito.UserPool(
        title,
        **{
            **properties,
            "AccountRecoverySetting": cognito.AccountRecoverySetting(
                RecoveryMechanisms=[cognito.RecoveryOption(Name="verified_email", Priority=1)]
            ),
            "AutoVerifiedAttributes": ["email"],
            "DeletionProtection": choose(switched_on(t, parameters.DELETION_PROTECTION), "ACTIVE", "INACTIVE"),
            "EmailConfiguration": choose(
                own_mail,
                cognito.EmailConfiguration(
                    EmailSendingAccount="DEVELOPER",
                    From=Ref(parameter(t, sender)),
                    SourceArn=Sub(arn),
                ),
                cognito.EmailConfiguration(EmailSendingAccount="COGNITO_DEFAULT"),
            ),
            "EnabledMfas": ["SOFTWARE_TOKEN_MFA"],
            "MfaConfiguration": "OPTIONAL",
            "Policies": cognito.Policies(
                PasswordPolicy=cognito.PasswordPolicy(
                    MinimumLength=MINIMUM_PASSWORD_LENGTH,
                    RequireLowercase=True,
                    RequireNumbers=True,
                    RequireSymbols=True,
                    RequireUppercase=True,
                    TemporaryPasswordValidityDays=days,
                )
            ),
            # A changed address counts only once the user has shown that it is theirs.
            "UserAttributeUpdateSettings": cognito.UserAttributeUpdateSettings(
                AttributesRequireVerificationBeforeUpdate=["email"]
            ),
            "UsernameAttributes": ["email"],
            "UsernameConfiguration": cognito.UsernameConfiguration(CaseSensitive=False),
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
        },
    )
    node = UserPool(t, title, t.put(resource))
    outputs.output(t, "UserPoolId", Ref(resource), told)
    return node


def app_client(t: ScenarioTemplate, title: str, users: UserPool, *, tells: tuple[str, ...] = ()) -> AppClient:
    """An app without a secret, which a phone could not keep: at sign-in users prove their password by SRP, not sent.

    It reads the address of its user, and with it the attributes that it `tells`, such as `name`: what it may not read
    is not in a user's token. Users change these themselves.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cognito-userpoolclient.html
    """
    resource = cognito.UserPoolClient(
        title,
        AccessTokenValidity=ID_TOKEN_MINUTES,
        EnableTokenRevocation=True,
        ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"],
        GenerateSecret=False,
        IdTokenValidity=ID_TOKEN_MINUTES,
        PreventUserExistenceErrors="ENABLED",
        ReadAttributes=["email", "email_verified", *tells],
        RefreshTokenValidity=REFRESH_TOKEN_DAYS,
        SupportedIdentityProviders=["COGNITO"],
        TokenValidityUnits=cognito.TokenValidityUnits(AccessToken="minutes", IdToken="minutes", RefreshToken="days"),
        UserPoolId=Ref(users.resource),
        WriteAttributes=["email", *tells],
        # Apps in the field hold the client's id, so it survives the stack as its pool does.
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
    outputs.output(t, "UserPoolClientId", Ref(resource), "The client id of the app; it is no secret.")
    return AppClient(t, title, t.put(resource), users)


def group(t: ScenarioTemplate, title: str, users: UserPool, *, name: str, description: str) -> Group:
    """A group of the pool's users. An administrator puts users into it; tokens have its name in `cognito:groups`.

    Retained on deletion, as its pool is: who is in it, only the group knows. Its name is an interface: handlers ask for
    it, and it is unique in its pool only.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cognito-userpoolgroup.html
    """
    resource = cognito.UserPoolGroup(
        title,
        Description=description,
        GroupName=name,
        UserPoolId=Ref(users.resource),
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
    return Group(t, title, t.put(resource), users)


def identity_pool(t: ScenarioTemplate, title: str, app: AppClient) -> IdentityPool:
    """Exchanges the token of a user who signed in to `app` for credentials that expire; guests get none.

    Makes `<title>`, `<title>Role` and `<title>Roles`. Retained on deletion, since the ids that it gave out are the
    prefixes of the users' files. https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-identity.html
    """
    resource = cognito.IdentityPool(
        title,
        AllowClassicFlow=False,
        AllowUnauthenticatedIdentities=False,
        CognitoIdentityProviders=[
            cognito.CognitoIdentityProvider(
                ClientId=Ref(app.resource),
                ProviderName=GetAtt(app.users.resource, "ProviderName"),
                # A user who was deleted or signed out everywhere gets no credentials for a token that is still valid.
                ServerSideTokenCheck=True,
            )
        ],
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
    t.put(resource)
    # The principal is the key of conditions, and a key cannot be an intrinsic function: hence a whole policy for each.
    trust: Any = grants.trust_signed_in(Ref(resource), ISSUER)
    for issuer, where in issuers(t)[1:]:
        trust = If(where, grants.trust_signed_in(Ref(resource), issuer), trust)
    signed_in = role(t, f"{title}Role", trust)
    t.put(
        cognito.IdentityPoolRoleAttachment(
            f"{title}Roles", IdentityPoolId=Ref(resource), Roles={"authenticated": GetAtt(signed_in, "Arn")}
        )
    )
    outputs.output(t, "IdentityPoolId", Ref(resource), "Exchanges an id token for short-lived AWS credentials.")
    return IdentityPool(t, title, resource, signed_in)


def issuers(t: ScenarioTemplate) -> list[tuple[str, str]]:
    """The name of identity pools as a principal, and the condition under which it is that; the common one first."""
    there = [
        (issuer, in_region(t, "In" + region.title().replace("-", ""), (region,)))
        for region, issuer in ISSUERS_ELSEWHERE.items()
    ]
    elsewhere = any_of(t, *(where for _, where in there))
    return [(ISSUER, negated(t, elsewhere)), *there]
