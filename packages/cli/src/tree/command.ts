/** How a command is added to the tree: its flags, where they may stand, and when its code is loaded. */
import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.ts';
import type { GlobalFlags } from '../repository/settings.ts';

/** Runs a command's action with the context that its flags ask for. */
export type Runner = (
  flags: GlobalFlags,
  action: (context: CommandContext) => Promise<number | undefined>,
) => Promise<void>;

/** The code of a command: flags and positional arguments in, exit code out (undefined is 0). */
export type CommandCode<Flags> = (
  context: CommandContext,
  flags: Flags & GlobalFlags,
  args: string[],
) => Promise<number | undefined>;

/** Adds a command below `parent` that loads its code when it runs. Flags may stand before or after the command's name. */
export function addCommand<Flags>(
  parent: Command,
  runner: Runner,
  nameAndArguments: string,
  description: string,
  load: () => Promise<CommandCode<Flags>>,
): Command {
  const command = parent.command(nameAndArguments).description(description).exitOverride();
  // Only to the command that is called: to all of them would take 8 ms. The help of a command does not show them.
  parent.hook('preSubcommand', (_parent, called) => {
    if (called === command) addGlobalFlags(command);
  });
  command.addHelpText('after', '\nFlags of all commands (-r, -p, --json, -q, -v ...): hostark --help');
  command.action(async () => {
    const flags = mergedFlags(command) as Flags & GlobalFlags;
    await runner(flags, async (context) => (await load())(context, flags, command.args));
  });
  return command;
}

/** Flags of the command and of all above it; what stands nearest to the command wins. */
function mergedFlags(command: Command): Record<string, unknown> {
  const merged: Record<string, unknown> = command.parent === null ? {} : mergedFlags(command.parent);
  for (const [name, value] of Object.entries(command.opts())) {
    const source = command.getOptionValueSource(name);
    if (value !== undefined && (source !== 'default' || merged[name] === undefined)) merged[name] = value;
  }
  return merged;
}

/** For repeatable flags: collects values in order. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/** Adds the flags that every command takes; below the root they are left out of the help. */
export function addGlobalFlags(command: Command): void {
  const hidden = command.parent !== null;
  const options = [
    new Option('-r, --repo <location>', 'repository: a folder, or s3:https://HOST/BUCKET/PREFIX'),
    new Option('--repository-file <file>', 'file that holds the location'),
    new Option('-p, --password-file <file>', 'file that holds the password'),
    new Option('--password-command <command>', 'command that prints the password'),
    new Option('--insecure-no-password', 'use an empty password'),
    new Option('--key-hint <id>', 'key to try first'),
    new Option('--json', 'print JSON, one object a line'),
    new Option('-q, --quiet', 'print results and errors only'),
    new Option('-v, --verbose', 'print more; errors come with their causes').argParser(
      (_value, before: number | undefined) => (before ?? 0) + 1,
    ),
    new Option('--cache-dir <dir>', 'folder for cached metadata'),
    new Option('--no-cache', 'use no cache'),
    new Option('--no-lock', 'do not lock the repository (reading commands only)'),
    new Option('--retry-lock <duration>', 'wait this long for a lock, e.g. 5m'),
    new Option('--limit-upload <KiB>', 'limit uploads to KiB per second'),
    new Option('--limit-download <KiB>', 'limit downloads to KiB per second'),
    new Option('--compression <mode>', 'auto, off, fastest, better or max'),
    new Option('--pack-size <MiB>', 'target size of packs, 4 to 128'),
    new Option('-o, --option <key=value>', 'backend option, e.g. s3.region=eu-west-1').argParser(collect),
  ];
  for (const option of options) command.addOption(hidden ? option.hideHelp() : option);
}
