/** `hostark bucket audit NAME`: what is off about a bucket; with --fix it is mended. Exit 22 while something is off. */
import { type BucketDeviation, locateBucket, planBucket, planBucketAudit, runBucketAudit } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { confirm } from '../../terminal/confirm.ts';
import { plural } from '../../terminal/format.ts';
import type { Output } from '../../terminal/output.ts';
import type { CommandCode } from '../../tree/command.ts';

interface AuditFlags extends CloudFlags {
  readonly fix?: boolean;
  readonly allowPrincipal?: string[];
}

export const audit: CommandCode<AuditFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const region = await locateBucket(cloud.clients, name!);
    const plan = await planBucket(cloud.clients, { name: name!, region });
    const options = { signal: cloud.signal, allowedPrincipals: flags.allowPrincipal ?? [] };
    const before = await planBucketAudit(cloud.clients, plan, options);
    const fixable = before.deviations.filter(({ fix }) => fix !== null);
    const { bucket, deviations, notes } = before;
    out.data({ message_type: 'plan', kind: before.kind, bucket, region, ours: before.ours, deviations, notes });
    tellDeviations(out, deviations);
    for (const note of notes) out.say(`note: ${note}`);
    if (!flags.fix || flags.dryRun || fixable.length === 0) return conclude(out, bucket, deviations, []);
    await confirm(context, flags.yes, `this changes ${plural(fixable.length, 'setting')} of bucket ${bucket}`, bucket);
    await runBucketAudit(cloud.clients, before, cloud);
    const left = (await planBucketAudit(cloud.clients, plan, options)).deviations;
    const fixed = deviations.filter(
      (one) => !left.some(({ check, found }) => check === one.check && found === one.found),
    );
    for (const { check } of fixed) out.print(`fixed   ${check}`);
    return conclude(out, bucket, left, fixed);
  });
};

function tellDeviations(out: Output, deviations: readonly BucketDeviation[]): void {
  for (const { check, expected, found, fix } of deviations) {
    out.print(`off     ${check}`);
    out.print(`        expected ${expected}`);
    out.print(`        found    ${found}`);
    out.print(`        fix      ${fix ?? 'none from here: look at it, and change it by hand if it is not wanted'}`);
  }
}

/** Ends with a summary; throws 'not-healthy' (exit 22) when something is off. */
function conclude(
  out: Output,
  bucket: string,
  left: readonly BucketDeviation[],
  fixed: readonly BucketDeviation[],
): number {
  out.data({
    message_type: 'summary',
    bucket,
    fixed: fixed.map(({ check }) => check),
    left: left.map(({ check }) => check),
  });
  if (left.length === 0) {
    out.print(`bucket ${bucket}: as it should be`);
    return 0;
  }
  const byHand = left.every(({ fix }) => fix === null);
  throw new HostarkError('not-healthy', `bucket ${bucket}: ${plural(left.length, 'deviation')}, named above`, {
    hint: byHand
      ? 'what is left is not ours to change; --allow-principal accepts access that you gave on purpose'
      : `mend it with: hostark bucket audit ${bucket} --fix`,
    context: { bucket, deviations: left.length },
  });
}
