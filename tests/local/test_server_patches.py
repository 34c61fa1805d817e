"""What the patches do for services that are servers: VPC links, load balancers, versions, databases and caches."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.evidence import shows
from tests.local.stacks import Resources, Stack, resource, stack
from troposphere_arch.errors import UserError
from troposphere_arch.local import DEFAULT_REGION, Emulator, Response, backends, roles

TRUST_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
TRUST_FUNCTIONS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def attribute(name: str, of: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, of]}


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


# --- a server of this machine


@dataclass
class Server:
    """It answers with what it was asked, and counts; `/health` with `health`."""

    address: str
    port: int = 0
    health: int = 200
    waits: float = 0.0
    asked: list[str] = field(default_factory=list)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/health":
                    self.send_response(server.health)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                server.asked.append(self.path)
                time.sleep(server.waits)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                told = {
                    "by": server.address,
                    "method": self.command,
                    "path": self.path,
                    "headers": {k.lower(): v for k, v in self.headers.items()},
                    "body": body.decode("latin-1"),
                }
                sent = json.dumps(told).encode()
                self.send_response(418 if "teapot" in self.path else 200)
                for name, value in (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Units", "7")):
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json; own")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):  # it was given up
                    self.wfile.write(sent)

            do_PUT = do_GET

            def log_message(self, *_: Any) -> None:
                """Nothing is said."""

        return Handler


@contextlib.contextmanager
def serving(*addresses: str) -> Iterator[list[Server]]:
    """Servers at these addresses, all on one port, as tasks of one service are."""
    servers, running = [Server(address) for address in addresses], []
    port = 0
    try:
        for server in servers:
            http = ThreadingHTTPServer((server.address, port), server._handler())
            port = server.port = http.server_address[1]
            threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
            running.append(http)
        yield servers
    finally:
        for http in running:
            http.shutdown()
            http.server_close()


# --- VPC links

HEADERS = {
    "X-Gateway-Route": "context.resourcePath",
    "X-Gateway-Stage": "context.stage",
    "X-Gateway-Caller": "context.identity.userArn",
    "X-Gateway-Request": "context.requestId",
    "X-Gateway-Fixed": "'fixed'",
    "X-Gateway-Variable": "stageVariables.colour",
}


def network() -> Resources:
    vpc = ref("Vpc")
    return {
        "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
        "SubnetA": resource("EC2::Subnet", VpcId=vpc, CidrBlock="10.0.1.0/24"),
        "SubnetB": resource("EC2::Subnet", VpcId=vpc, CidrBlock="10.0.2.0/24"),
        "Balancer": resource(
            "ElasticLoadBalancingV2::LoadBalancer",
            Scheme="internal",
            Type="application",
            Subnets=[ref("SubnetA"), ref("SubnetB")],
        ),
    }


def group(**properties: Any) -> dict[str, Any]:
    health = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2}
    own = {"TargetType": "ip", "Port": 8080, "Protocol": "HTTP", "VpcId": ref("Vpc"), **health, **properties}
    return resource("ElasticLoadBalancingV2::TargetGroup", **own)


def forward(**weights: Any) -> list[dict[str, Any]]:
    groups = [{"TargetGroupArn": ref(name), "Weight": weight} for name, weight in weights.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


def listener(actions: list[dict[str, Any]], **properties: Any) -> dict[str, Any]:
    own = {"LoadBalancerArn": ref("Balancer"), "Port": 80, "Protocol": "HTTP", "DefaultActions": actions}
    return resource("ElasticLoadBalancingV2::Listener", **(own | properties))


def method(on: str, verb: str, uri: str, *names: str, authorization: str = "AWS_IAM", **more: Any) -> dict[str, Any]:
    paths = {f"integration.request.path.{name}": f"method.request.path.{name}" for name in names}
    return resource(
        "ApiGateway::Method",
        RestApiId=ref("Api"),
        ResourceId=ref(on),
        HttpMethod=verb,
        AuthorizationType=authorization,
        RequestParameters={f"method.request.path.{name}": True for name in names},
        Integration={
            "Type": "HTTP_PROXY",
            "IntegrationHttpMethod": verb,
            "Uri": uri,
            "ConnectionType": "VPC_LINK",
            "ConnectionId": "${stageVariables.link}",
            "IntegrationTarget": ref("Balancer"),
            "RequestParameters": paths | {f"integration.request.header.{k}": v for k, v in HEADERS.items()},
        }
        | more,
    )


def linked(uri: str = "http://${stageVariables.host}") -> Resources:
    read = "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/v1/GET/*"
    may = [
        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": [sub(read), sub(read.replace("GET", "PUT"))]}
    ]
    policy = {"PolicyName": "reads", "PolicyDocument": {"Version": "2012-10-17", "Statement": may}}
    root = attribute("Api", "RootResourceId")
    return network() | {
        "Targets": group(),
        "Listener": listener([{"Type": "forward", "TargetGroupArn": ref("Targets")}]),
        "Link": resource("ApiGatewayV2::VpcLink", Name="link", SubnetIds=[ref("SubnetA"), ref("SubnetB")]),
        "Api": resource("ApiGateway::RestApi", Name="stock"),
        "Stock": resource("ApiGateway::Resource", RestApiId=ref("Api"), ParentId=root, PathPart="stock"),
        "Sku": resource("ApiGateway::Resource", RestApiId=ref("Api"), ParentId=ref("Stock"), PathPart="{sku}"),
        "Open": method("Stock", "GET", f"{uri}/stock", authorization="NONE", TimeoutInMillis=300),
        "Read": method("Sku", "GET", f"{uri}/stock/{{sku}}", "sku"),
        "Write": method("Sku", "PUT", f"{uri}/stock/{{sku}}", "sku"),
        "Deployment": resource("ApiGateway::Deployment", depends=["Open", "Read", "Write"], RestApiId=ref("Api")),
        "Stage": resource(
            "ApiGateway::Stage",
            RestApiId=ref("Api"),
            DeploymentId=ref("Deployment"),
            StageName="v1",
            Variables={"host": "stock.example.com", "link": ref("Link"), "colour": "blue"},
        ),
        "Caller": resource("IAM::Role", AssumeRolePolicyDocument=TRUST_ALL, Policies=[policy]),
    }


def register(made: Stack, group: str, *servers: Server) -> None:
    targets = [{"Id": server.address, "Port": server.port} for server in servers]
    made.emulator.client("elbv2").register_targets(TargetGroupArn=made.ids[group], Targets=targets)


def credentials(made: Stack, role: str) -> Credentials:
    arn = made.emulator.client("iam").get_role(RoleName=made.ids[role])["Role"]["Arn"]
    given = made.emulator.client("sts").assume_role(RoleArn=arn, RoleSessionName="caller")["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def ask(
    made: Stack, path: str, *, verb: str = "GET", by: Credentials | None = None, body: bytes = b"", **headers: str
) -> Response:
    host = f"{made.ids['Api']}.execute-api.{DEFAULT_REGION}.amazonaws.com"
    url = f"https://{host}/v1{path}"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if by:
        request = AWSRequest(method=verb, url=url, data=body or None)
        SigV4Auth(by, "execute-api", DEFAULT_REGION).add_auth(request)
        sent |= dict(request.headers)
    return made.emulator.request(verb, url, headers=sent, body=body or None, names=(host,))


@pytest.fixture(scope="module")
def linked_stack(patched: Emulator) -> Iterator[tuple[Stack, Server, Credentials]]:
    with serving("127.31.0.1") as [server], stack(patched, linked()) as made:
        register(made, "Targets", server)
        yield made, server, credentials(made, "Caller")


def test_stock_asks_the_address_itself(stock: Emulator) -> None:
    """Nobody is at that port; and the load balancer is not asked."""
    resources = linked("http://127.0.0.1:1")
    del resources["Link"]
    resources["Stage"]["Properties"]["Variables"]["link"] = "none"
    with stack(stock, resources) as made, serving("127.31.0.2") as [server]:
        register(made, "Targets", server)
        url = f"{stock.url}/restapis/{made.ids['Api']}/v1/_user_request_/stock"
        assert stock.request("GET", url).status == 500
        assert server.asked == []
    unknown = "Unrecognized resource types: [AWS::ApiGatewayV2::VpcLink]"
    with pytest.raises(ClientError, match=re.escape(unknown)), stack(stock, linked()):
        pass


@shows("REQ-M2", "REQ-M3", how="patched")
def test_a_request_goes_by_the_link_to_the_balancer(linked_stack: tuple[Stack, Server, Credentials]) -> None:
    made, _, caller = linked_stack
    forged = {"X_Gateway_Caller": "me", "x_gateway_route": "/"}
    own = {"X_Request_Id": "r-1", "X_Amzn_Trace_Id": "Root=1-67891233-abcdef012345678912345678"}
    answer = ask(made, "/stock/a%2Fb%20c?q=1&q=%C3%A9%20f", by=caller, **forged, **own)
    assert answer.status == 200, answer.text()
    seen = answer.json()
    headers = seen["headers"]
    assert seen["path"] == "/v1/stock/a%2Fb%20c?q=1&q=%C3%A9%20f"
    assert headers["x-gateway-caller"].endswith(f"assumed-role/{made.ids['Caller']}/caller")
    assert (headers["x-gateway-route"], headers["x-gateway-stage"]) == ("/stock/{sku}", "v1")
    assert (headers["x-gateway-fixed"], headers["x-gateway-variable"]) == ("fixed", "blue")
    assert len(headers["x-gateway-request"]) == 36
    assert (headers["host"], headers["x-request-id"]) == ("stock.example.com", "r-1")
    assert headers["x-amzn-trace-id"].endswith(own["X_Amzn_Trace_Id"])
    assert "authorization" not in headers
    assert answer.headers["X-Units"] == "7"
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.headers["Content-Type"] == "application/json; own"
    assert answer.headers["x-amzn-Remapped-Server"].startswith("BaseHTTP")


def test_bodies_and_statuses_pass(linked_stack: tuple[Stack, Server, Credentials]) -> None:
    made, _, caller = linked_stack
    sent = bytes(range(256))
    answer = ask(made, "/stock/teapot", verb="PUT", by=caller, body=sent)
    assert (answer.status, answer.json()["body"]) == (418, sent.decode("latin-1"))
    assert answer.json()["method"] == "PUT"


@shows("REQ-M2", how="patched")
def test_who_may_not_call_does_not_reach_the_balancer(linked_stack: tuple[Stack, Server, Credentials]) -> None:
    made, server, _ = linked_stack
    before = len(server.asked)
    assert ask(made, "/stock/a").status == 403
    assert len(server.asked) == before
    assert ask(made, "/stock").status == 200  # that method is open


def test_a_slow_target_is_given_up(linked_stack: tuple[Stack, Server, Credentials]) -> None:
    made, server, _ = linked_stack
    server.waits = 1.0
    try:
        answer = ask(made, "/stock")
    finally:
        server.waits = 0.0
    assert (answer.status, answer.json()) == (504, {"message": "Endpoint request timed out"})


def test_what_leads_nowhere(linked_stack: tuple[Stack, Server, Credentials]) -> None:
    made, _, _ = linked_stack
    resources = linked()
    found: dict[str, tuple[int, str]] = {}

    def change(name: str, title: str, **properties: Any) -> None:
        changed = json.loads(json.dumps(resources))
        changed[title]["Properties"] |= properties
        made.update(changed)
        answer = ask(made, "/stock")
        found[name] = (answer.status, answer.json().get("message", "") if answer.status != 200 else "")

    variables = resources["Stage"]["Properties"]["Variables"]
    change("port", "Listener", Port=8081)
    change("link", "Stage", Variables={**variables, "link": "another"})
    change("variable", "Stage", Variables={"link": ref("Link")})
    change("secure", "Open", Integration={**resources["Open"]["Properties"]["Integration"], "Uri": "https://a.b/stock"})
    made.update(resources)
    assert ask(made, "/stock").status == 200
    wrong = (500, "Internal server error")
    unreachable = (504, "Network error communicating with endpoint")
    assert found == {"port": unreachable, "link": wrong, "variable": wrong, "secure": unreachable}


def test_the_certificate_covers_the_host(patched: Emulator) -> None:
    resources = linked("https://${stageVariables.host}")
    resources["Certificate"] = resource("CertificateManager::Certificate", DomainName="*.example.com")
    secure = {"Certificates": [{"CertificateArn": ref("Certificate")}], "Port": 443, "Protocol": "HTTPS"}
    resources["Listener"]["Properties"] |= secure
    with serving("127.31.0.3") as [server], stack(patched, resources) as made:
        register(made, "Targets", server)
        assert ask(made, "/stock").json()["headers"]["x-forwarded-proto"] == "https"
        resources["Stage"]["Properties"]["Variables"]["host"] = "stock.example.org"
        made.update(resources)
        assert ask(made, "/stock").status == 500


REFUSED = {
    "ConnectionId": "VPC_LINK needs ConnectionId",
    "IntegrationTarget": "VPC_LINK needs IntegrationTarget",
    "RequestParameters": "Invalid mapping expression parameter specified: method.request.path.sku",
}


@pytest.mark.parametrize("lacks", REFUSED)
def test_integrations_that_are_refused(patched: Emulator, lacks: str) -> None:
    resources = linked()
    properties = resources["Read"]["Properties"]
    del (properties if lacks == "RequestParameters" else properties["Integration"])[lacks]
    assert REFUSED[lacks] in refusal(patched, resources)


def refusal(emulator: Emulator, resources: Resources) -> str:
    """Why a stack of these is not made. It is deleted."""
    cloudformation = emulator.client("cloudformation")
    made = Stack(
        emulator,
        cloudformation.create_stack(
            StackName=f"t-{uuid.uuid4().hex[:12]}",
            TemplateBody=json.dumps({"Resources": resources}),
            Capabilities=["CAPABILITY_IAM"],
        )["StackId"],
    )
    assert made.ended() == "ROLLBACK_COMPLETE"
    reason = failure(made)
    cloudformation.delete_stack(StackName=made.name)
    return reason


def failure(made: Stack) -> str:
    """What CloudFormation says of the resource that failed last."""
    events = made.emulator.client("cloudformation").describe_stack_events(StackName=made.name)["StackEvents"]
    return str(next(e["ResourceStatusReason"] for e in events if e["ResourceStatus"].endswith("E_FAILED")))


def failed_update(made: Stack, resources: Resources) -> str:
    """Why the stack could not become this."""
    made.emulator.client("cloudformation").update_stack(
        StackName=made.name, TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_IAM"]
    )
    assert made.ended() == "UPDATE_ROLLBACK_COMPLETE"
    return failure(made)


# --- weights, rules, health

ANSWERS = """
import json
def handler(event, context):
    if event["path"].endswith("none"):
        return "no answer"
    body = json.dumps(event)
    return {"statusCode": 200, "headers": {"X-Kind": "one"}, "multiValueHeaders": {"X-Kind": ["a", "b"]}, "body": body}
