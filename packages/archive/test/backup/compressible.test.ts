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
    ['a small blob is not asked about', noise(100_000, 3), true],
  ])('%s', (_, plain, expected) => {
    const probe = new CompressionProbe(nodePlatform());
    expect(probe.worthTrying(plain)).toBe(expected);
    // Nothing of one blob is left in the next answer.
    probe.worthTrying(TEXT);
    expect(probe.worthTrying(plain)).toBe(expected);
  });
});
