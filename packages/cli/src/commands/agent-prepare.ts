/** `hostark agent prepare --arch arm64`: what hosts of another architecture need, fetched once by pinned hashes. */

import { archiveForArchitecture } from '../hosts/agent.ts';
import { fetchPackage, isPrepared, PINS_AS_OF, pinnedPackages, prunePackages } from '../hosts/agent-packages.ts';
import { formatBytes } from '../terminal/format.ts';
import { stateDirectory } from '../terminal/io.ts';
import type { CommandCode } from '../tree/command.ts';

interface PrepareFlags {
  readonly arch: string;
  readonly stateDir?: string;
  readonly dryRun?: boolean;
}

export const agentPrepare: CommandCode<PrepareFlags> = async ({ io, out, signal }, flags) => {
  const state = flags.stateDir ?? stateDirectory(io);
  const wanted = flags.arch === process.arch ? [] : pinnedPackages(flags.arch);
  const missing = wanted.filter((one) => !isPrepared(state, one));
  const steps = missing.map(({ name, version, integrity }) => ({ name, version, integrity }));
  out.data({
    message_type: 'plan',
    plan: { kind: 'agent-packages', arch: flags.arch, asOf: PINS_AS_OF, fetch: steps },
  });
  for (const { name, version } of missing)
    out.say(`${flags.dryRun ? 'would fetch' : 'fetching'} ${name} ${version} from npm's registry`);
  if (flags.dryRun) return 0;
  for (const one of missing) await fetchPackage(state, one, { env: io.env, signal });
  await prunePackages(state);
  const archive = await archiveForArchitecture({ stateDirectory: state }, flags.arch);
  out.data({ message_type: 'summary', arch: flags.arch, sha256: archive.sha256, bytes: archive.bytes });
  out.print(`agent for ${flags.arch} is ready: ${formatBytes(archive.bytes)}`);
  return 0;
};
