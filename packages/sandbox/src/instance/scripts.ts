/**
 * The shell programs of a machine. They need util-linux and a POSIX shell, both of this system.
 *
 * Protocol with the sandbox: standard input is a pipe that stays open as long as the sandbox lives; file
 * descriptor 3 receives "pid N" (as the sandbox sees it) and then "ready".
 */

/**
 * `put KIND DIRECTORY PATH` mounts a directory inside the root ($root). A link in the root volume must not lead out of
 * it, so the machine's own root resolves the path. A `disk` is mounted through an overlay with nothing below it: that
 * gives it a device number of its own, and its files lie in the directory as ever. Where that cannot be had (the
 * directory is on an overlay itself, an old kernel) it is bound like a `folder`, with this system's device number.
 */
const PUT = `
place() { chroot "$root" /bin/sh -c 'mkdir -p "$1" && readlink -f "$1"' place "$1"; }
put() {
  at=$root$(place "$3")
  if [ "$1" = disk ]; then
    mkdir -p "$2.overlay/below" "$2.overlay/work"
    layers=lowerdir=$2.overlay/below,upperdir=$2,workdir=$2.overlay/work
    [ -n "\${REAL_ROOT:-}" ] || layers=$layers,userxattr
    if mount -t overlay "\${2##*/}" -o "$layers" "$at" 2>/dev/null; then return; fi
  fi
  mount --bind "$2" "$at"
}
`;

/**
 * First stage of a namespace machine: builds the root from the root volume ($1, with host name $2), this
 * system's read-only programs, and further volumes ($3 $4 $5, ...: kind, directory, path inside); then moves into it.
 * $ELEVATE, when set, is a `setpriv` to be put where `sudo` finds it: on a file system that exists inside alone.
 * $REAL_ROOT is set where root inside is this system's root: then nothing of this system may stay writable, neither
 * its programs, with what is mounted below them, nor the kernel's settings; else the machine does not start.
 *
 * The second stage moves into a mount namespace of its own that follows this one: `unshare` stays here, where the
 * whole system is still in sight, and what is mounted below the root here later appears there (VOLUME_ATTACH).
 */
export const NAMESPACE_BOOT: string = `
set -eu
${PUT}
read -r pid rest </proc/self/stat   # the old /proc still counts as the sandbox does
echo "pid $pid" >&3
root=$1; name=$2; shift 2
mount --bind "$root" "$root"
readonly_bind() {
  mkdir -p "$root$1"
  mount --rbind "$1" "$root$1"
  readonly_below "$root$1"
}
readonly_below() {
  while read -r _ _ _ _ point _; do
    point=$(printf '%b' "$point")   # the table writes spaces as \\040
    case $point in
      "$1"|"$1"/*) mount -o remount,bind,ro "$point" 2>/dev/null || [ -z "\${REAL_ROOT:-}" ] ;;
    esac
  done </proc/self/mountinfo
}
for d in /usr /bin /sbin /lib /lib32 /lib64 /libx32; do
  if [ -L "$d" ]; then ln -sfn "$(readlink "$d")" "$root$d"
  elif [ -d "$d" ]; then readonly_bind "$d"
  fi
done
for d in /nix /gnu /etc/alternatives /etc/ssl /etc/pki /etc/ca-certificates /etc/crypto-policies /etc/terminfo; do
  if [ -d "$d" ] && [ ! -L "$d" ]; then readonly_bind "$d"; fi
done
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for n in null zero full random urandom tty; do
  : >"$root/dev/$n"
  mount --bind "/dev/$n" "$root/dev/$n"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts" || :
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t proc proc "$root/proc"
if [ -n "\${REAL_ROOT:-}" ]; then
  for d in sys irq bus sysrq-trigger; do
    if [ -e "$root/proc/$d" ]; then mount --bind "$root/proc/$d" "$root/proc/$d"; readonly_below "$root/proc/$d"; fi
  done
fi
if mount --rbind /sys "$root/sys" 2>/dev/null; then readonly_below "$root/sys"; fi
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/lock" "$root/run/sandbox" "$root/run/oldroot"
if [ -n "\${ELEVATE:-}" ]; then
  cp "$ELEVATE" "$root/run/sandbox/elevate"
  chmod 4755 "$root/run/sandbox/elevate"
fi
# The real fsfreeze would freeze this system's file system below the volume.
for d in /usr/sbin /usr/bin /sbin /bin; do
  if [ -e "$root$d/fsfreeze" ] && [ ! -L "$root$d" ]; then
    mount --bind "$root/opt/sandbox/bin/fsfreeze" "$root$d/fsfreeze"
    mount -o remount,bind,ro "$root$d/fsfreeze"
  fi
done
while [ $# -gt 2 ]; do
  put "$1" "$2" "$3"
  shift 3
done
hostname "$name" 2>/dev/null || :
mount --make-shared "$root"
cd "$root"
exec unshare --mount --propagation slave /bin/sh -c "$MACHINE_ENTER" enter
`;

