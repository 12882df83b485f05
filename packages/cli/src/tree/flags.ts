/** Flags that several cloud commands share. */
import type { Command } from 'commander';

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
  return command
    .option('--profile <name>', 'AWS profile')
    .option('--region <region>', 'AWS region')
    .option('--endpoint <url>', 'AWS-compatible endpoint (default: AWS_ENDPOINT_URL)')
    .option('--state-dir <dir>', 'where Hostark keeps its ledger and keys (default: ~/.local/state/hostark)');
}
