'use strict';
// The to-do list of this project as an app for the AWS CDK, to be measured and for nothing else: see ../README.md.
const { readFileSync } = require('node:fs');
const path = require('node:path');
const cdk = require('aws-cdk-lib/core');
const apigateway = require('aws-cdk-lib/aws-apigateway');
const cloudwatch = require('aws-cdk-lib/aws-cloudwatch');
const cognito = require('aws-cdk-lib/aws-cognito');
const dax = require('aws-cdk-lib/aws-dax');
const dynamodb = require('aws-cdk-lib/aws-dynamodb');
const ec2 = require('aws-cdk-lib/aws-ec2');
const iam = require('aws-cdk-lib/aws-iam');
const lambda = require('aws-cdk-lib/aws-lambda');
const logs = require('aws-cdk-lib/aws-logs');
const s3 = require('aws-cdk-lib/aws-s3');
const { parameters } = require('./parameters');

const HANDLERS = path.join(__dirname, '../../../troposphere_arch/handlers/todo');
const handler = (name) => readFileSync(path.join(HANDLERS, name), 'utf8');
const { Fn, Duration, RemovalPolicy } = cdk;
const RETAIN = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;

class Todo extends cdk.Stack {
  constructor(scope, id) {
    super(scope, id, { description: 'Mobile to-do list', synthesizer: new cdk.LegacyStackSynthesizer() });
    this.p = parameters(this);
    this.fileStorageOn = this.condition('FileStorageOn', Fn.conditionEquals(this.p.FileStorage, 'on'));
    this.readCacheOn = this.condition('ReadCacheOn', Fn.conditionEquals(this.p.ReadCache, 'dax'));
    this.accessLogsOn = this.condition('AccessLogsOn', Fn.conditionEquals(this.p.AccessLogs, 'on'));
    this.protectedOn = this.condition('DeletionProtectionOn', Fn.conditionEquals(this.p.DeletionProtection, 'on'));
    this.responseCacheOn = this.given(this.p.ResponseCache, 'off');
    for (const name of ['KmsKeyArn', 'MailFrom', 'AlarmTopicArn']) this.given(this.p[name]);
    this.given(this.p.ReservedConcurrency, '0');

    this.signIn();
    this.storage();
    this.readCache();
    this.functions();
    this.api();
    this.watch();
  }

  condition(name, expression) {
    return new cdk.CfnCondition(this, name, { expression });
  }

  /** The condition that a parameter was chosen: `Has<Parameter>`. */
  given(parameter, nothing = 'none') {
    const name = `Has${parameter.node.id}`;
    return (
      this.node.tryFindChild(name) ?? this.condition(name, Fn.conditionNot(Fn.conditionEquals(parameter, nothing)))
    );
  }

  /** `yes` under the condition, else `no`; no property at all when there is no `no`. */
  choose(condition, yes, no = { Ref: 'AWS::NoValue' }) {
    return Fn.conditionIf(condition.logicalId, yes, no);
  }

  /** Everything below a construct is there only under the condition. */
  only(condition, ...constructs) {
    for (const construct of constructs)
      for (const part of construct.node.findAll())
        if (cdk.CfnResource.isCfnResource(part)) part.cfnOptions.condition = condition;
  }

