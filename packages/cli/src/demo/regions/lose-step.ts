/** Step 5: the home region is gone, with all that was in it. What follows is told by the other region alone. */
import { listHosts } from '@hostark/cloud';
import { HostarkError } from '@hostark/protocol';
import type { Say } from '../stage.ts';
import { HOME_REGION, type RegionsState } from './state.ts';

export async function loseStep({ home, refuge }: RegionsState, say: Say): Promise<{ bytesMoved: number }> {
  await home.sandbox.regions.lose(HOME_REGION);
  const answer = await listHosts(home.cloud.clients, home.cloud.ledger).then(
    () => null,
    (error: Error) => error.message,
  );
  if (answer === null) throw new HostarkError('internal', `${HOME_REGION} still answers`);
  say(`${HOME_REGION} is lost: ${answer}`);
  const left = await listHosts(refuge.cloud.clients, refuge.cloud.ledger);
  say(`${refuge.cloud.clients.region} answers, and has ${left.length === 0 ? 'no host' : `${left.length} hosts`}`);
  return { bytesMoved: 0 };
}