"""


def weighed(**weights: Any) -> Resources:
    logs = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [logs]}
    header = {"HttpHeaderName": "X-Version", "Values": ["orders-v2"]}
    return network() | {
        "A": group(),
        "B": group(),
        "Role": resource(
            "IAM::Role",
            AssumeRolePolicyDocument=TRUST_FUNCTIONS,
            Policies=[{"PolicyName": "logs", "PolicyDocument": document}],
        ),
        "Function": resource(
            "Lambda::Function",
            Role=attribute("Role", "Arn"),
            Runtime="python3.13",
            Handler="index.handler",
            Code={"ZipFile": ANSWERS},
        ),
        "Permission": resource(
            "Lambda::Permission",
            FunctionName=attribute("Function", "Arn"),
            Action="lambda:InvokeFunction",
            Principal="elasticloadbalancing.amazonaws.com",
            SourceArn=sub("arn:aws:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:targetgroup/*"),
        ),
        "F": resource(
            "ElasticLoadBalancingV2::TargetGroup",
            depends=["Permission"],
            TargetType="lambda",
            Targets=[{"Id": attribute("Function", "Arn")}],
        ),
        "Listener": listener(forward(**weights)),
        "Rule": resource(
            "ElasticLoadBalancingV2::ListenerRule",
            ListenerArn=ref("Listener"),
            Priority=7,
            Conditions=[{"Field": "http-header", "HttpHeaderConfig": header}],
            Actions=[{"Type": "forward", "TargetGroupArn": ref("B")}],
        ),
        "ToFunction": resource(
            "ElasticLoadBalancingV2::ListenerRule",
            ListenerArn=ref("Listener"),
            Priority=8,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/function/*"]}}],
            Actions=[{"Type": "forward", "TargetGroupArn": ref("F")}],
        ),
    }


def to_balancer(made: Stack, path: str = "/", **headers: str) -> Response:
    """By the emulator's own address, which reaches internal load balancers."""
    [found] = made.emulator.client("elbv2").describe_load_balancers(LoadBalancerArns=[made.ids["Balancer"]])[
        "LoadBalancers"
    ]
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return made.emulator.request("GET", f"{made.emulator.url}/_alb/{found['LoadBalancerName']}{path}", headers=sent)


