/** The numbers of system calls on x86-64, the only machine that has lists of calls (arch/x86/entry/syscalls/syscall_64.tbl). */
export const SYSTEM_CALLS = {
  read: 0,
  write: 1,
  close: 3,
  fchmod: 91,
  fchown: 93,
  llistxattr: 195,
  openat: 257,
  linkat: 265,
  utimensat: 280,
  statx: 332,
  io_uring_setup: 425,
  io_uring_enter: 426,
} as const;
