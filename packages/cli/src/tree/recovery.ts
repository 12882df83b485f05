/** What is done with a host's data: `protect` and `recover`. */
import { type Command, Option } from 'commander';
import { addCommand, collect, type Runner } from './command.ts';
import { cloudFlags, launchFlags, maxCpuFlag, viaFlag } from './flags.ts';

const PROTECT_HELP = `
Commands run as root by bash, else sh. --post finds in its environment: HOSTARK_STATUS (ok, incomplete, failed,
interrupted, pre-failed), HOSTARK_SNAPSHOT (the id, if there is one), HOSTARK_ERROR (a code), HOSTARK_HOST.
They travel encrypted and are no arguments on the host, but they are on this machine: let them read passwords from
files of the host, such as ~/.pgpass or /etc/mysql/debian.cnf. --limit-upload and --limit-download hold for the agent.

Examples:
  $ hostark protect web /etc /home --exclude '*.tmp' --tag nightly
  $ hostark protect db --stdin-from-command 'pg_dumpall -h /run/postgresql' --stdin-filename db.sql
  $ hostark protect app /srv --pre 'systemctl stop app' --post 'systemctl start app' --hook-timeout 2m`;

const RECOVER_HELP = `
What is written is read back and compared. A recovery onto a new host that was cut off is continued by the same command,
or removed by hostark cleanup.

Examples:
  $ hostark recover latest --from web --to ./back --include /etc/nginx
  $ hostark recover 3f9a12e1:/srv/www --from web --to web --target /srv/www --delete --dry-run
  $ hostark recover latest --from web --bucket my-backups --recovery-key-file key.txt --to new --to-region eu-west-1`;

/** Adds `protect` and `recover`. */
export function addRecoveryCommands(program: Command, runner: Runner): void {
  const protect = cloudFlags(
    addCommand(
      program,
      runner,
      'protect <host> [paths...]',
      'back up paths of a host, or what a command there prints, on the host',
      async () => (await import('../commands/protect.ts')).protect,
    ),
  );
  maxCpuFlag(viaFlag(excludeFlags(protect)), ', by the agent')
    .option('--exclude-larger-than <size>', 'leave out files larger than this, e.g. 100M')
    .option('--exclude-caches', 'leave out folders with a CACHEDIR.TAG')
    .option('--exclude-if-present <file[:header]>', 'leave out folders that hold this file (repeatable)', collect)
    .option('-x, --one-file-system', 'stay on the file systems of the given paths')
    .option('--tag <tag,...>', 'tag the snapshot (repeatable)', collect)
    .option('--pre <command>', 'run this on the host first; no backup if it fails')
    .option('--post <command>', 'run this on the host afterwards, whatever happened')
    .option('--hook-timeout <duration>', 'end --pre and --post after this long', '5m')
    .option('--stdin-from-command <command>', 'save what this prints on the host, instead of paths')
    .option('--stdin-filename <name>', 'file name of what it prints', 'stdin')
    .option('--freeze <mount>', 'freeze this file system while its files are read: writers wait (repeatable)', collect)
    .option('--freeze-timeout <duration>', 'thaw after this long, come what may', '1m')
    .option('--nice <n>', 'CPU priority of the agent, 0 to 19 (default: 10)')
    .addOption(
      new Option('--ionice <class>', 'disk priority of the agent (default: best-effort)').choices([
        'none',
        'best-effort',
        'idle',
      ]),
    )
    .option('--read-concurrency <n>', 'worker threads (default: one a core of the host)')
    .option('-n, --dry-run', 'write nothing, say what would be done; the host is asked what would be saved')
    .addHelpText('after', PROTECT_HELP);
  const recover = cloudFlags(
    addCommand(
      program,
      runner,
      'recover <snapshot>',
      'bring a snapshot back onto a new host, a host, or into a folder',
      async () => (await import('../commands/recover.ts')).recover,
    ),
  );
  maxCpuFlag(viaFlag(launchFlags(recover, 'with --to new: ')), ', by whoever writes')
    .requiredOption('--to <new|host|dir>', 'a new host (new or new:NAME), a host by name, or a folder (./DIR, /DIR)')
    .requiredOption('--from <host>', 'the host whose backups are used, also when it is gone')
    .option('--bucket <name>', 'bucket of the backups, in any region, when the host is gone')
    .option('--prefix <prefix>', 'where in the bucket they are (default: hosts/HOST)')
    .option('--to-region <region>', 'with --to new: launch it in this region')
    .option('--recovery-key-file <file>', 'open the backups with the recovery key: nothing else is needed')
    .option('-t, --target <dir>', 'folder on the host to write below', '/')
    .option('-i, --include <pattern>', 'only what matches (repeatable)', collect)
    .option('-e, --exclude <pattern>', 'all but what matches (repeatable)', collect)
    .option('--delete', 'remove what is below the target and not in the snapshot')
    .addOption(
      new Option('--overwrite <mode>', 'what to do with files that exist')
        .choices(['always', 'if-changed', 'if-newer', 'never'])
        .default('always'),
    )
    .option('-y, --yes', 'do not ask before --delete')
    .option('-n, --dry-run', 'write nothing, say what would be done')
    .addHelpText('after', RECOVER_HELP);
}

function excludeFlags(command: Command): Command {
  return command
    .option('-e, --exclude <pattern>', 'leave out what matches (repeatable)', collect)
    .option('--iexclude <pattern>', 'the same, ignoring case (repeatable)', collect)
    .option('--exclude-file <file>', 'read --exclude patterns from a file (repeatable)', collect)
    .option('--iexclude-file <file>', 'read --iexclude patterns from a file (repeatable)', collect);
}
