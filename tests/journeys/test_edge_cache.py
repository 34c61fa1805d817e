"""The edge alone, before a load balancer that another stack made: it comes, is enforced, and goes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.journeys import updates
from tests.journeys.stack import Stack, aws, template_bytes, template_url
from tests.journeys.updates import ask, polling, publish, servers
from tests.system import needs
from troposphere_arch.local import Emulator

pytestmark = [pytest.mark.xdist_group("edge-cache"), needs("nginx")]
BIG = bytes(range(256)) * 1024
HOST, ORIGIN = "updates-cached.example.com", "origin.updates-cached.example.com"
PUBLIC = "devices.example.com"


@pytest.fixture(scope="module")
def theirs(patched: Emulator) -> Iterator[Stack]:
    """Somebody's application behind a load balancer, with a release. No edge of its own."""
    made = updates.make(patched, "their-application", **updates.names(patched, "cached"))
    with servers(made):
        assert publish(made, "2.0.0", app_bin=BIG)["state"] == "published"
        yield made
    made.delete()


@pytest.fixture(scope="module")
def listener(theirs: Stack) -> dict[str, str]:
    """What their owner knows of it."""
    return {
        "ListenerArn": theirs.physical("BalancerHttps"),
        "TargetGroupArn": theirs.physical("BalancerTargets"),
        "KeyRulePriority": "10",
        "RefusalRulePriority": "20",
    }


@pytest.fixture(scope="module")
def edge(patched: Emulator, theirs: Stack) -> Iterator[Stack]:
    made = Stack(patched, "their-edge").create(
        template_url(patched, "edge-cache"), OriginDomainName=theirs.outputs["BalancerUrl"].partition("://")[2]
    )
    yield made
    made.delete()


def state_of(theirs: Stack) -> str:
    """All that the owner sees of the load balancer, but for rules that came."""
    elbv2 = theirs.emulator.client("elbv2")
    arn = theirs.physical("Balancer")
    rules = elbv2.describe_rules(ListenerArn=theirs.physical("BalancerHttps"))["Rules"]
    return json.dumps(
        [
            elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"],
            elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"],
            elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"],
            elbv2.describe_target_groups(TargetGroupArns=[theirs.physical("BalancerTargets")])["TargetGroups"],
            [rule for rule in rules if rule["IsDefault"]],
            theirs.describe()["StackStatus"],
        ],
        default=str,
        sort_keys=True,
    )


@shows("REQ-U5", "REQ-U6", "REQ-U7", "REQ-U13", how="patched")
def test_it_comes_is_enforced_and_goes_while_devices_ask(theirs: Stack, edge: Stack, listener: dict[str, str]) -> None:
    before = state_of(theirs)
    through = edge.outputs["EdgeDomain"]
    manifest = ask(edge, "/latest.json", through)
    assert (manifest.status, manifest.json()["version"]) == (200, "2.0.0")
    path = manifest.json()["files"][0]["url"]
    assert ask(edge, path, through).body == BIG
    part = ask(edge, path, through, Range="bytes=5-9")
    assert (part.status, part.body) == (206, BIG[5:10])
    assert ask(edge, path, through, **{"If-None-Match": part.headers["ETag"]}).status == 304
    assert ask(edge, "/none", through).status == 404
    for parameters, answering, refused in (
        (listener, (through, HOST), ()),
        ({"EdgeCache": "enforced"}, (through,), (HOST, ORIGIN)),
        ({"OriginKeyRotation": "2"}, (through,), (HOST, ORIGIN)),
        ({"EdgeCache": "on"}, (through,), ()),
        ({"ListenerArn": "none", "TargetGroupArn": "none"}, (through, HOST), ()),
    ):
        with polling(edge, *answering) as polls:
            edge.update(**parameters)
        for host in answering:
            assert polls.all_good(host), (parameters, polls.answers)
        for host in refused:
            assert ask(edge, "/latest.json", host).status == 403, (parameters, host)
        assert state_of(theirs) == before, parameters
    for host in (HOST, ORIGIN):
        assert ask(edge, "/latest.json", host).status == 200
    rules = theirs.emulator.client("elbv2").describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    assert [rule["Priority"] for rule in rules] == ["default"]


