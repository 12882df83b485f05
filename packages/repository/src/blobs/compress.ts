/** What of a blob is sealed: the plaintext, or a zstd frame of it. Runs in worker threads as well. */
import type { Platform } from '@hostark/kernels';
import type { FormatVersion } from '../config.ts';
import type { BlobKind } from './kind.ts';

/**
 * How hard to compress, by restic's words, with the zstd level each stands for here. 'off' spares data, never trees.
 * 'auto' is the level whose sizes are those of restic's default (within 2 %: documents 1 % above it, libraries 1.5 %).
 */
const COMPRESSION_LEVELS = { off: 0, fastest: 1, auto: 2, better: 7, max: 12 } as const;
export type Compression = keyof typeof COMPRESSION_LEVELS;

/** Trees are mostly hexadecimal ids, which the quickest level makes smaller than the next ones do. */
const TREE_LEVEL = 1;

/** Returns zstd's level for a kind of blobs; 0: they are not compressed. Trees always are, whatever the user chose, as restic does. */
export function compressionLevel(kind: BlobKind, compression: Compression): number {
  const level = COMPRESSION_LEVELS[compression];
  return kind === 'tree' && level <= COMPRESSION_LEVELS.auto ? TREE_LEVEL : level;
}

/** What to seal, and the plaintext's length if that is compressed, else 0: just what PackWriter.add() takes. */
export interface StoredForm {
  readonly stored: Uint8Array;
  readonly uncompressedLength: number;
}

/**
 * Returns the form in which a blob is stored. Version 1 knows no compression; an empty blob is never compressed, as a
 * plaintext length of 0 means "not compressed". In version 2 trees are always compressed. Data that zstd cannot shrink is
 * stored as it is, which readers accept. `stored` is `plain` itself where nothing was compressed.
 */
export function storedForm(
  platform: Platform,
  version: FormatVersion,
  kind: BlobKind,
  plain: Uint8Array,
  compression: Compression = 'auto',
): StoredForm {
  const level = compressionLevel(kind, compression);
  if (version === 1 || plain.length === 0 || level === 0) return { stored: plain, uncompressedLength: 0 };
  const stored = platform.zstdCompress(plain, level);
  // prune repacks tree packs that hold an uncompressed blob, so trees stay compressed even where that gains nothing.
  if (stored.length >= plain.length && kind === 'data') return { stored: plain, uncompressedLength: 0 };
  return { stored, uncompressedLength: plain.length };
}
