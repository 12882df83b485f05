/**
 * A walk over zstd frames without decoding them (RFC 8878 section 3.1): what they claim to hold and could hold at most.
 * Serves to bound memory before a decoder runs that knows no bound, and to size buffers.
 */

import { zstdError } from './contract.ts';

const MAGIC = 0xfd2fb528;
/** Skippable frames: 0x184D2A50 to 0x184D2A5F (section 3.1.2). */
const SKIPPABLE = 0x184d2a5;
/** Block_Maximum_Size is the smaller of this and the window (section 3.1.1.2.4). */
const BLOCK_MAX = 131_072;
const RLE = 1;
const COMPRESSED = 2;

/** One frame with content (skippable frames have none). */
export interface Frame {
  /** Byte range in the data. */
  readonly start: number;
  readonly end: number;
  /** Frame_Content_Size, or null when the frame does not say. */
  readonly declared: number | null;
  /** What its blocks can decode to at most; exact when no block is compressed. */
  readonly most: number;
}

/** Returns the frames of `data`. Throws `ZSTD_DAMAGED` when it is empty, not zstd, or ends inside a frame. */
export function frames(data: Uint8Array): Frame[] {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const found: Frame[] = [];
  if (data.length === 0) throw damaged('no data');
  try {
    for (let at = 0; at < data.length; ) {
      const magic = view.getUint32(at, true);
      if (magic >>> 4 === SKIPPABLE) {
        at += 8 + view.getUint32(at + 4, true);
        if (at > data.length) throw damaged('a skippable frame is cut off');
        continue;
      }
      if (magic !== MAGIC) throw damaged(`no frame at byte ${at}`);
      const frame = readFrame(view, at);
      found.push(frame);
      at = frame.end;
    }
  } catch (error) {
    // DataView's own error: a field lies beyond the end.
    throw error instanceof RangeError ? damaged('a frame is cut off', error) : error;
  }
  return found;
}

/** Returns what the frames say that they hold; silent frames count nothing. */
export function declaredContent(list: readonly Frame[]): number {
  return list.reduce((sum, { declared }) => sum + (declared ?? 0), 0);
}

/** Returns the bytes to reserve for all frames: never more than their blocks can make, whatever they declare. */
export function mostContent(list: readonly Frame[]): number {
  return list.reduce((sum, { declared, most }) => sum + Math.min(declared ?? most, most), 0);
}

function readFrame(view: DataView, start: number): Frame {
  const descriptor = view.getUint8(start + 4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  let at = start + 5;
  const window = singleSegment ? null : windowSize(view.getUint8(at++));
  at += [0, 1, 2, 4][descriptor & 3]!; // Dictionary_ID
  const sizeFlag = descriptor >>> 6;
  const sizeBytes = sizeFlag === 0 ? Number(singleSegment) : 1 << sizeFlag;
  const declared = contentSize(view, at, sizeBytes);
  at += sizeBytes;

  const blockMost = Math.min(BLOCK_MAX, window ?? declared ?? BLOCK_MAX);
  let most = 0;
  for (let last = false; !last; ) {
    const header = view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16);
    last = (header & 1) !== 0;
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type > COMPRESSED) throw damaged('a block of reserved type');
    most += type === COMPRESSED ? blockMost : size;
    at += 3 + (type === RLE ? 1 : size);
  }
  if (hasChecksum) at += 4;
  if (at > view.byteLength) throw damaged('the last block is cut off');
  return { start, end: at, declared, most };
}

/** Section 3.1.1.1.2: an exponent and eighths. */
function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >>> 3));
  return base + (base / 8) * (byte & 7);
}

/** Section 3.1.1.1.4: a field of two bytes counts from 256. */
function contentSize(view: DataView, at: number, bytes: number): number | null {
  if (bytes === 0) return null;
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  return bytes === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}

function damaged(what: string, cause?: unknown): Error {
  return zstdError('ZSTD_DAMAGED', `zstd data is damaged: ${what}`, cause);
}
