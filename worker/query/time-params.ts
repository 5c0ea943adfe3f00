/** Times in query parameters, with errors that name the parameter and show what would be right. */

import { DEFAULT_SEARCH_RANGE_US, MAX_SEARCH_RANGE_US } from '../../model/limits.ts';
import { HttpError } from '../errors.ts';

export type Params = Readonly<Record<string, string>>;

/** Whole minutes, as statistics are counted. */
export interface Window {
  /** Inclusive, and a full minute; microseconds since the epoch. */
  readonly startUs: number;
  /** Exclusive, and a full minute. */
  readonly endUs: number;
}

const UNIT_US: Readonly<Record<string, number>> = { us: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6 };
const MINUTE_US = 60_000_000;

/**
 * The window of `start` and `end`, widened to whole minutes: the last hour where they are not given. Other names than `known`
 * are refused. Throws HttpError 400: `unknown_parameter`, `bad_time`, `bad_range`, or `range_too_long` beyond 30 days.
 */
export function parseWindow(params: Params, known: readonly string[], nowMs: number): Window {
  checkNames(params, ['start', 'end', ...known]);
  const endUs = parseTime(params, 'end') ?? nowMs * 1000;
  const startUs = parseTime(params, 'start') ?? endUs - DEFAULT_SEARCH_RANGE_US;
  return widen({ startUs, endUs }, ['start', 'end']);
}

/** The whole minutes that a time is in; `names` are its parameters'. Throws as `parseWindow` does. */
export function widen({ startUs, endUs }: Window, [start, end]: readonly [start: string, end: string]): Window {
  if (startUs > endUs) throw new HttpError(400, 'bad_range', `${start} is after ${end}`);
  if (endUs - startUs > MAX_SEARCH_RANGE_US) {
    throw new HttpError(400, 'range_too_long', `from ${start} to ${end} are more than 30 days: ask for less at a time`);
  }
  return wholeMinutes(startUs, endUs);
}

/** The minutes that a time touches; of one of no length, the minute it is in. */
export function wholeMinutes(startUs: number, endUs: number): Window {
  const firstMinute = Math.floor(startUs / MINUTE_US);
  const endMinute = Math.max(firstMinute + 1, Math.ceil(endUs / MINUTE_US));
  return { startUs: firstMinute * MINUTE_US, endUs: endMinute * MINUTE_US };
}

/** A number and a unit, as microseconds; undefined where it is not given. Throws HttpError 400 `bad_duration`. */
export function parseDuration(params: Params, name: string): number | undefined {
  const text = params[name];
  if (!text) return undefined;
  const match = /^(\d{1,15}(?:\.\d{1,15})?)(us|ms|s|m|h)$/.exec(text);
  const us = match ? Math.round(Number(match[1]) * UNIT_US[match[2]!]!) : Number.NaN;
  if (Number.isSafeInteger(us)) return us;
  throw wrongValue('bad_duration', name, text, 'a number and a unit, us, ms, s, m or h, for example 250ms or 1.5s');
}

/** ISO 8601 or microseconds since the epoch; undefined where it is not given. Throws HttpError 400 `bad_time`. */
export function parseTime(params: Params, name: string): number | undefined {
  const text = params[name];
  if (!text) return undefined;
  const isMicros = /^\d{1,16}$/.test(text);
  const ms = !isMicros && /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  const us = isMicros ? Number(text) : ms * 1000;
  if (Number.isSafeInteger(us)) return us;
  throw wrongValue('bad_time', name, text, 'ISO 8601 or microseconds since the epoch');
}

/** Throws HttpError 400 `unknown_parameter`. */
export function checkNames(params: Params, known: readonly string[]): void {
  for (const name of Object.keys(params)) {
    if (!known.includes(name)) {
      throw new HttpError(400, 'unknown_parameter', `${name} is not known; known are ${known.join(', ')}`);
    }
  }
}

export function wrongValue(code: string, name: string, text: string | undefined, want: string): HttpError {
  return new HttpError(400, code, `${name} is ${JSON.stringify(text)}; want ${want}`);
}

export function bad(name: string, message: string): HttpError {
  return new HttpError(400, 'bad_parameter', `${name} ${message}`);
}