/** Between the stages: leaves everything behind that is not the machine's. Starts in the new root. */
export const NAMESPACE_ENTER: string = `
set -eu
pivot_root . run/oldroot
cd /
umount -l /run/oldroot
rmdir /run/oldroot
unset ELEVATE REAL_ROOT MACHINE_ENTER
shell=/bin/sh
[ -x /bin/bash ] && shell=/bin/bash   # collects the dead children that it inherits as process 1
exec "$shell" -c "$MACHINE_INIT" init
`;

/** Mounts directory $3, as kind $2, at $4 of the machine with root $1; runs in the outer of its mount namespaces. */
export const VOLUME_ATTACH: string = `
set -eu
${PUT}
root=$1
put "$2" "$3" "$4"
`;

/** Takes away what is mounted at $2 of the machine with root $1; $3 may be \`-l\`. Status 32 when it is busy. */
export const VOLUME_DETACH: string = `
set -eu
${PUT}
root=$1
at=$root$(place "$2")
umount $3 "$at"
`;

/** Runs user data once in a machine's life; its output goes to the console. Needs $data, the machine's directory for it. */
const USER_DATA = `
if [ -f "$data/user-data.sh" ] && [ ! -e "$data/user-data.done" ]; then
  : >"$data/user-data.done"
  (
    "$data/user-data.sh" </dev/null 3>&- || echo "user data failed with status $?"
    echo "user data finished"
  ) &
fi
`;

/** Second stage of a namespace machine, process 1 inside its root. Its end is the end of the machine. */
export const NAMESPACE_INIT: string = `
unset MACHINE_INIT
data=/var/lib/cloud
echo ready >&3
${USER_DATA}
exec 3>&-
while read -r line; do :; done
`;

/**
 * First process of a folder machine; $1 is the folder. When the sandbox goes, it ends every process that
 * carries the machine's mark in its environment, itself last.
 */
export const FOLDER_INIT: string = `
data=$1/var/lib/cloud
echo "pid $$" >&3
echo ready >&3
${USER_DATA}
exec 3>&-
while read -r line; do :; done
for p in /proc/[0-9]*; do
  n=\${p#/proc/}
  [ "$n" = "$$" ] || { grep -qs "^HOSTARK_SANDBOX_MACHINE=$HOSTARK_SANDBOX_MACHINE$" -z "$p/environ" && kill -9 "$n" 2>/dev/null; }
done
`;

/** Starts a login: home directory first, then the user's shell with the command, as sshd does. */
export const LOGIN: string = `cd "$HOME" 2>/dev/null || cd /
if [ $# -gt 0 ]; then exec "$SHELL" -c "$1"; else exec "$SHELL" -l; fi`;

/**
 * Stand-in for sudo: any login may become any user without a password. Without real root all users share one
 * id, so only the names and the home change. Options that take no part are read and dropped.
 */
