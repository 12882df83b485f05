/**
 * zstd from the packaged add-on. Its frames carry no content size, and its decoder knows no bound: frames are walked
 * first, and those that could decode to far more than allowed are refused unread.
 */

import { optionalModule } from '../optional-module.ts';
import { compressView, expectLevel, placed, tooLarge, type Zstd, zstdError } from './contract.ts';
import { declaredContent, type Frame, frames } from './frames.ts';

interface Addon {
  readonly Encoder: new (level: number) => { encodeSync(data: Buffer): Buffer };
  readonly Decoder: new () => { decodeSync(data: Buffer): Buffer };
}

/**
 * How far the most that blocks can hold may pass the allowed size: encoders end blocks early (down to some KiB at
 * high levels), so that the most overstates. What passes is decoded and then measured.
 */
const OVERSTATEMENT = 16;
const OVERSTATEMENT_BYTES = 16 * 1024 * 1024;

/** Returns null when the package has no binary for this platform. */
export function addonZstd(): Zstd | null {
  const addon = optionalModule<Addon>('@toondepauw/node-zstd');
  if (addon === null) return null;
  const decoder = new addon.Decoder();
  const encoders = new Map<number, InstanceType<Addon['Encoder']>>();
  const compress: Zstd['compress'] = (data, level, into) => {
    expectLevel(level);
    let encoder = encoders.get(level);
    if (encoder === undefined) {
      encoder = new addon.Encoder(level);
      encoders.set(level, encoder);
    }
    return placed(encoder.encodeSync(asBuffer(data)), into);
  };
  return {
    name: 'add-on',
    compress,
    compressAt: (...range) => compressView(compress, ...range),
    decompress(data, maxSize, into) {
      const list = frames(data);
      expectWithin(list, maxSize);
      const content = decode(decoder, data);
      if (content.length > maxSize) throw tooLarge(content.length, maxSize);
      return placed(content, into);
    },
  };
}

function expectWithin(list: readonly Frame[], maxSize: number): void {
  const declared = declaredContent(list);
  if (declared > maxSize) throw tooLarge(declared, maxSize);
  const most = list.reduce((sum, frame) => sum + frame.most, 0);
  if (most > maxSize * OVERSTATEMENT + OVERSTATEMENT_BYTES) throw tooLarge(most, maxSize);
}

function decode(decoder: InstanceType<Addon['Decoder']>, data: Uint8Array): Uint8Array {
  try {
    return decoder.decodeSync(asBuffer(data));
  } catch (cause) {
    throw zstdError('ZSTD_DAMAGED', 'zstd data is damaged', cause);
  }
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.length);
}
