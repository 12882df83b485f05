/**
 * Run Command: SendCommand with the document AWS-RunShellScript, and what asks about commands. They really run, inside
 * the instance, as root. `TimeoutSeconds` bounds delivery, the parameter `executionTimeout` the run.
 */
import { randomUUID } from 'node:crypto';
import { ServiceError } from '../http/service-error.ts';
import type { Agent } from './agents.ts';
import {
  authorize,
  type Call,
  type Input,
  integer,
  invalid,
  type Operation,
  optionalText,
  page,
  structures,
  text,
  texts,
} from './call.ts';
import { type CommandRecord, hasEnded, type INVOCATION_STATUSES, type Invocation, statusOf } from './command-store.ts';
import { runInvocation } from './run-command.ts';

const DOCUMENT = 'AWS-RunShellScript';

/** An invocation shows some time after SendCommand has answered: until then, asking for it is an error. */
const SHOWS_AFTER_MS = 50;

const sendCommand: Operation = (call) => {
  const { input, request, context } = call;
  const documentName = text(input, 'DocumentName').replace(/^arn:aws:ssm:[^:]*:[^:]*:document\//, '');
  if (documentName !== DOCUMENT)
    throw new ServiceError(
      400,
      'InvalidDocument',
      `The sandbox has the document ${DOCUMENT} alone, not ${documentName}`,
    );
  for (const member of ['OutputS3BucketName', 'NotificationConfig', 'CloudWatchOutputConfig', 'AlarmConfiguration'])
    if (input[member] !== undefined)
      throw new ServiceError(400, 'UnsupportedOperation', `The sandbox does not support ${member} in SendCommand`);
  const parameters = parametersOf(input);
  const script = (parameters.commands ?? []).join('\n');
  if (script.trim() === '')
    throw new ServiceError(400, 'InvalidParameters', 'The parameter commands must have a value');
  const executionSeconds = seconds(parameters.executionTimeout?.[0] ?? '3600');
  const deliverySeconds = integer(input, 'TimeoutSeconds', 30, 2_592_000, 3600);
  authorize(call, `arn:aws:ssm:${request.region}::document/${DOCUMENT}`);
  const agents = targetsOf(call);
  for (const { instance } of agents) authorizeInstance(call, instance.id, instance.tags);
  const command: CommandRecord = {
    id: randomUUID(),
    region: request.region,
    comment: optionalText(input, 'Comment') ?? '',
    script,
    parameters,
    targets: structures(input, 'Targets'),
    instanceIds: texts(input, 'InstanceIds'),
    requestedAt: context.now(),
    deliverySeconds,
    executionSeconds,
    invocations: agents.map(({ instance }) => pending(instance.id, instance.hostname)),
  };
  call.commands.add(command);
  command.invocations.forEach((invocation) => {
    const find = () =>
      call.agents.list(request).find((one) => one.instance.id === invocation.instanceId && one.online)?.instance ??
      null;
    void runInvocation(command, invocation, { now: () => context.now(), find });
  });
  return { Command: commandShape(command) };
};

function pending(instanceId: string, hostname: string): Invocation {
  return {
    ...{ instanceId, hostname, status: 'Pending', details: 'Pending', responseCode: -1 },
    ...{ startedAt: null, endedAt: null, stdout: '', stderr: '', kill: null },
  };
}

function parametersOf(input: Input): Readonly<Record<string, readonly string[]>> {
  const given = (input.Parameters ?? {}) as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(given)) {
    if (!['commands', 'workingDirectory', 'executionTimeout'].includes(name))
      throw new ServiceError(400, 'InvalidParameters', `document ${DOCUMENT} does not support parameters: ${name}`);
    if (!Array.isArray(value) || value.some((one) => typeof one !== 'string'))
      throw new ServiceError(400, 'SerializationException', `The parameter ${name} is not a list of strings`);
  }
  return given as Readonly<Record<string, readonly string[]>>;
}

