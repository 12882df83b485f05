/** A snapshot as restic prints it with --json: the stored fields, then `id` and `short_id`. */
import { encodeSnapshot, type StoredSnapshot, textOf } from '@hostark/repository';

export function snapshotJson(snapshot: StoredSnapshot): Record<string, unknown> {
  return { ...JSON.parse(textOf(encodeSnapshot(snapshot))), id: snapshot.id, short_id: snapshot.id.slice(0, 8) };
}
