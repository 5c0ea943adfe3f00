/** Parameters of Jaeger's v1 API (jaeger, `query_parser.go`), with its errors. */

import { MAX_ANSWER_TRACES } from '../../../model/limits.ts';
import type { TraceSearch } from '../../../model/query/conditions.ts';
import { HttpError } from '../../errors.ts';
import { GoError, parseGoDurationUs, parseGoInt, parseGoTextMap } from '../go-text.ts';
import { boundRange } from '../times.ts';
import { tagConditions } from './tags.ts';
import { parseJaegerTraceId } from './trace-id.ts';

const DEFAULT_LIMIT = 100;
const DEFAULT_LOOKBACK_US = 48 * 3_600_000_000;

/** `GET /api/traces`: the ids that are asked for, or where there are none the search. Throws HttpError 400. */
export function parseJaegerSearch(params: URLSearchParams, nowMs: number): { ids: string[] } | { search: TraceSearch } {
  const service = params.get('service') ?? '';
  const operation = params.get('operation') ?? '';
  const startUs = parseIfGiven(params, 'start', parseGoInt) ?? nowMs * 1000 - DEFAULT_LOOKBACK_US;
  const endUs = parseIfGiven(params, 'end', parseGoInt) ?? nowMs * 1000;
  const tags = parseTags(params);
  const limit = parseLimit(params.get('limit') ?? '');
  const minDurationUs = parseIfGiven(params, 'minDuration', parseGoDurationUs) ?? 0;
  const maxDurationUs = parseIfGiven(params, 'maxDuration', parseGoDurationUs) ?? 0;
  const ids = params.getAll('traceID').map((id) =>
    orRefuse(
      () => parseJaegerTraceId(id),
      (reason) => `cannot parse traceID param: ${reason}`,
    ),
  );
  if (ids.length > 0) return { ids: atMost(ids) };
  if (service === '') throw refused("parameter 'service' is required");
  return {
    search: {
      service,
      ...(operation === '' ? {} : { operation }),
      ...durationBounds(minDurationUs, maxDurationUs, "'maxDuration' should be greater than 'minDuration'"),
      ...tagConditions(tags),
      ...boundRange(startUs, endUs),
      order: 'newest',
      limit,
    },
  };
}

/** 0 is no bound. Throws HttpError 400 with `wrong` where no duration is within. */
export function durationBounds(
  min: number,
  max: number,
  wrong: string,
): Pick<TraceSearch, 'minDurationUs' | 'maxDurationUs'> {
  if (min !== 0 && max !== 0 && max < min) throw refused(wrong);
  return { ...(min > 0 ? { minDurationUs: min } : {}), ...(max > 0 ? { maxDurationUs: max } : {}) };
}

/** None or less is as many as there can be. */
export function boundLimit(limit: number): number {
  return limit > 0 ? Math.min(limit, MAX_ANSWER_TRACES) : MAX_ANSWER_TRACES;
}

/** Throws HttpError 400. */
export function parseIfGiven<T>(params: URLSearchParams, name: string, parse: (text: string) => T): T | undefined {
  const text = params.get(name);
  return text
    ? orRefuse(
        () => parse(text),
        (reason) => `unable to parse param '${name}': ${reason}`,
      )
    : undefined;
}

/** Calls `parse`, and makes a GoError an HttpError 400. */
export function orRefuse<T>(parse: () => T, say = (reason: string) => reason): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof GoError) throw refused(say(error.message));
    throw error;
  }
}

export function refused(message: string): HttpError {
  return new HttpError(400, 'bad_parameter', message);
}

function parseLimit(text: string): number {
  return boundLimit(text === '' ? DEFAULT_LIMIT : orRefuse(() => parseGoInt(text, 'ParseInt', 32)));
}

/** `tag=key:value`, and `tags=` with an object. */
function parseTags(params: URLSearchParams): Map<string, string> {
  const tags = new Map<string, string>();
  for (const text of params.getAll('tag')) {
    const at = text.indexOf(':');
    if (at < 0) throw refused(`malformed 'tag' parameter, expecting key:value, received: ${text}`);
    tags.set(text.slice(0, at), text.slice(at + 1));
  }
  for (const json of params.getAll('tags')) {
    const say = (reason: string) => `malformed 'tags' parameter, cannot unmarshal JSON: ${reason}`;
    for (const [key, value] of orRefuse(() => parseGoTextMap(json), say)) tags.set(key, value);
  }
  return tags;
}

function atMost(ids: string[]): string[] {
  if (ids.length > MAX_ANSWER_TRACES)
    throw refused(`there are ${ids.length} traceID: at most ${MAX_ANSWER_TRACES} at a time`);
  return ids;
}
