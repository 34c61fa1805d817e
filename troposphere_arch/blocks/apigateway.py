"""REST APIs. (REST, not HTTP: only REST APIs validate requests, cache answers and take a web ACL.)

What a deployment freezes (methods, models, gateway responses) holds no parameter: the deployment is renewed when the
template changes, and it cannot see a parameter change. What a user chooses comes in through stage
variables, which take effect at once. https://docs.aws.amazon.com/apigateway/latest/developerguide/stage-variables.html
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from troposphere import GetAtt, If, Ref, Sub, apigateway, awslambda, route53

from .. import outputs, parameters
from ..conditions import all_of, choose, given, negated, optional, switched_on
from ..parameters import both_or_neither, needs, parameter
from ..template import Node, ScenarioTemplate
from .awslambda import Function, source
from .cognito import UserPool
from .logs import log_group
from .secretsmanager import OriginKey
from .service_front import Front

ALLOWED_HEADERS = "Authorization,Content-Type"
PREFLIGHT_SECONDS = "3600"
# The stage variable that CORS headers and handlers take the app's origin from.
ORIGIN = "stageVariables.origin"
# What servers are told of a request by headers, whatever its client says in them: where a function has its event's.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-parameter-mapping-sources.html
GATEWAY_HEADERS = {
    "X-Gateway-Caller": "context.identity.userArn",
    "X-Gateway-Request": "context.requestId",
    "X-Gateway-Route": "context.resourcePath",
    "X-Gateway-Stage": "context.stage",
}
# API Gateway waits no longer for what is behind it.
TIMEOUT_MILLISECONDS = 29_000
ACCESS_LOG = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "httpMethod": "$context.httpMethod",
    "resourcePath": "$context.resourcePath",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "responseLatency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "errorType": "$context.error.responseType",
}


@dataclass(frozen=True)
class RestApi(Node):
    """A REST API, and what its routes add to it one after the other.

    `frozen` are the resources whose state a deployment freezes, `paths` the resource of each path, `preflights` the
    OPTIONS method of each, `verbs` its methods, `models` the model of each schema, `bodies` what each route takes.
    `keyed`: every method asks for an API key, and no browser calls it from elsewhere; see `origin_api`. Without an
    `authorizer` every method asks for a signature: see `service_api`. `front` is what its methods pass requests on to,
    where that is no function.
    """

    resource: apigateway.RestApi
    stage: apigateway.Stage
    authorizer: apigateway.Authorizer | None
    validator: apigateway.RequestValidator
    bad_body: apigateway.GatewayResponse
    keyed: bool = False
    front: Front | None = None
    frozen: dict[str, Any] = field(default_factory=dict, repr=False)
    paths: dict[str, apigateway.Resource] = field(default_factory=dict, repr=False)
    preflights: dict[str, apigateway.Method] = field(default_factory=dict, repr=False)
    verbs: dict[str, set[str]] = field(default_factory=dict, repr=False)
    models: dict[str, apigateway.Model] = field(default_factory=dict, repr=False)
    bodies: list[str] = field(default_factory=list, repr=False)

    @property
    def signed(self) -> bool:
        """Whether its callers are services, which sign their requests."""
        return self.authorizer is None

    def freeze(self, resource: Any) -> Any:
        """Add a resource that belongs to the deployment, and renew the deployment. One twice is an error."""
        if resource.title in self.frozen:
            raise ValueError(
                f"{self.title} has two different things with the logical id {resource.title}; rename a path"
            )
        self.frozen[resource.title] = self.t.put(resource)
        self.renew_deployment()
        return resource

    def renew_deployment(self) -> None:
        """Put in the deployment of all that is frozen now, in place of the one before.

        A deployment is a snapshot, and CloudFormation makes a new one only for a new logical id: so the id carries a
        hash of everything that the snapshot holds. What is frozen differs by whether a front has a certificate, which
        no hash sees: so there is a deployment for each case, and when the case changes another one is made and served.
        """
        for old in [n for n, r in self.t.resources.items() if isinstance(r, apigateway.Deployment)]:
            if re.fullmatch(f"{self.title}(Plain)?Deployment[0-9a-f]+", old):
                del self.t.resources[old]
        everything = {title: r.to_dict() for title, r in sorted(self.frozen.items())}
        digest = hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:10]
        secure = self.front.secure if self.front else None
        deployment = self._deployment(f"{self.title}Deployment{digest}", secure)
        if secure:
            plain = self._deployment(f"{self.title}PlainDeployment{digest}", negated(self.t, secure))
            self.stage.DeploymentId = If(secure, Ref(deployment), Ref(plain))
        else:
            self.stage.DeploymentId = Ref(deployment)

    def _deployment(self, title: str, when: str | None) -> Any:
        waits_for = [n for n, r in sorted(self.frozen.items()) if not isinstance(r, apigateway.RestApi)]
        return self.t.put(apigateway.Deployment(title, RestApiId=Ref(self.resource), DependsOn=waits_for), when=when)


def rest_api(t: ScenarioTemplate, title: str, *, users: UserPool, stage: str, **properties: Any) -> RestApi:
    """A regional REST API whose callers are users of a pool: preflights, JSON errors, validation, throttling, tracing.

    Answers of a function carry the header that lets a browser read them only when the function sets it: it finds the
    origin in `event["stageVariables"]["origin"]`.

    Makes `<title>`, `<title>Stage`, `<title>Deployment<hash>`, `<title>Authorizer`, `<title>Validator`, one gateway
    response for each kind of refusal, and `<title>AccessLogs` when `AccessLogs` is on. Routes come by `arrows.route`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_ApiGateway.html
    """
    cached = given(t, parameters.RESPONSE_CACHE)
    node = bare_api(
        t,
        title,
        users,
        stage,
        properties,
        {
            "CacheClusterEnabled": choose(cached, True, False),
            "CacheClusterSize": optional(cached, Ref(parameter(t, parameters.RESPONSE_CACHE))),
            "Variables": {"origin": Ref(parameter(t, parameters.APP_ORIGIN))},
        },
    )
    own_name = Sub("https://${DomainName}")
    outputs.output(
        t,
        "ApiUrl",
        If(given(t, parameters.DOMAIN_NAME), own_name, Sub(_address(node))),
        "The address of the API; HTTPS only.",
    )
    _custom_domain(node)
    return node


def origin_api(t: ScenarioTemplate, title: str, *, users: UserPool, stage: str, **properties: Any) -> RestApi:
    """A regional REST API that answers only who brings a key: the distribution before it, which is its one caller.

    Site and API have one address, so there is no CORS and no OPTIONS method; the edge keeps answers, so the stage does
    not. Some methods are for users of the pool, some for anybody (`by` of `arrows.route`). At its own address it stays
    reachable, and refuses there with 403 what comes without the key.

    CloudFront's error pages are for everything that the distribution serves, and would take the place of the API's own
    JSON. So the codes are shared out: no answer of the API to its distribution is 403, 502 or 504, whose pages are the
    site's. A token that is refused is 401, and whatever fails is 500.

    Makes `<title>`, `<title>Stage`, `<title>Deployment<hash>`, `<title>Authorizer`, `<title>Validator`, one gateway
    response for each kind of refusal, `<title>AccessLogs` when `AccessLogs` is on, and the output `Direct<title>Url`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_ApiGateway.html
    """
    node = bare_api(t, title, users, stage, properties, {}, keyed=True)
    for kind, name, error, message, status in (
        ("ACCESS_DENIED", "Denied", "Unauthorized", "This token is not for this.", "401"),
        ("EXPIRED_TOKEN", "Expired", "Unauthorized", "This token has expired.", "401"),
        # For a path that is none and a token, API Gateway speaks of a signature that it cannot read.
        ("INVALID_SIGNATURE", "NoSignature", "NotFound", "No such path or method.", "404"),
    ):
        node.freeze(refusal(f"{title}{name}", node.resource, kind, error, message, status, cors=False))
    outputs.output(
        t,
        f"Direct{title}Url",
        Sub(_address(node)),
        "The API's own address. It answers 403 to everybody but the distribution, which brings the key.",
    )
    return node


def accept_key(api: RestApi, key: OriginKey) -> list[Any]:
    """Let whoever brings one of the valid keys call the API. Gives what says, for each, that it is accepted.

    Makes `<api>Plan`, and for each key `<key>Api` and `<key>Accepted`.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html
    """
    if not api.keyed:
        raise ValueError(f"{api.title} asks nobody for a key: make it with origin_api")
    t = api.t
    plan = t.put(
        apigateway.UsagePlan(
            f"{api.title}Plan",
            ApiStages=[apigateway.ApiStage(ApiId=Ref(api.resource), Stage=Ref(api.stage))],
            Description=Sub("Who may call the API of ${AWS::StackName}: its distribution"),
        )
    )
    accepted = []
    for one in key.keys:
        api_key = t.put(
            apigateway.ApiKey(f"{one.resource.title}Api", Enabled=True, Value=one.value),
            when=one.valid,
        )
        accepted.append(
            t.put(
                apigateway.UsagePlanKey(
                    f"{one.resource.title}Accepted", KeyId=Ref(api_key), KeyType="API_KEY", UsagePlanId=Ref(plan)
                ),
                when=one.valid,
            )
        )
    return accepted


def _address(api: RestApi) -> str:
    """The address of the stage, for a `Sub`."""
    return f"https://${{{api.title}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/${{{api.stage.title}}}"


def bare_api(
    t: ScenarioTemplate,
    title: str,
    users: UserPool | None,
    stage: str,
    properties: dict[str, Any],
    of_stage: dict[str, Any],
    *,
    keyed: bool = False,
    front: Front | None = None,
) -> RestApi:
    """What every REST API has: an authorizer, validation, JSON errors, throttles, an access log and tracing.

    Without `users` its callers sign their requests, and there is no authorizer. Where its methods pass requests on to a
    `front`, that one's name and link are stage variables.
    """
    logs_on = switched_on(t, parameters.ACCESS_LOGS)
    access_logs = log_group(t, f"{title}AccessLogs", when=logs_on)
    api = apigateway.RestApi(
        title,
        **{
            "EndpointConfiguration": apigateway.EndpointConfiguration(Types=["REGIONAL"]),
            **properties,
            "Name": Ref("AWS::StackName"),  # a display name: not unique, not a physical id; alarms go by it
        },
    )
    authorizer = users and apigateway.Authorizer(
        f"{title}Authorizer",
        IdentitySource="method.request.header.Authorization",
        Name="users",
        ProviderARNs=[GetAtt(users.resource, "Arn")],
        RestApiId=Ref(api),
        Type="COGNITO_USER_POOLS",
    )
    validator = apigateway.RequestValidator(
        f"{title}Validator", RestApiId=Ref(api), ValidateRequestBody=True, ValidateRequestParameters=True
    )
    cors = not keyed and users is not None
    bad_body = refusal(f"{title}BadBody", api, "BAD_REQUEST_BODY", "BadRequestBody", cors=cors)
    if front:
        of_stage = {**of_stage, "Variables": {"host": front.host, "link": Ref(front.link)}}
    stage_ = apigateway.Stage(
        f"{title}Stage",
        AccessLogSetting=optional(
            logs_on,
            apigateway.AccessLogSetting(DestinationArn=GetAtt(access_logs, "Arn"), Format=json.dumps(ACCESS_LOG)),
        ),
        MethodSettings=[_settings(t, "*", "/*", CachingEnabled=False)],
        RestApiId=Ref(api),
        StageName=stage,
        TracingEnabled=True,
        **of_stage,
    )
    node = RestApi(t, title, api, stage_, authorizer, validator, bad_body, keyed=keyed, front=front)
    t.put(stage_)
    no_route = ("NotFound", "No such path or method.", "404")
    if authorizer is None:  # to API Gateway a request without a signature is the same
        no_route = ("Forbidden", "This is not signed, or there is no such path or method.", "403")
    for part in (
        api,
        *([authorizer] if authorizer else []),
        validator,
        bad_body,
        refusal(f"{title}Refused", api, "DEFAULT_4XX", cors=cors),
        refusal(f"{title}Failed", api, "DEFAULT_5XX", status="500" if keyed else "", cors=cors),
        # API Gateway calls it so when no method has this path; what the caller needs to know is that there is none.
        refusal(
            f"{title}NoRoute",
            api,
            "MISSING_AUTHENTICATION_TOKEN",
            *no_route,
            cors=cors,
        ),
    ):
        node.freeze(part)
    return node


def _settings(t: ScenarioTemplate, verb: str, path: str, **caching: Any) -> apigateway.MethodSetting:
    """The settings of a method, or of all: those of one method are complete, they take over nothing from all others."""
    return apigateway.MethodSetting(
        HttpMethod=verb,
        ResourcePath=path,
        DataTraceEnabled=False,
        LoggingLevel="OFF",
        ThrottlingRateLimit=Ref(parameter(t, parameters.THROTTLE_RATE)),
        ThrottlingBurstLimit=Ref(parameter(t, parameters.THROTTLE_BURST)),
        **caching,
    )


def _keep_answers(api: RestApi, path: str) -> None:
    """Let the stage keep what GET of this path answers, when the user switched its cache on.

    A caller's `Cache-Control: max-age=0` is passed over, and the answer carries a warning: that is how API Gateway sets
    up a stage, and CloudFormation has no property for it.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-caching.html
    """
    t = api.t
    api.stage.MethodSettings.append(
        _settings(
            t,
            "GET",
            "/" + path.replace("/", "~1"),
            CacheDataEncrypted=True,
            CacheTtlInSeconds=Ref(parameter(t, parameters.RESPONSE_CACHE_SECONDS)),
            CachingEnabled=choose(given(t, parameters.RESPONSE_CACHE), True, False),
        )
    )


def refusal(
    title: str,
    api: apigateway.RestApi,
    kind: str,
    error: str = "",
    message: str = "",
    status: str = "",
    *,
    cors: bool = True,
) -> apigateway.GatewayResponse:
    """What callers get when API Gateway itself refuses or fails, in the same form as the handlers' own errors.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html
    """
    code = json.dumps(error or "$context.error.responseType")
    # API Gateway's own message comes with its quotation marks.
    body = f'{{"error": {code}, "message": {json.dumps(message) if message else "$context.error.messageString"}}}'
    # A refusal holds nothing of anybody, so any page may read it. (A stage variable is not possible here: headers of
    # gateway responses come from the request or are static.)
    readable = {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"} if cors else {}
    return apigateway.GatewayResponse(
        title,
        ResponseParameters={**readable, "gatewayresponse.header.Cache-Control": "'no-store'"},
        ResponseTemplates={"application/json": body},
        ResponseType=kind,
        RestApiId=Ref(api),
        **({"StatusCode": status} if status else {}),
    )


def _custom_domain(api: RestApi) -> None:
    """The API under the user's own domain name, when one is given; its DNS record too, when the zone is given."""
    t, title = api.t, f"{api.title}Domain"
    both_or_neither(t, parameters.DOMAIN_NAME, parameters.DOMAIN_CERTIFICATE)
    needs(t, parameters.HOSTED_ZONE, parameters.DOMAIN_NAME)
    named = given(t, parameters.DOMAIN_NAME)
    domain = t.put(
        apigateway.DomainName(
            title,
            DomainName=Ref(parameter(t, parameters.DOMAIN_NAME)),
            EndpointConfiguration=apigateway.EndpointConfiguration(Types=["REGIONAL"]),
            RegionalCertificateArn=Ref(parameter(t, parameters.DOMAIN_CERTIFICATE)),
            SecurityPolicy="TLS_1_2",
        ),
        when=named,
    )
    t.put(
        apigateway.BasePathMapping(
            f"{title}Path", DomainName=Ref(domain), RestApiId=Ref(api.resource), Stage=Ref(api.stage)
        ),
        when=named,
    )
    zone = parameter(t, parameters.HOSTED_ZONE)
    t.put(
        route53.RecordSetType(
            f"{title}Record",
            AliasTarget=route53.AliasTarget(
                DNSName=GetAtt(domain, "RegionalDomainName"), HostedZoneId=GetAtt(domain, "RegionalHostedZoneId")
            ),
            HostedZoneId=Ref(zone),
            Name=Ref(parameter(t, parameters.DOMAIN_NAME)),
            Type="A",
        ),
        when=all_of(t, named, given(t, parameters.HOSTED_ZONE)),
    )
    outputs.output(
        t,
        "DomainTarget",
        GetAtt(domain, "RegionalDomainName"),
        "Point your domain name here (an alias or CNAME record) when your DNS is not in the hosted zone given.",
        when=named,
    )