  signIn() {
    const users = (this.users = new cognito.UserPool(this, 'Users', {
      accountRecovery: cognito.AccountRecovery.EMAIL_ONLY,
      selfSignUpEnabled: true,
      signInAliases: { email: true },
      signInCaseSensitive: false,
      autoVerify: { email: true },
      keepOriginal: { email: true },
      mfa: cognito.Mfa.OPTIONAL,
      mfaSecondFactor: { sms: false, otp: true },
      passwordPolicy: {
        minLength: 12,
        requireDigits: true,
        requireLowercase: true,
        requireSymbols: true,
        requireUppercase: true,
        tempPasswordValidity: Duration.days(1),
      },
      removalPolicy: RETAIN,
    }));
    const identity = `arn:${this.partition}:ses:${this.region}:${this.account}:identity/${this.p.MailIdentity.valueAsString}`;
    users.node.defaultChild.deletionProtection = this.choose(this.protectedOn, 'ACTIVE', 'INACTIVE').toString();
    users.node.defaultChild.emailConfiguration = this.choose(
      this.given(this.p.MailFrom),
      { EmailSendingAccount: 'DEVELOPER', From: this.p.MailFrom.valueAsString, SourceArn: identity },
      { EmailSendingAccount: 'COGNITO_DEFAULT' },
    );
    const attributes = new cognito.ClientAttributes();
    this.app = users.addClient('App', {
      authFlows: { userSrp: true },
      generateSecret: false,
      preventUserExistenceErrors: true,
      enableTokenRevocation: true,
      disableOAuth: true,
      accessTokenValidity: Duration.hours(1),
      idTokenValidity: Duration.hours(1),
      refreshTokenValidity: Duration.days(30),
      supportedIdentityProviders: [cognito.UserPoolClientIdentityProvider.COGNITO],
      readAttributes: attributes.withStandardAttributes({ email: true, emailVerified: true }),
      writeAttributes: attributes.withStandardAttributes({ email: true }),
    });
    this.app.applyRemovalPolicy(RETAIN);
    const identities = new cognito.CfnIdentityPool(this, 'Identities', {
      allowClassicFlow: false,
      allowUnauthenticatedIdentities: false,
      cognitoIdentityProviders: [
        { clientId: this.app.userPoolClientId, providerName: users.userPoolProviderName, serverSideTokenCheck: true },
      ],
    });
    identities.applyRemovalPolicy(RETAIN);
    this.signedIn = new iam.Role(this, 'IdentitiesRole', {
      assumedBy: new iam.WebIdentityPrincipal('cognito-identity.amazonaws.com', {
        StringEquals: { 'cognito-identity.amazonaws.com:aud': identities.ref },
        'ForAnyValue:StringLike': { 'cognito-identity.amazonaws.com:amr': 'authenticated' },
      }),
      path: this.p.RolePath.valueAsString,
    });
    new cognito.CfnIdentityPoolRoleAttachment(this, 'IdentitiesRoles', {
      identityPoolId: identities.ref,
      roles: { authenticated: this.signedIn.roleArn },
    });
    new cdk.CfnOutput(this, 'UserPoolId', { value: users.userPoolId });
    new cdk.CfnOutput(this, 'UserPoolClientId', { value: this.app.userPoolClientId });
    new cdk.CfnOutput(this, 'IdentityPoolId', { value: identities.ref });
  }

