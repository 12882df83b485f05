import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { textOf } from '../../src/encoding/bytes.ts';
import { decodeTree } from '../../src/tree/decode.ts';
import { encodeTree } from '../../src/tree/encode.ts';
import { fixtureTrees, VERSIONS } from '../support/fixtures.ts';

describe.each(VERSIONS)('trees that restic wrote in format version %i', (version) => {
  const trees = fixtureTrees(version);

  test('are all there', () => {
    expect(trees.size).toBeGreaterThan(60);
  });

  test('decode and encode again to the same bytes and id', () => {
    for (const [id, bytes] of trees) {
      const again = encodeTree(decodeTree(bytes));
      expect(textOf(again)).toBe(textOf(bytes));
      expect(createHash('sha256').update(again).digest('hex')).toBe(id);
    }
  });
});
