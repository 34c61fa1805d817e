"""Fronts: a service on servers, a front before two versions, and versions behind it; from declarations, as bytes.

No emulator has security groups, TLS between API Gateway and a load balancer, or a permission of a target group: that
is proved here, for each choice of the parameters.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.microservices.systems import HEALTH, PLAIN_CODE, PORT, own_folder, service
from troposphere_arch import arrows, discovery, evaluate, lint
from troposphere_arch.blocks import service_api, service_front
from troposphere_arch.microservices import service as page
from troposphere_arch.microservices.declaration import CONTAINER, FRONT, HTTP, Platform, System
from troposphere_arch.parameters.services import found, words
from troposphere_arch.render import render
from troposphere_arch.template import scenario_template

Template = dict[str, Any]
ROUTES = ("GET /items/{id}", "POST /items/{id}/parts/{part}", "GET /items")
NETWORK = {
    "PlatformVpc": "vpc-0a1b2c3d",
    "PlatformSubnets": "subnet-0a1b2c3d,subnet-4e5f6a7b",
    "PlatformSecurityGroup": "sg-0a1b2c3d",
    "PlatformApiEndpoint": "vpce-0a1b2c3d",
}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
PLAIN = {"PlatformDomain": "none", "PlatformCertificate": "none", "PlatformZone": "none"}
NAMED = {"PlatformDomain": "shop.example.com", "PlatformCertificate": CERTIFICATE, "PlatformZone": "Z1"}
ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{}/1"
ONE, OTHER = ARN.format("one"), ARN.format("other")
# By what each service is before, or behind.
OWN_FRONT = ("orders", "stock", "inner", "ledger")
BEHIND = ("orders-v1", "orders-v2")


@lru_cache
def shop() -> System:
    """A front and its two versions, a service with a load balancer of its own, and a private one of both."""
    folder = own_folder()
    made = (
        service(folder, "orders", FRONT, routes=ROUTES),
        service(folder, "orders-v1", HTTP, behind="orders", routes=ROUTES),
        service(folder, "orders-v2", CONTAINER, behind="orders", routes=ROUTES),
        service(folder, "orders-v3", HTTP, behind="orders", routes=ROUTES, table=True, shift="weight"),
        service(folder, "stock", CONTAINER, routes=ROUTES, table=True),
        service(folder, "inner", FRONT, routes=ROUTES, private=True),
        service(folder, "ledger", CONTAINER, routes=ROUTES, private=True),
        service(folder, "plain", HTTP, routes=ROUTES, table=True),
    )
    (folder / "orders-v1" / "handler.py").write_text(PLAIN_CODE)
    return System(Platform("shop", "shop@example.com", network="nat"), {one.name: one for one in made}, folder)


@lru_cache
def body(name: str) -> bytes:
    return render(page.build(shop(), shop().services[name]))


def original(name: str) -> Template:
    template: Template = json.loads(body(name))
    return template


def deployed(name: str, **chosen: str) -> Template:
    """The resources as they are for these parameters: of SSM's the values that are found, not the names."""
    template = original(name)
    found = {**NETWORK, **PLAIN, "VersionA": "none", "VersionB": "none", **chosen}
    values = evaluate.parameters_of(template, {k: v for k, v in found.items() if k in template["Parameters"]})
    holding = evaluate.conditions(template, values)
    there = {n: r for n, r in template["Resources"].items() if holding.get(r.get("Condition", ""), True)}
    return {n: evaluate.simplified(r, values, holding, template.get("Mappings")) for n, r in there.items()}


def of_type(resources: Template, kind: str) -> Template:
    return {name: r["Properties"] for name, r in resources.items() if r["Type"] == kind}


def one_of(resources: Template, kind: str) -> Template:
    (properties,) = of_type(resources, kind).values()
    found: Template = properties
    return found


# --- who reaches whom


