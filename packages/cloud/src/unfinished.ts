/** Hosts that are launched but not yet what they are to become: a recovery still writes onto them, or was cut off. */
import type { AwsClients } from './clients.ts';
import { placeOf } from './cloud-place.ts';
import { forgetHostKey, type HostRecord, readHostRecord, readHostRecords, writeHostRecord } from './host-record.ts';
import type { Ledger } from './ledger.ts';

/** Says that a host is made: from now on cleanup leaves it alone, and no launch of its name makes it anew. */
export async function finishHost(ledger: Ledger, name: string): Promise<void> {
  const record = await readHostRecord(ledger.directory, name);
  if (record === null) throw new RangeError(`expected a host of this machine, ${name} is none`);
  await writeHostRecord(ledger.directory, { ...record, state: 'ready' });
  await forgetHostKey(ledger.directory, name); // after its launch only the host needs it
}

/** The hosts of these clients' place that a run left half made which is gone. A launch of the same name continues them. */
export async function unfinishedHosts(clients: AwsClients, ledger: Ledger): Promise<readonly HostRecord[]> {
  const [place, live, records] = await Promise.all([
    placeOf(clients),
    ledger.liveRuns(),
    readHostRecords(ledger.directory),
  ]);
  return records.filter(
    ({ state, run, account, region }) =>
      state === 'launching' && !live.has(run) && account === place.account && region === place.region,
  );
}
