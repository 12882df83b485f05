import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EC2_OPERATIONS } from '../src/ec2/service.ts';
import { S3_OPERATIONS } from '../src/s3/service.ts';

/** First cells of the table in a chapter of CONFORMANCE.md. */
function listed(chapter: string): string[] {
  const text = readFileSync(new URL('../CONFORMANCE.md', import.meta.url), 'utf8');
  const body = text.split(/^##+ /m).find((one) => one.startsWith(chapter)) ?? '';
  const rows = [...body.matchAll(/^\| ([A-Z][A-Za-z0-9, ]+) \|/gm)].map((row) => (row[1] ?? '').trim());
  return rows.filter((row) => row !== 'Operation').flatMap((row) => row.split(', '));
}

test('CONFORMANCE.md lists exactly the operations of S3 that are served', () => {
  expect(listed('S3').sort()).toEqual(Object.keys(S3_OPERATIONS).sort());
});

test('CONFORMANCE.md lists exactly the operations of EC2 that are served', () => {
  expect(listed('EC2 (').sort()).toEqual(Object.keys(EC2_OPERATIONS).sort());
});
