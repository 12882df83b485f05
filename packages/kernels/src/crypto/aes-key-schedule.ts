/** The round keys of AES-256 (FIPS 197, 5.2), for code that does the rounds itself. Once a key: clarity over speed. */

const KEY_WORDS = 8;
const ROUNDS = 14;

/** Returns the 15 round keys of 16 bytes for a key of 32 bytes. */
export function aes256RoundKeys(key: Uint8Array): Uint8Array {
  const words: number[][] = [];
  for (let i = 0; i < KEY_WORDS; i++) words.push([...key.subarray(4 * i, 4 * i + 4)]);
  let constant = 1;
  for (let i = KEY_WORDS; i < 4 * (ROUNDS + 1); i++) {
    let word = words[i - 1]!;
    if (i % KEY_WORDS === 0) {
      const [first, ...rest] = word.map(substitute);
      word = [rest[0]! ^ constant, ...rest.slice(1), first!];
      constant = double(constant);
    } else if (i % KEY_WORDS === 4) word = word.map(substitute);
    words.push(word.map((byte, at) => byte ^ words[i - KEY_WORDS]![at]!));
  }
  return Uint8Array.from(words.flat());
}

/** The substitution box (5.1.1): the inverse in GF(2^8), then an affine map. */
function substitute(byte: number): number {
  return BOX[byte]!;
}

const BOX: Uint8Array = makeBox();

function makeBox(): Uint8Array {
  const box = new Uint8Array(256);
  // p runs through all powers of 3, q through those of its inverse: p * q = 1.
  let p = 1;
  let q = 1;
  do {
    p ^= double(p);
    q = divideByThree(q);
    box[p] = q ^ rotate(q, 1) ^ rotate(q, 2) ^ rotate(q, 3) ^ rotate(q, 4) ^ 0x63;
  } while (p !== 1);
  box[0] = 0x63;
  return box;
}

/** Times x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (4.2.1). */
function double(byte: number): number {
  return (byte << 1) ^ (byte & 0x80 ? 0x11b : 0);
}

/** The inverse of 3 is 0xf6. */
function divideByThree(byte: number): number {
  let product = 0;
  for (let factor = 0xf6, power = byte; factor > 0; factor >>= 1, power = double(power))
    if (factor & 1) product ^= power;
  return product;
}

function rotate(byte: number, bits: number): number {
  return ((byte << bits) | (byte >> (8 - bits))) & 0xff;
}
