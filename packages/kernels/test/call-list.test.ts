/** Lists of calls against the same calls made one by one. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CallList } from '../src/machine/call-list.ts';
import { functionAddress } from '../src/machine/function-address.ts';
import { memoryOf } from '../src/memory.ts';

const isX64Linux = process.platform === 'linux' && process.arch === 'x64';
const [READ, CLOSE, GETPID, OPENAT, PWRITE64] = [0, 3, 39, 257, 18];
const AT_FDCWD = -100;

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hostark-calls-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

test('are there on x86-64', () => {
  expect(CallList.create(1) !== null).toBe(isX64Linux);
});

describe.skipIf(!isX64Linux)('a list of calls', () => {
  test('asks the kernel, as often as it is told', () => {
    const calls = CallList.create(200)!;
    for (let i = 0; i < 200; i++) calls.write(i, GETPID);
    calls.run(3, 3);
    calls.run(3, 200);
    const results = Array.from({ length: 200 }, (_, i) => calls.result(i));
    expect(results).toEqual([0, 0, 0, ...Array.from({ length: 197 }, () => process.pid)]);
  });

  test('calls functions with six arguments, of any sign, on an aligned stack', () => {
    const calls = CallList.create(3)!;
    const text = memoryOf(Buffer.alloc(100));
    const format = memoryOf(Buffer.from('%ld %ld %ld\0'.padEnd(70)));
    // printf's family crashes on a stack that is not aligned where it saves vectors.
    calls.write(0, functionAddress('sprintf'), text.address, format.address, -5, 2 ** 40 + 1, -(2 ** 31));
    calls.write(1, functionAddress('snprintf'), text.address + 50, 50, format.address, 1, 2, 3);
    calls.write(2, functionAddress('strlen'), text.address);
    calls.run(0, 3);
    expect(Buffer.from(text.bytes).toString('latin1').split('\0').filter(Boolean)).toEqual([
      '-5 1099511627777 -2147483648',
      '1 2 3',
    ]);
    expect([calls.result(0), calls.result(1), calls.result(2)]).toEqual([28, 5, 28]);
  });

  test('hands a result on, and leaves out what would work on an error', () => {
    const calls = CallList.create(4)!;
    const file = path.join(folder, 'file');
    fs.writeFileSync(file, 'what it holds');
    const into = memoryOf(Buffer.alloc(100));
    const named = (name: string) => memoryOf(Buffer.from(`${name}\0`.padEnd(100)));
    const [there, missing] = [named(file), named(path.join(folder, 'missing'))];
    calls.write(0, OPENAT, AT_FDCWD, there.address, fs.constants.O_RDONLY, 0);
    calls.write(1, READ, 0, into.address, 100);
    // Not allowed on this descriptor: a failure of its own, which does not keep the next call from being made.
    calls.write(2, PWRITE64, 0, into.address, 1, 0);
    calls.write(3, CLOSE);
    for (const call of [1, 2, 3]) calls.takes(call, 0);
    calls.run(0, 4);
    const descriptor = calls.result(0);
    expect(descriptor).toBeGreaterThan(2);
    expect(calls.result(1)).toBe(13);
    expect(calls.result(2)).toBe(-os.constants.errno.EBADF);
    expect(calls.result(3)).toBe(0);
    expect(() => fs.fstatSync(descriptor)).toThrow('EBADF');
    expect(into.bytes.subarray(0, 13).toString()).toBe('what it holds');

    calls.argument(0, 1, missing.address);
    calls.run(0, 4);
    const errno = -os.constants.errno.ENOENT;
    expect([0, 1, 2, 3].map((call) => calls.result(call))).toEqual([errno, errno, errno, errno]);
  });

  test('hands a result on to any argument, and takes that back', () => {
    const calls = CallList.create(2)!;
    const text = memoryOf(Buffer.from('five!\0'.padEnd(70)));
    const copy = memoryOf(Buffer.alloc(70));
    calls.write(0, functionAddress('strlen'), text.address);
    calls.write(1, functionAddress('memcpy'), copy.address, text.address, 0);
    calls.takes(1, 0, 2);
    calls.run(0, 2);
    expect(Buffer.from(copy.bytes.subarray(0, 6)).toString('latin1')).toBe('five!\0');
    calls.takesNothing(1);
    calls.argument(1, 2, 2);
    copy.bytes.fill(0x2e);
    calls.run(0, 2);
    expect(Buffer.from(copy.bytes.subarray(0, 5)).toString()).toBe('fi...');
  });

  test('a function that is not there is said', () => {
    expect(() => functionAddress('there_is_no_such_function')).toThrow();
  });
});
