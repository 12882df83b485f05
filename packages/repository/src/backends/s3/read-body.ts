/** Reads the body of an answer into one buffer of known size: each byte is copied once, out of the socket's chunk. */
import type { Readable } from 'node:stream';
import type { Pace } from '../../backend.ts';

/** Fewer or more bytes came than the answer had announced: the connection broke. */
export class BrokenBody extends Error {
  readonly code = 'ECONNRESET';
}

/**
 * Returns the whole body, at the beginning of `into` where that is large enough; `length` is what the answer announced, or
 * undefined when it did not say. Rejects with BrokenBody, the stream's own error, or the signal's reason; the stream is
 * destroyed then. With a `pace`, nothing more is read until what came may have come.
 */
export function readBody(
  stream: Readable,
  length: number | undefined,
  signal?: AbortSignal,
  into?: Uint8Array,
  pace?: Pace,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    const whole = length === undefined ? null : roomFor(length, into);
    let filled = 0;
    let passing: Promise<void> | undefined;
    const settle = (): void => {
      signal?.removeEventListener('abort', stop);
    };
    const fail = (error: unknown): void => {
      settle();
      stream.destroy();
      reject(signal?.aborted ? signal.reason : error);
    };
    const stop = (): void => fail(signal?.reason);
    if (signal?.aborted) return stop();
    signal?.addEventListener('abort', stop, { once: true });
    stream.on('data', (chunk: Uint8Array) => {
      if (whole === null) chunks.push(chunk);
      else if (filled + chunk.length > whole.length) return fail(new BrokenBody(`more than ${length} bytes came`));
      else whole.set(chunk, filled);
      filled += chunk.length;
      if (pace === undefined) return;
      stream.pause();
      passing = pace.take(chunk.length);
      passing.then(() => stream.resume(), fail);
    });
    stream.on('error', fail);
    let ended = false;
    stream.on('close', () => {
      if (!ended) fail(new BrokenBody(`the connection closed after ${filled} of ${length ?? '?'} bytes`));
    });
    stream.on('end', () => {
      ended = true;
      if (whole !== null && filled !== whole.length) return fail(new BrokenBody(`${filled} of ${length} bytes came`));
      settle();
      const bytes = whole ?? new Uint8Array(Buffer.concat(chunks));
      // A paused stream ends all the same.
      if (passing === undefined) resolve(bytes);
      else passing.then(() => resolve(bytes), reject);
    });
  });
}

function roomFor(length: number, into: Uint8Array | undefined): Uint8Array {
  if (into !== undefined && into.length >= length) return into.subarray(0, length);
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
