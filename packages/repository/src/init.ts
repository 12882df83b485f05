/** Creating a repository: a key, then the config. Format: restic `internal/repository/repository.go`, Init. */
import { isIrreducible, type Platform, randomPolynomial } from '@hostark/kernels';
import { HostarkError } from '@hostark/protocol';
import type { Backend, FileType } from './backend.ts';
import { encodeConfig, type FormatVersion, openConfig } from './config.ts';
import { type Instant, localInstant, utcZone } from './encoding/time.ts';
import { toHex } from './ids.ts';
import { storeKey } from './keys/add-key.ts';
import { type ScryptCost, splitKey } from './keys/key-file.ts';
import type { Password } from './keys/password.ts';
import { Repository } from './repository.ts';
import { sealBytes } from './unpacked.ts';

export interface InitOptions {
  readonly password: Password;
  readonly platform: Platform;
  /** Format version. @default 2 */
  readonly version?: FormatVersion | undefined;
  /** The chunker polynomial; a random one when absent. Give that of another repository to copy between them without new blobs. */
  readonly polynomial?: bigint | undefined;
  /** What the first key says about its maker. @default '' */
  readonly username?: string | undefined;
  readonly hostname?: string | undefined;
  /** When the first key was made. @default now, UTC */
  readonly created?: Instant | undefined;
  /** Cost of the first key; measured when absent. */
  readonly cost?: ScryptCost | undefined;
}

/**
 * Creates a repository and returns it open, with no blobs. Throws 'repository-exists' when there is a config, a key or a
 * snapshot: half a repository is more likely a damaged one than a free place.
 */
export async function initRepository(backend: Backend, options: InitOptions): Promise<Repository> {
  const { platform, password } = options;
  await refuseExisting(backend);
  const polynomial = options.polynomial ?? randomPolynomial((n) => platform.randomBytes(n));
  if (!isIrreducible(polynomial)) throw new RangeError('polynomial: expected an irreducible one');
  const config = { version: options.version ?? 2, id: toHex(platform.randomBytes(32)), polynomial } as const;
  const master = splitKey(platform.randomBytes(64));
  const sealer = platform.sealer(master);
  const id = await storeKey(backend, platform, master, {
    password,
    username: options.username ?? '',
    hostname: options.hostname ?? '',
    created: options.created ?? localInstant(BigInt(Date.now()) * 1_000_000n, utcZone),
    cost: options.cost,
  });
  try {
    const handle = { type: 'config', name: '' } as const;
    await backend.save(handle, sealBytes(sealer, encodeConfig(config)), { createOnly: true });
    // Two creators at the same time: the config that is there now decides, and it must be ours.
    openConfig(sealer, await backend.load(handle));
  } catch (error) {
    await backend.remove({ type: 'keys', name: id }).catch(() => {});
    throw error;
  }
  return new Repository({ backend, platform, config, opened: { id, master } });
}

async function refuseExisting(backend: Backend): Promise<void> {
  let found: FileType | null = (await backend.exists({ type: 'config', name: '' })) ? 'config' : null;
  for (const type of ['keys', 'snapshots'] as const) {
    if (found !== null) break;
    for await (const _ of backend.list(type)) {
      found = type;
      break;
    }
  }
  if (found === null) return;
  throw new HostarkError('repository-exists', `${backend.location} already holds a repository: found ${found}`, {
    hint: 'open it, or choose another place',
    context: { location: backend.location, found },
  });
}
