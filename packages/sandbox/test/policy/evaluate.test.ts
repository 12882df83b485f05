// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like that

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Principal } from '../../src/auth/principal.ts';
import { conditionContext } from '../../src/policy/context.ts';
import { parsePolicy } from '../../src/policy/document.ts';
import { type AccessRequest, evaluate } from '../../src/policy/evaluate.ts';
import { policyText, type StatementInput } from '../harness.ts';

const ACCOUNT = '123456789012';
const USER: Principal = {
  kind: 'user',
  accountId: ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:user/ann`,
  userId: 'AIDA1',
  userName: 'ann',
  tags: {},
  accessKeyId: 'AKIA1',
};
const ROLE: Principal = {
  kind: 'assumed-role',
  accountId: ACCOUNT,
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/host/i-1`,
  roleArn: `arn:aws:iam::${ACCOUNT}:role/host`,
  roleName: 'host',
  sessionName: 'i-1',
  userId: 'AROA1:i-1',
  tags: {},
  accessKeyId: 'ASIA1',
};

interface Case {
  identity?: StatementInput[];
  resource?: StatementInput[];
  boundary?: StatementInput[];
  session?: StatementInput[];
  principal?: AccessRequest['principal'];
  action?: string;
  on?: string;
  context?: Record<string, string | string[]>;
}

function decide(c: Case): { allowed: boolean; explicit: boolean; reason: string } {
  const policy = (kind: 'identity' | 'resource', list?: StatementInput[]) =>
    list === undefined ? null : parsePolicy(policyText(...list), kind);
  const identity = policy('identity', c.identity);
  const session = policy('identity', c.session);
  return evaluate(
    {
      principal: c.principal ?? USER,
      action: c.action ?? 's3:GetObject',
      resource: c.on ?? 'arn:aws:s3:::b/k',
      context: conditionContext(c.context ?? {}),
    },
    {
      identity: identity === null ? [] : [identity],
      boundary: policy('identity', c.boundary),
      session: session === null ? [] : [session],
      resource: policy('resource', c.resource),
    },
  );
}

