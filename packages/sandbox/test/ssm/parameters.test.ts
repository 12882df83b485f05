import { DescribeImagesCommand } from '@aws-sdk/client-ec2';
import { GetParameterCommand, GetParametersByPathCommand, GetParametersCommand } from '@aws-sdk/client-ssm';
import { describe, expect, test } from 'vitest';
import { ec2Client, ssmClient } from '../ec2/cloud.ts';
import { refusal, sandbox } from '../harness.ts';

const box = await sandbox();
const ssm = ssmClient(box);
const AL2023 = '/aws/service/ami-amazon-linux-latest';

describe('public parameters', () => {
  test.each([
    [`${AL2023}/al2023-ami-kernel-default-x86_64`, 'x86_64'],
    [`${AL2023}/al2023-ami-kernel-default-arm64`, 'arm64'],
    ['/aws/service/debian/release/12/latest/amd64', 'x86_64'],
    ['/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id', 'arm64'],
  ])('%s is the id of an image for %s', async (Name, architecture) => {
    const { Parameter } = await ssm.send(new GetParameterCommand({ Name }));
    const found = await ec2Client(box).send(new DescribeImagesCommand({ ImageIds: [Parameter?.Value ?? ''] }));
    expect(found.Images?.[0]?.Architecture).toBe(architecture);
  });

  test('that do not exist are refused, or listed as invalid', async () => {
    expect((await refusal(ssm.send(new GetParameterCommand({ Name: '/nothing' })))).code).toBe('ParameterNotFound');
    const some = await ssm.send(
      new GetParametersCommand({ Names: ['/nothing', `${AL2023}/al2023-ami-kernel-default-arm64`] }),
    );
    expect([some.Parameters?.length, some.InvalidParameters]).toEqual([1, ['/nothing']]);
  });

  test('are listed below a path', async () => {
    const { Parameters } = await ssm.send(new GetParametersByPathCommand({ Path: AL2023 }));
    expect(Parameters?.length).toBe(4);
  });
});
