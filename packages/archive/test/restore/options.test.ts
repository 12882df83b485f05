import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationEvent } from '@hostark/protocol';
import { describe, expect } from 'vitest';
import { restore } from '../../src/restore/restore.ts';
import { workersBuilt } from '../support/fixture-repository.ts';
import { testInFolder } from '../support/temporary.ts';
import { MTIME_NS, node, noise, TestRepository } from '../support/test-repository.ts';

const HELLO = Buffer.from('hello');

async function sample(): Promise<{ made: TestRepository; tree: ReturnType<TestRepository['tree']> }> {
  const made = await TestRepository.create();
  const tree = made.tree([
    made.dir('etc', [made.file('hosts', [HELLO]), made.file('Motd', [HELLO])], { mode: 0x80000000 + 0o750 }),
    made.dir('var', [made.dir('log', [made.file('a.log', [HELLO]), made.file('b.txt', [HELLO])])]),
    made.file('top', [noise(600_000, 1), noise(600_000, 2)]),
  ]);
  await made.closePacks();
  return { made, tree };
}

describe('include and exclude', () => {
  testInFolder('include restores what matches, with the folders on the way and their metadata', async ({ folder }) => {
    const { made, tree } = await sample();
    const result = await restore(made.repository, tree, folder, { workers: 0, include: ['/etc/hosts'] });
    expect(result.errors).toEqual([]);
    expect(readdirSync(folder)).toEqual(['etc']);
    expect(readdirSync(join(folder, 'etc'))).toEqual(['hosts']);
    const stat = lstatSync(join(folder, 'etc'), { bigint: true });
    expect([stat.mode & 0o7777n, stat.mtimeNs]).toEqual([0o750n, MTIME_NS]);
  });

  testInFolder('includes may ignore case, excludes keep out', async ({ folder }) => {
    const { made, tree } = await sample();
    await restore(made.repository, tree, join(folder, 'i'), { workers: 0, iinclude: ['/ETC/MOTD'] });
    expect(readdirSync(join(folder, 'i', 'etc'))).toEqual(['Motd']);
    await restore(made.repository, tree, join(folder, 'e'), {
      workers: 0,
      exclude: ['*.log', '/top'],
      iexclude: ['ETC'],
    });
    expect(readdirSync(join(folder, 'e'))).toEqual(['var']);
    expect(readdirSync(join(folder, 'e', 'var', 'log'))).toEqual(['b.txt']);
  });

  testInFolder('a bad pattern is told before anything is made', async ({ folder }) => {
    const { made, tree } = await sample();
    const running = restore(made.repository, tree, join(folder, 'out'), { workers: 0, include: ['['] });
    await expect(running).rejects.toMatchObject({ code: 'bad-pattern' });
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });
});

