/** Opens what every cloud command needs: AWS clients, the ledger, the secrets of this machine. */
import { join } from 'node:path';
import { type AwsClients, awsClients, type CloudEvent, type Ledger, openLedger } from '@hostark/cloud';
import type { CommandContext } from '../run.ts';
import { openSecrets, type SecretStore } from '../state/secrets.ts';
import { stateDirectory } from '../terminal/io.ts';

/** Flags of all cloud commands. */
export interface CloudFlags {
  readonly profile?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly stateDir?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export interface Cloud {
  readonly clients: AwsClients;
  readonly ledger: Ledger;
  readonly secrets: SecretStore;
  readonly stateDirectory: string;
  /** Prints steps as they are done; progress goes to the live line. */
  readonly onEvent: (event: CloudEvent) => void;
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/** Opens the cloud of the flags. Throws 'cloud-auth' when no region can be found. */
export async function openCloud(context: CommandContext, flags: CloudFlags): Promise<Cloud> {
  const directory = flags.stateDir ?? stateDirectory(context.io);
  const configDirectory =
    context.io.env.HOSTARK_CONFIG_DIR || `${context.io.env.XDG_CONFIG_HOME || `${context.io.home}/.config`}/hostark`;
  const clients = await awsClients({
    ...(flags.profile === undefined ? {} : { profile: flags.profile }),
    ...(flags.region === undefined ? {} : { region: flags.region }),
    ...(flags.endpoint === undefined ? {} : { endpoint: flags.endpoint }),
  });
  const ledger = await openLedger(directory);
  return {
    clients,
    ledger,
    secrets: openSecrets(join(directory, 'secrets'), join(configDirectory, 'state.key')),
    stateDirectory: directory,
    onEvent: (event) => showCloudEvent(context, event),
    signal: context.signal,
    async close() {
      clients.close();
      await ledger.close();
    },
  };
}

/** Runs `work` with an open cloud and closes it. */
export async function withCloud<T>(
  context: CommandContext,
  flags: CloudFlags,
  work: (cloud: Cloud) => Promise<T>,
): Promise<T> {
  const cloud = await openCloud(context, flags);
  try {
    return await work(cloud);
  } finally {
    await cloud.close();
  }
}

function showCloudEvent({ out }: CommandContext, event: CloudEvent): void {
  if (event.type !== 'step') {
    out.event(event);
    return;
  }
  if (out.json)
    out.data({ message_type: 'step', step: event.step, state: event.state, resource: event.resource, id: event.id });
  else if (event.state !== 'started')
    out.say(`${event.state === 'kept' ? 'kept   ' : 'done   '} ${event.step} ${event.resource} ${event.id}`);
}
