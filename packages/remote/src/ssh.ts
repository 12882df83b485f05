/** SSH sessions with verified host keys. An unknown or changed key ends the connection before anything is sent. */
import type { Session } from './session.ts';

export interface SshOptions {
  readonly host: string;
  /** Default 22. */
  readonly port?: number;
  readonly user: string;
  /** OpenSSH or PEM text. Secret. */
  readonly privateKey: string;
  /** OpenSSH public key lines ('ssh-ed25519 AAAA… comment'); the host must present one of them. */
  readonly hostKeys: readonly string[];
  /** For the whole handshake. Default 20,000. */
  readonly timeoutMs?: number;
  /** How long to go on trying while the host refuses or does not answer (it may be booting). Default 0: one attempt. */
  readonly waitMs?: number;
  /** A connection that stays silent for three intervals is lost. Default 15,000. */
  readonly keepaliveMs?: number;
  readonly signal?: AbortSignal;
}

/** Throws 'host-key-unknown', 'host-key-changed', 'host-unreachable', 'interrupted'. */
export function connectSsh(options: SshOptions): Promise<Session> {
  throw new Error(`not implemented: ${options.host}`);
}
