/** Joins a process to an SSH channel: bytes both ways under flow control, then exit status or signal, then the end. */
import type { ChildProcess } from 'node:child_process';
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
    if (signal !== null) channel.exit(signal.replace(/^SIG/, ''), false, '');
    else channel.exit(code ?? 255);
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
