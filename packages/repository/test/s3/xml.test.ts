/** The two documents that are read: pages of listings and errors. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readErrorDocument, readListPage } from '../../src/backends/s3/xml.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** Text that XML can hold, escaped in one of the ways that servers choose. */
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((raw) => raw.replace(/[\p{Cc}\p{Cs}]/gu, '?'));
const escapes = fc.constantFrom<(text: string) => string>(
  (one) =>
    one
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;')
      .replace(/"/g, '&quot;')
      .replace(/'/g, '&apos;'),
  (one) => one.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`),
  (one) => one.replace(/[^a-z]/gu, (c) => `&#x${c.codePointAt(0)?.toString(16)};`),
);

test('a page has the keys and sizes that were put in, whatever the escapes and the elements around them', () => {
  const objects = fc.array(fc.record({ key: text.map((one) => `k${one}`), size: fc.nat() }), { maxLength: 10 });
  const token = fc.option(text.map((one) => `t${one}`));
  fc.assert(
    fc.property(objects, token, escapes, fc.boolean(), (expected, next, escaped, more) => {
      const extra = more ? '<LastModified>2026</LastModified><Owner><ID>x</ID></Owner><ETag>&quot;1&quot;</ETag>' : '';
      const page =
        `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
        `<Name>b</Name><Prefix>${escaped('k<&')}</Prefix><KeyCount>9</KeyCount><IsTruncated>${next !== null}</IsTruncated>` +
        `${next === null ? '' : `<NextContinuationToken>${escaped(next)}</NextContinuationToken>`}` +
        expected
          .map(({ key, size }) => `<Contents><Key>${escaped(key)}</Key>${extra}\n<Size>${size}</Size></Contents>`)
          .join('\n') +
        `<CommonPrefixes><Prefix>IsTruncated</Prefix></CommonPrefixes></ListBucketResult>`;
      expect(readListPage(bytes(page))).toEqual({ objects: expected, next });
    }),
    { seed: 20261122, numRuns: 300 },
  );
});

test('an empty bucket is an empty page', () => {
  const page = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
  expect(readListPage(bytes(page))).toEqual({ objects: [], next: null });
});

test.each([
  ['a page of a proxy', '<html><body>Sign in</body></html>'],
  ['nothing', ''],
  ['a page that breaks off', '<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents>'],
  ['an object without a size', '<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>'],
  ['a size that is none', '<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>'],
  ['more without a token', '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>'],
])('%s is no page', (_, page) => {
  expect(() => readListPage(bytes(page))).toThrow(SyntaxError);
});

test('an error has its code, message and region; what is not one has none', () => {
  const document =
    '<?xml version="1.0"?>\n<Error><Code>AuthorizationHeaderMalformed</Code><Message>expecting &apos;eu-west-1&apos;</Message>' +
    '<Region>eu-west-1</Region><RequestId>1</RequestId></Error>';
  expect(readErrorDocument(bytes(document))).toEqual({
    code: 'AuthorizationHeaderMalformed',
    message: "expecting 'eu-west-1'",
    region: 'eu-west-1',
  });
  for (const other of ['', '<html>502</html>', '\u0000\u00ff'])
    expect(readErrorDocument(bytes(other))).toEqual({ code: '', message: '', region: '' });
});
