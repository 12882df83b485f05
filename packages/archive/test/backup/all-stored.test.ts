import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryBackend } from '@hostark/repository';
import { expect, onTestFinished, test } from 'vitest';
import { backup } from '../../src/backup/backup.ts';
import { noise } from '../support/test-repository.ts';
import { newRepository } from './helpers.ts';

test('a backup that leaves a blob unstored saves no snapshot and says which', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hostark-all-stored-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'file'), noise(1000, 1));
  const repository = await newRepository(memoryBackend());
  let claims = 0;
  // A thread that claims a blob during the run, and stores it nowhere.
  const onEvent = (): void => {
    if (claims++ === 0) repository.blobs.claim('data', noise(32, 2));
  };
  const run = backup(repository, { host: 'h', targets: [folder], workers: 0, verbose: true, onEvent });
  const id = Buffer.from(noise(32, 2)).toString('hex');
  await expect(run).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining(`data ${id}`) });
  expect(claims).toBeGreaterThan(0);
  expect(await repository.snapshots().list()).toEqual([]);
});
