import { describe, expect, test } from 'vitest';
import { describeMaxCpu, parseMaxCpu } from '../src/repository/max-cpu.ts';

describe('--max-cpu', () => {
  test('is a number of cores, or a percentage of all', () => {
    expect(parseMaxCpu('0.5')).toEqual({ cores: 0.5 });
    expect(parseMaxCpu('3')).toEqual({ cores: 3 });
    expect(parseMaxCpu('25%')).toEqual({ share: 0.25 });
    expect(parseMaxCpu('12.5%')).toEqual({ share: 0.125 });
    expect(parseMaxCpu('100%')).toEqual({ share: 1 });
  });

  test.each([
    '',
    '0',
    '0%',
    '-1',
    '0.01',
    '0.5%',
    '101%',
    '5000',
    'half',
    '1e3',
    '50 %',
    '1,5',
    'NaN',
    'Infinity',
    '%',
  ])('refuses %j and says what is expected', (text) => {
    expect(() => parseMaxCpu(text)).toThrow(/--max-cpu: expected cores from 0.05 to 1024, or 1% to 100% of all/);
  });

  test('is told in words', () => {
    expect(describeMaxCpu({ cores: 1 })).toBe('1 core');
    expect(describeMaxCpu({ cores: 0.5 })).toBe('0.5 cores');
    expect(describeMaxCpu({ share: 0.07 })).toBe('7 % of all cores');
  });
});
