"""Parameters, rules, outputs, conditions, mappings, metadata: what a change of each does to those who use it."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evidence import shows
from troposphere_arch.diff.model import Bump, Change, Effect, Section
from troposphere_arch.diff.sections import sections

Json = Any


def only(old: Json, new: Json, **known: Json) -> Change:
    (change,) = sections(old, new, **known)
    return change


def says(change: Change) -> list[str]:
    return [reason.says for reason in change.reasons]


# Parameters.


def parameters(**declared: Json) -> dict[str, Json]:
    return {"Parameters": declared}


STRING = {"Type": "String", "Default": "a"}
LESS = (Effect.FAILURE, False, Bump.MAJOR)
MORE = (Effect.NONE, True, Bump.MINOR)
TEXT = (Effect.NONE, True, Bump.PATCH)
WHO_KNOWS = (Effect.UNKNOWN, True, Bump.MAJOR)

DECLARATIONS: dict[str, tuple[Json, Json, tuple[Effect, bool, Bump], str]] = {
    "a value less": (
        {"AllowedValues": ["a", "b"]},
        {"AllowedValues": ["a"]},
        LESS,
        "not allowed any more: 'b'",
    ),
    "a value more": ({"AllowedValues": ["a"]}, {"AllowedValues": ["b", "a"]}, MORE, "allowed as well: 'b'"),
    "values listed": ({}, {"AllowedValues": ["a"]}, LESS, "only 'a' may be given, and anything could"),
    "values free": ({"AllowedValues": ["a"]}, {}, MORE, "other values than those listed are allowed"),
    "values free, but for a pattern that they fit": (
        {"AllowedValues": ["a", "b"]},
        {"AllowedPattern": "[a-z]"},
        MORE,
        "other values than those listed are allowed",
    ),
    "values free, but for a pattern that one does not fit": (
        {"AllowedValues": ["a", "1"]},
        {"AllowedPattern": "[a-z]"},
        LESS,
        "not allowed any more: '1'",
    ),
    "a listed value that is too long": (
        {"AllowedValues": ["a", "bbb"], "MaxLength": 9},
        {"AllowedValues": ["a", "bbb"], "MaxLength": 2},
        LESS,
        "not allowed any more: 'bbb'",
    ),
    "a listed number that is too small": (
        {"AllowedValues": [1, 20]},
        {"AllowedValues": [1, 20], "MinValue": "3"},
        LESS,
        "not allowed any more: '1'",
    ),
    "a pattern gone": ({"AllowedPattern": "a+"}, {}, MORE, "no pattern any more"),
    "a pattern new": ({}, {"AllowedPattern": "a+"}, LESS, "only what fits the pattern a+"),
    "a pattern with a branch more": (
        {"AllowedPattern": "^(none|arn:.*)$"},
        {"AllowedPattern": "^(none|auto|arn:.*)$"},
        MORE,
        "allowed as well: what fits 'auto'",
    ),
    "a pattern with a branch less": (
        {"AllowedPattern": "^$|^x$|[|]"},
        {"AllowedPattern": "|[|]"},
        LESS,
        "not allowed any more: what fits 'x'",
    ),
    "another pattern": (
        {"AllowedPattern": "[a-z]+"},
        {"AllowedPattern": "[a-z0-9]+"},
        WHO_KNOWS,
        "whether [a-z0-9]+ allows all that [a-z]+ did can't be told",
    ),
    "anchors": (
        {"AllowedPattern": "^a+$"},
        {"AllowedPattern": "a+"},
        TEXT,
        "the pattern a+ allows what ^a+$ did",
    ),
    "a pattern no program reads": (
        {"AllowedValues": ["a"], "AllowedPattern": "a"},
        {"AllowedValues": ["a"], "AllowedPattern": "(?<"},
        WHO_KNOWS,
        "whether 'a' still fits the pattern can't be told",
    ),
    "a length less": ({"MaxLength": 9}, {"MaxLength": "5"}, LESS, "must be at most 5 characters, not 9"),
    "a length more": ({"MaxLength": "9"}, {"MaxLength": 20}, MORE, "need only be at most 20 characters, not 9"),
    "a lower bound new": ({}, {"MinValue": 1}, LESS, "must be at least 1"),
    "a lower bound gone": ({"MinLength": 1}, {}, MORE, "need not be at least 1 characters any more"),
    "a bound that is none": ({"MinLength": 1}, {"MinLength": "x"}, WHO_KNOWS, "MinLength 'x' instead of '1'"),
    "a wider type": (
        {"Type": "AWS::EC2::VPC::Id"},
        {"Type": "String"},
        MORE,
        "String instead of AWS::EC2::VPC::Id: any text will do",
    ),
    "a narrower type": (
        {"Type": "String"},
        {"Type": "AWS::EC2::VPC::Id"},
        LESS,
        "AWS::EC2::VPC::Id instead of String: a value that was allowed may not be any more",
    ),
    "a list no more": (
        {"Type": "CommaDelimitedList"},
        {"Type": "String"},
        LESS,
        "String instead of CommaDelimitedList: a value that was allowed may not be any more",
    ),
    "any list": (
        {"Type": "List<AWS::EC2::Subnet::Id>"},
        {"Type": "CommaDelimitedList"},
        MORE,
        "CommaDelimitedList instead of List<AWS::EC2::Subnet::Id>: any list will do",
    ),
    "the name of a value instead of the value": (
        {"Type": "String"},
        {"Type": "AWS::SSM::Parameter::Value<String>"},
        LESS,
        "AWS::SSM::Parameter::Value<String> instead of String: its value means another thing",
    ),
    "another default": (
        {"Default": "a"},
        {"Default": "b"},
        MORE,
        "its default is 'b' instead of 'a'; a stack keeps the value that it has",
    ),
    "a default at last": ({}, {"Default": ""}, MORE, "it need not be given any more: '' if it is not"),
    "a default no more": ({"Default": 1}, {}, LESS, "it has no default any more ('1' before): it must be given"),
    "hidden": ({}, {"NoEcho": True}, TEXT, "its value is hidden from now on"),
    "shown": ({"NoEcho": "true"}, {}, TEXT, "its value is shown from now on to all who see the stack"),
    "described": ({"Description": "a"}, {"Description": "b"}, TEXT, "its description changes"),
    "explained": ({}, {"ConstraintDescription": "b"}, TEXT, "what is said of a refused value changes"),
}


@shows("REQ-D4", how="static")
@pytest.mark.parametrize("case", DECLARATIONS)
def test_a_parameter_that_changes(case: str) -> None:
    before, after, felt, words = DECLARATIONS[case]
    change = only(parameters(P={"Type": "String"} | before), parameters(P={"Type": "String"} | after))
    assert (change.section, change.name, change.action) == (Section.PARAMETERS, "P", "change")
    assert ((change.effect, change.certain, change.bump), says(change)[0]) == (felt, words)


def test_a_parameter_that_is_new_or_gone() -> None:
    new = only(parameters(), parameters(P=STRING))
    assert (new.action, new.bump, says(new)) == ("add", Bump.MINOR, ["new, 'a' unless given"])
    asked = only(parameters(), parameters(P={"Type": "String"}))
    assert (asked.effect, asked.certain, asked.bump) == LESS
    given = only(parameters(), parameters(P={"Type": "String"}), new_values={"P": "x"})
    assert (given.effect, given.bump) == (Effect.NONE, Bump.MAJOR)
    gone = only(parameters(P=STRING), parameters())
    assert (gone.action, gone.effect, gone.bump) == ("remove", Effect.NONE, Bump.MAJOR)


def test_the_gravest_is_said_first() -> None:
    change = only(
        parameters(P=STRING | {"Description": "x", "AllowedValues": ["a", "b"]}),
        parameters(P=STRING | {"Description": "y", "AllowedValues": ["a", "c"], "Default": "c"}),
    )
    assert [words.split(":")[0].split(" ")[0] for words in says(change)] == ["not", "allowed", "its", "its"]
    assert (change.effect, change.certain, change.bump) == LESS


def test_a_known_value_is_looked_at() -> None:
    old, new = parameters(P=STRING | {"AllowedValues": ["a", "b"]}), parameters(P=STRING | {"AllowedValues": ["a"]})
    fine, refused = (only(old, new, new_values={"P": value}) for value in ("a", "b"))
    assert (fine.effect, fine.certain, fine.bump) == (Effect.NONE, True, Bump.MAJOR)
    assert (refused.effect, refused.certain, refused.bump) == (Effect.FAILURE, True, Bump.MAJOR)
    assert says(refused) == ["not allowed any more: 'b'; 'b', which this stack has, is not"]


def test_a_secret_is_not_told() -> None:
    secret = {"Type": "String", "NoEcho": True, "Default": "hunter2", "MinLength": 1}
    stricter = secret | {"Default": "hunter22", "MinLength": 8}
    plain = {key: value for key, value in secret.items() if key != "NoEcho"}
    for before, after in ((secret, stricter), (plain, stricter), (secret, plain | {"Default": "hunter22"})):
        change = only(parameters(P=before), parameters(P=after), new_values={"P": "hunter2"})
        assert change.reasons
        assert "hunter2" not in repr(change)
    assert "hunter2" not in repr(sections(parameters(), parameters(P=secret)))


def test_a_default_that_is_not_allowed_any_more() -> None:
    old = parameters(P=STRING | {"AllowedValues": ["a", "b"]})
    change = only(old, parameters(P=STRING | {"AllowedValues": ["b", "c"]}))
    assert says(change)[1] == "its default 'a' is not allowed: it must be given"
    listed = {"Type": "CommaDelimitedList", "Default": "a, b", "AllowedValues": ["a", "b"]}
    (change,) = sections(parameters(P=listed), parameters(P=listed | {"AllowedValues": ["a", "b", "c"]}))
    assert change.bump == Bump.MINOR


# Rules.


def choice(value: str, **more: Json) -> Json:
    return {"Fn::Equals": [{"Ref": "P"}, value], **more}


def rule(asserts: Json, condition: Json = None, words: str = "Give a Q.") -> Json:
    conditional = {} if condition is None else {"RuleCondition": condition}
    return {**conditional, "Assertions": [{"Assert": asserts, "AssertDescription": words}]}


def ruled(parameters: str = "PQ", **rules: Json) -> dict[str, Json]:
    return {"Parameters": dict.fromkeys(parameters, STRING), "Rules": rules}


HAS_Q = {"Fn::Not": [{"Fn::Equals": [{"Ref": "Q"}, "none"]}]}


@shows("REQ-D4", how="static")
def test_a_rule_that_is_new_refuses_what_was_allowed() -> None:
    change = only(ruled(), ruled(R=rule(HAS_Q, choice("on"))))
    assert (change.section, change.name, change.action) == (Section.RULES, "R", "add")
    assert (change.effect, change.certain, change.bump) == LESS
    assert says(change) == ["it refuses what was allowed before: Give a Q."]
    back = only(ruled(R=rule(HAS_Q, choice("on"))), ruled())
    assert (back.action, back.bump, says(back)) == ("remove", Bump.MINOR, ["it no longer refuses: Give a Q."])


def test_a_rule_about_what_is_new_refuses_nothing_old() -> None:
    def with_new(default: str) -> Json:
        new = ruled(R=rule(HAS_Q, {"Fn::Equals": [{"Ref": "New"}, "on"]}))
        new["Parameters"]["New"] = {"Type": "String", "Default": default}
        return new

    (rule_, _) = sorted(sections(ruled(), with_new("off")), key=lambda change: change.section.value, reverse=True)
    assert (rule_.section, rule_.bump, rule_.effect) == (Section.RULES, Bump.PATCH, Effect.NONE)
    assert says(rule_) == ["it refuses nothing that was allowed before: Give a Q."]
    assert Bump.MAJOR in {change.bump for change in sections(ruled(), with_new("on"))}


@pytest.mark.parametrize(
    ("before", "after", "bump"),
    [
        # The same, written in another way.
        (rule(HAS_Q, choice("on")), rule(HAS_Q, choice("on"), "Other words."), Bump.PATCH),
        (
            rule(HAS_Q, choice("on")),
            rule({"Fn::Or": [HAS_Q, {"Fn::Not": [choice("on")]}]}),
            Bump.PATCH,
        ),
        (
            rule({"Fn::Contains": [["a", "b"], {"Ref": "P"}]}),
            rule({"Fn::Or": [choice("b"), choice("a")]}),
            Bump.PATCH,
        ),
        # Wider and narrower.
        (rule(HAS_Q, choice("on")), rule(HAS_Q), Bump.MAJOR),
        (rule(HAS_Q), rule(HAS_Q, choice("on")), Bump.MINOR),
        (
            rule({"Fn::Contains": [["a", "b"], {"Ref": "P"}]}),
            rule({"Fn::Contains": [["a"], {"Ref": "P"}]}),
            Bump.MAJOR,
        ),
        (
            rule({"Fn::Contains": [["a"], {"Ref": "P"}]}),
            rule({"Fn::Contains": [["a", "b"], {"Ref": "P"}]}),
            Bump.MINOR,
        ),
        # What cannot be decided.
        (
            rule({"Fn::EachMemberIn": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}, ["a"]]}),
            rule({"Fn::EachMemberIn": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}, ["b"]]}),
            Bump.MAJOR,
        ),
    ],
)
def test_what_a_rule_refuses_counts_and_not_how_it_is_written(before: Json, after: Json, bump: Bump) -> None:
    assert max(change.bump for change in sections(ruled(R=before), ruled(R=after))) == bump


def test_a_rule_by_another_name_is_the_same_rule() -> None:
    changes = sections(ruled(R=rule(HAS_Q)), ruled(S=rule(HAS_Q)))
    assert {(change.name, change.action, change.bump) for change in changes} == {
        ("R", "remove", Bump.PATCH),
        ("S", "add", Bump.PATCH),
    }


def test_a_known_stack_is_refused_or_not() -> None:
    old, new = ruled(), ruled(R=rule(HAS_Q, choice("on")))
    for values, effect in (({"P": "off"}, Effect.NONE), ({"P": "on", "Q": "none"}, Effect.FAILURE)):
        change = only(old, new, old_values=values, new_values=values)
        assert (change.effect, change.bump) == (effect, Bump.MAJOR)


# Outputs.


def outputs(one: Json, **more: Json) -> dict[str, Json]:
    resources = {
        "Files": {"Type": "AWS::S3::Bucket"},
        "Other": {"Type": "AWS::S3::Bucket"},
        "VersionA": {"Type": "AWS::Lambda::Version"},
        "VersionB": {"Type": "AWS::Lambda::Version"},
    }
    conditions = {"On": {"Fn::Equals": [{"Ref": "P"}, "on"]}, "New": {"Fn::Equals": [{"Ref": "N"}, "on"]}}
    declared = {"P": STRING, **more}
    return {"Parameters": declared, "Conditions": conditions, "Resources": resources, "Outputs": {"O": one}}


NEW = {"Type": "String", "Default": "off"}


def put_out(value: Json, **more: Json) -> dict[str, Json]:
    return {"Value": value, **more}


def told_of_outputs(old: Json, new: Json) -> Change:
    (change,) = (change for change in sections(old, new) if change.section == Section.OUTPUTS)
    return change


NAME = {"Export": {"Name": {"Fn::Sub": "${AWS::StackName}-Files"}}}
FILES = {"Ref": "Files"}


@shows("REQ-D4", how="static")
@pytest.mark.parametrize(
    ("before", "after", "felt", "words"),
    [
        (
            put_out(FILES),
            put_out({"Ref": "Other"}),
            (Effect.IN_PLACE, True, Bump.MAJOR),
            "whoever uses it gets something else: of Other, and not of Files",
        ),
        (
            put_out(FILES),
            put_out({"Fn::GetAtt": ["Files", "Arn"]}),
            (Effect.IN_PLACE, True, Bump.MAJOR),
            "whoever uses it gets something else: of Files.Arn, and not of Files",
        ),
        (
            put_out("1.0.0"),
            put_out("1.1.0"),
            (Effect.IN_PLACE, True, Bump.PATCH),
            "its value is '1.1.0', and was '1.0.0'",
        ),
        (
            put_out({"Ref": "VersionA"}),
            put_out({"Ref": "VersionB"}),
            (Effect.IN_PLACE, True, Bump.PATCH),
            "its value is another text",
        ),
        (
            put_out({"Fn::Sub": "s3://${Files}"}),
            put_out({"Fn::Sub": "s3://${Files}.s3.${AWS::Region}"}),
            (Effect.IN_PLACE, True, Bump.PATCH),
            "its value is another text",
        ),
        (
            put_out(FILES),
            put_out(FILES, Condition="On"),
            (Effect.IN_PLACE, False, Bump.MAJOR),
            "it may go: it is there under condition On only",
        ),
        (
            put_out(FILES, Condition="On"),
            put_out(FILES),
            (Effect.IN_PLACE, True, Bump.MINOR),
            "it is there more often",
        ),
        (put_out(FILES), put_out(FILES, Description="x"), (Effect.NONE, True, Bump.PATCH), "its description changes"),
        (
            put_out(FILES),
            put_out(FILES, **NAME),
            (Effect.IN_PLACE, True, Bump.MINOR),
            "exported as ${AWS::StackName}-Files",
        ),
        (
            put_out(FILES, **NAME),
            put_out(FILES),
            LESS,
            "its export ${AWS::StackName}-Files goes; CloudFormation refuses that while another stack imports it",
        ),
        (
            put_out(FILES, **NAME),
            put_out(FILES, Export={"Name": "files"}),
            LESS,
            "its export is called files instead of ${AWS::StackName}-Files; CloudFormation refuses that",
        ),
        (
            put_out("a", **NAME),
            put_out("b", **NAME),
            LESS,
            "its value is 'b', and was 'a'; CloudFormation refuses that",
        ),
        (
            put_out(FILES, **NAME),
            put_out(FILES, Condition="On", **NAME),
            LESS,
            "it may go: it is there under condition On only; CloudFormation refuses that",
        ),
        # What a running stack gets stays as it is.
        (
            put_out(FILES),
            put_out({"Fn::If": ["New", {"Ref": "Other"}, FILES]}),
            (Effect.NONE, True, Bump.PATCH),
            "written in another way; a running stack's stays as it is",
        ),
        (
            put_out({"Fn::If": ["On", "a", "b"]}, Condition="On"),
            put_out("a", Condition="On"),
            (Effect.NONE, True, Bump.PATCH),
            "written in another way; a running stack's stays as it is",
        ),
    ],
)
def test_an_output_that_changes(before: Json, after: Json, felt: tuple[Effect, bool, Bump], words: str) -> None:
    change = told_of_outputs(outputs(before), outputs(after, N=NEW))
    assert (change.action, (change.effect, change.certain, change.bump)) == ("change", felt)
    assert says(change)[0].startswith(words)


def test_an_output_that_is_new_or_gone() -> None:
    without = outputs(put_out(FILES)) | {"Outputs": {}}
    new = only(without, outputs(put_out(FILES, **NAME)))
    assert (new.action, new.bump, says(new)) == ("add", Bump.MINOR, ["new, exported as ${AWS::StackName}-Files"])
    gone = only(outputs(put_out(FILES)), without)
    assert (gone.action, gone.effect, gone.bump) == ("remove", Effect.IN_PLACE, Bump.MAJOR)
    exported = only(outputs(put_out(FILES, **NAME)), without)
    assert (exported.effect, exported.certain, exported.bump) == LESS


def test_an_output_of_a_known_stack() -> None:
    old, new = outputs(put_out(FILES)), outputs(put_out(FILES, Condition="On"))
    assert says(only(old, new, old_values={"P": "on"}, new_values={"P": "on"})) == [
        "written in another way; a running stack's stays as it is"
    ]
    gone = only(old, new, old_values={"P": "off"}, new_values={"P": "off"})
    assert (gone.certain, gone.bump, says(gone)) == (True, Bump.MAJOR, ["it goes"])


# Conditions, mappings, metadata and the rest.


def test_conditions_are_told_and_do_nothing_by_themselves() -> None:
    user = {"Resources": {"A": {"Type": "T", "Condition": "Used"}}}

    def conditions(**found: Json) -> Json:
        return {**user, "Conditions": found}

    used = only(conditions(Used=choice("a")), conditions(Used=choice("b")))
    assert (used.section, used.effect, used.bump) == (Section.CONDITIONS, Effect.NONE, Bump.PATCH)
    assert says(used) == ["it holds for other parameters than before; what it does shows at what uses it"]
    idle = only(conditions(Used=choice("a")), conditions(Used=choice("a"), Idle=choice("b")))
    assert (idle.action, says(idle)) == ("add", ["new; nothing uses it"])
    either = [choice("a"), choice("b")]
    assert sections(conditions(C={"Fn::Or": either}), conditions(C={"Fn::Or": either[::-1]})) == []
    assert sections(conditions(C=choice("a")), conditions(C={"Fn::Equals": ["a", {"Ref": "P"}]})) == []


def test_mappings_are_told_by_their_keys() -> None:
    def mapped(**regions: Json) -> Json:
        found = {"Fn::FindInMap": ["Amis", {"Ref": "AWS::Region"}, "id"]}
        resources = {"A": {"Type": "T", "Properties": {"ImageId": found}}}
        return {"Mappings": {"Amis": regions, "Idle": {"a": {"b": len(regions)}}}, "Resources": resources}

    changes = sections(mapped(eu={"id": "1"}), mapped(eu={"id": "2"}, us={"id": "3"}))
    assert {(change.name, *says(change)) for change in changes} == {
        ("Amis", "other values at eu.id, us.id; what it does shows at what uses it"),
        ("Idle", "other values at a.b; nothing uses it"),
    }
    assert {(change.effect, change.bump) for change in changes} == {(Effect.NONE, Bump.PATCH)}


def test_metadata() -> None:
    def described(groups: Json, init: Json, note: str) -> Json:
        server = {
            "Type": "AWS::EC2::Instance",
            "Metadata": {"AWS::CloudFormation::Init": {"config": init}, "cfn-lint": note},
        }
        form = {"AWS::CloudFormation::Interface": {"ParameterGroups": groups}}
        return {"Description": note, "Metadata": form, "Resources": {"Server": server}}

    found = {change.name: change for change in sections(described([], {}, "a"), described([1], {"files": 1}, "b"))}
    assert found.keys() == {"AWS::CloudFormation::Interface", "Server", "Description"}
    server = found["Server"]
    assert (server.section, server.kind) == (Section.METADATA, "AWS::EC2::Instance")
    assert (server.effect, server.certain, server.bump) == (Effect.IN_PLACE, False, Bump.PATCH)
    assert says(server)[0].startswith("other setup of instances: those that run cfn-hup do it now")
    for name in ("AWS::CloudFormation::Interface", "Description"):
        assert (found[name].effect, found[name].bump) == (Effect.NONE, Bump.PATCH)
    assert found["Description"].section == Section.TEMPLATE


# What holds of all.

PATTERNS = st.sampled_from(["a", "b+", "^$", "^x$", "[a|b]", r"\|", "(c|d)", "(?:e)", "f(g|h)", "[^]|]*", r"i\$"])
VALUES = st.text("abcdefghix|$]", max_size=3)


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(st.lists(PATTERNS, min_size=1, max_size=3), st.lists(PATTERNS, min_size=1, max_size=3), st.lists(VALUES))
def test_what_is_called_wider_or_narrower_is_so_for_every_value(
    before: list[str], after: list[str], values: list[str]
) -> None:
    """Against Python's own regular expressions."""
    old, new = "|".join(before), "|".join(after)
    changes = sections(
        parameters(P={"Type": "String", "AllowedPattern": old}), parameters(P={"Type": "String", "AllowedPattern": new})
    )
    bump = max((change.bump for change in changes), default=Bump.NONE)
    effect = max((change.effect for change in changes), default=Effect.NONE)
    for value in values:
        was, will = (re.fullmatch(pattern, value) is not None for pattern in (old, new))
        if was and not will:
            assert bump == Bump.MAJOR
        if will and not was:
            assert effect == Effect.UNKNOWN or bump >= Bump.MINOR


