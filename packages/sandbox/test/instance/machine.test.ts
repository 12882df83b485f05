import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { boot, works } from '../../src/instance/boot.ts';
import type { Machine, MachineCommand, MachineMode } from '../../src/instance/machine.ts';
import { removeTree } from '../../src/instance/remove.ts';
import { makeRoot } from '../../src/instance/root.ts';

const scratch = mkdtempSync(join(tmpdir(), 'hostark-machine-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function machine(mode: MachineMode, id: string): Promise<{ machine: Machine; root: string; console: string }> {
  const root = join(scratch, id);
  const console = join(scratch, `${id}.console`);
  mkdirSync(root);
  const bootScript = '#!/bin/sh\necho said at boot\n';
  makeRoot({
    directory: root,
    mode,
    hostname: id,
    machineId: '0',
    osRelease: [],
    hostKey: 'k',
    authorizedKeys: [],
    bootScript,
  });
  const booted = await boot({
    ...{ id, mode, hostname: id, consoleFile: console },
    volumes: [{ directory: root, mountPath: '/' }],
    environment: { MARK: id },
  });
  afterAll(() => booted.kill());
  return { machine: booted, root, console };
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
}

function end(machine: Machine, command: string, more: Partial<MachineCommand> = {}): Promise<Ended> {
  const child = machine.spawn({ user: 'root', command, terminal: null, ...more });
  const output: Buffer[] = [];
  child.stdout?.on('data', (data: Buffer) => output.push(data));
  child.stderr?.resume();
  child.stdin?.end();
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, output: Buffer.concat(output).toString() }));
  });
}

const isRoot = process.getuid?.() === 0;
const usable: Record<MachineMode, boolean> = {
  namespace: isRoot && (await works('namespace', join(scratch, 'trial'))),
  'user-namespace': await works('user-namespace', join(scratch, 'trial')),
  folder: await works('folder', join(scratch, 'trial')),
};

for (const mode of ['namespace', 'user-namespace', 'folder'] as const) {
  describe.skipIf(!usable[mode])(`a machine in mode ${mode}`, () => {
    test('gives back exit status and signal of a command exactly', async () => {
      const { machine: m } = await machine(mode, `${mode}-status`);
      expect(await end(m, 'echo out; exit 17')).toEqual({ code: 17, signal: null, output: 'out\n' });
      expect(await end(m, 'kill -TERM $$')).toMatchObject({ code: null, signal: 'SIGTERM' });
      expect(await end(m, 'kill -KILL $$')).toMatchObject({ code: null, signal: 'SIGKILL' });
    });

    test('starts from an empty environment: nothing of the caller leaks in', async () => {
      process.env.HOSTARK_TEST_LEAK = 'secret';
      process.env.AWS_SECRET_ACCESS_KEY ??= 'secret-key';
      const { machine: m, root } = await machine(mode, `${mode}-environment`);
      const { output } = await end(m, 'env; cat /proc/1/environ 2>/dev/null | tr "\\0" "\\n"', { user: 'ec2-user' });
      delete process.env.HOSTARK_TEST_LEAK;
      if (mode !== 'folder') expect(output).not.toContain('HOSTARK_TEST_LEAK');
      const names = new Set((await end(m, 'env')).output.split('\n').map((line) => line.split('=')[0]));
      expect(names.has('MARK')).toBe(true);
      expect(names.has('AWS_SECRET_ACCESS_KEY')).toBe(false);
      expect(names.has('HOSTARK_TEST_LEAK')).toBe(false);
      const home = (await end(m, 'echo $HOME; pwd', { user: 'ec2-user' })).output.trim().split('\n');
      const expected = mode === 'folder' ? `${root}/home/ec2-user` : '/home/ec2-user';
      expect(home).toEqual([expected, expected]);
    });

    test('runs user data once, with its output on the console', async () => {
      const { machine: m, root, console } = await machine(mode, `${mode}-boot`);
      while (!readFileSync(console, 'utf8').includes('user data finished'))
        await new Promise((done) => setTimeout(done, 10));
      expect(readFileSync(console, 'utf8')).toContain('said at boot');
      m.kill();
      await m.exited;
      const again = await boot({
        ...{ id: 'again', mode, hostname: 'again', consoleFile: `${console}2`, environment: {} },
        volumes: [{ directory: root, mountPath: '/' }],
      });
      expect((await end(again, 'true')).code).toBe(0);
      again.kill();
      await again.exited;
      expect(readFileSync(`${console}2`, 'utf8')).not.toContain('said at boot');
    });

    test('kill ends every process, those too that left their session', async () => {
      const { machine: m, root } = await machine(mode, `${mode}-kill`);
      const marker = mode === 'folder' ? join(root, 'tmp/alive') : '/tmp/alive';
      const script = `setsid sh -c 'while :; do date +%s%N > ${marker}; sleep 0.05; done' >/dev/null 2>&1 </dev/null & echo started`;
      expect((await end(m, script)).output).toBe('started\n');
      const file = join(root, 'tmp/alive');
      while (!existsSync(file)) await new Promise((done) => setTimeout(done, 10));
      m.kill();
      await m.exited;
      const last = readFileSync(file, 'utf8');
      await new Promise((done) => setTimeout(done, 200));
      expect(readFileSync(file, 'utf8')).toBe(last);
    });

    test('a terminal has the size that was asked for', async () => {
      const { machine: m } = await machine(mode, `${mode}-terminal`);
      const terminal = { term: 'vt100', columns: 101, rows: 43 };
      const ended = await end(m, 'stty size; echo $TERM; tty >/dev/null && exit 9', { terminal });
      expect(ended.output).toContain('43 101');
      expect(ended.output).toContain('vt100');
      expect(ended.code).toBe(9);
    });
  });
}

