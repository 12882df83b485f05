import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MIN_CHUNK } from '@hostark/kernels';
import { memoryBackend } from '@hostark/repository';
import { describe, expect, test } from 'vitest';
import { backup } from '../../src/backup/backup.ts';
import { backupStream } from '../../src/backup/stream.ts';
import { testInFolder } from '../support/temporary.ts';
import { noise } from '../support/test-repository.ts';
import { contentOf, newRepository, nodeAt } from './helpers.ts';

async function* pieces(content: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

describe('a stream', () => {
  testInFolder('has the chunks of a file with the same content, however it is handed over', async ({ folder }) => {
    const content = noise(21 * MIN_CHUNK + 3, 6);
    writeFileSync(join(folder, 'stdin'), content);
    const repository = await newRepository(memoryBackend());
    const file = await backup(repository, { targets: ['stdin'], workingDirectory: folder, host: 'h', workers: 0 });
    const expected = (await nodeAt(repository, file.tree, 'stdin')).content;
    for (const size of [4095, 65_536, 10_000_000]) {
      const saved = await backupStream(repository, { source: pieces(content, size), host: 'h' });
      expect((await nodeAt(repository, saved.tree, 'stdin')).content).toEqual(expected);
      expect(saved.summary).toMatchObject({ filesNew: 1, dataBlobs: 0, totalBytesProcessed: content.length });
    }
  });

  test('is named and dated as asked, in folders if the name has them', async () => {
    const repository = await newRepository(memoryBackend());
    const time = { ns: 1_700_000_000_000_000_000n, offsetMinutes: 0 };
    const source = pieces(Buffer.from('dump'), 3);
    const saved = await backupStream(repository, { source, filename: 'db/all.sql', time, uid: 0, host: 'h' });
    const file = await nodeAt(repository, saved.tree, 'db', 'all.sql');
    expect(file).toMatchObject({ type: 'file', mode: 0o644, size: 4n, mtime: time, uid: 0 });
    expect((await contentOf(repository, file)).toString()).toBe('dump');
    expect((await nodeAt(repository, saved.tree, 'db')).mode).toBe(0x80000000 + 0o755);
    expect((await repository.snapshots().load(saved.snapshotId!)).paths).toEqual(['/db/all.sql']);
  });

  test('without a byte is an error', async () => {
    const repository = await newRepository(memoryBackend());
    const run = backupStream(repository, { source: pieces(new Uint8Array(0), 1), host: 'h' });
    await expect(run).rejects.toMatchObject({ code: 'source-empty' });
    expect(await repository.snapshots().ids()).toEqual([]);
  });

  test('whose writer fails at the end becomes no snapshot', async () => {
    const repository = await newRepository(memoryBackend());
    const failed = new Error('the program ended with code 1');
    const finished = () => Promise.reject(failed);
    const run = backupStream(repository, { source: pieces(Buffer.from('half'), 1), host: 'h', finished });
    await expect(run).rejects.toBe(failed);
    expect(await repository.snapshots().ids()).toEqual([]);
  });
});