def flows(resources: Template) -> set[tuple[str, str, int]]:
    """From which security group to which, at which port: only where one lets out what the other lets in."""

    def name(value: Any) -> str:
        return value["Fn::GetAtt"][0] if isinstance(value, dict) else value

    def rules(kind: str, key: str, other: str) -> Iterator[tuple[str, str, int]]:
        for title, group in of_type(resources, "AWS::EC2::SecurityGroup").items():
            for rule in group.get(f"SecurityGroup{kind}", []):
                if rule.get("CidrIp") != "127.0.0.1/32":
                    yield title, name(rule.get(other, rule.get("CidrIp"))), rule["FromPort"]
        for rule in of_type(resources, f"AWS::EC2::SecurityGroup{kind}").values():
            yield name(rule["GroupId"]), name(rule[other]), rule["FromPort"]

    out = set(rules("Egress", "GroupId", "DestinationSecurityGroupId"))
    way_in = {(source, target, port) for target, source, port in rules("Ingress", "GroupId", "SourceSecurityGroupId")}
    both = out & way_in
    # What is let in by a group and out by none, or the other way round, is a mistake; but for what is let out to
    # wherever there is a route, of tasks.
    assert not way_in - both
    assert {one for one in out - both if one[2] != 443 or one[1] != "0.0.0.0/0"} == set()
    return both


@shows("REQ-M5", "REQ-M10", how="static")
@pytest.mark.parametrize(("chosen", "port"), [(PLAIN, 80), (NAMED, 443)], ids=["plain", "named"])
def test_each_security_group_knows_the_next_one_only(chosen: dict[str, str], port: int) -> None:
    link = ("BalancerLinkGroup", "BalancerGroup", port)
    for name in ("orders", "inner"):
        assert flows(deployed(name, **chosen)) == {link}
    for name in ("stock", "ledger"):
        assert flows(deployed(name, **chosen)) == {link, ("BalancerGroup", "TaskGroup", PORT)}
    assert flows(deployed("orders-v2", **chosen, OrdersBalancerGroup="sg-front")) == {("sg-front", "TaskGroup", PORT)}
    assert flows(deployed("orders-v1", **chosen)) == set()


