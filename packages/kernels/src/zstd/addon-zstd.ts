/** zstd from the packaged add-on. Its frames carry no content size and its decoder knows no bound. */

import { Decoder, Encoder } from '@toondepauw/node-zstd';
import type { Zstd } from './zstd.ts';
import { zstdError } from './zstd.ts';

export function addonZstd(): Zstd {
  const encoders = new Map<number, Encoder>();
  const decoder = new Decoder();
  return {
    name: 'add-on',
    compress(data, level) {
      let encoder = encoders.get(level);
      if (encoder === undefined) {
        encoder = new Encoder(level);
        encoders.set(level, encoder);
      }
      return encoder.encodeSync(asBuffer(data));
    },
    decompress(data, maxSize) {
      let content: Buffer;
      try {
        content = decoder.decodeSync(asBuffer(data));
      } catch (cause) {
        throw zstdError('ZSTD_DAMAGED', 'zstd data is damaged', cause);
      }
      if (content.length > maxSize) {
        throw zstdError('ZSTD_TOO_LARGE', `zstd content: expected at most ${maxSize} bytes, got ${content.length}`);
      }
      return content;
    },
  };
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.length);
}
