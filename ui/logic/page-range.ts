/** The time a view is about: up to now, or between two moments. Views share its form in the page's URL. */

import type { TimeRange } from './viewport.ts';

/** Ranges up to now, shortest first in the form. The longest is a little less than what the API allows: clocks differ. */
export const LOOKBACKS = {
  '15m': 9e8,
  '1h': 3.6e9,
  '6h': 2.16e10,
  '24h': 8.64e10,
  '7d': 6.048e11,
  '30d': 2.592e12 - 3.6e9,
} as const;
export type Lookback = keyof typeof LOOKBACKS;
const DEFAULT_LOOKBACK: Lookback = '1h';

export type PageRange =
  | { readonly kind: 'lookback'; readonly lookback: Lookback }
  | { readonly kind: 'custom'; readonly startUs: number; readonly endUs: number };

/** Reads `start` and `end`, or `lookback`; the last hour where neither can be read. */
export function parsePageRange(parameters: URLSearchParams): PageRange {
  const startUs = Number(parameters.get('start') ?? Number.NaN);
  const endUs = Number(parameters.get('end') ?? Number.NaN);
  if (Number.isSafeInteger(startUs) && Number.isSafeInteger(endUs)) return { kind: 'custom', startUs, endUs };
  const lookback = parameters.get('lookback') ?? '';
  return { kind: 'lookback', lookback: Object.hasOwn(LOOKBACKS, lookback) ? (lookback as Lookback) : DEFAULT_LOOKBACK };
}

/** What `parsePageRange` reads back; nothing for the default. */
export function rangeParameters(range: PageRange): [name: string, value: string][] {
  if (range.kind === 'custom') {
    return [
      ['start', String(range.startUs)],
      ['end', String(range.endUs)],
    ];
  }
  return range.lookback === DEFAULT_LOOKBACK ? [] : [['lookback', range.lookback]];
}

/** The time that is meant, when it is asked at `nowUs`. */
export function rangeOf(range: PageRange, nowUs: number): TimeRange {
  if (range.kind === 'custom') return { startUs: range.startUs, endUs: range.endUs };
  return { startUs: nowUs - LOOKBACKS[range.lookback], endUs: nowUs };
}
