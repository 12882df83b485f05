/** What instructions of x86-64 work on: registers, vectors, places in memory. */

/** A general register, by its number in the encoding. */
export type Register = { readonly register: number };
/** A vector register, or its lowest bytes. */
export type Vector = { readonly vector: number; readonly bytes: 16 | 32 | 64 };
/** [base + index * scale + displacement]. */
export interface Place {
  readonly base: Register;
  readonly index: Register | null;
  readonly scale: 1 | 2 | 4 | 8;
  readonly displacement: number;
}

export const rax: Register = { register: 0 };
export const rcx: Register = { register: 1 };
export const rdx: Register = { register: 2 };
export const rbx: Register = { register: 3 };
export const rsp: Register = { register: 4 };
export const rbp: Register = { register: 5 };
export const rsi: Register = { register: 6 };
export const rdi: Register = { register: 7 };
export const r8: Register = { register: 8 };
export const r9: Register = { register: 9 };
export const r10: Register = { register: 10 };
export const r11: Register = { register: 11 };
export const r12: Register = { register: 12 };
export const r13: Register = { register: 13 };
export const r14: Register = { register: 14 };
export const r15: Register = { register: 15 };

/** What the System V ABI (3.2.1) has a function leave as it was, rsp aside. */
export const CALLEE_SAVED: readonly Register[] = [rbx, rbp, r12, r13, r14, r15];

export const xmm = (vector: number): Vector => ({ vector, bytes: 16 });
export const ymm = (vector: number): Vector => ({ vector, bytes: 32 });
export const zmm = (vector: number): Vector => ({ vector, bytes: 64 });

export function place(
  base: Register,
  displacement = 0,
  index: Register | null = null,
  scale: Place['scale'] = 1,
): Place {
  return { base, index, scale, displacement };
}
