/**
 * A directory's entries, a slice at a time, through the C library and the tree kernel: names, stats, attributes and link
 * targets go from the system into the kernel's memory, and the text of their nodes comes out of it.
 */
import { constants } from 'node:fs';
import { AT_FDCWD, O_CLOEXEC, PATH_MAX, PathArgument } from '../posix/arguments.ts';
import { errnoName, systemError } from '../posix/errors.ts';
import { type Libc, libc, type StableMemory } from '../posix/libc.ts';
import { NativeXattrs } from '../posix/native-xattrs.ts';
import type { Stat, Xattr } from '../posix/posix.ts';
import { LSTAT_FLAGS, STATX_MASK, StatxView } from '../posix/statx.ts';
import type { NameList, ScanHooks, ScanRules, ScanTrouble, TreeText } from './contract.ts';
import { ENTRIES_A_LIST, EntryCalls } from './entry-calls.ts';
import type { FileColumns, FileLimits } from './file-columns.ts';
import { isFramed, isTail, TREE_HEAD, TREE_TAIL } from './frame.ts';
import * as at from './layout.ts';
import { NeedsRoom, TreeKernel } from './tree-kernel.ts';

const { O_RDONLY, O_DIRECTORY, O_NOATIME } = constants;
const EPERM = 1;
const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;
/** Bytes of records that one call of getdents64 may fill: some thousand entries. */
const DIRENTS_BYTES = 65_536;
const DIRENT_MIN_BYTES = 24;
const KEY_BYTES = 16;
/** A name and its NUL, at most: 255 units of UTF-16 on file systems that come from Windows, three bytes each. */
const NAME_BYTES = 3 * 255 + 1;
const ROW_MODE = 28;
/** Bytes of the parent's tree that a run begins with, enough for a slice of usual nodes; more when they do not do. */
const WINDOW_BYTES = 512 * 1024;
/** 64 digits take this much text, 32 bytes this much memory. */
const ID_TEXT_BYTES = 66;
const ID_BYTES = 32;
const SLASH = 0x2f;

const NO_XATTRS: readonly Xattr[] = [];

/** One slice at a time: what a call leaves is valid until the next one. Throws as Posix does. */
export class FolderScan {
  readonly #libc: Libc;
  readonly #hooks: ScanHooks;
  readonly #kernel: TreeKernel;
  readonly #flags: number;
  readonly #path: PathArgument;
  readonly #xattrs: NativeXattrs;
  /** Null where entries are asked about one by one. */
  readonly #asked: EntryCalls | null;
  readonly #target: StableMemory;
  readonly #targets: Map<number, Uint8Array> = new Map();
  readonly #found: Map<number, readonly Xattr[]> = new Map();
  /** Of the kernel's memory. */
  #address: number;
  #count = 0;
  /** Bytes before each name of the slice: the directory and a slash. */
  #prefix = 0;
  #namesEnd = 0;
  #idsAt = 0;
  #textAt = 0;
  #beforeAt = 0;
  /** Bytes of the parent's tree that the last run needed. */
  #window = WINDOW_BYTES;

  private constructor(bound: Libc, hooks: ScanHooks, rules: ScanRules, kernel: TreeKernel, inLists: boolean) {
    this.#libc = bound;
    this.#hooks = hooks;
    this.#kernel = kernel;
    this.#flags =
      (rules.withAtime ? at.FLAG_ATIME : 0) |
      (rules.ignoreCtime ? at.FLAG_IGNORE_CTIME : 0) |
      (rules.ignoreInode ? at.FLAG_IGNORE_INODE : 0);
    this.#path = new PathArgument(bound);
    this.#xattrs = new NativeXattrs(bound);
    this.#asked = inLists ? EntryCalls.create() : null;
    this.#target = bound.stableMemory(PATH_MAX);
    this.#address = bound.addressOf(kernel.bytes);
  }

