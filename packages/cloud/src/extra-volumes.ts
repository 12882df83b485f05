/** Extra EBS volumes of a new host, as users write them: SIZE[:TYPE[:DEVICE]]. Pure. */
import { HostarkError } from '@hostark/protocol';

export interface VolumeRequest {
  readonly sizeGiB: number;
  /** Default gp3. */
  readonly type?: string;
  /** Default: the next free of /dev/sdf to /dev/sdp. */
  readonly device?: string;
}

export interface VolumePlan {
  readonly device: string;
  readonly sizeGiB: number;
  readonly type: string;
}

/** EBS "volume types": sizes in GiB. io1 and io2 need a number of IOPS, which is not asked for here. */
const SIZES: Readonly<Record<string, readonly [least: number, most: number]>> = {
  gp3: [1, 16_384],
  gp2: [1, 16_384],
  st1: [125, 16_384],
  sc1: [125, 16_384],
};

/** EC2 "Device names on Linux instances": /dev/sd[f-p] are recommended for EBS volumes. */
const DEVICES = [...'fghijklmnop'].map((letter) => `/dev/sd${letter}`);

/** Reads SIZE[:TYPE[:DEVICE]]. Throws 'usage'. */
export function parseVolume(text: string): VolumeRequest {
  const [size = '', type, device, ...rest] = text.split(':');
  if (!/^\d+$/.test(size) || rest.length > 0) {
    throw new HostarkError('usage', `volume ${JSON.stringify(text)}: expected SIZE[:TYPE[:DEVICE]], the size in GiB`, {
      hint: 'for example 100, 500:st1, or 20:gp3:/dev/sdf',
    });
  }
  return {
    sizeGiB: Number(size),
    ...(type === undefined || type === '' ? {} : { type }),
    ...(device === undefined || device === '' ? {} : { device }),
  };
}

/** Gives every volume a device. Throws 'usage' for sizes, types and devices that EC2 does not take. */
export function planVolumes(requests: readonly VolumeRequest[], taken: readonly string[]): readonly VolumePlan[] {
  const used = new Set([...taken, ...requests.flatMap(({ device }) => (device === undefined ? [] : [device]))]);
  if (used.size < new Set(taken).size + requests.filter(({ device }) => device !== undefined).length) {
    throw new HostarkError('usage', `volumes: expected devices that are free, got one twice`, {
      hint: `the image uses ${taken.join(', ')}; leave devices out, and free ones are taken`,
    });
  }
  return requests.map(({ sizeGiB, type = 'gp3', device = nextFree(used) }) => {
    const range = SIZES[type];
    if (range === undefined) {
      throw new HostarkError(
        'usage',
        `volume type ${JSON.stringify(type)}: expected one of ${Object.keys(SIZES).join(', ')}`,
        {
          hint: 'gp3 is right unless you know better; attach io1 and io2 volumes yourself',
        },
      );
    }
    if (!Number.isInteger(sizeGiB) || sizeGiB < range[0] || sizeGiB > range[1]) {
      throw new HostarkError(
        'usage',
        `volume of ${sizeGiB} GiB: expected ${range[0]} to ${range[1]} for ${type}, whole`,
        {
          hint: 'give another size or type',
        },
      );
    }
    if (!DEVICES.includes(device)) {
      throw new HostarkError('usage', `device ${JSON.stringify(device)}: expected /dev/sdf to /dev/sdp`, {
        hint: 'leave it out, and a free one is taken',
      });
    }
    return { device, sizeGiB, type };
  });
}

function nextFree(used: Set<string>): string {
  const device = DEVICES.find((one) => !used.has(one));
  if (device === undefined) {
    throw new HostarkError('usage', `volumes: expected at most ${DEVICES.length}, there are more`, {
      hint: 'attach more of them later',
    });
  }
  used.add(device);
  return device;
}
