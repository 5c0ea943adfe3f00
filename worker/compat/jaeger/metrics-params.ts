import { MAX_SEARCH_RANGE_US } from '../../../model/limits.ts';
import { SPAN_KINDS } from '../../../model/span.ts';
import { parseGoBool, parseGoFloat, parseGoInt } from '../go-text.ts';
import { microsOf } from '../times.ts';
import type { Metric, MetricsQuery } from './metrics.ts';
import { parseIfGiven, refused } from './params.ts';

/** What statistics are counted by. */
export const MIN_STEP_MS = 60_000;
const DEFAULT_LOOKBACK_MS = 3_600_000;
const DEFAULT_STEP_MS = 5_000;
const DEFAULT_WINDOW_MS = 600_000;
const MAX_POINTS = 1_000;
const MAX_RANGE_MS = MAX_SEARCH_RANGE_US / 1000;

/** Which metric a path names; null where it is none. Throws HttpError 400. */
export function parseMetric(name: string, params: URLSearchParams): Metric | null {
  if (name === 'calls' || name === 'errors') return { of: name };
  if (name !== 'latencies') return null;
  const quantile = parseIfGiven(params, 'quantile', parseGoFloat);
  if (quantile !== undefined) return { of: 'latencies', quantile: Math.min(1, Math.max(0, quantile)) };
  throw refused(`unable to parse param 'quantile': strconv.ParseFloat: parsing "": invalid syntax`);
}

/**
 * Times are milliseconds; points are at multiples of a step or of the window, whichever is shorter, and the other is a multiple of
 * it, so that what is rolled up need not be taken apart. A step is a minute at least, and there are 1,000 points at most.
 * Throws HttpError 400.
 */
export function parseMetricsQuery(params: URLSearchParams, nowMs: number): MetricsQuery {
  const services = params.getAll('service');
  if (services.length === 0) throw refused("unable to parse param 'service': please provide at least one service name");
  const byOperation = parseIfGiven(params, 'groupByOperation', parseGoBool) ?? false;
  const kinds = params.getAll('spanKind').map((name) => {
    const kind = SPAN_KINDS.find((known) => name === `SPAN_KIND_${known.toUpperCase()}`);
    if (!kind) throw refused(`unable to parse param 'spanKind': unsupported span kind: '${name}'`);
    return kind;
  });
  const endMs = parseIfGiven(params, 'endTs', parseGoInt) ?? nowMs;
  const lookbackMs = parseIfGiven(params, 'lookback', parseGoInt) ?? DEFAULT_LOOKBACK_MS;
  const askedMs = parseIfGiven(params, 'step', parseGoInt) ?? DEFAULT_STEP_MS;
  const ratePerMs = parseIfGiven(params, 'ratePer', parseGoInt) ?? DEFAULT_WINDOW_MS;
  const rangeMs = Math.min(Math.max(0, lookbackMs), MAX_RANGE_MS);
  const leastMs = roundUp(Math.max(askedMs, rangeMs / (MAX_POINTS - 1)), MIN_STEP_MS);
  const windowMs = roundUp(Math.min(ratePerMs, MAX_RANGE_MS), MIN_STEP_MS);
  const stepMs = leastMs > windowMs ? roundUp(leastMs, windowMs) : leastMs;
  const gridUs = Math.min(stepMs, windowMs) * 1000;
  const lastUs = Math.floor(microsOf(endMs) / gridUs) * gridUs;
  const count = Math.min(Math.floor(rangeMs / stepMs), Math.floor(lastUs / (stepMs * 1000))) + 1;
  return {
    services,
    kinds: kinds.length > 0 ? kinds : ['server'],
    byOperation,
    pointsUs: Array.from({ length: count }, (_, i) => lastUs - (count - 1 - i) * stepMs * 1000),
    windowUs: roundUp(windowMs, Math.min(stepMs, windowMs)) * 1000,
    gridUs,
  };
}

/** To a multiple of `unit`, and one at least. */
function roundUp(value: number, unit: number): number {
  return Math.max(1, Math.ceil(value / unit)) * unit;
}
