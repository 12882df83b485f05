/** A real SSH server in process (ssh2's own server half): runs commands with this machine's `sh`. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';

export interface TestServer {
  readonly port: number;
  /** Ends every connection without a word, as a pulled cable would look after its time-out. */
  cut(): void;
  stop(): Promise<void>;
}

export interface KeyPair {
  readonly private: string;
  readonly public: string;
}

export function newKeyPair(): KeyPair {
  // ssh2 1.17 now and then writes a pair that it cannot read back (a key that starts with a zero byte): try again.
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

/** Accepts `client` for any user, and no other key. */
export async function startServer(hostKeys: readonly KeyPair[], client: KeyPair, port = 0): Promise<TestServer> {
  const allowed = ssh2.utils.parseKey(client.public);
  if (allowed instanceof Error) throw allowed;
  const connections = new Set<Connection>();
  const sockets = new Set<{ destroy(): void }>();
  const children = new Set<ChildProcess>();
  const server = new ssh2.Server({ hostKeys: hostKeys.map((key) => key.private) }, (connection) => {
    connections.add(connection);
    connection.on('error', () => {});
    connection.on('close', () => connections.delete(connection));
    connection.on('authentication', (context) => {
      if (context.method !== 'publickey' || !context.key.data.equals(allowed.getPublicSSH()))
        return context.reject(['publickey']);
      if (context.signature === undefined) return context.accept();
      return allowed.verify(context.blob!, context.signature, context.hashAlgo) === true
        ? context.accept()
        : context.reject();
    });
    connection.on('session', (accept) => {
      const session = accept();
      let child: ChildProcess | null = null;
      session.on('signal', (acceptSignal, _reject, info) => {
        acceptSignal?.();
        child?.kill(`SIG${info.name}` as NodeJS.Signals);
      });
      session.on('exec', (acceptExec, _reject, info) => {
        child = run(info.command, acceptExec());
        children.add(child);
      });
    });
  });
  // The socket is not in ssh2's types; cut() needs it to break a connection without the protocol's farewell.
  (
    server as unknown as { _srv: { on(event: 'connection', listener: (socket: { destroy(): void }) => void): void } }
  )._srv.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut(): void {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
    async stop(): Promise<void> {
      for (const child of children) child.kill('SIGKILL');
      for (const connection of connections) connection.end();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function run(command: string, channel: ServerChannel): ChildProcess {
  const child = spawn('/bin/sh', ['-c', command], { stdio: 'pipe' });
  channel.pipe(child.stdin);
  child.stdin.on('error', () => {});
  channel.on('error', () => {});
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.on('close', (code, signal) => {
    if (signal === null) channel.exit(code ?? 1);
    else channel.exit(signal.slice(3));
    channel.end(); // closes once the receiver has taken all output; close() would drop what exceeds its window
  });
  channel.on('close', () => child.kill('SIGHUP'));
  return child;
}
