/** Joins a process to an SSH channel: bytes both ways under flow control, then exit status or signal, then the end. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { ServerChannel } from 'ssh2';

/**
 * Runs until the process has ended and both its outputs are sent. As with OpenSSH, a background process that keeps
 * an output open keeps the channel open. With a terminal there is no separate standard error.
 */
export function runInChannel(channel: ServerChannel, child: ChildProcess, terminal: boolean): void {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new RangeError('a login needs three pipes');
  channel.on('error', () => undefined);
  stdin.on('error', () => {
    // The process closed its input: take and drop the rest, else the client's window stays shut.
    channel.unpipe(stdin);
    channel.resume();
  });
  channel.pipe(stdin);
  stdout.pipe(channel, { end: false });
  stderr.pipe(terminal ? channel : channel.stderr, { end: false });
  child.once('error', (error) => {
    channel.stderr.write(`${error.message}\n`);
    channel.exit(255);
    channel.end();
  });
  child.once('close', (code, signal) => {
    if (channel.destroyed) return;
    tellEnd(channel, code, signal);
    channel.end();
  });
  channel.once('close', () => {
    // The client closed this channel alone: hang up what still runs in it.
    stdout.unpipe(channel);
    stdout.resume();
    stderr.resume();
    stdin.destroy();
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      try {
        process.kill(-child.pid, 'SIGHUP');
      } catch {
        // gone
      }
    }
  });
}

/** Signals that SSH has names for (RFC 4254 §6.10); others are told as a shell tells them. */
const NAMED: ReadonlySet<string> = new Set(
  ['ABRT', 'ALRM', 'FPE', 'HUP', 'ILL', 'INT', 'KILL', 'PIPE', 'QUIT', 'SEGV', 'TERM', 'USR1', 'USR2'].map(
    (name) => `SIG${name}`,
  ),
);

function tellEnd(channel: ServerChannel, code: number | null, signal: NodeJS.Signals | null): void {
  if (signal === null) channel.exit(code ?? 255);
  else if (NAMED.has(signal)) channel.exit(signal.slice(3), false, '');
  else channel.exit(128 + constants.signals[signal]);
}
