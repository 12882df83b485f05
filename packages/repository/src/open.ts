/** Opening a repository. */
import type { Platform } from '@hostark/kernels';
import { HostarkError, isHostarkError } from '@hostark/protocol';
import type { Backend } from './backend.ts';
import { openConfig } from './config.ts';
import { beginKey, type KeyMemory, sameKnownKey } from './keys/known-key.ts';
import { findKey } from './keys/open-key.ts';
import type { Password } from './keys/password.ts';
import { Repository } from './repository.ts';

export interface OpenOptions {
  readonly password: Password;
  readonly platform: Platform;
  /** The id of a key file, or the beginning of one: tried first. */
  readonly keyHint?: string | undefined;
  /** What opened it before is tried first, and begun at once; what opens it now is remembered. */
  readonly keys?: KeyMemory | undefined;
}

/**
 * Opens a repository. Throws 'no-repository' when there is no config, 'wrong-password' when no key opens,
 * 'repository-unsupported' for another format version, 'repository-damaged' naming the key or config that is not whole.
 */
export async function openRepository(backend: Backend, options: OpenOptions): Promise<Repository> {
  const { platform, password, keyHint, keys } = options;
  const known = keys?.recall() ?? null;
  const likely = beginKey(platform, password, known, keyHint);
  const sealed = await backend.load({ type: 'config', name: '' }).catch((error: unknown) => {
    if (!isHostarkError(error, 'object-missing')) throw error;
    throw new HostarkError('no-repository', `no repository at ${backend.location}: it has no config`, {
      hint: 'check the location, or create a repository with `hostark init`',
      context: { location: backend.location },
      cause: error,
    });
  });
  const opened = await findKey(backend, platform, password, keyHint, likely);
  const config = openConfig(platform.sealer(opened.master), sealed);
  const { id, file } = opened;
  const now = { id, salt: file.salt, cost: file.cost };
  if (known === null || !sameKnownKey(known, now)) keys?.remember(now);
  return new Repository({ backend, platform, config, opened });
}
