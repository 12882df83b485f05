/** Go's text of a file mode: type letters, then rwx three times. */

/** One letter per bit from 2^31 down (Go io/fs, FileMode.String). */
const LETTERS = 'dalTLDpSugct?';
const PERMISSIONS = 'rwxrwxrwx';

/** Returns for instance `-rw-r--r--`, `drwxr-xr-x`, `Lrwxrwxrwx`, `urwxr-xr-x` (setuid) for the mode of a tree node. */
export function modeText(mode: number): string {
  let text = '';
  for (let i = 0; i < LETTERS.length; i++) if ((mode & (2 ** (31 - i))) !== 0) text += LETTERS[i];
  if (text === '') text = '-';
  for (let i = 0; i < 9; i++) text += (mode & (1 << (8 - i))) !== 0 ? PERMISSIONS[i] : '-';
  return text;
}
