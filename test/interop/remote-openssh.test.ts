/** The remote package against OpenSSH's own server. Needs `sshd` on PATH or in /usr/sbin, and `ssh`; not part of `npm test`. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { generateSshKey } from '@hostark/cloud';
import { buildAgentArchive, connectSsh, openShell, runAgent, type Session, shipAgent } from '@hostark/remote';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
const sshd = folders.map((folder) => join(folder, 'sshd')).find((path) => existsSync(path)) ?? null;
const hasSsh = spawnSync('ssh', ['-V']).error === undefined;

describe.skipIf(sshd === null)('an OpenSSH server (needs sshd)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'hostark-sshd-'));
  const user = userInfo().username;
  const hostKey = generateSshKey('host');
  const clientKey = generateSshKey('client');
  const base = (): Parameters<typeof connectSsh>[0] => ({
    host: '127.0.0.1',
    port,
    user,
    privateKey: clientKey.privateKey,
    hostKeys: [hostKey.publicKey],
  });
  let port: number;
  let server: ChildProcess;
  let session: Session;
  let log = '';

  beforeAll(async () => {
    // As root, sshd insists on its privilege separation folder; packages make it when the service starts.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    port = await freePort();
    writeFileSync(join(directory, 'host_key'), hostKey.privateKey, { mode: 0o600 });
    writeFileSync(join(directory, 'authorized_keys'), `${clientKey.publicKey}\n`, { mode: 0o600 });
    const settings = [
      'ListenAddress 127.0.0.1',
      `Port ${port}`,
      `HostKey ${join(directory, 'host_key')}`,
      `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'PermitRootLogin prohibit-password',
    ];
    writeFileSync(join(directory, 'sshd_config'), `${settings.join('\n')}\n`);
    server = spawn(sshd!, ['-D', '-e', '-f', join(directory, 'sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] });
    server.stderr!.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    session = await connectSsh({ ...base(), waitMs: 20_000 }).catch((error: unknown) => {
      throw new Error(`sshd did not come up: ${log}`, { cause: error });
    });
  });

  afterAll(async () => {
    await session?.close();
    server?.kill('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  });

  test('reports code, signal and both outputs of a command', async () => {
    expect(await session.exec('echo out; echo err >&2; exit 7')).toEqual({
      code: 7,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(await session.exec('kill -KILL $$')).toMatchObject({ code: null, signal: 'KILL' });
  });

  test('moves bytes unchanged in both directions', async () => {
    const bytes = randomBytes(20_000_000);
    const back = createHash('sha256');
    await session.exec('cat', { stdin: bytes, onStdout: (chunk) => void back.update(chunk) });
    expect(back.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('lets a command on the host notice that its caller gave up', async () => {
    // OpenSSH passes TERM on for ordinary users and not for root; the end of stdin reaches every command.
    const mark = join(directory, 'noticed');
    const stop = new AbortController();
    async function* open(): AsyncGenerator<Uint8Array> {
      await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
    }
    const command = `trap 'echo ended >${mark}; exit 1' TERM; echo started; cat >/dev/null; echo ended >${mark}`;
    const running = session.exec(command, { stdin: open(), signal: stop.signal, onStdout: () => stop.abort() });
    await expect(running).rejects.toMatchObject({ code: 'interrupted' });
    const wait = `n=0; while [ ! -e ${mark} ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done; cat ${mark}`;
    expect((await session.exec(wait)).stdout).toBe('ended\n');
  });

  test('is refused at once when its key is unknown or another one, before our key is offered', async () => {
    const offered = (): number => log.split('Accepted publickey').length;
    const before = offered();
    const waits: string[] = [];
    const patient = { ...base(), waitMs: 60_000, onWait: (why: string) => void waits.push(why) };
    await expect(connectSsh({ ...patient, hostKeys: [] })).rejects.toMatchObject({ code: 'host-key-unknown' });
    const other = generateSshKey('other').publicKey;
    await expect(connectSsh({ ...patient, hostKeys: [other] })).rejects.toMatchObject({ code: 'host-key-changed' });
    const shell = { input: new PassThrough(), output: new PassThrough(), term: 'dumb' };
    await expect(openShell({ ...patient, hostKeys: [other] }, shell)).rejects.toMatchObject({
      code: 'host-key-changed',
    });
    expect([waits, offered()]).toEqual([[], before]);
  });

  test('that was rebuilt with another key is refused, until its new key is known', async () => {
    const rebuilt = generateSshKey('rebuilt');
    const other = await freePort();
    writeFileSync(join(directory, 'rebuilt_key'), rebuilt.privateKey, { mode: 0o600 });
    const settings = readFileSync(join(directory, 'sshd_config'), 'utf8')
      .replace(`Port ${port}`, `Port ${other}`)
      .replace(join(directory, 'host_key'), join(directory, 'rebuilt_key'));
    writeFileSync(join(directory, 'sshd_config_rebuilt'), settings);
    const second = spawn(sshd!, ['-D', '-e', '-f', join(directory, 'sshd_config_rebuilt')], { stdio: 'ignore' });
    try {
      const there = { ...base(), port: other, waitMs: 20_000 };
      await expect(connectSsh(there)).rejects.toMatchObject({ code: 'host-key-changed' });
      const found = await connectSsh({ ...there, hostKeys: [rebuilt.publicKey] });
      expect((await found.exec('echo found')).stdout).toBe('found\n');
      await found.close();
    } finally {
      second.kill('SIGTERM');
    }
  });

  test('opens a shell with a terminal of the given size', async () => {
    const [input, output] = [new PassThrough(), Object.assign(new PassThrough(), { columns: 99, rows: 33 })];
    let said = '';
    output.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    input.write('stty size; tty; exit 5\n');
    expect(await openShell(base(), { input, output, term: 'dumb' })).toEqual({ code: 5, signal: null });
    expect(said).toContain('33 99');
    expect(said).toContain('/dev/pts/');
  });

  test('names the fingerprint that ssh-keygen shows', async () => {
    const shown = execFileSync('ssh-keygen', ['-lf', join(directory, 'host_key')])
      .toString()
      .split(' ')[1];
    await expect(connectSsh({ ...base(), hostKeys: [] })).rejects.toMatchObject({ context: { fingerprint: shown } });
  });

  test('that does not know our key is called so', async () => {
    const stranger = generateSshKey('stranger').privateKey;
    await expect(connectSsh({ ...base(), privateKey: stranger })).rejects.toMatchObject({
      code: 'host-unreachable',
      message: expect.stringContaining('does not accept this key'),
    });
  });

  test('takes and runs the agent', async () => {
    mkdirSync(join(directory, 'bundle'));
    const agent = `process.stdin.once('data', (d) => { const say = (m) => console.log(JSON.stringify(m));
      say({ type: 'hello', version: '0', pid: process.pid }); say({ type: 'result', result: { root: JSON.parse(d).root } }); process.exit(0); });`;
    writeFileSync(join(directory, 'bundle', 'main.cjs'), agent);
    writeFileSync(join(directory, 'node'), `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
    const archive = await buildAgentArchive({
      nodeBinary: join(directory, 'node'),
      bundleDirectory: join(directory, 'bundle'),
      nativePackages: [],
      outDirectory: join(directory, 'out'),
    });
    const there = { directory: join(directory, 'agents') };
    const shipped = await shipAgent(session, archive, there);
    expect(shipped.sent).toBe(true);
    expect((await shipAgent(session, archive, there)).sent).toBe(false);
    const { result } = await runAgent(session, shipped.path, { schema: 1, kind: 'manifest', root: '/somewhere' });
    expect(result).toEqual({ root: '/somewhere' });
  });

  test.skipIf(!hasSsh)('is recognized by ssh itself by the key lines that we keep (needs ssh)', () => {
    const known = join(directory, 'known_hosts');
    writeFileSync(known, `[127.0.0.1]:${port} ${hostKey.publicKey}\n`);
    writeFileSync(join(directory, 'client'), clientKey.privateKey, { mode: 0o600 });
    const options = [
      `UserKnownHostsFile=${known}`,
      'GlobalKnownHostsFile=/dev/null',
      'StrictHostKeyChecking=yes',
      'BatchMode=yes',
      'IdentitiesOnly=yes',
    ];
    const args = [...options.flatMap((option) => ['-o', option]), '-i', join(directory, 'client'), '-p', String(port)];
    const out = execFileSync('ssh', ['-F', '/dev/null', ...args, `${user}@127.0.0.1`, 'echo hello'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(out.toString()).toBe('hello\n');
  });

  test('that goes away during a command is lost, not finished', async () => {
    const second = await connectSsh(base());
    const running = second.exec('echo started; kill -9 $PPID; sleep 5', {});
    await expect(running).rejects.toMatchObject({ code: 'host-unreachable' });
    await second.close();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
