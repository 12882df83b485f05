/** `hostark ls`: the files of a snapshot. */
import { listTree, nodeJson, nodeLong } from '@hostark/archive';
import { systemZone } from '@hostark/repository';
import { afterwards } from '../repository/attempts.ts';
import { type FilterFlags, snapshotFilter } from '../repository/filter.ts';
import { withRepository } from '../repository/open.ts';
import { snapshotJson } from '../repository/snapshot-json.ts';
import { listsFor, openSnapshot } from '../repository/snapshot-tree.ts';
import { formatBytes } from '../terminal/format.ts';
import { LineWriter } from '../terminal/line-writer.ts';
import { stringifyExact } from '../terminal/output.ts';
import type { CommandCode } from '../tree/command.ts';

interface LsFlags extends FilterFlags {
  readonly long?: boolean;
  readonly recursive?: boolean;
  readonly humanReadable?: boolean;
}

export const ls: CommandCode<LsFlags> = async (context, flags, [spec, ...paths]) => {
  const { out, io } = context;
  const usage = { lock: 'shared', mayGoUnlocked: true, beginsEarly: true, lists: listsFor(spec!) } as const;
  return withRepository(context, flags, usage, async ({ repository, signal, confirmed }) => {
    const { snapshot, tree } = await openSnapshot(repository, spec!, snapshotFilter(flags), signal);
    const lines = new LineWriter(io.stdout);
    lines.holdUntil(confirmed);
    const heading = { ...snapshotJson(snapshot), message_type: 'snapshot', struct_type: 'snapshot' };
    if (out.json) lines.line(stringifyExact(heading));
    const say = afterwards<string>(confirmed, (line) => out.say(line));
    say(`snapshot ${snapshot.id.slice(0, 8)} of ${snapshot.paths.join(' ')}`);
    const size = flags.humanReadable ? (bytes: bigint): string => formatBytes(Number(bytes)).padStart(10) : undefined;
    await listTree(
      repository,
      tree,
      (path, node) => {
        if (out.json) lines.line(nodeJson(path, node));
        else if (flags.long)
          lines.line(nodeLong(path, node, { zone: systemZone, ...(size === undefined ? {} : { size }) }));
        else lines.line(path);
      },
      { ...(paths.length === 0 ? {} : { paths }), recursive: flags.recursive ?? false, signal },
    );
    await lines.end();
    return 0;
  });
};
