/** `hostark volume …`. */
import type { Command } from 'commander';
import { addCommand, type CommandCode, type Runner } from './command.ts';
import { cloudFlags } from './flags.ts';

const FREEZE_HELP = `
All volumes are taken at one moment, as a sudden power cut would leave them: file systems and databases with a journal
come up from that. --freeze has the file systems of data volumes (never the root) stand still for that moment, a second
or so. The host thaws by itself when the connection is lost or after 30 seconds.`;

const RECOVER_HELP = `
The new host has all volumes of the old one, boots as it did and is tied to the same bucket. It has its own addresses,
keys, role and security group. Snapshots in another region are copied first: --from-region, or the regions that this
machine's ledger knows; what lies in the new host's region is never looked for elsewhere.

Examples:
  $ hostark volume recover web --name web-2 --zone us-east-1b
  $ hostark volume recover web --name web-2 --region eu-west-1 --from-region us-east-1`;

/** Adds `volume` with its verbs. */
export function addVolumeCommands(program: Command, runner: Runner): void {
  const volume = program
    .command('volume')
    .description('snapshot, copy and recover the volumes of hosts')
    .exitOverride();
  const add = <Flags>(words: string, description: string, load: () => Promise<CommandCode<Flags>>): Command =>
    cloudFlags(addCommand(volume, runner, words, description, load));
  add(
    'snapshot <host>',
    'snapshot all volumes of a host at one moment',
    async () => (await import('../commands/volume/snapshot.ts')).snapshot,
  )
    .option('--freeze', 'freeze the file systems of data volumes for that moment')
    .option('--no-wait', 'end as soon as EBS has the moment; it stores by itself')
    .option('-n, --dry-run', 'print the plan only')
    .addHelpText('after', FREEZE_HELP);
  add(
    'list [host]',
    'list snapshots by host and set, here and where their copies are',
    async () => (await import('../commands/volume/list.ts')).list,
  ).option('--all-regions', 'look into every region of the account');
  add(
    'copy <snapshot|set|host>',
    'copy a snapshot, a set, or the newest set of a host to another region; run it again to go on',
    async () => (await import('../commands/volume/copy.ts')).copy,
  )
    .requiredOption('--to-region <region>', 'where the copies go')
    .option('--kms-key <key>', 'key of that region (default: its default EBS key)')
    .option('--complete-in <minutes>', 'have EBS finish within 15 to 2880 minutes, for extra money')
    .option('--no-wait', 'end as soon as EBS was asked')
    .option('-n, --dry-run', 'print the plan only');
  add(
    'create <snapshot>',
    'make a volume from a snapshot',
    async () => (await import('../commands/volume/create.ts')).create,
  )
    .requiredOption('--zone <zone>', 'availability zone, of the region of the snapshot')
    .option('--type <type>', 'gp3, gp2, io1, io2, st1, sc1 or standard (default: as the original)')
    .option('--size <GiB>', 'at least the size of the snapshot, which is the default')
    .option('--iops <n>', 'for io1 and io2')
    .option('--encrypted', 'encrypt it (the default)')
    .option('--no-encrypted', 'leave it unencrypted, if its snapshot is')
    .option('--kms-key <key>', 'encrypt with this key')
    .option('-n, --dry-run', 'print the plan only');
  add(
    'attach <volume> <host>',
    'attach a volume to a host of its zone',
    async () => (await import('../commands/volume/attach.ts')).attach,
  )
    .option('--device <name>', 'e.g. /dev/sdf (default: the first that is free)')
    .option('-n, --dry-run', 'print the plan only');
  add(
    'detach <volume>',
    'detach a volume; unmount it on the host first',
    async () => (await import('../commands/volume/attach.ts')).detach,
  ).option('-n, --dry-run', 'print the plan only');
  add(
    'prune <host>',
    'delete old sets of a host in one region; the last complete one always stays',
    async () => (await import('../commands/volume/prune.ts')).prune,
  )
    .option('--keep-last <n>', 'keep the newest n complete sets')
    .option('--keep-within <duration>', 'keep what is younger, e.g. 30d or 1y6m')
    .option('-y, --yes', 'do not ask')
    .option('-n, --dry-run', 'print the plan only');
  add(
    'recover <host|set>',
    'make a whole new host from volume snapshots, in any zone, VPC or region',
    async () => (await import('../commands/volume/recover.ts')).recover,
  )
    .requiredOption('--name <name>', 'the new host')
    .option('--from-region <region>', 'where the snapshots are, when not in the region of the new host')
    .option('--kms-key <key>', 'encrypt copies with this key of the new region')
    .option('--type <type>', 'instance type (default: as the old host)')
    .option('--zone <zone>', 'availability zone')
    .option('--subnet <id>', 'subnet (default: one of the default VPC)')
    .option('--vpc <id>', 'VPC')
    .option('--ssh-from <cidr>', 'address range that may log in over SSH; needed on AWS')
    .option('--bucket <name>', 'bucket that the new host backs up into (default: that of the old one)')
    .option('--no-bucket', 'tie it to no bucket')
    .option('-n, --dry-run', 'print the plan only')
    .addHelpText('after', RECOVER_HELP);
}