CHOICES = st.sampled_from(["a", "b", "c"])
EXPRESSIONS = st.recursive(
    st.builds(lambda name, value: {"Fn::Equals": [{"Ref": name}, value]}, st.sampled_from(["P", "Q"]), CHOICES),
    lambda inner: (
        st.builds(lambda one: {"Fn::Not": [one]}, inner)
        | st.builds(
            lambda kind, some: {kind: some},
            st.sampled_from(["Fn::And", "Fn::Or"]),
            st.lists(inner, min_size=2, max_size=3),
        )
    ),
    max_leaves=4,
)


def holds(expression: Json, values: dict[str, str]) -> bool:
    ((name, argument),) = expression.items()
    if name == "Fn::Equals":
        return values[argument[0]["Ref"]] == argument[1]
    if name == "Fn::Not":
        return not holds(argument[0], values)
    return (all if name == "Fn::And" else any)(holds(one, values) for one in argument)


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(
    st.lists(st.tuples(EXPRESSIONS, EXPRESSIONS), max_size=2), st.lists(st.tuples(EXPRESSIONS, EXPRESSIONS), max_size=2)
)
def test_rules_refuse_what_they_refuse_for_every_choice(before: list[Json], after: list[Json]) -> None:
    """Against every value that the parameters can have."""
    listed = {"Type": "String", "AllowedValues": ["a", "b", "c"], "Default": "a"}

    def made(rules: list[Json]) -> Json:
        return {
            "Parameters": {"P": listed, "Q": listed},
            "Rules": {f"R{i}": rule(asserts, condition) for i, (condition, asserts) in enumerate(rules)},
        }

    def refused(rules: list[Json], values: dict[str, str]) -> bool:
        return any(holds(condition, values) and not holds(asserts, values) for condition, asserts in rules)

    everything = [{"P": p, "Q": q} for p in "abc" for q in "abc"]
    less = any(refused(after, values) and not refused(before, values) for values in everything)
    bumps = {change.bump for change in sections(made(before), made(after))}
    assert less is (Bump.MAJOR in bumps)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["a", "", "P", "(", "${P}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("Type", "Default", "AllowedValues", "AllowedPattern", "MinLength", "MaxValue", "NoEcho"),
                    *("RuleCondition", "Assertions", "Assert", "Value", "Export", "Name", "Condition", "Metadata"),
                    *("Fn::If", "Fn::Equals", "Fn::Not", "Fn::Contains", "Fn::Sub", "Fn::FindInMap", "Ref", "P"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
SECTIONS = st.sampled_from(
    ["Parameters", "Rules", "Outputs", "Conditions", "Mappings", "Metadata", "Resources", "Description"]
)
ANY = st.dictionaries(SECTIONS, st.dictionaries(st.sampled_from(["P", "Q"]), JSON, max_size=2) | JSON, max_size=4)


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(ANY, ANY)
def test_nothing_is_too_odd(old: Json, new: Json) -> None:
    sections(old, new)
    assert sections(old, copy.deepcopy(old)) == []


@shows("REQ-D4", how="static")
def test_two_hundred_of_each_are_all_told() -> None:
    def large(text: str) -> Json:
        names = [f"P{i}" for i in range(200)]
        equals = {name: {"Fn::Equals": [{"Ref": name}, text]} for name in names}
        return {
            "Parameters": {name: {"Type": "String", "Default": text, "AllowedPattern": f"a|{text}"} for name in names},
            "Rules": {name: rule({"Fn::Not": [equals[name]]}, choice(text)) for name in names},
            "Conditions": equals,
            "Outputs": {name: {"Value": {"Fn::If": [name, text, "b"]}, "Condition": name} for name in names},
        }

    old, new = large("x"), large("y")
    assert len(sections(old, new)) == 800
