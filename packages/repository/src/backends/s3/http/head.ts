/** The head of an HTTP/1.1 answer (RFC 9112 §4, §5): status and header fields. */

export interface AnswerHead {
  readonly status: number;
  /** Names in lower case; repeated fields joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  /** Whether the connection may be used for another request afterwards. */
  readonly persistent: boolean;
}

/** Parses a head without its empty line. Throws SyntaxError for what is not one. */
export function parseHead(text: string): AnswerHead {
  const lines = text.split('\r\n');
  const status = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(lines[0] as string);
  if (status === null) throw new SyntaxError('answer: expected HTTP/1.1 and a status');
  const headers = new Map<string, string>();
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    // An empty name, or white space before the colon or the name, is how requests are smuggled.
    if (colon < 1 || /\s/.test(line.slice(0, colon))) throw new SyntaxError('answer: malformed header field');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  const connection = headers.get('connection')?.toLowerCase() ?? '';
  const persistent = status[1] === '1' ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection);
  return { status: Number(status[2]), headers, persistent };
}

/** How the body of an answer ends (RFC 9112 §6.3). */
export type Framing =
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' };

/** Returns how the body of the answer to a request of `method` ends. Throws SyntaxError when the head contradicts itself. */
export function framingOf(method: string, { status, headers }: AnswerHead): Framing {
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'length', length: 0 };
  const coding = headers.get('transfer-encoding');
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') throw new SyntaxError(`answer: unknown transfer coding ${coding}`);
    return { kind: 'chunked' };
  }
  const length = headers.get('content-length');
  if (length === undefined) return { kind: 'until-close' };
  if (!/^\d{1,15}$/.test(length)) throw new SyntaxError(`answer: expected a content-length, got ${length}`);
  return { kind: 'length', length: Number(length) };
}
