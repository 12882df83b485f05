/**
 * The plan of a restore in its plainest form, with objects; see src/restore/plan.ts.
 * From "which files need which blobs" to "which ranges of which packs to read, and where each blob in them goes".
 * Pure. Every need is served exactly once; a blob that several files need is read once. Ranges of one pack that lie near
 * each other become one request; packs come in the order of their first need, blobs of a pack in the order of the pack.
 */
import { type BlobPlace, planPackReads } from '@hostark/repository';

/** One blob at one place in one file. */
export interface Need {
  /** Index of the file in the caller's list. */
  readonly file: number;
  /** Offset in the file, in bytes. */
  readonly fileOffset: number;
  readonly id: number;
  readonly place: BlobPlace;
}

export interface Target {
  readonly file: number;
  readonly fileOffset: number;
}

/** A blob inside a segment. */
export interface Piece {
  readonly id: number;
  /** From the segment's start. */
  readonly offset: number;
  readonly length: number;
  readonly uncompressedLength: number;
  readonly targets: readonly Target[];
}

/** One range of one pack, read in one request. */
export interface Segment {
  /** As in BlobPlace: the number of the pack. */
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly pieces: readonly Piece[];
}

export interface SegmentLimits {
  /** A segment is closed before it would exceed this; a single larger blob is a segment of its own. */
  readonly segmentBytes: number;
  /** Unneeded bytes between two blobs that are read along rather than asked for separately. */
  readonly gapBytes: number;
}

interface OpenPiece {
  readonly id: number;
  readonly place: BlobPlace;
  readonly targets: Target[];
}

/** Returns the segments that serve all `needs`. */
export function planSlowly(needs: Iterable<Need>, limits: SegmentLimits): Segment[] {
  const packs = new Map<number, Map<number, OpenPiece>>();
  for (const { id, place, file, fileOffset } of needs) {
    const pieces = packs.get(place.pack) ?? new Map<number, OpenPiece>();
    packs.set(place.pack, pieces);
    const there = pieces.get(place.offset);
    // An index that is wrong may say of two blobs that they lie at one place: each is then judged by its own name.
    const key = there === undefined || there.id === id ? place.offset : -1 - id;
    const piece = pieces.get(key);
    if (piece === undefined) pieces.set(key, { id, place, targets: [{ file, fileOffset }] });
    else piece.targets.push({ file, fileOffset });
  }
  const segments: Segment[] = [];
  for (const [pack, pieces] of packs) {
    const ordered = [...pieces.values()].sort((a, b) => a.place.offset - b.place.offset);
    const ranges = ordered.map((piece) => ({ offset: piece.place.offset, length: piece.place.length, piece }));
    const requests = planPackReads(ranges, { maxGap: limits.gapBytes, maxRequest: limits.segmentBytes });
    for (const request of requests) segments.push(segmentOf(pack, request.offset, request.length, request.ranges));
  }
  return segments;
}

function segmentOf(
  pack: number,
  offset: number,
  length: number,
  ranges: readonly { readonly piece: OpenPiece }[],
): Segment {
  const pieces = ranges.map(({ piece: { id, place, targets } }) => ({
    id,
    offset: place.offset - offset,
    length: place.length,
    uncompressedLength: place.uncompressedLength,
    targets,
  }));
  return { pack, offset, length, pieces };
}
