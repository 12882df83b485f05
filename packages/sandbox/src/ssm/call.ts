/** One request to Systems Manager (JSON protocol), with the ways its operations read input and ask the policies. */
import type { AccessQuestion, SandboxRequest, ServiceContext } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';
import { denial } from '../policy/authorizer.ts';
import type { Agents } from './agents.ts';
import type { CommandStore } from './command-store.ts';

export type Input = Readonly<Record<string, unknown>>;

export interface Call {
  readonly context: ServiceContext;
  readonly request: SandboxRequest;
  readonly action: string;
  readonly input: Input;
  readonly agents: Agents;
  readonly commands: CommandStore;
}

export type Operation = (call: Call) => object;

/** Throws AccessDeniedException unless the caller's policies allow this action on the resource. */
export function authorize(call: Call, resource: string, context: AccessQuestion['context'] = {}): void {
  const question = { action: `ssm:${call.action}`, resource, context };
  const decision = call.context.decide(call.request, question);
  if (!decision.allowed) throw new ServiceError(400, 'AccessDeniedException', denial(call.request, question, decision));
}

export function invalid(message: string): ServiceError {
  return new ServiceError(400, 'ValidationException', message);
}

/** A member that must be there. */
export function text(input: Input, name: string): string {
  const value = optionalText(input, name);
  if (value === undefined) throw invalid(`Value at '${name}' failed to satisfy constraint: Member must not be null`);
  return value;
}

export function optionalText(input: Input, name: string): string | undefined {
  const value = input[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw new ServiceError(400, 'SerializationException', `${name} is not a string`);
  return value;
}

/** Strings of a list member; empty when it is not there. */
export function texts(input: Input, name: string): readonly string[] {
  const value = input[name] ?? [];
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'string'))
    throw new ServiceError(400, 'SerializationException', `${name} is not a list of strings`);
  return value as string[];
}

/** Structures of a list member, e.g. filters; empty when it is not there. */
export function structures(input: Input, name: string): readonly Input[] {
  const value = input[name] ?? [];
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'object' || one === null))
    throw new ServiceError(400, 'SerializationException', `${name} is not a list of structures`);
  return value as Input[];
}

/** An integer within bounds, or the default. */
export function integer(input: Input, name: string, low: number, high: number, otherwise: number): number {
  const value = input[name] ?? otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high)
    throw invalid(`Value '${String(value)}' at '${name}' failed to satisfy constraint: expected ${low} to ${high}`);
  return value;
}

/** One page of a list, with the token of the next; tokens are positions. */
export function page<T>(input: Input, items: readonly T[], size: number): { items: readonly T[]; NextToken?: string } {
  const token = optionalText(input, 'NextToken');
  const start = token === undefined ? 0 : Number(token);
  if (!Number.isInteger(start) || start < 0 || start > items.length)
    throw new ServiceError(400, 'InvalidNextToken', 'The specified token is not valid.');
  const end = start + integer(input, 'MaxResults', 1, 50, size);
  return { items: items.slice(start, end), ...(end < items.length ? { NextToken: String(end) } : {}) };
}
