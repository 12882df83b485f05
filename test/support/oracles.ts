/**
 * Programs that Hostark is held against. Where one is missing its tests are skipped by name, unless
 * HOSTARK_REQUIRE_ORACLES is set: then they run, and fail.
 */
import { spawnSync } from 'node:child_process';

const required = (process.env.HOSTARK_REQUIRE_ORACLES ?? '') !== '';

/** True when tests against stock restic are to be skipped. */
export const withoutRestic: boolean = !required && spawnSync('restic', ['version']).status !== 0;
