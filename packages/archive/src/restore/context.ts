/** What every part of one restore shares. */
import type { Posix } from '@hostark/kernels';
import type { BlobId, Repository } from '@hostark/repository';
import type { ApplyOptions } from '../metadata/apply.ts';
import type { NameLookup } from '../metadata/metadata.ts';
import type { SegmentsAhead } from './ahead.ts';
import type { Crew } from './crew.ts';
import type { Slots } from './limited.ts';
import type { Overwrite } from './options.ts';
import type { SegmentMemory } from './segment-memory.ts';
import type { Tally } from './tally.ts';
import type { Turns } from './turns.ts';
import type { Actor } from './write-file.ts';

export interface RestoreContext {
  readonly repository: Repository;
  readonly system: Posix;
  readonly crew: Crew;
  /** For segments that are loaded and written, of all batches together: bounds their memory. */
  readonly slots: Slots;
  readonly memory: SegmentMemory;
  /** What is loaded before the target may be touched; null where that would not be known. */
  readonly ahead: SegmentsAhead | null;
  readonly actor: Actor;
  readonly tally: Tally;
  readonly overwrite: Overwrite;
  readonly delete: boolean;
  readonly dryRun: boolean;
  readonly sparse: boolean;
  readonly verify: boolean;
  /** Null: owners by number. */
  readonly names: NameLookup | null;
  readonly selectXattr: ApplyOptions['selectXattr'];
  readonly signal: AbortSignal | undefined;
  /** The filter selects everything. */
  readonly takesAll: boolean;
  /** Nothing is written before this resolves. */
  readonly mayWrite: Promise<void>;
  /** Of the calling thread, which plans what others do. */
  readonly turns: Turns;
  /** Loads the bytes of a tree, verified. Throws HostarkError if no good copy is left. */
  readonly loadTree: (id: BlobId) => Promise<Uint8Array>;
}
