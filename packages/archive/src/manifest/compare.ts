/** Compares two records of a tree, field by field. Pure: knows neither repositories nor file systems. */
import type { ManifestEntry } from './entry.ts';

/** One difference. `expected` and `found` are printable; null where the path is absent on that side. */
export interface Mismatch {
  /** Printable path below the root; '.' is the root. */
  readonly path: string;
  readonly field: 'presence' | ComparedField;
  readonly expected: string | null;
  readonly found: string | null;
}

export interface CompareOptions {
  /** Whether owners count. Only root can give files away. Default true. */
  readonly ownership?: boolean | undefined;
}

const FIELDS = [
  'type',
  'mode',
  'uid',
  'gid',
  'mtimeNs',
  'size',
  'sha256',
  'linkTarget',
  'rdev',
  'hardLinkOf',
  'xattrs',
] as const;
type ComparedField = (typeof FIELDS)[number];

/** Returns every difference, in the order of the expected entries; what is only found comes last. */
export function compareManifests(
  expected: Iterable<ManifestEntry>,
  found: Iterable<ManifestEntry>,
  options: CompareOptions = {},
): Mismatch[] {
  const byPath = new Map<string, ManifestEntry>();
  for (const entry of found) byPath.set(entry.path, entry);
  const mismatches: Mismatch[] = [];
  for (const entry of expected) {
    const other = byPath.get(entry.path);
    byPath.delete(entry.path);
    if (other === undefined) {
      mismatches.push({ path: printable(entry.path), field: 'presence', expected: entry.type, found: null });
    } else mismatches.push(...compareEntries(entry, other, options));
  }
  for (const entry of byPath.values()) {
    mismatches.push({ path: printable(entry.path), field: 'presence', expected: null, found: entry.type });
  }
  return mismatches;
}

/** Returns one line for people: path, field, expected, found. */
export function describeMismatch({ path, field, expected, found }: Mismatch): string {
  if (expected === null) return `${path}: expected nothing, found a ${found}`;
  if (found === null && field === 'presence') return `${path}: expected a ${expected}, found nothing`;
  return `${path}: ${field}: expected ${expected ?? 'none'}, found ${found ?? 'none'}`;
}

function compareEntries(a: ManifestEntry, b: ManifestEntry, options: CompareOptions): Mismatch[] {
  const mismatches: Mismatch[] = [];
  for (const field of FIELDS) {
    if (options.ownership === false && (field === 'uid' || field === 'gid')) continue;
    const expected = shown(a, field);
    const found = shown(b, field);
    if (expected !== found) mismatches.push({ path: printable(a.path), field, expected, found });
  }
  return mismatches;
}

function shown(entry: ManifestEntry, field: ComparedField): string | null {
  switch (field) {
    case 'mode':
      return entry.mode.toString(8).padStart(4, '0');
    case 'linkTarget':
      return entry.linkTarget === undefined ? null : decode(entry.linkTarget);
    case 'hardLinkOf':
      return entry.hardLinkOf === undefined ? null : printable(entry.hardLinkOf);
    case 'xattrs':
      return entry.xattrs?.map(({ name, value }) => `${decode(name)}=base64:${value}`).join(' ') ?? null;
    default:
      return entry[field] === undefined ? null : String(entry[field]);
  }
}

function printable(path: string): string {
  return path === '' ? '.' : decode(path);
}

/** Text where the bytes are UTF-8, `base64:…` where they are not, so that different bytes never look the same. */
function decode(base64: string): string {
  const bytes = Buffer.from(base64, 'base64');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : `base64:${base64}`;
}
