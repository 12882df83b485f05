/**
 * Runs a job with the agent: one line of job JSON in, one JSON message per line out. The job travels on stdin and never
 * in argv. Stdin then stays open: its end, ours or the connection's, tells the agent to stop.
 */
import {
  type AgentJob,
  type AgentMessage,
  fromWireError,
  HostarkError,
  type OperationEvent,
  parseAgentMessage,
} from '@hostark/protocol';
import { interrupted, lastLines } from './errors.ts';
import { LineSplitter } from './lines.ts';
import type { ExecResult, Session } from './session.ts';
import { BECOME_ROOT, quote } from './shell.ts';
import { Tail } from './streams.ts';

/** How the agent stands behind the host's own work. */
export interface AgentPriority {
  /** nice(1): 0 as everything else, 19 behind everything. Default 10. */
  readonly cpu?: number;
  /** ionice(1): the idle class waits until nobody else wants the disk. Default best-effort, at its lowest level. */
  readonly io?: 'none' | 'best-effort' | 'idle';
}

export interface AgentRunOptions {
  readonly onEvent?: (event: OperationEvent) => void;
  /** Chunks of the manifest, in order, when the job asks for one. */
  readonly onManifest?: (entries: readonly unknown[]) => void;
  /** Every message, the ones above included. */
  readonly onMessage?: (message: AgentMessage) => void;
  /** Asks the agent to stop (its stdin ends), then ends it after `graceMs`. */
  readonly signal?: AbortSignal;
  /** Default 10,000. */
  readonly graceMs?: number;
  /** CPU and disk niceness on the host; default true: behind everything else, but not starved. */
  readonly nice?: boolean | AgentPriority;
  /** Whether to run as root where the login user may (`sudo -n`); default true. */
  readonly root?: boolean;
  /** A shell command instead of `<agentPath>/bin/node <agentPath>/main.cjs agent`. Never holds a secret. */
  readonly command?: string;
}

export interface AgentOutcome {
  readonly result: Readonly<Record<string, unknown>>;
  /** The agent's version. */
  readonly version: string | null;
}

/**
 * Throws the agent's own error when it reported one, 'host-unreachable' when the connection was lost (the snapshot is
 * then either complete or absent), 'agent-failed' when it ended without a result, 'interrupted' on abort.
 */
export async function runAgent(
  session: Session,
  agentPath: string,
  job: AgentJob,
  options: AgentRunOptions = {},
): Promise<AgentOutcome> {
  if (options.signal?.aborted === true) throw interrupted(session.description, options.signal);
  const answer = new Answer(options);
  const stderr = new Tail(16_384);
  const stopping = stopSwitch(options);
  let ended: ExecResult;
  try {
    ended = await session.exec(commandLine(agentPath, options), {
      stdin: jobThenWait(job, stopping.asked),
      onStdout: (chunk) => answer.lines.push(chunk),
      onStderr: (chunk) => stderr.push(chunk),
      signal: stopping.forced,
    });
    answer.lines.flush();
  } catch (error) {
    // An answer that arrived counts, even when the connection broke right after it.
    if (answer.last?.type === 'result') return { result: answer.last.result, version: answer.version };
    throw withKnownState(session, answer, error, options.signal);
  } finally {
    stopping.dispose();
  }
  return conclude(session, answer, ended, stderr.text(), options.signal);
}

/** What the agent has said so far. */
class Answer {
  version: string | null = null;
  last: AgentMessage | null = null;
  readonly lines: LineSplitter;
  readonly #options: AgentRunOptions;

  constructor(options: AgentRunOptions) {
    this.#options = options;
    this.lines = new LineSplitter((line) => this.#take(line));
  }

  #take(line: string): void {
    // A login script may greet before the agent speaks; after its hello, every line is a message.
    if (this.version === null && !line.startsWith('{')) return;
    let message: AgentMessage;
    try {
      message = parseAgentMessage(line);
    } catch (cause) {
      throw new HostarkError('agent-failed', `agent: expected a message, got ${JSON.stringify(line.slice(0, 200))}`, {
        cause,
        hint: 'the agent on the host and this program may be of different versions',
      });
    }
    if (message.type === 'hello') this.version = message.version;
    if (message.type === 'result' || message.type === 'failed') this.last = message;
    if (message.type === 'event') this.#options.onEvent?.(message.event);
    if (message.type === 'manifest') this.#options.onManifest?.(message.entries);
    this.#options.onMessage?.(message);
  }
}

