import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { HostarkError, type RunObjects } from '@hostark/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import { newChannelKeys, type RelayEnd, type RelayOptions, sealedChannel, serveRelay } from '../src/index.ts';
import { type ExitFrame, type Frame, frame, jsonFrame } from '../src/relay-frames.ts';
import { type PartWriter, partWriter, readParts } from '../src/run-parts.ts';

const RUN = '20261122T120000Z-0123456789abcdef';

/** A bucket's objects in memory: created once, listed in bytewise order. */
class MemoryObjects implements RunObjects {
  readonly objects = new Map<string, Uint8Array>();
  fails = false;
  /** So many calls fail as a throttled bucket does. */
  throttled = 0;

  #weather(): void {
    if (this.throttled-- > 0) throw new HostarkError('cloud-unavailable', 's3: SlowDown', { retry: 'later' });
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    if (this.fails) throw new Error('the bucket does not answer');
    this.#weather();
    if (!this.objects.has(name)) this.objects.set(name, bytes);
  }

  async get(name: string): Promise<Uint8Array> {
    const found = this.objects.get(name);
    if (found === undefined) throw new Error(`no object ${name}`);
    return found;
  }

  async list(prefix: string, after: string): Promise<readonly string[]> {
    this.#weather();
    return [...this.objects.keys()].filter((name) => name.startsWith(prefix) && name > after).sort();
  }
}

interface Operator {
  readonly writer: PartWriter;
  readonly objects: MemoryObjects;
  readonly ended: Promise<RelayEnd>;
  readonly stop: AbortController;
  /** Frames of a command until its exit. */
  until(command: number): Promise<{ exit: ExitFrame; stdout: Buffer; stderr: Buffer }>;
  /** Resolves when so much output has come. */
  output(command: number, text: string): Promise<string>;
}

const open: Operator[] = [];
afterEach(async () => {
  for (const operator of open.splice(0)) {
    operator.stop.abort();
    await operator.ended.catch(() => {});
  }
});

function start(options: Partial<RelayOptions> = {}): Operator {
  const objects = new MemoryObjects();
  const [mine, theirs] = [newChannelKeys(), newChannelKeys()];
  const host = sealedChannel({ side: 'host', run: RUN, own: theirs, other: mine.publicKey });
  const channel = sealedChannel({ side: 'operator', run: RUN, own: mine, other: theirs.publicKey });
  const stop = new AbortController();
  const ended = serveRelay({
    objects,
    channel: host,
    env: process.env,
    signal: stop.signal,
    graceMs: 2_000,
    ...options,
  });
  ended.catch(() => {});
  const frames: Frame[] = [];
  const watch = new AbortController();
  const reader = readParts({ objects, channel, direction: 'out', maxPauseMs: 50, signal: watch.signal });
  const next = async (): Promise<void> => {
    const { value } = await reader.next();
    if (value !== undefined) frames.push(...value);
  };
  const textOf = (command: number, kind: 'stdout' | 'stderr'): Buffer =>
    Buffer.concat(frames.filter((one) => one.command === command && one.kind === kind).map(({ data }) => data));
  const operator: Operator = {
    writer: partWriter({ objects, channel, direction: 'in', collectMs: 0 }),
    ...{ objects, ended, stop },
    async until(command) {
      for (;;) {
        const exit = frames.find((one) => one.command === command && one.kind === 'exit');
        if (exit !== undefined) {
          const how = JSON.parse(Buffer.from(exit.data).toString()) as ExitFrame;
          return { exit: how, stdout: textOf(command, 'stdout'), stderr: textOf(command, 'stderr') };
        }
        await next();
      }
    },
    async output(command, text) {
      while (!textOf(command, 'stdout').includes(text)) await next();
      return String(textOf(command, 'stdout'));
    },
  };
  open.push(operator);
  return operator;
}