for (const mode of ['namespace', 'user-namespace'] as const) {
  describe.skipIf(!usable[mode])(`the root of a machine in mode ${mode}`, () => {
    test('is its own, with read-only programs, own processes and own host name', async () => {
      const { machine: m, root } = await machine(mode, `${mode}-root`);
      const { output } = await end(
        m,
        'hostname; echo $$ >/srv/pid; ls /; ls /proc | grep -c "^[0-9]"; touch /usr/x || echo read-only',
      );
      expect(output).toContain(`${mode}-root\n`);
      expect(output).toContain('read-only');
      expect(readdirSync(join(root, 'srv'))).toEqual(['pid']);
      expect(readdirSync(root)).not.toContain('work');
      expect(Number(output.split('\n').at(-3))).toBeLessThan(10);
    });

    test('shows the devices that programs expect', async () => {
      const { machine: m } = await machine(mode, `${mode}-devices`);
      const test =
        'for d in null zero full random urandom tty ptmx; do test -c /dev/$d || echo no $d; done; head -c 3 /dev/zero | wc -c';
      expect((await end(m, test)).output.trim()).toBe('3');
    });
  });
}

describe.skipIf(!usable.namespace)('a machine with real root', () => {
  test('keeps real owners and devices, and lets a login user become root', async () => {
    const { machine: m } = await machine('namespace', 'owners');
    const script =
      'id -u; sudo sh -c "id -u; mknod /srv/disk b 7 1; touch /srv/f; chown 1234:4321 /srv/f"; stat -c "%u %g" /srv/f; stat -c %F /srv/disk';
    const { output } = await end(m, script, { user: 'ec2-user' });
    expect(output.trim().split('\n')).toEqual(['1000', '0', '1234 4321', 'block special file']);
  });

  test('can write neither to the programs of this system, nor to what is mounted below them, nor to the kernel', async () => {
    const { machine: m } = await machine('namespace', 'no-harm');
    const script = `
      for path in /usr /usr/bin /usr/share /proc/sys/kernel/hostname /proc/sysrq-trigger; do
        [ -w "$path" ] && echo "writable: $path"
      done
      while read -r _ _ _ _ point options _; do
        case $point in
          /usr|/usr/*|/bin|/lib*|/sbin|/sys|/sys/*|/nix*|/proc/sys) case $options in ro|ro,*) ;; *) echo "writable: $point" ;; esac ;;
        esac
      done </proc/self/mountinfo
      touch /srv/mine && echo done`;
    expect((await end(m, script)).output).toBe('done\n');
  });
});

describe('removeTree', () => {
  test('removes names of any bytes and folders without permissions, and follows no link out', async () => {
    const tree = join(scratch, 'tree');
    const outside = join(scratch, 'outside');
    mkdirSync(join(tree, 'a/b'), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, 'kept'), 'kept');
    symlinkSync(outside, join(tree, 'a/link'));
    symlinkSync('/', join(tree, 'a/b/root'));
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe, 0x41])]), 'x');
    mkdirSync(join(tree, 'locked'), { mode: 0o000 });
    await removeTree(tree);
    expect(existsSync(tree)).toBe(false);
    expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('kept');
  });

  test('refuses a link and a file, and takes a missing folder as done', async () => {
    const link = join(scratch, 'link');
    symlinkSync(tmpdir(), link);
    await expect(removeTree(link)).rejects.toThrow('expected a directory');
    await expect(removeTree(join(scratch, 'missing'))).resolves.toBeUndefined();
  });

  test('refuses a folder with something mounted below', async () => {
    await expect(removeTree('/proc')).rejects.toThrow('still mounted');
  });

  test.skipIf(!usable.namespace)('does not reach through a bind mount that was planted inside', async () => {
    const tree = join(scratch, 'a tree');
    const outside = join(scratch, 'bound');
    mkdirSync(join(tree, 'here\\ is\nmore'), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, 'kept'), 'kept');
    const point = join(tree, 'here\\ is\nmore');
    execFileSync('mount', ['--bind', outside, point]);
    try {
      await expect(removeTree(tree)).rejects.toThrow('still mounted');
      expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('kept');
    } finally {
      execFileSync('umount', [point]);
    }
    await removeTree(tree);
    expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('kept');
  });
});
