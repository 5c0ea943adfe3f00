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
 * are refused. Throws HttpError 400: `bad_parameter`, or `range_too_long` beyond 30 days.
 */
export function parseWindow(params: Params, known: readonly string[], nowMs: number): Window {
  const names = ['start', 'end', ...known];
  for (const name of Object.keys(params)) {
    if (!names.includes(name)) throw bad(name, `is not known; known are ${names.join(', ')}`);
  }
  const endUs = parseTime(params, 'end') ?? nowMs * 1000;
  const startUs = parseTime(params, 'start') ?? endUs - DEFAULT_SEARCH_RANGE_US;
  return widen({ startUs, endUs }, ['start', 'end']);
}

/** The whole minutes that a time is in; `names` are its parameters'. Throws as `parseWindow` does. */
export function widen({ startUs, endUs }: Window, [start, end]: readonly [start: string, end: string]): Window {
  if (startUs > endUs) throw bad(start, `is after ${end}`);
  if (endUs - startUs > MAX_SEARCH_RANGE_US) {
    throw new HttpError(400, 'range_too_long', `from ${start} to ${end} are more than 30 days: ask for less at a time`);
  }
  const firstMinute = Math.floor(startUs / MINUTE_US);
  // A window of no length is the minute it is in.
  const endMinute = Math.max(firstMinute + 1, Math.ceil(endUs / MINUTE_US));
  return { startUs: firstMinute * MINUTE_US, endUs: endMinute * MINUTE_US };
}

/** A number and a unit, as microseconds; undefined where it is not given. Throws HttpError 400 `bad_parameter`. */
export function parseDuration(params: Params, name: string): number | undefined {
  const text = params[name];
  if (!text) return undefined;
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|m|h)$/.exec(text);
  if (!match) throw bad(name, `is ${JSON.stringify(text)}; want a number and a unit, for example 250ms, 1.5s or 2m`);
  return Math.round(Number(match[1]) * UNIT_US[match[2]!]!);
}

/** ISO 8601 or microseconds since the epoch; undefined where it is not given. Throws HttpError 400 `bad_parameter`. */
export function parseTime(params: Params, name: string): number | undefined {
  const text = params[name];
  if (!text) return undefined;
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw bad(name, `is ${JSON.stringify(text)}; want ISO 8601 or microseconds since the epoch`);
  }
  return ms * 1000;
}

export function bad(name: string, message: string): HttpError {
  return new HttpError(400, 'bad_parameter', `${name} ${message}`);
}
