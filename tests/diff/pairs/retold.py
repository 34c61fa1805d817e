"""The updates of pairs.json, retold: templates of a few lines each, written for this project.

    what a note says of an update ──the same change, in as few resources as show it──▶ RETOLD: old, new

The facts carry over, the text does not: a resource is of the same type, and the property that the note is about
changes in the same way; the names are the expectation's where it names one, and the rest is made up or left out. What
else those templates change at the same time is not here: the published files are measured apart (measured.md).
"""

from __future__ import annotations

from typing import Any

from tests.diff.templates import function, resource, table, template

from . import Template
from .parts import (
    NOTHING,
    REPLACING,
    ROLLING,
    SSM_ACTIONS,
    SSM_MANAGED,
    alarm,
    asked,
    attached,
    custom,
    database,
    forwarder,
    given,
    group,
    key,
    launch,
    launch_template,
    launched,
    managed,
    names,
    nested,
    numbers,
    on,
    optional,
    output,
    policy,
    port_443,
    record,
    role,
    rule,
    scaling,
    security_group,
    statement,
    wanted,
    when,
)

# --- updates that several pairs have in common


def systems_manager(logical_id: str, parameters: Template) -> tuple[Template, Template]:
    """A role whose managed policy makes way for three actions, under the same condition."""
    sections = {"HasSystemsManagerAccess": on("SystemsManagerAccess")}
    arns = when("HasManagedPolicyArns", {"Fn::Split": [",", {"Ref": "ManagedPolicyArns"}]})
    return (
        template(
            {logical_id: role(Path="/", ManagedPolicyArns=when("HasSystemsManagerAccess", [SSM_MANAGED], []))},
            Parameters=optional(SystemsManagerAccess="true"),
            Conditions=sections,
        ),
        template(
            {
                logical_id: role(
                    ManagedPolicyArns=arns,
                    Policies=[when("HasSystemsManagerAccess", policy(statement(SSM_ACTIONS)))],
                )
            },
            Parameters={**optional(SystemsManagerAccess="true"), **parameters},
            Conditions={**sections, "HasManagedPolicyArns": given("ManagedPolicyArns")},
        ),
    )


def new_image(logical_id: str, parameters: tuple[Template, Template], more: tuple[Template, Template]) -> Any:
    """Another image, and a managed policy that is on by default."""
    managed_arns = when("HasSystemsManagerAccess", [SSM_MANAGED], [])
    return (
        template({"LaunchConfiguration": launch("ami-1"), logical_id: role(), **more[0]}, Parameters=parameters[0]),
        template(
            {"LaunchConfiguration": launch("ami-2"), logical_id: role(ManagedPolicyArns=managed_arns), **more[1]},
            Parameters={**parameters[1], **optional(SystemsManagerAccess="true")},
            Conditions={"HasSystemsManagerAccess": on("SystemsManagerAccess")},
        ),
    )


def records(pattern: str, read_pattern: str, parameters: Template) -> Template:
    return template(
        {
            "DBCluster": resource(
                "AWS::RDS::DBCluster",
                Engine="aurora-mysql",
                MasterUsername="master",
                MasterUserPassword="secretsecret",
            ),
            "RecordSet": record({"Fn::Sub": pattern}),
            "ReadRecordSet": record({"Fn::Sub": read_pattern}),
        },
        Parameters=parameters,
    )


AURORA_7 = (
    records("${SubDomainName}.example.com.", "read-${SubDomainName}.example.com.", optional(SubDomainName="aurora")),
    records(
        "${SubDomainNameWithDot}example.com.",
        "${ReadSubDomainNameWithDot}example.com.",
        optional(SubDomainNameWithDot="aurora.", ReadSubDomainNameWithDot="read-aurora."),
    ),
)


