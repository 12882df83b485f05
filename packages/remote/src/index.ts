/** Remote execution: SSH sessions with verified host keys, the agent's archive, its transport and its runs. */
export * from './agent-archive.ts';
export * from './agent-run.ts';
export * from './local.ts';
export * from './relay.ts';
export * from './sealed-channel.ts';
export * from './session.ts';
export { BECOME_ROOT, quote } from './shell.ts';
export * from './shell-session.ts';
export * from './ship.ts';
export { connectSsh, type SshOptions } from './ssh.ts';
export * from './ssm-connect.ts';
