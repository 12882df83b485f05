/** An Io for tests: captured streams, a given environment, a folder as home. */
import { Readable, Writable } from 'node:stream';
import type { Io } from '../src/terminal/io.ts';

export interface CapturedIo extends Io {
  readonly out: () => string;
  readonly err: () => string;
}

export function capturedIo(
  options: { env?: Record<string, string>; home?: string; cwd?: string; stdin?: string } = {},
): CapturedIo {
  const texts = { out: '', err: '' };
  const sink = (name: 'out' | 'err'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        texts[name] += chunk.toString();
        done();
      },
    });
  return {
    stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
    stdout: sink('out'),
    stderr: sink('err'),
    env: options.env ?? {},
    cwd: options.cwd ?? '/',
    home: options.home ?? '/nonexistent',
    out: () => texts.out,
    err: () => texts.err,
  };
}
