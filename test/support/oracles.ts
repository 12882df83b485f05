/**
 * Programs that Hostark is held against. Where one is missing its tests are skipped by name, unless
 * HOSTARK_REQUIRE_ORACLES is set: then they run, and fail.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const required = (process.env.HOSTARK_REQUIRE_ORACLES ?? '') !== '';

/** True when tests against stock restic are to be skipped. */
export const withoutRestic: boolean = !required && spawnSync('restic', ['version']).status !== 0;
/** True when tests on an emulated arm64 processor are to be skipped. */
export const withoutQemu: boolean =
  !required &&
  (spawnSync('qemu-aarch64', ['--version']).status !== 0 || !existsSync('/usr/aarch64-linux-gnu/lib/libstdc++.so.6'));