const allow = (Action: unknown, Resource: unknown = '*', more: object = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
const deny = (Action: unknown, Resource: unknown = '*', more: object = {}) => ({
  Effect: 'Deny',
  Action,
  Resource,
  ...more,
});

describe('which policies decide', () => {
  test.each<[string, Case, boolean]>([
    ['nothing allows', {}, false],
    ['identity allows', { identity: [allow('s3:GetObject')] }, true],
    ['identity allows another action', { identity: [allow('s3:PutObject')] }, false],
    ['actions ignore case', { identity: [allow('S3:getobject')] }, true],
    ['action wildcard', { identity: [allow('s3:Get*')] }, true],
    ['? is one character', { identity: [allow('s3:GetObjec?')] }, true],
    ['resources heed case', { identity: [allow('*', 'arn:aws:s3:::b/K')] }, false],
    [
      'resource wildcard crosses slashes',
      { identity: [allow('*', 'arn:aws:s3:::b/*')], on: 'arn:aws:s3:::b/x/y' },
      true,
    ],
    ['NotAction allows the rest', { identity: [{ Effect: 'Allow', NotAction: 's3:Put*', Resource: '*' }] }, true],
    ['NotAction spares what it lists', { identity: [{ Effect: 'Allow', NotAction: 's3:Get*', Resource: '*' }] }, false],
    ['NotResource', { identity: [{ Effect: 'Allow', Action: '*', NotResource: 'arn:aws:s3:::b/k' }] }, false],
    ['explicit deny wins over allow', { identity: [allow('*'), deny('s3:GetObject')] }, false],
    [
      'deny in the bucket policy wins',
      { identity: [allow('*')], resource: [deny('s3:*', '*', { Principal: '*' })] },
      false,
    ],
    ['bucket policy alone allows', { resource: [allow('s3:*', '*', { Principal: { AWS: USER.arn } })] }, true],
    [
      'bucket policy for another user',
      { resource: [allow('s3:*', '*', { Principal: { AWS: `${USER.arn}x` } })] },
      false,
    ],
    [
      'account principal delegates, does not grant',
      { resource: [allow('s3:*', '*', { Principal: { AWS: ACCOUNT } })] },
      false,
    ],
    [
      'NotPrincipal spares the named',
      { identity: [allow('*')], resource: [deny('*', '*', { NotPrincipal: { AWS: USER.arn } })] },
      true,
    ],
    [
      'NotPrincipal hits the others',
      { identity: [allow('*')], resource: [deny('*', '*', { NotPrincipal: { AWS: USER.arn } })], principal: ROLE },
      false,
    ],
    [
      'role is its sessions',
      {
        resource: [allow('s3:*', '*', { Principal: { AWS: (ROLE as { roleArn: string }).roleArn } })],
        principal: ROLE,
      },
      true,
    ],
    [
      'anonymous needs a star',
      { resource: [allow('s3:*', '*', { Principal: '*' })], principal: { kind: 'anonymous' } },
      true,
    ],
    [
      'anonymous is nobody else',
      { resource: [allow('s3:*', '*', { Principal: { AWS: ACCOUNT } })], principal: { kind: 'anonymous' } },
      false,
    ],
    ['boundary cuts', { identity: [allow('*')], boundary: [allow('s3:PutObject')] }, false],
    ['boundary alone grants nothing', { boundary: [allow('*')] }, false],
    ['session policy cuts', { identity: [allow('*')], session: [allow('s3:PutObject')] }, false],
    ['session policy lets through', { identity: [allow('*')], session: [allow('s3:Get*')] }, true],
    [
      'session policy cuts a grant to the role',
      {
        resource: [allow('*', '*', { Principal: { AWS: (ROLE as { roleArn: string }).roleArn } })],
        session: [allow('s3:Put*')],
        principal: ROLE,
      },
      false,
    ],
    [
      'a grant to the session itself is not cut',
      { resource: [allow('*', '*', { Principal: { AWS: ROLE.arn } })], session: [allow('s3:Put*')], principal: ROLE },
      true,
    ],
  ])('%s', (_title, c, allowed) => {
    expect(decide(c).allowed).toBe(allowed);
  });

  test('the reason says what is missing or what denies', () => {
    expect(decide({}).reason).toBe('because no identity-based policy allows the s3:GetObject action');
    expect(decide({ identity: [allow('*'), deny('*')] })).toMatchObject({
      explicit: true,
      reason: 'with an explicit deny in an identity-based policy',
    });
  });
});

describe('conditions', () => {
  const when = (Condition: object, context: Record<string, string | string[]>) =>
    decide({ identity: [allow('*', '*', { Condition })], context }).allowed;
  test.each<[object, Record<string, string | string[]>, boolean]>([
    [{ StringEquals: { 's3:prefix': ['a/', 'b/'] } }, { 's3:prefix': 'b/' }, true],
    [{ StringEquals: { 's3:prefix': 'a/' } }, {}, false],
    [{ StringEqualsIfExists: { 's3:prefix': 'a/' } }, {}, true],
    [{ StringEqualsIfExists: { 's3:prefix': 'a/' } }, { 's3:prefix': 'b' }, false],
    [{ StringNotEquals: { 's3:prefix': 'a/' } }, {}, true],
    [{ StringNotEquals: { 's3:prefix': ['a/', 'b/'] } }, { 's3:prefix': 'b/' }, false],
    [{ StringEqualsIgnoreCase: { 'aws:username': 'ANN' } }, { 'aws:username': 'ann' }, true],
    [{ StringLike: { 's3:prefix': 'hosts/*' } }, { 's3:prefix': 'hosts/a/b' }, true],
    [{ StringNotLike: { 's3:prefix': 'hosts/*' } }, { 's3:prefix': 'hosts/a' }, false],
    [{ StringLike: { 'S3:PREFIX': 'a' } }, { 's3:prefix': 'a' }, true],
    [{ Bool: { 'aws:SecureTransport': 'true' } }, { 'aws:SecureTransport': 'true' }, true],
    [{ Bool: { 'aws:SecureTransport': false } }, { 'aws:SecureTransport': 'true' }, false],
    [{ Null: { 's3:if-none-match': 'true' } }, {}, true],
    [{ Null: { 's3:if-none-match': 'true' } }, { 's3:if-none-match': '*' }, false],
    [{ Null: { 's3:if-none-match': 'false' } }, { 's3:if-none-match': '*' }, true],
    [{ NumericLessThan: { 's3:TlsVersion': '1.2' } }, { 's3:TlsVersion': '1.3' }, false],
    [{ NumericLessThanEquals: { 's3:max-keys': 10 } }, { 's3:max-keys': '10' }, true],
    [{ NumericGreaterThan: { 's3:max-keys': 10 } }, { 's3:max-keys': 'many' }, false],
    [
      { DateLessThan: { 'aws:CurrentTime': '2030-01-01T00:00:00Z' } },
      { 'aws:CurrentTime': '2026-11-22T00:00:00Z' },
      true,
    ],
    [
      { DateGreaterThan: { 'aws:CurrentTime': '2030-01-01T00:00:00Z' } },
      { 'aws:CurrentTime': '2026-11-22T00:00:00Z' },
      false,
    ],
    [{ IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } }, { 'aws:SourceIp': '127.0.0.1' }, true],
    [{ NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, { 'aws:SourceIp': '127.0.0.1' }, true],
    [{ IpAddress: { 'aws:SourceIp': '::1/128' } }, { 'aws:SourceIp': '127.0.0.1' }, false],
    [
      { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/host-*' } },
      { 'aws:PrincipalArn': 'arn:aws:iam::1:role/host-a' },
      true,
    ],
    [{ ArnLike: { 'aws:PrincipalArn': 'arn:*:role/host' } }, { 'aws:PrincipalArn': 'arn:aws:iam::1:role/host' }, false],
    [
      { ArnNotEquals: { 'aws:PrincipalArn': 'arn:aws:iam::1:role/a' } },
      { 'aws:PrincipalArn': 'arn:aws:iam::1:role/b' },
      true,
    ],
    [{ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a', 'b'] } }, { 'aws:TagKeys': ['a', 'b'] }, true],
    [{ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a', 'b'] } }, { 'aws:TagKeys': ['a', 'c'] }, false],
    [{ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a'] } }, {}, true],
    [{ 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['a'] } }, { 'aws:TagKeys': ['x', 'a'] }, true],
    [{ 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['a'] } }, {}, false],
    [{ 'ForAnyValue:StringNotEquals': { 'aws:TagKeys': ['a'] } }, { 'aws:TagKeys': ['a', 'b'] }, true],
    [{ 'ForAllValues:StringNotEquals': { 'aws:TagKeys': ['a'] } }, { 'aws:TagKeys': ['a', 'b'] }, false],
    [{ StringEquals: { 'aws:a': 'x' }, Bool: { 'aws:b': 'true' } }, { 'aws:a': 'x', 'aws:b': 'false' }, false],
  ])('%j with %j', (condition, context, met) => {
    expect(when(condition, context)).toBe(met);
  });
});

describe('policy variables', () => {
  const reads = (Resource: string, on: string, context: Record<string, string>) =>
    decide({ identity: [allow('*', Resource)], on, context }).allowed;

  test('stand for values of the request', () => {
    expect(reads('arn:aws:s3:::b/${aws:username}/*', 'arn:aws:s3:::b/ann/x', { 'aws:username': 'ann' })).toBe(true);
    expect(reads('arn:aws:s3:::b/${aws:username}/*', 'arn:aws:s3:::b/bob/x', { 'aws:username': 'ann' })).toBe(false);
    expect(
      reads('arn:aws:s3:::b/${aws:PrincipalTag/team}', 'arn:aws:s3:::b/ops', { 'aws:PrincipalTag/team': 'ops' }),
    ).toBe(true);
    expect(reads("arn:aws:s3:::b/${aws:PrincipalTag/team, 'none'}", 'arn:aws:s3:::b/none', {})).toBe(true);
  });

  test('without a value match nothing', () => {
    expect(reads('arn:aws:s3:::b/${aws:username}*', 'arn:aws:s3:::b/', {})).toBe(false);
  });

  test('never bring wildcards in', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, other) => {
        fc.pre(name !== other);
        return !reads('arn:aws:s3:::b/${aws:username}', `arn:aws:s3:::b/${other}`, { 'aws:username': name });
      }),
      {
        seed: 1,
        examples: [
          ['*', 'x'],
          ['?', 'x'],
          ['${*}', 'x'],
        ],
      },
    );
  });

  test('${*} is a star and nothing else', () => {
    expect(reads('arn:aws:s3:::b/${*}', 'arn:aws:s3:::b/*', {})).toBe(true);
    expect(reads('arn:aws:s3:::b/${*}', 'arn:aws:s3:::b/x', {})).toBe(false);
  });
});

describe('properties', () => {
  const action = fc.constantFrom('s3:GetObject', 's3:Get*', 's3:PutObject', 's3:*', '*');
  const resource = fc.constantFrom('*', 'arn:aws:s3:::b/*', 'arn:aws:s3:::b/k', 'arn:aws:s3:::c/*');
  const statement = fc.record({ Effect: fc.constantFrom('Allow', 'Deny'), Action: action, Resource: resource });

  test('adding a deny never allows more, adding an allow never allows less', () => {
    fc.assert(
      fc.property(fc.array(statement, { minLength: 1 }), statement, (list, extra) => {
        const [before, after] = [decide({ identity: list }).allowed, decide({ identity: [...list, extra] }).allowed];
        return extra.Effect === 'Deny' ? before || !after : !before || after;
      }),
      { seed: 2 },
    );
  });

  test('the order of statements does not matter', () => {
    fc.assert(
      fc.property(
        fc.array(statement, { minLength: 1 }),
        (list) => decide({ identity: list }).allowed === decide({ identity: list.toReversed() }).allowed,
      ),
      { seed: 3 },
    );
  });
});