/** The document's own rule for `executionTimeout`: 1 second to 48 hours. */
function seconds(value: string): number {
  const number = Number(value);
  if (!/^\d{1,6}$/.test(value) || number < 1 || number > 172_800)
    throw new ServiceError(400, 'InvalidParameters', `executionTimeout: expected 1 to 172800 seconds, got ${value}`);
  return number;
}

function targetsOf(call: Call): readonly Agent[] {
  const { input, request, context } = call;
  const ids = texts(input, 'InstanceIds');
  const targets = structures(input, 'Targets');
  if (ids.length > 50) throw invalid("Value at 'instanceIds' failed to satisfy constraint: at most 50 members");
  if (ids.length > 0 === targets.length > 0) throw invalid('Give either instance ids or targets, and at least one');
  const online = call.agents.list(request).filter((agent) => agent.online);
  if (targets.length > 0) return online.filter((agent) => targets.every((target) => matches(agent, target)));
  const found = ids.map((id) => online.find((agent) => agent.instance.id === id));
  const missing = ids.filter((_, i) => found[i] === undefined);
  if (missing.length > 0)
    throw new ServiceError(
      400,
      'InvalidInstanceId',
      `Instances [[${missing.join(', ')}]] not in a valid state for account ${context.accountId}`,
    );
  return found.filter((agent) => agent !== undefined);
}

function matches({ instance }: Agent, target: Input): boolean {
  const key = text(target, 'Key');
  const values = texts(target, 'Values');
  if (key === 'InstanceIds') return values.includes(instance.id);
  if (key === 'tag-key') return values.some((name) => Object.hasOwn(instance.tags, name));
  const tag = /^tag:(.+)$/.exec(key)?.[1];
  if (tag === undefined)
    throw new ServiceError(400, 'InvalidTarget', `The sandbox does not know the target key ${key}`);
  return Object.hasOwn(instance.tags, tag) && values.includes(instance.tags[tag] as string);
}

function authorizeInstance(call: Call, id: string, tags: Readonly<Record<string, string>>): void {
  const context: Record<string, string> = {};
  for (const [key, value] of Object.entries(tags)) {
    context[`ssm:resourceTag/${key}`] = value;
    context[`aws:ResourceTag/${key}`] = value;
  }
  authorize(call, `arn:aws:ec2:${call.request.region}:${call.context.accountId}:instance/${id}`, context);
}

const getCommandInvocation: Operation = (call) => {
  authorize(call, '*');
  const command = commandOf(call, 'InvocationDoesNotExist');
  const instanceId = text(call.input, 'InstanceId');
  const plugin = optionalText(call.input, 'PluginName');
  if (plugin !== undefined && plugin !== 'aws:runShellScript')
    throw new ServiceError(400, 'InvalidPluginName', `The plugin name ${plugin} is not valid.`);
  const invocation = command.invocations.find((one) => one.instanceId === instanceId);
  if (invocation === undefined || !shown(call, command)) throw new ServiceError(400, 'InvocationDoesNotExist', '');
  const times = [invocation.startedAt, invocation.endedAt].map((ms) => (ms === null ? '' : new Date(ms).toISOString()));
  return {
    CommandId: command.id,
    InstanceId: instanceId,
    Comment: command.comment,
    DocumentName: DOCUMENT,
    DocumentVersion: '$DEFAULT',
    PluginName: 'aws:runShellScript',
    ResponseCode: invocation.responseCode,
    ExecutionStartDateTime: times[0],
    ExecutionElapsedTime: elapsed(invocation),
    ExecutionEndDateTime: times[1],
    Status: invocation.status,
    StatusDetails: invocation.details,
    StandardOutputContent: hasEnded(invocation) ? invocation.stdout : '',
    StandardOutputUrl: '',
    StandardErrorContent: hasEnded(invocation) ? invocation.stderr : '',
    StandardErrorUrl: '',
    CloudWatchOutputConfig: { CloudWatchLogGroupName: '', CloudWatchOutputEnabled: false },
  };
};

