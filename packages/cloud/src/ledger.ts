/**
 * The ledger: what we asked the cloud to create, written before it was asked. Append-only JSON lines, one fsync per
 * record, below the state directory. A record is written in one call and starts with its own line break, so a torn
 * line of a killed process spoils itself alone. Never holds a secret.
 */

/** Kinds in the order in which they are created; deletion goes roughly backwards. */
export const RESOURCE_KINDS = ['bucket', 'role', 'instance-profile', 'key-pair', 'security-group', 'instance'] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

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
  /** Durable when resolved; call before the create call. Returns the entry with token and tags to use. */
  intend(intent: Intent): Promise<LedgerEntry>;
  created(id: string, resource: string): Promise<void>;
  deleted(id: string): Promise<void>;
  /** All entries, oldest first, as of now (other processes' records included). */
  entries(): Promise<readonly LedgerEntry[]>;
  /** Entries that are not deleted. */
  openResources(): Promise<readonly LedgerEntry[]>;
  close(): Promise<void>;
}

/** Opens or creates the ledger below `directory` (created with mode 0700). */
export function openLedger(directory: string): Promise<Ledger> {
  throw new Error(`not implemented: ${directory}`);
}
