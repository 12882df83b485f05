/**
 * Creates a resource at most once, also across killed runs: the ledger is written first, and an entry left open by an
 * earlier run is looked for in the cloud by its tag before the create call is repeated with the same token.
 */
import { isHostarkError } from '@hostark/protocol';
import { type CloudPlace, isHere } from './cloud-place.ts';
import { type LedgerEntry, outlivesHost, type ResourceKind } from './ledger.ts';
import type { RunOptions } from './run.ts';
import { checkAbort } from './wait.ts';

export interface Wanted {
  readonly kind: ResourceKind;
  readonly name: string;
  readonly host: string | null;
  /** Returns the cloud's id of the resource that carries the entry's tags, or null. */
  find(entry: LedgerEntry): Promise<string | null>;
  /** Creates it with the entry's token and tags; returns the cloud's id. */
  create(entry: LedgerEntry): Promise<string>;
}

/** Returns the cloud's id. */
export async function ensure(wanted: Wanted, place: CloudPlace, run: string, options: RunOptions): Promise<string> {
  checkAbort(options.signal);
  const { ledger } = options;
  const tell = (state: 'started' | 'done' | 'kept', id: string): void =>
    options.onEvent?.({ type: 'step', step: 'create', state, resource: wanted.kind, id });
  const open = (await ledger.openResources()).find(
    (entry) => entry.kind === wanted.kind && entry.name === wanted.name && isHere(entry, place),
  );
  if (open !== undefined) {
    if (outlivesHost(open.kind) && open.run !== run) await ledger.continued(open.id, run);
    const found = await wanted.find(open);
    if (found !== null) {
      if (open.state === 'intended') await ledger.created(open.id, found);
      tell('kept', found);
      return found;
    }
    if (open.state === 'created') await ledger.deleted(open.id); // someone removed it behind our back
  }
  tell('started', wanted.name);
  const { kind, name, host } = wanted;
  const { region, account, endpoint } = place; // callers pass whole plans, and the ledger holds no more than it says
  const entry =
    open?.state === 'intended' ? open : await ledger.intend({ kind, name, host, run, region, account, endpoint });
  const id = await wanted.create(entry).catch(async (error: unknown) => {
    // An answer may be lost after the deed; the SDK's repetition of the call is then told that it exists already.
    const found = isHostarkError(error, 'cloud-refused') ? await wanted.find(entry) : null;
    if (found === null) throw error;
    return found;
  });
  await ledger.created(entry.id, id);
  tell('done', id);
  return id;
}
