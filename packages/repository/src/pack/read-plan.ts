/**
 * Reading many blobs of one pack in few requests: near ranges are merged, large ones are cut.
 * The bounds follow restic's (`internal/repository/repository.go`, streamPack): a request costs a round trip of about
 * 30 ms at S3, in which a connection could have moved about 1 MiB.
 */
import type { Backend } from '../backend.ts';
import type { PackId } from '../ids.ts';

/** Unwanted bytes between two blobs that are cheaper to read than a request of their own. */
export const MAX_GAP_BYTES: number = 1024 * 1024;
/** A request is cut when it would pass this, so that memory stays bounded; one blob alone may be larger. */
export const MAX_REQUEST_BYTES: number = 16 * 1024 * 1024;

/** A part of a pack. */
export interface PackRange {
  readonly offset: number;
  readonly length: number;
}

/** One request and the ranges it serves, in order. */
export interface PackRequest<T extends PackRange> extends PackRange {
  readonly ranges: readonly T[];
}

/** Plans the requests for ranges sorted by offset. Ranges may touch, repeat or overlap. Throws RangeError if unsorted. */
export function planPackReads<T extends PackRange>(
  ranges: readonly T[],
  limits: { readonly maxGap?: number; readonly maxRequest?: number } = {},
): PackRequest<T>[] {
  const { maxGap = MAX_GAP_BYTES, maxRequest = MAX_REQUEST_BYTES } = limits;
  const requests: PackRequest<T>[] = [];
  let group: T[] = [];
  let start = 0;
  let end = 0;
  const close = (): void => {
    if (group.length > 0) requests.push({ offset: start, length: end - start, ranges: group });
    group = [];
  };
  for (const range of ranges) {
    if (group.length > 0 && range.offset < group.at(-1)!.offset)
      throw new RangeError('pack ranges: expected them sorted');
    const rangeEnd = range.offset + range.length;
    const apart = range.offset - end > maxGap || rangeEnd - start > maxRequest;
    if (group.length > 0 && apart) close();
    if (group.length === 0) {
      start = range.offset;
      end = rangeEnd;
    }
    group.push(range);
    end = Math.max(end, rangeEnd);
  }
  close();
  return requests;
}

/**
 * Yields each range with its sealed bytes, request by request, in order. The bytes are views of one request's memory, which
 * belongs to the consumer; ranges that overlap share bytes. Throws what the backend throws.
 */
export async function* readPackRanges<T extends PackRange>(
  backend: Backend,
  pack: PackId,
  ranges: readonly T[],
  options: { readonly maxGap?: number; readonly maxRequest?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<{ readonly range: T; readonly sealed: Uint8Array }> {
  const { signal } = options;
  for (const request of planPackReads(ranges, options)) {
    const part = { offset: request.offset, length: request.length };
    const bytes = await backend.load({ type: 'data', name: pack }, part, signal === undefined ? {} : { signal });
    for (const range of request.ranges) {
      const from = range.offset - request.offset;
      yield { range, sealed: bytes.subarray(from, from + range.length) };
    }
  }
}
