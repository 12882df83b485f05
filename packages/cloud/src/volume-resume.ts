/**
 * What an earlier run began and did not finish: the record that the next run of the same command goes on with. An entry
 * of the ledger whose run is dead, and whose resources lack the mark that is set last.
 */
import { awsCode } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { type CloudPlace, isHere } from './cloud-place.ts';
import type { Ledger, LedgerEntry, ResourceKind } from './ledger.ts';
import { type AskOptions, callOptions } from './run.ts';
import { awsTags, TAG_LEDGER } from './tags.ts';
import { TAG_FINISHED } from './volume-tags.ts';
import { eventually } from './wait.ts';

/** The newest unfinished entry that `wanted` accepts, or null. */
export async function unfinishedEntry(
  clients: AwsClients,
  ledger: Ledger,
  place: CloudPlace,
  kind: ResourceKind,
  wanted: (entry: LedgerEntry) => boolean,
  options: AskOptions,
): Promise<LedgerEntry | null> {
  const live = await ledger.liveRuns();
  const open = (await ledger.openResources()).filter(
    (entry) => entry.kind === kind && isHere(entry, place) && !live.has(entry.run) && wanted(entry),
  );
  for (const entry of open.toReversed()) if (!(await isFinished(clients, entry, options))) return entry;
  return null;
}

async function isFinished(clients: AwsClients, entry: LedgerEntry, options: AskOptions): Promise<boolean> {
  const { DescribeTagsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const ofEntry = { Name: 'key', Values: [TAG_LEDGER] };
  const call = new DescribeTagsCommand({ Filters: [ofEntry, { Name: 'value', Values: [entry.id] }] });
  const ids = ((await ec2.send(call, callOptions(options))).Tags ?? []).map((tag) => tag.ResourceId!);
  if (ids.length === 0) return entry.state === 'created'; // someone removed it: there is nothing to go on with
  const marks = [
    { Name: 'resource-id', Values: ids },
    { Name: 'key', Values: [TAG_FINISHED] },
  ];
  const { Tags = [] } = await ec2.send(new DescribeTagsCommand({ Filters: marks }), callOptions(options));
  return Tags.length === ids.length;
}

/** Sets tags on resources. */
export async function tag(
  clients: AwsClients,
  Resources: readonly string[],
  tags: Readonly<Record<string, string>>,
  options: AskOptions,
): Promise<void> {
  if (Resources.length === 0) return;
  const { CreateTagsCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const input = { Resources: [...Resources], Tags: awsTags(tags) };
  // What was just made is not known everywhere yet.
  await eventually(
    () => ec2.send(new CreateTagsCommand(input), callOptions(options)),
    (error) => ['InvalidSnapshot.NotFound', 'InvalidVolume.NotFound'].includes(awsCode(error)),
    { what: `EC2 to know ${Resources.join(', ')}`, budgetMs: 60_000, signal: options.signal },
  );
}

/** From now on it is data: cleanup leaves it alone. */
export async function markFinished(clients: AwsClients, ids: readonly string[], options: AskOptions): Promise<void> {
  await tag(clients, ids, { [TAG_FINISHED]: new Date().toISOString() }, options);
}
