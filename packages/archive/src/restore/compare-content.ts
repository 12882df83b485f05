/** Which blobs of a file on the disk are already what they should be. Runs on a thread; reads, never writes. */
import { closeSync } from 'node:fs';
import { Scratch } from '@hostark/repository';
import { readFully } from '../disk/read-fully.ts';
import type { Tools } from './execute.ts';

/** Files to look at, as columns. */
export interface CompareColumns {
  readonly count: number;
  readonly paths: Uint8Array;
  readonly pathEnds: Uint32Array;
  /** 32 bytes per blob, file after file. */
  readonly ids: Uint8Array;
  readonly lengths: Uint32Array;
  /** Blobs of file i end here. */
  readonly blobEnds: Uint32Array;
}

export interface CompareOutcome {
  /** Bytes of each file on the disk; -1: not a regular file, or not readable. */
  readonly sizes: Float64Array;
  /** 1 for each blob that is right. */
  readonly matches: Uint8Array;
}

/** Compares each file's content with its blobs. A file that cannot be read matches nowhere. */
export function compareContent(tools: Tools, files: CompareColumns): CompareOutcome {
  const sizes = new Float64Array(files.count).fill(-1);
  const matches = new Uint8Array(files.lengths.length);
  const buffer = new Scratch();
  for (let i = 0; i < files.count; i++) {
    try {
      const path = files.paths.subarray(i === 0 ? 0 : files.pathEnds[i - 1]!, files.pathEnds[i]!);
      const fd = tools.system.openForRead(path);
      try {
        const stat = tools.system.fstat(fd);
        if ((stat.mode & 0o170000) !== 0o100000) continue;
        sizes[i] = Number(stat.size);
        compareBlobs(tools, fd, files, i, buffer, matches);
      } finally {
        closeSync(fd);
      }
    } catch {
      sizes[i] = -1;
    }
  }
  return { sizes, matches };
}

function compareBlobs(
  tools: Tools,
  fd: number,
  files: CompareColumns,
  file: number,
  scratch: Scratch,
  matches: Uint8Array,
): void {
  let offset = 0;
  for (let b = file === 0 ? 0 : files.blobEnds[file - 1]!; b < files.blobEnds[file]!; b++) {
    const length = files.lengths[b]!;
    const bytes = scratch.exactly(length);
    if (!readFully(fd, bytes, offset)) return;
    if (Buffer.compare(tools.platform.sha256(bytes), files.ids.subarray(32 * b, 32 * b + 32)) === 0) matches[b] = 1;
    offset += length;
  }
}
