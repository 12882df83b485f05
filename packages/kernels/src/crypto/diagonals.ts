/**
 * scrypt's blocks in the order of their diagonals: word i of 16 is word 5i mod 16 of RFC 7914, so that the four words that
 * Salsa20 changes at a time stand side by side.
 */

const BLOCK_WORDS = 16;

/** Little-endian words of each block into the order of its diagonals. */
export function toDiagonals(bytes: Uint8Array, words: Uint32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < words.length; i++) words[i] = view.getUint32(4 * diagonal(i), true);
}

/** The way back. */
export function fromDiagonals(words: Uint32Array, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < words.length; i++) view.setUint32(4 * diagonal(i), words[i]!, true);
}

function diagonal(word: number): number {
  const inBlock = word % BLOCK_WORDS;
  return word - inBlock + ((inBlock * 5) % BLOCK_WORDS);
}