def route(
    api: RestApi,
    verb: str,
    path: str,
    function: Function,
    *,
    query: tuple[str, ...],
    body: str | None,
    signed_in: bool = True,
) -> Any:
    """The method `verb path` that invokes a function for a signed-in user, or for anybody. Gives the method.

    Makes the path's resources, its OPTIONS method for CORS (where browsers call the API from elsewhere), the method,
    and the model of the body if it takes one.
    `body` is a JSON Schema (draft 4) under `handlers/`, whose `description` is what a caller of a wrong body reads.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    takes = {**_variables(path), **{f"method.request.querystring.{n}": False for n in query}}
    key: dict[str, Any] = {}
    if verb == "GET" and not (api.keyed or api.signed):
        # Whose answer it is, and to what: without any one of them somebody gets what is not for them. The authorizer
        # has asked for the header before, so it need not be demanded here.
        # API Gateway tells names of headers apart by case, and over HTTP/2 they are all lower.
        takes |= {"method.request.header.Authorization": False, "method.request.header.authorization": False}
        key = {"CacheKeyParameters": sorted(takes)}
        _keep_answers(api, path)
    integration = apigateway.Integration(
        IntegrationHttpMethod="POST",
        Type="AWS_PROXY",
        Uri=Sub(
            "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
            f"{function.invoked}/invocations"
        ),
        **key,
    )
    models = {"application/json": Ref(_model(api, f"{verb} {path}", body))} if body else None
    method = _method(api, verb, path, integration, takes, models, signed_in=signed_in)
    if not (api.keyed or api.signed):
        _preflight(api, path, method.ResourceId, verb)
    return method


def relay(api: RestApi, verb: str, path: str) -> Any:
    """The method `verb path` that passes a request on to the API's front as it is. Gives the method.

    What is behind gets the path with the stage before it, and what `GATEWAY_HEADERS` says in headers. API Gateway tells
    names of headers apart by case: a client's `x-gateway-caller` may come along, so who reads these takes no header
    that is there twice.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-private-integration.html
    """
    front = api.front
    if front is None:
        raise ValueError(f"{api.title} has no front that {verb} {path} could be passed on to")
    takes = _variables(path)
    asked = f"${{stageVariables.host}}{path}"
    integration = apigateway.Integration(
        ConnectionId="${stageVariables.link}",
        ConnectionType="VPC_LINK",
        IntegrationHttpMethod=verb,
        IntegrationTarget=Ref(front.resource),
        RequestParameters={
            **{f"integration.request.header.{name}": value for name, value in GATEWAY_HEADERS.items()},
            **{name.replace("method", "integration", 1): name for name in takes},
        },
        TimeoutInMillis=TIMEOUT_MILLISECONDS,
        Type="HTTP_PROXY",
        Uri=If(front.secure, f"https://{asked}", f"http://{asked}"),
    )
    # Which load balancer it is belongs to the snapshot.
    api.frozen.setdefault(front.resource.title, front.resource)
    return _method(api, verb, path, integration, takes, None)


def _variables(path: str) -> dict[str, bool]:
    """What a method takes from its path."""
    return {f"method.request.path.{part.strip('{}')}": True for part in path.split("/") if part.startswith("{")}


def _method(
    api: RestApi,
    verb: str,
    path: str,
    integration: apigateway.Integration,
    takes: dict[str, bool],
    models: dict[str, Any] | None,
    *,
    signed_in: bool = True,
) -> Any:
    by_token = (
        {"AuthorizationType": "COGNITO_USER_POOLS", "AuthorizerId": Ref(api.authorizer)}
        if api.authorizer
        else {"AuthorizationType": "AWS_IAM"}
    )
    return api.freeze(
        apigateway.Method(
            f"{api.title}{verb.title()}{_title(path)}",
            HttpMethod=verb,
            Integration=integration,
            RequestParameters=takes,
            RequestValidatorId=Ref(api.validator),
            ResourceId=_resource(api, path),
            RestApiId=Ref(api.resource),
            **({"RequestModels": models} if models else {}),
            **(by_token if signed_in else {"AuthorizationType": "NONE"}),
            **({"ApiKeyRequired": True} if api.keyed else {}),
        )
    )


def let_invoke(api: RestApi, function: Function) -> None:
    """The API's stage may invoke the function, for whichever of its methods. Makes `<api>To<function>`, once.

    What lets others invoke a function takes 20 kB at most, which is some fifty methods when each is named. An alias of
    a service may be new while requests come: so the stage, which the right has by its name, waits for the right.
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    title = f"{api.title}To{function.title}"
    if title in api.t.resources:
        return
    stage = f"${{{api.stage.title}}}"
    if api.signed and function.aliases:
        stage = api.stage.StageName
        api.stage.DependsOn = title
    source = f"arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{api.title}}}/{stage}/*/*"
    api.t.put(
        awslambda.Permission(
            title,
            Action="lambda:InvokeFunction",
            FunctionName=function.admits,
            Principal="apigateway.amazonaws.com",
            SourceArn=Sub(source),
        )
    )


