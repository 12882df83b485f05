/** The last step: the lost region comes back, and everything that the demo made is removed but the data. */
import { destroyHost, planDestroy } from '@hostark/cloud';
import type { DemoBucket } from '../bucket-step.ts';
import type { Say } from '../stage.ts';
import { destroyReturned, type Return } from './recover-steps.ts';
import { HOME_REGION, HOST, type RegionsState } from './state.ts';

export interface Ending {
  readonly leftovers: number;
  readonly bytesMoved: number;
}

export async function returnStep(
  { home, refuge }: RegionsState,
  bucket: DemoBucket,
  returns: readonly Return[],
  say: Say,
): Promise<Ending> {
  await destroyReturned(refuge, returns);
  await home.sandbox.regions.restore(HOME_REGION);
  const quiet = { ...home.cloud, onEvent: () => {} };
  await destroyHost(home.cloud.clients, await planDestroy(home.cloud.clients, home.cloud.ledger, HOST, quiet), quiet);
  say(`${HOME_REGION} came back; the three hosts and all that belonged to them are destroyed`);
  const left = await leftovers(refuge, bucket);
  for (const name of left) say(`left over: ${name}`);
  if (left.length === 0)
    say("ledger and the cloud's own inventory agree: nothing is left but the bucket and the snapshots, which are data");
  return { leftovers: left.length, bytesMoved: 0 };
}

/** What exists besides data, by the cloud's inventory and by our ledger. */
async function leftovers({ cloud, sandbox }: RegionsState['refuge'], bucket: DemoBucket): Promise<string[]> {
  const inventory = (await sandbox.inventory()).filter(
    ({ kind, id, tags }) =>
      !(kind === 's3:bucket' && id === bucket.name) &&
      !(kind === 'ec2:snapshot' && tags?.['hostark:finished'] !== undefined),
  );
  const open = (await cloud.ledger.openResources()).filter(({ kind }) => kind !== 'bucket' && kind !== 'snapshot');
  return [
    ...inventory.map((entry) => `${entry.kind} ${entry.id}`),
    ...open.map((entry) => `${entry.kind} ${entry.name} (ledger)`),
  ];
}
