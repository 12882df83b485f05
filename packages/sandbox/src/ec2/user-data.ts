/**
 * User data as cloud-init reads it, as far as the sandbox goes: a script ("#!") runs once at first boot; a
 * #cloud-config may give the SSH host key (`ssh_keys`) and further login keys (`ssh_authorized_keys`).
 */

export interface BootInstructions {
  readonly script: string | null;
  /** OpenSSH private key. */
  readonly hostKey: string | null;
  readonly authorizedKeys: readonly string[];
}

/** Reads user data (base64). What it does not understand is left alone, as cloud-init does. */
export function readUserData(base64: string): BootInstructions {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  if (text.startsWith('#!')) return { script: text, hostKey: null, authorizedKeys: [] };
  if (!/^#cloud-config\s*\n/.test(text)) return { script: null, hostKey: null, authorizedKeys: [] };
  const lines = text.split(/\r?\n/);
  return {
    script: null,
    hostKey: valueBelow(lines, 'ssh_keys', 'ed25519_private'),
    authorizedKeys: listBelow(lines, 'ssh_authorized_keys'),
  };
}

/** Lines indented below a top-level key. */
function section(lines: readonly string[], key: string): string[] {
  const start = lines.findIndex((line) => new RegExp(`^${key}:\\s*(#.*)?$`).test(line));
  if (start < 0) return [];
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^[^\s#-]/.test(line));
  return end < 0 ? rest : rest.slice(0, end);
}

/** A scalar of a section: plain, quoted, or a literal block ("|"). */
function valueBelow(lines: readonly string[], key: string, name: string): string | null {
  const part = section(lines, key);
  const at = part.findIndex((line) => line.trim().startsWith(`${name}:`));
  const line = part[at];
  if (line === undefined) return null;
  const scalar = line
    .trim()
    .slice(name.length + 1)
    .trim();
  if (!scalar.startsWith('|')) return unquoted(scalar);
  const indent = line.search(/\S/);
  const block: string[] = [];
  for (const next of part.slice(at + 1)) {
    if (next.trim() !== '' && next.search(/\S/) <= indent) break;
    block.push(next);
  }
  const depth = Math.min(...block.filter((next) => next.trim() !== '').map((next) => next.search(/\S/)));
  return `${block
    .map((next) => next.slice(depth))
    .join('\n')
    .trimEnd()}\n`;
}

function listBelow(lines: readonly string[], key: string): string[] {
  return section(lines, key).flatMap((line) => {
    const item = /^\s*-\s+(.+)$/.exec(line)?.[1];
    return item === undefined ? [] : [unquoted(item.trim())];
  });
}

function unquoted(scalar: string): string {
  if (scalar.startsWith('"') && scalar.endsWith('"')) {
    try {
      return JSON.parse(scalar) as string;
    } catch {
      return scalar.slice(1, -1);
    }
  }
  return scalar.startsWith("'") && scalar.endsWith("'") ? scalar.slice(1, -1).replaceAll("''", "'") : scalar;
}
