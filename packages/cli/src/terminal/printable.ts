/**
 * What others said (hosts, clouds, names of files), made harmless for a terminal: control characters move its cursor,
 * set its title, or have it type. They are shown as they are written in C; line ends and tabs stay.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for (C0 and DEL, then C1: ECMA-48)
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

export function printable(text: string): string {
  return text.replace(CONTROLS, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
