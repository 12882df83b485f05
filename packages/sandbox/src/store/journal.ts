/**
 * An append-only file of JSON lines: the commit point of everything it records. Appends that arrive while a write is
 * under way go out together ("group commit"). A torn last line, left by a crash, is cut off at the next opening.
 */
import {
  appendFileSync,
  closeSync,
  fdatasync,
  fdatasyncSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';

const syncAsync = promisify(fdatasync);

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
}

export class Journal<T> {
  readonly #fd: number;
  readonly #durable: boolean;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  #broken: unknown = null;

  private constructor(fd: number, durable: boolean) {
    this.#fd = fd;
    this.#durable = durable;
  }

  /**
   * Replays the entries of `path` in order, then opens it for appending. When far more was replayed than `live()` needs
   * afterwards, the file is first replaced by those entries.
   */
  static async open<T>(
    path: string,
    options: { durable: boolean; replay: (entry: T) => void; live: () => Iterable<T> },
  ): Promise<Journal<T>> {
    let lines = 0;
    for (const line of completeLines(path)) {
      options.replay(JSON.parse(line) as T);
      lines++;
    }
    const live = [...options.live()];
    if (lines > 2 * live.length + 1000) rewrite(path, live);
    return new Journal<T>(openSync(path, 'a', 0o600), options.durable);
  }

  /** Resolves when the entry survives a crash. After a failed write every later append fails with the same cause. */
  append(entry: T): Promise<void> {
    if (this.#broken !== null) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line: `${JSON.stringify(entry)}\n`, resolve, reject });
      this.#writing ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    // One turn of the event loop lets requests that finished together share a write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        // A few hundred bytes into the page cache: quicker than the thread pool. The wait for the disk is not.
        appendFileSync(this.#fd, batch.map((one) => one.line).join(''));
        if (this.#durable) await syncAsync(this.#fd);
        for (const one of batch) one.resolve();
      } catch (cause) {
        this.#broken = cause;
        for (const one of [...batch, ...this.#waiting]) one.reject(cause);
        this.#waiting = [];
      }
    }
    this.#writing = null;
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#writing;
    closeSync(this.#fd);
  }
}

function completeLines(path: string): string[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) truncateSync(path, end);
  return bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1);
}

function rewrite(path: string, entries: readonly unknown[]): void {
  const temporary = `${path}.new`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    for (const entry of entries) writeSync(fd, `${JSON.stringify(entry)}\n`);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}
