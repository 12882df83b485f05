/** What every check of the doctor gets and answers. */
import type { CommandContext } from '../../context.ts';
import type { Cloud, CloudFlags } from '../../hosts/cloud.ts';
import type { GlobalFlags } from '../../repository/settings.ts';

export interface DoctorFlags extends CloudFlags {
  readonly bucket?: string;
  readonly host?: string;
}

export interface Examination {
  readonly context: CommandContext;
  readonly flags: DoctorFlags & GlobalFlags;
  /** Opens the cloud when a check first needs it; every check gets the same one. */
  readonly cloud: () => Promise<Cloud>;
}

export interface CheckResult {
  /** `warning` is told and does not count against the health; `skipped` could not be looked at, and says why. */
  readonly state: 'ok' | 'warning' | 'problem' | 'skipped';
  readonly found: string;
  readonly fix?: string;
}

/** One check: a name for people and programs, and what it looks at. What it throws is its problem, with its hint as the fix. */
export interface Check {
  readonly name: string;
  /** Whether without it there is no point in asking the cloud anything more. */
  readonly opensCloud?: boolean;
  readonly needsCloud?: boolean;
  run(examination: Examination): Promise<CheckResult>;
}
