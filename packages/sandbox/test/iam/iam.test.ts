import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateAccessKeyCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteInstanceProfileCommand,
  DeletePolicyCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachRolePolicyCommand,
  GetInstanceProfileCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserCommand,
  ListAttachedRolePoliciesCommand,
  ListInstanceProfilesForRoleCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
  ListRoleTagsCommand,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  RemoveRoleFromInstanceProfileCommand,
  SimulatePrincipalPolicyCommand,
  TagRoleCommand,
  UntagRoleCommand,
  UpdateAccessKeyCommand,
  waitUntilInstanceProfileExists,
  waitUntilRoleExists,
} from '@aws-sdk/client-iam';
import { describe, expect, test } from 'vitest';
import { EC2_TRUST, iamClient } from '../ec2/cloud.ts';
import { policyText, refusal, sandbox } from '../harness.ts';

const box = await sandbox();
const iam = iamClient(box);
const document = policyText({ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/a/*' });
const trust = { AssumeRolePolicyDocument: EC2_TRUST };

describe('roles', () => {
  test('carry a trust policy, inline and managed policies and tags', async () => {
    const Tags = [{ Key: 'app', Value: 'hostark' }];
    const made = await iam.send(new CreateRoleCommand({ RoleName: 'full', ...trust, Tags, Description: 'd' }));
    expect(made.Role?.Arn).toBe(`arn:aws:iam::${box.accountId}:role/full`);
    await waitUntilRoleExists({ client: iam, maxWaitTime: 5 }, { RoleName: 'full' });
    await iam.send(new PutRolePolicyCommand({ RoleName: 'full', PolicyName: 'p', PolicyDocument: document }));
    await iam.send(
      new AttachRolePolicyCommand({
        RoleName: 'full',
        PolicyArn: 'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore',
      }),
    );
    await iam.send(new TagRoleCommand({ RoleName: 'full', Tags: [{ Key: 'more', Value: '1' }] }));
    const seen = (await iam.send(new GetRoleCommand({ RoleName: 'full' }))).Role;
    expect(decodeURIComponent(seen?.AssumeRolePolicyDocument ?? '')).toBe(EC2_TRUST);
    expect(seen?.Tags).toEqual([...Tags, { Key: 'more', Value: '1' }]);
    const inline = await iam.send(new GetRolePolicyCommand({ RoleName: 'full', PolicyName: 'p' }));
    expect(decodeURIComponent(inline.PolicyDocument ?? '')).toBe(document);
    expect((await iam.send(new ListRolePoliciesCommand({ RoleName: 'full' }))).PolicyNames).toEqual(['p']);
    const attached = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName: 'full' }));
    expect(attached.AttachedPolicies?.[0]?.PolicyName).toBe('AmazonSSMManagedInstanceCore');
    await iam.send(new UntagRoleCommand({ RoleName: 'full', TagKeys: ['app'] }));
    expect((await iam.send(new ListRoleTagsCommand({ RoleName: 'full' }))).Tags).toEqual([{ Key: 'more', Value: '1' }]);
    expect((await iam.send(new ListRolesCommand({}))).Roles?.map((role) => role.RoleName)).toContain('full');
  });

  test('are deleted only when nothing hangs on them', async () => {
    await iam.send(new CreateRoleCommand({ RoleName: 'held', ...trust }));
    await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: 'holder' }));
    await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: 'holder', RoleName: 'held' }));
    await iam.send(new PutRolePolicyCommand({ RoleName: 'held', PolicyName: 'p', PolicyDocument: document }));
    await iam.send(
      new AttachRolePolicyCommand({ RoleName: 'held', PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess' }),
    );
    const remove = () => iam.send(new DeleteRoleCommand({ RoleName: 'held' }));
    const release = [
      new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName: 'holder', RoleName: 'held' }),
      new DeleteRolePolicyCommand({ RoleName: 'held', PolicyName: 'p' }),
      new DetachRolePolicyCommand({ RoleName: 'held', PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess' }),
    ];
    const profile = iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName: 'holder' }));
    expect(await refusal(profile)).toMatchObject({ code: 'DeleteConflictException', status: 409 });
    for (const step of release) {
      expect(await refusal(remove())).toMatchObject({ code: 'DeleteConflictException', status: 409 });
      await (iam.send as (command: unknown) => Promise<unknown>).call(iam, step);
    }
    await remove();
    await iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName: 'holder' }));
  });

  test('that exist, are missing, or are badly written, are refused as AWS does', async () => {
    await iam.send(new CreateRoleCommand({ RoleName: 'twice', ...trust }));
    const again = iam.send(new CreateRoleCommand({ RoleName: 'twice', ...trust }));
    expect(await refusal(again)).toMatchObject({ code: 'EntityAlreadyExistsException', status: 409 });
    const missing = iam.send(new GetRoleCommand({ RoleName: 'none' }));
    expect(await refusal(missing)).toMatchObject({ code: 'NoSuchEntityException', status: 404 });
    const policy = iam.send(new GetRolePolicyCommand({ RoleName: 'twice', PolicyName: 'none' }));
    expect(await refusal(policy)).toMatchObject({ code: 'NoSuchEntityException', status: 404 });
    for (const PolicyDocument of ['{', '{"Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}']) {
      const bad = iam.send(new PutRolePolicyCommand({ RoleName: 'twice', PolicyName: 'p', PolicyDocument }));
      expect(await refusal(bad)).toMatchObject({ code: 'MalformedPolicyDocumentException', status: 400 });
    }
    const named = iam.send(new CreateRoleCommand({ RoleName: 'a b', ...trust }));
    expect((await refusal(named)).status).toBe(400);
  });
});

describe('instance profiles', () => {
  test('hold one role and list it', async () => {
    await iam.send(new CreateRoleCommand({ RoleName: 'in-profile', ...trust }));
    await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: 'profile' }));
    await waitUntilInstanceProfileExists({ client: iam, maxWaitTime: 5 }, { InstanceProfileName: 'profile' });
    const add = () =>
      iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: 'profile', RoleName: 'in-profile' }));
    await add();
    expect(await refusal(add())).toMatchObject({ code: 'LimitExceededException', status: 409 });
    const seen = await iam.send(new GetInstanceProfileCommand({ InstanceProfileName: 'profile' }));
    expect(seen.InstanceProfile?.Roles?.[0]?.RoleName).toBe('in-profile');
    const forRole = await iam.send(new ListInstanceProfilesForRoleCommand({ RoleName: 'in-profile' }));
    expect(forRole.InstanceProfiles?.map((one) => one.InstanceProfileName)).toEqual(['profile']);
  });
});

describe('users', () => {
  test('sign with their keys, within their policies, until the key is switched off', async () => {
    await iam.send(new CreateUserCommand({ UserName: 'ann' }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'ann' }));
    const keys = { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' };
    const ann = iamClient(box, keys);
    expect(await refusal(ann.send(new GetUserCommand({})))).toMatchObject({ code: 'AccessDenied', status: 403 });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
    const own = policyText({ Effect: 'Allow', Action: 'iam:GetUser', Resource: 'arn:aws:iam::*:user/${aws:username}' });
    await iam.send(new PutUserPolicyCommand({ UserName: 'ann', PolicyName: 'own', PolicyDocument: own }));
    expect((await ann.send(new GetUserCommand({}))).User?.UserName).toBe('ann');
    const other = ann.send(new GetUserCommand({ UserName: 'sandbox-admin' }));
    expect((await refusal(other)).code).toBe('AccessDenied');
    await iam.send(new UpdateAccessKeyCommand({ UserName: 'ann', AccessKeyId: keys.accessKeyId, Status: 'Inactive' }));
    expect((await refusal(ann.send(new GetUserCommand({})))).status).toBe(403);
    expect((await refusal(iam.send(new DeleteUserCommand({ UserName: 'ann' })))).code).toBe('DeleteConflictException');
    await iam.send(new DeleteAccessKeyCommand({ UserName: 'ann', AccessKeyId: keys.accessKeyId }));
    await iam.send(new DeleteUserPolicyCommand({ UserName: 'ann', PolicyName: 'own' }));
    await iam.send(new DeleteUserCommand({ UserName: 'ann' }));
    expect((await box.inventory()).some((entry) => entry.kind === 'iam:user')).toBe(false);
  });

  test('who calls without a name is the caller', async () => {
    expect((await iam.send(new GetUserCommand({}))).User?.UserName).toBe('sandbox-admin');
  });
});

describe('managed policies', () => {
  test('are made, held back while attached, and deleted', async () => {
    const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: 'mine', PolicyDocument: document }));
    const PolicyArn = Policy?.Arn ?? '';
    await iam.send(new CreateRoleCommand({ RoleName: 'with-managed', ...trust }));
    await iam.send(new AttachRolePolicyCommand({ RoleName: 'with-managed', PolicyArn }));
    expect((await refusal(iam.send(new DeletePolicyCommand({ PolicyArn })))).code).toBe('DeleteConflictException');
    await iam.send(new DetachRolePolicyCommand({ RoleName: 'with-managed', PolicyArn }));
    await iam.send(new DeletePolicyCommand({ PolicyArn }));
  });
});

describe('SimulatePrincipalPolicy', () => {
  test('answers allowed, implicitly and explicitly denied, by the same evaluation as requests', async () => {
    await iam.send(new CreateRoleCommand({ RoleName: 'simulated', ...trust }));
    const PolicyDocument = policyText(
      {
        Effect: 'Allow',
        Action: 's3:*',
        Resource: 'arn:aws:s3:::b/a/*',
        Condition: { StringEquals: { 's3:x-amz-acl': 'private' } },
      },
      { Effect: 'Deny', Action: 's3:DeleteObject', Resource: '*' },
    );
    await iam.send(new PutRolePolicyCommand({ RoleName: 'simulated', PolicyName: 'p', PolicyDocument }));
    const simulate = async (ContextKeyValues: string[]) => {
      const answer = await iam.send(
        new SimulatePrincipalPolicyCommand({
          PolicySourceArn: `arn:aws:iam::${box.accountId}:role/simulated`,
          ActionNames: ['s3:GetObject', 's3:DeleteObject', 'ec2:RunInstances'],
          ResourceArns: ['arn:aws:s3:::b/a/x'],
          ContextEntries: [{ ContextKeyName: 's3:x-amz-acl', ContextKeyType: 'string', ContextKeyValues }],
        }),
      );
      return answer.EvaluationResults?.map((one) => one.EvalDecision);
    };
    expect(await simulate(['private'])).toEqual(['allowed', 'explicitDeny', 'implicitDeny']);
    expect(await simulate(['public-read'])).toEqual(['implicitDeny', 'explicitDeny', 'implicitDeny']);
  });
});
