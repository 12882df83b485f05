import { createCipheriv, randomBytes, scryptSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aes256RoundKeys } from '../src/crypto/aes-key-schedule.ts';
import { keyThrough } from '../src/crypto/lane-mixer.ts';
import { type ScryptVectors, vectorMixer } from '../src/crypto/scrypt-vectors.ts';
import { type CtrBlocks, VectorCtr } from '../src/crypto/vector-ctr.ts';
import { processorFeatures, readFeatures } from '../src/machine/features.ts';
import { bindMachineCode, inThreadPool } from '../src/machine/machine-code.ts';
import { memoryOf } from '../src/memory.ts';
import { MappedMemory } from '../src/posix/mapped-memory.ts';

const SEED = 20_261_201;
const features = processorFeatures();
const isX64Linux = process.platform === 'linux' && process.arch === 'x64';

describe('what the processor can do', () => {
  test('is read from leaf 1 of CPUID, edx below ecx, and leaf 7, ebx below ecx', () => {
    // Sapphire Rapids; Skylake-X, which has AVX-512 and no SHA; Zen 3, which has SHA, VAES and no AVX-512; Haswell.
    expect(readFeatures('OPENSSL_ia32cap=0xfffa32034f8bffff:0x1b415fdef1bf27eb')).toEqual({
      sha: true,
      aes: true,
      avx2: true,
      vaes: true,
      avx512: true,
      gfni: true,
      vaes512: true,
    });
    expect(readFeatures('OPENSSL_ia32cap=0xfffa32034f8bffff:0xd19f4fbb')).toMatchObject({ avx512: true, gfni: false });
    expect(readFeatures('OPENSSL_ia32cap=0x7ed8320b078bffff:0x40069c219c97a9')).toEqual({
      sha: true,
      aes: true,
      avx2: true,
      vaes: true,
      avx512: false,
      gfni: false,
      vaes512: false,
    });
    expect(readFeatures('OPENSSL_ia32cap=0x7ffaf3ffffebffff:0x27ab')).toMatchObject({
      aes: true,
      avx2: true,
      vaes: false,
    });
  });

  test('a system that does not save wide vectors leaves none of them', () => {
    expect(readFeatures('OPENSSL_ia32cap=0x6ed832030783ffff:0x40069c219c9789')).toMatchObject({
      aes: false,
      avx2: false,
      vaes: false,
    });
    expect(readFeatures('OPENSSL_ia32cap=0x0:0x0')).toEqual(readFeatures('nothing'));
  });

  test('more numbers may follow, as newer versions have them; what is no such list says nothing', () => {
    const longer = 'OPENSSL_ia32cap=0xfffa32034f8bffff:0x1b415fdef1bf27eb:0x0:0x0:0x0';
    expect(readFeatures(longer).vaes512).toBe(true);
    expect(readFeatures('OPENSSL_armcap=0x7d')).toMatchObject({ sha: false, avx2: false, avx512: false });
  });
});

describe.skipIf(!isX64Linux)('machine code', () => {
  test('is executed, and cannot be written to any more', async () => {
    // lea rax, [rdi + rsi]; ret
    const code = { code: Buffer.from('488d0437c3', 'hex').toString('base64'), entries: { sum: 0 } };
    const bound = bindMachineCode<{ sum: (a: number, b: number) => number }>(code, null, {
      sum: 'size_t (size_t a, size_t b)',
    });
    expect(bound!.sum(40, 2)).toBe(42);
    expect(await inThreadPool(bound!.sum)(40, 2)).toBe(42);
  });
});

describe.skipIf(!isX64Linux)('mapped memory', () => {
  test('is zero, holds what is written, and keeps to its bounds', () => {
    const memory = MappedMemory.create(5000)!;
    const read = (at: number, length: number): Uint8Array => {
      const into = new Uint8Array(length);
      memory.read(at, into);
      return into;
    };
    expect(memory.address % 4096).toBe(0);
    expect(read(0, 5000).every((byte) => byte === 0)).toBe(true);
    memory.write(4990, Uint8Array.of(1, 2, 3));
    expect([...read(4989, 5)]).toEqual([0, 1, 2, 3, 0]);
    expect(() => memory.write(4999, Uint8Array.of(1, 2))).toThrow('expected a range inside 5000 bytes, got 2 at 4999');
    expect(() => memory.read(-1, new Uint8Array(1))).toThrow(RangeError);
    memory.free();
  });
});

