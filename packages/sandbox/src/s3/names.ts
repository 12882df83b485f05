/** Bucket names and object keys: their rules and the order in which S3 lists them. */
import { ServiceError } from '../http/service-error.ts';

/** S3 user guide, "General purpose bucket naming rules". Throws InvalidBucketName. */
export function checkBucketName(name: string): void {
  const good =
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes('..') &&
    !/^\d{1,3}(\.\d{1,3}){3}$/.test(name) &&
    !/^(xn--|sthree-|amzn-s3-demo-)/.test(name) &&
    !/(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name);
  if (!good)
    throw new ServiceError(400, 'InvalidBucketName', 'The specified bucket is not valid.', {
      fields: { BucketName: name },
    });
}

/** Keys are at most 1,024 bytes of UTF-8. Throws KeyTooLongError. */
export function checkKey(key: string): void {
  const size = Buffer.byteLength(key);
  if (size > 1024)
    throw new ServiceError(400, 'KeyTooLongError', 'Your key is too long', {
      fields: { Size: String(size), MaxSizeAllowed: '1024' },
    });
}

/**
 * Order of UTF-8 bytes. It differs from JavaScript's order of UTF-16 units only where a surrogate pair (a character
 * beyond U+FFFF) meets a unit from U+E000 on.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

/** Index of the first of the sorted keys that is not below `key`. */
export function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle] as string, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index, from `from` on, of the first of the sorted keys that does not begin with `prefix`; the one at `from` does. */
export function endOfPrefix(keys: readonly string[], prefix: string, from: number): number {
  let low = from;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string).startsWith(prefix)) low = middle + 1;
    else high = middle;
  }
  return low;
}
