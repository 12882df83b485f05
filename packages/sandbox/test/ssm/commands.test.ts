import { StopInstancesCommand } from '@aws-sdk/client-ec2';
import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
} from '@aws-sdk/client-iam';
import {
  CancelCommandCommand,
  DescribeInstanceInformationCommand,
  GetCommandInvocationCommand,
  type GetCommandInvocationCommandOutput,
  ListCommandInvocationsCommand,
  ListCommandsCommand,
  SendCommandCommand,
  type SendCommandCommandInput,
  StartSessionCommand,
} from '@aws-sdk/client-ssm';
import { beforeAll, describe, expect, test } from 'vitest';
import { EC2_TRUST, ec2Client, iamClient, launch, ssmClient, until } from '../ec2/cloud.ts';
import { refusal, sandboxWith } from '../harness.ts';

const allow = (Action: string, Resource: string) => [{ Effect: 'Allow', Action, Resource }];
const { box, made: limited } = await sandboxWith(({ user }) =>
  user('limited', [...allow('ssm:SendCommand', 'arn:aws:ssm:*:*:document/*'), ...allow('ssm:Get*', '*')]),
);
const ec2 = ec2Client(box);
const iam = iamClient(box);
const ssm = ssmClient(box);
const CORE = 'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore';

let managed = '';
let bare = '';

beforeAll(async () => {
  await iam.send(new CreateRoleCommand({ RoleName: 'managed', AssumeRolePolicyDocument: EC2_TRUST }));
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: 'managed' }));
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: 'managed', RoleName: 'managed' }));
  const [one, other] = await Promise.all([launch(ec2, { IamInstanceProfile: { Name: 'managed' } }), launch(ec2)]);
  managed = one.InstanceId ?? '';
  bare = other.InstanceId ?? '';
});

function input(commands: string[], more: Partial<SendCommandCommandInput> = {}): SendCommandCommandInput {
  return { DocumentName: 'AWS-RunShellScript', InstanceIds: [managed], Parameters: { commands }, ...more };
}

async function send(commands: string[], more: Partial<SendCommandCommandInput> = {}): Promise<string> {
  return (await ssm.send(new SendCommandCommand(input(commands, more)))).Command?.CommandId ?? '';
}

