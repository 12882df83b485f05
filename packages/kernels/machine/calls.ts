/**
 * A list of calls, made one after another: what costs a hot loop in JavaScript one crossing each costs one for all of them. A call may
 * take another's result for an argument, as close(2) takes what openat(2) gave; if that is negative, it is not made, and its result is the
 * same.
 */
import { Assembler, place, r8, r9, r10, r12, rax, rbx, rcx, rdi, rdx, rsi, rsp } from './assembler.ts';
import { ARGUMENTS, CALL_BYTES, RESULT, SYSTEM_CALLS, TAKES, TAKES_INTO, TARGET } from './calls-layout.ts';

/** The next call, and how many are left. */
const [call, left] = [rbx, r12];
const argument = (index: number) => place(call, ARGUMENTS + 8 * index);

/** void run(calls, count): at least one. Returns the code and where it begins. */
export function assembleCalls(): { code: Uint8Array; entries: { run: number } } {
  const x = new Assembler();
  x.enter();
  // The stack at a multiple of 16 bytes where a function is called (System V ABI, 3.2.2).
  x.subtract(rsp, 8);
  x.move(call, rdi);
  x.move(left, rsi);
  const next = x.here();
  const [ready, toFunction, made] = [x.label(), x.label(), x.label()];
  x.move(rax, place(call, TAKES));
  x.compare(rax, 0);
  x.jumpIf('equal', ready);
  x.move(rax, place(rax));
  x.compare(rax, 0);
  x.jumpIf('negative', made);
  x.move(rdx, place(call, TAKES_INTO));
  x.store(place(call, 0, rdx), rax);
  x.here(ready);
  x.move(rdi, argument(0));
  x.move(rsi, argument(1));
  x.move(rdx, argument(2));
  x.move(rcx, argument(3));
  x.move(r8, argument(4));
  x.move(r9, argument(5));
  x.move(rax, place(call, TARGET));
  x.compare(rax, SYSTEM_CALLS);
  x.jumpIf('aboveOrEqual', toFunction);
  x.move(r10, rcx);
  x.systemCall();
  x.jump(made);
  x.here(toFunction);
  x.callAt(rax);
  x.here(made);
  x.store(place(call, RESULT), rax);
  x.add(call, CALL_BYTES);
  x.subtract(left, 1);
  x.jumpIf('notEqual', next);
  x.add(rsp, 8);
  x.leaveIntegers();
  return { code: x.finish(), entries: { run: 0 } };
}
