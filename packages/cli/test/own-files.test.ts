import { expect, test } from 'vitest';
import { OWN_FILES, sparingOwnFiles } from '../src/hosts/own-files.ts';

test("a recovery onto a host's root leaves its login keys, host keys, disks and identity alone", () => {
  const spared = sparingOwnFiles({ snapshot: 'latest', target: '/', excludes: ['*.tmp'] });
  expect(spared.excludes).toEqual(['*.tmp', ...OWN_FILES]);
  expect(OWN_FILES).toContain('/root/.ssh/authorized_keys');
});

test('what is asked for by name, or goes elsewhere, is brought back as it is', () => {
  const named = { snapshot: 'latest', target: '/', includes: ['/etc/fstab'] };
  expect(sparingOwnFiles(named)).toBe(named);
  const elsewhere = { snapshot: 'latest', target: '/restored' };
  expect(sparingOwnFiles(elsewhere)).toBe(elsewhere);
});
