/** How finds are printed with --json: restic's fields in restic's order (`cmd_find.go`, findNode). */
import { formatInstant, goText } from '@hostark/repository';
import { goJson } from '../ls/format.ts';
import { modeText } from '../ls/mode-text.ts';
import type { FoundEntry } from './find.ts';
import type { FoundObject } from './objects.ts';

/** Returns restic's JSON object of a found entry. Numbers are exact whatever their size. */
export function entryJson({ path, node }: Pick<FoundEntry, 'path' | 'node'>): string {
  const fields = [
    `"path":${goJson(goText(path))}`,
    `"permissions":${goJson(modeText(node.mode))}`,
    `"type":${goJson(node.type)}`,
  ];
  if (node.mode !== 0) fields.push(`"mode":${node.mode}`);
  for (const time of ['mtime', 'atime', 'ctime'] as const) fields.push(`"${time}":"${formatInstant(node[time])}"`);
  fields.push(`"uid":${node.uid}`, `"gid":${node.gid}`);
  if (node.user !== '') fields.push(`"user":${goJson(node.user)}`);
  if (node.group !== '') fields.push(`"group":${goJson(node.group)}`);
  if (node.inode !== 0n) fields.push(`"inode":${node.inode}`);
  if (node.deviceId !== 0n) fields.push(`"device_id":${node.deviceId}`);
  if (node.size !== 0n) fields.push(`"size":${node.size}`);
  if (node.links !== 0n) fields.push(`"links":${node.links}`);
  if (node.linkTarget !== undefined && node.linkTarget.length > 0) {
    fields.push(`"linktarget":${goJson(goText(node.linkTarget))}`);
  }
  if (node.error !== undefined && node.error !== '') fields.push(`"error":${goJson(node.error)}`);
  return `{${fields.join(',')}}`;
}

/** Returns restic's JSON object of a found blob or tree; `packs`, which restic's does not have, when they are asked for. */
export function objectJson(found: FoundObject, packs?: readonly string[]): string {
  const { kind, id, path, parent, snapshot } = found;
  const fields = [`"object_type":"${kind}"`, `"id":"${id}"`, `"path":${goJson(goText(path))}`];
  if (parent !== null) fields.push(`"parent_tree":"${parent}"`);
  fields.push(`"snapshot":"${snapshot.id}"`, `"time":"${formatInstant(snapshot.time)}"`);
  if (packs !== undefined) fields.push(`"packs":${JSON.stringify(packs)}`);
  return `{${fields.join(',')}}`;
}
