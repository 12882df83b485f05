/** Puts the agent on a host, once per version. Needs only sh, cat, mkdir, mv, gzip and tar there. */
import type { AgentArchive } from './agent-archive.ts';
import type { Session } from './session.ts';

export interface ShippedAgent {
  /** Absolute directory on the host that holds bin/node and main.js. */
  readonly path: string;
  /** False when it was there already. */
  readonly sent: boolean;
  readonly bytesSent: number;
}

export interface ShipOptions {
  /** Default `$HOME/.cache/hostark/agent` of the login user. Absolute. */
  readonly directory?: string;
  readonly onProgress?: (bytesSent: number, bytesTotal: number) => void;
  readonly signal?: AbortSignal;
}

export function shipAgent(session: Session, archive: AgentArchive, options: ShipOptions = {}): Promise<ShippedAgent> {
  throw new Error(`not implemented: ${session.description} ${archive.sha256} ${options.directory}`);
}
