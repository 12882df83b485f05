/** Files on the disk, by path: made exclusively under a name nobody else has, never through a symbolic link. */
import { constants, openSync, unlinkSync, writeSync } from 'node:fs';
import { pathBytes } from '../walk/paths.ts';
import { dataRanges } from './holes.ts';

/** Readable by nobody else until its metadata is set. */
const PRIVATE_MODE = 0o600;

const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

/** Who we are: whether we may set other owners. */
export interface Actor {
  readonly privileged: boolean;
}

/** Makes an empty private file; throws EEXIST if there is anything. The caller closes the descriptor. */
export function createFile(path: Uint8Array): number {
  return openSync(pathBytes(path), CREATE, PRIVATE_MODE);
}

/** Opens an existing regular file for writing without following a link. */
export function openForWrite(path: Uint8Array): number {
  return openSync(pathBytes(path), constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

/** Writes all of `data` at `offset`; with `sparse` leaves out what is zero, which must read as zero there already. */
export function writeAt(fd: number, data: Uint8Array, offset: number, sparse: boolean): void {
  if (!sparse) {
    writeFully(fd, data, 0, data.length, offset);
    return;
  }
  const ranges = dataRanges(data, offset);
  for (let i = 0; i < ranges.length; i += 2) writeFully(fd, data, ranges[i]!, ranges[i + 1]!, offset + ranges[i]!);
}

function writeFully(fd: number, data: Uint8Array, from: number, to: number, offset: number): void {
  for (let at = from; at < to; ) at += writeSync(fd, data, at, to - at, offset + at - from);
}

/** Removes a file of ours that must not stay; it may be gone. */
export function removeQuietly(path: Uint8Array): void {
  try {
    unlinkSync(pathBytes(path));
  } catch {
    // gone, or no longer ours to remove: the error that led here is the one to report
  }
}
