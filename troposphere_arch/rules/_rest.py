"""Reading REST APIs of API Gateway."""

from __future__ import annotations

from typing import Any

from ._template import Resource, View, text, values

# Stands for what a caller fills in: a path parameter, or the method of ANY. No literal can match it.
ANYTHING = "\0"


def apis_of(view: View, resource: Resource) -> list[Resource]:
    """The REST APIs to which a method, model, deployment and so on belongs: one, unless a condition decides."""
    return view.named(resource.properties.get("RestApiId"), "AWS::ApiGateway::RestApi")


def http_method(method: Resource) -> str:
    """GET, POST and so on, in upper case; empty when it is not literal."""
    return str(text(method.properties.get("HttpMethod")) or "").upper()


def path_of(view: View, method: Resource) -> str:
    """The path of a method without its leading slash; a path parameter is ANYTHING."""
    return "/".join(ANYTHING if "{" in part else part for part in path_parts(view, method))


def path_parts(view: View, method: Resource) -> list[str]:
    """The parts of a method's path from the root, path parameters as they are written; ANYTHING for no literal one."""
    parts: list[str] = []
    seen: set[str] = set()
    value: Any = method.properties.get("ResourceId")
    while True:
        above = view.named(value, "AWS::ApiGateway::Resource")
        if not above or above[0].name in seen:
            return parts[::-1]
        seen.add(above[0].name)
        part = text(above[0].properties.get("PathPart"))
        parts.append(ANYTHING if part is None else part)
        value = above[0].properties.get("ParentId")


def stage_names(view: View, api: Resource) -> list[str]:
    """The stages of an API; ANYTHING for one whose name is not in the template."""
    stages = [stage for stage in view.of_type("AWS::ApiGateway::Stage") if api in apis_of(view, stage)]
    return [text(stage.properties.get("StageName")) or ANYTHING for stage in stages] or [ANYTHING]


def integrations(method: Resource) -> list[dict[Any, Any]]:
    """What the method may be connected to."""
    return [value for _, value in values(method.properties, "Integration") if isinstance(value, dict)]
