/** The jobs that threads do, and how one is done; the same code runs in a worker and on the calling thread. */
import type { SealingKey } from '@hostark/kernels';
import type { BlobTable, SharedBlobTable } from '@hostark/repository';
import { breathe } from '../pool/cpu-limit.ts';
import { type CompareColumns, type CompareOutcome, compareContent } from './compare-content.ts';
import {
  type SegmentOutcome,
  type Share,
  type Tools,
  type WriterTools,
  writeEmpty,
  writePlain,
  writeSegment,
} from './execute.ts';
import { SegmentOpener } from './open-segment.ts';
import type { Rows } from './rows.ts';
import type { Actor } from './write-file.ts';

/** Memory that a thread reads segments into; what a restore does not need of it costs nothing. Longer ones get more. */
export const ARENA_BYTES: number = 8 << 20;

/** Where a segment's bytes are: loaded already (shared or handed over, overwritten), or a file that the thread reads itself. */
export type SegmentSource =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string; readonly offset: number; readonly length: number };

export type RestoreJob =
  | ({ readonly kind: 'segment'; readonly source: SegmentSource; readonly offset: number } & Share)
  | ({ readonly kind: 'plain'; readonly plain: Uint8Array } & Share)
  | { readonly kind: 'empty'; readonly rows: Rows; readonly list: Uint32Array }
  | { readonly kind: 'compare'; readonly files: CompareColumns };

export type RestoreOutcome =
  | { readonly kind: 'written'; readonly written: SegmentOutcome }
  | { readonly kind: 'compared'; readonly compared: CompareOutcome };

/** What a thread must know once. Holds the master key: it is passed to threads of this process and nowhere else. */
export interface CrewSetup {
  readonly key: SealingKey;
  readonly actor: Actor;
  readonly blobs: SharedBlobTable;
}

/** Returns the function that does jobs on this thread, one at a time. `bytes`: those of a segment, overwritten; else none. */
export function jobRunner(
  key: SealingKey,
  writing: WriterTools,
  blobs: BlobTable,
): (job: RestoreJob, bytes: Uint8Array) => RestoreOutcome {
  const { platform } = writing;
  const tools: Tools = { ...writing, opener: new SegmentOpener(platform, platform.sealer(key), blobs) };
  return (job, bytes) => {
    breathe();
    switch (job.kind) {
      case 'segment':
        return { kind: 'written', written: writeSegment(tools, bytes, job.offset, job) };
      case 'plain':
        return { kind: 'written', written: writePlain(tools, job.plain, job) };
      case 'empty':
        return { kind: 'written', written: writeEmpty(tools, job.rows, job.list) };
      case 'compare':
        return { kind: 'compared', compared: compareContent(tools, job.files) };
    }
  };
}
