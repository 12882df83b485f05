/**
 * Segments that are loaded before the target may be touched: from afar the first of them would else wait for the lock. Only
 * for a target with nothing in it: there every file is made, so that what is asked for is what will be wanted. What nobody
 * takes is given up.
 */
import { isHostarkError } from '@hostark/protocol';
import type { Repository } from '@hostark/repository';
import { newNeeds, planSegments, type Segment, type SegmentLimits } from './plan.ts';
import type { SegmentMemory } from './segment-memory.ts';
import type { Window } from './window.ts';

/** What is read of a pack. */
export type Extent = Pick<Segment, 'pack' | 'offset' | 'length'>;

/**
 * Returns the bytes of a part of a pack, in memory of `memory`, or null if the pack is missing or too short: its blobs are
 * then sought elsewhere. Throws what the backend throws besides.
 */
export async function loadExtent(
  repository: Repository,
  memory: SegmentMemory,
  { pack, offset, length }: Extent,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | null> {
  const handle = { type: 'data', name: repository.blobs.packId(pack) } as const;
  try {
    const options = { into: memory.take(length), ...(signal === undefined ? {} : { signal }) };
    return await repository.backend.load(handle, { offset, length }, options);
  } catch (error) {
    if (isHostarkError(error, 'object-missing') || isHostarkError(error, 'object-truncated')) return null;
    throw error;
  }
}

export interface AheadOptions {
  readonly limits: SegmentLimits;
  /** How many segments may be held here; they count among those that are under way when their turn comes. */
  readonly atOnce: number;
  readonly signal: AbortSignal | undefined;
}

export class SegmentsAhead {
  readonly #repository: Repository;
  readonly #memory: SegmentMemory;
  readonly #options: AheadOptions;
  readonly #stop = new AbortController();
  readonly #loads = new Map<string, Promise<Uint8Array | null>>();
  #begun = false;

  constructor(repository: Repository, memory: SegmentMemory, options: AheadOptions) {
    this.#repository = repository;
    this.#memory = memory;
    this.#options = options;
  }

  /** Asks for the first segments of a window, as if all its files were to be made. Only the first call does. */
  begin(window: Window): void {
    if (this.#begun) return;
    this.#begun = true;
    const { limits, atOnce, signal } = this.#options;
    const both = AbortSignal.any([this.#stop.signal, ...(signal === undefined ? [] : [signal])]);
    for (const segment of this.#plan(window, limits).slice(0, atOnce)) {
      const load = loadExtent(this.#repository, this.#memory, segment, both);
      load.catch(() => {}); // told to whoever takes it
      this.#loads.set(nameOf(segment), load);
    }
  }

  /** Returns the bytes of a segment that was asked for, once; null if it was not. Rejects as loading it does. */
  take(segment: Extent): Promise<Uint8Array | null> | null {
    const load = this.#loads.get(nameOf(segment)) ?? null;
    this.#loads.delete(nameOf(segment));
    return load;
  }

  /** Gives up what nobody has taken; nothing is under way afterwards. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('nobody wants this segment any more'));
    await Promise.allSettled(this.#loads.values());
    this.#loads.clear();
  }

  #plan(window: Window, limits: SegmentLimits): readonly Segment[] {
    const { blobs } = this.#repository;
    const entries: number[] = [];
    for (let row = 0; row < window.count; row++) {
      if (window.broken.has(row)) continue;
      for (const entry of window.blobsOf(row)) entries.push(entry);
    }
    const needs = newNeeds(entries.length);
    needs.entries.set(entries);
    return planSegments(needs, (entry) => blobs.placeOf(entry)!, limits).segments;
  }
}

function nameOf({ pack, offset, length }: Extent): string {
  return `${pack} ${offset} ${length}`;
}
