/**
 * XML in: the small documents that clients send (elements, text, attributes, comments, CDATA, the five entities and
 * numeric references). DTDs are refused, so entity bombs cannot be written. Whitespace between elements is dropped.
 */

export interface XmlElement {
  /** Local name, prefix taken off. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Text directly inside, entities resolved. */
  readonly text: string;
}

/** Not well-formed, or has a DTD. */
export class XmlError extends Error {
  override readonly name = 'XmlError';
}

/** Deeper documents are refused; S3's deepest has 6 levels. */
const MAX_DEPTH = 32;

interface OpenElement {
  readonly name: string;
  readonly tag: string;
  readonly attributes: Record<string, string>;
  readonly children: XmlElement[];
  text: string;
}

const TOKEN =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<\/([^\s<>/]+)\s*>|<([^\s<>/!?]+)((?:\s+[^\s=<>/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/y;

/** The root element. Throws XmlError. */
export function parseXml(document: string): XmlElement {
  const text = document.replace(/^\ufeff/, '');
  const top: OpenElement = { name: '', tag: '', attributes: {}, children: [], text: '' };
  const stack: OpenElement[] = [top];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(text);
    if (token === null) throw new XmlError(`not well-formed at character ${at}`);
    const [, cdata, closing, opening, attributes, empty, characters] = token;
    const current = stack[stack.length - 1] as OpenElement;
    if (cdata !== undefined) current.text += cdata;
    else if (characters !== undefined) current.text += resolveEntities(characters);
    else if (closing !== undefined) close(stack, closing);
    else if (opening !== undefined) {
      if (stack.length > MAX_DEPTH) throw new XmlError('nested too deeply');
      stack.push(open(opening, attributes ?? ''));
      if (empty === '/') close(stack, opening);
    }
  }
  const [root] = top.children;
  if (stack.length !== 1 || top.children.length !== 1 || root === undefined || top.text.trim() !== '')
    throw new XmlError('expected exactly one complete root element');
  return root;
}

function open(tag: string, attributes: string): OpenElement {
  const values: Record<string, string> = {};
  for (const [, name = '', quoted = ''] of attributes.matchAll(/([^\s=]+)\s*=\s*("[^"]*"|'[^']*')/g))
    values[name] = resolveEntities(quoted.slice(1, -1));
  return { name: tag.slice(tag.indexOf(':') + 1), tag, attributes: values, children: [], text: '' };
}

function close(stack: OpenElement[], tag: string): void {
  const done = stack.pop();
  const parent = stack[stack.length - 1];
  if (done === undefined || parent === undefined || done.tag !== tag) throw new XmlError(`unexpected </${tag}>`);
  const { name, attributes, children } = done;
  parent.children.push({ name, attributes, children, text: children.length > 0 ? done.text.trim() : done.text });
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function resolveEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(\w+));|&/g,
    (_, hex?: string, dec?: string, name?: string) => {
      if (hex !== undefined || dec !== undefined) {
        const code = hex === undefined ? Number(dec) : Number.parseInt(hex, 16);
        if (code <= 0x10ffff) return String.fromCodePoint(code);
      } else if (name !== undefined && Object.hasOwn(NAMED, name)) return NAMED[name] as string;
      throw new XmlError('unknown entity');
    },
  );
}

/** Text of the first child of that name, trimmed; null when there is none. */
export function childText(element: XmlElement, name: string): string | null {
  return child(element, name)?.text.trim() ?? null;
}

/** First child of that name, or null. */
export function child(element: XmlElement, name: string): XmlElement | null {
  return element.children.find((one) => one.name === name) ?? null;
}

/** All children of that name. */
export function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((one) => one.name === name);
}
