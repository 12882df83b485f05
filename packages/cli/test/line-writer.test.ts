import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { LineWriter } from '../src/terminal/line-writer.ts';

function collector(): { stream: Writable; bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, bytes: () => Buffer.concat(chunks) };
}

test('text and bytes come out as they went in, whatever their length', async () => {
  const { stream, bytes } = collector();
  const writer = new LineWriter(stream);
  const expected: Buffer[] = [];
  const reused = new Uint8Array(3000);
  for (let i = 0; i < 200; i++) {
    const text = 'é'.repeat(i * 11);
    writer.line(text);
    reused.fill(i);
    writer.line(reused.subarray(0, i * 15));
    expected.push(Buffer.from(`${text}\n`), Buffer.from(reused.subarray(0, i * 15)), Buffer.from('\n'));
  }
  const long = 'x'.repeat(100_000);
  writer.text(long);
  expected.push(Buffer.from(long));
  await writer.end();
  expect(bytes().equals(Buffer.concat(expected))).toBe(true);
});

test('nothing is written before it is free to be, and everything after', async () => {
  const { stream, bytes } = collector();
  let free = (): void => {};
  const writer = new LineWriter(stream);
  writer.holdUntil(new Promise((resolve) => (free = resolve)));
  for (let i = 0; i < 30_000; i++) writer.line(`line ${i}`);
  await new Promise((resolve) => setImmediate(resolve));
  expect(bytes()).toHaveLength(0);
  free();
  await writer.end();
  expect(bytes().toString().split('\n')).toHaveLength(30_001);
});

test('what may never be written is not', async () => {
  const { stream, bytes } = collector();
  const writer = new LineWriter(stream);
  writer.holdUntil(Promise.reject(new Error('locked by others')));
  writer.line('secret');
  await expect(writer.end()).rejects.toThrow('locked by others');
  expect(bytes()).toHaveLength(0);
});

test('who draws a line of progress is told before each piece', async () => {
  const { stream } = collector();
  let cleared = 0;
  const writer = new LineWriter(stream, () => cleared++);
  writer.line('x'.repeat(70_000));
  writer.line('y');
  await writer.end();
  expect(cleared).toBe(2);
});
