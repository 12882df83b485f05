/**
 * What a volume snapshot carries besides our common marks: enough to make a host of it where nothing else is left. The
 * machine that took it, its ledger and the region it came from may all be gone.
 */
import type { Snapshot } from '@aws-sdk/client-ec2';
import type { Architecture } from './images.ts';
import { readTags, TAG_BUCKET, TAG_HOST, TAG_LEDGER, TAG_PREFIX, TAG_RUN, TAG_USER, type Tags } from './tags.ts';

/** The set that it was taken with, at one moment. */
export const TAG_SET = 'hostark:set';
/** How many snapshots the set has. */
export const TAG_SET_SIZE = 'hostark:set-size';
/** The name of the device on its host: `/dev/xvda`. */
export const TAG_DEVICE = 'hostark:device';
export const TAG_ROOT_DEVICE = 'hostark:root-device';
export const TAG_ARCHITECTURE = 'hostark:architecture';
export const TAG_BOOT_MODE = 'hostark:boot-mode';
export const TAG_INSTANCE_TYPE = 'hostark:instance-type';
export const TAG_VOLUME_TYPE = 'hostark:volume-type';
/** Where the volume was, and when the set was taken: a copy has a region and a time of its own. */
export const TAG_SOURCE_REGION = 'hostark:source-region';
export const TAG_TAKEN = 'hostark:taken';
/** 'frozen' when the data volumes' file systems stood still, else 'crash'. */
export const TAG_CONSISTENCY = 'hostark:consistency';
/** The snapshot that a copy was made of, or a volume was made from. */
export const TAG_MADE_FROM = 'hostark:made-from';
/** Set last: from then on it is the user's data, and no longer what a killed run left behind. */
export const TAG_FINISHED = 'hostark:finished';

/** What a host must be to boot from the snapshots of another one. */
export interface MachineFacts {
  readonly architecture: Architecture;
  /** EC2's word, null when it said none: 'uefi', 'legacy-bios', 'uefi-preferred'. */
  readonly bootMode: string | null;
  readonly rootDevice: string;
  readonly instanceType: string;
  /** The login user. */
  readonly user: string;
  readonly bucket: string | null;
  readonly prefix: string | null;
}

/** One snapshot of ours, read from its tags. */
export interface VolumeSnapshot {
  readonly id: string;
  readonly region: string;
  readonly host: string;
  readonly set: string;
  readonly setSize: number;
  /** Null while the run that made it has not named it yet, or will never. */
  readonly device: string | null;
  /** EC2's word: 'pending', 'completed', 'error', 'recoverable', 'recovering'. */
  readonly state: string;
  /** 0 to 100. */
  readonly percent: number;
  readonly sizeGiB: number;
  /** Bytes that it holds in full, where EC2 says; EBS charges for blocks that its predecessors lack, which are fewer. */
  readonly bytes: number | null;
  /** ISO 8601. When the volumes were like this, also for a copy. */
  readonly taken: string;
  readonly sourceRegion: string;
  readonly volumeId: string;
  readonly volumeType: string;
  readonly encrypted: boolean;
  readonly consistency: 'frozen' | 'crash';
  readonly madeFrom: string | null;
  /** Whether the run that made it came to its end. */
  readonly finished: boolean;
  readonly ledger: string | null;
  readonly machine: MachineFacts;
  readonly tags: Tags;
}

/** The tags that all snapshots of a set share. */
export function machineTags(machine: MachineFacts): Tags {
  return {
    [TAG_ROOT_DEVICE]: machine.rootDevice,
    [TAG_ARCHITECTURE]: machine.architecture,
    ...(machine.bootMode === null ? {} : { [TAG_BOOT_MODE]: machine.bootMode }),
    [TAG_INSTANCE_TYPE]: machine.instanceType,
    [TAG_USER]: machine.user,
    ...(machine.bucket === null ? {} : { [TAG_BUCKET]: machine.bucket }),
    ...(machine.prefix === null ? {} : { [TAG_PREFIX]: machine.prefix }),
  };
}

/** What a copy says as its original does: all of ours but what names one resource. */
export function inheritedTags(tags: Tags): Tags {
  const own = new Set([TAG_RUN, TAG_LEDGER, TAG_FINISHED, TAG_MADE_FROM]);
  return Object.fromEntries(Object.entries(tags).filter(([key]) => key.startsWith('hostark:') && !own.has(key)));
}

export function readSnapshot(snapshot: Snapshot, region: string): VolumeSnapshot {
  const tags = readTags(snapshot.Tags);
  return {
    id: snapshot.SnapshotId ?? '',
    region,
    host: tags[TAG_HOST] ?? '',
    set: tags[TAG_SET] ?? '',
    setSize: Number(tags[TAG_SET_SIZE] ?? 1),
    device: tags[TAG_DEVICE] ?? null,
    state: snapshot.State ?? 'pending',
    percent: snapshot.State === 'completed' ? 100 : Number.parseInt(snapshot.Progress ?? '0', 10) || 0,
    sizeGiB: snapshot.VolumeSize ?? 0,
    bytes: snapshot.FullSnapshotSizeInBytes ?? null,
    taken: tags[TAG_TAKEN] ?? snapshot.StartTime?.toISOString() ?? '',
    sourceRegion: tags[TAG_SOURCE_REGION] ?? region,
    volumeId: snapshot.VolumeId ?? '',
    volumeType: tags[TAG_VOLUME_TYPE] ?? 'gp3',
    encrypted: snapshot.Encrypted ?? false,
    consistency: tags[TAG_CONSISTENCY] === 'frozen' ? 'frozen' : 'crash',
    madeFrom: tags[TAG_MADE_FROM] ?? null,
    finished: tags[TAG_FINISHED] !== undefined,
    ledger: tags[TAG_LEDGER] ?? null,
    machine: {
      architecture: tags[TAG_ARCHITECTURE] === 'arm64' ? 'arm64' : 'x86_64',
      bootMode: tags[TAG_BOOT_MODE] ?? null,
      rootDevice: tags[TAG_ROOT_DEVICE] ?? '',
      instanceType: tags[TAG_INSTANCE_TYPE] ?? '',
      user: tags[TAG_USER] ?? 'ec2-user',
      bucket: tags[TAG_BUCKET] ?? null,
      prefix: tags[TAG_PREFIX] ?? null,
    },
    tags,
  };
}
