import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AwsChunkedDecoder } from '../../src/http/aws-chunked.ts';

function decode(bytes: Buffer, cuts: readonly number[]): { data: string; decoder: AwsChunkedDecoder } {
  const decoder = new AwsChunkedDecoder(null);
  const data: Buffer[] = [];
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let at = 0;
  for (const end of ends) {
    for (const piece of decoder.push(bytes.subarray(at, end))) data.push(Buffer.from(piece));
    at = end;
  }
  return { data: Buffer.concat(data).toString('latin1'), decoder };
}

test('chunks come out whole whatever the cuts of the stream', () => {
  const chunk = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(fc.array(chunk), fc.array(fc.nat()), (chunks, cuts) => {
      const coded = chunks.map((one) => `${one.length.toString(16)}\r\n${one}\r\n`).join('');
      const { data, decoder } = decode(Buffer.from(`${coded}0\r\nx-amz-checksum-crc32: abc=\r\n\r\n`, 'latin1'), cuts);
      expect(data).toBe(chunks.join(''));
      expect(decoder.done).toBe(true);
      expect(decoder.trailers.get('x-amz-checksum-crc32')).toBe('abc=');
    }),
    { seed: 7 },
  );
});

test.each(['zz\r\n', '5\r\nabcdefgh\r\n', '1\r\na\r\n0\r\n\r\nmore', 'x'.repeat(5000)])('%# is refused', (text) => {
  expect(() => decode(Buffer.from(text), [])).toThrow('aws-chunked');
});
