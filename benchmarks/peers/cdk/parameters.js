'use strict';
// What a user of the template may choose: [name, default, limits]. The same as the parameters of our own template.
const { CfnParameter } = require('aws-cdk-lib/core');

const onOff = { allowedValues: ['off', 'on'] };
const number = (minValue, maxValue) => ({ type: 'Number', minValue, maxValue });
const orNone = (pattern) => ({ allowedPattern: `^(none|${pattern})$` });
const arn = (service) => orNone(`arn:aws[a-z-]*:${service}:[a-z0-9-]*:[0-9]*:.+`);
const retention = '1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 3653'.split(' ');

const PARAMETERS = [
  ['AppOrigin', 'http://localhost:3000', { allowedPattern: '^[a-z][a-z0-9.-]*://[A-Za-z0-9.-]+(:[0-9]{1,5})?$' }],
  ['ThrottleRate', '50', number(1, 10000)],
  ['ThrottleBurst', '100', number(1, 5000)],
  ['ReservedConcurrency', '0', number(0, 1000)],
  ['FunctionMemory', '256', number(128, 3008)],
  ['MailFrom', 'none', orNone('[^@\\s]+@[^@\\s]+\\.[^@\\s]+')],
  ['MailIdentity', 'none', orNone('([^@\\s]+@)?[A-Za-z0-9.-]+\\.[A-Za-z]{2,}')],
  ['FileStorage', 'off', onOff],
  ['OldFileVersionDays', '30', number(1, 3650)],
  ['DeletionProtection', 'off', onOff],
  ['KmsKeyArn', 'none', arn('kms')],
  ['ResponseCache', 'off', { allowedValues: ['off', '0.5', '1.6', '6.1', '13.5', '28.4', '58.2', '118', '237'] }],
  ['ResponseCacheSeconds', '30', number(1, 3600)],
  ['ReadCache', 'none', { allowedValues: ['none', 'dax'] }],
  ['ReadCacheNodes', '3', number(1, 11)],
  ['ReadCacheNodeType', 'dax.t3.small', { allowedPattern: '^(dax\\.[a-z][a-z0-9]*\\.[a-z0-9]+)$' }],
  ['ReadCacheItemSeconds', '300', number(1, 86400)],
  ['ReadCacheListSeconds', '10', number(1, 86400)],
  ['ArtifactBucket', 'none', orNone('[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]')],
  ['AlarmTopicArn', 'none', arn('sns')],
  ['AccessLogs', 'off', onOff],
  ['LogRetentionDays', '30', { type: 'Number', allowedValues: retention }],
  ['RolePath', '/', { allowedPattern: '^(/([\\w+=,.@-]+/)*)$' }],
];

/** The parameters of a stack by name. */
module.exports.parameters = (stack) =>
  Object.fromEntries(
    PARAMETERS.map(([name, standard, limits]) => [
      name,
      new CfnParameter(stack, name, { type: 'String', default: standard, description: name, ...limits }),
    ]),
  );
