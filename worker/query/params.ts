/** Query parameters of the native API, with errors that name the parameter and show what would be right. */

import { DEFAULT_SEARCH_LIMIT, MAX_SEARCH_LIMIT } from '../../model/limits.ts';
import type { TraceConditions } from '../../model/query/conditions.ts';
import { SEARCH_ORDERS, type SearchOrder } from '../../model/query/conditions.ts';
import { parseQuery } from '../../model/query/parse-query.ts';
import { QueryError } from '../../model/query/query-error.ts';
import { searchRange } from '../../model/query/search-range.ts';
import type { PageSearch, SortKey } from '../../store/store.ts';
import { HttpError } from '../errors.ts';
import { bad, type Params, parseDuration, parseTime } from './time-params.ts';

const KNOWN = new Set([
  'q',
  'service',
  'operation',
  'minDuration',
  'maxDuration',
  'status',
  'start',
  'end',
  'order',
  'limit',
  'cursor',
]);

/** The search of `GET /api/traces`, and behind which trace to go on. Throws HttpError 400 `bad_parameter`. */
export function parseTraceSearch(params: Params, nowMs: number): PageSearch {
  for (const name of Object.keys(params)) {
    if (!KNOWN.has(name)) throw bad(name, `is not known; known are ${[...KNOWN].join(', ')}`);
  }
  return {
    ...parseLine(params),
    ...optional('service', params.service || undefined),
    ...optional('operation', params.operation || undefined),
    ...optional('minDurationUs', parseDuration(params, 'minDuration')),
    ...optional('maxDurationUs', parseDuration(params, 'maxDuration')),
    ...optional('status', parseStatus(params.status)),
    ...optional('after', params.cursor ? parseCursor(params.cursor) : undefined),
    ...parseRange(params, nowMs),
    order: parseOrder(params.order),
    limit: parseLimit(params.limit),
  };
}

/** The time a request is about. Throws HttpError 400 `bad_parameter`. */
export function parseRange(params: Params, nowMs: number): { readonly startUs: number; readonly endUs: number } {
  try {
    return searchRange(parseTime(params, 'start'), parseTime(params, 'end'), nowMs * 1000);
  } catch (error) {
    if (error instanceof RangeError) throw new HttpError(400, 'bad_parameter', error.message);
    throw error;
  }
}

/** An opaque cursor for what comes after `key`. */
export function formatCursor({ startUs, durationUs, traceId }: SortKey): string {
  return `${startUs.toString(36)}-${durationUs.toString(36)}-${traceId}`;
}

function parseCursor(text: string): SortKey {
  const match = /^([0-9a-z]{1,12})-([0-9a-z]{1,12})-([0-9a-f]{32})$/.exec(text);
  if (!match) throw bad('cursor', 'is not one that this API gave out');
  return {
    startUs: Number.parseInt(match[1]!, 36),
    durationUs: Number.parseInt(match[2]!, 36),
    traceId: match[3]!,
  };
}

function parseLine({ q }: Params): TraceConditions {
  try {
    return parseQuery(q ?? '');
  } catch (error) {
    if (error instanceof QueryError) throw bad('q', error.message);
    throw error;
  }
}

function parseOrder(text: string | undefined): SearchOrder {
  const order = SEARCH_ORDERS.find((each) => each === (text || 'newest'));
  if (!order) throw bad('order', `is ${JSON.stringify(text)}; want ${SEARCH_ORDERS.join(' or ')}`);
  return order;
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
