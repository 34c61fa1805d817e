from __future__ import annotations

from typing import Any

import pytest

from tests.evidence import shows

from . import changed, found, good, only

RULE = "E9017"
SETTINGS = "Resources/ApiStage/Properties/MethodSettings"
ONE = f"{SETTINGS}/1"
GET = "Resources/GetTodo/Properties"
KEY = f"{GET}/Integration/CacheKeyParameters"
NAMES = ["method.request.header.Authorization", "method.request.header.authorization", "method.request.path.id"]
EITHER = {"Fn::If": ["StorageOn", True, False]}


@shows("REQ-T11", how="static")
def test_a_cached_method_with_its_whole_key_passes() -> None:
    assert found(RULE, good()) == []


@shows("REQ-T11", how="static")
@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_the_key_that_is_missing(name: str) -> None:
    without = [one for one in NAMES if one != name]
    message = only(RULE, changed(KEY, without))
    assert message == f"{KEY}: GetTodo may be cached without {name} in its key; add it to CacheKeyParameters"
    # One that is there under a condition is not always there.
    maybe = {"Fn::If": ["StorageOn", name, {"Ref": "AWS::NoValue"}]}
    assert only(RULE, changed(KEY, [*without, maybe])) == message
    side = only(RULE, changed(KEY, {"Fn::If": ["StorageOn", [*without, name], without]}))
    assert side == message.replace(KEY, f"{KEY}/Fn::If/2")


def test_no_key_at_all() -> None:
    assert len(found(RULE, changed(KEY))) == len(NAMES)


@shows("REQ-T11", how="static")
@pytest.mark.parametrize("name", ["method.request.querystring.done", "method.request.header.X-Tenant"])
def test_what_a_method_takes_is_in_its_key(name: str) -> None:
    template = changed(f"{GET}/RequestParameters/{name}", False)
    assert f"without {name} in its key" in only(RULE, template)
    assert found(RULE, changed(f"{KEY}/3", name, template=template)) == []


def test_what_is_in_the_key_is_taken() -> None:
    message = only(RULE, changed(f"{KEY}/3", "method.request.querystring.done"))
    assert "GetTodo has method.request.querystring.done in its key, but does not take it" in message
    parameters = good()["Resources"]["GetTodo"]["Properties"]["RequestParameters"]
    less = dict.fromkeys(NAMES[1:], False)
    sides = {"Fn::If": ["StorageOn", parameters, less]}
    assert "method.request.header.Authorization in its key, but" in only(
        RULE, changed(f"{GET}/RequestParameters", sides)
    )


def test_parameters_of_the_whole_path() -> None:
    template = changed("Resources/ApiTodos/Properties/PathPart", "{list}")
    template = changed("Resources/ApiTodosId/Properties/PathPart", "{id+}", template=template)
    template = changed(f"{ONE}/ResourcePath", "/~1{list}~1{id+}", template=template)
    assert "without method.request.path.list in its key" in only(RULE, template)


def without_credentials() -> Any:
    """The good template, whose method neither takes the header nor has it in its key."""
    return changed(KEY, NAMES[2:], template=changed(f"{GET}/RequestParameters", {NAMES[2]: True}))


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        (None, ["header.Authorization", "header.authorization"]),
        ("method.request.header.X-Token", ["header.X-Token", "header.x-token"]),
        ("method.request.header.A, method.request.querystring.b", ["header.A", "header.a", "querystring.b"]),
        ("context.identity.sourceIp, method.request.querystring.token", ["querystring.token"]),
        ("stageVariables.token", ["header.Authorization", "header.authorization"]),
        (
            {"Fn::If": ["StorageOn", "method.request.header.A", None]},
            ["header.A", "header.Authorization", "header.a", "header.authorization"],
        ),
    ],
)
def test_the_credentials_are_what_the_authorizer_reads(source: Any, needed: list[str]) -> None:
    template = changed("Resources/ApiUsers/Properties/IdentitySource", source, template=without_credentials())
    messages = found(RULE, template)
    assert [m.partition("without method.request.")[2].partition(" ")[0] for m in messages] == needed


@pytest.mark.parametrize("kind", ["AWS_IAM", "CUSTOM", {"Fn::If": ["StorageOn", "NONE", "COGNITO_USER_POOLS"]}])
def test_credentials_of_other_kinds(kind: Any) -> None:
    template = changed(f"{GET}/AuthorizerId", template=without_credentials())
    template = changed(f"{GET}/AuthorizationType", kind, template=template)
    assert len(found(RULE, template)) == 2
    assert found(RULE, changed(f"{GET}/AuthorizationType", "NONE", template=template)) == []


def test_a_key_of_what_the_function_gets() -> None:
    mapped = {"integration.request.path.todo": "method.request.path.id"}
    template = changed(f"{GET}/Integration/RequestParameters", mapped)
    template = changed(f"{KEY}/2", "integration.request.path.todo", template=template)
    assert found(RULE, template) == []
    messages = found(RULE, changed(f"{GET}/Integration/RequestParameters", template=template))
    assert [("without method.request.path.id" in m, "integration.request.path.todo" in m) for m in messages] == [
        (True, False),
        (False, True),
    ]


def test_both_sides_of_an_integration() -> None:
    right = good()["Resources"]["GetTodo"]["Properties"]["Integration"]
    wrong = {**right, "CacheKeyParameters": NAMES[1:]}
    for side, pair in ((2, [right, wrong]), (1, [wrong, right])):
        message = only(RULE, changed(f"{GET}/Integration", {"Fn::If": ["StorageOn", *pair]}))
        assert message.startswith(f"{GET}/Integration/Fn::If/{side}/CacheKeyParameters: GetTodo may be cached without")


