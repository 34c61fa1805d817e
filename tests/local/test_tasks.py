"""Tasks of a deployed service of ECS, run on this machine as their template says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.local.stacks import Resources, Stack, resource, stack
from troposphere_arch import microservices
from troposphere_arch.errors import UserError
from troposphere_arch.local import Emulator, Response, images, tasks

PORT = 8080
PINS = Path(microservices.__file__).with_name("servers.txt")
DOCKERFILE = """
FROM python:3.13-slim
WORKDIR /app
COPY requirements.txt index.py ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
USER 10001
CMD ["gunicorn", "--bind=0.0.0.0:8080", "index:application"]
"""
INDEX = """
import json, os, time, urllib.request
import boto3
from botocore.exceptions import ClientError

HEALTH = os.environ["HEALTH"]

def read(name):
    try:
        return boto3.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError as error:
        return str(error)

def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except OSError as error:
        return str(error)

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == HEALTH:
        start_response("200 OK", [])
        return []
    if path not in ("/", "/slow", "/reads", "/asks"):
        start_response("404 Not Found", [])
        return []
    told = {"by": environ["SERVER_NAME"], "colour": os.environ["COLOUR"], "worker": os.getpid()}
    if path == "/slow":
        time.sleep(0.5)
    if path == "/reads":
        told |= {name: read(os.environ[name]) for name in ("MINE", "OTHER")}
    if path == "/asks":
        told |= {url: ask(url) for url in (os.environ["API"], "https://www.example.com/")}
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:000000000000:*"}},
        }
    ],
}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def attribute(name: str, of: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, of]}


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


def api() -> Resources:
    mock = {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": '{"statusCode": 200}'},
        "IntegrationResponses": [{"StatusCode": 200}],
    }
    return {
        "Api": resource("ApiGateway::RestApi", Name="other"),
        "Method": resource(
            "ApiGateway::Method",
            RestApiId=ref("Api"),
            ResourceId=attribute("Api", "RootResourceId"),
            HttpMethod="GET",
            AuthorizationType="NONE",
            Integration=mock,
            MethodResponses=[{"StatusCode": 200}],
        ),
        "Deployment": resource("ApiGateway::Deployment", depends=["Method"], RestApiId=ref("Api")),
        "Stage": resource("ApiGateway::Stage", RestApiId=ref("Api"), DeploymentId=ref("Deployment"), StageName="v1"),
    }


