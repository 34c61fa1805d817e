"""Versions and aliases of functions: what an alias may name, who may invoke it, and by which weights it does.

API Gateway, load balancer, Invoke ──▶ alias ──weights──▶ version
"""

from __future__ import annotations

import importlib
import random
import uuid
from collections.abc import Mapping
from typing import Any

from troposphere_arch.local.patches.expect import expect_function, expect_keys
from troposphere_arch.local.patches.provisioner import Created, Properties, physical_name, register
from troposphere_arch.local.patches.target_groups import permitted

_ALIAS = "AWS::Lambda::Alias"


def install_alias_targets() -> None:
    """What an alias may name.

    Stock: anything.
    AWS: a version that is there, and with weights no other than a published one, of two that differ.
    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    Patched: refused, in the API and by CloudFormation, before anything is changed.
    """
    functions: Any = importlib.import_module("ministack.services.lambda_svc")
    provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
    create = expect_function(functions, "_create_alias", "func_name", "data")
    update = expect_function(functions, "_update_alias", "func_name", "alias_name", "data")
    find = expect_function(provisioners, "_lambda_function_for_cfn_ref", "function_ref")
    routing = expect_function(provisioners, "_lambda_alias_routing_config", "props")
    expect_function(
        functions, "error_response_json", "code", "message", "status", "extra", "message_key", "content_type"
    )
    handlers = expect_keys(provisioners, "_RESOURCE_HANDLERS", _ALIAS)
    stock = handlers[_ALIAS]

    def refused(code: str, message: str) -> Any:
        status = 404 if code == "ResourceNotFoundException" else 400
        return functions.error_response_json(code, message, status)

    def patched_create(func_name: str, data: dict[str, Any]) -> Any:
        function = functions._functions.get(func_name)
        if function and (problem := _problem(function, data)):
            return refused(*problem)
        return create(func_name, data)

    def patched_update(func_name: str, alias_name: str, data: dict[str, Any]) -> Any:
        function = functions._functions.get(func_name)
        if function and alias_name in function["aliases"]:
            problem = _problem(function, {**function["aliases"][alias_name], **data})
            if problem:
                return refused(*problem)
        return update(func_name, alias_name, data)

    def check(properties: Properties) -> None:
        function = find(properties.get("FunctionName", ""))[0]
        if function is None:
            return
        data = {"FunctionVersion": properties.get("FunctionVersion", "$LATEST"), "RoutingConfig": routing(properties)}
        if problem := _problem(function, data):
            code, message = problem
            status = 404 if code == "ResourceNotFoundException" else 400
            raise ValueError(f"{message} (Service: Lambda, Status Code: {status}, Request ID: {uuid.uuid4()})")

    def create_resource(logical_id: str, properties: Properties, stack_name: str) -> Created:
        check(properties)
        made: Created = stock["create"](logical_id, properties, stack_name)
        return made

    def update_resource(physical_id: str, old: Properties, new: Properties, stack_name: str, *rest: str) -> Created:
        check(new)
        made: Created = stock["update"](physical_id, old, new, stack_name, *rest)
        return made

    functions._create_alias = patched_create
    functions._update_alias = patched_update
    handlers[_ALIAS] = {**stock, "create": create_resource, "update": update_resource}


