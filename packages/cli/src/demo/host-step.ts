/** Step 2: a host with role, instance profile, key pair and security group, and a real tree of files on its disk. */
import { type Host, launchHost, planLaunch } from '@hostark/cloud';
import { BECOME_ROOT, type Session } from '@hostark/remote';
import { agentArchive, installAgent, logIn, type RemoteAgent } from '../hosts/agent.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import type { DemoBucket } from './bucket-step.ts';
import { chooseData, streamTar } from './data.ts';
import { ODDITIES_SCRIPT, runScript } from './scripts.ts';
import type { DemoState, Say } from './stage.ts';

/** The host that is going to be lost. */
export interface DemoHost {
  readonly host: Host;
  readonly session: Session;
  readonly agent: RemoteAgent;
  /** Where its data is, on the host. */
  readonly data: string;
  readonly bytesMoved: number;
}

/** Launches a host, logs in and brings the agent: the same for the host that is lost and the one that replaces it. */
export async function launchWithAgent(
  { cloud }: DemoState,
  bucket: DemoBucket,
  name: string,
  prefix: string,
  say: Say,
): Promise<Omit<DemoHost, 'bytesMoved' | 'data'>> {
  const quiet = { ...cloud, onEvent: () => {} };
  const plan = await planLaunch(cloud.clients, { name, bucket: bucket.name, prefix }, quiet);
  const host = await launchHost(cloud.clients, plan, quiet);
  say(
    `instance ${host.instanceId} (${host.image}, ${host.instanceType}) with role ${plan.identity?.roleName ?? 'none'}, key pair ${plan.keyName}, security group ${plan.network.securityGroupName}`,
  );
  const session = await logIn(host, cloud.signal);
  say(`logged in over SSH at ${host.address}:${host.port}, host key verified`);
  const agent = await installAgent(session, await agentArchive(cloud), { signal: cloud.signal });
  say(`agent at ${agent.path}${agent.bytesSent > 0 ? `, ${formatBytes(agent.bytesSent)} sent` : ''}`);
  return { host, session, agent };
}

export async function hostStep(state: DemoState, bucket: DemoBucket, say: Say): Promise<DemoHost> {
  const { signal } = state.cloud;
  const launched = await launchWithAgent(state, bucket, 'web-1', 'hosts/web-1/', say);
  const { stdout } = await launched.session.exec('cd && pwd', { signal });
  const data = `${stdout.trim()}/data`;
  const chosen = await chooseData(state.dataDirectory);
  say(`copying ${plural(chosen.files, 'file')}, ${formatBytes(chosen.bytes)} from ${chosen.origin}`);
  await runScript(launched.session, `mkdir -p '${data}'`, signal);
  const unpacked = await launched.session.exec(`${BECOME_ROOT}\nexec $as_root tar -C '${data}' -xpf -`, {
    stdin: streamTar(chosen, signal),
    signal,
  });
  if (unpacked.code !== 0)
    throw new Error(`tar on the host ended with ${unpacked.code}: ${unpacked.stderr.slice(0, 500)}`);
  const made = await runScript(launched.session, ODDITIES_SCRIPT, signal, { DATA: data });
  say(made.trim().split('\n').at(-1) ?? '');
  return { ...launched, data, bytesMoved: chosen.bytes };
}
