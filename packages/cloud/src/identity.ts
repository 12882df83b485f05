/** The role and instance profile of one host, limited to its prefix. */
import type { AwsClients } from './clients.ts';
import type { RunOptions } from './run.ts';

export interface IdentityRequest {
  readonly host: string;
  readonly bucket: string;
  /** Default `hosts/<host>/`. */
  readonly prefix?: string;
  /** Also lets the host create `config` and `keys/`, as a first backup that initializes the repository needs. */
  readonly initialize?: boolean;
  readonly kmsKeyArn?: string;
}

export interface IdentityPlan {
  readonly kind: 'identity';
  readonly host: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly roleName: string;
  readonly profileName: string;
  readonly policyName: string;
  readonly trust: unknown;
  readonly policy: unknown;
}

export interface Identity {
  readonly roleName: string;
  readonly profileName: string;
  readonly profileArn: string;
}

/** Pure: no call is made. */
export function planIdentity(partition: string, request: IdentityRequest): IdentityPlan {
  throw new Error(`not implemented: ${partition} ${request.host}`);
}

/** Creates what is missing and sets the policy. May be repeated, also with a narrower plan. */
export function createIdentity(
  clients: AwsClients,
  plan: IdentityPlan,
  options: RunOptions & { readonly run?: string },
): Promise<Identity> {
  throw new Error(`not implemented: ${clients.region} ${plan.host} ${options.run}`);
}
