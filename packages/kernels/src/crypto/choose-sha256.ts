/** SHA-256 by the quickest way that this machine has and that gives the right answers: alone, two at once, many at once. */
import { expectInside, type Memory, memoryOf, viewIn } from '../memory.ts';
import type { HashPart, Platform, Sha256 } from '../platform.ts';
import { BLOCK_BYTES, LaneSha256 } from './lane-sha256.ts';
import type { Libcrypto } from './libcrypto.ts';
import { NativeSha256 } from './native-sha256.ts';
import { PortableSha256, portableSha256 } from './portable-sha256.ts';
import { agrees, PROBE } from './proof.ts';
import { Sha256Lanes } from './sha256-lanes.ts';
import { Sha256Vectors } from './sha256-vectors.ts';

/** The part of a platform that hashes, and what its name says of that. */
export type Hashing = Pick<Platform, 'name' | 'sha256' | 'sha256At' | 'sha256Stream' | 'sha256Both' | 'sha256Together'>;

/** `library`: null keeps to `node:crypto`. */
export function chooseSha256(library: Libcrypto | null): Hashing {
  const native = nativeHashes(library);
  const oneShot = native?.();
  const lanes = sha256Lanes(library);
  const both = lanes === null ? apart : inLockstep(lanes);
  return {
    name: `${native === null ? 'node:crypto' : 'libcrypto'}${lanes?.inLockstep === true ? ' in two lanes' : ''}`,
    sha256: oneShot === undefined ? portableSha256 : (data) => hashOnce(oneShot, data),
    sha256At: oneShot === undefined ? hashView : (memory, at, length) => hashRange(oneShot, memory, at, length),
    sha256Stream: lanes !== null ? () => lanes.make() : (native ?? (() => new PortableSha256())),
    sha256Both: both,
    sha256Together: together(both, lanes),
  };
}

function hashOnce(hash: Sha256, data: Uint8Array): Uint8Array {
  hash.update(data);
  return hash.digest();
}

function hashRange(hash: NativeSha256, memory: Memory, at: number, length: number): Uint8Array {
  hash.updateAt(memory, at, length);
  return hash.digestHere();
}

function hashView(memory: Memory, at: number, length: number): Uint8Array {
  expectInside(memory, at, length);
  return portableSha256(viewIn(memory, at, length));
}

function nativeHashes(library: Libcrypto | null): (() => NativeSha256) | null {
  if (library === null || library.digest === null) return null;
  const { digest } = library;
  const make = () => new NativeSha256(library, digest);
  const expected = portableSha256(PROBE);
  const memory = memoryOf(PROBE);
  const good =
    agrees(() => hashOnce(make(), PROBE), expected) &&
    agrees(() => hashRange(make(), memory, 0, PROBE.length), expected);
  return good ? make : null;
}

type Both = Platform['sha256Both'];

function inLockstep(lanes: Sha256Lanes): Both {
  return (first, firstMemory, firstAt, firstLength, second, secondMemory, secondAt, secondLength) => {
    const known = first instanceof LaneSha256 && second instanceof LaneSha256;
    if (known) lanes.both(first, firstMemory, firstAt, firstLength, second, secondMemory, secondAt, secondLength);
    else apart(first, firstMemory, firstAt, firstLength, second, secondMemory, secondAt, secondLength);
  };
}

const apart: Both = (first, firstMemory, firstAt, firstLength, second, secondMemory, secondAt, secondLength) => {
  first.updateAt(firstMemory, firstAt, firstLength);
  second.updateAt(secondMemory, secondAt, secondLength);
};

/** Many abreast as far as that pays, what is left two at a time. */
function together(both: Both, lanes: Sha256Lanes | null): Platform['sha256Together'] {
  // Made when it is asked for: most threads never do.
  let vectors: Sha256Vectors | null | undefined;
  return (parts) => {
    if (vectors === undefined) vectors = lanes === null ? null : sha256Vectors(lanes);
    const left = vectors !== null && parts.every(isOfLanes) ? vectors.begin(parts) : parts;
    inPairs(left, both);
  };
}

/** Two at a time, the longest first; when one is done, the next takes its place beside the other: little is left for one alone. */
function inPairs(parts: readonly HashPart[], both: Both): void {
  const [first, ...waiting] = [...parts].sort((a, b) => b.length - a.length);
  let long = first;
  for (const next of waiting) {
    const [a, b] = next.length <= long!.length ? [next, long!] : [long!, next];
    // The longer one stays at the end of a block, where a hash has nothing to put aside.
    const common = a.length === b.length ? b.length : a.length - (a.length % BLOCK_BYTES);
    both(a.hash, a.memory, a.at, a.length, b.hash, b.memory, b.at, common);
    long = { ...b, at: b.at + common, length: b.length - common };
  }
  if (long !== undefined && long.length > 0) long.hash.updateAt(long.memory, long.at, long.length);
}

function isOfLanes(part: HashPart): part is HashPart<LaneSha256> {
  return part.hash instanceof LaneSha256;
}

/** Null where they do not run, or do not agree. */
function sha256Vectors(lanes: Sha256Lanes): Sha256Vectors | null {
  const vectors = Sha256Vectors.create(lanes.inLockstep);
  if (vectors === null) return null;
  const memory = memoryOf(Uint8Array.from({ length: 600 }, (_, i) => i * 5 + (i >> 3)));
  const lengths = Array.from({ length: 15 }, (_, i) => 64 + 31 * i);
  const hashed = () => {
    const parts = lengths.map((length, i) => ({ hash: lanes.make(), memory, at: i, length }));
    for (const { hash, at, length } of vectors.begin(parts)) hash.updateAt(memory, at, length);
    return Buffer.concat(parts.map(({ hash }) => hash.digest()));
  };
  const expected = lengths.map((length, i) => portableSha256(memory.bytes.subarray(i, i + length)));
  return agrees(hashed, Buffer.concat(expected)) ? vectors : null;
}

/** Unlike the rest, these are no part of libcrypto's interface: they must agree for all that they are used for. */
function sha256Lanes(library: Libcrypto | null): Sha256Lanes | null {
  if (library === null || library.sha256Blocks === null) return null;
  const lanes = new Sha256Lanes(library, library.sha256Blocks);
  const memory = memoryOf(Uint8Array.from({ length: 600 }, (_, i) => i * 7 + (i >> 3)));
  const expected = [memory.bytes.subarray(0, 470), memory.bytes.subarray(1, 250)].map(portableSha256);
  const hashed = () => {
    const [long, short] = [lanes.make(), lanes.make()];
    lanes.both(long, memory, 0, 70, short, memory, 1, 9);
    lanes.both(short, memory, 10, 240, long, memory, 70, 400);
    return Buffer.concat([long.digest(), short.digest()]);
  };
  const once = () => {
    const hash = lanes.make();
    hash.update(memory.bytes.subarray(0, 470));
    return hash.digest();
  };
  return agrees(hashed, Buffer.concat(expected)) && agrees(once, expected[0]!) ? lanes : null;
}
