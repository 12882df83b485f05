/** How a host is reached: over SSH with its verified key, or over Systems Manager. One choice for all commands. */
import { access, readFile } from 'node:fs/promises';
import { type Host, openRunStore, runCommands } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { connectSsh, connectSsm, type Session, type SshOptions } from '@hostark/remote';
import { storeOf } from './access.ts';
import { archiveFor } from './agent.ts';
import type { Cloud } from './cloud.ts';

/** One array for the type and the flag. */
export const VIA = ['auto', 'ssh', 'ssm'] as const;
export type Via = (typeof VIA)[number];

/** Waits this long for a host that still boots, or whose SSM agent has not reported in yet. */
const BOOT_WAIT_MS = 180_000;

/** Opens a session. `auto`: as the host was launched or adopted; SSH where a key and an address are there, else SSM. */
export async function openSession(cloud: Cloud, host: Host, via: Via = 'auto'): Promise<Session> {
  return (await chooseVia(host, via)) === 'ssh' ? openSsh(cloud, host) : openSsm(cloud, host);
}

/** Says which way a host is reached. */
export async function chooseVia(host: Host, via: Via): Promise<'ssh' | 'ssm'> {
  if (via !== 'auto') return via;
  if (host.via === 'ssm') return 'ssm';
  const hasKey = host.privateKeyFile !== null && (await isReadable(host.privateKeyFile));
  return hasKey && host.address !== null && host.hostKeys.length > 0 ? 'ssh' : 'ssm';
}

async function isReadable(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function openSsh(cloud: Cloud, host: Host): Promise<Session> {
  return connectSsh(await sshOptions(cloud, host));
}

/** How to log in to a host. Throws 'host-unreachable' when it has no address, or this machine no key. */
export async function sshOptions(cloud: Pick<Cloud, 'signal' | 'onEvent'>, host: Host): Promise<SshOptions> {
  if (host.address === null)
    throw new HostarkError(
      'host-unreachable',
      `expected a running host, ${host.name} is ${host.state} and has no address`,
      { hint: 'start it, or use --via ssm for a host without a public address' },
    );
  if (host.privateKeyFile === null) {
    throw new HostarkError('host-unreachable', `this machine has no key to log in to ${host.name}`, {
      hint: 'run this with the state directory of the machine that launched or adopted it, or use --via ssm',
    });
  }
  return {
    host: host.address,
    port: host.port,
    user: host.user,
    privateKey: await readFile(host.privateKeyFile, 'utf8'),
    hostKeys: host.hostKeys,
    waitMs: BOOT_WAIT_MS,
    onWait: (why, seconds) => tell(cloud, `waiting for ${host.name} to take SSH logins (${seconds} s): ${why}`),
    signal: cloud.signal,
  };
}

async function openSsm(cloud: Cloud, host: Host): Promise<Session> {
  if (host.state !== 'running' && host.state !== 'pending') {
    throw new HostarkError('host-unreachable', `expected a running host, ${host.name} is ${host.state}`, {
      hint: 'start it first',
    });
  }
  const { bucket, prefix } = storeOf(host);
  const told = new Set<string>();
  return connectSsm({
    instanceId: host.instanceId,
    calls: runCommands(cloud.clients),
    store: await openRunStore(cloud.clients, bucket, prefix),
    archive: (machine) => archiveFor(cloud, machine),
    waitMs: BOOT_WAIT_MS,
    onStep: (text) => {
      if (!told.has(text)) tell(cloud, `${host.name}: ${text}`);
      told.add(text);
    },
    signal: cloud.signal,
  });
}

function tell({ onEvent }: Pick<Cloud, 'onEvent'>, message: string): void {
  onEvent({ type: 'notice', level: 'info', message });
}