def drawn(made: Stack, times: int = 60, **headers: str) -> Counter[str]:
    return Counter(to_balancer(made, **headers).json()["by"] for _ in range(times))


@contextlib.contextmanager
def balanced(emulator: Emulator, a: int = 100, b: int = 0) -> Iterator[tuple[Stack, list[Server]]]:
    with serving("127.31.1.1", "127.31.1.2") as servers, stack(emulator, weighed(A=a, B=b)) as made:
        register(made, "A", servers[0])
        register(made, "B", servers[1])
        yield made, servers


@pytest.fixture(scope="module")
def weighed_stack(patched: Emulator) -> Iterator[tuple[Stack, list[Server]]]:
    with balanced(patched) as found:
        yield found


def test_stock_weighs_nothing(stock: Emulator) -> None:
    with balanced(stock, 0, 100) as (made, servers):
        assert drawn(made, 10) == {servers[0].address: 10}
        assert to_balancer(made, "/function/a").status == 503  # Targets were dropped
        [shown] = made.emulator.client("elbv2").describe_listeners(ListenerArns=[made.ids["Listener"]])["Listeners"]
        assert "ForwardConfig" not in shown["DefaultActions"][0]


@shows("REQ-M11", how="patched")
def test_requests_are_drawn_by_weight(weighed_stack: tuple[Stack, list[Server]]) -> None:
    """Each step changes the listener where it is, and what is asked at once."""
    made, [a, b] = weighed_stack
    ids = made.ids
    assert drawn(made, 10) == {a.address: 10}
    made.update(weighed(A="50", B="50"))
    assert set(drawn(made, 24)) == {a.address, b.address}
    [shown] = made.emulator.client("elbv2").describe_listeners(ListenerArns=[ids["Listener"]])["Listeners"]
    assert shown["DefaultActions"][0]["ForwardConfig"]["TargetGroups"] == [
        {"TargetGroupArn": ids["A"], "Weight": 50},
        {"TargetGroupArn": ids["B"], "Weight": 50},
    ]
    made.update(weighed(A=0, B=100))
    assert drawn(made, 10) == {b.address: 10}
    made.update(weighed(A=0, B=0))
    assert to_balancer(made).status == 503
    made.update(weighed(A=100, B=0))
    assert drawn(made, 10) == {a.address: 10}
    assert drawn(made, 10, X_Version="Orders-V2") == {b.address: 10}
    assert made.ids == ids


