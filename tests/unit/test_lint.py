"""The gate: what it finds, what it may not be talked into overlooking, and what it does not do twice."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.evidence import shows
from tests.unit.rules import GOOD, SERVICE, changed, good
from troposphere_arch import lint as gate
from troposphere_arch.errors import UserError
from troposphere_arch.lint import Exemption, Finding, lint

ONE_REGION = ("us-east-1",)


def as_bytes(template: Any) -> bytes:
    return json.dumps(template, indent=2).encode()


def small() -> Any:
    """A table that is watched, from the good template."""
    template = good()
    keep = {"Todos", "TodosThrottled", "TemplateId", "TemplateVersion"}
    for section in ("Resources", "Outputs"):
        template[section] = {name: value for name, value in template[section].items() if name in keep}
    return {section: template[section] for section in ("Resources", "Outputs")}


CLEAN = as_bytes(small())
# A table that goes with its stack, twice over: by our rules and by an informational one of cfn-lint.
BAD = changed(
    "Resources/Todos/UpdateReplacePolicy", template=changed("Resources/Todos/DeletionPolicy", template=small())
)
WRONG = ["E9010", "E9010", "I3011", "I3011"]


def found(content: bytes | str, **options: Any) -> list[Finding]:
    content = content.encode() if isinstance(content, str) else content
    return lint({"t": content}, **{"regions": ONE_REGION, **options})


def ids(findings: list[Finding]) -> list[str]:
    return [f.rule for f in findings]


@shows("REQ-D3", how="static")
def test_the_good_template_is_clean_everywhere() -> None:
    assert lint([GOOD, SERVICE]) == []


@shows("REQ-D3", how="static")
def test_what_is_wrong_is_found_with_its_place() -> None:
    findings = found(as_bytes(BAD))
    assert sorted(ids(findings)) == WRONG
    house = next(f for f in findings if "DeletionPolicy" in f.message)
    line = as_bytes(BAD).decode().splitlines().index('    "Todos": {') + 1
    assert (house.template, house.level, house.resource, house.path) == ("t", "error", "Todos", "Resources/Todos")
    assert house.line == line
    assert str(house) == f"t:{line}: E9010 Resources/Todos: {house.message}"


def test_informational_rules_are_on() -> None:
    assert {f.level for f in found(as_bytes(BAD)) if f.rule == "I3011"} == {"informational"}


def test_house_rules_can_be_left_out() -> None:
    assert ids(found(as_bytes(BAD), house=False)) == ["I3011"] * 2


def test_every_region_counts() -> None:
    dax = {"Type": "AWS::DAX::SubnetGroup", "Properties": {"SubnetIds": ["subnet-12345678"]}}
    template = as_bytes({"Resources": {"Cache": dax}})
    assert found(template, house=False) == []
    missing = [f for f in lint({"t": template}, house=False) if f.rule == "E3006"]
    assert "ap-northeast-2" in missing[0].message or "us-gov-west-1" in missing[0].message


def test_an_unknown_region() -> None:
    with pytest.raises(UserError, match="region mars-east-1 is unknown"):
        found(b"{}", regions=["mars-east-1"])


def test_findings_come_in_the_order_of_the_templates_and_lines() -> None:
    names = ["b", "a"]
    findings = lint({name: as_bytes(BAD) for name in names}, regions=ONE_REGION)
    assert [f.template for f in findings] == ["b"] * 4 + ["a"] * 4
    for name in names:
        lines = [f.line for f in findings if f.template == name]
        assert lines == sorted(lines)


# --- what a gate must not be talked into


@pytest.mark.parametrize("place", ["cwd", "home"])
@pytest.mark.parametrize("name", [".cfnlintrc", ".cfnlintrc.yaml"])
def test_a_users_own_configuration_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, name: str
) -> None:
    (tmp_path / name).write_text("ignore_checks: [I, W, E]\nregions: [eu-west-1]\nnonsense: true\n")
    gate._runner.cache_clear()
    if place == "cwd":
        monkeypatch.chdir(tmp_path)
    else:
        monkeypatch.setenv("HOME", str(tmp_path))
    assert sorted(ids(found(as_bytes(BAD)))) == WRONG


def test_a_template_cannot_switch_rules_off_for_itself() -> None:
    switched_off = {"cfn-lint": {"config": {"ignore_checks": ["E9010", "I3011"]}}}
    template = {**copy.deepcopy(BAD), "Metadata": switched_off}
    template["Resources"]["Todos"]["Metadata"] = switched_off
    assert sorted(ids(found(as_bytes(template)))) == WRONG
    # It is the template's own affair when the house rules are off.
    assert found(as_bytes(template), house=False) == []


def exemption(**change: str) -> Exemption:
    return Exemption(**{"template": "t", "rule": "E9010", "resource": "Todos", "reason": "It is a cache.", **change})


def test_an_exemption_covers_one_rule_on_one_resource() -> None:
    assert ids(found(as_bytes(BAD), exemptions=[exemption()])) == ["I3011"] * 2
    assert found(as_bytes(BAD), exemptions=[exemption(), exemption(rule="I3011")]) == []


def test_an_exemption_names_a_file_by_its_path_or_its_name() -> None:
    both = [exemption(template="t.json"), exemption(template="x/t.json", rule="I3011")]
    assert lint({"x/t.json": as_bytes(BAD)}, regions=ONE_REGION, exemptions=both) == []


@pytest.mark.parametrize("change", [{"rule": "E9011"}, {"resource": "Files"}, {"template": "other"}])
def test_an_exemption_that_matches_nothing(change: dict[str, str]) -> None:
    findings = found(as_bytes(BAD), exemptions=[exemption(**change)])
    unused = [f for f in findings if f.rule == "E9000"]
    assert len(unused) == 1
    assert unused[0].template == change.get("template", "t")
    assert "matches nothing; remove it" in unused[0].message
    assert sorted(ids(findings)) == ["E9000", *WRONG]


@pytest.mark.parametrize("change", [{"template": ""}, {"rule": ""}, {"reason": " "}])
def test_an_exemption_says_what_and_why(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="an exemption names the template, the rule, the resource and the reason"):
        exemption(**change)


# --- any file


def test_yaml_with_short_intrinsics() -> None:
    template = """
