/** A cloud of its own for a test file: the sandbox on loopback, clients for it, and a state directory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sandbox, startSandbox } from '@hostark/sandbox';
import { type AwsClients, awsClients, type CallObserver, type Ledger, openLedger } from '../src/index.ts';

export interface TestCloud {
  readonly sandbox: Sandbox;
  readonly clients: AwsClients;
  readonly ledger: Ledger;
  readonly root: string;
  /** More clients as the administrator. */
  connect(options?: { readonly observer?: CallObserver; readonly region?: string }): Promise<AwsClients>;
  /** A state directory of its own. */
  freshLedger(): Promise<Ledger>;
  stop(): Promise<void>;
}

/** `durable: false` saves what fsync costs, for tests that make and remove many disks. */
export async function startTestCloud(options: { readonly durable?: boolean } = {}): Promise<TestCloud> {
  const root = mkdtempSync(join(tmpdir(), 'hostark-cloud-'));
  const sandbox = await startSandbox({ directory: join(root, 'sandbox'), ...options });
  const closers: (() => unknown)[] = [];
  const connect: TestCloud['connect'] = async (options = {}) => {
    const clients = await awsClients({
      endpoint: sandbox.endpoint,
      region: sandbox.region,
      credentials: sandbox.adminCredentials,
      ...options,
    });
    closers.push(() => clients.close());
    return clients;
  };
  let ledgers = 0;
  const freshLedger = async (): Promise<Ledger> => {
    const ledger = await openLedger(join(root, `state-${ledgers++}`));
    closers.push(() => ledger.close());
    return ledger;
  };
  return {
    sandbox,
    root,
    clients: await connect(),
    ledger: await freshLedger(),
    connect,
    freshLedger,
    async stop(): Promise<void> {
      for (const close of closers.reverse()) await close();
      await sandbox.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