  storage() {
    const ownKey = this.given(this.p.KmsKeyArn);
    const key = this.p.KmsKeyArn.valueAsString;
    const text = (name) => ({ name, type: dynamodb.AttributeType.STRING });
    this.todos = new dynamodb.Table(this, 'Todos', {
      partitionKey: text('owner'),
      sortKey: text('id'),
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: 'expires',
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy: RETAIN,
    });
    const table = this.todos.node.defaultChild;
    table.deletionProtectionEnabled = this.choose(this.protectedOn, true, false);
    table.sseSpecification = this.choose(
      ownKey,
      { KMSMasterKeyId: key, SSEEnabled: true, SSEType: 'KMS' },
      { SSEEnabled: false },
    );

    const files = new s3.Bucket(this, 'Files', {
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned: true,
      removalPolicy: RETAIN,
      cors: [
        {
          allowedHeaders: ['*'],
          allowedMethods: ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'].map((verb) => s3.HttpMethods[verb]),
          allowedOrigins: [this.p.AppOrigin.valueAsString],
          exposedHeaders: ['ETag'],
          maxAge: 3600,
        },
      ],
      lifecycleRules: [
        {
          id: 'OldVersions',
          expiredObjectDeleteMarker: true,
          noncurrentVersionExpiration: Duration.days(this.p.OldFileVersionDays.valueAsNumber),
        },
        { id: 'IncompleteUploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
      ],
    });
    const encrypted = (byDefault, more) => ({ ...more, ServerSideEncryptionByDefault: byDefault });
    files.node.defaultChild.addPropertyOverride('BucketEncryption.ServerSideEncryptionConfiguration', [
      this.choose(
        ownKey,
        encrypted({ KMSMasterKeyID: key, SSEAlgorithm: 'aws:kms' }, { BucketKeyEnabled: true }),
        encrypted({ SSEAlgorithm: 'AES256' }),
      ),
    ]);
    const me = '${cognito-identity.amazonaws.com:sub}';
    const ownPrefix = new iam.Policy(this, 'OwnPrefixInFiles', {
      roles: [this.signedIn],
      statements: [
        new iam.PolicyStatement({
          actions: ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'],
          resources: [files.arnForObjects(`${me}/*`)],
        }),
        new iam.PolicyStatement({
          actions: ['s3:ListBucket'],
          resources: [files.bucketArn],
          conditions: { StringLike: { 's3:prefix': [`${me}/*`] } },
        }),
      ],
    });
    this.only(this.fileStorageOn, files, ownPrefix);
    const both = Fn.conditionAnd(this.fileStorageOn, ownKey);
    this.usesKey('UseKeyOfFiles', this.signedIn, 's3', this.condition('FileStorageOnAndHasKmsKeyArn', both));
    new cdk.CfnOutput(this, 'FilesBucket', { value: files.bucketName, condition: this.fileStorageOn });
  }

  usesKey(id, role, service, condition = this.given(this.p.KmsKeyArn)) {
    const statement = new iam.PolicyStatement({
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: [this.p.KmsKeyArn.valueAsString],
      conditions: { StringEquals: { 'kms:ViaService': `${service}.${this.region}.${this.urlSuffix}` } },
    });
    this.only(condition, new iam.Policy(this, id, { roles: [role], statements: [statement] }));
  }

  readCache() {
    const seconds = [this.p.ReadCacheItemSeconds, this.p.ReadCacheListSeconds].map((p) => p.valueAsString);
    const isolated = { name: 'Private', subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 26 };
    const network = (this.network = new ec2.Vpc(this, 'Network', {
      ipAddresses: ec2.IpAddresses.cidr('10.0.0.0/24'),
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [isolated],
    }));
    const endpoint = network.addGatewayEndpoint('ToTodos', { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB });
    endpoint.addToPolicy(
      new iam.PolicyStatement({
        principals: [new iam.AnyPrincipal()],
        actions: [
          'BatchWriteItem',
          'ConditionCheckItem',
          'DeleteItem',
          'GetItem',
          'PutItem',
          'Query',
          'UpdateItem',
        ].map((action) => `dynamodb:${action}`),
        resources: [this.todos.tableArn],
      }),
    );
    this.inNetwork = new ec2.SecurityGroup(this, 'NetworkFunctions', {
      vpc: network,
      description: 'Functions: out over HTTPS and to the read cache, nothing in.',
      allowAllOutbound: false,
    });
    this.inNetwork.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), 'HTTPS');
    const group = new ec2.SecurityGroup(this, 'TodosCacheGroup', { vpc: network, description: 'The read cache.' });
    group.addIngressRule(this.inNetwork, ec2.Port.tcp(9111), 'Functions');
    this.inNetwork.addEgressRule(group, ec2.Port.tcp(9111), 'To the read cache');

