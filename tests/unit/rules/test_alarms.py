from __future__ import annotations

from typing import Any

import pytest

from . import changed, found, good, only

RULE = "E9016"
ALARMS = {
    "ReadErrors": "Resources/Read: Read has no alarm on Errors",
    "ReadThrottles": "Resources/Read: Read has no alarm on Throttles",
    "ApiErrors": "Resources/ApiStage: ApiStage has no alarm on 5XXError",
    "ApiLatency": "Resources/ApiStage: ApiStage has no alarm on Latency",
    "TodosThrottled": "Resources/Todos: Todos has no alarm on throttling",
}


def test_a_watched_template_passes() -> None:
    assert found(RULE, good()) == []


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_that_watches_something_else(name: str) -> None:
    alarm = f"Resources/{name}"
    for path, value in (
        ("", None),
        ("/Condition", "StorageOn"),
        ("/Properties/Namespace", "Custom"),
        ("/Properties/MetricName", "Count"),
        ("/Properties/Dimensions", None),
        ("/Properties/Dimensions/0/Value", {"Ref": "Other"}),
    ):
        assert ALARMS[name] in only(RULE, changed(alarm + path, value))


@pytest.mark.parametrize("value", [{"Ref": "Api"}, "api"])
def test_the_dimension_is_the_name_of_the_api_not_its_id(value: Any) -> None:
    message = only(RULE, changed("Resources/ApiErrors/Properties/Dimensions/0/Value", value))
    assert "add one by ApiName, the API's Name" in message


def test_an_alarm_on_another_stage() -> None:
    assert ALARMS["ApiErrors"] in only(RULE, changed("Resources/ApiErrors/Properties/Dimensions/1/Value", "v2"))
    assert found(RULE, changed("Resources/ApiErrors/Properties/Dimensions/1")) == []


def test_the_arn_of_a_function_is_not_its_name() -> None:
    arn = {"Fn::GetAtt": ["Read", "Arn"]}
    assert ALARMS["ReadErrors"] in only(RULE, changed("Resources/ReadErrors/Properties/Dimensions/0/Value", arn))


def test_an_alarm_on_an_expression() -> None:
    template = good()
    properties = template["Resources"]["ReadErrors"]["Properties"]
    metric = {key: properties.pop(key) for key in ("Namespace", "MetricName", "Dimensions")}
    assert ALARMS["ReadErrors"] in only(RULE, template)
    properties["Metrics"] = [
        {"Id": "rate", "Expression": "errors / calls"},
        {"Id": "errors", "MetricStat": {"Metric": metric}},
    ]
    assert found(RULE, template) == []


@pytest.mark.parametrize("value", [None, {"Ref": "AWS::NoValue"}])
def test_an_alarm_that_does_not_say_what_silence_means(value: Any) -> None:
    message = only(RULE, changed("Resources/ReadErrors/Properties/TreatMissingData", value))
    assert "ReadErrors does not say what silence means" in message
