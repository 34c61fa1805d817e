from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9011"
BUCKET = "Resources/Files/Properties"
DENY = "Resources/FilesPolicy/Properties/PolicyDocument/Statement/0"
NO_VALUE = {"Ref": "AWS::NoValue"}


def test_a_private_bucket_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("block", ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"])
@pytest.mark.parametrize("value", [None, False, {"Fn::If": ["StorageOn", True, False]}])
def test_a_public_access_block_left_open(block: str, value: Any) -> None:
    message = only(RULE, changed(f"{BUCKET}/PublicAccessBlockConfiguration/{block}", value))
    assert f"Files has {block}" in message


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("BucketEncryption", None, "does not say how it is encrypted"),
        ("BucketEncryption/ServerSideEncryptionConfiguration", [], "does not say how it is encrypted"),
        (
            "BucketEncryption",
            {"Fn::If": ["StorageOn", {"ServerSideEncryptionConfiguration": [{}]}, NO_VALUE]},
            "encrypt",
        ),
        ("VersioningConfiguration", None, "has versioning None"),
        ("VersioningConfiguration/Status", "Suspended", "has versioning Suspended"),
        ("OwnershipControls", None, "has object ownership []"),
        ("OwnershipControls/Rules/0/ObjectOwnership", "ObjectWriter", "has object ownership ['ObjectWriter']"),
        ("LifecycleConfiguration/Rules/0", None, "keeps old versions for ever"),
        ("LifecycleConfiguration/Rules/0/Status", "Disabled", "keeps old versions for ever"),
        ("LifecycleConfiguration/Rules/0/Prefix", "logs/", "keeps old versions for ever"),
        ("LifecycleConfiguration/Rules/1", None, "keeps incomplete uploads for ever"),
    ],
)
def test_a_setting_that_is_missing(path: str, value: Any, says: str) -> None:
    message = only(RULE, changed(f"{BUCKET}/{path}", value))
    assert f"Files {says}" in message or ("encrypt" in says and "Files does not say how" in message)


def test_no_properties_at_all() -> None:
    messages = found(RULE, {"Resources": {"Bare": {"Type": "AWS::S3::Bucket"}}})
    assert len(messages) == 10
    assert all("Resources/Bare: Bare" in m for m in messages)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Effect", "Allow"),
        ("Principal", {"AWS": {"Ref": "Boundary"}}),
        ("Action", ["s3:GetObject"]),
        ("Condition", None),
        ("Condition/Bool/aws:SecureTransport", "true"),
        ("Resource", [{"Fn::GetAtt": ["Files", "Arn"]}]),
        ("Resource", [{"Fn::Sub": "${Files.Arn}/*"}]),
    ],
)
def test_a_bucket_that_is_reached_without_tls(path: str, value: Any) -> None:
    assert "Resources/Files: Files can be reached without TLS" in only(RULE, changed(f"{DENY}/{path}", value))


