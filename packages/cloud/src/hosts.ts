/** Lists hosts by our tags, joined with the records of this machine. */
import { HostarkError } from '@hostark/protocol';
import type { AwsClients } from './clients.ts';
import { type Host, joinHost } from './host.ts';
import { readHostRecords } from './host-record.ts';
import { describeInstances } from './instance.ts';
import type { Ledger } from './ledger.ts';
import type { AskOptions } from './run.ts';
import { TAG_ADOPTED, TAG_MANAGED } from './tags.ts';

const LIVE = ['pending', 'running', 'stopping', 'stopped'];

/** All hosts with our tags in the clients' region that are not terminated, by name. */
export async function listHosts(
  clients: AwsClients,
  ledger: Ledger,
  options: AskOptions = {},
): Promise<readonly Host[]> {
  const filters = [
    { Name: 'tag-key', Values: [TAG_MANAGED, TAG_ADOPTED] }, // any of the two
    { Name: 'instance-state-name', Values: LIVE },
  ];
  const [instances, records] = await Promise.all([
    describeInstances(clients, filters, options),
    readHostRecords(ledger.directory),
  ]);
  const byInstance = new Map(records.map((record) => [record.instanceId, record]));
  return instances
    .map((instance) =>
      joinHost(instance, byInstance.get(instance.InstanceId ?? '') ?? null, clients.region, ledger.directory),
    )
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.instanceId < b.instanceId ? -1 : 1));
}

/** One host by name or instance id; the one this machine launched when several share a name. Throws 'host-not-found'. */
export async function showHost(
  clients: AwsClients,
  ledger: Ledger,
  name: string,
  options: AskOptions = {},
): Promise<Host> {
  const hosts = await listHosts(clients, ledger, options);
  const named = hosts.filter((host) => host.name === name || host.instanceId === name);
  const [host, second] = [...named.filter((one) => one.known), ...named.filter((one) => !one.known)];
  if (host === undefined) {
    const known = hosts.map((one) => one.name).join(', ');
    throw new HostarkError(
      'host-not-found',
      `host ${name}: none in ${clients.region}; there is ${known || 'no host at all'}`,
      {
        hint: 'hostark host list; another --region or --profile may have it',
      },
    );
  }
  if (second !== undefined && !host.known) {
    throw new HostarkError('host-not-found', `host ${name}: several have that name`, {
      hint: `name one by its id: ${named.map((one) => one.instanceId).join(', ')}`,
    });
  }
  return host;
}