function commandLine(agentPath: string, options: AgentRunOptions): string {
  const command = options.command ?? `${quote(`${agentPath}/bin/node`)} ${quote(`${agentPath}/main.cjs`)} agent`;
  const words = [
    ...(options.root === false ? [] : ['$as_root']),
    ...(options.nice === false ? [] : ['$nice']),
    command,
  ];
  const setUp = [
    ...(options.root === false ? [] : [BECOME_ROOT]),
    ...(options.nice === false ? [] : [niceScript(options.nice)]),
  ];
  return [...setUp, `exec ${words.join(' ')}`].join('\n');
}

/** ionice's classes: 2 is best effort, level 7 its lowest; the idle class, 3, would starve a backup on a busy disk. */
const IO_CLASS = { none: null, 'best-effort': '-c 2 -n 7', idle: '-c 3' } as const;

/** Sets `$nice`; a host without the programs goes without. */
function niceScript(nice: AgentRunOptions['nice']): string {
  const { cpu = 10, io = 'best-effort' } = typeof nice === 'object' ? nice : {};
  const level = Math.min(19, Math.max(0, Math.trunc(cpu)));
  const lines = ['nice='];
  if (level > 0) lines.push(`command -v nice >/dev/null 2>&1 && nice="nice -n ${level}"`);
  const words = IO_CLASS[io];
  if (words !== null)
    lines.push(`command -v ionice >/dev/null 2>&1 && ionice ${words} true 2>/dev/null && nice="$nice ionice ${words}"`);
  return lines.join('\n');
}

async function* jobThenWait(job: AgentJob, asked: Promise<void>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${JSON.stringify(job)}\n`);
  await asked;
}

/** `asked` resolves on abort; `forced` fires when the grace is over. */
function stopSwitch(options: AgentRunOptions): { asked: Promise<void>; forced: AbortSignal; dispose(): void } {
  const forced = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let release: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    release = resolve;
  });
  const stop = (): void => {
    release();
    timer = setTimeout(() => forced.abort(), options.graceMs ?? 10_000);
  };
  options.signal?.addEventListener('abort', stop, { once: true });
  return {
    asked,
    forced: forced.signal,
    dispose(): void {
      options.signal?.removeEventListener('abort', stop);
      clearTimeout(timer);
      release();
    },
  };
}

function conclude(
  session: Session,
  answer: Answer,
  ended: ExecResult,
  stderr: string,
  signal: AbortSignal | undefined,
): AgentOutcome {
  if (answer.last?.type === 'result') return { result: answer.last.result, version: answer.version };
  if (answer.last?.type === 'failed') throw fromWireError(answer.last.error);
  if (signal?.aborted === true) throw interrupted(session.description, signal);
  const how = ended.code === null ? `by signal ${ended.signal}` : `with exit code ${ended.code}`;
  const said = lastLines(stderr, 5);
  throw new HostarkError('agent-failed', `${session.description}: the agent ended ${how} without a result: ${said}`, {
    hint: STATE_HINT,
    context: { host: session.description, stderr: said },
    retry: 'later',
  });
}

const STATE_HINT =
  'nothing is lost: a snapshot appears only when it is complete, and the next run reuses what was uploaded; the lock it held expires';

function withKnownState(session: Session, answer: Answer, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return interrupted(session.description, signal);
  if (!(error instanceof HostarkError) || error.code !== 'host-unreachable') return error;
  const state = answer.version === null ? 'before the agent answered' : 'while the agent worked';
  return new HostarkError('host-unreachable', `${session.description}: the connection was lost ${state}`, {
    hint: STATE_HINT,
    retry: 'later',
    cause: error,
  });
}
