/** Commands and invocations as ListCommands, SendCommand and ListCommandInvocations show them. */
import { type CommandRecord, hasEnded, type INVOCATION_STATUSES, type Invocation, statusOf } from './command-store.ts';

export const DOCUMENT = 'AWS-RunShellScript';

export function commandShape(command: CommandRecord): object {
  const status = statusOf(command);
  const count = (...wanted: readonly (typeof INVOCATION_STATUSES)[number][]): number =>
    command.invocations.filter((one) => wanted.includes(one.status)).length;
  return {
    CommandId: command.id,
    DocumentName: DOCUMENT,
    DocumentVersion: '$DEFAULT',
    Comment: command.comment,
    ExpiresAfter: (command.requestedAt + (command.deliverySeconds + command.executionSeconds) * 1000) / 1000,
    Parameters: command.parameters,
    InstanceIds: command.instanceIds,
    Targets: command.targets,
    RequestedDateTime: command.requestedAt / 1000,
    Status: status,
    StatusDetails: command.invocations.find((one) => one.status === status)?.details ?? status,
    OutputS3Region: command.region,
    OutputS3BucketName: '',
    OutputS3KeyPrefix: '',
    MaxConcurrency: '50',
    MaxErrors: '0',
    TargetCount: command.invocations.length,
    CompletedCount: command.invocations.filter(hasEnded).length,
    ErrorCount: count('Failed', 'TimedOut'),
    DeliveryTimedOutCount: command.invocations.filter((one) => one.details === 'DeliveryTimedOut').length,
    ServiceRole: '',
    TimeoutSeconds: command.deliverySeconds,
  };
}

export function invocationShape(command: CommandRecord, invocation: Invocation, details: boolean): object {
  return {
    CommandId: command.id,
    InstanceId: invocation.instanceId,
    InstanceName: invocation.hostname,
    Comment: command.comment,
    DocumentName: DOCUMENT,
    DocumentVersion: '$DEFAULT',
    RequestedDateTime: command.requestedAt / 1000,
    Status: invocation.status,
    StatusDetails: invocation.details,
    StandardOutputUrl: '',
    StandardErrorUrl: '',
    CommandPlugins: details ? [pluginShape(command, invocation)] : [],
    ServiceRole: '',
  };
}

function pluginShape(command: CommandRecord, invocation: Invocation): object {
  const { startedAt, endedAt } = invocation;
  return {
    Name: 'aws:runShellScript',
    Status: invocation.status,
    StatusDetails: invocation.details,
    ResponseCode: invocation.responseCode,
    ...(startedAt === null ? {} : { ResponseStartDateTime: startedAt / 1000 }),
    ...(endedAt === null ? {} : { ResponseFinishDateTime: endedAt / 1000 }),
    // CommandPlugin.Output: the first 2,500 characters
    Output: hasEnded(invocation) ? invocation.stdout.slice(0, 2_500) : '',
    StandardOutputUrl: '',
    StandardErrorUrl: '',
    OutputS3Region: command.region,
  };
}
