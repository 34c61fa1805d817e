"""What the resource schemas leave out, each row with the page of AWS's documentation that it is from. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from ..stores import HOLDS_DATA

REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"
_GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide"
_RDS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.Settings.html"
_RDS_CLUSTER = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Modifying.html"
_RDS_MULTI_AZ = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/modify-multi-az-db-cluster.html"
_RESIZE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-resize.html"
_VPN = "https://docs.aws.amazon.com/vpn/latest/s2svpn/endpoint-replacements.html"
_BROKER = "https://docs.aws.amazon.com/amazon-mq/latest/developer-guide/maintaining-brokers.html"
_CACHE_VERSIONS = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.html"
_DOCDB = "https://docs.aws.amazon.com/documentdb/latest/developerguide/docdb-mvu.html"
_REDSHIFT_RESIZE = "https://docs.aws.amazon.com/redshift/latest/mgmt/managing-cluster-operations.html"
_UPDATE_POLICY = f"{REFERENCE}/aws-attribute-updatepolicy.html"
_INDEXES = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.html"
_LOCAL_INDEXES = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LSI.html"
_OBJECT_LOCK = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html"
_RDS_STORAGE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.ModifyingExisting.ScalingUp.html"
_RDS_UPGRADE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.MySQL.html"
_NEPTUNE = "https://docs.aws.amazon.com/neptune/latest/userguide/engine-maintenance-management.html"
_VOLUME = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVolume.html"
_LOG_GROUP = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html"
_PUT_PARAMETER = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"
_VPC_ORIGIN = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html"
_CUSTOM = f"{_GUIDE}/crpg-ref-requesttypes-update.html"
_ALIAS_ROUTING = "https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html"
_ROLLING = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html"
_WEIGHTS = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html"
_MODIFY_LISTENER = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyListener.html"
_TARGETS_HEALTH = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"
_RULES = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html"
_RDS_PARAMETERS = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithDBInstanceParamGroups.html"
_SHIFTS = "https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html"

# Types that hold data besides those of which E9010 demands retention: found in templates that are not ours.
ALSO_HOLD_DATA = {
    "AWS::APS::Workspace",
    "AWS::Backup::LogicallyAirGappedBackupVault",
    "AWS::Cassandra::Keyspace",
    "AWS::Cassandra::Table",
    "AWS::CloudTrail::EventDataStore",
    "AWS::CodeArtifact::Repository",
    "AWS::CodeCommit::Repository",
    "AWS::DSQL::Cluster",
    "AWS::DirectoryService::MicrosoftAD",
    "AWS::DirectoryService::SimpleAD",
    "AWS::DocDBElastic::Cluster",
    "AWS::ECR::PublicRepository",
    "AWS::ECR::Repository",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::Elasticsearch::Domain",
    "AWS::FSx::Snapshot",
    "AWS::FSx::Volume",
    "AWS::HealthImaging::Datastore",
    "AWS::HealthLake::FHIRDatastore",
    "AWS::Lightsail::Bucket",
    "AWS::Lightsail::Database",
    "AWS::Lightsail::Disk",
    "AWS::Lightsail::Instance",
    "AWS::MSK::Cluster",
    "AWS::MSK::ServerlessCluster",
    "AWS::MemoryDB::Cluster",
    "AWS::NeptuneGraph::Graph",
    "AWS::Omics::ReferenceStore",
    "AWS::Omics::SequenceStore",
    "AWS::OpenSearchServerless::Collection",
    "AWS::QLDB::Ledger",
    "AWS::RedshiftServerless::Namespace",
    "AWS::S3Express::DirectoryBucket",
    "AWS::S3Outposts::Bucket",
    "AWS::S3Tables::Table",
    "AWS::S3Tables::TableBucket",
    "AWS::S3Vectors::Index",
    "AWS::S3Vectors::VectorBucket",
    "AWS::SDB::Domain",
    "AWS::Timestream::InfluxDBCluster",
    "AWS::Timestream::InfluxDBInstance",
    "AWS::Timestream::Table",
    "AWS::WorkSpaces::Workspace",
}
# Of these a template says by itself whether they hold data: they do when one of the properties is there. Without
# snapshots a cache holds copies.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/backups.html
HOLDS_DATA_WITH = {
    "AWS::ElastiCache::ServerlessCache": (
        "DailySnapshotTime",
        "FinalSnapshotName",
        "SnapshotArnsToRestore",
        "SnapshotRetentionLimit",
    ),
}
# Types that CloudFormation takes a snapshot of when it is told to, also those that hold nothing for long.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
SNAPSHOTS = {kind for kind, can in HOLDS_DATA.items() if can} | {"AWS::ElastiCache::CacheCluster"}

# Words of `facts.Update`.
_INTERRUPTS, _MAY, _REPLACES, _FAILS, _UNKNOWN, _IN_PLACE = (
    "some interruption",
    "may replace",
    "replacement",
    "not allowed",
    "unknown",
    "no interruption",
)

Row = tuple[str, str] | tuple[str, str, str]
_STOPS = "stops and starts an instance whose root volume is on EBS, and replaces one whose root volume is its own"
_RESTARTS = "the database restarts, or fails over to its standby"
_SETTLED = "is settled when the resource is made; the update fails"
_OPTIONAL_REPLACEMENT = "is replaced, unless its update policy says otherwise"
_MOVES_INSTANCES = "running instances stay as they are, unless the update policy of the group replaces them"
_DISPUTED = "AWS's guide of 2023 calls for a replacement, the schema of today says nothing of it"
_GUIDE_INTERRUPTS = "interrupts, says AWS's guide; the schema says nothing of it"
_GUIDE_SAYS = "can't be changed in place; the schema says nothing of it"
_ANOTHER_VERSION = "another version is published"
_NEW_TASKS = (
    "a rolling deployment: new tasks are started, and old ones stopped when those are healthy; no data is touched"
)
_OTHER_DOOR = "who asks by the port or the protocol of before is not answered, until it asks as it has to from then on"
_NEW_TARGETS = (
    "is replaced: nobody is answered until targets of the new one are healthy, and the old one stays for as long as a "
    "listener of another stack refers to it"
)
_OTHER_WAY = "requests go where the new actions say from then on; those under way are answered; nothing is made anew"

# What an update of a property does: type -> property -> an update in a word, a clause, and a page if it is not the
# type's own. `A/B` is B in A, also in each item of A; `*` is any property.
UPDATES: dict[str, dict[str, Row]] = {
    "AWS::AmazonMQ::Broker": {
        "Configuration": (_INTERRUPTS, "the broker reboots"),
        "EngineVersion": (_INTERRUPTS, "the broker reboots", _BROKER),
        "HostInstanceType": (_INTERRUPTS, "the broker reboots"),
    },
    "AWS::AppSync::GraphQLSchema": {"ApiId": (_REPLACES, _GUIDE_SAYS)},
    "AWS::AuditManager::Assessment": {"Scope/AwsAccounts": (_INTERRUPTS, _GUIDE_INTERRUPTS)},
    # The schema calls these conditional: the condition is the group's update policy.
    "AWS::AutoScaling::AutoScalingGroup": {
        "LaunchConfigurationName": (_IN_PLACE, _MOVES_INSTANCES, _UPDATE_POLICY),
        "LaunchTemplate": (_IN_PLACE, _MOVES_INSTANCES, _UPDATE_POLICY),
        "MixedInstancesPolicy": (_IN_PLACE, _MOVES_INSTANCES, _UPDATE_POLICY),
        "MixedInstancesPolicy/InstancesDistribution/OnDemandBaseCapacity": (
            _INTERRUPTS,
            "instances are replaced gradually, new ones first",
            f"{REFERENCE}/aws-properties-autoscaling-autoscalinggroup-instancesdistribution.html",
        ),
        "MixedInstancesPolicy/InstancesDistribution/OnDemandPercentageAboveBaseCapacity": (
            _INTERRUPTS,
            "instances are replaced gradually, new ones first",
            f"{REFERENCE}/aws-properties-autoscaling-autoscalinggroup-instancesdistribution.html",
        ),
        "VPCZoneIdentifier": (_INTERRUPTS, "the group stays, its instances are replaced by new ones in the subnets"),
    },
    "AWS::Cassandra::Table": {"RegularColumns": (_INTERRUPTS, _GUIDE_INTERRUPTS)},
    "AWS::CertificateManager::Certificate": {"ValidationMethod": (_MAY, _DISPUTED)},
    "AWS::CloudFormation::CustomResource": {
        "*": (_UNKNOWN, "its provider is called, and may replace it", _CUSTOM),
        "ServiceToken": (_FAILS, "can't be changed"),
    },
    "AWS::CloudFormation::Stack": {
        "*": (_IN_PLACE, "the nested stack is never replaced; what is in it changes as its template says"),
    },
    "AWS::CloudFront::VpcOrigin": {
        "*": (_FAILS, "is refused while a distribution uses it; move that to another one", _VPC_ORIGIN),
    },
    "AWS::CodeCommit::Repository": {"Triggers": (_INTERRUPTS, _GUIDE_INTERRUPTS)},
    "AWS::CodeDeploy::DeploymentGroup": dict.fromkeys(
        ("AlarmConfiguration", "AutoRollbackConfiguration", "DeploymentConfigName"),
        (_IN_PLACE, "the next shift goes by it; one that is under way goes on as it was", _SHIFTS),
    ),
    "AWS::CodeStar::GitHubRepository": {"*": (_FAILS, "updates are not supported")},
    "AWS::Cognito::UserPool": {
        "AliasAttributes": (_FAILS, _SETTLED),
        "Schema": (_UNKNOWN, "attributes can be added; none can be changed or taken away"),
        "UsernameAttributes": (_FAILS, _SETTLED),
        "UsernameConfiguration": (_FAILS, _SETTLED),
    },
    "AWS::Connect::TrafficDistributionGroup": {"InstanceArn": (_MAY, _DISPUTED)},
    "AWS::Connect::ViewVersion": {"VersionDescription": (_MAY, _DISPUTED)},
    "AWS::DAX::Cluster": dict.fromkeys(
        ("ClusterName", "IAMRoleARN", "SubnetGroupName"),
        (_REPLACES, "can't be changed in place; AWS's guide of 2023 says that updates are not supported at all"),
    ),
    "AWS::DocDB::DBCluster": {
        "EngineVersion": (_INTERRUPTS, "the cluster is down while it is upgraded in place", _DOCDB)
    },
    "AWS::DocDB::DBInstance": {"DBInstanceClass": (_INTERRUPTS, "the instance restarts on other hardware")},
    "AWS::DynamoDB::GlobalTable": {
        "AttributeDefinitions": (_UNKNOWN, "attributes come and go with the indexes; to edit one replaces the table"),
        "GlobalSecondaryIndexes": (_UNKNOWN, "an index can come or go, one with each update", _INDEXES),
        "KeySchema": (_REPLACES, "the keys of a table can't be changed"),
        "LocalSecondaryIndexes": (_REPLACES, "local indexes are made with their table", _LOCAL_INDEXES),
        "Replicas/GlobalSecondaryIndexes/IndexName": (_MAY, _DISPUTED),
    },
    "AWS::DynamoDB::Table": {
        "AttributeDefinitions": (_UNKNOWN, "attributes come and go with the indexes; to edit one replaces the table"),
        "GlobalSecondaryIndexes": (_UNKNOWN, "an index can come or go, one with each update", _INDEXES),
        "KeySchema": (_REPLACES, "the keys of a table can't be changed"),
        "LocalSecondaryIndexes": (_FAILS, "local indexes are made with their table", _LOCAL_INDEXES),
        "SSESpecification": (_INTERRUPTS, _GUIDE_INTERRUPTS),
    },
    "AWS::EC2::EIP": {
        "Domain": (_MAY, _DISPUTED),
        "InstanceId": (_INTERRUPTS, "the address moves from one instance to the other"),
        "PublicIpv4Pool": (_INTERRUPTS, "the address may be let go of for a moment"),
    },
    "AWS::EC2::Instance": {
        name: (_MAY, _STOPS, _RESIZE if name == "InstanceType" else f"{REFERENCE}/aws-resource-ec2-instance.html")
        for name in ("EbsOptimized", "InstanceType", "KernelId", "RamdiskId", "UserData")
    },
    "AWS::EC2::LaunchTemplate": {
        "LaunchTemplateData": (_IN_PLACE, "a new version; the ones before stay as they are"),
    },
    "AWS::EC2::SecurityGroup": {
        "SecurityGroupEgress": (_INTERRUPTS, "for a moment nothing connects through it"),
        "SecurityGroupIngress": (_INTERRUPTS, "for a moment nothing connects through it"),
    },
    "AWS::EC2::TrafficMirrorSession": {"NetworkInterfaceId": (_MAY, _DISPUTED)},
    "AWS::EC2::VPCPeeringConnection": {"PeerRoleArn": (_MAY, _DISPUTED)},
    "AWS::EC2::VPNConnection": {
        "CustomerGatewayId": (_INTERRUPTS, "the connection is down while endpoints are made anew", _VPN),
        "TransitGatewayId": (_INTERRUPTS, "the connection is down while endpoints are made anew", _VPN),
        "VpnGatewayId": (_INTERRUPTS, "the connection is down while endpoints are made anew", _VPN),
        "VpnTunnelOptionsSpecifications": (_INTERRUPTS, "the tunnel is down for some minutes", _VPN),
    },
    "AWS::EC2::Volume": {
        **dict.fromkeys(("AvailabilityZone", "Encrypted", "KmsKeyId", "SnapshotId"), (_FAILS, _SETTLED)),
    },
    "AWS::ECS::Service": {
        **dict.fromkeys(
            ("ForceNewDeployment", "LoadBalancers", "NetworkConfiguration", "PlatformVersion", "TaskDefinition"),
            (_IN_PLACE, _NEW_TASKS, _ROLLING),
        ),
        "DesiredCount": (_IN_PLACE, "so many tasks run from then on, until scaling changes that", _ROLLING),
    },
    "AWS::ECS::TaskDefinition": dict.fromkeys(
        ("ContainerDefinitions", "Cpu", "ExecutionRoleArn", "Memory", "RuntimePlatform", "TaskRoleArn"),
        (_REPLACES, "another revision of the task definition, which the services that name it deploy"),
    ),
    "AWS::EMR::Cluster": {
        "Instances": (_INTERRUPTS, "groups of task nodes change while the cluster runs"),
        **{
            f"Instances/{name}": (_REPLACES, _GUIDE_SAYS)
            for name in (
                "AdditionalMasterSecurityGroups",
                "AdditionalSlaveSecurityGroups",
                "CoreInstanceFleet",
                "CoreInstanceGroup",
                "Ec2KeyName",
                "Ec2SubnetId",
                "Ec2SubnetIds",
                "EmrManagedMasterSecurityGroup",
                "EmrManagedSlaveSecurityGroup",
                "HadoopVersion",
                "KeepJobFlowAliveWhenNoSteps",
                "MasterInstanceFleet",
                "MasterInstanceGroup",
                "Placement",
                "ServiceAccessSecurityGroup",
            )
        },
        "Instances/TaskInstanceFleets": (_MAY, "what its fleets are made of can't be changed in place"),
        "Instances/TaskInstanceGroups": (_MAY, "what its groups are made of can't be changed in place"),
    },
    "AWS::ElastiCache::CacheCluster": {
        "AZMode": (_INTERRUPTS, "nodes are moved between zones, and start empty"),
        "CacheNodeType": (_UNKNOWN, "can't be changed of a Memcached cluster: give that another logical id"),
        "EngineVersion": (_INTERRUPTS, "nodes restart; a Memcached cluster starts empty", _CACHE_VERSIONS),
        "NumCacheNodes": (_MAY, "is replaced when no zones are named, else nodes come and go"),
        "PreferredAvailabilityZone": (_INTERRUPTS, "nodes are moved between zones, and start empty"),
    },
    "AWS::ElastiCache::ReplicationGroup": {
        "EngineVersion": (_INTERRUPTS, "nodes are replaced; connections are lost for a moment", _CACHE_VERSIONS),
        "NodeGroupConfiguration": (_MAY, _OPTIONAL_REPLACEMENT + " (UseOnlineResharding)", _UPDATE_POLICY),
        "NumNodeGroups": (_MAY, _OPTIONAL_REPLACEMENT + " (UseOnlineResharding)", _UPDATE_POLICY),
    },
    "AWS::ElasticLoadBalancing::LoadBalancer": {
        "Listeners": (_INTERRUPTS, "the listener is made anew"),
    },
    "AWS::ElasticLoadBalancingV2::Listener": {
        "Certificates": (_INTERRUPTS, "an HTTPS listener is interrupted for a moment, a TLS listener is not"),
        "DefaultActions": (_IN_PLACE, _OTHER_WAY, _WEIGHTS),
        **dict.fromkeys(("Port", "Protocol"), (_INTERRUPTS, _OTHER_DOOR, _MODIFY_LISTENER)),
        "SslPolicy": (_INTERRUPTS, "under much traffic connections may be lost"),
    },
    "AWS::ElasticLoadBalancingV2::ListenerRule": {"Actions": (_IN_PLACE, _OTHER_WAY, _RULES)},
    "AWS::ElasticLoadBalancingV2::TargetGroup": dict.fromkeys(
        ("IpAddressType", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId"),
        (_REPLACES, _NEW_TARGETS, _TARGETS_HEALTH),
    ),
    "AWS::Elasticsearch::Domain": {
        "AdvancedSecurityOptions": (_INTERRUPTS, "the domain is deployed anew, its data is copied"),
        "AdvancedSecurityOptions/Enabled": (_REPLACES, _GUIDE_SAYS),
        "ElasticsearchVersion": (_MAY, _OPTIONAL_REPLACEMENT + " (EnableVersionUpgrade)", _UPDATE_POLICY),
        "EncryptionAtRestOptions": (_INTERRUPTS, "the domain is deployed anew, its data is copied"),
        "EncryptionAtRestOptions/KmsKeyId": (_REPLACES, _GUIDE_SAYS),
        "NodeToNodeEncryptionOptions": (_INTERRUPTS, "the domain is deployed anew, its data is copied"),
    },
    "AWS::Events::EventBus": {"EventSourceName": (_MAY, _DISPUTED)},
    "AWS::FSx::FileSystem": {
        "FileSystemTypeVersion": (_MAY, _DISPUTED),
        **dict.fromkeys(
            (
                "LustreConfiguration/CopyTagsToBackups",
                "LustreConfiguration/DeploymentType",
                "LustreConfiguration/DriveCacheType",
                "LustreConfiguration/ExportPath",
                "LustreConfiguration/ImportedFileChunkSize",
                "LustreConfiguration/ImportPath",
                "LustreConfiguration/PerUnitStorageThroughput",
                "OntapConfiguration/DeploymentType",
                "OntapConfiguration/EndpointIpAddressRange",
                "OntapConfiguration/PreferredSubnetId",
                "OpenZFSConfiguration/DeploymentType",
                "OpenZFSConfiguration/EndpointIpAddressRange",
                "OpenZFSConfiguration/PreferredSubnetId",
                "OpenZFSConfiguration/RootVolumeConfiguration",
                "WindowsConfiguration/ActiveDirectoryId",
                "WindowsConfiguration/CopyTagsToBackups",
                "WindowsConfiguration/DeploymentType",
                "WindowsConfiguration/PreferredSubnetId",
                "WindowsConfiguration/SelfManagedActiveDirectoryConfiguration/DomainName",
                "WindowsConfiguration/SelfManagedActiveDirectoryConfiguration/FileSystemAdministratorsGroup",
                "WindowsConfiguration/SelfManagedActiveDirectoryConfiguration/OrganizationalUnitDistinguishedName",
            ),
            (_REPLACES, _GUIDE_SAYS),
        ),
    },
    "AWS::GameLift::GameServerGroup": {"VpcSubnets": (_FAILS, _SETTLED)},
    "AWS::Glue::Database": {"CatalogId": (_MAY, _DISPUTED), "DatabaseInput/Name": (_MAY, _DISPUTED)},
    "AWS::GuardDuty::Member": {"Email": (_MAY, _DISPUTED)},
    "AWS::IoT::ThingType": {
        "ThingTypeProperties/SearchableAttributes": (_MAY, _DISPUTED),
        "ThingTypeProperties/ThingTypeDescription": (_MAY, _DISPUTED),
    },
    "AWS::IoTAnalytics::Datastore": {
        "DatastoreStorage/CustomerManagedS3": (_FAILS, _SETTLED),
        "DatastoreStorage/ServiceManagedS3": (_FAILS, _SETTLED),
        "FileFormatConfiguration": (_FAILS, _SETTLED),
    },
    "AWS::KMS::Key": dict.fromkeys(("KeySpec", "KeyUsage", "MultiRegion", "Origin"), (_FAILS, _SETTLED)),
    "AWS::KinesisAnalytics::ApplicationOutput": {"Output/Name": (_REPLACES, _GUIDE_SAYS)},
    "AWS::KinesisAnalyticsV2::ApplicationOutput": {"Output/Name": (_REPLACES, _GUIDE_SAYS)},
    "AWS::KinesisAnalyticsV2::ApplicationReferenceDataSource": {
        "ReferenceDataSource/TableName": (_REPLACES, _GUIDE_SAYS)
    },
    "AWS::Lambda::Alias": {
        "FunctionVersion": (
            _IN_PLACE,
            "requests move to the other version: at once, or as the update policy says; nothing is made anew",
            _UPDATE_POLICY,
        ),
        "RoutingConfig": (
            _IN_PLACE,
            "another share of requests goes to the second version; nothing is made anew",
            _ALIAS_ROUTING,
        ),
    },
    "AWS::Lambda::EventSourceMapping": {
        "AmazonManagedKafkaEventSourceConfig/ConsumerGroupId": (_FAILS, _SETTLED),
        "SelfManagedKafkaEventSourceConfig/ConsumerGroupId": (_FAILS, _SETTLED),
    },
    "AWS::Lambda::Version": {"Description": (_REPLACES, _ANOTHER_VERSION)},
    "AWS::Lightsail::Container": {"ContainerServiceDeployment": (_INTERRUPTS, _GUIDE_INTERRUPTS)},
    "AWS::Lightsail::Instance": {
        "Hardware": (_INTERRUPTS, "the instance restarts"),
        **dict.fromkeys(
            ("Hardware/CpuCount", "Hardware/RamSizeInGb", "Location", "Networking/MonthlyTransfer", "State"),
            (_FAILS, "is told by the service, and can't be set"),
        ),
    },
    "AWS::Lightsail::Database": {"BackupRetention": (_INTERRUPTS, _GUIDE_INTERRUPTS)},
    "AWS::LakeFormation::Resource": {"UseServiceLinkedRole": (_INTERRUPTS, _GUIDE_INTERRUPTS)},
    "AWS::Logs::LogGroup": {"LogGroupClass": (_FAILS, _SETTLED, _LOG_GROUP)},
    "AWS::MWAA::Environment": dict.fromkeys(
        (
            "AirflowConfigurationOptions",
            "AirflowVersion",
            "DagS3Path",
            "EnvironmentClass",
            "ExecutionRoleArn",
            "LoggingConfiguration",
            "MaxWorkers",
            "MinWorkers",
            "NetworkConfiguration",
            "PluginsS3ObjectVersion",
            "PluginsS3Path",
            "RequirementsS3ObjectVersion",
            "RequirementsS3Path",
            "Schedulers",
            "SourceBucketArn",
            "StartupScriptS3ObjectVersion",
            "StartupScriptS3Path",
            "Tags",
            "WebserverAccessMode",
            "WeeklyMaintenanceWindowStart",
        ),
        (_INTERRUPTS, "the environment is unavailable while it is updated"),
    ),
    "AWS::MediaLive::Channel": {"InputAttachments/InputId": (_REPLACES, _GUIDE_SAYS)},
    "AWS::MediaStore::Container": {"CorsPolicy/AllowedMethods": (_REPLACES, _GUIDE_SAYS)},
    "AWS::Neptune::DBCluster": {
        "BackupRetentionPeriod": (_INTERRUPTS, "may interrupt the cluster"),
        "DBClusterParameterGroupName": (_INTERRUPTS, "instances may restart"),
        "EngineVersion": (_INTERRUPTS, "all instances restart", _NEPTUNE),
        "PreferredBackupWindow": (_INTERRUPTS, "may interrupt the cluster"),
    },
    "AWS::Neptune::DBClusterParameterGroup": {"Parameters": (_INTERRUPTS, "instances may restart")},
    "AWS::Neptune::DBInstance": {"DBInstanceClass": (_INTERRUPTS, "the instance restarts on other hardware")},
    "AWS::Neptune::DBParameterGroup": {"Parameters": (_INTERRUPTS, "instances restart without failing over")},
    "AWS::OpenSearchService::Domain": {
        "DomainEndpointOptions/EnforceHTTPS": (_INTERRUPTS, "the domain is deployed anew, its data is copied"),
        "EngineVersion": (_MAY, _OPTIONAL_REPLACEMENT + " (EnableVersionUpgrade)", _UPDATE_POLICY),
        "VPCOptions": (_MAY, "is replaced when the options are taken away as a whole, else interrupted"),
    },
    "AWS::Organizations::Account": {
        "AccountName": (_UNKNOWN, "not supported, says AWS's guide of 2023; the schema of today does not say so"),
        "Email": (_UNKNOWN, "not supported, says AWS's guide of 2023; the schema of today does not say so"),
        "RoleName": (_FAILS, _SETTLED),
    },
    "AWS::PricingPlanManager::Subscription": {"PlanTier": (_FAILS, "another tier is refused")},
    "AWS::RDS::DBCluster": {
        "DBClusterParameterGroupName": (_INTERRUPTS, "instances may restart"),
        "EngineVersion": (_INTERRUPTS, "all instances restart", _RDS_CLUSTER),
        "DBClusterInstanceClass": (_INTERRUPTS, _RESTARTS, _RDS_MULTI_AZ),
    },
    # The schema calls several of these conditional: what depends on a condition is whether they interrupt.
    "AWS::RDS::DBInstance": {
        "AllocatedStorage": (_IN_PLACE, "storage grows while the database runs; to shrink is refused", _RDS),
        "AutoMinorVersionUpgrade": (_INTERRUPTS, "a waiting upgrade may begin", _RDS),
        "BackupRetentionPeriod": (_INTERRUPTS, "interrupts when backups are turned on or off (0)", _RDS),
        "CACertificateIdentifier": (_INTERRUPTS, "the database restarts"),
        "DBInstanceClass": (_INTERRUPTS, _RESTARTS, _RDS),
        "DBParameterGroupName": (_INTERRUPTS, "the database restarts where static parameters differ"),
        "EngineVersion": (_INTERRUPTS, _RESTARTS, _RDS),
        "Iops": (_IN_PLACE, "applied while the database runs, more slowly for some hours", _RDS_STORAGE),
        "LicenseModel": (_MAY, "is replaced when DBSecurityGroups are given; else interrupted"),
        "MultiAZ": (_INTERRUPTS, "latency rises while the standby is made; AWS's guide calls for some interruption"),
        "Port": (_INTERRUPTS, "the database restarts", _RDS),
        "PreferredMaintenanceWindow": (_INTERRUPTS, "waiting actions begin when the window is now", _RDS),
        "StorageThroughput": (_IN_PLACE, "applied while the database runs, more slowly for some hours", _RDS_STORAGE),
        "StorageType": (_INTERRUPTS, "interrupts on the way to and from magnetic storage", _RDS),
    },
    "AWS::RDS::DBParameterGroup": {
        "Parameters": (
            _IN_PLACE,
            "dynamic parameters apply at once, static ones when the database restarts next",
            _RDS_PARAMETERS,
        ),
    },
    "AWS::RDS::DBSecurityGroup": {
        f"DBSecurityGroupIngress/EC2SecurityGroup{name}": (_REPLACES, _GUIDE_SAYS) for name in ("Id", "Name", "OwnerId")
    },
    "AWS::Redshift::Cluster": {
        "ClusterType": (_INTERRUPTS, "the cluster is resized; running queries may be lost", _REDSHIFT_RESIZE),
        "NodeType": (_INTERRUPTS, "the cluster is resized; running queries may be lost", _REDSHIFT_RESIZE),
        "NumberOfNodes": (_INTERRUPTS, "the cluster is resized; running queries may be lost", _REDSHIFT_RESIZE),
    },
    "AWS::Route53::RecordSet": {"Name": (_REPLACES, "a record of another name is another record")},
    "AWS::S3::Bucket": {"ObjectLockEnabled": (_IN_PLACE, "can be turned on, and never off again", _OBJECT_LOCK)},
    "AWS::SSM::Document": dict.fromkeys(
        ("Attachments", "Content", "DocumentFormat", "Requires", "TargetType", "VersionName"),
        (_MAY, "is replaced, unless UpdateMethod is NewVersion"),
    ),
    "AWS::SSM::Parameter": {
        "Type": (_FAILS, "the type of a parameter can't be changed; make one of another name", _PUT_PARAMETER),
    },
    "AWS::SageMaker::Domain": dict.fromkeys(
        (
            "DefaultSpaceSettings/JupyterServerAppSettings/DefaultResourceSpec",
            "DefaultSpaceSettings/KernelGatewayAppSettings/DefaultResourceSpec",
            "DefaultUserSettings/JupyterServerAppSettings/DefaultResourceSpec",
            "DefaultUserSettings/KernelGatewayAppSettings/DefaultResourceSpec",
            "DefaultUserSettings/RSessionAppSettings/DefaultResourceSpec",
        ),
        (_INTERRUPTS, _GUIDE_INTERRUPTS),
    ),
    "AWS::SageMaker::ModelPackage": dict.fromkeys(
        ("AdditionalInferenceSpecifications/Containers", "AdditionalInferenceSpecificationsToAdd/Containers"),
        (_INTERRUPTS, _GUIDE_INTERRUPTS),
    ),
    "AWS::SageMaker::NotebookInstance": {
        "InstanceType": (_INTERRUPTS, "the notebook is stopped and started"),
        "VolumeSizeInGB": (_INTERRUPTS, "the notebook is stopped and started"),
    },
    "AWS::SageMaker::Workteam": {"MemberDefinitions/CognitoMemberDefinition/CognitoUserPool": (_MAY, _DISPUTED)},
    "AWS::SecretsManager::Secret": {
        "GenerateSecretString": (
            _INTERRUPTS,
            "another value is made; a database that was given the old one keeps that",
        ),
    },
    "AWS::ServiceCatalog::PortfolioShare": {"AcceptLanguage": (_MAY, _DISPUTED)},
    "AWS::ServiceDiscovery::Service": {
        "DnsConfig/DnsRecords/Type": (_FAILS, "the type of a record can't be changed; make another service"),
        "DnsConfig/NamespaceId": (_MAY, _DISPUTED),
        "HealthCheckConfig/Type": (_FAILS, _SETTLED),
    },
    "AWS::Timestream::ScheduledQuery": {"ClientToken": (_MAY, _DISPUTED)},
    "AWS::Timestream::Table": {"Schema/CompositePartitionKey": (_FAILS, _SETTLED)},
    "AWS::Transfer::Server": {"ProtocolDetails/PassiveIp": (_INTERRUPTS, "works after the server is restarted")},
    "AWS::VerifiedPermissions::Policy": {
        f"Definition/TemplateLinked/{name}": (_FAILS, _SETTLED)
        for name in ("PolicyTemplateId", "Principal", "Resource")
    },
    "AWS::WAFv2::RuleGroup": {"Capacity": (_FAILS, _SETTLED)},
    "AWS::WorkSpacesWeb::UserSettings": {
        "AdditionalEncryptionContext": (_MAY, _DISPUTED),
        "CustomerManagedKey": (_MAY, _DISPUTED),
    },
}


@dataclass(frozen=True)
class Named:
    """A list whose items have names: which may come, go or change, and how many with one update.

    `fixed` are the properties of an item that can't be changed while it keeps its name (none given: all of them, or
    with `free` none), and `otherwise` what happens when one is, in a word. `leaving` is what goes with an item that is
    taken away, in words: that interrupts those who use it.
    """

    name: str
    page: str
    fixed: tuple[str, ...] = ()
    removable: bool = True
    at_once: int | None = None
    otherwise: str = _FAILS
    free: bool = False
    leaving: str = ""


_ATTRIBUTES = {
    kind: Named("AttributeName", f"{REFERENCE}/aws-resource-dynamodb-{kind}.html", otherwise=_REPLACES)
    for kind in ("globaltable", "table")
}
_ONE_INDEX = Named("IndexName", _INDEXES, ("KeySchema", "Projection"), at_once=1)
NAMED: dict[str, dict[str, Named]] = {
    "AWS::Cognito::UserPool": {
        "Schema": Named("Name", f"{REFERENCE}/aws-resource-cognito-userpool.html", removable=False)
    },
    "AWS::DynamoDB::GlobalTable": {
        "AttributeDefinitions": _ATTRIBUTES["globaltable"],
        "GlobalSecondaryIndexes": _ONE_INDEX,
        "Replicas": Named(
            "Region",
            f"{REFERENCE}/aws-resource-dynamodb-globaltable.html",
            at_once=1,
            free=True,
            leaving=", with the copy of the data that is there",
        ),
    },
    "AWS::DynamoDB::Table": {"AttributeDefinitions": _ATTRIBUTES["table"], "GlobalSecondaryIndexes": _ONE_INDEX},
}

# Switches that can be turned on in place, and never off again.
ONE_WAY: dict[str, dict[str, str]] = {
    "AWS::Cassandra::Keyspace": {"ClientSideTimestampsEnabled": f"{REFERENCE}/aws-resource-cassandra-keyspace.html"},
    "AWS::S3::Bucket": {"ObjectLockEnabled": _OBJECT_LOCK},
}

# Sizes that can grow in place, and never shrink.
GROWING: dict[str, dict[str, str]] = {
    "AWS::EC2::Volume": {"Size": _VOLUME},
    "AWS::RDS::DBInstance": {"AllocatedStorage": _RDS_STORAGE},
}


@dataclass(frozen=True)
class Switched:
    """In a property, what can't be changed while a switch beside it is on."""

    name: str
    switch: str
    page: str


