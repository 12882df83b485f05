/**
 * Writes tar archives (POSIX ustar; GNU 'L' records for names over 100 bytes): regular files alone, with fixed times
 * and owners, so that the same files give the same bytes. Read by GNU tar, busybox and bsdtar.
 */

const BLOCK = 512;

/** Returns the header block(s) of a regular file. `path` is relative, with '/' between its parts. */
export function tarHeader(path: string, sizeBytes: number, executable: boolean): Uint8Array {
  const name = Buffer.from(path);
  if (name.length <= 100) return header(name, sizeBytes, executable ? 0o755 : 0o644, '0');
  // GNU tar manual, "Basic Tar Format": type 'L' carries the long name, NUL-terminated, as the data of a record before it
  const long = Buffer.concat([name, Buffer.of(0)]);
  return Buffer.concat([
    header(Buffer.from('././@LongLink'), long.length, 0o644, 'L'),
    long,
    tarPadding(long.length),
    header(name.subarray(0, 100), sizeBytes, executable ? 0o755 : 0o644, '0'),
  ]);
}

/** Returns the zeros that follow so many bytes of file data. */
export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

/** Returns the end of an archive: two blocks of zeros. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK);
}

function header(name: Uint8Array, sizeBytes: number, mode: number, type: string): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.set(name, 0);
  octal(block, 100, 8, mode);
  octal(block, 108, 8, 0); // uid
  octal(block, 116, 8, 0); // gid
  octal(block, 124, 12, sizeBytes);
  octal(block, 136, 12, 0); // mtime
  block.write(type, 156, 'latin1');
  block.write('ustar\0', 257, 'latin1');
  block.write('00', 263, 'latin1');
  // POSIX: the checksum is the sum of all bytes with its own field read as spaces, stored as six digits, NUL, space
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, offset: number, length: number, value: number): void {
  const digits = value.toString(8);
  if (digits.length > length - 1) throw new RangeError(`tar: ${value} does not fit in ${length} bytes`);
  block.write(`${digits.padStart(length - 1, '0')}\0`, offset, 'latin1');
}
