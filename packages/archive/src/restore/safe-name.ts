/**
 * Names in a tree are data from outside: a damaged or hostile repository must not write anywhere but below the target.
 * Besides this check, folders on the way are made or lstat-checked one by one, files are opened with O_NOFOLLOW, and
 * names are unique per folder, so that no symbolic link of the same restore can stand where a folder is expected.
 */

/** The longest name that Linux file systems take, in bytes. */
export const NAME_MAX = 255;

/** Returns null if `name` is a plain name of one entry, else why it is refused. */
export function refuseName(name: Uint8Array): string | null {
  if (name.length === 0) return 'expected a name, found an empty one';
  if (name.length > NAME_MAX) return `expected at most ${NAME_MAX} bytes, found ${name.length}`;
  if (name.includes(0x2f)) return 'expected a single name, found a slash in it';
  if (name.includes(0)) return 'expected a name, found a NUL byte in it';
  if (name[0] !== 0x2e) return null;
  if (name.length === 1 || (name.length === 2 && name[1] === 0x2e))
    return 'expected a name, found a reference to a folder above';
  return null;
}
