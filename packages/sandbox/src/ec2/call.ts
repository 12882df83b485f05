/** One EC2 request on its way: parameters, the region's records, and the authorization of what it touches. */
import type { SandboxRequest, ServiceContext } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import type { ProfileStore } from '../iam/profiles.ts';
import type { XmlValue } from '../xml/write.ts';
import type { Capacity } from './capacity.ts';
import type { Network } from './catalog.ts';
import type { Consistency } from './consistency.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Ec2Store, RegionRecord, Tags } from './model.ts';
import { invalid, type Parameters } from './parameters.ts';

/** What a request touches, as policies see it. */
export interface Touched {
  /** Resource part of the ARN: `instance/i-…`; '*' for actions without resources. */
  readonly resource: string;
  /** Tags it has now. */
  readonly tags?: Readonly<Tags>;
  /** Tags the request gives it. */
  readonly newTags?: Readonly<Tags>;
  readonly context?: Readonly<Record<string, string>>;
  /** Account part of the ARN when it is not this one's (images). */
  readonly owner?: string;
}

export interface Ec2Services {
  readonly context: ServiceContext;
  readonly store: Ec2Store;
  readonly profiles: ProfileStore;
  readonly lifecycle: Lifecycle;
  readonly consistency: Consistency;
  readonly capacity: Capacity;
}

export interface Call extends Ec2Services {
  readonly action: string;
  readonly request: SandboxRequest;
  readonly parameters: Parameters;
  readonly regionName: string;
  readonly region: RegionRecord;
  readonly network: Network;
}

/** An operation: reads the call, changes records, returns the elements of the answer. */
export type Operation = (call: Call) => XmlValue | Promise<XmlValue>;

/**
 * Asks the policies for the call's action on everything that it touches; then answers a dry run. Throws
 * UnauthorizedOperation, or DryRunOperation.
 */
export function authorize(call: Call, ...touched: readonly Touched[]): void {
  for (const one of touched.length > 0 ? touched : [{ resource: '*' }]) ask(call, `ec2:${call.action}`, one);
  // Tags on creation need the right to tag as well.
  for (const one of touched)
    if (one.newTags && Object.keys(one.newTags).length > 0 && call.action !== 'CreateTags')
      ask(call, 'ec2:CreateTags', { ...one, context: { ...one.context, 'ec2:CreateAction': call.action } });
  if (call.parameters.flag('DryRun'))
    throw new ServiceError(412, 'DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
}

function ask(call: Call, action: string, touched: Touched): void {
  const decision = call.context.decide(call.request, {
    action,
    resource: touched.resource === '*' ? '*' : arnOf(call, touched.resource, touched.owner),
    context: contextOf(call, touched),
  });
  if (!decision.allowed)
    throw new ServiceError(
      403,
      'UnauthorizedOperation',
      `You are not authorized to perform this operation. ${action} ${decision.reason}`.trim(),
    );
}

export function arnOf(call: Pick<Call, 'regionName' | 'context'>, resource: string, owner?: string): string {
  return `arn:aws:ec2:${call.regionName}:${owner ?? call.context.accountId}:${resource}`;
}

function contextOf(call: Call, touched: Touched): Record<string, string | readonly string[]> {
  const context: Record<string, string | readonly string[]> = { 'ec2:Region': call.regionName, ...touched.context };
  for (const [key, value] of Object.entries(touched.tags ?? {})) {
    context[`aws:ResourceTag/${key}`] = value;
    context[`ec2:ResourceTag/${key}`] = value;
  }
  const requested = Object.entries(touched.newTags ?? {});
  for (const [key, value] of requested) context[`aws:RequestTag/${key}`] = value;
  if (requested.length > 0) context['aws:TagKeys'] = requested.map(([key]) => key);
  return context;
}

/** `TagSpecification.N` for one resource type. Throws on reserved or double keys. */
export function tagsFor(parameters: Parameters, resourceType: string): Tags {
  const tags: Tags = {};
  for (const specification of parameters.structures('TagSpecification')) {
    if (specification.required('ResourceType') !== resourceType) continue;
    Object.assign(tags, readTags(specification));
  }
  return tags;
}

/** `Tag.N.Key` and `Tag.N.Value`. */
export function readTags(parameters: Parameters): Tags {
  const tags: Tags = {};
  for (const tag of parameters.structures('Tag')) {
    const key = tag.required('Key');
    const value = tag.get('Value') ?? '';
    if (/^aws:/i.test(key))
      throw new ServiceError(
        400,
        'InvalidParameterValue',
        "Tag keys starting with 'aws:' are reserved for internal use",
      );
    if (key.length > 128) throw invalid('Tag.Key', key, 'at most 128 characters');
    if (value.length > 256) throw invalid('Tag.Value', value, 'at most 256 characters');
    if (Object.hasOwn(tags, key))
      throw new ServiceError(400, 'InvalidParameterValue', `Duplicate tag key '${key}' specified.`);
    tags[key] = value;
  }
  return tags;
}

/** Refuses tags for resource types that the action does not make. */
export function checkTagTypes(parameters: Parameters, allowed: readonly string[]): void {
  for (const specification of parameters.structures('TagSpecification')) {
    const type = specification.required('ResourceType');
    if (!allowed.includes(type))
      throw new ServiceError(
        400,
        'InvalidParameterValue',
        `'${type}' is not a valid taggable resource type for this operation.`,
      );
  }
}

/** The `tagSet` element. */
export function tagSet(tags: Readonly<Tags>): XmlValue {
  return list(Object.entries(tags).map(([key, value]) => ({ key, value })));
}

/** EC2 wraps the members of every list in `item`. */
export function list(items: readonly XmlValue[]): XmlValue {
  return { item: items };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
