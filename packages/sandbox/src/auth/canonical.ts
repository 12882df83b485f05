/**
 * The canonical request and the string to sign of AWS Signature Version 4 (IAM user guide, "Create a signed AWS API
 * request"). Text is handled as latin1, one character a byte, because HTTP headers arrive as bytes.
 */
import { createHash, createHmac } from 'node:crypto';

/** What is signed, as it arrived. */
export interface SignedParts {
  readonly method: string;
  /** Percent-encoded path as sent. */
  readonly path: string;
  /** Query as sent, without "?". */
  readonly query: string;
  /** Lower-case name to all values, in order, latin1. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly signedHeaders: readonly string[];
  readonly payloadHash: string;
  /** S3 signs the path encoded once, every other service encoded twice. */
  readonly encodePathTwice: boolean;
}

/** Credential scope: `20261122/us-east-1/s3/aws4_request`. */
export interface Scope {
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

/** RFC 3986 encoding of bytes, given and returned as latin1; keeps `keep` as it is. */
function encodeBytes(bytes: string, keep: RegExp): string {
  return bytes.replace(keep, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
const RESERVED = /[^A-Za-z0-9\-._~]/g;
const RESERVED_BUT_SLASH = /[^A-Za-z0-9\-._~/]/g;

/** Percent decoding to bytes as latin1; a stray "%" stays. */
function decodeBytes(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function canonicalPath(path: string, twice: boolean): string {
  const once = encodeBytes(decodeBytes(path), RESERVED_BUT_SLASH);
  return twice ? encodeBytes(path, RESERVED_BUT_SLASH) : once;
}

/** `+` in a query is a space, as in forms. The signature itself is never part of what is signed. */
function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs: [string, string][] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const at = part.indexOf('=');
    const name = at < 0 ? part : part.slice(0, at);
    const value = at < 0 ? '' : part.slice(at + 1);
    const encode = (text: string): string => encodeBytes(decodeBytes(text.replaceAll('+', ' ')), RESERVED);
    const encoded = encode(name);
    if (encoded !== 'X-Amz-Signature') pairs.push([encoded, encode(value)]);
  }
  const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  pairs.sort((a, b) => order(a[0], b[0]) || order(a[1], b[1]));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

export function canonicalRequest(parts: SignedParts): string {
  const headers = parts.signedHeaders.map((name) => {
    const values = parts.headers.get(name) ?? [];
    return `${name}:${values.map((value) => value.trim().replace(/ +/g, ' ')).join(',')}\n`;
  });
  return [
    parts.method,
    canonicalPath(parts.path, parts.encodePathTwice),
    canonicalQuery(parts.query),
    headers.join(''),
    parts.signedHeaders.join(';'),
    parts.payloadHash,
  ].join('\n');
}

export function scopeText(scope: Scope): string {
  return `${scope.date}/${scope.region}/${scope.service}/aws4_request`;
}

/** Hex SHA-256 of latin1 text. */
export function sha256Hex(text: string | Uint8Array): string {
  return createHash('sha256')
    .update(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
    .digest('hex');
}

export function stringToSign(amzDate: string, scope: Scope, canonical: string): string {
  return `AWS4-HMAC-SHA256\n${amzDate}\n${scopeText(scope)}\n${sha256Hex(canonical)}`;
}

function hmac(key: string | Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'latin1').digest();
}

/** The key that signs everything of one day, region and service. */
export function signingKey(secret: string, scope: Scope): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, scope.date), scope.region), scope.service), 'aws4_request');
}

/** Hex signature. */
export function sign(key: Uint8Array, text: string): string {
  return hmac(key, text).toString('hex');
}
