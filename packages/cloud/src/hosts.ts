/** Lists hosts by our tags, joined with the records of this machine. */
import type { AwsClients } from './clients.ts';
import type { Host } from './launch.ts';
import type { Ledger } from './ledger.ts';
import type { AskOptions } from './run.ts';

/** All hosts with our tags in the clients' region that are not terminated, by name. */
export function listHosts(clients: AwsClients, ledger: Ledger, options: AskOptions = {}): Promise<readonly Host[]> {
  throw new Error(`not implemented: ${clients.region} ${ledger.directory} ${options.signal}`);
}

/** One host by name or instance id. Throws 'host-not-found'. */
export function showHost(clients: AwsClients, ledger: Ledger, name: string, options: AskOptions = {}): Promise<Host> {
  throw new Error(`not implemented: ${clients.region} ${ledger.directory} ${name} ${options.signal}`);
}
