/**
 * The repository of a host as the operator's machine sees it: created here, with a recovery key, before the host first
 * writes into it. So the host's role need not be able to create keys.
 */
import { hostname } from 'node:os';
import { nodePlatform } from '@hostark/kernels';
import type { JobRates, RepositoryAccess } from '@hostark/protocol';
import {
  addKey,
  type Backend,
  initRepository,
  localInstant,
  openBackend,
  openRepository,
  systemZone,
} from '@hostark/repository';
import { userName } from '../repository/maker.ts';
import { newPassword } from './access.ts';
import type { Cloud } from './cloud.ts';

/** Opens the backend of a host's repository with the operator's credentials. */
export function openHostBackend(
  { clients, credentials }: Cloud,
  access: RepositoryAccess,
  rates: JobRates = {},
): Promise<Backend> {
  return openBackend(access.location, {
    rates,
    s3: {
      region: access.region ?? clients.region,
      ...(credentials.profile === undefined ? {} : { profile: credentials.profile }),
      ...(credentials.credentials === undefined ? {} : { credentials: credentials.credentials }),
    },
  });
}

/**
 * Creates the repository unless it is there, and its recovery key unless there is one. The key is told before it is
 * added: a run that is killed in between leaves a repository with one key, and the next run tells and adds another.
 * Returns the recovery key that was added now, else null.
 */
export async function ensureRepository(
  cloud: Cloud,
  access: RepositoryAccess,
  tell: (recoveryKey: string) => void,
): Promise<string | null> {
  const backend = await openHostBackend(cloud, access);
  try {
    const names = {
      username: userName(),
      hostname: hostname(),
      created: localInstant(BigInt(Date.now()) * 1_000_000n, systemZone),
    };
    const opening = { password: access.password, platform: nodePlatform() };
    const exists = await backend.exists({ type: 'config', name: '' });
    if (exists && (await countKeys(backend)) > 1) return null;
    const repository = exists
      ? await openRepository(backend, opening)
      : await initRepository(backend, { ...opening, ...names });
    const recoveryKey = newPassword();
    tell(recoveryKey);
    await addKey(repository, { ...names, password: recoveryKey, username: 'recovery' });
    return recoveryKey;
  } finally {
    await backend.close();
  }
}

async function countKeys(backend: Backend): Promise<number> {
  let count = 0;
  for await (const _ of backend.list('keys')) count++;
  return count;
}
