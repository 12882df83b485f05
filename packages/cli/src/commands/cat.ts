/** `hostark cat`: one object, opened and printed. Keys are printed as stored; `masterkey` is the secret itself. */
import { HostarkError } from '@hostark/protocol';
import { BLOB_KINDS, blobId, type FileType, findSubtree, idBytes, type Repository } from '@hostark/repository';
import { withRepository } from '../repository/open.ts';
import { snapshotJson } from '../repository/snapshot-json.ts';
import { stringifyExact } from '../terminal/output.ts';
import type { CommandCode } from '../tree/command.ts';

const KINDS = ['config', 'masterkey', 'snapshot', 'index', 'key', 'lock', 'blob', 'pack', 'tree'] as const;
type Kind = (typeof KINDS)[number];
const FOLDERS: Partial<Record<Kind, FileType>> = { index: 'index', key: 'keys', lock: 'locks', pack: 'data' };

export const cat: CommandCode<object> = async (context, flags, [kindText, id]) => {
  const kind = KINDS.find((known) => known === kindText);
  if (kind === undefined)
    throw new HostarkError('usage', `expected ${KINDS.join(', ')}, got ${JSON.stringify(kindText)}`);
  if (id === undefined && kind !== 'config' && kind !== 'masterkey')
    throw new HostarkError('usage', `cat ${kind}: expected an id`);
  const usage = { lock: 'shared', mayGoUnlocked: true, beginsEarly: true } as const;
  return withRepository(context, flags, usage, async ({ repository, confirmed }) => {
    const bytes = await content(repository, kind, id ?? '');
    await confirmed;
    await write(context.io.stdout, bytes);
    return 0;
  });
};

async function content(repository: Repository, kind: Kind, id: string): Promise<Uint8Array> {
  switch (kind) {
    case 'config': {
      const { version, id: repositoryId, polynomial } = repository.config;
      return json({ version, id: repositoryId, chunker_polynomial: polynomial.toString(16) });
    }
    case 'masterkey':
      return json({
        mac: { k: base64(repository.key.macK), r: base64(repository.key.macR) },
        encrypt: base64(repository.key.encrypt),
      });
    case 'snapshot': {
      const { id: _id, short_id: _short, ...stored } = snapshotJson(await repository.snapshots().find(id));
      return json(stored);
    }
    case 'index':
    case 'lock': {
      const type = kind === 'index' ? 'index' : 'locks';
      return repository.loadUnpacked(type, await fullName(repository, type, id));
    }
    case 'key':
    case 'pack': {
      const type = kind === 'key' ? 'keys' : 'data';
      return repository.loadRaw(type, await fullName(repository, type, id));
    }
    case 'blob':
      return loadBlobOfAnyKind(repository, id);
    case 'tree': {
      await repository.loadIndex();
      const [name, ...path] = id.split(':');
      const snapshot = await repository.snapshots().find(name!);
      const parts = path
        .join(':')
        .split('/')
        .filter((part) => part !== '');
      return repository.loadBlob('tree', await findSubtree(repository, snapshot.tree, parts));
    }
  }
}

/** Completes the beginning of a name. Throws 'bad-id' unless exactly one object of the type begins so. */
async function fullName(repository: Repository, type: FileType, prefix: string): Promise<string> {
  const found: string[] = [];
  for await (const { name } of repository.backend.list(type)) if (name.startsWith(prefix)) found.push(name);
  if (found.length === 1) return found[0]!;
  throw new HostarkError(
    'bad-id',
    `expected one object in ${FOLDERS.pack === type ? 'data' : type} that begins with ${prefix}, found ${found.length}`,
  );
}

async function loadBlobOfAnyKind(repository: Repository, id: string): Promise<Uint8Array> {
  await repository.loadIndex();
  const wanted = blobId(id);
  const kind = BLOB_KINDS.find((candidate) => repository.blobs.has(candidate, idBytes(wanted)));
  if (kind !== undefined) return repository.loadBlob(kind, wanted);
  throw new HostarkError('blob-missing', `blob ${id} is in no index file`);
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const json = (value: unknown): Uint8Array => new TextEncoder().encode(`${stringifyExact(value, 2)}\n`);

function write(stream: NodeJS.WritableStream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => stream.write(bytes, (error) => (error ? reject(error) : resolve())));
}
