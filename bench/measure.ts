/** What the ingest benchmarks share: servers in folders of their own, and the words for what was measured. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalEdge, startLocal } from '../scripts/local.ts';
import type { LoadResult } from './load.ts';
import { SPANS_PER_REQUEST } from './request-template.ts';

export function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.floor((sorted.length - 1) * p)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

/** Spans a second that were answered 200. */
export function rateOf({ statuses, seconds }: LoadResult): number {
  return ((statuses.get(200) ?? 0) * SPANS_PER_REQUEST) / seconds;
}

/** Runs `work` against a server that has a new folder for its state, and ends both. */
export async function withServer<T>(
  start: (stateDir: string) => Promise<LocalEdge>,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const stateDir = mkdtempSync(join(tmpdir(), 'tailrace-bench-'));
  const server = await start(stateDir);
  try {
    return await work(server.url);
  } finally {
    await server.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** The edge with this configuration, without miniflare's router of static files, which a bare Worker does not pay for either. */
export const edgeWith =
  (config: object, options: { readonly module?: string } = {}) =>
  (stateDir: string): Promise<LocalEdge> =>
    startLocal({
      stateDir,
      assets: false,
      vars: { TAILRACE_OPEN: '1', TAILRACE_CONFIG: JSON.stringify(config) },
      ...options,
    });

/** CPU time of processes, garbage collection included: others on the machine do not count. */
export function cpuMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}

/** One sample of `/metrics`. */
export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

export const whole = (value: number) => Math.round(value).toLocaleString('en');

/** `, 3 not accepted (200 40 429 3)`, or nothing. */
export function formatOthers({ requests, statuses }: LoadResult): string {
  const others = requests - (statuses.get(200) ?? 0);
  return others > 0 ? `, ${others} not accepted (${[...statuses].join(' ')})` : '';
}
