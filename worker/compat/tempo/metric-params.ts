/** Parameters of metrics queries: times in seconds, nanoseconds or RFC 3339, steps in seconds or with a unit. */

import { MAX_SEARCH_RANGE_US, MAX_TEMPO_STEPS } from '../../../model/limits.ts';
import type { Grain } from '../../../model/statistics-sum.ts';
import type { Query } from '../../../model/traceql/ast.ts';
import { formatGoDuration, parseDuration } from '../../../model/traceql/go-duration.ts';
import { MAX_FINE_MINUTES } from '../../query/red-params.ts';
import { GoError, parseGoTimeUs } from '../go-text.ts';
import type { Steps } from './metric-series.ts';
import { type Params, parseQuery } from './params.ts';
import { badRequest } from './tempo-error.ts';

const HOUR_US = 3_600_000_000;
const MINUTE_US = 60_000_000;
const MAX_SECONDS_DIGITS = 10;
/** Points that a series has where no step is asked for. */
const USUAL_POINTS = 240;

/** What `q`, or `query`, asks. Throws HttpError 400. */
export function parseMetricQuery({ q, query }: Params): Query {
  return parseQuery(q || query || '');
}

/**
 * The steps of `/api/metrics/query_range`: what is asked for is made whole minutes, which are the shortest there are, and
 * whole hours where names are told apart for long. Throws HttpError 400.
 */
export function parseSteps(params: Params, nowMs: number, grain: Grain): Steps {
  const { startUs, endUs } = parseBounds(params, nowMs);
  const asked = params.step ? parseStep(params.step) : (endUs - startUs) / USUAL_POINTS;
  const isCoarse = grain === 'operation' && endUs - startUs > MAX_FINE_MINUTES * MINUTE_US;
  const unitUs = isCoarse ? HOUR_US : MINUTE_US;
  const stepUs = Math.max(1, Math.ceil(asked / unitUs)) * unitUs;
  const steps = { startUs: Math.floor(startUs / stepUs) * stepUs, endUs: Math.ceil(endUs / stepUs) * stepUs, stepUs };
  if ((steps.endUs - steps.startUs) / stepUs > MAX_TEMPO_STEPS) {
    throw badRequest(`the step makes more than ${MAX_TEMPO_STEPS} points of the range: ask for a longer one`);
  }
  return steps;
}

/** Of `/api/metrics/query`: the range as one step. Throws HttpError 400. */
export function parseOneStep(params: Params, nowMs: number): Steps {
  const bounds = parseBounds(params, nowMs);
  const startUs = Math.floor(bounds.startUs / MINUTE_US) * MINUTE_US;
  const endUs = Math.ceil(bounds.endUs / MINUTE_US) * MINUTE_US;
  return { startUs, endUs, stepUs: endUs - startUs };
}

function parseBounds({ start, end, since }: Params, nowMs: number) {
  const nowUs = nowMs * 1000;
  const sinceUs = since ? parseSince(since) : HOUR_US;
  const endUs = end ? parseTimestamp('end', end) : nowUs;
  const startUs = start ? parseTimestamp('start', start) : Math.min(endUs, nowUs) - sinceUs;
  if (endUs <= startUs) throw badRequest('end must be greater than start');
  if (endUs - startUs <= MAX_SEARCH_RANGE_US) return { startUs, endUs };
  const [length, longest] = [endUs - startUs, MAX_SEARCH_RANGE_US].map((us) => formatGoDuration(us * 1000));
  const [from, to] = [startUs, endUs].map((us) => BigInt(Math.floor(us)) * 1000n);
  throw badRequest(`range specified by start and end (${length}) exceeds ${longest}. received start=${from} end=${to}`);
}

/** Microseconds. */
function parseTimestamp(name: string, text: string): number {
  if (/^\d+\.\d+$/.test(text)) return Math.round(Number(text) * 1e6);
  if (/^\d+$/.test(text))
    return text.length <= MAX_SECONDS_DIGITS ? Number(text) * 1e6 : Math.floor(Number(text) / 1e3);
  try {
    return parseGoTimeUs(text);
  } catch (error) {
    if (error instanceof GoError) throw badRequest(`could not parse '${name}' parameter: ${error.message}`);
    throw error;
  }
}

function parseSince(text: string): number {
  const nanos = parseDuration(text);
  if (nanos === null) {
    throw badRequest(`could not parse 'since' parameter: not a valid duration string: ${JSON.stringify(text)}`);
  }
  return nanos / 1e3;
}

function parseStep(text: string): number {
  const seconds = /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : null;
  const us = seconds === null ? (parseDuration(text) ?? Number.NaN) / 1e3 : seconds * 1e6;
  if (Number.isNaN(us)) throw badRequest(`cannot parse ${JSON.stringify(text)} to a valid duration`);
  if (us > 0) return us;
  throw badRequest('zero or negative query resolution step widths are not accepted. Try a positive integer');
}
