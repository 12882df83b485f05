/** What storage costs, in lines for people. Says so where the price file does not know. */
import type { BucketPrice } from '@hostark/cloud';

export function priceLines(price: BucketPrice): string[] {
  const sizes = price.monthly.map(
    ({ gib, dollars }) => `${gib} GiB ${dollars === null ? 'not known' : formatDollars(dollars)}`,
  );
  return [`storage a month (${price.storageClass}): ${sizes.join(', ')}`, `  prices of ${price.asOf}: ${price.source}`];
}

/** Formats dollars: cents, and more digits below one cent, so that a price is never told as nothing. */
export function formatDollars(dollars: number): string {
  if (dollars > 0 && dollars < 0.01) return `$${dollars.toPrecision(1)}`;
  return `$${dollars.toFixed(2)}`;
}
