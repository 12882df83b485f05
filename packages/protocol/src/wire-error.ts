/** Errors as data: how a HostarkError travels in `--json` lines and from an agent to the caller. */
import { z } from 'zod';
import { ERROR_EXIT_CODES, type ErrorCode, HostarkError, isHostarkError } from './errors.ts';

const codes = Object.keys(ERROR_EXIT_CODES) as [ErrorCode, ...ErrorCode[]];

/** The schema of an error on the wire. Causes travel as text: their classes mean nothing on the other side. */
export const wireError: z.ZodType<WireError> = z.object({
  code: z.enum(codes),
  message: z.string(),
  hint: z.string().nullable(),
  context: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  causes: z.array(z.string()),
});

export interface WireError {
  code: ErrorCode;
  message: string;
  hint: string | null;
  context: Record<string, string | number | boolean>;
  /** The chain of causes, outermost first, one line each. */
  causes: string[];
}

/** Turns any thrown value into data. What is not a HostarkError gets the code 'internal'. */
export function toWireError(error: unknown): WireError {
  const causes: string[] = [];
  let cause = error instanceof Error ? error.cause : undefined;
  for (let depth = 0; cause !== undefined && depth < 8; depth++) {
    causes.push(cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  if (isHostarkError(error)) {
    return { code: error.code, message: error.message, hint: error.hint, context: { ...error.context }, causes };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'internal', message, hint: null, context: {}, causes };
}

/** Rebuilds the error on the receiving side; the remote causes become one cause with their text. */
export function fromWireError(wire: WireError): HostarkError {
  return new HostarkError(wire.code, wire.message, {
    ...(wire.hint === null ? {} : { hint: wire.hint }),
    context: wire.context,
    ...(wire.causes.length === 0 ? {} : { cause: new Error(wire.causes.join('; caused by ')) }),
  });
}
