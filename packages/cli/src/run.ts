/**
 * Runs one command line: signals, output, errors, exit code. Ctrl-C once asks for a clean stop, twice ends at once.
 */

import { setMaxListeners } from 'node:events';
import type { BegunKey } from '@hostark/kernels';
import { ERROR_EXIT_CODES, exitCodeOf, HostarkError } from '@hostark/protocol';
import { type Command, CommanderError } from 'commander';
import { buildProgram } from './program.ts';
import { systemError } from './system-error.ts';
import { type Io, processIo } from './terminal/io.ts';
import { Output } from './terminal/output.ts';
import { ReaderLeft } from './terminal/reader.ts';

/** Runs the command line and returns the exit code; `begunKey` is passed on to the command. Never throws. */
export async function run(
  argv: readonly string[],
  io: Io = processIo(),
  begunKey: BegunKey | null = null,
): Promise<number> {
  // One listener for each request in flight is no leak; the default of 10 would warn the user.
  setMaxListeners(200);
  const stopping = new AbortController();
  // Before commander has parsed, errors are printed by what argv says of --json.
  let out = new Output(io, { json: argv.includes('--json'), quiet: false, verbose: argv.includes('-v') ? 1 : 0 });
  const unlisten = listenForSignals(stopping, () => out.say('stopping cleanly, press Ctrl-C again to end at once'));
  outliveBrokenPipe(io);
  reportCrash((error) => out.failure(error, 1));
  try {
    let code = 0;
    const program = buildProgram(async (flags, action) => {
      out = new Output(io, { json: flags.json ?? false, quiet: flags.quiet ?? false, verbose: flags.verbose ?? 0 });
      code = (await action({ io, out, signal: stopping.signal, begunKey })) ?? 0;
    });
    // With --json what commander says of wrong usage is told as JSON below.
    if (out.json) muteErrors(program);
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync(argv, { from: 'user' });
    out.clearLine();
    return code;
  } catch (error) {
    if (error instanceof ReaderLeft || isBrokenPipe(error)) return 0;
    if (error instanceof CommanderError) return commanderExit(error, out);
    const failure = stopping.signal.aborted ? interruption(error) : systemError(error);
    const code = exitCodeOf(failure);
    out.failure(failure, code);
    return code;
  } finally {
    unlisten();
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
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) dieOf(signal);
    else {
      onFirst();
      stopping.abort(new HostarkError('interrupted', 'interrupted by a signal'));
    }
  };
  // `restic unlock` on the same machine probes a lock's owner by sending it SIGHUP (internal/restic/lock_unix.go).
  const hangUp = (): void => {};
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', hangUp);
  return () => {
    process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', hangUp);
  };
}

/** Ends the process as the signal would have: process.exit() would cut threads off inside of native calls, which may abort. */
function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/**
 * `hostark ls | head` ends the reader first: that is no error. Commands that live by their output stop by themselves
 * (requireReader), a backup goes on; either way locks are released.
 */
function outliveBrokenPipe(io: Io): void {
  io.stdout.on('error', (error) => {
    if (!isBrokenPipe(error)) throw error;
  });
}

function isBrokenPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'EPIPE';
}

/** What nobody caught is printed like any other error, instead of as a dump of the bundle's source. */
function reportCrash(print: (error: unknown) => void): void {
  process.once('uncaughtException', (error) => {
    print(error);
    process.exit(1);
  });
}
