/** The repositories written by stock restic 0.19.1 that the tests read, and the facts recorded beside them. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export const VERSIONS = [1, 2] as const;
export type Version = (typeof VERSIONS)[number];

const ROOT = new URL('../fixtures/', import.meta.url);

/** Returns the path of a file of the fixture of a format version. */
export function fixturePath(version: Version, name: string): string {
  return new URL(`restic-0.19.1-v${version}/${name}`, ROOT).pathname;
}

export function fixtureText(version: Version, name: string): string {
  return readFileSync(fixturePath(version, name), 'utf8');
}

export function fixtureLines(version: Version, name: string): string[] {
  return fixtureText(version, name).trimEnd().split('\n');
}

/** Returns every tree blob of a fixture, by id: the bytes that restic hashed. */
export function fixtureTrees(version: Version): Map<string, Uint8Array> {
  const tar = gunzipSync(readFileSync(new URL(`restic-0.19.1-v${version}-trees.tar.gz`, ROOT)));
  const trees = new Map<string, Uint8Array>();
  for (const file of untar(tar)) {
    const id =
      file.name
        .split('/')
        .at(-1)
        ?.replace(/\.json$/, '') ?? '';
    if (/^[0-9a-f]{64}$/.test(id)) trees.set(id, file.content);
  }
  return trees;
}

/** Yields the regular files of a ustar archive (POSIX.1-1988 headers, no extensions needed here). */
function* untar(tar: Uint8Array): Generator<{ name: string; content: Uint8Array }> {
  const text = (from: number, length: number): string =>
    Buffer.from(tar.subarray(from, from + length))
      .toString('latin1')
      .replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const type = text(at + 156, 1);
    if (type === '0' || type === '') yield { name: text(at, 100), content: tar.slice(at + 512, at + 512 + size) };
    at += 512 + Math.ceil(size / 512) * 512;
  }
}
