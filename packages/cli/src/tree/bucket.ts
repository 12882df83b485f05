/** `hostark bucket …`. */
import type { Command } from 'commander';
import { addCommand, type Runner } from './command.ts';
import { cloudFlags } from './flags.ts';

/** Adds `bucket` with its verbs. */
export function addBucketCommands(program: Command, runner: Runner): void {
  const bucket = program.command('bucket').description('create, show and download buckets').exitOverride();
  cloudFlags(
    addCommand(
      bucket,
      runner,
      'create <name>',
      'create or adopt a bucket and harden it',
      async () => (await import('../commands/bucket/create.ts')).create,
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
      async () => (await import('../commands/bucket/show.ts')).show,
    ),
  );
  cloudFlags(
    addCommand(
      bucket,
      runner,
      'download <name> <dir>',
      'copy a repository to a local folder, verified and resumable',
      async () => (await import('../commands/bucket/download.ts')).download,
    ),
  )
    .option('--prefix <prefix>', 'the repository within the bucket, e.g. hosts/web-1')
    .option('-n, --dry-run', 'print size and number of requests only');
}
