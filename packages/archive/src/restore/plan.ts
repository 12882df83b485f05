/**
 * From "which files need which blobs" to "which ranges of which packs to read, and where each blob in them goes".
 * Pure, on columns. Every need is served exactly once; a blob that several files need is read once. Ranges of one pack that
 * lie near each other become one request; packs come in the order of their first need, blobs of a pack in its order.
 */
import type { BlobPlace } from '@hostark/repository';
import { shared } from './rows.ts';

/** Blobs at places in files. Need i: blob `entries[i]` goes to byte `offsets[i]` of file `rows[i]`. */
export interface Needs {
  readonly count: number;
  readonly rows: Uint32Array;
  readonly offsets: Float64Array;
  /** Entries of the blob table. */
  readonly entries: Uint32Array;
}

/** Returns where, before `to`, the needs of another blob than that of `need` begin. */
export function endOfBlob({ entries }: Needs, need: number, to: number): number {
  let end = need + 1;
  while (end < to && entries[end] === entries[need]) end++;
  return end;
}

/** One range of one pack, read in one request. Needs of one blob follow each other. */
export interface Segment {
  /** As in BlobPlace: the number of the pack. */
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  /** The sorted needs that it serves: from `from` up to, not including, `to`. */
  readonly from: number;
  readonly to: number;
}

export interface SegmentLimits {
  /** A segment is closed before it would exceed this; a single larger blob is a segment of its own. */
  readonly segmentBytes: number;
  /** Unneeded bytes between two blobs that are read along rather than asked for separately. */
  readonly gapBytes: number;
  /** A segment is closed once it serves so many. */
  readonly needs: number;
}

export interface Plan {
  /** Sorted by pack and offset, in shared memory. */
  readonly needs: Needs;
  readonly segments: readonly Segment[];
}

/** Says where a blob lies, by its entry, which is stored. */
export type PlaceOf = (entry: number) => BlobPlace;

export function newNeeds(count: number): Needs {
  return {
    count,
    rows: new Uint32Array(shared(4 * count)),
    offsets: new Float64Array(shared(8 * count)),
    entries: new Uint32Array(shared(4 * count)),
  };
}

/** Returns the segments that serve all `needs`. */
export function planSegments(needs: Needs, placeOf: PlaceOf, limits: SegmentLimits): Plan {
  const order = sortByPlace(needs, placeOf);
  const sorted = newNeeds(needs.count);
  for (let i = 0; i < needs.count; i++) {
    const from = order[i]!;
    sorted.rows[i] = needs.rows[from]!;
    sorted.offsets[i] = needs.offsets[from]!;
    sorted.entries[i] = needs.entries[from]!;
  }
  return { needs: sorted, segments: cut(sorted, placeOf, limits) };
}

/** Needs `from` up to `to`. */
export type Part = Pick<Segment, 'from' | 'to'>;

/**
 * Shares a segment out among threads which decrypt it where it lies: into parts of `count` needs, or more where blobs overlap, as a
 * wrong index may say of them: those stay together.
 */
export function shareOut({ from, to }: Segment, needs: Needs, placeOf: PlaceOf, count: number): readonly Part[] {
  const parts: Part[] = [];
  let start = from;
  for (let need = from, end = 0; need < to; need = endOfBlob(needs, need, to)) {
    const { offset, length } = placeOf(needs.entries[need]!);
    if (need - start >= count && offset >= end) {
      parts.push({ from: start, to: need });
      start = need;
    }
    end = Math.max(end, offset + length);
  }
  parts.push({ from: start, to });
  return parts;
}

/** Adjacent needs that lie near each other, as ranges. */
function cut({ count, entries }: Needs, placeOf: PlaceOf, limits: SegmentLimits): Segment[] {
  const { segmentBytes, gapBytes } = limits;
  const segments: Segment[] = [];
  let [pack, start, end, from, last] = [-1, 0, 0, 0, -1];
  for (let i = 0; i < count; i++) {
    const entry = entries[i]!;
    if (entry === last) continue;
    last = entry;
    const place = placeOf(entry);
    const placeEnd = place.offset + place.length;
    const isApart = place.pack !== pack || place.offset - end > gapBytes;
    if (isApart || placeEnd - start > segmentBytes || i - from >= limits.needs) {
      if (i > 0) segments.push({ pack, offset: start, length: end - start, from, to: i });
      [pack, start, end, from] = [place.pack, place.offset, placeEnd, i];
    } else end = Math.max(end, placeEnd);
  }
  if (count > 0) segments.push({ pack, offset: start, length: end - start, from, to: count });
  return segments;
}

/** Numbers of needs, and a place's offset beside one, fit a double exactly below this. */
const KEY_STEP: number = 2 ** 21;

/**
 * Returns the numbers of the needs by order of first need of the pack, then offset, then entry. Needs of a pack get keys of
 * offset and number, which the engine sorts as plain numbers.
 */
function sortByPlace({ count, entries }: Needs, placeOf: PlaceOf): Uint32Array {
  const ranks = new Map<number, number>();
  const rankOf = new Uint32Array(count);
  const offsetOf = new Float64Array(count);
  const counts: number[] = [];
  for (let i = 0; i < count; i++) {
    const { pack, offset } = placeOf(entries[i]!);
    let rank = ranks.get(pack);
    if (rank === undefined) {
      rank = counts.length;
      ranks.set(pack, rank);
      counts.push(0);
    }
    rankOf[i] = rank;
    offsetOf[i] = offset;
    counts[rank]!++;
  }
  const order = new Uint32Array(count);
  const starts = new Uint32Array(counts.length);
  for (let rank = 1; rank < counts.length; rank++) starts[rank] = starts[rank - 1]! + counts[rank - 1]!;
  const next = starts.slice();
  for (let i = 0; i < count; i++) order[next[rankOf[i]!]!++] = i;
  for (let rank = 0; rank < counts.length; rank++) {
    sortPack(order.subarray(starts[rank]!, next[rank]!), offsetOf, entries);
  }
  return order;
}

function sortPack(order: Uint32Array, offsetOf: Float64Array, entries: Uint32Array): void {
  if (order.length < KEY_STEP) {
    const keys = new Float64Array(order.length);
    for (let i = 0; i < order.length; i++) keys[i] = offsetOf[order[i]!]! * KEY_STEP + i;
    keys.sort();
    const needs = order.slice();
    for (let i = 0; i < keys.length; i++) order[i] = needs[keys[i]! % KEY_STEP]!;
  } else order.sort((a, b) => offsetOf[a]! - offsetOf[b]! || a - b);
  gatherEntries(order, offsetOf, entries);
}

/** An index that is wrong may say of two blobs that they lie at one place: needs of each must follow each other all the same. */
function gatherEntries(order: Uint32Array, offsetOf: Float64Array, entries: Uint32Array): void {
  for (let from = 0, to = 0; from < order.length; from = to) {
    const offset = offsetOf[order[from]!]!;
    let mixed = false;
    for (to = from + 1; to < order.length && offsetOf[order[to]!]! === offset; to++) {
      mixed ||= entries[order[to]!] !== entries[order[from]!];
    }
    if (mixed) order.subarray(from, to).sort((a, b) => entries[a]! - entries[b]! || a - b);
  }
}