def bucket_with_key(**attributes: Any) -> tuple[Template, Template]:
    """A bucket with a key of its own, then with the key of another stack."""

    def bucket(condition: str, arn: Any) -> Template:
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
        rules = {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": default}]}
        return resource("AWS::S3::Bucket", BucketEncryption=when(condition, rules))

    return (
        template(
            {"Key": key(Condition="HasEncryption", **attributes), "Bucket": bucket("HasEncryption", {"Ref": "Key"})},
            Parameters=optional(Encryption="false"),
            Conditions={"HasEncryption": on("Encryption")},
        ),
        template(
            {"Bucket": bucket("HasKey", {"Fn::ImportValue": {"Fn::Sub": "${ParentKmsKeyStack}-KeyArn"}})},
            Parameters=optional(ParentKmsKeyStack=""),
            Conditions={"HasKey": given("ParentKmsKeyStack")},
        ),
    )


def encrypted(name: str, kind: str, attributes: Template, **properties: Any) -> tuple[Template, Template]:
    """Something with data whose key is its own, then the key of another stack; from a snapshot, if one is given."""
    snapshot = when("HasSnapshot", {"Ref": "DBSnapshotIdentifier"})
    identifier = {"DBSnapshotIdentifier": snapshot} if kind == "AWS::RDS::DBInstance" else {}
    both = optional(DBSnapshotIdentifier="")
    imported = {"Fn::ImportValue": {"Fn::Sub": "${ParentKmsKeyStack}-KeyArn"}}
    own = key(Condition="HasEncryption", DeletionPolicy="Retain")
    return (
        template(
            {
                "Key": own,
                name: resource(
                    kind,
                    attributes,
                    **properties,
                    **identifier,
                    StorageEncrypted=when("HasEncryption", True, False),
                    KmsKeyId=when("HasEncryption", {"Fn::GetAtt": ["Key", "Arn"]}),
                ),
            },
            Parameters={**both, **optional(Encryption="false")},
            Conditions={"HasEncryption": on("Encryption"), "HasSnapshot": given("DBSnapshotIdentifier")},
        ),
        template(
            {
                name: resource(
                    kind,
                    attributes,
                    **properties,
                    **identifier,
                    StorageEncrypted=when("HasKey", True, False),
                    KmsKeyId=when("HasKey", imported),
                )
            },
            Parameters={**both, **optional(ParentKmsKeyStack="")},
            Conditions={"HasKey": given("ParentKmsKeyStack"), "HasSnapshot": given("DBSnapshotIdentifier")},
        ),
    )


MYSQL_9 = encrypted(
    "DBInstance",
    "AWS::RDS::DBInstance",
    {"DeletionPolicy": "Snapshot"},
    Engine="mysql",
    DBInstanceClass="db.t3.micro",
    AllocatedStorage="5",
    MasterUsername="master",
    MasterUserPassword="secretsecret",
)


def appliance(**properties: Any) -> Template:
    return template(
        {
            "sgThreatManager": security_group(),
            "sgWebAppIDS": security_group(),
            "instanceTmAppliance": resource("AWS::EC2::Instance", ImageId="ami-1", **properties),
        },
        Parameters=wanted("enableWebAppIDS"),
        Conditions={"AddWebAppIDSRules": on("enableWebAppIDS")},
    )


GROUPS = ({"Ref": "sgThreatManager"}, {"Ref": "sgWebAppIDS"})
INTERFACE = {"DeviceIndex": "0", "GroupSet": [GROUPS[0], when("AddWebAppIDSRules", GROUPS[1], GROUPS[0])]}
BEFORE = appliance(NetworkInterfaces=[INTERFACE])
AFTER = appliance(SecurityGroupIds=when("AddWebAppIDSRules", [GROUPS[1], GROUPS[0]], [GROUPS[0]]))


def subnets(table_b: str, *tables: str) -> Template:
    return template(
        {
            "VPC": resource("AWS::EC2::VPC", CidrBlock="10.0.0.0/16"),
            "SubnetBPrivate": resource("AWS::EC2::Subnet", VpcId={"Ref": "VPC"}, CidrBlock="10.0.1.0/24"),
            **{name: resource("AWS::EC2::RouteTable", VpcId={"Ref": "VPC"}) for name in tables},
            "RouteTableAssociationBPrivate": resource(
                "AWS::EC2::SubnetRouteTableAssociation",
                SubnetId={"Ref": "SubnetBPrivate"},
                RouteTableId={"Ref": table_b},
            ),
        }
    )


def gateway(subnet: str, parameters: Template) -> Template:
    return template(
        {
            "EIP": resource("AWS::EC2::EIP", Domain="vpc"),
            "NatGateway": resource(
                "AWS::EC2::NatGateway",
                AllocationId={"Fn::GetAtt": ["EIP", "AllocationId"]},
                SubnetId={"Fn::ImportValue": {"Fn::Sub": "${ParentVPCStack}-" + subnet}},
            ),
        },
        Parameters={**wanted("ParentVPCStack"), **parameters},
    )


def moved(before: str, after: str, name: str, attributes: Template) -> tuple[Template, Template]:
    """A group that moves from a launch configuration to a launch template."""
    return (
        template({before: launch(), name: group(attributes, LaunchConfigurationName={"Ref": before})}),
        template({after: launch_template(), name: group(attributes, LaunchTemplate=launched(after))}),
    )


def search_domain() -> tuple[Template, Template]:
    """A domain whose name is fixed, encrypted with a key of its own; then, with the key of another stack."""

    def domain(condition: str, key_id: Any) -> Template:
        options = {"Enabled": when(condition, True, False), "KmsKeyId": when(condition, key_id)}
        return resource("AWS::Elasticsearch::Domain", DomainName={"Ref": "DomainName"}, EncryptionAtRestOptions=options)

    imported = {"Fn::ImportValue": {"Fn::Sub": "${ParentKmsKeyStack}-KeyId"}}
    return (
        template(
            {
                "Key": key(Condition="HasEncryption", DeletionPolicy="Retain"),
                "ElasticsearchDomain": domain("HasEncryption", {"Ref": "Key"}),
            },
            Parameters={**wanted("DomainName"), **optional(Encryption="false")},
            Conditions={"HasEncryption": on("Encryption")},
        ),
        template(
            {"ElasticsearchDomain": domain("HasKey", imported)},
            Parameters={**wanted("DomainName"), **optional(ParentKmsKeyStack="")},
            Conditions={"HasKey": given("ParentKmsKeyStack")},
        ),
    )


COLLECTING = [f"DatadogIntegrationRoleManagedPolicy{i}" for i in range(1, 5)]
RULE_GROUPS = ("AP", "KBI", "IPR", "AIP", "SQL", "Linux", "POSIX", "Windows", "PHP", "WP")
SERVERLESS = resource(
    "AWS::RDS::DBCluster",
    Engine="aurora",
    EngineMode="serverless",
    EngineVersion={"Ref": "EngineVersion"},
    MasterUsername="master",
    MasterUserPassword="secretsecret",
)


# --- all of them

RETOLD: dict[str, tuple[Template, Template]] = {
    # widdix/aws-cf-templates
    "widdix-vpc-4": (
        subnets("RouteTablePrivate", "RouteTablePrivate"),
        subnets("RouteTableBPrivate", "RouteTablePrivate", "RouteTableBPrivate"),
    ),
    "widdix-nat-gateway-4": (
        gateway("${SubnetName}", optional(SubnetName="SubnetAPublic")),
        gateway("Subnet${SubnetZone}Public", optional(SubnetZone="A")),
    ),
    "widdix-backup-dynamodb-5": asked(old={}, new=wanted("ParentVPCStack")),
    "widdix-ecs-cluster-5": (
        template(
            {
                "CPUReservationHighAlarm": alarm("CPUReservation"),
                "MemoryReservationLowAlarm": alarm("MemoryReservation"),
                "Kept": resource("AWS::SNS::Topic"),
            }
        ),
        template(
            {"SchedulableContainersLambda": function(), "Kept": resource("AWS::SNS::Topic")},
            Parameters=optional(
                ContainerMaxMemory="128",
                ContainerMaxCPU="128",
                ContainerShortageThreshold="1",
                ContainerExcessThreshold="10",
            ),
        ),
    ),
    "widdix-ssh-bastion-6": asked(old=optional(NewRelicLicenseKey=""), new={}),
    "widdix-ssh-bastion-7": new_image(
        "IAMRole",
        (optional(SubDomainName=""), optional(SubDomainNameWithDot="")),
        ({"SecurityGroup": security_group("SSH from 10.1.0.0/16")}, {"SecurityGroup": security_group("SSH")}),
    ),
    "widdix-rds-aurora-7": AURORA_7,
    "widdix-rds-aurora-7-as-told": AURORA_7,
    "widdix-static-website-7": asked(
        old={**wanted("DomainName", "HostedZoneId"), **optional(RedirectDomainName="")},
        new={
            **wanted("SubDomainNameWithDot"),
            **optional(
                LambdaEdgeSubdirectoriesVersionArn="",
                DefaultRootObject="index.html",
                EnableRedirectSubDomainName="false",
                RedirectSubDomainNameWithDot="www.",
            ),
        },
    ),
    "widdix-vpc-legacy-7": (
        template(NOTHING, Parameters=optional(ClassB="0"), Outputs={"ClassB": output({"Ref": "ClassB"}, "ClassB")}),
        template(
            NOTHING,
            Parameters={**optional(ClassB="0"), **wanted("CidrBlock")},
            Outputs={
                "ClassB": {**output({"Ref": "ClassB"}, "ClassB"), "Description": "use CidrBlock"},
                "CidrBlock": output({"Ref": "CidrBlock"}, "CidrBlock"),
            },
        ),
    ),
    "widdix-wordpress-ha-7": new_image(
        "WebServerIAMRole",
        (
            {**wanted("DomainName"), **optional(SubDomainName="", BlogVersion="4.9", ParentZoneStack="")},
            {**wanted("SubDomainNameWithDot", "ParentZoneStack"), **optional(DBMasterUserPassword="wordpress")},
        ),
        (
            {"Database": database(MasterUserPassword="wordpress")},
            {"Database": database(MasterUserPassword={"Ref": "DBMasterUserPassword"})},
        ),
    ),
    "widdix-ecs-cluster-8": new_image("Role", ({}, {}), ({}, {})),
    "widdix-s3-9-from-8.0.0": bucket_with_key(),
    "widdix-s3-9-from-8.1.1": bucket_with_key(DeletionPolicy="Retain"),
    "widdix-rds-mysql-9": MYSQL_9,
    "widdix-rds-mysql-9-as-told": MYSQL_9,
    "widdix-rds-aurora-9": encrypted(
        "DBCluster",
        "AWS::RDS::DBCluster",
        {"DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot"},
        Engine="aurora-mysql",
        MasterUsername="master",
        MasterUserPassword="secretsecret",
    ),
    "widdix-elasticsearch-9": search_domain(),
    "widdix-fargate-10": asked(
        old=optional(**dict.fromkeys(names("Ambassador", "Image", "Command", "Port"), "")),
        new=optional(**dict.fromkeys(names("Proxy", "Image", "Command", "Port"), "")),
    ),
    "widdix-ssh-bastion-10": systems_manager("IAMRole", optional(ManagedPolicyArns="")),
    "widdix-ecs-cluster-10": systems_manager("Role", optional(ManagedPolicyArns="")),
    "widdix-lambdaedge-11": (
        template({"F": function()}, Outputs={"LambdaVersionArn": output({"Ref": "F"}, "LambdaVersionArn")}),
        template(
            {"F": function()},
            Outputs={
                "ViewerRequestLambdaEdgeFunctionVersionARN": output(
                    {"Ref": "F"}, "ViewerRequestLambdaEdgeFunctionVersionARN"
                )
            },
        ),
    ),
    "widdix-static-website-11": (
        template({"S3Bucket": resource("AWS::S3::Bucket")}, Parameters=optional(LambdaEdgeSubdirectoriesVersionArn="")),
        template(
            {"S3Bucket": resource("AWS::S3::Bucket")}, Parameters=optional(ViewerRequestLambdaEdgeFunctionVersionARN="")
        ),
    ),
    "widdix-ecs-cluster-11": (
        template({"LaunchConfiguration": launch("ami-1")}, Parameters=optional(DesiredCapacity="1")),
        template({"LaunchConfiguration": launch("ami-2")}),
    ),
    "widdix-aurora-serverless-11": (
        template({"DBCluster": SERVERLESS}, Parameters=optional(Engine="aurora", EngineVersion="5.6.10a")),
        template({"DBCluster": SERVERLESS}, Parameters=optional(EngineVersion="5.6.10a")),
    ),
    "widdix-vpc-legacy-12": asked(old=wanted("CidrBlock"), new=wanted("CidrBlock", "CidrBlockIPv6", "InternetGateway")),
    "widdix-fargate-13": (
        template({"Service": resource("AWS::ECS::Service", TaskDefinition="task", PlatformVersion="1.3.0")}),
        template({"Service": resource("AWS::ECS::Service", TaskDefinition="task", PlatformVersion="1.4.0")}),
    ),
    "widdix-ssh-bastion-13": moved("LaunchConfiguration", "LaunchTemplate", "AutoScalingGroup", ROLLING),
    "widdix-dynamodb-13": (
        template(
            {"Table": table(SSESpecification=when("HasEncryption", {"SSEEnabled": True}))},
            Parameters=optional(Encryption="false"),
            Conditions={"HasEncryption": on("Encryption")},
        ),
        template({"Table": table()}),
    ),
    "widdix-memcached-14": asked(old=optional(EngineVersion="1.4.34"), new=wanted("EngineVersion")),
    "widdix-documentdb-14": asked(old=optional(EngineVersion="3.6.0"), new=wanted("EngineVersion")),
    "widdix-rds-postgres-14": asked(old=optional(EngineVersion="9.6.24"), new=wanted("EngineVersion")),
    # buildkite/elastic-ci-stack-for-aws
    "buildkite-4.5.0": (
        template({"Launch": launch({"Ref": "Image"})}, Parameters=optional(Image="ami-1")),
        template(
            {"Launch": launch(when("HasImage", {"Ref": "ImageIdParameter"}, {"Ref": "Image"}))},
            Parameters=optional(Image="ami-1", ImageIdParameter=""),
            Conditions={"HasImage": given("ImageIdParameter")},
        ),
    ),
    "buildkite-5.0.0": (
        template(
            {
                "Launch": launch(),
                "AgentAutoScaleGroup": group(REPLACING, LaunchConfigurationName={"Ref": "Launch"}),
                "AgentScaleUpPolicy": scaling("AgentAutoScaleGroup", "1"),
                "AgentScaleDownPolicy": scaling("AgentAutoScaleGroup", "-1"),
            },
            Parameters={
                **wanted("BuildkiteOrgSlug"),
                **optional(
                    EnableExperimentalLambdaBasedAutoscaling="false",
                    BuildkiteTerminateInstanceAfterJobTimeout="1800",
                    BuildkiteTerminateInstanceAfterJobDecreaseDesiredCapacity="false",
                    ScaleUpAdjustment="1",
                    ScaleDownAdjustment="-1",
                    ScaleDownPeriod="1800",
                    ScaleCooldownPeriod="300",
                ),
            },
        ),
        template(
            {
                "Template": launch_template(),
                "AgentAutoScaleGroup": group(REPLACING, LaunchTemplate=launched("Template")),
            },
            Parameters=optional(
                ScaleOutFactor="1.0",
                ScaleInIdlePeriod="600",
                ScaleOutForWaitingJobs="false",
                InstanceOperatingSystem="linux",
                BuildkiteWindowsAdministrator="true",
                BuildkiteAgentTokenParameterStorePath="",
                BuildkiteAgentTokenParameterStoreKMSKey="",
            ),
        ),
    ),
    "buildkite-5.1.0": (
        template(
            {
                "Template": launch_template(),
                "AgentAutoScaleGroup": group(REPLACING, LaunchTemplate=launched("Template")),
            },
            Parameters=optional(InstanceType="t3.large"),
        ),
        template(
            {
                "Template": launch_template(),
                "AgentAutoScaleGroup": group(
                    REPLACING,
                    MixedInstancesPolicy={
                        "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": {"Ref": "OnDemandPercentage"}},
                        "LaunchTemplate": {"LaunchTemplateSpecification": launched("Template")},
                    },
                ),
            },
            Parameters={
                **wanted("InstanceType", Default="t3.large", AllowedPattern="^[a-z0-9.]+(,[a-z0-9.]*){0,3}$"),
                **optional(OnDemandPercentage="100"),
            },
        ),
    ),
    "buildkite-5.2.0": (
        template({"AgentLaunchTemplate": launch_template()}, Parameters=optional(RootVolumeType="gp2")),
        template(
            {"AgentLaunchTemplate": launch_template(MetadataOptions={"HttpTokens": {"Ref": "IMDSv2Tokens"}})},
            Parameters=optional(RootVolumeType="gp3", IMDSv2Tokens="optional"),
        ),
    ),
    "buildkite-5.3.0": (
        template({"IAMRole": role(), "Policy": attached("IAMRole", "s3:ListBucket", "sqs:*", "sns:Subscribe")}),
        template(
            {
                "IAMRole": role(PermissionsBoundary=when("Bounded", {"Ref": "InstanceRolePermissionsBoundaryARN"})),
                "Policy": attached("IAMRole", "s3:ListBucket"),
            },
            Parameters=optional(InstanceRolePermissionsBoundaryARN=""),
            Conditions={"Bounded": given("InstanceRolePermissionsBoundaryARN")},
        ),
    ),
    "buildkite-5.3.1": asked(
        old=wanted("BuildkiteAgentTokenParameterStorePath", Default="", AllowedPattern="^$|^/[a-z]+$"),
        new=wanted("BuildkiteAgentTokenParameterStorePath", Default="", AllowedPattern="^$|^/[a-z/-]+$"),
    ),
    # DataDog/cloudformation-template
    "datadog-4.0.0": (
        template(
            {"DatadogIntegrationRole": role(Policies=[policy(statement(["s3:ListBucket", "sqs:ListQueues"]))])},
            Parameters=optional(Resources="true"),
            Conditions={"Collects": on("Resources")},
        ),
        template(
            {
                **{
                    f"DatadogIntegrationRoleManagedPolicy{i}": managed(statement("sqs:ListQueues")) for i in range(1, 5)
                },
                "DatadogIntegrationRole": role(
                    Policies=[policy(statement(["s3:ListBucket"]))],
                    ManagedPolicyArns=when("Collects", [{"Ref": name} for name in COLLECTING]),
                ),
            },
            Parameters=optional(Resources="true"),
            Conditions={"Collects": on("Resources")},
        ),
    ),
    "datadog-4.4.0": (
        template(
            {
                **{
                    f"DatadogIntegrationRoleManagedPolicy{i}": managed(statement("sqs:ListQueues")) for i in range(1, 5)
                },
                "DatadogIntegrationRole": role(ManagedPolicyArns=[{"Ref": name} for name in COLLECTING]),
            }
        ),
        template({"DatadogIntegrationRole": role(), "DatadogAttachIntegrationPermissionsFunction": function()}),
    ),
    "datadog-4.6.4": asked(
        old=optional(
            AgentlessHostScanning="false", AgentlessContainerScanning="false", AgentlessLambdaScanning="false"
        ),
        new=optional(AgentlessVulnerabilityScanning="false"),
    ),
    "datadog-4.6.5": (
        template({"DatadogAttachIntegrationPermissionsFunction": function(Runtime="python3.12")}),
        template({"DatadogAttachIntegrationPermissionsFunction": function(Runtime="python3.14")}),
    ),
    "datadog-4.7.0": asked(old={}, new=optional(AgentlessComplianceHostScanning="false")),
    "datadog-4.8.0": (
        template(
            {
                "ScannerDelegateRole": role(
                    ManagedPolicyArns=[when("DSPMEnabled", {"Ref": "ScannerDelegateRoleWorkerDSPMPolicy"})]
                ),
                "ScannerDelegateRoleWorkerDSPMPolicy": {
                    **managed(statement("s3:GetObject", "arn:aws:s3:::*/*")),
                    "Condition": "DSPMEnabled",
                },
            },
            Parameters=optional(Scanning="false"),
            Conditions={"DSPMEnabled": on("Scanning")},
        ),
        template(
            {
                "ScannerDelegateRole": role(ManagedPolicyArns=[{"Ref": "ScannerDelegateRoleWorkerDSPMPolicy"}]),
                "ScannerDelegateRoleWorkerDSPMPolicy": managed(statement("s3:GetObject", "arn:aws:s3:::*/*")),
            },
            Parameters=optional(Scanning="false"),
        ),
    ),
    "datadog-4.10.0": (
        template({"DatadogIntegrationRoleStack": nested("role", Site="a")}),
        template(
            {
                "DatadogIntegrationRoleStack": nested(
                    "role", Site="a", InstrumentationResourceTypes={"Ref": "InstrumentationResourceTypes"}
                )
            },
            Parameters=optional(InstrumentationResourceTypes=""),
        ),
    ),
    "datadog-4.15.0": (
        template({"Rule": rule()}),
        template({"Rule": rule(), "DDEventBridgeCrossRegionRole": forwarder()}),
    ),
    # aws-solutions/aws-waf-security-automations; the last two are told of in issues, and there are no files to measure
    "waf-3.0": (
        template({"AlbStack": nested("alb"), "CloudFrontStack": nested("cloudfront")}),
        template({"WebACLStack": nested("webacl")}, Parameters=optional(ActivateAWSManagedRulesParam="no")),
    ),
    "waf-3.2.2": (
        template(NOTHING),
        template(
            {
                **NOTHING,
                "Application": resource("AWS::ServiceCatalogAppRegistry::Application", Name="waf"),
                "AppRegistryApplicationStackAssociation": resource(
                    "AWS::ServiceCatalogAppRegistry::ResourceAssociation",
                    Application={"Ref": "Application"},
                    Resource={"Ref": "AWS::StackId"},
                    ResourceType="CFN_STACK",
                ),
            }
        ),
    ),
    "waf-3.2.5": (
        template({"AccessLoggingBucket": resource("AWS::S3::Bucket", AccessControl="LogDeliveryWrite")}),
        template({"AccessLoggingBucket": resource("AWS::S3::Bucket")}),
    ),
    "waf-4.0.0": (
        template(
            {"ApiGatewayBadBotStageAccessLogGroup": resource("AWS::Logs::LogGroup", RetentionInDays=365)},
            Outputs={"WAFWebACL": output("acl"), "WAFWebACLArn": output("acl")},
        ),
        template(
            {
                "ApiGatewayBadBotStageAccessLogGroup": resource(
                    "AWS::Logs::LogGroup", RetentionInDays={"Ref": "LogGroupRetentionParam"}
                )
            },
            Parameters=optional(
                LogGroupRetentionParam="180",
                AppAccessLogBucketPrefixParam="",
                **{f"ActivateAWSManaged{rules}Param": "no" for rules in RULE_GROUPS},
            ),
            Outputs={"WAFWebACL": output("acl", "WAFWebACL"), "WAFWebACLArn": output("acl", "WAFWebACLArn")},
        ),
    ),
    "waf-2.2.0": (
        template({"Old": function(), "New": function(), "CreateUniqueID": custom("CreateUUID", "Old")}),
        template({"New": function(), "CreateUniqueID": custom("CreateUUID", "New")}),
    ),
    "waf-2.3.1": (
        template({"Old": function(), "CheckRequirements": custom("CheckRequirements", "Old")}),
        template({"New": function(), "CheckRequirements": custom("CheckRequirements", "New")}),
    ),
    # awslabs/aws-centralized-logging
    "centralized-logging-3.2": (
        template({"Old": function(), "CreateUniqueID": custom("LoadLambda", "Old")}),
        template({"New": function(), "CreateUniqueID": custom("LoadLambda", "New")}),
    ),
    # awslabs/amazon-eks-ami
    "eks-nodegroup-v24": (
        template({"NodeSecurityGroup": security_group(), "ControlPlane": security_group()}),
        template(
            {
                "NodeSecurityGroup": security_group(),
                "ControlPlane": security_group(),
                "NodeSecurityGroupFromControlPlaneOn443Ingress": port_443("Ingress", "NodeSecurityGroup"),
                "ControlPlaneEgressToNodeSecurityGroupOn443": port_443("Egress", "ControlPlane"),
            }
        ),
    ),
    "eks-nodegroup-v25": (
        template({"NodeSecurityGroup": security_group()}, Outputs={"Nodes": output("a")}),
        template(
            {"NodeSecurityGroup": security_group()},
            Outputs={"Nodes": output("a"), "NodeSecurityGroup": output({"Ref": "NodeSecurityGroup"})},
        ),
    ),
    "eks-nodegroup-20190927": (
        template(
            {"NodeLaunchConfig": launch({"Ref": "NodeImageId"})},
            Parameters={
                "NodeImageId": {"Type": "AWS::EC2::Image::Id"},
                **wanted("NodeInstanceType", Default="t2.small", AllowedValues=["t2.small"]),
            },
        ),
        template(
            {"NodeLaunchConfig": launch(when("Named", {"Ref": "NodeImageId"}, {"Ref": "NodeImageIdSSMParam"}))},
            Parameters={
                **optional(NodeImageId=""),
                "NodeImageIdSSMParam": {
                    "Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
                    "Default": "/aws/service/an/image",
                },
                **wanted("NodeInstanceType", Default="t3.medium", AllowedValues=["t2.small", "t3.medium"]),
            },
            Conditions={"Named": given("NodeImageId")},
        ),
    ),
    "eks-nodegroup-450": (
        template(
            {
                "NodeLaunchConfig": launch(AssociatePublicIpAddress=True),
                "NodeSecurityGroup": security_group(),
                "NodeSecurityGroupIngress": port_443("Ingress", "NodeSecurityGroup"),
            }
        ),
        template(
            {
                "NodeLaunchConfig": launch(),
                "NodeSecurityGroup": security_group(),
                "NodeSecurityGroupIngress": {
                    **port_443("Ingress", "NodeSecurityGroup"),
                    "DependsOn": "NodeSecurityGroup",
                },
            }
        ),
    ),
    "eks-nodegroup-491": moved("NodeLaunchConfig", "NodeLaunchTemplate", "NodeGroup", ROLLING),
    "eks-nodegroup-815": asked(
        old=wanted("NodeInstanceType", Default="t3.medium", AllowedValues=["t3.medium", "t3.large"]),
        new=wanted("NodeInstanceType", Default="t3.medium"),
    ),
    # aws/aws-parallelcluster
    "parallelcluster-2.4.1": (
        template(
            {
                "ComputeServerLaunchConfig": launch(),
                "ComputeFleet": group(LaunchConfigurationName={"Ref": "ComputeServerLaunchConfig"}),
                "RootRole": role(Policies=[policy(statement(["s3:GetObject"]))]),
            }
        ),
        template(
            {
                "Template": launch_template(),
                "ComputeFleet": group(LaunchTemplate=launched("Template")),
                "RootRole": role(
                    Policies=[policy(statement(["s3:GetObject", "cloudformation:DescribeStackResource"]))]
                ),
            }
        ),
    ),
    "parallelcluster-2.5.0": asked(
        old={
            **wanted("BaseOS", Default="alinux", AllowedValues=["alinux", "ubuntu1404"]),
            **numbers(17, "MasterRootVolumeSize", "ComputeRootVolumeSize"),
        },
        new={
            **wanted("BaseOS", Default="alinux", AllowedValues=["alinux"]),
            **numbers(25, "MasterRootVolumeSize", "ComputeRootVolumeSize"),
            **optional(EC2IAMPolicies=""),
        },
    ),
    "parallelcluster-2.8.0": (
        template({**NOTHING, "CleanupResourcesFunctionLogGroup": resource("AWS::Logs::LogGroup", RetentionInDays=14)}),
        template(NOTHING),
    ),
    "parallelcluster-2.10.1": (
        template(
            {"CleanupResourcesFunctionExecutionRole": role("lambda")},
            Parameters={
                **optional(ComputeInstanceType="t2.micro"),
                **wanted("VolumeType", Default="gp2", AllowedPattern="^(gp2|io1)$"),
            },
        ),
        template(
            {"CleanupResourcesFunctionExecutionRole": {**role("lambda"), "Condition": "OwnRole"}},
            Parameters={
                **optional(ComputeInstanceType="NONE", IAMLambdaRoleName="NONE"),
                **wanted("VolumeType", Default="gp2", AllowedPattern="^(gp2|gp3|io1|io2)$"),
            },
            Conditions={"OwnRole": {"Fn::Equals": [{"Ref": "IAMLambdaRoleName"}, "NONE"]}},
        ),
    ),
    # PostHog/deployment
    "posthog-deletion-protection": (
        template({"PosthogDB": database()}),
        template(
            {"PosthogDB": database(DeletionProtection=True, BackupRetentionPeriod={"Ref": "RDSBackupRetentionPeriod"})},
            Parameters=optional(RDSBackupRetentionPeriod="7"),
        ),
    ),
    "posthog-plugins": (
        template({"PosthogDB": database()}),
        template({"PosthogDB": database(PubliclyAccessible=False)}),
    ),
    "posthog-publicly-available": (
        template(
            {"PosthogDB": database(PubliclyAccessible={"Ref": "RDSPubliclyAvailable"})},
            Parameters=optional(RDSPubliclyAvailable="false"),
        ),
    )
    * 2,
    # alertlogic/al-cloudformation-templates: the template before its change, and after, with the option turned on
    "alertlogic-11-before": (BEFORE, BEFORE),
    "alertlogic-11-after": (AFTER, AFTER),
}
