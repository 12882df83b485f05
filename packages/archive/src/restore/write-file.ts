/**
 * Files on the disk: made exclusively under a name nobody else has, never through a symbolic link, and given their final
 * name when they are complete.
 */
import { closeSync, constants, ftruncateSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { applyMetadata, type MetadataCalls } from '../metadata/apply.ts';
import { joinPath, parentPath, pathBytes } from '../walk/paths.ts';
import { type FileRow, FLAG_OWNED, FLAG_SPARSE } from './columns.ts';
import { dataRanges } from './holes.ts';

/** Readable by nobody else until its metadata is set. */
const PRIVATE_MODE = 0o600;

const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

/** Who we are: what new files get as owner, and whether others can be set. */
export interface Actor {
  readonly uid: number;
  readonly gid: number;
  readonly privileged: boolean;
}

/** Names of unfinished files end so: what a killed restore leaves behind can be told and removed. */
export const PARTIAL_SUFFIX = '.hostark-partial';

let partials = 0;

/** Returns a path beside `path` that no other restore uses; short, whatever the length of the name. */
export function partialPath(path: Uint8Array): Uint8Array {
  const unique = `${process.pid.toString(36)}-${Date.now().toString(36)}-${(partials++).toString(36)}`;
  return joinPath(parentPath(path), Buffer.from(`.${unique}-${threadTag}${PARTIAL_SUFFIX}`));
}

/** Random per thread: the counter above is not shared. */
const threadTag: string = Math.random().toString(36).slice(2, 10);

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

/**
 * Makes a file with all its content and metadata in one visit: beside its place, then renamed, so that a kill at any
 * moment leaves no part of it under its name. An error of the metadata is returned and leaves the file; any other is thrown and leaves nothing of ours.
 */
export function writeWhole(calls: MetadataCalls, file: FileRow, data: Uint8Array, actor: Actor): unknown {
  const path = partialPath(file.path);
  const fd = createFile(path);
  let metadataError: unknown = null;
  try {
    try {
      const sparse = (file.flags & FLAG_SPARSE) !== 0;
      if (sparse) ftruncateSync(fd, file.size);
      writeAt(fd, data, 0, sparse);
    } finally {
      closeSync(fd);
    }
    metadataError = dress(calls, path, file, actor);
    renameSync(pathBytes(path), pathBytes(file.path));
  } catch (error) {
    removeQuietly(path);
    throw error;
  }
  return metadataError;
}

/** Applies the metadata of a file made by us; returns the error, or null. */
export function dress(calls: MetadataCalls, path: Uint8Array, file: FileRow, actor: Actor): unknown {
  const owned = (file.flags & FLAG_OWNED) !== 0;
  try {
    applyMetadata(calls, path, file.metadata, { privileged: actor.privileged, owner: owned ? actor : undefined });
    return null;
  } catch (error) {
    return error;
  }
}

/** Removes a file of ours that must not stay; it may be gone. */
export function removeQuietly(path: Uint8Array): void {
  try {
    unlinkSync(pathBytes(path));
  } catch {
    // gone, or no longer ours to remove: the error that led here is the one to report
  }
}
