/** Calls of the edge's native API. Every failure is an `ApiFailure` with words for the reader. */

import type { CompareAnswer } from '../../model/difference.ts';
import type { ApiError, Trace, TraceList } from '../../model/span.ts';
import type { TimelineAnswer } from '../../model/timeline.ts';
import type { TraceHistogram } from '../logic/heat-map.ts';
import type { LineFault } from '../logic/query-line.ts';

export class ApiFailure extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The API's code, for example `not_found`; `unreachable` when there was no answer. */
  readonly code: string;
  /** Where in what was sent, in UTF-16 units; of `bad_query`. */
  readonly place: { readonly offset: number; readonly length: number } | null;

  constructor(status: number, { code, message, offset, length }: ApiError['error']) {
    super(message);
    this.status = status;
    this.code = code;
    this.place = offset === undefined || length === undefined ? null : { offset, length };
  }
}

/** What the edge said is wrong with a query line; null for any other failure. */
export function lineFaultOf(failure: unknown): LineFault | null {
  if (!(failure instanceof ApiFailure) || failure.code !== 'bad_query' || failure.place === null) return null;
  return { ...failure.place, message: failure.message };
}

export function isUnauthorized(failure: unknown): boolean {
  return failure instanceof ApiFailure && (failure.status === 401 || failure.status === 403);
}

export async function fetchTraces(parameters: URLSearchParams, signal: AbortSignal): Promise<TraceList> {
  return (await callApi(`/api/traces?${parameters}`, { signal })).json();
}

/** How many traces there are, by start and duration. */
export async function fetchHistogram(parameters: URLSearchParams, signal: AbortSignal): Promise<TraceHistogram> {
  return (await callApi(`/api/traces/histogram?${parameters}`, { signal })).json();
}

export async function fetchTrace(traceId: string, signal: AbortSignal): Promise<Trace> {
  return (await callApi(`/api/traces/${encodeURIComponent(traceId)}`, { signal })).json();
}

/** What the edge can tell of a trace beside its spans. */
export async function fetchTimeline(traceId: string, signal: AbortSignal): Promise<TimelineAnswer> {
  return (await callApi(`/api/traces/${encodeURIComponent(traceId)}/timeline`, { signal })).json();
}

/** `b` is a trace's id, or `typical`. */
export async function fetchComparison(a: string, b: string, signal: AbortSignal): Promise<CompareAnswer> {
  return (await callApi(`/api/compare?${new URLSearchParams({ a, b })}`, { signal })).json();
}

/** Keeps a live or dropped trace, whatever the rules say. */
export async function keepTrace(traceId: string): Promise<void> {
  await callApi(`/api/traces/${encodeURIComponent(traceId)}/keep`, { method: 'POST' });
}

/** Names of all services, sorted. */
export async function fetchServices(): Promise<string[]> {
  const answer: { services: { name: string }[] } = await (await callApi('/api/services')).json();
  return answer.services.map((service) => service.name).sort();
}

/** Names of a service's operations, sorted. */
export async function fetchOperations(service: string): Promise<string[]> {
  const answer: { operations: { name: string }[] } = await (
    await callApi(`/api/operations?${new URLSearchParams({ service })}`)
  ).json();
  return [...new Set(answer.operations.map((operation) => operation.name))].sort();
}

/** Exchanges a read key for the HttpOnly cookie that the other calls carry. */
export async function logIn(key: string): Promise<void> {
  await callApi('/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ key }),
  });
}

export async function logOut(): Promise<void> {
  await callApi('/logout', { method: 'POST' });
}

export async function callApi(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    const message = 'The edge did not answer. Check that it runs and that you are online.';
    throw new ApiFailure(0, { code: 'unreachable', message });
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  const error = isApiError(body) ? body.error : { code: `http_${response.status}`, message: response.statusText };
  throw new ApiFailure(response.status, {
    ...error,
    message: error.message || `The edge answered ${response.status}.`,
  });
}

function isApiError(body: unknown): body is ApiError {
  const error = (body as Partial<ApiError> | null)?.error;
  return typeof error === 'object' && typeof error.code === 'string' && typeof error.message === 'string';
}
