"""Servers, their network and files in the hands of a composer: what they make, and what they say when held wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from troposphere_arch import arrows, evaluate
from troposphere_arch.blocks import autoscaling, awslambda, cloudwatch, dynamodb, ec2, efs, logs, network, s3
from troposphere_arch.blocks import elasticloadbalancingv2 as balancers
from troposphere_arch.template import ScenarioTemplate, actor, scenario_template

CODE = "todo/read_todos.py"


class Kit:
    """One node of each kind on a template of its own."""

    def __init__(self) -> None:
        self.t: ScenarioTemplate = scenario_template("kit", "1.0.0", "Kit.")
        self.somebody = actor(self.t, "Somebody")
        self.network = network.server_network(self.t, "Network")
        self.balancer = balancers.balancer(self.t, "Balancer", self.network)
        self.fleet = autoscaling.fleet(
            self.t, "Fleet", self.network, boot="software_updates/boot.sh", conf="software_updates/nginx.conf"
        )
        self.files = efs.file_system(self.t, "Files", self.network)
        self.bucket = s3.release_bucket(self.t, "Releases")
        self.function = awslambda.function(self.t, "Work", code=CODE)
        self.table = dynamodb.table(self.t, "Items", partition="owner", sort="id")

    def resources(self) -> dict[str, Any]:
        made: dict[str, Any] = self.t.to_dict()["Resources"]
        return made


WRONG: dict[str, Callable[[Kit], None]] = {
    "asks": lambda k: arrows.asks(k.somebody, k.fleet),  # type: ignore[arg-type]
    "forwards": lambda k: arrows.forwards(k.balancer, k.files),  # type: ignore[arg-type]
    "mounts": lambda k: arrows.mounts(k.fleet, k.bucket),  # type: ignore[arg-type]
    "puts": lambda k: arrows.puts(k.somebody, k.files),  # type: ignore[arg-type]
    "publishes to": lambda k: arrows.publishes_to(k.function, k.files, k.bucket),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("verb", WRONG)
def test_an_arrow_to_the_wrong_node(verb: str) -> None:
    with pytest.raises(TypeError, match=f"{verb}: .* where a .* belongs"):
        WRONG[verb](Kit())


def test_a_group_lets_nothing_out_until_an_arrow_says_what() -> None:
    kit = Kit()
    nothing = [{"CidrIp": "127.0.0.1/32", "Description": "Nothing", "IpProtocol": "-1"}]
    assert kit.resources()["BalancerGroup"]["Properties"]["SecurityGroupEgress"] == nothing
    arrows.forwards(kit.balancer, kit.fleet)
    [out] = kit.resources()["BalancerGroup"]["Properties"]["SecurityGroupEgress"]
    assert (out["DestinationSecurityGroupId"], out["FromPort"]) == ({"Fn::GetAtt": ["FleetGroup", "GroupId"]}, 80)
    assert kit.resources()["FilesGroup"]["Properties"]["SecurityGroupEgress"] == nothing


def test_a_function_with_files_reaches_s3_and_nothing_else() -> None:
    kit = Kit()
    arrows.publishes_to(kit.function, kit.bucket, kit.files)
    with pytest.raises(ValueError, match="Work cannot reach Items from inside Network"):
        arrows.reads(kit.function, kit.table)
    with pytest.raises(ValueError, match="Work cannot reach CloudWatch from inside a network"):
        arrows.puts_metrics(kit.function)


@pytest.mark.parametrize("first", ["a table", "CloudWatch", "files", "another network"])
def test_a_function_that_is_elsewhere_gets_no_files(first: str) -> None:
    kit = Kit()
    if first == "a table":
        arrows.reads(kit.function, kit.table)
        said = "where it could not reach Items"
    elif first == "CloudWatch":
        arrows.puts_metrics(kit.function)
        said = "where it could not reach CloudWatch"
    else:
        said = "Work is in a network already"
        if first == "files":
            arrows.publishes_to(kit.function, kit.bucket, kit.files)
        else:
            awslambda.put_into(kit.function, ec2.private_network(kit.t, "Other"), [], when=None)
    with pytest.raises(ValueError, match=said):
        awslambda.mount(kit.function, kit.network, kit.files.writer, "/mnt/more", mounted=kit.files.mounted)


def test_what_ec2_would_not_take_is_said_when_the_template_is_made() -> None:
    kit = Kit()
    long = autoscaling.Fleet(
        **{**{name: getattr(kit.fleet, name) for name in kit.fleet.__dataclass_fields__}, "conf": "#" * 16_000}
    )
    with pytest.raises(ValueError, match=r"Fleet tells its servers \d+ bytes, and EC2 takes 15360"):
        autoscaling.tell_servers(long, MORE="1")


def test_scripts_of_somebody_elses(tmp_path: Path) -> None:
    """A composer's own, by their paths."""
    boot, conf = tmp_path / "boot.sh", tmp_path / "server.conf"
    boot.write_text("#!/bin/sh\necho $REGION\n")
    conf.write_text("listen 80;\n")
    t = scenario_template("kit", "1.0.0", "Kit.")
    autoscaling.fleet(t, "Web", network.server_network(t, "Network"), boot=boot, conf=conf)
    data = t.to_dict()["Resources"]["WebTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]
    first, exports, rest = data["Fn::Base64"]["Fn::Join"][1]
    assert (first, rest) == (
        "#!/bin/sh",
        "cat > /root/nginx.conf <<'NGINX_CONF'\nlisten 80;\nNGINX_CONF\necho $REGION\n",
    )
    assert "export RESOURCE='Web'" in exports["Fn::Sub"].splitlines()


def test_lines_of_a_log_are_counted_where_their_function_is() -> None:
    kit = Kit()
    lines = logs.counted(kit.t, "Bad", kit.function.logs, '{ $.bad = "yes" }', means="Bad.")
    cloudwatch.watch(kit.t, lines)
    alarm = kit.resources()["BadAlarm"]["Properties"]
    assert "Dimensions" not in alarm
    assert alarm["Namespace"] == kit.resources()["Bad"]["Properties"]["MetricTransformations"][0]["MetricNamespace"]


def test_no_alarm_is_for_a_network() -> None:
    kit = Kit()
    with pytest.raises(TypeError, match=re.escape("Network is a ServerNetwork; alarms are for")):
        cloudwatch.watch(kit.t, kit.network)


@pytest.mark.parametrize(("region", "before"), [("us-east-1", ""), ("cn-north-1", "cn."), ("cn-northwest-1", "cn.")])
def test_the_endpoint_of_cloudformation_has_another_name_in_china(region: str, before: str) -> None:
    """And that of S3 has not. https://docs.amazonaws.cn/en_us/vpc/latest/privatelink/aws-services-privatelink-support.html"""
    template = Kit().t.to_dict()
    made = evaluate.resolved(template, evaluate.parameters_of(template, {}, region=region))["Resources"]
    names = [made[f"NetworkTo{of}"]["Properties"]["ServiceName"] for of in ("CloudFormation", "S3")]
    assert names == [f"{before}com.amazonaws.{region}.cloudformation", f"com.amazonaws.{region}.s3"]
