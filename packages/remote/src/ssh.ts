/**
 * SSH sessions with verified host keys (RFC 4253 section 8: the key is proven before authentication). An unknown or
 * changed key ends the connection before the user name is sent. No agent, no forwarding, no password.
 */
import { HostarkError } from '@hostark/protocol';
import {
  type AlgorithmList,
  type CipherAlgorithm,
  Client,
  type ConnectConfig,
  type ServerHostKeyAlgorithm,
} from 'ssh2';
import { interrupted, unreachable } from './errors.ts';
import { checkHostKey, type PublicKey, parsePublicKey, preferredAlgorithms } from './host-keys.ts';
import type { Session } from './session.ts';
import { sshSession } from './ssh-session.ts';

export interface SshOptions {
  readonly host: string;
  /** Default 22. */
  readonly port?: number;
  readonly user: string;
  /** OpenSSH or PEM text. Secret. */
  readonly privateKey: string;
  /** OpenSSH public key lines ('ssh-ed25519 AAAA… comment'); the host must present one of them. */
  readonly hostKeys: readonly string[];
  /** For one handshake. Default 20,000. */
  readonly timeoutMs?: number;
  /** How long to go on trying while the host refuses or does not answer (it may be booting). Default 0: one attempt. */
  readonly waitMs?: number;
  /** Told before each further attempt: what the last one met, and for how many seconds it has been tried. */
  readonly onWait?: (why: string, seconds: number) => void;
  /** A connection that stays silent for three intervals is lost. Default 15,000. */
  readonly keepaliveMs?: number;
  readonly signal?: AbortSignal;
}

/** Throws 'host-key-unknown', 'host-key-changed', 'host-unreachable', 'interrupted'. TypeError for malformed host keys. */
export async function connectSsh(options: SshOptions): Promise<Session> {
  const { client, where } = await connectClient(options);
  return sshSession(client, where);
}

/** A client that is logged in, for who needs more than commands. Throws as connectSsh. */
export async function connectClient(options: SshOptions): Promise<{ readonly client: Client; readonly where: string }> {
  const expected = options.hostKeys.map(parsePublicKey);
  const since = Date.now();
  const deadline = since + (options.waitMs ?? 0);
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 3_000)) {
    try {
      return await attempt(options, expected);
    } catch (error) {
      const again = error instanceof HostarkError && error.retry === 'later' && Date.now() + pauseMs < deadline;
      if (!again) throw error;
      options.onWait?.(error.message, Math.round((Date.now() - since) / 1000));
      await pause(pauseMs, options.signal);
    }
  }
}

function attempt(
  options: SshOptions,
  expected: readonly PublicKey[],
): Promise<{ readonly client: Client; readonly where: string }> {
  const port = options.port ?? 22;
  const where = `${options.user}@${options.host}:${port}`;
  if (options.signal?.aborted === true) return Promise.reject(interrupted(where, options.signal));
  return new Promise((resolve, reject) => {
    const client = new Client();
    let refused: HostarkError | null = null;
    const settle = (): void => {
      options.signal?.removeEventListener('abort', abort);
      client.removeAllListeners('ready');
    };
    const fail = (error: HostarkError): void => {
      settle();
      client.end();
      reject(error);
    };
    const abort = (): void => fail(interrupted(where, options.signal));
    options.signal?.addEventListener('abort', abort, { once: true });
    client.once('ready', () => {
      settle();
      resolve({ client, where });
    });
    // Stays for the whole life of the client: an unhandled 'error' event would end the process.
    client.on('error', (error) => fail(refused ?? connectionError(where, error)));
    client.once('close', () => fail(refused ?? connectionError(where, new Error('the connection was closed'))));
    try {
      client.connect(
        configuration(options, port, expected, (key) => {
          refused = checkHostKey(where, key, expected);
          return refused === null;
        }),
      );
    } catch (cause) {
      // ssh2 throws at once for a private key that it cannot parse; its message holds no key material
      fail(new HostarkError('host-unreachable', `${where}: the private key cannot be used`, { cause, hint: KEY_HINT }));
    }
  });
}

const KEY_HINT = 'give an unencrypted OpenSSH or PEM private key';

function configuration(
  options: SshOptions,
  port: number,
  expected: readonly PublicKey[],
  hostVerifier: (key: Buffer) => boolean,
): ConnectConfig {
  const known = preferredAlgorithms(expected);
  return {
    host: options.host,
    port,
    username: options.user,
    privateKey: options.privateKey,
    readyTimeout: options.timeoutMs ?? 20_000,
    keepaliveInterval: options.keepaliveMs ?? 15_000,
    keepaliveCountMax: 3,
    hostVerifier,
    authHandler: ['publickey'],
    algorithms: {
      // The host is asked for the kind of key that we know; else a host with several would present another one.
      ...(known.length === 0 ? {} : { serverHostKey: first(known as ServerHostKeyAlgorithm[]) }),
      // AES-GCM runs in OpenSSL; ssh2's first choice, ChaCha20, falls back to slower code without its native add-on.
      cipher: first<CipherAlgorithm>(['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com']),
      compress: ['none'],
    },
  };
}

/** Moves algorithms to the front of ssh2's defaults. They are removed first: prepending alone leaves known ones in place. */
function first<T>(algorithms: T[]): AlgorithmList<T> {
  return { remove: algorithms, prepend: algorithms, append: [] };
}

/** What ssh2 says about a connection that did not come about. */
function connectionError(where: string, cause: Error & { level?: string; code?: string }): HostarkError {
  if (cause.level === 'client-authentication') {
    return unreachable(`${where}: the host does not accept this key for this user`, {
      hint: 'check the user name and the key; a host that is still booting may not know the key yet',
      cause,
    });
  }
  const found = cause.code === 'ECONNREFUSED' ? 'the connection was refused' : cause.message;
  return unreachable(`${where}: expected an SSH server, ${found}`, {
    hint: 'check that the host runs, and that its security group lets this address in',
    cause,
  });
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(interrupted('ssh', signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
