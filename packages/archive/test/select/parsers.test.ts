import { describe, expect, test } from 'vitest';
import { parseFilesFrom, parseFilesFromRaw, parseFilesFromVerbatim } from '../../src/select/files-from.ts';
import { decodeText, expandVariables, parsePatternFile } from '../../src/select/pattern-file.ts';
import { parseSize } from '../../src/select/size.ts';
import {
  CACHE_TAG,
  isForeign,
  isHiddenByTag,
  isTooLarge,
  judgeTagFile,
  parseTagFile,
} from '../../src/select/stat-rules.ts';

const lookup = (name: string): string | undefined => ({ HOME: '/home/u', X_1: 'one' })[name];

/** The cases below write ( ) for { }, which would look like forgotten templates. */
const braced = (text: string): string => text.replaceAll('(', '{').replaceAll(')', '}');

describe('pattern files', () => {
  test('drop comments and blanks, trim, and expand variables', () => {
    const text = '# comment\n\n  *.tmp \r\n$HOME/cache\n$(X_1)x\n$$HOME\n  # indented comment\nlast';
    expect(parsePatternFile(Buffer.from(braced(text)), lookup)).toEqual([
      '*.tmp',
      '/home/u/cache',
      'onex',
      '$HOME',
      'last',
    ]);
  });

  // results of Go's os.Expand
  test.each([
    ['$UNSET/x', '/x'],
    ['a$', 'a$'],
    ['$', '$'],
    ['a$ b', 'a$ b'],
    ['$$', '$'],
    ['$(HOME', 'HOME'],
    ['$()', ''],
    ['$($)', '$'],
    ['$1x', 'x'],
    ['$(HOME)s', '/home/us'],
    ['$HOMEs', ''],
  ])('%s expands to %s', (text, expected) => {
    expect(expandVariables(braced(text), lookup)).toBe(expected);
  });

  test('may be UTF-16 with a byte order mark of either order, or UTF-8 with one', () => {
    const little = Buffer.from('\ufeff*.ü\n', 'utf16le');
    expect(decodeText(little)).toBe('*.ü\n');
    expect(decodeText(Buffer.from(little).swap16())).toBe('*.ü\n');
    expect(decodeText(Buffer.from('\ufeff*.ü\n'))).toBe('*.ü\n');
  });
});

describe('lists of targets', () => {
  test('--files-from trims and drops comments', () => {
    expect(parseFilesFrom(Buffer.from(' /a/*.c \n#no\n\n/b b\n'))).toEqual(['/a/*.c', '/b b']);
  });

  test('--files-from-verbatim keeps spaces and number signs', () => {
    expect(parseFilesFromVerbatim(Buffer.from(' /a \n#b\n\n/c\r\n'))).toEqual([' /a ', '#b', '/c']);
  });

  test('--files-from-raw keeps newlines and bytes that are not UTF-8', () => {
    const paths = parseFilesFromRaw(Buffer.from([0x2f, 0x0a, 0xff, 0, 0x2f, 0x62, 0]));
    expect(paths.map((path) => Buffer.from(path).toString('hex'))).toEqual(['2f0aff', '2f62']);
    expect(parseFilesFromRaw(new Uint8Array())).toEqual([]);
  });

  test('--files-from-raw refuses a list that is cut off or holds an empty path', () => {
    expect(() => parseFilesFromRaw(Buffer.from('/a\0/b'))).toThrow(/NUL byte/);
    expect(() => parseFilesFromRaw(Buffer.from('/a\0\0'))).toThrow(/empty/);
  });
});

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['10', 10],
    ['10b', 10],
    ['64k', 65536],
    ['20M', 20 * 2 ** 20],
    ['1G', 2 ** 30],
    ['2t', 2 ** 41],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', '-1', '1.5G', 'M', '1kb', '99999999t'])('%j is refused', (text) => {
    expect(() => parseSize(text)).toThrow(/expected a size/);
  });
});

describe('rules that need a stat', () => {
  test('size counts for everything but directories, and the limit itself is allowed', () => {
    expect(isTooLarge({ isDirectory: false, size: 11n }, 10)).toBe(true);
    expect(isTooLarge({ isDirectory: false, size: 10n }, 10)).toBe(false);
    expect(isTooLarge({ isDirectory: true, size: 11n }, 10)).toBe(false);
  });

  test('a mount point is kept, what lies on it is not', () => {
    const item = { device: 2n, allowedDevice: 1n };
    expect(isForeign({ ...item, isDirectory: true, parentAllowed: true })).toBe(false);
    expect(isForeign({ ...item, isDirectory: false, parentAllowed: true })).toBe(true);
    expect(isForeign({ ...item, isDirectory: true, parentAllowed: false })).toBe(true);
    expect(isForeign({ ...item, device: 1n, isDirectory: false, parentAllowed: false })).toBe(false);
  });

  test('a tag file hides its neighbours only if it begins with the header', () => {
    const tag = parseTagFile('.nobackup:yes:please');
    expect(Buffer.from(tag.header).toString()).toBe('yes:please');
    expect(judgeTagFile(tag, { kind: 'absent' })).toEqual({ tagged: false, warning: null });
    expect(judgeTagFile(tag, { kind: 'present', start: Buffer.from('yes:please') }).tagged).toBe(true);
    expect(judgeTagFile(tag, { kind: 'present', start: Buffer.from('yes:p') }).warning).toMatch(/too short/);
    expect(judgeTagFile(tag, { kind: 'present', start: Buffer.from('yes:pleasX') }).warning).toMatch(/different/);
    expect(judgeTagFile(tag, { kind: 'unreadable', reason: 'EACCES' }).tagged).toBe(false);
    expect(isHiddenByTag(tag, Buffer.from('.nobackup'))).toBe(false);
    expect(isHiddenByTag(tag, Buffer.from('other'))).toBe(true);
    expect(CACHE_TAG.header.length).toBe(43);
  });

  test('a tag without a name is refused', () => {
    expect(() => parseTagFile(':header')).toThrow(/file name/);
  });
});
