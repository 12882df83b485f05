/**
 * The SSH server of a machine (RFC 4252, 4254; by ssh2): public keys alone, exec and shell with or without a terminal,
 * exact exit status and signal, flow control in both directions. Environment requests, forwarding, X11, agents and
 * SFTP are refused. A connection that closes hangs up (SIGHUP) the process groups it started.
 */
import type { ChildProcess } from 'node:child_process';
import type { AuthContext, Connection, ParsedKey, PublicKeyAuthContext, Session } from 'ssh2';
import ssh2 from 'ssh2';
import { listenNear } from '../instance/listen.ts';
import { runInChannel } from './channel.ts';

/** What a client asks to run. */
export interface SshLogin {
  readonly user: string;
  /** null asks for a login shell. */
  readonly command: string | null;
  readonly terminal: { readonly term: string; readonly columns: number; readonly rows: number } | null;
  readonly environment: Readonly<Record<string, string>>;
}

export interface SshServerOptions {
  /** OpenSSH private key text. */
  readonly hostKey: string;
  /** Port on 127.0.0.1 to try first; a free one when it is taken or 0. */
  readonly port: number;
  /** Public keys (OpenSSH text, one each) that may log in now. */
  authorizedKeys(): readonly string[];
  isUser(name: string): boolean;
  /** Starts the login as leader of a process group, with three pipes. */
  spawn(login: SshLogin): ChildProcess;
}

export interface SshServer {
  readonly port: number;
  /** Ends the listener and every connection. */
  close(): Promise<void>;
}

/**
 * AES-GCM first: on machines with AES instructions it is several times as fast as ChaCha20 here, and the server offers
 * nothing else that a client could prefer.
 */
const CIPHERS = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'] as const;

export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const connections = new Set<Connection>();
  const server = new ssh2.Server(
    { hostKeys: [options.hostKey], ident: 'HostarkSandbox', algorithms: { cipher: [...CIPHERS] } },
    (connection) => {
      connections.add(connection);
      connection.on('close', () => connections.delete(connection));
      connection.on('error', () => undefined); // a client that breaks the protocol or vanishes; 'close' follows
      serve(connection, options);
    },
  );
  const port = await listenNear(server, options.port);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of connections) connection.end();
        // A client that does not answer the goodbye must not hold up the end.
        for (const connection of connections) (connection as Connection & { destroy?(): void }).destroy?.();
      }),
  };
}

function serve(connection: Connection, options: SshServerOptions): void {
  let user = '';
  const processes = new Set<ChildProcess>();
  connection.on('authentication', (context: AuthContext) => {
    if (context.method === 'publickey' && options.isUser(context.username) && accepts(context, options)) {
      user = context.username;
      context.accept();
    } else {
      context.reject(['publickey']);
    }
  });
  connection.on('session', (accept) => {
    serveSession(accept(), processes, (login) => options.spawn({ ...login, user }));
  });
  connection.on('close', () => {
    for (const process of processes) hangUp(process);
  });
}

function accepts(context: PublicKeyAuthContext, options: SshServerOptions): boolean {
  for (const text of options.authorizedKeys()) {
    const parsed = ssh2.utils.parseKey(text);
    if (parsed instanceof Error) continue;
    const key: ParsedKey = parsed;
    if (!key.getPublicSSH().equals(context.key.data)) continue;
    // Without a signature the client only asks whether the key would do (RFC 4252 section 7).
    if (context.signature === undefined || context.blob === undefined) return true;
    return key.verify(context.blob, context.signature, context.hashAlgo) === true;
  }
  return false;
}

type Start = (login: Omit<SshLogin, 'user'>) => ChildProcess;

function serveSession(session: Session, processes: Set<ChildProcess>, start: Start): void {
  let terminal: SshLogin['terminal'] = null;
  let running: ChildProcess | null = null;
  session.on('pty', (accept, _reject, info) => {
    const term = (info as typeof info & { term?: string }).term ?? 'xterm';
    terminal = { term: /^[\w.+-]{1,64}$/.test(term) ? term : 'dumb', columns: info.cols || 80, rows: info.rows || 24 };
    accept?.();
  });
  session.on('window-change', (accept) => accept?.());
  session.on('signal', (accept, _reject, info) => {
    if (running) signalGroup(running, `SIG${info.name.replace(/^SIG/, '')}` as NodeJS.Signals);
    accept?.();
  });
  const run = (channel: ssh2.ServerChannel, command: string | null): void => {
    let child: ChildProcess;
    try {
      child = start({ command, terminal, environment: {} });
    } catch (error) {
      channel.stderr.write(`${(error as Error).message}\n`);
      channel.exit(255);
      channel.end();
      return;
    }
    running = child;
    processes.add(child);
    child.once('close', () => processes.delete(child));
    runInChannel(channel, child, terminal !== null);
  };
  session.on('exec', (accept, _reject, info) => run(accept(), info.command));
  session.on('shell', (accept) => run(accept(), null));
}

function hangUp(child: ChildProcess): void {
  signalGroup(child, 'SIGHUP');
}

/** Signals the whole group that the login leads; one that is gone already is fine. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // gone, or no such signal
  }
}
