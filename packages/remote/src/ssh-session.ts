/** Commands over one SSH connection (RFC 4254 section 6): each exec is a channel of its own. */
import type { Client, ClientChannel } from 'ssh2';
import { interrupted, unreachable } from './errors.ts';
import type { ExecOptions, ExecResult, Session } from './session.ts';
import { drain, feed, Tail } from './streams.ts';

const LOST_HINT = 'what ran there may still run; run the same command again';

/** Wraps a client that is ready. */
export function sshSession(client: Client, where: string): Session {
  let lost: Error | null = null;
  let closed = false;
  const gone = new Promise<void>((resolve) => client.once('close', () => resolve()));
  client.on('error', (error) => {
    lost ??= error;
  });
  client.once('close', () => {
    closed = true;
  });
  return {
    description: `ssh ${where}`,
    async exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
      if (options.signal?.aborted === true) throw interrupted(where, options.signal);
      if (closed)
        throw unreachable(`${where}: the connection is closed`, { hint: LOST_HINT, cause: lost ?? undefined });
      const started = await openChannel(client, command, where);
      const result = await finish(started, where, options);
      if (result !== null) return result;
      throw unreachable(`${where}: the connection was lost while a command ran`, {
        hint: LOST_HINT,
        cause: lost ?? undefined,
      });
    },
    async close(): Promise<void> {
      if (closed) return;
      client.end();
      const timer = setTimeout(() => client.destroy(), 2_000);
      await gone;
      clearTimeout(timer);
    },
  };
}

type Exit = Pick<ExecResult, 'code' | 'signal'>;

/** A channel whose command was started. `exit` is null until the host says how it ended; `ended` when it closed. */
interface StartedCommand {
  readonly channel: ClientChannel;
  readonly exit: () => Exit | null;
  readonly ended: Promise<void>;
}

function openChannel(client: Client, command: string, where: string): Promise<StartedCommand> {
  return new Promise((resolve, reject) => {
    const dropped = (): void => reject(unreachable(`${where}: the connection was lost`, { hint: LOST_HINT }));
    client.once('close', dropped);
    client.exec(command, (error, channel) => {
      client.removeListener('close', dropped);
      if (error === undefined || error === null) resolve(watch(channel));
      else reject(unreachable(`${where}: the host did not start the command`, { hint: LOST_HINT, cause: error }));
    });
  });
}

/** Listens before anything else is read: start, exit status and close of a quick command come in one packet. */
function watch(channel: ClientChannel): StartedCommand {
  let exit: Exit | null = null;
  channel.on('exit', (code: number | null, signal?: string) => {
    exit = { code, signal: signal?.replace(/^SIG/, '') ?? null };
  });
  return { channel, exit: () => exit, ended: new Promise((resolve) => channel.once('close', () => resolve())) };
}

/** Returns null when the channel closed without saying how the command ended: the connection was lost. */
async function finish(started: StartedCommand, where: string, options: ExecOptions): Promise<ExecResult | null> {
  const { channel, ended } = started;
  const out = new Tail();
  const err = new Tail();
  const stop = (): void => {
    try {
      channel.signal('TERM');
    } catch {
      // the channel is closing already
    }
    channel.close();
  };
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    const feeding = feed(channel, options.stdin);
    await Promise.all([
      ended,
      drain(channel, options.onStdout ?? ((chunk) => out.push(chunk))),
      drain(channel.stderr, options.onStderr ?? ((chunk) => err.push(chunk))),
    ]);
    if (options.signal?.aborted === true) throw interrupted(where, options.signal);
    await feeding;
    const exit = started.exit();
    return exit === null ? null : { ...exit, stdout: out.text(), stderr: err.text() };
  } catch (error) {
    stop();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', stop);
  }
}
