"""The template of a service on instances: its rights, who reaches its database, its servers, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import pytest
from troposphere import If, NoValue, Ref

from tests.evidence import shows
from tests.microservices.systems import OWNER, PORT, own_folder, service
from tests.rights import allow, held, is_trusted_to, of, unnoticed, use_key
from troposphere_arch import arrows, evaluate, lint
from troposphere_arch.blocks import autoscaling, awslambda
from troposphere_arch.microservices import process, templates
from troposphere_arch.microservices import service as page
from troposphere_arch.microservices.declaration import Platform, System

LOGS = allow(of("logs", "CreateLogStream", "PutLogEvents"), "ServersLogs.Arn")
SECRET = allow(of("secretsmanager", "GetSecretValue"), "Database.MasterUserSecret.SecretArn")
CHANNELS = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
SHELLS = {
    allow(of("ssmmessages", *CHANNELS), "*", when="SessionManagerOn"),
    allow(
        ("ssm:UpdateInstanceInformation",),
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*",
        when="SessionManagerOn",
    ),
}
TOLD = [
    *("AWS_DEFAULT_REGION", "AWS_REGION", "DATABASE_CA", "DATABASE_HOST", "DATABASE_NAME", "DATABASE_PORT"),
    *("DATABASE_SECRET", "HEALTH", "PORT", "SERVICE"),
]
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
RESOLVED = re.compile(r"\{\{resolve:")


@lru_cache
def system(more: str = "") -> System:
    folder = own_folder()
    stock = service(folder, "stock", "instances", routes=("GET /items/{id}",))
    if more:
        (stock.folder / "handler.py").write_text((stock.folder / "handler.py").read_text() + more)
    routes = ("GET /orders/{id}",)
    made = (
        stock,
        service(
            folder, "orders", "instances", routes=routes, calls={"stock": stock.routes}, publishes=("order-placed",)
        ),
        service(folder, "gate", "front", routes=("GET /items/{id}",)),
        service(folder, "shelf", "instances", behind="gate"),
    )
    return System(Platform("shop", OWNER, network="nat"), {one.name: one for one in made}, folder)


@lru_cache
def files(name: str, more: str = "") -> Mapping[str, bytes]:
    return templates.draft(system(more), name).files


def body(name: str = "stock", more: str = "") -> bytes:
    return files(name, more)[f"shop-{name}/1.0.0/shop-{name}.template.json"]


def template(name: str = "stock", more: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body(name, more))
    return found


def deployed(name: str = "stock", **chosen: str) -> dict[str, Any]:
    """The resources as they are for these parameters."""
    values = evaluate.parameters_of(template(name), {"KmsKeyArn": "none"} | chosen)
    resources: dict[str, Any] = evaluate.resolved(template(name), values)["Resources"]
    return resources


def user_data(found: dict[str, Any]) -> list[Any]:
    """The lines of user data, some of which only a deployment knows."""
    data = found["Resources"]["ServersTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]
    by, lines = data["Fn::Base64"]["Fn::Join"]
    assert by == "\n"
    return list(lines)


def names_told(found: dict[str, Any]) -> list[str]:
    lines = [one if isinstance(one, str) else one.get("Fn::Join", ["", [""]])[1][0] for one in user_data(found)]
    return [match[1] for one in lines if (match := re.match(r"told\+=\([\"']?([A-Z_]+)=", one))]


def walk(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, value
    if isinstance(value, dict):
        for name, one in value.items():
            yield from walk(one, (*path, name))
    elif isinstance(value, list):
        for one in value:
            yield from walk(one, path)


def proof(found: dict[str, Any]) -> None:
    assert held(found, "ServersRole") == {LOGS, SECRET, use_key("secretsmanager"), *SHELLS}
    assert is_trusted_to(found, "ServersRole", "ec2.amazonaws.com")
    assert "ManagedPolicyArns" not in found["Resources"]["ServersRole"]["Properties"]


@shows("REQ-M2", "REQ-M3", how="static")
def test_servers_have_their_rights_and_no_other() -> None:
    proof(template())
    changed, tried = unnoticed(body(), ["ServersRole"], proof)
    assert tried > 20
    assert not changed


@shows("REQ-M6", how="static")
def test_code_that_calls_and_publishes_has_the_rights_and_the_variables_for_it() -> None:
    found = template("orders")
    assert allow(("execute-api:Invoke",), "${StockArn}/GET/items/*") in held(found, "ServersRole")
    assert names_told(found) == sorted([*TOLD, "BUS", "EVENTS_TOPIC", "STOCK_URL"])
    assert names_told(template()) == TOLD


@shows("REQ-M3", how="static")
def test_lint_is_clean_whatever_the_level() -> None:
    assert lint.lint({"stock.template.json": body()}) == []


@shows("REQ-M2", "REQ-M3", how="static")
@pytest.mark.parametrize("name", ["stock", "shelf"])
def test_nobody_but_servers_reaches_the_database_and_nobody_but_the_balancer_servers(name: str) -> None:
    resources = deployed(name)
    database, group = (resources[title]["Properties"] for title in ("Database", "DatabaseGroup"))
    assert database["PubliclyAccessible"] is False
    assert database["VPCSecurityGroups"] == [{"Fn::GetAtt": ["DatabaseGroup", "GroupId"]}]
    assert "SecurityGroupIngress" not in group
    assert [one["CidrIp"] for one in group["SecurityGroupEgress"]] == ["127.0.0.1/32"]
    into: dict[str, list[Any]] = {}
    for one in resources.values():
        if one["Type"] == "AWS::EC2::SecurityGroupIngress":
            into.setdefault(json.dumps(one["Properties"]["GroupId"]), []).append(one["Properties"])
    (from_servers,) = into[json.dumps({"Fn::GetAtt": ["DatabaseGroup", "GroupId"]})]
    assert from_servers["SourceSecurityGroupId"] == {"Fn::GetAtt": ["ServersGroup", "GroupId"]}
    assert (from_servers["FromPort"], from_servers["ToPort"], from_servers["IpProtocol"]) == (5432, 5432, "tcp")

    servers = resources["ServersGroup"]["Properties"]
    rules = [
        *servers.get("SecurityGroupIngress", []),
        *into.get(json.dumps({"Fn::GetAtt": ["ServersGroup", "GroupId"]}), []),
    ]
    assert [(one["FromPort"], one["ToPort"], "CidrIp" in one) for one in rules] == [(PORT, PORT, False)]
    out = [(one["FromPort"], one.get("CidrIp")) for one in servers["SecurityGroupEgress"]]
    assert sorted(out, key=str) == [(443, "0.0.0.0/0"), (5432, None)]
    where = {"Fn::Split": [",", {"Ref": "PlatformSubnets"}]}
    assert template(name)["Resources"]["Servers"]["Properties"]["VPCZoneIdentifier"] == where
    assert template(name)["Resources"]["DatabaseSubnets"]["Properties"]["SubnetIds"] == where


@shows("REQ-M2", how="static")
def test_the_password_is_nowhere() -> None:
    found = template()
    database = found["Resources"]["Database"]["Properties"]
    assert database["ManageMasterUserPassword"] is True
    assert not {"MasterUserPassword", "DBSnapshotIdentifier"} & database.keys()
    assert not RESOLVED.search(body().decode())
    names = {".".join(path) for path, one in walk(found) if one == ["Database", "MasterUserSecret.SecretArn"]}
    assert {name.split(".")[1] for name in names} == {"ServersRole", "ServersTemplate"}
    assert all(".UserData." in name for name in names if "ServersTemplate" in name)
    assert "Secret" not in json.dumps([found["Outputs"], found["Parameters"]])
    settings = found["Resources"]["DatabaseParameters"]["Properties"]["Parameters"]
    # Neither what is asked, nor with which values, nor what an error was about.
    assert settings == {
        "log_error_verbosity": "terse",
        "log_min_duration_statement": "-1",
        "log_min_error_statement": "panic",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_statement": "none",
        "rds.force_ssl": "1",
    }
    assert database["EnablePerformanceInsights"] is False


@shows("REQ-M3", how="static")
def test_the_database_keeps_what_it_has() -> None:
    database = deployed()["Database"]
    properties = database["Properties"]
    assert (database["DeletionPolicy"], database["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert properties["StorageEncrypted"] is True
    assert properties["CopyTagsToSnapshot"] is True
    assert (properties["DeletionProtection"], properties["MultiAZ"]) == (False, False)
    assert (properties["BackupRetentionPeriod"], properties["DBInstanceClass"]) == ("7", "db.t4g.micro")
    assert (properties["AllocatedStorage"], properties["MaxAllocatedStorage"]) == ("20", "100")
    assert properties["StorageType"] == "gp3"
    assert properties["AutoMinorVersionUpgrade"] is True
    assert "AllowMajorVersionUpgrade" not in properties
    assert properties["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"
    assert not {"KmsKeyId", "MasterUserSecret"} & properties.keys()
    # Its log has a retention before RDS makes one without.
    logs = template()["Resources"]["DatabaseLogs"]["Properties"]["LogGroupName"]["Fn::Join"][1]
    assert logs == ["/aws/rds/instance/", properties["DBInstanceIdentifier"], "/postgresql"]
    assert database["DependsOn"] == ["DatabaseLogs"]
    assert properties["EnableCloudwatchLogsExports"] == ["postgresql"]

    chosen = {"BackupDays": "30", "DeletionProtection": "on", "MultiAz": "on", "KmsKeyArn": KEY}
    properties = deployed(**chosen)["Database"]["Properties"]
    assert (properties["DeletionProtection"], properties["MultiAZ"]) == (True, True)
    assert properties["BackupRetentionPeriod"] == "30"
    assert (properties["KmsKeyId"], properties["MasterUserSecret"]) == (KEY, {"KmsKeyId": KEY})


@shows("REQ-M3", "REQ-M10", how="static")
def test_servers_come_and_go_one_after_the_other_and_nobody_says_how_many() -> None:
    found = template()
    group = found["Resources"]["Servers"]
    properties, data = group["Properties"], found["Resources"]["ServersTemplate"]["Properties"]["LaunchTemplateData"]
    assert "DesiredCapacity" not in properties
    rolling = group["UpdatePolicy"]["AutoScalingRollingUpdate"]
    assert rolling["MinInstancesInService"] == properties["MinSize"] == {"Ref": "FleetMinSize"}
    assert rolling["WaitOnResourceSignals"] is True
    assert rolling["SuspendProcesses"] == autoscaling.SUSPENDED
    assert group["CreationPolicy"]["ResourceSignal"] == {"Count": {"Ref": "FleetMinSize"}, "Timeout": "PT15M"}
    assert properties["HealthCheckType"] == "ELB"
    (targets,) = [name for name, one in found["Resources"].items() if one["Type"].endswith("::TargetGroup")]
    assert properties["TargetGroupARNs"] == [{"Ref": targets}]
    assert found["Resources"][targets]["Properties"]["TargetType"] == "instance"
    assert properties["LaunchTemplate"]["Version"] == {"Fn::GetAtt": ["ServersTemplate", "LatestVersionNumber"]}
    # Health is asked for only behind a listener, and the database only by who is let in.
    listeners = {name for name, one in found["Resources"].items() if one["Type"].endswith("::Listener")}
    assert set(group["DependsOn"]) & listeners
    assert "ServersGroupToDatabaseGroup" in group["DependsOn"]
    scaling = found["Resources"]["ServersScaling"]["Properties"]
    assert scaling["PolicyType"] == "TargetTrackingScaling"

    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert all(one["Ebs"]["Encrypted"] for one in data["BlockDeviceMappings"])
    assert "KeyName" not in data
    (interface,) = data["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is False


@shows("REQ-M3", how="static")
def test_servers_run_what_user_data_names() -> None:
    found = template()
    init = found["Resources"]["ServersTemplate"]["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"]
    (settings,) = [one["Fn::Sub"][0] for one in user_data(found) if isinstance(one, dict) and "Fn::Sub" in one]
    for name, title in (("index.py", "CODE"), ("requirements.txt", "LIBRARIES")):
        file = init[f"/srv/service/{name}"]
        content = file["content"].encode()
        plain = base64.b64decode(content) if file.get("encoding") == "base64" else content
        assert f"{title}_SHA256='{hashlib.sha256(plain).hexdigest()}'" in settings
        assert (file["mode"], file["owner"]) == ("000644", "root")
    assert f"COMMAND='{' '.join(process.arguments(PORT))}'" in settings
    assert "SOURCE='ServersTemplate'" in settings
    pins = [line for line in init["/srv/service/requirements.txt"]["content"].splitlines() if "==" in line]
    assert {line.split("==")[0] for line in pins} >= {"boto3", "gunicorn", "pg8000"}
    assert all("--hash=sha256:" in line or line.endswith("\\") for line in pins)


@shows("REQ-M3", how="static")
def test_other_code_is_another_launch_template_and_nothing_else() -> None:
    before, after = template(), template(more="\nMORE = 'äöü'\n")
    differ = {name for name in before["Resources"] if before["Resources"][name] != after["Resources"][name]}
    assert differ == {"ServersTemplate"}
    assert user_data(before) != user_data(after)
    assert body(more="\nMORE = 'äöü'\n").isascii()


@shows("REQ-M3", how="static")
def test_behind_a_front_it_has_no_api_of_its_own() -> None:
    resources = template("shelf")["Resources"]
    kinds = {one["Type"] for one in resources.values()}
    assert not {"AWS::ApiGateway::RestApi", "AWS::ElasticLoadBalancingV2::LoadBalancer"} & kinds
    (rule,) = [name for name, one in resources.items() if one["Type"].endswith("::ListenerRule")]
    assert rule in resources["Servers"]["DependsOn"]


@shows("REQ-M3", how="static")
def test_what_cannot_be_is_refused() -> None:
    parameters = template()["Parameters"]
    types = parameters["InstanceType"]["AllowedValues"]
    assert "t4g.small" in types
    assert all(re.fullmatch(r"[a-z]+[0-9]g[dn]*\.[a-z0-9]+", one) for one in types)
    assert all(f"{one} " in parameters["InstanceType"]["Description"] for one in types)
    assert all(
        re.fullmatch(r"db\.[a-z]+[0-9]g\.[a-z0-9]+", one) for one in parameters["DatabaseClass"]["AllowedValues"]
    )
    assert (parameters["BackupDays"]["MinValue"], parameters["BackupDays"]["MaxValue"]) == (1, 35)
    assert parameters["DatabaseStorage"]["MinValue"] == 20
    values = evaluate.parameters_of(template(), {"FleetMinSize": "3", "FleetMaxSize": "3"})
    assert any("FleetMaxSize must be more" in one for one in evaluate.refusals(template(), values))
    production = files("stock")["shop-stock/1.0.0/parameters/production.json"].decode()
    assert all(one in production for one in ("MultiAz", "BackupDays", "DatabaseClass", "FleetMinSize"))


@shows("REQ-M9", how="static")
def test_what_is_wrong_with_servers_and_database_is_told() -> None:
    alarms = {name for name, one in template()["Resources"].items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    assert {"ServersFullAlarm", "DatabaseBusyAlarm", "DatabaseSpaceAlarm", "DatabaseConnectionsAlarm"} <= alarms
    limits = template()["Mappings"]["DatabaseLimits"]
    assert limits.keys() == set(template()["Parameters"]["DatabaseClass"]["AllowedValues"])


def test_what_user_data_cannot_tell_is_refused_when_it_is_built() -> None:
    made = page.build(system(), system().services["stock"])
    program = made.resources["ServersTemplate"].LaunchTemplateData.UserData
    program.variables["MAYBE"] = If("HasKmsKeyArn", Ref("KmsKeyArn"), NoValue)
    with pytest.raises(ValueError, match="MAYBE is told under a condition"):
        made.to_dict()


def test_only_servers_keep_something_in_a_database() -> None:
    made = page.build(system(), system().services["stock"])
    function = awslambda.function(made, "Other", code=awslambda.Text("handler = None"))
    with pytest.raises(TypeError, match="keeps in: Other is a Function, where a Servers belongs"):
        arrows.keeps_in(function, function)  # type: ignore[arg-type]
