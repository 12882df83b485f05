/** Sends a command's standard input through the parts of a run. */
import { frame } from './relay-frames.ts';
import type { PartWriter } from './run-parts.ts';
import type { Stdin } from './session.ts';

const STDIN_BYTES = 1_048_576;

/** Sends all of `stdin`; a command that ended reads no more. */
export async function sendStdin(
  writer: PartWriter,
  id: number,
  stdin: Stdin | undefined,
  ended: AbortSignal,
): Promise<void> {
  if (typeof stdin === 'string' || stdin instanceof Uint8Array) {
    const bytes = Buffer.from(stdin);
    for (let at = 0; at < bytes.length && !ended.aborted; at += STDIN_BYTES)
      await writer.write(frame('stdin', id, bytes.subarray(at, at + STDIN_BYTES)));
  } else if (stdin !== undefined) {
    const chunks = stdin[Symbol.asyncIterator]();
    const over = firing(ended).then(() => null);
    for (;;) {
      const next = await Promise.race([chunks.next(), over]);
      if (next === null || next.done === true) break;
      // Copied: a caller may use its buffer again, and frames wait to be sent.
      await writer.write(frame('stdin', id, Uint8Array.from(next.value)));
    }
    if (ended.aborted) void chunks.return?.()?.catch(() => {});
  }
  if (!ended.aborted) await writer.write(frame('stdin-end', id));
}

/** Resolves when the signal fires; also at once when it has. */
export function firing(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
