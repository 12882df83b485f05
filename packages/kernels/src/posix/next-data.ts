/** Holes of sparse files, which need not be read to know that they are zeros. */
import { constants } from 'node:os';
import { libc } from './libc.ts';

/** SEEK_DATA (lseek(2)): the next place at or behind the given one that is not in a hole. */
const SEEK_DATA = 3;

/**
 * Returns where the data of an open file goes on at or after `from`; Infinity if there is none up to its end; `from` where nothing
 * is known of holes. Moves the file's offset, which reads with a position do not use.
 */
export function nextData(fd: number, from: number): number {
  const native = libc();
  if (native === null) return from;
  const found = Number(native.lseek(fd, from, SEEK_DATA));
  if (found >= 0) return found;
  return native.errno() === constants.errno.ENXIO ? Number.POSITIVE_INFINITY : from;
}
