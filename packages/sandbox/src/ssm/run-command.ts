/**
 * Runs a command on an instance as the SSM agent does: root, `sh`, no terminal, empty stdin, no HOME on a machine with
 * its own root, output cut. A time-out or a cancellation kills the process group.
 */
import type { ChildProcess } from 'node:child_process';
import { type CommandRecord, hasEnded, type Invocation } from './command-store.ts';
import type { FleetInstance } from './fleet.ts';

/** GetCommandInvocation: "The first 24,000 characters written to stdout … The first 8,000 characters written by stderr". */
export const STDOUT_LIMIT = 24_000;
export const STDERR_LIMIT = 8_000;
const CUT_MARK = '--output truncated--';

/** An agent that is offline is asked again this often while its command may still be delivered. */
const DELIVERY_POLL_MS = 200;

export interface RunOptions {
  readonly now: () => number;
  /** Looked up at each attempt: the instance may stop or start meanwhile. Null while its agent is offline. */
  readonly find: () => FleetInstance | null;
}

/** Delivers and runs; resolves when the invocation has ended. Never throws. */
export async function runInvocation(
  command: CommandRecord,
  invocation: Invocation,
  options: RunOptions,
): Promise<void> {
  const child = await deliver(command, invocation, options);
  if (child === null) return;
  begin(invocation, options);
  let late = false;
  const kill = (): void => killGroup(child);
  invocation.kill = kill;
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, command.executionSeconds * 1000);
  const stdout = keepStart(child.stdout, STDOUT_LIMIT);
  const stderr = keepStart(child.stderr, STDERR_LIMIT);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end();
  const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('error', () => resolve({ code: 127, signal: null }));
    child.once('close', (exit, by) => resolve({ code: exit, signal: by }));
  });
  clearTimeout(timer);
  invocation.kill = null;
  invocation.stdout = stdout();
  const failure =
    code === 0 ? '' : `failed to run commands: ${signal === null ? `exit status ${code}` : `signal: ${signal}`}`;
  invocation.stderr = cut(stderr() + failure, STDERR_LIMIT);
  if (late) end(invocation, options, 'TimedOut', 'ExecutionTimedOut', 137);
  else if (invocation.status === 'Cancelling') end(invocation, options, 'Cancelled', 'Cancelled', 137);
  else if (code === 0) end(invocation, options, 'Success', 'Success', 0);
  else end(invocation, options, 'Failed', 'Failed', code ?? 137);
}

/** Null when it was cancelled or its time for delivery is over. */
async function deliver(
  command: CommandRecord,
  invocation: Invocation,
  options: RunOptions,
): Promise<ChildProcess | null> {
  const deadline = command.requestedAt + command.deliverySeconds * 1000;
  for (;;) {
    if (hasEnded(invocation)) return null;
    if (invocation.status === 'Cancelling') {
      end(invocation, options, 'Cancelled', 'Cancelled', -1);
      return null;
    }
    const child = options.find()?.spawn(shellLine(command)) ?? null;
    if (child !== null) return child;
    if (options.now() >= deadline) {
      end(invocation, options, 'TimedOut', 'DeliveryTimedOut', -1);
      return null;
    }
    await new Promise((resolve) => setTimeout(resolve, DELIVERY_POLL_MS).unref());
  }
}

/** The agent is a service without a login: where the machine has a root of its own, its commands find no HOME. */
function shellLine(command: CommandRecord): string {
  const directory = command.parameters.workingDirectory?.[0] ?? '';
  const into = directory === '' ? 'cd /' : `cd ${quoted(directory)} || exit 1`;
  return `[ -n "$SANDBOX_ROOT" ] || unset HOME; unset USER LOGNAME SHELL; ${into}; exec /bin/sh -c ${quoted(command.script)}`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function begin(invocation: Invocation, { now }: RunOptions): void {
  invocation.status = 'InProgress';
  invocation.details = 'InProgress';
  invocation.startedAt = now();
}

function end(
  invocation: Invocation,
  { now }: RunOptions,
  status: Invocation['status'],
  details: string,
  responseCode: number,
): void {
  invocation.status = status;
  invocation.details = details;
  invocation.responseCode = responseCode;
  invocation.endedAt = now();
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // gone between the check and the call
  }
}

/** Reads a stream to its end and keeps its beginning; a little more than the limit, so that a cut shows. */
function keepStart(stream: ChildProcess['stdout'], limit: number): () => string {
  let kept = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (part: string) => {
    if (kept.length <= limit) kept += part.slice(0, limit + 1 - kept.length);
  });
  stream?.on('error', () => undefined);
  return () => cut(kept, limit);
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : text.slice(0, limit - CUT_MARK.length) + CUT_MARK;
}
