"""What the patches do for single services: global tables, mail, metrics, sign-up, acceleration."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.stacks import Resources, Stack, resource, stack
from troposphere_arch.local import Emulator

HERE, ELSEWHERE = "us-east-1", "eu-west-1"


def user(emulator: Emulator, *statements: dict[str, Any]) -> Any:
    """The credentials of a user with these statements."""
    iam = emulator.client("iam")
    name = f"u-{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    return iam.create_access_key(UserName=name)["AccessKey"]


def refused(call: Callable[..., Any], **parameters: Any) -> str:
    """The code of the error that `call` ends with, or nothing."""
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


# --- conditions of templates


def test_conditions_on_the_region(stock: Emulator, patched: Emulator) -> None:
    def seen_in(emulator: Emulator, region: str) -> list[bool]:
        """Of four conditions that hold in us-east-1, those that hold; at first, and once more after an update."""
        conditions = {
            name: {"Fn::Equals": [{"Ref": f"AWS::{name}"}, value]}
            for name, value in {
                "AccountId": "000000000000",
                "Partition": "aws",
                "Region": HERE,
                "URLSuffix": "amazonaws.com",
            }.items()
        }
        cloudformation = emulator.client("cloudformation", region=region)
        stack_name = f"t-{uuid.uuid4().hex[:12]}"
        found: list[bool] = []
        for call, description in ((cloudformation.create_stack, "a"), (cloudformation.update_stack, "b")):
            topics = {name: {"Type": "AWS::SNS::Topic", "Condition": name} for name in conditions}
            template = {
                "Conditions": conditions,
                "Resources": {**topics, "Always": resource("SNS::Topic", DisplayName=description)},
            }
            call(StackName=stack_name, TemplateBody=json.dumps(template))
            waiter = "stack_create_complete" if description == "a" else "stack_update_complete"
            cloudformation.get_waiter(waiter).wait(StackName=stack_name, WaiterConfig={"Delay": 1})
            there = cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]
            found += [name in {one["LogicalResourceId"] for one in there} for name in conditions]
        cloudformation.delete_stack(StackName=stack_name)
        return found

    assert seen_in(stock, HERE) == [False] * 8
    assert seen_in(patched, HERE) == [True] * 8
    assert seen_in(patched, ELSEWHERE) == [True, True, False, True] * 2


# --- global tables


def replica(region: str, **settings: Any) -> dict[str, Any]:
    return {"Region": region, **settings}


def settings(protected: bool, recovery: bool, key: str, **tags: str) -> dict[str, Any]:
    return {
        "DeletionProtectionEnabled": protected,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery},
        "SSESpecification": {"KMSMasterKeyId": key},
        "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
    }


def global_table(*replicas: dict[str, Any], **properties: Any) -> Resources:
    return {
        "Table": resource(
            "DynamoDB::GlobalTable",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"},
            Replicas=list(replicas),
            **properties,
        )
    }


def seen(made: Stack, region: str) -> dict[str, Any]:
    """What the replica of a region says of itself."""
    dynamodb = made.emulator.client("dynamodb", region=region)
    name = made.ids["Table"]
    table = dynamodb.describe_table(TableName=name)["Table"]
    encryption = table.get("SSEDescription", {})
    life = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    return {
        "replicas": [other["RegionName"] for other in table.get("Replicas", [])],
        "protected": table["DeletionProtectionEnabled"],
        "key": encryption.get("KMSMasterKeyArn") if encryption.get("Status") == "ENABLED" else None,
        "recovery": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "life": life.get("AttributeName") if life["TimeToLiveStatus"] == "ENABLED" else None,
        "tags": dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"],
    }


def keys(emulator: Emulator) -> tuple[str, str]:
    """A key in each region."""
    here, elsewhere = (
        emulator.client("kms", region=region).create_key()["KeyMetadata"]["Arn"] for region in (HERE, ELSEWHERE)
    )
    return here, elsewhere


NOTHING = {"replicas": [], "protected": False, "key": None, "recovery": "DISABLED", "life": None, "tags": []}


def test_global_table(stock: Emulator, patched: Emulator) -> None:
    common = {
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
    }

    def full(emulator: Emulator) -> Resources:
        here, elsewhere = keys(emulator)
        return global_table(
            replica(HERE, **settings(True, True, here, team="a", note="x")),
            replica(ELSEWHERE, **settings(True, False, elsewhere, team="b")),
            **common,
        )

    with stack(stock, full(stock)) as made:
        assert seen(made, HERE) == NOTHING
        name = made.ids["Table"]
        made.update(global_table(replica(HERE)))
        assert made.ids["Table"] != name  # another table, an empty one

    with stack(patched, full(patched)) as made:
        name = made.ids["Table"]
        here, elsewhere = seen(made, HERE), seen(made, ELSEWHERE)
        assert here.pop("key").startswith(f"arn:aws:kms:{HERE}:")
        assert elsewhere.pop("key").startswith(f"arn:aws:kms:{ELSEWHERE}:")
        assert here == {
            "replicas": [ELSEWHERE],
            "protected": True,
            "recovery": "ENABLED",
            "life": "expires",
            "tags": [{"Key": "team", "Value": "a"}, {"Key": "note", "Value": "x"}],
        }
        assert elsewhere == {
            "replicas": [HERE],
            "protected": True,
            "recovery": "DISABLED",
            "life": "expires",
            "tags": [{"Key": "team", "Value": "b"}],
        }

        # What is written to one is in the other, and in its stream.
        item = {"id": {"S": "a"}}
        patched.client("dynamodb", region=ELSEWHERE).put_item(TableName=name, Item=item)
        assert patched.client("dynamodb").get_item(TableName=name, Key=item)["Item"] == item

        key = {"AttributeName": "id", "KeyType": "HASH"}
        index = {"IndexName": "i", "KeySchema": [key], "Projection": {"ProjectionType": "KEYS_ONLY"}}
        plain = global_table(
            replica(HERE, Tags=[{"Key": "team", "Value": "a"}]), replica("us-west-2"), GlobalSecondaryIndexes=[index]
        )
        made.update(plain)
        assert made.ids["Table"] == name
        assert seen(made, HERE) == NOTHING | {"replicas": ["us-west-2"], "tags": [{"Key": "team", "Value": "a"}]}
        assert name not in patched.client("dynamodb", region=ELSEWHERE).list_tables()["TableNames"]
        assert patched.client("dynamodb", region="us-west-2").get_item(TableName=name, Key=item)["Item"] == item
    assert name not in patched.client("dynamodb", region="us-west-2").list_tables()["TableNames"]


def test_global_table_without_a_replica_in_the_region_of_its_stack(patched: Emulator) -> None:
    cloudformation = patched.client("cloudformation")
    name = f"t-{uuid.uuid4().hex[:12]}"
    body = json.dumps({"Resources": global_table(replica(ELSEWHERE))})
    cloudformation.create_stack(StackName=name, TemplateBody=body)
    made = Stack(patched, name)
    assert made.ended() == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    assert any(f"must name {HERE}" in event.get("ResourceStatusReason", "") for event in events)
    assert not [t for t in patched.client("dynamodb").list_tables()["TableNames"] if t.startswith(name)]


def test_table_that_is_there_becomes_the_global_table_of_a_stack(stock: Emulator, patched: Emulator) -> None:
    def import_it(emulator: Emulator) -> tuple[str, Stack, str]:
        table, name = f"restored-{uuid.uuid4().hex[:12]}", f"t-{uuid.uuid4().hex[:12]}"
        resources = global_table(replica(HERE))
        resources["Table"]["DeletionPolicy"] = "Retain"
        properties = resources["Table"]["Properties"]
        emulator.client("dynamodb").create_table(
            TableName=table, **{k: properties[k] for k in ("BillingMode", "AttributeDefinitions", "KeySchema")}
        )
        cloudformation = emulator.client("cloudformation")
        cloudformation.create_change_set(
            StackName=name,
            ChangeSetName="import",
            ChangeSetType="IMPORT",
            TemplateBody=json.dumps({"Resources": resources}),
            ResourcesToImport=[
                {
                    "ResourceType": "AWS::DynamoDB::GlobalTable",
                    "LogicalResourceId": "Table",
                    "ResourceIdentifier": {"TableName": table},
                }
            ],
        )
        cloudformation.get_waiter("change_set_create_complete").wait(
            StackName=name, ChangeSetName="import", WaiterConfig={"Delay": 1}
        )
        error = refused(cloudformation.execute_change_set, StackName=name, ChangeSetName="import")
        return table, Stack(emulator, name), error

    assert import_it(stock)[2] == "InvalidChangeSetStatus"
    table, made, error = import_it(patched)
    assert error == ""
    assert made.ended() == "IMPORT_COMPLETE"
    assert made.ids["Table"] == table
    made.update(global_table(replica(HERE, DeletionProtectionEnabled=True)))
    assert (made.ids["Table"], seen(made, HERE)["protected"]) == (table, True)


# --- mail


def mail_from(sender: str, **more: Any) -> dict[str, Any]:
    content = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}
    return {
        "FromEmailAddress": sender,
        "Destination": {"ToAddresses": ["reader@example.org"]},
        "Content": {"Simple": {**content, **more.pop("simple", {})}},
        **more,
    }


def sender_of(emulator: Emulator, domain: str, *, set_too: bool = True, **conditions: Any) -> Any:
    """A client that may send from the identity `domain`, with the configuration set of that name."""
    where = f"arn:aws:ses:{HERE}:000000000000"
    resources = [f"{where}:identity/{domain}", *([f"{where}:configuration-set/{_set_of(domain)}"] if set_too else [])]
    statement = {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": resources, "Condition": conditions}
    return emulator.client("sesv2", credentials=user(emulator, statement))


def _set_of(domain: str) -> str:
    return domain.replace(".", "-")


@pytest.fixture
def domain(patched: Emulator) -> str:
    """A domain that is a verified identity."""
    name = f"{uuid.uuid4().hex[:12]}.example"
    patched.client("sesv2").create_email_identity(EmailIdentity=name)
    patched.client("sesv2").create_configuration_set(ConfigurationSetName=_set_of(name))
    return name


def test_right_to_send_from_one_identity_is_unknown_to_stock(stock: Emulator) -> None:
    stock.client("sesv2").create_email_identity(EmailIdentity="blog.example")
    client = sender_of(stock, "blog.example")
    assert refused(client.send_email, **mail_from("blog@blog.example")) == "AccessDeniedException"


def test_right_to_send_from_one_identity(patched: Emulator, domain: str) -> None:
    other = f"other-{domain}"
    patched.client("sesv2").create_email_identity(EmailIdentity=other)
    send = sender_of(patched, domain).send_email
    assert refused(send, **mail_from(f"Blog <blog@{domain}>")) == ""
    assert refused(send, **mail_from(f"blog@mail.{domain}")) == ""
    assert refused(send, **mail_from(f"blog@{other}")) == "AccessDeniedException"
    arn = f"arn:aws:ses:{HERE}:000000000000:identity/"
    assert refused(send, **mail_from(f"blog@{domain}", FromEmailAddressIdentityArn=arn + domain)) == ""
    assert (
        refused(send, **mail_from(f"blog@{domain}", FromEmailAddressIdentityArn=arn + other)) == "AccessDeniedException"
    )
    # An address that is an identity itself is not covered by its domain's.
    patched.client("sesv2").create_email_identity(EmailIdentity=f"own@{domain}")
    assert refused(send, **mail_from(f"own@{domain}")) == "AccessDeniedException"


def test_right_to_use_a_configuration_set(patched: Emulator, domain: str) -> None:
    mail = mail_from(f"blog@{domain}", ConfigurationSetName=_set_of(domain))
    assert refused(sender_of(patched, domain).send_email, **mail) == ""
    assert refused(sender_of(patched, domain, set_too=False).send_email, **mail) == "AccessDeniedException"


def test_conditions_on_who_sends_to_whom(patched: Emulator, domain: str) -> None:
    good = mail_from(f"Blog <blog@{domain}>")
    for key, right, wrong in (
        ("ses:FromAddress", f"blog@{domain}", f"boss@{domain}"),
        ("ses:FromDisplayName", "Blog", "Boss"),
        ("ses:ApiVersion", "2", "1"),
    ):
        assert refused(sender_of(patched, domain, StringEquals={key: right}).send_email, **good) == ""
        wrong_client = sender_of(patched, domain, StringEquals={key: wrong})
        assert refused(wrong_client.send_email, **good) == "AccessDeniedException"
    to_readers = {"ForAllValues:StringLike": {"ses:Recipients": ["*@example.org"]}}
    assert refused(sender_of(patched, domain, **to_readers).send_email, **good) == ""
    to_all = good | {"Destination": {"ToAddresses": ["reader@example.org"], "BccAddresses": ["x@example.net"]}}
    assert refused(sender_of(patched, domain, **to_readers).send_email, **to_all) == "AccessDeniedException"


def test_who_has_no_right_to_send_sends_nothing(patched: Emulator, domain: str) -> None:
    nobody = {"Effect": "Allow", "Action": "ses:GetAccount", "Resource": "*"}
    client = patched.client("sesv2", credentials=user(patched, nobody))
    assert refused(client.send_email, **mail_from(f"blog@{domain}")) == "AccessDeniedException"
    assert outbox(patched, domain) == []
    assert refused(client.get_account) == ""


def outbox(emulator: Emulator, domain: str) -> list[dict[str, Any]]:
    messages = emulator.request("GET", f"{emulator.url}/_ministack/ses/messages").json()["messages"]
    return [mail for mails in messages.values() for mail in mails if mail["Source"].endswith(domain)]


def test_outbox_shows_headers_and_configuration_set(stock: Emulator, patched: Emulator) -> None:
    name = "outbox.example"
    headers = [{"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"}]
    mail = mail_from(f"blog@{name}", simple={"Headers": headers}, ConfigurationSetName=_set_of(name))
    for emulator in (stock, patched):
        emulator.client("sesv2").create_email_identity(EmailIdentity=name)
        emulator.client("sesv2").create_configuration_set(ConfigurationSetName=_set_of(name))
        emulator.client("sesv2").send_email(**mail)
    (kept,) = outbox(stock, name)
    assert kept["Subject"] == "s"
    assert not kept.keys() & {"Headers", "ConfigurationSetName"}
    (kept,) = outbox(patched, name)
    assert (kept["Headers"], kept["ConfigurationSetName"]) == (headers, _set_of(name))


def test_stock_refuses_what_the_sandbox_refuses(stock: Emulator) -> None:
    ses = stock.client("sesv2")
    ses.create_email_identity(EmailIdentity="sandbox.example")
    account = {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://blog.example"}
    ses.put_account_details(**account, ProductionAccessEnabled=False)
    try:
        assert refused(ses.send_email, **mail_from("blog@sandbox.example")) == "MessageRejected"
    finally:
        ses.put_account_details(**account, ProductionAccessEnabled=True)
    assert refused(ses.send_email, **mail_from("blog@sandbox.example")) == ""


# --- queues


def test_right_to_send_and_delete_covers_batches(stock: Emulator, patched: Emulator) -> None:
    def batches(emulator: Emulator, *actions: str) -> list[str]:
        url = emulator.client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"]
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        sqs = emulator.client("sqs", credentials=user(emulator, statement))
        emulator.client("sqs").send_message(QueueUrl=url, MessageBody="a")
        (message,) = emulator.client("sqs").receive_message(QueueUrl=url)["Messages"]
        one = {"Id": "1", "ReceiptHandle": message["ReceiptHandle"]}
        return [
            refused(sqs.send_message_batch, QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "a"}]),
            refused(sqs.change_message_visibility_batch, QueueUrl=url, Entries=[{**one, "VisibilityTimeout": 9}]),
            refused(sqs.delete_message_batch, QueueUrl=url, Entries=[one]),
        ]

    single = ("sqs:SendMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage")
    assert batches(stock, *single) == ["AccessDenied"] * 3
    assert batches(patched, *single) == ["", "", ""]
    assert batches(patched, "sqs:SendMessage") == ["", "AccessDenied", "AccessDenied"]


# --- metrics


def test_right_to_put_metrics_of_one_namespace(stock: Emulator, patched: Emulator) -> None:
    def put(emulator: Emulator, namespace: str) -> str:
        condition = {"StringEquals": {"cloudwatch:namespace": "blog"}}
        statement = {"Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*", "Condition": condition}
        client = emulator.client("cloudwatch", credentials=user(emulator, statement))
        return refused(client.put_metric_data, Namespace=namespace, MetricData=[{"MetricName": "m", "Value": 1}])

    assert put(stock, "blog") == "AccessDeniedException"
    assert put(patched, "blog") == ""
    assert put(patched, "Blog") == "AccessDeniedException"
    assert put(patched, "other") == "AccessDeniedException"


# --- Cognito


def test_sign_up_where_only_an_administrator_creates_users(stock: Emulator, patched: Emulator) -> None:
    def sign_up(emulator: Emulator, only: bool) -> str:
        users = emulator.client("cognito-idp")
        resources = {
            "Users": resource("Cognito::UserPool", AdminCreateUserConfig={"AllowAdminCreateUserOnly": only}),
            "App": resource("Cognito::UserPoolClient", UserPoolId={"Ref": "Users"}),
        }
        with stack(emulator, resources) as made:
            users.admin_create_user(UserPoolId=made.ids["Users"], Username="invited")
            return refused(users.sign_up, ClientId=made.ids["App"], Username="ann", Password="Pa55word!")

    assert sign_up(stock, True) == ""
    assert sign_up(patched, True) == "NotAuthorizedException"
    assert sign_up(patched, False) == ""


# --- S3


def test_acceleration_of_a_bucket(stock: Emulator, patched: Emulator) -> None:
    fast = {"Bucket": resource("S3::Bucket", AccelerateConfiguration={"AccelerationStatus": "Enabled"})}

    def status(made: Stack) -> Any:
        s3 = made.emulator.client("s3")
        return s3.get_bucket_accelerate_configuration(Bucket=made.ids["Bucket"]).get("Status")

    with stack(stock, fast) as made:
        assert status(made) is None
    with stack(patched, fast) as made:
        assert status(made) == "Enabled"
        made.update({"Bucket": resource("S3::Bucket")})
        assert status(made) == "Suspended"
