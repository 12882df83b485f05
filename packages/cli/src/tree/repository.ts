/** The repository commands, with restic's names and flags. */
import { type Command, Option } from 'commander';
import { limitingCpu } from '../repository/max-cpu.ts';
import { addCommand, collect, type Runner } from './command.ts';
import { maxCpuFlag } from './flags.ts';

/** Adds init, backup, restore, snapshots, ls, find, diff, dump, check, cat, list, unlock. */
export function addRepositoryCommands(program: Command, runner: Runner): void {
  const add = <Flags>(spec: string, text: string, load: Parameters<typeof addCommand<Flags>>[4]): Command =>
    addCommand<Flags>(program, runner, spec, text, load);

  add('init', 'create a repository', async () => (await import('../commands/init.ts')).init)
    .option('--repository-version <version>', 'format version: 1, 2 or stable', 'stable')
    .addHelpText('after', '\nExample:\n  $ hostark init -r /srv/repo --password-file pw.txt');

  const backup = add('backup [paths...]', 'save files and folders', async () =>
    limitingCpu((await import('../commands/backup.ts')).backup),
  );
  maxCpuFlag(excludeFlags(backup))
    .option('--exclude-larger-than <size>', 'leave out files larger than this, e.g. 100M')
    .option('--exclude-caches', 'leave out folders with a CACHEDIR.TAG')
    .option('--exclude-if-present <file[:header]>', 'leave out folders that hold this file (repeatable)', collect)
    .option('-x, --one-file-system', 'stay on the file systems of the given paths')
    .option('--files-from <file>', 'read paths from a file, with wildcards (repeatable)', collect)
    .option('--files-from-verbatim <file>', 'read paths from a file, one a line, as they are (repeatable)', collect)
    .option('--files-from-raw <file>', 'read NUL-separated paths from a file (repeatable)', collect)
    .option('--tag <tag,...>', 'tag the snapshot (repeatable)', collect)
    .option('-H, --host <name>', 'host name to record (default: RESTIC_HOST, then this machine)')
    .option('--time <time>', "time to record, '2006-01-02 15:04:05' (default: now)")
    .option('--parent <id>', 'compare with this snapshot (default: the latest of this host and these paths)')
    .option('-g, --group-by <fields>', 'how the parent is chosen: host, paths, tags', 'host,paths')
    .option('-f, --force', 'read every file again')
    .option('--with-atime', 'record access times')
    .option('--ignore-inode', 'do not compare inode numbers and ctimes')
    .option('--ignore-ctime', 'do not compare ctimes')
    .option('-n, --dry-run', 'write nothing, say what would be done')
    .option('--skip-if-unchanged', 'save no snapshot when nothing differs from the parent')
    .option('--stdin', 'save what is read from standard input')
    .option('--stdin-from-command', 'run the rest of the line as a command and save its output')
    .option('--stdin-filename <name>', 'file name for --stdin', 'stdin')
    .option('--read-concurrency <n>', 'worker threads (default: one a core)')
    .option('--no-scan', 'accepted for restic compatibility; the size is found while saving')
    .addHelpText(
      'after',
      '\nExamples:\n  $ hostark backup /etc /home --exclude "*.tmp" --tag nightly' +
        '\n  $ hostark backup --stdin-from-command --stdin-filename db.sql -- pg_dump mydb',
    );

  const restore = add('restore <snapshot>', 'write files back', async () =>
    limitingCpu((await import('../commands/restore.ts')).restore),
  );
  maxCpuFlag(excludeFlags(restore))
    .requiredOption('-t, --target <dir>', 'folder to write below')
    .option('-i, --include <pattern>', 'write only what matches (repeatable)', collect)
    .option('--iinclude <pattern>', 'the same, ignoring case (repeatable)', collect)
    .option('--include-file <file>', 'read --include patterns from a file (repeatable)', collect)
    .option('--iinclude-file <file>', 'read --iinclude patterns from a file (repeatable)', collect)
    .addOption(
      new Option('--overwrite <mode>', 'what to do with files that exist')
        .choices(['always', 'if-changed', 'if-newer', 'never'])
        .default('always'),
    )
    .option('--delete', 'remove files below the target that the snapshot does not have')
    .option('--verify', 'read the written files back and compare')
    .option('--sparse', 'leave holes for runs of zeros')
    .option('-n, --dry-run', 'write nothing, say what would be done')
    .option('--ownership-by-name', 'set owners by name, not by number');
  snapshotFilters(restore).addHelpText(
    'after',
    '\nExamples:\n  $ hostark restore latest --target /tmp/back --include /etc/hosts' +
      '\n  $ hostark restore 3f9a12e1:/srv/www --target /srv/www --delete --dry-run',
  );

  const snapshots = add(
    'snapshots [ids...]',
    'list snapshots',
    async () => (await import('../commands/snapshots.ts')).snapshots,
  );
  snapshotFilters(snapshots)
    .option('--latest <n>', 'only the newest n of each host and paths')
    .option('-c, --compact', 'one short line each');

  const ls = add(
    'ls <snapshot> [paths...]',
    'list files of a snapshot',
    async () => (await import('../commands/ls.ts')).ls,
  );
  snapshotFilters(ls)
    .option('-l, --long', 'modes, owners, sizes and times')
    .option('--recursive', 'with paths: all below them')
    .option('--human-readable', 'sizes in KiB, MiB, GiB');

  const find = add(
    'find <patterns...>',
    'find files by name, or blobs, trees and packs by id, in many snapshots',
    async () => (await import('../commands/find.ts')).find,
  );
  snapshotFilters(find)
    .option('-s, --snapshot <id>', 'search this snapshot only; an id or latest (repeatable)', collect)
    .option('-i, --ignore-case', 'ignore case in patterns')
    .option('-O, --oldest <time>', "only what was modified at this time or later, '2006-01-02 15:04:05'")
    .option('-N, --newest <time>', 'only what was modified at this time or earlier')
    .option('-l, --long', 'modes, owners, sizes and times')
    .option('--human-readable', 'sizes in KiB, MiB, GiB')
    .option('-R, --reverse', 'oldest snapshots first')
    .option('--blob', 'the patterns are ids of blobs, or how they begin')
    .option('--tree', 'the patterns are ids of trees')
    .option('--pack', 'the patterns are ids of packs')
    .option('--show-pack-id', 'also tell the packs of what is found (with --blob, --tree, --pack)')
    .addHelpText(
      'after',
      '\nPatterns are globs (* ? [a-z] and ** for any depth) against names or whole paths; what is below a match matches too.' +
        '\n\nExamples:\n  $ hostark find "*.conf" --oldest 2026-11-01 --long' +
        '\n  $ hostark find /etc/hosts --host web --reverse\n  $ hostark find --blob 420f620f --show-pack-id',
    );

  const diff = add(
    'diff <snapshot-a> <snapshot-b>',
    'show what changed from one snapshot to another',
    async () => (await import('../commands/diff.ts')).diff,
  );
  snapshotFilters(diff)
    .option('--metadata', 'also show what differs in attributes only')
    .addHelpText(
      'after',
      '\n  +  added      M  other content    T  other type\n  -  removed    U  other attributes' +
        ' ?  other content under the same attributes: bit rot?' +
        '\n\nExamples:\n  $ hostark diff 3f9a12e1 latest\n  $ hostark diff 3f9a12e1:/etc latest:/etc --metadata',
    );

  const dump = add(
    'dump <snapshot> <path>',
    'write a file, or a folder as an archive, to stdout',
    async () => (await import('../commands/dump.ts')).dump,
  );
  snapshotFilters(dump)
    .addOption(new Option('-a, --archive <format>', 'format for folders').choices(['tar', 'zip']).default('tar'))
    .option('-t, --target <file>', 'write to a file instead of stdout');

  maxCpuFlag(
    add('check', 'verify the repository', async () => limitingCpu((await import('../commands/check.ts')).check)),
  )
    .option('--read-data', 'read and verify every pack')
    .option('--read-data-subset <part>', 'a part of the packs: n/t, x% or a size such as 500M')
    .option('--with-cache', 'use the local cache')
    .addHelpText('after', '\nExample:\n  $ hostark check --read-data-subset 1/7');

  add(
    'cat <type> [id]',
    'print an object: config, masterkey, snapshot, index, key, lock, blob, pack, tree',
    async () => (await import('../commands/cat.ts')).cat,
  );
  add(
    'list <type>',
    'list ids: blobs, packs, index, snapshots, keys, locks',
    async () => (await import('../commands/list.ts')).list,
  );
  add('unlock', 'remove stale locks', async () => (await import('../commands/unlock.ts')).unlock).option(
    '--remove-all',
    'remove all locks, also live ones',
  );
}

function excludeFlags(command: Command): Command {
  return command
    .option('-e, --exclude <pattern>', 'leave out what matches (repeatable)', collect)
    .option('--iexclude <pattern>', 'the same, ignoring case (repeatable)', collect)
    .option('--exclude-file <file>', 'read --exclude patterns from a file (repeatable)', collect)
    .option('--iexclude-file <file>', 'read --iexclude patterns from a file (repeatable)', collect);
}

function snapshotFilters(command: Command): Command {
  return command
    .option('-H, --host <name>', 'only snapshots of this host (repeatable)', collect)
    .option('--tag <tag,...>', 'only snapshots with these tags (repeatable)', collect)
    .option('--path <path>', 'only snapshots with this path (repeatable)', collect);
}
