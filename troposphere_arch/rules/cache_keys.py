"""E9017."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ._rest import apis_of, http_method, path_parts
from ._rule import Found, HouseRule
from ._template import Path, Resource, View, is_true, items, text, values

# Methods that change nothing, so that an answer may be repeated without asking again.
SAFE = ("GET", "HEAD", "OPTIONS")
# What authorizers read when nothing else is said, and where IAM signatures are.
AUTHORIZATION = "method.request.header.Authorization"


class Setting(NamedTuple):
    """What a stage says of one method or of many: `*` stands for any, and for what is not literal.

    `on` is whether it may switch caching on, on each side of a condition; None where it does not say.
    """

    where: Path
    verb: str
    path: str
    on: list[bool | None]
    encrypted: bool


class CacheKeys(HouseRule):
    """An answer that API Gateway keeps goes to who asks for the same with the same credentials, and is kept encrypted.

    The key is what a method names in CacheKeyParameters, and nothing else: without the credentials one user gets what
    is another's, without a path parameter /todos/1 answers /todos/2. The answer to a write is never kept. (Of an API
    that is written as one OpenAPI document only the settings are seen.)
    """

    id = "E9017"
    shortdesc = "Cached answers are told apart"
    source_url = "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-caching.html"

    def check(self, view: View) -> Iterator[Found]:
        cached: dict[str, Resource] = {}
        for stage in view.of_type("AWS::ApiGateway::Stage", "AWS::ApiGateway::Deployment"):
            settings = list(_settings(stage))
            for setting in settings:
                if True in setting.on:
                    yield from _kept(stage, setting)
            for method in view.of_type("AWS::ApiGateway::Method"):
                same_api = any(api in apis_of(view, stage) for api in apis_of(view, method))
                if same_api and _may_be_cached(view, method, settings):
                    cached[method.name] = method
        for method in cached.values():
            yield from _key(view, method)


def _settings(stage: Resource) -> Iterator[Setting]:
    """All settings of a stage. A deployment may describe a stage, and has a setting for all methods in that itself."""
    keys = ("StageDescription",) if stage.type == "AWS::ApiGateway::Deployment" else ()
    for where, described in values(stage.properties, *keys, path=stage.properties_path):
        for place, body in [(where, described), *items(described, "MethodSettings", path=where)]:
            if isinstance(body, dict):
                yield _setting(place, body)


def _setting(where: Path, body: dict[Any, Any]) -> Setting:
    written = (text(body.get(key)) or "*" for key in ("HttpMethod", "ResourcePath"))
    verb, path = ("*" if "${" in name else name for name in written)
    on = [None if value is None else str(value).lower() != "false" for _, value in values(body, "CachingEnabled")]
    # On every side of a condition: encryption does nothing while there is no cache.
    encrypted = all(is_true(value) for _, value in values(body, "CacheDataEncrypted"))
    return Setting(where, verb.upper(), path.replace("~1", "/").strip("/"), on, encrypted)


def _kept(stage: Resource, setting: Setting) -> Iterator[Found]:
    # Whether the stage has a cache is not asked: that can be switched on alone, by hand too.
    name = f"{setting.verb} /{setting.path}"
    if setting.verb not in (*SAFE, "*"):
        yield setting.where, f"{stage.name} caches {name}, which would not be done; cache {', '.join(SAFE)} only"
    if not setting.encrypted:
        yield setting.where, f"{stage.name} keeps answers to {name} unencrypted; set CacheDataEncrypted to true"


def _may_be_cached(view: View, method: Resource, settings: list[Setting]) -> bool:
    """Whether the method's own setting may switch caching on, or one for many methods while its own leaves that open.

    What is said for many methods caches GET alone. A half wildcard, such as GET on all paths, has no effect
    (https://github.com/aws/serverless-application-model/issues/1518); it counts here, in case that changes.
    """
    path = "/".join(path_parts(view, method))
    verb = http_method(method).replace("ANY", "GET")
    own = [s for s in settings if (s.verb, s.path) == (verb, path)]
    if verb == "GET" and not any("Fn::If" not in s.where and None not in s.on for s in own):
        own = [s for s in settings if s.verb in (verb, "*") and s.path in (path, "*")]
    return verb in SAFE and any(True in s.on for s in own)


def _key(view: View, method: Resource) -> Iterator[Found]:
    properties = method.properties
    declared = [set(ps) if isinstance(ps, dict) else set() for _, ps in values(properties, "RequestParameters")]
    in_path = {f"method.request.path.{part.strip('{+}')}" for part in path_parts(view, method) if "{" in part}
    needed = {str(name) for name in set.union(*declared)} | in_path | _credentials(view, method)
    for where, integration in values(properties, "Integration", path=method.properties_path):
        if not isinstance(integration, dict):
            continue
        mapped = integration.get("RequestParameters")
        mapped = mapped if isinstance(mapped, dict) else {}
        for place, keys in values(integration, "CacheKeyParameters", path=where):
            # One that a condition may take away is not counted.
            names = {name for name in map(text, keys if isinstance(keys, list) else []) if name}
            key = {text(mapped.get(name)) or name for name in names}
            for name in sorted(needed - key):
                yield place, f"{method.name} may be cached without {name} in its key; add it to CacheKeyParameters"
            # AWS takes no others into a key: https://docs.aws.amazon.com/apigateway/latest/api/API_Integration.html
            for name in sorted(key - set.intersection(*declared)):
                if name.startswith(("method.request.", "integration.request.")):
                    yield place, f"{method.name} has {name} in its key, but does not take it; see RequestParameters"
        for place, namespace in values(integration, "CacheNamespace", path=where):
            if namespace not in (None, properties.get("ResourceId")):
                yield place, f"{method.name} may share answers with another path; leave CacheNamespace out"


def _credentials(view: View, method: Resource) -> set[str]:
    """The parts of a request that say who calls; a header also in lower case, as HTTP/2 has it.

    Upper and lower case are told apart: a header in another spelling would be no part of the key.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
    """
    if all(kind in (None, "NONE") for _, kind in values(method.properties, "AuthorizationType")):
        return set()
    authorizers = view.named(method.properties.get("AuthorizerId"), "AWS::ApiGateway::Authorizer")
    sources = [text(source) or "" for a in authorizers for _, source in values(a.properties, "IdentitySource")] or [""]
    read = ({part.strip() for part in source.split(",") if "method.request." in part} for source in sources)
    named = set().union(*(parts or {AUTHORIZATION} for parts in read))
    return named | {name.lower() for name in named if name.startswith("method.request.header.")}
