/** The order of calls is what makes metadata stick, so it is tested with a recorder; the effect by the real calls. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { posix } from '@hostark/kernels';
import { describe, expect, test } from 'vitest';
import { applyMetadata, type MetadataCalls } from '../../src/metadata/apply.ts';
import { type Metadata, metadataOf } from '../../src/metadata/metadata.ts';
import { compileXattrFilter } from '../../src/restore/xattr-filter.ts';
import { isRoot } from '../support/fixture-repository.ts';
import { testInFolder } from '../support/temporary.ts';
import { node } from '../support/test-repository.ts';

const PATH = Buffer.from('/p');
const bytes = (text: string): Uint8Array => Buffer.from(text);

const PLAIN: Metadata = {
  isSymlink: false,
  permissions: 0o4755,
  uid: 1,
  gid: 2,
  atimeNs: 3n,
  mtimeNs: 4n,
  xattrs: [{ name: bytes('user.wanted'), value: bytes('1') }],
};

/** Writes down every call; `failing` says which calls fail, with which code. */
function recorder(failing: Readonly<Record<string, string>> = {}): { calls: MetadataCalls; log: string[] } {
  const log: string[] = [];
  const note =
    (name: string) =>
    (...args: readonly unknown[]): void => {
      log.push(
        `${name} ${args
          .slice(1)
          .filter((arg) => typeof arg !== 'boolean')
          .map(String)
          .join(' ')}`.trim(),
      );
      if (failing[name] !== undefined) throw Object.assign(new Error(name), { code: failing[name] });
    };
  const calls = {
    lchown: note('lchown'),
    setXattr: note('setXattr'),
    removeXattr: note('removeXattr'),
    setTimes: note('setTimes'),
    chmod: note('chmod'),
    listXattrs: () => {
      log.push('listXattrs');
      return ['user.surplus', 'security.selinux'].map((name) => ({ name: bytes(name), value: bytes('x') }));
    },
  };
  return { calls, log };
}

const names = (log: readonly string[]): string[] => log.map((line) => line.split(' ')[0]!);

describe('applying metadata', () => {
  test('goes owner, attributes, times, mode', () => {
    const { calls, log } = recorder();
    applyMetadata(calls, PATH, PLAIN, { privileged: true });
    expect(names(log)).toEqual(['lchown', 'listXattrs', 'setXattr', 'removeXattr', 'setTimes', 'chmod']);
    expect(log.at(-2)).toBe('setTimes 3 4');
    expect(log.at(-1)).toBe(`chmod ${0o4755}`);
  });

  test('removes surplus attributes, but not the label of a security module', () => {
    const { calls, log } = recorder();
    applyMetadata(calls, PATH, PLAIN, { privileged: true });
    expect(log.filter((line) => line.startsWith('removeXattr'))).toHaveLength(1);
  });

  test('never changes the mode of a symbolic link, and spares the owner where it is known', () => {
    const { calls, log } = recorder();
    applyMetadata(calls, PATH, { ...PLAIN, isSymlink: true }, { privileged: true, owner: { uid: 1, gid: 2 } });
    expect(names(log)).not.toContain('chmod');
    expect(names(log)).not.toContain('lchown');
  });

  test('tries every step and throws the first error that counts', () => {
    const { calls, log } = recorder({ lchown: 'EPERM', setXattr: 'ENOTSUP', chmod: 'EIO' });
    expect(() => applyMetadata(calls, PATH, PLAIN, { privileged: true })).toThrow('lchown');
    expect(names(log)).toContain('chmod');
    expect(() => applyMetadata(calls, PATH, PLAIN, { privileged: false })).toThrow('setXattr');
  });

  test('what an ordinary user is refused is no error', () => {
    const { calls } = recorder({ lchown: 'EPERM', setXattr: 'EPERM', removeXattr: 'EACCES' });
    expect(() => applyMetadata(calls, PATH, PLAIN, { privileged: false })).not.toThrow();
  });

  test('patterns choose which attributes are touched', () => {
    const { calls, log } = recorder();
    const selectXattr = compileXattrFilter({ excludeXattr: ['user.*'] });
    applyMetadata(calls, PATH, PLAIN, { privileged: true, selectXattr });
    expect(names(log)).not.toContain('setXattr');
    expect(names(log)).not.toContain('removeXattr');
    expect(() => compileXattrFilter({ excludeXattr: ['a'], includeXattr: ['b'] })).toThrow(/either include or exclude/);
  });
});

describe('owners by name', () => {
  const lookup = { userId: (name: string) => (name === 'ada' ? 7 : null), groupId: () => null };
  const file = node('f', 'file', { uid: 1000, gid: 1001, user: 'ada', group: 'unknown-here' });
  test('are those of this machine where it knows the name', () => {
    expect(metadataOf(file, lookup, undefined)).toMatchObject({ uid: 7, gid: 1001 });
    expect(metadataOf(file, null, undefined)).toMatchObject({ uid: 1000, gid: 1001 });
  });
});

testInFolder('times keep their nanoseconds, modes their special bits', async ({ folder }) => {
  const system = posix();
  const path = Buffer.from(join(folder, 'f'));
  writeFileSync(path, '');
  const { uid, gid } = system.lstat(path);
  const mtimeNs = -1_234_567_891n;
  applyMetadata(system, path, { ...PLAIN, uid, gid, mtimeNs, atimeNs: 5n, xattrs: [] }, { privileged: isRoot() });
  expect(system.lstat(path)).toMatchObject({ mtimeNs, atimeNs: 5n, mode: 0o104755 });
});

/** Attributes need a file system that has them: /tmp may have none, the folder of the tests may. */
function folderWithXattrs(): string | null {
  for (const base of ['/var/tmp', '/tmp', process.cwd()]) {
    try {
      const folder = mkdtempSync(join(base, 'hostark-xattr-'));
      try {
        posix().setXattr(Buffer.from(folder), bytes('user.try'), bytes(''));
        return folder;
      } catch {
        rmSync(folder, { recursive: true });
      }
    } catch {
      // not writable: the next one may be
    }
  }
  return null;
}

const xattrFolder = folderWithXattrs();

test.skipIf(xattrFolder === null)(
  'attributes are set, replaced and removed (needs a file system with attributes)',
  () => {
    const system = posix();
    const path = Buffer.from(join(xattrFolder!, 'f'));
    try {
      writeFileSync(path, '');
      system.setXattr(path, bytes('user.old'), bytes('gone'));
      system.setXattr(path, bytes('user.wanted'), bytes('before'));
      const { uid, gid } = system.lstat(path);
      applyMetadata(system, path, { ...PLAIN, uid, gid }, { privileged: isRoot() });
      const found = system.listXattrs(path).map(({ name, value }) => `${Buffer.from(name)}=${Buffer.from(value)}`);
      expect(found).toEqual(['user.wanted=1']);
    } finally {
      rmSync(xattrFolder!, { recursive: true });
    }
  },
);
