/**
 * XML out, as the AWS query and REST protocols use it: elements and text only, no attributes but xmlns. A document is
 * plain data: a string is text, a list repeats the element, undefined leaves it out, an object nests in its own order.
 */
export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | { readonly [element: string]: XmlValue };

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
};

/** Text with markup escaped. Characters that XML 1.0 cannot hold become numeric references, as S3 sends them. */
export function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const special = /[&<>"\r\u0000-\u0008\u000b\u000c\u000e-\u001f]/g;
  return text.replace(special, (c) => ENTITIES[c] ?? `&#x${c.charCodeAt(0).toString(16)};`);
}

/** A whole document with its declaration; `namespace` becomes the root's xmlns. */
export function xmlDocument(root: string, value: XmlValue, namespace?: string): string {
  const xmlns = namespace === undefined ? '' : ` xmlns="${namespace}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${xmlns}>${content(value)}</${root}>`;
}

/** Elements without declaration and root. */
function content(value: XmlValue): string {
  if (value === undefined) return '';
  if (typeof value !== 'object') return escapeXml(String(value));
  if (Array.isArray(value)) return value.map(content).join('');
  let text = '';
  for (const [name, child] of Object.entries(value as { readonly [element: string]: XmlValue })) {
    if (child === undefined) continue;
    for (const one of Array.isArray(child) ? child : [child]) text += `<${name}>${content(one as XmlValue)}</${name}>`;
  }
  return text;
}
