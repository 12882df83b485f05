import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { SsmCalls, SsmInvocation, SsmStore } from '@hostark/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newChannelKeys } from '../src/index.ts';
import { bringAgent } from '../src/ssm-agent.ts';
import { tarEnd, tarHeader, tarPadding } from '../src/tar.ts';

const directory = mkdtempSync(join(tmpdir(), 'hostark-ssm-agent-'));
const KEY = newChannelKeys().publicKey;
/** The system's own programs first: others may be scripts that need more. */
const folders = ['/usr/bin', '/bin', ...(process.env.PATH ?? '').split(delimiter)];
let server: Server;
let base: string;

/** An agent small enough for a test: its runtime is a shell script that answers as `agent key` does. */
function archive(answer: string): { file: string; sha256: string; bytes: number; built: boolean } {
  const node = Buffer.from(`#!/bin/sh\n[ "$1" = --version ] && exit 0\necho ${answer}\n`);
  const bytes = gzipSync(
    Buffer.concat([tarHeader('bin/node', node.length, true), node, tarPadding(node.length), tarEnd()]),
  );
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const file = join(directory, `${sha256}.tar.gz`);
  writeFileSync(file, bytes);
  return { file, sha256, bytes: bytes.length, built: true };
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const file = join(directory, request.url!.slice(1).split('?')[0]!);
    if (existsSync(file)) response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** This machine as an instance whose commands find these programs alone. */
function instance(name: string, programs: readonly string[]): { calls: SsmCalls; home: string; scripts: string[] } {
  const [bin, home] = [join(directory, name, 'bin'), join(directory, name, 'home')];
  mkdirSync(bin, { recursive: true });
  mkdirSync(home);
  for (const program of programs) {
    const path = folders.map((folder) => join(folder, program)).find(existsSync);
    if (path === undefined) throw new Error(`this machine has no ${program}`);
    symlinkSync(path, join(bin, program));
  }
  const ended = new Map<string, SsmInvocation>();
  const scripts: string[] = [];
  const calls: SsmCalls = {
    online: async () => true,
    send: (_id, { script }) =>
      new Promise((resolve) => {
        scripts.push(script);
        const id = String(scripts.length);
        execFile('/bin/sh', ['-c', script], { env: { PATH: bin, HOME: home } }, (error, stdout, stderr) => {
          const responseCode = error === null ? 0 : Number(error.code);
          const status = error === null ? 'Success' : 'Failed';
          ended.set(id, { status, details: status, responseCode, stdout, stderr });
          resolve(id);
        });
      }),
    invocation: async (_id, command) => ended.get(command) ?? null,
    cancel: async () => {},
  };
  return { calls, home, scripts };
}

function store(): SsmStore & { kept: string[] } {
  const kept: string[] = [];
  return {
    ...{ bucket: 'b', region: 'us-east-1', endpoint: null, prefix: 'hosts/web/', kept },
    keepAgent: async (sha256) => {
      kept.push(sha256);
      return { sent: true };
    },
    agentUrl: async (sha256) => `${base}/${sha256}.tar.gz?signature=of-a-url`,
    run: () => {
      throw new Error('not used here');
    },
    forget: async () => {},
    runs: async () => [],
  };
}

const BASICS = ['sh', 'uname', 'mkdir', 'touch', 'rm', 'mv', 'ls', 'tar', 'gzip', 'cat'];
const has = (program: string): boolean => folders.some((folder) => existsSync(join(folder, program)));

describe('the agent over Systems Manager', () => {
  const tools: readonly (readonly [string, readonly string[]])[] = [
    ['curl', ['sha256sum', 'curl']],
    ['wget', ['sha256sum', 'wget']],
    ['python3', ['openssl', 'python3']],
  ];
  for (const [tool, programs] of tools)
    test.skipIf(!programs.every(has))(`comes with ${tool}, is verified, and is there the next time`, async () => {
      const { calls, home, scripts } = instance(tool, [...BASICS, ...programs]);
      const bucket = store();
      const made = archive(KEY);
      const bring = () =>
        bringAgent({ calls, instanceId: 'i-1' }, { store: bucket, run: 'r', archive: async () => made });
      const path = join(home, '.cache/hostark/agent', made.sha256);
      expect(await bring()).toEqual({ path, publicKey: KEY, installed: true, uploadedBytes: made.bytes });
      expect(await bring()).toEqual({ path, publicKey: KEY, installed: false, uploadedBytes: 0 });
      expect([scripts.length, bucket.kept.length]).toEqual([3, 1]);
    });

  test('keeps this version and the one before', async () => {
    const tool = ['curl', 'wget', 'python3'].find(has)!;
    const { calls, home } = instance('versions', [...BASICS, 'sha256sum', tool]);
    const target = { calls, instanceId: 'i-1' };
    const versions = ['a', 'b', 'c'].map((text) => archive(`${KEY} # ${text}`));
    for (const made of versions) await bringAgent(target, { store: store(), run: 'r', archive: async () => made });
    const found = readdirSync(join(home, '.cache/hostark/agent')).sort();
    expect(found.length).toBe(2);
    expect(found).toContain(versions[2]!.sha256);
  });

  test('is refused on a host that has nothing to fetch it with, and says so', async () => {
    const { calls } = instance('bare', [...BASICS, 'sha256sum']);
    const bringing = bringAgent(
      { calls, instanceId: 'i-1' },
      { store: store(), run: 'r', archive: async () => archive(KEY) },
    );
    await expect(bringing).rejects.toMatchObject({
      code: 'agent-failed',
      message: expect.stringContaining('none of curl, wget and python3'),
    });
  });

  test('is not unpacked when its bytes are others', async () => {
    const tool = ['curl', 'wget', 'python3'].find(has)!;
    const { calls, home } = instance('damaged', [...BASICS, 'sha256sum', tool]);
    const made = archive(`${KEY} # damaged`);
    writeFileSync(made.file, gzipSync('something else'));
    const bringing = bringAgent({ calls, instanceId: 'i-1' }, { store: store(), run: 'r', archive: async () => made });
    await expect(bringing).rejects.toMatchObject({
      message: expect.stringContaining(`expected SHA-256 ${made.sha256}`),
      hint: expect.stringContaining('below agents/'),
    });
    expect(readdirSync(join(home, '.cache/hostark/agent'))).toEqual([]);
  });

  test('of the right architecture is asked for when the host has another one', async () => {
    const tool = ['curl', 'wget', 'python3'].find(has)!;
    const { calls } = instance('other', [...BASICS.filter((one) => one !== 'uname'), 'sha256sum', tool]);
    const bin = join(directory, 'other', 'bin');
    writeFileSync(join(bin, 'uname'), '#!/bin/sh\necho aarch64\n', { mode: 0o755 });
    const [usual, other] = [archive(`${KEY} # x64`), archive(`${KEY} # arm64`)];
    const asked: (string | null)[] = [];
    const bucket = store();
    await bringAgent(
      { calls, instanceId: 'i-1' },
      {
        ...{ store: bucket, run: 'r' },
        archive: async (machine) => {
          asked.push(machine);
          return machine === 'aarch64' ? other : usual;
        },
      },
    );
    expect([asked, bucket.kept]).toEqual([[null, 'aarch64'], [other.sha256]]);
  });
});