def _title(path: str) -> str:
    """`/todos/{id}` -> `TodosId`. Logical ids are letters and digits."""
    return "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", path) if word)


def _resource(api: RestApi, path: str) -> Any:
    """A reference to the resource of `path`, made with all above it if they are not there yet."""
    parts = path.strip("/").split("/")
    parent: Any = GetAtt(api.resource, "RootResourceId")
    for depth, part in enumerate(parts, 1):
        above = "/".join(parts[:depth])
        if above not in api.paths:
            api.paths[above] = api.freeze(
                apigateway.Resource(
                    f"{api.title}{_title(above)}", ParentId=parent, PathPart=part, RestApiId=Ref(api.resource)
                )
            )
        parent = Ref(api.paths[above])
    return parent


def _model(api: RestApi, route: str, path: str) -> Any:
    """The model of a request's body, and its description in what callers of a wrong body read."""
    schema = json.loads(source(path))
    name = "".join(part.capitalize() for part in path.rpartition("/")[2].partition(".")[0].split("_"))
    api.bodies.append(f"{route} takes {schema['description']}.")
    message = " ".join(["The body is not what this method takes.", *api.bodies])
    api.bad_body.ResponseTemplates = {
        "application/json": json.dumps({"error": "BadRequestBody", "message": message}),
    }
    if path not in api.models:
        model = apigateway.Model(
            f"{api.title}{name}", ContentType="application/json", RestApiId=Ref(api.resource), Schema=schema
        )
        api.models[path] = api.freeze(model)
    return api.models[path]


