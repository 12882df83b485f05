/** What users write as locations. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLocation } from '../../src/backends/place.ts';
import { amazonHost, parseS3Location, printS3Location } from '../../src/backends/s3/location.ts';

describe('S3 locations', () => {
  test.each([
    ['s3:s3.amazonaws.com/bucket', true, 's3.amazonaws.com', 'bucket', ''],
    ['s3:s3.eu-west-1.amazonaws.com/bucket/a/b', true, 's3.eu-west-1.amazonaws.com', 'bucket', 'a/b'],
    ['s3://s3.amazonaws.com/bucket/a', true, 's3.amazonaws.com', 'bucket', 'a'],
    ['s3:https://host:9000/bucket/a/', true, 'host:9000', 'bucket', 'a'],
    ['s3:http://127.0.0.1:4566/bucket//a/./b/../c', false, '127.0.0.1:4566', 'bucket', 'a/c'],
    ['s3:http://[::1]:9000/bucket', false, '[::1]:9000', 'bucket', ''],
    ['s3:localhost/bucket/../../x', true, 'localhost', 'bucket', 'x'],
  ])('%s', (location, tls, host, bucket, prefix) => {
    expect(parseS3Location(location)).toEqual({ tls, host, bucket, prefix });
  });

  test.each([
    's3:',
    's3:host',
    's3:host/',
    's3:https:///bucket',
    's3:https://host:port/bucket',
    's3:h/b?x=1',
    's3:a b/bucket',
  ])('%s is refused with an example', (location) => {
    expect(() => parseS3Location(location)).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringContaining('s3:https://HOST/BUCKET/PREFIX') }),
    );
  });

  test('credentials in a location are refused without repeating them', () => {
    const error = (() => {
      try {
        return parseS3Location('s3:https://AKIAEXAMPLE:topsecret@host/bucket');
      } catch (thrown) {
        return thrown as Error & { hint: string };
      }
    })();
    expect(`${'message' in error ? error.message + error.hint : ''}`).toMatch(/credentials/);
    expect(JSON.stringify(error) + String(error)).not.toMatch(/topsecret|AKIAEXAMPLE/);
  });

  test('printing and parsing again gives the same', () => {
    const part = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);
    const arbitrary = fc.record({
      tls: fc.boolean(),
      host: fc
        .tuple(part, fc.option(fc.integer({ min: 1, max: 65535 })))
        .map(([h, p]) => (p === null ? h : `${h}:${p}`)),
      bucket: part,
      prefix: fc.array(part, { maxLength: 4 }).map((parts) => parts.join('/')),
    });
    fc.assert(
      fc.property(arbitrary, (location) => {
        expect(parseS3Location(printS3Location(location))).toEqual(location);
      }),
      { seed: 7 },
    );
  });
});

test.each([
  ['s3.amazonaws.com', { region: null, domain: 'amazonaws.com' }],
  ['s3.eu-west-1.amazonaws.com', { region: 'eu-west-1', domain: 'amazonaws.com' }],
  ['s3-us-west-2.amazonaws.com', { region: 'us-west-2', domain: 'amazonaws.com' }],
  ['S3.EU-West-1.amazonaws.com', { region: 'eu-west-1', domain: 'amazonaws.com' }],
  ['s3.dualstack.us-gov-west-1.amazonaws.com', { region: 'us-gov-west-1', domain: 'amazonaws.com' }],
  ['s3.cn-north-1.amazonaws.com.cn', { region: 'cn-north-1', domain: 'amazonaws.com.cn' }],
  ['s3.example.com', null],
  ['127.0.0.1:9000', null],
  ['s3.amazonaws.com.evil.org', null],
])('%s as an Amazon host', (host, expected) => {
  expect(amazonHost(host)).toEqual(expected);
});

describe('locations', () => {
  test.each([
    ['/srv/repo', '/srv/repo'],
    ['repo', 'repo'],
    ['./a:b', './a:b'],
    ['local:sftp:x', 'sftp:x'],
    ['C:\\repo', 'C:\\repo'],
  ])('%s is the folder %s', (location, path) => {
    expect(parseLocation(location)).toEqual({ kind: 'local', path, printed: path });
  });

  test('an S3 location is printed in full', () => {
    expect(parseLocation('s3:s3.amazonaws.com/b/p')).toEqual({
      kind: 's3',
      location: 's3:s3.amazonaws.com/b/p',
      printed: 's3:https://s3.amazonaws.com/b/p',
    });
  });

  test.each([
    ['', /-r/],
    ['local:', /folder/],
    ['sftp:user@host:/srv', /restic itself/],
    ['rest:http://host', /restic itself/],
    ['ftp:x', /local:PATH/],
  ])('%j is refused', (location, hint) => {
    expect(() => parseLocation(location)).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringMatching(hint) }),
    );
  });
});