FIXED_WHILE_ON: dict[str, dict[str, Switched]] = {
    f"AWS::DynamoDB::{kind}": {
        "TimeToLiveSpecification": Switched(
            "AttributeName",
            "Enabled",
            f"{REFERENCE}/aws-properties-dynamodb-{kind.lower()}-timetolivespecification.html",
        )
    }
    for kind in ("GlobalTable", "Table")
}


@dataclass(frozen=True)
class Versioned:
    """The pages that say that an engine never goes back, and that a major version must be allowed (empty: need not)."""

    downgrade: str
    major: str = ""


# Of a cluster, CloudFormation allows the major version by itself: the type has no property for it.
VERSIONED = {
    "AWS::RDS::DBCluster": Versioned(_RDS_UPGRADE),
    "AWS::RDS::DBInstance": Versioned(_RDS_UPGRADE, f"{REFERENCE}/aws-resource-rds-dbinstance.html"),
}

# What can be given in place where there was none; once it is there, it goes by the rows above and the schema.
ADDABLE: dict[str, dict[str, str]] = {
    "AWS::OpenSearchService::Domain": {
        "EncryptionAtRestOptions": (f"{REFERENCE}/aws-properties-opensearchservice-domain-encryptionatrestoptions.html")
    },
}

# The property that fixes the physical name, of types whose primary identifier is made by AWS, for instance an ARN.
# Only where AWS refuses a second one of the same name.
NAMES_PAGE = f"{REFERENCE}/aws-properties-name.html"
NAMES: dict[str, tuple[str, ...]] = {
    "AWS::ApiGateway::ApiKey": ("Name",),
    "AWS::Batch::JobQueue": ("JobQueueName",),
    "AWS::CodeBuild::Project": ("Name",),
    "AWS::DAX::Cluster": ("ClusterName",),
    "AWS::DocDB::DBCluster": ("DBClusterIdentifier",),
    "AWS::EC2::LaunchTemplate": ("LaunchTemplateName",),
    "AWS::EC2::SecurityGroup": ("GroupName",),
    "AWS::ECS::Service": ("ServiceName",),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Name",),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("Name",),
    "AWS::Elasticsearch::Domain": ("DomainName",),
    "AWS::Events::Rule": ("Name",),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName",),
    "AWS::MSK::Cluster": ("ClusterName",),
    "AWS::NetworkFirewall::Firewall": ("FirewallName",),
    "AWS::NetworkFirewall::FirewallPolicy": ("FirewallPolicyName",),
    "AWS::NetworkFirewall::RuleGroup": ("RuleGroupName",),
    "AWS::SNS::Topic": ("TopicName",),
    "AWS::SQS::Queue": ("QueueName",),
    "AWS::SageMaker::NotebookInstance": ("NotebookInstanceName",),
    "AWS::SecretsManager::Secret": ("Name",),
    "AWS::StepFunctions::Activity": ("Name",),
    "AWS::StepFunctions::StateMachine": ("StateMachineName",),
    **{f"AWS::WAFv2::{kind}": ("Name", "Scope") for kind in ("IPSet", "RegexPatternSet", "RuleGroup", "WebACL")},
}
# Where such a name is taken, of types that may have the same name elsewhere: another network, another bus.
NAMED_WITHIN: dict[str, tuple[str, ...]] = {
    "AWS::EC2::SecurityGroup": ("VpcId",),  # https://docs.aws.amazon.com/vpc/latest/userguide/security-groups.html
    "AWS::ECS::Service": (
        "Cluster",
    ),  # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
    "AWS::Events::Rule": (
        "EventBusName",
    ),  # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
}


