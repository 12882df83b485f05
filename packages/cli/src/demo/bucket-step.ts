/** Step 1: the bucket. */
import { createBucket, planBucket } from '@hostark/cloud';
import type { DemoState, Say } from './stage.ts';

export interface DemoBucket {
  readonly name: string;
  readonly bytesMoved: number;
}

export async function bucketStep({ cloud }: DemoState, say: Say): Promise<DemoBucket> {
  const plan = await planBucket(cloud.clients, { name: `hostark-demo-${process.pid}-${Date.now().toString(36)}` });
  const report = await createBucket(cloud.clients, plan, { ...cloud, onEvent: () => {} });
  say(`bucket ${report.name} in ${report.region}`);
  for (const setting of report.settings) say(`set ${setting.summary}`);
  return { name: report.name, bytesMoved: 0 };
}
