/** What `hostark find` prints: restic's text, and restic's JSON, which is one array whatever is found. */
import {
  entryJson,
  type FoundEntry,
  type FoundObject,
  IdPrefixes,
  nodeLong,
  type ObjectQuery,
  objectJson,
  storedBlobs,
} from '@hostark/archive';
import { type BlobTable, formatInstant, localInstant, type StoredSnapshot, systemZone } from '@hostark/repository';
import { formatBytes } from '../terminal/format.ts';
import type { LineWriter } from '../terminal/line-writer.ts';
import type { Output } from '../terminal/output.ts';

/** Prints entries, grouped by snapshot. */
export class EntryPrinter {
  readonly #lines: LineWriter;
  readonly #out: Output;
  readonly #line: (found: FoundEntry) => string | Uint8Array;
  #snapshot: StoredSnapshot | null = null;
  #hits = 0;

  constructor(lines: LineWriter, out: Output, flags: { readonly long?: boolean; readonly humanReadable?: boolean }) {
    this.#lines = lines;
    this.#out = out;
    const size = flags.humanReadable ? (bytes: bigint): string => formatBytes(Number(bytes)).padStart(10) : undefined;
    this.#line = flags.long ? ({ path, node }) => nodeLong(path, node, { zone: systemZone, size }) : ({ path }) => path;
  }

  print(found: FoundEntry): void {
    if (this.#out.json) this.#json(found);
    else this.#text(found);
  }

  /** Ends the array of --json. */
  end(): void {
    if (this.#out.json) this.#lines.line(this.#snapshot === null ? '[]' : `${this.#endOfGroup(this.#snapshot)}]`);
  }

  #text(found: FoundEntry): void {
    const { snapshot } = found;
    if (snapshot !== this.#snapshot && !this.#out.quiet) {
      if (this.#snapshot !== null) this.#lines.line('');
      this.#lines.line(`Found matching entries in snapshot ${snapshot.id.slice(0, 8)} from ${localTime(snapshot)}`);
    }
    this.#snapshot = snapshot;
    this.#lines.line(this.#line(found));
  }

  #json(found: FoundEntry): void {
    const { snapshot } = found;
    if (snapshot !== this.#snapshot) {
      this.#lines.text(this.#snapshot === null ? '[' : `${this.#endOfGroup(this.#snapshot)},`);
      this.#lines.text('{"matches":[');
      this.#hits = 0;
    }
    this.#snapshot = snapshot;
    this.#lines.text(`${this.#hits++ === 0 ? '' : ','}${entryJson(found)}`);
  }

  #endOfGroup(snapshot: StoredSnapshot): string {
    return `],"hits":${this.#hits},"snapshot":"${snapshot.id}"}`;
  }
}

/** Where blobs lie, when that is asked for. */
interface Packs {
  readonly blobs: BlobTable;
  readonly query: ObjectQuery;
}

/** Prints uses of blobs and trees, and on request the packs that hold them. */
export class ObjectPrinter {
  readonly #lines: LineWriter;
  readonly #out: Output;
  readonly #packs: Packs | null;
  #hits = 0;

  constructor(lines: LineWriter, out: Output, packs: Packs | null) {
    this.#lines = lines;
    this.#out = out;
    this.#packs = packs;
  }

  print(found: FoundObject): void {
    if (this.#out.json) {
      this.#lines.text(`${this.#hits++ === 0 ? '[' : ','}${objectJson(found, this.#packsOf(found))}`);
      return;
    }
    const { kind, id, path, parent, snapshot } = found;
    this.#lines.line(`Found ${kind} ${id}`);
    this.#lines.text(kind === 'blob' ? ' ... in file ' : ' ... path ');
    this.#lines.line(path);
    if (parent !== null) this.#lines.line(`     (tree ${parent})`);
    this.#lines.line(` ... in snapshot ${snapshot.id.slice(0, 8)} (${localTime(snapshot)})`);
  }

  /** Ends the array of --json, or tells the packs. */
  end(): void {
    if (this.#out.json) {
      this.#lines.line(this.#hits === 0 ? '[]' : ']');
      return;
    }
    if (this.#packs === null) return;
    const { blobs, query } = this.#packs;
    for (const blob of [...storedBlobs(blobs, 'data', query.blobs), ...storedBlobs(blobs, 'tree', query.trees)]) {
      const { kind, id, pack, offset, length, uncompressedLength } = blob;
      const place = `offset ${offset}, length ${length}, uncompressed length ${uncompressedLength}`;
      this.#lines.line(`Object belongs to pack ${pack}`);
      this.#lines.line(` ... Pack ${pack.slice(0, 8)}: <Blob (${kind}) ${id.slice(0, 8)}, ${place}>`);
    }
  }

  #packsOf({ kind, id }: FoundObject): readonly string[] | undefined {
    if (this.#packs === null) return undefined;
    const copies = storedBlobs(this.#packs.blobs, kind === 'blob' ? 'data' : 'tree', new IdPrefixes([id]));
    return copies.map(({ pack }) => pack);
  }
}

/** `2006-01-02 15:04:05` here. */
function localTime({ time }: StoredSnapshot): string {
  return formatInstant(localInstant(time.ns, systemZone)).slice(0, 19).replace('T', ' ');
}