@dataclass(frozen=True)
class Unique:
    """What only one resource of a type has at a time: these properties, if all are there.

    `within` is where it has it, and may be left out: in another subnet, another one may have the same. Of a list, each
    item counts; of items with properties, the first of `item` that is there.
    """

    properties: tuple[str, ...]
    page: str
    within: tuple[str, ...] = ()
    item: tuple[str, ...] = ()
    is_name: bool = False


_EC2_ERRORS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"
_BALANCERS = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference"
UNIQUE: dict[str, Unique] = {
    "AWS::ApiGateway::Resource": Unique(
        ("RestApiId", "ParentId", "PathPart"), f"{REFERENCE}/aws-resource-apigateway-resource.html"
    ),
    "AWS::CloudFront::Distribution": Unique(
        ("DistributionConfig/Aliases",),
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html",
    ),
    "AWS::EC2::Instance": Unique(
        ("PrivateIpAddress",), f"{REFERENCE}/aws-resource-ec2-instance.html", within=("SubnetId",)
    ),
    "AWS::EC2::NatGateway": Unique(
        ("AllocationId",), "https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html"
    ),
    "AWS::EC2::NetworkInterface": Unique(("PrivateIpAddress",), _EC2_ERRORS, within=("SubnetId",)),
    "AWS::EC2::Route": Unique(("RouteTableId", "DestinationCidrBlock"), _EC2_ERRORS),
    "AWS::EC2::Subnet": Unique(
        ("CidrBlock",), "https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html", within=("VpcId",)
    ),
    "AWS::EC2::VolumeAttachment": Unique(
        ("VolumeId",), "https://docs.aws.amazon.com/ebs/latest/userguide/ebs-attaching-volume.html"
    ),
    "AWS::ECS::Service": Unique(
        ("ServiceConnectConfiguration/Services",),
        f"{REFERENCE}/aws-resource-ecs-service.html",
        within=("ServiceConnectConfiguration/Namespace",),
        item=("DiscoveryName", "PortName"),
    ),
    "AWS::EFS::MountTarget": Unique(
        ("FileSystemId", "SubnetId"), "https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html"
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Unique(
        ("LoadBalancerArn", "Port"), f"{_BALANCERS}/API_CreateListener.html"
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": Unique(
        ("ListenerArn", "Priority"), f"{_BALANCERS}/API_CreateRule.html"
    ),
    "AWS::Lambda::Alias": Unique(
        ("FunctionName", "Name"), "https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html"
    ),
    "AWS::Lambda::EventSourceMapping": Unique(
        ("EventSourceArn", "FunctionName"),
        "https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html",
        within=("Queues", "Topics"),
    ),
    "AWS::Route53::RecordSet": Unique(
        ("Name", "Type"),
        "https://docs.aws.amazon.com/Route53/latest/APIReference/API_Change.html",
        within=("HostedZoneId", "HostedZoneName", "SetIdentifier"),
    ),
}
# What stays in its network: subnets of another one are refused.
IN_ONE_NETWORK: dict[str, str] = {
    "AWS::RDS::DBSubnetGroup": "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSubnetGroup.html",
}


@dataclass(frozen=True)
class Moving:
    """An attribute that moves with an update in place: with a change of the properties `by` (none: of any)."""

    page: str
    by: tuple[str, ...] = ()
    surely: bool = False


_SECRET = ("ManageMasterUserPassword", "MasterUserSecret")
_STOPPING = (
    "AdditionalInfo",
    "Affinity",
    "EbsOptimized",
    "InstanceType",
    "KernelId",
    "RamdiskId",
    "Tenancy",
    "UserData",
)
_STOP = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Stop_Start.html"
# Type -> pattern of the attribute, empty for `Ref`.
MOVING: dict[str, dict[str, Moving]] = {
    "AWS::Batch::JobDefinition": {"|JobDefinitionArn": Moving(f"{REFERENCE}/aws-resource-batch-jobdefinition.html")},
    "AWS::CloudFormation::CustomResource": {".*": Moving(_CUSTOM)},
    "AWS::CloudFormation::Stack": {r"Outputs\..*": Moving(f"{REFERENCE}/aws-resource-cloudformation-stack.html")},
    "AWS::DynamoDB::GlobalTable": {
        "StreamArn": Moving(f"{REFERENCE}/aws-resource-dynamodb-globaltable.html", ("StreamSpecification",), True)
    },
    "AWS::DynamoDB::Table": {
        "StreamArn": Moving(f"{REFERENCE}/aws-resource-dynamodb-table.html", ("StreamSpecification",), True)
    },
    # A stopped instance comes back with another public address, if it is stopped.
    "AWS::EC2::Instance": {"PublicIp|PublicDnsName": Moving(_STOP, _STOPPING)},
    "AWS::EC2::LaunchTemplate": {
        "LatestVersionNumber": Moving(
            f"{REFERENCE}/aws-resource-ec2-launchtemplate.html", ("LaunchTemplateData", "VersionDescription"), True
        ),
        "DefaultVersionNumber": Moving(f"{REFERENCE}/aws-resource-ec2-launchtemplate.html"),
    },
    "AWS::RDS::DBCluster": {
        r"MasterUserSecret\.SecretArn": Moving(f"{REFERENCE}/aws-resource-rds-dbcluster.html", _SECRET)
    },
    "AWS::RDS::DBInstance": {
        r"MasterUserSecret\.SecretArn": Moving(f"{REFERENCE}/aws-resource-rds-dbinstance.html", _SECRET)
    },
}

# Frozen copies and revisions: a change makes another one that takes the place of the one before, and that is how they
# are meant to be used.
RENEWED = {
    "AWS::ApiGateway::Deployment": f"{REFERENCE}/aws-resource-apigateway-deployment.html",
    "AWS::ApiGatewayV2::Deployment": f"{REFERENCE}/aws-resource-apigatewayv2-deployment.html",
    "AWS::AppConfig::Deployment": f"{REFERENCE}/aws-resource-appconfig-deployment.html",
    "AWS::AppConfig::HostedConfigurationVersion": f"{REFERENCE}/aws-resource-appconfig-hostedconfigurationversion.html",
    "AWS::ECS::TaskDefinition": f"{REFERENCE}/aws-resource-ecs-taskdefinition.html",
    "AWS::Lambda::LayerVersion": f"{REFERENCE}/aws-resource-lambda-layerversion.html",
    "AWS::Lambda::Version": f"{REFERENCE}/aws-resource-lambda-version.html",
    "AWS::StepFunctions::StateMachineVersion": f"{REFERENCE}/aws-resource-stepfunctions-statemachineversion.html",
}


def page_of(kind: str) -> str:
    """The page of a resource type in AWS's template reference."""
    parts = kind.lower().split("::")
    return f"{REFERENCE}/aws-resource-{'-'.join(parts[1:])}.html"
