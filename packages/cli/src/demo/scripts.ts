/** What the demo does on the host with plain shell: files of every kind, and a day's worth of changes. */
import { HostarkError } from '@hostark/protocol';
import { BECOME_ROOT, quote, type Session } from '@hostark/remote';

/** Runs a script on the host, as root where the login user may. Values reach it as shell variables on stdin, not in argv. Returns stdout. */
export async function runScript(
  session: Session,
  script: string,
  signal: AbortSignal,
  values: Readonly<Record<string, string>> = {},
): Promise<string> {
  const assignments = Object.entries(values).map(([name, value]) => `${name}=${quote(value)}\n`);
  const { code, stdout, stderr } = await session.exec(`${BECOME_ROOT}\nexec $as_root sh -eu`, {
    stdin: `${assignments.join('')}${script}\n`,
    signal,
  });
  if (code !== 0)
    throw new HostarkError('command-failed', `a script on the host ended with ${code}: ${stderr.trim().slice(0, 500)}`);
  return stdout;
}

/** Adds what a plain copy would lose: links, a sparse file, a fifo, set-user-id and sticky bits, odd names, old times. */
export const ODDITIES_SCRIPT = `
mkdir -p "$DATA/oddities/empty" "$DATA/oddities/sticky"
cd "$DATA/oddities"
printf 'one inode, two names\\n' > first && ln first second
ln -s first link && ln -s /nowhere/at/all dangling
mkfifo pipe
printf 'x' > setuid && chmod 4755 setuid
chmod 1777 sticky
: > nothing
printf 'secret\\n' > unreadable && chmod 000 unreadable
cat unreadable >/dev/null 2>&1 || chmod 400 unreadable # where no one is root there is nobody to read it
truncate -s 64M sparse && printf 'end' >> sparse
printf 'n' > "$(printf 'line\\nbreak')"
printf 'b' > "$(printf 'bytes-\\377\\376')"
printf 'q' > 'quote " backslash \\ end'
touch -d '1965-04-03 02:01:00.123456789 UTC' first
if [ "$(id -u)" = 0 ]; then
  printf 'theirs\\n' > owned && chown 1234:5678 owned 2>/dev/null || :
  mknod device c 1 3 2>/dev/null || :
fi
if command -v setfattr >/dev/null 2>&1; then setfattr -n user.hostark -v proof first 2>/dev/null || :; fi
owners=
if [ -e device ]; then owners=" a device, foreign owners,"; fi
echo "plus hard links, a sparse file, a fifo,$owners set-user-id and sticky bits, names with line breaks and raw bytes"
`;

/** A day on the host: files grow, go, move, appear and change mode. */
export const CHANGES_SCRIPT = `
cd "$DATA"
find . -type f -size -2000k ! -path './oddities/*' | LC_ALL=C sort | awk 'NR % 97 == 0' | head -n 40 > ../changed
while IFS= read -r file; do printf 'changed\\n' >> "$file"; done < ../changed
find . -type f ! -path './oddities/*' | LC_ALL=C sort | awk 'NR % 101 == 0' | head -n 20 > ../removed
while IFS= read -r file; do rm -f -- "$file"; done < ../removed
mkdir -p new/deeper && head -c 5000000 /dev/urandom > new/deeper/random
mv oddities/first oddities/renamed
chmod 640 oddities/renamed
echo "$(wc -l < ../changed) files changed, $(wc -l < ../removed) removed, 5 MB new, one renamed"
rm -f ../changed ../removed
`;
