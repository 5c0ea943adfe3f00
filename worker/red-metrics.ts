/**
 * `GET /metrics/red`: what every trace's spans say of services, under the names of Grafana Tempo's metrics generator
 * (https://grafana.com/docs/tempo/latest/metrics-from-traces/metrics-generator/), which dashboards and Grafana's service map
 * know. Counters begin at midnight, UTC: `docs/api/services.md` says what that means, and what is different from Tempo.
 */

import type { CurrentConfig } from '../durable-objects/config-source.ts';
import type { Env } from '../durable-objects/env.ts';
import type { Histogram } from '../model/histogram.ts';
import type { SpanKind, TraceSummary } from '../model/span.ts';
import { type EdgeStatistics, type OperationStatistics, readSum } from '../model/statistics-merge.ts';
import { OTHER } from '../model/statistics-row.ts';
import { type Grain, StatisticsSum } from '../model/statistics-sum.ts';
import type { Store } from '../store/store.ts';
import { type Family, renderFamilies, type Sample } from './openmetrics.ts';
import { searchTraces } from './query/search.ts';
import { sumStatistics } from './query/statistics.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Minutes that spans may be counted in before they begin: clocks differ. */
const AHEAD_MS = 5 * MINUTE_MS;

/** Series of operations and kinds in an exposition; the rest of a service is counted in its operation `other`. */
export const MAX_OPERATIONS = 500;
export const MAX_EDGES = 1_000;

/** Powers of two are bounds of our own buckets too, at any scale from 0 on: nothing is counted on the wrong side of one. */
const BOUNDS_US = Array.from({ length: 14 }, (_, i) => 2 ** (i + 11));

const EXEMPLAR_TRACES = 200;
const EXEMPLAR_RANGE_US = 15 * 60_000_000;

export async function renderRedMetrics(env: Env, config: CurrentConfig, store: Store, nowMs: number): Promise<string> {
  const createdMs = nowMs - (nowMs % DAY_MS);
  const sumOf = (grain: Grain, fromMs: number, toMs: number) =>
    sumStatistics(env, config, store, { startUs: fromMs * 1000, endUs: toMs * 1000, grain });
  const endMs = Math.ceil((nowMs + AHEAD_MS) / MINUTE_MS) * MINUTE_MS;
  const [sum, recent] = await Promise.all([
    sumOf('operation', createdMs, endMs),
    recentTraces(env, config, store, nowMs * 1000),
  ]);
  const { operations } = readSum(sum);
  const { edges } = readSum(new StatisticsSum('service').add(sum.toRow().row));
  // What was called most on a day that no late span can change: who is named does not change either.
  const earlier =
    operations.length > MAX_OPERATIONS
      ? readSum(await sumOf('operation', createdMs - 2 * DAY_MS, createdMs - DAY_MS)).operations
      : [];
  return renderFamilies(redFamilies({ operations, edges, earlier, recent, createdMs }));
}

interface RedInput {
  readonly operations: readonly OperationStatistics[];
  /** Between services. */
  readonly edges: readonly EdgeStatistics[];
  readonly earlier: readonly OperationStatistics[];
  /** Newest first. */
  readonly recent: readonly TraceSummary[];
  readonly createdMs: number;
}

/** The families of an exposition, the same for the same counts. */
export function redFamilies({ operations, edges, earlier, recent, createdMs }: RedInput): Family[] {
  const created = createdMs / 1000;
  const named = nameOperations(operations, earlier);
  const connected = edges.slice(0, MAX_EDGES);
  const exemplars = Map.groupBy(recent, ({ rootService, rootOperation }) => keyOf(rootService, rootOperation));
  const edgeLabels = ({ parentService, childService }: EdgeStatistics) =>
    labels([
      ['client', parentService],
      ['server', childService],
    ]);
  const families: Family[] = [
    {
      name: 'traces_spanmetrics_calls',
      type: 'counter',
      help: 'Spans of every trace, kept or not, since midnight, UTC.',
      created,
      samples: named.flatMap((each): Sample[] => {
        const of = operationLabels(each);
        return [
          [`{${of},status_code="STATUS_CODE_UNSET"}`, Math.floor(each.calls - each.errors)],
          [`{${of},status_code="STATUS_CODE_ERROR"}`, Math.floor(each.errors)],
        ];
      }),
    },
    {
      name: 'traces_spanmetrics_latency',
      type: 'histogram',
      help: 'Durations of the same, in seconds.',
      samples: named.flatMap((each) =>
        histogramSamples(
          operationLabels(each),
          each,
          created,
          exemplars.get(keyOf(each.service, each.operation)) ?? [],
        ),
      ),
    },
    {
      name: 'traces_service_graph_request',
      type: 'counter',
      help: 'Calls from one service to another, since midnight, UTC.',
      created,
      samples: connected.map((edge) => [`{${edgeLabels(edge)}}`, Math.floor(edge.count.estimate)]),
    },
    {
      name: 'traces_service_graph_request_failed',
      type: 'counter',
      help: 'Of these the ones whose called span has the status error.',
      created,
      samples: connected.map((edge) => [`{${edgeLabels(edge)}}`, Math.floor(edge.errors.estimate)]),
    },
    {
      name: 'traces_service_graph_request_server_seconds',
      type: 'histogram',
      help: 'How long calls took the one that was called.',
      samples: connected.flatMap((edge) =>
        histogramSamples(edgeLabels(edge), { durations: [edge.durations], sumUs: edge.sumUs }, created, []),
      ),
    },
    {
      name: 'traces_service_graph_request_client_seconds',
      type: 'histogram',
      help: 'How long calls took the one that called, of those with a client span.',
      samples: connected
        .filter(({ client }) => client.count > 0)
        .flatMap((edge) =>
          histogramSamples(
            edgeLabels(edge),
            { durations: [edge.client], sumUs: midpointSumUs(edge.client) },
            created,
            [],
          ),
        ),
    },
  ];
  return families.filter(({ samples }) => samples.length > 0);
}

