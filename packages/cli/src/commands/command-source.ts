/** A command's output as the source of a backup; its failure is the backup's failure. */
import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { HostarkError } from '@hostark/protocol';
import type { CommandContext } from '../context.ts';

export interface CommandSource {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Resolves when the command ended with 0; rejects with 'command-failed' otherwise. */
  readonly finished: () => Promise<void>;
}

/** Starts a command with its own words as arguments; what it says on stderr goes to ours. */
export function commandSource(words: readonly string[], { io, signal }: CommandContext): CommandSource {
  const [program, ...args] = words;
  if (program === undefined)
    throw new HostarkError('usage', '--stdin-from-command: expected a command after --, got none');
  // The command must not see the repository's password.
  const env = Object.fromEntries(Object.entries(io.env).filter(([name]) => !/^(RESTIC|HOSTARK)_PASSWORD/.test(name)));
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env, signal });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new HostarkError('command-failed', `${program} did not start: ${cause.message}`, { cause })),
    );
    child.once('close', (code, by) => {
      if (code === 0) resolve();
      else
        reject(
          new HostarkError(
            'command-failed',
            `${program} ended with ${code === null ? by : `exit code ${code}`}, expected 0; no snapshot was saved`,
          ),
        );
    });
  });
  ended.catch(() => {}); // asked for at the end of the stream
  // Node throws away what nobody reads when a child ends: a quick command would lose its output before we ask for it.
  const chunks: AsyncIterable<Uint8Array> = child.stdout.pipe(new PassThrough());
  return { chunks, finished: () => ended };
}
