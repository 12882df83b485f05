/** `hostark host ssh HOST`: a login shell with this terminal, over SSH with the host's verified key. */
import { showHost } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import { openShell } from '@hostark/remote';
import { type CloudFlags, withCloud } from '../../hosts/cloud.ts';
import { chooseVia, sshOptions, type Via } from '../../hosts/session.ts';
import type { CommandCode } from '../../tree/command.ts';

interface SshFlags extends CloudFlags {
  readonly via: Via;
}

export const ssh: CommandCode<SshFlags> = async (context, flags, [name]) => {
  const { io, signal } = context;
  return withCloud(context, flags, async (cloud) => {
    const host = await showHost(cloud.clients, cloud.ledger, name!, { signal });
    if ((await chooseVia(host, flags.via)) === 'ssm') {
      throw new HostarkError('usage', `a shell needs SSH, and ${host.name} is reached through Systems Manager here`, {
        hint: `hostark host exec ${host.name} -- COMMAND works over it; for a shell: aws ssm start-session --target ${host.instanceId}`,
      });
    }
    const { code } = await openShell(await sshOptions(cloud, host), {
      input: io.stdin,
      output: io.stdout,
      term: io.env.TERM ?? 'xterm-256color',
    });
    return code ?? 255;
  });
};
