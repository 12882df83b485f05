import { describe, expect, test } from 'vitest';
import {
  exitCodeOf,
  fromWireError,
  HostarkError,
  parseAgentJob,
  parseAgentMessage,
  toWireError,
} from '../src/index.ts';

describe('errors', () => {
  test("exit codes are restic's where restic has one", () => {
    const codes = (
      ['no-repository', 'locked', 'wrong-password', 'source-incomplete', 'interrupted', 'usage'] as const
    ).map((code) => exitCodeOf(new HostarkError(code, '')));
    expect(codes).toEqual([10, 11, 12, 3, 130, 2]);
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
  });
  test('an error keeps code, hint, context and the text of its causes over the wire', () => {
    const cause = new Error('ECONNRESET', { cause: new Error('deeper') });
    const error = new HostarkError('host-unreachable', 'lost', { hint: 'run again', context: { host: 'web' }, cause });
    const back = fromWireError(JSON.parse(JSON.stringify(toWireError(error))));
    expect(back).toMatchObject({
      code: 'host-unreachable',
      message: 'lost',
      hint: 'run again',
      context: { host: 'web' },
    });
    expect((back.cause as Error).message).toBe('Error: ECONNRESET; caused by Error: deeper');
  });
  test('a chain of causes that goes round ends', () => {
    const a = new Error('a');
    a.cause = a;
    expect(toWireError(a).causes.length).toBe(8);
  });
});

describe('agent', () => {
  test('a job without targets, or of an unknown kind, is refused', () => {
    const job = {
      schema: 1,
      kind: 'backup',
      repository: { location: '/r', password: 'p' },
      targets: ['/a'],
      host: 'h',
    };
    expect(parseAgentJob(JSON.stringify(job))).toEqual(job);
    expect(() => parseAgentJob(JSON.stringify({ ...job, targets: [] }))).toThrow();
    expect(() => parseAgentJob(JSON.stringify({ ...job, kind: 'format-disk' }))).toThrow();
    expect(() => parseAgentJob('{')).toThrow(SyntaxError);
  });
  test('a backup is of paths or of a stream, never of both, and hooks have a limit', () => {
    const common = { schema: 1, kind: 'backup', repository: { location: '/r', password: 'p' }, host: 'h' };
    const stream = { command: 'pg_dumpall', filename: 'db.sql' };
    expect(parseAgentJob(JSON.stringify({ ...common, targets: [], stream }))).toMatchObject({ stream });
    expect(() => parseAgentJob(JSON.stringify({ ...common, targets: ['/a'], stream }))).toThrow('either targets');
    expect(() => parseAgentJob(JSON.stringify({ ...common, targets: ['/a'], hooks: { pre: 'true' } }))).toThrow();
    const hooks = { pre: 'true', timeoutSeconds: 5 };
    expect(parseAgentJob(JSON.stringify({ ...common, targets: ['/a'], hooks }))).toMatchObject({ hooks });
  });
  test('messages are told apart by type, and noise is refused', () => {
    expect(parseAgentMessage('{"type":"hello","version":"0.1.0","pid":4}')).toMatchObject({ type: 'hello' });
    expect(() => parseAgentMessage('Last login: Tue')).toThrow(SyntaxError);
    expect(() => parseAgentMessage('{"type":"result"}')).toThrow();
    const notice = { type: 'event', event: { type: 'notice', level: 'info', message: 'frozen' } };
    expect(parseAgentMessage(JSON.stringify(notice))).toEqual(notice);
    for (const event of [{ type: 'progress' }, { type: 'notice', level: 'info', message: 1 }, { type: 'fireworks' }])
      expect(() => parseAgentMessage(JSON.stringify({ type: 'event', event }))).toThrow();
  });
});
