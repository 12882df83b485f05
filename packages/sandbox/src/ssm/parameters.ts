/** Public parameters: the AMI ids that AWS, Canonical and Debian publish. There are no others. */
import { IMAGES } from '../ec2/catalog.ts';
import { ServiceError } from '../http/service-error.ts';
import { authorize, type Call, invalid, type Operation, text, texts } from './call.ts';

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

export const PARAMETER_OPERATIONS: Readonly<Record<string, Operation>> = {
  GetParameter: (call) => {
    const name = text(call.input, 'Name');
    authorize(call, arnOf(call, name));
    const parameter = look(call, name);
    if (parameter === null) throw new ServiceError(400, 'ParameterNotFound', `Parameter ${name} not found.`);
    return { Parameter: parameter };
  },
  GetParameters: (call) => {
    const names = texts(call.input, 'Names');
    if (names.length < 1 || names.length > 10) throw invalid("Value at 'names' must have 1 to 10 members");
    for (const name of names) authorize(call, arnOf(call, name));
    const found = names.map((name) => look(call, name));
    return {
      Parameters: found.filter((one) => one !== null),
      InvalidParameters: names.filter((_, i) => found[i] === null),
    };
  },
  GetParametersByPath: (call) => {
    const path = text(call.input, 'Path').replace(/\/?$/, '/');
    authorize(call, arnOf(call, path));
    const deep = call.input.Recursive === true;
    const names = [...VALUES.keys()].filter(
      (name) => name.startsWith(path) && (deep || !name.slice(path.length).includes('/')),
    );
    return { Parameters: names.sort().map((name) => look(call, name)) };
  },
};
