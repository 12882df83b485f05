import { gzipSync } from 'node:zlib';
import { nodePlatform } from '@hostark/kernels';
import { describe, expect, test } from 'vitest';
import { CompressionProbe } from '../../src/pool/compressible.ts';
import { noise } from '../support/test-repository.ts';

const MIB = 1024 * 1024;
const TEXT = Buffer.alloc(MIB, 'one line of a log file like many others\n');

describe('whether a blob is worth compressing', () => {
  test.each<[string, Uint8Array, boolean]>([
    ['noise is not', noise(MIB, 1), false],
    ['text is', TEXT, true],
    ['noise with a tenth of text is', Buffer.concat([noise(9 * 100_000, 2), TEXT.subarray(0, 100_000)]), true],
    ['a small blob is not sampled', noise(100_000, 3), true],
    ['a small gzip stream is not', gzipSync(TEXT.subarray(0, 5000)), false],
    ['a small bzip2 stream is not', Buffer.from('BZh91AY&SY'), false],
    ['a small PNG is not', Buffer.from('\x89PNG\r\n\x1a\n....IHDR', 'latin1'), false],
    ['a small text that begins like a PNG is', Buffer.from('\x89PNG text', 'latin1'), true],
    ['what ends before its kind is known is', Buffer.from([0x1f, 0x8b]), true],
    ['an empty blob is', Buffer.alloc(0), true],
  ])('%s', (_, plain, expected) => {
    const platform = nodePlatform();
    const probe = new CompressionProbe(platform);
    const ask = (blob: Uint8Array) => probe.worthTrying(platform.memory(blob), 0, blob.length);
    expect(ask(plain)).toBe(expected);
    // Nothing of one blob is left in the next answer.
    ask(TEXT);
    expect(ask(plain)).toBe(expected);
    // Where the blob lies in its memory is no matter.
    const shifted = Buffer.concat([Buffer.alloc(7, 0x1f), plain, Buffer.alloc(9)]);
    expect(probe.worthTrying(platform.memory(shifted), 7, plain.length)).toBe(expected);
  });
});
