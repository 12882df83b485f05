/** `hostark host …`. */
import type { Command } from 'commander';
import { addCommand, collect, type Runner } from './command.ts';
import { cloudFlags, launchFlags, viaFlag } from './flags.ts';

/** Adds `host` with its verbs. */
export function addHostCommands(program: Command, runner: Runner): void {
  const host = program
    .command('host')
    .description('launch, adopt, list, show, reach, detach and destroy hosts')
    .exitOverride();
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
    .option('--wait', 'end when it can be logged into (the default)')
    .option('--no-wait', 'end as soon as the instance runs')
    .option('-n, --dry-run', 'print the plan only');
  cloudFlags(
    addCommand(
      host,
      runner,
      'adopt <name>',
      'tie a host that runs already to a bucket, without a restart',
      async () => (await import('../commands/host/adopt.ts')).adopt,
    ),
  )
    .requiredOption('--instance <id>', 'the EC2 instance')
    .requiredOption('--bucket <name>', 'bucket that the host backs up into')
    .option('--prefix <path>', 'where in the bucket (default: hosts/NAME/)')
    .option('--user <name>', "login user (default: that of the instance's image)")
    .option('--identity-file <file>', 'private key that logs in over SSH; it stays where it is')
    .option(
      '--known-host-key <line>',
      'public key that the host must present, as in its ssh_host_*_key.pub (repeatable)',
      collect,
    )
    .option('--trust-console', 'take the host keys that it printed on its console at its first boot')
    .option('--ssm', 'reach it through Systems Manager; its role then may talk to it')
    .option(
      '--ssh-from <cidr>',
      'add a security group of ours that lets this address range reach SSH (repeatable)',
      collect,
    )
    .option('--replace-profile', 'put our instance profile in the place of the one it has; detach puts that back')
    .option('-n, --dry-run', 'print the plan only');
  cloudFlags(
    addCommand(
      host,
      runner,
      'detach <name>',
      'undo an adoption; the host runs on, its backups stay',
      async () => (await import('../commands/host/detach.ts')).detach,
    ),
  )
    .option('-y, --yes', 'do not ask')
    .option('-n, --dry-run', 'print the plan only');
  cloudFlags(
    addCommand(host, runner, 'list', 'list hosts', async () => (await import('../commands/host/list.ts')).list),
  ).option('--no-backups', 'do not look for their newest backups');
  cloudFlags(
    addCommand(host, runner, 'show <name>', 'show a host', async () => (await import('../commands/host/show.ts')).show),
  ).option('--no-backups', 'do not look for its newest backup');
  viaFlag(
    cloudFlags(
      addCommand(
        host,
        runner,
        'exec <name> [command...]',
        'run a command on a host; put -- before it',
        async () => (await import('../commands/host/exec.ts')).exec,
      ),
    ),
  )
    .option('--stdin', "pass this command's standard input on")
    .addHelpText(
      'after',
      "\nIts output and exit status are passed through. One word is a line for the host's shell: -- 'df -h | head'.",
    );
  viaFlag(
    cloudFlags(
      addCommand(
        host,
        runner,
        'ssh <name>',
        'open a shell on a host',
        async () => (await import('../commands/host/ssh.ts')).ssh,
      ),
    ),
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
    .option('--max-age <duration>', 'refuse while the newest backup is older, e.g. 6h or 7d', '24h')
    .option('--without-backup', 'destroy it whatever backups there are')
    .option('--adopted', 'destroy it although it was adopted, not launched')
    .option('-y, --yes', 'do not ask')
    .option('-n, --dry-run', 'print the plan only')
    .addHelpText(
      'after',
      '\nBefore anything is deleted the newest backup is found in the bucket, and verified: its snapshot and all its folders open,' +
        '\nevery piece of its files is listed in an index, and every pack needed is there with its whole size.',
    );
}
