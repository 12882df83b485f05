import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { archiveFor } from '../src/hosts/agent.ts';
import { fetchPackage, isPrepared, type PinnedPackage, pinnedPackages } from '../src/hosts/agent-packages.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hostark-agent-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const foreign = process.arch === 'arm64' ? ['x86_64', 'x64'] : ['aarch64', 'arm64'];

/** An npm whose registry has one tarball, and what it is pinned by. */
function registry(): { pinned: PinnedPackage; env: Record<string, string> } {
  mkdirSync(join(directory, 'package'));
  writeFileSync(join(directory, 'package/package.json'), '{"name":"@x/tool","version":"1.0.0"}');
  execFileSync('tar', ['-czf', join(directory, 'tool.tgz'), '-C', directory, 'package']);
  mkdirSync(join(directory, 'bin'));
  const npm = `#!/bin/sh\n[ "$1 $2" = "pack @x/tool@1.0.0" ] || { echo "npm error 404 $2" >&2; exit 1; }\nfor last; do :; done\ncp ${join(directory, 'tool.tgz')} "$last/"\n`;
  writeFileSync(join(directory, 'bin/npm'), npm, { mode: 0o755 });
  const integrity = `sha512-${createHash('sha512')
    .update(readFileSync(join(directory, 'tool.tgz')))
    .digest('base64')}`;
  return {
    pinned: { arch: 'arm64', name: '@x/tool', version: '1.0.0', integrity },
    env: { PATH: `${join(directory, 'bin')}:${process.env.PATH}` },
  };
}

describe('packages of an agent', () => {
  const { signal } = new AbortController();

  test('are pinned for both architectures by name, version and SHA-512', () => {
    for (const arch of ['arm64', 'x64']) {
      const [runtime, ...native] = pinnedPackages(arch);
      expect([runtime!.name, native.length]).toEqual([`node-linux-${arch}`, 2]);
      for (const one of [runtime!, ...native]) expect(one.integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
    }
    expect(() => pinnedPackages('mips')).toThrow('expected arm64 or x64, got "mips"');
  });

  test('are those of the lock file, so that hosts run what this machine would', () => {
    const lock = JSON.parse(readFileSync(new URL('../../../package-lock.json', import.meta.url), 'utf8')) as {
      packages: Record<string, { version: string; integrity: string }>;
    };
    const native = ['arm64', 'x64'].flatMap((arch) => pinnedPackages(arch).slice(1));
    for (const { name, version, integrity } of native)
      expect(lock.packages[`node_modules/${name}`]).toMatchObject({ version, integrity });
  });

  test('are kept once their bytes are those pinned', async () => {
    const { pinned, env } = registry();
    expect(isPrepared(directory, pinned)).toBe(false);
    await fetchPackage(directory, pinned, { env, signal });
    expect(isPrepared(directory, pinned)).toBe(true);
  });

  test('with other bytes leave nothing behind', async () => {
    const { pinned, env } = registry();
    writeFileSync(
      join(directory, 'tool.tgz'),
      Buffer.concat([readFileSync(join(directory, 'tool.tgz')), Buffer.of(0)]),
    );
    await expect(fetchPackage(directory, pinned, { env, signal })).rejects.toMatchObject({
      code: 'agent-failed',
      message: expect.stringContaining(`expected ${pinned.integrity}`),
    });
    expect(readdirSync(join(directory, 'agent/packages'))).toEqual([]);
  });

  test('that npm cannot find are told as npm tells them', async () => {
    const { pinned, env } = registry();
    const fetching = fetchPackage(directory, { ...pinned, version: '2.0.0' }, { env, signal });
    await expect(fetching).rejects.toMatchObject({ message: expect.stringContaining('404 @x/tool@2.0.0') });
  });
});

describe('an agent for a host of another architecture', () => {
  test('is asked for by a command that can be copied, as long as it is not prepared', async () => {
    const [machine, arch] = foreign;
    await expect(archiveFor({ stateDirectory: directory }, machine!)).rejects.toMatchObject({
      code: 'agent-failed',
      hint: `run once: hostark agent prepare --arch ${arch}`,
    });
    expect(existsSync(join(directory, 'agent'))).toBe(false);
  });

  test('does not exist for processors that nobody made one for', async () => {
    await expect(archiveFor({ stateDirectory: directory }, 'riscv64')).rejects.toMatchObject({
      message: 'expected a host of x86_64 or aarch64, found riscv64',
    });
  });
});
