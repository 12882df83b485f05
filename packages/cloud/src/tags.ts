/** The marks on everything we create. Nothing without them is ever touched. */

export const TAG_MANAGED = 'hostark:managed';
export const TAG_RUN = 'hostark:run';
export const TAG_HOST = 'hostark:host';
/** Holds the id of the ledger entry. */
export const TAG_LEDGER = 'hostark:ledger';
/** On what IAM keeps, which has no regions: the region of the host that it belongs to. */
export const TAG_REGION = 'hostark:region';
/**
 * Marks a host that we did not launch. It never carries TAG_MANAGED: what removes our things must not end it.
 */
export const TAG_ADOPTED = 'hostark:adopted';
/** On an adopted host: the ARN of the instance profile that ours took the place of. */
export const TAG_REPLACED = 'hostark:replaced-profile';
export const TAG_BUCKET = 'hostark:bucket';
export const TAG_PREFIX = 'hostark:prefix';
export const TAG_USER = 'hostark:user';

export type Tags = Readonly<Record<string, string>>;

/** The tags of a resource that is about to be created. */
export function ownTags(
  intent: { readonly kind: string; readonly run: string; readonly host: string | null; readonly region: string },
  ledgerId: string,
): Tags {
  const global = intent.kind === 'role' || intent.kind === 'instance-profile';
  return {
    ...(intent.kind === 'adoption' ? { [TAG_ADOPTED]: 'true' } : { [TAG_MANAGED]: 'true' }),
    ...(global ? { [TAG_REGION]: intent.region } : {}),
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
