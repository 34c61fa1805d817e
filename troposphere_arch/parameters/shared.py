"""The parameters that several scenarios have, or may have: names are public API."""

from __future__ import annotations

from .spec import ARN, EMAIL, NONE, Spec, switch

BUCKET_NAME_PREFIX = Spec(
    "BucketNamePrefix",
    "Bucket",
    "Prefix of the bucket's name",
    "The bucket is called by this prefix, a hyphen and its region, as publishing to several regions wants it; or none "
    "for a name that CloudFormation makes. Another prefix makes another bucket; the old one stays in the account.",
    NONE,
    pattern=r"none|[a-z0-9][a-z0-9-]{1,38}[a-z0-9]",
    constraint="BucketNamePrefix is none, or 3 to 40 lower-case letters, digits and hyphens.",
)
READERS = Spec(
    "Readers",
    "Bucket",
    "Who may read",
    "Who gets what is published: account is whoever has the right in this account; organization is also everybody in "
    "OrganizationId; public is the whole world. Nobody of these may list names. Reading from outside bills you.",
    "account",
    allowed=("account", "organization", "public"),
    constraint="Readers is account, organization or public.",
)
ORGANIZATION = Spec(
    "OrganizationId",
    "Bucket",
    "Organization of the readers",
    "Id of your AWS organization when Readers is organization, else none.",
    NONE,
    pattern=r"none|o-[a-z0-9]{10,32}",
    constraint="OrganizationId is none or the id of an organization such as o-a1b2c3d4e5.",
)
OBJECT_LOCK = Spec(
    "ObjectLockDays",
    "Bucket",
    "Days that objects are locked",
    "For so many days nobody without the right to bypass governance mode deletes or alters a version; 0 locks nothing. "
    "AWS never switches Object Lock off again for a bucket: 0 later on ends it for new objects only, and you may have "
    "to make a new bucket to be rid of it.",
    "0",
    "Number",
    minimum=0,
    maximum=36500,
    constraint="ObjectLockDays is a number of days from 0 (no lock) to 36500.",
)
OVERWRITE_PROTECTION = Spec(
    "OverwriteProtection",
    "Bucket",
    "Overwrite protection",
    "on makes S3 refuse to put anything over what is published, whoever asks and whatever else they may do; the index "
    "and the pointers change only for who has seen what is there. Copies and uploads in parts are refused as well. off "
    "is for emulators that do not know s3:if-none-match.",
    "on",
    allowed=("off", "on"),
    constraint="OverwriteProtection is on or off.",
)
GITHUB_REPOSITORY = Spec(
    "GitHubRepository",
    "GitHub Actions",
    "Repository that publishes",
    "GitHub repository whose workflows may publish here, such as owner/name, or none for no role. For a repository "
    "made or renamed since July 2026 with its numbers, as its tokens have them: owner@123456/name@456789.",
    NONE,
    pattern=r"none|{0}/{1}|{0}@[0-9]{{1,20}}/{1}@[0-9]{{1,20}}".format(
        r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}", r"[A-Za-z0-9._-]{1,100}"
    ),
    constraint="GitHubRepository is none, owner/name or owner@number/name@number: one repository, no * and no :.",
)
GITHUB_ENVIRONMENT = Spec(
    "GitHubEnvironment",
    "GitHub Actions",
    "Environment that publishes",
    "Only workflow runs in this environment of the repository may publish, which lets its rules ask for an approval; "
    "none lets runs for a pushed tag publish, of any name, and no other run.",
    NONE,
    pattern=r"none|[A-Za-z0-9][A-Za-z0-9_.-]{0,99}",
    constraint="GitHubEnvironment is none or a name of letters, digits, _, . and -.",
)
GITHUB_PROVIDER = Spec(
    "GitHubProviderArn",
    "GitHub Actions",
    "OIDC provider of GitHub",
    "ARN of the account's OIDC provider for GitHub Actions, or none to make it here. An account has only one, for all "
    "regions: with none the stack fails when there is one, and deleting this stack deletes the one it made.",
    NONE,
    pattern=r"none|arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\.actions\.githubusercontent\.com",
    constraint="GitHubProviderArn is none or the ARN of the provider token.actions.githubusercontent.com.",
)
OTHER_PUBLISHER = Spec(
    "OtherPublisherRoleArn",
    "GitHub Actions",
    "Role of another region",
    "ARN of the role that the stack in your first region made, so that one workflow run publishes here too; or none. "
    "It may put and read objects here, whichever account it is of: look at the number.",
    NONE,
    pattern=r"none|arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}",
    constraint="OtherPublisherRoleArn is none or the ARN of a role.",
)
CATALOGUE_URL = Spec(
    "CatalogueUrl",
    "Catalogue",
    "Address of the catalogue",
    "Where the templates are published: the address of the bucket, with the prefix if there is one, without a / at its "
    "end; the output CatalogueUrl of the stack artifact-bucket.",
    "",
    pattern=r"https://[a-z0-9][a-z0-9.-]{1,200}\.amazonaws\.com(\.cn)?(/[A-Za-z0-9][A-Za-z0-9._-]*)*",
    constraint="CatalogueUrl is such as https://BUCKET.s3.REGION.amazonaws.com/PREFIX, without a / at its end.",
)
CATALOGUE_OWNER = Spec(
    "CatalogueOwner",
    "Catalogue",
    "Who offers it",
    "Name that people see as the provider of the portfolio and the owner of each product.",
    "troposphere-arch",
    pattern=r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,49}",
    constraint="CatalogueOwner is 1 to 50 letters, digits, blanks and . _ -",
)
LAUNCHERS = Spec(
    "LauncherArn",
    "Catalogue",
    "Who may launch",
    "ARN of an IAM role or group that sees the portfolio and launches its products, or none: add them in the console.",
    NONE,
    pattern=r"none|arn:aws[a-z-]*:iam::[0-9]{12}:(role|group)/[\w+=,.@/-]{1,512}",
    constraint="LauncherArn is none or the ARN of an IAM role or group.",
)
APP_ORIGIN = Spec(
    "AppOrigin",
    "Web app",
    "Origin of the web app",
    "The one origin whose pages may call the API and the file bucket from a browser (CORS). Native apps need none.",
    "http://localhost:3000",
    # The value becomes an API Gateway stage variable, whose characters are limited; so * is not possible, nor wanted.
    pattern=r"[a-z][a-z0-9.-]*://[A-Za-z0-9.-]+(:[0-9]{1,5})?",
    constraint="AppOrigin is an origin such as https://app.example.com: scheme, host, perhaps a port; no path, no *.",
)
DOMAIN_NAME = Spec(
    "DomainName",
    "Web app",
    "Own domain name of the API",
    "A domain name such as api.example.com for the API, or none. Needs DomainCertificateArn.",
    NONE,
    pattern=r"none|([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}",
    constraint="DomainName is none or a lower-case domain name such as api.example.com.",
)
DOMAIN_CERTIFICATE = Spec(
    "DomainCertificateArn",
    "Web app",
    "Certificate of the domain name",
    "ARN of an ACM certificate of this region that covers DomainName, or none.",
    NONE,
    pattern=f"none|{ARN.format(service='acm')}",
    constraint="DomainCertificateArn is none or the ARN of an ACM certificate.",
)
HOSTED_ZONE = Spec(
    "HostedZoneId",
    "Web app",
    "Route 53 hosted zone",
    "Id of the Route 53 zone in which to point DomainName at the API, or none when you keep your DNS elsewhere.",
    NONE,
    pattern=r"none|Z[A-Z0-9]{1,31}",
    constraint="HostedZoneId is none or a Route 53 hosted zone id such as Z0123456789ABCDEFGHIJ.",
)
WEB_ACL = Spec(
    "WebAclArn",
    "Web app",
    "WAF web ACL",
    "ARN of a regional WAF web ACL to put before the API, or none. WAF bills from about 5 USD a month.",
    NONE,
    pattern=f"none|{ARN.format(service='wafv2')}",
    constraint="WebAclArn is none or the ARN of a regional WAFv2 web ACL.",
)
PRICE_CLASS = Spec(
    "PriceClass",
    "Address",
    "Edge locations",
    "Which of CloudFront's edge locations serve: PriceClass_All is every one; PriceClass_100 is North America, Europe "
    "and Israel, and bills the lowest price a GB; PriceClass_200 leaves out South America, Australia and New Zealand.",
    "PriceClass_All",
    allowed=("PriceClass_All", "PriceClass_200", "PriceClass_100"),
    constraint="PriceClass is PriceClass_All, PriceClass_200 or PriceClass_100.",
)
ORIGIN_KEY_ROTATION = Spec(
    "OriginKeyRotation",
    "Address",
    "Rotation of the origin key",
    "The API answers only requests with a key that CloudFront adds. Go from 1 to 2, 3, 4 and 1 again, a step an "
    "update: each makes a new key, and the one before stays valid until the next step.",
    "1",
    allowed=("1", "2", "3", "4"),
    constraint="OriginKeyRotation is 1, 2, 3 or 4: the number after the one that the stack has, and 1 after 4.",
)
THROTTLE_RATE = Spec(
    "ThrottleRate",
    "Limits",
    "Requests a second",
    "Steady requests a second that the API takes on each method, for all users together; above it callers get 429.",
    "50",
    "Number",
    minimum=1,
    maximum=10000,
    constraint="ThrottleRate is a number from 1 to 10000.",
)
THROTTLE_BURST = Spec(
    "ThrottleBurst",
    "Limits",
    "Burst of requests",
    "Requests on each method that may come at one moment above the steady rate.",
    "100",
    "Number",
    minimum=1,
    maximum=5000,
    constraint="ThrottleBurst is a number from 1 to 5000.",
)
RESERVED_CONCURRENCY = Spec(
    "ReservedConcurrency",
    "Limits",
    "Reserved concurrency",
    "Executions at once that are kept for each function, and its upper limit; 0 reserves nothing. New accounts often "
    "have too small a quota to reserve any.",
    "0",
    "Number",
    minimum=0,
    maximum=1000,
    constraint="ReservedConcurrency is a number from 0 (nothing reserved) to 1000.",
)
FUNCTION_MEMORY = Spec(
    "FunctionMemory",
    "Limits",
    "Memory of each function (MB)",
    "More memory is also more CPU. Lambda bills memory times duration.",
    "256",
    "Number",
    minimum=128,
    maximum=3008,
    constraint="FunctionMemory is a number of MB from 128 to 3008.",
)
MAIL_FROM = Spec(
    "MailFrom",
    "Mail to users",
    "Sender address",
    "Address that confirmation codes come from, or none for Cognito's own sender, which sends some 50 mails a day for "
    "the whole account: enough to try, not for production. Needs MailIdentity. While SES is in its sandbox only "
    "verified addresses get mail.",
    NONE,
    pattern=f"none|{EMAIL}",
    constraint="MailFrom is none or an e-mail address.",
)
MAIL_IDENTITY = Spec(
    "MailIdentity",
    "Mail to users",
    "Verified SES identity",
    "The domain or address, verified in SES in this region, that MailFrom belongs to; or none.",
    NONE,
    pattern=r"none|([^@\s]+@)?[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
    constraint="MailIdentity is none, a domain or an e-mail address verified in SES.",
)
FILE_STORAGE = switch(
    "FileStorage",
    "Data",
    "File storage for users",
    "on gives each signed-in user a private prefix in an S3 bucket. Switched off again, the bucket leaves the stack "
    "but stays in the account with all files; switched on once more, a new, empty bucket is made.",
)
OLD_FILE_VERSIONS = Spec(
    "OldFileVersionDays",
    "Data",
    "Days to keep old file versions",
    "Overwritten and deleted files can be brought back for so many days; then they are gone for good.",
    "30",
    "Number",
    minimum=1,
    maximum=3650,
    constraint="OldFileVersionDays is a number of days from 1 to 3650.",
)
DELETION_PROTECTION = switch(
    "DeletionProtection",
    "Data",
    "Deletion protection",
    "on makes AWS refuse to delete the table and the user pool, by hand as well. Deleting the stack keeps both anyway.",
)
KMS_KEY = Spec(
    "KmsKeyArn",
    "Data",
    "Own KMS key",
    "ARN of a customer managed KMS key of this account and region for the table and the files, or none: then the table "
    "uses a key that AWS owns and the files use S3 managed keys. KMS bills about 1 USD a month for each key. What "
    "caches keep is encrypted under keys of AWS's in any case.",
    NONE,
    pattern=r"none|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+",
    constraint="KmsKeyArn is none or the ARN of a KMS key (not of an alias).",
)
RESPONSE_CACHE = Spec(
    "ResponseCache",
    "Caches",
    "Response cache (GB)",
    "off, or the size in GB of a cache in which API Gateway keeps the answers to GET, apart for each user, path and "
    "query. 0.5 GB cost about 15 USD a month, 237 GB about 2800. Another size empties the cache for some minutes.",
    "off",
    allowed=("off", "0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"),
    constraint="ResponseCache is off or one of API Gateway's sizes: 0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237.",
)
RESPONSE_CACHE_SECONDS = Spec(
    "ResponseCacheSeconds",
    "Caches",
    "Seconds to keep a response",
    "So long an answer may be repeated: a change may take as long to show in what GET answers.",
    "30",
    "Number",
    minimum=1,
    maximum=3600,
    constraint="ResponseCacheSeconds is a number of seconds from 1 to 3600.",
)
READ_CACHE = Spec(
    "ReadCache",
    "Caches",
    "Read cache of the table",
    "dax puts a DynamoDB Accelerator cluster in front of the table, billed by node and hour, and the functions that "
    "use it into the network. Needs ArtifactBucket. DAX is not in every region.",
    NONE,
    allowed=(NONE, "dax"),
    constraint="ReadCache is none or dax.",
)
READ_CACHE_NODES = Spec(
    "ReadCacheNodes",
    "Caches",
    "Nodes of the read cache",
    "Nodes of the DAX cluster, over the zones of its subnets. AWS advises three or more; with one, requests fail "
    "while it restarts.",
    "3",
    "Number",
    minimum=1,
    maximum=11,
    constraint="ReadCacheNodes is a number of nodes from 1 to 11.",
)
READ_CACHE_NODE_TYPE = Spec(
    "ReadCacheNodeType",
    "Caches",
    "Node type of the read cache",
    "Each node costs about 29 USD a month as dax.t3.small and 186 as dax.r5.large (us-east-1). Another type replaces "
    "the cluster: the new one starts empty.",
    "dax.t3.small",
    pattern=r"dax\.[a-z][a-z0-9]*\.[a-z0-9]+",
    constraint="ReadCacheNodeType is a DAX node type such as dax.t3.small, dax.t3.medium or dax.r5.large.",
)
READ_CACHE_ITEM_SECONDS = Spec(
    "ReadCacheItemSeconds",
    "Caches",
    "Seconds to keep an item",
    "So long the read cache keeps an item. Changes through the API reach it, usually within a second; a change made on "
    "the table itself is seen after so many seconds.",
    "300",
    pattern="[1-9][0-9]{0,4}",  # no Number, which may have decimals
    constraint="ReadCacheItemSeconds is a whole number of seconds from 1 to 99999.",
)
READ_CACHE_LIST_SECONDS = Spec(
    "ReadCacheListSeconds",
    "Caches",
    "Seconds to keep a list",
    "So long the read cache keeps a page of a list. Changes do not reach it: a list may be so many seconds old.",
    "10",
    pattern="[1-9][0-9]{0,4}",
    constraint="ReadCacheListSeconds is a whole number of seconds from 1 to 99999.",
)
ARTIFACT_BUCKET = Spec(
    "ArtifactBucket",
    "Caches",
    "Bucket of the layers",
    "Bucket of this region that holds the layer with the DAX client (`python build.py package`), or none.",
    NONE,
    pattern=r"none|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    constraint="ArtifactBucket is none or the name of a bucket.",
)
VPC_ID = Spec(
    "VpcId",
    "Network",
    "Existing VPC",
    "Id of a VPC of yours for the read cache and the functions, or none for a VPC of the stack's own, which costs "
    "nothing. Needs SubnetIds. Before you change it, switch ReadCache off and wait half an hour.",
    NONE,
    pattern=r"none|vpc-[0-9a-f]{8,17}",
    constraint="VpcId is none or the id of a VPC such as vpc-0123456789abcdef0.",
)
SUBNETS = Spec(
    "SubnetIds",
    "Network",
    "Subnets of the existing VPC",
    "Ids of two to four private subnets of VpcId in different zones, of this account, separated by commas, or none. "
    "They need a way to DynamoDB: a gateway endpoint. Others replace the read cache: switch it off before.",
    NONE,
    pattern=r"none|subnet-[0-9a-f]{8,17}(,subnet-[0-9a-f]{8,17}){1,3}",
    constraint="SubnetIds is none or two to four ids of subnets, separated by commas without blanks.",
)
ZONES = Spec(
    "Zones",
    "Network",
    "Zones of the own VPC",
    "Two availability zones such as us-east-1b,us-east-1c, or none for the first two of the region. Name them when "
    "Lambda or DAX is not in one of these. From one pair to another go by none; before any change switch ReadCache "
    "off and wait half an hour.",
    NONE,
    pattern=r"none|[a-z]{2}[a-z0-9-]*[0-9][a-z0-9-]*,[a-z]{2}[a-z0-9-]*[0-9][a-z0-9-]*",
    constraint="Zones is none or two availability zones, separated by a comma without a blank.",
)
ALARM_TOPIC = Spec(
    "AlarmTopicArn",
    "Watching",
    "Topic for alarms",
    "ARN of an SNS topic that alarms are sent to, or none. The alarms exist in any case and bill about 0.10 USD a "
    "month each.",
    NONE,
    pattern=f"none|{ARN.format(service='sns')}",
    constraint="AlarmTopicArn is none or the ARN of an SNS topic.",
)
ACCESS_LOGS = switch(
    "AccessLogs",
    "Watching",
    "API access log",
    "on writes a line for each API request. It needs a role for API Gateway that is set once for the whole account and "
    "region (API Gateway console, Settings); without it the update fails. Therefore off.",
)
EDGE_LOGS = switch(
    "EdgeLogs",
    "Watching",
    "CloudFront access log",
    "on makes CloudFront write a line for each request into a bucket of the stack's. Lines hold the addresses of "
    "readers; they are deleted after LogRetentionDays.",
)
EDGE_METRICS = switch(
    "EdgeMetrics",
    "Watching",
    "CloudFront's additional metrics",
    "on switches on the cache hit rate and the alarm on it. CloudFront bills about 1 USD a month for a distribution's "
    "additional metrics.",
)
LOG_RETENTION = Spec(
    "LogRetentionDays",
    "Watching",
    "Days to keep logs",
    "After so many days log lines are deleted.",
    "30",
    "Number",
    allowed=(
        "1",
        "3",
        "5",
        "7",
        "14",
        "30",
        "60",
        "90",
        "120",
        "150",
        "180",
        "365",
        "400",
        "545",
        "731",
        "1096",
        "1827",
        "3653",
    ),
    constraint="LogRetentionDays is one of the periods of CloudWatch Logs: 1, 3, 5, 7, 14, 30, 60, 90 ... 3653.",
)
MONTHLY_BUDGET = Spec(
    "MonthlyBudget",
    "Watching",
    "Monthly budget (USD)",
    "Mails BudgetEmail when the whole account has spent 80% of so many US dollars in a month, and when it is forecast "
    "to spend all; 0 sets no budget. A budget for one stack needs cost allocation tags, which only the account's owner "
    "can activate.",
    "0",
    "Number",
    minimum=0,
    maximum=1000000,
    constraint="MonthlyBudget is a number of US dollars from 0 (no budget) to 1000000.",
)
BUDGET_EMAIL = Spec(
    "BudgetEmail",
    "Watching",
    "Address for the budget",
    "Address that is told about the budget, or none.",
    NONE,
    pattern=f"none|{EMAIL}",
    constraint="BudgetEmail is none or an e-mail address.",
)
PERMISSIONS_BOUNDARY = Spec(
    "PermissionsBoundaryArn",
    "Company rules",
    "Permissions boundary",
    "ARN of a managed policy that bounds every role of this stack, or none.",
    NONE,
    pattern=r"none|arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+",
    constraint="PermissionsBoundaryArn is none or the ARN of a managed policy.",
)
ROLE_PATH = Spec(
    "RolePath",
    "Company rules",
    "Path of roles",
    "Path of every role of this stack, such as /apps/.",
    "/",
    pattern=r"/([\w+=,.@-]+/)*",
    constraint="RolePath begins and ends with /, such as /apps/.",
)
