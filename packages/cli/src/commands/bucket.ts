/** `hostark bucket create | show | download`. */
import { auditBucket, createBucket, downloadRepository, planBucket, showBucket } from '@hostark/cloud';
import { type CloudFlags, withCloud } from '../hosts/cloud.ts';
import { wholeNumber } from '../repository/settings.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import type { CommandCode } from '../tree/command.ts';

interface CreateFlags extends CloudFlags {
  readonly objectLock?: boolean;
  readonly kmsKey?: string;
  readonly expireNoncurrent?: string;
}

/** Days of GOVERNANCE retention that --object-lock sets: long enough to notice, short enough to undo. */
const OBJECT_LOCK_DAYS = 30;

export const create: CommandCode<CreateFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const plan = await planBucket(cloud.clients, {
      name: name!,
      ...(flags.kmsKey === undefined ? {} : { kmsKey: flags.kmsKey }),
      ...(flags.objectLock ? { objectLockDays: OBJECT_LOCK_DAYS } : {}),
      ...(flags.expireNoncurrent === undefined
        ? {}
        : { expireNoncurrentDays: wholeNumber(flags.expireNoncurrent, '--expire-noncurrent', { min: 1, max: 36500 }) }),
    });
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      out.print(`would create or adopt bucket ${plan.name} in ${plan.region} and set:`);
      for (const setting of plan.settings) out.print(`  ${setting.summary}`);
      return 0;
    }
    const report = await createBucket(cloud.clients, plan, cloud);
    out.data({ message_type: 'summary', ...report });
    out.print(`bucket ${report.name} ${report.created ? 'created' : 'adopted'} in ${report.region}`);
    for (const setting of report.settings) out.print(`  ${setting.changed ? 'set ' : 'kept'} ${setting.summary}`);
    out.say(`next: hostark host launch NAME --bucket ${report.name}`);
    return 0;
  });
};

export const show: CommandCode<CloudFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const audit = await auditBucket(cloud.clients, await planBucket(cloud.clients, { name: name! }), cloud);
    if (!audit.exists) {
      out.data({ message_type: 'bucket', name, exists: false });
      out.print(`there is no bucket ${name}; create it with: hostark bucket create ${name}`);
      return 1;
    }
    const contents = await showBucket(cloud.clients, { name: name! }, cloud);
    out.data({ message_type: 'bucket', name, exists: true, ...contents, settings: audit.findings });
    out.print(`bucket ${name}: ${plural(contents.objects, 'object')}, ${formatBytes(contents.bytes)}`);
    for (const host of contents.hosts) out.print(`  backups of ${host}`);
    for (const { state, setting } of audit.findings) out.print(`  ${state.padEnd(9)} ${setting.summary}`);
    return 0;
  });
};

interface DownloadFlags extends CloudFlags {
  readonly prefix?: string;
}

export const download: CommandCode<DownloadFlags> = async (context, flags, [name, directory]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const prefix = flags.prefix === undefined ? undefined : `${flags.prefix.replace(/^\/|\/$/g, '')}/`;
    const place = prefix === undefined ? {} : { prefix };
    const contents = await showBucket(cloud.clients, { name: name!, ...place }, cloud);
    const effort = `${plural(contents.objects, 'object')}, ${formatBytes(contents.bytes)}: about ${plural(contents.objects, 'request')}`;
    if (flags.dryRun) {
      out.data({ message_type: 'plan', objects: contents.objects, bytes: contents.bytes });
      out.print(`would download ${effort}`);
      return 0;
    }
    out.say(effort);
    const report = await downloadRepository(cloud.clients, { bucket: name!, directory: directory!, ...place }, cloud);
    out.data({ message_type: 'summary', ...report, directory });
    out.print(
      `${plural(report.objects, 'object')}, ${formatBytes(report.bytes)} in ${directory}, each verified against its name`,
    );
    if (report.kept > 0) out.print(`${plural(report.kept, 'object')} were there already`);
    out.say(`next: hostark check -r ${directory}, or stock restic: restic -r ${directory} snapshots`);
    return 0;
  });
};
