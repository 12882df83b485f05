import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Intent, type Ledger, openLedger } from '../src/index.ts';
import { encodeRecord, readRecords } from '../src/ledger-records.ts';
import { isAlive, thisProcess } from '../src/liveness.ts';

let directory: string;
let ledger: Ledger;
const intent: Intent = {
  kind: 'role',
  name: 'hostark-host-web',
  run: 'run-1',
  host: 'web',
  region: 'us-east-1',
  account: '123456789012',
  endpoint: null,
};

beforeEach(async () => {
  directory = join(mkdtempSync(join(tmpdir(), 'hostark-ledger-')), 'state');
  ledger = await openLedger(directory);
});
afterEach(async () => {
  await ledger.close();
  rmSync(join(directory, '..'), { recursive: true, force: true });
});

describe('the ledger', () => {
  it('shows an intent before anything was created, then what became of it', async () => {
    const entry = await ledger.intend(intent);
    expect(await ledger.openResources()).toEqual([{ ...entry, state: 'intended', resource: null }]);
    await ledger.created(entry.id, 'AROA1');
    expect(await ledger.openResources()).toEqual([{ ...entry, state: 'created', resource: 'AROA1' }]);
    await ledger.deleted(entry.id);
    expect(await ledger.openResources()).toEqual([]);
    expect((await ledger.entries()).map((one) => one.state)).toEqual(['deleted']);
  });

  it('gives each entry its own token of at most 64 characters and all our tags', async () => {
    const [a, b] = [await ledger.intend(intent), await ledger.intend({ ...intent, host: null })];
    expect(a.token).not.toBe(b.token);
    expect(a.token).toMatch(/^[\x21-\x7e]{1,64}$/);
    expect(a.tags).toEqual({
      'hostark:managed': 'true',
      'hostark:region': 'us-east-1', // a role: IAM itself has no regions
      'hostark:run': 'run-1',
      'hostark:host': 'web',
      'hostark:ledger': a.id,
    });
    expect(b.tags).not.toHaveProperty('hostark:host');
  });

  it('survives a torn last line, and the record after it too', async () => {
    const first = await ledger.intend(intent);
    appendFileSync(join(directory, 'ledger.jsonl'), `\n{"record":"created","id":"${first.id}`);
    const second = await ledger.intend(intent);
    const again = await openLedger(directory);
    expect((await again.entries()).map((entry) => [entry.id, entry.state])).toEqual([
      [first.id, 'intended'],
      [second.id, 'intended'],
    ]);
    await again.close();
  });

  it('is one for all who have it open', async () => {
    const other = await openLedger(directory);
    const entry = await ledger.intend(intent);
    await other.created(entry.id, 'x');
    expect((await ledger.openResources())[0]?.resource).toBe('x');
    await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? ledger : other).intend(intent)));
    expect((await ledger.entries()).length).toBe(21);
    await other.close();
  });

  it('can be read by its owner alone', async () => {
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'ledger.jsonl')).mode & 0o777).toBe(0o600);
  });

  it('tells runs that are alive from those that ended or died', async () => {
    const [live, ended] = [await ledger.begin(), await ledger.begin()];
    await ledger.end(ended);
    const dead = {
      record: 'run-started',
      run: 'run-dead',
      process: { pid: 2 ** 30, started: null },
      time: '',
    } as const;
    const reused = {
      record: 'run-started',
      run: 'run-reused',
      process: { pid: process.pid, started: '1' },
      time: '',
    } as const;
    appendFileSync(join(directory, 'ledger.jsonl'), encodeRecord(dead) + encodeRecord(reused));
    expect([...(await ledger.liveRuns())]).toEqual([live]);
  });

  it('reads the same whatever prefix of it a crash has left, but for what was cut off', () => {
    const entry = { ...intent, id: 'a'.repeat(32), time: '', token: 't', tags: {} };
    const text = [
      encodeRecord({ record: 'intent', entry }),
      encodeRecord({ record: 'created', id: entry.id, resource: 'r', time: '' }),
      encodeRecord({ record: 'deleted', id: entry.id, time: '' }),
    ];
    const whole = text.join('');
    fc.assert(
      fc.property(fc.nat(whole.length), (cut) => {
        const states = ['intended', 'created', 'deleted'];
        const complete = text.filter((_, n) => text.slice(0, n + 1).join('').length - 1 <= cut).length;
        expect(readRecords(whole.slice(0, cut)).entries.get(entry.id)?.state).toBe(states[complete - 1]);
      }),
      { seed: 11 },
    );
  });

  it('never holds more than names, ids and tags', async () => {
    await ledger.intend(intent);
    const line = JSON.parse(readFileSync(join(directory, 'ledger.jsonl'), 'utf8').trim());
    expect(Object.keys(line.entry).sort()).toEqual(
      ['account', 'endpoint', 'host', 'id', 'kind', 'name', 'region', 'run', 'tags', 'time', 'token'].sort(),
    );
  });
});

describe('liveness', () => {
  it('knows this process', async () => {
    expect(await isAlive(await thisProcess())).toBe(true);
  });
});
