/** A pack in a folder while it is read from its beginning to its end: the disk is a little ahead of the reader. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { AHEAD_STEP, askAheadOf } from '@hostark/kernels';
import type { PackBytes } from '@hostark/repository';
import { readFully } from './read-fully.ts';

/** So that many packs can be read by turns and none waits for what another will need only later. */
const AHEAD_BYTES: number = 2 * AHEAD_STEP;

export class OpenPack implements PackBytes {
  readonly length: number;
  readonly #fd: number;
  /** How far the disk was asked. */
  #asked = 0;

  /** Throws errno errors. To be closed. */
  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    this.length = fstatSync(this.#fd).size;
  }

  /** Throws errno errors, and RangeError if the file ends before `out` is full. */
  read(offset: number, out: Uint8Array): void {
    const wanted = Math.min(this.length, offset + out.length + AHEAD_BYTES);
    if (wanted - this.#asked >= AHEAD_STEP || (wanted === this.length && this.#asked < wanted)) {
      askAheadOf(this.#fd, this.#asked, wanted);
      this.#asked = wanted;
    }
    if (!readFully(this.#fd, out, offset)) throw new RangeError('the file ended early');
  }

  close(): void {
    closeSync(this.#fd);
  }
}
