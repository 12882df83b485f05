/** The one error by which a service refuses a request: AWS's error code, HTTP status, and extra fields for the body. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly status: number;
  readonly code: string;
  /** Further elements of the error document, e.g. `{ BucketName: 'b' }`. */
  readonly fields: Readonly<Record<string, string>>;
  /** Further headers of the answer, e.g. `x-amz-bucket-region`. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    more: {
      fields?: Readonly<Record<string, string>>;
      headers?: Readonly<Record<string, string>>;
      cause?: unknown;
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.status = status;
    this.code = code;
    this.fields = more.fields ?? {};
    this.headers = more.headers ?? {};
  }
}
