/** Freezing and thawing, with a stand-in for fsfreeze that writes down what it is asked: the real one stops this machine. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { localSession, type Session } from '@hostark/remote';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { whileFrozen } from '../src/hosts/freeze.ts';
import { FREEZE_SCRIPT } from '../src/hosts/freeze-script.ts';

let directory: string;
let session: Session;
const asked = (): string[] => {
  try {
    return readFileSync(join(directory, 'asked'), 'utf8').trim().split('\n');
  } catch {
    return [];
  }
};

/** A mount of its own file system that the machine does not live on: the shared memory of every Linux, or /sys. */
const MOUNT = readFileSync('/proc/self/mountinfo', 'utf8').includes(' /dev/shm ') ? '/dev/shm' : '/sys';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hostark-freeze-'));
  const program = join(directory, 'fsfreeze');
  writeFileSync(
    program,
    `#!/bin/sh\n[ "$1" != -V ] || exit 0\necho "$*" >>${directory}/asked\nif [ -e ${directory}/broken ] && [ "$1" = -f ]; then echo broken >&2; exit 1; fi\n`,
  );
  chmodSync(program, 0o755);
  // No sudo on this path: where the tests' user may become root, root's path has the real program.
  writeFileSync(join(directory, 'sudo'), '#!/bin/sh\nexit 1\n');
  chmodSync(join(directory, 'sudo'), 0o755);
  session = localSession({ env: { PATH: `${directory}:${process.env.PATH}`, HOME: directory } });
});
afterEach(async () => {
  await session.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('a freeze', () => {
  it('holds while the work runs, and no longer', async () => {
    const frozen = await whileFrozen(session, [MOUNT], async () => asked().at(-1));
    expect(frozen).toMatchObject({ value: `-f ${MOUNT}`, held: true });
    expect(asked()).toEqual([`-f ${MOUNT}`, `-u ${MOUNT}`]);
  });

  it('ends before the error of the work is told', async () => {
    const work = async (): Promise<never> => {
      throw new Error('the work failed');
    };
    await expect(whileFrozen(session, [MOUNT], work)).rejects.toThrow('the work failed');
    expect(asked()).toEqual([`-f ${MOUNT}`, `-u ${MOUNT}`]);
  });

  it.each(['/', '/proc', 'relative', '/no/such/mount'])('of %s is refused before anything is frozen', async (mount) => {
    let worked = false;
    const work = async (): Promise<void> => {
      worked = true;
    };
    await expect(whileFrozen(session, [MOUNT, mount], work)).rejects.toMatchObject({ code: 'usage' });
    expect(worked).toBe(false);
    expect(asked()).toEqual([]);
  });

  it('that fails thaws what was frozen before it, and says why', async () => {
    writeFileSync(join(directory, 'broken'), '');
    await expect(whileFrozen(session, [MOUNT], async () => 1)).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringContaining('broken'),
    });
    expect(asked()).toEqual([`-f ${MOUNT}`]);
  });

  it('is ended by the watchdog when it lasts too long, and the caller is told', async () => {
    const work = async (): Promise<void> => {
      while (asked().length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    };
    expect(await whileFrozen(session, [MOUNT], work, { seconds: 1 })).toMatchObject({ held: false });
    expect(asked()).toEqual([`-f ${MOUNT}`, `-u ${MOUNT}`]);
  });

  it('is ended by the watchdog when its shell is killed', async () => {
    const work = async (): Promise<void> => {
      const pid = readFileSync(join(directory, 'pid'), 'utf8').trim();
      process.kill(Number(pid), 'SIGKILL');
      while (asked().length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    };
    writeFileSync(
      join(directory, 'fsfreeze'),
      `#!/bin/sh\n[ "$1" != -V ] || exit 0\necho "$*" >>${directory}/asked\n[ "$1" = -u ] || echo "$PPID" >${directory}/pid\n`,
    );
    await expect(whileFrozen(session, [MOUNT], work)).rejects.toMatchObject({ code: 'command-failed' });
    expect(asked()).toEqual([`-f ${MOUNT}`, `-u ${MOUNT}`]);
  });

  it('ends when the session that holds it is gone', async () => {
    const stop = new AbortController();
    const work = async (): Promise<void> => stop.abort(); // not before it is frozen: that would end it without the work
    const held = whileFrozen(session, [MOUNT], work, { signal: stop.signal });
    expect(await held).toMatchObject({ held: false });
    expect(asked()).toEqual([`-f ${MOUNT}`, `-u ${MOUNT}`]);
  });

  it.each([
    ['then thaws at once', 1],
    ['and is killed for it: the watchdog thaws', 4],
  ])(
    'that is interrupted while the kernel is at it lasts until it is done, %s',
    async (_, seconds) => {
      writeFileSync(
        join(directory, 'fsfreeze'),
        `#!/bin/sh\ntrap '' TERM\n[ "$1" != -V ] || exit 0\necho "$*" >>${directory}/asked\n[ "$1" = -u ] || { until [ -e ${directory}/stopped ]; do sleep 0.05; done; sleep ${seconds}; }\n`,
      );
      const stop = new AbortController();
      const freezing = whileFrozen(session, [MOUNT], async () => 1, { signal: stop.signal });
      freezing.catch(() => {});
      while (asked().length < 1) await new Promise((resolve) => setTimeout(resolve, 20));
      stop.abort();
      writeFileSync(join(directory, 'stopped'), '');
      await expect(freezing).rejects.toMatchObject({ code: 'interrupted' });
      await expect.poll(asked, { timeout: 6_000 }).toEqual([`-f ${MOUNT}`, `-u ${MOUNT}`]);
    },
    15_000,
  );

  it('is written for a plain POSIX shell', async () => {
    const check = await session.exec('sh -n', { stdin: FREEZE_SCRIPT });
    expect(check).toMatchObject({ code: 0, stderr: '' });
  });
});
