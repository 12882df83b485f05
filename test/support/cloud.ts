/** A cloud for tests: `hostark sandbox` as a process of its own, and a shell on its hosts. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BECOME_ROOT, connectSsh, type Session } from '@hostark/remote';
import { type Inventory, startSandbox } from '@hostark/sandbox';
import { describe, hostarkOk, jsonLines, type Running, startHostark, type Workspace } from './hostark.ts';

export interface TestCloud {
  /** The workspace's environment with that of the sandbox: endpoint, region, the administrator's keys. */
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly process: Running;
  /** Ends the sandbox as Ctrl-C does and returns what existed in it; throws unless it ends with 0. */
  stop(): Promise<Inventory>;
}

/** Starts a sandbox below the workspace and waits for its endpoint. */
export async function startCloud(workspace: Workspace): Promise<TestCloud> {
  const directory = workspace.path('cloud');
  const sandbox = startHostark(['sandbox', '--directory', directory, '--json'], { env: workspace.env });
  while (!sandbox.stdout().includes('\n')) {
    const early = await Promise.race([once(sandbox.child.stdout!, 'data').then(() => null), sandbox.ended]);
    if (early !== null) throw new Error(`the sandbox ended: ${describe(early)}`);
  }
  const { environment } = jsonLines(sandbox.stdout())[0] as { environment: Record<string, string> };
  let stopped: Promise<Inventory> | null = null;
  const stop = async (): Promise<Inventory> => {
    sandbox.child.kill('SIGINT');
    const ended = await sandbox.ended;
    if (ended.code !== 0) throw new Error(`the sandbox ended with ${describe(ended)}`);
    return inventoryOf(directory);
  };
  return {
    env: { ...workspace.env, ...environment },
    directory,
    process: sandbox,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Lists what is in a sandbox that does not run: its directory is opened once more. */
async function inventoryOf(directory: string): Promise<Inventory> {
  const again = await startSandbox({ directory });
  try {
    return await again.inventory();
  } finally {
    await again.stop();
  }
}

/** What `host show --json` says, as far as a login needs it. */
export interface ShownHost {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly hostKeys: readonly string[];
  readonly instanceId: string;
}

/** Logs in to a host with the key that its launch left in the home's state directory. */
export async function logInto(name: string, env: Readonly<Record<string, string>>): Promise<Session> {
  const host = jsonLines(await hostarkOk(['host', 'show', name, '--json'], { env })).at(-1) as unknown as ShownHost;
  return connectSsh({
    host: host.address,
    port: host.port,
    user: host.user,
    privateKey: readFileSync(join(env.HOME!, '.local/state/hostark/hosts', name, 'id_ed25519'), 'utf8'),
    hostKeys: host.hostKeys,
  });
}

/** Runs a script on a host, as root where the login user may, and returns what it prints; throws unless it ends with 0. */
export async function onHost(session: Session, script: string): Promise<string> {
  const stdin = `${script}\n`;
  const { code, stdout, stderr } = await session.exec(`${BECOME_ROOT}\nexec $as_root sh -eu`, { stdin });
  if (code !== 0) throw new Error(`a script on the host ended with ${code}: ${stderr}`);
  return stdout;
}
