/**
 * What a file is recognised by between two looks at it: inode, size, times of change and modification, device. Twelve
 * 32-bit words, those of struct statx, so that two looks are compared without making a bigint of anything.
 */

import type { Stat } from './posix.ts';

export const IDENTITY_WORDS = 12;

const NS_PER_S = 1_000_000_000n;

/** Where struct statx keeps the words: inode, size, ctime (seconds, nanoseconds), mtime, device (major, minor). */
export const STATX_WORDS: readonly number[] = [8, 9, 10, 11, 24, 25, 26, 28, 29, 30, 34, 35];

/** A stat that has its words at hand. */
interface StatWithWords extends Stat {
  identity(into: Int32Array, at: number): void;
}

/** Writes the identity in `stat` to `into` from word `at` on. */
export function writeIdentity(stat: Stat | StatWithWords, into: Int32Array, at: number): void {
  if ('identity' in stat) {
    stat.identity(into, at);
    return;
  }
  putWide(stat.ino, into, at);
  putWide(stat.size, into, at + 2);
  putTime(stat.ctimeNs, into, at + 4);
  putTime(stat.mtimeNs, into, at + 7);
  // The reverse of makedev(3).
  into[at + 10] = Number(BigInt.asIntN(32, ((stat.dev >> 8n) & 0xfffn) | ((stat.dev >> 32n) & 0xffff_f000n)));
  into[at + 11] = Number(BigInt.asIntN(32, (stat.dev & 0xffn) | ((stat.dev >> 12n) & 0xffff_ff00n)));
}

/** Returns whether two identities are the same. */
export function sameIdentity(a: Int32Array, aAt: number, b: Int32Array, bAt: number): boolean {
  for (let i = 0; i < IDENTITY_WORDS; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** Returns whether the struct statx that begins at `words[at]` is of the file with an identity. */
export function isIdentityOf(words: Int32Array, at: number, identities: Int32Array, identityAt: number): boolean {
  for (let i = 0; i < IDENTITY_WORDS; i++) {
    if (words[at + STATX_WORDS[i]!] !== identities[identityAt + i]) return false;
  }
  return true;
}

/** Returns the size in an identity. Exact up to 2^53 bytes. */
export function identitySize(identity: Int32Array, at: number): number {
  const low = identity[at + 2]!;
  // A small integer for small files: what it is added to stays one.
  return identity[at + 3] === 0 && low >= 0 ? low : (low >>> 0) + identity[at + 3]! * 2 ** 32;
}

function putWide(value: bigint, into: Int32Array, at: number): void {
  into[at] = Number(BigInt.asIntN(32, value));
  into[at + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** Seconds rounded down, and nanoseconds that count forward. */
function putTime(ns: bigint, into: Int32Array, at: number): void {
  const rest = ((ns % NS_PER_S) + NS_PER_S) % NS_PER_S;
  putWide((ns - rest) / NS_PER_S, into, at);
  into[at + 2] = Number(rest);
}
