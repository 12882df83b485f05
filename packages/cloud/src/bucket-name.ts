/** S3 "General purpose bucket naming rules", checked before anything is asked of AWS. Pure. */
import { HostarkError } from '@hostark/protocol';

const RULES: readonly (readonly [rule: string, holds: (name: string) => boolean])[] = [
  ['3 to 63 characters', (name) => name.length >= 3 && name.length <= 63],
  ['only a-z, 0-9, dots and hyphens', (name) => /^[a-z0-9.-]*$/.test(name)],
  ['a letter or digit first and last', (name) => /^[a-z0-9]/.test(name) && /[a-z0-9]$/.test(name)],
  ['no two dots in a row', (name) => !name.includes('..')],
  ['no IP address', (name) => !/^\d+\.\d+\.\d+\.\d+$/.test(name)],
  ['no reserved start (xn--, sthree-, amzn-s3-demo-)', (name) => !/^(xn--|sthree-|amzn-s3-demo-)/.test(name)],
  [
    'no reserved end (-s3alias, --ol-s3, .mrap, --x-s3, --table-s3)',
    (name) => !/(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name),
  ],
];

/** Throws 'bucket-name' with the rule that the name breaks. */
export function checkBucketName(name: string): void {
  const broken = RULES.find(([, holds]) => !holds(name));
  if (broken === undefined) return;
  throw new HostarkError('bucket-name', `bucket name ${JSON.stringify(name)}: expected ${broken[0]}`, {
    hint: 'bucket names are shared by all accounts: try your-organisation-backups',
    context: { bucket: name, rule: broken[0] },
  });
}
