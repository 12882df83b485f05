import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { aclText } from '../../src/dump/acl.ts';
import { type DumpOptions, dump } from '../../src/dump/dump.ts';
import { testInFolder } from '../support/temporary.ts';
import { MTIME_NS, node, noise, SECOND, symlink, TestRepository } from '../support/test-repository.ts';

const BIG = [noise(600_000, 1), noise(600_000, 2), noise(1000, 3)];
const LONG = 'l'.repeat(200);

async function sample(): Promise<{ made: TestRepository; tree: ReturnType<TestRepository['tree']> }> {
  const made = await TestRepository.create();
  const shared = { links: 2n, inode: 9n, deviceId: 1n };
  const tree = made.tree([
    made.dir('d', [
      made.dir('empty-folder', []),
      made.file('big', BIG, { mode: 0x800000 + 0o755 }),
      made.file('empty', []),
      made.file('first-name', [Buffer.from('linked')], shared),
      made.file('second-name', [Buffer.from('linked')], shared),
      made.file(LONG, [Buffer.from('long')], {
        xattrs: [{ name: 'user.note', value: Buffer.from('a\nb=c') }],
        mtime: { ns: -1_500_000_000n, offsetMinutes: 0 },
      }),
      made.file('ümlaut', [Buffer.from('u')]),
      made.file(Buffer.from([0x62, 0xff]), [Buffer.from('bytes')]),
      symlink('link', 'some/target'),
      node('fifo', 'fifo', { mode: 0x02000000 + 0o640 }),
      node('socket', 'socket', { mode: 0x01000000 + 0o640 }),
    ]),
  ]);
  await made.closePacks();
  return { made, tree };
}

async function dumped(
  made: TestRepository,
  tree: ReturnType<TestRepository['tree']>,
  path: string,
  options?: DumpOptions,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  await dump(made.repository, tree, path, (bytes) => void chunks.push(bytes), options);
  return Buffer.concat(chunks);
}

describe('dumping a file', () => {
  test('gives its content', async () => {
    const { made, tree } = await sample();
    expect((await dumped(made, tree, '/d/big')).equals(Buffer.concat(BIG))).toBe(true);
    expect(await dumped(made, tree, 'd//empty')).toHaveLength(0);
  });

  test.each([
    ['/d/nothing', /cannot dump \/d\/nothing: it is not in the snapshot/],
    ['/d/big/x', /it is a file, not a folder/],
    ['/d/link', /it is a symlink/],
  ])('refuses %s', async (path, message) => {
    const { made, tree } = await sample();
    await expect(dumped(made, tree, path)).rejects.toThrow(message);
  });

  test('waits for a slow consumer and ends at its first error', async () => {
    const { made, tree } = await sample();
    let busy = false;
    let calls = 0;
    const slow = async (): Promise<void> => {
      expect(busy).toBe(false);
      busy = true;
      await new Promise((resolve) => setImmediate(resolve));
      busy = false;
      if (++calls === 2) throw new Error('pipe closed');
    };
    await expect(dump(made.repository, tree, '/d/big', slow)).rejects.toThrow('pipe closed');
    expect(calls).toBe(2);
  });
});

