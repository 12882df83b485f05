/**
 * A repository in a folder: restic's default layout, readable by stock restic and by plain tools.
 * Saves are atomic and durable (see local-file.ts); modes follow the config file's mode, so that a group can share a
 * repository; missing folders are made when needed.
 */
import { closeSync, constants, promises as fs, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { makeFolders } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import type {
  Backend,
  BackendTraits,
  Body,
  ByteRange,
  FileType,
  Handle,
  LoadOptions,
  SaveOptions,
  Spool,
} from '../backend.ts';
import { bodyLength, checkRange } from './body.ts';
import { isObjectName, LISTED_TYPES, objectPath, shardNames } from './layout.ts';
import { errnoOf, localError } from './local-errors.ts';
import { syncDirectory, writeDurably } from './local-file.ts';
import { isOnThisMachine } from './local-kinds.ts';
import { LocalSpool } from './local-spool.ts';
import { objectMissing, objectTruncated, readOnlyPlace, repositoryExists } from './object-errors.ts';

export interface LocalOptions {
  /** Refuses every save and remove with 'backend-denied'. */
  readonly readOnly?: boolean;
  /** @default 2 */
  readonly connections?: number;
}

/** Returns a backend over `directory`, which need not exist yet. Touches nothing until it is used. */
export function localBackend(directory: string, options: LocalOptions = {}): Backend {
  if (directory === '') throw new TypeError('directory: expected a path, got an empty string');
  return new Local(resolve(directory), options);
}

/**
 * Makes the folders of a new repository (data/00 to data/ff and the others, mode 0700). Repeating it is harmless.
 * Throws 'repository-exists' if there is a config already, 'no-repository' if `directory` is a file.
 */
export async function initLocalDirectory(directory: string): Promise<void> {
  const root = resolve(directory);
  try {
    if (
      await fs.lstat(join(root, 'config')).then(
        () => true,
        () => false,
      )
    )
      throw repositoryExists(root);
    makeFolders(root, 0o700);
    for (const type of LISTED_TYPES) await fs.mkdir(join(root, type), { recursive: true, mode: 0o700 });
    for (const shard of shardNames()) await fs.mkdir(join(root, 'data', shard), { recursive: true, mode: 0o700 });
    await syncDirectory(join(root, 'data'));
    await syncDirectory(root);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw localError(`prepare the folder ${root}`, error);
    throw new HostarkError('no-repository', `cannot prepare ${root}: a file is in the way`, {
      hint: 'choose a new or empty folder',
      context: { path: root },
      cause: error,
    });
  }
}

/** What a private repository has; restic's defaults. */
const PRIVATE_MODES = { file: 0o600, directory: 0o700 };
/** If the group may read the config, it may work with the whole repository; restic's rule. */
const GROUP_MODES = { file: 0o660, directory: 0o770 };

class Local implements Backend {
  readonly location: string;
  readonly connections: number;
  readonly traits: BackendTraits;
  readonly #readOnly: boolean;
  #modes: Promise<typeof PRIVATE_MODES> | null = null;

  constructor(root: string, options: LocalOptions) {
    this.location = root;
    this.connections = options.connections ?? 2;
    this.traits = {
      localDirectory: root,
      isCoherent: () => isOnThisMachine(join(root, 'locks')),
      spools: () => this.#spools(),
    };
    this.#readOnly = options.readOnly ?? false;
  }

  async save(handle: Handle, body: Body, options: SaveOptions = {}): Promise<void> {
    const path = this.#path(handle);
    if (this.#readOnly) throw readOnlyPlace(this.location, handle);
    options.signal?.throwIfAborted();
    try {
      // Only a whole object counts as "already there": a stump of another length is replaced by good bytes.
      if (handle.type !== 'config' && (await sizeOf(path)) === bodyLength(body))
        return await syncDirectory(dirname(path));
      const { file, directory } = await this.#deriveModes();
      const write = { mode: file & ~0o222, exclusive: handle.type === 'config' && options.createOnly === true };
      try {
        await writeDurably(path, body, { ...write, pace: options.pace, signal: options.signal });
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
        await makeDurableDirectory(dirname(path), directory);
        await writeDurably(path, body, { ...write, pace: options.pace, signal: options.signal });
      }
    } catch (error) {
      if (errnoOf(error) === 'EEXIST' && handle.type === 'config') throw repositoryExists(this.location, error);
      throw localError(`write ${path}`, error);
    }
  }

  async load(handle: Handle, range?: ByteRange, options: LoadOptions = {}): Promise<Uint8Array> {
    const path = this.#path(handle);
    if (range !== undefined) checkRange(range);
    options.signal?.throwIfAborted();
    try {
      if (range !== undefined && range.length <= SMALL_READ) return this.#loadSmall(handle, path, range);
      const file = await fs.open(path, constants.O_RDONLY);
      try {
        const wanted = range ?? { offset: 0, length: (await file.stat()).size };
        const bytes = new Uint8Array(Buffer.allocUnsafeSlow(wanted.length).buffer);
        const found = await readAt(file, bytes, wanted.offset, options);
        if (found !== bytes.length) throw objectTruncated(this.location, handle, wanted, found);
        return bytes;
      } finally {
        await file.close();
      }
    } catch (error) {
      throw await this.#readError('read', handle, path, error);
    }
  }

  #loadSmall(handle: Handle, path: string, range: ByteRange): Uint8Array {
    const file = openSync(path, constants.O_RDONLY);
    try {
      const bytes = new Uint8Array(range.length);
      let filled = 0;
      for (let read = 1; filled < bytes.length && read > 0; filled += read) {
        read = readSync(file, bytes, filled, bytes.length - filled, range.offset + filled);
      }
      if (filled !== bytes.length) throw objectTruncated(this.location, handle, range, filled);
      return bytes;
    } finally {
      closeSync(file);
    }
  }

  async size(handle: Handle): Promise<number> {
    const path = this.#path(handle);
    try {
      return (await fs.stat(path)).size;
    } catch (error) {
      throw await this.#readError('look at', handle, path, error);
    }
  }

  async *list(type: FileType): AsyncGenerator<{ name: string; size: number }> {
    if (type === 'config') return;
    const root = join(this.location, type);
    if (type !== 'data') {
      yield* this.#listFolder(root, () => true);
      return;
    }
    for (const shard of await this.#names(root)) {
      if (!/^[0-9a-f]{2}$/.test(shard) || !lstatSync(join(root, shard), { throwIfNoEntry: false })?.isDirectory())
        continue;
      // A pack in the wrong folder cannot be loaded by its name, so it is not listed either.
      yield* this.#listFolder(join(root, shard), (name) => name.startsWith(shard));
    }
  }

  async remove(handle: Handle): Promise<void> {
    const path = this.#path(handle);
    if (this.#readOnly) throw readOnlyPlace(this.location, handle);
    try {
      await fs.unlink(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw localError(`delete ${path}`, error);
    }
  }

  async exists(handle: Handle): Promise<boolean> {
    const path = this.#path(handle);
    try {
      return (await sizeOf(path)) !== null;
    } catch (error) {
      throw localError(`look at ${path}`, error);
    }
  }

  async close(): Promise<void> {}

  #path(handle: Handle): string {
    return join(this.location, objectPath(handle));
  }

  /** Not on network shares: what fails there for a while is written again from its beginning, which a spool has let go. */
  #spools(): (() => Spool) | null {
    if (this.#readOnly || !isOnThisMachine(join(this.location, 'data'))) return null;
    const place = {
      root: this.location,
      pathOf: (handle: Handle) => this.#path(handle),
      modes: () => this.#deriveModes(),
      makeDirectory: makeDurableDirectory,
      error: localError,
    };
    return () => new LocalSpool(place);
  }

  /** Read once: the config's mode does not change under a running program. */
  #deriveModes(): Promise<typeof PRIVATE_MODES> {
    this.#modes ??= fs.stat(join(this.location, 'config')).then(
      (config) => ((config.mode & 0o040) === 0 ? PRIVATE_MODES : GROUP_MODES),
      () => PRIVATE_MODES,
    );
    return this.#modes;
  }

  async #readError(action: string, handle: Handle, path: string, error: unknown): Promise<unknown> {
    if (errnoOf(error) !== 'ENOENT') return localError(`${action} ${path}`, error);
    if (
      await sizeOf(this.location).then(
        (size) => size !== null,
        () => true,
      )
    ) {
      return objectMissing(this.location, handle, error);
    }
    return new HostarkError('no-repository', `there is no folder ${this.location}`, {
      hint: 'check the path and that its disk is mounted; to begin a repository there, run `hostark init`',
      context: { location: this.location },
      cause: error,
    });
  }

  async *#listFolder(
    folder: string,
    belongs: (name: string) => boolean,
  ): AsyncGenerator<{ name: string; size: number }> {
    for (const name of await this.#names(folder)) {
      if (!isObjectName(name) || !belongs(name)) continue;
      // Synchronous: 2 µs each instead of 20, and a folder holds few of them. Gone since the readdir = not listed.
      const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
      if (stat?.isFile()) yield { name, size: stat.size };
    }
  }

  async #names(folder: string): Promise<string[]> {
    try {
      // Synchronous like the lstat: 4 µs each instead of 40, and there are up to 256.
      return readdirSync(folder);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw localError(`list ${folder}`, error);
    }
  }
}

/** Returns the size of what is at `path`, or null if nothing is. */
async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await fs.stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Up to this size a read at once (10 µs) is cheaper than a trip through the thread pool (70 µs): tree blobs, headers. */
const SMALL_READ = 64 * 1024;

/** One read call carries at most this much, so that an abort is seen soon. */
const READ_STEP = 32 * 1024 * 1024;

/** Fills `bytes` from `offset` on; returns how many there were. */
async function readAt(
  file: fs.FileHandle,
  bytes: Uint8Array,
  offset: number,
  { pace, signal }: LoadOptions,
): Promise<number> {
  const most = Math.min(READ_STEP, pace?.pieceBytes ?? READ_STEP);
  let filled = 0;
  while (filled < bytes.length) {
    signal?.throwIfAborted();
    const step = Math.min(most, bytes.length - filled);
    await pace?.take(step);
    const { bytesRead } = await file.read(bytes, filled, step, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

async function makeDurableDirectory(path: string, mode: number): Promise<void> {
  const first = await fs.mkdir(path, { recursive: true, mode });
  if (first !== undefined) await syncDirectory(dirname(first));
}
