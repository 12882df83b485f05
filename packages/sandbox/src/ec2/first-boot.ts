/**
 * What a root volume gets before a boot, as cloud-init sees it: an empty one the files of a system, one that was
 * another instance's a new identity, one that knows this instance nothing.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { MachineMode, MachineVolume } from '../instance/machine.ts';
import { adoptRoot, makeRoot, writeStandIns } from '../instance/root.ts';
import { IMAGES } from './catalog.ts';
import { hostnameOf } from './fleet.ts';
import type { InstanceRecord } from './model.ts';
import { readUserData } from './user-data.ts';

/** Where cloud-init keeps the instance that a root volume belongs to. */
const INSTANCE_ID_FILE = 'var/lib/cloud/data/instance-id';

/** Throws Error when the volume has files but no system, as a data volume has. */
export function prepareRoot(instance: InstanceRecord, mode: MachineMode, { directory }: MachineVolume): void {
  const marker = join(directory, INSTANCE_ID_FILE);
  const ownMachineId = instance.id.slice(2).padStart(32, 'e');
  const machineId = textOf(join(directory, 'etc/machine-id'));
  const { script } = readUserData(instance.userData);
  const options = {
    ...{ directory, mode, hostname: hostnameOf(instance), machineId: ownMachineId },
    osRelease: IMAGES.find((image) => image.id === instance.imageId)?.osRelease ?? [],
    hostKey: instance.hostPublicKey,
    authorizedKeys: instance.publicKeys,
    ...(script === null ? {} : { bootScript: script }),
  };
  // Roots of earlier versions have no marker, but a machine id that tells whose they are.
  if (textOf(marker) === instance.id || (textOf(marker) === null && machineId === ownMachineId))
    writeStandIns(directory);
  else if (machineId !== null) adoptRoot(options);
  else if (readdirSync(directory).length === 0) makeRoot(options);
  else throw new Error('the root volume has files but no system: expected etc/machine-id');
  mkdirSync(dirname(marker), { recursive: true });
  writeFileSync(marker, `${instance.id}\n`);
}

/** The trimmed text of a file; null when there is none. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
