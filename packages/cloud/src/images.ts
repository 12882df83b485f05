/**
 * Images by alias: each distribution publishes the id of its newest AMI as a public SSM parameter. Pure data.
 * Sources: AWS "Calling public parameters for AL2023", Canonical "Find Ubuntu images on AWS", Debian wiki "Cloud/AmazonEC2Image".
 */

export const ARCHITECTURES = ['x86_64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

export interface ImageAlias {
  readonly title: string;
  readonly parameter: Readonly<Record<Architecture, string>>;
  /** The login user that cloud-init creates. */
  readonly user: string;
}

export const IMAGE_ALIASES: Readonly<Record<string, ImageAlias>> = {
  al2023: {
    title: 'Amazon Linux 2023',
    parameter: {
      x86_64: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64',
      arm64: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64',
    },
    user: 'ec2-user',
  },
  'debian-12': {
    title: 'Debian 12',
    parameter: {
      x86_64: '/aws/service/debian/release/12/latest/amd64',
      arm64: '/aws/service/debian/release/12/latest/arm64',
    },
    user: 'admin',
  },
  'ubuntu-24.04': {
    title: 'Ubuntu 24.04 LTS',
    parameter: {
      x86_64: '/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id',
      arm64: '/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id',
    },
    user: 'ubuntu',
  },
};

/** The login user of an image whose alias is not known, guessed from its name as AWS documents the defaults. */
export function defaultUser(imageName: string): string {
  if (/ubuntu/i.test(imageName)) return 'ubuntu';
  if (/debian/i.test(imageName)) return 'admin';
  return 'ec2-user';
}
