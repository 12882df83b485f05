/** `hostark dump`: one file, or a folder as tar or zip, to stdout or a file. */
import { once } from 'node:events';
import { open, rename, rm } from 'node:fs/promises';
import { type ArchiveFormat, type DumpSink, dump as write } from '@hostark/archive';
import { HostarkError } from '@hostark/protocol';
import { type FilterFlags, snapshotFilter } from '../repository/filter.ts';
import { withRepository } from '../repository/open.ts';
import { listsFor, openSnapshot } from '../repository/snapshot-tree.ts';
import { requireReader } from '../terminal/reader.ts';
import type { CommandCode } from '../tree/command.ts';

interface DumpFlags extends FilterFlags {
  readonly archive: ArchiveFormat;
  readonly target?: string;
}

export const dump: CommandCode<DumpFlags> = async (context, flags, [spec, path]) => {
  const { io } = context;
  const usage = { lock: 'shared', mayGoUnlocked: true, beginsEarly: true, lists: listsFor(spec!) } as const;
  return withRepository(context, flags, usage, async ({ repository, signal, confirmed }) => {
    const { tree } = await openSnapshot(repository, spec!, snapshotFilter(flags), signal);
    await confirmed;
    const format = flags.archive;
    if (flags.target !== undefined) {
      await intoFile(flags.target, (sink) => write(repository, tree, path!, sink, { format, signal }));
      return 0;
    }
    const refuseTerminal = (): void => {
      if (io.stdout.isTTY)
        throw new HostarkError('usage', 'standard output is a terminal, an archive does not go there', {
          hint: 'add --target FILE or a pipe',
        });
    };
    await write(repository, tree, path!, toStream(io.stdout), { format, signal, onArchive: refuseTerminal });
    return 0;
  });
};

function toStream(stream: NodeJS.WritableStream): DumpSink {
  return async (bytes) => {
    requireReader(stream); // without one it would never drain
    if (!stream.write(bytes)) await once(stream, 'drain');
  };
}

/** Writes beside the target and renames at the end: a dump that failed leaves no half file under the name. */
async function intoFile(target: string, work: (sink: DumpSink) => Promise<void>): Promise<void> {
  const partial = `${target}.${process.pid}.partial`;
  const file = await open(partial, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    throw new HostarkError('target-unusable', `cannot write ${target}: ${cause.code ?? cause.message}`, { cause });
  });
  try {
    await work(async (bytes) => {
      await file.write(bytes);
    });
    await file.sync();
    await file.close();
    await rename(partial, target);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
}
