/**
 * Bodies of objects and parts: one file each, named by a random id, written once. A file counts only when a journal entry
 * names it; others are swept at the next start. So a file needs no temporary name: the journal is the commit.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fdatasync, mkdirSync, openSync, readdirSync, rmSync, writev, writevSync } from 'node:fs';
import { link } from 'node:fs/promises';
import { promisify } from 'node:util';

const writeAsync = promisify(writev);
const syncAsync = promisify(fdatasync);

/** Pieces are gathered to this size, so that a 16 MiB body costs 16 writes and not 256. */
const GATHER_BYTES = 1024 * 1024;

/** Below this size a system call is quicker than a trip to the thread pool and back. */
const SMALL_BYTES = 128 * 1024;

/** A reader that has looked an object up opens its file a moment later; removal waits longer than that. */
const DISCARD_AFTER_MS = 3_000;

export class DataFiles {
  readonly #directory: string;
  readonly #durable: boolean;
  readonly #discarded = new Set<string>();
  /** Folders that exist. */
  readonly #folders = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(directory: string, durable: boolean) {
    this.#directory = directory;
    this.#durable = durable;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  path(name: string): string {
    return `${this.#directory}/${name.slice(0, 2)}/${name}`;
  }

  #fresh(): string {
    const name = randomBytes(16).toString('hex');
    const folder = name.slice(0, 2);
    if (!this.#folders.has(folder)) mkdirSync(`${this.#directory}/${folder}`, { recursive: true, mode: 0o700 });
    this.#folders.add(folder);
    return name;
  }

  /** Writes all pieces; resolves when they survive a crash. Leaves nothing behind when `pieces` throws. */
  async write(pieces: AsyncIterable<Uint8Array>): Promise<{ name: string; size: number }> {
    const name = this.#fresh();
    const fd = openSync(this.path(name), 'wx', 0o600);
    let size = 0;
    try {
      let gathered: Uint8Array[] = [];
      let bytes = 0;
      for await (const piece of pieces) {
        gathered.push(piece);
        bytes += piece.length;
        if (bytes < GATHER_BYTES) continue;
        await writeWhole(fd, gathered, bytes);
        size += bytes;
        gathered = [];
        bytes = 0;
      }
      if (bytes > 0) await writeWhole(fd, gathered, bytes);
      size += bytes;
      if (this.#durable) await syncAsync(fd);
    } catch (cause) {
      rmSync(this.path(name), { force: true });
      throw cause;
    } finally {
      closeSync(fd);
    }
    return { name, size };
  }

  /** A second name for the bytes of a data file, of this folder or another on the same file system. */
  async copy(path: string): Promise<string> {
    const fresh = this.#fresh();
    await link(path, this.path(fresh));
    return fresh;
  }

  /** Removes files that no journal entry names any more, once readers that hold their names have opened them. */
  discard(names: readonly string[]): void {
    for (const name of names) this.#discarded.add(name);
    if (this.#discarded.size === 0) return;
    this.#timer ??= setTimeout(() => this.#removeDiscarded(), DISCARD_AFTER_MS).unref();
  }

  #removeDiscarded(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const name of this.#discarded) rmSync(this.path(name), { force: true });
    this.#discarded.clear();
  }

  /** Removes every file that `live` does not name. Only before the first write. */
  sweep(live: ReadonlySet<string>): void {
    for (const folder of readdirSync(this.#directory))
      for (const name of readdirSync(`${this.#directory}/${folder}`))
        if (!live.has(name)) rmSync(`${this.#directory}/${folder}/${name}`, { force: true });
  }

  close(): void {
    this.#removeDiscarded();
  }
}

/** A full disk writes less than it was given and says so only at the next call. */
async function writeWhole(fd: number, pieces: readonly Uint8Array[], bytes: number): Promise<void> {
  const written = bytes < SMALL_BYTES ? writevSync(fd, pieces) : (await writeAsync(fd, pieces)).bytesWritten;
  if (written === bytes) return;
  const rest = Buffer.concat(pieces).subarray(written);
  await writeWhole(fd, [rest], rest.length);
}