test('round keys of AES-256 are those of FIPS 197, A.3', () => {
  const key = Buffer.from('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4', 'hex');
  const keys = Buffer.from(aes256RoundKeys(key));
  expect(keys.subarray(0, 32)).toEqual(key);
  expect(keys.subarray(32, 48).toString('hex')).toBe('9ba354118e6925afa51a8b5f2067fcde');
  expect(keys.subarray(224).toString('hex')).toBe('fe4890d1e6188d0b046df344706c631e');
});

const counters = [
  { blocks: 1, runs: features.aes },
  { blocks: 2, runs: features.vaes },
  { blocks: 4, runs: features.vaes512 },
] as const;

for (const { blocks, runs } of counters) {
  describe.skipIf(!runs)(`AES-CTR, ${blocks} blocks in a vector`, () => suiteOfCtr(blocks));
}

function suiteOfCtr(blocks: CtrBlocks): void {
  const key = randomBytes(32);
  const ctr = VectorCtr.create(key, blocks)!;
  const expected = (iv: Uint8Array, data: Uint8Array): Buffer => createCipheriv('aes-256-ctr', key, iv).update(data);
  const iv = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const length = fc.oneof(fc.integer({ min: 1, max: 130 }), fc.integer({ min: 1, max: 5000 }));

  test('is that of node:crypto, whatever the length, in pieces and in place, and touches nothing behind it', () => {
    fc.assert(
      fc.property(iv, length, fc.nat(40), fc.boolean(), (nonce, size, vectors, inPlace) => {
        const data = randomBytes(size + 80);
        const from = new Uint8Array(data);
        const to = inPlace ? from : new Uint8Array(data);
        fc.pre(ctr.start(nonce, 0));
        const first = Math.min(size, 64 * vectors);
        if (first > 0) ctr.piece(from.subarray(0, first), to.subarray(0, first));
        if (first < size) ctr.piece(from.subarray(first, size), to.subarray(first, size));
        expect(Buffer.compare(to.subarray(0, size), expected(nonce, data.subarray(0, size)))).toBe(0);
        expect(Buffer.compare(to.subarray(size), data.subarray(size))).toBe(0);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test('is the same by addresses', () => {
    const data = randomBytes(100_003);
    const to = new Uint8Array(data.length);
    const nonce = randomBytes(16).fill(7, 8, 12);
    expect(ctr.start(nonce, 0)).toBe(true);
    ctr.pieceAt(memoryOf(data).address, memoryOf(to).address, data.length);
    expect(Buffer.compare(to, expected(nonce, data))).toBe(0);
  });

  test('counts into the 32nd bit and further, and refuses a counter whose lower half might overflow', () => {
    const data = new Uint8Array(400);
    const to = new Uint8Array(400);
    const nonce = Buffer.from('00112233445566770000000fffffffff', 'hex');
    expect(ctr.start(nonce, 0)).toBe(true);
    ctr.piece(data, to);
    expect(Buffer.compare(to, expected(nonce, data))).toBe(0);
    expect(ctr.start(Buffer.from('0011223344556677ffffffff00000000', 'hex'), 0)).toBe(false);
  });
}

for (const vectors of ['avx2', 'avx512'] as const) {
  describe.skipIf(!features[vectors])(`scrypt in vectors of ${vectors}`, () => suiteOfScrypt(vectors));
}

function suiteOfScrypt(vectors: ScryptVectors): void {
  const derive = async (n: number, r: number, p: number, tableBytes: number): Promise<Uint8Array | null> => {
    const mixer = vectorMixer(n, r, p, tableBytes, vectors);
    if (mixer === null) return null;
    return keyThrough(mixer, Buffer.from('password'), Buffer.from('salt'), r, p, 48);
  };

  test('is that of node:crypto, however many lanes there are and however few entries are kept', async () => {
    const parameters = fc.tuple(
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
    );
    await fc.assert(
      fc.asyncProperty(parameters, fc.integer({ min: 1, max: 16 }), async ([log, r, p], kept) => {
        const n = 2 ** log;
        const all = Math.min(p, 4) * 128 * r * n;
        const key = await derive(n, r, p, Math.ceil(all / kept));
        expect(Buffer.from(key!)).toEqual(scryptSync('password', 'salt', 48, { N: n, r, p }));
      }),
      { seed: SEED, numRuns: 120 },
    );
  });

  test('is left to others where too little could be kept', async () => {
    expect(await derive(1024, 8, 4, (4 * 1024 * 1024) / 16)).not.toBeNull();
    expect(vectorMixer(1024, 8, 4, (4 * 1024 * 1024) / 32, vectors)).toBeNull();
  });
}
