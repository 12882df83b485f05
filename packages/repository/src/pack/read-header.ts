/** Reading the header of a stored pack. Format: restic `internal/repository/pack/pack.go`, List. */
import type { Sealer } from '@hostark/kernels';
import type { Backend } from '../backend.ts';
import { damaged } from '../damage.ts';
import type { PackId } from '../ids.ts';
import { openBytes } from '../unpacked.ts';
import { blobsEnd, getUint32, MAX_HEADER_BYTES, MIN_PACK_BYTES, PLAIN_ENTRY_BYTES } from './header.ts';

/** Read with the first request: room for 15 entries, as restic does. */
const EAGER_BYTES = 15 * 41 + 32 + 4;

/** Returns the opened header of a pack of `size` bytes. Throws 'object-damaged' naming the pack. */
export async function loadPackHeader(
  backend: Backend,
  sealer: Sealer,
  id: PackId,
  size: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (size < MIN_PACK_BYTES) throw damaged('data', id, `expected at least ${MIN_PACK_BYTES} bytes, got ${size}`);
  const options = signal === undefined ? {} : { signal };
  const eager = Math.min(size, EAGER_BYTES);
  let tail = await backend.load({ type: 'data', name: id }, { offset: size - eager, length: eager }, options);
  const length = sealedHeaderLength(id, getUint32(tail, tail.length - 4), size);
  if (length + 4 > tail.length) {
    tail = await backend.load({ type: 'data', name: id }, { offset: size - length - 4, length: length + 4 }, options);
  }
  return openHeader(sealer, id, tail.subarray(tail.length - 4 - length, tail.length - 4), size);
}

/** Returns the opened header of a pack that is in memory as a whole. Throws 'object-damaged' naming the pack. */
export function headerOfPack(sealer: Sealer, id: PackId, pack: Uint8Array): Uint8Array {
  return headerOfBytes(sealer, id, pack.length, (offset, length) => pack.subarray(offset, offset + length));
}

/** The same for a pack of `size` bytes of which `read` returns any part. */
export function headerOfBytes(
  sealer: Sealer,
  id: PackId,
  size: number,
  read: (offset: number, length: number) => Uint8Array,
): Uint8Array {
  if (size < MIN_PACK_BYTES) throw damaged('data', id, `expected at least ${MIN_PACK_BYTES} bytes, got ${size}`);
  const length = sealedHeaderLength(id, getUint32(read(size - 4, 4), 0), size);
  return openHeader(sealer, id, read(size - 4 - length, length), size);
}

function sealedHeaderLength(id: PackId, length: number, size: number): number {
  if (length < PLAIN_ENTRY_BYTES + 32 || length > size - 4 || length > MAX_HEADER_BYTES) {
    throw damaged('data', id, `expected a header that fits a pack of ${size} bytes, got one of ${length} bytes`);
  }
  return length;
}

function openHeader(sealer: Sealer, id: PackId, sealed: Uint8Array, size: number): Uint8Array {
  const header = openBytes(sealer, sealed);
  if (header === null) throw damaged('data', id, 'the MAC of its header is wrong');
  let end: number;
  try {
    end = blobsEnd(header);
  } catch (cause) {
    throw damaged('data', id, (cause as Error).message, cause);
  }
  const expected = end + sealed.length + 4;
  if (expected !== size) throw damaged('data', id, `its header describes ${expected} bytes, the file has ${size}`);
  return header;
}
