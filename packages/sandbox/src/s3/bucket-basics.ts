/** CreateBucket, HeadBucket, DeleteBucket, ListBuckets, GetBucketLocation, GetBucketAcl. */
import { ServiceError } from '../http/service-error.ts';
import { childText } from '../xml/parse.ts';
import { type Call, NO_CONTENT, type Operation, xmlAnswer, xmlTime } from './call.ts';
import { invalidRequest, noSuchBucket, otherRegion } from './errors.ts';
import { checkBucketName } from './names.ts';
import type { BucketRecord } from './records.ts';

/** Since April 2023 new buckets block public access and enforce the owner. */
const NEW_BUCKET_CONFIGURATIONS: BucketRecord['configurations'] = {
  publicAccessBlock:
    '<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>',
  ownershipControls: '<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>',
};

export const createBucket: Operation = async (call) => {
  const name = call.bucketName;
  checkBucketName(name);
  const region = await locationConstraint(call);
  call.require('s3:CreateBucket', call.bucketArn(), { 's3:locationconstraint': region });
  const objectLockEnabled = call.header('x-amz-bucket-object-lock-enabled')?.toLowerCase() === 'true';
  if (objectLockEnabled) {
    call.require('s3:PutBucketObjectLockConfiguration', call.bucketArn());
    call.require('s3:PutBucketVersioning', call.bucketArn());
  }
  const ownership = call.header('x-amz-object-ownership');
  const record: BucketRecord = {
    name,
    region,
    createdAt: call.request.time,
    objectLockEnabled,
    versioning: objectLockEnabled ? 'Enabled' : null,
    policy: null,
    configurations: {
      ...NEW_BUCKET_CONFIGURATIONS,
      ...(ownership === undefined
        ? {}
        : { ownershipControls: `<Rule><ObjectOwnership>${ownership}</ObjectOwnership></Rule>` }),
      ...(objectLockEnabled ? { 'object-lock': '<ObjectLockEnabled>Enabled</ObjectLockEnabled>' } : {}),
    },
  };
  // us-east-1 alone answers 200 to the owner's second creation (API reference, CreateBucket, BucketAlreadyOwnedByYou).
  if (
    !(await call.catalog.create(record)) &&
    !(region === 'us-east-1' && call.findBucket(name).record.region === region)
  )
    throw new ServiceError(
      409,
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
      { fields: { BucketName: name } },
    );
  return {
    status: 200,
    headers: { Location: `/${name}`, 'x-amz-bucket-arn': call.bucketArn() },
    resource: call.bucketArn(),
  };
};

/** The region to create in. An endpoint of a region takes that region alone; us-east-1's takes any. */
async function locationConstraint(call: Call): Promise<string> {
  const signed = call.request.region;
  const bytes = await call.request.body.bytes();
  if (bytes.length === 0) {
    if (signed === 'us-east-1') return signed;
    throw illegalConstraint('unspecified');
  }
  const wanted = childText(await call.xml('CreateBucketConfiguration'), 'LocationConstraint');
  if (wanted === null || wanted === '') {
    if (signed === 'us-east-1') return signed;
    throw illegalConstraint('unspecified');
  }
  if (wanted === 'us-east-1' || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(wanted))
    throw new ServiceError(400, 'InvalidLocationConstraint', 'The specified location-constraint is not valid', {
      fields: { LocationConstraint: wanted },
    });
  if (wanted !== signed && signed !== 'us-east-1') throw illegalConstraint(wanted);
  return wanted;
}

function illegalConstraint(what: string): ServiceError {
  return new ServiceError(
    400,
    'IllegalLocationConstraintException',
    `The ${what} location constraint is incompatible for the region specific endpoint this request was sent to.`,
  );
}

export const headBucket: Operation = async (call) => {
  const found = call.catalog.get(call.bucketName);
  if (found === null) throw noSuchBucket(call.bucketName);
  const { region } = found.record;
  if (call.request.signedBy !== 'nobody' && call.request.region !== region) throw otherRegion(call.bucketName, region);
  call.bucket();
  call.require('s3:ListBucket', call.bucketArn());
  return {
    status: 200,
    headers: {
      'x-amz-bucket-region': region,
      'x-amz-bucket-arn': call.bucketArn(),
      'x-amz-access-point-alias': 'false',
    },
  };
};

export const deleteBucket: Operation = async (call) => {
  const bucket = call.bucket();
  call.require('s3:DeleteBucket', call.bucketArn());
  if (bucket.keys.length > 0) {
    const hidden = bucket.keys.every((key) => bucket.current(key) === null);
    throw new ServiceError(
      409,
      'BucketNotEmpty',
      hidden
        ? 'The bucket you tried to delete is not empty. You must delete all versions in the bucket.'
        : 'The bucket you tried to delete is not empty',
      { fields: { BucketName: call.bucketName } },
    );
  }
  await call.catalog.remove(call.bucketName);
  return { ...NO_CONTENT, resource: call.bucketArn() };
};

export const listBuckets: Operation = async (call) => {
  call.require('s3:ListAllMyBuckets', '*');
  const prefix = call.param('prefix') ?? '';
  const region = call.param('bucket-region');
  const after = call.param('continuation-token') ?? '';
  const most = Number(call.param('max-buckets') ?? 10_000);
  if (!Number.isInteger(most) || most < 1 || most > 10_000)
    throw invalidRequest('max-buckets must be between 1 and 10000');
  const matching = call.catalog
    .all()
    .map((bucket) => bucket.record)
    .filter(
      (record) =>
        record.name.startsWith(prefix) && record.name > after && (region === null || record.region === region),
    );
  const page = matching.slice(0, most);
  return xmlAnswer('ListAllMyBucketsResult', {
    Owner: { ID: ownerId(call.context.accountId) },
    Buckets: {
      Bucket: page.map((record) => ({
        Name: record.name,
        CreationDate: xmlTime(record.createdAt),
        BucketRegion: record.region,
        BucketArn: call.bucketArn(record.name),
      })),
    },
    Prefix: prefix === '' ? undefined : prefix,
    ContinuationToken: matching.length > page.length ? page.at(-1)?.name : undefined,
  });
};

/** Canonical user id: 64 hex digits that depend on the account. */
export function ownerId(accountId: string): string {
  return accountId.repeat(6).slice(0, 64);
}

/** Clients ask it to learn the region, signed for us-east-1. */
export const getBucketLocation: Operation = async (call) => {
  const { record } = call.findBucket(call.bucketName);
  if (call.request.region !== record.region && call.request.region !== 'us-east-1')
    throw otherRegion(record.name, record.region);
  call.require('s3:GetBucketLocation', call.bucketArn());
  return xmlAnswer('LocationConstraint', record.region === 'us-east-1' ? '' : record.region);
};

export const getBucketAcl: Operation = async (call) => {
  call.bucket();
  call.require('s3:GetBucketAcl', call.bucketArn());
  return xmlAnswer('AccessControlPolicy', ownerAcl(call));
};

export const getObjectAcl: Operation = async (call) => {
  call.bucket();
  call.require('s3:GetObjectAcl', call.objectArn());
  return xmlAnswer('AccessControlPolicy', ownerAcl(call));
};

function ownerAcl(call: Call): {
  Owner: { ID: string };
  AccessControlList: { Grant: { Grantee: { ID: string }; Permission: string } };
} {
  const owner = { ID: ownerId(call.context.accountId) };
  return { Owner: owner, AccessControlList: { Grant: { Grantee: owner, Permission: 'FULL_CONTROL' } } };
}
