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
  { name: 'SDK on the page', files: ['dist/site/sdk/tailrace.js'], maxGzipBytes: 12 * 1024 },
  { name: 'recorder', files: ['dist/site/sdk/recorder.js'], maxGzipBytes: 13_952 },
  { name: 'a worker of the page', files: ['dist/site/sdk/producer.js'], maxGzipBytes: 10_240 },
  { name: 'steering', files: ['dist/site/sdk/steering.js'], maxGzipBytes: 3 * 1024 },
  { name: 'edge Worker', files: ['dist/worker/index.js'], maxGzipBytes: 1_000_000 },
  { name: 'UI', files: ['dist/site/assets/*.js', 'dist/site/assets/*.css'] },
];

/**
 * What a page downloads in any case: `init`, tracer, sampling, batches, exit. The aim is 5 KiB; 0.8 KB of it encode what is sent by a page
 * that is left before its recorder is there.
 */
export const PAGE_CORE_BYTES: number = 5_824;

/** What of `recorder.js` runs in a worker; the rest is the page's half. */
export const WORKER_BYTES: number = 9 * 1024;

/** A part of the page's SDK that can be switched off. */
export interface PageFeature {
  readonly name: string;
  /** Its functions are what `init` calls to switch it on. */
  readonly module: string;
  /** What it may add to the core. */
  readonly maxGzipBytes: number;
}

export const PAGE_FEATURES: readonly PageFeature[] = [
  { name: 'fetch', module: 'client/instrument/fetch.ts', maxGzipBytes: 1024 },
  { name: 'clicks', module: 'client/instrument/click.ts', maxGzipBytes: 896 },
  { name: 'redaction', module: 'client/api/redact.ts', maxGzipBytes: 128 },
  { name: 'document load', module: 'client/instrument/document-load.ts', maxGzipBytes: 256 },
];

export interface Measured {
  readonly name: string;
  readonly gzipBytes: number;
  readonly maxGzipBytes: number | undefined;
  readonly over: boolean;
}

export function compare(name: string, gzipBytes: number, maxGzipBytes: number | undefined): Measured {
  return { name, gzipBytes, maxGzipBytes, over: gzipBytes > (maxGzipBytes ?? Number.POSITIVE_INFINITY) };
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
  return compare(budget.name, gzipBytes, budget.maxGzipBytes);
}

/** `SDK on the page 6,512 of 7,168 B`. */
export function formatMeasured({ name, gzipBytes, maxGzipBytes, over }: Measured): string {
  const size = gzipBytes.toLocaleString('en');
  if (maxGzipBytes === undefined) return `${name} ${size} B`;
  return `${name} ${size} of ${maxGzipBytes.toLocaleString('en')} B${over ? ': too much' : ''}`;
}
