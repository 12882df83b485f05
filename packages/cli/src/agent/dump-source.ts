/** What a command prints, as the source of a backup: a database dump that never lies on a disk. */
import { PassThrough } from 'node:stream';
import { HostarkError, type OperationEvent } from '@hostark/protocol';
import { howItEnded, startShell } from './shell.ts';
import { ShownLines } from './shown-lines.ts';

export interface DumpSource {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Resolves when the command ended with 0; rejects with 'command-failed' otherwise. Then nothing is saved. */
  readonly finished: () => Promise<void>;
}

/** Starts the command. Its stderr is shown; `signal` ends it. */
export function dumpSource(
  command: string,
  { signal, onEvent }: { readonly signal: AbortSignal; readonly onEvent: (event: OperationEvent) => void },
): DumpSource {
  const lines = new ShownLines((line) => onEvent({ type: 'output', source: 'dump', line }));
  const { stdout, ended } = startShell(command, { signal, pipefail: true, onStderr: (chunk) => lines.push(chunk) });
  // Node throws away what nobody reads when a child ends: a quick command would lose its output before we ask for it.
  const chunks = stdout.pipe(new PassThrough());
  stdout.once('error', (error) => chunks.destroy(error));
  stdout.once('close', () => chunks.end()); // ended early with the run: nobody may wait for more
  return {
    chunks,
    async finished(): Promise<void> {
      const end = await ended;
      lines.end();
      if (end.code === 0 && end.stopped === null) return;
      signal.throwIfAborted();
      const tail = lines.tail(3);
      throw new HostarkError(
        'command-failed',
        `the dump ${howItEnded(end)}, expected exit code 0${tail === '' ? '' : `: ${tail}`}; no snapshot was saved`,
        { hint: 'what it printed on standard error is shown above', context: { exitCode: end.code ?? -1 } },
      );
    },
  };
}
