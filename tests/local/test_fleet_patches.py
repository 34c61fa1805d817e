"""What the patches do for a fleet behind a balancer and an edge: files, names, listeners, origins, updates."""

from __future__ import annotations

import http.server
import json
import re
import string
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.local.stacks import TRUST_LAMBDA, Resources, Stack, resource, stack
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator, Response
from troposphere_arch.local.addresses import LOOPBACK
from troposphere_arch.local.files import directory, files_of
from troposphere_arch.local.patches.fleet import _CONDITIONALLY, _CREATE_ONLY

MANAGED_NO_CACHE = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
MANAGED_ALL = "216adef6-5c7f-47e4-b989-5492eafa07d3"
LARGE = 3_000_000


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def attribute(name: str, of: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, of]}


def without(properties: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in names}


# --- files of functions

FILES = """
import os

def handler(event, context):
    files = os.environ["FILES"]
    os.makedirs(files) if event.get("make") else None
    if "write" in event:
        with open(os.path.join(files, event["write"]), "w") as file:
            file.write(event["write"])
    return {"there": sorted(os.listdir(files)), "other": os.environ["OTHER"]}
"""


def file_system() -> Resources:
    made = {"OwnerUid": "1000", "OwnerGid": "1000", "Permissions": "755"}
    roots = {
        "Reader": {"Path": "/updates", "CreationInfo": made},
        "Writer": {"Path": "/updates", "CreationInfo": made},
        "Nowhere": {"Path": "/never-made"},
        "Top": {"Path": "/"},
    }
    return {
        "Role": resource("IAM::Role", AssumeRolePolicyDocument=TRUST_LAMBDA),
        "Files": resource("EFS::FileSystem", Encrypted=True),
        **{
            f"{name}Point": resource("EFS::AccessPoint", FileSystemId=ref("Files"), RootDirectory=root)
            for name, root in roots.items()
        },
        **{name: mounting(f"{name}Point") for name in roots},
    }


def mounting(access_point: str) -> dict[str, Any]:
    return resource(
        "Lambda::Function",
        Role=attribute("Role", "Arn"),
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": FILES},
        FileSystemConfigs=[{"Arn": attribute(access_point, "Arn"), "LocalMountPath": "/mnt/updates"}],
        Environment={"Variables": {"FILES": "/mnt/updates", "OTHER": "/mnt/updates-not"}},
    )


def call(made: Stack, function: str, **event: Any) -> dict[str, Any]:
    client = made.emulator.client("lambda")
    answer: dict[str, Any] = json.load(
        client.invoke(FunctionName=made.ids[function], Payload=json.dumps(event))["Payload"]
    )
    return answer


def configuration(made: Stack, function: str) -> dict[str, Any]:
    found: dict[str, Any] = made.emulator.client("lambda").get_function_configuration(FunctionName=made.ids[function])
    return found


def test_stock_function_mounts_nothing(stock: Emulator) -> None:
    with stack(stock, file_system()) as made:
        assert "FileSystemConfigs" not in configuration(made, "Writer")
        assert "No such file or directory: '/mnt/updates'" in call(made, "Writer")["errorMessage"]


def test_functions_share_the_files_of_an_access_point(patched: Emulator) -> None:
    resources = file_system()
    with stack(patched, resources) as made:
        ids = made.ids
        assert call(made, "Writer", write="a") == {"there": ["a"], "other": "/mnt/updates-not"}
        assert call(made, "Reader")["there"] == ["a"]
        assert call(made, "Top")["there"] == ["updates"]
        assert "No such file" in call(made, "Nowhere")["errorMessage"]

        here = files_of(patched, ids["ReaderPoint"])
        assert here == files_of(patched, ids["WriterPoint"]) == files_of(patched, ids["Files"]) / "updates"
        assert (here / "a").read_text() == "a"
        (here / "b").write_text("b")
        assert call(made, "Reader")["there"] == ["a", "b"]

        seen = configuration(made, "Writer")
        (mount,) = seen["FileSystemConfigs"]
        assert (mount["Arn"].rpartition("/")[2], mount["LocalMountPath"]) == (ids["WriterPoint"], "/mnt/updates")
        assert seen["Environment"]["Variables"]["FILES"] == "/mnt/updates"

        writer = resources["Writer"]
        unmounted = {**writer, "Properties": without(writer["Properties"], "FileSystemConfigs")}
        made.update({**resources, "Writer": unmounted})
        assert configuration(made, "Writer").get("FileSystemConfigs", []) == []
        assert "No such file" in call(made, "Writer")["errorMessage"]
        assert here.is_dir()
    assert not here.parent.exists()