def service(container: dict[str, Any] | None = None, **changes: dict[str, Any]) -> Resources:
    variables = {
        "HEALTH": "/health",
        "COLOUR": "blue",
        "AWS_DEFAULT_REGION": ref("AWS::Region"),
        "MINE": ref("Mine"),
        "OTHER": ref("Other"),
        "API": sub("https://${Api}.execute-api.${AWS::Region}.amazonaws.com/v1/"),
    }
    bind = f"--bind=0.0.0.0:{PORT}"
    check = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{PORT}/health', timeout=2)"
    own = {
        "Name": "service",
        "Image": "example.com/stock:1",
        "Command": ["gunicorn", bind, "--threads=4", "--graceful-timeout=5", "--worker-tmp-dir=/dev/shm"],
        "Environment": [{"Name": name, "Value": value} for name, value in variables.items()],
        "HealthCheck": {"Command": ["CMD", "python", "-c", check]},
        "PortMappings": [{"ContainerPort": PORT}],
        "StopTimeout": 10,
    }
    own["Command"] = [*own["Command"], "index:application"]
    may = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": sub("arn:aws:ssm:*:*:parameter${Mine}")}
    document = {"Version": "2012-10-17", "Statement": [may]}
    subnets, vpc = [ref("Subnet")], ref("Vpc")
    made = api() | {
        "Mine": resource("SSM::Parameter", Type="String", Value="mine"),
        "Other": resource("SSM::Parameter", Type="String", Value="other"),
        "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"),
        "Subnet": resource("EC2::Subnet", VpcId=vpc, CidrBlock="10.0.1.0/24"),
        "Routes": resource("EC2::RouteTable", VpcId=vpc),
        "SubnetRoutes": resource(
            "EC2::SubnetRouteTableAssociation", RouteTableId=ref("Routes"), SubnetId=ref("Subnet")
        ),
        "Nat": resource("EC2::NatGateway", SubnetId=ref("Subnet"), ConnectivityType="private"),
        "Out": resource(
            "EC2::Route", RouteTableId=ref("Routes"), DestinationCidrBlock="0.0.0.0/0", NatGatewayId=ref("Nat")
        ),
        "Balancer": resource("ElasticLoadBalancingV2::LoadBalancer", Scheme="internal", Subnets=subnets),
        "Targets": resource(
            "ElasticLoadBalancingV2::TargetGroup",
            TargetType="ip",
            Port=PORT,
            Protocol="HTTP",
            VpcId=vpc,
            HealthCheckPath="/health",
        ),
        "Listener": resource(
            "ElasticLoadBalancingV2::Listener",
            LoadBalancerArn=ref("Balancer"),
            Port=80,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": ref("Targets")}],
        ),
        "Role": resource(
            "IAM::Role",
            AssumeRolePolicyDocument=TRUST,
            Policies=[{"PolicyName": "reads", "PolicyDocument": document}],
        ),
        "Cluster": resource("ECS::Cluster"),
        "Task": resource(
            "ECS::TaskDefinition",
            ContainerDefinitions=[own | (container or {})],
            NetworkMode="awsvpc",
            RequiresCompatibilities=["FARGATE"],
            TaskRoleArn=attribute("Role", "Arn"),
        ),
        "Tasks": resource(
            "ECS::Service",
            depends=["Listener"],
            Cluster=ref("Cluster"),
            DesiredCount=2,
            LaunchType="FARGATE",
            LoadBalancers=[{"ContainerName": "service", "ContainerPort": PORT, "TargetGroupArn": ref("Targets")}],
            NetworkConfiguration={"AwsvpcConfiguration": {"Subnets": subnets}},
            TaskDefinition=ref("Task"),
        ),
    }
    for title, properties in changes.items():
        made[title]["Properties"] |= properties
    return made


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> images.Image:
    context = tmp_path_factory.mktemp("context")
    for name, text in (("Dockerfile", DOCKERFILE), ("index.py", INDEX), ("requirements.txt", PINS.read_text())):
        (context / name).write_text(text)
    return images.built(context, tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def deployed(patched: Emulator) -> Iterator[Stack]:
    with stack(patched, service()) as made:
        yield made


def run(made: Stack, image: images.Image, **options: Any) -> Any:
    return tasks.running(made.emulator, made.ids["Cluster"], made.ids["Tasks"], image, **options)


def answer(made: Stack, path: str = "/") -> Response:
    """By the load balancer."""
    name = made.ids["Balancer"].split("/")[2]
    return made.emulator.request("GET", f"{made.emulator.url}/_alb/{name}{path}")


def ask(made: Stack, path: str = "/") -> dict[str, Any]:
    found = answer(made, path)
    assert found.status == 200, (found.status, found.text())
    told: dict[str, Any] = found.json()
    return told


def answering(made: Stack) -> set[str]:
    """Who answers some requests; nobody is ""."""
    found = [answer(made) for _ in range(6)]
    return {one.json()["by"] if one.status == 200 else "" for one in found}


def registered(made: Stack) -> set[str]:
    elbv2 = made.emulator.client("elbv2")
    told = elbv2.describe_target_health(TargetGroupArn=made.ids["Targets"])["TargetHealthDescriptions"]
    return {one["Target"]["Id"] for one in told}


def is_gone(group: int) -> bool:
    """Whether no process of the group is there, but those that wait to be buried."""
    told = subprocess.run(["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in told.splitlines())
    return not any(int(pgid) == group and not state.startswith("Z") for pgid, state in rows)


def until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@shows("REQ-M3", "REQ-M10", how="patched")
def test_tasks_are_run_as_the_service_says(deployed: Stack, image: images.Image) -> None:
    with run(deployed, image) as running:
        addresses = {task.address for task in running.tasks}
        assert len(addresses) == 2
        assert registered(deployed) == addresses
        assert until(lambda: answering(deployed) == addresses)
        told = ask(deployed, "/reads")
        assert (told["colour"], told["MINE"]) == ("blue", "mine")
        assert "AccessDenied" in told["OTHER"]
        asked = ask(deployed, "/asks")
        assert [value for key, value in asked.items() if "execute-api" in key] == [200]
        assert "the emulator knows no such name" in asked["https://www.example.com/"]

        dead, alive = running.tasks
        dead.kill()
        assert until(lambda: is_gone(dead.process.pid))
        assert until(lambda: answering(deployed) == {alive.address})
        running.end(dead)
        assert registered(deployed) == {alive.address}

        answers: list[dict[str, Any]] = []
        asking = threading.Thread(target=lambda: answers.append(ask(deployed, "/slow")))
        asking.start()
        time.sleep(0.2)
        assert running.end(alive) == 0  # in order: what it was doing is done
        asking.join()
        assert [one["by"] for one in answers] == [alive.address]
    assert registered(deployed) == set()


def test_tasks_are_renewed(deployed: Stack, image: images.Image) -> None:
    before = service()
    with run(deployed, image, count=1) as running:
        [old] = running.tasks
        environment = before["Task"]["Properties"]["ContainerDefinitions"][0]["Environment"]
        environment[1]["Value"] = "green"
        deployed.update(before)
        assert ask(deployed)["colour"] == "blue"
        running.renew()
        assert ask(deployed)["colour"] == "green"
        assert not old.alive
    deployed.update(service())


def variables(**changes: str) -> list[dict[str, Any]]:
    own = service()["Task"]["Properties"]["ContainerDefinitions"][0]["Environment"]
    return [{"Name": changes.get(one["Name"], one["Name"]), "Value": one["Value"]} for one in own]


def command(*changes: tuple[str, str]) -> list[str]:
    words: list[str] = service()["Task"]["Properties"]["ContainerDefinitions"][0]["Command"]
    for before, after in changes:
        words = [word.replace(before, after) for word in words]
    return words


OTHER_SERVICE = json.loads(json.dumps(TRUST).replace("ecs-tasks", "ec2"))
WRONG: dict[str, tuple[Resources, str]] = {
    "variable": (service({"Environment": variables(HEALTH="HEALTHY")}), "ended with code 3"),
    "command": (service({"Command": command(("index:", "main:"))}), "ended with code 3"),
    "program": (service({"Command": ["uvicorn", "index:application"]}), 'exec: "uvicorn": executable file not found'),
    "port": (service({"Command": command(("8080", "8081"))}), "/health: nobody listens there"),
    "path": (service(Targets={"HealthCheckPath": "/healthy"}), "/healthy: it answers 404, not 200"),
    "own-check": (service({"HealthCheck": {"Command": ["CMD", "python", "-c", "1/0"]}}), "ZeroDivisionError"),
    "trust": (service(Role={"AssumeRolePolicyDocument": OTHER_SERVICE}), "ecs-tasks.amazonaws.com may not assume"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_template_says_wrong_is_told(deployed: Stack, image: images.Image, case: str) -> None:
    resources, message = WRONG[case]
    deployed.update(resources)
    try:
        with pytest.raises(UserError) as told, run(deployed, image, count=1):
            pass
        assert message in str(told.value)
        assert "\n" not in str(told.value)
        assert registered(deployed) == set()
    finally:
        deployed.update(service())


def test_a_service_that_is_not_there(deployed: Stack, image: images.Image) -> None:
    with (
        pytest.raises(UserError, match="ECS has no such service"),
        tasks.running(deployed.emulator, deployed.ids["Cluster"], "another", image),
    ):
        pass


STARTS = """
import pathlib, sys, time
from troposphere_arch import local
from troposphere_arch.local import images, tasks

home, context, root, cluster, service = sys.argv[1:]
emulator = local.find(pathlib.Path(home))
image = images.built(pathlib.Path(context), pathlib.Path(root))
with tasks.running(emulator, cluster, service, image, count=1) as running:
    print(running.tasks[0].process.pid, running.tasks[0].address, running.tasks[0].guard.pid, flush=True)
    time.sleep(60)
"""


def test_nothing_outlives_whoever_started_it(deployed: Stack, image: images.Image, tmp_path: Path) -> None:
    context, root = tmp_path / "context", tmp_path / "root"
    context.mkdir()
    for name, text in (("Dockerfile", DOCKERFILE), ("index.py", INDEX), ("requirements.txt", PINS.read_text())):
        (context / name).write_text(text)
    ids = deployed.ids
    words = [str(deployed.emulator.home), str(context), str(root), ids["Cluster"], ids["Tasks"]]
    with subprocess.Popen([sys.executable, "-c", STARTS, *words], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        group, address, guard = started.stdout.readline().split()
        assert not is_gone(int(group))
        os.kill(started.pid, signal.SIGKILL)
    assert until(lambda: is_gone(int(group)))
    assert until(lambda: is_gone(int(guard)))
    deployed.emulator.client("elbv2").deregister_targets(
        TargetGroupArn=ids["Targets"], Targets=[{"Id": address, "Port": PORT}]
    )
