"""Any template is read, or refused with one clear line: from files, standard input, the web and S3."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import socket
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfn_flip
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.diff.pairs.retold import RETOLD
from tests.evidence import shows
from troposphere_arch import local
from troposphere_arch.diff.checking import check
from troposphere_arch.diff.parsing import LIMIT, parse
from troposphere_arch.diff.reading import Child, children, read
from troposphere_arch.errors import UserError

ROOT = Path(__file__).parents[2]
OURS = Path(__file__).parents[2] / "templates"
TOPIC = "Resources: {Topic: {Type: AWS::SNS::Topic}}"


def taken(text: str | bytes) -> dict[str, Any]:
    """The template in a text."""
    data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
    return check(parse(data, "it"), "it")


def refusal(text: str | bytes) -> str:
    """The line that refuses a text."""
    with pytest.raises(UserError) as refused:
        taken(text)
    said = str(refused.value)
    assert said.isprintable(), said
    return said


def words_only(one: object) -> str:
    """The name of a case: what the user is told; never its bytes, which may be long."""
    return one if isinstance(one, str) else "-"


def value(expression: str) -> Any:
    """What a YAML expression becomes, as a property's value. It may name A, B and C, and the conditions C1 and C2."""
    return taken(
        f"""
        Parameters: {{A: {{Type: String}}, P: {{Type: String}}}}
        Mappings: {{M: {{a: {{b: c}}}}}}
        Conditions: {{C1: !Equals [!Ref A, x], C2: !Not [!Condition C1]}}
        Resources:
          B: {{Type: AWS::SNS::Topic, Properties: {{DisplayName: {expression}}}}}
          N: {{Type: AWS::SNS::Topic}}
        """
    )["Resources"]["B"]["Properties"]["DisplayName"]


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!GetAtt N.TopicArn", {"Fn::GetAtt": ["N", "TopicArn"]}),
        ("!GetAtt N.Outputs.TopicArn", {"Fn::GetAtt": ["N", "Outputs.TopicArn"]}),
        ("!GetAtt [N, TopicArn]", {"Fn::GetAtt": ["N", "TopicArn"]}),
        ("{Fn::GetAtt: N.TopicArn}", {"Fn::GetAtt": ["N", "TopicArn"]}),
        ("{Fn::GetAtt: [N, TopicArn]}", {"Fn::GetAtt": ["N", "TopicArn"]}),
        ("!Sub '${A}-${N.TopicName}-${!Literal}'", {"Fn::Sub": "${A}-${N.TopicName}-${!Literal}"}),
        ("!Sub ['${X}', {X: !Ref A}]", {"Fn::Sub": ["${X}", {"X": {"Ref": "A"}}]}),
        ("!If [C1, a, !Ref AWS::NoValue]", {"Fn::If": ["C1", "a", {"Ref": "AWS::NoValue"}]}),
        ("!FindInMap [M, a, b]", {"Fn::FindInMap": ["M", "a", "b"]}),
        ("!FindInMap [M, !Ref A, b]", {"Fn::FindInMap": ["M", {"Ref": "A"}, "b"]}),
        ("!Join [',', [a, !Ref A]]", {"Fn::Join": [",", ["a", {"Ref": "A"}]]}),
        ("!Select [0, !GetAZs '']", {"Fn::Select": [0, {"Fn::GetAZs": ""}]}),
        ("!Split [',', !ImportValue x]", {"Fn::Split": [",", {"Fn::ImportValue": "x"}]}),
        ("!ImportValue {Fn::Sub: '${A}-x'}", {"Fn::ImportValue": {"Fn::Sub": "${A}-x"}}),
        ("!Base64 {Fn::Sub: '${A}'}", {"Fn::Base64": {"Fn::Sub": "${A}"}}),
        ("!Cidr [10.0.0.0/16, 4, 8]", {"Fn::Cidr": ["10.0.0.0/16", 4, 8]}),
    ],
)
def test_short_functions_become_long_ones(short: str, long: Any) -> None:
    assert value(short) == long