def test_weights_by_the_api(weighed_stack: tuple[Stack, list[Server]]) -> None:
    made, [_, b] = weighed_stack
    elbv2, ids = made.emulator.client("elbv2"), made.ids
    groups = [{"TargetGroupArn": ids["A"], "Weight": 0}, {"TargetGroupArn": ids["B"], "Weight": 1}]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    elbv2.modify_listener(ListenerArn=ids["Listener"], DefaultActions=[action])
    assert drawn(made, 10) == {b.address: 10}
    found = elbv2.describe_target_groups(TargetGroupArns=[ids["B"]])["TargetGroups"]
    assert found[0]["LoadBalancerArns"] == [ids["Balancer"]]
    with pytest.raises(ClientError, match="ResourceInUse"):
        elbv2.delete_target_group(TargetGroupArn=ids["B"])
    groups[0]["Weight"], groups[1]["Weight"] = 1, 0
    elbv2.modify_listener(ListenerArn=ids["Listener"], DefaultActions=[action])


def test_rules_that_are_refused(weighed_stack: tuple[Stack, list[Server]]) -> None:
    made, _ = weighed_stack
    resources = weighed(A=100, B=0)
    resources["Other"] = json.loads(json.dumps(resources["Rule"]))
    assert "Priority '7' is currently in use" in failed_update(made, resources)
    resources = weighed(A=100, B=0)
    gone = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/gone/1"
    resources["Rule"]["Properties"]["Actions"][0]["TargetGroupArn"] = gone
    assert f"'{gone}' not found" in failed_update(made, resources)


@shows("REQ-M11", how="patched")
def test_a_function_behind_a_balancer(weighed_stack: tuple[Stack, list[Server]]) -> None:
    made, _ = weighed_stack
    path = "/function/a%2Fb?q=1&q=a%20b"
    answer = to_balancer(made, path, Content_Type="application/json")
    event = answer.json()
    assert event["requestContext"] == {"elb": {"targetGroupArn": made.ids["F"]}}
    assert (event["path"], event["queryStringParameters"]) == ("/function/a%2Fb", {"q": "a%20b"})
    assert answer.headers.get_all("X-Kind") == ["one"]
    assert "multiValueHeaders" not in event
    resources = weighed(A=100, B=0)
    several = {"Key": "lambda.multi_value_headers.enabled", "Value": "true"}
    resources["F"]["Properties"]["TargetGroupAttributes"] = [several]
    made.update(resources)
    answer = to_balancer(made, path)
    event = answer.json()
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "a%20b"]}
    assert "headers" not in event
    assert "queryStringParameters" not in event
    assert answer.headers.get_all("X-Kind") == ["a", "b"]
    assert to_balancer(made, "/function/none").status == 502


def test_a_function_has_to_permit_it(patched: Emulator) -> None:
    resources = weighed(A=100, B=0)
    del resources["F"]["DependsOn"]
    resources["Permission"]["Properties"]["Principal"] = "apigateway.amazonaws.com"
    assert "elasticloadbalancing principal does not have permission to invoke" in refusal(patched, resources)


