/**
 * Runs one command line: signals, output, errors, exit code. Ctrl-C once asks for a clean stop, twice ends at once.
 */

import { setMaxListeners } from 'node:events';
import { ERROR_EXIT_CODES, exitCodeOf, HostarkError } from '@hostark/protocol';
import { type Command, CommanderError } from 'commander';
import { buildProgram } from './program.ts';
import { type Io, processIo } from './terminal/io.ts';
import { Output } from './terminal/output.ts';

/** Runs the command line and returns the exit code. Never throws. */
export async function run(argv: readonly string[], io: Io = processIo()): Promise<number> {
  // One listener for each request in flight is no leak; the default of 10 would warn the user.
  setMaxListeners(200);
  const stopping = new AbortController();
  // Before commander has parsed, errors are printed by what argv says of --json.
  let out = new Output(io, { json: argv.includes('--json'), quiet: false, verbose: argv.includes('-v') ? 1 : 0 });
  const unlisten = listenForSignals(stopping, () => out.say('stopping cleanly, press Ctrl-C again to end at once'));
  let readerLeft = false;
  const unwatch = onBrokenPipe(io, () => {
    readerLeft = true;
    stopping.abort(new HostarkError('interrupted', 'the reader of our output left'));
  });
  try {
    let code = 0;
    const program = buildProgram(async (flags, action) => {
      out = new Output(io, { json: flags.json ?? false, quiet: flags.quiet ?? false, verbose: flags.verbose ?? 0 });
      code = (await action({ io, out, signal: stopping.signal })) ?? 0;
    });
    // With --json what commander says of wrong usage is told as JSON below.
    if (out.json) muteErrors(program);
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync(argv, { from: 'user' });
    out.clearLine();
    return code;
  } catch (error) {
    if (readerLeft) return 0; // `hostark ls | head` is no error; locks are released by now
    if (error instanceof CommanderError) return commanderExit(error, out);
    const failure = stopping.signal.aborted ? interruption(error) : error;
    const code = exitCodeOf(failure);
    out.failure(failure, code);
    return code;
  } finally {
    unlisten();
    unwatch();
  }
}

function muteErrors(command: Command): void {
  command.configureOutput({ writeErr: () => {} });
  for (const child of command.commands) muteErrors(child);
}

/** Help and version are successes; commander has printed its own message for the rest. */
function commanderExit(error: CommanderError, out: Output): number {
  if (error.exitCode === 0) return 0;
  if (out.json) out.failure(new HostarkError('usage', error.message.replace(/^error: /, '')), ERROR_EXIT_CODES.usage);
  return ERROR_EXIT_CODES.usage;
}

/** After an interrupt, whatever the operation threw is the interrupt; its own words are kept as the cause. */
function interruption(error: unknown): HostarkError {
  if (error instanceof HostarkError && error.code === 'interrupted') return error;
  return new HostarkError('interrupted', 'interrupted; what was already stored is kept and the next run reuses it', {
    cause: error,
  });
}

function listenForSignals(stopping: AbortController, onFirst: () => void): () => void {
  const stop = (): void => {
    if (stopping.signal.aborted) process.exit(ERROR_EXIT_CODES.interrupted);
    onFirst();
    stopping.abort(new HostarkError('interrupted', 'interrupted by a signal'));
  };
  // `restic unlock` on the same machine probes a lock's owner by sending it SIGHUP (internal/restic/lock_unix.go).
  const hangUp = (): void => {};
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', hangUp);
  return () => {
    process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', hangUp);
  };
}

/** Tells when the reader of stdout is gone; the command then stops cleanly. Returns what ends the watch. */
function onBrokenPipe(io: Io, left: () => void): () => void {
  const listener = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') left();
    else throw error;
  };
  io.stdout.on('error', listener);
  return () => io.stdout.off('error', listener);
}
