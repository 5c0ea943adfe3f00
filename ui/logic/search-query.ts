/** What the search view looks for. It lives in the page's URL and becomes the parameters of `GET /api/traces`. */

import { formatDurationParameter, parseDuration } from './duration.ts';

/** Relative time ranges, newest first in the form. */
export const LOOKBACKS = { '15m': 9e8, '1h': 3.6e9, '6h': 2.16e10, '24h': 8.64e10, '7d': 6.048e11 } as const;
export type Lookback = keyof typeof LOOKBACKS;
export const DEFAULT_LOOKBACK: Lookback = '1h';

/** Traces in a page of results. */
export const PAGE_LIMIT = 50;

export interface SearchQuery {
  readonly service: string;
  readonly operation: string;
  /** As it was typed; empty for no bound. */
  readonly minDuration: string;
  readonly maxDuration: string;
  readonly status: '' | 'ok' | 'error';
  readonly range:
    | { readonly kind: 'lookback'; readonly lookback: Lookback }
    | { readonly kind: 'custom'; readonly startUs: number; readonly endUs: number };
}

/** Reads the query of the page's URL; what it cannot read is as if it were not there. */
export function parseSearch(search: string): SearchQuery {
  const parameters = new URLSearchParams(search);
  const text = (name: string) => parameters.get(name) ?? '';
  const status = text('status');
  const lookback = text('lookback');
  const startUs = Number(parameters.get('start') ?? Number.NaN);
  const endUs = Number(parameters.get('end') ?? Number.NaN);
  return {
    service: text('service'),
    operation: text('operation'),
    minDuration: text('minDuration'),
    maxDuration: text('maxDuration'),
    status: status === 'ok' || status === 'error' ? status : '',
    range:
      Number.isSafeInteger(startUs) && Number.isSafeInteger(endUs)
        ? { kind: 'custom', startUs, endUs }
        : { kind: 'lookback', lookback: lookback in LOOKBACKS ? (lookback as Lookback) : DEFAULT_LOOKBACK },
  };
}

/** The query string of the page's URL, empty for the default query; `parseSearch` reads it back. */
export function formatSearch(query: SearchQuery): string {
  const parameters = conditions(query);
  if (query.range.kind === 'custom') {
    parameters.set('start', String(query.range.startUs));
    parameters.set('end', String(query.range.endUs));
  } else if (query.range.lookback !== DEFAULT_LOOKBACK) {
    parameters.set('lookback', query.range.lookback);
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

/** The time the query covers, when it is asked at `nowUs`. */
export function searchRange(query: SearchQuery, nowUs: number): { startUs: number; endUs: number } {
  if (query.range.kind === 'custom') return { startUs: query.range.startUs, endUs: query.range.endUs };
  return { startUs: nowUs - LOOKBACKS[query.range.lookback], endUs: nowUs };
}

/** The parameters of `GET /api/traces`. A duration that cannot be read is sent as typed: the API says what is wrong. */
export function apiParameters(query: SearchQuery, nowUs: number): URLSearchParams {
  const parameters = conditions(query);
  for (const name of ['minDuration', 'maxDuration'] as const) {
    const us = parseDuration(query[name]);
    if (us !== null) parameters.set(name, formatDurationParameter(us));
  }
  const { startUs, endUs } = searchRange(query, nowUs);
  parameters.set('start', String(startUs));
  // An open end: what arrives while the pages are read stays out by the cursor, a fast clock's traces stay in.
  if (query.range.kind === 'custom') parameters.set('end', String(endUs));
  parameters.set('limit', String(PAGE_LIMIT));
  return parameters;
}

/** True when nothing narrows the search but the time. */
export function isUnfiltered(query: SearchQuery): boolean {
  return conditions(query).size === 0;
}

function conditions(query: SearchQuery): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const name of ['service', 'operation', 'minDuration', 'maxDuration', 'status'] as const) {
    if (query[name] !== '') parameters.set(name, query[name]);
  }
  return parameters;
}
