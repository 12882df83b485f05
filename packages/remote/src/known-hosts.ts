/** Host keys we have accepted, in OpenSSH's known_hosts format (`ssh -o UserKnownHostsFile=` reads it). */

export interface KnownHosts {
  readonly file: string;
  /** Public key lines ('ssh-ed25519 AAAA…') of a host; empty when unknown. */
  keys(host: string, port: number): Promise<readonly string[]>;
  /** Adds a key; durable when resolved. */
  add(host: string, port: number, key: string): Promise<void>;
  /** Forgets a host, e.g. after it was destroyed. */
  remove(host: string, port: number): Promise<void>;
}

/** Opens `known_hosts` below the state directory; nothing is created until the first `add`. */
export function openKnownHosts(directory: string): KnownHosts {
  throw new Error(`not implemented: ${directory}`);
}
