/** Backups whose host and machine are both gone: the bucket and the recovery key are enough. */
import { hostname } from 'node:os';
import { nodePlatform } from '@hostark/kernels';
import { HostarkError, isHostarkError, type RepositoryAccess } from '@hostark/protocol';
import { addKey, type Backend, localInstant, openRepository, type Repository, systemZone } from '@hostark/repository';
import { userName } from '../repository/maker.ts';
import { readTextFile } from '../repository/settings.ts';
import { createAccess, type HostStore, repositoryLocation } from './access.ts';
import type { Cloud } from './cloud.ts';
import { openHostBackend } from './host-repository.ts';

/** Reads a recovery key as it was shown. Throws 'usage' for a file that holds none. */
export async function readRecoveryKey(file: string): Promise<string> {
  const key = (await readTextFile(file, 'recovery key')).trim();
  if (key !== '' && !/\s/.test(key)) return key;
  throw new HostarkError(
    'usage',
    `${file}: expected one recovery key, found ${key === '' ? 'nothing' : 'more than one word'}`,
  );
}

/** Access with the recovery key itself: for work on this machine. It is not kept and must not be sent to a host. */
export function recoveryAccess(cloud: Cloud, store: HostStore, recoveryKey: string): RepositoryAccess {
  return {
    location: repositoryLocation(cloud, store),
    password: recoveryKey,
    region: store.region ?? cloud.clients.region,
  };
}

/**
 * Makes this machine one that may back up into and recover from a repository: with a key of its own, added by means of
 * the recovery key. Does nothing where it has one. A run that is killed in between is completed by the next.
 * Throws 'wrong-password' when the recovery key opens nothing.
 */
export async function adoptRepository(cloud: Cloud, store: HostStore, recoveryKey: string): Promise<void> {
  const backend = await openHostBackend(cloud, recoveryAccess(cloud, store, recoveryKey));
  try {
    const repository = await open(backend, recoveryKey);
    const { password } = await createAccess(cloud, store);
    if (await opens(backend, password)) return;
    await addKey(repository, {
      password,
      username: userName(),
      hostname: hostname(),
      created: localInstant(BigInt(Date.now()) * 1_000_000n, systemZone),
    });
  } finally {
    await backend.close();
  }
}

async function open(backend: Backend, recoveryKey: string): Promise<Repository> {
  try {
    return await openRepository(backend, { password: recoveryKey, platform: nodePlatform() });
  } catch (error) {
    if (!isHostarkError(error, 'wrong-password')) throw error;
    throw new HostarkError('wrong-password', 'the recovery key opens no key of this repository', {
      hint: 'check the file: a key is four groups of eight characters; and whose backups --from and --bucket name',
      cause: error,
    });
  }
}

async function opens(backend: Backend, password: string): Promise<boolean> {
  try {
    await openRepository(backend, { password, platform: nodePlatform() });
    return true;
  } catch (error) {
    if (isHostarkError(error, 'wrong-password')) return false;
    throw error;
  }
}
