/** Plain reads at a place of a file. */
import { readSync } from 'node:fs';

/** Fills `into` with the bytes from `offset` on. Returns false if the file ends before it is full. Throws errno errors. */
export function readFully(fd: number, into: Uint8Array, offset: number): boolean {
  for (let at = 0; at < into.length; ) {
    const read = readSync(fd, into, at, into.length - at, offset + at);
    if (read === 0) return false;
    at += read;
  }
  return true;
}
