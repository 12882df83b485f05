/**
 * Damage of every kind to every kind of object, as a user meets it: the object is named, the exit code is right, a
 * restore goes on with the rest, and no file with wrong bytes gets a name that the snapshot has.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { acquireLock } from '@hostark/repository';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, hostark, hostarkOk, makeWorkspace, describe as tell } from '../support/hostark.ts';
import { noise } from '../support/kill-backups.ts';
import { makeRepository, openFolder, PASSWORD } from '../support/repository.ts';

const DAMAGES = ['truncated', 'flipped', 'missing'] as const;
type Damage = (typeof DAMAGES)[number];
/** Odd: the newest backup changes the upper folder, so that the tree of the lower one is in the pack of the backup before. */
const FILES = 5;

const workspace = makeWorkspace('damage');
const whole = workspace.path('whole');
const source = workspace.path('source');
let dataPacks: string[];
/** The pack with the newest tree of the lower folder. */
let treePack: string;
/** A byte of that tree in it. */
let treeAt: number;

beforeAll(async () => {
  mkdirSync(join(source, 'sub'), { recursive: true });
  await makeRepository(whole);
  // One pack of data a backup: damage to one pack touches one file.
  for (let i = 0; i < FILES; i++) {
    writeFileSync(join(source, i % 2 ? 'sub' : '.', `file-${i}`), noise(`damage-${i}`, 600_000));
    await hostarkOk(['backup', 'source', '--host', `h${i}`], { cwd: workspace.root, env: envOf(whole) });
  }
  const options = { env: envOf(whole) };
  const { nodes } = JSON.parse(await hostarkOk(['cat', 'tree', 'latest:/source'], options)) as {
    nodes: { name: string; subtree?: string }[];
  };
  const { subtree } = nodes.find(({ name }) => name === 'sub')!;
  dataPacks = [];
  for (const id of (await hostarkOk(['list', 'index'], options)).trim().split('\n')) {
    const index = JSON.parse(await hostarkOk(['cat', 'index', id], options)) as {
      packs: { id: string; blobs: { id: string; type: 'data' | 'tree'; offset: number }[] }[];
    };
    for (const pack of index.packs) {
      if (pack.blobs[0]!.type === 'data') dataPacks.push(pack.id);
      const tree = pack.blobs.find(({ id }) => id === subtree);
      if (tree !== undefined) {
        treePack = pack.id;
        treeAt = tree.offset + 20;
      }
    }
  }
});
afterAll(() => workspace.remove());

const envOf = (repository: string): Record<string, string> => ({
  ...workspace.env,
  RESTIC_PASSWORD: PASSWORD,
  RESTIC_REPOSITORY: repository,
});

/** A copy of the repository with one object damaged, and the command line on it. */
class Damaged {
  readonly folder = workspace.path('damaged');
  readonly out = workspace.path('out');

  /** Without an object nothing is damaged. The damage is at byte `at`, by default in the middle: in a pack inside a blob, elsewhere inside what is sealed. */
  constructor(object?: string, damage: Damage = 'missing', at?: number) {
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(this.out, { recursive: true, force: true });
    cpSync(whole, this.folder, { recursive: true });
    if (object === undefined) return;
    const path = join(this.folder, object);
    const bytes = readFileSync(path);
    chmodSync(path, 0o600); // objects are read-only
    const place = at ?? Math.floor(bytes.length / 2);
    if (damage === 'missing') rmSync(path);
    else if (damage === 'truncated') truncateSync(path, place);
    else writeFileSync(path, flipped(bytes, place));
  }

  run(...args: string[]): Promise<Ended> {
    return hostark(args, { cwd: workspace.root, env: envOf(this.folder) });
  }

  /** Restores the newest snapshot; nothing wrong may be there afterwards. Returns how it ended and which files came back. */
  async restore(...flags: string[]): Promise<Ended & { readonly files: string[] }> {
    const ended = await this.run('restore', 'latest:/source', '--target', this.out, ...flags);
    const files: string[] = [];
    for (const name of ['.', 'sub'].flatMap((folder) => namesIn(this.out, folder))) {
      const right = readFileSync(join(source, name)).equals(readFileSync(join(this.out, name)));
      expect([name, right]).toEqual([name, true]);
      files.push(name);
    }
    return { ...ended, files };
  }
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = copy[at]! ^ 4;
  return copy;
}

function namesIn(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const files = readdirSync(join(root, folder), { withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ name }) => join(folder, name));
}

const firstOf = (type: string): string => `${type}/${readdirSync(join(whole, type)).sort()[0]}`;
const packPath = (id: string): string => `data/${id.slice(0, 2)}/${id}`;
/** Expects a short, named error: no stack trace, no word that blames the user's program. */
function expectNamed({ code, stdout, stderr }: Ended, exit: number, name: string): void {
  const text = stdout + stderr;
  expect([code, text.includes(name) ? name : text]).toEqual([exit, name]);
  expect(text).not.toMatch(/^ +at |this is a bug/m);
}

