/** The other end of our output: commands that live by it stop when nobody reads any more. */
import type { Writable } from 'node:stream';

/** Thrown to end a command whose reader is gone; never shown, and no failure. */
export class ReaderLeft extends Error {}
ReaderLeft.prototype.name = 'ReaderLeft';

/** Throws ReaderLeft if nobody reads the stream any more. */
export function requireReader(stream: NodeJS.WritableStream | Writable): void {
  if (!stream.writable) throw new ReaderLeft('the reader of the output left');
}
