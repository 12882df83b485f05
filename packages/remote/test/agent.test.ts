import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AgentJob, isHostarkError } from '@hostark/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256OfFile } from '../src/agent-archive.ts';
import {
  type AgentArchive,
  buildAgentArchive,
  connectSsh,
  localSession,
  runAgent,
  type Session,
  shipAgent,
} from '../src/index.ts';
import { newKeyPair, startServer } from './ssh-server.ts';

/** A small agent: what it does is told by the snapshot's name in the job. Its runtime is a shell script that starts the real one. */
const AGENT = `
const { createInterface } = require('node:readline');
const say = (m) => process.stdout.write(JSON.stringify(m) + '\\n');
const lines = createInterface({ input: process.stdin });
let job = null;
lines.on('line', (line) => {
  job = JSON.parse(line);
  say({ type: 'hello', version: '1.2.3', pid: process.pid });
  const act = job.snapshot;
  if (act === 'ok') { say({ type: 'event', event: { type: 'notice', level: 'info', message: 'hi' } });
    say({ type: 'manifest', entries: [1, 2] }); say({ type: 'result', result: { done: true, argv: process.argv.slice(2), environment: Object.values(process.env) } }); process.exit(0); }
  if (act === 'fail') { say({ type: 'failed', error: { code: 'wrong-password', message: 'no', hint: null, context: {}, causes: [] } }); process.exit(12); }
  if (act === 'crash') { console.error('first'); console.error('boom: last words'); process.exit(9); }
  if (act === 'garbage') { process.stdout.write('{nonsense\\n'); setTimeout(() => process.exit(0), 50); }
});
lines.on('close', () => { if (job?.snapshot === 'wait') { say({ type: 'failed', error: { code: 'interrupted', message: 'stopped', hint: null, context: {}, causes: [] } }); process.exit(130); } });
setInterval(() => {}, 1000);
`;

const job = (snapshot: string): AgentJob => ({
  schema: 1,
  kind: 'restore',
  repository: { location: '/nowhere', password: 'correct horse battery staple' },
  snapshot,
  target: '/nowhere',
});

let root: string;
let archive: AgentArchive;

function parts(runtime = `#!/bin/sh\nexec "${process.execPath}" "$@"\n`): Parameters<typeof buildAgentArchive>[0] {
  const bundle = join(root, 'bundle');
  mkdirSync(join(root, 'pkg', 'lib'), { recursive: true });
  mkdirSync(join(root, 'pkg', 'src'), { recursive: true });
  mkdirSync(bundle, { recursive: true });
  writeFileSync(join(root, 'node'), runtime, { mode: 0o755 });
  writeFileSync(join(bundle, 'main.cjs'), AGENT);
  writeFileSync(join(bundle, 'main.cjs.map'), 'not shipped');
  writeFileSync(join(bundle, 'backup.cache'), 'not shipped');
  writeFileSync(join(root, 'pkg', 'package.json'), '{"name":"@scope/native"}');
  writeFileSync(join(root, 'pkg', 'lib', 'a.node'), 'binary');
  writeFileSync(join(root, 'pkg', 'src', 'a.c'), 'not shipped');
  return {
    nodeBinary: join(root, 'node'),
    bundleDirectory: bundle,
    nativePackages: [join(root, 'pkg')],
    outDirectory: join(root, 'out'),
  };
}

async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string; hint: string | null }> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!isHostarkError(error)) throw new Error(`expected a HostarkError, got ${String(error)}`);
  return error;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hostark-agent-'));
  archive = await buildAgentArchive(parts());
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the agent archive', () => {
  it('is named by the hash of its bytes and built once per content', async () => {
    expect(await sha256OfFile(archive.file)).toBe(archive.sha256);
    expect(statSync(archive.file).size).toBe(archive.bytes);
    expect(archive.built).toBe(true);
    expect(await buildAgentArchive(parts())).toEqual({ ...archive, built: false });
    const other = await buildAgentArchive({ ...parts('#!/bin/sh\nexit 1\n') });
    expect(other.sha256).not.toBe(archive.sha256);
    expect(other.built).toBe(true);
  });

  it('is built again when the kept one is torn', async () => {
    writeFileSync(archive.file, 'torn');
    const again = await buildAgentArchive(parts());
    expect(again).toEqual(archive);
  });

  it('asks for a build when there is no program', async () => {
    mkdirSync(join(root, 'empty'), { recursive: true });
    const error = await failure(buildAgentArchive({ ...parts(), bundleDirectory: join(root, 'empty') }));
    expect(error.hint).toContain('build');
  });
});

