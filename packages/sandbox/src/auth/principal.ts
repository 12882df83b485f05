/** Who makes a request, as policies see it. */

export interface UserPrincipal {
  readonly kind: 'user';
  readonly accountId: string;
  /** `arn:aws:iam::ACCOUNT:user/path/name`. */
  readonly arn: string;
  /** `AIDA…`. */
  readonly userId: string;
  readonly userName: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly accessKeyId: string;
}

export interface RolePrincipal {
  readonly kind: 'assumed-role';
  readonly accountId: string;
  /** `arn:aws:sts::ACCOUNT:assumed-role/name/session`. */
  readonly arn: string;
  /** `arn:aws:iam::ACCOUNT:role/path/name`. */
  readonly roleArn: string;
  readonly roleName: string;
  readonly sessionName: string;
  /** `AROA…:session`. */
  readonly userId: string;
  /** Role tags overlaid with session tags. */
  readonly tags: Readonly<Record<string, string>>;
  readonly accessKeyId: string;
  /** Instance whose metadata endpoint handed out the session, if one did. */
  readonly instanceArn?: string;
}

export interface AnonymousPrincipal {
  readonly kind: 'anonymous';
}

export type Principal = UserPrincipal | RolePrincipal | AnonymousPrincipal;

/** ARN for the log and for error messages. */
export function principalName(principal: Principal): string {
  return principal.kind === 'anonymous' ? 'anonymous' : principal.arn;
}
