/** `hostark host …`. */
import type { Command } from 'commander';
import { addCommand, type Runner } from './command.ts';
import { cloudFlags, launchFlags } from './flags.ts';

/** Adds `host` with its verbs. */
export function addHostCommands(program: Command, runner: Runner): void {
  const host = program.command('host').description('launch, list, show and destroy hosts').exitOverride();
  launchFlags(
    cloudFlags(
      addCommand(
        host,
        runner,
        'launch <name>',
        'launch a host tied to a bucket',
        async () => (await import('../commands/host/launch.ts')).launch,
      ),
    ),
  )
    .requiredOption('--bucket <name>', 'bucket that the host backs up into')
    .option('-n, --dry-run', 'print the plan only');
  cloudFlags(
    addCommand(host, runner, 'list', 'list hosts', async () => (await import('../commands/host/list.ts')).list),
  );
  cloudFlags(
    addCommand(host, runner, 'show <name>', 'show a host', async () => (await import('../commands/host/show.ts')).show),
  );
  cloudFlags(
    addCommand(
      host,
      runner,
      'destroy <name>',
      'destroy a host and all that was created for it; its backups stay',
      async () => (await import('../commands/host/destroy.ts')).destroy,
    ),
  )
    .option('-y, --yes', 'do not ask')
    .option('-n, --dry-run', 'print the plan only');
}
