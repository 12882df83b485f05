/** The two XML documents that matter here: a page of a listing and an error (S3 API reference, ListObjectsV2, "Error responses"). */

/** A page of a listing. */
export interface ListPage {
  readonly objects: readonly { readonly key: string; readonly size: number }[];
  /** Asks for the next page; null on the last. */
  readonly next: string | null;
}

/** What an error document says; '' for what it does not say. */
export interface ErrorDocument {
  readonly code: string;
  readonly message: string;
  readonly region: string;
}

/** Reads a page. Throws SyntaxError for something else, such as the page of a proxy or a document that breaks off. */
export function readListPage(bytes: Uint8Array): ListPage {
  const text = decode(bytes);
  if (!/<ListBucketResult[\s>]/.test(text) || !text.includes('</ListBucketResult>'))
    throw new SyntaxError('listing: expected a whole ListBucketResult');
  const objects = [...text.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, entry = '']) => {
    const size = Number(element(entry, 'Size') || Number.NaN);
    if (!Number.isSafeInteger(size) || size < 0) throw new SyntaxError('listing: expected the size of each object');
    return { key: element(entry, 'Key'), size };
  });
  const frame = text.replace(/<(Contents|CommonPrefixes)>.*?<\/\1>/gs, '');
  const more = element(frame, 'IsTruncated') === 'true';
  const token = element(frame, 'NextContinuationToken');
  if (more && token === '') throw new SyntaxError('listing: there is more, but no token for it');
  return { objects, next: more ? token : null };
}

/** Reads an error document, or what there is of one. */
export function readErrorDocument(bytes: Uint8Array): ErrorDocument {
  const text = decode(bytes);
  const error = /<Error[\s>].*/s.exec(text)?.[0] ?? '';
  return { code: element(error, 'Code'), message: element(error, 'Message'), region: element(error, 'Region') };
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** The text of the first element of a name that has no elements inside; '' if there is none. */
function element(text: string, name: string): string {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text);
  return found === null ? '' : withoutEntities(found[1] as string);
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function withoutEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(\w+));/g,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return ENTITIES[name] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
