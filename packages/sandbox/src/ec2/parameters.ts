/**
 * The AWS query protocol, request side: flat `Name.1.Key=value` form parameters as lists and structures. Serves EC2
 * (`Filter.1.Name`) and IAM (`Tags.member.1.Key`) alike: a ".member" step is dropped on reading.
 */
import type { SandboxRequest } from '../http/service.ts';
import { ServiceError } from '../http/service-error.ts';

export class Parameters {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: Iterable<readonly [string, string]>) {
    this.#values = new Map(Array.from(values, ([name, value]) => [name.replaceAll('.member.', '.'), value] as const));
  }

  /** The value, or undefined when the parameter was not sent. */
  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** Throws MissingParameter. */
  required(name: string): string {
    const value = this.get(name);
    if (value === undefined || value === '')
      throw new ServiceError(400, 'MissingParameter', `The request must contain the parameter ${name}`);
    return value;
  }

  flag(name: string, byDefault = false): boolean {
    const value = this.get(name);
    if (value === undefined) return byDefault;
    if (value !== 'true' && value !== 'false') throw invalid(name, value, 'expected true or false');
    return value === 'true';
  }

  /** An integer within the bounds, or the default. Throws InvalidParameterValue. */
  integer(name: string, byDefault: number, min: number, max: number): number {
    const text = this.get(name);
    if (text === undefined) return byDefault;
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw invalid(name, text, `expected an integer from ${min} to ${max}`);
    return value;
  }

  /** Values of `name.1`, `name.2`, … in the order of their numbers. */
  list(name: string): string[] {
    return this.#numbers(name).flatMap((n) => this.get(`${name}.${n}`) ?? []);
  }

  /** The structures below `name.1`, `name.2`, … in the order of their numbers. */
  structures(name: string): Parameters[] {
    return this.#numbers(name).map((n) => this.structure(`${name}.${n}`));
  }

  /** What lies below `name.`; empty when nothing does. */
  structure(name: string): Parameters {
    const prefix = `${name}.`;
    return new Parameters(
      [...this.#values].flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [])),
    );
  }

  get empty(): boolean {
    return this.#values.size === 0;
  }

  /** All parameters as text that is equal when they are equal, whatever their order; for idempotency. */
  fingerprint(except: readonly string[]): string {
    return JSON.stringify([...this.#values].filter(([name]) => !except.includes(name)).sort());
  }

  #numbers(name: string): number[] {
    const prefix = `${name}.`;
    const found = new Set<number>();
    for (const key of this.#values.keys()) {
      if (!key.startsWith(prefix)) continue;
      const n = /^\d+/.exec(key.slice(prefix.length));
      if (n) found.add(Number(n[0]));
    }
    return [...found].sort((a, b) => a - b);
  }
}

/** Reads the form body, or the query string of a GET. */
export async function readParameters(request: SandboxRequest): Promise<Parameters> {
  if (request.method === 'GET') return new Parameters(request.query);
  const text = Buffer.from(await request.body.bytes()).toString('utf8');
  return new Parameters([...request.query, ...new URLSearchParams(text)]);
}

export function invalid(name: string, value: string, why: string): ServiceError {
  return new ServiceError(400, 'InvalidParameterValue', `Value (${value}) for parameter ${name} is invalid. ${why}`);
}

/** The parameters of a request are read once, by whichever step comes first. */
export function cachedParameters(): (request: SandboxRequest) => Promise<Parameters> {
  const cache = new WeakMap<SandboxRequest, Promise<Parameters>>();
  return (request) => {
    const known = cache.get(request) ?? readParameters(request);
    cache.set(request, known);
    return known;
  };
}
