/**
 * Runs a shell command of the user on the host: bash where there is one, else sh. The command reaches the shell through
 * a pipe, never as an argument: other users of the host see arguments. It is a process group of its own, so that a
 * time-out ends what it started as well.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';

export interface ShellOptions {
  /** Added to the agent's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Fires: the command is ended. */
  readonly signal?: AbortSignal;
  /** Default: no limit. */
  readonly timeoutMs?: number;
  /** A pipe fails when any part of it fails, where the shell can do that. For dumps: half of one is none. */
  readonly pipefail?: boolean;
  readonly onStderr: (chunk: Uint8Array) => void;
  /** Not given: the caller reads `stdout`. */
  readonly onStdout?: (chunk: Uint8Array) => void;
}

export interface ShellEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why we ended it, or null if it ended by itself. */
  readonly stopped: 'timeout' | 'abort' | null;
}

export interface RunningShell {
  readonly stdout: Readable;
  /** Never rejects; a shell that does not start ends with code 127. */
  readonly ended: Promise<ShellEnd>;
}

const SHELLS = ['/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash'];
/** Secrets of other runs that may stand in our environment. */
const SECRET = /^(RESTIC|HOSTARK)_(FROM_)?PASSWORD/;
/** From TERM to KILL. */
const KILL_AFTER_MS = 5_000;
/** A daemon that a command leaves behind may keep its output open: it is not waited for. */
const STRAGGLE_MS = 1_000;

/** Standard input is empty: a command that asks gets no answer. */
const LOADER = 'hostark_command=$(cat <&3) || exit 126; exec 3<&-; eval "$hostark_command"';
const PIPEFAIL = '(set -o pipefail) 2>/dev/null && set -o pipefail; ';

export function startShell(command: string, options: ShellOptions): RunningShell {
  const shell = SHELLS.find((path) => existsSync(path)) ?? '/bin/sh';
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !SECRET.test(name)));
  const loader = options.pipefail === true ? PIPEFAIL + LOADER : LOADER;
  const child = spawn(shell, ['-c', loader, 'hostark'], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...env, ...options.env },
    detached: true,
  });
  const script = child.stdio[3] as Writable;
  script.on('error', () => {}); // it ended before it had read: its exit code says more
  script.end(command);
  child.stderr!.on('data', options.onStderr);
  if (options.onStdout !== undefined) child.stdout!.on('data', options.onStdout);
  return { stdout: child.stdout!, ended: end(child, options) };
}

async function end(child: ChildProcess, options: ShellOptions): Promise<ShellEnd> {
  let stopped: ShellEnd['stopped'] = null;
  let killer: NodeJS.Timeout | undefined;
  let whenStopped: () => void = () => {};
  const stopping = new Promise<void>((resolve) => {
    whenStopped = resolve;
  });
  const stop = (why: NonNullable<ShellEnd['stopped']>): void => {
    if (stopped !== null) return;
    stopped = why;
    whenStopped();
    killGroup(child, 'SIGTERM');
    killer = setTimeout(() => killGroup(child, 'SIGKILL'), KILL_AFTER_MS);
  };
  const abort = (): void => stop('abort');
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => stop('timeout'), options.timeoutMs);
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted === true) abort();
  try {
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const read = new Promise<void>((resolve) => child.stdout!.once('close', () => resolve()));
    const how = await new Promise<Pick<ShellEnd, 'code' | 'signal'>>((resolve) => {
      child.once('error', () => resolve({ code: 127, signal: null }));
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    // Stdout that is data is read to its end, whoever still writes it; until then a stop ends what is left of the group.
    if (options.onStdout === undefined) await Promise.race([read, stopping]);
    await orLater(closed, STRAGGLE_MS);
    return { ...how, stopped };
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    options.signal?.removeEventListener('abort', abort);
    if (stopped !== null) killGroup(child, 'SIGKILL'); // what ignored TERM
    for (const stream of [child.stdout, child.stderr]) stream?.destroy();
  }
}

function orLater(event: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void event.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // all gone
  }
}

/** In words: 'exit code 3', 'signal SIGKILL', 'it took longer than 60 s'. */
export function howItEnded(end: ShellEnd, timeoutSeconds?: number): string {
  if (end.stopped === 'timeout') return `was ended after ${timeoutSeconds} s`;
  if (end.stopped === 'abort') return 'was ended with the run';
  return end.code === null ? `ended by ${end.signal}` : `ended with exit code ${end.code}`;
}