@shows("REQ-U6", how="patched")
def test_devices_names_move_to_it(patched: Emulator, edge: Stack) -> None:
    mine = updates.names(patched)
    arn = patched.client("acm").request_certificate(DomainName=PUBLIC)["CertificateArn"]
    edge.update(DomainName=PUBLIC, DomainCertificateArn=arn, HostedZoneId=mine["HostedZoneId"])
    assert edge.outputs["UpdatesUrl"] == f"https://{PUBLIC}"
    assert ask(edge, "/latest.json", PUBLIC).json()["version"] == "2.0.0"
    edge.update(DomainName="none", DomainCertificateArn="none", HostedZoneId="none")


@shows("REQ-U5", how="patched")
def test_a_name_that_leads_nowhere_and_its_own_name_over_https_are_502(theirs: Stack, edge: Stack) -> None:
    """As the docs say: a wrong name, and the load balancer's own name, which no certificate covers."""
    good = next(p["ParameterValue"] for p in edge.describe()["Parameters"] if p["ParameterKey"] == "OriginDomainName")
    for name in ("nobody.example.com", theirs.outputs["BalancerName"]):
        edge.update(OriginDomainName=name)
        assert ask(edge, "/latest.json", edge.outputs["EdgeDomain"]).status == 502, name
    edge.update(OriginDomainName=good)
    assert ask(edge, "/latest.json", edge.outputs["EdgeDomain"]).status == 200


@shows("REQ-U5", "REQ-U6", how="stock")
def test_before_a_load_balancer_that_speaks_http_only_on_the_unmodified_emulator(stock: Emulator) -> None:
    elbv2 = stock.client("elbv2")
    made = elbv2.create_load_balancer(Name="plain", Subnets=[])["LoadBalancers"][0]
    answer = {"StatusCode": "200", "ContentType": "application/json", "MessageBody": '{"version": "3.0.0"}'}
    elbv2.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": answer}],
    )
    plain = {"OriginDomainName": made["DNSName"], "OriginProtocol": "http"}
    with_rules = {
        "ListenerArn": "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/plain/1/2",
        "TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/plain/1",
    }
    with pytest.raises(ClientError, match="need OriginProtocol https"):
        Stack(stock, "refused-edge").create(template_url(stock, "edge-cache"), **plain, **with_rules)
    edge = Stack(stock, "plain-edge").create(template_url(stock, "edge-cache"), **plain)
    assert ask(edge, "/latest.json", edge.outputs["EdgeDomain"]).json() == {"version": "3.0.0"}
    edge.delete()


@shows("REQ-D5", "REQ-U6", how="stock")
def test_the_aws_cli_makes_it_from_the_file_as_it_is(stock: Emulator, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It fits into a request, so there is no bucket."""
    file = tmp_path_factory.mktemp("edge") / "edge-cache.template.json"
    file.write_bytes(template_bytes("edge-cache"))
    aws(
        stock,
        *("cloudformation", "create-stack", "--stack-name", "edge-by-cli", "--capabilities", "CAPABILITY_IAM"),
        *("--template-body", f"file://{file}"),
        *("--parameters", "ParameterKey=OriginDomainName,ParameterValue=origin.updates.example.com"),
    )
    made = Stack(stock, "edge-by-cli").wait("CREATE_COMPLETE")
    identifier = made.describe()["StackId"]
    assert made.outputs["TemplateId"] == "edge-cache"
    aws(stock, "cloudformation", "delete-stack", "--stack-name", "edge-by-cli")
    made.wait("DELETE_COMPLETE", name=identifier)
