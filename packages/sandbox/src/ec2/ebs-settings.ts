/** What requests say about a volume: type, size, speed, encryption; checked as EBS does. */
import { createHash } from 'node:crypto';
import { ServiceError } from '../http/service-error.ts';
import type { Call } from './call.ts';
import type { SnapshotRecord, VolumeRecord } from './model.ts';
import { invalid, type Parameters } from './parameters.ts';

/** Smallest and largest size in GiB. Source: EBS user guide, volume types. */
const SIZES: Readonly<Record<string, readonly [number, number]>> = {
  gp2: [1, 16_384],
  gp3: [1, 65_536],
  io1: [4, 16_384],
  io2: [4, 65_536],
  st1: [125, 16_384],
  sc1: [125, 16_384],
  standard: [1, 1024],
};

/** Smallest and largest provisioned IOPS, where a type has them. */
const IOPS: Readonly<Record<string, readonly [number, number]>> = {
  gp3: [3000, 80_000],
  io1: [100, 64_000],
  io2: [100, 256_000],
};

export type EbsSettings = Pick<VolumeRecord, 'sizeGiB' | 'type' | 'iops' | 'throughput' | 'encrypted' | 'kmsKeyId'>;

/** `Encrypted` and `KmsKeyId`; an encrypted source stays encrypted, with its own key in its own region. */
export function encryptionOf(
  call: Call,
  parameters: Parameters,
  source: { readonly encrypted: boolean; readonly kmsKeyId?: string | undefined } | null,
): { readonly encrypted: boolean; readonly kmsKeyId: string | undefined } {
  const asked = parameters.get('KmsKeyId');
  const encrypted = parameters.flag('Encrypted') || (source?.encrypted ?? false);
  if (asked !== undefined && !encrypted)
    throw new ServiceError(
      400,
      'InvalidParameterDependency',
      'The parameter KmsKeyId requires the parameter Encrypted to be set.',
    );
  if (!encrypted) return { encrypted, kmsKeyId: undefined };
  return { encrypted, kmsKeyId: asked === undefined ? (source?.kmsKeyId ?? defaultKey(call)) : keyArn(call, asked) };
}

/** ARN of the account's key `aws/ebs` in the call's region. */
export function defaultKey(call: Pick<Call, 'regionName' | 'context'>): string {
  const { accountId } = call.context;
  const hex = createHash('sha256').update(`${accountId} ${call.regionName} aws/ebs`).digest('hex');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  return `arn:aws:kms:${call.regionName}:${accountId}:key/${id}`;
}

function keyArn(call: Call, id: string): string {
  if (id.startsWith('arn:')) return id;
  const resource = id.startsWith('alias/') ? id : `key/${id}`;
  return id === 'alias/aws/ebs'
    ? defaultKey(call)
    : `arn:aws:kms:${call.regionName}:${call.context.accountId}:${resource}`;
}

/** Why EBS cannot use a key, which it finds out after it accepted the request; null when it can. */
export function keyFailure(call: Call, kmsKeyId: string | undefined): string | null {
  if (kmsKeyId === undefined || kmsKeyId.split(':')[3] === call.regionName) return null;
  return 'Given key ID is not accessible';
}

/** Settings of a new volume, from a snapshot or empty. `least` is the size below which the source does not fit. */
export function ebsSettings(
  call: Call,
  parameters: Parameters,
  from: { readonly snapshot: SnapshotRecord | null; readonly sizeGiB: number | null; readonly typeByDefault: string },
): EbsSettings {
  const type = parameters.get('VolumeType') ?? from.typeByDefault;
  const range = Object.hasOwn(SIZES, type) ? SIZES[type] : undefined;
  if (range === undefined) throw invalid('VolumeType', type, `expected one of ${Object.keys(SIZES).join(', ')}`);
  const sent = parameters.get('Size') ?? parameters.get('VolumeSize');
  const sizeGiB = sent === undefined ? from.sizeGiB : Number(sent);
  if (sizeGiB === null)
    throw new ServiceError(400, 'MissingParameter', 'The request must contain the parameter size or snapshotId');
  if (!Number.isInteger(sizeGiB) || sizeGiB < range[0] || sizeGiB > range[1])
    throw new ServiceError(
      400,
      'InvalidParameterValue',
      `Volume of ${sent ?? sizeGiB}GiB is ${sizeGiB < range[0] ? 'too small' : 'too large'} for volume type ${type}; ${sizeGiB < range[0] ? `minimum is ${range[0]}` : `maximum is ${range[1]}`}GiB.`,
    );
  return {
    ...{ sizeGiB, type, iops: iopsOf(parameters, type), throughput: throughputOf(parameters, type) },
    ...encryptionOf(call, parameters, from.snapshot),
  };
}

function iopsOf(parameters: Parameters, type: string): number | undefined {
  const range = IOPS[type];
  const sent = parameters.get('Iops');
  if (range === undefined) {
    if (sent !== undefined)
      throw new ServiceError(
        400,
        'InvalidParameterCombination',
        `The parameter iops is not supported for ${type} volumes.`,
      );
    return undefined;
  }
  if (sent === undefined && type !== 'gp3')
    throw new ServiceError(400, 'MissingParameter', `The request must contain the parameter iops for ${type} volumes`);
  return parameters.integer('Iops', range[0], range[0], range[1]);
}

function throughputOf(parameters: Parameters, type: string): number | undefined {
  if (type === 'gp3') return parameters.integer('Throughput', 125, 125, 2000);
  if (parameters.get('Throughput') !== undefined)
    throw new ServiceError(
      400,
      'InvalidParameterCombination',
      `The parameter throughput is not supported for ${type} volumes.`,
    );
  return undefined;
}
