import { createHash } from 'node:crypto';
import { isHostarkError } from '@hostark/protocol';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectSsh, type Session } from '../src/index.ts';
import { newKeyPair, startServer, type TestServer } from './ssh-server.ts';

const hostKey = newKeyPair();
const otherKey = newKeyPair();
const clientKey = newKeyPair();

async function failure(
  promise: Promise<unknown>,
): Promise<{ code: string; hint: string | null; message: string; context: object }> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!isHostarkError(error)) throw new Error(`expected a HostarkError, got ${String(error)}`);
  return error;
}

describe('an SSH session', () => {
  let server: TestServer;
  let session: Session;
  const options = (more: object = {}): Parameters<typeof connectSsh>[0] => ({
    host: '127.0.0.1',
    port: server.port,
    user: 'someone',
    privateKey: clientKey.private,
    hostKeys: [hostKey.public],
    ...more,
  });

  beforeAll(async () => {
    server = await startServer([hostKey], clientKey);
    session = await connectSsh(options());
  });
  afterAll(async () => {
    await session.close();
    await server.stop();
  });

  it('reports the exit code and both outputs of a command', async () => {
    const result = await session.exec('echo out; echo err >&2; exit 7');
    expect(result).toEqual({ code: 7, signal: null, stdout: 'out\n', stderr: 'err\n' });
  });

  it('reports the signal that ended a command', async () => {
    expect(await session.exec('kill -KILL $$')).toMatchObject({ code: null, signal: 'KILL' });
  });

  it('sends stdin whole and in order, and holds it back while the command does not read', async () => {
    const piece = Buffer.alloc(65_536, 'x');
    let pulled = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (; pulled < 320; pulled++) yield piece;
    }
    const gate = session.exec('read line; sleep 0.3; sha256sum', {
      stdin: (async function* () {
        yield Buffer.from('\n');
        yield* source();
      })(),
    });
    const early = await new Promise<number>((resolve) => setTimeout(() => resolve(pulled), 250));
    expect(early).toBeLessThan(200); // the window is 2 MB and the pipe small: 20 MB cannot have left
    const hash = createHash('sha256')
      .update(Buffer.alloc(65_536 * 320, 'x'))
      .digest('hex');
    expect((await gate).stdout.split(' ')[0]).toBe(hash);
  });

  it('hands over output only as fast as the receiver takes it', async () => {
    let running = 0;
    let most = 0;
    let bytes = 0;
    await session.exec('head -c 3000000 /dev/zero', {
      onStdout: async (chunk) => {
        most = Math.max(most, ++running);
        bytes += chunk.length;
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      },
    });
    expect({ most, bytes }).toEqual({ most: 1, bytes: 3_000_000 });
  });

  it('does not wait for input that a finished command never asked for', async () => {
    async function* never(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      await new Promise(() => {});
    }
    expect((await session.exec('exit 3', { stdin: never() })).code).toBe(3);
  });

  it('runs several commands at once on one connection', async () => {
    const results = await Promise.all(['1', '2', '3'].map((n) => session.exec(`echo ${n}`)));
    expect(results.map((result) => result.stdout)).toEqual(['1\n', '2\n', '3\n']);
  });

  it('ends a command when the caller gives up', async () => {
    const stop = new AbortController();
    const running = session.exec('echo started; sleep 30', { onStdout: () => stop.abort(), signal: stop.signal });
    expect((await failure(running)).code).toBe('interrupted');
  });

  it('refuses a host whose key is not known, with its fingerprint and what to do', async () => {
    const error = await failure(connectSsh(options({ hostKeys: [] })));
    expect(error.code).toBe('host-key-unknown');
    expect(error.message).toMatch(/SHA256:[A-Za-z0-9+/]{43}/);
    expect(error.hint).toContain('nothing was sent');
    expect(error.context).toHaveProperty('key', hostKey.public.split(' ').slice(0, 2).join(' '));
  });

  it('refuses a host whose key is another one than expected', async () => {
    const error = await failure(connectSsh(options({ hostKeys: [otherKey.public], waitMs: 5_000 })));
    expect(error.code).toBe('host-key-changed');
  });

  it('says so when the host does not accept the key', async () => {
    const error = await failure(connectSsh(options({ privateKey: otherKey.private })));
    expect(error).toMatchObject({ code: 'host-unreachable', retry: 'later' });
    expect(error.message).toContain('does not accept this key');
  });

  it('says so when nothing listens', async () => {
    const error = await failure(connectSsh(options({ port: 1, timeoutMs: 2_000 })));
    expect(error).toMatchObject({ code: 'host-unreachable' });
    expect(error.message).toContain('refused');
  });

  it('keeps secrets out of the error for an unusable private key', async () => {
    const error = await failure(connectSsh(options({ privateKey: 'not a key: hunter2' })));
    expect(JSON.stringify([error.message, error.hint, String((error as { cause?: unknown }).cause)])).not.toContain(
      'hunter2',
    );
  });

  it('calls a connection that breaks during a command lost', async () => {
    const second = await connectSsh(options());
    const running = second.exec('echo started; sleep 30', { onStdout: () => server.cut() });
    expect(await failure(running)).toMatchObject({ code: 'host-unreachable' });
    expect(await failure(second.exec('true'))).toMatchObject({ code: 'host-unreachable' });
    await second.close();
    session = await connectSsh(options());
  });

  it('asks a host with several keys for the kind that is known', async () => {
    const ecdsa = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
    const mixed = await startServer([newKeyPair(), ecdsa], clientKey);
    const second = await connectSsh(options({ port: mixed.port, hostKeys: [ecdsa.public] }));
    expect((await second.exec('echo yes')).stdout).toBe('yes\n');
    await second.close();
    await mixed.stop();
  });

  it('waits for a host that is still booting, and says for what', async () => {
    const before = await startServer([hostKey], clientKey);
    await before.stop();
    let told: (why: string) => void = () => {};
    const first = new Promise<string>((resolve) => {
      told = resolve;
    });
    const connecting = connectSsh(options({ port: before.port, waitMs: 20_000, onWait: (why: string) => told(why) }));
    expect(await first).toContain('the connection was refused');
    const booted = await startServer([hostKey], clientKey, before.port);
    const late = await connecting;
    expect((await late.exec('echo up')).stdout).toBe('up\n');
    await late.close();
    await booted.stop();
  });
});
