"""Relational databases: PostgreSQL, in private subnets, over TLS only, with a password that no template knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, If, Join, Ref, Select, Split, ec2, rds

from .. import outputs, parameters
from ..conditions import given, optional, switched_on
from ..parameters import parameter
from ..template import Node, ScenarioTemplate
from .logs import log_group
from .network import nothing

PORT = 5432
# The newest; RDS takes the newest minor version of it, and keeps it so.
MAJOR = "18"
# Of the database and of its owner. RDS keeps both words from nobody.
NAME = "service"
# Good until 2061; RDS renews by itself what it signs. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
AUTHORITY = "rds-ca-rsa2048-g1"
# Nobody without TLS. What is asked is not logged, nor what an error was about: statements and details hold people's
# data. https://www.postgresql.org/docs/current/runtime-config-logging.html
SETTINGS = {
    "log_error_verbosity": "terse",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "rds.force_ssl": "1",
}
LIMITS = "DatabaseLimits"


@dataclass(frozen=True)
class Database(Node):
    """A database, its security group, and the ARN of the secret in which RDS keeps its password."""

    resource: rds.DBInstance
    group: ec2.SecurityGroup
    secret: Any


def database(t: ScenarioTemplate, title: str, *, vpc: Any, subnets: Any) -> Database:
    """A PostgreSQL database of `DatabaseClass` in the subnets, with a standby if `MultiAz` is on.

    RDS makes its password, keeps it in Secrets Manager, and makes another one every week. Its storage grows by itself;
    backups are kept for `BackupDays`. A stack that goes leaves a snapshot. Nobody reaches it until an arrow says so.
    Performance Insights are off: the small classes have none, and they show statements.

    Its identifier is made from the stack's id: its log group has to be there, with a retention, before RDS makes one
    without. And since a name cannot be given twice, an update that would put an empty database in its place fails.

    Makes `<title>`, `<title>Subnets`, `<title>Parameters`, `<title>Group`, `<title>Logs` and the output `<title>Id`.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-rds-dbinstance.html
    """
    words = parameters.instances
    size = parameter(t, words.DATABASE_CLASS)
    t.add_mapping(LIMITS, {name: {"Connections": str(most)} for name, most in words.DATABASE_CLASSES.items()})
    place = t.put(
        rds.DBSubnetGroup(f"{title}Subnets", DBSubnetGroupDescription="Private subnets.", SubnetIds=Split(",", subnets))
    )
    settings = t.put(
        rds.DBParameterGroup(
            f"{title}Parameters",
            Description="TLS only; no statement in a log.",
            Family=f"postgres{MAJOR}",
            Parameters=dict(SETTINGS),
        )
    )
    group = t.put(
        ec2.SecurityGroup(
            f"{title}Group",
            GroupDescription="The database: in from servers, nothing out.",
            SecurityGroupEgress=[nothing()],
            VpcId=vpc,
        )
    )
    name = Join("-", [title.lower(), Select(2, Split("/", Ref("AWS::StackId")))])
    own_logs = log_group(t, f"{title}Logs")
    own_logs.LogGroupName = Join("", ["/aws/rds/instance/", name, "/postgresql"])
    key, own_key = Ref(parameter(t, parameters.KMS_KEY)), given(t, parameters.KMS_KEY)
    resource = rds.DBInstance(
        title,
        AllocatedStorage=Ref(parameter(t, words.DATABASE_STORAGE)),
        AutoMinorVersionUpgrade=True,
        BackupRetentionPeriod=Ref(parameter(t, words.BACKUP_DAYS)),
        CACertificateIdentifier=AUTHORITY,
        CopyTagsToSnapshot=True,
        DBInstanceClass=Ref(size),
        DBInstanceIdentifier=name,
        DBName=NAME,
        DBParameterGroupName=Ref(settings),
        DBSubnetGroupName=Ref(place),
        DeletionProtection=If(switched_on(t, parameters.DELETION_PROTECTION), True, False),
        EnableCloudwatchLogsExports=["postgresql"],
        EnablePerformanceInsights=False,
        Engine="postgres",
        EngineVersion=MAJOR,
        KmsKeyId=optional(own_key, key),
        ManageMasterUserPassword=True,
        MasterUsername=NAME,
        MasterUserSecret=optional(own_key, rds.MasterUserSecret(KmsKeyId=key)),
        MaxAllocatedStorage=Ref(parameter(t, words.DATABASE_MAX_STORAGE)),
        MultiAZ=If(switched_on(t, words.MULTI_AZ), True, False),
        Port=str(PORT),
        PubliclyAccessible=False,
        StorageEncrypted=True,
        StorageType="gp3",
        VPCSecurityGroups=[GetAtt(group, "GroupId")],
        DeletionPolicy="Snapshot",
        UpdateReplacePolicy="Snapshot",
        DependsOn=[own_logs.title],
    )
    t.put(resource)
    outputs.output(t, f"{title}Id", Ref(resource), "The database, by its identifier in RDS.")
    return Database(t, title, resource, group, GetAtt(resource, "MasterUserSecret.SecretArn"))
