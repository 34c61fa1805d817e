"""The to-do list and the blog, deployed once for each set of options and pytest process."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.journeys import blog as blogs
from tests.journeys.stack import Stack, preset, put_layers, template_url
from troposphere_arch.journeys.blog import Author
from troposphere_arch.journeys.todo import Phone
from troposphere_arch.local import Emulator

# What works on the unmodified emulator besides the template's own defaults. (File storage does not: it has no policy
# variables, so nobody has a prefix.)
ALL_ON_STOCK = {
    "DeletionProtection": "on",
    "FunctionMemory": "512",
    "MailFrom": "todo@example.com",
    "MailIdentity": "example.com",
    "ResponseCache": "0.5",
    "ReservedConcurrency": "20",
    "RolePath": "/apps/",
    "Zones": "us-east-1b,us-east-1c",
}


@pytest.fixture(scope="session", params=["defaults", "all on stock", "production", "a company's own"])
def todo(request: pytest.FixtureRequest) -> Stack:
    """The template's own defaults and all options that the unmodified emulator knows, there; the rest patched."""
    if request.param == "production":
        return request.getfixturevalue("production")
    if request.param == "a company's own":
        return of_a_company(request.getfixturevalue("patched"))
    stock = request.getfixturevalue("stock")
    if request.param == "defaults":
        return Stack(stock, "todo").create(template_url(stock, "todo"))
    return Stack(stock, "todo-all-on").create(template_url(stock, "todo"), **ALL_ON_STOCK)


def of_a_company(patched: Emulator) -> Stack:
    """The read cache, and no response cache, in a company's own network, under its key and its boundary for roles."""
    ec2 = patched.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/24")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in (("10.8.0.0/26", "us-east-1a"), ("10.8.0.64/26", "us-east-1b"))
    ]
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    boundary = patched.client("iam").create_policy(PolicyName="company", PolicyDocument=json.dumps(everything))
    values = {
        "AlarmTopicArn": patched.client("sns").create_topic(Name="company")["TopicArn"],
        "ArtifactBucket": put_layers(patched),
        "KmsKeyArn": patched.client("kms").create_key()["KeyMetadata"]["Arn"],
        "PermissionsBoundaryArn": boundary["Policy"]["Arn"],
        "ReadCache": "dax",
        "ReadCacheNodes": "2",
        "RolePath": "/company/",
        "SubnetIds": ",".join(subnets),
        "VpcId": vpc,
    }
    return Stack(patched, "todo-company").create(template_url(patched, "todo"), **values)


@pytest.fixture(scope="session")
def production(patched: Emulator) -> Stack:
    """The preset `production` on the patched emulator: file storage, both caches, all of it."""
    values = {**preset("todo", "production"), "ArtifactBucket": put_layers(patched)}
    return Stack(patched, "todo-production").create(template_url(patched, "todo"), **values)


@pytest.fixture
def phone(todo: Stack) -> Callable[[], Phone]:
    """Makes phones whose user has signed up and signed in to `todo`."""
    return lambda: signed_in(todo)


def signed_in(stack: Stack) -> Phone:
    """A phone whose new user has signed up, confirmed and signed in."""
    made = Phone(stack.emulator, stack.outputs)
    made.sign_up()
    made.sign_in()
    return made


@pytest.fixture(scope="session")
def blog(patched: Emulator) -> Stack:
    """A blog with mail and thumbnails, and with its site."""
    stack = blogs.make(patched, "blog", **blogs.with_everything(patched))
    blogs.put_site(stack)
    return stack


@pytest.fixture(scope="session")
def bare_blog(patched: Emulator) -> Stack:
    """A blog with the template's own defaults: no mail, no thumbnails; nobody put a site."""
    return blogs.make(patched, "bare-blog")


@pytest.fixture(scope="session")
def stock_blog(stock: Emulator) -> Stack:
    """The defaults and a site on the unmodified emulator, whose CloudFront reaches no API."""
    stack = blogs.make(stock, "stock-blog")
    blogs.put_site(stack)
    return stack


@pytest.fixture(scope="session")
def mina(blog: Stack) -> Author:
    """An author of `blog`."""
    return blogs.author(blog)
