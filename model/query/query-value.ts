/** Values as a query line has them: typed values of attributes, and durations. */

import type { SearchValue } from './conditions.ts';
import { QueryError, quoteBriefly } from './query-error.ts';
import type { Piece } from './query-scanner.ts';
import { parseLargeInteger } from './value.ts';

/** As JSON has them: what begins with 0 and goes on, such as a postcode, is text. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const DURATION = /^(\d+(?:\.\d+)?)(us|ms|s|m|h)$/;
/** Words that are text and can stand without quotes, whatever stands beside them. */
const PLAIN = /^[A-Za-z_/][\w./:@-]*$/;
/** The largest first. */
const UNITS_US = { h: 3_600_000_000, m: 60_000_000, s: 1_000_000, ms: 1_000, us: 1 } as const;

/** What stands in quotes is text; `true`, `false` and numbers are what they look like; the rest is text again. */
export function parseSearchValue({ text, isQuoted, offset, length }: Piece): SearchValue {
  if (isQuoted) return text;
  if (text === 'true' || text === 'false') return text === 'true';
  if (!NUMBER.test(text)) return text;
  const number = Number(text);
  if (!Number.isFinite(number)) {
    throw new QueryError('bad_value', offset, length, `${quoteBriefly(text)} is too large`, 'a number below 1.8e308');
  }
  const integer = /^-?\d+$/.test(text) ? parseLargeInteger(text) : null;
  return integer ?? (number === 0 ? 0 : number);
}

/** What `parseSearchValue` reads as the same value. */
export function formatSearchValue(value: SearchValue): string {
  if (typeof value === 'string') {
    return PLAIN.test(value) && value !== 'true' && value !== 'false' ? value : JSON.stringify(value);
  }
  // Without an exponent it would be read as an exact integer.
  const isLarge = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isLarge ? value.toExponential() : String(value);
}

/** Microseconds, rounded to an integer. */
export function parseDuration({ text, offset, length }: Piece): number {
  const match = DURATION.exec(text);
  const us = match ? Math.round(Number(match[1]) * UNITS_US[match[2] as keyof typeof UNITS_US]) : Number.NaN;
  if (us <= Number.MAX_SAFE_INTEGER) return us;
  const wrong = `${quoteBriefly(text)} is ${match ? 'too long' : 'not a duration'}`;
  throw new QueryError(
    'bad_value',
    offset,
    length,
    wrong,
    match ? 'less than 2,500,000h' : 'a number and a unit, us, ms, s, m or h, for example 250ms or 1.5s',
  );
}

/** What `parseDuration` reads as the same duration: in the largest unit of which it is a whole number. */
export function formatDuration(us: number): string {
  for (const [unit, size] of Object.entries(UNITS_US)) {
    if (us >= size && us % size === 0) return `${us / size}${unit}`;
  }
  return `${us}us`;
}
