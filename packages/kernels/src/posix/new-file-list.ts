/**
 * Files without a name, as new-files.ts makes them, many at a time: lists of calls take two crossings for all of them. What does not come
 * out right is for who makes files one by one, and can say what is wrong.
 */
import { constants } from 'node:fs';
import { CallList } from '../machine/call-list.ts';
import { SYSTEM_CALLS } from '../machine/system-calls.ts';
import { type Memory, put64, wordsOf, zeroedMemory } from '../memory.ts';
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC } from './arguments.ts';
import { O_TMPFILE } from './new-files.ts';
import type { NewFile, NewFileList } from './posix.ts';

const MOST_FILES = 64;
const DATA_BYTES: number = 256 << 10;
const PATH_BYTES: number = 32 << 10;
/** Two struct timespec. */
const TIMES_BYTES = 32;

/** The calls that make a file, in their order; those that dress and name it follow once it is known to be written. */
const [OPENAT, WRITE] = [0, 1];
const CALLS_TO_MAKE = 2;
const MOST_CALLS_TO_NAME = 5;
const ENOENT = 2;
const SLASH = 0x2f;

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

  takes({ name }: NewFile, { length }: Uint8Array): boolean {
    // C would see another, shorter path.
    return this.#linksDescriptors && length <= DATA_BYTES / 4 && !name.includes(0);
  }

  hasRoom({ folder, name }: NewFile, data: Uint8Array): boolean {
    // For both paths, with a slash and two NULs.
    const pathEnd = this.#pathEnd + 2 * folder.length + name.length + 3;
    return this.#files.length < MOST_FILES && this.#dataEnd + data.length <= DATA_BYTES && pathEnd <= PATH_BYTES;
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
    /** Where the calls of each file end; -1: it was not written. */
    const ends: number[] = [];
    let end = first;
    for (const [number, { length }] of files.entries()) {
      const made = number * CALLS_TO_MAKE;
      const fd = calls.result(made + OPENAT);
      const isWritten = fd >= 0 && calls.result(made + WRITE) === length;
      if (isWritten) end = this.#writeToName(end, fd, number);
      if (fd >= 0) calls.write(end++, SYSTEM_CALLS.close, fd);
      ends.push(isWritten ? end : -1);
    }
    calls.run(first, end);
    this.#files = [];
    this.#dataEnd = this.#pathEnd = 0;
    this.#folder = null;
    for (const [number, { dataAt, length }] of files.entries()) {
      if (!this.#isNamed(files[number]!, ends[number]!))
        left(number, this.#data.bytes.subarray(dataAt, dataAt + length));
    }
  }

  /** Writes the calls that dress and name a file, from number `call` on. Returns the number behind them. */
  #writeToName(call: number, fd: number, number: number): number {
    const calls = this.#calls;
    const { file, pathAt } = this.#files[number]!;
    const times = number * TIMES_BYTES;
    this.#putTime(times, file.atimeS, file.atimeNs);
    this.#putTime(times + TIMES_BYTES / 2, file.mtimeS, file.mtimeNs);
    let next = call;
    if (file.owner !== null) calls.write(next++, SYSTEM_CALLS.fchown, fd, file.owner.uid, file.owner.gid);
    calls.write(next++, SYSTEM_CALLS.utimensat, fd, 0, this.#times.address + times, 0);
    if (file.permissions !== null) calls.write(next++, SYSTEM_CALLS.fchmod, fd, file.permissions);
    const path = this.#paths.address + pathAt;
    calls.write(next++, SYSTEM_CALLS.linkat, fd, this.#nothing.address, AT_FDCWD, path, AT_EMPTY_PATH);
    return next;
  }

  /** Whether all calls that end before number `end` did what they should: those that dress a file, link and close. */
  #isNamed({ file: { owner, permissions } }: Waiting, end: number): boolean {
    if (end < 0) return false;
    const count = 3 + (owner === null ? 0 : 1) + (permissions === null ? 0 : 1);
    if (this.#calls.result(end - 2) === -ENOENT) this.#linksDescriptors = false;
    for (let call = end - count; call < end; call++) if (this.#calls.result(call) !== 0) return false;
    return true;
  }

  /** Writes a path and its NUL. Returns where it begins. */
  #putPath(folder: Uint8Array, name: Uint8Array | null): number {
    const { bytes } = this.#paths;
    const start = this.#pathEnd;
    let at = start;
    for (let i = 0; i < folder.length; i++) bytes[at++] = folder[i]!;
    if (name !== null) {
      bytes[at++] = SLASH;
      for (let i = 0; i < name.length; i++) bytes[at++] = name[i]!;
    }
    bytes[at++] = 0;
    this.#pathEnd = at;
    return start;
  }

  #putTime(at: number, seconds: number, nanoseconds: number): void {
    put64(this.#timeWords, at / 4, seconds);
    put64(this.#timeWords, at / 4 + 2, nanoseconds);
  }
}
