/**
 * The repository of a host as the operator's machine sees it: created here, with a recovery key, before the host first
 * writes into it. So the host's role need not be able to create keys.
 */
import { hostname } from 'node:os';
import { nodePlatform } from '@hostark/kernels';
import type { RepositoryAccess } from '@hostark/protocol';
import { addKey, type Backend, initRepository, localInstant, openBackend, systemZone } from '@hostark/repository';
import { userName } from '../repository/open.ts';
import { newPassword } from './access.ts';
import type { Cloud } from './cloud.ts';

/** Opens the backend of a host's repository with the operator's credentials. */
export function openHostBackend({ clients, credentials }: Cloud, access: RepositoryAccess): Promise<Backend> {
  return openBackend(access.location, {
    s3: {
      region: clients.region,
      ...(credentials.profile === undefined ? {} : { profile: credentials.profile }),
      ...(credentials.credentials === undefined ? {} : { credentials: credentials.credentials }),
    },
  });
}

/** Creates the repository unless it is there. Returns the recovery key if it was created now, else null. */
export async function ensureRepository(cloud: Cloud, access: RepositoryAccess): Promise<string | null> {
  const backend = await openHostBackend(cloud, access);
  try {
    if (await backend.exists({ type: 'config', name: '' })) return null;
    const names = {
      username: userName(),
      hostname: hostname(),
      created: localInstant(BigInt(Date.now()) * 1_000_000n, systemZone),
    };
    const repository = await initRepository(backend, { password: access.password, platform: nodePlatform(), ...names });
    const recoveryKey = newPassword();
    await addKey(repository, { ...names, password: recoveryKey, username: 'recovery' });
    return recoveryKey;
  } finally {
    await backend.close();
  }
}