def test_the_denial_must_always_be_there() -> None:
    statement = good()["Resources"]["FilesPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert "without TLS" in only(RULE, changed(DENY, {"Fn::If": ["StorageOn", statement, NO_VALUE]}))
    assert "without TLS" in only(RULE, changed("Resources/FilesPolicy/Condition", "HasBoundary"))
    assert "without TLS" in only(RULE, changed("Resources/FilesPolicy"))
    assert found(RULE, changed("Resources/FilesPolicy/Condition")) == []


def test_ways_to_write_the_denial() -> None:
    assert found(RULE, changed(f"{DENY}/Principal", {"AWS": "*"})) == []
    assert found(RULE, changed(f"{DENY}/Condition/Bool/aws:SecureTransport", False)) == []
    arns = [{"Fn::Sub": "arn:${AWS::Partition}:s3:::${Files}"}, {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Files}/*"}]
    assert found(RULE, changed(f"{DENY}/Resource", arns)) == []


def test_a_policy_that_names_the_bucket_as_the_bucket_names_itself() -> None:
    name = {"Fn::Sub": "${AWS::StackName}-files"}
    template = changed("Resources/FilesPolicy/Properties/Bucket", name)
    assert "without TLS" in only(RULE, template)
    assert found(RULE, changed(f"{BUCKET}/BucketName", name, template=template)) == []


CLOSED = {"Fn::If": ["IsPublic", False, True]}
PARAMETER = {"Type": "String", "Default": "account"}


@pytest.mark.parametrize("block", ["BlockPublicPolicy", "RestrictPublicBuckets"])
@pytest.mark.parametrize(
    ("condition", "fine"),
    [
        ({"Fn::Equals": [{"Ref": "Readers"}, "public"]}, True),
        ({"Fn::Equals": ["public", {"Ref": "Readers"}]}, True),
        ({"Fn::Not": [{"Fn::Equals": [{"Ref": "Readers"}, "account"]}]}, True),
        ({"Fn::Equals": [{"Ref": "Readers"}, "account"]}, False),
        ({"Fn::Not": [{"Fn::Equals": [{"Ref": "Readers"}, "public"]}]}, False),
        ({"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}, False),
        ({"Fn::Equals": ["a", "a"]}, False),
        ({"Fn::Or": [{"Fn::Equals": [{"Ref": "Readers"}, "public"]}, {"Fn::Equals": ["a", "a"]}]}, False),
    ],
)
def test_a_policy_may_become_public_by_a_choice_only(block: str, condition: Any, fine: bool) -> None:
    template = changed(f"{BUCKET}/PublicAccessBlockConfiguration/{block}", CLOSED)
    template = changed("Parameters/Readers", dict(PARAMETER), template=template)
    template = changed("Conditions/IsPublic", condition, template=template)
    assert (found(RULE, template) == []) is fine
    del template["Parameters"]["Readers"]["Default"]  # then every user is asked, and none has chosen knowingly
    assert found(RULE, template) != []


@pytest.mark.parametrize("block", ["BlockPublicAcls", "IgnorePublicAcls"])
def test_acls_stay_off_whatever_is_chosen(block: str) -> None:
    template = changed(f"{BUCKET}/PublicAccessBlockConfiguration/{block}", CLOSED)
    template = changed("Parameters/Readers", dict(PARAMETER), template=template)
    template = changed("Conditions/IsPublic", {"Fn::Equals": [{"Ref": "Readers"}, "public"]}, template=template)
    assert f"Files has {block} False" in only(RULE, template)


def logged(origin: Any = None, **logging: Any) -> Any:
    """The bucket takes ACLs, and a distribution is there."""
    acls = changed(f"{BUCKET}/OwnershipControls/Rules/0/ObjectOwnership", "BucketOwnerPreferred")
    origins = [{"Id": "o", "DomainName": origin}] if origin else []
    config = {"Enabled": True, "Origins": origins, **logging}
    edge = {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": config}}
    return changed("Resources/Edge", edge, template=acls)


HERE = {"Bucket": {"Fn::GetAtt": ["Files", "DomainName"]}}


@pytest.mark.parametrize("logging", [HERE, {"Fn::If": ["StorageOn", HERE, NO_VALUE]}])
def test_acls_where_a_distribution_writes_its_log(logging: Any) -> None:
    assert found(RULE, logged(Logging=logging)) == []


@pytest.mark.parametrize(
    "template",
    [
        logged(),
        logged(Logging={"Bucket": "elsewhere.s3.amazonaws.com"}),
        # Logs and what is served do not lie in one bucket.
        logged({"Fn::GetAtt": ["Files", "RegionalDomainName"]}, Logging=HERE),
        changed(f"{BUCKET}/OwnershipControls/Rules/0/ObjectOwnership", "ObjectWriter", template=logged(Logging=HERE)),
    ],
)
def test_acls_for_anything_else(template: Any) -> None:
    assert "Files has object ownership" in only(RULE, template)
