/**
 * Systems Manager (JSON protocol): public parameters, Run Command, and which instances have an agent that reports in.
 * A new operation is one row of a table.
 */
import { consistencyOf } from '../ec2/consistency.ts';
import type { SandboxRequest, Service, ServiceContext } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import { profilesOf } from '../iam/profiles.ts';
import { Agents } from './agents.ts';
import type { Input, Operation } from './call.ts';
import { CommandStore } from './command-store.ts';
import { COMMAND_OPERATIONS } from './commands.ts';
import { INFORMATION_OPERATIONS } from './instance-information.ts';
import { PARAMETER_OPERATIONS } from './parameters.ts';

/** Every operation that is answered; CONFORMANCE.md lists the same. */
export const SSM_OPERATIONS: Readonly<Record<string, Operation>> = {
  ...PARAMETER_OPERATIONS,
  ...COMMAND_OPERATIONS,
  ...INFORMATION_OPERATIONS,
};

const JSON_TYPE = { 'Content-Type': 'application/x-amz-json-1.1' };

export function ssmService(context: ServiceContext): Service {
  const agents = new Agents(context, profilesOf(context), consistencyOf(context.identities));
  const commands = new CommandStore();
  const actionOf = (request: SandboxRequest): string =>
    (request.headers['x-amz-target'] ?? '').replace(/^AmazonSSM\./, '') || 'MissingAction';
  return {
    name: 'ssm',
    operation: actionOf,
    handle: async (request) => {
      const action = actionOf(request);
      const operation = Object.hasOwn(SSM_OPERATIONS, action) ? SSM_OPERATIONS[action] : undefined;
      if (operation === undefined)
        throw new ServiceError(400, 'UnknownOperationException', `The sandbox has no operation ${action}`);
      const result = operation({ context, request, action, input: await readInput(request), agents, commands });
      return { status: 200, headers: JSON_TYPE, body: JSON.stringify(result) };
    },
    failure: (error) => ({
      status: error.status,
      headers: { ...JSON_TYPE, 'x-amzn-errortype': error.code },
      body: JSON.stringify({ __type: error.code, message: error.message }),
    }),
    inventory: async () => [],
    stop: async () => commands.stop(),
  };
}

async function readInput(request: SandboxRequest): Promise<Input> {
  const body = Buffer.from(await request.body.bytes()).toString('utf8');
  try {
    const value: unknown = JSON.parse(body === '' ? '{}' : body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Input;
  } catch {
    // refused below
  }
  throw new ServiceError(400, 'SerializationException', 'The body is not a JSON object');
}
