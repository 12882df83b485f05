import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import ssh2 from 'ssh2';
import { afterAll, describe, expect, test } from 'vitest';
import { makeKeyPair, parsePublicKey, publicHalf } from '../../src/ssh/keys.ts';
import { startSshServer } from '../../src/ssh/server.ts';
import { connect, run } from '../ec2/cloud.ts';

const host = await makeKeyPair('ed25519');
const user = await makeKeyPair('ed25519');
const stranger = await makeKeyPair('ed25519');
const server = await startSshServer({
  hostKey: host.privateKey,
  port: 0,
  authorizedKeys: () => ['not a key', user.publicKey],
  isUser: (name) => name === 'ec2-user',
  spawn: (login) =>
    spawn('/bin/sh', login.command === null ? [] : ['-c', login.command], {
      env: { PATH: process.env.PATH ?? '' },
      detached: true,
    }),
});
afterAll(() => server.close());
const session = (): Promise<ssh2.Client> => connect(server.port, user.privateKey, 'ec2-user', host.publicKey);

describe('the SSH server of an instance', () => {
  test('returns output, errors and exit status apart', async () => {
    const outcome = await run(await session(), 'echo out; echo err >&2; exit 42');
    expect(outcome).toMatchObject({ code: 42, signal: null });
    expect([outcome.stdout.toString(), outcome.stderr.toString()]).toEqual(['out\n', 'err\n']);
  });

  test('names the signal that ended a command', async () => {
    expect(await run(await session(), 'kill -KILL $$')).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  test('carries binary input to the command and its end as end of file', async () => {
    const bytes = randomBytes(300_001);
    const outcome = await run(await session(), 'cat', bytes);
    expect(outcome.stdout.equals(bytes)).toBe(true);
  });

  test('moves 100 MB down and up intact', async () => {
    const client = await session();
    const down = await run(client, 'head -c 100000000 /dev/zero | tr "\\0" x');
    expect(down.stdout.length).toBe(100_000_000);
    expect(createHash('sha256').update(down.stdout).digest('hex')).toBe(
      createHash('sha256').update(Buffer.alloc(100_000_000, 'x')).digest('hex'),
    );
    const up = await run(client, 'sha256sum', down.stdout);
    expect(up.stdout.toString().split(' ')[0]).toBe(createHash('sha256').update(down.stdout).digest('hex'));
  });

  test('a command that reads nothing does not hang on a large input', async () => {
    expect((await run(await session(), 'exec true', Buffer.alloc(8_000_000))).code).toBe(0);
    expect((await run(await session(), 'exec <&-; sleep 0.2; exit 5', Buffer.alloc(8_000_000))).code).toBe(5);
  });

  test('serves several channels of one connection at once', async () => {
    const client = await session();
    const outcomes = await Promise.all(
      [1, 2, 3, 4, 5].map((n) => run(client, `head -c ${n}000000 /dev/zero; exit ${n}`)),
    );
    expect(outcomes.map(({ code, stdout }) => [code, stdout.length])).toEqual(
      [1, 2, 3, 4, 5].map((n) => [n, n * 1_000_000]),
    );
  });

  test('refuses another key, another user and passwords', async () => {
    await expect(connect(server.port, stranger.privateKey)).rejects.toThrow('authentication methods failed');
    await expect(connect(server.port, user.privateKey, 'postgres')).rejects.toThrow('authentication methods failed');
    const client = new ssh2.Client();
    const failed = new Promise((resolve) => client.on('error', resolve));
    client.connect({ host: '127.0.0.1', port: server.port, username: 'ec2-user', password: 'x' });
    expect(String(await failed)).toContain('authentication methods failed');
  });

  test('a changed host key is seen by the client', async () => {
    await expect(connect(server.port, user.privateKey, 'ec2-user', stranger.publicKey)).rejects.toThrow();
  });

  test('refuses forwarding, SFTP and environment requests', async () => {
    const client = await session();
    await expect(
      new Promise((resolve, reject) =>
        client.forwardOut('127.0.0.1', 1, '127.0.0.1', server.port, (e) => (e ? reject(e) : resolve(null))),
      ),
    ).rejects.toThrow();
    await expect(
      new Promise((resolve, reject) => client.forwardIn('127.0.0.1', 0, (e) => (e ? reject(e) : resolve(null)))),
    ).rejects.toThrow();
    await expect(
      new Promise((resolve, reject) => client.sftp((e) => (e ? reject(e) : resolve(null)))),
    ).rejects.toThrow();
    const seen = await new Promise<string>((resolve, reject) => {
      client.exec('env', { env: { INJECTED: 'yes' } }, (error, channel) => {
        if (error) return reject(error);
        let text = '';
        channel.on('data', (data: Buffer) => {
          text += data.toString();
        });
        channel.on('close', () => resolve(text));
      });
    });
    expect(seen).toContain('PATH=');
    expect(seen).not.toContain('INJECTED');
  });

  test('closing the connection hangs up what it started', async () => {
    const client = await session();
    const pid = await new Promise<number>((resolve, reject) => {
      client.exec('sleep 600 & echo $!; wait', (error, channel) => {
        if (error) return reject(error);
        channel.on('data', (data: Buffer) => resolve(Number(data.toString())));
      });
    });
    expect(() => process.kill(pid, 0)).not.toThrow();
    client.end();
    const deadline = Date.now() + 10_000;
    const alive = (): boolean => {
      try {
        process.kill(pid, 0);
        return true;
      } catch {
        return false;
      }
    };
    while (alive() && Date.now() < deadline) await new Promise((done) => setTimeout(done, 10));
    expect(alive()).toBe(false);
  });
});

describe('key pairs', () => {
  test('the public half of a made key is what parsing finds', async () => {
    for (const type of ['ed25519', 'rsa'] as const) {
      const pair = await makeKeyPair(type);
      expect(publicHalf(pair.privateKey)).toBe(pair.publicKey);
      expect(parsePublicKey(`${pair.publicKey} comment\n`)).toEqual({ type, publicKey: pair.publicKey });
    }
  });

  test('every made ed25519 key can be read again and signs', async () => {
    for (let i = 0; i < 1000; i++) {
      const pair = await makeKeyPair('ed25519');
      const key = ssh2.utils.parseKey(pair.privateKey);
      if (key instanceof Error) throw key;
      const half = ssh2.utils.parseKey(pair.publicKey);
      if (half instanceof Error) throw half;
      expect(half.verify('data', key.sign('data') as Buffer)).toBe(true);
    }
  });

  test('a private key or plain text is no public key', async () => {
    expect(parsePublicKey(user.privateKey)).toBeNull();
    expect(parsePublicKey('hello')).toBeNull();
  });
});
