/** Get, Put and Delete of the bucket's configurations: one table says what differs between them. */
import { ServiceError } from '../http/service-error.ts';
import { childText, type XmlElement } from '../xml/parse.ts';
import type { Bucket } from './bucket.ts';
import { type Call, NO_CONTENT, OK, type Operation, S3_NAMESPACE } from './call.ts';
import {
  checkEncryption,
  checkLifecycle,
  checkObjectLock,
  checkOwnershipControls,
  checkPublicAccessBlock,
  checkTagging,
  checkVersioning,
  innerXml,
} from './configuration-checks.ts';
import type { BucketRecord, ConfigurationName } from './records.ts';

interface Configuration {
  readonly name: ConfigurationName;
  readonly noun: string;
  readonly root: string;
  readonly getAction: string;
  readonly putAction: string;
  check(root: XmlElement): void;
  /** XML that a bucket without this configuration answers, or the error's code and message. */
  readonly absent: string | readonly [code: string, message: string];
  /** The record with the configuration put; default keeps the XML. */
  put?(record: BucketRecord, root: XmlElement): BucketRecord;
  readonly deleteStatus: number | null;
}

const SSE_S3 =
  '<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>';

const TABLE: readonly Configuration[] = [
  {
    name: 'publicAccessBlock',
    noun: 'PublicAccessBlock',
    root: 'PublicAccessBlockConfiguration',
    getAction: 's3:GetBucketPublicAccessBlock',
    putAction: 's3:PutBucketPublicAccessBlock',
    check: checkPublicAccessBlock,
    absent: ['NoSuchPublicAccessBlockConfiguration', 'The public access block configuration was not found'],
    deleteStatus: 204,
  },
  {
    name: 'ownershipControls',
    noun: 'BucketOwnershipControls',
    root: 'OwnershipControls',
    getAction: 's3:GetBucketOwnershipControls',
    putAction: 's3:PutBucketOwnershipControls',
    check: checkOwnershipControls,
    absent: ['OwnershipControlsNotFoundError', 'The bucket ownership controls were not found'],
    deleteStatus: 204,
  },
  {
    name: 'versioning',
    noun: 'BucketVersioning',
    root: 'VersioningConfiguration',
    getAction: 's3:GetBucketVersioning',
    putAction: 's3:PutBucketVersioning',
    check: checkVersioning,
    absent: '',
    put: putVersioning,
    deleteStatus: null,
  },
  {
    name: 'encryption',
    noun: 'BucketEncryption',
    root: 'ServerSideEncryptionConfiguration',
    getAction: 's3:GetEncryptionConfiguration',
    putAction: 's3:PutEncryptionConfiguration',
    check: checkEncryption,
    absent: SSE_S3,
    deleteStatus: 204,
  },
  {
    name: 'lifecycle',
    noun: 'BucketLifecycleConfiguration',
    root: 'LifecycleConfiguration',
    getAction: 's3:GetLifecycleConfiguration',
    putAction: 's3:PutLifecycleConfiguration',
    check: checkLifecycle,
    absent: ['NoSuchLifecycleConfiguration', 'The lifecycle configuration does not exist'],
    deleteStatus: 204,
  },
  {
    name: 'tagging',
    noun: 'BucketTagging',
    root: 'Tagging',
    getAction: 's3:GetBucketTagging',
    putAction: 's3:PutBucketTagging',
    check: checkTagging,
    absent: ['NoSuchTagSet', 'The TagSet does not exist'],
    deleteStatus: 204,
  },
  {
    name: 'object-lock',
    noun: 'ObjectLockConfiguration',
    root: 'ObjectLockConfiguration',
    getAction: 's3:GetBucketObjectLockConfiguration',
    putAction: 's3:PutBucketObjectLockConfiguration',
    check: checkObjectLock,
    absent: ['ObjectLockConfigurationNotFoundError', 'Object Lock configuration does not exist for this bucket'],
    put: putObjectLock,
    deleteStatus: null,
  },
];

function putVersioning(record: BucketRecord, root: XmlElement): BucketRecord {
  const status = childText(root, 'Status') === 'Enabled' ? 'Enabled' : 'Suspended';
  if (record.objectLockEnabled && status === 'Suspended')
    throw new ServiceError(
      409,
      'InvalidBucketState',
      'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
    );
  return { ...record, versioning: status, configurations: { ...record.configurations, versioning: innerXml(root) } };
}

/** Object Lock may be enabled on an existing bucket that has versioning, and never disabled. */
function putObjectLock(record: BucketRecord, root: XmlElement): BucketRecord {
  if (record.versioning !== 'Enabled')
    throw new ServiceError(
      409,
      'InvalidBucketState',
      'Versioning must be ‘Enabled’ on the bucket to apply a Object Lock configuration',
    );
  return {
    ...record,
    objectLockEnabled: true,
    configurations: { ...record.configurations, 'object-lock': innerXml(root) },
  };
}

function get(configuration: Configuration): Operation {
  return async (call) => {
    const { record } = call.bucket();
    call.require(configuration.getAction, call.bucketArn());
    const kept = record.configurations[configuration.name] ?? versioningOf(record, configuration.name);
    if (kept === undefined && typeof configuration.absent !== 'string') {
      const [code, message] = configuration.absent;
      throw new ServiceError(404, code, message, { fields: { BucketName: record.name } });
    }
    const { root } = configuration;
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${S3_NAMESPACE}">${kept ?? configuration.absent}</${root}>`;
    return { status: 200, headers: { 'Content-Type': 'application/xml' }, body };
  };
}

/** A bucket made with Object Lock has versioning although nobody put that. */
function versioningOf(record: BucketRecord, name: ConfigurationName): string | undefined {
  return name === 'versioning' && record.versioning !== null ? `<Status>${record.versioning}</Status>` : undefined;
}

function put(configuration: Configuration): Operation {
  return async (call) => {
    const bucket = call.bucket();
    call.require(configuration.putAction, call.bucketArn());
    const root = await call.xml(configuration.root);
    configuration.check(root);
    const { record } = bucket;
    const kept = { ...record, configurations: { ...record.configurations, [configuration.name]: innerXml(root) } };
    await bucket.configure(configuration.put?.(record, root) ?? kept);
    return { ...OK, resource: call.bucketArn() };
  };
}

function remove(configuration: Configuration): Operation {
  return async (call) => {
    const bucket = call.bucket();
    call.require(configuration.putAction, call.bucketArn());
    await bucket.configure(without(bucket, configuration.name));
    return { ...NO_CONTENT, resource: call.bucketArn() };
  };
}

function without(bucket: Bucket, name: ConfigurationName): BucketRecord {
  const { [name]: _gone, ...rest } = bucket.record.configurations;
  return { ...bucket.record, configurations: rest };
}

/** Operations by name. */
export const CONFIGURATION_OPERATIONS: Readonly<Record<string, (call: Call) => ReturnType<Operation>>> =
  Object.fromEntries(
    TABLE.flatMap((configuration): [string, Operation][] => [
      [`Get${configuration.noun}`, get(configuration)],
      [`Put${configuration.noun}`, put(configuration)],
      ...(configuration.deleteStatus === null
        ? []
        : [
            [
              `Delete${configuration.noun === 'BucketLifecycleConfiguration' ? 'BucketLifecycle' : configuration.noun}`,
              remove(configuration),
            ] as [string, Operation],
          ]),
    ]),
  );
