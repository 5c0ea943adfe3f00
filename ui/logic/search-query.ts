/** What the search view looks for. It lives in the page's URL and becomes the parameters of `GET /api/traces`. */

import { SEARCH_ORDERS, type SearchOrder } from '../../model/query/conditions.ts';
import { type PageRange, parsePageRange, rangeOf, rangeParameters } from './page-range.ts';

/** Traces in a page of results. */
export const PAGE_LIMITS = [20, 50, 200, 1_000] as const;
const DEFAULT_LIMIT = 50;

export interface SearchQuery {
  /** As it was typed; blank finds every trace. */
  readonly line: string;
  readonly order: SearchOrder;
  readonly limit: number;
  readonly range: PageRange;
}

/** Reads the query of the page's URL; what it cannot read is as if it were not there. */
export function parseSearch(search: string): SearchQuery {
  const parameters = new URLSearchParams(search);
  return {
    line: parameters.get('q') ?? '',
    order: SEARCH_ORDERS.find((order) => order === parameters.get('order')) ?? 'newest',
    limit: PAGE_LIMITS.find((limit) => String(limit) === parameters.get('limit')) ?? DEFAULT_LIMIT,
    range: parsePageRange(parameters),
  };
}

/** The query string of the page's URL, empty for the default query; `parseSearch` reads it back. */
export function formatSearch({ line, order, limit, range }: SearchQuery): string {
  const parameters = new URLSearchParams();
  if (line !== '') parameters.set('q', line);
  if (order !== 'newest') parameters.set('order', order);
  if (limit !== DEFAULT_LIMIT) parameters.set('limit', String(limit));
  for (const [name, value] of rangeParameters(range)) parameters.set(name, value);
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

/** The page's address of a search for a line. */
export function formatSearchPath(line: string, range: PageRange): string {
  return `/${formatSearch({ ...parseSearch(''), line, range })}`;
}

/** The parameters of `GET /api/traces/histogram`, asked at `nowUs`: conditions and range. */
export function countParameters({ line, range }: SearchQuery, nowUs: number): URLSearchParams {
  const parameters = new URLSearchParams();
  if (line.trim() !== '') parameters.set('q', line);
  const { startUs, endUs } = rangeOf(range, nowUs);
  parameters.set('start', String(startUs));
  // An open end: what arrives while the pages are read stays out by the cursor, a fast clock's traces stay in.
  if (range.kind === 'custom') parameters.set('end', String(endUs));
  return parameters;
}

/** The parameters of `GET /api/traces`. */
export function pageParameters(query: SearchQuery, nowUs: number): URLSearchParams {
  const parameters = countParameters(query, nowUs);
  parameters.set('order', query.order);
  parameters.set('limit', String(query.limit));
  return parameters;
}
