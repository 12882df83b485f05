/** Questions about the access itself, for those who look for what is wrong: whose credentials, which clock, which rights. Reads only. */
import { isHostarkError } from '@hostark/protocol';
import { awsCode } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { type AskOptions, callOptions } from './run.ts';

export interface CredentialFacts {
  /** Where they come from, in words of the AWS CLI; null when the SDK does not say. */
  readonly source: string | null;
  /** ISO 8601; null for credentials that do not expire. */
  readonly expires: string | null;
}

/** The SDK marks credentials with where they were found; the last mark that says most counts first. */
const SOURCES: readonly (readonly [mark: string, words: string])[] = [
  ['CREDENTIALS_PROFILE_SSO', 'a profile with sso-session'],
  ['CREDENTIALS_PROFILE_SSO_LEGACY', 'a profile with SSO'],
  ['CREDENTIALS_PROFILE_PROCESS', 'credential_process of a profile'],
  ['CREDENTIALS_PROFILE_STS_WEB_ID_TOKEN', 'web identity of a profile'],
  ['CREDENTIALS_PROFILE_SOURCE_PROFILE', 'role_arn of a profile, with source_profile'],
  ['CREDENTIALS_PROFILE_NAMED_PROVIDER', 'role_arn of a profile, with credential_source'],
  ['CREDENTIALS_PROFILE_LOGIN', 'aws login of a profile'],
  ['CREDENTIALS_PROFILE', 'keys of a profile'],
  ['CREDENTIALS_ENV_VARS_STS_WEB_ID_TOKEN', 'web identity of the environment'],
  ['CREDENTIALS_ENV_VARS', 'the environment'],
  ['CREDENTIALS_HTTP', 'the container'],
  ['CREDENTIALS_IMDS', 'the metadata of this instance'],
  ['CREDENTIALS_PROCESS', 'a credential process'],
  ['CREDENTIALS_CODE', 'the caller'],
];

/** Asks the provider chain. Throws 'cloud-auth' when it has nothing. */
export async function credentialFacts(clients: AwsClients): Promise<CredentialFacts> {
  const found = (await (await clients.s3()).config.credentials()) as {
    readonly expiration?: Date;
    readonly $source?: Readonly<Record<string, unknown>>;
  };
  const marks = found.$source ?? {};
  return {
    source: SOURCES.find(([mark]) => marks[mark] !== undefined)?.[1] ?? null,
    expires: found.expiration?.toISOString() ?? null,
  };
}

/** Asks the service what time it is, without credentials. Milliseconds by which this machine's clock is ahead; null if not told. */
export async function clockSkewMs(clients: AwsClients, options: AskOptions = {}): Promise<number | null> {
  const suffix = clients.partition === 'aws-cn' ? '.cn' : '';
  const url = clients.endpoint ?? `https://sts.${clients.region}.amazonaws.com${suffix}`;
  const before = Date.now();
  const timeout = AbortSignal.timeout(10_000);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  const answer = await fetch(url, { method: 'HEAD', redirect: 'manual', signal });
  return skewOf(answer.headers.get('date'), before, Date.now());
}

/** The header has whole seconds, and is written somewhere between the two readings of our clock. Pure. */
export function skewOf(header: string | null, before: number, after: number): number | null {
  const service = Date.parse(header ?? '');
  return Number.isNaN(service) ? null : Math.round((before + after) / 2) - (service + 500);
}

export interface PermissionReport {
  /** How it was found out: IAM evaluated the caller's policies, or harmless calls were tried. */
  readonly how: 'simulated' | 'probed';
  readonly denied: readonly string[];
  readonly asked: number;
}

