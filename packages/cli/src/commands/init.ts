/** `hostark init`: creates a repository. */
import { hostname } from 'node:os';
import { nodePlatform } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import { initRepository, localInstant, systemZone } from '@hostark/repository';
import { userName } from '../repository/maker.ts';
import { openBackendOf } from '../repository/open.ts';
import { readPassword } from '../repository/password.ts';
import type { CommandCode } from '../tree/command.ts';

/** `stable` is what stock restic calls its default. */
const VERSIONS: Readonly<Record<string, 1 | 2>> = { 1: 1, 2: 2, stable: 2, latest: 2 };

export const init: CommandCode<{ readonly repositoryVersion: string }> = async (context, flags) => {
  const { io, out } = context;
  const version = VERSIONS[flags.repositoryVersion];
  if (version === undefined) {
    throw new HostarkError(
      'usage',
      `--repository-version: expected 1, 2, stable or latest, got ${JSON.stringify(flags.repositoryVersion)}`,
    );
  }
  const password = await readPassword(flags, io, { confirm: true });
  const backend = await openBackendOf(context, flags, { create: true });
  try {
    const repository = await initRepository(backend, {
      password,
      platform: nodePlatform(),
      version,
      username: userName(),
      hostname: hostname(),
      created: localInstant(BigInt(Date.now()) * 1_000_000n, systemZone),
    });
    out.data({ message_type: 'initialized', id: repository.config.id, repository: backend.location });
    out.print(`created repository ${repository.config.id.slice(0, 10)} at ${backend.location}`);
    out.say('Keep the password: without it nothing comes back.');
    return 0;
  } finally {
    await backend.close();
  }
};