test('undamaged, all of it comes back', async () => {
  const repository = new Damaged();
  const restored = await repository.restore('--verify');
  expect([restored.code, restored.files.length], tell(restored)).toEqual([0, FILES]);
});

describe.each(DAMAGES)('an object that is %s:', (damage) => {
  test('the config is named, and nothing else is tried', async () => {
    const repository = new Damaged('config', damage);
    expectNamed(await repository.run('snapshots'), damage === 'missing' ? 10 : 1, 'config');
    const restored = await repository.restore();
    expect([restored.code, restored.files]).toEqual([damage === 'missing' ? 10 : 1, []]);
  });

  test('the only key is named, and nothing opens', async () => {
    const repository = new Damaged(firstOf('keys'), damage);
    const ended = await repository.run('snapshots');
    expect([1, 12]).toContain(ended.code);
    expect(ended.stderr).toMatch(/key/);
    expect((await repository.restore()).files).toEqual([]);
  });

  test('a snapshot is named by check; the others can be listed and restored', async () => {
    const newest = JSON.parse(await hostarkOk(['snapshots', 'latest', '--json'], { env: envOf(whole) }))[0]
      .id as string;
    const others = readdirSync(join(whole, 'snapshots')).filter((id) => id !== newest);
    const victim = others.sort()[0]!;
    const repository = new Damaged(`snapshots/${victim}`, damage);
    const check = await repository.run('check');
    // A snapshot that is gone is gone: nothing else names it.
    if (damage === 'missing') expect(check.code).toBe(0);
    else expectNamed(check, 1, victim.slice(0, 8));
    const restored = await hostark(['restore', `${newest}:/source`, '--target', repository.out], {
      env: envOf(repository.folder),
    });
    expect([restored.code, namesIn(repository.out, '.').length], tell(restored)).toEqual([0, 3]);
  });

  test('an index is named by check, and a restore brings what other indexes know', async () => {
    const index = firstOf('index');
    const repository = new Damaged(index, damage);
    const check = await repository.run('check');
    if (damage === 'missing')
      expect([check.code, check.stdout + check.stderr]).toEqual([1, expect.stringContaining('pack')]);
    else expectNamed(check, 1, index.split('/')[1]!.slice(0, 8));
    const restored = await repository.restore();
    expect(restored.code).toBe(1);
  });

  test('a data pack is named with the file that it breaks; all other files come back, exit 1', async () => {
    const pack = dataPacks[2]!;
    const repository = new Damaged(packPath(pack), damage);
    expectNamed(await repository.run('check', '--read-data'), 1, pack.slice(0, 8));
    const restored = await repository.restore('--verify');
    expect([restored.code, restored.files.length], tell(restored)).toEqual([1, FILES - 1]);
    expect(restored.stderr).toMatch(/^error: .*file-\d/m);
    expect(restored.stderr).toContain('1 item could not be restored');
    const dumped = await repository.run('dump', 'latest', '/source/file-0');
    expect(dumped.stdout.length === 0 || dumped.code === 0).toBe(true);
  });

  test('a tree pack is named by check; a restore brings what other trees hold, exit 1', async () => {
    const repository = new Damaged(packPath(treePack), damage, treeAt);
    expectNamed(await repository.run('check', '--read-data'), 1, treePack.slice(0, 8));
    const restored = await repository.restore();
    expect([restored.code, restored.files], tell(restored)).toEqual([1, ['file-0', 'file-2', 'file-4']]);
    expect(restored.stderr).toMatch(/^error: .*\/sub/m);
    expect(restored.stderr).not.toMatch(/this is a bug/);
  });
});

test.each(['truncated', 'flipped'] as const)(
  'a lock that is %s is named when listed, and unlock removes it',
  async (damage) => {
    const repository = new Damaged();
    const opened = await openFolder(repository.folder);
    const identity = { host: 'another', user: 'x', pid: 1, uid: 0, gid: 0 };
    await acquireLock(opened, { ...identity, exclusive: false });
    const [lock] = readdirSync(join(repository.folder, 'locks'));
    const path = join(repository.folder, 'locks', lock!);
    const bytes = readFileSync(path);
    chmodSync(path, 0o600);
    writeFileSync(path, damage === 'flipped' ? flipped(bytes, 40) : bytes.subarray(0, 10));
    expectNamed(await repository.run('cat', 'lock', lock!, '--no-lock'), 1, lock!.slice(0, 8));
    const removed = await repository.run('unlock', '--remove-all');
    expect([removed.code, readdirSync(join(repository.folder, 'locks'))], tell(removed)).toEqual([0, []]);
    expect((await repository.run('check')).code).toBe(0);
  },
);
