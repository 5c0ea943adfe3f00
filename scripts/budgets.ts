import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ROOT } from './run.ts';

/** A built file and what it may weigh, gzipped. Without a limit its size is only reported. */
export interface Budget {
  readonly name: string;
  /** Relative to the repository; a glob stands for the sum of its files. */
  readonly files: readonly string[];
  readonly maxGzipBytes?: number;
}

/** What pages download and what Cloudflare starts: `npm run check` fails when one is exceeded. */
export const BUDGETS: readonly Budget[] = [
  { name: 'SDK on the page', files: ['dist/site/sdk/tailrace.js'], maxGzipBytes: 7.7 * 1024 },
  { name: 'recorder worker', files: ['dist/site/sdk/recorder.js'], maxGzipBytes: 10 * 1024 },
  { name: 'steering', files: ['dist/site/sdk/steering.js'], maxGzipBytes: 3 * 1024 },
  { name: 'edge Worker', files: ['dist/worker/index.js'], maxGzipBytes: 1_000_000 },
  { name: 'UI', files: ['dist/site/assets/*.js', 'dist/site/assets/*.css'] },
];

export interface Measured extends Budget {
  readonly gzipBytes: number;
  readonly over: boolean;
}

/** @throws when a built file with a limit is not there. */
export function measure(budget: Budget, glob: (pattern: string) => string[]): Measured {
  const files = budget.files.flatMap(glob);
  if (files.length === 0 && budget.maxGzipBytes !== undefined) {
    throw new Error(`${budget.files.join(', ')} was not built`);
  }
  const gzipBytes = files
    .map((file) => gzipSync(readFileSync(join(ROOT, file)), { level: 9 }).length)
    .reduce((sum, bytes) => sum + bytes, 0);
  return { ...budget, gzipBytes, over: gzipBytes > (budget.maxGzipBytes ?? Number.POSITIVE_INFINITY) };
}

/** `SDK on the page 6,512 of 7,168 B`. */
export function formatMeasured({ name, gzipBytes, maxGzipBytes, over }: Measured): string {
  const size = gzipBytes.toLocaleString('en');
  if (maxGzipBytes === undefined) return `${name} ${size} B`;
  return `${name} ${size} of ${maxGzipBytes.toLocaleString('en')} B${over ? ': too much' : ''}`;
}
