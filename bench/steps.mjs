/** The measured commands, in the words that both programs have in common, and what has to be true before them. */
import { changeFiles } from './changes.mjs';
import { output } from './programs.mjs';

/**
 * `args` may ask the repository first (not measured); `before` returns what takes it back afterwards. `fromDisk`: the repository
 * is read from the disk, as it is when it is needed, and not from what the backup before has left in memory.
 */
export const STEPS = {
  unchanged: { args: ({ data }) => ['backup', data] },
  changed: { args: ({ data }) => ['backup', data], before: ({ data }) => changeFiles(data) },
  restore: { args: ({ target }) => ['restore', 'latest', '--target', target], fromDisk: true },
  check: { args: () => ['check', '--read-data'], fromDisk: true },
  snapshots: { args: () => ['snapshots'] },
  ls: { args: () => ['ls', 'latest'] },
  find: { args: () => ['find', 'README*'], needs: 'find' },
  diff: { args: (context) => ['diff', ...firstAndLast(context)], needs: 'diff' },
};

function firstAndLast({ program, repository, environment }) {
  const snapshots = JSON.parse(output(program, ['-r', repository, 'snapshots', '--json'], environment));
  const byTime = snapshots.sort((a, b) => (a.time < b.time ? -1 : 1));
  return [byTime[0].short_id, byTime.at(-1).short_id];
}