describe('a relay', () => {
  test('runs commands side by side and tells both outputs and how each ended', async () => {
    const { writer, until, ended } = start();
    await writer.write(jsonFrame('start', 1, { command: 'echo out; echo err >&2; exit 7' }));
    await writer.write(jsonFrame('start', 2, { command: 'kill -KILL $$' }));
    const first = await until(1);
    expect([first.exit, String(first.stdout), String(first.stderr)]).toEqual([
      { code: 7, signal: null },
      'out\n',
      'err\n',
    ]);
    expect((await until(2)).exit).toEqual({ code: null, signal: 'KILL' });
    await writer.write(frame('close', 0));
    expect(await ended).toBe('closed');
  });

  test('moves bytes unchanged in both directions', async () => {
    const { writer, until } = start();
    const bytes = randomBytes(12_000_000);
    await writer.write(jsonFrame('start', 1, { command: 'cat' }));
    for (let at = 0; at < bytes.length; at += 700_001)
      await writer.write(frame('stdin', 1, bytes.subarray(at, at + 700_001)));
    await writer.write(frame('stdin-end', 1));
    const hash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
    expect(hash((await until(1)).stdout)).toBe(hash(bytes));
  });

  test('ends a command that is terminated, with what it started, also one that ignores TERM', async () => {
    const { writer, until, output } = start({ graceMs: 200 });
    await writer.write(jsonFrame('start', 1, { command: "trap '' TERM; echo up; sleep 900 | cat" }));
    await output(1, 'up');
    await writer.write(frame('terminate', 1));
    expect((await until(1)).exit).toEqual({ code: null, signal: 'KILL' });
  });

  test('whose operator is lost ends every stdin, so that agents stop cleanly', async () => {
    const { writer, until, output, ended } = start({ lostAfterMs: 600 });
    await writer.write(jsonFrame('start', 1, { command: 'echo up; cat >/dev/null; echo stdin ended' }));
    await output(1, 'up');
    expect(await ended).toBe('operator-lost');
    expect(await until(1)).toMatchObject({ exit: { code: 0 }, stdout: Buffer.from('up\nstdin ended\n') });
  });

  test('ends a command that is terminated while its stdin is full', async () => {
    const { writer, until } = start({ graceMs: 200 });
    await writer.write(jsonFrame('start', 1, { command: 'exec sleep 900' }));
    for (let i = 0; i < 3; i++) {
      await writer.write(frame('stdin', 1, Buffer.alloc(1_000_000)));
      await writer.flush();
    }
    await writer.write(frame('terminate', 1));
    expect((await until(1)).exit).toEqual({ code: null, signal: 'TERM' });
  });

  test('notices that its operator is lost, or has closed, while a stdin is full', async () => {
    for (const closes of [false, true]) {
      const { writer, ended } = start({ graceMs: 200, lostAfterMs: closes ? 300_000 : 600 });
      await writer.write(jsonFrame('start', 1, { command: 'exec sleep 900' }));
      await writer.write(frame('stdin', 1, Buffer.alloc(1_000_000)));
      if (closes) await writer.flush();
      if (closes) await writer.write(frame('close', 0));
      expect(await ended).toBe(closes ? 'closed' : 'operator-lost');
    }
  });

  test('does not take an operator for lost whose command reads slowly', async () => {
    const { writer, until } = start({ lostAfterMs: 1_500 });
    await writer.write(jsonFrame('start', 1, { command: 'sleep 3; wc -c' }));
    await writer.write(frame('stdin', 1, Buffer.alloc(1_000_000)));
    const alive = setInterval(() => void writer.write(frame('alive', 0)), 300);
    setTimeout(() => void writer.write(frame('stdin-end', 1)), 200);
    try {
      expect(String((await until(1)).stdout).trim()).toBe('1000000');
    } finally {
      clearInterval(alive);
    }
  });

  test('reads one part at a time, however many wait', async () => {
    const objects = new MemoryObjects();
    const [mine, theirs] = [newChannelKeys(), newChannelKeys()];
    const channel = sealedChannel({ side: 'operator', run: RUN, own: mine, other: theirs.publicKey });
    const host = sealedChannel({ side: 'host', run: RUN, own: theirs, other: mine.publicKey });
    const writer = partWriter({ objects, channel, direction: 'in', collectMs: 0 });
    for (let i = 0; i < 3; i++) {
      await writer.write(frame('alive', 0));
      await writer.flush();
    }
    const { signal } = new AbortController();
    const reader = readParts({ objects, channel: host, direction: 'in', maxPauseMs: 50, signal });
    for (let i = 0; i < 3; i++) expect((await reader.next()).value).toHaveLength(1);
    expect((await reader.next()).value).toEqual([]);
  });

  test('outlives a bucket that is throttled', async () => {
    const { writer, objects, until } = start();
    objects.throttled = 4;
    await writer.write(jsonFrame('start', 1, { command: 'echo still here' }));
    expect(String((await until(1)).stdout)).toBe('still here\n');
    expect(objects.throttled).toBeLessThan(1);
  });

  test('takes no part that its operator did not seal', async () => {
    const { objects, ended } = start();
    await objects.put('in/0000000000', randomBytes(64));
    await expect(ended).rejects.toMatchObject({ code: 'agent-failed' });
  });

  test('that cannot tell any more leaves nothing running', async () => {
    const { writer, objects, output, ended } = start({ graceMs: 200, lostAfterMs: 1_000 });
    await writer.write(jsonFrame('start', 1, { command: 'echo $$; exec sleep 901' }));
    const pid = Number(await output(1, '\n'));
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    objects.fails = true;
    await expect(ended).rejects.toThrow('the bucket does not answer');
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});