@shows("REQ-D4", how="static")
def test_conditions_become_long_too() -> None:
    found = taken(
        "Conditions: {A: !Or [!Equals [a, b], !And [!Condition B, !Condition B]], B: !Not [!Equals [a, b]]}\n" + TOPIC
    )
    equal = {"Fn::Equals": ["a", "b"]}
    both = {"Fn::And": [{"Condition": "B"}, {"Condition": "B"}]}
    assert found["Conditions"] == {"A": {"Fn::Or": [equal, both]}, "B": {"Fn::Not": [equal]}}


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        # Amazon's own templates write `mode: 000400` and mean it.
        *((same, same) for same in ("2010-09-09", "2012-10-17", "000400", "0x1f", "22:22", "1_000", "5.10", "1e400")),
        *((same, same) for same in ("012345678901", ".5", "12:30:45", "=", "1.2.3")),
        *((text, number) for text, number in (("80", 80), ("-1", -1), ("0.5", 0.5), ("0", 0))),
        *((text, True) for text in ("true", "yes", "On")),
        *((text, False) for text in ("false", "no", "OFF")),
        *((text, None) for text in ("~", "null", "")),
        *((text, "80") for text in ("'80'", '"80"', "!!str 80")),
        ("!!int '80'", 80),
    ],
)
def test_what_is_written_without_quotes_loses_nothing(written: str, kept: Any) -> None:
    found = value(written)
    assert (found, type(found)) == (kept, type(kept))


@shows("REQ-D4", how="static")
def test_numbers_of_json_lose_nothing_either() -> None:
    text = '{"Resources": {"A": {"Type": "T::A::B", "Properties": {"X": [5.10, 1e400, 80, 0.5, 1.0, %s]}}}}' % (
        "9" * 5000
    )
    assert taken(text)["Resources"]["A"]["Properties"]["X"] == ["5.10", "1e400", 80, 0.5, 1.0, "9" * 5000]


def test_keys_of_yaml_are_text() -> None:
    found = taken("Mappings: {M: {123456789012: {on: 1, 80: 2}}}\n" + TOPIC)
    assert found["Mappings"] == {"M": {"123456789012": {"on": 1, "80": 2}}}