export const SUDO: string = `#!/bin/sh
# Hostark sandbox: stands in for sudo.
user=root
shell=no
while [ $# -gt 0 ]; do
  case $1 in
    -u|--user) user=$2; shift 2 ;;
    --user=*) user=\${1#--user=}; shift ;;
    -g|-p|-C|-D|-T|-R|--group|--prompt) shift 2 ;;
    -l|-v|-k|-K) exit 0 ;;
    -i|-s|--login|--shell) shell=yes; shift ;;
    --) shift; break ;;
    -*) shift ;;
    [A-Za-z_]*=*) export "$1"; shift ;;
    *) break ;;
  esac
done
entry=$(grep "^$user:" "\${SANDBOX_ROOT:-}/etc/passwd") || { echo "sudo: unknown user $user" >&2; exit 1; }
id=$(echo "$entry" | cut -d: -f3)
home=$(echo "$entry" | cut -d: -f6)
export HOME="\${SANDBOX_ROOT:-}$home" USER="$user" LOGNAME="$user"
if [ "$shell" = yes ]; then
  if [ $# -gt 0 ]; then set -- "$SHELL" -c "$*"; else set -- "$SHELL"; fi
fi
[ $# -gt 0 ] || { echo "usage: sudo [-u user] command" >&2; exit 1; }
if [ -x /run/sandbox/elevate ] && [ "$(id -u)" != "$id" ]; then
  exec /run/sandbox/elevate --reuid="$id" --regid="$id" --init-groups -- "$@"
fi
exec "$@"
`;

/**
 * Stand-in for fsfreeze(8): keeps a list of what is frozen, with the program's own answers and errors, and does not
 * hold up writers: a volume of the sandbox is a folder of this system's file system. Snapshots stop all processes of
 * the machine while they copy, so they are of one moment either way. The log tells who froze what, and when.
 */
export const FSFREEZE: string = `#!/bin/sh
# Hostark sandbox: stands in for fsfreeze; records and does not block.
fail() { echo "fsfreeze: $*" >&2; exit 1; }
action=
point=
while [ $# -gt 0 ]; do
  case $1 in
    -f|--freeze) [ -z "$action" ] || fail "mutually exclusive arguments: --freeze --unfreeze"; action=freeze ;;
    -u|--unfreeze) [ -z "$action" ] || fail "mutually exclusive arguments: --freeze --unfreeze"; action=unfreeze ;;
    -h|--help) echo "Usage: fsfreeze [options] <mountpoint>"; exit 0 ;;
    -V|--version) echo "fsfreeze from the Hostark sandbox"; exit 0 ;;
    --) ;;
    -*) fail "unrecognized option '$1'" ;;
    *) [ -z "$point" ] || fail "unexpected number of arguments"; point=$1 ;;
  esac
  shift
done
[ -n "$action" ] || fail "neither --freeze or --unfreeze specified"
[ -n "$point" ] || fail "no filename specified"
[ -e "$point" ] || fail "cannot open $point: No such file or directory"
[ -d "$point" ] || fail "$point: is not a directory"
state=\${SANDBOX_ROOT:-}/run/sandbox/frozen
[ -w "$state" ] || fail "$point: $action failed: Operation not permitted"
if [ -n "\${SANDBOX_ROOT:-}" ]; then
  mount=$(cd "$point" && pwd)
  mount=\${mount#"$SANDBOX_ROOT"}
  mount=/$(echo "\${mount#/}" | grep -o '^mnt/[^/]*')
else
  # Volumes lie on one file system, so stat cannot tell them apart; the table of mounts can.
  path=$(readlink -f "$point")
  mount=/
  while read -r _ _ _ _ at _; do
    case $path/ in "$at"/*) [ \${#at} -lt \${#mount} ] || mount=$at ;; esac
  done </proc/self/mountinfo
  case $(stat -f -c %T "$point") in
    tmpfs|proc|sysfs|devpts|cgroup*) fail "$point: $action failed: Operation not supported" ;;
  esac
fi
record=$state/$(printf %s "$mount" | sed 's/%/%25/g; s,/,%2F,g')
if [ "$action" = freeze ]; then
  ( set -C; : >"$record" ) 2>/dev/null || fail "$point: freeze failed: Device or resource busy"
else
  [ -e "$record" ] || fail "$point: unfreeze failed: Invalid argument"
  rm "$record"
fi
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $action $mount" >>"$state/log"
`;
