/**
 * Reads a directory tree into manifest entries: plain file reading and SHA-256, nothing of the repository's code, so that
 * the record can testify about it. Never follows symbolic links below the root and never blocks on a fifo.
 */
import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { type Posix, posix, type Stat } from '@hostark/kernels';
import type { EntryType, ManifestEntry } from './entry.ts';

export interface RecordOptions {
  readonly signal?: AbortSignal | undefined;
  /** Attributes to leave out, for instance labels of a security module. Default: security.selinux. */
  readonly ignoreXattrs?: readonly string[] | undefined;
}

/** A megabyte per read: large enough that the call costs nothing, small enough to stay in cache. */
const READ_BYTES = 1 << 20;

/** How many entries pass between two looks at the event loop, so that a long record does not starve it. */
const ENTRIES_PER_TURN = 256;

const TYPE_OF: ReadonlyMap<number, EntryType> = new Map<number, EntryType>([
  [0o100000, 'file'],
  [0o040000, 'dir'],
  [0o120000, 'symlink'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
  [0o020000, 'chardev'],
  [0o060000, 'dev'],
]);

/**
 * Yields an entry for the root and everything below it, parents first, names ascending by bytes. `root` may be a single
 * file. Throws the system's error if something cannot be read: a record with gaps proves nothing.
 */
export async function* recordManifest(
  root: string | Uint8Array,
  options: RecordOptions = {},
): AsyncGenerator<ManifestEntry> {
  const recorder = new Recorder(posix(), options.ignoreXattrs ?? ['security.selinux']);
  const stack: { path: Uint8Array; below: Uint8Array }[] = [{ path: Buffer.from(root), below: new Uint8Array() }];
  for (let count = 1; ; count++) {
    const next = stack.pop();
    if (next === undefined) return;
    if (count % ENTRIES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    options.signal?.throwIfAborted();
    const entry = recorder.entry(next.path, next.below);
    if (entry.type === 'dir') {
      const names = recorder.names(next.path);
      for (let i = names.length - 1; i >= 0; i--) {
        const name = names[i]!;
        stack.push({ path: join(next.path, name), below: next.below.length === 0 ? name : join(next.below, name) });
      }
    }
    yield entry;
  }
}

class Recorder {
  readonly #system: Posix;
  readonly #ignored: ReadonlySet<string>;
  readonly #buffer: Uint8Array = new Uint8Array(READ_BYTES);
  /** First name of each inode that has several, by device and inode. */
  readonly #firstNames = new Map<string, string>();

  constructor(system: Posix, ignored: readonly string[]) {
    this.#system = system;
    this.#ignored = new Set(ignored);
  }

  names(directory: Uint8Array): readonly Uint8Array[] {
    return this.#system.readDirectory(directory).names;
  }

  entry(path: Uint8Array, below: Uint8Array): ManifestEntry {
    const stat = this.#system.lstat(path);
    const type = TYPE_OF.get(stat.mode & 0o170000);
    if (type === undefined) throw new TypeError(`${Buffer.from(path)}: unknown type in mode ${stat.mode.toString(8)}`);
    const name = base64(below);
    return {
      path: name,
      type,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtimeNs: String(stat.mtimeNs),
      ...(type === 'file' ? this.#content(path) : {}),
      ...(type === 'symlink' ? { linkTarget: base64(this.#system.readLink(path)) } : {}),
      ...(type === 'dev' || type === 'chardev' ? { rdev: String(stat.rdev) } : {}),
      ...(type === 'dir' ? {} : this.#hardLink(stat, name)),
      ...this.#xattrs(path),
    };
  }

  #content(path: Uint8Array): { size: string; sha256: string } {
    const hash = createHash('sha256');
    const fd = this.#system.openForRead(path);
    let size = 0;
    try {
      for (let read = -1; read !== 0; size += read) {
        read = readSync(fd, this.#buffer, 0, READ_BYTES, size);
        hash.update(this.#buffer.subarray(0, read));
      }
    } finally {
      closeSync(fd);
    }
    return { size: String(size), sha256: hash.digest('hex') };
  }

  #hardLink(stat: Stat, name: string): { hardLinkOf?: string } {
    if (stat.nlink < 2n) return {};
    const inode = `${stat.dev}:${stat.ino}`;
    const first = this.#firstNames.get(inode);
    if (first === undefined) this.#firstNames.set(inode, name);
    return first === undefined ? {} : { hardLinkOf: first };
  }

  #xattrs(path: Uint8Array): { xattrs?: { name: string; value: string }[] } {
    const kept = this.#system
      .listXattrs(path, true)
      .filter(({ name }) => !this.#ignored.has(Buffer.from(name).toString()))
      .sort((a, b) => Buffer.compare(a.name, b.name));
    if (kept.length === 0) return {};
    return { xattrs: kept.map(({ name, value }) => ({ name: base64(name), value: base64(value) })) };
  }
}

function join(directory: Uint8Array, name: Uint8Array): Uint8Array {
  const slash = directory[directory.length - 1] === 0x2f ? 0 : 1;
  const path = Buffer.alloc(directory.length + slash + name.length, 0x2f);
  path.set(directory, 0);
  path.set(name, directory.length + slash);
  return path;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
