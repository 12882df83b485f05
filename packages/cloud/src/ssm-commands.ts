/** Run Command of Systems Manager: scripts that run as root on instances whose SSM agent reports in. */
import type { SsmCalls, SsmStatus } from '@hostark/protocol';
import { awsCode, unless } from './aws-error.ts';
import type { AwsClients } from './clients.ts';
import { eventually } from './wait.ts';

/** Throttled calls are repeated for so long, beyond the SDK's own attempts: a session of hours must outlive a bad minute. */
const WEATHER_MS = 60_000;

export function runCommands(clients: AwsClients): SsmCalls {
  const abort = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { abortSignal: signal });
  return {
    async online(instanceId, signal) {
      const { DescribeInstanceInformationCommand } = await import('@aws-sdk/client-ssm');
      const ssm = await clients.ssm();
      const Filters = [{ Key: 'InstanceIds', Values: [instanceId] }];
      const answer = await ssm.send(new DescribeInstanceInformationCommand({ Filters }), abort(signal));
      return answer.InstanceInformationList?.some((one) => one.PingStatus === 'Online') === true;
    },
    async send(instanceId, { script, comment, deliverySeconds, runSeconds }, signal) {
      const { SendCommandCommand } = await import('@aws-sdk/client-ssm');
      const ssm = await clients.ssm();
      const input = {
        DocumentName: 'AWS-RunShellScript',
        InstanceIds: [instanceId],
        Comment: comment,
        TimeoutSeconds: deliverySeconds, // delivery; the run has its own below
        Parameters: { commands: script.split('\n'), executionTimeout: [String(runSeconds)] },
      };
      const answer = await unless(ssm.send(new SendCommandCommand(input), abort(signal)), 'InvalidInstanceId');
      return answer?.Command?.CommandId ?? null;
    },
    async invocation(instanceId, commandId, signal) {
      const { GetCommandInvocationCommand } = await import('@aws-sdk/client-ssm');
      const ssm = await clients.ssm();
      const input = { InstanceId: instanceId, CommandId: commandId };
      const ask = () =>
        unless(ssm.send(new GetCommandInvocationCommand(input), abort(signal)), 'InvocationDoesNotExist');
      const answer = await eventually(ask, (error) => awsCode(error).startsWith('Throttl'), {
        what: `command ${commandId}`,
        budgetMs: WEATHER_MS,
        signal,
      });
      if (answer === null) return null;
      return {
        status: (answer.Status ?? 'Pending') as SsmStatus,
        details: answer.StatusDetails ?? '',
        responseCode: answer.ResponseCode ?? -1,
        stdout: answer.StandardOutputContent ?? '',
        stderr: answer.StandardErrorContent ?? '',
      };
    },
    async cancel(instanceId, commandId) {
      const { CancelCommandCommand } = await import('@aws-sdk/client-ssm');
      const input = { CommandId: commandId, InstanceIds: [instanceId] };
      await (await clients.ssm()).send(new CancelCommandCommand(input));
    },
  };
}
