import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkRepository, memoryBackend } from '@hostark/repository';
import { expect } from 'vitest';
import { testInFolder } from '../support/temporary.ts';
import { noise } from '../support/test-repository.ts';
import { backupAgain, contentOf, newRepository, nodeAt, reopen } from './helpers.ts';

const MIB = 1024 * 1024;

for (const workers of [0, 1]) {
  for (const compression of ['off', 'auto'] as const) {
    testInFolder(
      `a chunk larger than its pack is stored whole (${workers} workers, ${compression})`,
      async ({ folder }) => {
        // A short period has few window digests, none of which cuts: all chunks are as long as they may be.
        const content = Buffer.alloc(17 * MIB, noise(97, 3));
        writeFileSync(join(folder, 'periodic'), content);
        const backend = memoryBackend();
        await newRepository(backend);
        const storage = { workers, compression, packSizeBytes: 4 * MIB };
        const { tree } = await backupAgain(backend, { targets: ['.'], workingDirectory: folder, ...storage });
        const repository = await reopen(backend);
        await repository.loadIndex();
        expect(await checkRepository(repository, { readData: { kind: 'all' } })).toMatchObject({ errors: 0 });
        expect((await contentOf(repository, await nodeAt(repository, tree, 'periodic'))).equals(content)).toBe(true);
      },
    );
  }
}
