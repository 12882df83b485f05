/** `hostark bucket …`. */
import type { Command } from 'commander';
import { addCommand, collect, type Runner } from './command.ts';
import { cloudFlags } from './flags.ts';

const CREATE_HELP = `
What is chosen here is kept in the bucket's tags: a second run and an audit need no flags to expect it.
--storage-class moves objects above 128 KiB (packs) by a lifecycle rule, whatever wrote them. Index, snapshots, keys and
locks stay in STANDARD. Classes that take hours to read are refused.`;

/** Adds `bucket` with its verbs. */
export function addBucketCommands(program: Command, runner: Runner): void {
  const bucket = program.command('bucket').description('create, audit, show and download buckets').exitOverride();
  cloudFlags(
    addCommand(
      bucket,
      runner,
      'create <name>',
      'create or adopt a bucket and harden it',
      async () => (await import('../commands/bucket/create.ts')).create,
    ),
  )
    .option('--object-lock [days]', 'protect new objects against deletion, 30 days unless told (only at creation)')
    .option('--kms-key <key>', 'encrypt with this KMS key (id, ARN or alias/NAME) instead of S3-managed keys')
    .option('--storage-class <class>', 'where packs move: STANDARD, STANDARD_IA, INTELLIGENT_TIERING or GLACIER_IR')
    .option('--expire-noncurrent <days>', 'drop overwritten and deleted versions after this many days, or never (90)')
    .option('--size <GiB>', 'price this size in the plan (repeatable)', collect)
    .option('-y, --yes', 'do not ask before adopting a bucket that Hostark did not make')
    .option('-n, --dry-run', 'print the plan only')
    .addHelpText('after', CREATE_HELP);
  cloudFlags(
    addCommand(
      bucket,
      runner,
      'audit <name>',
      'name every deviation from the hardening; exit 22 when something is off',
      async () => (await import('../commands/bucket/audit.ts')).audit,
    ),
  )
    .option('--fix', 'mend what is off; what others have put into the bucket stays')
    .option('--allow-principal <arn|account>', 'access by this principal is wanted (repeatable)', collect)
    .option('-y, --yes', 'do not ask')
    .option('-n, --dry-run', 'with --fix: print the plan only');
  cloudFlags(
    addCommand(
      bucket,
      runner,
      'show <name>',
      'show what is set on a bucket and what it holds',
      async () => (await import('../commands/bucket/show.ts')).show,
    ),
  );
  cloudFlags(
    addCommand(
      bucket,
      runner,
      'download <name> <places...>',
      'copy a repository to a local folder, verified and resumable',
      async () => (await import('../commands/bucket/download.ts')).download,
    ),
  )
    .usage('[options] <name> [prefix] <dir>')
    .option('--prefix <prefix>', 'the repository within the bucket, e.g. hosts/web-1; may also stand before the folder')
    .option('--snapshot <id>', 'only what this snapshot needs (latest, an id or its beginning)')
    .option('-y, --yes', 'do not ask before downloads of 10 GiB and more on a terminal')
    .option('-n, --dry-run', 'print size, requests and cost only');
  addMaintenanceCommands(bucket, runner);
}

/** Adds `bucket maintenance` with its verbs. */
function addMaintenanceCommands(bucket: Command, runner: Runner): void {
  const maintenance = bucket
    .command('maintenance')
    .description('the role that may delete in a bucket, for forget and prune; no host can have it')
    .exitOverride();
  const code = () => import('../commands/bucket/maintenance.ts');
  cloudFlags(
    addCommand(
      maintenance,
      runner,
      'create <name>',
      'create the role, or bring it up to date',
      async () => (await code()).create,
    ),
  )
    .option('--prefix <prefix>', 'only below this prefix, e.g. hosts/web-1 (default: the whole bucket)')
    .option('--principal <arn>', 'user or role that may assume it (default: whom the account allows)')
    .option('--mfa', 'demand a second factor')
    .option('--kms-key <arn>', 'also let it use this KMS key')
    .option('-n, --dry-run', 'print the plan only');
  cloudFlags(addCommand(maintenance, runner, 'show <name>', 'show the role', async () => (await code()).show));
  cloudFlags(addCommand(maintenance, runner, 'remove <name>', 'remove the role', async () => (await code()).remove))
    .option('-y, --yes', 'do not ask')
    .option('-n, --dry-run', 'print the plan only');
}
