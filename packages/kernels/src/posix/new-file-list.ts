/**
 * Files without a name, as new-files.ts makes them, many at a time: lists of calls take two crossings for all of them. What does not come
 * out right is for who makes files one by one, and can say what is wrong.
 */
import { constants } from 'node:fs';
import { CallList } from '../machine/call-list.ts';
import { SYSTEM_CALLS } from '../machine/system-calls.ts';
import { type Memory, wordsOf, zeroedMemory } from '../memory.ts';
import { AT_EMPTY_PATH, AT_FDCWD, copyPath, O_CLOEXEC, putTimes, SLASH, TIMES_BYTES } from './arguments.ts';
import { O_TMPFILE } from './new-files.ts';
import type { NewFile, NewFileList } from './posix.ts';

const MOST_FILES = 64;
const DATA_BYTES: number = 256 << 10;
const PATH_BYTES: number = 32 << 10;

/** The calls that make a file, in their order; those that dress and name it follow once it is known to be written. */
const [OPENAT, WRITE] = [0, 1];
const CALLS_TO_MAKE = 2;
const MOST_CALLS_TO_NAME = 5;
const ENOENT = 2;

/** A file, and where its content and its path lie. */
interface Waiting {
  readonly file: NewFile;
  readonly dataAt: number;
  readonly length: number;
  readonly pathAt: number;
}

export class NativeNewFileList implements NewFileList {
  readonly #calls: CallList;
  readonly #data: Memory = zeroedMemory(DATA_BYTES);
  readonly #paths: Memory = zeroedMemory(PATH_BYTES);
  readonly #times: Memory = zeroedMemory(MOST_FILES * TIMES_BYTES);
  readonly #timeWords: Int32Array = wordsOf(this.#times);
  /** An empty path: its first byte is the NUL. */
  readonly #nothing: Memory = zeroedMemory(8);
  #files: Waiting[] = [];
  #dataEnd = 0;
  #pathEnd = 0;
  /** The folder that came last, and where its path lies. */
  #folder: Uint8Array | null = null;
  #folderAt = 0;
  /** Linking by the descriptor alone: see new-files.ts. */
  #linksDescriptors = true;

  private constructor(calls: CallList) {
    this.#calls = calls;
    const flags = O_TMPFILE | O_CLOEXEC | constants.O_WRONLY;
    for (let file = 0, call = 0; file < MOST_FILES; file++, call += CALLS_TO_MAKE) {
      calls.write(call + OPENAT, SYSTEM_CALLS.openat, AT_FDCWD, 0, flags, 0);
      calls.write(call + WRITE, SYSTEM_CALLS.write);
      calls.takes(call + WRITE, call + OPENAT);
    }
  }

  /** Returns null where calls can only be made one by one. */
  static create(): NativeNewFileList | null {
    const calls = CallList.create(MOST_FILES * (CALLS_TO_MAKE + MOST_CALLS_TO_NAME));
    return calls && new NativeNewFileList(calls);
  }

  takes(file: NewFile, { length }: Uint8Array): boolean {
    const fits = length <= DATA_BYTES / 4 && pathBytes(file) <= PATH_BYTES;
    // C would see another, shorter path.
    return this.#linksDescriptors && fits && !file.name.includes(0);
  }

  hasRoom(file: NewFile, { length }: Uint8Array): boolean {
    const fits = this.#dataEnd + length <= DATA_BYTES && this.#pathEnd + pathBytes(file) <= PATH_BYTES;
    return this.#files.length < MOST_FILES && fits;
  }

  add(file: NewFile, data: Uint8Array): void {
    if (!this.hasRoom(file, data)) throw new RangeError('expected room for the file');
    if (file.folder !== this.#folder) {
      this.#folder = file.folder;
      this.#folderAt = this.#putPath(file.folder, null);
    }
    const dataAt = this.#dataEnd;
    const { length } = data;
    const made = this.#files.length * CALLS_TO_MAKE;
    this.#files.push({ file, dataAt, length, pathAt: this.#putPath(file.folder, file.name) });
    this.#data.bytes.set(data, dataAt);
    this.#dataEnd += length;
    const calls = this.#calls;
    calls.argument(made + OPENAT, 1, this.#paths.address + this.#folderAt);
    calls.argument(made + OPENAT, 3, file.created);
    calls.argument(made + WRITE, 1, this.#data.address + dataAt);
    calls.argument(made + WRITE, 2, length);
  }

  make(left: (file: number, data: Uint8Array) => void): void {
    const calls = this.#calls;
    const files = this.#files;
    calls.run(0, files.length * CALLS_TO_MAKE);
    const first = MOST_FILES * CALLS_TO_MAKE;
    /** Where the calls that name a file begin, and end with its close; empty: it was not written. */
    const named: (readonly [from: number, end: number])[] = [];
    let end = first;
    for (const [number, { length }] of files.entries()) {
      const from = end;
      const made = number * CALLS_TO_MAKE;
      const fd = calls.result(made + OPENAT);
      const isWritten = fd >= 0 && calls.result(made + WRITE) === length;
      if (isWritten) end = this.#writeToName(end, fd, number);
      if (fd >= 0) calls.write(end++, SYSTEM_CALLS.close, fd);
      named.push([isWritten ? from : end, end]);
    }
    calls.run(first, end);
    this.#files = [];
    this.#dataEnd = this.#pathEnd = 0;
    this.#folder = null;
    for (const [number, { dataAt, length }] of files.entries()) {
      if (!this.#areDone(...named[number]!)) left(number, this.#data.bytes.subarray(dataAt, dataAt + length));
    }
  }

  /** Writes the calls that dress and name a file, from number `call` on. Returns the number behind them. */
  #writeToName(call: number, fd: number, number: number): number {
    const calls = this.#calls;
    const { file, pathAt } = this.#files[number]!;
    const times = number * TIMES_BYTES;
    putTimes(this.#timeWords, times / 4, file);
    let next = call;
    if (file.owner !== null) calls.write(next++, SYSTEM_CALLS.fchown, fd, file.owner.uid, file.owner.gid);
    calls.write(next++, SYSTEM_CALLS.utimensat, fd, 0, this.#times.address + times, 0);
    if (file.permissions !== null) calls.write(next++, SYSTEM_CALLS.fchmod, fd, file.permissions);
    const path = this.#paths.address + pathAt;
    calls.write(next++, SYSTEM_CALLS.linkat, fd, this.#nothing.address, AT_FDCWD, path, AT_EMPTY_PATH);
    return next;
  }

  /** Whether the calls that name a file are there and did what they should; the last two of them link and close. */
  #areDone(from: number, end: number): boolean {
    if (from === end) return false;
    if (this.#calls.result(end - 2) === -ENOENT) this.#linksDescriptors = false;
    for (let call = from; call < end; call++) if (this.#calls.result(call) !== 0) return false;
    return true;
  }

  /** Writes a path and its NUL. Returns where it begins. */
  #putPath(folder: Uint8Array, name: Uint8Array | null): number {
    const { bytes } = this.#paths;
    const start = this.#pathEnd;
    copyPath(folder, bytes, start);
    let end = start + folder.length;
    if (name !== null) {
      bytes[end++] = SLASH;
      copyPath(name, bytes, end);
      end += name.length;
    }
    bytes[end] = 0;
    this.#pathEnd = end + 1;
    return start;
  }
}

/** Room for a folder's path and for the file's, with a slash and two NULs. */
function pathBytes({ folder, name }: NewFile): number {
  return 2 * folder.length + name.length + 3;
}
