/**
 * Run Command: SendCommand with the document AWS-RunShellScript, and what asks about commands. They really run, inside
 * the instance, as root. `TimeoutSeconds` bounds delivery, the parameter `executionTimeout` the run.
 */
import { randomUUID } from 'node:crypto';
import { ServiceError } from '../http/service-error.ts';
import {
  authorize,
  type Call,
  integer,
  invalid,
  type Operation,
  optionalText,
  page,
  structures,
  text,
  texts,
} from './call.ts';
import { authorizeInstance, parametersOf, seconds, targetsOf } from './command-input.ts';
import { commandShape, DOCUMENT, invocationShape } from './command-shapes.ts';
import { type CommandRecord, hasEnded, type Invocation, statusOf } from './command-store.ts';
import { runInvocation } from './run-command.ts';

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
