/** Reading packs whole: who is asked, and what the verdicts mean for the repository. */
import type { BlobTable } from '../blobs/table.ts';
import { blobIdFrom, ID_BYTES } from '../ids.ts';
import type { CheckContext, CheckSource } from './check.ts';
import type { BlobRef } from './finding.ts';
import { PackOrder } from './pack-order.ts';
import { type PackVerifier, type PackVerifiers, verifyHere } from './pack-verifier.ts';
import type { IndexedFile } from './packs.ts';
import type { PackVerdict } from './verdict.ts';

/** Problems of one pack that are told; the rest is counted. */
const MAX_TOLD = 3;

/** Packs being read while the check goes on with other steps. */
export class DataReading {
  readonly #context: CheckContext;
  readonly #blobs: BlobTable;
  readonly #packs: readonly IndexedFile[];
  readonly #verifier: PackVerifier | null;
  readonly #suspects: (PackVerdict | undefined)[] = [];
  #done = 0;
  #bytesRead = 0;
  #telling = false;

  /** Begins. Nothing is told before finish(). */
  constructor(
    context: CheckContext,
    source: CheckSource,
    packs: readonly IndexedFile[],
    verifiers: PackVerifiers = verifyHere,
  ) {
    this.#context = context;
    this.#blobs = source.blobs;
    this.#packs = packs;
    const { signal } = context;
    this.#verifier = packs.length === 0 ? null : verifiers({ source, order: PackOrder.of(source.blobs), signal });
    this.#verifier?.start(packs, (file, verdict) => this.#take(file, verdict));
  }

  /** Ends when every pack is read, and adds the findings in order of the packs. Returns the bytes read. */
  async finish(): Promise<number> {
    this.#telling = true;
    await this.#verifier?.finish();
    const bad = new Set(
      this.#packs.filter((_, file) => this.#suspects[file] !== undefined).map(({ number }) => number),
    );
    for (const [file, pack] of this.#packs.entries()) {
      const verdict = this.#suspects[file];
      if (verdict === undefined) continue;
      const { problems, broken } = verdict;
      const more = problems.length > MAX_TOLD ? `; and ${problems.length - MAX_TOLD} more` : '';
      const message = `${problems.slice(0, MAX_TOLD).join('; ')}${more}`;
      this.#context.findings.add('pack-damaged', 'pack', pack.id, message, this.#lost(broken, bad));
    }
    return this.#bytesRead;
  }

  /** Stops what still runs. */
  async close(): Promise<void> {
    await this.#verifier?.close();
  }

  #take(file: number, verdict: PackVerdict): void {
    this.#done++;
    this.#bytesRead += verdict.bytesRead;
    if (verdict.problems.length > 0) this.#suspects[file] = verdict;
    if (this.#telling) this.#context.progress('data', this.#done, this.#packs.length);
  }

  /** A copy counts as whole when its pack was not found bad; it may lie in a pack that was not read. */
  #lost(broken: readonly number[], bad: ReadonlySet<number>): BlobRef[] {
    const lost: BlobRef[] = [];
    const id = new Uint8Array(ID_BYTES);
    for (const entry of broken) {
      this.#blobs.idOf(entry, id);
      const kind = this.#blobs.kindOf(entry);
      const hasOther = this.#blobs.lookupAll(kind, id).some(({ pack }) => !bad.has(pack));
      if (!hasOther) lost.push({ kind, id: blobIdFrom(id) });
    }
    return lost;
  }
}
