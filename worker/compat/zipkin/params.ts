/** Zipkin's query parameters, with the errors of its server (zipkin2's `QueryRequest` and `Span.normalizeTraceId`). */

import { MAX_ANSWER_TRACES, MAX_QUERY_CONDITIONS } from '../../../model/limits.ts';
import type { AttributeCondition, TraceSearch } from '../../../model/query/conditions.ts';
import { HttpError } from '../../errors.ts';
import { equalsText } from '../text-values.ts';
import { boundRange, microsOf } from '../times.ts';

type Params = Readonly<Record<string, string>>;

const DEFAULT_LIMIT = 10;
const DEFAULT_LOOKBACK_MS = 86_400_000;

/** From `endTs` back, inclusive; milliseconds become microseconds. More than 30 days back are 30. */
export function parseRange(params: Params, endMs: number): { startUs: number; endUs: number } {
  if (endMs <= 0) throw refused('endTs <= 0');
  const lookbackMs = integer(params, 'lookback') ?? DEFAULT_LOOKBACK_MS;
  if (lookbackMs <= 0) throw refused('lookback <= 0');
  // The whole of the last millisecond.
  return boundRange(microsOf(endMs - lookbackMs), microsOf(endMs) + 999);
}

/** `GET /api/v2/traces`. `isService`: whether a service has sent spans itself. Throws HttpError 400. */
export function parseZipkinSearch(params: Params, nowMs: number, isService: (name: string) => boolean): TraceSearch {
  const limit = params.limit === '' ? null : (integer(params, 'limit') ?? DEFAULT_LIMIT);
  if (limit === null) throw refused('Cannot set null to primitive type parameter: limit');
  const { serviceName, remoteServiceName, spanName } = params;
  const endMs = integer(params, 'endTs') ?? nowMs;
  if (endMs <= 0) throw refused('endTs <= 0');
  if (limit <= 0) throw refused('limit <= 0');
  const range = parseRange(params, endMs);
  const { tags, isFailure } = parseAnnotationQuery(params.annotationQuery ?? '');
  return {
    ...(serviceName ? { service: serviceName } : {}),
    ...(spanName && spanName !== 'all' ? { operation: spanName } : {}),
    ...parseDurations(params),
    ...(isFailure ? { status: 'error' } : {}),
    attributes: [...tags, ...(remoteServiceName ? [callsOf(remoteServiceName, isService)] : [])],
    ...range,
    order: 'newest',
    limit: Math.min(limit, MAX_ANSWER_TRACES),
  };
}

/** 16 or 32 digits, whatever zeros were left out. Throws HttpError 400. */
export function parseZipkinTraceId(text: string): string {
  if (text.length > 32) throw refused('traceId.length > 32');
  if (text.trim() === '') throw refused('traceId is empty');
  if (!/^[0-9a-f]+$/.test(text)) throw refused(`${text} should be lower-hex encoded with no prefix`);
  if (/^0+$/.test(text)) throw refused('traceId is all zeros');
  return text.padStart(text.length > 16 ? 32 : 16, '0');
}

/** Two ids or more, joined by commas. Throws HttpError 400. */
export function parseTraceIds(params: Params): string[] {
  const texts = required(params, 'traceIds').split(',');
  if (texts[0] === '' && texts.length === 1) throw refused('traceIds parameter is empty');
  if (texts.length === 1) throw refused('Use /api/v2/trace/{traceId} endpoint to retrieve a single trace');
  const ids = new Set<string>();
  for (const text of texts) {
    const id = parseZipkinTraceId(text);
    if (ids.has(id)) throw refused(`redundant traceId: ${text}`);
    ids.add(id);
  }
  if (ids.size > MAX_ANSWER_TRACES)
    throw refused(`traceIds has ${ids.size} ids: at most ${MAX_ANSWER_TRACES} at a time`);
  return [...ids];
}

/** A parameter that has to be there, if only empty. Throws HttpError 400. */
export function required(params: Params, name: string): string {
  const value = params[name];
  if (value === undefined) throw refused(`Mandatory parameter/header/attribute is missing: ${name}`);
  return value;
}

/** A whole number, or undefined where there is none. Throws HttpError 400. */
export function integer(params: Params, name: string): number | undefined {
  const text = params[name];
  if (!text) return undefined;
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw refused(`For input string: "${text}"`);
  return number;
}

function parseDurations(params: Params): { minDurationUs?: number; maxDurationUs?: number } {
  const minDurationUs = integer(params, 'minDuration');
  const maxDurationUs = integer(params, 'maxDuration');
  if (minDurationUs === undefined) {
    if (maxDurationUs !== undefined) throw refused('maxDuration is only valid with minDuration');
    return {};
  }
  if (minDurationUs <= 0) throw refused('minDuration <= 0');
  if (maxDurationUs === undefined) return { minDurationUs };
  if (maxDurationUs < minDurationUs) throw refused('maxDuration < minDuration');
  return { minDurationUs, maxDurationUs };
}

/** `key=value and key`. A failure has the tag `error`, whatever it says, though it may be no attribute. */
function parseAnnotationQuery(query: string): { tags: AttributeCondition[]; isFailure: boolean } {
  const values = new Map<string, string>();
  const parts = query.split(' and ');
  if (parts.length > MAX_QUERY_CONDITIONS)
    throw refused(`annotationQuery has more than ${MAX_QUERY_CONDITIONS} conditions`);
  for (const part of parts) {
    const [key = '', value = ''] = splitOnce(part.trim());
    if (key === '' && value === '') continue;
    if (key === '') throw refused(`annotationQuery has ${JSON.stringify(part)}, which has no key`);
    if (value !== '' || !values.has(key)) values.set(key, value);
  }
  const tags: AttributeCondition[] = [];
  let isFailure = false;
  for (const [key, value] of values) {
    if (isFailureTag(key, value)) isFailure = true;
    else tags.push({ on: 'any', key, test: value === '' ? { operator: 'exists' } : equalsText(value) });
  }
  return { tags, isFailure };
}

function isFailureTag(key: string, value: string): boolean {
  return (key === 'error' && (value === '' || value === 'true')) || (key === 'otel.status_code' && value === 'ERROR');
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** A service that sends no spans of its own is known by what its callers name it. */
function callsOf(remote: string, isService: (name: string) => boolean): AttributeCondition {
  return {
    ...(isService(remote)
      ? ({ on: 'resource', key: 'service.name' } as const)
      : ({ on: 'span', key: 'peer.service' } as const)),
    test: { operator: '=', value: remote },
  };
}

function refused(message: string): HttpError {
  return new HttpError(400, 'bad_parameter', message);
}
