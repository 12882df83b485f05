/** The version of this program, also written into snapshots. */
export const VERSION = '0.1.0';
