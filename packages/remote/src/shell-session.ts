/**
 * A login shell on a host with a terminal of ours (RFC 4254, 6.2 "pty-req" and 6.7 "window-change"). Where input is a
 * terminal it is raw while the shell lives: Ctrl-C and the rest are the host's.
 */
import type { Readable, Writable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { unreachable } from './errors.ts';
import type { ExecResult } from './session.ts';
import { connectClient, type SshOptions } from './ssh.ts';

/** The terminal; streams that are none work too, then the host's is 80 by 24. */
export interface ShellTerminal {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly output: Writable & { readonly columns?: number; readonly rows?: number };
  /** The terminal's kind, e.g. 'xterm-256color'. */
  readonly term: string;
}

/** Resolves when the shell has ended. Throws as connectSsh, and 'host-unreachable' when the connection is lost. */
export async function openShell(
  options: SshOptions,
  terminal: ShellTerminal,
): Promise<Pick<ExecResult, 'code' | 'signal'>> {
  const { client, where } = await connectClient(options);
  try {
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      client.shell({ term: terminal.term, ...sizeOf(terminal) }, (error, opened) => {
        if (error === undefined || error === null) resolve(opened);
        else reject(unreachable(`${where}: the host opened no shell`, { hint: "see the host's log", cause: error }));
      });
    });
    return await join(channel, terminal, where);
  } finally {
    client.end();
  }
}

function sizeOf({ output }: ShellTerminal): { rows: number; cols: number; height: number; width: number } {
  return { rows: output.rows ?? 24, cols: output.columns ?? 80, height: 0, width: 0 };
}

async function join(
  channel: ClientChannel,
  terminal: ShellTerminal,
  where: string,
): Promise<Pick<ExecResult, 'code' | 'signal'>> {
  const { input, output } = terminal;
  const resize = (): void => {
    const { rows, cols, height, width } = sizeOf(terminal);
    channel.setWindow(rows, cols, height, width);
  };
  let exit: Pick<ExecResult, 'code' | 'signal'> | null = null;
  channel.on('exit', (code: number | null, signal?: string) => {
    exit = { code, signal: signal?.replace(/^SIG/, '') ?? null };
  });
  const raw = input.isTTY === true;
  if (raw) input.setRawMode?.(true);
  output.on('resize', resize);
  try {
    input.pipe(channel);
    channel.pipe(output, { end: false });
    channel.stderr.pipe(output, { end: false });
    await new Promise<void>((resolve) => channel.once('close', () => resolve()));
  } finally {
    output.off('resize', resize);
    input.unpipe(channel);
    if (raw) input.setRawMode?.(false);
    input.pause();
  }
  if (exit !== null) return exit;
  throw unreachable(`${where}: the connection was lost`, { hint: 'what ran in the shell was hung up' });
}
