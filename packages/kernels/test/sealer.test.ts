import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { poly1305 } from '../src/crypto/poly1305.ts';
import { nodePlatform, OPENER_STEP, type Sealer, type SealingKey } from '../src/index.ts';
import { slowPoly1305 } from './reference/slow-poly1305.ts';

const SEED = 20_260_103;
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const aesBlock = (k: Uint8Array, block: Uint8Array): Uint8Array => createCipheriv('aes-128-ecb', k, null).update(block);

/** restic internal/crypto/crypto_int_test.go */
const RESTIC_KEY: SealingKey = {
  encrypt: hex('303e8687b1d7db18421bdc6bb8588ccadac4d59ee87b8ff70c44e635790cafef'),
  macK: hex('ef4d8824cb80b2bcc5fbff8a9b12a42c'),
  macR: hex('cc8d4b948ee0ebfe1d415de921d10353'),
};
const RESTIC_SEALED =
  '69fb41c62d12def4593bd71757138606338f621aeaeb39da0fe4f99233f8037a54ea63338a813bcf3f75d8c3cc75dddf8750';

const key = fc.record({
  encrypt: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  macK: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  macR: fc.uint8Array({ minLength: 16, maxLength: 16 }),
});
const usable = key.filter(({ encrypt, macK, macR }) => [encrypt, macK, macR].every((part) => part.some(Boolean)));

function sealed(sealer: Sealer, plain: Uint8Array, iv?: Uint8Array): Uint8Array {
  const out = new Uint8Array(plain.length + 32);
  sealer.seal(plain, out, iv);
  return out;
}

function opened(sealer: Sealer, box: Uint8Array): Uint8Array | null {
  const out = new Uint8Array(Math.max(0, box.length - 32));
  return sealer.open(box, out) ? out : null;
}

describe('plain Poly1305', () => {
  test('gives the tag of the format description', () => {
    const s = aesBlock(hex('ec074c835580741701425b623235add6'), hex('fb447350c4e868c52ac3275cf9d4327e'));
    expect(toHex(poly1305(hex('f3f6'), hex('851fc40c3467ac0be05cc20404f3f700'), s))).toBe(
      'f4c633c3044fc145f84f335cb81953de',
    );
  });

  test('gives the tag of RFC 8439 section 2.5.2', () => {
    const message = Buffer.from('Cryptographic Forum Research Group');
    const r = hex('85d6be7857556d337f4452fe42d506a8');
    const s = hex('0103808afb0db2fd4abff6af4149f51b');
    expect(toHex(poly1305(message, r, s))).toBe('a8061dc1305136c6c22b8baf0c0127a9');
  });

  // RFC 8439 appendix A.3, vectors 7 to 11: sums right at the modulus and at 2^128.
  test.each([
    ['02', '00', 'ffffffffffffffffffffffffffffffff', '03'],
    ['02', 'ffffffffffffffffffffffffffffffff', `02${'00'.repeat(15)}`, '03'],
    ['01', '00', `${'ff'.repeat(16)}f0${'ff'.repeat(15)}11${'00'.repeat(15)}`, '05'],
    ['01', '00', `${'ff'.repeat(16)}fb${'fe'.repeat(15)}${'01'.repeat(16)}`, '00'],
    ['02', '00', `fd${'ff'.repeat(15)}`, 'faffffffffffffffffffffffffffffff'],
  ])('carries to the end (r %s, s %s)', (r, s, message, tag) => {
    const padded = (text: string) => hex(text.padEnd(32, '0'));
    expect(toHex(poly1305(hex(message), padded(r), padded(s)))).toBe(tag.padEnd(32, '0'));
  });

  test('agrees with the slow reference', () => {
    const part = fc.oneof(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.constantFrom(new Uint8Array(16), new Uint8Array(16).fill(0xff)),
    );
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 0, max: 100 }).map((n) => new Uint8Array(n).fill(0xff)),
    );
    fc.assert(
      fc.property(message, part, part, (m, r, s) => {
        const before = toHex(r);
        expect(toHex(poly1305(m, r, s))).toBe(toHex(slowPoly1305(m, r, s)));
        expect(toHex(r)).toBe(before);
      }),
      { seed: SEED, numRuns: 400 },
    );
  });
});

