/** What is done with a host's data: `protect` and `recover`. */
import { type Command, Option } from 'commander';
import { addCommand, collect, type Runner } from './command.ts';
import { cloudFlags, launchFlags } from './flags.ts';

/** Adds `protect` and `recover`. */
export function addRecoveryCommands(program: Command, runner: Runner): void {
  cloudFlags(
    addCommand(
      program,
      runner,
      'protect <host> <paths...>',
      'back up paths of a host, on the host, over SSH',
      async () => (await import('../commands/protect.ts')).protect,
    ),
  )
    .option('-e, --exclude <pattern>', 'leave out what matches (repeatable)', collect)
    .option('--tag <tag,...>', 'tag the snapshot (repeatable)', collect);
  launchFlags(
    cloudFlags(
      addCommand(
        program,
        runner,
        'recover <snapshot>',
        'bring a snapshot back onto a new host, a host, or into a folder',
        async () => (await import('../commands/recover.ts')).recover,
      ),
    ),
    'with --to new: ',
  )
    .requiredOption('--to <new|host|dir>', 'a new host (new or new:NAME), a host by name, or a folder (./DIR, /DIR)')
    .requiredOption('--from <host>', 'the host whose backups are used, also when it is gone')
    .option('--bucket <name>', 'bucket of the backups, when the host is gone')
    .option('-t, --target <dir>', 'folder on the host to write below', '/')
    .option('-i, --include <pattern>', 'only what matches (repeatable)', collect)
    .addOption(
      new Option('--overwrite <mode>', 'what to do with files that exist')
        .choices(['always', 'if-changed', 'if-newer', 'never'])
        .default('always'),
    )
    .option('-n, --dry-run', 'print the plan only');
}
