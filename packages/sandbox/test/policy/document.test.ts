import { describe, expect, test } from 'vitest';
import { type PolicyKind, parsePolicy } from '../../src/policy/document.ts';
import { isPublic } from '../../src/policy/public.ts';
import { policyText } from '../harness.ts';

const good = { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*' };

describe('documents that are no policies', () => {
  test.each<[string, unknown, PolicyKind, RegExp]>([
    ['text', '{', 'identity', /not valid JSON/],
    ['an array', [], 'identity', /must be a JSON object/],
    ['no statement', { Version: '2012-10-17' }, 'identity', /Missing required field Statement/],
    ['an unknown version', { Version: '2020-01-01', Statement: [good] }, 'identity', /Version/],
    [
      'an unknown field',
      { Version: '2012-10-17', Statement: [{ ...good, Actions: [] }] },
      'identity',
      /Unknown field Actions/,
    ],
    ['no effect', { Statement: [{ Action: '*', Resource: '*' }] }, 'identity', /Effect/],
    ['a wrong effect', { Statement: [{ ...good, Effect: 'allow' }] }, 'identity', /Invalid effect/],
    ['no action', { Statement: [{ Effect: 'Allow', Resource: '*' }] }, 'identity', /Missing required field Action/],
    ['both actions', { Statement: [{ ...good, NotAction: '*' }] }, 'identity', /both/],
    ['an action without vendor', { Statement: [{ ...good, Action: 'GetObject' }] }, 'identity', /invalid action/],
    ['an empty action list', { Statement: [{ ...good, Action: [] }] }, 'identity', /must not be empty/],
    ['a resource that is no ARN', { Statement: [{ ...good, Resource: 'b/*' }] }, 'identity', /ARN format/],
    ['a principal on a user', { Statement: [{ ...good, Principal: '*' }] }, 'identity', /principal/],
    ['no principal on a bucket', { Statement: [good] }, 'resource', /Principal/],
    [
      'a principal that is no ARN',
      { Statement: [{ ...good, Principal: { AWS: 'ann' } }] },
      'resource',
      /Invalid principal/,
    ],
    [
      'a principal with a wildcard inside',
      { Statement: [{ ...good, Principal: { AWS: 'arn:aws:iam::123456789012:role/*' } }] },
      'resource',
      /Invalid principal/,
    ],
    [
      'an unknown kind of principal',
      { Statement: [{ ...good, Principal: { Team: 'x' } }] },
      'resource',
      /Invalid principal/,
    ],
    [
      'a resource in a trust policy',
      { Statement: [{ ...good, Principal: '*' }] },
      'trust',
      /prohibited field Resource/,
    ],
    [
      'an unknown operator',
      { Statement: [{ ...good, Condition: { StringIs: { 'aws:a': 'b' } } }] },
      'identity',
      /Invalid Condition type/,
    ],
    [
      'NullIfExists',
      { Statement: [{ ...good, Condition: { NullIfExists: { 'aws:a': 'true' } } }] },
      'identity',
      /Invalid Condition type/,
    ],
    [
      'a condition value that is an object',
      { Statement: [{ ...good, Condition: { Bool: { 'aws:a': {} } } }] },
      'identity',
      /must be a string/,
    ],
    [
      'statements with one Sid twice',
      {
        Statement: [
          { ...good, Sid: 'a' },
          { ...good, Sid: 'a' },
        ],
      },
      'identity',
      /unique/,
    ],
    ['a Sid with a space on a user', { Statement: [{ ...good, Sid: 'a b' }] }, 'identity', /alpha-numeric/],
  ])('%s', (_title, document, kind, message) => {
    const text = typeof document === 'string' ? document : JSON.stringify(document);
    expect(() => parsePolicy(text, kind)).toThrow(message);
  });
});

test('a single statement need not be in a list', () => {
  expect(parsePolicy(JSON.stringify({ Statement: good }), 'identity').statements).toHaveLength(1);
});

test('public is who lets everybody in without naming where from', () => {
  const publicPolicy = (more: object) => isPublic(parsePolicy(policyText({ ...good, ...more }), 'resource'));
  expect(publicPolicy({ Principal: '*' })).toBe(true);
  expect(publicPolicy({ Principal: { AWS: '*' } })).toBe(true);
  expect(publicPolicy({ Principal: '*', Effect: 'Deny' })).toBe(false);
  expect(publicPolicy({ Principal: { AWS: '123456789012' } })).toBe(false);
  expect(
    publicPolicy({ Principal: '*', Condition: { StringEquals: { 'aws:PrincipalAccount': '123456789012' } } }),
  ).toBe(false);
  expect(publicPolicy({ Principal: '*', Condition: { StringLike: { 'aws:PrincipalAccount': '*' } } })).toBe(true);
  expect(publicPolicy({ Principal: '*', Condition: { IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } } })).toBe(true);
});