@shows("REQ-M10", how="patched")
def test_healthy_targets_are_asked(patched: Emulator) -> None:
    resources = network() | {"Targets": group(), "Listener": listener(forward(Targets=1))}
    with serving("127.31.2.1", "127.31.2.2") as [a, b], stack(patched, resources) as made:
        elbv2 = patched.client("elbv2")
        register(made, "Targets", a, b)
        elsewhere = {"Id": "10.0.1.7", "Port": a.port}
        elbv2.register_targets(TargetGroupArn=made.ids["Targets"], Targets=[elsewhere])

        def health() -> dict[str, str]:
            told = elbv2.describe_target_health(TargetGroupArn=made.ids["Targets"])["TargetHealthDescriptions"]
            return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in told}

        assert health() == {a.address: "healthy", b.address: "healthy", "10.0.1.7": "unhealthy"}
        assert set(drawn(made, 24)) == {a.address, b.address}
        b.health = 503
        deadline = time.monotonic() + 10
        while health()[b.address] == "healthy" and time.monotonic() < deadline:
            time.sleep(0.1)
        assert set(drawn(made, 10)) == {a.address}
        a.health = 500
        while health()[a.address] == "healthy" and time.monotonic() < deadline:
            time.sleep(0.1)
        assert set(drawn(made, 24)) == {a.address, b.address}  # all are, since none is healthy
        elbv2.deregister_targets(TargetGroupArn=made.ids["Targets"], Targets=[{"Id": a.address, "Port": a.port}])
        assert set(drawn(made, 10)) == {b.address}


def test_stock_asks_everybody(stock: Emulator) -> None:
    resources = network() | {"Targets": group(), "Listener": listener(forward(Targets=1))}
    with serving("127.31.3.1", "127.31.3.2") as [a, b], stack(stock, resources) as made:
        register(made, "Targets", a, b)
        b.health = 503
        assert set(drawn(made, 24)) == {a.address, b.address}


# --- versions and aliases

VERSION = """
import os
def handler(event, context):
    return {"statusCode": 200, "body": os.environ["V"] + " " + context.invoked_function_arn.rpartition(":")[2]}
"""


