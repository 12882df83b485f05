/** What a plan says of prices when the price file knows all, some or none of them. */
import { hostPrice } from '@hostark/cloud';
import { describe, expect, it } from 'vitest';
import { priceLines } from '../src/hosts/launch-flags.ts';

const host = { instanceType: 't3.small', volumes: [{ sizeGiB: 8, type: 'gp3' }], addresses: 1 };

describe('the price of a host', () => {
  it('that is not known at all is not told as nothing', () => {
    const lines = priceLines(hostPrice({ ...host, region: 'nowhere-1' })).join('\n');
    expect(lines).toContain('in all: not known');
    expect(lines).not.toContain('$');
  });

  it('is added up as far as it is known', () => {
    const known = priceLines(hostPrice({ ...host, region: 'us-east-1' })).at(-1);
    expect(known).toMatch(/\$0\.0\d+ an hour.*in all/);
    const spot = priceLines(hostPrice({ ...host, region: 'us-east-1', spot: true })).at(-1);
    expect(spot).toMatch(/and what is not known/);
  });
});
