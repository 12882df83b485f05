/** What lists of calls must do before they are trusted with files: give the right hashes and the right seals once. */
import { PortableSealer } from '../crypto/portable-sealer.ts';
import { portableSha256 } from '../crypto/portable-sha256.ts';
import { agrees, PROBE, PROBE_KEY } from '../crypto/proof.ts';
import { MAC_BYTES, SEAL_OVERHEAD } from '../crypto/sealer.ts';
import { paddedBytes, Sha256Messages } from '../crypto/sha256-messages.ts';
import { CallList } from '../machine/call-list.ts';
import { memoryOf, viewIn, zeroedMemory } from '../memory.ts';
import { CALLS_PER_SEAL, SealingCalls } from './sealing-calls.ts';

let agreed: boolean | undefined;

/** Returns whether lists of calls hash and seal right; finds out once a thread. */
export function listsAgree(): boolean {
  agreed ??= hashesAgree() && agrees(sealedAndOpened, PROBE);
  return agreed;
}

function hashesAgree(): boolean {
  const lengths = Uint32Array.from({ length: 40 }, (_, i) => (i * 37) % 200);
  const ats = Uint32Array.from(lengths, (_, i) => i * paddedBytes(200));
  const memory = memoryOf(Uint8Array.from({ length: 40 * paddedBytes(200) }, (_, i) => i * 3 + (i >> 4)));
  const expected = Buffer.concat(Array.from(lengths, (n, i) => portableSha256(viewIn(memory, ats[i]!, n))));
  return agrees(() => {
    const hashes = zeroedMemory(expected.length);
    const calls = CallList.create(40)!;
    const messages = new Sha256Messages(40);
    calls.run(0, messages.write(calls, 0, memory, ats, lengths, 40, hashes));
    messages.finish(calls);
    return hashes.bytes;
  }, expected);
}

/** Returns what the portable sealer opens of what a list has sealed. */
function sealedAndOpened(): Uint8Array {
  const calls = CallList.create(CALLS_PER_SEAL)!;
  const seals = SealingCalls.create(PROBE_KEY, 1)!;
  const sealed = zeroedMemory(PROBE.length + SEAL_OVERHEAD);
  seals.prepare(calls, 0, 0);
  seals.write(calls, 0, 0, memoryOf(PROBE).address, sealed, 0, PROBE.length);
  calls.run(0, CALLS_PER_SEAL);
  sealed.bytes.set(seals.macs, sealed.bytes.length - MAC_BYTES);
  const opened = new Uint8Array(PROBE.length);
  return new PortableSealer(PROBE_KEY).open(sealed.bytes, opened) ? opened : sealed.bytes;
}
