/** `hostark unlock`: removes locks that crashed runs left. */
import { hostname } from 'node:os';
import { unlock as removeLocks } from '@hostark/repository';
import { withRepository } from '../repository/open.ts';
import { plural } from '../terminal/format.ts';
import type { CommandCode } from '../tree/command.ts';

export const unlock: CommandCode<{ readonly removeAll?: boolean }> = async (context, flags) =>
  withRepository(context, flags, { lock: 'none' }, async ({ repository }) => {
    const removed = await removeLocks(repository, { host: hostname(), removeAll: flags.removeAll ?? false });
    context.out.data({ message_type: 'summary', removed: removed.map(({ id }) => id) });
    context.out.say(removed.length === 0 ? 'no stale locks' : `${plural(removed.length, 'lock')} removed`);
    return 0;
  });
