/**
 * A vitest reporter that lists by name what was skipped, at the end: an ordinary user's machine skips what needs root
 * or a newer Node. With HOSTARK_REQUIRE_ORACLES set, tests themselves fail instead of skipping for a missing oracle.
 */
export default class ListSkipped {
  onTestRunEnd(modules) {
    const names = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map(
        (test) => `${module.relativeModuleId ?? module.moduleId}: ${test.fullName}`,
      ),
    );
    if (names.length === 0) return;
    console.log(`\nskipped here, ${names.length}:`);
    for (const name of names) console.log(`  ${name}`);
  }
}
