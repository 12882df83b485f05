/** The bucket: is it there, where, and as it should be? */
import { locateBucket, planBucket, planBucketAudit } from '@hostark/cloud';
import type { Check, Examination } from './check.ts';

export const bucket: Check = {
  name: 'bucket',
  needsCloud: true,
  async run({ cloud, flags }: Examination) {
    const name = flags.bucket;
    if (name === undefined) return { state: 'skipped', found: 'no --bucket given' };
    const { clients, signal } = await cloud();
    const region = await locateBucket(clients, name);
    const { deviations } = await planBucketAudit(clients, await planBucket(clients, { name, region }), { signal });
    if (deviations.length === 0) return { state: 'ok', found: `${name} in ${region}, as it should be` };
    return {
      state: 'problem',
      found: `${name} in ${region}: off: ${deviations.map(({ check }) => check).join(', ')}`,
      fix: `hostark bucket audit ${name} --fix`,
    };
  },
};