def test_aliases_and_merges_are_written_out() -> None:
    found = taken(
        """
        Metadata: {Base: &base {Type: AWS::SNS::Topic, DeletionPolicy: Retain}, Name: &name Hello}
        Resources:
          A: *base
          B: {<<: *base, DeletionPolicy: Delete, Properties: {DisplayName: *name}}
          C: {<<: [{DeletionPolicy: Snapshot}, *base]}
        """
    )["Resources"]
    assert found["A"] == {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Retain"}
    assert found["B"] == {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Delete", "Properties": {"DisplayName": "Hello"}}
    assert found["C"] == {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Snapshot"}


def test_a_byte_order_mark_and_sections_that_are_empty_are_no_obstacle() -> None:
    assert taken("\ufeffOutputs:\nParameters: null\n" + TOPIC) == {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


DEEP = 10_000
LAUGHS = "Metadata:\n  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"  a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "it is empty"),
        (b" \n\n", "it is empty"),
        (b"# nothing\n", "there is nothing in it"),
        (b"---\n...\n", "there is nothing in it"),
        (b"hello", "it is plain text"),
        (b"42", "it is a single value"),
        (b"[1, 2]", "it is a list"),
        (b"- a\n- b\n", "it is a list"),
        (b"{}", "no Resources"),
        (b"\xff\xfe{\x00}\x00", "UTF-16"),
        (b'{"a": "\xe9"}', "no text in UTF-8 (byte 0xe9 at 7)"),
        (b"PK\x03\x04", "control character U+0003"),
        (b"\x00", "control character U+0000"),
        (b"\x89PNG\r\n\x1a\n", "no text in UTF-8"),
        (b"<!DOCTYPE html>\n<html>", "web page"),
        (b'<?xml version="1.0"?><Error/>', "web page or XML"),
        (b'{"a": 1', "is no JSON: line 1"),
        (b'{"a": 1,}', "is no JSON: line 1"),
        (b'{"Resources": {"A": {"Type": NaN}}}', "NaN is no number"),
        (b'{"a": "\\ud800"}', "half a character"),
        (
            b'{"Resources": {},\n "Resources": {}}',
            "the key 'Resources' twice in the same place, the second time in line 2",
        ),
        (
            b'{"a": [{"b\\u0063": 1},\n{"d": "b",\n"bc": 1,\n"b\\u0063": 2}]}',
            "'bc' twice in the same place, the second time in line 4",
        ),
        (b"Resources:\n  A: {}\n  B: {}\n  A: {}\n", "the key 'A' twice in the same place, the second time in line 4"),
        (b"Resources: {A: {\tType: x", "is no YAML: line 2"),
        (b"a: b: c", "is no YAML: line 1"),
        (b"a: 'b", "is no YAML: line"),
        (b"a: *b", "alias *b in line 1"),
        (b"a: &a [*a]", "alias *a in line 1"),
        (b"? [a, b]\n: c\n", "a key that is no text in line 1"),
        (b"a: &a [1]\n*a : 2\n", "a key that is no text in line 2"),
        (b"<<: [1]\n", "merges (<<) what is no mapping in line 1"),
        (b"a: !!binary aGk=\n", "the tag 'tag:yaml.org,2002:binary' in line 1"),
        (b"a: !vault x\n", "the tag '!vault' in line 1"),
        (b"a: !!python/object/apply:os.system [ls]\n", "the tag 'tag:yaml.org,2002:python/object/apply:os.system'"),
        (TOPIC.encode() + b"\n---\n" + TOPIC.encode(), "several documents (a second begins in line 2)"),
        (b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", "more than 100 deep"),
        (b'{"a":' + b"[" * 101 + b"]" * 101 + b"}", "more than 100 deep"),
        (b"a: " + b"[" * DEEP + b"]" * DEEP, "more than 100 deep"),
        (b"a: " + b"{b: " * DEEP + b"}" * DEEP, "more than 100 deep"),
        (b"a: " + b"[" * 500_000, "more than 100 deep"),
        (b"- " * 400_000, "more than 100 deep"),
        (b'{"a":' * 150_000, "deep"),
        (LAUGHS.encode() + TOPIC.encode(), "once its aliases (*) are written out"),
        (b"a: &a " + b"x" * 500_000 + b"\nb: [" + b"*a," * 100 + b"]\n", "once its aliases (*) are written out"),
        (b" " * (LIMIT + 1), "more than 1,048,576 bytes"),
        (b"Resources:\n", "no Resources"),
        (b"Resources: {}\n", "Resources are empty"),
        (b"Resources: []\n", "its Resources are a list"),
        (b"Resources: {A: text}\n", "Resources.A is a single value"),
        (b"Resources: {A: {}}\n", "Resources.A has no Type"),
        (b"Resources: {A: {Type: {}}}\n", "the Type of Resources.A is a mapping"),
        (b"Resources: {A: {Type: T, Properties: [1]}}\n", "the Properties of Resources.A are a list"),
        (b"Resources: {A: {Type: T, DependsOn: {a: b}}}\n", "the DependsOn of Resources.A"),
        (b"Resources: {A: {Type: T, Condition: [a]}}\n", "the Condition of Resources.A"),
        (b"Parameters: {P: {Default: x}}\n" + TOPIC.encode(), "Parameters.P has no Type"),
        (b"Outputs: {O: {Description: x}}\n" + TOPIC.encode(), "Outputs.O has no Value"),
        (b"Mappings: [a]\n" + TOPIC.encode(), "its Mappings are a list"),
        (b"AWSTemplateFormatVersion: 2012-10-17\n" + TOPIC.encode(), "'2012-10-17', and there is only 2010-09-09"),
        (b"services: {}\nResources: {}\n", "it has 'services' at the top"),
    ],
    ids=words_only,
)
def test_what_is_no_template_is_refused_in_one_line(text: bytes, words: str) -> None:
    assert words in refusal(text)


BASE = """
Parameters: {Name: {Type: String}}
Mappings: {Sizes: {small: {cpu: 1}}}
Conditions: {IsBig: !Equals [!Ref Name, big]}
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Queue: {Type: AWS::SQS::Queue, %s}
"""


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("queue", "words"),
    [
        ("Properties: {X: !Ref Nam}", "Resources.Queue.Properties.X.Ref names 'Nam', and the template has no"),
        ("Properties: {X: !Ref Nam}", "resource of that name; is 'Name' meant?"),
        ("Properties: {A: [{B: !GetAtt Topik.TopicArn}]}", "Queue.Properties.A[0].B.Fn::GetAtt names 'Topik'"),
        ("Properties: {A: !GetAtt Name.Arn}", "names 'Name', and the template has no resource of that name"),
        ("Properties: {A: !Sub 'x-${Nobody}'}", "Fn::Sub names 'Nobody'"),
        ("Properties: {A: !Sub 'x-${Nobody.Arn}'}", "names 'Nobody.Arn'"),
        ("Properties: {A: !Sub ['${X}${Y}', {X: 1}]}", "names 'Y'"),
        ("Properties: {A: !Sub ['${X}', {X: !Ref Nobody}]}", "names 'Nobody'"),
        ("Properties: {A: !Sub '${USER:-root}'}", "names 'USER:-root'"),
        ("Properties: {A: !If [IsSmall, a, b]}", "names 'IsSmall', and the template has no condition of that name"),
        ("Properties: {A: !If [IsBig, a, !Ref Nobody]}", "names 'Nobody'"),
        ("Properties: {A: !FindInMap [Size, small, cpu]}", "no mapping of that name; is 'Sizes' meant?"),
        ("Properties: {A: !FindInMap [Sizes, large, cpu]}", "no key of the mapping Sizes of that name"),
        ("Properties: {A: !FindInMap [Sizes, small, ram]}", "no key of Sizes.small of that name"),
        ("DependsOn: Topik", "Resources.Queue.DependsOn names 'Topik'"),
        ("DependsOn: [Topic, Name]", "Resources.Queue.DependsOn names 'Name'"),
        ("Condition: IsSmall", "Resources.Queue.Condition names 'IsSmall'"),
        ("Metadata: {A: !Ref Nobody}", "names 'Nobody'"),
        ("Properties: {A: !Ref AWS::Regio}", "names 'AWS::Regio'"),
        ("Properties: {A: [!Ref X, !Ref Y, !Ref Z]}", "no parameter or resource of that name; 2 more lead to nothing"),
        ("Properties: {A: [!Ref X, !Ref Y]}", "; 1 more leads to nothing as well"),
        ("Properties: {A: !Ref [a]}", "the Ref at Resources.Queue.Properties.A has not the arguments"),
        ("Properties: {A: !GetAtt Topic}", "the Fn::GetAtt at Resources.Queue.Properties.A has not the arguments"),
        ("Properties: {A: !If [IsBig, a]}", "the Fn::If at Resources.Queue.Properties.A has not the arguments"),
        ("Properties: {A: !Equals [a]}", "Fn::Equals at Resources.Queue.Properties.A must have two values"),
        ("Properties: {A: !Concat [a]}", "uses Fn::Concat, and there is no such function"),
        ("Properties: {A: !RefAll x}", "uses Fn::RefAll, and there is no such function"),
        ("Properties: {A: !ToJsonString [a]}", "uses Fn::ToJsonString, and there is no Transform"),
    ],
    ids=words_only,
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_told_with_its_place(queue: str, words: str) -> None:
    assert words in refusal(BASE % queue)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ("Conditions: {A: !Equals [!Ref Topic, x]}", "Conditions.A.Fn::Equals[0].Ref names 'Topic'"),
        ("Conditions: {A: !Not [!Condition B]}", "names 'B', and the template has no condition"),
        ("Conditions: {A: !Equals [a]}", "the Fn::Equals at Conditions.A must have two values, in a list"),
        ("Conditions: {A: !Equals a}", "the Fn::Equals at Conditions.A must have two values, in a list"),
        (
            "Conditions: {A: !Not [!Equals [a, b], !Equals [a, b]]}",
            "the Fn::Not at Conditions.A must have one condition",
        ),
        ("Conditions: {A: !Or [!Equals [a, b]]}", "the Fn::Or at Conditions.A must have two to ten conditions"),
        ("Conditions: {A: !Not [!And []]}", "the Fn::And at Conditions.A.Fn::Not[0] must have two to ten conditions"),
        ("Conditions: {A: !Not [!Condition A]}", "its Conditions hang on each other in a circle: A -> A"),
        (
            "Conditions: {D: !Not [!Condition A], A: !Not [!Condition B], B: !Or [!Equals [a, b], !Condition C], "
            "C: !And [!Condition A, !Condition A]}",
            "its Conditions hang on each other in a circle: A -> B -> C -> A",
        ),
        ("Rules: {R: {Assertions: [{Assert: !Equals [a]}]}}", "Rules.R.Assertions[0].Assert must have two values"),
        ("Outputs: {O: {Value: !Ref Nobody}}", "Outputs.O.Value.Ref names 'Nobody'"),
        ("Outputs: {O: {Value: x, Condition: A}}", "Outputs.O.Condition names 'A'"),
        ("Outputs: {O: {Value: x, Export: {Name: !Sub '${Nobody}'}}}", "names 'Nobody'"),
        ("Rules: {R: {Assertions: [{Assert: !Contains [[a], !Ref Nobody]}]}}", "names 'Nobody'"),
        ("Rules: {R: {Assertions: [{Assert: {Fn::ValueOf: [Nobody, Tags.a]}}]}}", "names 'Nobody'"),
    ],
)
def test_other_sections_are_followed_too(sections: str, words: str) -> None:
    assert words in refusal(f"{sections}\n{TOPIC}")


