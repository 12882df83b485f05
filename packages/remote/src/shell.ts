/** Words for a POSIX shell (POSIX.1-2017, Shell Command Language, 2.2.2 Single-Quotes). */

/** Quotes one word so that `sh` reads it back unchanged. Throws TypeError for a NUL, which no word can hold. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new TypeError('shell: a word cannot hold a NUL');
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Sets `$as_root`: empty for root, `sudo -n` where that works without a password, empty otherwise. Login users of cloud
 * images are not root; without this a backup could not read, and a restore not write, what is not theirs.
 */
export const BECOME_ROOT: string = `as_root=
[ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null && as_root="sudo -n"; }`;
