/**
 * A session over Systems Manager, equal to one over SSH: commands with streams in both directions, exit codes and
 * signals, of any length. SSM carries short scripts and public keys; everything else goes through the bucket, sealed
 * (sealed-channel.ts), to a relay that the agent on the host runs (relay.ts).
 *
 * The session ends with `close`, which cancels the relay's command should it not end by itself. A session that is lost
 * leaves the host in a known state: the relay ends all commands some minutes after the last sign of life.
 */
import { HostarkError, type SsmCalls, type SsmInvocation, type SsmStore } from '@hostark/protocol';
import { interrupted, lastLines, unreachable } from './errors.ts';
import { ALIVE_EVERY_MS } from './relay.ts';
import { type ExitFrame, type Frame, frame, jsonFrame, parseExit } from './relay-frames.ts';
import { type PartWriter, partWriter, patiently, pause, readParts } from './run-parts.ts';
import type { SealedChannel } from './sealed-channel.ts';
import type { ExecOptions, ExecResult, Session } from './session.ts';
import { hasEnded, OFFLINE_HINT } from './ssm-command.ts';
import { firing, sendStdin } from './ssm-stdin.ts';
import { Tail } from './streams.ts';

export interface SsmSessionOptions {
  readonly instanceId: string;
  readonly calls: SsmCalls;
  readonly store: SsmStore;
  /** A host that is silent for so long is lost. Default 4 minutes. */
  readonly lostAfterMs?: number;
}

const LOST_AFTER_MS = 240_000;
/** Parts to the host go out at once; a stream of small writes still makes few. */
const OPERATOR_COLLECT_MS = 100;
const OPERATOR_MAX_PAUSE_MS = 1_000;
/** How often the command's own state is looked at while nothing comes. */
const STATE_EVERY_MS = 5_000;
/** A relay whose command was told to end gets this long before CancelCommand. Its own grace is twice 10 s. */
const END_WITHIN_MS = 25_000;

const LOST_HINT =
  'what ran there is ended by its agent within minutes; nothing is lost: a snapshot appears only when it is complete; run the same command again';

/** A command that was started and has not ended. */
interface Pending {
  readonly stdout: (chunk: Uint8Array) => void | Promise<void>;
  readonly stderr: (chunk: Uint8Array) => void | Promise<void>;
  readonly end: (exit: ExitFrame) => void;
  readonly fail: (error: unknown) => void;
}

interface SessionParts {
  readonly id: string;
  readonly run: string;
  readonly channel: SealedChannel;
}

export class SsmSession implements Session {
  readonly description: string;
  readonly #options: SsmSessionOptions;
  readonly #parts: SessionParts;
  readonly #writer: PartWriter;
  readonly #pending = new Map<number, Pending>();
  readonly #ending = new AbortController();
  readonly #reading: Promise<void>;
  readonly #beating: Promise<void>;
  #started: () => void = () => {};
  readonly #whenStarted: Promise<void>;
  #lost: { readonly error: unknown } | null = null;
  #onLost: () => void = () => {};
  #commands = 0;
  #closed: Promise<void> | null = null;