def test_a_circle_of_many_conditions_is_told_in_few_words_and_a_long_way_is_none() -> None:
    names = {f"C{i}": {"Fn::Not": [{"Condition": f"C{i + 1}"}]} for i in range(20_000)}
    ends = {"C20000": {"Fn::Equals": ["a", "b"]}}
    sections = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    check({**sections, "Conditions": {**names, **ends}}, "it")
    with pytest.raises(UserError, match=r"a circle: C7 -> C8 -> C9 -> C10 -> \.\.\. -> C7$"):
        check({**sections, "Conditions": {**names, "C20000": {"Fn::Not": [{"Condition": "C7"}]}}}, "it")


@shows("REQ-D4", how="static")
def test_what_leads_somewhere_is_taken() -> None:
    """The functions of rules; dots, blanks and escapes in Sub; names that are looked up only in the deployment."""
    taken(
        """
        Parameters: {Subnets: {Type: 'List<AWS::EC2::Subnet::Id>'}, Vpc: {Type: 'AWS::EC2::VPC::Id'}}
        Rules:
          Inside:
            RuleCondition: !Not [!Equals [!Ref Vpc, '']]
            Assertions:
              - Assert: {Fn::EachMemberEquals: [{Fn::ValueOf: [Subnets, VpcId]}, !Ref Vpc]}
              - Assert: {Fn::EachMemberIn: [{Fn::ValueOfAll: ['AWS::EC2::Subnet::Id', VpcId]}, {Fn::RefAll: X}]}
              - Assert: {Fn::Contains: [{Fn::RefAll: 'AWS::EC2::VPC::Id'}, !Ref Vpc]}
        Mappings: {Images: {us-east-1: {id: ami-1}, '123456789012': {id: ami-2}}}
        Metadata: {Interface: {Ref: IsNotFollowedHere}}
        Resources:
          Stack: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: ./x.yaml}}
          Thing:
            Type: Custom::Thing
            DependsOn: Stack
            Properties:
              Dotted: !Sub '${Stack.Outputs.Name}-${ Vpc }-${AWS::Region}-${!Vpc}-$Vpc-{Vpc}-${!aws:username}'
              Image: !FindInMap [Images, !Ref AWS::Region, id]
              Policy: {Statement: [{Effect: Allow, Condition: {Bool: {a: true}}}], Condition: NotOne}
              Attribute: {Fn::GetAtt: [Stack, !Sub 'Outputs.${Vpc}']}
              Schema: {$ref: '#/x', Ref: a, Other: b}
              Secret: '{{resolve:ssm:/x}}'
        """
    )


