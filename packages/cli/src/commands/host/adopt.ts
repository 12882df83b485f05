/** `hostark host adopt NAME --instance ID --bucket BUCKET`: ties a host that runs to a bucket, without a restart. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  type AdoptPlan,
  type AdoptRequest,
  adoptHost,
  type Host,
  noteHostKeys,
  planAdopt,
  publicKeyOf,
} from '@hostark/cloud';
import { HostarkError, isHostarkError } from '@hostark/protocol';
import { connectSsh } from '@hostark/remote';
import type { CommandContext } from '../../context.ts';
import { type Cloud, type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { publicFacts } from '../../hosts/public-facts.ts';
import { openSession } from '../../hosts/session.ts';
import type { CommandCode } from '../../tree/command.ts';

interface AdoptFlags extends CloudFlags {
  readonly instance: string;
  readonly bucket: string;
  readonly prefix?: string;
  readonly user?: string;
  readonly identityFile?: string;
  readonly knownHostKey?: string[];
  readonly trustConsole?: boolean;
  readonly ssm?: boolean;
  readonly sshFrom?: string[];
  readonly replaceProfile?: boolean;
}

/** How long a security group that was just opened may take to let a connection through. */
const OPENING_MS = 60_000;

export const adopt: CommandCode<AdoptFlags> = async (context, flags, [name]) => {
  const { out, io } = context;
  const identityFile = flags.identityFile === undefined ? null : resolve(io.cwd, flags.identityFile);
  if (identityFile !== null) await readIdentity(identityFile);
  return withCloud(context, flags, async (cloud) => {
    const plan = await planAdopt(cloud.clients, cloud.ledger, request(name!, flags, identityFile), cloud);
    if (flags.dryRun) {
      out.data({ message_type: 'plan', plan });
      for (const step of plan.steps) out.print(step);
      out.print('costs nothing by itself');
      return 0;
    }
    // Where nothing about the network changes, a login that fails is found out before anything is created.
    if (plan.via === 'ssh' && plan.access === null) await tryLogin(cloud, plan, plan, 0);
    const host = await adoptHost(cloud.clients, plan, cloud);
    if (plan.via === 'ssh' && plan.access !== null) await tryLogin(cloud, plan, host, OPENING_MS);
    if (plan.via === 'ssm') await meet(context, cloud, host);
    out.data({ message_type: 'summary', host: publicFacts(host) });
    out.print(`host ${host.name} (${host.instanceId}) is tied to ${host.bucket}/${host.prefix}; it was not restarted`);
    out.say(`next: hostark protect ${host.name} PATH...; to undo all of it: hostark host detach ${host.name}`);
    return 0;
  });
};

/** Asks the host for its SSH host keys through Systems Manager, which proves that it is the host: SSH may then be used too. */
async function meet({ out }: CommandContext, cloud: Cloud, host: Host): Promise<void> {
  try {
    const session = await openSession(cloud, host, 'ssm');
    try {
      const { stdout } = await session.exec('cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null', { signal: cloud.signal });
      const keys = stdout.split('\n').flatMap((line) => KEY_LINE.exec(line)?.[1] ?? []);
      if (keys.length > 0) await noteHostKeys(cloud.stateDirectory, host.name, keys);
    } finally {
      await session.close();
    }
  } catch (error) {
    if (!isHostarkError(error, 'host-unreachable')) throw error;
    out.warn(`warning: ${error.message}; an SSM agent may take up to half an hour to see its new profile`);
  }
}

const KEY_LINE = /(?:^|\s)((?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/]+={0,2})(?=\s|$)/;

function request(name: string, flags: AdoptFlags, identityFile: string | null): AdoptRequest {
  if (flags.trustConsole === true && flags.knownHostKey !== undefined) {
    throw new HostarkError('usage', 'expected one of --known-host-key and --trust-console, got both');
  }
  const hostKeys = flags.trustConsole === true ? ('console' as const) : flags.knownHostKey?.map(keyLine);
  return {
    name,
    instanceId: flags.instance,
    bucket: flags.bucket,
    via: flags.ssm === true ? 'ssm' : 'ssh',
    replaceProfile: flags.replaceProfile ?? false,
    ...(flags.prefix === undefined ? {} : { prefix: flags.prefix }),
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(identityFile === null ? {} : { identityFile }),
    ...(hostKeys === undefined ? {} : { hostKeys }),
    ...(flags.sshFrom === undefined ? {} : { sshFrom: flags.sshFrom }),
  };
}

/** A line of a .pub file, or of known_hosts with the host's name before it; the comment is dropped. */
function keyLine(text: string): string {
  const line = KEY_LINE.exec(text)?.[1];
  if (line !== undefined) return line;
  throw new HostarkError(
    'usage',
    `--known-host-key: expected a line like 'ssh-ed25519 AAAA...', got ${JSON.stringify(text)}`,
    {
      hint: "it is in the host's /etc/ssh/ssh_host_ed25519_key.pub; a fingerprint alone is not enough",
    },
  );
}

/** Throws 'usage' unless it is a private key that can be used without a passphrase. */
async function readIdentity(file: string): Promise<string> {
  try {
    const text = await readFile(file, 'utf8');
    publicKeyOf(text, '');
    return text;
  } catch (cause) {
    throw new HostarkError('usage', `--identity-file ${file}: ${(cause as Error).message}`, {
      hint: 'give the private key that logs in to the host: OpenSSH or PEM, without a passphrase',
      cause,
    });
  }
}

async function tryLogin(
  cloud: Cloud,
  plan: AdoptPlan,
  at: Pick<Host, 'address' | 'port'>,
  waitMs: number,
): Promise<void> {
  const session = await connectSsh({
    host: at.address ?? '',
    port: at.port,
    user: plan.user,
    privateKey: await readIdentity(plan.identityFile!),
    hostKeys: plan.hostKeys,
    waitMs,
    signal: cloud.signal,
  });
  await session.close();
}