Resources:
  Files:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !If [Fixed, !Sub "${Prefix}-files", !Ref AWS::NoValue]
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
Conditions:
  Fixed: !Not [!Equals [!Ref Prefix, none]]
Parameters:
  Prefix: {Type: String, Default: mine}
"""
    findings = found(template)
    name = next(f for f in findings if f.rule == "E9014")
    assert name.path == "Resources/Files/Properties/BucketName/Fn::If/1"
    assert "Files has the fixed name ${Prefix}-files" in name.message
    assert name.line == 6


@pytest.mark.parametrize(
    "content",
    [
        b'{"Resources": ',
        b"a: b: c",
        b"\t- x",
        b"[]",
        b"just text",
        b"Resources: &a [*a]",
        b"{1: 2",
        b'{"Resources": {"A": 1, "A": 2}}',
        b"\xff\xfe",
        b"\x00",
        "Resources: {A: {Type: X, Type: Y}}".encode("utf-16"),
    ],
)
def test_what_cannot_be_parsed_is_a_finding(content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    findings = found(content)
    assert {f.rule for f in findings} == {"E0000"}
    assert all(f.level == "error" and f.template == "t" and f.message for f in findings)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"{}",
        b"Metadata: []",
        b"Resources: []",
        b"Resources: {A: []}",
        b"Resources: {A: {Type: []}}",
        b"Resources: {A: {Type: AWS::S3::Bucket, Metadata: x}}",
        b"Resources: {1: {Type: AWS::S3::Bucket, Condition: {}}}",
        b"Transform: {}\nResources: {A: {Type: AWS::S3::Bucket}}",
        b"Conditions: x\nResources: {A: {Type: AWS::S3::Bucket, Condition: x}}",
    ],
)
@pytest.mark.parametrize("house", [True, False])
def test_what_is_no_good_template_is_findings_and_no_traceback(content: bytes, house: bool) -> None:
    findings = found(content, house=house)
    assert findings
    assert all(f.rule and f.message for f in findings)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_bytes(as_bytes(BAD))
    for files in ([file], [str(file)], str(file), file):
        assert {f.template for f in lint(files, regions=ONE_REGION)} == {str(file)}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.json: no such file; name a CloudFormation template"):
        lint([tmp_path / "gone.json"])


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a directory; name the templates in it"):
        lint([tmp_path])


# --- once is enough


def run_python(code: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


CACHED = """
import sys
from troposphere_arch.lint import lint
assert lint([sys.argv[1]], cache=sys.argv[2], regions=["us-east-1"]) == []
print(sorted({"cfnlint", "troposphere", "multiprocessing", "importlib.metadata"} & sys.modules.keys()))
"""


def test_what_was_clean_is_not_linted_again_and_cfn_lint_not_imported(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_bytes(CLEAN)
    assert lint([file], cache=tmp_path / "lint", regions=ONE_REGION) == []
    assert run_python(CACHED, file, tmp_path / "lint") == "[]"


def is_linted(marks: Path, content: bytes = CLEAN, **options: Any) -> bool:
    """Whether linting leaves a new mark, which a template that was not linted does not."""
    before = set(marks.iterdir()) if marks.is_dir() else set()
    found(content, cache=marks, **options)
    return set(marks.iterdir()) != before


def test_a_change_of_anything_is_linted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = tmp_path / "lint"
    assert is_linted(marks)
    assert not is_linted(marks)
    assert is_linted(marks, CLEAN + b"\n")
    assert is_linted(marks, regions=("eu-west-1",))
    assert is_linted(marks, house=False)
    bad_but_exempt = {"content": as_bytes(BAD), "exemptions": [exemption(), exemption(rule="I3011")]}
    assert is_linted(marks, **bad_but_exempt)
    assert not is_linted(marks, **bad_but_exempt)
    assert sorted(ids(found(as_bytes(BAD), cache=marks))) == WRONG
    monkeypatch.setattr(gate, "_house_rules_hash", lambda: "other rules")
    assert is_linted(marks)
    monkeypatch.setattr(gate, "_cfn_lint_version", lambda: "another version")
    assert is_linted(marks)


def test_what_is_wrong_is_found_again_every_time(tmp_path: Path) -> None:
    for _ in range(2):
        assert sorted(ids(found(as_bytes(BAD), cache=tmp_path / "lint"))) == WRONG


def test_an_exemption_of_a_template_that_is_gone_is_told_from_the_cache_too(tmp_path: Path) -> None:
    for _ in range(2):
        findings = found(CLEAN, cache=tmp_path / "lint", exemptions=[exemption(template="gone")])
        assert ids(findings) == ["E9000"]


def test_a_cache_that_cannot_be_written_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        assert found(CLEAN, cache=tmp_path / "file" / "lint") == []


def test_the_version_of_cfn_lint_is_known_without_importing_it() -> None:
    import importlib.metadata

    assert f"cfn_lint-{importlib.metadata.version('cfn-lint')}.dist-info" == gate._cfn_lint_version()


WORKERS = """
import json, sys
from troposphere_arch import lint as gate
gate.FORK_FROM_BYTES = 0
files = sys.argv[2:]
one, two = (gate.lint(files, regions=["us-east-1"], jobs=jobs) for jobs in (1, 2))
assert gate._can_fork(["fork"]) == (sys.platform != "darwin")
print(one == two, sorted({f.rule for f in two}), sorted({f.template for f in two}) == sorted(files[1:]))
"""


def test_two_workers_find_what_one_does(tmp_path: Path) -> None:
    files = [tmp_path / "clean.json", tmp_path / "bad.json", tmp_path / "broken.json"]
    for file, content in zip(files, (CLEAN, as_bytes(BAD), b"{"), strict=True):
        file.write_bytes(content)
    assert run_python(WORKERS, "-", *files) == "True ['E0000', 'E9010', 'I3011'] True"


def test_parts_of_a_template_are_linted_without_house_rules(tmp_path: Path) -> None:
    bucket = json.dumps({"Resources": {"B": {"Type": "AWS::S3::Bucket"}}}).encode()
    wrong = json.dumps({"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"Nme": "x"}}}}).encode()
    found = lint({"whole": bucket, "part": bucket, "wrong": wrong}, parts=["part", "wrong"], cache=tmp_path)
    assert any(f.rule.startswith("E90") for f in found if f.template == "whole")
    assert [f.rule for f in found if f.template == "part" and f.level == "error"] == []
    assert [f.rule for f in found if f.template == "wrong" and f.level == "error"] == ["E3002"]


# --- regions that a template refuses


def refusing(assertion: Any, **rule: Any) -> bytes:
    """A template of what GovCloud lacks, with this rule."""
    template = small()
    template["Rules"] = {"Region": {**rule, "Assertions": [{"Assert": assertion, "AssertDescription": "Not there."}]}}
    config = {"Enabled": True, "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"}}
    template["Resources"]["Edge"] = {
        "Type": "AWS::CloudFront::Distribution",
        "Properties": {"DistributionConfig": config},
    }
    return as_bytes(template)


ELSEWHERE = {"Fn::Not": [{"Fn::Contains": [["us-gov-west-1", "us-gov-east-1"], {"Ref": "AWS::Region"}]}]}
BOTH = ("us-east-1", "us-gov-west-1")


def lacking(content: bytes) -> list[str]:
    return [f.resource for f in found(content, regions=BOTH, house=False) if f.rule == "E3006"]


@shows("REQ-D3", how="static")
def test_a_region_that_the_template_refuses_is_left_out() -> None:
    assert lacking(refusing(ELSEWHERE)) == []
    # And only for the template that refuses it.
    other = changed("Rules", template=json.loads(refusing(ELSEWHERE)))
    findings = lint({"a": refusing(ELSEWHERE), "b": as_bytes(other)}, regions=BOTH, house=False)
    assert [f.template for f in findings if f.rule == "E3006"] == ["b"]


@pytest.mark.parametrize(
    ("assertion", "rule"),
    [
        # A rule that somebody can choose to be out of.
        (ELSEWHERE, {"RuleCondition": {"Fn::Equals": ["a", "a"]}}),
        # The other way about: it says where it is.
        (ELSEWHERE["Fn::Not"][0], {}),
        ({"Fn::Or": [ELSEWHERE, {"Fn::Equals": ["a", "b"]}]}, {}),
        ({"Fn::Not": [{"Fn::Contains": [["us-gov-west-1"], {"Ref": "AWS::Partition"}]}]}, {}),
        ({"Fn::Not": [{"Fn::Contains": [["us-gov-east-1"], {"Ref": "AWS::Region"}]}]}, {}),
    ],
)
def test_a_region_is_left_out_only_where_no_stack_can_be(assertion: Any, rule: dict[str, Any]) -> None:
    assert lacking(refusing(assertion, **rule)) == ["Edge"]


@pytest.mark.parametrize("content", ["not JSON: [", "[]", '{"Rules": []}', '{"Rules": {"R": 1}}', '{"Rules": null}'])
def test_rules_that_are_none_refuse_nothing(content: str) -> None:
    assert gate.refused_regions(content.encode()) == frozenset()


def test_a_template_that_refuses_all_is_not_called_clean() -> None:
    with pytest.raises(UserError, match=r"t refuses us-gov-west-1 by its own rule"):
        found(refusing(ELSEWHERE), regions=("us-gov-west-1",))