def test_files_of_another_file_system_are_others(patched: Emulator) -> None:
    efs = patched.client("efs")
    subnet = patched.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    one, other = (efs.create_file_system()["FileSystemId"] for _ in range(2))
    (files_of(patched, one) / "a").write_text("a")
    assert list(files_of(patched, other).iterdir()) == []
    efs.delete_file_system(FileSystemId=other)
    mount = efs.create_mount_target(FileSystemId=one, SubnetId=subnet)["MountTargetId"]
    with pytest.raises(ClientError, match="FileSystemInUse"):
        efs.delete_file_system(FileSystemId=one)
    assert (files_of(patched, one) / "a").exists()
    efs.delete_mount_target(MountTargetId=mount)
    efs.delete_file_system(FileSystemId=one)
    assert list(files_of(patched, one).iterdir()) == []
    with pytest.raises(UserError, match="fsap-00000000000000000: the emulator knows no such access point"):
        files_of(patched, "fsap-00000000000000000")


@pytest.mark.parametrize(
    ("file_system", "root"),
    [("fs-1", "/../fs-2"), ("fs-1", "/a/../../.."), ("fs-1/../x", "/"), ("..", "/"), ("x", "/")],
)
def test_directory_never_leaves_its_file_system(file_system: str, root: str) -> None:
    with pytest.raises(ValueError, match="not a directory of a file system"):
        directory(Path("/tmp/a"), file_system, root)  # noqa: S108 - nothing is made there


# --- a balancer, its names and its edge


class _Target(http.server.BaseHTTPRequestHandler):
    """Says what it was asked; `/large` has a long body, of which ranges can be had."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"path": self.path, "headers": headers}).encode()
        status = 200
        if self.path == "/large":
            body = bytes(range(256)) * (LARGE // 256)
            if asked := re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", "")):
                body, status = body[int(asked[1]) : int(asked[2]) + 1], 206
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing to say."""


@pytest.fixture(scope="module")
def target() -> Iterator[int]:
    """The port of a web server that stands for an instance."""
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), _Target) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


FORWARD = [{"Type": "forward", "TargetGroupArn": ref("Targets")}]
REFUSE = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403"}}]