describe.each([
  ['native', {}],
  ['fallback', { native: false }],
])('the %s sealer', (_name, options) => {
  const platform = nodePlatform(options);
  const sealer = platform.sealer(RESTIC_KEY);

  test("opens restic's own test vector and seals it to the same bytes", () => {
    const box = hex(RESTIC_SEALED);
    const plain = opened(sealer, box)!;
    expect(Buffer.from(plain).toString()).toBe('Dies ist ein Test!');
    expect(toHex(sealed(sealer, plain, box.subarray(0, 16)))).toBe(RESTIC_SEALED);
  });

  test('seals nothing, and opens it again', () => {
    const box = sealed(sealer, new Uint8Array(0));
    expect(box).toHaveLength(32);
    expect(opened(sealer, box)).toEqual(new Uint8Array(0));
  });

  test('works in place and over shared memory', () => {
    const plain = platform.randomBytes(100_003);
    const shared = new Uint8Array(new SharedArrayBuffer(plain.length + 32 + 5)).subarray(5);
    const body = shared.subarray(16, -16);
    body.set(plain);
    sealer.seal(body, shared);
    expect(Buffer.compare(body, plain)).not.toBe(0);
    expect(sealer.open(shared, body)).toBe(true);
    expect(Buffer.compare(body, plain)).toBe(0);
  });

  test('refuses every changed byte and leaves the output as it was', () => {
    const box = sealed(sealer, Buffer.from('seventeen bytes..'));
    for (let i = 0; i < box.length; i++) {
      const changed = new Uint8Array(box);
      changed[i]! ^= 1 << (i % 8);
      const out = new Uint8Array(box.length - 32).fill(7);
      expect(sealer.open(changed, out), `byte ${i}`).toBe(false);
      expect(out.every((byte) => byte === 7)).toBe(true);
    }
    expect(opened(sealer, box.subarray(0, -1))).toBe(null);
    expect(opened(sealer, box.subarray(0, 31))).toBe(null);
    expect(opened(platform.sealer({ ...RESTIC_KEY, macK: RESTIC_KEY.macR }), box)).toBe(null);
  });

  test('seals by address what opens again, in place or not, at any offset', () => {
    const memory = platform.memory(platform.randomBytes(3000));
    const before = new Uint8Array(memory.bytes);
    const out = platform.memory(new Uint8Array(new SharedArrayBuffer(4000)));
    const length = fc.integer({ min: 0, max: 2000 });
    const offset = fc.integer({ min: 0, max: 900 });
    fc.assert(
      fc.property(length, offset, offset, fc.boolean(), (size, at, outAt, inPlace) => {
        out.bytes.fill(7);
        const plain = before.subarray(at, at + size);
        if (inPlace) out.bytes.set(plain, outAt + 16);
        sealer.sealAt(inPlace ? out : memory, inPlace ? outAt + 16 : at, size, out, outAt);
        const end = outAt + size + 32;
        expect(Buffer.compare(opened(sealer, out.bytes.slice(outAt, end))!, plain)).toBe(0);
        // Nothing beside the sealed bytes is touched.
        expect(out.bytes.subarray(0, outAt).every((byte) => byte === 7)).toBe(true);
        expect(out.bytes.subarray(end).every((byte) => byte === 7)).toBe(true);
      }),
      { seed: SEED, numRuns: 600 },
    );
    expect(Buffer.compare(memory.bytes, before)).toBe(0);
  });

  test('opens through a window of any size what open() opens, and calls nobody for what it refuses', () => {
    const size = fc.oneof(fc.integer({ min: 0, max: 600 }), fc.constantFrom(65_535, 65_536, 65_537, 200_001));
    const room = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constantFrom(4096, 65_537, 300_000));
    fc.assert(
      fc.property(size, room, fc.nat(), (bytes, windowBytes, changed) => {
        const plain = platform.randomBytes(bytes);
        const box = sealed(sealer, plain);
        const before = new Uint8Array(box);
        const window = new Uint8Array(Math.max(windowBytes, bytes >> 8));
        const parts: Uint8Array[] = [];
        expect(sealer.openThrough(box, window, (length) => parts.push(window.slice(0, length)))).toBe(true);
        expect(Buffer.compare(Buffer.concat(parts), plain)).toBe(0);
        expect(Buffer.compare(box, before)).toBe(0);
        box[changed % box.length]! ^= 1;
        expect(sealer.openThrough(box, window, () => expect.unreachable())).toBe(false);
      }),
      { seed: SEED, numRuns: 100 },
    );
    expect(sealer.openThrough(new Uint8Array(31), new Uint8Array(8), () => expect.unreachable())).toBe(false);
    expect(() => sealer.openThrough(new Uint8Array(40), new Uint8Array(0), () => {})).toThrow(RangeError);
  });

  test('refuses to seal by address outside of either memory', () => {
    const memory = platform.memory(new Uint8Array(100));
    for (const [at, size, outAt] of [
      [-1, 10, 0],
      [95, 6, 0],
      [0, 69, 0],
      [0, 10, 59],
      [0, -1, 0],
      [Number.NaN, 1, 0],
    ] as const) {
      expect(() => sealer.sealAt(memory, at, size, memory, outAt), `${at} ${size} ${outAt}`).toThrow(RangeError);
    }
  });

  test('takes a fresh IV each time by address too', () => {
    const memory = platform.memory(new Uint8Array(40));
    const ivs = Array.from({ length: 600 }, () => {
      sealer.sealAt(memory, 0, 0, memory, 0);
      return toHex(memory.bytes.subarray(0, 16));
    });
    expect(new Set(ivs).size).toBe(600);
  });

  test('takes a fresh IV each time', () => {
    const ivs = Array.from({ length: 600 }, () => toHex(sealed(sealer, new Uint8Array(1)).subarray(0, 16)));
    expect(new Set(ivs).size).toBe(600);
  });

  test('keeps its own copy of the key and does not touch the caller’s', () => {
    const own = { encrypt: Buffer.alloc(32, 1), macK: Buffer.alloc(16, 2), macR: Buffer.alloc(16, 0xff) };
    const mine = platform.sealer(own);
    const box = sealed(mine, Buffer.from('text'));
    expect([...own.macR]).toEqual(Array(16).fill(0xff));
    for (const part of Object.values(own)) part.fill(9);
    expect(Buffer.from(opened(mine, box)!).toString()).toBe('text');
  });

  test('refuses wrong lengths, a zero IV and keys that the format forbids', () => {
    const out = new Uint8Array(40);
    expect(() => sealer.seal(new Uint8Array(9), out)).toThrow('sealed: expected 41 bytes, got 40');
    expect(() => sealer.open(out, new Uint8Array(9))).toThrow(RangeError);
    expect(() => sealer.seal(new Uint8Array(8), out, new Uint8Array(16))).toThrow('iv: expected some bit set');
    expect(() => sealer.seal(new Uint8Array(8), out, new Uint8Array(15).fill(1))).toThrow('iv: expected 16 bytes');
    for (const part of ['encrypt', 'macK', 'macR'] as const) {
      const length = RESTIC_KEY[part].length;
      expect(() => platform.sealer({ ...RESTIC_KEY, [part]: new Uint8Array(length) })).toThrow(
        `${part}: expected some`,
      );
      expect(() => platform.sealer({ ...RESTIC_KEY, [part]: new Uint8Array(length + 1).fill(1) })).toThrow(RangeError);
    }
  });
});

