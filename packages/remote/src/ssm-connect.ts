/** Opens a session over Systems Manager: waits for the instance, brings the agent, starts its relay. See ssm-session.ts. */
import { randomBytes } from 'node:crypto';
import type { SsmStore } from '@hostark/protocol';
import type { AgentArchive } from './agent-archive.ts';
import { interrupted, unreachable } from './errors.ts';
import { pause } from './run-parts.ts';
import { newChannelKeys, sealedChannel } from './sealed-channel.ts';
import type { Session } from './session.ts';
import { quote } from './shell.ts';
import { bringAgent } from './ssm-agent.ts';
import { OFFLINE_HINT, sendScript } from './ssm-command.ts';
import { SsmSession, type SsmSessionOptions } from './ssm-session.ts';

export interface SsmOptions extends SsmSessionOptions {
  /** The archive for what `uname -m` says; null asks for the one that is most likely right. */
  readonly archive: (machine: string | null) => Promise<AgentArchive>;
  /** How long to wait for the instance's SSM agent to report in. Default 0: it must be there. */
  readonly waitMs?: number;
  /** What is going on, for people. */
  readonly onStep?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** The longest that AWS-RunShellScript may run: 48 hours. */
const SESSION_SECONDS = 172_800;
/** Objects of runs that ended badly are removed by a later session after this time. */
const STALE_RUN_MS = 3 * 86_400_000;

/** Throws 'host-unreachable', 'agent-failed', 'disk-full', 'interrupted', and what the calls throw. */
export async function connectSsm(options: SsmOptions): Promise<Session> {
  const { calls, store, instanceId, signal } = options;
  const target = { calls, instanceId };
  await untilOnline(options);
  const run = `${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(8).toString('hex')}`;
  const keys = newChannelKeys();
  const agent = await bringAgent(target, {
    ...{ store, run, archive: options.archive, signal },
    ...(options.onStep === undefined ? {} : { onStep: options.onStep }),
  });
  options.onStep?.('starting the agent');
  const script = relayCommand(agent.path, store, run, keys.publicKey);
  const comment = 'Hostark: session';
  const id = await sendScript(target, script, { runSeconds: SESSION_SECONDS, comment, signal });
  const channel = sealedChannel({ side: 'operator', run, own: keys, other: agent.publicKey });
  const session = new SsmSession(options, { id, run, channel });
  try {
    await session.started(signal);
  } catch (error) {
    await session.close();
    throw error;
  }
  void removeStaleRuns(store);
  return session;
}

async function untilOnline({ calls, instanceId, waitMs = 0, signal, onStep }: SsmOptions): Promise<void> {
  const deadline = performance.now() + waitMs;
  const where = `ssm ${instanceId}`;
  for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 2, 5_000)) {
    if (signal?.aborted === true) throw interrupted(where, signal);
    if (await calls.online(instanceId, signal)) return;
    if (performance.now() + pauseMs > deadline)
      throw unreachable(`${where}: Systems Manager does not see the instance`, { hint: OFFLINE_HINT });
    onStep?.('waiting for the instance to report to Systems Manager');
    await pause(pauseMs, signal ?? new AbortController().signal);
  }
}

function relayCommand(path: string, store: SsmStore, run: string, operator: string): string {
  // With '=', since a key may begin with '-'.
  const words = [
    ...[`${path}/bin/node`, `${path}/main.cjs`, 'agent', 'relay', `--run=${run}`, `--operator=${operator}`],
    ...[`--bucket=${store.bucket}`, `--prefix=${store.prefix}`, `--region=${store.region}`],
    ...(store.endpoint === null ? [] : [`--endpoint=${store.endpoint}`]),
  ];
  return `exec ${words.map(quote).join(' ')}`;
}

async function removeStaleRuns(store: SsmStore): Promise<void> {
  const before = new Date(Date.now() - STALE_RUN_MS).toISOString().replace(/[-:]|\.\d+/g, '');
  try {
    for (const run of await store.runs()) if (run < before) await store.forget(run);
  } catch {
    // housekeeping: the next session tries again
  }
}
