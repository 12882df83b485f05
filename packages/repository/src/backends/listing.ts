/** A list of a backend, whole. */
import type { Backend, FileType } from '../backend.ts';

export type Listing = readonly { readonly name: string; readonly size: number }[];

/** Asks at once. Rejects as the list does. */
export async function listWhole(backend: Backend, type: FileType): Promise<Listing> {
  const entries: { name: string; size: number }[] = [];
  for await (const entry of backend.list(type)) entries.push(entry);
  return entries;
}
