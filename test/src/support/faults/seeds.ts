import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { checkout } from '../checkout.js';
import { chooseSeed } from '../seeded-random.js';
import type { FaultStage } from './fault-stage.js';
import type { Violation } from './invariants.js';

/** One line of the file that `npm run test:faults` reads. */
export interface SeedResult {
  readonly fault: string;
  readonly seed: number;
  readonly violations: number;
  readonly ms: number;
  /** What has a bound, and how long it took. */
  readonly times: readonly { readonly what: string; readonly ms: number }[];
}

/** The seeds of this run: WOMBAT_FAULT_SEEDS many, from WOMBAT_SEED on or from anywhere. */
export function seedsOfRun(byDefault: number): number[] {
  const first = Number(chooseSeed());
  const amount = Number(process.env['WOMBAT_FAULT_SEEDS'] || byDefault);
  return Array.from({ length: amount }, (_, index) => first + index);
}

/** Runs the seeds of a fault one after another, and judges each by the invariants. */
export async function runSeeds(t: Test, stage: FaultStage, fault: string, seeds: readonly number[], run: (t: Test, seed: number) => Promise<string>): Promise<void> {
  for (const seed of seeds) {
    await t.test(`${fault} with seed ${seed}`, async (t) => {
      const begunAt = performance.now();
      const done = await run(t, seed);
      const violations = await stage.judge();
      if (violations.length > 0) t.comment(`observations: ${keep(stage, fault, seed)}`);
      t.strictSame(violations.map(tell), [], `${done}: no invariant is violated`);
      noteResult({ fault, seed, violations: violations.length, ms: Math.round(performance.now() - begunAt), times: timesOf(stage) });
    });
  }
}

function tell({ invariant, what }: Violation): string {
  return `${invariant} ${what}`;
}

function timesOf({ observations }: FaultStage): SeedResult['times'] {
  return observations.all.flatMap((each) => (each.kind === 'time' ? [{ what: each.what, ms: each.ms }] : []));
}

function keep(stage: FaultStage, fault: string, seed: number): string {
  const file = join(checkout, 'test-results', 'faults', `${fault}-${seed}.jsonl`);
  stage.keep(file);
  return file;
}

/** Where `npm run test:faults` reads it; elsewhere nowhere. */
export function noteResult(result: SeedResult): void {
  const file = process.env['WOMBAT_FAULT_RESULTS'];
  if (file) appendFileSync(file, `${JSON.stringify(result)}\n`);
}
