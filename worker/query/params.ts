/** Query parameters of the native API, with errors that name the parameter and show what would be right: `docs/api/search.md` has them all. */

import { DEFAULT_SEARCH_LIMIT, MAX_QUERY_CONDITIONS, MAX_SEARCH_LIMIT } from '../../model/limits.ts';
import {
  type AttributeCondition,
  SEARCH_ORDERS,
  type SearchOrder,
  type TraceConditions,
  type TraceSearch,
} from '../../model/query/conditions.ts';
import { parseQuery } from '../../model/query/parse-query.ts';
import { QueryError } from '../../model/query/query-error.ts';
import { searchRange } from '../../model/query/search-range.ts';
import { HttpError, PlacedError } from '../errors.ts';
import { checkCursor, parseCursor, type SearchCursor } from './cursor.ts';
import { parseTags } from './tags.ts';
import { checkNames, type Params, parseDuration, parseTime, wrongValue } from './time-params.ts';

/** A search, or the rest of one. */
export interface TraceQuery extends TraceSearch {
  readonly cursor?: SearchCursor;
}

const CONDITIONS = ['q', 'service', 'operation', 'minDuration', 'maxDuration', 'status', 'tags', 'start', 'end'];
const PAGE = ['order', 'limit', 'cursor'];

/** The search of `GET /api/traces`. With a cursor the range is that of the first page. Throws HttpError 400. */
export function parseTraceSearch(params: Params, nowMs: number): TraceQuery {
  checkNames(params, [...CONDITIONS, ...PAGE]);
  const cursor = params.cursor ? parseCursor(params.cursor) : undefined;
  const search: TraceSearch = {
    ...parseConditions(params),
    ...(cursor ? rangeOf(params, cursor) : parseRange(params, nowMs)),
    order: parseOrder(params.order),
    limit: parseLimit(params.limit, DEFAULT_SEARCH_LIMIT, MAX_SEARCH_LIMIT),
  };
  if (cursor) checkCursor(cursor, search);
  return { ...search, ...(cursor && { cursor }) };
}

/** The search of what counts traces, all of them in whatever order. Throws HttpError 400. */
export function parseCountSearch(params: Params, nowMs: number): TraceSearch {
  checkNames(params, CONDITIONS);
  return { ...parseConditions(params), ...parseRange(params, nowMs), order: 'slowest', limit: MAX_SEARCH_LIMIT };
}

/** The search of `GET /api/traces/stream`; its limit may be beyond that of a page. Throws HttpError 400. */
export function parseStreamSearch(params: Params, nowMs: number, maxTraces: number): TraceSearch {
  checkNames(params, [...CONDITIONS, 'order', 'limit']);
  return {
    ...parseConditions(params),
    ...parseRange(params, nowMs),
    order: parseOrder(params.order),
    limit: parseLimit(params.limit, MAX_SEARCH_LIMIT, maxTraces),
  };
}

/** The time a request is about. Throws HttpError 400: `bad_time`, `bad_range`, `range_too_long`. */
export function parseRange(params: Params, nowMs: number): { readonly startUs: number; readonly endUs: number } {
  const [startUs, endUs] = [parseTime(params, 'start'), parseTime(params, 'end')];
  try {
    return searchRange(startUs, endUs, nowMs * 1000);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const isBackwards = startUs !== undefined && startUs > (endUs ?? nowMs * 1000);
    throw new HttpError(400, isBackwards ? 'bad_range' : 'range_too_long', error.message);
  }
}

/** What is not given is as it was on the first page. */
function rangeOf(params: Params, { startUs, endUs }: SearchCursor) {
  return { startUs: parseTime(params, 'start') ?? startUs, endUs: parseTime(params, 'end') ?? endUs };
}

/** Those of the line and of the other parameters: all must hold. */
function parseConditions(params: Params): TraceConditions {
  const line = placed('bad_query', 'q', () => parseQuery(params.q ?? ''));
  const tags: readonly AttributeCondition[] = params.tags
    ? placed('bad_tags', 'tags', () => parseTags(params.tags!))
    : [];
  const attributes = [...line.attributes, ...tags];
  if (attributes.length > MAX_QUERY_CONDITIONS) {
    throw new HttpError(400, 'bad_tags', `tags and q have more than ${MAX_QUERY_CONDITIONS} conditions together`);
  }
  return {
    ...line,
    ...parameter('service', params.service, line.service),
    ...parameter('operation', params.operation, line.operation),
    ...parameter('status', parseStatus(params.status), line.status),
    ...parseDurations(params, line),
    attributes,
  };
}

/** Of several bounds the nearest counts. */
function parseDurations(params: Params, line: TraceConditions) {
  const least = parseDuration(params, 'minDuration');
  const most = parseDuration(params, 'maxDuration');
  const { minDurationUs = least, maxDurationUs = most } = line;
  const min = minDurationUs === undefined ? undefined : Math.max(minDurationUs, least ?? 0);
  const max = maxDurationUs === undefined ? undefined : Math.min(maxDurationUs, most ?? maxDurationUs);
  if ((min ?? 0) > (max ?? Number.POSITIVE_INFINITY)) {
    throw new HttpError(400, 'bad_duration', `no duration is from ${min} to ${max} microseconds`);
  }
  return { ...(min !== undefined && { minDurationUs: min }), ...(max !== undefined && { maxDurationUs: max }) };
}

/** A condition that the line may have too, as long as it says the same. */
function parameter<Name extends string, Value extends string>(
  name: Name,
  given: Value | undefined,
  ofLine: Value | undefined,
): { readonly [key in Name]?: Value } {
  if (!given) return {};
  if (ofLine !== undefined && ofLine !== given) {
    const message = `${name} is ${JSON.stringify(given)} and in q ${JSON.stringify(ofLine)}; want one of them`;
    throw new HttpError(400, 'contradiction', message);
  }
  return { [name]: given } as { [key in Name]?: Value };
}

/** What is wrong with the text of a parameter, with its place there. */
function placed<Parsed>(code: string, name: string, parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw new PlacedError(400, code, `${name} ${error.message}`, error.offset, error.length);
  }
}

function parseOrder(text: string | undefined): SearchOrder {
  const order = SEARCH_ORDERS.find((each) => each === (text || 'newest'));
  if (!order) throw wrongValue('bad_order', 'order', text, SEARCH_ORDERS.join(' or '));
  return order;
}

function parseStatus(text: string | undefined): 'ok' | 'error' | undefined {
  if (!text) return undefined;
  if (text !== 'ok' && text !== 'error') throw wrongValue('bad_status', 'status', text, 'ok or error');
  return text;
}

function parseLimit(text: string | undefined, usual: number, max: number): number {
  if (!text) return usual;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > max) throw wrongValue('bad_limit', 'limit', text, `1 to ${max}`);
  return limit;
}
