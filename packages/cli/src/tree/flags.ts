/** Flags that several cloud commands share. */
import { type Command, Option } from 'commander';

/** What may be chosen about a new host; see hosts/launch-flags.ts. */
export function launchFlags(command: Command, when = ''): Command {
  return command
    .option('--image <alias|ami>', `${when}al2023, debian-12, ubuntu-24.04, or an AMI id`, 'al2023')
    .option('--type <type>', `${when}instance type`, 't3.small')
    .option('--subnet <id>', `${when}subnet (default: one of the default VPC)`)
    .option('--zone <zone>', `${when}availability zone`)
    .option('--ssh-from <cidr>', `${when}address range that may log in over SSH; needed on AWS`);
}

/** The flags of every command that talks to a cloud; see hosts/cloud.ts. */
export function cloudFlags(command: Command): Command {
  return stateFlag(
    command
      .option('--profile <name>', 'AWS profile')
      .option('--region <region>', 'AWS region')
      .option('--endpoint <url>', 'AWS-compatible endpoint (default: AWS_ENDPOINT_URL)'),
  );
}

/** Where this machine's state is, for commands that touch no cloud. */
export function stateFlag(command: Command): Command {
  return command.option(
    '--state-dir <dir>',
    'where Hostark keeps its ledger and keys (default: ~/.local/state/hostark)',
  );
}

/** How a host is reached; see hosts/session.ts. */
export function viaFlag(command: Command): Command {
  return command.addOption(
    new Option('--via <way>', 'how the host is reached: ssh, ssm (Systems Manager), or auto: ssh where a key is there')
      .choices(['auto', 'ssh', 'ssm'])
      .default('auto'),
  );
}
