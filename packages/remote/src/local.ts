/** This machine as a session: each command is `sh -c` in a process group of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { interrupted } from './errors.ts';
import type { ExecOptions, ExecResult, Session } from './session.ts';
import { drain, feed, Tail } from './streams.ts';

export interface LocalSessionOptions {
  /** Replaces the environment of the commands; default: this process's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Never fails to connect. `close` ends what is still running. */
export function localSession(options: LocalSessionOptions = {}): Session {
  const running = new Set<ChildProcess>();
  return {
    description: 'this machine',
    async exec(command: string, exec: ExecOptions = {}): Promise<ExecResult> {
      if (exec.signal?.aborted === true) throw interrupted('this machine', exec.signal);
      const child = spawn('/bin/sh', ['-c', command], {
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true, // its own group: an abort reaches what the shell started
        ...(options.env === undefined ? {} : { env: options.env }),
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      });
      running.add(child);
      try {
        return await finish(child, exec);
      } finally {
        running.delete(child);
      }
    },
    async close(): Promise<void> {
      for (const child of running) end(child, 'SIGTERM');
    },
  };
}

async function finish(child: ChildProcess, exec: ExecOptions): Promise<ExecResult> {
  const out = new Tail();
  const err = new Tail();
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal: signal?.slice(3) ?? null }));
  });
  const abort = (): void => {
    end(child, 'SIGTERM');
    // A process that ignores TERM must not hold the caller; the handle is unref'd, so it holds no exit either.
    setTimeout(() => end(child, 'SIGKILL'), 2_000).unref();
  };
  exec.signal?.addEventListener('abort', abort, { once: true });
  try {
    const reading = [
      drain(child.stdout!, exec.onStdout ?? ((chunk) => out.push(chunk))),
      drain(child.stderr!, exec.onStderr ?? ((chunk) => err.push(chunk))),
    ];
    const feeding = feed(child.stdin!, exec.stdin);
    const result = await Promise.all([ended, ...reading]).then(([first]) => first);
    if (exec.signal?.aborted === true) throw interrupted('this machine', exec.signal);
    await feeding;
    return { ...result, stdout: out.text(), stderr: err.text() };
  } catch (error) {
    end(child, 'SIGTERM');
    throw error;
  } finally {
    exec.signal?.removeEventListener('abort', abort);
  }
}

function end(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // gone between the check and the call
  }
}
