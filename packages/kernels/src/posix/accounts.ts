/**
 * User and group names from /etc/passwd and /etc/group. Other sources (LDAP, sssd) are not asked: such ids have no name
 * here and travel as numbers.
 */

import { readFileSync } from 'node:fs';

/** Long enough for a walk, short enough that a service notices new users. */
const FRESH_MS = 60_000;

interface Table {
  readonly readAtMs: number;
  readonly names: ReadonlyMap<number, string>;
  readonly ids: ReadonlyMap<string, number>;
}

/** One file of `name:password:id:...` lines (passwd(5), group(5)), read again when it is older than a minute. */
export class Accounts {
  readonly #file: string;
  #table: Table | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  /** Returns '' when no line has the id. The first line of an id or name wins, as with getpwuid(3). */
  name(id: number): string {
    return this.#current().names.get(id) ?? '';
  }

  /** Returns null when no line has the name. */
  id(name: string): number | null {
    return this.#current().ids.get(name) ?? null;
  }

  #current(): Table {
    const nowMs = performance.now();
    if (this.#table === null || nowMs - this.#table.readAtMs > FRESH_MS) this.#table = parse(read(this.#file), nowMs);
    return this.#table;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // A system without the file has no names.
  }
}

function parse(text: string, readAtMs: number): Table {
  const names = new Map<number, string>();
  const ids = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, , digits] = line.split(':');
    if (!name || name.startsWith('#') || digits === undefined || !/^\d+$/.test(digits)) continue;
    const id = Number(digits);
    if (!names.has(id)) names.set(id, name);
    if (!ids.has(name)) ids.set(name, id);
  }
  return { readAtMs, names, ids };
}
