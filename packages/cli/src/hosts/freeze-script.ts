/** The shell programs behind hosts/freeze.ts. They need a POSIX shell, fsfreeze (util-linux) and Linux's /proc and /sys. */

/**
 * The sandbox's fsfreeze freezes nothing and says so: there volumes are folders of one file system, below /mnt, and may
 * be told apart by their folders. Anywhere else that would freeze more than was asked for.
 */
const SANDBOX = `sandbox=
case $(fsfreeze -V 2>/dev/null) in *'Hostark sandbox'*) sandbox=yes ;; esac
`;

/**
 * Arguments: seconds, mount points. Says `frozen` when all are; then waits for a line or the end of stdin; thaws and
 * says `thawed`, or `late` when the watchdog was first. Exit 3: refused, 4: could not freeze, 5: could not thaw.
 *
 * File systems are compared by the device in /proc/self/mountinfo, not by stat: bind mounts and btrfs subvolumes of one
 * file system have one there, and a freeze stops them all.
 */
export const FREEZE_SCRIPT: string = `
limit=$1; shift
refuse() { echo "$*" >&2; exit 3; }
command -v fsfreeze >/dev/null || { echo "there is no fsfreeze" >&2; exit 4; }
[ $# -gt 0 ] || refuse "no mount point named"
${SANDBOX}device_of() { # the file system that holds a path: the longest mount point above it, the last of equals
  at=$(cd -P "$1" 2>/dev/null && pwd) || return 0
  longest=-1; device=
  while read -r _ _ number inside point _; do
    [ -z "$sandbox" ] || number=$number:$inside
    point=$(printf '%b' "$point")
    case "\${at%/}/" in
      "\${point%/}"/*) if [ \${#point} -ge $longest ]; then longest=\${#point}; device=$number; fi ;;
    esac
  done </proc/self/mountinfo
  echo "$device"
}
needed=
for path in / /usr /bin /sbin /lib /etc /var /var/log /var/tmp /tmp /run /dev /proc "$HOME"; do
  needed="$needed $(device_of "$path")"
done
for mount; do
  device=
  while read -r _ _ number inside point _; do
    [ -z "$sandbox" ] || number=$number:$inside
    [ "$(printf '%b' "$point")" = "$mount" ] && device=$number
  done </proc/self/mountinfo
  [ -n "$device" ] || refuse "$mount is not a mount point"
  case " $needed " in *" $device "*) refuse "$mount is on a file system that the host itself lives on" ;; esac
done
apart= # a session of its own: who kills this shell with its group must not kill the watchdog
command -v setsid >/dev/null && apart=setsid
$apart sh -c '
  trap "" HUP INT TERM PIPE
  holder=$1 limit=$2; shift 2
  thaw() { left=0; for mount; do fsfreeze -u "$mount" || left=1; done; return $left; }
  waited=0
  while [ $waited -lt "$limit" ] && kill -0 $holder; do sleep 1; waited=$((waited + 1)); done
  if kill -0 $holder; then thaw "$@"; exit; fi
  waited=0 # killed, perhaps amidst a freeze, which comes about when the kernel is done with it
  until thaw "$@" || [ $waited -ge "$limit" ]; do sleep 1; waited=$((waited + 1)); done
' watchdog $$ "$limit" "$@" </dev/null >/dev/null 2>&1 &
watchdog=$!
count=0
thaw() {
  failed=0; number=0
  for mount; do
    number=$((number + 1))
    [ $number -gt $count ] || fsfreeze -u "$mount" || failed=1
  done
  return $failed
}
# The freeze that a signal met may have come about without being counted. The watchdog goes last: this may be killed too.
trap 'count=$#; thaw "$@"; kill -9 $watchdog; exit 1' HUP INT TERM PIPE
for mount; do
  if fsfreeze -f "$mount"; then count=$((count + 1))
  else thaw "$@"; kill -9 $watchdog; exit 4
  fi
done
echo frozen
read -r _
if kill -0 $watchdog 2>/dev/null; then
  thaw "$@" || exit 5 # the watchdog tries again
  kill -9 $watchdog
  echo thawed
else
  echo late
fi
`;

/**
 * Arguments: pairs of volume id and device name as EC2 has them. Prints the mount points of file systems on them. NVMe
 * disks tell the volume's id as their serial number (vol0123…); Xen ones have the device's name, /dev/sdf as xvdf.
 */
export const VOLUME_MOUNTS_SCRIPT: string = `
${SANDBOX}disks() { # the disks below a block device, a folder of /sys: through LVM, RAID and partitions
  if [ -n "$(ls "$1/slaves" 2>/dev/null)" ]; then
    for below in "$1"/slaves/*; do disks "$(readlink -f "$below")"; done
  else
    disk=$1
    if [ -e "$disk/partition" ]; then disk=\${disk%/*}; fi
    echo "\${disk##*/} $(cat "$disk/device/serial" 2>/dev/null)"
  fi
}
while read -r _ _ number _ point _; do
  if [ -n "$sandbox" ]; then
    for device; do [ "$point" != "/mnt/\${device##*/}" ] || echo "$point"; done
    continue
  fi
  folder=$(readlink -f "/sys/dev/block/$number")
  [ -d "$folder" ] || continue
  disks "$folder" | while read -r name serial; do
    set -- "$@"
    while [ $# -gt 1 ]; do
      letter=\${2##*/}; letter=\${letter#xvd}; letter=\${letter#sd}
      if [ "$serial" = "vol\${1#vol-}" ] || [ "$name" = "xvd$letter" ]; then printf '%b\\n' "$point"; fi
      shift 2
    done
  done
done </proc/self/mountinfo
`;
