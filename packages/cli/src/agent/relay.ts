/**
 * The agent's side of a session over Systems Manager: `agent key RUN` makes the key of a run and prints its public half,
 * `agent relay` takes that key and runs what the operator sends through the bucket. See remote's relay.ts.
 */
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { awsClients, hostRunStore } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { type ChannelKeyPair, isChannelKey, newChannelKeys, sealedChannel, serveRelay } from '@hostark/remote';
import type { Io } from '../terminal/io.ts';
import type { CommandCode } from '../tree/command.ts';

interface RelayFlags {
  readonly run: string;
  /** The operator's public key. */
  readonly operator: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly region: string;
  readonly endpoint?: string;
}

/** The name of a run is part of a path and of object keys. */
const RUN = /^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}$/;

export const agentKey: CommandCode<object> = async ({ io, out }, _flags, [run]) => {
  const keys = newChannelKeys();
  const file = keyFile(io, run!);
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(JSON.stringify(keys));
  } finally {
    await handle.close();
  }
  out.print(keys.publicKey);
  return 0;
};

export const agentRelay: CommandCode<RelayFlags> = async ({ io, signal }, flags) => {
  const own = await takeKey(io, flags.run);
  if (!isChannelKey(flags.operator)) throw new HostarkError('usage', '--operator: expected a public key');
  const clients = await awsClients({
    region: flags.region,
    ...(flags.endpoint === undefined ? {} : { endpoint: flags.endpoint }),
  });
  try {
    const store = await hostRunStore(clients, flags);
    const channel = sealedChannel({ side: 'host', run: flags.run, own, other: flags.operator });
    // An SSM agent gives its commands no HOME; ours expect one, as after a login.
    const env = { ...io.env, HOME: io.home };
    const end = await serveRelay({ objects: store.run(flags.run), channel, env, signal });
    return end === 'closed' ? 0 : 1;
  } finally {
    clients.close();
  }
};

function keyFile(io: Io, run: string): string {
  if (!RUN.test(run)) throw new HostarkError('usage', `expected the name of a run, got ${JSON.stringify(run)}`);
  return join(io.home, '.cache/hostark/runs', run);
}

/** A key serves once: its file is gone before anything is read from the bucket. */
async function takeKey(io: Io, run: string): Promise<ChannelKeyPair> {
  const file = keyFile(io, run);
  try {
    const text = await readFile(file, 'utf8');
    await rm(file);
    return JSON.parse(text) as ChannelKeyPair;
  } catch (cause) {
    throw new HostarkError('agent-failed', `there is no key for run ${run}: it was used, or never made here`, {
      cause,
    });
  }
}
