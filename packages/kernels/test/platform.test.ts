import { createHash, randomBytes, scryptSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodePlatform } from '../src/index.ts';

const SEED = 20_260_104;

describe.each([
  ['native', {}],
  ['fallback', { native: false }],
])('the %s platform', (_name, options) => {
  const platform = nodePlatform(options);
  const nodeHash = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest();

  test('hashes as FIPS 180-4 does', () => {
    const hash = (text: string) => Buffer.from(platform.sha256(Buffer.from(text))).toString('hex');
    expect(hash('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  test('hashes a stream in any pieces to the same value, and starts anew after each digest', () => {
    const stream = platform.sha256Stream();
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (pieces) => {
        for (const piece of pieces) stream.update(piece);
        expect(Buffer.compare(stream.digest(), nodeHash(Buffer.concat(pieces)))).toBe(0);
      }),
      { seed: SEED },
    );
  });

  test('keeps streams apart from each other and from single hashes', () => {
    const [a, b] = [platform.sha256Stream(), platform.sha256Stream()];
    a.update(Buffer.from('a'));
    b.update(Buffer.from('b'));
    const single = platform.sha256(Buffer.from('c'));
    a.update(Buffer.from('A'));
    expect(Buffer.compare(a.digest(), nodeHash(Buffer.from('aA')))).toBe(0);
    expect(Buffer.compare(b.digest(), nodeHash(Buffer.from('b')))).toBe(0);
    expect(Buffer.compare(single, nodeHash(Buffer.from('c')))).toBe(0);
  });

  test('hashes ranges by address, at once and in a stream', () => {
    const memory = platform.memory(new Uint8Array(randomBytes(1000)));
    const stream = platform.sha256Stream();
    const offset = fc.integer({ min: 0, max: 500 });
    fc.assert(
      fc.property(fc.array(fc.tuple(offset, offset), { maxLength: 5 }), (ranges) => {
        const pieces = ranges.map(([at, length]) => memory.bytes.subarray(at, at + length));
        for (const [i, [at, length]] of ranges.entries()) {
          expect(Buffer.compare(platform.sha256At(memory, at, length), nodeHash(pieces[i]!))).toBe(0);
          stream.updateAt(memory, at, length);
        }
        expect(Buffer.compare(stream.digest(), nodeHash(Buffer.concat(pieces)))).toBe(0);
      }),
      { seed: SEED },
    );
    expect(() => platform.sha256At(memory, 990, 11)).toThrow(RangeError);
    expect(() => stream.updateAt(memory, -1, 2)).toThrow(RangeError);
  });

  test('hashes shared memory', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(70_000)).subarray(3);
    shared.set(randomBytes(shared.length));
    expect(Buffer.compare(platform.sha256(shared), nodeHash(new Uint8Array(shared)))).toBe(0);
  });

  test('gives as many random bytes as asked for', () => {
    expect(platform.randomBytes(33)).toHaveLength(33);
    expect(platform.randomBytes(0)).toHaveLength(0);
    expect(Buffer.compare(platform.randomBytes(16), platform.randomBytes(16))).not.toBe(0);
  });

  test('derives keys as OpenSSL does, whatever the parameters', async () => {
    const parameters = fc.record({
      n: fc.integer({ min: 1, max: 8 }).map((log) => 2 ** log),
      r: fc.integer({ min: 1, max: 9 }),
      p: fc.integer({ min: 1, max: 5 }),
      length: fc.integer({ min: 1, max: 80 }),
      password: fc.uint8Array({ maxLength: 100 }),
      salt: fc.uint8Array({ maxLength: 70 }),
    });
    await fc.assert(
      fc.asyncProperty(parameters, async ({ n, r, p, length, password, salt }) => {
        const key = await platform.scrypt(password, salt, n, r, p, length);
        expect(Buffer.compare(key, scryptSync(password, salt, length, { N: n, r, p }))).toBe(0);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  test('derives keys as RFC 7914 section 12 does', async () => {
    const key = await platform.scrypt(Buffer.from('pleaseletmein'), Buffer.from('SodiumChloride'), 16_384, 8, 1, 64);
    expect(Buffer.from(key).toString('hex')).toBe(
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
        'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
    );
  });

  test("derives keys with restic's usual parameters, which Node's default memory limit refuses", async () => {
    const key = await platform.scrypt(Buffer.from('password'), new Uint8Array(64), 32_768, 8, 2, 64);
    expect(key).toHaveLength(64);
  });

  test('others have many turns while a key is derived: answers that come meanwhile are not left lying', async () => {
    let derived = false;
    let turns = 0;
    const deriving = platform.scrypt(Buffer.from('password'), new Uint8Array(64), 32_768, 8, 2, 64).then(() => {
      derived = true;
    });
    while (!derived) {
      await new Promise((resolve) => setImmediate(resolve));
      turns++;
    }
    await deriving;
    expect(turns).toBeGreaterThan(15);
  });

  test('rejects scrypt parameters that are not valid', async () => {
    await expect(platform.scrypt(Buffer.from('p'), new Uint8Array(64), 1000, 8, 1, 64)).rejects.toThrow(RangeError);
  });

  test('says what it is made of', () => {
    expect(platform.name).toMatch(/^node \(sha256: .+, sealing: .+, zstd: .+\)$/);
  });
});
