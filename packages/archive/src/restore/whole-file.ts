/**
 * Files of one blob, or none: made with all their content and metadata in one visit, then given their name, so that a kill at
 * any moment leaves no part of one under its name.
 *
 * The quick way makes the file without a name. A new file gets its owner, its mode and its attributes from the folder (set
 * group id, default ACL), from the umask and from a security module; the umask clears bits one by one, and the rest is the
 * same for every file of a folder. So the first file of a folder is looked at, and the others are known: what they have
 * already is not set again, and they are made many at a time. A folder whose files get attributes, a file that wants some, holes, or a
 * system that knows no files without a name, go the slow way, where everything is set by path.
 */
import { closeSync, ftruncateSync, renameSync } from 'node:fs';
import type { NewFile, NewFiles, Posix } from '@hostark/kernels';
import { applyMetadata } from '../metadata/apply.ts';
import { joinPath, pathBytes } from '../walk/paths.ts';
import {
  bytesAt,
  FLAG_SPARSE,
  FLAG_XATTRS,
  folderOfRow,
  metadataOfRow,
  partialName,
  pathOfRow,
  type Rows,
} from './rows.ts';
import { type Actor, createFile, removeQuietly, writeAt } from './write-file.ts';

/** Is told of a file that must be written by itself, with its content, which is good until it returns. */
export type WriteAgain = (row: number, data: Uint8Array) => void;

/** What open(2) takes; the other bits are for chmod. */
const OPEN_BITS = 0o777;

export class WholeFiles {
  readonly #system: Posix;
  readonly #actor: Actor;
  readonly #rows: Rows;
  #folder = -1;
  #folderPath: Uint8Array = new Uint8Array(0);
  /** Whether this folder's files can be made the quick way. */
  #quick = false;
  /** What new files of this folder get; -1: not looked at yet. */
  #uid = -1;
  #gid = -1;
  /** Permission bits that were asked for and given, and those that were taken away. */
  #given = 0;
  #taken = 0;
  /** Rows in the list of the system, by their numbers in it. */
  #gathered: number[] = [];

  constructor(system: Posix, actor: Actor, rows: Rows) {
    this.#system = system;
    this.#actor = actor;
    this.#rows = rows;
  }

