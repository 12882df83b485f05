/** Records what is below a folder of a host: the agent hashes and lists it there, the list comes back. */
import type { ManifestEntry } from '@hostark/archive';
import type { RemoteAgent } from '../hosts/agent.ts';

export async function recordOnHost(agent: RemoteAgent, root: string, signal: AbortSignal): Promise<ManifestEntry[]> {
  const manifest: ManifestEntry[] = [];
  await agent.run(
    { schema: 1, kind: 'manifest', root },
    { signal, onManifest: (entries) => void manifest.push(...(entries as ManifestEntry[])) },
  );
  return manifest;
}