/** Whether an invocation of this command can be asked for already; counts a look. */
function shown(call: Call, command: CommandRecord): boolean {
  const now = call.context.now();
  if (now < command.requestedAt + SHOWS_AFTER_MS) return false;
  return call.agents.consistency.settled('command', command.id, command.requestedAt, now);
}

function elapsed({ startedAt, endedAt }: Invocation): string {
  return startedAt === null || endedAt === null ? '' : `PT${((endedAt - startedAt) / 1000).toFixed(3)}S`;
}

const cancelCommand: Operation = (call) => {
  authorize(call, '*');
  const command = commandOf(call, 'InvalidCommandId');
  const ids = texts(call.input, 'InstanceIds');
  for (const invocation of command.invocations) {
    if ((ids.length > 0 && !ids.includes(invocation.instanceId)) || hasEnded(invocation)) continue;
    invocation.status = 'Cancelling';
    invocation.details = 'Cancelling';
    invocation.kill?.();
  }
  return {};
};

const listCommands: Operation = (call) => {
  authorize(call, '*');
  const id = optionalText(call.input, 'CommandId');
  const instance = optionalText(call.input, 'InstanceId');
  const found = call.commands
    .of(call.request.region)
    .filter(
      (command) =>
        (id === undefined || command.id === id) &&
        (instance === undefined || command.invocations.some((one) => one.instanceId === instance)) &&
        passes(call, statusOf(command), command.requestedAt),
    );
  const { items, ...next } = page(call.input, found, 50);
  return { Commands: items.map(commandShape), ...next };
};

const listCommandInvocations: Operation = (call) => {
  authorize(call, '*');
  const id = optionalText(call.input, 'CommandId');
  const instance = optionalText(call.input, 'InstanceId');
  const found = call.commands
    .of(call.request.region)
    .filter((command) => (id === undefined || command.id === id) && shown(call, command))
    .flatMap((command) => command.invocations.map((invocation) => ({ command, invocation })))
    .filter(
      ({ command, invocation }) =>
        (instance === undefined || invocation.instanceId === instance) &&
        passes(call, invocation.status, command.requestedAt),
    );
  const { items, ...next } = page(call.input, found, 50);
  return {
    CommandInvocations: items.map(({ command, invocation }) =>
      invocationShape(command, invocation, call.input.Details === true),
    ),
    ...next,
  };
};

function passes(call: Call, status: string, requestedAt: number): boolean {
  return structures(call.input, 'Filters').every((filter) => {
    const key = text(filter, 'key');
    const value = text(filter, 'value');
    if (key === 'Status') return status === value;
    if (key === 'InvokedAfter') return requestedAt >= Date.parse(value);
    if (key === 'InvokedBefore') return requestedAt < Date.parse(value);
    if (key === 'DocumentName') return value === DOCUMENT;
    throw new ServiceError(400, 'InvalidFilterKey', `The specified key is not valid: ${key}`);
  });
}

/** Throws with the given code when there is no such command. */
function commandOf(call: Call, code: string): CommandRecord {
  const id = text(call.input, 'CommandId');
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
    throw invalid(`Value '${id}' at 'commandId' failed to satisfy constraint: Member must have length 36`);
  const command = call.commands.get(call.request.region, id);
  if (command === null) throw new ServiceError(400, code, '');
  return command;
}

function commandShape(command: CommandRecord): object {
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

function invocationShape(command: CommandRecord, invocation: Invocation, details: boolean): object {
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

/** A session is a WebSocket protocol of its own, spoken by AWS's plugin; there is nothing behind it here. */
const startSession: Operation = (call) => {
  authorize(call, '*');
  throw new ServiceError(
    400,
    'UnsupportedOperation',
    'The sandbox has no sessions: they need the session-manager-plugin. Use SendCommand, or SSH',
  );
};

export const COMMAND_OPERATIONS: Readonly<Record<string, Operation>> = {
  SendCommand: sendCommand,
  GetCommandInvocation: getCommandInvocation,
  CancelCommand: cancelCommand,
  ListCommands: listCommands,
  ListCommandInvocations: listCommandInvocations,
  StartSession: startSession,
};
