/** What became of a single file whose content was read: the columns of a result as an object, for those who want one. */
import type { Stat } from '@hostark/kernels';
import { type BlobId, blobId, ID_BYTES } from '@hostark/repository';
import { FILE_CHANGED, FILE_FAILED, FILE_SAVED, FILE_STOPPED, FILE_VANISHED, type FilesResult } from '../pool/jobs.ts';

export type FileOutcome =
  | {
      readonly kind: 'saved';
      /** Size or times changed while it was read. */
      readonly changed: boolean;
      readonly content: readonly BlobId[];
      readonly size: number;
      /** The open file's stat if it was not what lstat had seen. */
      readonly fresh: Stat | null;
    }
  | { readonly kind: 'failed'; readonly during: string; readonly message: string }
  | { readonly kind: 'vanished' }
  | { readonly kind: 'stopped' };

/** Returns the row of one file. */
export function outcomeOf(result: FilesResult, file: number): FileOutcome {
  const status = result.status[file]!;
  if (status === FILE_VANISHED) return { kind: 'vanished' };
  if (status === FILE_STOPPED) return { kind: 'stopped' };
  if (status === FILE_FAILED) {
    const failure = result.failures.find((row) => row.file === file);
    return { kind: 'failed', during: failure?.during ?? 'read', message: failure?.message ?? 'unknown error' };
  }
  if (status !== FILE_SAVED && status !== FILE_CHANGED) throw new Error(`a worker answered with status ${status}`);
  const content: BlobId[] = [];
  const end = result.chunkEnds[file]!;
  const ids = Buffer.from(result.ids.buffer, result.ids.byteOffset, result.ids.length);
  for (let chunk = firstChunk(result, file); chunk < end; chunk++) {
    content.push(blobId(ids.toString('hex', chunk * ID_BYTES, (chunk + 1) * ID_BYTES)));
  }
  const fresh = result.fresh.find((row) => row.file === file)?.stat ?? null;
  return { kind: 'saved', changed: status === FILE_CHANGED, content, size: result.sizes[file]!, fresh };
}

/** Returns the number of a file's first chunk among those of the result. */
export function firstChunk(result: FilesResult, file: number): number {
  return file === 0 ? 0 : result.chunkEnds[file - 1]!;
}

/**
 * The whole from its parts, in order. One part that is not saved speaks for the file. Parts that found different files
 * make one that changed, with the oldest facts: with newer ones the next run would take a mixture for the file itself.
 */
export function joinParts(parts: readonly FileOutcome[]): FileOutcome {
  const content: BlobId[] = [];
  let size = 0;
  let changed = false;
  let fresh: Stat | null | undefined;
  for (const part of parts) {
    if (part.kind !== 'saved') return part;
    for (const id of part.content) content.push(id);
    size += part.size;
    changed ||= part.changed || (fresh !== undefined && !sameFacts(fresh, part.fresh));
    fresh = fresh === undefined ? part.fresh : olderFacts(fresh, part.fresh);
  }
  return { kind: 'saved', changed, content, size, fresh: fresh ?? null };
}

/** Null stands for what lstat saw, which was before all else. */
function olderFacts(a: Stat | null, b: Stat | null): Stat | null {
  if (a === null || b === null) return null;
  return a.ctimeNs <= b.ctimeNs ? a : b;
}

function sameFacts(a: Stat | null, b: Stat | null): boolean {
  if (a === null || b === null) return a === b;
  const sameTimes = a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
  return sameTimes && a.size === b.size && a.ino === b.ino && a.dev === b.dev;
}
