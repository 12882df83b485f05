import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CpuGovernor, type CpuMeter } from '../../src/pool/cpu-governor.ts';

/** A process in which time passes only when somebody works or sleeps. */
class Machine implements CpuMeter {
  now = 1000;
  cpu = 0;
  /** CPU time of the process after each step, by time. */
  readonly history: { at: number; cpu: number }[] = [{ at: 1000, cpu: 0 }];

  nowMs(): number {
    return this.now;
  }

  cpuMs(): number {
    return this.cpu;
  }

  /** `threads` work for `ms`. */
  work(ms: number, threads = 1): void {
    this.#step(ms, ms * threads);
  }

  /** To wake costs something, too. */
  sleep(ms: number): void {
    this.#step(ms, 0.05);
  }

  /** The most cores that were used in any `windowMs`. */
  busiest(windowMs: number): number {
    let most = 0;
    let from = 0;
    for (const { at, cpu } of this.history) {
      while (this.history[from + 1]!.at < at - windowMs) from++;
      const start = this.history[from]!;
      if (at - start.at >= windowMs) most = Math.max(most, (cpu - start.cpu) / (at - start.at));
    }
    return most;
  }

  get average(): number {
    return this.cpu / (this.now - 1000);
  }

  #step(ms: number, cpu: number): void {
    this.now += ms;
    this.cpu += cpu;
    this.history.push({ at: this.now, cpu: this.cpu });
  }
}

/** Works in pieces under a limit until the time is `untilMs`. */
function run(
  machine: Machine,
  governor: CpuGovernor,
  untilMs: number,
  piece: () => { ms: number; threads: number },
): void {
  while (machine.now < untilMs) {
    const { ms, threads } = piece();
    machine.work(ms, threads);
    const silence = governor.silenceMs();
    if (silence > 0) machine.sleep(silence);
  }
}

const start = { atMs: 1000, usedMs: 0 };

describe('the CPU governor', () => {
  test('holds pieces of any size and number of threads to the limit, within 5 %, from above and from below', () => {
    const pieces = fc.array(
      fc.record({ ms: fc.double({ min: 0.1, max: 40, noNaN: true }), threads: fc.constantFrom(1, 2, 4) }),
      {
        minLength: 1,
        maxLength: 50,
      },
    );
    fc.assert(
      fc.property(fc.double({ min: 0.05, max: 0.95, noNaN: true }), pieces, (cores, sizes) => {
        const machine = new Machine();
        let next = 0;
        run(machine, new CpuGovernor(cores, machine, start), 1000 + 60_000, () => sizes[next++ % sizes.length]!);
        expect(machine.average / cores).toBeGreaterThan(0.95);
        // The last piece may just have ended.
        expect((machine.cpu - 160) / (machine.now - 1000) / cores).toBeLessThan(1.05);
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  test('holds it over any few seconds', () => {
    const machine = new Machine();
    run(machine, new CpuGovernor(0.5, machine, start), 61_000, () => ({ ms: 4, threads: 2 }));
    expect(machine.busiest(3000)).toBeLessThan(0.5 * 1.05);
  });

  test('idle time is not saved up for a burst', () => {
    const machine = new Machine();
    const governor = new CpuGovernor(0.5, machine, start);
    machine.sleep(60_000);
    governor.silenceMs();
    const { now, cpu } = machine;
    run(machine, governor, now + 3000, () => ({ ms: 4, threads: 2 }));
    expect((machine.cpu - cpu) / (machine.now - now)).toBeLessThan(0.5 * 1.05);
  });

  test('what was used before the first look is paid for', () => {
    const machine = new Machine();
    const governor = new CpuGovernor(0.25, machine, start);
    machine.work(200);
    expect(governor.silenceMs()).toBeCloseTo(600);
  });

  test('short silences are gathered, so that waking does not feed on itself', () => {
    const machine = new Machine();
    const governor = new CpuGovernor(0.05, machine, start);
    machine.work(0.4);
    expect(governor.silenceMs()).toBe(0);
    machine.work(0.4);
    expect(governor.silenceMs()).toBeCloseTo(15.2);
  });

  test('a process within its limit is never told to be silent', () => {
    const machine = new Machine();
    const governor = new CpuGovernor(0.9, machine, start);
    for (let i = 0; i < 1000; i++) {
      machine.work(1);
      machine.sleep(1);
      expect(governor.silenceMs()).toBe(0);
    }
  });
});
