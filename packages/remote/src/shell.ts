/** Words for a POSIX shell (POSIX.1-2017, Shell Command Language, 2.2.2 Single-Quotes). */

/** Quotes one word so that `sh` reads it back unchanged. Throws TypeError for a NUL, which no word can hold. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new TypeError('shell: a word cannot hold a NUL');
  return `'${word.replaceAll("'", "'\\''")}'`;
}