describe('delete', () => {
  testInFolder('removes what the snapshot does not have, and only that', async ({ folder }) => {
    const { made, tree } = await sample();
    await restore(made.repository, tree, folder, { workers: 0 });
    mkdirSync(join(folder, 'var', 'surplus', 'deep'), { recursive: true });
    writeFileSync(join(folder, 'var', 'surplus', 'deep', 'f'), 'x');
    writeFileSync(join(folder, 'extra'), 'x');
    const result = await restore(made.repository, tree, folder, { workers: 0, delete: true });
    expect(result).toMatchObject({ filesDeleted: 4, errorCount: 0 });
    expect(readdirSync(folder).sort()).toEqual(['etc', 'top', 'var']);
    expect(readdirSync(join(folder, 'var'))).toEqual(['log']);
    expect(lstatSync(join(folder, 'var'), { bigint: true }).mtimeNs).toBe(MTIME_NS);
  });

  testInFolder('leaves alone what the filter does not select', async ({ folder }) => {
    const { made, tree } = await sample();
    await restore(made.repository, tree, folder, { workers: 0 });
    writeFileSync(join(folder, 'extra'), 'x');
    writeFileSync(join(folder, 'etc', 'extra'), 'x');
    await restore(made.repository, tree, folder, { workers: 0, delete: true, include: ['/etc'] });
    expect(existsSync(join(folder, 'extra'))).toBe(true);
    expect(existsSync(join(folder, 'etc', 'extra'))).toBe(false);
  });

  testInFolder('of everything below / is refused without a filter', async () => {
    const { made, tree } = await sample();
    const running = restore(made.repository, tree, '/', { workers: 0, delete: true, dryRun: true });
    await expect(running).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('dry run', () => {
  testInFolder('counts and tells everything, and writes nothing', async ({ folder }) => {
    const { made, tree } = await sample();
    mkdirSync(join(folder, 'etc'));
    writeFileSync(join(folder, 'etc', 'hosts'), 'hello');
    writeFileSync(join(folder, 'surplus'), 'x');
    const before = lstatSync(join(folder, 'etc')).mtimeMs;
    const events: OperationEvent[] = [];
    const options = {
      workers: 0,
      dryRun: true,
      delete: true,
      verbose: true,
      onEvent: (e: OperationEvent) => events.push(e),
    };
    const result = await restore(made.repository, tree, folder, options);
    expect(result).toMatchObject({ dryRun: true, filesTotal: 8, filesSkipped: 1, filesDeleted: 1, errorCount: 0 });
    expect(result.bytesRestored).toBe(1_200_000 + 3 * HELLO.length);
    expect(readdirSync(folder).sort()).toEqual(['etc', 'surplus']);
    expect(lstatSync(join(folder, 'etc')).mtimeMs).toBe(before);
    const items = events.flatMap((event) => (event.type === 'item' ? [`${event.action} ${event.item}`] : []));
    expect(items).toContain('unchanged /etc/hosts');
    expect(items).toContain('restored /top');
    expect(items).toContain(`deleted ${join(folder, 'surplus')}`);
  });

  testInFolder('makes no target', async ({ folder }) => {
    const { made, tree } = await sample();
    const result = await restore(made.repository, tree, join(folder, 'not', 'there'), { workers: 0, dryRun: true });
    expect(result.filesRestored).toBe(8);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('sparse', () => {
  testInFolder('leaves holes, in files of one blob and of many, with the same content', async ({ folder }) => {
    const made = await TestRepository.create();
    const zeros = new Uint8Array(512 * 1024);
    const one = Buffer.concat([Buffer.alloc(8192, 1), Buffer.alloc(300_000), Buffer.alloc(100, 2)]);
    const many = [noise(600_000, 1), zeros, zeros, zeros, noise(5000, 2)];
    const tree = made.tree([made.file('one', [one]), made.file('many', many), made.file('only-zeros', [zeros])]);
    await made.closePacks();
    const result = await restore(made.repository, tree, folder, { workers: 0, sparse: true, verify: true });
    expect(result).toMatchObject({ errorCount: 0, filesVerified: 3 });
    expect(readFileSync(join(folder, 'one')).equals(one)).toBe(true);
    expect(readFileSync(join(folder, 'many')).equals(Buffer.concat(many))).toBe(true);
    expect(statSync(join(folder, 'one')).blocks * 512).toBeLessThan(100_000);
    expect(statSync(join(folder, 'many')).blocks * 512).toBeLessThan(900_000);
    expect(statSync(join(folder, 'only-zeros')).size).toBe(zeros.length);
    expect(statSync(join(folder, 'only-zeros')).blocks).toBe(0);
  });

  testInFolder('does not keep old data where zeros belong', async ({ folder }) => {
    const made = await TestRepository.create();
    const chunks = [noise(600_000, 1), new Uint8Array(512 * 1024)];
    const tree = made.tree([made.file('f', chunks)]);
    await made.closePacks();
    writeFileSync(join(folder, 'f'), Buffer.concat([chunks[0]!, Buffer.alloc(512 * 1024, 9)]));
    const result = await restore(made.repository, tree, folder, { workers: 0, sparse: true });
    expect(result.errors).toEqual([]);
    expect(readFileSync(join(folder, 'f')).equals(Buffer.concat(chunks))).toBe(true);
  });
});

describe('hard links', () => {
  testInFolder('names of one inode become names of one inode, across folders', async ({ folder }) => {
    const made = await TestRepository.create();
    const shared = { links: 2n, inode: 77n, deviceId: 5n };
    const tree = made.tree([
      made.dir('a', [made.file('x', [HELLO], shared)]),
      made.dir('b', [made.file('y', [HELLO], shared)]),
    ]);
    await made.closePacks();
    writeFileSync(join(folder, 'b'), 'in the way');
    const result = await restore(made.repository, tree, folder, { workers: 0 });
    expect(result).toMatchObject({ errorCount: 0, bytesRestored: HELLO.length });
    expect(statSync(join(folder, 'a', 'x')).ino).toBe(statSync(join(folder, 'b', 'y')).ino);
    expect(lstatSync(join(folder, 'b'), { bigint: true }).mtimeNs).toBe(MTIME_NS);
  });

  testInFolder('a name that is kept as it is lends its content to no other name', async ({ folder }) => {
    const made = await TestRepository.create();
    const shared = { links: 2n, inode: 77n, deviceId: 5n };
    const tree = made.tree([made.file('x', [HELLO], shared), made.file('y', [HELLO], shared)]);
    await made.closePacks();
    writeFileSync(join(folder, 'x'), 'mine');
    await restore(made.repository, tree, folder, { workers: 0, overwrite: 'never' });
    expect(readFileSync(join(folder, 'x'), 'utf8')).toBe('mine');
    expect(readFileSync(join(folder, 'y'), 'utf8')).toBe('hello');
  });

  testInFolder('an inode number without a device, or with other content, joins nothing', async ({ folder }) => {
    const made = await TestRepository.create();
    const tree = made.tree([
      made.file('a', [HELLO], { links: 2n }),
      made.file('b', [Buffer.from('other')], { links: 2n }),
      made.file('c', [HELLO], { links: 2n, inode: 7n, deviceId: 5n }),
      made.file('d', [Buffer.from('other')], { links: 2n, inode: 7n, deviceId: 5n }),
    ]);
    await made.closePacks();
    await restore(made.repository, tree, folder, { workers: 0 });
    expect(readFileSync(join(folder, 'b'), 'utf8')).toBe('other');
    expect(readFileSync(join(folder, 'd'), 'utf8')).toBe('other');
    expect(statSync(join(folder, 'a')).nlink).toBe(1);
  });
});

describe('threads', () => {
  testInFolder.skipIf(!workersBuilt())(
    'write what was loaded for them (needs the built worker)',
    async ({ folder }) => {
      const { made, tree } = await sample();
      const result = await restore(made.repository, tree, folder, { workers: 2, verify: true });
      expect(result).toMatchObject({ errorCount: 0, filesVerified: 5 });
      const again = await restore(made.repository, tree, folder, { workers: 2 });
      expect(again).toMatchObject({ bytesRestored: 0, filesSkipped: 5, errorCount: 0 });
    },
  );
});

describe('odd items', () => {
  testInFolder('sockets are passed over, unknown types are named', async ({ folder }) => {
    const made = await TestRepository.create();
    const tree = made.tree([node('socket', 'socket', { mode: 0x01000000 + 0o755 }), node('odd', 'irregular')]);
    await made.closePacks();
    const result = await restore(made.repository, tree, folder, { workers: 0 });
    expect(result.errors).toEqual([expect.objectContaining({ item: '/odd' })]);
    expect(readdirSync(folder)).toEqual([]);
  });

  testInFolder('a target that is a file is refused', async ({ folder }) => {
    const { made, tree } = await sample();
    writeFileSync(join(folder, 'file'), 'x');
    const running = restore(made.repository, tree, join(folder, 'file'), { workers: 0 });
    await expect(running).rejects.toMatchObject({ code: 'target-unusable' });
  });
});