  /** Returns null where WebAssembly or native calls are missing. `inLists`: calls are made many at a time, where they can be. */
  static create(hooks: ScanHooks, rules: ScanRules, inLists = true): FolderScan | null {
    const bound = libc();
    if (bound === null) return null;
    let scan: FolderScan | null = null;
    const kernel = TreeKernel.create({
      offsetAt: (seconds) => hooks.offsetAt(seconds),
      encodeOwner: (uid, gid) => hooks.encodeOwner(uid, gid),
      encodeName: (name) => hooks.encodeName(name),
      decodeName: (text) => hooks.decodeName(text),
      encodeNode: (entry) => scan!.#encodeNode(entry),
    });
    if (kernel === null) return null;
    scan = new FolderScan(bound, hooks, rules, kernel, inLists);
    return scan;
  }

  /** Opens a directory for names() and scan(). */
  open(path: Uint8Array): number {
    this.#window = WINDOW_BYTES;
    const address = this.#path.set(path, 'opendir');
    const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    let fd = this.#libc.openat(AT_FDCWD, address, flags | O_NOATIME, 0);
    // O_NOATIME is for the owner and root only.
    if (fd < 0 && this.#libc.errno() === EPERM) fd = this.#libc.openat(AT_FDCWD, address, flags, 0);
    if (fd < 0) throw systemError(this.#libc.errno(), 'opendir', path);
    return fd;
  }

  close(fd: number): void {
    this.#libc.close(fd);
  }

  /** Returns the names in an open directory, each once, in memory of their own. `path` is for errors. */
  names(fd: number, path: Uint8Array): NameList {
    let end = at.HEAP;
    for (;;) {
      this.#reach(end + DIRENTS_BYTES);
      const filled = this.#libc.getdents64(fd, this.#address + end, DIRENTS_BYTES);
      if (filled < 0) throw systemError(this.#libc.errno(), 'getdents64', path);
      if (filled === 0) break;
      end += filled;
    }
    const keys = align(end);
    const packed = keys + 2 * KEY_BYTES * Math.ceil((end - at.HEAP) / DIRENT_MIN_BYTES);
    this.#reach(packed + (end - at.HEAP));
    const namesEnd = this.#kernel.sortNames(at.HEAP, end, keys, packed);
    const bytes = Buffer.from(this.#kernel.bytes.subarray(packed, namesEnd));
    return { bytes, count: this.#kernel.sortedNames(), passed: 0, at: 0 };
  }

  /**
   * Asks the system about the next SLICE names (or what is left of them), and returns how many they are. `fd` is the open
   * directory, `path` its absolute path.
   */
  scan(fd: number, path: Uint8Array, names: NameList, troubles: ScanTrouble[]): number {
    this.#spread(path, names);
    this.#targets.clear();
    this.#found.clear();
    const { bytes, words } = this.#kernel;
    const base = this.#address;
    const xattrs = this.#xattrs;
    const prefix = this.#prefix;
    const count = this.#count;
    bytes.fill(0, at.WISH, at.WISH + count);
    for (let i = 0; i < count; i++) {
      const name = base + words[(at.NAME_AT >> 2) + i]!;
      const row = at.ROWS + i * at.ROW_BYTES;
      const inList = i % ENTRIES_A_LIST;
      if (inList === 0) this.#asked?.ask(fd, base, words, prefix, i, Math.min(count, i + ENTRIES_A_LIST));
      const errno = this.#asked === null ? this.#stat(fd, name, base + row) : this.#asked.statErrno(inList);
      if (errno !== 0) {
        this.#fail(troubles, i, 'stat', errno);
        continue;
      }
      const mode = bytes[row + ROW_MODE]! | (bytes[row + ROW_MODE + 1]! << 8);
      if ((mode & S_IFMT) === S_IFLNK && !this.#readLink(fd, name, i)) {
        this.#fail(troubles, i, 'readlink', this.#libc.errno());
        continue;
      }
      if (this.#asked?.mayHaveXattrs(inList) === false) continue;
      const found = xattrs.listAt(name - prefix);
      if (typeof found === 'number') troubles.push(this.#trouble(i, 'xattrs', found));
      else if (found.length > 0) this.#found.set(i, found);
    }
    return count;
  }

  isLeftOut(entry: number): boolean {
    return this.#kernel.bytes[at.WISH + entry] === at.LEAVE_OUT;
  }

  /** Leaves an entry of the slice out of the next run. */
  leaveOut(entry: number): void {
    this.#kernel.bytes[at.WISH + entry] = at.LEAVE_OUT;
  }

  /**
   * Writes the nodes of the slice beside the parent's tree, if there is one; `has` says whether the repository has the
   * content with the raw id at a position. Returns false if the parent's tree is not written as restic writes trees: then
   * nothing has happened.
   */
  write(before: TreeText | null, has: (bytes: Uint8Array, at: number) => boolean): boolean {
    const extrasAt = align(this.#namesEnd + at.MARGIN);
    const extrasEnd = this.#placeExtras(extrasAt);
    const left = before === null ? 0 : before.bytes.length - before.at;
    let spare = 0;
    for (let window = Math.min(left, this.#window); ; ) {
      const textBytes = this.#layOut(align(extrasEnd + at.MARGIN), window, extrasEnd - extrasAt + spare);
      this.#placeBefore(before, window);
      this.#kernel.spare = spare;
      try {
        const { run } = this.#kernel;
        if (run(this.#count, this.#beforeAt, this.#idsAt, this.#textAt, this.#flags) === 0) {
          if (this.#hasAll(has)) break;
          continue;
        }
        if (window === left) return false;
        // The next slice of the directory is likely to need as much.
        this.#window = 2 * window;
        window = Math.min(left, this.#window);
      } catch (error) {
        if (!(error instanceof NeedsRoom)) throw error;
        spare += error.bytes + textBytes;
      }
    }
    if (before !== null && !this.#pass(before)) return false;
    return true;
  }

  /** Returns whether all of a tree can be compared with, as far as its nodes go. What was scanned is lost. */
  canRead(tree: Uint8Array): boolean {
    if (!isFramed(tree)) return false;
    for (let from = TREE_HEAD.length, window = Math.min(tree.length - from, WINDOW_BYTES); ; ) {
      const text: TreeText = { bytes: tree, at: from };
      this.#count = 0;
      this.#layOut(at.HEAP, window, 0);
      this.#placeBefore(text, window);
      if (this.#kernel.checkBefore(this.#beforeAt, this.#idsAt) === 0) return this.#pass(text);
      if (from + window === tree.length) return false;
      const passed = this.#kernel.passed() - this.#beforeAt;
      window = Math.min(tree.length - from - passed, passed > 0 ? WINDOW_BYTES : 2 * window);
      from += passed;
    }
  }

  /** What became of each entry, one of ENTRY: a view. */
  statuses(): Uint8Array {
    return this.#kernel.bytes.subarray(at.STATUS, at.STATUS + this.#count);
  }

  /** Returns a copy of an entry's name. */
  name(entry: number): Buffer {
    const { bytes, words } = this.#kernel;
    const column = at.NAME_AT >> 2;
    const end = entry + 1 < this.#count ? words[column + entry + 1]! - this.#prefix : this.#namesEnd;
    return Buffer.from(bytes.subarray(words[column + entry]!, end - 1));
  }

  /** Returns the stat of an entry in the kernel's memory. */
  stat(entry: number): Stat {
    return new StatxView(new DataView(this.#kernel.bytes.buffer), at.ROWS + entry * at.ROW_BYTES);
  }

  /** Returns the stats of the slice in memory of their own. */
  stats(): (entry: number) => Stat {
    const rows = this.#kernel.bytes.buffer.slice(at.ROWS, at.ROWS + this.#count * at.ROW_BYTES);
    const view = new DataView(rows);
    return (entry) => new StatxView(view, entry * at.ROW_BYTES);
  }

  xattrs(entry: number): readonly Xattr[] {
    return this.#found.get(entry) ?? NO_XATTRS;
  }

  /** The nodes of the slice, a comma after each: a view. */
  text(): Buffer {
    return this.#kernel.bytes.subarray(this.#textAt, this.#kernel.words[(at.NODE_AT >> 2) + this.#count]!);
  }

  /** Where an entry's node begins in text(); that of the entry after the last is its end. */
  nodeAt(entry: number): number {
    return this.#kernel.words[(at.NODE_AT >> 2) + entry]! - this.#textAt;
  }

  /** Returns a copy of the parent's node of the same name, or null. */
  before(entry: number): Buffer | null {
    const { bytes, words } = this.#kernel;
    const length = words[(at.BEFORE_LENGTH >> 2) + entry]!;
    if (length === 0) return null;
    const from = words[(at.BEFORE_AT >> 2) + entry]!;
    return Buffer.from(bytes.subarray(from, from + length));
  }

  /** Copies small new files of the slice, from `entry` on, until there are `most`; returns the entry after the last one. */
  newSmallFiles(entry: number, into: FileColumns, most: FileLimits): number {
    const { bytes, words } = this.#kernel;
    const count = this.#count;
    let i = entry;
    for (; i < count && !into.reaches(most); i++) {
      if (bytes[at.STATUS + i] !== at.ENTRY.newSmall) continue;
      const pathAt = words[(at.NAME_AT >> 2) + i]! - this.#prefix;
      const pathEnd = i + 1 < count ? words[(at.NAME_AT >> 2) + i + 1]! - this.#prefix : this.#namesEnd;
      const row = (at.ROWS + i * at.ROW_BYTES) >> 2;
      into.addRow(bytes, pathAt, pathEnd - 1, words, row, this.nodeAt(i), this.nodeAt(i + 1));
    }
    return i;
  }

  /** Files that the last run took over, and their bytes. */
  get takenOver(): { readonly files: number; readonly bytes: number } {
    return { files: this.#kernel.takenOver(), bytes: this.#kernel.takenOverBytes() };
  }

  #reach(end: number): void {
    if (this.#kernel.reach(end)) this.#address = this.#libc.addressOf(this.#kernel.bytes);
  }

  /** Puts the next names into the kernel's memory, each behind the path that llistxattr(2) needs. */
  #spread(path: Uint8Array, names: NameList): void {
    const count = Math.min(at.SLICE, names.count - names.passed);
    const packed = names.bytes.subarray(names.at, names.at + count * NAME_BYTES);
    const prefixAt = align(at.HEAP + packed.length + at.MARGIN);
    const slash = path[path.length - 1] === SLASH ? 0 : 1;
    const prefix = path.length + slash;
    const spreadAt = align(prefixAt + prefix + at.MARGIN);
    this.#reach(spreadAt + count * prefix + packed.length + at.MARGIN);
    const { bytes } = this.#kernel;
    bytes.set(packed, at.HEAP);
    bytes.set(path, prefixAt);
    bytes[prefixAt + path.length] = SLASH;
    const used = this.#kernel.spreadNames(at.HEAP, count, prefixAt, prefix, spreadAt) - at.HEAP;
    names.at += used;
    names.passed += count;
    this.#count = count;
    this.#prefix = prefix;
    this.#namesEnd = spreadAt + count * prefix + used;
  }

  #readLink(fd: number, name: number, entry: number): boolean {
    const length = this.#libc.readlinkat(fd, name, this.#target.address, PATH_MAX);
    if (length < 0) return false;
    this.#targets.set(entry, new Uint8Array(this.#target.bytes.subarray(0, length)));
    return true;
  }

  /** Returns 0 or a positive errno. */
  #stat(fd: number, name: number, row: number): number {
    return this.#libc.statx(fd, name, LSTAT_FLAGS, STATX_MASK, row) < 0 ? this.#libc.errno() : 0;
  }

  #fail(troubles: ScanTrouble[], entry: number, during: 'stat' | 'readlink', errno: number): void {
    troubles.push(this.#trouble(entry, during, errno));
    this.leaveOut(entry);
  }

  #trouble(entry: number, during: ScanTrouble['during'], errno: number): ScanTrouble {
    const name = this.name(entry);
    const from = this.#kernel.words[(at.NAME_AT >> 2) + entry]!;
    const path = this.#kernel.bytes.subarray(from - this.#prefix, from + name.length);
    return { name, during, code: errnoName(errno), message: systemError(errno, during, path).message };
  }

  /** Writes the text that links and attributes add, and returns its end. */
  #placeExtras(from: number): number {
    const lengths = at.EXTRA_LENGTH >> 2;
    this.#kernel.words.fill(0, lengths, lengths + this.#count);
    if (this.#targets.size === 0 && this.#found.size === 0) return from;
    let end = from;
    for (const entry of this.#targets.keys()) end = this.#placeExtra(entry, end);
    for (const entry of this.#found.keys()) if (!this.#targets.has(entry)) end = this.#placeExtra(entry, end);
    return end;
  }

  #placeExtra(entry: number, from: number): number {
    const text = this.#hooks.encodeExtras(this.#targets.get(entry), this.xattrs(entry));
    this.#reach(from + text.length + at.MARGIN);
    const { bytes, words } = this.#kernel;
    bytes.set(text, from);
    words[(at.EXTRA_AT >> 2) + entry] = from;
    words[(at.EXTRA_LENGTH >> 2) + entry] = text.length;
    return from + text.length;
  }

  /** Decides where the parent's text, the ids and the nodes go; returns the room for nodes. */
  #layOut(from: number, window: number, extra: number): number {
    this.#beforeAt = from;
    this.#idsAt = align(from + window + at.MARGIN);
    this.#textAt = align(this.#idsAt + (window / ID_TEXT_BYTES + 1) * ID_BYTES + at.MARGIN);
    const names = at.NAME_GROWTH * Math.max(0, this.#namesEnd - at.HEAP);
    const room = this.#count * at.NODE_ROOM + names + extra + window + at.MARGIN;
    this.#reach(this.#textAt + room);
    return room;
  }

  #placeBefore(before: TreeText | null, window: number): void {
    const { bytes } = this.#kernel;
    const from = this.#beforeAt;
    if (before !== null) bytes.set(before.bytes.subarray(before.at, before.at + window), from);
    bytes.fill(0, from + window, from + window + at.MARGIN);
    // Without a parent there is a tree that has ended.
    if (before === null) bytes[from] = TREE_TAIL[0]!;
  }

  /** Marks the files whose content the repository has not, and returns whether there are none. */
  #hasAll(has: (bytes: Uint8Array, at: number) => boolean): boolean {
    const { bytes, words } = this.#kernel;
    const column = at.IDS_END >> 2;
    if (this.#count === 0) return true;
    const end = words[column + this.#count - 1]!;
    let all = true;
    for (let id = this.#idsAt; id < end; id += ID_BYTES) {
      if (has(bytes, id)) continue;
      all = false;
      let entry = 0;
      while (words[column + entry]! <= id) entry++;
      bytes[at.WISH + entry] = at.READ_AGAIN;
    }
    return all;
  }

  /** Moves on in the parent's tree. Returns false if it ends before it should. */
  #pass(before: TreeText): boolean {
    const passed = this.#kernel.passed();
    before.at += passed - this.#beforeAt;
    return this.#kernel.bytes[passed] !== TREE_TAIL[0] || isTail(before);
  }

  #encodeNode(entry: number): Uint8Array {
    return this.#hooks.encodeNode(this.name(entry), this.stat(entry), this.#targets.get(entry), this.xattrs(entry));
  }
}

function align(address: number): number {
  return (address + 15) & ~15;
}
