/** Step 4: the host and all that was made for it are destroyed; ledger and inventory must agree. */
import { destroyHost, planDestroy } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import type { DemoBucket } from './bucket-step.ts';
import type { DemoHost } from './host-step.ts';
import type { DemoState, Say } from './stage.ts';

export async function destroyStep(
  state: DemoState,
  source: DemoHost,
  bucket: DemoBucket,
  say: Say,
): Promise<{ bytesMoved: number }> {
  const { cloud } = state;
  const quiet = { ...cloud, onEvent: () => {} };
  const plan = await planDestroy(cloud.clients, cloud.ledger, source.host.name, quiet);
  const report = await destroyHost(cloud.clients, plan, quiet);
  for (const removal of report.removed) say(`gone: ${removal.kind} ${removal.id}`);
  const left = await leftovers(state, bucket);
  if (left.length > 0) throw new HostarkError('leftovers', `expected nothing but the bucket, found ${left.join(', ')}`);
  say("ledger and the cloud's own inventory agree: nothing is left but the bucket");
  return { bytesMoved: 0 };
}

/** What exists besides the bucket, by the cloud's inventory and by our ledger. */
export async function leftovers({ cloud, sandbox }: DemoState, bucket: DemoBucket): Promise<string[]> {
  const inventory = (await sandbox.inventory()).filter(
    (entry) => !(entry.kind === 's3:bucket' && entry.id === bucket.name),
  );
  const open = (await cloud.ledger.openResources()).filter((entry) => entry.kind !== 'bucket');
  return [
    ...inventory.map((entry) => `${entry.kind} ${entry.id}`),
    ...open.map((entry) => `${entry.kind} ${entry.name} (ledger)`),
  ];
}
