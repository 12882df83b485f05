/** A name is one host: what this machine remembers under it must be what a new plan means. */
import { HostarkError } from '@hostark/protocol';
import type { CloudPlace } from './cloud-place.ts';
import type { HostRecord } from './host-record.ts';

/** Throws 'usage' when the record is of another account or region, of the other kind of host, or half undone. */
export function checkSameHost(before: HostRecord, place: CloudPlace, origin: HostRecord['origin']): void {
  const { name } = before;
  if (before.state === 'destroying' || before.state === 'detaching') {
    const verb = before.state === 'destroying' ? 'destroy' : 'detach';
    throw new HostarkError(
      'usage',
      `host ${name} is ${before.state === 'destroying' ? 'being destroyed' : 'being detached'}`,
      {
        hint: `finish that first: hostark host ${verb} ${name}`,
      },
    );
  }
  if (before.account !== place.account || before.region !== place.region) {
    throw new HostarkError(
      'usage',
      `host ${name}: expected in account ${place.account}, ${place.region}; this machine knows it in ${before.account}, ${before.region}`,
      {
        hint: `choose another name, or destroy the other one first; if that account or sandbox is gone, remove hosts/${name} from the state directory`,
      },
    );
  }
  if (before.origin === origin) return;
  throw new HostarkError('usage', `host ${name} exists and was ${before.origin}`, {
    hint: `choose another name, or first: hostark host ${before.origin === 'adopted' ? 'detach' : 'destroy'} ${name}`,
  });
}

/** A repeated run finds the host as it is: it must not move a host that runs to the backups of another one. */
export function checkSameStore(
  before: HostRecord,
  wanted: { readonly bucket: string | null; readonly prefix: string | null },
): void {
  if (before.state !== 'ready' || (before.bucket === wanted.bucket && before.prefix === wanted.prefix)) return;
  throw new HostarkError(
    'usage',
    `host ${before.name} exists and backs up into ${before.bucket}/${before.prefix}, expected ${wanted.bucket}/${wanted.prefix}`,
    { hint: `choose another name, or ${before.origin === 'adopted' ? 'detach' : 'destroy'} it first` },
  );
}
