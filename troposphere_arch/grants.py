"""Grants: IAM statements as narrow verbs. awacs lives here and nowhere else.

Each grant takes the resource and gives the statements that allow exactly what the verb says. Actions are awacs
constants, so that a misspelt one fails when this module is imported.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

import awacs.aws as aws
import awacs.awslambda as awslambda
import awacs.cloudformation as cloudformation
import awacs.cloudwatch as cloudwatch
import awacs.cognito_idp as cognito_idp
import awacs.dax as dax
import awacs.dynamodb as dynamodb
import awacs.ec2 as ec2
import awacs.ecr as ecr
import awacs.elasticache as elasticache
import awacs.elasticfilesystem as elasticfilesystem
import awacs.events as events
import awacs.execute_api as execute_api
import awacs.iam as iam
import awacs.kinesis as kinesis
import awacs.kms as kms
import awacs.logs as logs
import awacs.s3 as s3
import awacs.secretsmanager as secretsmanager
import awacs.ses as ses
import awacs.sns as sns
import awacs.sqs as sqs
import awacs.ssm as ssm
import awacs.ssmmessages as ssmmessages
import awacs.sts as sts
import awacs.xray as xray
from awacs.aws import (
    Action,
    Allow,
    ArnEquals,
    ArnLike,
    Bool,
    Condition,
    Deny,
    ForAnyValueStringLike,
    Null,
    Policy,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
    StringLike,
    StringNotEquals,
)
from awacs.helpers.trust import get_lambda_assumerole_policy
from troposphere import GetAtt, Ref, Sub

READ_ITEMS = [dynamodb.GetItem, dynamodb.Query]
# A transaction is authorised by the actions of its parts, a batch by its own.
WRITE_ITEMS = [
    dynamodb.ConditionCheckItem,
    dynamodb.DeleteItem,
    dynamodb.GetItem,
    dynamodb.PutItem,
    dynamodb.UpdateItem,
]
CLEAR_PARTITIONS = [dynamodb.BatchWriteItem, dynamodb.PutItem, dynamodb.Query]
# New items, changes on condition, and a list to delete; alone, in a transaction or in a batch.
EDIT_ITEMS = [
    dynamodb.BatchWriteItem,
    dynamodb.DeleteItem,
    dynamodb.GetItem,
    dynamodb.PutItem,
    dynamodb.Query,
    dynamodb.UpdateItem,
]
# All that a service does with items of its own table; a scan is none of it.
OWN_ITEMS = [
    dynamodb.BatchGetItem,
    dynamodb.BatchWriteItem,
    dynamodb.ConditionCheckItem,
    dynamodb.DeleteItem,
    dynamodb.GetItem,
    dynamodb.PutItem,
    dynamodb.Query,
    dynamodb.UpdateItem,
]
CONSUME_QUEUE = [sqs.DeleteMessage, sqs.GetQueueAttributes, sqs.ReceiveMessage]
CONSUME_STREAM = [
    kinesis.DescribeStream,
    kinesis.DescribeStreamSummary,
    kinesis.GetRecords,
    kinesis.GetShardIterator,
    kinesis.ListShards,
]
ADD_ITEMS = [dynamodb.ConditionCheckItem, dynamodb.PutItem]
READ_STREAM = [dynamodb.DescribeStream, dynamodb.GetRecords, dynamodb.GetShardIterator]
READ_THROUGH = [dax.GetItem, dax.Query]
WRITE_THROUGH = [dax.DeleteItem, dax.UpdateItem]
# What a cluster does on its own account, and what of the two above it passes on.
SERVE_ITEMS = [
    dynamodb.DeleteItem,
    dynamodb.DescribeTable,
    dynamodb.GetItem,
    dynamodb.Query,
    dynamodb.UpdateItem,
]
KEEP_INTERFACES = [
    ec2.AssignPrivateIpAddresses,
    ec2.CreateNetworkInterface,
    ec2.DeleteNetworkInterface,
    ec2.UnassignPrivateIpAddresses,
]
SEE_INTERFACES = [ec2.DescribeNetworkInterfaces, ec2.DescribeSubnets]
HANDLE_OBJECTS = [s3.DeleteObject, s3.GetObject, s3.GetObjectVersion, s3.PutObject]
OWN_OBJECTS = [s3.DeleteObject, s3.GetObject, s3.PutObject]
# What Service Catalog does with the stack of a product.
HANDLE_STACKS = [
    cloudformation.CreateStack,
    cloudformation.DeleteStack,
    cloudformation.DescribeStackEvents,
    cloudformation.DescribeStacks,
    cloudformation.SetStackPolicy,
    cloudformation.UpdateStack,
]
# Actions on roles that IAM can hold to those with a certain boundary.
BOUNDED = ("iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy")
# Who issues the tokens of GitHub Actions.
GITHUB = "token.actions.githubusercontent.com"
# A look at what is there (HEAD is GetObject), and writing on condition: If-Match wants the right to read as well.
PUBLISH_OBJECTS = [s3.GetObject, s3.PutObject]
# What of a catalogue changes, wherever in the bucket the catalogue is; everything else is put once.
CHANGING = ("index.json", "*/index.json", "launch.md", "*/launch.md", "*/latest.json")


def document(*statements: Statement) -> PolicyDocument:
    """A policy of these statements, in the current policy language."""
    return PolicyDocument(Version="2012-10-17", Statement=list(statements))


def with_optional(first: PolicyDocument, statements: Sequence[Any]) -> dict[str, Any]:
    """The policy with statements added that conditions may leave out, which awacs itself does not take."""
    return {"Version": first.Version, "Statement": [*first.Statement, *statements]}


def _allow(actions: Sequence[Action], resources: list[Any], **more: Any) -> Statement:
    return Statement(Effect=Allow, Action=list(actions), Resource=resources, **more)


def _objects(bucket: Any, pattern: str) -> Any:
    """The objects of a bucket (a resource, or its ARN as text) whose key is like `pattern`."""
    return f"{bucket}/{pattern}" if isinstance(bucket, str) else Sub(f"${{{bucket.title}.Arn}}/{pattern}")


def read_items(table_arn: Any) -> list[Statement]:
    """Get one item and query one partition; no scan, no write."""
    return [_allow(READ_ITEMS, [table_arn])]


def query_items(table_arn: Any) -> list[Statement]:
    """Query one partition; no single item, no scan, no write."""
    return [_allow([dynamodb.Query], [table_arn])]


def write_items(table_arn: Any) -> list[Statement]:
    """Create, change and delete single items, and look before doing so; no list, nothing about the table itself."""
    return [_allow(WRITE_ITEMS, [table_arn])]


def clear_partitions(table_arn: Any) -> list[Statement]:
    """List partitions, delete what is in them, and leave a mark."""
    return [_allow(CLEAR_PARTITIONS, [table_arn])]


def edit_items(table_arn: Any) -> list[Statement]:
    """Create, change and delete items, and list a partition to delete all that is in it."""
    return [_allow(EDIT_ITEMS, [table_arn])]


def add_items(table_arn: Any) -> list[Statement]:
    """Put new items, on condition that another one is there; no read, no change, no deletion."""
    return [_allow(ADD_ITEMS, [table_arn])]


def update_items(table_arn: Any) -> list[Statement]:
    """Write an item, new or not, on condition of what it was; no list, no deletion."""
    return [_allow([dynamodb.UpdateItem], [table_arn])]


def keep_items(table_arn: Any) -> list[Statement]:
    """Get a single item, and write it, new or not, on condition of what it was; no list, no deletion."""
    return [_allow([dynamodb.GetItem, dynamodb.UpdateItem], [table_arn])]


def query_index(table: Any, index: str) -> list[Statement]:
    """Query this index of the table, and neither the table itself nor another index."""
    return [_allow([dynamodb.Query], [Sub(f"${{{table.title}.Arn}}/index/{index}")])]


def read_stream(table: Any) -> list[Statement]:
    """What Lambda does, as the function, to read the stream of this table. To list streams knows no resource.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    return [_allow(READ_STREAM, [GetAtt(table, "StreamArn")]), _allow([dynamodb.ListStreams], ["*"])]


