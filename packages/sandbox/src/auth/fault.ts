/** Why a request is not accepted as whoever it claims to be, and how each service words that. */
import { ServiceError } from '../http/service-error.ts';

export type AuthFaultKind =
  | 'malformed'
  | 'malformed-query'
  | 'unsupported'
  | 'no-date'
  | 'unknown-key'
  | 'bad-token'
  | 'expired-token'
  | 'expired-url'
  | 'skewed'
  | 'mismatch'
  | 'unsigned-headers'
  | 'missing';

export class AuthFault extends Error {
  override readonly name = 'AuthFault';
  readonly kind: AuthFaultKind;
  readonly fields: Readonly<Record<string, string>>;

  constructor(kind: AuthFaultKind, message: string, fields: Readonly<Record<string, string>> = {}) {
    super(message);
    this.kind = kind;
    this.fields = fields;
  }
}

type Codes = Readonly<Record<AuthFaultKind, readonly [status: number, code: string]>>;

/** S3 API reference, "Error responses". */
const S3: Codes = {
  malformed: [400, 'AuthorizationHeaderMalformed'],
  'malformed-query': [400, 'AuthorizationQueryParametersError'],
  unsupported: [400, 'InvalidRequest'],
  'no-date': [403, 'AccessDenied'],
  'unknown-key': [403, 'InvalidAccessKeyId'],
  'bad-token': [400, 'InvalidToken'],
  'expired-token': [400, 'ExpiredToken'],
  'expired-url': [403, 'AccessDenied'],
  skewed: [403, 'RequestTimeTooSkewed'],
  mismatch: [403, 'SignatureDoesNotMatch'],
  'unsigned-headers': [403, 'AccessDenied'],
  missing: [403, 'AccessDenied'],
};

/** IAM and STS API references, "Common errors". */
const QUERY: Codes = {
  malformed: [400, 'IncompleteSignature'],
  'malformed-query': [400, 'IncompleteSignature'],
  unsupported: [400, 'IncompleteSignature'],
  'no-date': [400, 'IncompleteSignature'],
  'unknown-key': [403, 'InvalidClientTokenId'],
  'bad-token': [403, 'InvalidClientTokenId'],
  'expired-token': [403, 'ExpiredToken'],
  'expired-url': [403, 'SignatureDoesNotMatch'],
  skewed: [403, 'SignatureDoesNotMatch'],
  mismatch: [403, 'SignatureDoesNotMatch'],
  'unsigned-headers': [403, 'SignatureDoesNotMatch'],
  missing: [403, 'MissingAuthenticationToken'],
};

/** EC2 API reference, "Error codes". */
const EC2: Codes = {
  ...QUERY,
  'unknown-key': [401, 'AuthFailure'],
  'bad-token': [401, 'AuthFailure'],
  'expired-token': [400, 'RequestExpired'],
  'expired-url': [400, 'RequestExpired'],
  skewed: [400, 'RequestExpired'],
  mismatch: [401, 'AuthFailure'],
  missing: [401, 'AuthFailure'],
};

/** Services with the JSON protocol (SSM): "Common errors". */
const JSON_SERVICES: Codes = {
  ...QUERY,
  malformed: [400, 'IncompleteSignatureException'],
  'unknown-key': [400, 'UnrecognizedClientException'],
  'bad-token': [400, 'UnrecognizedClientException'],
  'expired-token': [400, 'ExpiredTokenException'],
  skewed: [400, 'InvalidSignatureException'],
  mismatch: [400, 'InvalidSignatureException'],
  missing: [400, 'MissingAuthenticationTokenException'],
};

const BY_SERVICE: Readonly<Record<string, Codes>> = { s3: S3, ec2: EC2, ssm: JSON_SERVICES, iam: QUERY, sts: QUERY };

/** The fault in the words of that service. */
export function authError(fault: AuthFault, service: string): ServiceError {
  const [status, code] = (BY_SERVICE[service] ?? QUERY)[fault.kind];
  return new ServiceError(status, code, fault.message, service === 's3' ? { fields: fault.fields } : {});
}