PROCESSED = "aws cloudformation get-template --template-stage Processed"


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"Transform: AWS::Serverless-2016-10-31\n{TOPIC}", "the macro AWS::Serverless-2016-10-31"),
        (f"Transform: [AWS::LanguageExtensions, Mine]\n{TOPIC}", "the macro Mine"),
        (f"Transform: {{Name: AWS::Include, Parameters: {{Location: 's3://b/k'}}}}\n{TOPIC}", "the macro AWS::Include"),
        (f"Transform: AWS::SecretsManager-2020-07-23\n{TOPIC}", "the macro AWS::SecretsManager"),
        (f"Fn::Transform: {{Name: AWS::Include}}\n{TOPIC}", "uses Fn::Transform"),
        ("Resources: {A: {Type: AWS::Serverless::Function}}", "uses SAM (AWS::Serverless::Function at Resources.A)"),
        ("Resources: {A: {Type: My::Own::Bucket::MODULE}}", "the module My::Own::Bucket::MODULE"),
        (
            "Resources: {A: {Type: T, Properties: {X: !Transform {Name: M}}}}",
            "Fn::Transform at Resources.A.Properties.X",
        ),
        (
            "Resources: {A: {Type: T, Properties: {Fn::Transform: {Name: M}, X: 1}}}",
            "Fn::Transform at Resources.A.Prop",
        ),
        ("Resources: {A: {Fn::Transform: {Name: M}}}", "Fn::Transform at Resources.A"),
        ("Resources: {'Fn::ForEach::Topics': [X, [a, b], {}]}", "uses Fn::ForEach::Topics"),
        (
            "Resources: {A: {Type: T, Properties: {'Fn::ForEach::P': [X, [a], {}]}}}",
            "Fn::ForEach::P at Resources.A.Prop",
        ),
        (
            "Transform: AWS::LanguageExtensions\nParameters: {P: {Type: String}}\n"
            "Resources: {A: {Type: T, DeletionPolicy: !Ref P}}",
            "leaves DeletionPolicy of Resources.A to a function",
        ),
        (
            "Transform: AWS::LanguageExtensions\nParameters: {P: {Type: String}}\n"
            "Resources: {A: {Type: T}, B: {Type: T, Properties: {X: !GetAtt [!Ref P, Arn]}}}",
            "leaves the name in Fn::GetAtt at Resources.B.Properties.X to a function",
        ),
    ],
)
def test_what_a_macro_has_still_to_expand_is_refused_with_what_to_give(text: str, words: str) -> None:
    said = refusal(text)
    assert words in said
    assert PROCESSED in said


