/** Calls of the native API about services: what the statistics of every trace say, kept or not. `docs/api/services.md` has the meaning. */

import type { SpanKind, TraceSummary } from '../../model/span.ts';
import type { PageRange } from '../logic/page-range.ts';
import { type ServiceQuery, windowParameters } from '../logic/service-query.ts';
import { callApi } from './api.ts';
import { nowUs } from './clock.ts';

/** Percentiles are null without calls; rates are calls a second. */
export interface Red {
  readonly calls: number;
  readonly rate: number;
  readonly errors: number;
  readonly p50Us: number | null;
  readonly p90Us: number | null;
  readonly p95Us: number | null;
  readonly p99Us: number | null;
}

export interface ServiceNode extends Red {
  readonly service: string;
  /** Requests that come from no other service. */
  readonly entries: number;
  /** Share of all entries, of any service, that reach this one. */
  readonly criticality: number;
}

export interface Dependency {
  readonly parent: string;
  readonly child: string;
  readonly calls: number;
  readonly callsLow: number;
  readonly callsHigh: number;
  readonly errors: number;
  readonly p50Us: number;
  readonly p95Us: number;
  readonly networkP50Us: number | null;
  readonly lastSeenUs: number;
  readonly confidence: 'high' | 'medium' | 'low';
}

export interface ServiceGraph {
  readonly startUs: number;
  readonly endUs: number;
  readonly services: readonly ServiceNode[];
  readonly dependencies: readonly Dependency[];
}

export interface Surroundings {
  readonly node: ServiceNode | null;
  readonly callers: readonly Dependency[];
  readonly callees: readonly Dependency[];
  /** Who fails when the service does, by share of its requests. */
  readonly blastRadius: readonly { readonly service: string; readonly share: number }[];
}

export interface RedSeries {
  readonly total: Red;
  readonly steps: readonly (Red & { readonly startUs: number })[];
}

export interface OperationRed {
  readonly name: string;
  readonly red: readonly (Red & { readonly kind: SpanKind })[];
}

export type Exemplar = Pick<
  TraceSummary,
  'traceId' | 'startUs' | 'durationUs' | 'status' | 'rootService' | 'rootOperation'
>;

export interface Exemplars {
  readonly slowest: Exemplar | null;
  readonly failed: Exemplar | null;
}

/** Edges that one window has and the one before has not, and the other way round. */
export interface GraphChanges {
  readonly appeared: readonly Dependency[];
  readonly vanished: readonly Dependency[];
}

export function fetchServiceGraph(range: PageRange, signal: AbortSignal): Promise<ServiceGraph> {
  return ask('/api/dependencies', range, signal);
}

export function fetchGraphChanges(range: PageRange, signal: AbortSignal): Promise<GraphChanges> {
  return ask('/api/dependencies/changes', range, signal);
}

export function fetchSurroundings({ service, range }: ServiceQuery, signal: AbortSignal): Promise<Surroundings> {
  return ask(`${pathOf(service)}/dependencies`, range, signal);
}

/** Of the service, or of the one operation; null where there was no call. */
export async function fetchRed(
  { service, operation, range }: ServiceQuery,
  signal: AbortSignal,
): Promise<RedSeries | null> {
  const names: Record<string, string> = operation === '' ? {} : { operation };
  const answer = await ask<{ series: readonly RedSeries[] }>(`${pathOf(service)}/red`, range, signal, names);
  return answer.series[0] ?? null;
}

export async function fetchOperationsRed(
  { service, range }: ServiceQuery,
  signal: AbortSignal,
): Promise<readonly OperationRed[]> {
  const answer = await ask<{ operations: readonly OperationRed[] }>(`${pathOf(service)}/operations`, range, signal);
  return answer.operations;
}

export function fetchExemplars({ service, operation, range }: ServiceQuery, signal: AbortSignal): Promise<Exemplars> {
  return ask(`${pathOf(service)}/exemplars`, range, signal, operation === '' ? {} : { operation });
}

function pathOf(service: string): string {
  return `/api/services/${encodeURIComponent(service)}`;
}

async function ask<Answer>(
  path: string,
  range: PageRange,
  signal: AbortSignal,
  names: Record<string, string> = {},
): Promise<Answer> {
  const parameters = windowParameters(range, nowUs());
  for (const [name, value] of Object.entries(names)) parameters.set(name, value);
  return (await callApi(`${path}?${parameters}`, { signal })).json();
}
