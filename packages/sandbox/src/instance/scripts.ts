/**
 * The shell programs of a machine. They need util-linux and a POSIX shell, both of this system.
 *
 * Protocol with the sandbox: standard input is a pipe that stays open as long as the sandbox lives; file
 * descriptor 3 receives "pid N" (as the sandbox sees it) and then "ready".
 */

/**
 * First stage of a namespace machine: builds the root from the root volume ($1, with host name $2), this
 * system's read-only programs, and further volumes ($3 $4, $5 $6 ...: directory, path inside); then moves into it.
 * $ELEVATE, when set, is a `setpriv` to be put where `sudo` finds it: on a file system that exists inside alone.
 * $REAL_ROOT is set where root inside is this system's root: then nothing of this system may stay writable, neither
 * its programs, with what is mounted below them, nor the kernel's settings; else the machine does not start.
 */
export const NAMESPACE_BOOT: string = `
set -eu
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
while [ $# -gt 1 ]; do
  mkdir -p "$root$2"
  mount --bind "$1" "$root$2"
  shift 2
done
hostname "$name" 2>/dev/null || :
cd "$root"
pivot_root . run/oldroot
cd /
umount -l /run/oldroot
rmdir /run/oldroot
unset ELEVATE REAL_ROOT
shell=/bin/sh
[ -x /bin/bash ] && shell=/bin/bash   # collects the dead children that it inherits as process 1
exec "$shell" -c "$MACHINE_INIT" init
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