test('both sealers give the same bytes and open each other’s', () => {
  const [native, fallback] = [nodePlatform(), nodePlatform({ native: false })];
  const size = fc.oneof(
    fc.integer({ min: 0, max: 600 }),
    fc.constantFrom(16_383, 16_384, 16_385, 16_500, 65_535, 65_537, 200_001),
  );
  const iv = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((bytes) => bytes.some(Boolean));
  // The counter must carry through all 16 bytes.
  const anyIv = fc.oneof(iv, fc.constant(new Uint8Array(16).fill(0xff)));
  fc.assert(
    fc.property(usable, size, anyIv, (parts, length, nonce) => {
      const plain = new Uint8Array(length).map((_, i) => i * 31);
      const [a, b] = [native.sealer(parts), fallback.sealer(parts)];
      const box = sealed(a, plain, nonce);
      expect(Buffer.compare(box, sealed(b, plain, nonce))).toBe(0);
      expect(Buffer.compare(opened(b, box)!, plain)).toBe(0);
      expect(Buffer.compare(opened(a, box)!, plain)).toBe(0);
      a.sealAt(native.memory(plain), 0, length, native.memory(box), 0);
      expect(Buffer.compare(opened(b, box)!, plain)).toBe(0);
      b.seal(plain, box, nonce);
      const body = box.subarray(16, -16);
      const tag = slowPoly1305(body.subarray(0, 4096), parts.macR, aesBlock(parts.macK, nonce));
      if (length <= 4096) expect(toHex(box.subarray(-16))).toBe(toHex(tag));
    }),
    { seed: SEED, numRuns: 60 },
  );
});

describe('an opener', () => {
  const opener = nodePlatform().opener(RESTIC_KEY);

  test('is there where there is libcrypto, and nowhere else', () => {
    expect(opener !== null).toBe(nodePlatform().name.includes('sealing: libcrypto'));
    expect(nodePlatform({ native: false }).opener(RESTIC_KEY)).toBeNull();
  });

  test.skipIf(opener === null)(
    'gives in pieces what open() gives, and knows a wrong MAC, message after message',
    () => {
      const sealer = nodePlatform({ native: false }).sealer(RESTIC_KEY);
      const length = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 70_000 }));
      fc.assert(
        fc.property(length, fc.integer({ min: 1, max: 200 }), fc.nat(), (bytes, steps, place) => {
          const plain = Uint8Array.from({ length: bytes }, (_, i) => i * 7 + (i >> 8));
          const box = sealed(sealer, plain);
          for (const damaged of [false, true, false]) {
            const given = box.slice();
            if (damaged) given[place % given.length]! ^= 1;
            const [body, out] = [given.subarray(16, -16), new Uint8Array(bytes)];
            opener!.begin(given.subarray(0, 16));
            for (let at = 0; at < bytes; at += steps * OPENER_STEP)
              opener!.piece(body.subarray(at, at + steps * OPENER_STEP), out.subarray(at, at + steps * OPENER_STEP));
            expect(opener!.end(given.subarray(-16))).toBe(!damaged);
            if (!damaged) expect(Buffer.compare(out, plain)).toBe(0);
          }
        }),
        { seed: SEED, numRuns: 60 },
      );
    },
  );
});