interface Counted {
  readonly durations: readonly Histogram[];
  readonly sumUs: number;
}

interface NamedOperation extends Counted {
  readonly service: string;
  readonly operation: string;
  readonly kind: SpanKind;
  readonly calls: number;
  readonly errors: number;
}

/**
 * The first ones in an order that is fixed for a day; the others together as `other` of their service. What is once among the
 * others stays there, however many come: so no count ever falls.
 */
function nameOperations(
  operations: readonly OperationStatistics[],
  earlier: readonly OperationStatistics[],
): NamedOperation[] {
  const rank = new Map(earlier.map((each) => [keyOf(each.service, each.operation, each.kind), each.count.estimate]));
  const rankOf = (each: OperationStatistics) => rank.get(keyOf(each.service, each.operation, each.kind)) ?? 0;
  // By names where they rank alike, as they come.
  const inOrder = operations.toSorted((a, b) => rankOf(b) - rankOf(a));
  const isNamed = new Set(inOrder.slice(0, MAX_OPERATIONS));
  const groups = Map.groupBy(operations, (each) =>
    keyOf(each.service, isNamed.has(each) ? each.operation : OTHER, each.kind),
  );
  return [...groups.values()].map((members) => ({
    service: members[0]!.service,
    operation: isNamed.has(members[0]!) ? members[0]!.operation : OTHER,
    kind: members[0]!.kind,
    calls: members.reduce((sum, { count }) => sum + count.estimate, 0),
    errors: members.reduce((sum, { errors }) => sum + errors.estimate, 0),
    sumUs: members.reduce((sum, each) => sum + each.sumUs, 0),
    durations: members.map(({ durations }) => durations),
  }));
}

function operationLabels({ service, operation, kind }: NamedOperation): string {
  return labels([
    ['service', service],
    ['span_name', operation],
    ['span_kind', `SPAN_KIND_${kind.toUpperCase()}`],
  ]);
}

/** A bucket that a bound would cut, which is one of a scale below 0, is counted above the bound. */
function histogramSamples(
  names: string,
  { durations, sumUs }: Counted,
  created: number,
  recent: readonly TraceSummary[],
): Sample[] {
  const buckets = durations.flatMap((histogram) => [...histogram.buckets()]);
  const total = Math.floor(buckets.reduce((sum, { count }) => sum + count, 0));
  let below = 0;
  const samples = [...BOUNDS_US, Number.POSITIVE_INFINITY].map((boundUs, i): Sample => {
    const isLast = boundUs === Number.POSITIVE_INFINITY;
    const within = isLast
      ? total
      : Math.floor(buckets.reduce((sum, { highUs, count }) => sum + (highUs <= boundUs ? count : 0), 0));
    const lowUs = BOUNDS_US[i - 1] ?? 0;
    const trace = within > below && recent.find((each) => each.durationUs > lowUs && each.durationUs <= boundUs);
    below = within;
    const le = isLast ? '+Inf' : String(boundUs / 1e6);
    const bucket = `_bucket{${names},le="${le}"}`;
    return trace ? [bucket, within, exemplarOf(trace)] : [bucket, within];
  });
  return [...samples, [`_count{${names}}`, total], [`_sum{${names}}`, sumUs / 1e6], [`_created{${names}}`, created]];
}

/** Of durations whose sum is not known: at most as far off as a percentile. */
function midpointSumUs(histogram: Histogram): number {
  return [...histogram.buckets()].reduce((sum, { estimateUs, count }) => sum + estimateUs * count, 0);
}

function exemplarOf({ traceId, durationUs, startUs }: TraceSummary): string {
  return `{trace_id="${traceId}"} ${durationUs / 1e6} ${startUs / 1e6}`;
}

async function recentTraces(env: Env, config: CurrentConfig, store: Store, nowUs: number): Promise<TraceSummary[]> {
  const { traces } = await searchTraces(env, config, store, {
    attributes: [],
    startUs: nowUs - EXEMPLAR_RANGE_US,
    endUs: nowUs,
    order: 'newest',
    limit: EXEMPLAR_TRACES,
  });
  return traces.filter(({ state }) => state === 'kept');
}

function labels(pairs: readonly (readonly [name: string, value: string])[]): string {
  return pairs.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',');
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

function keyOf(...names: string[]): string {
  return JSON.stringify(names);
}
