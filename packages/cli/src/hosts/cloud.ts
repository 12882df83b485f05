/** Opens what every cloud command needs: AWS clients, the ledger, the secrets of this machine. */
import { join } from 'node:path';
import {
  type AwsClients,
  awsClients,
  type CloudEvent,
  type CloudOptions,
  type Ledger,
  openLedger,
} from '@hostark/cloud';
import type { CommandContext } from '../context.ts';
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
  /** How the clients were made: the same choices open the repository in the bucket. */
  readonly credentials: CloudOptions;
  /** Prints steps as they are done; progress goes to the live line. */
  readonly onEvent: (event: CloudEvent) => void;
  readonly signal: AbortSignal;
  close(): Promise<void>;
}

/** Where a cloud's state and key live, and how its clients are made. */
export interface CloudPlace {
  readonly stateDirectory: string;
  readonly configDirectory: string;
  readonly options: CloudOptions;
}

/** Returns the place that flags and environment name. */
export function cloudPlace({ io }: CommandContext, flags: CloudFlags): CloudPlace {
  const config = io.env.HOSTARK_CONFIG_DIR || `${io.env.XDG_CONFIG_HOME || `${io.home}/.config`}/hostark`;
  return {
    stateDirectory: flags.stateDir ?? stateDirectory(io),
    configDirectory: config,
    options: {
      ...(flags.profile === undefined ? {} : { profile: flags.profile }),
      ...(flags.region === undefined ? {} : { region: flags.region }),
      ...(flags.endpoint === undefined ? {} : { endpoint: flags.endpoint }),
    },
  };
}

/** Opens a cloud. Throws 'cloud-auth' when no region can be found. */
export async function openCloud(context: CommandContext, place: CloudPlace): Promise<Cloud> {
  const clients = await awsClients(place.options);
  const ledger = await openLedger(place.stateDirectory);
  return {
    clients,
    ledger,
    secrets: openSecrets(join(place.stateDirectory, 'secrets'), join(place.configDirectory, 'state.key')),
    stateDirectory: place.stateDirectory,
    credentials: place.options,
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
  const cloud = await openCloud(context, cloudPlace(context, flags));
  try {
    return await work(cloud);
  } finally {
    await cloud.close();
  }
}

function showCloudEvent({ out }: CommandContext, event: CloudEvent): void {
  if (event.type === 'output') {
    out.data({ message_type: 'output', source: event.source, line: event.line });
    out.say(`${event.source}: ${event.line}`);
    return;
  }
  if (event.type !== 'step') {
    out.event(event);
    return;
  }
  if (out.json)
    out.data({ message_type: 'step', step: event.step, state: event.state, resource: event.resource, id: event.id });
  else if (event.state !== 'started')
    out.say(`${event.state === 'kept' ? 'kept   ' : 'done   '} ${event.step} ${event.resource} ${event.id}`);
}
