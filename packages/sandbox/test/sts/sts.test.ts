import { CreateBucketCommand, ListBucketsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  AssumeRoleCommand,
  GetAccessKeyInfoCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
} from '@aws-sdk/client-sts';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Keys, policyText, refusal, s3Client, sandboxWith, stsClient } from '../harness.ts';

let clock = Date.now();
const trusts = (AWS: string) =>
  policyText({ Effect: 'Allow', Action: ['sts:AssumeRole', 'sts:TagSession'], Principal: { AWS } });
const { box, made } = await sandboxWith(
  (principals, account) => {
    const mayAssume = [{ Effect: 'Allow', Action: 'sts:*', Resource: '*' }];
    const trusted = principals.user('trusted', mayAssume);
    const loose = principals.user('loose', []);
    const ann = `arn:aws:iam::${account}:user/trusted`;
    const s3 = [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }];
    principals.role('by-name', trusts(ann), s3);
    principals.role('by-account', trusts(account), s3);
    principals.role(
      'nobody',
      policyText({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'ec2.amazonaws.com' } }),
      s3,
    );
    principals.role(
      'external',
      policyText({
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { AWS: account },
        Condition: { StringEquals: { 'sts:ExternalId': 'key' } },
      }),
      [],
    );
    return { trusted, loose };
  },
  { now: () => clock },
);

const arn = (name: string): string => `arn:aws:iam::${box.accountId}:role/${name}`;

async function assume(keys: Keys, role: string, more: object = {}): Promise<Keys> {
  const answer = await stsClient(box, keys).send(
    new AssumeRoleCommand({ RoleArn: arn(role), RoleSessionName: 'test', ...more }),
  );
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = answer.Credentials ?? {};
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

beforeAll(async () => {
  await s3Client(box).send(new CreateBucketCommand({ Bucket: 'sts' }));
});

describe('GetCallerIdentity', () => {
  test('tells user, session and account', async () => {
    const who = (keys?: Keys) => stsClient(box, keys).send(new GetCallerIdentityCommand({}));
    expect(await who(made.loose)).toMatchObject({
      Account: box.accountId,
      Arn: `arn:aws:iam::${box.accountId}:user/loose`,
    });
    const session = await assume(made.trusted, 'by-name');
    expect(await who(session)).toMatchObject({
      Arn: `arn:aws:sts::${box.accountId}:assumed-role/by-name/test`,
      UserId: expect.stringMatching(/^AROA.*:test$/),
    });
  });

  test('with a wrong secret is SignatureDoesNotMatch, with an unknown key InvalidClientTokenId', async () => {
    const who = (keys: Keys) => refusal(stsClient(box, keys).send(new GetCallerIdentityCommand({})));
    expect(await who({ ...made.loose, secretAccessKey: 'x' })).toMatchObject({
      code: 'SignatureDoesNotMatch',
      status: 403,
    });
    expect(await who({ ...made.loose, accessKeyId: 'AKIA0000000000000000' })).toMatchObject({
      code: 'InvalidClientTokenId',
      status: 403,
    });
  });
});

describe('AssumeRole', () => {
  test('needs the trust of the role', async () => {
    await assume(made.trusted, 'by-name');
    const refused = { code: 'AccessDenied', status: 403 };
    expect(await refusal(assume(made.loose, 'by-name'))).toMatchObject(refused);
    expect(await refusal(assume(made.trusted, 'nobody'))).toMatchObject(refused);
    expect(await refusal(assume(made.trusted, 'not-there'))).toMatchObject(refused);
  });

  test('a trust in the account leaves it to the caller’s own policies', async () => {
    await assume(made.trusted, 'by-account');
    expect(await refusal(assume(made.loose, 'by-account'))).toMatchObject({
      message: expect.stringContaining('sts:AssumeRole'),
    });
  });

  test('conditions of the trust policy are evaluated', async () => {
    expect(await refusal(assume(made.trusted, 'external'))).toMatchObject({ code: 'AccessDenied' });
    await assume(made.trusted, 'external', { ExternalId: 'key' });
  });

  test('a session policy cuts what the session may do', async () => {
    const put = (keys: Keys) => s3Client(box, keys).send(new PutObjectCommand({ Bucket: 'sts', Key: 'k', Body: 'x' }));
    await put(await assume(made.trusted, 'by-name'));
    const Policy = policyText({ Effect: 'Allow', Action: 's3:List*', Resource: '*' });
    const cut = await assume(made.trusted, 'by-name', { Policy });
    await s3Client(box, cut).send(new ListBucketsCommand({}));
    expect(await refusal(put(cut))).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringContaining('no session policy allows'),
    });
    const broken = assume(made.trusted, 'by-name', { Policy: '{}' });
    expect(await refusal(broken)).toMatchObject({ code: 'MalformedPolicyDocumentException' });
  });

  test('checks duration and session name', async () => {
    const ask = (more: object) => refusal(assume(made.trusted, 'by-name', more));
    expect(await ask({ DurationSeconds: 60 })).toMatchObject({ code: 'ValidationError' });
    expect(await ask({ DurationSeconds: 7200 })).toMatchObject({
      message: expect.stringContaining('MaxSessionDuration'),
    });
    expect(await ask({ RoleSessionName: 'a b' })).toMatchObject({ code: 'ValidationError' });
  });

  test('a session ends', async () => {
    const session = await assume(made.trusted, 'by-name', { DurationSeconds: 900 });
    const list = (keys: Keys) =>
      s3Client(box, keys, { systemClockOffset: clock - Date.now() }).send(new ListBucketsCommand({}));
    await list(session);
    clock += 901_000;
    expect(await refusal(list(session))).toMatchObject({ code: 'ExpiredToken', status: 400 });
    clock -= 901_000;
  });

  test('needs its token', async () => {
    const session = await assume(made.trusted, 'by-name');
    const list = (keys: Keys) => refusal(s3Client(box, keys).send(new ListBucketsCommand({})));
    const { sessionToken: _gone, ...bare } = session;
    expect(await list(bare)).toMatchObject({ code: 'InvalidAccessKeyId' });
    expect(await list({ ...session, sessionToken: 'other' })).toMatchObject({ code: 'InvalidToken' });
  });
});

test('GetSessionToken gives the user a session, and a session none', async () => {
  const answer = await stsClient(box, made.trusted).send(new GetSessionTokenCommand({ DurationSeconds: 900 }));
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = answer.Credentials ?? {};
  const session = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  const who = await stsClient(box, session).send(new GetCallerIdentityCommand({}));
  expect(who.Arn).toBe(`arn:aws:iam::${box.accountId}:user/trusted`);
  expect(await refusal(stsClient(box, session).send(new GetSessionTokenCommand({})))).toMatchObject({
    code: 'AccessDenied',
  });
});

test('an operation that is not served is InvalidAction and says its name', async () => {
  const call = stsClient(box).send(new GetAccessKeyInfoCommand({ AccessKeyId: 'AKIA0000000000000000' }));
  expect(await refusal(call)).toMatchObject({
    code: 'InvalidAction',
    message: expect.stringContaining('GetAccessKeyInfo'),
  });
});