describe('a tar', () => {
  testInFolder('is unpacked by tar to the same files', async ({ folder }) => {
    const { made, tree } = await sample();
    const tar = await dumped(made, tree, '/', { format: 'tar' });
    expect(tar.length % 512).toBe(0);
    writeFileSync(join(folder, 'x.tar'), tar);
    const out = join(folder, 'out');
    mkdirSync(out);
    execFileSync('tar', ['-xpf', join(folder, 'x.tar'), '-C', out], { stdio: 'pipe' });
    const at = (name: string): string => join(out, 'd', name);
    const names = readdirSync(join(out, 'd'), { encoding: 'latin1' });
    expect(names).not.toContain('socket');
    expect(names).toContain('b\u00ff');
    expect(readFileSync(at('big')).equals(Buffer.concat(BIG))).toBe(true);
    expect(statSync(at('big')).mode & 0o7777).toBe(0o4755);
    expect(statSync(at('first-name')).ino).toBe(statSync(at('second-name')).ino);
    expect(readFileSync(at('second-name'), 'utf8')).toBe('linked');
    expect(readFileSync(at(LONG), 'utf8')).toBe('long');
    expect(lstatSync(at(LONG), { bigint: true }).mtimeNs).toBe(-1_500_000_000n);
    expect(readFileSync(at('ümlaut'), 'utf8')).toBe('u');
    expect(readlinkSync(at('link'))).toBe('some/target');
    expect(lstatSync(at('fifo')).isFIFO()).toBe(true);
    expect(lstatSync(at('big'), { bigint: true }).mtimeNs).toBe(MTIME_NS);
    expect(lstatSync(at('empty-folder'), { bigint: true }).mtimeNs).toBe(MTIME_NS);
  });

  test('holds attributes and long names as PAX records', async () => {
    const { made, tree } = await sample();
    const text = (await dumped(made, tree, '/d', { format: 'tar' })).toString('latin1');
    expect(text).toContain('SCHILY.xattr.user.note=a\nb=c\n');
    expect(text).toContain(`path=d/${LONG}\n`);
    expect(text).not.toContain('hdrcharset');
    expect(text).toContain('mtime=-1.5\n');
    const records = /(\d+) mtime=([^\n]*)\n/.exec(text)!;
    expect(records[0].length).toBe(Number(records[1]));
  });

  test('is begun only after the caller agrees', async () => {
    const { made, tree } = await sample();
    const refuse = (): void => {
      throw new Error('no archive on a terminal');
    };
    await expect(dumped(made, tree, '/d', { onArchive: refuse })).rejects.toThrow('terminal');
    expect((await dumped(made, tree, '/d/big', { onArchive: refuse })).length).toBe(1_201_000);
  });

  test('ends with an error where the snapshot lists no content', async () => {
    const made = await TestRepository.create();
    const file = made.tree([{ ...made.file('file', [Buffer.from('x')]), content: null }]);
    const dir = made.tree([{ ...made.dir('dir', []), subtree: null }]);
    await made.closePacks();
    for (const tree of [file, dir]) {
      const run = dump(made.repository, tree, '/', () => {});
      await expect(run).rejects.toMatchObject({ code: 'object-damaged' });
    }
  });

  test('ends with an error when a blob is gone', async () => {
    const { made, tree } = await sample();
    for (const pack of made.packs) await made.repository.backend.remove({ type: 'data', name: pack });
    await expect(dumped(made, tree, '/d')).rejects.toMatchObject({ code: 'object-missing' });
  });
});

/** Reads a zip by its central directory: name, mode and content of each entry. */
function unzip(zip: Buffer): Map<string, { mode: number; content: Buffer }> {
  const entries = new Map<string, { mode: number; content: Buffer }>();
  const end = zip.length - 22;
  expect(zip.readUInt32LE(end)).toBe(0x06054b50);
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    expect(zip.readUInt32LE(at)).toBe(0x02014b50);
    const [nameLength, extraLength] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30)];
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const stored = zip.subarray(start, start + zip.readUInt32LE(at + 20));
    const content = zip.readUInt16LE(at + 10) === 8 ? inflateRawSync(stored) : stored;
    expect(content.length).toBe(zip.readUInt32LE(at + 24));
    const name = zip.toString('latin1', at + 46, at + 46 + nameLength);
    entries.set(name, { mode: zip.readUInt32LE(at + 38) >>> 16, content });
    at += 46 + nameLength + extraLength;
  }
  expect(at).toBe(end);
  return entries;
}

test('a zip holds files, folders and links with their modes', async () => {
  const { made, tree } = await sample();
  const entries = unzip(await dumped(made, tree, '/', { format: 'zip' }));
  expect(entries.get('d/')?.mode).toBe(0o40755);
  expect(entries.get('d/big')?.mode).toBe(0o104755);
  expect(entries.get('d/big')?.content.equals(Buffer.concat(BIG))).toBe(true);
  expect(entries.get('d/link')?.content.toString()).toBe('some/target');
  expect(entries.get('d/second-name')?.content.toString()).toBe('linked');
  expect(entries.get('d/empty')?.content.length).toBe(0);
  expect(entries.has('d/fifo')).toBe(false);
  expect(SECOND).toBe(1_000_000_000n);
});

test('an ACL becomes the text that tar programs read', () => {
  const entry = (tag: number, permissions: number, id = 0xffffffff): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt16LE(tag, 0);
    bytes.writeUInt16LE(permissions, 2);
    bytes.writeUInt32LE(id, 4);
    return bytes;
  };
  const acl = Buffer.concat([
    Buffer.of(2, 0, 0, 0),
    entry(1, 7),
    entry(2, 5, 1000),
    entry(4, 4),
    entry(8, 1, 50),
    entry(16, 7),
    entry(32, 0),
  ]);
  expect(aclText(acl)).toBe('user::rwx\nuser:1000:r-x\ngroup::r--\ngroup:50:--x\nmask::rwx\nother::---\n');
  expect(aclText(acl.subarray(0, 10))).toBeNull();
  expect(aclText(Buffer.of(1, 0, 0, 0))).toBeNull();
});
