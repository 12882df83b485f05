/**
 * The host's end of an SSM session: runs the commands that the operator sends through the bucket, with their streams, and
 * ends with the operator. "Lost" is an operator from whom nothing has come for `lostAfterMs`: then every command's stdin
 * ends, which stops agents cleanly as a lost SSH connection does; who goes on gets TERM, then KILL.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { RunObjects } from '@hostark/protocol';
import { type Frame, frame, jsonFrame, type StartFrame } from './relay-frames.ts';
import { type PartWriter, partWriter, pause, readParts } from './run-parts.ts';
import type { SealedChannel } from './sealed-channel.ts';
import { drain } from './streams.ts';

export interface RelayOptions {
  readonly objects: RunObjects;
  readonly channel: SealedChannel;
  /** Environment of the commands. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the relay as if the operator had closed the session. */
  readonly signal: AbortSignal;
  /** Default 5 minutes. */
  readonly lostAfterMs?: number;
  /** Between stdin's end and TERM, and between TERM and KILL. Default 10,000. */
  readonly graceMs?: number;
}

export type RelayEnd = 'closed' | 'operator-lost' | 'stopped';

/** The operator sends a sign of life this often when it has nothing else to say; so does the host. */
export const ALIVE_EVERY_MS = 45_000;
const LOST_AFTER_MS = 300_000;
const HOST_COLLECT_MS = 500;
const HOST_MAX_PAUSE_MS = 1_000;
/** A command may take so long to read a piece of its stdin before its operator is listened to beyond it. */
const STALLED_MS = 1_000;

/** Resolves when all commands have ended and all is told. Throws what the bucket throws: then nothing could be told. */
export async function serveRelay(options: RelayOptions): Promise<RelayEnd> {
  const { objects, channel } = options;
  const ending = new AbortController();
  const writer = partWriter({ objects, channel, direction: 'out', collectMs: HOST_COLLECT_MS });
  const commands = new RelayedCommands(writer, options);
  const signal = AbortSignal.any([options.signal, ending.signal]);
  const beating = keepAlive(writer, ending.signal);
  let end: RelayEnd | null = null;
  try {
    await writer.write(frame('alive', 0)); // tells the operator that the relay runs
    const cursor = { next: 0 };
    const parts = { objects, channel, direction: 'in', maxPauseMs: HOST_MAX_PAUSE_MS, signal } as const;
    const aheadAt = { next: 0 };
    const ahead = readParts({ ...parts, cursor: aheadAt });
    let heardAt = performance.now();
    const endBy = (frames: readonly Frame[]): RelayEnd | null => {
      if (frames.length > 0) heardAt = performance.now();
      if (frames.some(({ kind }) => kind === 'close')) return 'closed';
      return performance.now() - heardAt > (options.lostAfterMs ?? LOST_AFTER_MS) ? 'operator-lost' : null;
    };
    for await (const frames of readParts({ ...parts, cursor })) {
      const taken = commands.takeAll(frames);
      taken.catch(() => {}); // thrown below, unless we are looking ahead just then
      end = endBy(frames);
      // A command that does not read its stdin stops the parts, not its operator: what ends it is looked for beyond.
      while (end === null && !(await within(taken, STALLED_MS))) {
        aheadAt.next = Math.max(aheadAt.next, cursor.next);
        const further = await ahead.next();
        if (further.done === true) break;
        commands.terminateNamed(further.value);
        end = endBy(further.value);
      }
      if (end !== null || signal.aborted) break;
    }
  } catch (error) {
    if (!options.signal.aborted) {
      await commands.endAll();
      throw error;
    }
  } finally {
    ending.abort();
    await beating;
  }
  await commands.endAll();
  await writer.flush();
  return end ?? 'stopped';
}

async function keepAlive(writer: PartWriter, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(ALIVE_EVERY_MS, signal);
    if (signal.aborted || performance.now() - writer.lastWriteAt < ALIVE_EVERY_MS) continue;
    await writer.write(frame('alive', 0)).catch(() => {}); // the next write that matters throws the same
  }
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

class RelayedCommands {
  readonly #writer: PartWriter;
  readonly #options: RelayOptions;
  readonly #running = new Map<number, Running>();
  #ending = false;

  constructor(writer: PartWriter, options: RelayOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  /** Resolves when all is with its commands: as fast as they read. */
  async takeAll(frames: readonly Frame[]): Promise<void> {
    for (const one of frames) if (!this.#ending) await this.#take(one);
  }

  /** Acts on what cannot wait; it is taken again, without effect, when its turn comes. */
  terminateNamed(frames: readonly Frame[]): void {
    for (const { kind, command } of frames) if (kind === 'terminate') void this.#terminate(command);
  }

  async #take({ kind, command, data }: Frame): Promise<void> {
    if (kind === 'start') {
      this.#start(command, (JSON.parse(Buffer.from(data).toString('utf8')) as StartFrame).command);
      return;
    }
    const stdin = this.#running.get(command)?.child.stdin;
    if (kind === 'stdin' && stdin?.writable === true && !stdin.write(Buffer.from(data))) {
      await takesMore(stdin);
    }
    if (kind === 'stdin-end') stdin?.end();
    if (kind === 'terminate') void this.#terminate(command);
  }

  #start(id: number, command: string): void {
    // A group of its own: TERM reaches what the shell started. Without its relay it loses stdin, which ends agents.
    const child = spawn('/bin/sh', ['-c', command], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: { ...this.#options.env },
    });
    child.stdin.on('error', () => {}); // it closed its stdin, which is its right
    const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.once('error', () => resolve({ code: 127, signal: null }));
      child.once('close', (code, by) => resolve({ code, signal: by?.slice(3) ?? null }));
    });
    const send = (kind: 'stdout' | 'stderr') => (chunk: Uint8Array) => this.#writer.write(frame(kind, id, chunk));
    const ended = (async (): Promise<void> => {
      const [how] = await Promise.all([exit, drain(child.stdout, send('stdout')), drain(child.stderr, send('stderr'))]);
      this.#running.delete(id);
      await this.#writer.write(jsonFrame('exit', id, how));
      await this.#writer.flush();
    })().catch(() => {
      // the bucket takes nothing more: serveRelay learns of it from its own next write
      this.#running.delete(id);
      signalGroup(child, 'SIGKILL');
    });
    this.#running.set(id, { child, ended });
  }

  async #terminate(id: number): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    signalGroup(running.child, 'SIGTERM');
    await within(running.ended, this.#graceMs);
    signalGroup(running.child, 'SIGKILL');
  }

  get #graceMs(): number {
    return this.#options.graceMs ?? 10_000;
  }

  /** First the polite way: the end of stdin, on which an agent stops with its lock released. */
  async endAll(): Promise<void> {
    this.#ending = true;
    await Promise.all(
      [...this.#running].map(async ([id, { child, ended }]) => {
        child.stdin?.end();
        await within(ended, this.#graceMs);
        await this.#terminate(id);
      }),
    );
  }
}

/** Resolves when a stream takes more, or nothing any more. */
function takesMore(stdin: Writable): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      stdin.off('drain', go);
      stdin.off('close', go);
      resolve();
    };
    stdin.on('drain', go);
    stdin.on('close', go);
  });
}

/** Returns whether it was done in time. */
async function within(done: Promise<void>, ms: number): Promise<boolean> {
  const over = new AbortController();
  try {
    return await Promise.race([done.then(() => true), pause(ms, over.signal).then(() => false)]);
  } finally {
    over.abort();
  }
}

function signalGroup(child: ChildProcess, name: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // gone between the check and the call
  }
}