def test_language_extensions_that_are_values_are_read() -> None:
    found = taken(
        """
        Transform: AWS::LanguageExtensions
        Mappings: {M: {a: {b: c}}}
        Parameters: {P: {Type: CommaDelimitedList}}
        Resources:
          A:
            Type: T
            Properties:
              X: !Length [!Ref P]
              Y: !ToJsonString {a: !Ref P}
              Z: !FindInMap [M, x, y, {DefaultValue: z}]
        """
    )
    assert found["Transform"] == "AWS::LanguageExtensions"
    assert found["Resources"]["A"]["Properties"]["X"] == {"Fn::Length": [{"Ref": "P"}]}


# Where from.


def put(folder: Path, name: str, text: str = TOPIC) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def told(source: str, **options: Any) -> str:
    """The line that says why a source is not read."""
    with pytest.raises(UserError) as refused:
        read(source, **options)
    said = str(refused.value)
    assert said.isprintable(), said
    return said


@shows("REQ-D4", how="real")
def test_files_names_and_standard_input_are_read(tmp_path: Path) -> None:
    file = put(tmp_path, "topic.yaml")
    expected = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    assert read(str(file)).template == expected
    assert read("-", stdin=io.BytesIO(TOPIC.encode())).template == expected
    named = read("todo@1.0.0", resolve={"todo@1.0.0": file}.get)
    assert (named.name, named.template) == ("todo@1.0.0", expected)


@shows("REQ-D4", how="real")
def test_our_own_templates_are_read() -> None:
    for file in sorted((ROOT / "templates").rglob("*.template.json")):
        assert read(str(file)).template == json.loads(file.read_bytes()), file


def test_what_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    put(tmp_path, "folder/x.yaml")
    assert "no file 'nothing.yaml'" in told("nothing.yaml")
    assert "no template of that name in the catalogue" in told("nothing", resolve=lambda name: None)
    assert "is a folder" in told(str(tmp_path / "folder"))
    assert "no file" in told("a\0b", resolve=lambda name: Path(name))
    assert "no file" in told("x" * 5000)
    assert "no file" in told("two\nlines")
    assert "no file ''" in told("")
    assert "standard input is empty" in told("-", stdin=io.BytesIO())
    assert "more than 1,048,576 bytes" in told("/dev/zero")


def test_a_file_of_20_megabytes_is_not_loaded(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as sparse:
        sparse.truncate(20_000_000)
    stream = file.open("rb")
    with stream:
        assert "more than 1,048,576 bytes" in told("-", stdin=stream)
        assert stream.tell() <= LIMIT + 1
    assert "more than 1,048,576 bytes" in told(str(file))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://example.com/t.yaml?X-Amz-Signature=abc", "http://example.com/t.yaml is not encrypted"),
        ("ftp://example.com/t.yaml", "is no address of a template"),
        ("file:///etc/hostname", "is no address of a template"),
        ("https:///t.yaml", "is no address of a template"),
        ("https://user:secret@example.com/t.yaml", "a user and a password in an address"),
        ("https://example.com/a b", "holds a blank"),
        ("https://example.com/a\nb", "holds a blank"),
        ("https://[::1/x", "is no address"),
        ("https://example.com:99999/x", "is no address"),
        ("s3://bucket", "names no object"),
        ("s3:///key", "names no object"),
    ],
)
def test_addresses_that_are_none_are_refused_and_no_secret_is_shown(address: str, words: str) -> None:
    said = told(address, endpoint_url="http://127.0.0.1:9", region="us-east-1")
    assert words in said
    assert "secret" not in said
    assert "abc" not in said


class Pages(http.server.BaseHTTPRequestHandler):
    """A web server with templates and traps."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/to/"):
            self.answer(302, b"", Location=path.removeprefix("/to/"))
        elif path == "/loop":
            self.answer(302, b"", Location="/loop")
        elif path == "/cut":
            self.answer(200, TOPIC.encode(), length=5_000)
        elif path == "/endless":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(2_000):  # 20 MB, were they all taken
                    self.wfile.write(b"# ten thousand bytes" * 500)
        elif path == "/garbage":
            self.wfile.write(b"\x00\x01\x02\r\n\r\n")
        elif path.endswith(("child.yaml", "topic.yaml")):
            self.answer(200, TOPIC.encode())
        elif path == "/parent.yaml":
            self.answer(200, PARENT.encode())
        elif path == "/page":
            self.answer(200, b"<!doctype html><p>Sign in</p>")
        else:
            self.answer(404, b"no")
        self.close_connection = True

    def answer(self, code: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(code)
        for name, one in headers.items():
            self.send_header(name, one)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


PARENT = """
Parameters: {P: {Type: String}}
Resources:
  Beside: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: a/child.yaml}}
  Absolute: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: /etc/hostname}}
  Missing: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: ./missing.yaml}}
  Chosen: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: !Ref P}}
  Bucket: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 's3://somebody/secret.yaml'}}
  Itself: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: parent.yaml}}
  Other: {Type: AWS::SNS::Topic}