def versioned(v: str, **alias: Any) -> Resources:
    """A function, its newest version, and what names versions of it."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
    return {
        "Role": resource(
            "IAM::Role",
            AssumeRolePolicyDocument=TRUST_FUNCTIONS,
            Policies=[{"PolicyName": "logs", "PolicyDocument": document}],
        ),
        "Function": resource(
            "Lambda::Function",
            Role=attribute("Role", "Arn"),
            Runtime="python3.13",
            Handler="index.handler",
            Code={"ZipFile": VERSION},
            Environment={"Variables": {"V": v}},
        ),
        "Newest": resource("Lambda::Version", FunctionName=ref("Function"), Description=f"v {v}")
        | {"UpdateReplacePolicy": "Retain"},
        "Live": resource(
            "Lambda::Alias",
            FunctionName=ref("Function"),
            Name="live",
            **({"FunctionVersion": attribute("Newest", "Version")} | alias),
        ),
    }


def share(version: Any, weight: float) -> dict[str, Any]:
    return {"AdditionalVersionWeights": [{"FunctionVersion": version, "FunctionWeight": weight}]}


def invoked(made: Stack, times: int) -> Counter[str]:
    """Which versions answered."""
    call = made.emulator.client("lambda").invoke
    answers = [call(FunctionName=made.ids["Function"], Qualifier="live") for _ in range(times)]
    for answer in answers:
        answer["Payload"].read()
    return Counter(answer["ExecutedVersion"] for answer in answers)


@shows("REQ-M11", how="patched")
def test_a_version_is_shifted_to_and_back(patched: Emulator) -> None:
    newest = attribute("Newest", "Version")
    with stack(patched, versioned("a")) as made:
        assert invoked(made, 3) == {"1": 3}
        made.update(versioned("b", FunctionVersion="1", RoutingConfig=share(newest, 0.5)))
        assert set(invoked(made, 24)) == {"1", "2"}
        made.update(versioned("b", FunctionVersion="1", RoutingConfig=share(newest, 0)))
        assert invoked(made, 6) == {"1": 6}
        made.update(versioned("b", FunctionVersion="1", RoutingConfig=share(newest, 1)))
        assert invoked(made, 6) == {"2": 6}
        made.update(versioned("b"))
        assert invoked(made, 3) == {"2": 3}
        versions = patched.client("lambda").list_versions_by_function(FunctionName=made.ids["Function"])["Versions"]
        assert [one["Version"] for one in versions] == ["$LATEST", "1", "2"]


def test_stock_draws_no_version(stock: Emulator) -> None:
    with stack(stock, versioned("a")) as made:
        made.update(versioned("b", FunctionVersion="1", RoutingConfig=share("99", 1)))
        assert invoked(made, 5) == {"1": 5}


WRONG = {
    "gone": ({"FunctionVersion": "99"}, "Function not found: arn:aws:lambda:"),
    "share-of-gone": (
        {"FunctionVersion": "1", "RoutingConfig": share("99", 0.5)},
        "Function not found: arn:aws:lambda:",
    ),
    "latest": ({"FunctionVersion": "$LATEST", "RoutingConfig": share("1", 0.5)}, "more than 1 version"),
    "same": ({"FunctionVersion": "1", "RoutingConfig": share("1", 0.5)}, "is the version that the alias points to"),
    "more-than-all": ({"FunctionVersion": "1", "RoutingConfig": share(attribute("Newest", "Version"), 1.5)}, "weight"),
}


@shows("REQ-M11", how="patched")
def test_what_an_alias_may_not_name(patched: Emulator) -> None:
    """A failed update goes back to where it was, and succeeds when it is made right."""
    with stack(patched, versioned("a")) as made:
        for alias, message in WRONG.values():
            assert message in failed_update(made, versioned("b", **alias))
            assert invoked(made, 2) == {"1": 2}
        calls = patched.client("lambda")
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            calls.update_alias(FunctionName=made.ids["Function"], Name="live", FunctionVersion="99")
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            calls.create_alias(FunctionName=made.ids["Function"], Name="other", FunctionVersion="99")
        made.update(versioned("b"))
        assert invoked(made, 2).keys() != {"1"}


def by_alias(permission: str, v: str = "a", **alias: Any) -> Resources:
    to = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Live}/invocations"
    source = sub("arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/GET/")
    return versioned(v, **alias) | {
        "Api": resource("ApiGateway::RestApi", Name="by-alias"),
        "Method": resource(
            "ApiGateway::Method",
            RestApiId=ref("Api"),
            ResourceId=attribute("Api", "RootResourceId"),
            HttpMethod="GET",
            AuthorizationType="NONE",
            Integration={"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": sub(to)},
        ),
        "Deployment": resource("ApiGateway::Deployment", depends=["Method"], RestApiId=ref("Api")),
        "Stage": resource("ApiGateway::Stage", RestApiId=ref("Api"), DeploymentId=ref("Deployment"), StageName="v1"),
        "Permission": resource(
            "Lambda::Permission",
            FunctionName=ref(permission),
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=source,
        ),
    }


def by_the_api(made: Stack) -> Response:
    return made.emulator.request("GET", f"{made.emulator.url}/restapis/{made.ids['Api']}/v1/_user_request_/")


@shows("REQ-M11", how="patched")
def test_an_api_invokes_an_alias_that_permits_it(patched: Emulator) -> None:
    with stack(patched, by_alias("Live")) as made:
        assert (by_the_api(made).status, by_the_api(made).text()[0]) == (200, "a")
        all_of_it = share(attribute("Newest", "Version"), 1)
        made.update(by_alias("Live", "b", FunctionVersion="1", RoutingConfig=all_of_it))
        assert by_the_api(made).text()[0] == "b"
        made.update(by_alias("Function", "b"))  # that of the function is not that of its alias
        assert by_the_api(made).status == 500


def test_stock_needs_no_permission(stock: Emulator) -> None:
    with stack(stock, by_alias("Function")) as made:
        assert by_the_api(made).status == 200


# --- tasks


def served(**changes: dict[str, Any]) -> Resources:
    """A service of ECS behind a load balancer, as a service's stack has it."""
    container = {
        "Name": "service",
        "Image": "example.com/stock:1",
        "Command": ["gunicorn", "--bind", "0.0.0.0:8080", "index:application"],
        "Environment": [{"Name": "HEALTH", "Value": "/health"}],
        "HealthCheck": {"Command": ["CMD", "python", "-c", "pass"], "Interval": 10},
        "LinuxParameters": {"InitProcessEnabled": True, "Capabilities": {"Drop": ["ALL"]}},
        "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "g", "mode": "non-blocking"}},
        "PortMappings": [{"ContainerPort": "8080", "Protocol": "tcp"}],
        "StopTimeout": 30,
    }
    balancer = {"ContainerName": "service", "ContainerPort": 8080, "TargetGroupArn": ref("Targets")}
    own = {"AwsvpcConfiguration": {"Subnets": [ref("SubnetA"), ref("SubnetB")]}}
    made = network() | {
        "Targets": group(),
        "Listener": listener(forward(Targets=1)),
        "Cluster": resource("ECS::Cluster"),
        "Task": resource(
            "ECS::TaskDefinition",
            ContainerDefinitions=[container],
            Cpu="256",
            Memory="512",
            NetworkMode="awsvpc",
            RequiresCompatibilities=["FARGATE"],
            RuntimePlatform={"CpuArchitecture": "ARM64", "OperatingSystemFamily": "LINUX"},
            Volumes=[{"Name": "tmp"}],
        ),
        "Tasks": resource(
            "ECS::Service",
            depends=["Listener"],
            Cluster=ref("Cluster"),
            LaunchType="FARGATE",
            HealthCheckGracePeriodSeconds=60,
            LoadBalancers=[balancer],
            NetworkConfiguration=own,
            TaskDefinition=ref("Task"),
        ),
        "Scaling": resource(
            "ApplicationAutoScaling::ScalableTarget",
            MinCapacity="2",
            MaxCapacity="4",
            ResourceId=sub("service/${Cluster}/${Tasks.Name}"),
            ScalableDimension="ecs:service:DesiredCount",
            ServiceNamespace="ecs",
        ),
        "ToTarget": resource(
            "ApplicationAutoScaling::ScalingPolicy",
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            ScalingTargetId=ref("Scaling"),
        ),
    }
    for title, properties in changes.items():
        made[title]["Properties"] |= properties
    return made


