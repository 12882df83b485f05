/** Repositories for tests of other things than keys: opening them costs nothing. */
import { nodePlatform } from '@hostark/kernels';
import { type FormatVersion, initRepository, localBackend, openRepository, type Repository } from '@hostark/repository';

export const PASSWORD = 'correct horse';

/** The least work that scrypt allows. */
const NO_COST = { n: 2, r: 1, p: 1 } as const;

/** Creates an empty repository in a folder. */
export async function makeRepository(
  directory: string,
  options: { version?: FormatVersion; password?: string } = {},
): Promise<void> {
  const { version = 2, password = PASSWORD } = options;
  const repository = await initRepository(localBackend(directory), {
    password,
    platform: nodePlatform(),
    version,
    cost: NO_COST,
  });
  await repository.backend.close();
}

/** Opens a repository of a folder, to look into it or to hold a lock. */
export function openFolder(directory: string, password: string = PASSWORD): Promise<Repository> {
  return openRepository(localBackend(directory), { password, platform: nodePlatform() });
}
