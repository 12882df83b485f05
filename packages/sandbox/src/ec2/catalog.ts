/** What every account finds in EC2: regions, zones, the default network, images and instance types. Plain data. */
import { createHash } from 'node:crypto';
import type { ImageRecord } from './model.ts';

export const REGIONS: readonly string[] = [
  ...['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2', 'ca-central-1', 'sa-east-1'],
  ...['eu-central-1', 'eu-central-2', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'eu-north-1', 'eu-south-1'],
  ...['ap-south-1', 'ap-northeast-1', 'ap-northeast-2', 'ap-southeast-1', 'ap-southeast-2'],
];

const ZONE_LETTERS = ['a', 'b', 'c'] as const;

export interface Subnet {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly zoneId: string;
  readonly cidr: string;
  /** Whether instances get a public address unless they ask not to. */
  readonly mapPublicIp: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Network {
  readonly vpcId: string;
  readonly cidr: string;
  readonly gatewayId: string;
  readonly subnets: readonly Subnet[];
}

/** The default VPC of a region, with one subnet in each of three zones. The same account sees the same ids. */
export function defaultNetwork(accountId: string, region: string): Network {
  const id = (prefix: string, part: string): string =>
    `${prefix}-0${createHash('sha256').update(`${accountId} ${region} ${part}`).digest('hex').slice(0, 16)}`;
  const vpcId = id('vpc', 'vpc');
  return {
    vpcId,
    cidr: '172.31.0.0/16',
    gatewayId: id('igw', 'igw'),
    subnets: ZONE_LETTERS.map((letter, i) => ({
      ...{ id: id('subnet', letter), vpcId, zone: `${region}${letter}`, cidr: `172.31.${i * 16}.0/20` },
      ...{ zoneId: `${zoneIdPrefix(region)}-az${i + 1}`, mapPublicIp: true, tags: {} },
    })),
  };
}

/** Zone ids shorten the region: us-east-1 is use1. */
function zoneIdPrefix(region: string): string {
  const [continent = '', direction = '', number = ''] = region.split('-');
  return `${continent}${direction.replace('north', 'n').replace('south', 's').replace('east', 'e').replace('west', 'w').replace('central', 'c')}${number}`;
}

export interface Image {
  /** The same in every region of the sandbox, other than on AWS. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly ownerId: string;
  readonly ownerAlias: string | null;
  readonly architecture: 'x86_64' | 'arm64';
  readonly rootDevice: string;
  readonly rootSizeGiB: number;
  readonly createdAt: string;
  /** User that the image's first boot prepares for login. */
  readonly user: string;
  readonly osRelease: readonly string[];
  readonly ssmParameters: readonly string[];
  /** The record of an image of this account; the catalog's own images have none. */
  readonly own?: ImageRecord;
}

function images(
  make: (architecture: 'x86_64' | 'arm64', short: 'amd64' | 'arm64') => Omit<Image, 'id' | 'architecture'>,
): Image[] {
  return (['x86_64', 'arm64'] as const).map((architecture) => {
    const image = make(architecture, architecture === 'x86_64' ? 'amd64' : 'arm64');
    const id = `ami-0${createHash('sha256').update(image.name).digest('hex').slice(0, 16)}`;
    return { id, architecture, ...image };
  });
}

export const IMAGES: readonly Image[] = [
  ...images((architecture) => ({
    name: `al2023-ami-2023.9.20261110.0-kernel-6.1-${architecture}`,
    description: `Amazon Linux 2023 AMI 2023.9.20261110.0 ${architecture} HVM kernel-6.1 (stand-in of the sandbox)`,
    ownerId: '137112412989',
    ownerAlias: 'amazon',
    rootDevice: '/dev/xvda',
    rootSizeGiB: 8,
    createdAt: '2026-11-10T00:00:00.000Z',
    user: 'ec2-user',
    osRelease: ['NAME="Amazon Linux"', 'VERSION="2023"', 'ID="amzn"', 'ID_LIKE="fedora"', 'VERSION_ID="2023"'],
    ssmParameters: [
      `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architecture}`,
      `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-${architecture}`,
    ],
  })),
  ...images((_, short) => ({
    name: `debian-12-${short}-20261103-2290`,
    description: `Debian 12 (20261103-2290) (stand-in of the sandbox)`,
    ownerId: '136693071363',
    ownerAlias: null,
    rootDevice: '/dev/xvda',
    rootSizeGiB: 8,
    createdAt: '2026-11-03T00:00:00.000Z',
    user: 'admin',
    osRelease: ['NAME="Debian GNU/Linux"', 'VERSION_ID="12"', 'ID=debian', 'VERSION_CODENAME=bookworm'],
    ssmParameters: [`/aws/service/debian/release/12/latest/${short}`],
  })),
  ...images((_, short) => ({
    name: `ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-${short}-server-20261105`,
    description: `Canonical, Ubuntu, 24.04, ${short} noble image (stand-in of the sandbox)`,
    ownerId: '099720109477',
    ownerAlias: null,
    rootDevice: '/dev/sda1',
    rootSizeGiB: 8,
    createdAt: '2026-11-05T00:00:00.000Z',
    user: 'ubuntu',
    osRelease: ['NAME="Ubuntu"', 'VERSION_ID="24.04"', 'ID=ubuntu', 'ID_LIKE=debian', 'VERSION_CODENAME=noble'],
    ssmParameters: [
      `/aws/service/canonical/ubuntu/server/24.04/stable/current/${short}/hvm/ebs-gp3/ami-id`,
      `/aws/service/canonical/ubuntu/server/noble/stable/current/${short}/hvm/ebs-gp3/ami-id`,
    ],
  })),
];

export interface InstanceType {
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly architecture: 'x86_64' | 'arm64';
  readonly network: string;
}

const type = (name: string, vcpus: number, gib: number, network: string): InstanceType => ({
  name,
  vcpus,
  memoryMiB: gib * 1024,
  architecture: /^[a-z]+\d+g/.test(name) ? 'arm64' : 'x86_64',
  network,
});

/** The sizes of a family; every step doubles. `gib` is memory for each virtual CPU. */
const sizes = (family: string, gib: number): InstanceType[] =>
  (['large', 'xlarge', '2xlarge', '4xlarge'] as const).map((size, n) =>
    type(`${family}.${size}`, 2 ** (n + 1), gib * 2 ** (n + 1), n < 3 ? 'Up to 12.5 Gigabit' : 'Up to 15 Gigabit'),
  );

export const INSTANCE_TYPES: readonly InstanceType[] = [
  type('t3.micro', 2, 1, 'Up to 5 Gigabit'),
  type('t3.small', 2, 2, 'Up to 5 Gigabit'),
  type('t3.medium', 2, 4, 'Up to 5 Gigabit'),
  type('t3.large', 2, 8, 'Up to 5 Gigabit'),
  type('t3.xlarge', 4, 16, 'Up to 5 Gigabit'),
  type('t3a.small', 2, 2, 'Up to 5 Gigabit'),
  type('t4g.nano', 2, 0.5, 'Up to 5 Gigabit'),
  type('t4g.micro', 2, 1, 'Up to 5 Gigabit'),
  type('t4g.small', 2, 2, 'Up to 5 Gigabit'),
  type('t4g.medium', 2, 4, 'Up to 5 Gigabit'),
  type('t4g.large', 2, 8, 'Up to 5 Gigabit'),
  ...sizes('m7i', 4),
  ...sizes('m6i', 4),
  ...sizes('m7g', 4),
  ...sizes('c7i', 2),
  ...sizes('c7g', 2),
  ...sizes('r7i', 8),
  ...sizes('r7g', 8),
];
