/** The agent as one archive: runtime, bundle and native packages, addressed by its SHA-256. */

export interface AgentParts {
  /** The `node` executable that runs on the host. */
  readonly nodeBinary: string;
  /** Holds main.js, worker.js … ; all its files are taken. */
  readonly bundleDirectory: string;
  /** Package directories that go to node_modules by their package name. */
  readonly nativePackages: readonly string[];
  /** Archives are kept here by their input's hash, so each version is built once. */
  readonly outDirectory: string;
}

export interface AgentArchive {
  /** A .tar.gz file. */
  readonly file: string;
  /** Hex SHA-256 of the .tar.gz. */
  readonly sha256: string;
  readonly bytes: number;
  /** False when it was there already. */
  readonly built: boolean;
}

export function buildAgentArchive(parts: AgentParts): Promise<AgentArchive> {
  throw new Error(`not implemented: ${parts.outDirectory}`);
}
