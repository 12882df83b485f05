/**
 * The plan of a restore in its plainest form, with objects; see src/restore/plan.ts.
 * From "which files need which blobs" to "which ranges of which packs to read, and where each blob in them goes".
 * Pure. Every need is served exactly once; a blob that several files need is read once. Ranges of one pack that lie near
 * each other become one request; packs come in the order of their first need, blobs of a pack in the order of the pack.
 */
import type { BlobPlace } from '@hostark/repository';

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
  /** A segment is closed once it serves so many. */
  readonly needs: number;
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
    let open: OpenPiece[] = [];
    for (const piece of ordered) {
      if (open.length > 0 && !joins(open, piece, limits)) {
        segments.push(segmentOf(pack, open));
        open = [];
      }
      open.push(piece);
    }
    segments.push(segmentOf(pack, open));
  }
  return segments;
}

function joins(open: readonly OpenPiece[], { place }: OpenPiece, limits: SegmentLimits): boolean {
  const start = open[0]!.place.offset;
  const end = endOf(open);
  const served = open.reduce((sum, { targets }) => sum + targets.length, 0);
  const isNear = place.offset - end <= limits.gapBytes;
  return isNear && place.offset + place.length - start <= limits.segmentBytes && served < limits.needs;
}

function endOf(pieces: readonly OpenPiece[]): number {
  return Math.max(...pieces.map(({ place }) => place.offset + place.length));
}

function segmentOf(pack: number, open: readonly OpenPiece[]): Segment {
  const { offset } = open[0]!.place;
  const length = endOf(open) - offset;
  const pieces = open.map(({ id, place, targets }) => ({
    id,
    offset: place.offset - offset,
    length: place.length,
    uncompressedLength: place.uncompressedLength,
    targets,
  }));
  return { pack, offset, length, pieces };
}