def send_messages(queue: Any) -> list[Statement]:
    """Send messages to this queue; no look at what is in it."""
    return [_allow([sqs.SendMessage], [GetAtt(queue, "Arn")])]


def take_messages(queue: Any) -> list[Statement]:
    """Receive messages of this queue and delete them; a batch is authorised by the same actions."""
    return [_allow([sqs.DeleteMessage, sqs.ReceiveMessage], [GetAtt(queue, "Arn")])]


def own_items(table_arn: Any) -> list[Statement]:
    """Read, query and write items of this table, one by one or in batches and transactions; no scan."""
    return [_allow(OWN_ITEMS, [table_arn])]


def invoke_route(stage_arn: str, verb: str, path: str) -> list[Statement]:
    """Call this method of this path of an API that asks for a signature; `*` in the path stands for its variables.

    `stage_arn` is the name of the parameter with the ARN of the stage.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html
    """
    return [_allow([execute_api.Invoke], [Sub(f"${{{stage_arn}}}/{verb}{path}")])]


def not_invoke_routes(stage_arn: str, routes: Sequence[str]) -> list[Statement]:
    """Do not call these methods, such as `GET/stock/*/history`, which the `*` of another right would stand for too."""
    about = [Sub(f"${{{stage_arn}}}/{route}") for route in routes]
    return [Statement(Effect=Deny, Action=[execute_api.Invoke], Resource=about)]


