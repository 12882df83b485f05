/** Makes a volume from a snapshot, in any zone of the snapshot's region. */
import { randomBytes } from 'node:crypto';
import type { VolumeType } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { placeOf } from './cloud-place.ts';
import { ensure, type Wanted } from './ensure.ts';
import type { Ledger } from './ledger.ts';
import { type AskOptions, callOptions, type RunOptions } from './run.ts';
import { awsTags, TAG_LEDGER } from './tags.ts';
import { type VolumePrice, volumePrice } from './volume-prices.ts';
import { markFinished, unfinishedEntry } from './volume-resume.ts';
import { expectSnapshot, isSnapshotId } from './volume-sets.ts';
import { TAG_DEVICE, TAG_MADE_FROM } from './volume-tags.ts';
import { waitForVolume } from './volume-wait.ts';

/** EBS "Amazon EBS volume types": GiB at least and at most. */
const VOLUME_TYPES: Readonly<Record<string, readonly [number, number]>> = {
  gp3: [1, 65_536],
  gp2: [1, 16_384],
  io1: [4, 16_384],
  io2: [4, 65_536],
  st1: [125, 16_384],
  sc1: [125, 16_384],
  standard: [1, 1_024],
};

export interface VolumeCreateRequest {
  readonly snapshot: string;
  readonly zone: string;
  /** Default: that of the volume that the snapshot was taken of. */
  readonly type?: string;
  /** GiB; default: the snapshot's. */
  readonly sizeGiB?: number;
  /** Default true; false only from a snapshot that is not encrypted. */
  readonly encrypted?: boolean;
  readonly kmsKey?: string;
  /** For io1 and io2, which have no default; gp3 has 3,000. */
  readonly iops?: number;
}

export interface VolumeCreatePlan {
  readonly kind: 'volume-create';
  /** What the ledger calls it. */
  readonly name: string;
  readonly snapshot: string;
  readonly host: string;
  readonly device: string;
  readonly region: string;
  readonly zone: string;
  readonly account: string;
  readonly endpoint: string | null;
  readonly type: string;
  readonly sizeGiB: number;
  readonly encrypted: boolean;
  readonly kmsKey: string | null;
  readonly iops: number | null;
  readonly price: VolumePrice;
  readonly steps: readonly string[];
}

/** Reads only. Throws 'usage' for what does not fit. */
export async function planVolumeCreate(
  clients: AwsClients,
  ledger: Ledger,
  request: VolumeCreateRequest,
  options: AskOptions = {},
): Promise<VolumeCreatePlan> {
  if (!isSnapshotId(request.snapshot)) {
    throw new HostarkError(
      'usage',
      `snapshot ${JSON.stringify(request.snapshot)}: expected an id like snap-0123456789abcdef0`,
      {
        hint: 'hostark volume list shows them',
      },
    );
  }
  const snapshot = await expectSnapshot(clients, request.snapshot, options);
  if (snapshot.state !== 'completed') {
    throw new HostarkError(
      'usage',
      `snapshot ${snapshot.id}: expected completed, found ${snapshot.state} at ${snapshot.percent} %`,
      {
        hint: 'wait until it is: hostark volume list',
        retry: 'later',
      },
    );
  }
  await expectZone(clients, request.zone, options);
  const type = request.type ?? (VOLUME_TYPES[snapshot.volumeType] === undefined ? 'gp3' : snapshot.volumeType);
  const sizeGiB = checkSize(type, request.sizeGiB ?? snapshot.sizeGiB, snapshot.sizeGiB);
  const encrypted = request.encrypted ?? true;
  if (!encrypted && snapshot.encrypted) {
    throw new HostarkError('usage', `snapshot ${snapshot.id} is encrypted: a volume made of it is, too`, {
      hint: 'leave --no-encrypted out',
    });
  }
  if (request.iops === undefined && (type === 'io1' || type === 'io2'))
    throw new HostarkError('usage', `volume type ${type}: expected its IOPS, found none`, {
      hint: 'for example --iops 3000',
    });
  const place = await placeOf(clients);
  // All that was asked for: a run that was killed is continued by the same wish, and never stands for another one.
  const wish = [type, `${sizeGiB}GiB`, encrypted ? request.kmsKey : 'plain', request.iops].filter(
    (one) => one !== undefined,
  );
  const prefix = `${snapshot.id} in ${request.zone} ${wish.join(' ')}`;
  const begun = await unfinishedEntry(
    clients,
    ledger,
    place,
    'volume',
    (one) => one.name.startsWith(`${prefix} `),
    options,
  );
  return {
    kind: 'volume-create',
    name: begun?.name ?? `${prefix} ${randomBytes(4).toString('hex')}`,
    snapshot: snapshot.id,
    host: snapshot.host,
    device: snapshot.device ?? '',
    zone: request.zone,
    ...place,
    type,
    sizeGiB,
    encrypted,
    kmsKey: request.kmsKey ?? null,
    iops: request.iops ?? null,
    price: volumePrice(place.region, type, sizeGiB),
    steps: [
      `volume of ${sizeGiB} GiB ${type} in ${request.zone} from ${snapshot.id} (${snapshot.device} of ${snapshot.host}, ${snapshot.taken})${encrypted ? ', encrypted' : ', not encrypted'}`,
    ],
  };
}

