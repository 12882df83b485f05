/** The commands around hosts and buckets: `noun verb`, and the demo. */
import { type Command, Option } from 'commander';
import { addCommand, collect, type Runner } from './command.ts';

/** Adds demo, sandbox, bucket, host, protect, recover, cleanup and the agent's entry. */
export function addCloudCommands(program: Command, runner: Runner): void {
  addCommand(
    program,
    runner,
    'demo',
    'lose a host and bring it back, in a cloud on this machine',
    async () => (await import('../demo/command.ts')).demo,
  )
    .option('--data <dir>', "use this folder as the host's data (default: files found on this machine)")
    .option('--keep', 'leave the sandbox running until Ctrl-C')
    .option('--directory <dir>', 'where the demo works (default: a new folder below the temporary folder)')
    .addHelpText('after', '\nNeeds no AWS account, no root, no docker. Takes about a minute.');

  addCommand(
    program,
    runner,
    'sandbox',
    'run an AWS-compatible cloud on this machine',
    async () => (await import('../commands/sandbox.ts')).sandbox,
  )
    .option('--directory <dir>', 'where its state lives (default: a new folder below the temporary folder)')
    .option('--port <port>', 'port on 127.0.0.1 (default: a free one)');

  const bucket = program.command('bucket').description('create, show and download buckets').exitOverride();
  cloudFlags(
    addCommand(
      bucket,
      runner,
      'create <name>',
      'create or adopt a bucket and harden it',
      async () => (await import('../commands/bucket.ts')).create,
    ),
  )
    .option('--object-lock', 'protect objects against deletion (only possible at creation)')
    .option('--kms-key <arn>', 'encrypt with this KMS key instead of S3-managed keys')
    .option('--expire-noncurrent <days>', 'drop overwritten and deleted versions after this many days')
    .option('-n, --dry-run', 'print the plan only');
  cloudFlags(
    addCommand(
      bucket,
      runner,
      'show <name>',
      'show what is set on a bucket and what it holds',
      async () => (await import('../commands/bucket.ts')).show,
    ),
  );
  cloudFlags(
    addCommand(
      bucket,
      runner,
      'download <name> <dir>',
      'copy a repository to a local folder, verified and resumable',
      async () => (await import('../commands/bucket.ts')).download,
    ),
  )
    .option('--prefix <prefix>', 'the repository within the bucket, e.g. hosts/web-1')
    .option('-n, --dry-run', 'print size and number of requests only');

  const host = program.command('host').description('launch, list, show and destroy hosts').exitOverride();
  launchFlags(
    cloudFlags(
      addCommand(
        host,
        runner,
        'launch <name>',
        'launch a host tied to a bucket',
        async () => (await import('../commands/host.ts')).launch,
      ),
    ),
  )
    .requiredOption('--bucket <name>', 'bucket that the host backs up into')
    .option('-n, --dry-run', 'print the plan only');
  cloudFlags(addCommand(host, runner, 'list', 'list hosts', async () => (await import('../commands/host.ts')).list));
  cloudFlags(
    addCommand(host, runner, 'show <name>', 'show a host', async () => (await import('../commands/host.ts')).show),
  );
  cloudFlags(
    addCommand(
      host,
      runner,
      'destroy <name>',
      'destroy a host and all that was created for it; its backups stay',
      async () => (await import('../commands/host.ts')).destroy,
    ),
  )
    .option('-y, --yes', 'do not ask')
    .option('-n, --dry-run', 'print the plan only');

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
  cloudFlags(
    addCommand(
      program,
      runner,
      'cleanup',
      'find and remove what killed runs left in the cloud',
      async () => (await import('../commands/cleanup.ts')).cleanup,
    ),
  )
    .option('--foreign', 'also what another state directory made and left')
    .option('-y, --yes', 'do not ask')
    .option('-n, --dry-run', 'print the plan only');

  addCommand(
    program,
    runner,
    'agent',
    'run one job from stdin; started on hosts by protect and recover',
    async () => (await import('../commands/agent.ts')).agent,
  );
}

/** What may be chosen about a new host; see hosts/launch-flags.ts. */
function launchFlags(command: Command, when = ''): Command {
  return command
    .option('--image <alias|ami>', `${when}al2023, debian-12, ubuntu-24.04, or an AMI id`, 'al2023')
    .option('--type <type>', `${when}instance type`, 't3.small')
    .option('--subnet <id>', `${when}subnet (default: one of the default VPC)`)
    .option('--zone <zone>', `${when}availability zone`)
    .option('--ssh-from <cidr>', `${when}address range that may log in over SSH; needed on AWS`);
}

function cloudFlags(command: Command): Command {
  return command
    .option('--profile <name>', 'AWS profile')
    .option('--region <region>', 'AWS region')
    .option('--endpoint <url>', 'AWS-compatible endpoint (default: AWS_ENDPOINT_URL)')
    .option('--state-dir <dir>', 'where Hostark keeps its ledger and keys (default: ~/.local/state/hostark)');
}
