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

/** Which metric a path names; null where it is none. Throws HttpError 400. */
export function parseMetric(name: string, params: URLSearchParams): Metric | null {
  if (name === 'calls' || name === 'errors') return { of: name };
  if (name !== 'latencies') return null;
  const quantile = parseIfGiven(params, 'quantile', parseGoFloat);
  if (quantile !== undefined) return { of: 'latencies', quantile: Math.min(1, Math.max(0, quantile)) };
  throw refused(`unable to parse param 'quantile': strconv.ParseFloat: parsing "": invalid syntax`);
}

/** Times are milliseconds. A step is a minute at least, and there are 1,000 points at most. Throws HttpError 400. */
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
  const windowMs = parseIfGiven(params, 'ratePer', parseGoInt) ?? DEFAULT_WINDOW_MS;
  const rangeMs = Math.min(Math.max(0, lookbackMs), MAX_SEARCH_RANGE_US / 1000);
  const stepMs = Math.max(askedMs, MIN_STEP_MS, Math.ceil(rangeMs / (MAX_POINTS - 1)));
  const count = Math.floor(rangeMs / stepMs) + 1;
  return {
    services,
    kinds: kinds.length > 0 ? kinds : ['server'],
    byOperation,
    pointsUs: Array.from({ length: count }, (_, i) => microsOf(endMs - rangeMs + i * stepMs)),
    windowUs: Math.min(Math.max(windowMs, MIN_STEP_MS), MAX_SEARCH_RANGE_US / 1000) * 1000,
  };
}