@shows("REQ-M10", how="patched")
def test_a_service_of_tasks_is_as_its_template_says(patched: Emulator) -> None:
    with stack(patched, served()) as made:
        ecs, ids = patched.client("ecs"), made.ids
        definition = ecs.describe_task_definition(taskDefinition=ids["Task"])["taskDefinition"]
        [container] = definition["containerDefinitions"]
        assert container["healthCheck"] == {"command": ["CMD", "python", "-c", "pass"], "interval": 10}
        assert container["linuxParameters"] == {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}}
        assert container["logConfiguration"]["options"] == {"awslogs-group": "g", "mode": "non-blocking"}
        assert container["portMappings"] == [{"containerPort": 8080, "protocol": "tcp"}]
        assert definition["runtimePlatform"] == {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
        assert definition["volumes"] == [{"name": "tmp"}]

        def counted() -> int:
            [found] = ecs.describe_services(cluster=ids["Cluster"], services=[ids["Tasks"]])["services"]
            assert found["healthCheckGracePeriodSeconds"] == 60
            return int(found["desiredCount"])

        assert counted() == 2
        ecs.update_service(cluster=ids["Cluster"], service=ids["Tasks"], desiredCount=3)
        made.update(served(Tasks={"PropagateTags": "SERVICE"}))
        assert counted() == 3  # what scaling has done stays
        made.update(served(Scaling={"MinCapacity": 4}))
        assert counted() == 4
        assert made.ids == ids


def balancer_of(**changes: Any) -> dict[str, Any]:
    own = {"ContainerName": "service", "ContainerPort": 8080, "TargetGroupArn": ref("Targets")}
    return {"Tasks": {"LoadBalancers": [own | changes]}}


REFUSED_SERVICES: dict[str, tuple[dict[str, Any], str]] = {
    "container": (balancer_of(ContainerName="web"), "The container web does not exist in the task definition."),
    "port": (balancer_of(ContainerPort=80), "did not have a container port 80 defined."),
    "no-balancer": (
        {"Listener": {"DefaultActions": [{"Type": "fixed-response"}]}},
        "not have an associated load balancer",
    ),
    "no-network": ({"Tasks": {"NetworkConfiguration": {}}}, "Network Configuration must be provided"),
    "type": ({"Targets": {"TargetType": "instance"}}, "has target type instance, which is incompatible"),
    "scaling": ({"Scaling": {"ResourceId": sub("service/${Cluster}/another")}}, "ECS service doesn't exist"),
}


@pytest.mark.parametrize("case", REFUSED_SERVICES)
def test_services_that_are_refused(patched: Emulator, case: str) -> None:
    changes, message = REFUSED_SERVICES[case]
    assert message in refusal(patched, served(**changes))


def test_stock_knows_less_of_tasks(stock: Emulator) -> None:
    resources = served(**balancer_of(ContainerPort=80))
    del resources["ToTarget"]
    with pytest.raises(ClientError, match="Unrecognized resource types"), stack(stock, resources):
        pass
    del resources["Scaling"]
    with stack(stock, resources) as made:
        found = stock.client("ecs").describe_task_definition(taskDefinition=made.ids["Task"])["taskDefinition"]
        assert "runtimePlatform" not in found
        assert found["containerDefinitions"][0]["healthCheck"] == {}


# --- databases and caches


def database(**properties: Any) -> Resources:
    own = {
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "AllocatedStorage": "20",
        "DBName": "service",
        "MasterUsername": "owner",
        "ManageMasterUserPassword": True,
        "EnableCloudwatchLogsExports": ["postgresql"],
        "DeletionProtection": "false",
        "CACertificateIdentifier": "rds-ca-ecc384-g1",
    }
    told = {name: attribute("Database", name) for name in ("Endpoint.Address", "Endpoint.Port")}
    told |= {"Secret": attribute("Database", "MasterUserSecret.SecretArn")}
    return {
        "Database": resource("RDS::DBInstance", **(own | properties)) | {"DeletionPolicy": "Snapshot"},
        **{
            name.replace(".", ""): resource("SSM::Parameter", Type="String", Value=value)
            for name, value in told.items()
        },
    }


def told(made: Stack, *titles: str) -> dict[str, str]:
    """What these parameters hold."""
    read, ids = made.emulator.client("ssm").get_parameter, made.ids
    return {title: read(Name=ids[title])["Parameter"]["Value"] for title in titles}


def test_stock_has_no_secret_of_a_database(stock: Emulator) -> None:
    assert "MasterUserSecret" in refusal(stock, database())


@shows("REQ-M3", how="patched")
def test_a_database_keeps_its_password_in_a_secret(patched: Emulator) -> None:
    rds, secrets = patched.client("rds"), patched.client("secretsmanager")
    backends.serve(patched, "database", "127.0.0.1", 15432)
    with stack(patched, database()) as made:
        found = told(made, "EndpointAddress", "EndpointPort", "Secret")
        assert (found["EndpointAddress"], found["EndpointPort"]) == ("127.0.0.1", "15432")
        kept = json.loads(secrets.get_secret_value(SecretId=found["Secret"])["SecretString"])
        assert kept["username"] == "owner"
        assert len(kept["password"]) > 20
        [shown] = rds.describe_db_instances(DBInstanceIdentifier=made.ids["Database"])["DBInstances"]
        assert shown["MasterUserSecret"]["SecretArn"] == found["Secret"]
        assert (shown["EnabledCloudwatchLogsExports"], shown["Endpoint"]["Port"]) == (["postgresql"], 15432)
        assert shown["CACertificateIdentifier"] == "rds-ca-ecc384-g1"
        made.update(database(AllocatedStorage="30"))
        assert told(made, *found) == found
        identifier = made.ids["Database"]
    assert rds.describe_db_snapshots(DBInstanceIdentifier=identifier)["DBSnapshots"]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        secrets.get_secret_value(SecretId=found["Secret"])


def test_a_database_that_is_protected_stays(patched: Emulator) -> None:
    cloudformation = patched.client("cloudformation")
    with stack(patched, database(DeletionProtection=True)) as made:
        cloudformation.delete_stack(StackName=made.name)
        assert made.ended() == "DELETE_FAILED"
        made.emulator.client("rds").modify_db_instance(
            DBInstanceIdentifier=made.ids["Database"], DeletionProtection=False, ApplyImmediately=True
        )


def cache(name: str, **properties: Any) -> Resources:
    own = {
        "ServerlessCacheName": name,
        "Engine": "valkey",
        "MajorEngineVersion": "8",
        "SubnetIds": {"Fn::Split": [",", "subnet-a,subnet-b"]},
        "SecurityGroupIds": ["sg-1"],
        "UserGroupId": ref("Users"),
        "CacheUsageLimits": {"DataStorage": {"Maximum": "1", "Unit": "GB"}},
    }
    told = {name: attribute("Cache", f"Endpoint.{name}") for name in ("Address", "Port")}
    return {
        "User": resource(
            "ElastiCache::User",
            UserId=f"{name}-user",
            UserName=f"{name}-user",
            Engine="valkey",
            AccessString="on ~items:* -@all +get +set",
            AuthenticationMode={"Type": "iam"},
        ),
        "Users": resource(
            "ElastiCache::UserGroup", UserGroupId=f"{name}-users", Engine="valkey", UserIds=[ref("User")]
        ),
        "Cache": resource("ElastiCache::ServerlessCache", **(own | properties)),
        **{title: resource("SSM::Parameter", Type="String", Value=value) for title, value in told.items()},
    }


@shows("REQ-M3", how="patched")
def test_a_cache_is_where_it_was_told(patched: Emulator) -> None:
    calls, name = patched.client("elasticache"), f"c{uuid.uuid4().hex[:8]}"
    resources = cache(name)
    backends.serve(patched, "cache", "localhost", 16379)
    with stack(patched, resources) as made:
        ids = made.ids
        assert told(made, "Address", "Port") == {"Address": "localhost", "Port": "16379"}
        made.update(cache(name, CacheUsageLimits={"DataStorage": {"Maximum": 2, "Unit": "GB"}}))
        [found] = calls.describe_serverless_caches(ServerlessCacheName=name)["ServerlessCaches"]
        assert found["CacheUsageLimits"]["DataStorage"] == {"Maximum": 2, "Unit": "GB"}
        assert (found["Endpoint"], found["UserGroupId"]) == ({"Address": "localhost", "Port": 16379}, f"{name}-users")
        [user] = calls.describe_users(UserId=f"{name}-user")["Users"]
        assert user["AccessString"] == "on ~items:* -@all +get +set"
        assert made.ids == ids
    with pytest.raises(ClientError, match="ServerlessCacheNotFoundFault"):
        calls.describe_serverless_caches(ServerlessCacheName=name)


def test_stock_makes_no_cache_without_servers(stock: Emulator) -> None:
    unknown = "Unrecognized resource types: [AWS::ElastiCache::ServerlessCache]"
    with pytest.raises(ClientError, match=re.escape(unknown)), stack(stock, cache("never")):
        pass


@shows("REQ-M11", how="patched")
def test_what_is_recorded_of_code_deploy(patched: Emulator) -> None:
    resources = versioned("a") | {
        "Application": resource("CodeDeploy::Application", ComputePlatform="Lambda"),
        "Deployments": resource(
            "CodeDeploy::DeploymentGroup",
            ApplicationName=ref("Application"),
            ServiceRoleArn=attribute("Role", "Arn"),
            DeploymentConfigName="CodeDeployDefault.LambdaCanary10Percent5Minutes",
        ),
    }
    policy = {"ApplicationName": ref("Application"), "DeploymentGroupName": ref("Deployments")}
    resources["Live"]["UpdatePolicy"] = {"CodeDeployLambdaAliasUpdate": policy}
    with stack(patched, resources) as made:
        ids = made.ids
        changed = json.loads(json.dumps(resources))
        changed["Function"]["Properties"]["Environment"]["Variables"]["V"] = "b"
        changed["Newest"]["Properties"]["Description"] = "v b"
        made.update(changed)
        assert {k: v for k, v in made.ids.items() if k != "Newest"} == {k: v for k, v in ids.items() if k != "Newest"}
        assert invoked(made, 2) == {"2": 2}
    resources["Deployments"]["Properties"]["ApplicationName"] = "another"
    del resources["Live"]["UpdatePolicy"]
    assert "No application found for name: another" in refusal(patched, resources)


# --- roles of what services run

TRUST_TASKS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}},
        }
    ],
}
TASK = "arn:aws:ecs:us-east-1:000000000000:task/cluster/0123456789abcdef0123456789abcdef"


