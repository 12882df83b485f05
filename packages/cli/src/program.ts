/**
 * The command tree: names, flags and help of every command; each command's code is loaded when it runs.
 * Repository commands keep restic's names and flags; what concerns hosts and clouds is `noun verb`.
 */
import { Command } from 'commander';
import { addCloudCommands } from './tree/cloud.ts';
import { addGlobalFlags, type Runner } from './tree/command.ts';
import { addRepositoryCommands } from './tree/repository.ts';
import { VERSION } from './version.ts';

const EXAMPLES = `
Examples:
  $ hostark demo                                  lose a host and bring it back, all on this machine
  $ hostark init -r /srv/repo                     create a repository in a folder
  $ hostark backup -r /srv/repo /etc /home        save two folders
  $ hostark restore -r /srv/repo latest --target /tmp/back

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some files could not be read, 10 no repository,
11 locked, 12 wrong password, 20 AWS credentials, 22 not healthy, 130 interrupted. See docs/errors.md.`;

/** Builds the tree. Commander throws CommanderError for wrong usage and for help. */
export function buildProgram(runner: Runner): Command {
  const program = new Command('hostark')
    .description('Backs up hosts into an S3 bucket you own, in the open restic format, and proves that they come back.')
    .version(`hostark ${VERSION}`, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showSuggestionAfterError(true)
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .enablePositionalOptions(false);
  addGlobalFlags(program);
  addRepositoryCommands(program, runner);
  addCloudCommands(program, runner);
  return program;
}
