/** Asks for a secret on the terminal without showing it. */
import { HostarkError } from '@hostark/protocol';
import type { Io } from './io.ts';

const CTRL_C = 3;
const CTRL_D = 4;
const BACKSPACE = new Set([8, 127]);

/** Prints `question` on stderr and reads one line from a terminal with echo off. Throws 'interrupted' on Ctrl-C. */
export function askSecret(io: Io, question: string): Promise<string> {
  const stdin = io.stdin as typeof io.stdin & { setRawMode?(raw: boolean): void };
  io.stderr.write(question);
  stdin.setRawMode?.(true);
  stdin.resume();
  return new Promise((resolve, reject) => {
    const typed: number[] = [];
    const finish = (outcome: () => void): void => {
      stdin.off('data', onData);
      stdin.setRawMode?.(false);
      stdin.pause();
      io.stderr.write('\n');
      outcome();
    };
    const onData = (chunk: Buffer): void => {
      for (const byte of chunk) {
        if (byte === CTRL_C) {
          finish(() => reject(new HostarkError('interrupted', 'interrupted at the question')));
          return;
        }
        if (byte === 10 || byte === 13 || byte === CTRL_D) {
          finish(() => resolve(Buffer.from(typed).toString('utf8')));
          return;
        }
        if (BACKSPACE.has(byte)) {
          while (typed.length > 0 && (typed.pop()! & 0xc0) === 0x80); // a character of several bytes goes whole
        } else typed.push(byte);
      }
    };
    stdin.on('data', onData);
  });
}
