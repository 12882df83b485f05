/**
 * Waits for EBS. Snapshots and copies of terabytes take hours: what is waited for is in the cloud and on the ledger, so
 * a wait that ends early loses nothing, and the next run of the same command goes on with it.
 */
import { HostarkError } from '@hostark/protocol';
import type { AwsClients } from './clients.ts';
import { type AskOptions, callOptions } from './run.ts';
import { until } from './wait.ts';

/** One day: longer than EBS gives a copy at most (2,880 minutes are rare), short enough to end. */
const SNAPSHOT_BUDGET_MS = 24 * 3_600_000;

/** Waits until all are stored, and tells how far they are. Throws 'cloud-refused' as soon as one has failed. */
export async function waitForSnapshots(
  clients: AwsClients,
  ids: readonly string[],
  what: string,
  options: AskOptions,
): Promise<void> {
  if (ids.length === 0) return;
  const { DescribeSnapshotsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const ask = async (): Promise<true | null> => {
    // A filter, not a list of ids: what EC2 does not know everywhere yet is no error then.
    const request = { Filters: [{ Name: 'snapshot-id', Values: [...ids] }] };
    const { Snapshots = [] } = await ec2.send(new DescribeSnapshotsCommand(request), callOptions(options));
    const failed = Snapshots.find((one) => one.State === 'error');
    if (failed !== undefined) {
      throw new HostarkError(
        'cloud-refused',
        `snapshot ${failed.SnapshotId} failed: ${failed.StateMessage ?? 'no reason given'}`,
        {
          hint: 'run the same command again: it makes that one anew; a KMS key that may not be used is the usual reason',
        },
      );
    }
    const parts = Snapshots.map((one) => ({
      bytes: (one.VolumeSize ?? 0) * 2 ** 30,
      share: one.State === 'completed' ? 1 : (Number.parseInt(one.Progress ?? '0', 10) || 0) / 100,
      stored: one.State === 'completed',
    }));
    options.onEvent?.({
      type: 'progress',
      phase: what,
      filesDone: parts.filter((part) => part.stored).length,
      filesTotal: ids.length,
      bytesDone: parts.reduce((sum, part) => sum + Math.floor(part.bytes * part.share), 0),
      bytesTotal: parts.reduce((sum, part) => sum + part.bytes, 0),
      errors: 0,
      current: [],
    });
    return parts.length === ids.length && parts.every((part) => part.stored) ? true : null;
  };
  await until(ask, {
    what: `EBS to store ${ids.length} snapshots`,
    budgetMs: SNAPSHOT_BUDGET_MS,
    signal: options.signal,
  });
}

/** Waits until a volume is 'available' or 'in-use'. Throws 'cloud-refused' when it has failed. */
export async function waitForVolume(
  clients: AwsClients,
  id: string,
  state: 'available' | 'in-use',
  options: AskOptions,
): Promise<void> {
  const { DescribeVolumesCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const ask = async (): Promise<true | null> => {
    const request = { Filters: [{ Name: 'volume-id', Values: [id] }] };
    const volume = (await ec2.send(new DescribeVolumesCommand(request), callOptions(options))).Volumes?.[0];
    if (volume?.State === 'error') {
      throw new HostarkError('cloud-refused', `volume ${id}: expected ${state}, found error`, {
        hint: 'a KMS key that may not be used is the usual reason; hostark cleanup removes the volume',
      });
    }
    if (volume?.State !== state) return null;
    return state === 'available' || volume.Attachments?.some((one) => one.State === 'attached') === true ? true : null;
  };
  await until(ask, { what: `volume ${id} to be ${state}`, budgetMs: 300_000, signal: options.signal });
}
