/** How many entries a listing may give at once. */
import type { Call } from './call.ts';
import { invalidArgument } from './errors.ts';

/** S3's bound for every listing; more may be asked and is cut. */
const MOST = 1000;

/** The parameter (`max-keys`, `max-parts`, `max-uploads`), or the bound. Throws InvalidArgument. */
export function pageSize(call: Call, name: string): number {
  const text = call.param(name);
  if (text === null || text === '') return MOST;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw invalidArgument(`Provided ${name} not an integer or within integer range`, name, text);
  return Math.min(value, MOST);
}
