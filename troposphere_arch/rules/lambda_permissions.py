"""E9006."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ._failures import SUBSCRIPTION, targets, topic_name
from ._rest import ANYTHING, apis_of, http_method, integrations, path_of, stage_names
from ._rule import Found, HouseRule
from ._template import Resource, View, intrinsic, items, text, values

API_GATEWAY = "apigateway.amazonaws.com"
EVENTS = "events.amazonaws.com"
NOTIFICATIONS = "sns.amazonaws.com"
BALANCERS = "elasticloadbalancing.amazonaws.com"
TARGETS = ("AWS::Lambda::Alias", "AWS::Lambda::Function", "AWS::Lambda::Version")


class LambdaPermissions(HouseRule):
    """Every permission to invoke a function is tied to a source; API methods, rules and permissions match one to one.

    Without a source any account's API or bucket could invoke the function; without a permission a method answers 500,
    what a rule or a topic hands over goes nowhere, and a load balancer takes no function as its target; a permission
    that nothing uses is a door left open.
    """

    id = "E9006"
    shortdesc = "Lambda permissions match their callers"
    source_url = "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html"

    def check(self, view: View) -> Iterator[Found]:
        permissions = view.of_type("AWS::Lambda::Permission")
        for permission in permissions:
            yield from _has_source(permission)
        calls = [(m, target) for m in view.of_type("AWS::ApiGateway::Method") for target in _targets(view, m)]
        for method, target in calls:
            if not any(p.exists_with(method) and _allows(view, p, method, target) for p in permissions):
                called = f"{http_method(method)} /{path_of(view, method)}".replace(ANYTHING, "*")
                yield (
                    method.path,
                    f"{method.name} ({called}) may not invoke {target.name}; add an AWS::Lambda::Permission for "
                    f"{API_GATEWAY} whose SourceArn ends in /*/{called.replace(' ', '')}",
                )
        for permission in permissions:
            if _is_for_api(view, permission) and not any(_allows(view, permission, *call) for call in calls):
                yield permission.path, f"{permission.name} lets an API invoke what it does not call; remove it"
        yield from _rules(view, permissions)
        yield from _topics(view, permissions)
        yield from _target_groups(view, permissions)


def _rules(view: View, permissions: list[Resource]) -> Iterator[Found]:
    """The same for rules of EventBridge and the functions that are their targets."""
    calls = [
        (rule, where, target)
        for rule in view.of_type("AWS::Events::Rule")
        for where, one in targets(rule)
        for target in view.named(one.get("Arn"), *TARGETS)
    ]
    for rule, where, target in calls:
        if not any(p.exists_with(rule) and _lets_rule(view, p, rule, target) for p in permissions):
            yield (
                where,
                f"{rule.name} may not invoke {target.name}; add an AWS::Lambda::Permission for {EVENTS} whose "
                "SourceArn is the rule's",
            )
    for permission in permissions:
        named = view.named(permission.properties.get("SourceArn"), "AWS::Events::Rule")
        used = any(_lets_rule(view, permission, rule, target) for rule, _, target in calls)
        if EVENTS in _principals(permission) and named and not used:
            yield permission.path, f"{permission.name} lets a rule invoke what is no target of it; remove it"


def _topics(view: View, permissions: list[Resource]) -> Iterator[Found]:
    """The same for topics of SNS and the functions that are subscribed to them."""
    calls = [
        (subscription, target)
        for subscription in view.of_type(SUBSCRIPTION)
        if subscription.properties.get("Protocol") == "lambda"
        for target in view.named(subscription.properties.get("Endpoint"), *TARGETS)
    ]
    for subscription, target in calls:
        if not any(p.exists_with(subscription) and _lets_topic(view, p, subscription, target) for p in permissions):
            yield (
                subscription.path,
                f"{subscription.name} may not invoke {target.name}; add an AWS::Lambda::Permission for "
                f"{NOTIFICATIONS} whose SourceArn is the topic's",
            )
    for permission in permissions:
        named = view.named(permission.properties.get("SourceArn"), "AWS::SNS::Topic")
        used = any(_lets_topic(view, permission, *call) for call in calls)
        if NOTIFICATIONS in _principals(permission) and named and not used:
            yield permission.path, f"{permission.name} lets a topic invoke what is not subscribed to it; remove it"


def _target_groups(view: View, permissions: list[Resource]) -> Iterator[Found]:
    """The same for target groups of load balancers and the functions that are their targets.

    A group needs its permission before it is made, so that says the group's name, which is made in the template.
    """
    calls = [
        (group, target)
        for group in view.of_type("AWS::ElasticLoadBalancingV2::TargetGroup")
        for _, one in items(group.properties, "Targets")
        if group.properties.get("TargetType") == "lambda" and isinstance(one, dict)
        for target in view.named(one.get("Id"), *TARGETS)
    ]
    for group, target in calls:
        fitting = [p for p in permissions if p.exists_with(group) and _lets_group(p, group, view, target)]
        if not fitting:
            yield (
                group.path,
                f"{group.name} may not invoke {target.name}; add an AWS::Lambda::Permission for {BALANCERS} whose "
                "SourceArn ends in :targetgroup/, the group's Name, and /*",
            )
        elif not any(p.name in group.depends_on for p in fitting):
            yield (
                group.path,
                f"{group.name} takes {target.name} for its target before it may invoke it; add {fitting[0].name} to "
                "DependsOn",
            )
    for permission in permissions:
        used = any(_lets_group(permission, group, view, target) for group, target in calls)
        if BALANCERS in _principals(permission) and not used:
            yield permission.path, f"{permission.name} lets a target group invoke what is no target of it; remove it"


def _lets_group(permission: Resource, group: Resource, view: View, target: Resource) -> bool:
    if BALANCERS not in _principals(permission):
        return False
    if target not in view.named(permission.properties.get("FunctionName"), *TARGETS):
        return False
    names = [name for _, name in values(group.properties, "Name")]
    return any(
        group in view.named(source) or any(_is_of_group(source, name) for name in names)
        for _, source in values(permission.properties, "SourceArn")
    )


def _is_of_group(source: Any, name: Any) -> bool:
    """Whether the ARN is that of the target group of this name, which may be one that only the deployment knows."""
    called, _, rest = (text(source) or "").partition(":targetgroup/")[2].partition("/")
    argument = intrinsic(source)[1]
    own = argument[1] if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], dict) else {}
    return rest == "*" and name is not None and (own.get(called.strip("${}")) == name or called == text(name))


def _lets_topic(view: View, permission: Resource, subscription: Resource, target: Resource) -> bool:
    if NOTIFICATIONS not in _principals(permission):
        return False
    if target not in view.named(permission.properties.get("FunctionName"), *TARGETS):
        return False
    topics = {topic_name(topic) for _, topic in values(subscription.properties, "TopicArn")}
    sources = {topic_name(source) for _, source in values(permission.properties, "SourceArn")}
    return bool(topics & sources - {None}) or None in topics


def _lets_rule(view: View, permission: Resource, rule: Resource, target: Resource) -> bool:
    if EVENTS not in _principals(permission):
        return False
    if target not in view.named(permission.properties.get("FunctionName"), *TARGETS):
        return False
    for _, source in values(permission.properties, "SourceArn"):
        name = text(rule.properties.get("Name"))
        ending = (text(source) or "").partition(":rule/")[2]
        if rule in view.named(source) or (name and ending and re.fullmatch(_pattern(ending), name)):
            return True
        if source is None and permission.properties.get("SourceAccount") is not None:
            return True
    return False


def _principals(permission: Resource) -> set[str | None]:
    return {text(who) for _, who in values(permission.properties, "Principal")}


def _has_source(permission: Resource) -> Iterator[Found]:
    for who in _principals(permission):
        if who == "*":
            yield permission.path, f"{permission.name} lets anybody invoke the function; name a principal"
        elif who and who.endswith(".amazonaws.com"):
            sources = [[v for _, v in values(permission.properties, key)] for key in ("SourceArn", "SourceAccount")]
            if all(None in source for source in sources):
                yield permission.path, f"{permission.name} lets {who} of any account in; add SourceArn or SourceAccount"


def _targets(view: View, method: Resource) -> list[Resource]:
    """The functions, or aliases, that a method invokes."""
    found: dict[str, Resource] = {}
    for integration in integrations(method):
        for _, uri in values(integration, "Uri"):
            if "/functions/" in (text(uri) or ""):
                found |= {target.name: target for target in view.named(uri, *TARGETS)}
    return list(found.values())


def _source_of_api(view: View, permission: Resource) -> Iterator[tuple[Resource, str]]:
    """The REST API that the permission's SourceArn names, and what comes after it: `/stage/METHOD/path`."""
    for _, source in values(permission.properties, "SourceArn"):
        arn = text(source) or ""
        for api in view.named(source, "AWS::ApiGateway::RestApi"):
            yield api, arn.partition(f"${{{api.name}}}")[2]


