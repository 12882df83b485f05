/**
 * The ledger: what we asked the cloud to create, written before it was asked. Append-only JSON lines, one fsync per
 * record, below the state directory. A record is written in one call and starts with its own line break, so a torn
 * line of a killed process spoils itself alone. Never holds a secret.
 */

import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeRecord, type LedgerRecord, type LedgerState, readRecords } from './ledger-records.ts';
import { isAlive, thisProcess } from './liveness.ts';
import { ownTags } from './tags.ts';

/** Kinds in the order in which they are created; deletion goes roughly backwards. */
export const RESOURCE_KINDS = [
  'bucket',
  'adoption', // our tags on a host that we did not launch, and the profile that we gave it
  'role',
  'instance-profile',
  'key-pair',
  'security-group',
  'address',
  'instance',
  'snapshot', // one of a copy; or a set, by its own id: EC2 takes it in one call
  'volume',
  'image', // stands between a root snapshot and the host that is made of it
  'spot-request', // comes with an instance; has no entry of its own
] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

/** What is made of a host's volumes is not the host's: it stays when the host goes, and cleanup looks after it. */
export function outlivesHost(kind: ResourceKind): boolean {
  return kind === 'snapshot' || kind === 'volume' || kind === 'image';
}

/** What is known about a resource before the cloud is asked for it. */
export interface Intent {
  readonly kind: ResourceKind;
  readonly name: string;
  /** The run that creates it. */
  readonly run: string;
  /** The host it belongs to; null for what belongs to none. */
  readonly host: string | null;
  readonly region: string;
  readonly account: string;
  /** Null for AWS itself. */
  readonly endpoint: string | null;
}

/** A resource as the ledger knows it. `intended` may or may not exist in the cloud. */
export interface LedgerEntry extends Intent {
  /** The ledger's own id, also the value of the tag `hostark:ledger` and the client token. */
  readonly id: string;
  readonly time: string;
  readonly token: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly state: 'intended' | 'created' | 'deleted';
  /** The id given by the cloud; null while only intended. */
  readonly resource: string | null;
}

/** One ledger serves all runs of a state directory; several processes may append to it at once. */
export interface Ledger {
  /** The state directory. Host keys and host records live below it as well. */
  readonly directory: string;
  /** Starts a run: until it ends, or its process dies, cleanup leaves its resources alone. Returns its id. */
  begin(): Promise<string>;
  end(run: string): Promise<void>;
  /** Ids of runs whose process is alive. */
  liveRuns(): Promise<ReadonlySet<string>>;
  /** Durable when resolved; call before the create call. Returns the entry with token and tags to use. */
  intend(intent: Intent): Promise<LedgerEntry>;
  created(id: string, resource: string): Promise<void>;
  deleted(id: string): Promise<void>;
  /** Another run goes on with it: as long as that one lives, cleanup leaves it alone. */
  continued(id: string, run: string): Promise<void>;
  /** All entries, oldest first, as of now (other processes' records included). */
  entries(): Promise<readonly LedgerEntry[]>;
  /** Entries that are not deleted. */
  openResources(): Promise<readonly LedgerEntry[]>;
  close(): Promise<void>;
}

/** Opens or creates the ledger below `directory` (created with mode 0700). */
export async function openLedger(directory: string): Promise<Ledger> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, 'ledger.jsonl');
  const handle = await open(file, 'a', 0o600);
  await syncDirectory(directory);
  const append = async (record: LedgerRecord): Promise<void> => {
    // One write in append mode: records of several processes do not mix.
    await handle.write(encodeRecord(record));
    await handle.sync();
  };
  const now = (): string => new Date().toISOString();
  const read = async (): Promise<LedgerState> => readRecords(await readFile(file, 'utf8'));
  return {
    directory,
    async begin(): Promise<string> {
      const run = `run-${now().slice(0, 19).replaceAll(/[-:]/g, '')}-${randomBytes(4).toString('hex')}`;
      await append({ record: 'run-started', run, process: await thisProcess(), time: now() });
      return run;
    },
    end: (run) => append({ record: 'run-ended', run, time: now() }),
    async liveRuns(): Promise<ReadonlySet<string>> {
      const live = new Set<string>();
      for (const [run, process] of (await read()).runs) if (await isAlive(process)) live.add(run);
      return live;
    },
    async intend(intent): Promise<LedgerEntry> {
      // EC2 "Ensuring idempotency": a client token has at most 64 ASCII characters
      const id = randomBytes(16).toString('hex');
      const entry = { ...intent, id, time: now(), token: `hostark-${id}`, tags: ownTags(intent, id) };
      await append({ record: 'intent', entry });
      return { ...entry, state: 'intended', resource: null };
    },
    created: (id, resource) => append({ record: 'created', id, resource, time: now() }),
    deleted: (id) => append({ record: 'deleted', id, time: now() }),
    continued: (id, run) => append({ record: 'continued', id, run, time: now() }),
    entries: async () => [...(await read()).entries.values()],
    openResources: async () => [...(await read()).entries.values()].filter((entry) => entry.state !== 'deleted'),
    close: () => handle.close(),
  };
}

/** Makes the names in a directory durable. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
