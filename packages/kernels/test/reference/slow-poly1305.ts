/** Poly1305 as RFC 8439 section 2.5 writes it, in bigint. Shares nothing with src/. */

const PRIME = 2n ** 130n - 5n;

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

export function slowPoly1305(message: Uint8Array, r: Uint8Array, s: Uint8Array): Uint8Array {
  const multiplier = littleEndian(r) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    sum = ((sum + littleEndian(Uint8Array.of(...message.subarray(at, at + 16), 1))) * multiplier) % PRIME;
  }
  const tag = (sum + littleEndian(s)) % 2n ** 128n;
  return Uint8Array.from({ length: 16 }, (_, i) => Number((tag >> BigInt(8 * i)) & 0xffn));
}
