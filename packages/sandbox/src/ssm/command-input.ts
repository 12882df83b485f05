/** What SendCommand is given: parameters of the document, and instances by id or by tag. */
import { ServiceError } from '../http/service-error.ts';
import type { Agent } from './agents.ts';
import { authorize, type Call, type Input, invalid, structures, text, texts } from './call.ts';
import { DOCUMENT } from './command-shapes.ts';

export function parametersOf(input: Input): Readonly<Record<string, readonly string[]>> {
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
export function seconds(value: string): number {
  const number = Number(value);
  if (!/^\d{1,6}$/.test(value) || number < 1 || number > 172_800)
    throw new ServiceError(400, 'InvalidParameters', `executionTimeout: expected 1 to 172800 seconds, got ${value}`);
  return number;
}

export function targetsOf(call: Call): readonly Agent[] {
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

export function authorizeInstance(call: Call, id: string, tags: Readonly<Record<string, string>>): void {
  const context: Record<string, string> = {};
  for (const [key, value] of Object.entries(tags)) {
    context[`ssm:resourceTag/${key}`] = value;
    context[`aws:ResourceTag/${key}`] = value;
  }
  authorize(call, `arn:aws:ec2:${call.request.region}:${call.context.accountId}:instance/${id}`, context);
}
