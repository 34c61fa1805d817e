"""What the stock emulator lacks, and what we add to it: small, pinned to one version, each with its AWS page.

A patch is a function without arguments that checks each private name it touches and puts its own in its place. Its
docstring, or its module's, says what stock does, what AWS does, and what is patched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from troposphere_arch.local.patches import (
    api_names,
    api_origin,
    balancer,
    change_sets,
    conditional_writes,
    dax,
    event_retries,
    fleet,
    found_parameters,
    function_files,
    function_requests,
    function_tls,
    function_versions,
    global_table,
    local_browser,
    mail,
    managed_servers,
    messages,
    metric_namespace,
    names,
    object_versions,
    policy_variables,
    private_integrations,
    properties,
    pseudo_parameters,
    queue_batches,
    resource_types,
    service_network,
    service_roles,
    sign_up,
    stage_variables,
    stream_failures,
    target_groups,
    task_services,
    user_pool_protection,
)


@dataclass(frozen=True)
class Patch:
    """One change to the emulator: its name, one line on what it does, and the function that makes it."""

    name: str
    description: str
    install: Callable[[], None]


PATCHES = (
    Patch(
        "policy-variables",
        "IAM policy variables are filled in, and identity pool credentials carry sub, aud and amr",
        policy_variables.install,
    ),
    Patch(
        "conditional-writes",
        "IAM knows s3:if-match and s3:if-none-match of a PutObject",
        conditional_writes.install,
    ),
    Patch(
        "pseudo-parameters",
        "Conditions of templates know the region, the account, the partition and its domain",
        pseudo_parameters.install,
    ),
    Patch(
        "found-parameters",
        "DescribeStacks says by which names in Parameter Store a stack's parameters were found",
        found_parameters.install,
    ),
    Patch(
        "request-validator",
        "AWS::ApiGateway::RequestValidator makes a real validator, not a stub",
        resource_types.install_request_validator,
    ),
    Patch(
        "budget",
        "AWS::Budgets::Budget can be created; nothing is spent or mailed",
        resource_types.install_budget,
    ),
    Patch(
        "oidc-provider",
        "AWS::IAM::OIDCProvider can be created; no signature of a token is looked at",
        resource_types.install_oidc_provider,
    ),
    Patch(
        "service-catalog",
        "AWS::ServiceCatalog resources are recorded; nothing can be launched and no constraint is applied",
        resource_types.install_service_catalog,
    ),
    Patch(
        "web-acl-association",
        "AWS::WAFv2::WebACLAssociation can be created; no request is filtered",
        resource_types.install_web_acl_association,
    ),
    Patch(
        "security-group-rules",
        "AWS::EC2::SecurityGroupEgress and SecurityGroupIngress can be created; nothing is filtered",
        resource_types.install_security_group_rules,
    ),
    Patch(
        "dax",
        "AWS::DAX::Cluster starts a model of a cluster of one node, with its caches, over TLS, with IAM",
        dax.install,
    ),
    Patch(
        "method-validator",
        "AWS::ApiGateway::Method keeps RequestValidatorId, so requests are validated",
        properties.install_method_validator,
    ),
    Patch(
        "stage-settings",
        "AWS::ApiGateway::Stage keeps its access log and cache settings; neither is at work",
        properties.install_stage_settings,
    ),
    Patch(
        "reserved-concurrency",
        "AWS::Lambda::Function keeps ReservedConcurrentExecutions",
        properties.install_reserved_concurrency,
    ),
    Patch(
        "function-network",
        "AWS::Lambda::Function keeps VpcConfig; it runs in no network",
        properties.install_function_network,
    ),
    Patch(
        "role-boundary",
        "AWS::IAM::Role keeps PermissionsBoundary",
        properties.install_role_boundary,
    ),
    Patch(
        "table-settings",
        "AWS::DynamoDB::Table keeps point-in-time recovery, time to live and encryption",
        properties.install_table_settings,
    ),
    Patch(
        "bucket-settings",
        "AWS::S3::Bucket keeps lifecycle, encryption, ownership, object lock, acceleration, tags; nothing expires",
        properties.install_bucket_settings,
    ),
    Patch(
        "stage-variables",
        "Stage variables are filled in in the headers of MOCK integrations (CORS preflights)",
        stage_variables.install,
    ),
    Patch(
        "user-pool-protection",
        "Cognito's DeleteUserPool refuses a pool whose deletion protection is active",
        user_pool_protection.install,
    ),
    Patch(
        "names",
        "A Host header, and the name of an origin, leads where its record in Route 53 leads",
        names.install,
    ),
    Patch(
        "api-origin",
        "CloudFront reaches REST APIs of this emulator as origins",
        api_origin.install,
    ),
    Patch(
        "monitoring-subscription",
        "AWS::CloudFront::MonitoringSubscription can be created; CloudFront has no metrics",
        resource_types.install_monitoring_subscription,
    ),
    Patch(
        "global-table",
        "AWS::DynamoDB::GlobalTable has its replicas, in other regions too, and keeps what they say",
        global_table.install,
    ),
    Patch(
        "stream-failures",
        "A failed batch of a DynamoDB or Kinesis stream: bounded retries, bisect, partial failures, dead letters",
        stream_failures.install,
    ),
    Patch(
        "event-retries",
        "EventBridge invokes functions with the retries and dead letters of their EventInvokeConfig",
        event_retries.install,
    ),
    Patch(
        "object-versions",
        "What S3 tells EventBridge of an object has its version",
        object_versions.install,
    ),
    Patch(
        "mail-permissions",
        "IAM checks ses:SendEmail against identity and configuration set, and knows who sends to whom",
        mail.install_permissions,
    ),
    Patch(
        "mail-outbox",
        "The outbox shows the headers and the configuration set of a mail sent through SES v2",
        mail.install_outbox,
    ),
    Patch(
        "queue-batches",
        "IAM asks for the permission of the single call when SQS gets a batch",
        queue_batches.install,
    ),
    Patch(
        "metric-namespace",
        "IAM knows cloudwatch:namespace of a PutMetricData",
        metric_namespace.install,
    ),
    Patch(
        "sign-up",
        "Cognito's SignUp refuses where only an administrator may create users",
        sign_up.install,
    ),
    Patch(
        "function-tls",
        "What functions ask of other services counts as sent over TLS",
        function_tls.install,
    ),
    Patch(
        "local-browser",
        "A browser reaches a distribution at http://<label>.cloudfront.localhost, and counts as using TLS there",
        local_browser.install,
    ),
    Patch(
        "function-files",
        "Functions find a directory of this machine where FileSystemConfigs mount a file system, and keep the setting",
        function_files.install,
    ),
    Patch(
        "balancer-listeners",
        "A load balancer's listener is that of the port asked; https is 443; an internal one is not reached",
        balancer.install_listeners,
    ),
    Patch(
        "balancer-origin",
        "CloudFront reaches load balancers over HTTPS listeners whose certificate fits, and by VPC origins",
        balancer.install_origin,
    ),
    Patch(
        "file-system-import",
        "Stacks can import an AWS::EFS::FileSystem",
        fleet.install_file_system_import,
    ),
    Patch(
        "vpc-origin",
        "AWS::CloudFront::VpcOrigin can be created",
        fleet.install_vpc_origin,
    ),
    Patch(
        "vpc-attributes",
        "Fn::GetAtt knows CidrBlock of AWS::EC2::VPC",
        fleet.install_vpc_attributes,
    ),
    Patch(
        "group-capacity",
        "AWS::AutoScaling::AutoScalingGroup keeps its capacity in an update, and TargetGroupARNs; no instance is there",
        fleet.install_group_capacity,
    ),
    Patch(
        "listener-attributes",
        "AWS::ElasticLoadBalancingV2::Listener keeps ListenerAttributes from its creation on",
        fleet.install_listener_attributes,
    ),
    Patch(
        "generated-secrets",
        "AWS::SecretsManager::Secret leaves out the kinds of characters that the template excludes",
        fleet.install_generated_secrets,
    ),
    Patch(
        "change-sets",
        "Change sets know which changes of a fleet, its balancer and its edge replace a resource",
        fleet.install_change_sets,
    ),
    Patch(
        "change-set-conditions",
        "Change sets see what comes and goes by a condition, and what changes outputs only",
        change_sets.install,
    ),
    Patch(
        "api-names",
        "REST APIs are known by their addresses, and by custom domain names where a record leads to them",
        api_names.install,
    ),
    Patch(
        "function-requests",
        "Python functions reach APIs over HTTPS, as far as their network lets them; nothing leaves the machine",
        function_requests.install,
    ),
    Patch(
        "nat-gateways",
        "AWS::EC2::EIP and AWS::EC2::NatGateway can be created; no packet passes",
        service_network.install_nat_gateways,
    ),
    Patch(
        "endpoint-names",
        "Fn::GetAtt knows DnsEntries of an interface AWS::EC2::VPCEndpoint; nobody listens there",
        service_network.install_endpoint_names,
    ),
    Patch(
        "private-zones",
        "AWS::Route53::HostedZone keeps VPCs, and is private with them",
        service_network.install_private_zones,
    ),
    Patch(
        "api-endpoints",
        "AWS::ApiGateway::RestApi keeps EndpointConfiguration as the API shows it",
        service_network.install_api_endpoints,
    ),
    Patch(
        "private-domains",
        "AWS::ApiGateway::DomainNameV2, BasePathMappingV2 and DomainNameAccessAssociation can be created",
        service_network.install_private_domains,
    ),
    Patch(
        "mapping-numbers",
        "AWS::Lambda::EventSourceMapping takes numbers from parameters",
        messages.install_mapping_numbers,
    ),
    Patch(
        "topic-settings",
        "AWS::SNS::Topic keeps its key, and its default policy lets nobody publish who has no permission",
        messages.install_topic_settings,
    ),
    Patch(
        "undelivered-messages",
        "What SNS can't deliver to a queue goes to the dead-letter queue of the subscription",
        messages.install_undelivered_messages,
    ),
    Patch(
        "stream-encryption",
        "AWS::Kinesis::Stream keeps StreamEncryption; nothing is encrypted",
        messages.install_stream_encryption,
    ),
    Patch(
        "event-source",
        "IAM knows events:source of a PutEvents",
        messages.install_event_source,
    ),
    Patch(
        "vpc-link",
        "AWS::ApiGatewayV2::VpcLink can be created; it is in no network",
        private_integrations.install_vpc_link,
    ),
    Patch(
        "private-integrations",
        "Methods of REST APIs reach listeners of load balancers by a VPC link, with parameters and stage variables",
        private_integrations.install_integrations,
    ),
    Patch(
        "target-weights",
        "Load balancers forward to several target groups by their weights; what is in use is not deleted",
        target_groups.install_weights,
    ),
    Patch(
        "target-registration",
        "AWS::ElasticLoadBalancingV2::TargetGroup registers Targets; functions have to permit it",
        target_groups.install_targets,
    ),
    Patch(
        "target-functions",
        "Functions behind load balancers get path and query as they came, and one kind of headers",
        target_groups.install_function_events,
    ),
    Patch(
        "target-health",
        "Load balancers ask healthy targets only, and no address outside this machine",
        target_groups.install_health,
    ),
    Patch(
        "alias-targets",
        "Lambda aliases name versions that are there, and no others",
        function_versions.install_alias_targets,
    ),
    Patch(
        "alias-weights",
        "Lambda aliases invoke their additional version by its weight",
        function_versions.install_alias_weights,
    ),
    Patch(
        "alias-permissions",
        "API Gateway invokes versions and aliases of functions that permit it",
        function_versions.install_alias_permissions,
    ),
    Patch(
        "code-deploy",
        "AWS::CodeDeploy resources are recorded; an alias goes to its new version at once",
        function_versions.install_code_deploy,
    ),
    Patch(
        "task-definitions",
        "AWS::ECS::TaskDefinition keeps all of its containers, its volumes and its platform",
        task_services.install_task_definitions,
    ),
    Patch(
        "task-services",
        "AWS::ECS::Service is refused where ECS refuses it; no container runs",
        task_services.install_services,
    ),
    Patch(
        "task-scaling",
        "AWS::ApplicationAutoScaling resources set how many tasks there are at least and at most; nothing scales",
        task_services.install_scaling,
    ),
    Patch(
        "managed-databases",
        "AWS::RDS::DBInstance keeps its owner's password in a secret, and may be a local PostgreSQL",
        managed_servers.install_databases,
    ),
    Patch(
        "managed-caches",
        "AWS::ElastiCache::ServerlessCache can be created, and may be a local Redis or Valkey",
        managed_servers.install_caches,
    ),
    Patch(
        "service-roles",
        "Root assumes roles in the name of the services that their trust policies name",
        service_roles.install,
    ),
)


def install() -> None:
    """Install every patch. Raises UserError when the emulator's insides are not what a patch was written for."""
    for patch in PATCHES:
        patch.install()
