/**
 * Small files, a group at a time: read side by side, hashed abreast, and, those that nobody has, compressed, sealed and brought into the
 * open pack; each of these is one crossing to native code for the whole group.
 */
import { FileGroup, type FileList } from '@hostark/kernels';
import { ID_BYTES } from '@hostark/repository';
import type { ChunkStore } from './chunk-store.ts';
import { type EngineSetup, FILE_SAVED } from './jobs.ts';
import type { ResultBuilder } from './result-builder.ts';
import type { SmallFiles } from './small-files.ts';

export class FileGroups implements SmallFiles {
  readonly #group: FileGroup;
  readonly #store: ChunkStore;
  /** Fewer than a group holds after a file that could not be read like that: others may follow it. */
  #most = Number.POSITIVE_INFINITY;
  /** Which files of the group nobody has. */
  #fresh: number[] = [];
  readonly #id = new Uint8Array(ID_BYTES);

  private constructor(group: FileGroup, store: ChunkStore) {
    this.#group = group;
    this.#store = store;
  }

  /** Returns null where there are no such groups (FileGroup.create). */
  static create({ key }: EngineSetup, store: ChunkStore): FileGroups | null {
    const group = FileGroup.create(key);
    return group && new FileGroups(group, store);
  }

  async next(list: FileList, from: number, result: ResultBuilder, read: (bytes: number) => void): Promise<number> {
    const count = this.#read(list, from);
    if (count === 0) return 0;
    read(this.#claim(count));
    if (this.#fresh.length > 0) await this.#storeFresh();
    for (let i = 0; i < count; i++) {
      const size = this.#group.size(i);
      if (size > 0) {
        this.#group.hash(i, this.#id);
        result.chunk(this.#id);
      }
      result.end(FILE_SAVED, size);
    }
    return count;
  }

  /** Reads a group and returns how many of its files are whole, up to the first that is not. */
  #read(list: FileList, from: number): number {
    const group = this.#group;
    const taken = group.take(list, from, this.#most);
    group.read();
    let whole = 0;
    while (whole < taken && group.isWhole(whole)) whole++;
    this.#most = whole < taken ? 1 : 2 * this.#most;
    return whole;
  }

  /** Finds out which of the first `count` files nobody has; returns the bytes of all of them. */
  #claim(count: number): number {
    this.#fresh.length = 0;
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const size = this.#group.size(i);
      bytes += size;
      if (size === 0) continue;
      this.#group.hash(i, this.#id);
      if (this.#store.claim(this.#id)) this.#fresh.push(i);
    }
    return bytes;
  }

  async #storeFresh(): Promise<void> {
    const group = this.#group;
    const { packs } = this.#store;
    group.seal(this.#fresh, (i) => packs.wantsFrame(group.arena, group.place(i), group.size(i)), packs.level);
    const { length } = this.#fresh;
    for (let next = this.#reserve(0); next < length; next = this.#reserve(next)) {
      const i = this.#fresh[next]!;
      // What is in the pack must be there before it goes on.
      group.copy(packs.hashLater());
      await packs.makeRoom(group.size(i));
      if (group.isSealed(i)) continue;
      group.hash(i, this.#id);
      this.#store.storeAsIs(this.#id, group.arena, group.place(i), group.size(i));
      next++;
    }
    group.copy(packs.hashLater());
  }

  /**
   * Gives places in the open pack to fresh files from number `first` on, and returns the number of the first that has none, because
   * there is no room or because it is not sealed.
   */
  #reserve(first: number): number {
    const group = this.#group;
    for (let next = first; next < this.#fresh.length; next++) {
      const i = this.#fresh[next]!;
      if (!group.isSealed(i)) return next;
      group.hash(i, this.#id);
      const at = this.#store.reserve(this.#id, group.size(i), group.sealedLength(i), group.isFrame(i));
      if (at < 0) return next;
      group.copyLater(i, this.#store.packs.buffer, at);
    }
    return this.#fresh.length;
  }
}
