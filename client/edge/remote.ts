/**
 * What the edge tells this isolate of how to record (`GET /v1/config`): asked for when an answer says that there is another, and
 * now and then while it says something, because a Worker that sends nothing hears nothing. Routes are for pages: what a
 * request's route is, is not known when its trace begins.
 */

import { NO_SDK_CONFIG, parseDirectives, parseSdkConfig, type SdkConfig } from '../../model/sdk-config.ts';
import { nowUs } from './clock.ts';
import type { ResolvedOptions } from './options.ts';

const TIMEOUT_MS = 5_000;
/** Isolates of the edge may disagree for a few seconds. */
const MIN_INTERVAL_MS = 5_000;
const POLL_MS = 60_000;

let known: SdkConfig = NO_SDK_CONFIG;
let askedMs = Number.NEGATIVE_INFINITY;

/** The share of traces to record now, 0 to 1; `own` is what the Worker's options say. */
export function sampleRateNow(own: number): number {
  const { paused, boost, sampleRate = own } = known;
  if (paused) return 0;
  return boost && boost.untilMs > nowUs() / 1_000 ? boost.sampleRate : sampleRate;
}

export function isPaused(): boolean {
  return known.paused;
}

/** Does as the header of an answer says. Never rejects. To be called outside traced requests. */
export async function followDirectives(options: ResolvedOptions, header: string | null): Promise<void> {
  const { config } = parseDirectives(header);
  if (config !== null && config !== known.version && isDue(MIN_INTERVAL_MS)) await ask(options);
}

/** True where the edge has said something that may have changed. Then `ask` is to be called. */
export function isToBeAsked(): boolean {
  return known !== NO_SDK_CONFIG && isDue(POLL_MS);
}

/** Never rejects: as long as there is no answer, what is known stands. To be called outside traced requests. */
export async function ask(options: ResolvedOptions): Promise<void> {
  askedMs = nowUs() / 1_000;
  try {
    const headers: Record<string, string> = options.key === '' ? {} : { authorization: `Bearer ${options.key}` };
    const url = options.tracesUrl.replace(/traces$/, 'config');
    const request = new Request(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
    const response = await (options.exporter ? options.exporter.fetch(request) : fetch(request));
    if (response.ok) known = parseSdkConfig(await response.json()) ?? known;
  } catch {
    // The next answer says again that there is another.
  }
}

function isDue(intervalMs: number): boolean {
  return Math.abs(nowUs() / 1_000 - askedMs) >= intervalMs;
}
