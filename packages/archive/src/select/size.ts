/** Sizes as users write them: whole numbers with an optional suffix; k m g t count in 1024s (restic's ParseBytes). */
import { HostarkError } from '@hostark/protocol';

const FACTORS: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Returns bytes. Throws HostarkError 'usage' on anything but digits with at most one suffix of b, k, m, g, t. */
export function parseSize(text: string): number {
  const parts = /^(\d+)([bkmgt]?)$/i.exec(text.trim());
  const bytes = parts === null ? Number.NaN : Number(parts[1]) * (FACTORS[parts[2]!.toLowerCase()] ?? 1);
  if (!Number.isSafeInteger(bytes)) {
    throw new HostarkError('usage', `expected a size like 500, 64k, 20M or 1G, found ${JSON.stringify(text)}`);
  }
  return bytes;
}
