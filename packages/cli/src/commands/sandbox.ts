/** `hostark sandbox`: an AWS-compatible cloud on this machine, until Ctrl-C. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostarkError } from '@hostark/protocol';
import { startSandbox } from '@hostark/sandbox';
import { wholeNumber } from '../repository/settings.ts';
import type { CommandCode } from '../tree/command.ts';

interface SandboxFlags {
  readonly directory?: string;
  readonly port?: string;
}

export const sandbox: CommandCode<SandboxFlags> = async ({ out, signal }, flags) => {
  const port = flags.port === undefined ? undefined : wholeNumber(flags.port, '--port', { min: 1, max: 65535 });
  const directory = flags.directory ?? (await mkdtemp(join(tmpdir(), 'hostark-sandbox-')));
  const cloud = await startSandbox({ directory, ...(port === undefined ? {} : { port }) }).catch(busy);
  try {
    out.data({ message_type: 'sandbox', endpoint: cloud.endpoint, directory, environment: cloud.environment() });
    out.say(`the sandbox cloud runs at ${cloud.endpoint}, its state is in ${directory}. In another shell:`);
    for (const [name, value] of Object.entries(cloud.environment())) out.print(`export ${name}=${value}`);
    out.say('Ctrl-C stops it and its hosts.');
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      process.once('SIGHUP', () => resolve()); // the terminal is closed: nobody is left to press Ctrl-C
    });
    return 0;
  } finally {
    await cloud.stop();
  }
};

function busy(cause: NodeJS.ErrnoException): never {
  if (cause.code !== 'EBUSY') throw cause;
  throw new HostarkError('target-unusable', cause.message, {
    hint: 'use that one, stop it first, or name another --directory',
    cause,
  });
}
