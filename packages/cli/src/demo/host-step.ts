/** Step 2: a host with role, instance profile, key pair and security group, and a real tree of files on its disk. */
import { type Host, type LaunchRequest, launchHost, planLaunch } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { BECOME_ROOT, quote, type Session } from '@hostark/remote';
import { installAgent, type RemoteAgent } from '../hosts/agent.ts';
import { openSession } from '../hosts/session.ts';
import { formatBytes, plural } from '../terminal/format.ts';
import type { DemoBucket } from './bucket-step.ts';
import { type ChosenData, streamTar } from './data.ts';
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
  state: DemoState,
  bucket: DemoBucket,
  name: string,
  prefix: string,
  say: Say,
  more: Pick<LaunchRequest, 'volumes'> = {},
): Promise<Omit<DemoHost, 'bytesMoved' | 'data'>> {
  const { cloud } = state;
  const quiet = { ...cloud, onEvent: () => {} };
  const plan = await planLaunch(cloud.clients, { ...more, name, bucket: bucket.name, prefix }, quiet);
  const host = await launchHost(cloud.clients, plan, quiet);
  say(
    `instance ${host.instanceId} (${host.image}, ${host.instanceType}) with role ${plan.identity?.roleName ?? 'none'}, key pair ${plan.key?.keyName ?? 'none'}, security group ${plan.network.securityGroupName}`,
  );
  say(`it is made of ${await isolationOf(state, host)}`);
  const session = await openSession(cloud, host, 'ssh');
  say(`logged in over SSH at ${host.address}:${host.port}, host key verified`);
  const agent = await installAgent(cloud, session, { signal: cloud.signal });
  say(`agent at ${agent.path}${agent.bytesSent > 0 ? `, ${formatBytes(agent.bytesSent)} sent` : ''}`);
  return { host, session, agent };
}

export async function hostStep(state: DemoState, bucket: DemoBucket, say: Say): Promise<DemoHost> {
  const { signal } = state.cloud;
  const launched = await launchWithAgent(state, bucket, 'web-1', 'hosts/web-1/', say);
  const { stdout } = await launched.session.exec('cd && pwd', { signal });
  const data = `${stdout.replace(/\n$/, '')}/data`;
  const chosen = state.data;
  say(`copying ${plural(chosen.files, 'file')}, ${formatBytes(chosen.bytes)} from ${chosen.origin}`);
  await unpack(launched.session, data, chosen, signal);
  const made = await runScript(launched.session, ODDITIES_SCRIPT, signal, { DATA: data });
  say(made.trim().split('\n').at(-1) ?? '');
  return { ...launched, data, bytesMoved: chosen.bytes };
}

/** Puts the chosen files below a folder of the host. */
export async function unpack(session: Session, data: string, chosen: ChosenData, signal: AbortSignal): Promise<void> {
  await runScript(session, 'mkdir -p "$DATA"', signal, { DATA: data });
  const { code, stderr } = await session.exec(unpackCommand(data), { stdin: streamTar(chosen, signal), signal });
  if (code !== 0) throw new HostarkError('command-failed', `tar on the host ended with ${code}: ${stderr.slice(-500)}`);
}

/** Unpacks as root where that is possible; owners are kept where this host can have more than one. */
function unpackCommand(directory: string): string {
  return `${BECOME_ROOT}
data=${quote(directory)}
probe="$data/.probe"
: > "$probe"
if $as_root chown 1:1 "$probe" 2>/dev/null; then owners=; else owners=--no-same-owner; fi
$as_root rm -f "$probe"
exec $as_root tar -C "$data" $owners -xpf -`;
}

const ISOLATION: Readonly<Record<string, string>> = {
  namespace: 'processes in namespaces of their own, with a root directory, owners and devices of their own',
  'user-namespace': 'processes in a user namespace with a root directory of their own; only one owner exists there',
  folder: 'processes in a plain folder, since this system allows no namespaces',
};

/** Says what stands for a machine here: the sandbox tells it in a tag. */
async function isolationOf({ sandbox }: DemoState, host: Host): Promise<string> {
  const entry = (await sandbox.inventory()).find(({ kind, id }) => kind === 'ec2:instance' && id === host.instanceId);
  const isolation = String(entry?.detail?.isolation ?? 'unknown');
  return ISOLATION[isolation] ?? isolation;
}
