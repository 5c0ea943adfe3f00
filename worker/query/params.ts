/** Query parameters of the native API, with errors that name the parameter and show what would be right. */

import { DEFAULT_SEARCH_LIMIT, MAX_SEARCH_LIMIT } from '../../model/limits.ts';
import type { SortKey, TraceQuery } from '../../store/store.ts';
import { bad, type Params, parseDuration, parseTime } from './time-params.ts';

const DEFAULT_RANGE_US = 3_600_000_000;
const KNOWN = new Set([
  'service',
  'operation',
  'minDuration',
  'maxDuration',
  'status',
  'start',
  'end',
  'limit',
  'cursor',
]);

/** The query of `GET /api/traces`. Throws HttpError 400 `bad_parameter`. */
export function parseTraceQuery(params: Params, nowMs: number): TraceQuery {
  for (const name of Object.keys(params)) {
    if (!KNOWN.has(name)) throw bad(name, `is not known; known are ${[...KNOWN].join(', ')}`);
  }
  const endUs = parseTime(params, 'end') ?? nowMs * 1000;
  const startUs = parseTime(params, 'start') ?? endUs - DEFAULT_RANGE_US;
  if (startUs > endUs) throw bad('start', 'is after end');
  return {
    ...optional('service', params.service || undefined),
    ...optional('operation', params.operation || undefined),
    ...optional('minDurationUs', parseDuration(params, 'minDuration')),
    ...optional('maxDurationUs', parseDuration(params, 'maxDuration')),
    ...optional('status', parseStatus(params.status)),
    ...optional('after', params.cursor ? parseCursor(params.cursor) : undefined),
    startUs,
    endUs,
    limit: parseLimit(params.limit),
  };
}

/** An opaque cursor for what comes after `key`. */
export function formatCursor({ startUs, traceId }: SortKey): string {
  return `${startUs.toString(36)}-${traceId}`;
}

function parseCursor(text: string): SortKey {
  const match = /^([0-9a-z]{1,12})-([0-9a-f]{32})$/.exec(text);
  if (!match) throw bad('cursor', 'is not one that this API gave out');
  return { startUs: Number.parseInt(match[1]!, 36), traceId: match[2]! };
}

function parseStatus(text: string | undefined): 'ok' | 'error' | undefined {
  if (!text) return undefined;
  if (text !== 'ok' && text !== 'error') throw bad('status', `is ${JSON.stringify(text)}; want ok or error`);
  return text;
}

function parseLimit(text: string | undefined): number {
  if (!text) return DEFAULT_SEARCH_LIMIT;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_SEARCH_LIMIT) {
    throw bad('limit', `is ${JSON.stringify(text)}; want 1 to ${MAX_SEARCH_LIMIT}`);
  }
  return limit;
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]: V });
}
