/** Instants as JavaScript strings, for snapshots, keys and output; trees go through the byte forms in time.ts. */
import { ByteWriter } from './byte-writer.ts';
import { textOf, utf8 } from './bytes.ts';
import { type Instant, readInstant, writeInstant } from './time.ts';

/** Returns RFC3339Nano text, e.g. `2024-07-03T11:46:40.5+02:00`. Throws RangeError for a year outside 0 to 9999. */
export function formatInstant(instant: Instant): string {
  const out = new ByteWriter(40);
  writeInstant(out, instant);
  return textOf(out.view());
}

/** Reads RFC 3339 text. Returns null when it is anything else. */
export function parseInstant(text: string): Instant | null {
  const bytes = utf8(text);
  return readInstant(bytes, 0, bytes.length);
}
