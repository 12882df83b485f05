/**
 * scryptROMix (RFC 7914, section 5) in AVX-512 or AVX2 (machine/scrypt.ts), four lanes abreast: restic's usual key in half of the time
 * that the WebAssembly kernel takes, and two thirds of its memory. In the thread pool: meanwhile this thread loads what comes next.
 */
import { scryptSync } from 'node:crypto';
import * as layout from '../../machine/scrypt-layout.ts';
import { SCRYPT_AVX2_X64, SCRYPT_AVX512_X64 } from '../generated/machine.ts';
import { type AssembledCode, bindMachineCode, inThreadPool } from '../machine/machine-code.ts';
import { memoryOf } from '../memory.ts';
import { MappedMemory } from '../posix/mapped-memory.ts';
import { fromDiagonals, toDiagonals } from './diagonals.ts';
import { keyThrough, type LaneMixer } from './lane-mixer.ts';

interface Kernel {
  /** Moves every lane's state on by so many entries of its table. */
  readonly fill: (numbers: number, entries: number) => Promise<unknown>;
  /** As many passes through every lane's table as there are; at most `passes` mixes a lane. */
  readonly walk: (numbers: number, passes: number) => Promise<unknown>;
}

/**
 * What the tables of all lanes may take: no more than unchanged backups need later, or what restores and checks do; every sixth or every
 * fifth entry of restic's usual key is kept. 32 MiB would save another eighth of the time.
 */
export const TABLE_BYTES: Readonly<Record<'little' | 'more', number>> = {
  little: 22 * 1024 * 1024,
  more: 26 * 1024 * 1024,
};
/** To keep fewer entries than every sixteenth would take longer than one lane after another elsewhere. */
const MOST_LEFT_OUT = 16;

/** Named after what the processor must have; the faster one first. */
export type ScryptVectors = 'avx512' | 'avx2';
const CODES: Readonly<Record<ScryptVectors, AssembledCode<'fill' | 'walk'>>> = {
  avx512: SCRYPT_AVX512_X64,
  avx2: SCRYPT_AVX2_X64,
};

let proved: Promise<boolean> | undefined;

/**
 * Returns a mixer for `lanes` lanes of 128 `r` bytes and cost `n` (a power of two), or null where the processor or the system
 * does not let it work, or its tables would be too large. `tableBytes`: what they may take; `vectors`: the fastest that run by default.
 * What comes of it counts if vectorsAgree().
 */
export function vectorMixer(
  n: number,
  r: number,
  lanes: number,
  tableBytes: number,
  vectors?: ScryptVectors,
): LaneMixer | null {
  const kernel = vectors === undefined ? (bind('avx512') ?? bind('avx2')) : bind(vectors);
  return kernel && mixerOf(kernel, n, r, lanes, tableBytes);
}

/** A key that comes out wrong would lock its repository for everybody else: the kernel must agree with OpenSSL once. */
export function vectorsAgree(): Promise<boolean> {
  proved ??= prove();
  return proved;
}

async function prove(): Promise<boolean> {
  const mixer = vectorMixer(64, 2, 5, 4 * 128 * 2 * 16);
  if (mixer === null) return false;
  const [password, salt] = [Buffer.from('NaCl'), Buffer.from('password')];
  const key = await keyThrough(mixer, password, salt, 2, 5, 64);
  return scryptSync(password, salt, 64, { N: 64, r: 2, p: 5 }).equals(key);
}

function bind(vectors: ScryptVectors): Kernel | null {
  const functions = bindMachineCode<Record<'fill' | 'walk', (numbers: number, count: number) => number>>(
    CODES[vectors],
    vectors,
    { fill: 'void (uintptr_t numbers, size_t entries)', walk: 'size_t (uintptr_t numbers, size_t passes)' },
  );
  if (functions === null) return null;
  return { fill: inThreadPool(functions.fill), walk: inThreadPool(functions.walk) };
}

/** How the tables of so many lanes at a time share the memory. Offsets and sizes in bytes. */
interface Tables {
  /** Every so many entries one is kept: `entries` of them, and `rest` mixes behind the last. */
  readonly kept: number;
  readonly entries: number;
  readonly rest: number;
  /** Of each lane its table and three rooms: the next state, and two for entries that are made. */
  readonly laneBytes: number;
  readonly roomsAt: number;
}

function tablesOf(n: number, size: number, lanes: number, tableBytes: number): Tables {
  const kept = Math.min(n, Math.max(1, Math.ceil((lanes * size * n) / tableBytes)));
  const entries = Math.floor(n / kept);
  const roomsAt = (entries + 2) * size;
  return { kept, entries, rest: n % kept, laneBytes: roomsAt + 3 * size, roomsAt };
}

function mixerOf(kernel: Kernel, n: number, r: number, wanted: number, tableBytes: number): LaneMixer | null {
  const lanes = Math.min(wanted, layout.LANES);
  const size = 128 * r;
  // Fewer lanes, as in the last round of five or six, keep more of their entries and are sooner done.
  const tables = Array.from({ length: lanes }, (_, i) => tablesOf(n, size, i + 1, tableBytes));
  if (tables[lanes - 1]!.kept > MOST_LEFT_OUT) return null;
  // Zeros, then the lanes.
  const memory = MappedMemory.create(size + Math.max(...tables.map(({ laneBytes }, i) => (i + 1) * laneBytes)));
  if (memory === null) return null;
  const { address } = memory;
  const numbers = Buffer.allocUnsafeSlow(layout.NUMBERS_BYTES);
  const numbersAt = memoryOf(numbers).address;

  const words = new Uint32Array(size / 4);
  const state = new Uint8Array(words.buffer);
  const set = (at: number, value: number): unknown => numbers.writeBigInt64LE(BigInt(value), at);
  return {
    lanes,
    forget: () => memory.free(),
    async mix(states) {
      const { kept, entries, rest, laneBytes, roomsAt } = tables[states.length - 1]!;
      const laneAt = (lane: number): number => size + lane * laneBytes;
      numbers.fill(0);
      set(layout.SIZE, size);
      set(layout.HALF, size / 2);
      set(layout.MASK, n - 1);
      set(layout.KEPT, kept);
      set(layout.BETWEEN, kept - 1);
      set(layout.ZEROS, address);
      for (let lane = 0; lane < layout.LANES; lane++) {
        // Lanes that are not there do what the first one does, in its memory.
        const at = laneAt(lane < states.length ? lane : 0);
        const rooms = address + at + roomsAt;
        const record = layout.RECORDS + lane * layout.RECORD_BYTES;
        set(record + layout.TABLE, address + at);
        set(record + layout.STATE, address + at);
        set(record + layout.SPARE, rooms);
        set(record + layout.MADE, rooms + size);
        set(record + layout.MADE_NEXT, rooms + 2 * size);
        set(record + layout.AWAY, -1);
        set(record + layout.LEFT, n);
      }
      for (const [lane, bytes] of states.entries()) {
        toDiagonals(bytes, words);
        memory.write(laneAt(lane), state);
      }
      await kernel.fill(numbersAt, entries);
      if (rest > 0) {
        set(layout.BETWEEN, rest - 1);
        await kernel.fill(numbersAt, 1);
      }
      await kernel.walk(numbersAt, Number.MAX_SAFE_INTEGER);
      for (const [lane, bytes] of states.entries()) {
        const at = Number(numbers.readBigInt64LE(layout.RECORDS + lane * layout.RECORD_BYTES + layout.STATE));
        memory.read(at - address, state);
        fromDiagonals(words, bytes);
      }
    },
  };
}
