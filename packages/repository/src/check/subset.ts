/** Which packs a check reads: all, a fixed share by name, or a random share. Words are restic's (`--read-data-subset`). */
import { HostarkError } from '@hostark/protocol';
import { HEX_VALUE, type PackId } from '../ids.ts';

export type DataSubset =
  | { readonly kind: 'all' }
  /** Packs whose first byte modulo `of` is `part - 1`: all parts together are all packs. */
  | { readonly kind: 'part'; readonly part: number; readonly of: number }
  /** Random packs: this share of their number, above 0 and at most 100. */
  | { readonly kind: 'percent'; readonly percent: number }
  /** Random packs of about so many bytes together. */
  | { readonly kind: 'bytes'; readonly bytes: number };

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Parses `n/t`, `x%` or a size like `500M`. Throws HostarkError 'usage'. */
export function parseSubset(text: string): DataSubset {
  const part = /^(\d{1,3})\/(\d{1,3})$/.exec(text);
  if (part !== null) {
    const subset = { kind: 'part', part: Number(part[1]), of: Number(part[2]) } as const;
    if (subset.part >= 1 && subset.part <= subset.of && subset.of <= 256) return subset;
  }
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (percent !== null && Number(percent[1]) > 0 && Number(percent[1]) <= 100) {
    return { kind: 'percent', percent: Number(percent[1]) };
  }
  const size = /^(\d+)([KMGT]?)$/i.exec(text);
  if (size !== null && Number(size[1]) > 0) {
    return { kind: 'bytes', bytes: Number(size[1]) * UNITS[size[2]!.toUpperCase()]! };
  }
  throw new HostarkError(
    'usage',
    `expected n/t (1 <= n <= t <= 256), a percentage or a size, got ${JSON.stringify(text)}`,
    {
      hint: 'for instance 1/7, 2.5% or 10G',
    },
  );
}

export interface SizedPack {
  readonly id: PackId;
  readonly size: number;
}

/** Returns the packs to read. `random` returns numbers from 0 up to, not including, 1. */
export function selectPacks<T extends SizedPack>(packs: readonly T[], subset: DataSubset, random: () => number): T[] {
  if (subset.kind === 'all') return [...packs];
  if (subset.kind === 'part') {
    return packs.filter(({ id }) => firstByte(id) % subset.of === subset.part - 1);
  }
  if (packs.length === 0) return [];
  const shuffled = shuffle(packs, random);
  if (subset.kind === 'percent') {
    return shuffled.slice(0, Math.max(1, Math.floor((packs.length * subset.percent) / 100)));
  }
  let bytes = 0;
  const end = shuffled.findIndex(({ size }) => {
    bytes += size;
    return bytes > subset.bytes;
  });
  return end < 0 ? shuffled : shuffled.slice(0, Math.max(1, end));
}

function firstByte(id: PackId): number {
  return HEX_VALUE[id.charCodeAt(0)]! * 16 + HEX_VALUE[id.charCodeAt(1)]!;
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled;
}