def install_alias_weights() -> None:
    """The additional version of an alias gets its share.

    Stock: the alias' own version gets everything.
    AWS: https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
    Patched: each invocation is drawn by weight: those of API Gateway, of load balancers, and of Invoke, whose answer
    tells the version. What EventBridge, SNS, SQS and others invoke by an alias is the alias' own version, as on stock.
    """
    functions: Any = importlib.import_module("ministack.services.lambda_svc")
    resolve = expect_function(functions, "_resolve_name_and_qualifier", "name_or_arn")
    invoke = expect_function(functions, "_invoke", "name", "event", "headers", "path_qualifier", "query_params")
    scoped = expect_function(functions, "_get_func_record_for_ref_in_scope", "function_ref", "account_id", "region")

    def drawn(name: str, qualifier: str | None) -> str | None:
        alias = (functions._functions.get(name) or {"aliases": {}})["aliases"].get(qualifier)
        weights = ((alias or {}).get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        for version, weight in weights.items():
            if random.random() < float(weight):  # noqa: S311 - no secret
                return str(version)
        return None

    def patched_scoped(function_ref: str, *, account_id: str | None = None, region: str | None = None) -> Any:
        found = scoped(function_ref, account_id=account_id, region=region)
        name, qualifier = resolve(function_ref)
        other = drawn(name, qualifier) if found[0] is not None else None
        if other is None:
            return found
        return scoped(f"{function_ref.removesuffix(f':{qualifier}')}:{other}", account_id=account_id, region=region)

    async def patched_invoke(
        name: str, event: Any, headers: Any, path_qualifier: str | None = None, query_params: Any = None
    ) -> Any:
        asked = path_qualifier or functions._qp_first(query_params or {}, "Qualifier") or None
        return await invoke(name, event, headers, drawn(name, asked) or path_qualifier, query_params)

    expect_function(functions, "_qp_first", "query_params", "key", "default")
    functions._get_func_record_for_ref_in_scope = patched_scoped
    functions._invoke = patched_invoke


def install_alias_permissions() -> None:
    """What API Gateway may invoke by a version or an alias.

    Stock: everything.
    AWS: what the policy of that version or alias permits; that of the function does not count.
    https://docs.aws.amazon.com/lambda/latest/dg/versioning-aliases-permissions.html
    Patched: just that, for REST APIs, versions and aliases. A function without a qualifier is invoked without any
    permission, as on stock.
    """
    gateway: Any = importlib.import_module("ministack.services.apigateway_v1")
    call = expect_function(gateway, "_call_lambda_raw", "function_ref", "event", "account_id", "region")

    async def patched_call(
        function_ref: str, event: Any, *, account_id: str | None = None, region: str | None = None
    ) -> Any:
        if function_ref.startswith("arn:") and function_ref.count(":") == 7:
            context: Mapping[str, Any] = event.get("requestContext") or {}
            if "resourcePath" in context and not permitted(
                function_ref,
                "apigateway.amazonaws.com",
                f"arn:aws:execute-api:{region}:{account_id}:{context['apiId']}/{context['stage']}"
                f"/{context['httpMethod']}{context['resourcePath']}",
            ):
                return None, "Invalid permissions on Lambda function"
        return await call(function_ref, event, account_id=account_id, region=region)

    gateway._call_lambda_raw = patched_call


def install_code_deploy() -> None:
    """AWS::CodeDeploy::Application and AWS::CodeDeploy::DeploymentGroup.

    Stock: "Unrecognized resource types", and no stack; the emulator has no CodeDeploy. An UpdatePolicy
    CodeDeployLambdaAliasUpdate is not looked at.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-codedeploy-deploymentgroup.html
    Patched: recorded. An alias goes to its new version at once; no step, no alarm and no return is shown.
    """

    def create_application(logical_id: str, properties: Properties, stack_name: str) -> Created:
        name = properties.get("ApplicationName") or physical_name(stack_name, logical_id, longest=100)
        _applications.add(name)
        return name, {}

    def create_group(logical_id: str, properties: Properties, stack_name: str) -> Created:
        application = properties["ApplicationName"]
        if application not in _applications:
            raise ValueError(f"No application found for name: {application}")
        return properties.get("DeploymentGroupName") or physical_name(stack_name, logical_id, longest=100), {}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return physical_id, {}

    register(
        "AWS::CodeDeploy::Application",
        create=create_application,
        update=update,
        delete=lambda physical_id, _: _applications.discard(physical_id),
        replacing=("ApplicationName", "ComputePlatform"),
    )
    register(
        "AWS::CodeDeploy::DeploymentGroup",
        create=create_group,
        update=update,
        delete=lambda _, __: None,
        replacing=("ApplicationName", "DeploymentGroupName"),
    )


_applications: set[str] = set()


def _problem(function: Mapping[str, Any], alias: Mapping[str, Any]) -> tuple[str, str] | None:
    """Code and message of what is wrong with an alias, None when nothing is."""
    version = str(alias.get("FunctionVersion") or "$LATEST")
    weights = ((alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights")) or {}
    for named in (version, *weights):
        if named != "$LATEST" and named not in function["versions"]:
            return "ResourceNotFoundException", f"Function not found: {function['config']['FunctionArn']}:{named}"
    invalid = "InvalidParameterValueException"
    if weights and (version == "$LATEST" or "$LATEST" in weights):
        return invalid, "$LATEST is not supported for an alias pointing to more than 1 version"
    if version in weights:
        return invalid, f"Additional version {version} is the version that the alias points to"
    if len(weights) > 1:
        return invalid, "Number of items in AdditionalVersionWeights cannot be greater than 1"
    if any(not 0 <= float(weight) <= 1 for weight in weights.values()):
        return invalid, "The weight of an additional version must be between 0 and 1"
    return None