    const role = new iam.Role(this, 'TodosCacheRole', {
      assumedBy: new iam.ServicePrincipal('dax.amazonaws.com'),
      path: this.p.RolePath.valueAsString,
    });
    this.todos.grant(
      role,
      ...['DeleteItem', 'DescribeTable', 'GetItem', 'Query', 'UpdateItem'].map((a) => `dynamodb:${a}`),
    );
    const subnets = new dax.CfnSubnetGroup(this, 'TodosCacheSubnets', {
      subnetIds: network.isolatedSubnets.map((subnet) => subnet.subnetId),
    });
    const settings = new dax.CfnParameterGroup(this, 'TodosCacheSettings', {
      parameterGroupName: `${this.stackName}-TodosCache-${seconds.join('-')}`,
      parameterNameValues: { 'record-ttl-millis': `${seconds[0]}000`, 'query-ttl-millis': `${seconds[1]}000` },
    });
    this.cache = new dax.CfnCluster(this, 'TodosCache', {
      clusterEndpointEncryptionType: 'TLS',
      iamRoleArn: role.roleArn,
      nodeType: this.p.ReadCacheNodeType.valueAsString,
      parameterGroupName: settings.ref,
      replicationFactor: this.p.ReadCacheNodes.valueAsNumber,
      securityGroupIds: [group.securityGroupId],
      sseSpecification: { sseEnabled: true },
      subnetGroupName: subnets.ref,
    });
    this.client = new lambda.CfnLayerVersion(this, 'TodosCacheClient', {
      compatibleArchitectures: ['arm64'],
      compatibleRuntimes: ['python3.13'],
      content: { s3Bucket: this.p.ArtifactBucket.valueAsString, s3Key: 'layers/dax.zip' },
    });
    this.only(this.readCacheOn, role, subnets, settings, this.cache, this.client);
  }

  functions() {
    const cached = {
      TODOS_CACHE: this.choose(this.readCacheOn, this.cache.attrClusterDiscoveryEndpointUrl).toString(),
    };
    this.readTodos = this.function('ReadTodos', 'read_todos.py', 15, cached, ['GetItem', 'Query']);
    const writes = ['ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'UpdateItem'];
    this.writeTodos = this.function('WriteTodos', 'write_todos.py', 15, cached, writes);
    const pool = { USERS_POOL_ID: this.users.userPoolId };
    const clears = ['BatchWriteItem', 'PutItem', 'Query'];
    this.deleteAccounts = this.function('DeleteAccounts', 'delete_accounts.py', 28, pool, clears);
    this.users.grant(this.deleteAccounts, 'cognito-idp:AdminDeleteUser');
    this.goesThroughCache(this.readTodos, ['GetItem', 'Query']);
    this.goesThroughCache(this.writeTodos, ['DeleteItem', 'UpdateItem']);
  }

  function(id, file, seconds, environment, actions) {
    const log = new logs.LogGroup(this, `${id}Logs`, {
      retention: this.p.LogRetentionDays.valueAsNumber,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(this, `${id}Role`, {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      path: this.p.RolePath.valueAsString,
    });
    log.grantWrite(role);
    const made = new lambda.Function(this, id, {
      architecture: lambda.Architecture.ARM_64,
      code: lambda.Code.fromInline(handler(file)),
      environment: { TODOS_TABLE: this.todos.tableName, APP_CLIENT_ID: this.app.userPoolClientId, ...environment },
      handler: 'index.handler',
      logGroup: log,
      loggingFormat: lambda.LoggingFormat.JSON,
      applicationLogLevelV2: lambda.ApplicationLogLevel.INFO,
      systemLogLevelV2: lambda.SystemLogLevel.WARN,
      memorySize: this.p.FunctionMemory.valueAsNumber,
      role,
      runtime: lambda.Runtime.PYTHON_3_13,
      timeout: Duration.seconds(seconds),
      tracing: lambda.Tracing.ACTIVE,
    });
    made.node.defaultChild.reservedConcurrentExecutions = cdk.Token.asNumber(
      this.choose(this.given(this.p.ReservedConcurrency, '0'), this.p.ReservedConcurrency.valueAsNumber),
    );
    this.todos.grant(made, ...actions.map((action) => `dynamodb:${action}`));
    this.usesKey(`${id}UsesKeyOfTodos`, role, 'dynamodb');
    return made;
  }

  goesThroughCache(made, actions) {
    const subnets = this.network.isolatedSubnets.map((subnet) => subnet.subnetId);
    const cfn = made.node.defaultChild;
    cfn.addPropertyOverride('VpcConfig', {
      SecurityGroupIds: this.choose(this.readCacheOn, [this.inNetwork.securityGroupId], []),
      SubnetIds: this.choose(this.readCacheOn, subnets, []),
    });
    cfn.addPropertyOverride('Layers', this.choose(this.readCacheOn, [this.client.ref], []));
    const interfaces = ['Assign', 'Unassign'].map((verb) => `ec2:${verb}PrivateIpAddresses`);
    made.addToRolePolicy(
      new iam.PolicyStatement({
        actions: [...interfaces, 'ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface'],
        resources: [this.formatArn({ service: 'ec2', resource: '*' })],
      }),
    );
    made.addToRolePolicy(
      new iam.PolicyStatement({ actions: ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets'], resources: ['*'] }),
    );
    const right = new iam.Policy(this, `TodosCacheBy${made.node.id}`, {
      roles: [made.role],
      statements: [
        new iam.PolicyStatement({ actions: actions.map((a) => `dax:${a}`), resources: [this.cache.attrArn] }),
      ],
    });
    this.only(this.readCacheOn, right);
  }

  api() {
    const accessLog = new logs.LogGroup(this, 'ApiAccessLogs', {
      retention: this.p.LogRetentionDays.valueAsNumber,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.only(this.accessLogsOn, accessLog);
    const origin = this.p.AppOrigin.valueAsString;
    const api = (this.restApi = new apigateway.RestApi(this, 'Api', {
      restApiName: this.stackName,
      cloudWatchRole: false,
      endpointTypes: [apigateway.EndpointType.REGIONAL],
      defaultCorsPreflightOptions: {
        allowOrigins: [origin],
        allowHeaders: ['Authorization', 'Content-Type'],
        maxAge: Duration.hours(1),
      },
      deployOptions: {
        stageName: 'v1',
        tracingEnabled: true,
        throttlingRateLimit: this.p.ThrottleRate.valueAsNumber,
        throttlingBurstLimit: this.p.ThrottleBurst.valueAsNumber,
        variables: { origin },
        methodOptions: Object.fromEntries(
          ['/todos/GET', '/todos/{id}/GET'].map((route) => [
            route,
            {
              cacheDataEncrypted: true,
              cacheTtl: Duration.seconds(this.p.ResponseCacheSeconds.valueAsNumber),
              throttlingRateLimit: this.p.ThrottleRate.valueAsNumber,
              throttlingBurstLimit: this.p.ThrottleBurst.valueAsNumber,
            },
          ]),
        ),
      },
    }));
    const stage = api.deploymentStage.node.defaultChild;
    const field = (name) => [name, `$context.${name}`];
    const format = JSON.stringify(
      Object.fromEntries(
        ['requestId', 'requestTime', 'httpMethod', 'resourcePath', 'status', 'responseLatency'].map(field),
      ),
    );
    for (const setting of [1, 2])
      stage.addPropertyOverride(
        `MethodSettings.${setting}.CachingEnabled`,
        this.choose(this.responseCacheOn, true, false),
      );
    stage.accessLogSetting = this.choose(this.accessLogsOn, { DestinationArn: accessLog.logGroupArn, Format: format });
    stage.cacheClusterEnabled = this.choose(this.responseCacheOn, true, false);
    stage.cacheClusterSize = this.choose(this.responseCacheOn, this.p.ResponseCache.valueAsString).toString();

    const answer = (type, error, message, statusCode) =>
      api.addGatewayResponse(`Api${type.responseType}`, {
        type,
        statusCode,
        responseHeaders: { 'Access-Control-Allow-Origin': "'*'", 'Cache-Control': "'no-store'" },
        templates: { 'application/json': `{"error": ${error}, "message": ${message}}` },
      });
    const { ResponseType } = apigateway;
    answer(ResponseType.BAD_REQUEST_BODY, '"BadRequestBody"', '"The body is not what this route takes."');
    answer(ResponseType.DEFAULT_4XX, '"$context.error.responseType"', '$context.error.messageString');
    answer(ResponseType.DEFAULT_5XX, '"$context.error.responseType"', '$context.error.messageString');
    answer(ResponseType.MISSING_AUTHENTICATION_TOKEN, '"NotFound"', '"No such path or method."', '404');

    const authorizer = new apigateway.CognitoUserPoolsAuthorizer(this, 'ApiAuthorizer', {
      cognitoUserPools: [this.users],
    });
    const requestValidator = api.addRequestValidator('Validator', {
      validateRequestBody: true,
      validateRequestParameters: true,
    });
    const model = (name, file) => {
      const { $schema, ...schema } = JSON.parse(handler(file));
      return api.addModel(name, { contentType: 'application/json', schema });
    };
    const newTodo = model('NewTodo', 'new_todo.schema.json');
    const changedTodo = model('ChangedTodo', 'changed_todo.schema.json');
    const todos = api.root.addResource('todos');
    const todo = todos.addResource('{id}');
    const me = api.root.addResource('me');
    const route = (resource, verb, made, requestParameters, body) =>
      resource.addMethod(verb, new apigateway.LambdaIntegration(made, { allowTestInvoke: false }), {
        authorizationType: apigateway.AuthorizationType.COGNITO,
        authorizer,
        requestValidator,
        requestParameters,
        requestModels: body && { 'application/json': body },
      });
    const query = Object.fromEntries(['done', 'limit', 'next'].map((n) => [`method.request.querystring.${n}`, false]));
    const own = { 'method.request.header.Authorization': false };
    const id = { 'method.request.path.id': true };
    route(todos, 'GET', this.readTodos, { ...query, ...own });
    route(todo, 'GET', this.readTodos, { ...id, ...own });
    route(todos, 'POST', this.writeTodos, {}, newTodo);
    route(todo, 'PUT', this.writeTodos, id, changedTodo);
    route(todo, 'DELETE', this.writeTodos, id);
    route(me, 'DELETE', this.deleteAccounts, {});
    new cdk.CfnOutput(this, 'ApiUrl', { value: api.url });
  }

  watch() {
    const topic = this.choose(this.given(this.p.AlarmTopicArn), this.p.AlarmTopicArn.valueAsString).toString();
    const toTopic = { bind: () => ({ alarmActionArn: topic }) };
    const period = Duration.minutes(5);
    const alarm = (id, metric, threshold, evaluationPeriods, alarmDescription) => {
      const made = metric.createAlarm(this, `${id}Alarm`, {
        alarmDescription,
        threshold,
        evaluationPeriods,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      });
      made.addAlarmAction(toTopic);
      made.addOkAction(toTopic);
      return made;
    };
    const fns = { ReadTodos: this.readTodos, WriteTodos: this.writeTodos, DeleteAccounts: this.deleteAccounts };
    const sum = { statistic: 'Sum', period };
    const ofTable = (metricName) =>
      new cloudwatch.Metric({
        namespace: 'AWS/DynamoDB',
        metricName,
        dimensionsMap: { TableName: this.todos.tableName },
        ...sum,
      });
    const ofCache = (metricName, statistic) =>
      new cloudwatch.Metric({
        namespace: 'AWS/DAX',
        metricName,
        dimensionsMap: { ClusterId: this.cache.ref },
        statistic,
        period,
      });
    const stage = this.restApi.deploymentStage;

    alarm(
      'ApiErrors',
      stage.metricServerError({ statistic: 'Average', period }),
      0.01,
      2,
      'More than 1% of requests fail.',
    );
    alarm('ApiLatency', stage.metricLatency({ statistic: 'p95', period }), 2000, 3, 'One request in twenty is slow.');
    for (const [name, made] of Object.entries(fns)) {
      alarm(`${name}Errors`, made.metricErrors(sum), 0, 1, 'The function crashed or timed out.');
      alarm(`${name}Throttles`, made.metricThrottles(sum), 0, 1, 'The function was not run for lack of concurrency.');
    }
    for (const kind of ['Read', 'Write'])
      alarm(`Todos${kind}Throttles`, ofTable(`${kind}ThrottleEvents`), 0, 1, `DynamoDB refused ${kind}s of the table.`);
    this.only(
      this.readCacheOn,
      alarm('TodosCacheCpu', ofCache('CPUUtilization', 'Maximum'), 80, 3, 'A node of the read cache is busy.'),
      alarm('TodosCacheEvictions', ofCache('EvictedSize', 'Sum'), 0, 3, 'The read cache lacks memory.'),
      alarm('TodosCacheFaults', ofCache('FaultRequestCount', 'Sum'), 0, 1, 'The read cache failed requests.'),
    );

    const graph = (title, left) => new cloudwatch.GraphWidget({ title, left, width: 12, height: 6, period });
    const all = Object.values(fns);
    const requests = [stage.metricCount(sum), stage.metricClientError(sum), stage.metricServerError(sum)];
    const latency = ['p50', 'p95', 'p99'].map((statistic) => stage.metricLatency({ statistic, period }));
    const trouble = all.flatMap((made) => [
      made.metricErrors(sum),
      made.metricThrottles(sum),
      made.metric('ConcurrentExecutions', { statistic: 'Maximum', period }),
    ]);
    new cloudwatch.Dashboard(this, 'Dashboard', {
      widgets: [
        [graph('Requests', requests), graph('Latency (ms)', latency)],
        [
          graph(
            'Duration of functions (ms)',
            all.map((made) => made.metricDuration({ statistic: 'p95', period })),
          ),
          graph('Errors, throttles, concurrency of functions', trouble),
        ],
        [
          graph('Capacity units', ['ConsumedReadCapacityUnits', 'ConsumedWriteCapacityUnits'].map(ofTable)),
          graph('Throttles of the table', ['ReadThrottleEvents', 'WriteThrottleEvents'].map(ofTable)),
        ],
        [graph('Response cache', [stage.metricCacheHitCount(sum), stage.metricCacheMissCount(sum)])],
      ],
    });
  }
}

new Todo(new cdk.App(), 'todo');