@dataclass(frozen=True)
class Site:
    """Which of the parts there are."""

    zone: str
    record: str = "balancer"
    origin: str = "origin"
    protocol: str = "https-only"
    certified: str = "*"
    secure: bool = True
    https: tuple[dict[str, Any], ...] = tuple(FORWARD)
    scheme: str = "internet-facing"
    aliases: tuple[str, ...] = ("updates",)
    viewer_host: bool = False

    def resources(self) -> Resources:
        balancer = {"DNSName": attribute("Balancer", "DNSName"), "HostedZoneId": "Z35SXDOTRQ7X7K"}
        edge = {"DNSName": attribute("Edge", "DomainName"), "HostedZoneId": "Z2FDTNDATAQYW2"}
        secure = {
            "Https": listener(
                443,
                "HTTPS",
                [*self.https],
                Certificates=[{"CertificateArn": ref("Certificate")}],
                ListenerAttributes=[{"Key": "routing.http.response.server.enabled", "Value": "false"}],
            ),
            **{
                f"Rule{number}": resource(
                    "ElasticLoadBalancingV2::ListenerRule",
                    ListenerArn=ref("Https"),
                    Priority=number,
                    Conditions=[
                        {
                            "Field": "http-header",
                            "HttpHeaderConfig": {"HttpHeaderName": "x-origin-key", "Values": [key(number)]},
                        }
                    ],
                    Actions=FORWARD,
                )
                for number in (1, 2)
            },
        }
        return {
            "Balancer": resource(
                "ElasticLoadBalancingV2::LoadBalancer", Scheme=self.scheme, Subnets=["subnet-a", "subnet-b"]
            ),
            "Targets": resource("ElasticLoadBalancingV2::TargetGroup", TargetType="instance", Port=80, VpcId="vpc-1"),
            "Http": listener(80, "HTTP", FORWARD),
            "Certificate": resource("CertificateManager::Certificate", DomainName=f"{self.certified}.{self.zone}"),
            **keyed(),
            **(secure if self.secure else {}),
            "Zone": resource("Route53::HostedZone", Name=self.zone),
            "OriginRecord": self._record(self.origin or "origin", Type="A", AliasTarget=balancer),
            "ShortRecord": self._record("short", Type="CNAME", TTL="60", ResourceRecords=[f"updates.{self.zone}"]),
            "Record": self._record("updates", Type="A", AliasTarget=edge if self.record == "edge" else balancer),
            "Edge": edge_to(
                f"{self.origin}.{self.zone}" if self.origin else attribute("Balancer", "DNSName"),
                aliases=[f"{name}.{self.zone}" for name in self.aliases],
                policy={"OriginRequestPolicyId": MANAGED_ALL} if self.viewer_host else {},
                CustomOriginConfig={"OriginProtocolPolicy": self.protocol},
            ),
        }

    def _record(self, name: str, **properties: Any) -> dict[str, Any]:
        return resource("Route53::RecordSet", HostedZoneId=ref("Zone"), Name=f"{name}.{self.zone}", **properties)


ALNUM = {"ExcludePunctuation": True, "PasswordLength": 40}


def key(number: int) -> dict[str, str]:
    return {"Fn::Sub": f"{{{{resolve:secretsmanager:${{Key{number}}}:SecretString:::}}}}"}


def listener(port: int, protocol: str, actions: list[dict[str, Any]], **properties: Any) -> dict[str, Any]:
    return resource(
        "ElasticLoadBalancingV2::Listener",
        LoadBalancerArn=ref("Balancer"),
        Port=port,
        Protocol=protocol,
        DefaultActions=actions,
        **properties,
    )


def edge_to(domain: Any, aliases: list[str], policy: dict[str, str] | None = None, **origin: Any) -> dict[str, Any]:
    headers = [{"HeaderName": "x-origin-key", "HeaderValue": key(2)}]
    return resource(
        "CloudFront::Distribution",
        DistributionConfig={
            "Enabled": True,
            **({"Aliases": aliases} if aliases else {}),
            "Origins": [{"Id": "balancer", "DomainName": domain, "OriginCustomHeaders": headers, **origin}],
            "DefaultCacheBehavior": {
                "TargetOriginId": "balancer",
                "ViewerProtocolPolicy": "allow-all",
                "CachePolicyId": MANAGED_NO_CACHE,
                **(policy or {}),
            },
        },
    )


NO_NAME = "127.1"
"""No name of Route 53, and none of ours, which every resolver knows for this machine without asking another."""


def plain(port: int) -> dict[str, Any]:
    return {"OriginProtocolPolicy": "http-only", "HTTPPort": port}


def keyed(**others: dict[str, Any]) -> Resources:
    return {f"Key{n}": resource("SecretsManager::Secret", GenerateSecretString=ALNUM) for n in (1, 2)} | others


def zone() -> str:
    return f"{uuid.uuid4().hex[:12]}.example"


def register(made: Stack, port: int) -> None:
    made.emulator.client("elbv2").register_targets(
        TargetGroupArn=made.ids["Targets"], Targets=[{"Id": LOOPBACK, "Port": port}]
    )


