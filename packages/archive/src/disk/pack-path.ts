/** Where packs lie in a folder. */
import { join } from 'node:path';
import { objectPath, type PackId } from '@hostark/repository';

/** `directory`: the root of the repository. */
export function packPath(directory: string, pack: PackId): string {
  return join(directory, objectPath({ type: 'data', name: pack }));
}
