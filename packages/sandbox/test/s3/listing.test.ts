import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { listKeys } from '../../src/s3/list.ts';
import { compareKeys } from '../../src/s3/names.ts';
import { refusal, s3Client, sandbox } from '../harness.ts';
import { listSlowly } from '../reference/list-keys.ts';

describe('order and pages', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', '\uffee', '😀'), minLength: 1, maxLength: 6 });

  test('keys sort by their UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      {
        seed: 9,
        examples: [
          ['\uffee', '😀'],
          ['a', 'ab'],
          ['', ''],
        ],
      },
    );
  });

  test('pages of any size, put together, are what the definition says', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { maxLength: 30 }),
        fc.constantFrom('', 'a', 'a/', '/', 'b'),
        fc.constantFrom('', '/', 'a', 'ab'),
        fc.oneof(fc.constant(''), key),
        fc.integer({ min: 1, max: 5 }),
        (keys, prefix, delimiter, start, most) => {
          const sorted = [...keys].sort(compareKeys);
          const found = { keys: [] as string[], commonPrefixes: [] as string[] };
          let after: string | null = start;
          while (after !== null) {
            const page = listKeys(sorted, { prefix, delimiter, after, most }, () => 1);
            expect(page.keys.length + page.commonPrefixes.length).toBeLessThanOrEqual(most);
            found.keys.push(...page.keys);
            found.commonPrefixes.push(...page.commonPrefixes);
            after = page.next;
          }
          expect(found).toEqual(listSlowly(keys, prefix, delimiter, start));
        },
      ),
      { seed: 10, numRuns: 1000 },
    );
  });

  test('a page of none is empty and complete', () => {
    expect(listKeys(['a'], { prefix: '', delimiter: '', after: '', most: 0 }, () => 1)).toEqual({
      keys: [],
      commonPrefixes: [],
      next: null,
    });
  });
});

describe('by the SDK', async () => {
  const box = await sandbox();
  const s3 = s3Client(box);
  const Bucket = 'listing';
  const names = ['a', 'dir/1', 'dir/2', 'dir/sub/3', 'dir0', 'x & <y>', 'z\u0001'];

  beforeAll(async () => {
    await s3.send(new CreateBucketCommand({ Bucket }));
    for (const Key of [...names, 'removed']) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'removed' }));
  });

  test('V2 lists in pages with a token', async () => {
    const seen: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page: ListObjectsV2CommandOutput = await s3.send(
        new ListObjectsV2Command({
          Bucket,
          MaxKeys: 2,
          EncodingType: 'url',
          ...(ContinuationToken ? { ContinuationToken } : {}),
        }),
      );
      seen.push(...(page.Contents ?? []).map((one) => decodeURIComponent(one.Key ?? '')));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    expect(seen).toEqual(names);
  });

  test('V2 folds at a delimiter and starts after a key', async () => {
    const folded = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'd', Delimiter: '/' }));
    expect(folded.CommonPrefixes).toEqual([{ Prefix: 'dir/' }]);
    expect(folded.Contents?.map((one) => one.Key)).toEqual(['dir0']);
    expect(folded.KeyCount).toBe(2);
    const later = await s3.send(
      new ListObjectsV2Command({ Bucket, StartAfter: 'dir/2', MaxKeys: 1, FetchOwner: true }),
    );
    expect(later.Contents).toMatchObject([
      { Key: 'dir/sub/3', Size: 9, StorageClass: 'STANDARD', Owner: { ID: expect.any(String) } },
    ]);
  });

  test('V1 lists by marker', async () => {
    const first = await s3.send(new ListObjectsCommand({ Bucket, Delimiter: '/', MaxKeys: 2 }));
    expect(first).toMatchObject({ IsTruncated: true, NextMarker: 'dir/', CommonPrefixes: [{ Prefix: 'dir/' }] });
    const second = await s3.send(
      new ListObjectsCommand({ Bucket, Delimiter: '/', MaxKeys: 2, Marker: first.NextMarker }),
    );
    expect(second.Contents?.map((one) => one.Key)).toEqual(['dir0', 'x & <y>']);
  });

  test('refuses broken tokens and sizes', async () => {
    expect(await refusal(s3.send(new ListObjectsV2Command({ Bucket, ContinuationToken: '!' })))).toMatchObject({
      code: 'InvalidArgument',
    });
    expect(await refusal(s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: -1 })))).toMatchObject({
      code: 'InvalidArgument',
    });
  });
});
