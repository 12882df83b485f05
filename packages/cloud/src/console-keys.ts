/**
 * SSH host keys as a host printed them on its console at its first boot (cloud-init, "keys to console"). Only root on
 * the host and the hypervisor write there, so they are as trustworthy as the host itself.
 */
import type { Instance } from '@aws-sdk/client-ec2';
import { HostarkError } from '@hostark/protocol';
import { awsCode } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { type AskOptions, callOptions } from './run.ts';
import { until } from './wait.ts';

/** AWS posts the console some minutes after it was written; a host that has run longer shows what it has. */
const CONSOLE_LAG_MS = 600_000;

/** Returns public key lines without comment. Throws 'host-key-unknown' when the console shows none (any more). */
export async function consoleHostKeys(
  clients: AwsClients,
  instance: Instance,
  options: AskOptions,
): Promise<readonly string[]> {
  const id = instance.InstanceId ?? '';
  const ask = async (): Promise<readonly string[] | null> => {
    const keys = parseConsoleKeys(await consoleText(clients, id, options));
    return keys.length === 0 ? null : keys;
  };
  const young = Date.now() - (instance.LaunchTime?.getTime() ?? 0) < CONSOLE_LAG_MS;
  const keys = young
    ? await until(ask, { what: `the console of ${id}`, budgetMs: 300_000, signal: options.signal })
    : await ask();
  if (keys !== null) return keys;
  throw new HostarkError('host-key-unknown', `instance ${id}: its console shows no SSH host keys (any more)`, {
    hint: "give --known-host-key with a line of the host's /etc/ssh/ssh_host_*_key.pub, or reach it through --ssm",
  });
}

/** Pure. The keys of the last block; lines may carry a prefix (`ec2: `, a kernel's time stamp). */
export function parseConsoleKeys(text: string): readonly string[] {
  const blocks = text.split('-----BEGIN SSH HOST KEY KEYS-----');
  if (blocks.length < 2) return [];
  const [block = '', end] = (blocks.at(-1) ?? '').split('-----END SSH HOST KEY KEYS-----', 2);
  if (end === undefined) return []; // cut off: there may be more to come
  const lines = block.matchAll(/(?:^|\s)((?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) [A-Za-z0-9+/]+={0,2})(?=\s|$)/gm);
  return [...lines].map(([, line]) => line!);
}

async function consoleText(clients: AwsClients, InstanceId: string, options: AskOptions): Promise<string> {
  const { GetConsoleOutputCommand } = await import('@aws-sdk/client-ec2');
  const ec2 = await clients.ec2();
  const get = (Latest: boolean): Promise<string> =>
    ec2
      .send(new GetConsoleOutputCommand({ InstanceId, ...(Latest ? { Latest } : {}) }), callOptions(options))
      .then(({ Output }) => Buffer.from(Output ?? '', 'base64').toString('utf8'));
  try {
    return await get(true);
  } catch (error) {
    if (awsCode(error) !== 'UnsupportedOperation') throw error; // only Nitro instances know the latest output
    return await get(false);
  }
}
