/** Bodies come in one piece or several; these look at them without copying. */
import type { Body, ByteRange, Pace } from '../backend.ts';

/** Returns the pieces of a body, in order; views, not copies. */
export function bodyParts(body: Body): readonly Uint8Array[] {
  return body instanceof Uint8Array ? [body] : body;
}

/** Returns how many bytes a body has. */
export function bodyLength(body: Body): number {
  if (body instanceof Uint8Array) return body.length;
  let length = 0;
  for (const part of body) length += part.length;
  return length;
}

/** Returns a fresh copy of all bytes of a body. */
export function copyBody(body: Body): Uint8Array {
  const copy = new Uint8Array(bodyLength(body));
  let offset = 0;
  for (const part of bodyParts(body)) {
    copy.set(part, offset);
    offset += part.length;
  }
  return copy;
}

/** Throws a RangeError unless `range` is made of non-negative whole numbers. */
export function checkRange(range: ByteRange): void {
  const { offset, length } = range;
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0) return;
  throw new RangeError(`range: expected whole numbers from 0, got offset=${offset} length=${length}`);
}

/** Yields a body in pieces as they may pass; views, not copies. */
export async function* pacedPieces(body: Body, pace: Pace): AsyncGenerator<Buffer> {
  for (const part of bodyParts(body)) {
    for (let from = 0; from < part.length; from += pace.pieceBytes) {
      const length = Math.min(pace.pieceBytes, part.length - from);
      await pace.take(length);
      yield Buffer.from(part.buffer, part.byteOffset + from, length);
    }
  }
}
