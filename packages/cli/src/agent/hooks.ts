/**
 * Commands of the user around a backup. The one before decides whether there is a backup at all; the one after runs
 * whatever happened, also when the run was cancelled or its caller is gone, and is told what it was.
 */
import { HostarkError, isHostarkError, type JobHooks, type OperationEvent } from '@hostark/protocol';
import { howItEnded, type ShellEnd, startShell } from './shell.ts';
import { ShownLines } from './shown-lines.ts';

/** What the command after the backup finds in HOSTARK_STATUS. */
export type RunStatus = 'ok' | 'incomplete' | 'failed' | 'interrupted' | 'pre-failed';

/** What a backup left, as far as hooks are told. */
export interface HookedResult {
  readonly snapshotId: string | null;
  readonly errorCount: number;
}

export interface HookContext {
  readonly host: string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: OperationEvent) => void;
}

export interface Hooked<T> {
  readonly value: T;
  /** What was wrong with the command after the backup; null when it was well, or there is none. */
  readonly postFailure: string | null;
}

/**
 * Runs `pre`, `work`, `post`. Throws 'hook-failed' when `pre` fails, and what `work` throws; a `post` that fails then is
 * a warning. After work that went well its failure is returned, since there is a snapshot to tell of.
 */
export async function withHooks<T extends HookedResult>(
  hooks: JobHooks,
  context: HookContext,
  work: () => Promise<T>,
): Promise<Hooked<T>> {
  let value: T;
  try {
    await before(hooks, context);
    context.signal.throwIfAborted();
    value = await work();
  } catch (error) {
    const failure = await after(hooks, context, {
      status: isHostarkError(error, 'hook-failed')
        ? 'pre-failed'
        : wasInterrupted(error, context)
          ? 'interrupted'
          : 'failed',
      snapshot: '',
      error: isHostarkError(error) ? error.code : 'internal',
    });
    if (failure !== null) context.onEvent({ type: 'notice', level: 'warning', message: failure });
    throw error;
  }
  const status = value.errorCount > 0 ? 'incomplete' : 'ok';
  return { value, postFailure: await after(hooks, context, { status, snapshot: value.snapshotId ?? '', error: '' }) };
}

function wasInterrupted(error: unknown, { signal }: HookContext): boolean {
  return signal.aborted || isHostarkError(error, 'interrupted') || isHostarkError(error, 'host-interrupted');
}

async function before({ pre, timeoutSeconds }: JobHooks, context: HookContext): Promise<void> {
  if (pre === undefined) return;
  const { end, tail } = await runHook('pre', pre, timeoutSeconds, context, {}, context.signal);
  if (end.stopped === 'abort') throw context.signal.reason;
  if (end.code === 0 && end.stopped === null) return;
  throw new HostarkError(
    'hook-failed',
    `the command before the backup ${howItEnded(end, timeoutSeconds)}${said(tail)}`,
    {
      hint: 'no backup was made; mend what --pre runs, or leave it out',
      context: { hook: 'pre', ...(end.code === null ? {} : { exitCode: end.code }) },
    },
  );
}

/** Returns what went wrong, or null. Not ended by an abort: what it undoes must be undone. */
async function after(
  { post, timeoutSeconds }: JobHooks,
  context: HookContext,
  happened: { readonly status: RunStatus; readonly snapshot: string; readonly error: string },
): Promise<string | null> {
  if (post === undefined) return null;
  const env = { HOSTARK_STATUS: happened.status, HOSTARK_SNAPSHOT: happened.snapshot, HOSTARK_ERROR: happened.error };
  const { end, tail } = await runHook('post', post, timeoutSeconds, context, env);
  if (end.code === 0 && end.stopped === null) return null;
  return `the command after the backup ${howItEnded(end, timeoutSeconds)}${said(tail)}`;
}

async function runHook(
  source: 'pre' | 'post',
  command: string,
  timeoutSeconds: number,
  { host, onEvent }: HookContext,
  env: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<{ end: ShellEnd; tail: string }> {
  const lines = new ShownLines((line) => onEvent({ type: 'output', source, line }));
  const push = (chunk: Uint8Array): void => lines.push(chunk);
  const { ended } = startShell(command, {
    env: { ...env, HOSTARK_HOST: host },
    timeoutMs: timeoutSeconds * 1000,
    onStdout: push,
    onStderr: push,
    ...(signal === undefined ? {} : { signal }),
  });
  const end = await ended;
  lines.end();
  return { end, tail: lines.tail(3) };
}

const said = (tail: string): string => (tail === '' ? '' : `: ${tail}`);