/** What the commands of an operator call, by what for. */
const OPERATOR_ACTIONS: readonly string[] = [
  's3:CreateBucket',
  's3:ListBucket',
  's3:GetObject',
  's3:PutObject',
  's3:GetBucketPolicy',
  's3:PutBucketPolicy',
  's3:PutBucketVersioning',
  's3:PutBucketPublicAccessBlock',
  's3:PutEncryptionConfiguration',
  's3:PutLifecycleConfiguration',
  's3:PutBucketTagging',
  'ec2:DescribeInstances',
  'ec2:RunInstances',
  'ec2:TerminateInstances',
  'ec2:CreateTags',
  'ec2:CreateKeyPair',
  'ec2:ImportKeyPair',
  'ec2:CreateSecurityGroup',
  'ec2:AuthorizeSecurityGroupIngress',
  'ec2:DeleteSecurityGroup',
  'iam:CreateRole',
  'iam:PutRolePolicy',
  'iam:PassRole',
  'iam:DeleteRole',
  'iam:CreateInstanceProfile',
  'iam:AddRoleToInstanceProfile',
  'ssm:GetParameter',
];

/** Which of the operator's actions the caller is denied. IAM is asked; where it may not be, harmless calls are tried. */
export async function checkPermissions(clients: AwsClients, options: AskOptions = {}): Promise<PermissionReport> {
  const { account, arn } = await clients.caller();
  if (arn === `arn:${clients.partition}:iam::${account}:root`) {
    return { how: 'simulated', denied: [], asked: OPERATOR_ACTIONS.length }; // IAM simulates users and roles alone
  }
  try {
    const { paginateSimulatePrincipalPolicy } = await import('@aws-sdk/client-iam');
    const client = await clients.iam();
    const input = { PolicySourceArn: await policySource(clients, arn), ActionNames: [...OPERATOR_ACTIONS] };
    const denied: string[] = [];
    for await (const page of paginateSimulatePrincipalPolicy({ client }, input, callOptions(options))) {
      for (const { EvalActionName, EvalDecision } of page.EvaluationResults ?? [])
        if (EvalDecision !== 'allowed') denied.push(EvalActionName ?? '?');
    }
    return { how: 'simulated', denied, asked: OPERATOR_ACTIONS.length };
  } catch (error) {
    if (!isHostarkError(error, 'cloud-denied') && !isHostarkError(error, 'cloud-refused')) throw error;
    return await probe(clients, options);
  }
}

/** A session is simulated as its role, whose path the session's ARN leaves out. */
async function policySource(clients: AwsClients, arn: string): Promise<string> {
  const role = /:assumed-role\/([^/]+)\//.exec(arn)?.[1];
  if (role === undefined) return arn;
  const { GetRoleCommand } = await import('@aws-sdk/client-iam');
  return (await (await clients.iam()).send(new GetRoleCommand({ RoleName: role }))).Role?.Arn ?? arn;
}

/** Lists and dry runs: nothing is changed whatever they answer. */
async function probe(clients: AwsClients, options: AskOptions): Promise<PermissionReport> {
  const [s3, ec2, iam, ssm] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@aws-sdk/client-ec2'),
    import('@aws-sdk/client-iam'),
    import('@aws-sdk/client-ssm'),
  ]);
  const call = callOptions(options);
  const ec2Client = await clients.ec2();
  const group = { GroupName: 'hostark-doctor', Description: 'never made', DryRun: true };
  const Name = '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64';
  const probes: Readonly<Record<string, () => Promise<unknown>>> = {
    's3:ListAllMyBuckets': async () => (await clients.s3()).send(new s3.ListBucketsCommand({}), call),
    'ec2:DescribeInstances': () => ec2Client.send(new ec2.DescribeInstancesCommand({ DryRun: true }), call),
    'ec2:CreateSecurityGroup': () => ec2Client.send(new ec2.CreateSecurityGroupCommand(group), call),
    'iam:ListRoles': async () => (await clients.iam()).send(new iam.ListRolesCommand({ MaxItems: 1 }), call),
    'ssm:GetParameter': async () => (await clients.ssm()).send(new ssm.GetParameterCommand({ Name }), call),
  };
  const denied: string[] = [];
  for (const [action, ask] of Object.entries(probes)) {
    try {
      await ask();
    } catch (error) {
      if (isHostarkError(error, 'cloud-denied')) denied.push(action);
      // A dry run that would have worked answers with an error of its own; other refusals are no denial.
      else if (!isHostarkError(error, 'cloud-refused') && awsCode(error) !== 'DryRunOperation') throw error;
    }
  }
  return { how: 'probed', denied, asked: Object.keys(probes).length };
}
