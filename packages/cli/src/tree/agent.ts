/** `hostark agent …`: what runs on hosts, and what prepares it. */
import type { Command } from 'commander';
import { addCommand, type Runner } from './command.ts';
import { stateFlag } from './flags.ts';

/** Adds `agent` with its verbs. */
export function addAgentCommands(program: Command, runner: Runner): void {
  const agent = addCommand(
    program,
    runner,
    'agent',
    'run one job from stdin; started on hosts by protect and recover',
    async () => (await import('../commands/agent.ts')).agent,
  );
  stateFlag(
    addCommand(
      agent,
      runner,
      'prepare',
      "fetch what an agent for another architecture needs, from npm's registry, by pinned hashes",
      async () => (await import('../commands/agent-prepare.ts')).agentPrepare,
    ),
  )
    .requiredOption('--arch <name>', 'architecture of the hosts: arm64 or x64')
    .option('-n, --dry-run', 'say what would be fetched');
  addCommand(
    agent,
    runner,
    'key <run>',
    'make the key of a session over Systems Manager; started on hosts',
    async () => (await import('../agent/relay.ts')).agentKey,
  );
  addCommand(
    agent,
    runner,
    'relay',
    "serve the host's end of a session over Systems Manager; started on hosts",
    async () => (await import('../agent/relay.ts')).agentRelay,
  )
    .requiredOption('--run <run>', 'name of the session')
    .requiredOption('--operator <key>', "the operator's public key")
    .requiredOption('--bucket <name>', 'bucket that carries the session')
    .requiredOption('--prefix <path>', "the host's place in it")
    .requiredOption('--region <region>', 'region of the bucket')
    .option('--endpoint <url>', 'AWS-compatible endpoint');
}
