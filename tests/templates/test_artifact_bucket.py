"""The artifact bucket: every option on the committed bytes, and values that nobody should give."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.iam import allowed, worked_out
from tests.templates.test_options import PSEUDO, named
from troposphere_arch import evaluate, grants, lint

BODY_PATH = Path(__file__).parents[2] / "templates/artifact-bucket/1.0.0/artifact-bucket.template.json"
BODY = BODY_PATH.read_bytes()
TEMPLATE: dict[str, Any] = json.loads(BODY)
ACCOUNT = "123456789012"
ISSUER = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
# Each option, with all that it needs.
OPTIONS: dict[str, dict[str, str]] = {
    "Boundary": {"PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary", "RolePath": "/company/"},
    "Environment": {"GitHubRepository": "shop/templates", "GitHubEnvironment": "production"},
    "GitHub": {"GitHubRepository": "shop/templates"},
    "Emulated": {"OverwriteProtection": "off"},
    "Lock": {"ObjectLockDays": "365"},
    "Name": {"BucketNamePrefix": "artifacts-of-shop"},
    "Organization": {"Readers": "organization", "OrganizationId": "o-a1b2c3d4e5"},
    "Other": {"OtherPublisherRoleArn": f"arn:aws:iam::{ACCOUNT}:role/ci/publisher"},
    "Provider": {"GitHubRepository": "shop/templates", "GitHubProviderArn": PROVIDER},
    "Public": {"Readers": "public", "OrganizationId": "none"},
}


def deployed(*options: str, region: str = "us-east-1", **chosen: str) -> dict[str, Any]:
    """The template as it is deployed with these options."""
    for option in options:
        chosen = {**OPTIONS[option], **chosen}
    values = evaluate.parameters_of(TEMPLATE, chosen, region=region)
    assert evaluate.refusals(TEMPLATE, values) == []
    return evaluate.resolved(TEMPLATE, values)


def combinations() -> list[tuple[str, ...]]:
    """Every set of options."""
    names = sorted(OPTIONS)
    every = [chosen for n in range(len(names) + 1) for chosen in itertools.combinations(names, n)]
    return [chosen for chosen in every if not {"Organization", "Public"} <= set(chosen)]


def policy(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The statements of the bucket's policy: by what they are for."""
    statements = resources["ArtifactsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    return {s.get("Sid", f"Publish{s['Action'][0].removeprefix('s3:')}"): s for s in statements}


@shows("REQ-D5", how="static")
def test_it_fits_into_a_request() -> None:
    assert len(BODY) < 51_200


@shows("REQ-D4", how="static")
def test_nothing_dangles_in_any_combination() -> None:
    for on in combinations():
        made = deployed(*on)
        there = made["Resources"].keys() | PSEUDO
        for section in ("Resources", "Outputs"):
            for name, one in made[section].items():
                assert named(one) <= there, (on, name)
        github = bool({"GitHub", "Environment", "Provider"} & set(on))
        assert ("PublisherRole" in made["Resources"]) == ("PublisherRoleArn" in made["Outputs"]) == github
        assert ("GitHub" in made["Resources"]) == (github and "Provider" not in on)


@shows("REQ-D4", how="static")
def test_who_reads_is_what_the_parameter_says() -> None:
    for on in combinations():
        resources = deployed(*on)["Resources"]
        bucket, statements = resources["Artifacts"]["Properties"], policy(resources)
        blocked = bucket["PublicAccessBlockConfiguration"]
        public = "Public" in on
        assert (blocked["BlockPublicAcls"], blocked["IgnorePublicAcls"]) == (True, True)
        assert blocked["BlockPublicPolicy"] is blocked["RestrictPublicBuckets"] is not public
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        expected = {"TlsOnly"} | ({"PublicRead"} if public else set())
        expected |= set() if "Emulated" in on else {"PutOnce", "ChangeKnown"}
        expected |= {"OrganizationRead"} if "Organization" in on else set()
        expected |= {"PublishGetObject", "PublishListBucket"} if "Other" in on else set()
        assert statements.keys() == expected
        objects = [{"Fn::Sub": "${Artifacts.Arn}/*"}]
        for name in ("PublicRead", "OrganizationRead"):
            if name in statements:
                assert (statements[name]["Action"], statements[name]["Resource"]) == (["s3:GetObject"], objects)
        if "Organization" in on:
            wanted = {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
            assert statements["OrganizationRead"]["Condition"] == wanted
        tls = statements["TlsOnly"]
        assert (tls["Effect"], tls["Principal"], tls["Action"]) == ("Deny", "*", ["s3:*"])
        assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert tls["Resource"] == [{"Fn::GetAtt": ["Artifacts", "Arn"]}, *objects]


PUT, NEW, KNOWN = "s3:PutObject", {"s3:if-none-match": "*"}, {"s3:if-match": '"0123"'}


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("key", ["todo/1.0.0/todo.template.json", "p/todo/1.0.0/UPGRADE.md", "layers/dax-0.zip", "a"])
def test_nobody_puts_anything_over_what_is_published(key: str) -> None:
    """Whatever the caller may do otherwise: the policy of the bucket denies it."""
    assert may_put(key, NEW)
    for stolen in ({}, KNOWN):
        assert not may_put(key, stolen)
        assert may_put(key, stolen, "Emulated")


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    "key", ["index.json", "p/q/index.json", "launch.md", "p/launch.md", "todo/latest.json", "p/todo/latest.json"]
)
def test_what_changes_is_changed_by_who_has_seen_it(key: str) -> None:
    assert may_put(key, NEW)
    assert may_put(key, KNOWN)
    assert not may_put(key, {})
    assert may_put(key, {}, "Emulated")


def may_put(key: str, headers: dict[str, str], *options: str) -> bool:
    """Whether somebody who may do everything puts an object into the bucket, for all that its policy says."""
    arn = "arn:aws:s3:::artifacts"
    denials = [s for s in policy(deployed(*options)["Resources"]).values() if s["Effect"] == "Deny"]
    denials = worked_out([s for s in denials if s["Sid"] != "TlsOnly"], {"Artifacts.Arn": arn})
    assert all(s["Principal"] == "*" for s in denials)
    everything = {"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}
    return allowed([everything, *denials], PUT, f"{arn}/{key}", headers)


@shows("REQ-D4", how="static")
def test_what_changes_is_called_by_no_name_of_what_does_not() -> None:
    changing = [re.compile(pattern.replace(".", r"\.").replace("*", ".*")) for pattern in grants.CHANGING]
    index = json.loads((BODY_PATH.parents[2] / "index.json").read_text(encoding="utf-8"))
    files = [file for entry in index["templates"] for file in entry["files"]]
    assert len(files) > 5
    assert not [file for file in files if any(pattern.fullmatch(file) for pattern in changing)]


@shows("REQ-D4", "REQ-D2", how="static")
def test_publishers_put_get_and_list_and_no_more() -> None:
    made = deployed("GitHub", "Other", "Boundary")["Resources"]
    role = made["PublisherRole"]["Properties"]
    objects, bucket = [{"Fn::Sub": "${Artifacts.Arn}/*"}], [{"Fn::GetAtt": ["Artifacts", "Arn"]}]
    rights = [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": objects},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": bucket},
    ]
    [own] = role["Policies"]
    assert own["PolicyDocument"]["Statement"] == rights
    theirs = [s for name, s in policy(made).items() if name.startswith("Publish")]
    assert theirs == [{**right, "Principal": {"AWS": OPTIONS["Other"]["OtherPublisherRoleArn"]}} for right in rights]
    assert (role["Path"], role["PermissionsBoundary"]) == (
        "/company/",
        OPTIONS["Boundary"]["PermissionsBoundaryArn"],
    )
    assert "ManagedPolicyArns" not in role
    kinds = {r["Type"] for r in TEMPLATE["Resources"].values()}
    assert kinds == {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::IAM::Role", "AWS::IAM::OIDCProvider"}


@shows("REQ-D4", "REQ-T9", how="static")
@pytest.mark.parametrize(
    ("options", "provider", "subject"),
    [
        (("GitHub",), {"Ref": "GitHub"}, "repo:shop/templates:ref:refs/tags/*"),
        (("Environment",), {"Ref": "GitHub"}, "repo:shop/templates:environment:production"),
        (("Provider",), PROVIDER, "repo:shop/templates:ref:refs/tags/*"),
    ],
)
def test_only_runs_of_the_repository_are_trusted(options: tuple[str, ...], provider: Any, subject: str) -> None:
    [trust] = deployed(*options)["Resources"]["PublisherRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {
        "Effect": "Allow",
        "Action": ["sts:AssumeRoleWithWebIdentity"],
        "Principal": {"Federated": provider},
        "Condition": {
            "StringEquals": {f"{ISSUER}:aud": {"Fn::Sub": "sts.${AWS::URLSuffix}"}},
            "StringLike": {f"{ISSUER}:sub": subject},
        },
    }


@shows("REQ-D4", how="static")
def test_lock_and_name_are_there_only_when_asked_for() -> None:
    plain = deployed()["Resources"]["Artifacts"]
    assert not plain["Properties"].keys() & {"BucketName", "ObjectLockEnabled", "ObjectLockConfiguration"}
    assert (plain["DeletionPolicy"], plain["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert plain["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    on = deployed("Lock", "Name", region="eu-west-1")["Resources"]["Artifacts"]["Properties"]
    assert on["BucketName"] == "artifacts-of-shop-eu-west-1"
    assert on["ObjectLockEnabled"] is True
    assert on["ObjectLockConfiguration"]["Rule"] == {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": "365"}}


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "GitHubRepository",
            ["none", "a/b", "shop-2/templates.v2_x", "shop@1/templates@22"],
            [
                *("*", "*/*", "owner/*", "a/b:*", "a/b:ref:refs/heads/main", "a/b?", "a/b/c", "a/", "/b", "a b/c"),
                *(
                    "-a/b",
                    "a--b/c",
                    "a/b@1",
                    "a@1/b",
                    "a@x/b@y",
                    "a@*/b@*",
                    "none/",
                    "${AWS::AccountId}/b",
                    "a/b\n",
                    "",
                ),
            ],
        ),
        (
            "GitHubEnvironment",
            ["none", "production", "eu.prod_2"],
            ["*", "prod*", "prod:x", "a b", "-x", "a?", "a/b", ""],
        ),
        (
            "GitHubProviderArn",
            ["none", PROVIDER, PROVIDER.replace("aws", "aws-us-gov", 1)],
            [
                f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com",
                f"{PROVIDER}.example.com",
                f"arn:aws:iam::*:oidc-provider/{ISSUER}",
                f"arn:aws:iam::{ACCOUNT}:saml-provider/{ISSUER}",
                "*",
            ],
        ),
        ("OrganizationId", ["none", "o-a1b2c3d4e5"], ["*", "o-*", "o-a1b2", "o-A1B2C3D4E5", "r-a1b2c3d4e5"]),
        (
            "OtherPublisherRoleArn",
            ["none", f"arn:aws:iam::{ACCOUNT}:role/ci/publisher"],
            ["*", f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:role/*", f"arn:aws:iam::{ACCOUNT}:user/x"],
        ),
        (
            "BucketNamePrefix",
            ["none", "abc", "artifacts-2"],
            ["A-b", "a_b", "a.b", "-ab", "ab-", "a", "ab", "a" * 41, "a/b", "a..b"],
        ),
    ],
)
def test_values_that_would_open_it_are_refused(parameter: str, good: list[str], bad: list[str]) -> None:
    definition = TEMPLATE["Parameters"][parameter]
    pattern = re.compile(definition["AllowedPattern"].removeprefix("^").removesuffix("$"))
    assert [value for value in good if not pattern.fullmatch(value)] == []
    assert [value for value in bad if pattern.fullmatch(value)] == []
    assert definition["ConstraintDescription"].startswith(parameter)


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"Readers": "organization"}, "Readers organization needs OrganizationId"),
        ({"OrganizationId": "o-a1b2c3d4e5"}, "OrganizationId needs Readers organization"),
        ({"OrganizationId": "o-a1b2c3d4e5", "Readers": "public"}, "OrganizationId needs Readers organization"),
        ({"GitHubEnvironment": "production"}, "GitHubEnvironment needs GitHubRepository"),
        ({"GitHubProviderArn": PROVIDER}, "GitHubProviderArn needs GitHubRepository"),
    ],
)
def test_rules_tell_what_cannot_work(chosen: dict[str, str], told: str) -> None:
    [refusal] = evaluate.refusals(TEMPLATE, evaluate.parameters_of(TEMPLATE, chosen))
    assert refusal.startswith(told)


@shows("REQ-D3", "REQ-D4", how="static")
def test_what_is_deployed_is_clean() -> None:
    """cfn-lint on the template as it is deployed, with conditions decided: nothing hides behind one."""
    sets = [
        (),
        ("Public", "Lock", "Name"),
        ("Organization", "GitHub", "Other"),
        ("Provider", "Environment", "Boundary"),
    ]
    templates = {
        "+".join(on) or "none": json.dumps(
            {"AWSTemplateFormatVersion": "2010-09-09", "Description": TEMPLATE["Description"], **deployed(*on)}
        ).encode()
        for on in sets
    }
    assert lint.lint(templates, regions=("us-east-1",), house=False) == []
    assert lint.lint({"artifact-bucket": BODY}) == []