def invoked_by_account() -> PolicyDocument:
    """Who of this account may invoke a method of the API, may; nobody of another account.

    To allow anybody here would be to allow everything to whoever is behind an endpoint: that this is the account says
    no more than that its policies decide.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
    """
    here = Principal("AWS", Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root"))
    return document(Statement(Effect=Allow, Action=[execute_api.Invoke], Principal=here, Resource=["execute-api:/*"]))


def named_through(endpoint: Any) -> PolicyDocument:
    """A private name is answered to what comes through this VPC endpoint. Who may invoke what behind it says the API.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-custom-domains-provider-create.html
    """
    of_anybody = {"Action": [execute_api.Invoke], "Principal": Principal("*"), "Resource": ["execute-api:/*"]}
    elsewhere = Condition(StringNotEquals("aws:SourceVpce", endpoint))
    return document(Statement(Effect=Allow, **of_anybody), Statement(Effect=Deny, Condition=elsewhere, **of_anybody))


def send_to(queue_arn: Any) -> list[Statement]:
    """Send messages to another stack's queue; no look at what is in it."""
    return [_allow([sqs.SendMessage], [queue_arn])]


def put_records(stream_arn: Any) -> list[Statement]:
    """Put records into another stack's stream."""
    return [_allow([kinesis.PutRecord], [stream_arn])]


def put_objects(bucket_arn: str, prefix: str) -> list[Statement]:
    """Put objects below the prefix of another stack's bucket, whose ARN the parameter `bucket_arn` has."""
    return [_allow([s3.PutObject], [Sub(f"${{{bucket_arn}}}/{prefix}*")])]


def publish_to(topic: Any) -> list[Statement]:
    """Publish to this topic."""
    return [_allow([sns.Publish], [Ref(topic)])]


def put_events(bus_arn: Any, source: str) -> list[Statement]:
    """Put events on this bus, as this source and no other.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    return [_allow([events.PutEvents], [bus_arn], Condition=Condition(StringEquals("events:source", source)))]


def consume_queue(queue: Any) -> list[Statement]:
    """What Lambda does, as the function, to take messages of this queue.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
    """
    return [_allow(CONSUME_QUEUE, [GetAtt(queue, "Arn")])]


def consume_stream(stream: Any) -> list[Statement]:
    """What Lambda does, as the function, to read this stream.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
    """
    return [_allow(CONSUME_STREAM, [GetAtt(stream, "Arn")])]


def send_mail(identity_arn: Any, mail_set: Any, address: Any) -> list[Statement]:
    """Send mail from this address, of this one verified identity, in this configuration set; from no other.

    https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html
    """
    arn = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:configuration-set/${%s}"
    by = Condition(StringEquals("ses:FromAddress", address))
    return [_allow([ses.SendEmail], [identity_arn, Sub(arn % mail_set.title)], Condition=by)]


def put_metrics(namespace: str) -> list[Statement]:
    """Put numbers into this namespace, and no other. The action is on everything, and the condition limits it.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html
    """
    into = Condition(StringEquals("cloudwatch:namespace", namespace))
    return [_allow([cloudwatch.PutMetricData], ["*"], Condition=into)]


def read_metrics() -> list[Statement]:
    """Read metrics, which is possible of all or none.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
    """
    return [_allow([cloudwatch.GetMetricData], ["*"])]


def read_through(cluster: Any) -> list[Statement]:
    """Get one item and query one partition through this DAX cluster; no write.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DAX.access-control.html
    """
    return [_allow(READ_THROUGH, [GetAtt(cluster, "Arn")])]


def write_through(cluster: Any) -> list[Statement]:
    """Change and delete single items through this DAX cluster; no read."""
    return [_allow(WRITE_THROUGH, [GetAtt(cluster, "Arn")])]


def use_cache(cache: Any, user: Any) -> list[Statement]:
    """Sign in to this serverless cache as this user of it; what that user may do there, its access string says.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
    """
    return [_allow([elasticache.Connect], [GetAtt(cache, "ARN"), GetAtt(user, "Arn")])]


def serve_items(table_arn: Any) -> list[Statement]:
    """What a DAX cluster does on the table for its users, and reading the key schema, which it needs for that."""
    return [_allow(SERVE_ITEMS, [table_arn])]


def through_service_endpoint(service: str) -> PolicyDocument:
    """What passes a VPC endpoint of this service's: what services do, with what is this account's; nothing of others'.

    Of S3, what servers are made from as well. It grants nobody anything. Every name that CloudFormation makes has a
    hyphen: an ARN of any queue would be one of anything.
    https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
    """
    here = f"arn:${{AWS::Partition}}:{'kinesis' if service == 'kinesis-streams' else service}"
    here += ":${AWS::Region}:${AWS::AccountId}:"
    if service == "s3":  # whose ARNs name no account
        ours = Condition(StringEquals("aws:ResourceAccount", Ref("AWS::AccountId")))
        objects = Sub("arn:${AWS::Partition}:s3:::*/*")
        own = _allow(HANDLE_OBJECTS, [objects], Principal=Principal("*"), Condition=ours)
        # In China's first region that is where certificates of databases are. Elsewhere they are not in S3.
        trusted = _allow([s3.GetObject], [Sub("arn:${AWS::Partition}:s3:::rds-truststore/*")], Principal=Principal("*"))
        return document(own, *packages_through_endpoint(), *layers_through_endpoint(), trusted)
    passing: Mapping[str, tuple[Sequence[Action], str]] = {
        "dynamodb": (OWN_ITEMS, "table/*"),
        "events": ([events.PutEvents], "event-bus/*"),
        "execute-api": ([execute_api.Invoke], "*/*"),
        "kinesis-streams": ([kinesis.PutRecord, kinesis.PutRecords], "stream/*"),
        "sns": ([sns.Publish], "*-*"),
        "sqs": ([sqs.SendMessage], "*-*"),
    }
    actions, which = passing[service]
    return document(_allow(actions, [Sub(here + which)], Principal=Principal("*")))


def through_endpoint(table_arns: list[Any]) -> list[Statement]:
    """Let whoever is in the network, and may do it anyway, read and write items of these tables; no other table.

    The policy of an endpoint grants nothing: it limits what passes.
    https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
    """
    every = {action.JSONrepr(): action for action in (*READ_ITEMS, *WRITE_ITEMS, *CLEAR_PARTITIONS, *SERVE_ITEMS)}
    return [_allow([every[name] for name in sorted(every)], table_arns, Principal=Principal("*"))]


def packages_through_endpoint() -> list[Statement]:
    """Let whoever is in the network get packages of Amazon Linux 2023, as anybody may; `dnf` asks without a name.

    https://docs.aws.amazon.com/linux/al2023/ug/repository-configuration.html
    """
    packages = Sub("arn:${AWS::Partition}:s3:::al2023-repos-${AWS::Region}-de612dc2/*")
    return [_allow([s3.GetObject], [packages], Principal=Principal("*"))]


def layers_through_endpoint() -> list[Statement]:
    """Let whoever is in the network get the layers of images, which ECR keeps in a bucket of its own.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
    """
    layers = Sub("arn:${AWS::Partition}:s3:::prod-${AWS::Region}-starport-layer-bucket/*")
    return [_allow([s3.GetObject], [layers], Principal=Principal("*"))]


def objects_through_endpoint(bucket: Any, rights: Mapping[str, str]) -> list[Statement]:
    """Let whoever is in the network, and may do it anyway, handle objects of this bucket; see `handle_objects`."""
    return [_allow(one.Action, one.Resource, Principal=Principal("*")) for one in handle_objects(bucket, rights)]


def mount(files: Any, access_point: Any, *, write: bool) -> list[Statement]:
    """Mount this file system, over TLS, through this access point and no other; as root never.

    https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
    """
    through = [
        Bool("aws:SecureTransport", "true"),
        StringEquals("elasticfilesystem:AccessPointArn", GetAtt(access_point, "Arn")),
    ]
    actions = [elasticfilesystem.ClientMount, *([elasticfilesystem.ClientWrite] if write else [])]
    return [_allow(actions, [GetAtt(files, "Arn")], Condition=Condition(through))]


def over_tls_by_access_points() -> PolicyDocument:
    """Deny whoever it is to mount the file system without TLS, or but through an access point, or to be root there.

    It allows nobody anything. Without any policy, whoever reaches a mount target may mount, with no name at all; with
    one, only a role that is allowed to.
    https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
    """
    clients = [elasticfilesystem.ClientMount, elasticfilesystem.ClientRootAccess, elasticfilesystem.ClientWrite]
    root = [elasticfilesystem.ClientRootAccess]
    nowhere = Condition(Null("elasticfilesystem:AccessPointArn", "true"))
    plain = Condition(Bool("aws:SecureTransport", "false"))
    anybody = Principal("AWS", "*")
    return document(
        Statement(Sid="TlsOnly", Effect=Deny, Action=clients, Principal=anybody, Condition=plain),
        Statement(Sid="AccessPointsOnly", Effect=Deny, Action=clients, Principal=anybody, Condition=nowhere),
        Statement(Sid="NoRoot", Effect=Deny, Action=root, Principal=anybody),
    )


def open_shells() -> list[Statement]:
    """What the agent on an instance does for Session Manager; who may open a shell is said elsewhere.

    To carry one has no resource. https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
    """
    channels = [
        ssmmessages.CreateControlChannel,
        ssmmessages.CreateDataChannel,
        ssmmessages.OpenControlChannel,
        ssmmessages.OpenDataChannel,
    ]
    here = Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*")
    return [_allow(channels, ["*"]), _allow([ssm.UpdateInstanceInformation], [here])]


def read_secret(secret_arn: Any) -> list[Statement]:
    """Read what this secret holds now, and before the last rotation; no other, and no list of them."""
    return [_allow([secretsmanager.GetSecretValue], [secret_arn])]


def have_interfaces() -> list[Statement]:
    """Let Lambda keep network interfaces for a function; the function's own code may not.

    Lambda checks before it attaches a function that it may do so with any interface, hence the `*`; to look around is
    possible on `*` only. https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    """
    here = "${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"
    by_code = ArnLike("lambda:SourceFunctionArn", Sub("arn:" + here % ("lambda", "function:*")))
    return [
        _allow(KEEP_INTERFACES, [Sub("arn:" + here % ("ec2", "*/*"))]),
        _allow(SEE_INTERFACES, ["*"]),
        Statement(
            Effect=Deny,
            Action=[*KEEP_INTERFACES, *SEE_INTERFACES],
            Resource=["*"],
            Condition=Condition(by_code),
        ),
    ]


def delete_users(pool: Any) -> list[Statement]:
    """Delete a user of this pool."""
    return [_allow([cognito_idp.AdminDeleteUser], [GetAtt(pool, "Arn")])]


def write_log(log_group: Any) -> list[Statement]:
    """Write to this log group, which the template makes: no right to create one."""
    return [_allow([logs.CreateLogStream, logs.PutLogEvents], [GetAtt(log_group, "Arn")])]


def pull_images(repository_arn: Any) -> list[Statement]:
    """Pull images of this repository. The token to sign in with is for a whole registry, hence the `*`.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
    """
    pull = [ecr.BatchCheckLayerAvailability, ecr.BatchGetImage, ecr.GetDownloadUrlForLayer]
    return [_allow([ecr.GetAuthorizationToken], ["*"]), _allow(pull, [repository_arn])]


def trace() -> list[Statement]:
    """Send trace segments. X-Ray has no resource-level permission for that, hence the `*`.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
    """
    return [_allow([xray.PutTelemetryRecords, xray.PutTraceSegments], ["*"])]


def own_prefix(bucket: Any, issuer: str) -> list[Statement]:
    """Get, put, delete and list under the caller's own identity id, nothing else.

    `issuer` is the principal of Cognito identity pools in the partition, which also names the policy variable.
    https://docs.aws.amazon.com/cognito/latest/developerguide/iam-roles.html
    """
    me = f"${{!{issuer}:sub}}"
    return [
        _allow(OWN_OBJECTS, [Sub(f"${{{bucket.title}.Arn}}/{me}/*")]),
        _allow(
            [s3.ListBucket],
            [GetAtt(bucket, "Arn")],
            Condition=Condition(StringLike("s3:prefix", [f"${{{issuer}:sub}}/*"])),
        ),
    ]


def use_key(key_arn: Any, service: str, *, write: bool) -> list[Statement]:
    """Use a customer managed key, but only through `service` (such as `dynamodb`), never directly.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    actions = [kms.Decrypt, kms.GenerateDataKey] if write else [kms.Decrypt]
    via = Sub(f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}")
    return [_allow(actions, [key_arn], Condition=Condition(StringEquals("kms:ViaService", via)))]


def decrypt_through(service: str) -> list[Statement]:
    """Read what `service` (such as `sqs`) has kept under whichever key of the account, through that service only.

    What waits in a queue stays under the key that it came with, so who changes `KmsKeyArn` must not lose it.
    """
    via = Sub(f"{service}.${{AWS::Region}}.${{AWS::URLSuffix}}")
    any_key = Sub("arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*")
    return [_allow([kms.Decrypt], [any_key], Condition=Condition(StringEquals("kms:ViaService", via)))]


def decrypt_objects(bucket: Any) -> list[Statement]:
    """Read objects of this bucket, and of no other, that were written under whichever key of the account.

    Objects stay under the key that they were written with, so who changes `KmsKeyArn` must not lock users out of what
    they have. S3 names the bucket, or the object, in the encryption context, and the condition holds it to this bucket.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#encryption-context
    """
    via = Sub("s3.${AWS::Region}.${AWS::URLSuffix}")
    here = [GetAtt(bucket, "Arn"), Sub(f"${{{bucket.title}.Arn}}/*")]
    condition = Condition([StringEquals("kms:ViaService", via), StringLike("kms:EncryptionContext:aws:s3:arn", here)])
    any_key = Sub("arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*")
    return [_allow([kms.Decrypt], [any_key], Condition=condition)]


def handle_objects(bucket: Any, rights: Mapping[str, str]) -> list[Statement]:
    """Get, put or delete objects of the bucket: of keys like each pattern what is said, as {"incoming/*": "get put"}.

    `version` is to get one by the number of its version. No list: S3 says 403 of an object that is not there, as it
    does of one that nobody may see.
    """
    actions = {
        "delete": s3.DeleteObject,
        "get": s3.GetObject,
        "put": s3.PutObject,
        "version": s3.GetObjectVersion,
    }
    return [
        _allow([actions[verb] for verb in sorted(verbs.split())], [_objects(bucket, pattern)])
        for pattern, verbs in sorted(rights.items())
    ]


def publish(bucket: Any, *prefixes: str, **more: Any) -> list[Statement]:
    """Put and read objects below these prefixes of the bucket (without any, all of it), and list it; no deletion.

    `bucket` is a resource, or the ARN as text. The list is of the whole bucket: without the right to it, S3 answers 403
    and not 404 for an object that is not there, and a request for one object has no prefix to hold it to.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """
    objects = [_objects(bucket, f"{prefix}/*") for prefix in prefixes] or [_objects(bucket, "*")]
    arn = bucket if isinstance(bucket, str) else GetAtt(bucket, "Arn")
    return [_allow(PUBLISH_OBJECTS, objects, **more), _allow([s3.ListBucket], [arn], **more)]


def publish_below(bucket_arn: str, prefixes: Sequence[str]) -> list[Statement]:
    """Like `publish`, with a list of no more than these prefixes: for who looks into that before asking for an object.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/list_amazons3.html
    """
    objects, _ = publish(bucket_arn, *prefixes)
    below = Condition(StringLike("s3:prefix", [f"{prefix}/*" for prefix in prefixes]))
    return [objects, _allow([s3.ListBucket], [bucket_arn], **({"Condition": below} if prefixes else {}))]


def publish_as(role_arn: Any, bucket: Any) -> list[Statement]:
    """The same for a role that is another stack's, in the policy of the bucket."""
    return publish(bucket, Principal=Principal("AWS", role_arn))


def keep_published(bucket: Any) -> list[Statement]:
    """Deny whoever it is to put an object over another: what is published is put on condition that nothing is there.

    What changes (the index, the pointers, the page of links) is put on that condition, or on the condition that it
    still is what was read. Parts of an upload and copies carry no such condition, so there are none in this bucket.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    changing = [_objects(bucket, pattern) for pattern in CHANGING]
    new, known = ("s3:if-none-match", "true"), ("s3:if-match", "true")
    return [
        Statement(
            Sid=sid,
            Effect=Deny,
            Action=[s3.PutObject],
            Principal=Principal("*"),
            Condition=Condition(Null(dict(keys))),
            **where,
        )
        for sid, keys, where in (
            ("PutOnce", [new], {"NotResource": changing}),
            ("ChangeKnown", [new, known], {"Resource": changing}),
        )
    ]


def fetch(bucket: Any) -> Statement:
    """Anybody may get an object whose name is known, and no list of names: what a public catalogue needs."""
    return _allow([s3.GetObject], [_objects(bucket, "*")], Sid="PublicRead", Principal=Principal("*"))


def fetch_within(organization: Any, bucket: Any) -> Statement:
    """Who belongs to this organization may get an object whose name is known, from any of its accounts.

    To S3 such a policy is not public, so that public access stays blocked.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    return _allow(
        [s3.GetObject],
        [_objects(bucket, "*")],
        Sid="OrganizationRead",
        Principal=Principal("*"),
        Condition=Condition(StringEquals("aws:PrincipalOrgID", organization)),
    )


def allow(actions: Sequence[str], arns: Sequence[str], condition: Mapping[str, Mapping[str, Any]]) -> Statement:
    """Actions by their names, on ARNs in the words of `Fn::Sub`, as statements of a template have them.

    Raises AttributeError when awacs knows no such action or no such operator.
    """
    operators = [
        getattr(aws, operator.replace(":", ""))({key: _known(value) for key, value in block.items()})
        for operator, block in sorted(condition.items())
    ]
    more = {"Condition": Condition(operators)} if operators else {}
    return _allow([_action(name) for name in sorted(actions)], _known(sorted(arns)), **more)


def _known(texts: Sequence[str]) -> list[Any]:
    return [Sub(text) if re.search(r"\$\{[^!]", text) else text.replace("${!", "${") for text in texts]


def _action(name: str) -> Action:
    """`dynamodb:GetItem` -> the constant of awacs."""
    service, _, action = name.partition(":")
    module = "awslambda" if service == "lambda" else service.replace("-", "_")
    found: Action = getattr(import_module(f"awacs.{module}"), action)
    return found


def launch_stacks() -> list[Statement]:
    """What Service Catalog does itself when it launches a product: handle its stack, and read the template's copy.

    Service Catalog keeps the copy in a bucket of its own, and marks it. Anybody can mark an object, so a mark opens no
    layer: those have rights of their own (`read_layers`). To validate has no resource.
    https://docs.aws.amazon.com/servicecatalog/latest/adminguide/constraints-launch.html
    """
    stacks = Sub(
        "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/SC-${AWS::AccountId}-pp-*/*"
    )
    marked = Condition(StringEquals("s3:ExistingObjectTag/servicecatalog:provisioning", "true"))
    return [
        _allow(HANDLE_STACKS, [stacks]),
        _allow([cloudformation.GetTemplateSummary, cloudformation.ValidateTemplate], ["*"]),
        _allow([s3.GetObject], [Sub("arn:${AWS::Partition}:s3:::*/*")], Condition=marked),
        Statement(
            Effect=Deny,
            Action=[s3.GetObject],
            Resource=[Sub("arn:${AWS::Partition}:s3:::*/layers/*")],
            Condition=marked,
        ),
    ]


def launch(rights: Mapping[str, Collection[str]]) -> list[Statement]:
    """ARN -> actions that CloudFormation does there. Keys are used through services only, service-linked roles made
    for the service of their name only.
    """
    found: dict[str, tuple[list[str], list[str], dict[str, dict[str, list[str]]]]] = {}
    for arn, actions in sorted(rights.items()):
        condition = _only_for_services(arn)
        key = f"{sorted(actions)} {condition}"
        found.setdefault(key, (sorted(actions), [], condition))[1].append(arn)
    return [allow(*one) for one in found.values()]


def _only_for_services(arn: str) -> dict[str, dict[str, list[str]]]:
    if ":kms:*:" in arn:  # in every region, of a service there
        return {"StringLike": {"kms:ViaService": ["*.${AWS::URLSuffix}"]}}
    if ":kms:" in arn:
        return {"StringLike": {"kms:ViaService": ["*.${AWS::Region}.${AWS::URLSuffix}"]}}
    if ":role/aws-service-role/" in arn:
        return {"StringEquals": {"iam:AWSServiceName": [arn.split("/")[2]]}}
    return {}


def launch_roles(actions: Collection[str], arn: Any, boundary: Any, services: Sequence[str]) -> list[Statement]:
    """Make and change roles under a path, none without this boundary, and pass them to these services only.

    Without the boundary, whoever makes roles has every right there is. `actions` are those that the launch needs; what
    would take a boundary away is denied, whatever else is allowed.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
    """
    wanted = {name: _action(name) for name in sorted(actions)}
    bounded = [action for name, action in wanted.items() if name in BOUNDED]
    passed = [action for name, action in wanted.items() if name == "iam:PassRole"]
    plain = [action for name, action in wanted.items() if name not in (*BOUNDED, "iam:PassRole")]
    within = Condition(StringEquals("iam:PermissionsBoundary", boundary))
    to = Condition(StringEquals("iam:PassedToService", list(services)))
    statements = [
        _allow(some, [arn], **more)
        for some, more in ((bounded, {"Condition": within}), (passed, {"Condition": to}), (plain, {}))
        if some
    ]
    return [*statements, Statement(Effect=Deny, Action=[iam.DeleteRolePermissionsBoundary], Resource=["*"])]


def read_layers() -> list[Statement]:
    """Get the layers that are in `ArtifactBucket`: who makes a layer must be able to read its bytes."""
    return [_allow([s3.GetObject], [Sub("arn:${AWS::Partition}:s3:::${ArtifactBucket}/layers/*")])]


def trust_lambda() -> Policy:
    """Lambda may assume the role."""
    return get_lambda_assumerole_policy()


def trust_dax() -> PolicyDocument:
    """DAX may assume the role.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DAX.access-control.html
    """
    return trust_service("dax.amazonaws.com")


def trust_service(service: str) -> PolicyDocument:
    """This service of AWS may assume the role."""
    return document(Statement(Effect=Allow, Action=[sts.AssumeRole], Principal=Principal("Service", service)))


def trust_tasks() -> PolicyDocument:
    """Tasks of ECS in this account and region may assume the role.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    here = Sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*")
    ours = [StringEquals("aws:SourceAccount", Ref("AWS::AccountId")), ArnLike("aws:SourceArn", here)]
    principal = Principal("Service", "ecs-tasks.amazonaws.com")
    return document(Statement(Effect=Allow, Action=[sts.AssumeRole], Principal=principal, Condition=Condition(ours)))


def trust_codedeploy() -> PolicyDocument:
    """CodeDeploy may assume the role.

    https://docs.aws.amazon.com/codedeploy/latest/userguide/getting-started-create-service-role.html
    """
    return trust_service("codedeploy.amazonaws.com")


def shift_alias(function: Any) -> list[Statement]:
    """Move the aliases of the function from one version to another, and see whether alarms go off meanwhile.

    What AWSCodeDeployRoleForLambdaLimited allows on all functions and topics, and without its hooks and triggers.
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambdaLimited.html
    """
    alarms = Sub("arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*")
    qualified = Sub(f"${{{function.title}.Arn}}:*")
    return [
        _allow([awslambda.GetAlias, awslambda.UpdateAlias], [GetAtt(function, "Arn")]),
        _allow([awslambda.GetProvisionedConcurrencyConfig], [qualified]),
        _allow([cloudwatch.DescribeAlarms], [alarms]),
    ]


def trust_github(provider_arn: Any, subject: Any) -> PolicyDocument:
    """Runs of GitHub Actions whose token has this subject may assume the role, and no other run of anybody.

    `*` in the subject stands for anything. AWS is the audience by the name that it has in the partition.
    https://docs.github.com/en/actions/reference/security/oidc
    """
    return document(
        Statement(
            Effect=Allow,
            Action=[sts.AssumeRoleWithWebIdentity],
            Principal=Principal("Federated", provider_arn),
            Condition=Condition(
                [
                    StringEquals(f"{GITHUB}:aud", Sub("sts.${AWS::URLSuffix}")),
                    StringLike(f"{GITHUB}:sub", subject),
                ]
            ),
        )
    )


def trust_signed_in(identity_pool_id: Any, issuer: str) -> PolicyDocument:
    """Signed-in users of this identity pool may assume the role, through Cognito; guests may not.

    https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html
    """
    return document(
        Statement(
            Effect=Allow,
            Action=[sts.AssumeRoleWithWebIdentity],
            Principal=Principal("Federated", issuer),
            Condition=Condition(
                [
                    StringEquals(f"{issuer}:aud", identity_pool_id),
                    ForAnyValueStringLike(f"{issuer}:amr", "authenticated"),
                ]
            ),
        )
    )


def tls_only(bucket: Any) -> PolicyDocument:
    """Deny every request to the bucket that does not come over TLS.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """
    return document(
        Statement(
            Sid="TlsOnly",
            Effect=Deny,
            Action=[Action("s3", "*")],
            Principal=Principal("*"),
            Resource=[GetAtt(bucket, "Arn"), Sub(f"${{{bucket.title}.Arn}}/*")],
            Condition=Condition(Bool("aws:SecureTransport", "false")),
        )
    )


def read_as_edge(bucket: Any, path: str, distribution: Any) -> Statement:
    """This distribution, and no other of anybody's, gets objects of the bucket: all, or those below `/media/*`.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    """
    arn = Sub(f"arn:${{AWS::Partition}}:cloudfront::${{AWS::AccountId}}:distribution/${{{distribution.title}}}")
    return _allow(
        [s3.GetObject],
        [_objects(bucket, path.removeprefix("/") or "*")],
        Sid="EdgeReads",
        Principal=Principal("Service", "cloudfront.amazonaws.com"),
        Condition=Condition(StringEquals("aws:SourceArn", arn)),
    )


def queue_over_tls_only(queue: Any) -> PolicyDocument:
    """Deny every request to the queue that does not come over TLS.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html
    """
    return document(
        Statement(
            Sid="TlsOnly",
            Effect=Deny,
            Action=[Action("sqs", "*")],
            Principal=Principal("*"),
            Resource=[GetAtt(queue, "Arn")],
            Condition=Condition(Bool("aws:SecureTransport", "false")),
        )
    )


def topic_over_tls_only(topic: Any) -> PolicyDocument:
    """Deny to publish to the topic without TLS.

    https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html
    """
    return document(
        Statement(
            Sid="TlsOnly",
            Effect=Deny,
            Action=[sns.Publish],
            Principal=Principal("*"),
            Resource=[Ref(topic)],
            Condition=Condition(Bool("aws:SecureTransport", "false")),
        )
    )


def alarmed_by_account(topic: Any) -> Statement:
    """Alarms of this account, of whichever stack, may publish to the topic; nobody else's may.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    return _allow(
        [sns.Publish],
        [Ref(topic)],
        Sid="Alarms",
        Principal=Principal("Service", "cloudwatch.amazonaws.com"),
        Condition=Condition(StringEquals("aws:SourceAccount", Ref("AWS::AccountId"))),
    )


def told_by(topic_arn: Any, queue: Any, sid: str) -> Statement:
    """SNS may send to the queue what this topic tells, and no other topic of anybody's.

    https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
    """
    return _allow(
        [sqs.SendMessage],
        [GetAtt(queue, "Arn")],
        Sid=sid,
        Principal=Principal("Service", "sns.amazonaws.com"),
        Condition=Condition(ArnEquals("aws:SourceArn", topic_arn)),
    )


def failures_of(rule: Any, queue: Any) -> Statement:
    """EventBridge may send to the queue what this rule finds, or could not deliver; for no other rule.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    return _allow(
        [sqs.SendMessage],
        [GetAtt(queue, "Arn")],
        Sid=f"From{rule.title}",
        Principal=Principal("Service", "events.amazonaws.com"),
        Condition=Condition(ArnEquals("aws:SourceArn", GetAtt(rule, "Arn"))),
    )
