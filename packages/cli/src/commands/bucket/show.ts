/** `hostark bucket show NAME`: what is set on a bucket, and what it holds. */
import { auditBucket, locateBucket, planBucket, showBucket } from '@hostark/cloud';
import { isHostarkError } from '@hostark/protocol';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { formatBytes, plural } from '../../terminal/format.ts';
import type { CommandCode } from '../../tree/command.ts';

export const show: CommandCode<CloudFlags> = async (context, flags, [name]) => {
  const { out } = context;
  return withCloud(context, flags, async (cloud) => {
    const region = await locateBucket(cloud.clients, name!).catch((error: unknown) => {
      if (isHostarkError(error, 'no-repository')) return null;
      throw error;
    });
    if (region === null) {
      out.data({ message_type: 'bucket', name, exists: false });
      out.print(`there is no bucket ${name}; create it with: hostark bucket create ${name}`);
      return 1;
    }
    const audit = await auditBucket(cloud.clients, await planBucket(cloud.clients, { name: name!, region }), cloud);
    const contents = await showBucket(cloud.clients, { name: name! }, cloud);
    out.data({ message_type: 'bucket', name, exists: true, ...contents, settings: audit.findings });
    out.print(`bucket ${name}: ${plural(contents.objects, 'object')}, ${formatBytes(contents.bytes)}`);
    for (const host of contents.hosts) out.print(`  backups of ${host}`);
    for (const { state, setting } of audit.findings) out.print(`  ${state.padEnd(9)} ${setting.summary}`);
    return 0;
  });
};