@shows("REQ-M5", how="static")
@pytest.mark.parametrize("name", OWN_FRONT)
def test_the_load_balancer_has_no_public_address(name: str) -> None:
    resources = deployed(name)
    balancer = one_of(resources, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert (balancer["Scheme"], balancer["Type"]) == ("internal", "application")
    assert balancer["Subnets"] == ["subnet-0a1b2c3d", "subnet-4e5f6a7b"]
    assert balancer["SecurityGroups"] == [{"Fn::GetAtt": ["BalancerGroup", "GroupId"]}]
    link = one_of(resources, "AWS::ApiGatewayV2::VpcLink")
    assert link["SubnetIds"] == balancer["Subnets"]
    assert link["SecurityGroupIds"] == [{"Fn::GetAtt": ["BalancerLinkGroup", "GroupId"]}]
    assert all(group["VpcId"] == "vpc-0a1b2c3d" for group in of_type(resources, "AWS::EC2::SecurityGroup").values())


@pytest.mark.parametrize(("chosen", "protected"), [({}, "false"), ({"DeletionProtection": "on"}, "true")])
def test_attributes_of_the_load_balancer(chosen: dict[str, str], protected: str) -> None:
    for name in OWN_FRONT:
        balancer = one_of(deployed(name, **chosen), "AWS::ElasticLoadBalancingV2::LoadBalancer")
        attributes = {one["Key"]: one["Value"] for one in balancer["LoadBalancerAttributes"]}
        assert attributes["deletion_protection.enabled"] == protected
        assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
        # Longer than API Gateway waits: who has an answer by then can still give it.
        assert int(attributes["idle_timeout.timeout_seconds"]) > 29
        told = original(name)["Parameters"]["DeletionProtection"]["Description"]
        assert "the load balancer" in told
        assert "about 16 USD a month" in told
        assert ("the table" in told) == (name == "stock")


# --- listeners and TLS


@shows("REQ-M4", how="static")
@pytest.mark.parametrize("name", OWN_FRONT)
def test_what_is_named_is_asked_over_tls(name: str) -> None:
    """The name that API Gateway asks for TLS is one that the platform's certificate is for."""
    for chosen in (PLAIN, NAMED):
        resources = deployed(name, **chosen)
        listener = one_of(resources, "AWS::ElasticLoadBalancingV2::Listener")
        variables = one_of(resources, "AWS::ApiGateway::Stage")["Variables"]
        uris = {method["Integration"]["Uri"] for method in of_type(resources, "AWS::ApiGateway::Method").values()}
        assert variables["link"] == {"Ref": "BalancerLink"}
        if chosen is NAMED:
            assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
            assert listener["Certificates"] == [{"CertificateArn": CERTIFICATE}]
            assert listener["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2")
            assert variables["host"] == f"{name}.shop.example.com"
        else:
            assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")
            assert not {"Certificates", "SslPolicy"} & listener.keys()
            assert variables["host"] == {"Fn::GetAtt": ["Balancer", "DNSName"]}
        scheme = "https" if chosen is NAMED else "http"
        assert uris == {f"{scheme}://${{stageVariables.host}}{route.split()[1]}" for route in ROUTES}


# --- methods


@shows("REQ-M3", "REQ-M6", how="static")
@pytest.mark.parametrize("name", OWN_FRONT)
def test_each_route_is_passed_on_as_it_is(name: str) -> None:
    methods = of_type(deployed(name), "AWS::ApiGateway::Method")
    assert len(methods) == len(ROUTES)
    for method in methods.values():
        integration = method["Integration"]
        assert method["AuthorizationType"] == "AWS_IAM"
        assert integration["Type"] == "HTTP_PROXY"
        assert integration["IntegrationHttpMethod"] == method["HttpMethod"]
        assert (integration["ConnectionType"], integration["ConnectionId"]) == ("VPC_LINK", "${stageVariables.link}")
        assert integration["IntegrationTarget"] == {"Ref": "Balancer"}
        assert integration["TimeoutInMillis"] == 29_000
        names = re.findall(r"\{(\w+)\}", integration["Uri"].partition("host}")[2])
        taken = {f"integration.request.path.{one}": f"method.request.path.{one}" for one in names}
        # A client says none of these itself: what is set here takes the place of what it sent.
        assert integration["RequestParameters"] == {
            "integration.request.header.X-Gateway-Caller": "context.identity.userArn",
            "integration.request.header.X-Gateway-Request": "context.requestId",
            "integration.request.header.X-Gateway-Route": "context.resourcePath",
            "integration.request.header.X-Gateway-Stage": "context.stage",
            **taken,
        }
        assert method["RequestParameters"] == dict.fromkeys(taken.values(), True)


@shows("REQ-M3", how="static")
@pytest.mark.parametrize("private", [False, True])
def test_callers_see_no_difference(private: bool) -> None:
    """Names, what is told, and each method's path and authorization are those of a function's API."""
    domains = {**NAMED, "PlatformPrivateDomain": "inside.example.com", "PlatformPrivateCertificate": "arn:private"}
    seen = []
    for name in ("inner", "ledger") if private else ("orders", "stock", "plain"):
        resources = deployed(name, **domains)
        methods = of_type(resources, "AWS::ApiGateway::Method").values()
        told = {one["Name"]: one["Value"] for one in of_type(resources, "AWS::SSM::Parameter").values()}
        what = {
            "paths": sorted(one["PathPart"] for one in of_type(resources, "AWS::ApiGateway::Resource").values()),
            "methods": sorted(
                [one["HttpMethod"], one["AuthorizationType"], one["ResourceId"]["Ref"]] for one in methods
            ),
            "names": [r["Properties"]["DomainName"] for r in resources.values() if "DomainName" in r["Properties"]][:1],
            "told": [told[f"/shop/{name}/{what}"] for what in ("address", "arn")],
            "output": original(name)["Outputs"]["ApiUrl"],
        }
        seen.append(json.dumps(what, sort_keys=True).replace(name, "it"))
        assert told[f"/shop/{name}/address"] == f"https://{name}.{'inside' if private else 'shop'}.example.com"
    assert len(set(seen)) == 1


@shows("REQ-M11", how="static")
@pytest.mark.parametrize("name", OWN_FRONT)
def test_no_method_holds_a_value_of_a_parameter(name: str) -> None:
    """A domain is frozen in no deployment; that there is one decides which of two there is, and which is served."""
    template = original(name)
    parameters = template["Parameters"].keys()
    for method in of_type(template["Resources"], "AWS::ApiGateway::Method").values():
        refers = set(re.findall(r'"Ref": "(\w+)"', json.dumps(method)))
        assert not refers & parameters
        assert set(re.findall(r'"Fn::If": \["(\w+)"', json.dumps(method))) == {"HasPlatformDomain"}
    deployments = {}
    for chosen in (PLAIN, NAMED, {**NAMED, "PlatformDomain": "other.example.com"}):
        resources = deployed(name, **chosen)
        (made,) = of_type(resources, "AWS::ApiGateway::Deployment")
        assert one_of(resources, "AWS::ApiGateway::Stage")["DeploymentId"] == {"Ref": made}
        waits_for = resources[made]["DependsOn"]
        assert set(of_type(resources, "AWS::ApiGateway::Method")) | {"Balancer"} <= set(waits_for)
        deployments[chosen["PlatformDomain"]] = made
    assert deployments["none"] != deployments["shop.example.com"] == deployments["other.example.com"]


@shows("REQ-M11", how="static")
def test_the_deployments_carry_the_hash_of_what_they_freeze(tmp_path: Path) -> None:
    def made(folder: str, *routes: str) -> set[str]:
        front = service(tmp_path / folder, "orders", FRONT, routes=routes)
        system = System(Platform("shop", "shop@example.com", network="nat"), {"orders": front}, tmp_path)
        template = json.loads(render(page.build(system, front)))
        return set(of_type(template["Resources"], "AWS::ApiGateway::Deployment"))

    one, same, other = made("one", *ROUTES), made("same", *ROUTES), made("other", *ROUTES, "GET /more")
    assert one == same
    assert len(one) == len(other) == 2
    assert not one & other


def test_an_api_passes_requests_on_to_its_own_front_only() -> None:
    t = scenario_template("own", "1.0.0", "A page of somebody's own.", words=words("shop"))

    def front(title: str) -> service_front.Front:
        domain, certificate = (
            found(one, f"/shop/{one}", one, one) for one in ("PlatformDomain", "PlatformCertificate")
        )
        return service_front.front(
            t, title, "orders", [], vpc="vpc", subnets="a,b", domain=domain, certificate=certificate
        )

    own, other = front("Balancer"), front("Other")
    api, plain = service_api.service_api(t, "Api", own), service_api.service_api(t, "Plain")
    arrows.route(api, "GET /x", own, by=arrows.SERVICES)
    for wrong, to in ((api, other), (plain, own)):
        with pytest.raises(ValueError, match=f"GET /y: {wrong.title} passes requests on as they are, and to its own"):
            arrows.route(wrong, "GET /y", to, by=arrows.SERVICES)


# --- targets


@shows("REQ-M3", how="static")
def test_targets_are_asked_for_their_health_at_the_declared_path() -> None:
    for name in ("stock", "ledger", "orders-v2"):
        group = one_of(deployed(name), "AWS::ElasticLoadBalancingV2::TargetGroup")
        assert (group["TargetType"], group["Port"], group["Protocol"]) == ("ip", PORT, "HTTP")
        assert group["VpcId"] == "vpc-0a1b2c3d"
        assert group["HealthCheckPath"] == HEALTH
        assert group["Matcher"] == {"HttpCode": "200"}
        assert group["HealthCheckTimeoutSeconds"] < group["HealthCheckIntervalSeconds"]
        # Those who answer requests answer this, too: a service that is busy for half a minute is none that is down.
        assert (group["UnhealthyThresholdCount"] - 1) * group["HealthCheckIntervalSeconds"] >= 50
        assert group["HealthCheckTimeoutSeconds"] == 9
        attributes = {one["Key"]: one["Value"] for one in group["TargetGroupAttributes"]}
        # Whoever is asked still has as long as API Gateway waits.
        assert int(attributes.pop("deregistration_delay.timeout_seconds")) == 30
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-attributes.html
        assert attributes == {
            "load_balancing.algorithm.anomaly_mitigation": "on",
            "load_balancing.algorithm.type": "weighted_random",
        }


@shows("REQ-M3", how="static")
def test_who_registers_targets_waits_until_they_belong_to_a_load_balancer() -> None:
    ways = {"BalancerToTaskGroup", "TaskGroupFromBalancer"}
    for name, after in (("stock", {"BalancerListener"}), ("orders-v2", {"TargetsRule", *ways})):
        resources = original(name)["Resources"]
        (tasks,) = (r for r in resources.values() if r["Type"] == "AWS::ECS::Service")
        assert after <= set(tasks["DependsOn"])
    assert original("stock")["Resources"]["BalancerListener"]["DependsOn"] == ["BalancerGroupToTaskGroup"]


@shows("REQ-M2", how="static")
def test_only_its_target_group_invokes_a_function_behind_a_front() -> None:
    resources = deployed("orders-v1")
    group = one_of(resources, "AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["TargetType"] == "lambda"
    assert group["Targets"] == [{"Id": {"Fn::GetAtt": ["Function", "Arn"]}}]
    assert not group["HealthCheckEnabled"]
    # With the last value of a header alone it would not know that there are two of who asks.
    assert group["TargetGroupAttributes"] == [{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}]
    right = one_of(resources, "AWS::Lambda::Permission")
    assert resources["Targets"]["DependsOn"] == "TargetsToFunction"
    assert right["Principal"] == "elasticloadbalancing.amazonaws.com"
    source = right["SourceArn"]["Fn::Sub"]
    assert source[0].endswith(":${AWS::AccountId}:targetgroup/${Name}/*")
    assert source[1] == {"Name": group["Name"]}
    # Of the id of a stack, whose form is this: an id of its own has each stack that was ever made.
    stack = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop-orders-v1/f449b250-b969-11e0-a185-5081d0136786"
    text = json.dumps(original("orders-v1")["Resources"]["Targets"]["Properties"]["Name"])
    name = evaluate.simplified(json.loads(text.replace('{"Ref": "AWS::StackId"}', json.dumps(stack))), {}, {})
    assert name == "t-f449b250-b969-5081d0136786"
    assert len(name) <= 32


@shows("REQ-M11", how="static")
def test_where_a_function_has_an_alias_the_load_balancer_asks_that() -> None:
    resources = deployed("orders-v3")
    (alias,) = of_type(resources, "AWS::Lambda::Alias")
    group = one_of(resources, "AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["Targets"] == [{"Id": {"Ref": alias}}]
    assert one_of(resources, "AWS::Lambda::Permission")["FunctionName"] == {"Ref": alias}


@shows("REQ-M3", "REQ-M11", how="real")
def test_a_function_behind_a_front_answers_what_its_load_balancer_hands_over() -> None:
    """By the very code of the template; a function with an API of its own needs none of it."""
    code = original("orders-v1")["Resources"]["Function"]["Properties"]["Code"]["ZipFile"]
    script = (
        "import json, sys\n"
        "class Context:\n"
        "    aws_request_id = 'id'\n"
        "    def get_remaining_time_in_millis(self): return 9000\n"
        "namespace = {'__name__': 'index'}\n"
        "event = json.loads(sys.argv[1])\n"
        "exec(compile(sys.stdin.read(), 'index.py', 'exec'), namespace)\n"
        "print(json.dumps(namespace['handler'](event, Context())))\n"
    )
    told = {"route": "/items/{id}", "stage": "v1", "caller": "arn:aws:iam::123456789012:user/a", "request": "r"}
    event = {
        "requestContext": {"elb": {"targetGroupArn": ONE}},
        "httpMethod": "GET",
        "path": "/v1/items/pen",
        "multiValueQueryStringParameters": {},
        "multiValueHeaders": {f"x-gateway-{name}": [value] for name, value in told.items()},
        "body": "",
        "isBase64Encoded": False,
    }
    told_of = subprocess.run(  # a process of its own, as Lambda has it
        [sys.executable, "-c", script, json.dumps(event)], input=code, capture_output=True, text=True, check=True
    )
    answer = json.loads(told_of.stdout.splitlines()[-1])
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"id": "pen"}
    assert answer["multiValueHeaders"]["Content-Type"] == ["application/json"]
    assert "balancer" not in original("plain")["Resources"]["Function"]["Properties"]["Code"]["ZipFile"]


# --- versions


def action(**chosen: str) -> Template:
    (found,) = one_of(deployed("orders", **chosen), "AWS::ElasticLoadBalancingV2::Listener")["DefaultActions"]
    made: Template = found
    return made


def shares(**chosen: str) -> dict[str, int]:
    found = action(**chosen)
    assert found["Type"] == "forward"
    assert found.keys() == {"Type", "ForwardConfig"}
    return {one["TargetGroupArn"]: int(one["Weight"]) for one in found["ForwardConfig"]["TargetGroups"]}


@shows("REQ-M11", how="static")
def test_the_weights_of_two_versions_always_add_up() -> None:
    for weight in range(101):
        assert shares(VersionA=ONE, VersionB=OTHER, WeightOfB=str(weight)) == {ONE: 100 - weight, OTHER: weight}


@shows("REQ-M11", how="static")
@pytest.mark.parametrize("weight", ["0", "10", "100"])
def test_a_version_that_is_alone_gets_everything(weight: str) -> None:
    assert shares(VersionA=ONE, WeightOfB=weight) == {ONE: 100}
    assert shares(VersionB=OTHER, WeightOfB=weight) == {OTHER: 100}
    assert shares(VersionA=ONE, VersionB=ONE, WeightOfB=weight) == {ONE: 100}


@shows("REQ-M11", how="static")
def test_without_a_version_every_request_is_told_so() -> None:
    nobody = action(WeightOfB="50")
    assert nobody["Type"] == "fixed-response"
    answer = nobody["FixedResponseConfig"]
    assert (answer["StatusCode"], answer["ContentType"]) == ("503", "application/json")
    assert json.loads(answer["MessageBody"])["error"] == "Unavailable"
    assert action() == nobody


@shows("REQ-M11", how="static")
@pytest.mark.parametrize(
    ("weight", "allowed"),
    [
        *[(weight, True) for weight in ("0", "1", "9", "10", "55", "99", "100")],
        *[(weight, False) for weight in ("", "-1", "101", "00", "05", "1.5", "100 ", "abc", "1000")],
    ],
)
def test_what_is_no_share_is_refused(weight: str, allowed: bool) -> None:
    parameter = original("orders")["Parameters"]["WeightOfB"]
    assert bool(re.fullmatch(parameter["AllowedPattern"], weight)) == allowed
    assert (weight in original("orders")["Mappings"]["Weights"]) == allowed


@shows("REQ-M11", how="static")
def test_from_one_share_to_the_next_only_the_listener_changes() -> None:
    """0, 10, 100, 0, and the loser gone: no other resource differs, and of the listener what is updated in place."""
    before = deployed("orders")
    for chosen in (
        {"VersionA": ONE},
        *({"VersionA": ONE, "VersionB": OTHER, "WeightOfB": weight} for weight in ("0", "10", "100")),
        {"VersionB": OTHER, "WeightOfB": "100"},
    ):
        after = deployed("orders", **chosen)
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert changed == {"BalancerListener"}
        one, other = before["BalancerListener"]["Properties"], after["BalancerListener"]["Properties"]
        assert {key for key in one if one[key] != other[key]} == {"DefaultActions"}


@shows("REQ-M11", how="static")
def test_versions_are_found_by_name_and_need_no_export() -> None:
    template = original("orders")
    for name in ("VersionA", "VersionB"):
        assert template["Parameters"][name]["Type"] == "AWS::SSM::Parameter::Value<String>"
        assert template["Parameters"][name]["Default"] == "/shop/platform/none"
    told = {one["Name"]: one["Value"] for one in of_type(deployed("orders"), "AWS::SSM::Parameter").values()}
    assert told["/shop/orders/listener"] == {"Ref": "BalancerListener"}
    assert told["/shop/orders/balancer-group"] == {"Fn::GetAtt": ["BalancerGroup", "GroupId"]}
    for name in BEHIND:
        told = {one["Name"]: one["Value"] for one in of_type(deployed(name), "AWS::SSM::Parameter").values()}
        assert told == {f"/shop/{name}/targets": {"Ref": "Targets"}}
        found = {p["Default"] for p in original(name)["Parameters"].values() if "/orders/" in str(p.get("Default"))}
        assert found == {"/shop/orders/listener"} | ({"/shop/orders/balancer-group"} if name == "orders-v2" else set())
        output = evaluate.resolved(original(name), evaluate.parameters_of(original(name), {}))["Outputs"]["Version"]
        assert output["Value"] == f"/shop/{name}/targets"


@shows("REQ-M11", how="static")
def test_a_version_is_asked_by_its_name_before_it_has_any_share() -> None:
    places = []
    for name in BEHIND:
        resources = deployed(name, OrdersListener="arn:listener")
        rule = one_of(resources, "AWS::ElasticLoadBalancingV2::ListenerRule")
        assert rule["ListenerArn"] == "arn:listener"
        assert rule["Conditions"] == [
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Version", "Values": [name]}}
        ]
        assert rule["Actions"] == [{"TargetGroupArn": {"Ref": "Targets"}, "Type": "forward"}]
        places.append(rule["Priority"])
        # It has no address of its own: no API, no load balancer, no name.
        kinds = {r["Type"] for r in resources.values()}
        assert not [kind for kind in kinds if kind.startswith(("AWS::ApiGateway", "AWS::Route53"))]
        assert not kinds & {"AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancingV2::Listener"}
    assert places == [discovery.priority(name) for name in BEHIND]


@shows("REQ-M11", how="static")
def test_the_place_of_a_rule_is_stable_and_one_that_aws_takes() -> None:
    """By the name alone, so that no list of versions is needed; two of one place are refused, see `reading`."""
    places = [discovery.priority(f"orders-v{number}") for number in range(100)]
    assert all(1 <= place <= 50_000 for place in places)
    assert len(set(places)) == 100
    # What was deployed once stays: in another place it might meet the rule of somebody else.
    assert places[1:3] == [11638, 44268]


# --- alarms


@shows("REQ-M10", how="static")
def test_what_callers_would_feel_raises_an_alarm() -> None:
    listener = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shop-Balan-X/50dc6c495c0c9188/f2f7dc8e"
    watched = {}
    for name in (*OWN_FRONT, *BEHIND):
        alarms = of_type(deployed(name, OrdersListener=listener), "AWS::CloudWatch::Alarm").values()
        watched[name] = {
            one["MetricName"]: {d["Name"]: d["Value"] for d in one["Dimensions"]}
            for one in alarms
            if one["Namespace"] == "AWS/ApplicationELB"
        }
        assert all(one["TreatMissingData"] for one in alarms)
    own = {"Fn::GetAtt": ["Balancer", "LoadBalancerFullName"]}
    group = {"Fn::GetAtt": ["Targets", "TargetGroupFullName"]}
    for name in ("orders", "inner"):
        assert watched[name] == {"HTTPCode_ELB_5XX_Count": {"LoadBalancer": own}}
    for name in ("stock", "ledger"):
        whole = {"LoadBalancer": own, "TargetGroup": group}
        assert watched[name] == {
            "HTTPCode_ELB_5XX_Count": {"LoadBalancer": own},
            "HTTPCode_Target_5XX_Count": whole,
            "TargetResponseTime": whole,
            "UnHealthyHostCount": whole,
        }
    # The load balancer is another stack's: its name is a part of its listener's ARN.
    theirs = {"LoadBalancer": "app/shop-Balan-X/50dc6c495c0c9188", "TargetGroup": group}
    for name, metrics in (("orders-v1", set()), ("orders-v2", {"UnHealthyHostCount"})):
        assert watched[name] == dict.fromkeys({"HTTPCode_Target_5XX_Count", "TargetResponseTime"} | metrics, theirs)


# --- lint


@shows("REQ-D3", how="static")
def test_the_templates_are_clean() -> None:
    """With the house rules; and as it is deployed by a name, with two versions: nothing hides behind a condition."""
    as_deployed = deployed("orders", **NAMED, VersionA=ONE, VersionB=OTHER, WeightOfB="10")
    versions = {"AWSTemplateFormatVersion": "2010-09-09", "Description": "Orders.", "Resources": as_deployed}
    for resource in as_deployed.values():
        resource.pop("Condition", None)
    assert lint.lint({name: body(name) for name in (*OWN_FRONT, *BEHIND, "orders-v3")}) == []
    assert lint.lint({"deployed": json.dumps(versions).encode()}, house=False) == []
