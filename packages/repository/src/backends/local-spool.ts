/**
 * An object of a local folder that is written before its name is known: beside the shards, where readers of the layout see
 * no object in it, then synced and renamed. A killed writer leaves `data/spool-tmp-<random>` and no more.
 * Pages go to the disk without a copy in the page cache (O_DIRECT), which would cost more than to encrypt them, and would
 * push out what the host's own programs have read; where that cannot be, they go the usual way.
 */
import { randomBytes } from 'node:crypto';
import { constants, promises as fs } from 'node:fs';
import { dirname, join } from 'node:path';
import { beginsAtPage, PAGE_BYTES, refusesDirect } from '@hostark/kernels';
import type { Handle, Spool } from '../backend.ts';
import { errnoOf } from './local-errors.ts';
import { syncDirectory, syncFile, writeDurably } from './local-file.ts';

/** How the folder's owner puts things: where an object lies, with what modes, and what an error means. */
export interface SpoolPlace {
  readonly root: string;
  readonly pathOf: (handle: Handle) => string;
  readonly modes: () => Promise<{ readonly file: number; readonly directory: number }>;
  readonly makeDirectory: (path: string, mode: number) => Promise<void>;
  readonly error: (action: string, cause: unknown) => unknown;
}

/** Below this, the page cache is cheaper than to wait for the disk. */
const LEAST_DIRECT_BYTES: number = 256 * 1024;

export class LocalSpool implements Spool {
  readonly #place: SpoolPlace;
  readonly #temporary: string;
  #file: fs.FileHandle | null = null;
  /** The same file past the page cache; null where that cannot be, undefined until it is tried. */
  #direct: fs.FileHandle | null | undefined;
  #length = 0;

  constructor(place: SpoolPlace) {
    this.#place = place;
    this.#temporary = join(place.root, 'data', `spool-tmp-${randomBytes(8).toString('hex')}`);
  }

  async append(bytes: Uint8Array): Promise<void> {
    try {
      this.#file ??= await fs.open(this.#temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      for (let from = await this.#appendPages(bytes); from < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, from, bytes.length - from, this.#length);
        from += bytesWritten;
        this.#length += bytesWritten;
      }
    } catch (error) {
      throw this.#place.error(`write ${this.#temporary}`, error);
    }
  }

  async publish(handle: Handle, signal?: AbortSignal): Promise<void> {
    const file = this.#file;
    if (file === null) throw new TypeError('spool: expected some bytes before publish()');
    const path = this.#place.pathOf(handle);
    try {
      const { file: mode, directory } = await this.#place.modes();
      // Before the rename, so that the object is never writable under its final name. Not every file system has modes.
      await file.chmod(mode & ~0o222).catch(() => {});
      // Also for what went directly: its place in the file and the disk's own cache are not durable before.
      await syncFile(file);
      await this.#close();
      signal?.throwIfAborted();
      await this.#rename(path, mode & ~0o222, directory);
      await syncDirectory(dirname(path));
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw this.#place.error(`write ${path}`, error);
    }
  }

  async discard(): Promise<void> {
    await this.#close().catch(() => {});
    await fs.unlink(this.#temporary).catch(() => {});
  }

  /** Adds the whole pages that `bytes` begin with, if the disk can take them itself. Returns the bytes of them. */
  async #appendPages(bytes: Uint8Array): Promise<number> {
    const length = bytes.length - (bytes.length % PAGE_BYTES);
    if (length < LEAST_DIRECT_BYTES || this.#length % PAGE_BYTES !== 0 || !beginsAtPage(bytes)) return 0;
    try {
      if (this.#direct === undefined) {
        this.#direct = await fs.open(this.#temporary, constants.O_WRONLY | constants.O_DIRECT);
      }
      if (this.#direct === null) return 0;
      const { bytesWritten } = await this.#direct.write(bytes, 0, length, this.#length);
      this.#length += bytesWritten;
      return bytesWritten;
    } catch (error) {
      // At open, or only when it comes to blocks: once is enough.
      if (!refusesDirect(error)) throw error;
      const refused = this.#direct;
      this.#direct = null;
      await refused?.close();
      return 0;
    }
  }

  async #close(): Promise<void> {
    const [file, direct] = [this.#file, this.#direct];
    this.#file = null;
    this.#direct = null;
    try {
      await direct?.close();
    } finally {
      await file?.close();
    }
  }

  async #rename(path: string, mode: number, directoryMode: number): Promise<void> {
    try {
      await fs.rename(this.#temporary, path);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') {
        await this.#place.makeDirectory(dirname(path), directoryMode);
        await fs.rename(this.#temporary, path);
      } else if (errnoOf(error) === 'EXDEV') {
        // The shard is a mount of its own.
        await writeDurably(path, await fs.readFile(this.#temporary), { mode, exclusive: false });
        await fs.unlink(this.#temporary);
      } else throw error;
    }
  }
}