  /**
   * Takes a file along, to be made with others by makeGathered(); its content is copied. Returns false, and does nothing, where it is
   * not known beforehand how it is made. `again`: as for makeGathered(), which is called when there is no more room.
   */
  gather(row: number, data: Uint8Array, again: WriteAgain): boolean {
    if (!this.#quick || this.#rows.folderOf[row] !== this.#folder || !this.#isPlain(row)) return false;
    const list = this.#system.newFileList;
    const file = list && this.#newFile(row);
    if (list === null || file === null || !list.takes(file, data)) return false;
    if (!list.hasRoom(file, data)) this.makeGathered(again);
    list.add(file, data);
    this.#gathered.push(row);
    return true;
  }

  /** Makes what was gathered. `again` is told of files with which that did not work: write() makes them, or says what is wrong. */
  makeGathered(again: WriteAgain): void {
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    this.#system.newFileList!.make((file, data) => again(gathered[file]!, data));
  }

  /** Returns an error of the metadata, which leaves the file, or null. Any other is thrown and leaves nothing of ours. */
  write(row: number, data: Uint8Array): unknown {
    const { newFiles } = this.#system;
    if (newFiles !== null && this.#isPlain(row)) {
      const folder = this.#rows.folderOf[row]!;
      if (folder !== this.#folder) this.#enter(newFiles, folder);
      if (this.#quick) {
        const result = this.#writeQuickly(newFiles, row, data);
        if (result !== NOT_DONE) return result;
      }
    }
    return this.#writeSlowly(row, data);
  }

  #enter(files: NewFiles, folder: number): void {
    this.#folder = folder;
    this.#folderPath = bytesAt(this.#rows.folders, folder);
    files.enter(this.#folderPath);
    this.#quick = true;
    this.#uid = this.#gid = -1;
    this.#given = this.#taken = 0;
  }

  /** Whether a file has neither holes nor attributes. */
  #isPlain(row: number): boolean {
    return (this.#rows.flags[row]! & (FLAG_SPARSE | FLAG_XATTRS)) === 0;
  }

  /** Whether it is known what a new file of the folder gets, and which of these permissions. */
  #isKnown(asked: number): boolean {
    return this.#uid >= 0 && (asked & ~(this.#given | this.#taken)) === 0;
  }

  /** Returns null where that is not known, or others than root would have to set an owner, which they may be refused. */
  #newFile(row: number): NewFile | null {
    const rows = this.#rows;
    const permissions = rows.permissions[row]!;
    const created = permissions & OPEN_BITS;
    const [uid, gid] = [rows.uids[row]!, rows.gids[row]!];
    const isOwned = uid === this.#uid && gid === this.#gid;
    if (!this.#isKnown(created) || !(isOwned || this.#actor.privileged)) return null;
    return {
      folder: this.#folderPath,
      name: bytesAt(rows.names, row),
      created,
      owner: isOwned ? null : { uid, gid },
      permissions: this.#hasAlready(permissions) ? null : permissions,
      atimeS: rows.atimeS[row]!,
      atimeNs: rows.atimeNs[row]!,
      mtimeS: rows.mtimeS[row]!,
      mtimeNs: rows.mtimeNs[row]!,
    };
  }

  /** Whether a file that was made with these permissions has them. */
  #hasAlready(permissions: number): boolean {
    return (permissions & ~OPEN_BITS) === 0 && (permissions & this.#taken) === 0;
  }

  #writeQuickly(files: NewFiles, row: number, data: Uint8Array): unknown {
    const permissions = this.#rows.permissions[row]!;
    const asked = permissions & OPEN_BITS;
    const fd = files.create(asked);
    if (fd < 0) {
      this.#quick = false;
      return NOT_DONE;
    }
    let open = true;
    try {
      if (!this.#isKnown(asked)) this.#look(files, fd, asked);
      if (!this.#quick) return NOT_DONE;
      files.write(fd, data);
      const error = this.#dress(files, fd, row, permissions);
      if (!files.link(fd, bytesAt(this.#rows.names, row))) this.#replace(files, fd, row);
      open = false;
      this.#close(files, fd, row);
      return error;
    } finally {
      if (open) files.close(fd);
    }
  }

  /** Learns from a new file what the folder gives to all. */
  #look(files: NewFiles, fd: number, asked: number): void {
    if (files.hasXattrs(fd)) {
      this.#quick = false;
      return;
    }
    const { uid, gid, mode } = this.#system.fstat(fd);
    this.#uid = uid;
    this.#gid = gid;
    this.#given |= asked & mode;
    this.#taken |= asked & ~mode;
  }

  /** Returns the first error that counts, or null; see applyMetadata(), whose order this is. */
  #dress(files: NewFiles, fd: number, row: number, permissions: number): unknown {
    const rows = this.#rows;
    const uid = rows.uids[row]!;
    const gid = rows.gids[row]!;
    let error: unknown = null;
    if (uid !== this.#uid || gid !== this.#gid) {
      try {
        files.setOwner(fd, uid, gid);
      } catch (refused) {
        error = this.#counts(refused) ? refused : null;
      }
    }
    try {
      files.setTimes(fd, rows.atimeS[row]!, rows.atimeNs[row]!, rows.mtimeS[row]!, rows.mtimeNs[row]!);
    } catch (refused) {
      error ??= this.#counts(refused) ? refused : null;
    }
    if (this.#hasAlready(permissions)) return error;
    try {
      files.setPermissions(fd, permissions);
    } catch (refused) {
      error ??= this.#counts(refused) ? refused : null;
    }
    return error;
  }

  /** Others than root cannot give files away: what they are refused is left as it is, silently. */
  #counts(error: unknown): boolean {
    const { code } = error as { code?: unknown };
    return this.#actor.privileged || (code !== 'EPERM' && code !== 'EACCES');
  }

  /** The name is taken: the file gets a partial name, and then the other one's. */
  #replace(files: NewFiles, fd: number, row: number): void {
    const name = partialName(this.#rows, row);
    if (!files.link(fd, name)) throw new Error(`the name ${Buffer.from(name).toString()} is taken`);
    const path = joinPath(folderOfRow(this.#rows, row), name);
    try {
      renameSync(path, pathBytes(pathOfRow(this.#rows, row)));
    } catch (error) {
      removeQuietly(path);
      throw error;
    }
  }

  /** Some file systems tell at the end that they could not write: then the file must not stay. */
  #close(files: NewFiles, fd: number, row: number): void {
    try {
      files.close(fd);
    } catch (error) {
      removeQuietly(pathOfRow(this.#rows, row));
      throw error;
    }
  }

  #writeSlowly(row: number, data: Uint8Array): unknown {
    const rows = this.#rows;
    const path = joinPath(folderOfRow(rows, row), partialName(rows, row));
    const fd = createFile(path);
    let metadataError: unknown = null;
    try {
      try {
        const sparse = (rows.flags[row]! & FLAG_SPARSE) !== 0;
        if (sparse) ftruncateSync(fd, data.length);
        writeAt(fd, data, 0, sparse);
      } finally {
        closeSync(fd);
      }
      metadataError = this.#dressSlowly(row, path);
      renameSync(path, pathBytes(pathOfRow(rows, row)));
    } catch (error) {
      removeQuietly(path);
      throw error;
    }
    return metadataError;
  }

  #dressSlowly(row: number, path: Uint8Array): unknown {
    try {
      applyMetadata(this.#system, path, metadataOfRow(this.#rows, row), { privileged: this.#actor.privileged });
      return null;
    } catch (error) {
      return error;
    }
  }
}

/** Says that nothing was made, so that the slow way must. */
const NOT_DONE: unique symbol = Symbol('not done');
