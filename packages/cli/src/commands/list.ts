/** `hostark list`: ids of one kind, one a line. */
import { HostarkError } from '@hostark/protocol';
import { type FileType, type Repository, toHex } from '@hostark/repository';
import { withRepository } from '../repository/open.ts';
import type { CommandCode } from '../tree/command.ts';

const TYPES: Readonly<Record<string, FileType>> = {
  packs: 'data',
  index: 'index',
  snapshots: 'snapshots',
  keys: 'keys',
  locks: 'locks',
};

export const list: CommandCode<object> = async (context, flags, [what]) => {
  const type = TYPES[what!];
  if (type === undefined && what !== 'blobs') {
    throw new HostarkError('usage', `expected blobs, ${Object.keys(TYPES).join(', ')}, got ${JSON.stringify(what)}`);
  }
  const usage = { lock: type === 'locks' ? 'none' : 'shared', mayGoUnlocked: true } as const;
  return withRepository(context, flags, usage, async ({ repository }) => {
    const print = (line: string, data: unknown): void =>
      context.out.json ? context.out.data(data) : context.out.print(line);
    if (type === undefined) await listBlobs(repository, print);
    else for await (const { name, size } of repository.backend.list(type)) print(name, { id: name, size });
    return 0;
  });
};

async function listBlobs(repository: Repository, print: (line: string, data: unknown) => void): Promise<void> {
  await repository.loadIndex();
  repository.blobs.forEach((kind, id) => {
    const hex = toHex(id);
    print(`${kind} ${hex}`, { type: kind, id: hex });
  });
}
