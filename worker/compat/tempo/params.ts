/** Parameters as Tempo reads them: its names, its defaults, its errors, in the order in which it finds them. */

import {
  DEFAULT_SEARCH_RANGE_US,
  MAX_SEARCH_LIMIT,
  MAX_SEARCH_RANGE_US,
  MAX_TEMPO_SPANS_PER_SPANSET,
} from '../../../model/limits.ts';
import type { Query } from '../../../model/traceql/ast.ts';
import { formatGoDuration } from '../../../model/traceql/go-duration.ts';
import { parseTraceQL } from '../../../model/traceql/parse.ts';
import { TraceQLError } from '../../../model/traceql/traceql-error.ts';
import { GoError, parseGoDurationUs, parseGoInt } from '../go-text.ts';
import { type Logfmt, parseLogfmt } from './logfmt.ts';
import { badRequest } from './tempo-error.ts';

export type Params = Readonly<Record<string, string>>;

export interface Range {
  readonly startUs: number;
  readonly endUs: number;
}

export interface SearchRequest extends Range {
  readonly query: Query | null;
  /** What the older form of a search asks for; empty with a query. */
  readonly tags: Logfmt;
  readonly minDurationUs?: number;
  readonly maxDurationUs?: number;
  readonly limit: number;
  readonly spansPerSpanset: number;
}

const DEFAULT_LIMIT = 20;
const DEFAULT_SPANS_PER_SPANSET = 3;
const RESERVED = ['q', 'tags', 'minDuration', 'maxDuration', 'limit', 'spss', 'start', 'end'];

/** The parameters of `/api/search`. Throws HttpError 400. */
export function parseSearchRequest(params: Params, nowMs: number): SearchRequest {
  const start = parseInteger(params, 'start', 32) ?? 0;
  const end = parseInteger(params, 'end', 32) ?? 0;
  const tags = parseTags(params, start === 0 && end === 0);
  const minDurationUs = parseDuration(params, 'minDuration');
  const maxDurationUs = parseDuration(params, 'maxDuration');
  if (minDurationUs !== undefined && maxDurationUs !== undefined && minDurationUs > maxDurationUs) {
    throw badRequest('invalid maxDuration: must be greater than minDuration');
  }
  const limit = parsePositive(params, 'limit') ?? DEFAULT_LIMIT;
  const spansPerSpanset = parsePositive(params, 'spss') ?? DEFAULT_SPANS_PER_SPANSET;
  if ((start !== 0 || end !== 0) && end <= start) throw wrongOrder(start, end);
  const query = params.q ? parseQuery(params.q) : null;
  return {
    query,
    tags,
    ...(minDurationUs === undefined ? {} : { minDurationUs }),
    ...(maxDurationUs === undefined ? {} : { maxDurationUs }),
    limit: Math.min(limit, MAX_SEARCH_LIMIT),
    spansPerSpanset: Math.min(spansPerSpanset, MAX_TEMPO_SPANS_PER_SPANSET),
    ...rangeOf(start, end, nowMs),
  };
}

/** `start` and `end` of what lists tags: the last hour unless both are given. Throws HttpError 400. */
export function parseTagsRange(params: Params, nowMs: number): Range {
  const start = parseInteger(params, 'start', 32) ?? 0;
  const end = parseInteger(params, 'end', 32) ?? 0;
  if (start === 0 || end === 0) return rangeOf(0, 0, nowMs);
  if (end <= start) throw wrongOrder(start, end);
  return rangeOf(start, end, nowMs);
}

/** `start` and `end` of a trace by id say where Tempo need not look: they have to be right, and are not needed. */
export function checkTraceRange(params: Params): void {
  const start = parseInteger(params, 'start', 64) ?? 0;
  const end = parseInteger(params, 'end', 64) ?? 0;
  if (start !== 0 && end !== 0 && end <= start) throw wrongOrder(start, end);
}

/** Throws HttpError 400 for what is no TraceQL. */
export function parseQuery(text: string): Query {
  try {
    return parseTraceQL(text);
  } catch (error) {
    if (error instanceof TraceQLError) throw badRequest(`invalid TraceQL query: ${error.message}`);
    throw error;
  }
}

function wrongOrder(start: number, end: number) {
  return badRequest(`http parameter start must be before end. received start=${start} end=${end}`);
}

/** The range of seconds, the last hour where both are 0. */
function rangeOf(start: number, end: number, nowMs: number): Range {
  if (start === 0 && end === 0) return { startUs: nowMs * 1000 - DEFAULT_SEARCH_RANGE_US, endUs: nowMs * 1000 };
  const range = { startUs: start * 1e6, endUs: end * 1e6 };
  if (range.endUs - range.startUs <= MAX_SEARCH_RANGE_US) return range;
  const longest = formatGoDuration(MAX_SEARCH_RANGE_US * 1000);
  throw badRequest(`range specified by start and end exceeds ${longest}. received start=${start} end=${end}`);
}

/** Where there is neither query nor range, all that is not known is a tag, as Grafana had it once. */
function parseTags(params: Params, isBare: boolean): Logfmt {
  if (params.tags) {
    if (params.q) throw badRequest("invalid request: can't specify tags and q in the same query");
    return parseLogfmt(params.tags);
  }
  if (params.q || !isBare) return [];
  return Object.entries(params).filter(([name, value]) => !RESERVED.includes(name) && value !== '');
}

/** undefined where it is not given, or empty. */
function parseInteger(params: Params, name: string, bits: 32 | 64): number | undefined {
  return parseGo(params, name, (text) => parseGoInt(text, 'ParseInt', bits));
}

function parsePositive(params: Params, name: string): number | undefined {
  const number = parseGo(params, name, (text) => parseGoInt(text, 'Atoi'));
  if (number !== undefined && number <= 0) throw badRequest(`invalid ${name}: must be a positive number`);
  return number;
}

function parseDuration(params: Params, name: string): number | undefined {
  return parseGo(params, name, parseGoDurationUs);
}

function parseGo<T>(params: Params, name: string, parse: (text: string) => T): T | undefined {
  const text = params[name];
  if (!text) return undefined;
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof GoError) throw badRequest(`invalid ${name}: ${error.message}`);
    throw error;
  }
}
