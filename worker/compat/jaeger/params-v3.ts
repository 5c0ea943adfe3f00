/** Parameters of Jaeger's v3 API (jaeger, `apiv3/http_gateway.go`), in camel case and by their former names, with its errors. */

import type { TraceSearch } from '../../../model/query/conditions.ts';
import { parseGoBool, parseGoDurationUs, parseGoInt, parseGoTextMap, parseGoTimeUs } from '../go-text.ts';
import { boundRange } from '../times.ts';
import { boundLimit, durationBounds, orRefuse, refused } from './params.ts';
import { tagConditions } from './tags.ts';

const DEFAULT_DEPTH = 100;

const SERVICE = ['query.serviceName', 'query.service_name'];
const OPERATION = ['query.operationName', 'query.operation_name', 'query.spanName', 'query.span_name'];
const TIME_MIN = ['query.startTimeMin', 'query.start_time_min'];
const TIME_MAX = ['query.startTimeMax', 'query.start_time_max'];
const DEPTH = ['query.searchDepth', 'query.num_traces', 'query.search_depth'];
const DURATION_MIN = ['query.durationMin', 'query.duration_min'];
const DURATION_MAX = ['query.durationMax', 'query.duration_max'];
const RAW = ['query.rawTraces', 'query.raw_traces'];
const ATTRIBUTES = ['query.attributes'];
const START = ['startTime', 'start_time'];
const END = ['endTime', 'end_time'];

/** `GET /api/v3/traces` and `/api/v3/trace-summaries`. Throws HttpError 400. */
export function parseV3Search(params: URLSearchParams): TraceSearch {
  const service = find(params, SERVICE)?.value;
  const operation = find(params, OPERATION)?.value;
  const attributes = parseIfGiven(params, ATTRIBUTES, parseGoTextMap) ?? new Map<string, string>();
  if (!find(params, TIME_MIN) || !find(params, TIME_MAX)) {
    throw refused(`${TIME_MIN[0]} and ${TIME_MAX[0]} are required`);
  }
  const startUs = parseIfGiven(params, TIME_MIN, parseGoTimeUs)!;
  const endUs = parseIfGiven(params, TIME_MAX, parseGoTimeUs)!;
  if (startUs >= endUs) throw refused(`${TIME_MIN[0]} must be before ${TIME_MAX[0]}`);
  const depth = parseIfGiven(params, DEPTH, (text) => parseGoInt(text, 'Atoi')) ?? DEFAULT_DEPTH;
  const minUs = parseIfGiven(params, DURATION_MIN, parseGoDurationUs) ?? 0;
  const maxUs = parseIfGiven(params, DURATION_MAX, parseGoDurationUs) ?? 0;
  // Times are as they were recorded.
  parseIfGiven(params, RAW, parseGoBool);
  return {
    ...(service ? { service } : {}),
    ...(operation ? { operation } : {}),
    ...durationBounds(minUs, maxUs, `${DURATION_MAX[0]} should be greater than ${DURATION_MIN[0]}`),
    ...tagConditions(attributes),
    ...boundRange(startUs, endUs),
    order: 'newest',
    limit: boundLimit(depth),
  };
}

/** What `GET /api/v3/traces/{id}` may have beside the id: a hint when it was, which is not needed. Throws HttpError 400. */
export function checkV3TraceParams(params: URLSearchParams): void {
  parseIfGiven(params, START, parseGoTimeUs);
  parseIfGiven(params, END, parseGoTimeUs);
  parseIfGiven(params, ['rawTraces', 'raw_traces'], parseGoBool);
}

/** The range of `GET /api/v3/dependencies`. Throws HttpError 400. */
export function parseV3Range(params: URLSearchParams): { startUs: number; endUs: number } {
  const startUs = parseIfGiven(params, START, parseGoTimeUs);
  if (startUs === undefined) throw refused('startTime is required');
  const endUs = parseIfGiven(params, END, parseGoTimeUs);
  if (endUs === undefined) throw refused('endTime is required');
  if (endUs <= startUs) throw refused('endTime must be after startTime');
  return boundRange(startUs, endUs);
}

/** The first name that has a value. */
export function find(params: URLSearchParams, names: readonly string[]): { name: string; value: string } | null {
  for (const name of names) {
    const value = params.get(name);
    if (value) return { name, value };
  }
  return null;
}

function parseIfGiven<T>(params: URLSearchParams, names: readonly string[], parse: (text: string) => T): T | undefined {
  const found = find(params, names);
  return found
    ? orRefuse(
        () => parse(found.value),
        (reason) => `malformed parameter ${found.name}: ${reason}`,
      )
    : undefined;
}
