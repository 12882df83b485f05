/** The marks on everything we create. Nothing without them is ever touched. */

export const TAG_MANAGED = 'hostark:managed';
export const TAG_RUN = 'hostark:run';
export const TAG_HOST = 'hostark:host';
/** Holds the id of the ledger entry. */
export const TAG_LEDGER = 'hostark:ledger';

export type Tags = Readonly<Record<string, string>>;

/** The tags of a resource that is about to be created. */
export function ownTags(intent: { readonly run: string; readonly host: string | null }, ledgerId: string): Tags {
  return {
    [TAG_MANAGED]: 'true',
    [TAG_RUN]: intent.run,
    ...(intent.host === null ? {} : { [TAG_HOST]: intent.host }),
    [TAG_LEDGER]: ledgerId,
  };
}

/** As AWS wants them: `Name` is what its console shows. */
export function awsTags(tags: Tags, name?: string): { Key: string; Value: string }[] {
  const pairs = Object.entries(name === undefined ? tags : { ...tags, Name: name });
  return pairs.map(([Key, Value]) => ({ Key, Value }));
}

/** Reads AWS's list; unnamed ones are dropped. */
export function readTags(
  list: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined,
): Tags {
  return Object.fromEntries((list ?? []).flatMap((tag) => (tag.Key === undefined ? [] : [[tag.Key, tag.Value ?? '']])));
}

/** Whether a resource carries our mark. */
export function isOurs(tags: Tags): boolean {
  return tags[TAG_MANAGED] === 'true';
}