def ask(made: Stack, host: str, path: str = "/latest.json", *, tls: bool = True, **headers: str) -> Response:
    proto = {"X-Forwarded-Proto": "https"} if tls else {}
    sent = {"Host": host, **proto, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return made.emulator.request("GET", made.emulator.url + path, headers=sent)


def seen(answer: Response) -> dict[str, str]:
    assert answer.status == 200
    headers: dict[str, str] = answer.json()["headers"]
    return headers


def balancer_name(made: Stack) -> str:
    (found,) = made.emulator.client("elbv2").describe_load_balancers(LoadBalancerArns=[made.ids["Balancer"]])[
        "LoadBalancers"
    ]
    return str(found["DNSName"])


def edge_name(made: Stack) -> str:
    edge = made.emulator.client("cloudfront").get_distribution(Id=made.ids["Edge"])
    return str(edge["Distribution"]["DomainName"])


def secret(made: Stack, number: int) -> str:
    secrets = made.emulator.client("secretsmanager")
    return str(secrets.get_secret_value(SecretId=made.ids[f"Key{number}"])["SecretString"])


def test_stock_listeners_names_and_origins(stock: Emulator, target: int) -> None:
    site = Site(zone=zone(), https=tuple(REFUSE))
    with stack(stock, site.resources()) as made:
        register(made, target)
        name = balancer_name(made)
        # Port 443 refuses, and is not reached by what says that it came over TLS.
        assert seen(ask(made, name))["x-forwarded-proto"] == "http"
        assert ask(made, f"{name}:443").status == 403
        assert ask(made, f"{name}:8443").status in (200, 403)
        assert b"NoSuchBucket" in ask(made, f"updates.{site.zone}").body
        assert b"NoSuchBucket" in ask(made, f"origin.{site.zone}").body
        assert ask(made, edge_name(made)).status == 502
        assert "services" in ask(made, name, "/health").json()


@pytest.fixture(scope="module")
def enforced(patched: Emulator, target: int) -> Iterator[tuple[Site, Stack]]:
    """A balancer that answers nobody but its edge over HTTPS."""
    site = Site(zone=zone(), https=tuple(REFUSE))
    with stack(patched, site.resources()) as made:
        register(made, target)
        yield site, made


def test_port_of_a_listener(enforced: tuple[Site, Stack]) -> None:
    _, made = enforced
    name = balancer_name(made)
    assert seen(ask(made, name, tls=False))["x-forwarded-port"] == "80"
    for host in (name, f"{name}:{made.emulator.port}", f"{name}:443", name.upper()):
        assert ask(made, host).status == 403
    assert ask(made, f"{name}:8443").status == 503
    assert made.emulator.request("GET", f"https://{name}/").status == 403


@pytest.mark.parametrize("number", [1, 2])
def test_key_in_a_header_opens_the_listener(enforced: tuple[Site, Stack], number: int) -> None:
    _, made = enforced
    valid = secret(made, number)
    assert seen(ask(made, balancer_name(made), X_Origin_Key=valid))["x-forwarded-proto"] == "https"
    for wrong in (valid[:-1], valid + "a", "*", ""):
        assert ask(made, balancer_name(made), X_Origin_Key=wrong).status == 403


def test_edge_reaches_the_https_listener_by_a_name(enforced: tuple[Site, Stack]) -> None:
    site, made = enforced
    headers = seen(ask(made, edge_name(made), X_Origin_Key="mine"))
    assert headers["x-origin-key"] == secret(made, 2)
    assert headers["host"] == f"origin.{site.zone}"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("https", "443")


def test_ranges_and_large_bodies(enforced: tuple[Site, Stack]) -> None:
    _, made = enforced
    whole = bytes(range(256)) * (LARGE // 256)
    for host in (edge_name(made), balancer_name(made)):
        valid = secret(made, 1)
        assert ask(made, host, "/large", X_Origin_Key=valid).body == whole
        part = ask(made, host, "/large", Range="bytes=1000000-1000299", X_Origin_Key=valid)
        assert (part.status, part.body) == (206, whole[1_000_000:1_000_300])


def test_no_listener_no_answer(patched: Emulator, target: int) -> None:
    site = Site(zone=zone(), secure=False)
    with stack(patched, site.resources()) as made:
        register(made, target)
        assert ask(made, balancer_name(made), tls=False).status == 200
        assert ask(made, balancer_name(made)).status == 503
        assert ask(made, edge_name(made)).status == 502
        made.update(Site(zone=site.zone, secure=False, protocol="match-viewer").resources())
        assert seen(ask(made, edge_name(made), tls=False))["x-forwarded-port"] == "80"
        assert ask(made, edge_name(made)).status == 502


@pytest.mark.parametrize(
    ("certified", "origin", "status"),
    [
        ("origin", "origin", 200),
        ("*", "origin", 200),
        ("other", "origin", 502),
        ("*.deeper", "origin", 502),
        ("*", "deeper.origin", 502),
        ("*", "", 502),
    ],
    ids=["same", "wildcard", "other", "deeper", "deeper-name", "own-name"],
)
def test_certificate_covers_the_origin(
    patched: Emulator, target: int, certified: str, origin: str, status: int
) -> None:
    site = Site(zone=zone(), certified=certified, origin=origin)
    with stack(patched, site.resources()) as made:
        register(made, target)
        assert ask(made, edge_name(made)).status == status


def test_certificate_covers_the_host_that_is_sent(patched: Emulator, target: int) -> None:
    site = Site(zone=zone(), record="edge", certified="updates", viewer_host=True)
    with stack(patched, site.resources()) as made:
        register(made, target)
        assert seen(ask(made, f"updates.{site.zone}"))["host"] == f"updates.{site.zone}"
        assert ask(made, edge_name(made)).status == 502


def test_names_follow_their_record_at_once(patched: Emulator, target: int) -> None:
    site = Site(zone=zone())
    with stack(patched, site.resources()) as made:
        register(made, target)
        name, short = f"updates.{site.zone}", f"short.{site.zone}"
        assert "via" not in ask(made, name).headers
        assert seen(ask(made, name, "/health"))["host"] == name
        assert seen(ask(made, short))["host"] == short
        assert b"NoSuchBucket" in ask(made, f"none.{site.zone}").body

        made.update(Site(zone=site.zone, record="edge").resources())
        assert "cloudfront" in ask(made, name).headers["via"]
        assert seen(ask(made, name, "/health"))["host"] == f"origin.{site.zone}"
        # The distribution knows its own names only.
        assert ask(made, short).status == 403

        made.update(Site(zone=site.zone).resources())
        assert "via" not in ask(made, name).headers


def test_names_of_a_private_zone_are_nobodys(patched: Emulator, target: int) -> None:
    site = Site(zone=zone())
    route53 = patched.client("route53")
    with stack(patched, site.resources()) as made:
        name = f"inside.{zone()}"
        vpc = patched.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        private = route53.create_hosted_zone(
            Name=name, CallerReference=name, VPC={"VPCRegion": "us-east-1", "VPCId": vpc}
        )["HostedZone"]["Id"]
        alias = {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": balancer_name(made), "EvaluateTargetHealth": False}
        record = {"Name": name, "Type": "A", "AliasTarget": alias}
        for action in ("CREATE", "DELETE"):
            route53.change_resource_record_sets(
                HostedZoneId=private, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
            )
            assert b"NoSuchBucket" in ask(made, name).body
        route53.delete_hosted_zone(Id=private)


def test_stock_edge_asks_the_resolver_of_this_machine(stock: Emulator, target: int) -> None:
    with stack(stock, keyed(Edge=edge_to(NO_NAME, [], CustomOriginConfig=plain(target)))) as made:
        assert ask(made, edge_name(made)).status == 200


def test_origins_are_names_of_route_53_or_of_this_machine(patched: Emulator, target: int) -> None:
    name = zone()
    record: dict[str, Any] = {"HostedZoneId": ref("Zone"), "Type": "A", "TTL": "60"}
    custom = {"CustomOriginConfig": plain(target)}
    resources = keyed(
        Zone=resource("Route53::HostedZone", Name=name),
        Here=resource("Route53::RecordSet", **record, Name=f"here.{name}", ResourceRecords=[LOOPBACK]),
        Away=resource("Route53::RecordSet", **record, Name=f"away.{name}", ResourceRecords=["192.0.2.1"]),
        Edge=edge_to(f"here.{name}", [], **custom),
    )
    with stack(patched, resources) as made:
        assert seen(ask(made, edge_name(made)))["host"] == f"here.{name}"
        for unreachable in (f"away.{name}", f"none.{name}", NO_NAME):
            made.update({**resources, "Edge": edge_to(unreachable, [], **custom)})
            assert ask(made, edge_name(made)).status == 502


# --- origins in a VPC


def inside(made_name: str, protocol: str = "http-only", port: int = 80) -> Resources:
    site = Site(zone=made_name, scheme="internal", secure=False)
    endpoint = {
        "Name": {"Fn::Sub": "${AWS::StackName}"},
        "Arn": ref("Balancer"),
        "OriginProtocolPolicy": protocol,
        "HTTPPort": port,
        "HTTPSPort": 443,
        "OriginSSLProtocols": ["TLSv1.2"],
    }
    return {
        **site.resources(),
        "Way": resource("CloudFront::VpcOrigin", VpcOriginEndpointConfig=endpoint),
        "Edge": edge_to(f"any.{made_name}", [], VpcOriginConfig={"VpcOriginId": attribute("Way", "Id")}),
    }


def test_stock_has_no_vpc_origin(stock: Emulator) -> None:
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::CloudFront::VpcOrigin\]"):
        stock.client("cloudformation").validate_template(TemplateBody=json.dumps({"Resources": inside(zone())}))


def test_vpc_origin_is_the_only_way_to_an_internal_balancer(patched: Emulator, target: int) -> None:
    name = zone()
    with stack(patched, inside(name)) as made:
        register(made, target)
        headers = seen(ask(made, edge_name(made)))
        assert (headers["host"], headers["x-origin-key"]) == (f"any.{name}", secret(made, 2))
        assert ask(made, balancer_name(made), tls=False).status == 504
        assert ask(made, f"origin.{name}", tls=False).status == 504

        around = edge_to(f"origin.{name}", [], CustomOriginConfig={"OriginProtocolPolicy": "http-only"})
        made.update({**inside(name), "Edge": around})
        assert ask(made, edge_name(made)).status == 502


def test_vpc_origin_changes_while_nothing_uses_it(patched: Emulator, target: int) -> None:
    name = zone()
    cloudfront = patched.client("cloudfront")
    with stack(patched, inside(name)) as made:
        register(made, target)
        way = made.ids["Way"]
        body = json.dumps({"Resources": inside(name, protocol="https-only")})
        patched.client("cloudformation").update_stack(StackName=made.name, TemplateBody=body)
        assert made.ended() == "UPDATE_ROLLBACK_COMPLETE"

        made.update(without(inside(name), "Edge", "Record"))
        made.update(without(inside(name, port=8080), "Edge", "Record"))
        endpoint = cloudfront.get_vpc_origin(Id=way)["VpcOrigin"]["VpcOriginEndpointConfig"]
        assert (made.ids["Way"], endpoint["HTTPPort"]) == (way, 8080)
        # The port of the origin counts, and nothing listens there.
        made.update(inside(name, port=8080))
        assert ask(made, edge_name(made)).status == 502
    with pytest.raises(ClientError, match="EntityNotFound"):
        cloudfront.get_vpc_origin(Id=way)


# --- what CloudFormation dropped, or updated otherwise


def ends(emulator: Emulator, resources: Resources) -> str:
    """How the creation of a stack of `resources` ends."""
    cloudformation = emulator.client("cloudformation")
    made = Stack(
        emulator,
        cloudformation.create_stack(
            StackName=f"t-{uuid.uuid4().hex[:12]}", TemplateBody=json.dumps({"Resources": resources})
        )["StackId"],
    )
    try:
        return made.ended()
    finally:
        cloudformation.delete_stack(StackName=made.name)


def network(block: str, name: str = "a") -> Resources:
    parts = {"Fn::Cidr": [attribute("Network", "CidrBlock"), 4, 8]}
    return {
        "Network": resource("EC2::VPC", CidrBlock=block, Tags=[{"Key": "Name", "Value": name}]),
        "Part": resource("EC2::Subnet", VpcId=ref("Network"), CidrBlock={"Fn::Select": [1, parts]}),
    }


def test_block_of_a_network(stock: Emulator, patched: Emulator) -> None:
    assert ends(stock, network("10.1.0.0/16")) == "ROLLBACK_COMPLETE"

    def part() -> str:
        found = patched.client("ec2").describe_subnets(SubnetIds=[made.ids["Part"]])["Subnets"]
        return str(found[0]["CidrBlock"])

    with stack(patched, network("10.1.0.0/16")) as made:
        first = made.ids["Part"]
        made.update(network("10.1.0.0/16", name="b"))
        assert (made.ids["Part"], part()) == (first, "10.1.1.0/24")
        made.update(network("10.2.0.0/16"))
        assert part() == "10.2.1.0/24"


def group(**properties: Any) -> Resources:
    return {
        "Targets": resource("ElasticLoadBalancingV2::TargetGroup", Port=80, VpcId="vpc-1"),
        "Template": resource("EC2::LaunchTemplate", LaunchTemplateData={"ImageId": "ami-1"}),
        "Fleet": resource(
            "AutoScaling::AutoScalingGroup",
            **{
                "MinSize": "1",
                "MaxSize": "5",
                "LaunchTemplate": {
                    "LaunchTemplateId": ref("Template"),
                    "Version": attribute("Template", "LatestVersionNumber"),
                },
                "TargetGroupARNs": [ref("Targets")],
                **properties,
            },
        ),
    }


def described(made: Stack) -> dict[str, Any]:
    found: list[dict[str, Any]] = made.emulator.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[made.ids["Fleet"]]
    )["AutoScalingGroups"]
    return found[0]


def scaled(made: Stack, capacity: int, **properties: Any) -> int:
    """What an update leaves of a capacity that scaling reached."""
    made.emulator.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=made.ids["Fleet"], DesiredCapacity=capacity
    )
    made.update(group(**properties))
    return int(described(made)["DesiredCapacity"])


