/** The commands around clouds as a whole: the demo, the sandbox, cleanup, and the agent's entry; and all nouns. */
import type { Command } from 'commander';
import { addAgentCommands } from './agent.ts';
import { addBucketCommands } from './bucket.ts';
import { addCommand, type Runner } from './command.ts';
import { cloudFlags } from './flags.ts';
import { addHostCommands } from './host.ts';
import { addRecoveryCommands } from './recovery.ts';
import { addVolumeCommands } from './volume.ts';

/** Adds every command that is not about one repository. */
export function addCloudCommands(program: Command, runner: Runner): void {
  addCommand(
    program,
    runner,
    'demo',
    'lose a host and bring it back, in a cloud on this machine',
    async () => (await import('../demo/command.ts')).demo,
  )
    .option('--data <dir>', "use this folder as the host's data (default: files found on this machine)")
    .option(
      '--regions',
      'lose a whole region instead, and recover in another from volume copies and from the repository',
    )
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

  addBucketCommands(program, runner);
  addHostCommands(program, runner);
  addRecoveryCommands(program, runner);
  addVolumeCommands(program, runner);

  cloudFlags(
    addCommand(
      program,
      runner,
      'cleanup',
      'find and remove what killed runs left in the cloud',
      async () => (await import('../commands/cleanup.ts')).cleanup,
    ),
  )
    .option('--foreign', 'also what another state directory made and left; never its hosts')
    .option('-y, --yes', 'do not ask')
    .option('-n, --dry-run', 'print the plan only');

  cloudFlags(
    addCommand(
      program,
      runner,
      'doctor',
      'check credentials, clock, permissions, bucket, host and this machine, each with its fix',
      async () => (await import('../commands/doctor/doctor.ts')).doctor,
    ),
  )
    .option('--bucket <name>', 'also audit this bucket')
    .option('--host <name>', 'also log in to this host')
    .addHelpText(
      'after',
      '\nChanges nothing. Exit 0 when all is well, 22 when something is not; warnings do not count.',
    );

  addAgentCommands(program, runner);
}