def _preflight(api: RestApi, path: str, resource: Any, verb: str) -> None:
    """The OPTIONS method of a path, which answers a browser's CORS preflight for all of the path's methods."""
    verbs = api.verbs.setdefault(path, {"OPTIONS"})
    verbs.add(verb)
    headers = {
        "Access-Control-Allow-Headers": f"'{ALLOWED_HEADERS}'",
        "Access-Control-Allow-Methods": f"'{','.join(sorted(verbs))}'",
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Max-Age": f"'{PREFLIGHT_SECONDS}'",
        "Vary": "'Origin'",
    }
    mapped = {f"method.response.header.{name}": value for name, value in headers.items()}
    if path not in api.preflights:
        api.preflights[path] = api.freeze(
            apigateway.Method(
                f"{api.title}Options{_title(path)}",
                AuthorizationType="NONE",  # a preflight carries no token
                HttpMethod="OPTIONS",
                MethodResponses=[
                    apigateway.MethodResponse(ResponseParameters=dict.fromkeys(mapped, False), StatusCode="204")
                ],
                ResourceId=resource,
                RestApiId=Ref(api.resource),
            )
        )
    answer = apigateway.IntegrationResponse(ResponseParameters=mapped, StatusCode="204")
    api.preflights[path].Integration = apigateway.Integration(
        IntegrationResponses=[answer],
        RequestTemplates={"application/json": '{"statusCode": 204}'},
        Type="MOCK",
    )
    api.renew_deployment()