/** Throws 'usage' for a zone that the clients' region does not have. */
export async function expectZone(clients: AwsClients, zone: string, options: AskOptions): Promise<void> {
  const { DescribeAvailabilityZonesCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const { AvailabilityZones = [] } = await ec2.send(new DescribeAvailabilityZonesCommand({}), callOptions(options));
  const zones = AvailabilityZones.map((one) => one.ZoneName!).sort();
  if (zones.includes(zone)) return;
  throw new HostarkError('usage', `zone ${zone}: expected one of ${clients.region}: ${zones.join(', ')}`, {
    hint: 'a snapshot serves its own region: hostark volume copy brings it to another one',
  });
}

function checkSize(type: string, sizeGiB: number, least: number): number {
  const range = VOLUME_TYPES[type];
  if (range === undefined) {
    throw new HostarkError(
      'usage',
      `volume type ${JSON.stringify(type)}: expected one of ${Object.keys(VOLUME_TYPES).join(', ')}`,
      {
        hint: 'gp3 serves nearly everything',
      },
    );
  }
  const floor = Math.max(range[0], least);
  if (Number.isInteger(sizeGiB) && sizeGiB >= floor && sizeGiB <= range[1]) return sizeGiB;
  throw new HostarkError('usage', `volume size ${sizeGiB} GiB: expected ${floor} to ${range[1]} for ${type}, whole`, {
    hint: `the snapshot needs ${least} GiB`,
  });
}

/** Returns the volume's id. May be repeated, also after a kill: it goes on where it stopped. */
export async function runVolumeCreate(
  clients: AwsClients,
  plan: VolumeCreatePlan,
  options: RunOptions,
): Promise<string> {
  const run = await options.ledger.begin();
  try {
    const id = await ensure(volumeOf(clients, plan, options), plan, run, options);
    await waitForVolume(clients, id, 'available', options);
    await markFinished(clients, [id], options);
    return id;
  } finally {
    await options.ledger.end(run);
  }
}

function volumeOf(clients: AwsClients, plan: VolumeCreatePlan, options: AskOptions): Wanted {
  return {
    kind: 'volume',
    name: plan.name,
    host: plan.host,
    async find(entry) {
      const { DescribeVolumesCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await clients.ec2();
      const Filters = [{ Name: `tag:${TAG_LEDGER}`, Values: [entry.id] }];
      const { Volumes = [] } = await ec2.send(new DescribeVolumesCommand({ Filters }), callOptions(options));
      return Volumes[0]?.VolumeId ?? null;
    },
    async create(entry) {
      const { CreateVolumeCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = await clients.ec2();
      const tags = { ...entry.tags, [TAG_DEVICE]: plan.device, [TAG_MADE_FROM]: plan.snapshot };
      const input = {
        AvailabilityZone: plan.zone,
        SnapshotId: plan.snapshot,
        VolumeType: plan.type as VolumeType,
        Size: plan.sizeGiB,
        Encrypted: plan.encrypted,
        ...(plan.kmsKey === null ? {} : { KmsKeyId: plan.kmsKey }),
        ...(plan.iops === null ? {} : { Iops: plan.iops }),
        ClientToken: entry.token,
        TagSpecifications: [{ ResourceType: 'volume' as const, Tags: awsTags(tags, `${plan.host} ${plan.device}`) }],
      };
      // Mismatch: an earlier run asked for another size or type; what it made is found by its tag.
      const call = ec2.send(new CreateVolumeCommand(input), callOptions(options));
      const made = await unless(call, 'IdempotentParameterMismatch');
      if (made?.VolumeId !== undefined) return made.VolumeId;
      throw new HostarkError(
        'cloud-refused',
        `a volume from ${plan.snapshot} in ${plan.zone} was asked for before, otherwise`,
        {
          hint: 'hostark cleanup removes what an earlier run began; then run it again',
        },
      );
    },
  };
}
