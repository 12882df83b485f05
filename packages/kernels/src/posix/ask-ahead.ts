/** Telling the kernel what will be read soon, so that the disk works while the caller computes. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { libc } from './libc.ts';

/** POSIX_FADV_WILLNEED (posix_fadvise(2)): reading into the page cache begins now, nobody waits for it. */
const WILL_NEED = 3;
/** Of one call the kernel takes as much as the disk takes in one request. */
export const AHEAD_STEP: number = 1 << 20;

/** Has the kernel read a file, or its first `most` bytes. Never throws; nothing where there is no native call. */
export function askAhead(path: string, most: number = Number.POSITIVE_INFINITY): void {
  try {
    const fd = openSync(path, 'r');
    try {
      askAheadOf(fd, 0, Math.min(most, fstatSync(fd).size));
    } finally {
      closeSync(fd);
    }
  } catch {
    // Whoever reads it will be told.
  }
}

/** The same of the bytes of an open file from `from` up to `end`. */
export function askAheadOf(fd: number, from: number, end: number): void {
  const native = libc();
  if (native === null) return;
  for (let at = from; at < end; at += AHEAD_STEP) native.fadvise(fd, at, Math.min(AHEAD_STEP, end - at), WILL_NEED);
}
