import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ChecksumAlgorithm, checksum } from '../../src/http/checksum.ts';

/** Check values of "123456789" from the catalogue of parametrised CRC algorithms. */
test.each<[ChecksumAlgorithm, string]>([
  ['crc32', 'cbf43926'],
  ['crc32c', 'e3069283'],
  ['crc64nvme', 'ae8b14860a799888'],
  ['sha1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
])('%s of the check string is %s', (algorithm, hex) => {
  const sum = checksum(algorithm);
  sum.update(Buffer.from('123456789'));
  expect(Buffer.from(sum.digest()).toString('hex')).toBe(hex);
});

/** One bit at a time, as the definition says. */
function slowCrc(data: Uint8Array, polynomial: bigint, bits: bigint): string {
  const ones = (1n << bits) - 1n;
  let crc = ones;
  for (const byte of data) {
    crc ^= BigInt(byte);
    for (let k = 0; k < 8; k++) crc = crc & 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
  }
  return (crc ^ ones).toString(16).padStart(Number(bits / 4n), '0');
}

test.each([
  ['crc32c', 0x82f63b78n, 32n],
  ['crc64nvme', 0x9a6c9329ac4bc9b5n, 64n],
] as const)('%s equals the bit-by-bit definition in pieces of any length', (algorithm, polynomial, bits) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
      const sum = checksum(algorithm);
      for (const piece of pieces) sum.update(piece);
      expect(Buffer.from(sum.digest()).toString('hex')).toBe(slowCrc(Buffer.concat(pieces), polynomial, bits));
    }),
    { seed: 8 },
  );
});