  constructor(options: SsmSessionOptions, parts: SessionParts) {
    this.description = `ssm ${options.instanceId}`;
    this.#options = options;
    this.#parts = parts;
    const objects = options.store.run(parts.run);
    this.#writer = partWriter({
      ...{ objects, channel: parts.channel, direction: 'in', collectMs: OPERATOR_COLLECT_MS },
      signal: this.#ending.signal,
    });
    this.#whenStarted = new Promise((resolve) => {
      this.#started = resolve;
    });
    this.#reading = this.#read();
    this.#beating = this.#beat();
  }

  /** Resolves when the relay has said its first word. */
  async started(signal: AbortSignal | undefined): Promise<void> {
    const lost = new Promise<void>((resolve) => {
      this.#onLost = resolve;
    });
    const over = new AbortController();
    const aborted = signal === undefined ? new Promise<void>(() => {}) : firing(AbortSignal.any([signal, over.signal]));
    await Promise.race([this.#whenStarted, lost, aborted]);
    over.abort();
    if (isAborted(signal)) throw interrupted(this.description, signal);
    this.#check();
  }

  async exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    if (options.signal?.aborted === true) throw interrupted(this.description, options.signal);
    if (this.#closed !== null) throw unreachable(`${this.description}: the session is closed`, { hint: LOST_HINT });
    this.#check();
    const id = ++this.#commands;
    const out = new Tail();
    const err = new Tail();
    const ended = new Promise<ExitFrame>((end, fail) => {
      const stdout = options.onStdout ?? ((chunk: Uint8Array) => out.push(chunk));
      const stderr = options.onStderr ?? ((chunk: Uint8Array) => err.push(chunk));
      this.#pending.set(id, { stdout, stderr, end, fail });
    });
    ended.catch(() => {}); // also awaited below, but a write may throw first
    const abort = (): void => void this.#terminate(id, options.signal);
    options.signal?.addEventListener('abort', abort, { once: true });
    const fed = new AbortController();
    try {
      await this.#writer.write(jsonFrame('start', id, { command }));
      const feeding = sendStdin(this.#writer, id, options.stdin, fed.signal);
      feeding.catch((error: unknown) => this.#pending.get(id)?.fail(error));
      const exit = await ended;
      if (isAborted(options.signal)) throw interrupted(this.description, options.signal);
      return { ...exit, stdout: out.text(), stderr: err.text() };
    } finally {
      fed.abort();
      options.signal?.removeEventListener('abort', abort);
      this.#pending.delete(id);
    }
  }

  /** The relay ends the command; one that does not answer is cancelled with its session. */
  async #terminate(id: number, signal: AbortSignal | undefined): Promise<void> {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    void this.#writer.write(frame('terminate', id)).catch(() => {}); // queued; a bucket that takes nothing is not waited for
    await pause(END_WITHIN_MS, this.#ending.signal);
    if (!this.#pending.has(id)) return;
    pending.fail(interrupted(this.description, signal));
    await this.close();
  }

  async #read(): Promise<void> {
    const { store, lostAfterMs = LOST_AFTER_MS } = this.#options;
    const objects = store.run(this.#parts.run);
    const { signal } = this.#ending;
    let heardAt = performance.now();
    let stateAt = heardAt;
    try {
      const parts = {
        objects,
        channel: this.#parts.channel,
        direction: 'out',
        maxPauseMs: OPERATOR_MAX_PAUSE_MS,
        signal,
      } as const;
      for await (const frames of readParts(parts)) {
        const now = performance.now();
        if (frames.length > 0) {
          heardAt = now;
          this.#started();
        }
        for (const one of frames) await this.#take(one);
        if (frames.length > 0 || now - stateAt < STATE_EVERY_MS) continue;
        stateAt = now;
        const state = await this.#state();
        // Read once more after the command's end: its last parts may have come meanwhile.
        if (state !== null && hasEnded(state)) {
          if (this.#endSeen) throw this.#endedBy(state);
          this.#endSeen = true;
        } else if (now - heardAt > lostAfterMs) {
          throw unreachable(
            `${this.description}: the host has been silent for ${Math.round(lostAfterMs / 60_000)} minutes`,
            {
              hint: LOST_HINT,
            },
          );
        }
      }
    } catch (error) {
      if (!signal.aborted) this.#lose(error);
    }
  }

  #endSeen = false;

  #state(): Promise<SsmInvocation | null> {
    const { calls, instanceId } = this.#options;
    const { signal } = this.#ending;
    return patiently(() => calls.invocation(instanceId, this.#parts.id, signal), signal);
  }

  #endedBy({ status, details, stderr }: SsmInvocation): HostarkError {
    const said = lastLines(stderr.replace(/failed to run commands: .*$/, ''), 3);
    if (status === 'TimedOut' && details !== 'ExecutionTimedOut')
      return unreachable(`${this.description}: the instance did not fetch the command (${details})`, {
        hint: OFFLINE_HINT,
      });
    const why = said === '' ? '' : `: ${said}`;
    return new HostarkError('agent-failed', `${this.description}: the agent's session ended (${details})${why}`, {
      hint: LOST_HINT,
      context: { host: this.description, status, stderr: said },
      retry: 'later',
    });
  }

  async #take({ kind, command, data }: Frame): Promise<void> {
    const pending = this.#pending.get(command);
    if (pending === undefined) return; // of a command that nobody waits for any more, or a sign of life
    try {
      if (kind === 'stdout') await pending.stdout(data);
      if (kind === 'stderr') await pending.stderr(data);
      if (kind === 'exit') pending.end(parseExit(data));
    } catch (error) {
      this.#pending.delete(command);
      pending.fail(error);
      await this.#writer.write(frame('terminate', command)).catch(() => {});
    }
  }

  async #beat(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await pause(ALIVE_EVERY_MS, signal);
      if (signal.aborted || performance.now() - this.#writer.lastWriteAt < ALIVE_EVERY_MS) continue;
      await this.#writer.write(frame('alive', 0)).catch((error: unknown) => this.#lose(error));
    }
  }

  #lose(error: unknown): void {
    this.#lost ??= { error };
    this.#onLost();
    for (const pending of this.#pending.values()) pending.fail(error);
    this.#pending.clear();
  }

  #check(): void {
    if (this.#lost !== null) throw this.#lost.error;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { calls, store, instanceId } = this.#options;
    const over = new AbortController();
    // Where the bucket or Systems Manager does not answer, cancelling is what is left to try.
    await Promise.race([this.#politely().catch(() => {}), pause(END_WITHIN_MS, over.signal)]);
    over.abort();
    this.#lose(unreachable(`${this.description}: the session is closed`, { hint: LOST_HINT }));
    this.#ending.abort();
    await Promise.all([this.#reading, this.#beating]);
    if (!this.#endSeen) await calls.cancel(instanceId, this.#parts.id).catch(() => {});
    await store.forget(this.#parts.run);
  }

  async #politely(): Promise<void> {
    await this.#writer.write(frame('close', 0));
    await this.#writer.flush();
    await this.#untilEnded();
  }

  async #untilEnded(): Promise<void> {
    const deadline = performance.now() + (this.#lost === null ? END_WITHIN_MS : 2_000);
    const never = new AbortController().signal;
    for (let pauseMs = 100; performance.now() < deadline; pauseMs = Math.min(pauseMs * 1.5, 1_000)) {
      const state = await this.#state();
      if (state !== null && hasEnded(state)) {
        this.#endSeen = true;
        return;
      }
      await pause(pauseMs, never);
    }
  }
}

/** Asked again after waiting: the compiler believes the first answer for good. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