def test_stock_group_loses_its_capacity(stock: Emulator) -> None:
    with stack(stock, group()) as made:
        assert scaled(made, 3, HealthCheckGracePeriod=100) == 1
        assert "TargetGroupARNs" not in described(made)


def test_group_keeps_its_capacity(patched: Emulator) -> None:
    with stack(patched, group()) as made:
        assert described(made)["TargetGroupARNs"] == [made.ids["Targets"]]
        assert scaled(made, 3, HealthCheckGracePeriod=100) == 3
        assert scaled(made, 3, MaxSize="2") == 2
        assert scaled(made, 2, MinSize="4") == 4
        assert scaled(made, 4, DesiredCapacity="2") == 2
        made.update(group(TargetGroupARNs=[]))
        assert described(made).get("TargetGroupARNs", []) == []


@pytest.mark.parametrize(("kind", "kept"), [("stock", False), ("patched", True)])
def test_attributes_of_a_listener(request: pytest.FixtureRequest, kind: str, kept: bool) -> None:
    with stack(request.getfixturevalue(kind), Site(zone=zone()).resources()) as made:
        found = made.emulator.client("elbv2").describe_listener_attributes(ListenerArn=made.ids["Https"])["Attributes"]
        assert ({"Key": "routing.http.response.server.enabled", "Value": "false"} in found) is kept