def sends() -> Resources:
    """A queue that takes what comes over TLS, and a role of tasks that may send."""
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*", "Condition": insecure}
    may = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": attribute("Queue", "Arn")}
    document = {"Version": "2012-10-17", "Statement": [may]}
    return {
        "Queue": resource("SQS::Queue"),
        "QueuePolicy": resource(
            "SQS::QueuePolicy",
            Queues=[ref("Queue")],
            PolicyDocument={"Version": "2012-10-17", "Statement": [deny]},
        ),
        "Role": resource(
            "IAM::Role",
            AssumeRolePolicyDocument=TRUST_TASKS,
            Policies=[{"PolicyName": "sends", "PolicyDocument": document}],
        ),
        "Other": resource("IAM::Role", AssumeRolePolicyDocument=TRUST_FUNCTIONS),
    }


def test_stock_root_is_every_service(stock: Emulator) -> None:
    with stack(stock, sends()) as made:
        sts, iam = stock.client("sts"), stock.client("iam")
        other, role = (iam.get_role(RoleName=made.ids[name])["Role"]["Arn"] for name in ("Other", "Role"))
        assert sts.assume_role(RoleArn=other, RoleSessionName="any")["Credentials"]
        with pytest.raises(ClientError, match="AccessDenied"):
            sts.assume_role(RoleArn=role, RoleSessionName="any")


@shows("REQ-M2", how="patched")
def test_a_service_assumes_roles_that_trust_it(patched: Emulator) -> None:
    with stack(patched, sends()) as made:
        iam = patched.client("iam")
        other, role = (iam.get_role(RoleName=made.ids[name])["Role"]["Arn"] for name in ("Other", "Role"))
        given = roles.variables(patched, role, "ecs-tasks.amazonaws.com", TASK, "task")
        keys = tuple(given[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"))
        assert patched.client("sts", credentials=keys).get_caller_identity()["Arn"].endswith(f"{made.ids['Role']}/task")
        queue = made.ids["Queue"]
        assert patched.client("sqs", credentials=keys, tls=False).send_message(QueueUrl=queue, MessageBody="a")
        refused = (
            (other, "ecs-tasks.amazonaws.com", TASK),
            (role, "ec2.amazonaws.com", TASK),
            (role, "ecs-tasks.amazonaws.com", TASK.replace("000000000000", "111111111111")),
        )
        for arn, service, source in refused:
            with pytest.raises(UserError, match=f"{service} may not assume"):
                roles.variables(patched, arn, service, source, "task")