def _allows(view: View, permission: Resource, method: Resource, target: Resource) -> bool:
    if API_GATEWAY not in _principals(permission):
        return False
    if target not in view.named(permission.properties.get("FunctionName"), *TARGETS):
        return False
    asked = ANYTHING if http_method(method) == "ANY" else http_method(method)
    end = f"/{asked}/{path_of(view, method)}"
    return any(
        api in apis_of(view, method)
        and all(re.fullmatch(_pattern(tail), f"/{stage}{end}", re.DOTALL) for stage in stage_names(view, api))
        for api, tail in _source_of_api(view, permission)
    )


def _pattern(tail: str) -> str:
    """The regular expression of the end of an ARN. A variable is taken for the name of a stage, or a piece of one."""
    pieces = re.split(r"(\*|\?|\$\{[^}]*\})", tail)
    return "".join({"*": ".*", "?": "."}.get(p, "[^/]+" if p.startswith("${") else re.escape(p)) for p in pieces)


def _is_for_api(view: View, permission: Resource) -> bool:
    """Whether only methods of this template could need the permission."""
    if API_GATEWAY not in _principals(permission):
        return False
    sources = list(_source_of_api(view, permission))
    # An API written as one OpenAPI document hides its methods, and an authorizer is no method.
    hidden = [api for api, tail in sources if {"Body", "BodyS3Location"} & api.properties.keys()]
    return bool(sources) and not hidden and not all(tail.startswith("/authorizers/") for _, tail in sources)
