import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pruneAgentArchives } from '../src/index.ts';

test('archives of old versions go, the current one and the newest before it stay, and so does what is no archive', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hostark-archives-'));
  try {
    const name = (digit: string): string => `agent-${digit.repeat(64)}`;
    ['1', '2', '3', '4'].forEach((digit, age) => {
      for (const ending of ['.tar.gz', '.json']) {
        writeFileSync(join(directory, name(digit) + ending), digit);
        utimesSync(join(directory, name(digit) + ending), 1_000 - age, 1_000 - age);
      }
    });
    writeFileSync(join(directory, 'packages'), '');
    // The current one may well be the oldest: it was built first and is in use again.
    const file = join(directory, `${name('4')}.tar.gz`);
    await pruneAgentArchives(directory, { file, sha256: '4'.repeat(64), bytes: 1, built: false });
    const kept = ['1', '4'].flatMap((digit) => [`${name(digit)}.json`, `${name(digit)}.tar.gz`]);
    expect(readdirSync(directory).sort()).toEqual([...kept, 'packages'].sort());
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