"""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@shows("REQ-D4", how="real")
def test_the_web_is_read_and_its_traps_are_told(web: str) -> None:
    found = read(f"{web}/topic.yaml?signature=abc")
    assert found.name == f"{web}/topic.yaml"
    assert found.template["Resources"] == {"Topic": {"Type": "AWS::SNS::Topic"}}
    assert read(f"{web}/to//topic.yaml").template == found.template
    assert "answers 404" in told(f"{web}/nothing?signature=abc")
    assert "signature" not in told(f"{web}/nothing?signature=abc")
    assert "broke off after" in told(f"{web}/cut")
    assert "more than 1,048,576 bytes" in told(f"{web}/endless")
    assert "web page" in told(f"{web}/page")
    assert "answers 302" in told(f"{web}/loop")
    assert "cannot be read" in told(f"{web}/garbage")
    for elsewhere in ("http://example.com/x", "ftp://example.com/x"):
        assert "not encrypted: not followed" in told(f"{web}/to/{elsewhere}")
    assert "is not allowed" in told(f"{web}/to/file:///etc/hostname")


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as taken_port:
        taken_port.bind(("127.0.0.1", 0))
        port = taken_port.getsockname()[1]
        assert "cannot be reached" in told(f"https://127.0.0.1:{port}/x")


@shows("REQ-D4", how="stock")
def test_s3_is_read(stock: local.Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = stock.client("s3")
    s3.create_bucket(Bucket="readings")
    s3.put_object(Bucket="readings", Key="a/topic.yaml", Body=TOPIC.encode())
    s3.put_object(Bucket="readings", Key="a/parent.yaml", Body=PARENT.replace("a/child", "topic").encode())
    s3.put_object(Bucket="readings", Key="large.json", Body=b" " * 2_000_000)
    for name, one in stock.environment({}).items():
        monkeypatch.setenv(name, one)
    at: Any = {"endpoint_url": stock.url, "region": "us-east-1"}
    assert read("s3://readings/a/topic.yaml", **at).template["Resources"] == {"Topic": {"Type": "AWS::SNS::Topic"}}
    nested = {child.logical_id: child for child in children(read("s3://readings/a/parent.yaml", **at))}
    assert nested["Beside"].source is not None
    assert "no such object" in nested["Missing"].note
    assert "no such object" in told("s3://readings/nothing", **at)
    assert "no such object" in told("s3://readings/a/topic.yaml?x=y", **at)
    assert "Invalid bucket name" in told("s3://Not A/key", **at)
    assert "no such bucket" in told("s3://readings-of-nobody/x", **at)
    assert "more than 1,048,576 bytes" in told("s3://readings/large.json", **at)
    assert "profile" in told("s3://readings/a/topic.yaml", profile="nobody-at-all", **at)


@shows("REQ-D4", how="real")
def test_nested_stacks_are_read_beside_their_parent(tmp_path: Path) -> None:
    put(tmp_path, "parent.yaml", PARENT)
    put(tmp_path, "a/child.yaml")
    found = {child.logical_id: child for child in children(read(str(tmp_path / "parent.yaml")))}
    assert set(found) == {"Beside", "Absolute", "Missing", "Chosen", "Bucket", "Itself"}
    assert "takes https:// only" in found["Bucket"].note
    assert found["Beside"].source is not None
    assert found["Beside"].source.template["Resources"] == {"Topic": {"Type": "AWS::SNS::Topic"}}
    assert found["Missing"] == Child("Missing", None, "there is no file ./missing.yaml")
    assert "only when the stack is deployed" in found["Chosen"].note
    assert "nested in itself" in found["Itself"].note
    assert found["Absolute"].source is None


@shows("REQ-D4", how="real")
def test_a_circle_of_nested_stacks_ends(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        stack = f"{{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: {other}.yaml}}}}"
        put(tmp_path, f"{one}.yaml", f"Resources: {{Next: {stack}}}")
    (b,) = children(read(str(tmp_path / "a.yaml")))
    assert b.source is not None
    (again,) = children(b.source)
    assert (again.source, again.note) == (None, "Next is nested in itself")


@shows("REQ-D4", how="real")
def test_a_template_from_elsewhere_gets_at_nothing_on_this_machine(web: str) -> None:
    found = {child.logical_id: child for child in children(read(f"{web}/parent.yaml"))}
    assert found["Beside"].source is not None
    assert found["Beside"].source.location == f"{web}/a/child.yaml"
    assert "a file of another machine" in found["Absolute"].note
    assert "answers 404" in found["Missing"].note
    assert "nested in itself" in found["Itself"].note


# Whole templates: small ones, and ours. (What others publish is in test_corpus.py.)


@pytest.fixture(scope="module")
def whole_templates() -> dict[str, bytes]:
    """Templates of any size: name -> bytes."""
    made = {f"{i} {name}": json.dumps(pair[i]).encode() for name, pair in RETOLD.items() for i in (0, 1)}
    return made | {path.name: path.read_bytes() for path in sorted(OURS.rglob("*.template.json"))}


def exact(template: Any) -> str:
    """To compare by: to Python, `True` and `1` are the same."""
    return json.dumps(template, sort_keys=True)


@shows("REQ-D4", how="real")
@given(st.data())
@settings(max_examples=150, deadline=None)
def test_neither_the_order_of_keys_nor_the_form_matters(whole_templates: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(whole_templates)))
    template = taken(whole_templates[name])
    random = data.draw(st.randoms(use_true_random=False))

    def shuffled(one: Any) -> Any:
        if isinstance(one, dict):
            keys = list(one)
            random.shuffle(keys)
            return {key: shuffled(one[key]) for key in keys}
        return [shuffled(inner) for inner in one] if isinstance(one, list) else one

    other = shuffled(template)
    form = data.draw(st.sampled_from(["json", "indented", "block", "flow"]))
    text = {
        "json": lambda: json.dumps(other),
        "indented": lambda: json.dumps(other, indent=2, ensure_ascii=False),
        "block": lambda: yaml.safe_dump(other, sort_keys=False),
        "flow": lambda: "---\n" + yaml.safe_dump(other, default_flow_style=True, allow_unicode=True),
    }[form]()
    assert exact(taken(text.encode())) == exact(template)


# Whatever comes.


def survives(data: bytes) -> None:
    """It is read, or refused in one line; nothing else is raised."""
    try:
        check(parse(data, "it"), "it")
    except UserError as error:
        assert str(error).isprintable(), str(error)


def one_of(words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words.split())


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
FUNCTIONS = one_of(
    "Ref Condition Fn::GetAtt Fn::Sub Fn::If Fn::FindInMap Fn::Join Fn::Select Fn::Transform Fn::ForEach::X "
    "Fn::Equals Fn::Not Fn::ValueOf Fn::RefAll Fn::Length Fn::Nothing"
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | one_of("A B A.B ${A} ${A.B} ${ AWS::NoValue") | st.just(""),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FUNCTIONS | one_of("A B"), inner, max_size=2),
    max_leaves=12,
)
ATTRIBUTES = one_of("Type Properties DependsOn Condition DeletionPolicy Metadata Value Assertions Default")
ENTRIES = st.dictionaries(ATTRIBUTES, st.just("T::A::B") | VALUES, max_size=4)
TEMPLATES = st.dictionaries(
    one_of("Resources Parameters Mappings Conditions Outputs Rules Metadata Transform Description"),
    st.dictionaries(one_of("A B") | FUNCTIONS, ENTRIES | VALUES, max_size=3) | VALUES,
    max_size=5,
)


@shows("REQ-D4", how="static")
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    survives(data)


@shows("REQ-D4", how="static")
@given(st.text("{}[]:,-?*&!|>'\"%@`#<=~ \n\taA01.\\$\ud7ff\u2028\x85", max_size=80))
@settings(max_examples=2000, deadline=None)
def test_any_yaml_is_read_or_refused(text: str) -> None:
    survives(text.encode())
    survives(b"Resources:\n  A: {Type: B}\nMetadata:\n  " + text.encode())


@shows("REQ-D4", how="static")
@given(PLAIN | TEMPLATES)
@settings(max_examples=1000, deadline=None)
def test_any_json_is_read_or_refused(whole: Any) -> None:
    survives(json.dumps(whole).encode())
    survives(yaml.safe_dump(whole).encode())


@shows("REQ-D4", how="static")
@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_template_that_is_damaged_is_read_or_refused(whole_templates: dict[str, bytes], data: st.DataObject) -> None:
    whole = whole_templates[data.draw(st.sampled_from(sorted(whole_templates)))]
    if data.draw(st.booleans()):
        whole = cfn_flip.to_yaml(whole.decode()).encode()
    start = data.draw(st.integers(0, len(whole)))
    survives(whole[:start] + data.draw(st.binary(max_size=6)) + whole[start + data.draw(st.integers(0, 40)) :])