def test_answers_shared_between_paths() -> None:
    namespace = f"{GET}/Integration/CacheNamespace"
    assert only(RULE, changed(namespace, "todos")).startswith(f"{namespace}: GetTodo may share answers with another")
    assert found(RULE, changed(namespace, {"Ref": "ApiTodosId"})) == []


@shows("REQ-T11", how="static")
@pytest.mark.parametrize("value", [None, False, "false", EITHER, {"Ref": "Storage"}])
def test_answers_that_are_kept_unencrypted(value: Any) -> None:
    message = only(RULE, changed(f"{ONE}/CacheDataEncrypted", value))
    assert message == f"{ONE}: ApiStage keeps answers to GET /todos/{{id}} unencrypted; set CacheDataEncrypted to true"


@shows("REQ-T11", how="static")
@pytest.mark.parametrize("verb", ["PUT", "POST", "PATCH", "DELETE", "ANY", "put"])
def test_a_write_that_is_cached(verb: str) -> None:
    template = good()
    settings = template["Resources"]["ApiStage"]["Properties"]["MethodSettings"]
    settings.append({**settings[1], "HttpMethod": verb, "CachingEnabled": "true"})
    assert only(RULE, template).startswith(f"{SETTINGS}/2: ApiStage caches {verb.upper()} /todos/{{id}}, which would")


def keyless(setting: dict[str, Any] | None, for_all: Any = None) -> Any:
    """The good template, whose method has no key and this setting; `for_all` is what is said for all methods."""
    template = changed(KEY)
    settings = template["Resources"]["ApiStage"]["Properties"]["MethodSettings"]
    settings[0] |= {"CacheDataEncrypted": True} | ({} if for_all is None else {"CachingEnabled": for_all})
    if setting is None:
        del settings[1]
    else:
        settings[1] |= setting
    return template


def is_cached(template: Any) -> bool:
    return found(RULE, template) != []


@pytest.mark.parametrize("on", [True, "true", EITHER, {"Ref": "Storage"}, {"Fn::If": ["StorageOn", False, True]}])
def test_whatever_may_switch_caching_on(on: Any) -> None:
    assert is_cached(keyless({"CachingEnabled": on}))
    assert is_cached(keyless({"CachingEnabled": on, "ResourcePath": "/todos/{id}"}))
    assert is_cached(keyless({"CachingEnabled": on, "ResourcePath": {"Ref": "Storage"}}))
    assert is_cached(keyless(None, on))
    assert is_cached(keyless({"CachingEnabled": {"Ref": "AWS::NoValue"}}, on))
    assert is_cached(keyless({"CachingEnabled": {"Fn::If": ["StorageOn", False, {"Ref": "AWS::NoValue"}]}}, on))
    assert is_cached(keyless({"CachingEnabled": False, "ResourcePath": "/~1todos"}, on))
    assert is_cached(keyless({"CachingEnabled": False, "HttpMethod": "OPTIONS"}, on))


@pytest.mark.parametrize("off", [False, "false", {"Fn::If": ["StorageOn", False, "false"]}])
def test_what_switches_caching_off(off: Any) -> None:
    assert not is_cached(keyless({"CachingEnabled": off}))
    assert not is_cached(keyless({"CachingEnabled": off}, True))
    assert not is_cached(keyless(None, off))
    assert not is_cached(keyless(None))


def test_a_setting_that_is_not_always_there_switches_nothing_off() -> None:
    template = keyless({"CachingEnabled": False}, True)
    setting = template["Resources"]["ApiStage"]["Properties"]["MethodSettings"][1]
    assert is_cached(changed(ONE, {"Fn::If": ["StorageOn", setting, {"Ref": "AWS::NoValue"}]}, template=template))


def test_a_setting_for_all_methods_caches_get_alone() -> None:
    template = keyless(None, True)
    assert is_cached(changed(f"{GET}/HttpMethod", "ANY", template=template))
    assert not is_cached(changed(f"{GET}/HttpMethod", "POST", template=template))
    assert not is_cached(changed(f"{GET}/HttpMethod", "HEAD", template=template))
    assert is_cached(changed(f"{GET}/HttpMethod", "HEAD", template=keyless({"HttpMethod": "HEAD"})))


def test_the_stage_of_another_api() -> None:
    api = {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "x"}}
    template = changed("Resources/Other", api, template=keyless({"CachingEnabled": True}))
    assert not is_cached(changed("Resources/ApiStage/Properties/RestApiId", {"Ref": "Other"}, template=template))


def test_a_stage_that_a_deployment_describes() -> None:
    template = keyless(None)
    setting = good()["Resources"]["ApiStage"]["Properties"]["MethodSettings"][1]
    described = "Resources/ApiDeployment3c4d/Properties/StageDescription"
    assert is_cached(changed(described, {"MethodSettings": [setting]}, template=template))
    on = {"CachingEnabled": True, "CacheDataEncrypted": True}
    assert is_cached(changed(described, on, template=template))
    assert not is_cached(changed(described, {**on, "CachingEnabled": False}, template=template))
    message = only(RULE, changed(described, {"CachingEnabled": True}))
    assert message.startswith(f"{described}: ApiDeployment3c4d keeps answers to * /* unencrypted")