def secret_of(made: Stack, number: int) -> set[str]:
    return set(secret(made, number))


def generated(**how: Any) -> Resources:
    # Long enough that a kind of characters that is allowed is there.
    return {"Key1": resource("SecretsManager::Secret", GenerateSecretString={"PasswordLength": 2000, **how})}


def test_stock_secret_has_every_kind_of_character(stock: Emulator) -> None:
    with stack(stock, generated(ExcludePunctuation=True)) as made:
        assert secret_of(made, 1) & set("*?")


@pytest.mark.parametrize(
    ("how", "left_out"),
    [
        ({"ExcludePunctuation": True}, string.punctuation),
        ({"ExcludePunctuation": "true", "ExcludeCharacters": "aB3"}, string.punctuation + "aB3"),
        ({"ExcludeNumbers": True, "ExcludeLowercase": True}, string.digits + string.ascii_lowercase),
        ({"ExcludeUppercase": True, "ExcludeNumbers": False}, string.ascii_uppercase),
        ({}, ""),
    ],
    ids=["punctuation", "characters", "numbers-lowercase", "uppercase", "nothing"],
)
def test_secret_leaves_out_what_is_excluded(patched: Emulator, how: dict[str, Any], left_out: str) -> None:
    every = string.ascii_letters + string.digits + string.punctuation
    with stack(patched, generated(**how)) as made:
        assert secret_of(made, 1) == set(every) - set(left_out)