for (const where of ['this machine', 'SSH'] as const) {
  describe(`the agent over ${where}`, () => {
    let home: string;
    let session: Session;
    const closers: (() => Promise<void>)[] = [];
    let cut: () => void = () => {};

    beforeEach(async () => {
      home = mkdtempSync(join(root, 'home-'));
      if (where === 'this machine')
        session = localSession({ env: { HOME: home, PATH: process.env.PATH ?? '/usr/bin:/bin' } });
      else {
        const [host, client] = [newKeyPair(), newKeyPair()];
        const server = await startServer([host], client);
        cut = () => server.cut();
        session = await connectSsh({
          host: '127.0.0.1',
          port: server.port,
          user: 'u',
          privateKey: client.private,
          hostKeys: [host.public],
        });
        closers.push(() => server.stop());
      }
      closers.push(() => session.close());
    });
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close();
    });
    const ship = (which = archive): ReturnType<typeof shipAgent> =>
      shipAgent(session, which, { directory: join(home, "it's here") });

    it('is sent once and found the second time', async () => {
      const progress: number[] = [];
      const first = await shipAgent(session, archive, {
        directory: join(home, 'x'),
        onProgress: (sent) => progress.push(sent),
      });
      expect(first).toMatchObject({ sent: true, bytesSent: archive.bytes });
      expect(progress.at(-1)).toBe(archive.bytes);
      expect(readFileSync(join(first.path, 'node_modules/@scope/native/lib/a.node'), 'utf8')).toBe('binary');
      for (const name of ['main.cjs.map', 'backup.cache']) expect(existsSync(join(first.path, name))).toBe(false);
      expect(existsSync(join(first.path, 'node_modules/@scope/native/src'))).toBe(false);
      expect(await shipAgent(session, archive, { directory: join(home, 'x') })).toEqual({
        path: first.path,
        sent: false,
        bytesSent: 0,
      });
      expect(readdirSync(join(home, 'x'))).toEqual([archive.sha256]);
    });

    it('is found also where a login script greets first', async () => {
      const { path } = await ship();
      const greeting: Session = {
        ...session,
        exec: (command, options) => session.exec(`echo 'Welcome to this host'\n${command}`, options),
      };
      const again = await shipAgent(greeting, archive, { directory: join(home, "it's here") });
      expect(again).toEqual({ path, sent: false, bytesSent: 0 });
    });

    it('is sent again when what is there does not start', async () => {
      const { path } = await ship();
      writeFileSync(join(path, 'bin/node'), 'torn', { mode: 0o755 });
      expect((await ship()).sent).toBe(true);
      expect((await runAgent(session, path, job('ok'))).result).toMatchObject({ done: true });
    });

    it('leaves two versions on the host and no more', async () => {
      const versions: string[] = [];
      for (const n of [1, 2, 3]) {
        const version = await buildAgentArchive(parts(`#!/bin/sh\n# ${n}\nexec "${process.execPath}" "$@"\n`));
        versions.push(version.sha256);
        await ship(version);
      }
      parts();
      expect(readdirSync(join(home, "it's here")).sort()).toEqual(versions.slice(1).sort());
    });

    it('is refused when its bytes were changed on the way, and nothing stays behind', async () => {
      const bad = join(root, 'bad.tar.gz');
      copyFileSync(archive.file, bad);
      const bytes = readFileSync(bad);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(bad, bytes);
      const error = await failure(ship({ ...archive, file: bad }));
      expect(error.code).toBe('agent-failed');
      expect(error.message).toContain(`expected SHA-256 ${archive.sha256}`);
      expect(readdirSync(join(home, "it's here"))).toEqual([]);
    });

    it('is refused when its runtime does not start there', async () => {
      const alien = await buildAgentArchive(parts('#!/no/such/interpreter\n'));
      parts();
      const error = await failure(ship(alien));
      expect(error.message).toContain('does not start');
    });

    it('returns the result, events and manifest of a job', async () => {
      const { path } = await ship();
      const events: unknown[] = [];
      const manifest: unknown[] = [];
      const outcome = await runAgent(session, path, job('ok'), {
        onEvent: (event) => events.push(event),
        onManifest: (entries) => manifest.push(...entries),
      });
      expect(outcome.version).toBe('1.2.3');
      expect(events).toEqual([{ type: 'notice', level: 'info', message: 'hi' }]);
      expect(manifest).toEqual([1, 2]);
    });

    it('gets its secrets on stdin, never as arguments or environment', async () => {
      const { path } = await ship();
      const { result } = await runAgent(session, path, job('ok'));
      expect(result.argv).toEqual(['agent']);
      expect(JSON.stringify(result)).not.toContain('correct horse');
    });

    it('passes on the error that the agent reports', async () => {
      const { path } = await ship();
      expect(await failure(runAgent(session, path, job('fail')))).toMatchObject({
        code: 'wrong-password',
        message: 'no',
      });
    });

    it('quotes the last words of an agent that crashed', async () => {
      const { path } = await ship();
      const error = await failure(runAgent(session, path, job('crash')));
      expect(error.code).toBe('agent-failed');
      expect(error.message).toContain('exit code 9');
      expect(error.message).toContain('boom: last words');
    });

    it('refuses an answer that is no message', async () => {
      const { path } = await ship();
      expect((await failure(runAgent(session, path, job('garbage')))).code).toBe('agent-failed');
    });

    it('asks the agent to stop by ending its stdin, and waits for its answer', async () => {
      const { path } = await ship();
      const stop = new AbortController();
      const error = await failure(
        runAgent(session, path, job('wait'), { signal: stop.signal, onMessage: () => stop.abort(), graceMs: 20_000 }),
      );
      expect(error).toMatchObject({ code: 'interrupted', message: 'stopped' });
    });

    it('ends an agent that does not stop by itself', async () => {
      const { path } = await ship();
      const stop = new AbortController();
      const error = await failure(
        runAgent(session, path, job('deaf'), { signal: stop.signal, onMessage: () => stop.abort(), graceMs: 50 }),
      );
      expect(error.code).toBe('interrupted');
    });

    it.skipIf(where === 'this machine')('says in which state things are when the connection breaks', async () => {
      const { path } = await ship();
      const error = await failure(runAgent(session, path, job('wait'), { onMessage: () => cut() }));
      expect(error.code).toBe('host-unreachable');
      expect(error.hint).toContain('nothing is lost');
    });
  });
}
