/** What the calling thread and a worker thread post to each other. */
import type { FilesResult, PoolJob, SlabPack } from './jobs.ts';

export type ToWorker =
  | { readonly kind: 'job'; readonly job: PoolJob }
  /** The answer to 'want-slab'. `memory` is null when the backup has ended: no more packs. */
  | { readonly kind: 'slab'; readonly index: number; readonly memory: Uint8Array | null };

export type FromWorker =
  /** Jobs are done in the order in which they were posted. */
  | { readonly kind: 'done'; readonly result: FilesResult }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'want-slab' }
  | { readonly kind: 'piece'; readonly index: number; readonly length: number }
  | { readonly kind: 'pack'; readonly index: number; readonly pack: SlabPack };
