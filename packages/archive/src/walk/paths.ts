/**
 * Paths as bytes, the way Linux has them: any bytes but 0, parts separated by `/`. Nothing here touches the file system.
 */

const SLASH = 0x2f;
const DOT = 0x2e;

/** Returns bytes; text is UTF-8. */
export function pathBytes(path: string | Uint8Array): Buffer {
  if (typeof path === 'string') return Buffer.from(path, 'utf8');
  return Buffer.from(path.buffer, path.byteOffset, path.byteLength);
}

/** Returns `directory` + `/` + `name` in fresh memory, without a second slash after the root. */
export function joinPath(directory: Uint8Array, name: Uint8Array): Buffer {
  const separate = directory.length > 0 && directory[directory.length - 1] !== SLASH ? 1 : 0;
  const path = Buffer.allocUnsafe(directory.length + separate + name.length);
  path.set(directory, 0);
  if (separate === 1) path[directory.length] = SLASH;
  path.set(name, directory.length + separate);
  return path;
}

/** Where an entry lies: joined only where a path is needed. */
export interface Location {
  /** Absolute. */
  readonly directory: Uint8Array;
  /** The entry's name there, which may differ from that in the snapshot. */
  readonly base: Uint8Array;
}

/** Returns the path of an entry, in fresh memory. */
export function pathOf(location: Location): Buffer {
  return joinPath(location.directory, location.base);
}

/** Returns the parts between slashes, empty ones left out. */
export function splitPath(path: Uint8Array): Buffer[] {
  const parts: Buffer[] = [];
  const bytes = pathBytes(path);
  let start = 0;
  for (let at = 0; at <= bytes.length; at++) {
    if (at < bytes.length && bytes[at] !== SLASH) continue;
    if (at > start) parts.push(bytes.subarray(start, at));
    start = at + 1;
  }
  return parts;
}

/** Returns whether the path starts at the root. */
export function isAbsolute(path: Uint8Array): boolean {
  return path[0] === SLASH;
}

/** Go's `filepath.Clean`: shortest path that means the same, without looking at links. The empty path is `.`. */
export function cleanPath(path: Uint8Array): Buffer {
  const rooted = isAbsolute(path);
  const kept: Buffer[] = [];
  for (const part of splitPath(path)) {
    if (isDot(part)) continue;
    const above = kept[kept.length - 1];
    if (!isDotDot(part)) kept.push(part);
    else if (above !== undefined && !isDotDot(above)) kept.pop();
    else if (!rooted) kept.push(part);
  }
  const joined = joinParts(kept);
  if (rooted) return Buffer.concat([Buffer.from('/'), joined]);
  return joined.length === 0 ? Buffer.from('.') : joined;
}

/** Returns the cleaned absolute path. `workingDirectory` is absolute. */
export function absolutePath(path: Uint8Array, workingDirectory: Uint8Array): Buffer {
  return cleanPath(isAbsolute(path) ? path : joinPath(workingDirectory, path));
}

/** Returns the parts joined by slashes, without a leading one. */
export function joinParts(parts: readonly Uint8Array[]): Buffer {
  let path: Buffer = Buffer.alloc(0);
  for (const part of parts) path = path.length === 0 ? Buffer.from(part) : joinPath(path, part);
  return path;
}

export function isDot(part: Uint8Array): boolean {
  return part.length === 1 && part[0] === DOT;
}

export function isDotDot(part: Uint8Array): boolean {
  return part.length === 2 && part[0] === DOT && part[1] === DOT;
}

/** Returns the directory that holds the entry: `/` for entries of the root and for the root itself. */
export function parentPath(path: Uint8Array): Buffer {
  const bytes = pathBytes(path);
  const slash = bytes.lastIndexOf(SLASH);
  if (slash < 0) return Buffer.from('.');
  return slash === 0 ? bytes.subarray(0, 1) : bytes.subarray(0, slash);
}

/** Returns the last part; the root is its own. */
export function baseName(path: Uint8Array): Buffer {
  const bytes = pathBytes(path);
  return bytes.length === 1 && bytes[0] === SLASH ? bytes : bytes.subarray(bytes.lastIndexOf(SLASH) + 1);
}

/** Returns text for people: UTF-8, with U+FFFD where the bytes are not, control characters escaped for the terminal's sake. */
export function printablePath(path: Uint8Array): string {
  const text = pathBytes(path).toString('utf8');
  return CONTROL.test(text) ? text.replace(ALL_CONTROLS, (c) => JSON.stringify(c).slice(1, -1)) : text;
}

const CONTROL = /\p{Cc}/u;
const ALL_CONTROLS = /\p{Cc}/gu;
