/** Moves bytes between a command's streams and the caller, with back-pressure in both directions. */
import type { Readable, Writable } from 'node:stream';
import type { Stdin } from './session.ts';

/** How much collected output is kept: enough for any message, small enough for any mistake. */
const KEEP_BYTES = 1_048_576;

/** Keeps the end of what it is given. */
export class Tail {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(limitBytes: number = KEEP_BYTES) {
    this.#limit = limitBytes;
  }

  /** Copies nothing: `chunk` must not be reused by the caller (streams of Node hand out fresh ones). */
  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes - this.#chunks[0]!.length >= this.#limit) this.#bytes -= this.#chunks.shift()!.length;
  }

  text(): string {
    const all = Buffer.concat(this.#chunks);
    return all.subarray(Math.max(0, all.length - this.#limit)).toString('utf8');
  }
}

/**
 * Hands each chunk to `sink` in order and reads no further while a returned promise is pending. Resolves at the end of
 * the stream, however it ended; rejects with what `sink` threw.
 */
export function drain(source: Readable, sink: (chunk: Uint8Array) => void | Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let busy: Promise<void> = Promise.resolve();
    let failed = false;
    const fail = (error: unknown): void => {
      failed = true;
      source.resume(); // the other side must not block on a reader that has given up
      reject(error);
    };
    source.on('data', (chunk: Uint8Array) => {
      if (failed) return;
      try {
        const pending = sink(chunk);
        if (pending === undefined) return;
        source.pause();
        busy = pending.then(() => void source.resume(), fail);
      } catch (error) {
        fail(error);
      }
    });
    const end = (): void => void busy.then(() => resolve());
    source.once('end', end);
    source.once('close', end);
    source.once('error', end); // the caller learns of a broken stream from how the command ended
  });
}

/** Writes all of `stdin` and ends the stream. Stops quietly when the other side has closed it. */
export async function feed(target: Writable, stdin: Stdin | undefined): Promise<void> {
  let closed = false;
  const gone = new Promise<void>((resolve) => {
    const close = (): void => {
      closed = true;
      resolve();
    };
    target.once('close', close);
    target.on('error', close); // EPIPE: the command does not read to the end, which is its right
  });
  if (stdin === undefined || typeof stdin === 'string' || stdin instanceof Uint8Array) {
    if (stdin !== undefined && stdin.length > 0) target.write(stdin);
    target.end();
    return;
  }
  const chunks = stdin[Symbol.asyncIterator]();
  while (!closed) {
    const next = await Promise.race([chunks.next(), gone]);
    if (next === undefined || next.done === true || closed) break;
    if (!target.write(next.value)) await Promise.race([drained(target), gone]);
  }
  if (closed)
    void chunks.return?.()?.catch(() => {}); // not awaited: a generator may be waiting for something that never comes
  else target.end();
}

function drained(target: Writable): Promise<void> {
  return new Promise((resolve) => target.once('drain', () => resolve()));
}
