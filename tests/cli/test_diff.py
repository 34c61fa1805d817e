"""`python build.py diff OLD NEW`: what it reads, what it prints, when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, Shell, refused
from tests.diff.templates import function, queue, resource, table, template

OLD = template({"Data": table(), "Queue": queue(FifoQueue=True), "Work": function()})
NEW = template({"Data": table(), "Queue": queue(), "Work": function(MemorySize=256)})


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(OLD))
    new.write_text(json.dumps(NEW))
    return old, new


def test_a_table_json_and_markdown_say_the_same(build: Shell, files: tuple[Path, Path]) -> None:
    table_, as_json, markdown = (build("diff", *files, *form) for form in ([], ["--json"], ["--markdown"]))
    assert [done.code for done in (table_, as_json, markdown)] == [0, 0, 0]
    told = json.loads(as_json.out)
    assert (told["effect"], told["version"]) == ("replacement", "minor")
    assert [(c["name"], c["effect"]) for c in told["changes"]] == [("Queue", "replacement"), ("Work", "in place")]
    for text in (table_.out, markdown.out):
        assert "REPLACED" in text
        assert "FifoQueue: can't be changed in place" in text
        assert "minor" in text


@pytest.mark.parametrize(
    ("level", "code"),
    [("patch", 1), ("minor", 1), ("major", 0), ("in-place", 1), ("replacement", 1), ("data-loss", 0)],
)
def test_it_fails_on_what_is_as_grave_as_asked(build: Shell, files: tuple[Path, Path], level: str, code: int) -> None:
    assert build("diff", *files, "--fail-on", level).code == code


def test_the_same_template_is_no_change(build: Shell, files: tuple[Path, Path]) -> None:
    done = build("diff", files[0], files[0], "--fail-on", "patch")
    assert (done.code, done.out) == (0, "no change: the two templates make the same stack\n")


def test_a_template_of_the_catalogue_and_one_from_standard_input(build: Shell, files: tuple[Path, Path]) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "build.py", "diff", "todo@1.0.0", "-", "--json"],
        input=(ROOT / "templates/todo/1.0.0/todo.template.json").read_bytes(),
        env=build.environment(),
        capture_output=True,
    )
    assert (done.returncode, json.loads(done.stdout)["changes"]) == (0, [])
    twice = build("diff", "-", "-")
    refused(twice, "standard input")
    refused(build("diff", "todo@7.0.0", files[0]), "1.0.0")
    refused(build("diff", "no-such", files[0]), "no-such")


def test_what_the_sources_make_now(build: Shell) -> None:
    done = build("diff", "todo", "sources:todo", "--fail-on", "patch")
    assert (done.code, done.out) == (0, "no change: the two templates make the same stack\n")
    refused(build("diff", "todo", "sources:nope"), "nope", "todo")


def test_parameters_given_with_the_update_on_the_command_line(build: Shell, tmp_path: Path) -> None:
    template_ = template({"It": queue(DelaySeconds={"Ref": "Delay"})}, Parameters={"Delay": {"Type": "Number"}})
    file = tmp_path / "t.json"
    file.write_text(json.dumps(template_))
    done = build("diff", file, file, "--parameter", "Delay=1", "--new-parameter", "Delay=2", "--json")
    assert [c["name"] for c in json.loads(done.out)["changes"]] == ["It"]
    refused(build("diff", file, file, "--new-parameter", "Delay"), "Name=value")


def test_parameters_of_the_stack_decide_conditions(build: Shell, tmp_path: Path) -> None:
    production = ROOT / "templates/todo/1.0.0/parameters/production.json"
    todo = json.loads((ROOT / "templates/todo/1.0.0/todo.template.json").read_text())
    todo["Resources"]["TodosCache"]["Properties"]["NodeType"] = "dax.r5.large"
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(todo))
    starter = ROOT / "templates/todo/1.0.0/parameters/starter.json"

    def cache(*options: str | Path) -> list[tuple[str, str, bool]]:
        told = json.loads(build("diff", "todo@1.0.0", changed, "--json", *options).out)
        return [(c["name"], c["effect"], c["certain"]) for c in told["changes"] if c["name"] == "TodosCache"]

    assert cache("--parameters", starter) == []
    assert cache("--parameters", production) == [("TodosCache", "replacement", True)]
    assert [(effect, certain) for _, effect, certain in cache()] == [("replacement", False)]
    assert cache("--parameters", production, "--parameter", "ReadCache=none") == []


def put(file: Path, value: object) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(value))
    return file


def parent(url: str, env: object) -> dict[str, object]:
    nested = resource("AWS::CloudFormation::Stack", TemplateURL=url, Parameters={"Env": env})
    return template({"N": nested}, Parameters={"Env": {"Type": "String", "Default": "dev"}})


def test_nested_stacks_get_the_parameters_of_their_parent(build: Shell, tmp_path: Path) -> None:
    for side, key in (("old", "a"), ("new", "b")):
        child = template(
            {"T": {**table(key), "Condition": "Prod"}, "Q": queue()},
            Parameters={"Env": {"Type": "String", "Default": "dev"}},
            Conditions={"Prod": {"Fn::Equals": [{"Ref": "Env"}, "prod"]}},
        )
        put(tmp_path / side / "child.json", child)
        put(tmp_path / side / "parent.json", parent("child.json", {"Ref": "Env"}))
    files = tmp_path / "old/parent.json", tmp_path / "new/parent.json"
    gate = ("--fail-on", "data-loss")
    assert build("diff", *files, "--parameter", "Env=prod", *gate).code == 1
    assert build("diff", *files, "--parameter", "Env=dev", *gate).code == 0
    assert build("diff", *files, *gate).code == 1
    # Nothing but the child's own condition changes with this.
    dev = put(tmp_path / "dev.json", [{"ParameterKey": "Env", "ParameterValue": "dev"}])
    back = build("diff", files[0], files[0], "--parameter", "Env=prod", "--json", "--new-parameters", dev)
    assert ("N/T", "remove", "data loss") in [
        (c["name"], c["action"], c["effect"]) for c in json.loads(back.out)["changes"]
    ]
    gone = put(tmp_path / "gone.json", template({"Other": queue()}))
    assert "DATA LOST" in build("diff", files[0], gone).out
    assert "N/Q" in build("diff", gone, files[0]).out


def test_nested_stacks_that_cannot_be_read_pass_no_gate(build: Shell, tmp_path: Path) -> None:
    old = put(tmp_path / "old/parent.json", parent("child.json", "x"))
    new = put(tmp_path / "new/parent.json", parent("child.json", "x"))
    other = put(tmp_path / "new/other.json", parent("other.json", "x"))
    for file in (new, other):
        done = build("diff", old, file, "--fail-on", "unknown")
        assert (done.code, done.err) == (1, "")
        assert "nested stack N: there is no file child.json" in done.out
    same = build("diff", old, old, "--fail-on", "patch")
    assert same.code == 0
    assert "nested stack N" in same.out
    assert build("diff", old, put(tmp_path / "q.json", template({"Q": queue()})), "--fail-on", "data-loss").code == 1


def test_a_parameter_that_keeps_its_value(build: Shell, tmp_path: Path) -> None:
    named = template({"Q": queue(QueueName={"Ref": "Env"})}, Parameters={"Env": {"Type": "String", "Default": "a"}})
    file = put(tmp_path / "t.json", named)
    without = put(tmp_path / "without.json", template({"Q": queue(QueueName="a")}))
    keeps = put(tmp_path / "keeps.json", [{"ParameterKey": "Env", "UsePreviousValue": True}])
    gives = put(tmp_path / "gives.json", [{"ParameterKey": "Env", "ParameterValue": "c", "UsePreviousValue": False}])
    assert "no change" in build("diff", file, file, "--parameter", "Env=b", "--new-parameters", keeps).out
    assert "REPLACED" in build("diff", file, file, "--parameter", "Env=b", "--new-parameters", gives).out
    refused(build("diff", without, file, "--new-parameters", keeps), "Env", "previous value")
    refused(build("diff", file, file, "--parameters", keeps), "Env", "previous value")
    nothing = put(tmp_path / "nothing.json", [{"ParameterKey": "Env"}])
    refused(build("diff", file, file, "--new-parameters", nothing), "ParameterValue")


def test_bad_input_is_one_line(build: Shell, files: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = files
    broken = tmp_path / "broken.json"
    broken.write_text('{"Resources": {"A": {"Type": "AWS::SQS::Queue"}, "A": {"Type": "AWS::SQS::Queue"}}}')
    refused(build("diff", broken, new), "A")
    big = tmp_path / "big.json"
    big.write_bytes(b" " * 20_000_000)
    refused(build("diff", big, new), "big.json")
    dangling = tmp_path / "dangling.json"
    dangling.write_text(json.dumps(template({"A": queue(QueueName={"Ref": "Nothing"})})))
    refused(build("diff", dangling, new), "Nothing")
    macro = tmp_path / "macro.yaml"
    macro.write_text("Transform: AWS::Serverless-2016-10-31\nResources:\n  A: {Type: 'AWS::Serverless::Function'}\n")
    refused(build("diff", old, macro), "AWS::Serverless")
    refused(build("diff", old, new, "--fail-on", "catastrophe"), "catastrophe", "data-loss")
    refused(build("diff", old, new, "--parameter", "Nope=1"), "Nope")
    refused(build("diff", old, tmp_path), "folder")
    refused(build("diff", "http://example.com/t.json", new), "http")
