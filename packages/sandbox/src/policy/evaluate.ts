/** Placeholder face; the evaluation follows. */
export interface Decision {
  readonly allowed: boolean;
  /** Sentence part for the error message, e.g. `because no identity-based policy allows the s3:GetObject action`. */
  readonly reason: string;
}
