/**
 * Snapshots, volumes and images of ours for cleanup. What was marked finished is data and stays, from whatever state
 * directory it came; the rest is what a run left behind, unless it still lives. An image is never data: the recovery
 * that registered it removes it again.
 */
import type { Tag } from '@aws-sdk/client-ec2';
import type { AwsClients } from './clients.ts';
import type { Removal } from './inventory.ts';
import { type AskOptions, callOptions } from './run.ts';
import { readTags, TAG_HOST, TAG_LEDGER, TAG_MANAGED } from './tags.ts';
import { ownSnapshots } from './volume-sets.ts';
import { TAG_FINISHED, TAG_MADE_FROM, TAG_SET } from './volume-tags.ts';

export interface VolumeThing extends Removal {
  /** Why it is to stay, in words; null when it stays only as long as its run lives. */
  readonly data: string | null;
}

/** All of ours in the clients' region; images before the snapshots that they hold. */
export async function findVolumeThings(clients: AwsClients, options: AskOptions): Promise<readonly VolumeThing[]> {
  const { paginateDescribeImages, paginateDescribeVolumes } = await import('@aws-sdk/client-ec2');
  const client = await clients.ec2();
  const managed = { Name: `tag:${TAG_MANAGED}`, Values: ['true'] };
  const found: VolumeThing[] = [];
  const asked = { Owners: ['self'], Filters: [managed] };
  for await (const page of paginateDescribeImages({ client }, asked, callOptions(options)))
    for (const image of page.Images ?? []) found.push({ ...thing('image', image.ImageId!, image.Tags), data: null });
  // Only those that we made one by one: those of our hosts come and go with them.
  const Filters = [managed, { Name: 'tag-key', Values: [TAG_MADE_FROM] }];
  for await (const page of paginateDescribeVolumes({ client }, { Filters }, callOptions(options)))
    for (const volume of page.Volumes ?? []) {
      const used = volume.State === 'in-use' ? 'is attached to a host' : null;
      const own = thing('volume', volume.VolumeId!, volume.Tags);
      found.push({ ...own, data: used ?? own.data });
    }
  for (const one of await ownSnapshots(clients, [managed, { Name: 'tag-key', Values: [TAG_SET] }], options))
    found.push(thing('snapshot', one.SnapshotId!, one.Tags));
  return found;
}

function thing(kind: 'image' | 'volume' | 'snapshot', id: string, list: Tag[] | undefined): VolumeThing {
  const tags = readTags(list);
  const host = tags[TAG_HOST] ?? null;
  const data = tags[TAG_FINISHED] === undefined ? null : `is data of host ${host ?? 'unknown'}`;
  return { kind, id, name: tags[TAG_SET] ?? id, host, ledger: tags[TAG_LEDGER] ?? null, data };
}