/** Asks until the invocation has a status that is among those wanted. */
async function outcome(
  CommandId: string,
  wanted: readonly string[] = ['Success', 'Failed', 'TimedOut', 'Cancelled'],
): Promise<GetCommandInvocationCommandOutput> {
  for (const deadline = Date.now() + 15_000; ; ) {
    const found = await ssm
      .send(new GetCommandInvocationCommand({ CommandId, InstanceId: managed }))
      .catch((error: Error) => {
        if (error.name !== 'InvocationDoesNotExist') throw error;
        return null;
      });
    if (found !== null && wanted.includes(found.Status ?? '')) return found;
    if (Date.now() > deadline) throw new Error(`expected ${wanted}, found ${found?.Status}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function known(): Promise<unknown> {
  const { InstanceInformationList } = await ssm.send(new DescribeInstanceInformationCommand({}));
  return InstanceInformationList?.map((one) => [one.InstanceId, one.PingStatus, one.PlatformName]);
}

describe('the agent of an instance', () => {
  test('reports in when the role allows it, late if consistency says so, and takes no commands before', async () => {
    expect(await known()).toEqual([]);
    expect((await refusal(send(['true']))).code).toBe('InvalidInstanceId');
    box.consistency.delay('agent', { calls: 1 });
    await iam.send(new AttachRolePolicyCommand({ RoleName: 'managed', PolicyArn: CORE }));
    expect(await known()).toEqual([]);
    expect(await known()).toEqual([[managed, 'Online', 'Amazon Linux']]);
    expect((await refusal(send(['true'], { InstanceIds: [bare] }))).message).toContain(bare);
  });
});

describe('a command', () => {
  test('cannot be asked for right after it was sent, then really runs as root and tells its end', async () => {
    const CommandId = await send([], {
      Parameters: {
        commands: ['id -u', 'pwd', 'cat', 'echo bad >&2', 'exit 7'],
        workingDirectory: ['/etc'],
      },
    });
    const early = ssm.send(new GetCommandInvocationCommand({ CommandId, InstanceId: managed }));
    expect((await refusal(early)).code).toBe('InvocationDoesNotExist');
    const ended = await outcome(CommandId);
    expect(ended).toMatchObject({ Status: 'Failed', StatusDetails: 'Failed', ResponseCode: 7 });
    expect(ended.StandardErrorContent).toBe('bad\nfailed to run commands: exit status 7');
    expect(ended.StandardOutputContent?.split('\n')[1]).toBe('/etc');
    expect(ended.StandardOutputContent?.split('\n')[0]).toBe('0');
  });

  test('has its output cut at 24,000 characters, and its errors at 8,000', async () => {
    const noise = "head -c 30000 /dev/zero | tr '\\0' x";
    const ended = await outcome(await send([`${noise}; ${noise} >&2`]));
    expect([ended.StandardOutputContent?.length, ended.StandardErrorContent?.length]).toEqual([24_000, 8_000]);
    expect(ended.StandardOutputContent).toMatch(/x--output truncated--$/);
  });

  test('that runs longer than executionTimeout is killed', async () => {
    const ended = await outcome(await send([], { Parameters: { commands: ['sleep 600'], executionTimeout: ['1'] } }));
    expect(ended).toMatchObject({ Status: 'TimedOut', StatusDetails: 'ExecutionTimedOut', ResponseCode: 137 });
  });

  test('is cancelled while it runs, with what it started', async () => {
    const CommandId = await send(['sleep 601 | cat']);
    await outcome(CommandId, ['InProgress']);
    await ssm.send(new CancelCommandCommand({ CommandId }));
    expect((await outcome(CommandId)).Status).toBe('Cancelled');
    const left = await outcome(
      await send(['cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -c "sleep 60[1]" || :']),
    );
    expect(left.StandardOutputContent).toBe('0\n');
  });

  test('is listed with its invocations', async () => {
    const CommandId = await send(['echo listed'], { Comment: 'a note' });
    await outcome(CommandId);
    const { Commands } = await ssm.send(new ListCommandsCommand({ CommandId }));
    expect(Commands?.[0]).toMatchObject({ Comment: 'a note', Status: 'Success', CompletedCount: 1, ErrorCount: 0 });
    const list = await ssm.send(new ListCommandInvocationsCommand({ CommandId, Details: true }));
    expect(list.CommandInvocations?.[0]?.CommandPlugins?.[0]?.Output).toBe('listed\n');
  });

  test.each([
    [{ DocumentName: 'AWS-RunPowerShellScript' }, 'InvalidDocument'],
    [{ TimeoutSeconds: 5 }, 'ValidationException'],
    [{ Parameters: { commands: ['true'], executionTimeout: ['0'] } }, 'InvalidParameters'],
    [{ Parameters: { commands: ['true'], user: ['me'] } }, 'InvalidParameters'],
    [{ Parameters: {} }, 'InvalidParameters'],
    [{ OutputS3BucketName: 'somewhere' }, 'UnsupportedOperation'],
  ])('with %o is refused with %s', async (more, code) => {
    expect((await refusal(send(['true'], more))).code).toBe(code);
  });

  test('needs leave for the document and for the instance', async () => {
    const refused = await refusal(ssmClient(box, limited).send(new SendCommandCommand(input(['true']))));
    expect(refused).toMatchObject({ code: 'AccessDeniedException', message: expect.stringContaining(managed) });
  });
});

test('sessions are refused, and say what to use', async () => {
  const refused = await refusal(ssm.send(new StartSessionCommand({ Target: managed })));
  expect(refused).toMatchObject({ code: 'UnsupportedOperation', message: expect.stringContaining('SendCommand') });
});

test('an agent goes with its instance', async () => {
  await ec2.send(new StopInstancesCommand({ InstanceIds: [managed] }));
  await until(ec2, managed, 'stopped');
  expect(await known()).toEqual([[managed, 'ConnectionLost', 'Amazon Linux']]);
});
