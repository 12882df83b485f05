/** Filters (`Filter.N.Name`, `.Value.M`, with * and ?) and pages of the Describe operations. */
import { ServiceError } from '../http/service-error.ts';
import { glob, globMatches } from '../policy/glob.ts';
import type { Tags } from './model.ts';
import { invalid, type Parameters } from './parameters.ts';

/** Filter name -> the values that an item has under it. */
export type FilterTable<T> = Readonly<Record<string, (item: T) => readonly string[] | string>>;

/** The items that pass every filter of the request. Throws on a filter that the table does not know. */
export function filtered<T>(
  items: readonly T[],
  parameters: Parameters,
  table: FilterTable<T>,
  tagsOf: (item: T) => Readonly<Tags> = () => ({}),
): T[] {
  const tests = parameters.structures('Filter').map((filter) => {
    const name = filter.required('Name');
    const patterns = filter.list('Value').map(glob);
    const values = valuesUnder(name, table, tagsOf);
    return (item: T): boolean => {
      const has = values(item);
      return (typeof has === 'string' ? [has] : has).some((value) => patterns.some((p) => globMatches(p, value)));
    };
  });
  return items.filter((item) => tests.every((test) => test(item)));
}

function valuesUnder<T>(
  name: string,
  table: FilterTable<T>,
  tagsOf: (item: T) => Readonly<Tags>,
): (item: T) => readonly string[] | string {
  if (name === 'tag-key') return (item) => Object.keys(tagsOf(item));
  if (name.startsWith('tag:'))
    return (item) => {
      const value = tagsOf(item)[name.slice('tag:'.length)];
      return value === undefined ? [] : [value];
    };
  const known = Object.hasOwn(table, name) ? table[name] : undefined;
  if (known === undefined) throw new ServiceError(400, 'InvalidParameterValue', `The filter '${name}' is invalid`);
  return known;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Undefined on the last page. */
  readonly nextToken: string | undefined;
}

/** One page by MaxResults (5 to 1000) and NextToken; everything when the request does not ask for pages. */
export function page<T>(items: readonly T[], parameters: Parameters): Page<T> {
  const size = parameters.integer('MaxResults', Math.max(items.length, 1), 1, Number.MAX_SAFE_INTEGER);
  const token = parameters.get('NextToken');
  let start = 0;
  if (token !== undefined && token !== '') {
    start = Number(
      Buffer.from(token, 'base64')
        .toString('latin1')
        .replace(/^from:/, ''),
    );
    if (!Number.isInteger(start) || start < 0) throw invalid('NextToken', token, 'not a token of this operation');
  }
  const end = start + size;
  const nextToken = end < items.length ? Buffer.from(`from:${end}`).toString('base64') : undefined;
  return { items: items.slice(start, end), nextToken };
}
