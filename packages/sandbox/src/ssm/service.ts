/**
 * Systems Manager (JSON protocol), as far as public parameters go: the AMI ids that AWS, Canonical and Debian publish.
 * Commands to instances are not here yet; a new operation is one row of the table.
 */
import { IMAGES } from '../ec2/catalog.ts';
import type { SandboxRequest, Service, ServiceContext } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import { denial } from '../policy/authorizer.ts';

type Input = Readonly<Record<string, unknown>>;

interface Call {
  readonly context: ServiceContext;
  readonly request: SandboxRequest;
  readonly action: string;
  readonly input: Input;
}

interface Parameter {
  readonly Name: string;
  readonly Type: 'String';
  readonly Value: string;
  readonly Version: number;
  readonly LastModifiedDate: number;
  readonly ARN: string;
  readonly DataType: string;
}

/** Public parameters by name. */
const VALUES: ReadonlyMap<string, { value: string; modifiedAt: number }> = new Map(
  IMAGES.flatMap((image) =>
    image.ssmParameters.map(
      (name) => [name, { value: image.id, modifiedAt: Date.parse(image.createdAt) / 1000 }] as const,
    ),
  ),
);

function authorize(call: Call, name: string): void {
  const question = { action: `ssm:${call.action}`, resource: arnOf(call, name) };
  const decision = call.context.decide(call.request, question);
  if (!decision.allowed) throw new ServiceError(400, 'AccessDeniedException', denial(call.request, question, decision));
}

/** Public parameters belong to no account. */
function arnOf(call: Call, name: string): string {
  return `arn:aws:ssm:${call.request.region}::parameter${name.startsWith('/') ? '' : '/'}${name}`;
}

function look(call: Call, name: string): Parameter | null {
  const found = VALUES.get(name);
  if (found === undefined) return null;
  return {
    Name: name,
    Type: 'String',
    Value: found.value,
    Version: 1,
    LastModifiedDate: found.modifiedAt,
    ARN: arnOf(call, name),
    DataType: 'aws:ec2:image',
  };
}

function text(input: Input, name: string): string {
  const value = input[name];
  if (typeof value !== 'string' || value === '')
    throw new ServiceError(
      400,
      'ValidationException',
      `Value at '${name}' failed to satisfy constraint: Member must not be null`,
    );
  return value;
}

const OPERATIONS: Readonly<Record<string, (call: Call) => object>> = {
  GetParameter: (call) => {
    const name = text(call.input, 'Name');
    authorize(call, name);
    const parameter = look(call, name);
    if (parameter === null) throw new ServiceError(400, 'ParameterNotFound', `Parameter ${name} not found.`);
    return { Parameter: parameter };
  },
  GetParameters: (call) => {
    const names = Array.isArray(call.input.Names) ? call.input.Names.map(String) : [];
    if (names.length < 1 || names.length > 10)
      throw new ServiceError(400, 'ValidationException', "Value at 'names' must have 1 to 10 members");
    for (const name of names) authorize(call, name);
    const found = names.map((name) => look(call, name));
    return {
      Parameters: found.filter((one) => one !== null),
      InvalidParameters: names.filter((_, i) => found[i] === null),
    };
  },
  GetParametersByPath: (call) => {
    const path = text(call.input, 'Path').replace(/\/?$/, '/');
    authorize(call, path);
    const deep = call.input.Recursive === true;
    const names = [...VALUES.keys()].filter(
      (name) => name.startsWith(path) && (deep || !name.slice(path.length).includes('/')),
    );
    return { Parameters: names.sort().map((name) => look(call, name)) };
  },
};

const JSON_TYPE = { 'Content-Type': 'application/x-amz-json-1.1' };

export function ssmService(context: ServiceContext): Service {
  const actionOf = (request: SandboxRequest): string =>
    (request.headers['x-amz-target'] ?? '').replace(/^AmazonSSM\./, '') || 'MissingAction';
  return {
    name: 'ssm',
    operation: actionOf,
    handle: async (request) => {
      const action = actionOf(request);
      const operation = Object.hasOwn(OPERATIONS, action) ? OPERATIONS[action] : undefined;
      if (operation === undefined)
        throw new ServiceError(400, 'UnknownOperationException', `The sandbox has no operation ${action}`);
      const result = operation({ context, request, action, input: await readInput(request) });
      return { status: 200, headers: JSON_TYPE, body: JSON.stringify(result) };
    },
    failure: (error) => ({
      status: error.status,
      headers: { ...JSON_TYPE, 'x-amzn-errortype': error.code },
      body: JSON.stringify({ __type: error.code, message: error.message }),
    }),
    inventory: async () => [],
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
