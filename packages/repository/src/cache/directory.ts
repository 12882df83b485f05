/**
 * The files of one repository's cache, in restic's own layout, so that both programs can share it:
 * `<base>/CACHEDIR.TAG`, `<base>/<repository id>/version`, `<base>/<repository id>/<type>/<xx>/<name>`.
 * Files are the sealed originals. Nothing is synced: what a crash damages is found by its hash and fetched again.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, promises as fs, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolders } from '@hostark/kernels';
import type { Body, FileType, Handle } from '../backend.ts';
import { bodyParts } from '../backends/body.ts';
import { checkHandle, isObjectName } from '../backends/layout.ts';
import { errnoOf } from '../backends/local-errors.ts';

/** https://bford.info/cachedir/: backup programs leave such folders out. */
const CACHE_TAG = 'Signature: 8a477f597d28d172789f06886806bc55\n';
/** The layout described above; restic's `cacheVersion`. */
const CACHE_VERSION = '1';
/** No sealed object is shorter than its IV and MAC: shorter files are broken off. */
const SHORTEST_OBJECT = 33;

/** A folder of objects whose names begin like its own. */
const SHARD_NAME = /^[0-9a-f]{2}$/;

export class CacheDirectory {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** Makes the folder if needed and marks it as used now. Throws errno errors, or Error for a newer layout. */
  static open(base: string, repositoryId: string): CacheDirectory {
    if (!isObjectName(repositoryId))
      throw new TypeError(`repository id: expected 64 hex digits, got ${JSON.stringify(repositoryId)}`);
    const root = join(base, repositoryId);
    makeFolders(root, 0o700);
    writeIfMissing(join(base, 'CACHEDIR.TAG'), CACHE_TAG);
    writeIfMissing(join(root, 'version'), CACHE_VERSION);
    const version = readFileSync(join(root, 'version'), 'utf8').trim();
    if (version !== CACHE_VERSION)
      throw new Error(`cache ${root}: expected layout version ${CACHE_VERSION}, got ${JSON.stringify(version)}`);
    const now = new Date();
    utimesSync(root, now, now);
    return new CacheDirectory(root);
  }

  /**
   * Returns a whole cached object whose content fits its name, or null. A damaged file is deleted. `verify` may be false
   * for one that this process has verified or made.
   */
  async read(handle: Handle, { verify }: { readonly verify: boolean }): Promise<Uint8Array | null> {
    const bytes = await fs.readFile(this.#path(handle)).catch(absent);
    if (bytes === null) return null;
    const isSound = (): boolean => createHash('sha256').update(bytes).digest('hex') === handle.name;
    if (bytes.length >= SHORTEST_OBJECT && (!verify || isSound()))
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    await this.forget(handle);
    return null;
  }

  /** Returns a part of a cached object that read() has verified before, or null when it is not there or too short. */
  async readPart(handle: Handle, offset: number, length: number): Promise<Uint8Array | null> {
    const file = await fs.open(this.#path(handle), 'r').catch(absent);
    if (file === null) return null;
    try {
      const bytes = new Uint8Array(length);
      const { bytesRead } = await file.read(bytes, 0, length, offset);
      return bytesRead === length ? bytes : null;
    } finally {
      await file.close();
    }
  }

  /** Keeps a copy, all or nothing. */
  async store(handle: Handle, body: Body): Promise<void> {
    const path = this.#path(handle);
    const temporary = `${path}-tmp-${randomBytes(5).toString('hex')}`;
    await fs.mkdir(dirname(path), { recursive: true, mode: 0o700 });
    try {
      const file = await fs.open(temporary, 'wx', 0o600);
      try {
        for (const part of bodyParts(body)) await file.writeFile(part);
      } finally {
        await file.close();
      }
      await fs.rename(temporary, path);
    } catch (error) {
      await fs.unlink(temporary).catch(() => {});
      throw error;
    }
  }

  async forget(handle: Handle): Promise<void> {
    await fs.unlink(this.#path(handle)).catch(absent);
  }

  /** Returns the names of all cached objects of a type. Synchronous: 5 µs a folder, where a trip to the thread pool takes 100. */
  names(type: FileType): string[] {
    const names: string[] = [];
    for (const shard of namesIn(join(this.#root, type))) {
      if (!SHARD_NAME.test(shard)) continue;
      for (const name of namesIn(join(this.#root, type, shard)))
        if (isObjectName(name) && name.startsWith(shard)) names.push(name);
    }
    return names;
  }

  #path(handle: Handle): string {
    checkHandle(handle);
    return join(this.#root, handle.type, handle.name.slice(0, 2), handle.name);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    return absent(error) ?? [];
  }
}

function absent(error: unknown): null {
  if (errnoOf(error) === 'ENOENT') return null;
  throw error;
}

function writeIfMissing(path: string, content: string): void {
  if (existsSync(path)) return;
  try {
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}
