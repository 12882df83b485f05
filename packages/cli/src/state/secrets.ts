/**
 * Secrets of this machine (repository passwords), sealed with AES-256-GCM in files of the state directory. The sealing
 * key is a file of its own outside it, so that a copy of the state directory alone opens nothing. A secret is written
 * whole or not at all, and is never overwritten.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HostarkError } from '@hostark/protocol';

const KEY_BYTES = 32;
const IV_BYTES = 12; // NIST SP 800-38D, 5.2.1.1: 96-bit IVs
const TAG_BYTES = 16;
const NAME = /^[a-z0-9][a-z0-9._-]{0,120}$/;

export interface SecretStore {
  /** Returns the secret, or null if there is none of that name. Throws 'internal' if it does not open with our key. */
  read(name: string): Promise<string | null>;
  /** Stores a secret; durable when resolved. If one of that name exists already it stays, and is returned. */
  keep(name: string, secret: string): Promise<string>;
}

/** Opens the store. Nothing is created before the first `keep`. */
export function openSecrets(directory: string, keyFile: string): SecretStore {
  const pathOf = (name: string): string => {
    if (!NAME.test(name)) throw new RangeError(`expected a name of a-z 0-9 . _ -, got ${JSON.stringify(name)}`);
    return join(directory, `${name}.sealed`);
  };
  const read = async (name: string): Promise<string | null> => {
    const sealed = await readIfThere(pathOf(name));
    if (sealed === null) return null;
    const key = await readIfThere(keyFile);
    if (key === null || key.length !== KEY_BYTES) {
      throw new HostarkError(
        'internal',
        `the secret ${name} is here, but its key ${keyFile} is ${key === null ? 'missing' : 'damaged'}`,
        {
          hint: 'put the key file back, or open the repository with the recovery key that was shown when it was created',
        },
      );
    }
    return openSealed(sealed, key, name);
  };
  return {
    read,
    async keep(name, secret) {
      const path = pathOf(name);
      const key = await keepFile(keyFile, randomBytes(KEY_BYTES));
      const stored = await keepFile(path, seal(Buffer.from(secret, 'utf8'), key, name));
      return openSealed(stored, key, name);
    },
  };
}

/** The name is authenticated too: a sealed file under another name does not open. */
function seal(plain: Uint8Array, key: Uint8Array, name: string): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(name));
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function openSealed(sealed: Buffer, key: Uint8Array, name: string): string {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES))
      .setAAD(Buffer.from(name))
      .setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new HostarkError('internal', `the secret ${name} does not open with this machine's key`, { cause });
  }
}

async function readIfThere(path: string): Promise<Buffer | null> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

/** Writes a file that must not exist yet (mode 0600, fsync, then linked into place) and returns what is there in the end. */
async function keepFile(path: string, content: Buffer): Promise<Buffer> {
  const there = await readIfThere(path);
  if (there !== null) return there;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(temporary, path); // fails if another process was first: then its content counts
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  const directory = await open(dirname(path), 'r');
  await directory.sync().finally(() => directory.close());
  return readFile(path);
}