def changes(made: Stack, resources: Resources) -> dict[str, str]:
    """What a change set to `resources` would change, and whether it replaces it."""
    client = made.emulator.client("cloudformation")
    change_set = client.create_change_set(
        StackName=made.name, ChangeSetName="next", TemplateBody=json.dumps({"Resources": resources})
    )["Id"]
    client.get_waiter("change_set_create_complete").wait(ChangeSetName=change_set, WaiterConfig={"Delay": 1})
    found = client.describe_change_set(ChangeSetName=change_set)["Changes"]
    return {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"]["Replacement"] for c in found}


def test_change_set_of_a_default_action(stock: Emulator, patched: Emulator) -> None:
    name = zone()
    before, after = Site(zone=name), Site(zone=name, https=tuple(REFUSE))
    with stack(stock, before.resources()) as made:
        assert changes(made, after.resources()) == dict.fromkeys(("Https", "Rule1", "Rule2"), "Conditional")
    with stack(patched, before.resources()) as made:
        assert changes(made, after.resources()) == {"Https": "False"}


def test_change_set_of_what_replaces(patched: Emulator) -> None:
    name = zone()
    with stack(patched, Site(zone=name).resources()) as made:
        found = changes(made, Site(zone=name, scheme="internal").resources())
        assert (found["Balancer"], found["Https"], found["Record"]) == ("True", "True", "False")


# What the table says beyond cfn-lint's schemas, and what these say beyond the table.
DIFFERENCES = {
    # The schema has it in the identifier of a record, and not in this list: no update keeps a record of another name.
    ("AWS::Route53::RecordSet", "Name"),
    # No template of ours uses them.
    ("AWS::EC2::VPCEndpoint", "DnsOptions/PrivateDnsPreference"),
    ("AWS::EC2::VPCEndpoint", "DnsOptions/PrivateDnsSpecifiedDomains"),
    ("AWS::EC2::VPCEndpoint", "ResourceConfigurationArn"),
    ("AWS::EC2::VPCEndpoint", "ServiceNetworkArn"),
    ("AWS::EC2::VPCEndpoint", "ServiceRegion"),
}


def test_what_replaces_a_resource_is_as_the_schemas_say() -> None:
    found = {
        key: {
            (kind, path.removeprefix("/properties/"))
            for kind in _CREATE_ONLY
            for path in PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema.get(key, [])
        }
        for key in ("createOnlyProperties", "conditionalCreateOnlyProperties")
    }
    tables = [
        {(kind, name) for kind, names in table.items() for name in names} for table in (_CREATE_ONLY, _CONDITIONALLY)
    ]
    assert tables[0] ^ found["createOnlyProperties"] == DIFFERENCES
    assert tables[1] == found["conditionalCreateOnlyProperties"]
