/** Telling the kernel what will be read soon, so that the disk works while the caller computes. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { libc } from './libc.ts';

/** POSIX_FADV_WILLNEED (posix_fadvise(2)): reading into the page cache begins now, nobody waits for it. */
const WILL_NEED = 3;
/** Of one call the kernel takes as much as the disk takes in one request. */
const STEP: number = 1 << 20;

/** Has the kernel read a file. Never throws; nothing where there is no native call. */
export function askAhead(path: string): void {
  const native = libc();
  if (native === null) return;
  try {
    const fd = openSync(path, 'r');
    try {
      const { size } = fstatSync(fd);
      for (let at = 0; at < size; at += STEP) native.fadvise(fd, at, Math.min(STEP, size - at), WILL_NEED);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Whoever reads it will be told.
  }
}
