/** Flags that several cloud commands share. */
import { type Command, Option } from 'commander';
import { collect } from './command.ts';

/** What may be chosen about a new host; see hosts/launch-flags.ts. */
export function launchFlags(command: Command, when = ''): Command {
  return command
    .option('--image <alias|ami>', `${when}al2023, debian-12, ubuntu-24.04, or an AMI id`, 'al2023')
    .addOption(new Option('--arch <arch>', `${when}architecture`).choices(['x86_64', 'arm64']))
    .option(
      '--type <type>',
      `${when}instance type (default: t3.small, or t4g.small for arm64: burstable; m7i.large or m7g.large for steady general work, c7i.large or c7g.large for computing)`,
    )
    .option('--subnet <id>', `${when}subnet (default: one of the default VPC)`)
    .option('--vpc <id>', `${when}VPC (default: the default one)`)
    .option('--zone <zone>', `${when}availability zone`)
    .option('--security-group <id>', `${when}a group that exists, used as it is (default: one of our own)`)
    .option('--ssh-from <cidr>', `${when}address range that may log in over SSH (repeatable); needed on AWS`, collect)
    .option('--key-file <file>', `${when}log in with this private key (default: one made for the host)`)
    .option('--ssm', `${when}let its SSM agent talk to Systems Manager`)
    .option('--no-ssh', `${when}let nobody in over SSH, make no key pair; with --ssm`)
    .option('--elastic-ip', `${when}an address that stays while the host lives`)
    .option('--root-size <GiB>', `${when}size of the root volume`)
    .option('--volume <SIZE[:TYPE[:DEVICE]]>', `${when}one more volume, encrypted and empty; GiB (repeatable)`, collect)
    .option('--spot', `${when}a spot instance: cheaper, and EC2 may end it`);
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

/** How much of the processors is taken; see repository/max-cpu.ts. */
export function maxCpuFlag(command: Command, whose = ''): Command {
  return command.option(
    '--max-cpu <cores|percent%>',
    `CPU time to take at most${whose}: cores (0.5), or a share of all of them (25%)`,
  );
}
