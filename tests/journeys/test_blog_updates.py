"""Each parameter of the blog, changed on a running stack and back: it is seen, and nothing of value is replaced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.handlers.blog_async import pictures
from tests.journeys.blog import Subscriber, author, make, messages, reader, refused, verify_sender
from tests.journeys.stack import Stack, every, put_layers, template_bytes, template_url
from tests.sampling import sampled
from tests.system import needs
from troposphere_arch.journeys.blog import Author
from troposphere_arch.local import Emulator

pytestmark = [pytest.mark.xdist_group("blog-changes"), needs("node"), sampled(3)]
ACCOUNT = "000000000000"
PRECIOUS = ("App", "Edge", "Media", "Posts", "Site", "Subscribers", "Uploads", "Users")


@pytest.fixture(scope="module")
def stack(patched: Emulator) -> Iterator[Stack]:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    document = json.dumps(everything)
    patched.client("iam").create_policy(PolicyName="boundary-of-blogs", PolicyDocument=document)
    made = make(patched, "changed-blog", ArtifactBucket=put_layers(patched), **verify_sender(patched))
    yield made
    made.delete()


@pytest.fixture(scope="module")
def hana(stack: Stack) -> Author:
    return author(stack)


@pytest.fixture
def as_before(stack: Stack, hana: Author) -> Iterator[None]:
    """A post and a subscriber from before are there afterwards, and what holds data is what it was."""
    ids = {name: stack.physical(name) for name in PRECIOUS}
    made = hana.write("POST", "/posts", {"title": "From before", "body": "x"})
    assert made.status == 201, made.text()
    path = made.headers["Location"]
    post = hana.write("GET", path).json()
    yield
    hana.outputs = stack.outputs
    assert {name: stack.physical(name) for name in PRECIOUS} == ids
    assert reader(stack).call("GET", path).json() == post
    assert hana.write("DELETE", path).status == 204


Look = Callable[[Stack], Any]


def config(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = reader(stack).call("GET", "/config").json()
    return found


def setting(function: str, name: str) -> Look:
    """What a function has of this."""

    def look(stack: Stack) -> Any:
        found = stack.emulator.client("lambda").get_function_configuration(FunctionName=stack.physical(function))
        return found.get(name) or found["Environment"]["Variables"].get(name)

    return look


def comments(stack: Stack) -> tuple[bool, int]:
    """What the blog says of comments, and what becomes of one on a post that is not there."""
    said = reader(stack).call("POST", "/posts/nothing-here/comments", {"name": "x", "text": "x"})
    return config(stack)["comments"], said.status


def distribution(name: str) -> Look:
    def look(stack: Stack) -> Any:
        client = stack.emulator.client("cloudfront")
        return client.get_distribution_config(Id=stack.outputs["EdgeId"])["DistributionConfig"].get(name) or None

    return look


def reserved(stack: Stack) -> set[Any]:
    client, functions = stack.emulator.client("lambda"), ("ReadPosts", "WritePosts", "SendMail", "MakeThumbnails")
    return {
        client.get_function_concurrency(FunctionName=stack.physical(one)).get("ReservedConcurrentExecutions")
        for one in functions
    }


def roles(stack: Stack) -> list[dict[str, Any]]:
    iam = stack.emulator.client("iam")
    ours = [r for r in stack.resources() if r["ResourceType"] == "AWS::IAM::Role"]
    assert len(ours) > 8
    return [iam.get_role(RoleName=r["PhysicalResourceId"])["Role"] for r in ours]


def boundaries(stack: Stack) -> set[str | None]:
    return {one.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") for one in roles(stack)}


def paths(stack: Stack) -> set[str]:
    return {one["Path"] for one in roles(stack)}


def retention(stack: Stack) -> set[int]:
    groups = {r["PhysicalResourceId"] for r in stack.resources() if r["ResourceType"] == "AWS::Logs::LogGroup"}
    found = every(stack.emulator.client("logs"), "describe_log_groups", "logGroups")
    return {one["retentionInDays"] for one in found if one["logGroupName"] in groups}


def alarm_actions(stack: Stack) -> set[tuple[str, ...]]:
    alarms = every(stack.emulator.client("cloudwatch"), "describe_alarms", "MetricAlarms")
    ours = [a for a in alarms if stack.name in a["AlarmName"]]
    assert len(ours) > 20
    return {tuple(a["AlarmActions"]) for a in ours}


def old_versions(stack: Stack) -> set[int]:
    s3 = stack.emulator.client("s3")
    rules = [
        rule
        for output in ("SiteBucket", "MediaBucket", "UploadsBucket")
        for rule in s3.get_bucket_lifecycle_configuration(Bucket=stack.outputs[output])["Rules"]
    ]
    return {r["NoncurrentVersionExpiration"]["NoncurrentDays"] for r in rules if "NoncurrentVersionExpiration" in r}


def acceleration(stack: Stack) -> tuple[str, bool]:
    """What the bucket says, and whether authors are sent to its accelerated address."""
    s3, bucket = stack.emulator.client("s3"), stack.outputs["UploadsBucket"]
    status = s3.get_bucket_accelerate_configuration(Bucket=bucket).get("Status", "Suspended")
    return status, setting("SignUploads", "ACCELERATION")(stack) == "on"


def protected(stack: Stack) -> set[Any]:
    dynamodb, users = stack.emulator.client("dynamodb"), stack.emulator.client("cognito-idp")
    found = {
        dynamodb.describe_table(TableName=stack.outputs[one])["Table"]["DeletionProtectionEnabled"]
        for one in ("PostsTable", "SubscribersTable")
    }
    pool = users.describe_user_pool(UserPoolId=stack.outputs["UserPoolId"])["UserPool"]
    return found | {pool["DeletionProtection"] == "ACTIVE"}


def throttle(stack: Stack) -> tuple[Any, Any]:
    stage = stack.emulator.client("apigateway").get_stage(restApiId=stack.physical("Api"), stageName="api")
    return tuple(stage["methodSettings"]["*/*"][name] for name in ("throttlingRateLimit", "throttlingBurstLimit"))  # type: ignore[return-value]


def access_log(stack: Stack) -> bool:
    stage = stack.emulator.client("apigateway").get_stage(restApiId=stack.physical("Api"), stageName="api")
    return bool(stage.get("accessLogSettings"))


def budgets(stack: Stack) -> list[str]:
    found = stack.emulator.client("budgets").describe_budgets(AccountId=ACCOUNT).get("Budgets", [])
    return [b["BudgetLimit"]["Amount"] for b in found if b["BudgetName"].startswith(stack.name)]


def there(logical: str) -> Look:
    return lambda stack: logical in {r["LogicalResourceId"] for r in stack.resources()}


ACL = f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/blog/00000000-0000-0000-0000-000000000000"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary-of-blogs"

# What is set -> what then is looked at, before, after.
CHANGES: dict[str, tuple[dict[str, str], Look, Any, Any]] = {
    "title": ({"BlogTitle": "A garden"}, lambda s: config(s)["title"], "MyBlog.com", "A garden"),
    "comments": ({"Comments": "off"}, comments, (True, 404), (False, 409)),
    "edge seconds": (
        {"EdgeSeconds": "5"},
        lambda s: reader(s).call("GET", "/posts").headers["Cache-Control"],
        "public, max-age=0, s-maxage=60, stale-while-revalidate=600",
        "public, max-age=0, s-maxage=5, stale-while-revalidate=50",
    ),
    "subject": (
        {"WelcomeSubject": "Hello from {title}"},
        setting("SendMail", "WELCOME_SUBJECT"),
        "Welcome to {title}",
        "Hello from {title}",
    ),
    "text": (
        {"WelcomeText": "Hello!"},
        lambda s: str(setting("SendMail", "WELCOME_TEXT")(s)).partition(" ")[0],
        "Warm",
        "Hello!",
    ),
    "price class": ({"PriceClass": "PriceClass_100"}, distribution("PriceClass"), "PriceClass_All", "PriceClass_100"),
    "web acl": ({"WebAclArn": ACL}, distribution("WebACLId"), None, ACL),
    "edge logs": ({"EdgeLogs": "on"}, lambda s: (distribution("Logging")(s) or {}).get("Enabled", False), False, True),
    "edge metrics": ({"EdgeMetrics": "on"}, there("EdgeMonitoring"), False, True),
    "throttle": ({"ThrottleRate": "7", "ThrottleBurst": "9"}, throttle, (50.0, 100), (7.0, 9)),
    "concurrency": ({"ReservedConcurrency": "7"}, reserved, {None}, {7}),
    "memory": ({"FunctionMemory": "512"}, setting("ReadPosts", "MemorySize"), 256, 512),
    "memory of pictures": ({"ThumbnailMemory": "2048"}, setting("MakeThumbnails", "MemorySize"), 1024, 2048),
    "acceleration": ({"UploadAcceleration": "on"}, acceleration, ("Suspended", False), ("Enabled", True)),
    "old versions": ({"OldFileVersionDays": "5"}, old_versions, {30}, {5}),
    "protection": ({"DeletionProtection": "on"}, protected, {False}, {True}),
    "alarms": ({"AlarmTopicArn": TOPIC}, alarm_actions, {()}, {(TOPIC,)}),
    "retention": ({"LogRetentionDays": "7"}, retention, {30}, {7}),
    "access log": ({"AccessLogs": "on"}, access_log, False, True),
    "budget": ({"MonthlyBudget": "50", "BudgetEmail": "owner@example.com"}, budgets, [], ["50"]),
    "boundary": ({"PermissionsBoundaryArn": BOUNDARY}, boundaries, {None}, {BOUNDARY}),
    "role path": ({"RolePath": "/blogs/"}, paths, {"/"}, {"/blogs/"}),
}


@shows("REQ-D5", how="patched")
@pytest.mark.usefixtures("as_before")
def test_each_change_is_seen_and_so_is_its_way_back(stack: Stack) -> None:
    """All at once, by the real AWS CLI; each is looked at by itself."""
    values = {name: value for changed, *_ in CHANGES.values() for name, value in changed.items()}
    as_it_was = {p["ParameterKey"]: p["ParameterValue"] for p in stack.describe()["Parameters"]}
    for what, (_, look, before, _) in CHANGES.items():
        assert look(stack) == before, what
    stack.update_by_aws_cli(**values)
    for what, (_, look, _, after) in CHANGES.items():
        assert look(stack) == after, what
    stack.update_by_aws_cli(**{name: as_it_was[name] for name in values})
    for what, (_, look, before, _) in CHANGES.items():
        assert look(stack) == before, what


@shows("REQ-B9", "REQ-D5", how="patched")
@pytest.mark.usefixtures("as_before")
def test_comments_that_are_there_stay_when_no_new_ones_are_taken(stack: Stack, hana: Author) -> None:
    joon, said = reader(stack), {"name": "Joon", "text": "Hello"}
    path = hana.write("POST", "/posts", {"title": "Discussed", "body": "x"}).headers["Location"]
    made = joon.call("POST", f"{path}/comments", said)
    assert made.status == 201
    stack.update(Comments="off")
    assert refused(joon.call("POST", f"{path}/comments", said), 409) == "CommentsOff"
    assert joon.call("GET", f"{path}/comments").json() == {"items": [made.json()]}
    assert hana.write("DELETE", f"{path}/comments/{made.json()['id']}").status == 204
    stack.update(Comments="on")
    assert joon.call("POST", f"{path}/comments", said).status == 201
    assert hana.write("DELETE", path).status == 204


@shows("REQ-B5", "REQ-D5", how="patched")
@pytest.mark.usefixtures("as_before")
def test_a_changed_text_is_the_next_welcome_s(stack: Stack) -> None:
    stack.update(
        WelcomeSubject="Grüezi, {title}", WelcomeText="Come in, {{friend}}: {url}", BlogTitle="A (small) garden"
    )
    welcome = Subscriber(stack).subscribed().mails(2)[1]
    assert welcome["Subject"] == "Grüezi, A (small) garden"
    assert welcome["BodyText"].startswith(f"Come in, {{{{friend}}}}: {stack.outputs['BlogUrl']}\n")
    as_before = {
        "WelcomeSubject": "Welcome to {title}",
        "WelcomeText": "Warm greetings, and thank you for subscribing to {title}. You find what is new at {url}.",
    }
    stack.update(BlogTitle="MyBlog.com", **as_before)
    assert Subscriber(stack).subscribed().mails(2)[1]["Subject"] == "Welcome to MyBlog.com"


@shows("REQ-B5", "REQ-B6", "REQ-D5", how="patched")
@pytest.mark.usefixtures("as_before")
def test_mail_and_pictures_go_and_come_back_and_nobody_is_forgotten(stack: Stack, hana: Author) -> None:
    was = {p["ParameterKey"]: p["ParameterValue"] for p in stack.describe()["Parameters"]}
    names = ("ArtifactBucket", "SenderAddress", "SenderIdentity")
    joon, data = Subscriber(stack).subscribed(), pictures.saved(pictures.corners(360, 360), "PNG")
    token, picture = joon.token("leave"), hana.upload(data, "image/png")
    assert hana.outcome(picture)["state"] == "ready"

    stack.update(**dict.fromkeys(names, "none"))
    assert (stack.outputs["Mail"][:4], stack.outputs["Thumbnails"][:4]) == ("off:", "off:")
    assert {name: config(stack)[name] for name in ("mail", "uploads")} == {"mail": False, "uploads": False}
    assert refused(Subscriber(stack).ask(), 409) == "MailOff"
    new = {"sha256": "0" * 64, "bytes": 10, "contentType": "image/png"}
    assert refused(hana.write("POST", "/uploads", new), 409) == "UploadsOff"
    assert reader(stack).get(f"/media/{picture}/320.webp").status == 200

    stack.update(**{name: was[name] for name in names})
    assert joon.leave(token).status == 200
    assert joon.item()["state"] == "left"
    assert len(Subscriber(stack).subscribed().mails()) == 2
    again = hana.upload(pictures.saved(pictures.corners(370, 370), "PNG"), "image/png")
    assert hana.outcome(again)["state"] == "ready"
    assert (messages(stack, "MailFailuresQueue"), messages(stack, "ThumbnailFailuresQueue")) == (0, 0)


def keys_of(stack: Stack) -> dict[str, Any]:
    """What tables, buckets and queues are encrypted with."""
    emulator = stack.emulator
    dynamodb, s3, sqs = emulator.client("dynamodb"), emulator.client("s3"), emulator.client("sqs")
    found = {}
    for one in ("PostsTable", "SubscribersTable"):
        found[one] = dynamodb.describe_table(TableName=stack.outputs[one])["Table"].get("SSEDescription", {})
        found[one] = found[one].get("KMSMasterKeyArn") if found[one].get("Status") == "ENABLED" else None
    for one in ("SiteBucket", "MediaBucket", "UploadsBucket"):
        [rule] = s3.get_bucket_encryption(Bucket=stack.outputs[one])["ServerSideEncryptionConfiguration"]["Rules"]
        found[one] = rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")
    for one in ("MailFailuresQueue", "ThumbnailFailuresQueue"):
        attributes = sqs.get_queue_attributes(QueueUrl=stack.outputs[one], AttributeNames=["All"])["Attributes"]
        found[one] = attributes.get("KmsMasterKeyId") or None
    return found


@shows("REQ-D5", how="patched")
@pytest.mark.usefixtures("as_before")
def test_an_own_key_and_back(stack: Stack, hana: Author) -> None:
    key = stack.emulator.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert set(keys_of(stack).values()) == {None}
    stack.update(KmsKeyArn=key)
    assert set(keys_of(stack).values()) == {key}
    joon = Subscriber(stack).subscribed()
    picture = hana.upload(pictures.saved(pictures.corners(380, 380), "PNG"), "image/png")
    assert hana.outcome(picture)["state"] == "ready"
    assert reader(stack).get(f"/media/{picture}/320.jpg").status == 200
    stack.update(KmsKeyArn="none")
    assert set(keys_of(stack).values()) == {None}
    assert joon.item()["mail"] == "welcome-sent"
    assert reader(stack).get(f"/media/{picture}/320.jpg").status == 200


@shows("REQ-B3", "REQ-D5", how="patched")
@pytest.mark.usefixtures("as_before")
def test_an_own_domain_name_and_back(stack: Stack) -> None:
    emulator = stack.emulator
    certificate = emulator.client("acm").request_certificate(DomainName="blog.example.com")["CertificateArn"]
    route53 = emulator.client("route53")
    zone = route53.create_hosted_zone(Name="blog.example.com", CallerReference="blog")["HostedZone"]["Id"]
    values = {
        "DomainName": "blog.example.com",
        "DomainCertificateArn": certificate,
        "HostedZoneId": zone.rpartition("/")[2],
    }

    def records() -> set[tuple[str, str]]:
        found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return {(r["Type"], r["AliasTarget"]["DNSName"].rstrip(".")) for r in found if "AliasTarget" in r}

    domain = stack.outputs["EdgeDomain"]
    stack.update(**values)
    assert stack.outputs["BlogUrl"] == "https://blog.example.com"
    assert stack.outputs["ApiUrl"] == "https://blog.example.com/api"
    assert stack.outputs["EdgeDomain"] == domain
    assert distribution("Aliases")(stack)["Items"] == ["blog.example.com"]
    certified = distribution("ViewerCertificate")(stack)
    assert (certified["ACMCertificateArn"], certified["MinimumProtocolVersion"][:7]) == (certificate, "TLSv1.2")
    assert records() == {("A", domain), ("AAAA", domain)}
    # Links in mails name the blog as its readers do.
    assert setting("SendMail", "BLOG_URL")(stack) == "https://blog.example.com"
    stack.update(**dict.fromkeys(values, "none"))
    assert stack.outputs["BlogUrl"] == f"https://{domain}"
    assert not (distribution("Aliases")(stack) or {}).get("Items")
    assert records() == set()


@shows("REQ-B4", "REQ-B9", "REQ-D5", how="patched")
@pytest.mark.usefixtures("as_before")
def test_the_read_cache_comes_and_goes(stack: Stack, hana: Author) -> None:
    path = hana.write("POST", "/posts", {"title": "Cached", "body": "x"}).headers["Location"]
    post = reader(stack).call("GET", path).json()
    values = {"ReadCache": "dax", "ReadCacheNodes": "1", "ReadCacheItemSeconds": "30", "ReadCacheListSeconds": "1"}
    stack.update(**values)
    assert setting("ReadPosts", "POSTS_CACHE")(stack)
    assert reader(stack).call("GET", path).json() == post
    # Written past the cache: readers see the old post for a while, authors the new one at once.
    assert hana.write("PUT", path, {"title": "Cached", "body": "y", "version": 1}).status == 200
    assert reader(stack).call("GET", path).json() == post
    assert hana.write("GET", path).json()["body"] == "y"
    # Another size of node is another cluster, which takes over.
    cluster = stack.physical("PostsCache")
    stack.update(ReadCacheNodeType="dax.r5.large", Zones="us-east-1b,us-east-1c")
    assert stack.physical("PostsCache") != cluster
    assert inside(stack) == {stack.physical("NetworkSubnetA"), stack.physical("NetworkSubnetB")}
    assert zones(stack) == {"us-east-1b", "us-east-1c"}
    # In a network of the user's own there is none of ours.
    ec2 = stack.emulator.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/24")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in (("10.7.0.0/26", "us-east-1a"), ("10.7.0.64/26", "us-east-1b"))
    ]
    stack.update(VpcId=vpc, SubnetIds=",".join(subnets), Zones="none")
    assert inside(stack) == set(subnets)
    assert "Network" not in {r["LogicalResourceId"] for r in stack.resources()}
    assert reader(stack).call("GET", path).status == 200
    stack.update(
        ReadCache="none",
        ReadCacheNodes="3",
        ReadCacheItemSeconds="300",
        ReadCacheListSeconds="10",
        ReadCacheNodeType="dax.t3.small",
        VpcId="none",
        SubnetIds="none",
    )
    assert not setting("ReadPosts", "POSTS_CACHE")(stack)
    assert inside(stack) == set()
    assert reader(stack).call("GET", path).json()["body"] == "y"
    assert hana.write("DELETE", path).status == 204


def inside(stack: Stack) -> set[str]:
    """The subnets of the function that reads."""
    return set((setting("ReadPosts", "VpcConfig")(stack) or {}).get("SubnetIds", []))


def zones(stack: Stack) -> set[str]:
    found = stack.emulator.client("ec2").describe_subnets(SubnetIds=sorted(inside(stack)))["Subnets"]
    return {one["AvailabilityZone"] for one in found}


REFUSED = {
    "a sender without its identity": ({"SenderAddress": "news@example.com"}, "SenderAddress needs SenderIdentity"),
    "an identity without a sender": ({"SenderIdentity": "example.com"}, "SenderIdentity needs SenderAddress"),
    "no sender": ({"SenderAddress": "news", "SenderIdentity": "example.com"}, "SenderAddress is none or an e-mail"),
    "a domain without a certificate": ({"DomainName": "blog.example.com"}, "DomainName needs DomainCertificateArn"),
    "a zone without a domain": ({"HostedZoneId": "Z0123456789"}, "HostedZoneId needs DomainName"),
    "a certificate of another region": (
        {"DomainCertificateArn": f"arn:aws:acm:eu-west-1:{ACCOUNT}:certificate/x"},
        "DomainCertificateArn",
    ),
    "a regional web ACL": (
        {"WebAclArn": f"arn:aws:wafv2:eu-west-1:{ACCOUNT}:regional/webacl/x/0"},
        "WebAclArn is none or the ARN of a global WAFv2 web ACL",
    ),
    "a cache without layers": ({"ReadCache": "dax"}, "ReadCache needs ArtifactBucket"),
    "a network without subnets": ({"VpcId": "vpc-0123456789abcdef0"}, "VpcId needs SubnetIds"),
    "no network": ({"SubnetIds": "subnet-0123456789abcdef0"}, "SubnetIds"),
    "one zone": ({"Zones": "us-east-1a"}, "Zones"),
    "a copy here": ({"ReplicaRegion1": "us-east-1"}, "ReplicaRegion1 is this stack's own region"),
    "two copies in one region": (
        {"ReplicaRegion1": "eu-west-1", "ReplicaRegion2": "eu-west-1"},
        "ReplicaRegion2 is the same region as ReplicaRegion1",
    ),
    "a copy of a copy": (
        {"ReplicaRegion1": "eu-west-1", "PostsTableName": "posts"},
        "ReplicaRegion1 is for the",
    ),
    "a key for no copy": (
        {"ReplicaKmsKeyArn1": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/x"},
        "ReplicaKmsKeyArn1 needs",
    ),
    "a copy without its key": (
        {"ReplicaRegion1": "eu-west-1", "KmsKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/x"},
        "ReplicaRegion1 and KmsKeyArn together need ReplicaKmsKeyArn1",
    ),
    "a fifth key": ({"OriginKeyRotation": "5"}, "OriginKeyRotation"),
    "perhaps": ({"Comments": "perhaps"}, "Comments"),
    "no seconds": ({"EdgeSeconds": "0"}, "EdgeSeconds"),
    "no title": ({"BlogTitle": "<b>"}, "BlogTitle is 1 to 60 characters"),
    "a subject of two lines": ({"WelcomeSubject": "x\r\nBcc: y@example.com"}, "WelcomeSubject"),
    "no text": ({"WelcomeText": ""}, "WelcomeText"),
    "little memory": ({"ThumbnailMemory": "128"}, "ThumbnailMemory"),
    "a budget for nobody": ({"MonthlyBudget": "10"}, "MonthlyBudget needs BudgetEmail"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_parameters_that_cannot_work_are_refused_before_anything_is_made(patched: Emulator, what: str) -> None:
    values, message = REFUSED[what]
    with pytest.raises(ClientError) as no:
        Stack(patched, "refused-blog").create(template_url(patched, "blog"), **values)
    assert message in str(no.value)
    with pytest.raises(ClientError, match="does not exist"):
        Stack(patched, "refused-blog").describe()


# Changed by tests of their own: here, or in those of the edge and of the regions.
BY_THEMSELVES = {
    *("ArtifactBucket", "SenderAddress", "SenderIdentity", "KmsKeyArn", "DomainName", "DomainCertificateArn"),
    *("HostedZoneId", "OriginKeyRotation", "PostsTableName", "ReadCache", "ReadCacheNodes", "ReadCacheNodeType"),
    *("ReadCacheItemSeconds", "ReadCacheListSeconds", "SubnetIds", "VpcId", "Zones"),
    *(f"Replica{what}{n}" for what in ("Region", "KmsKeyArn") for n in (1, 2, 3)),
}


def test_every_parameter_is_changed_here() -> None:
    """A parameter that no test changes is one whose effect nobody has seen."""
    changed = {name for values, *_ in CHANGES.values() for name in values}
    assert changed | BY_THEMSELVES == json.loads(template_bytes("blog"))["Parameters"].keys()
