/** The numbers of system calls on x86-64, the only machine that has lists of calls (arch/x86/entry/syscalls/syscall_64.tbl). */
export const SYSTEM_CALLS = {
  read: 0,
  close: 3,
  llistxattr: 195,
  openat: 257,
  statx: 332,
  io_uring_setup: 425,
  io_uring_enter: 426,
} as const;
